/*
 * Lookups in a loaded model: see dg_model.h.
 */

#define PCRE2_CODE_UNIT_WIDTH  8

#include "dg_model.h"

#include <pcre2.h>


void
dg_model_release(dg_service_t *service)
{
    size_t  i;

    if (service == NULL) {
        return;
    }

    for (i = 0; i < service->shape_count; i++) {
        pcre2_code_free(service->shapes[i].pattern);
        service->shapes[i].pattern = NULL;
    }
}


const dg_operation_t *
dg_model_operation(const dg_service_t *service, dg_span_t name)
{
    size_t  low = 0, high = service->operation_count, mid;
    int     order;

    while (low < high) {
        mid = low + (high - low) / 2;
        order = dg_span_compare(service->operations[mid].name, name);

        if (order == 0) {
            return &service->operations[mid];
        }

        if (order < 0) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    return NULL;
}


const dg_shape_t *
dg_model_shape(const dg_service_t *service, dg_span_t name)
{
    size_t  low = 0, high = service->shape_count, mid;
    int     order;

    while (low < high) {
        mid = low + (high - low) / 2;
        order = dg_span_compare(service->shapes[mid].name, name);

        if (order == 0) {
            return &service->shapes[mid];
        }

        if (order < 0) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    return NULL;
}


const dg_member_t *
dg_model_member(const dg_shape_t *structure, dg_span_t wire_name)
{
    const dg_member_t  *m;
    size_t              at;

    if (structure->slots == NULL) {
        return NULL;
    }

    /* at most half of the slots are taken, so there is an end */

    for (at = dg_model_hash(wire_name) & structure->slot_mask;
         structure->slots[at] != 0;
         at = (at + 1) & structure->slot_mask)
    {
        m = &structure->members[structure->slots[at] - 1];

        if (dg_span_equal(m->wire_name, wire_name)) {
            return m;
        }
    }

    return NULL;
}


const dg_member_t *
dg_model_alias(const dg_shape_t *structure, dg_span_t name)
{
    const dg_member_t  *m;
    size_t              i, j;

    for (i = 0; i < structure->member_count; i++) {
        m = &structure->members[i];

        for (j = 0; j < m->alias_count; j++) {
            if (dg_span_equal(m->aliases[j], name)) {
                return m;
            }
        }
    }

    return NULL;
}


const dg_shape_t *
dg_model_error(const dg_operation_t *operation, dg_span_t code)
{
    const dg_shape_t  *shape;
    size_t             i;

    for (i = 0; i < operation->error_count; i++) {
        shape = operation->errors[i];

        if (dg_span_equal(shape->error_code, code)
            || dg_span_equal(shape->name, code))
        {
            return shape;
        }
    }

    return NULL;
}


/* Through lists and maps to what their items are. */
static const dg_shape_t *
item_shape(const dg_shape_t *shape)
{
    while (shape != NULL
           && (shape->type == DG_SHAPE_LIST || shape->type == DG_SHAPE_MAP))
    {
        shape = shape->element->shape;
    }

    return shape;
}


const dg_member_t *
dg_model_path(const dg_shape_t *shape, dg_span_t path)
{
    const dg_member_t  *member = NULL;
    dg_span_t           part;
    unsigned            parts = 0;

    while (dg_span_split(&path, '/', &part)) {
        shape = item_shape(shape);

        if (shape == NULL || shape->type != DG_SHAPE_STRUCTURE
            || ++parts > DG_MODEL_PATH_PARTS_MAX)
        {
            return NULL;
        }

        member = dg_model_member(shape, part);
        if (member == NULL) {
            return NULL;
        }

        shape = member->shape;
    }

    return member;
}


const char *
dg_access_name(dg_access_t access)
{
    static const char *const  names[] = {
        [DG_ACCESS_READ] = "read",
        [DG_ACCESS_LIST] = "list",
        [DG_ACCESS_WRITE] = "write",
        [DG_ACCESS_TAGGING] = "tagging",
        [DG_ACCESS_PERMISSIONS] = "permissions",
        [DG_ACCESS_GRANT] = "grant",
    };

    return (unsigned) access < sizeof(names) / sizeof(names[0])
           ? names[access] : "unknown";
}


const char *
dg_protocol_name(dg_protocol_t protocol)
{
    static const char *const  names[] = {
        [DG_PROTOCOL_AWS_JSON_1_0] = "awsJson1_0",
        [DG_PROTOCOL_AWS_JSON_1_1] = "awsJson1_1",
        [DG_PROTOCOL_REST_JSON] = "restJson1",
        [DG_PROTOCOL_RPC_V2_CBOR] = "rpcv2Cbor",
        [DG_PROTOCOL_BROKER] = "broker",
        [DG_PROTOCOL_CONTAINER] = "containerCredentials",
        [DG_PROTOCOL_OAUTH] = "oauth2",
    };

    return (unsigned) protocol < sizeof(names) / sizeof(names[0])
           ? names[protocol] : "unknown";
}
