/*
 * Faults as the errors of an operation's own model.
 */

#include "dg_sandbox.h"

/* For each fault the errors that say it, the most telling first. */
#define ERROR_NAMES  6

static const char *const  names[][ERROR_NAMES] = {
    [DG_FAULT_NONE] = { NULL },
    [DG_FAULT_INVALID] = { "InvalidParameterValuesException",
                           "ValidationException",
                           "InvalidParameterCombinationException", NULL },
    [DG_FAULT_NOT_FOUND] = { "ResourceNotFoundException",
                             "InvalidParameterValuesException",
                             "ValidationException", NULL },
    [DG_FAULT_EXISTS] = { "ResourceAlreadyExistsException",
                          "ConflictException",
                          "InvalidParameterValuesException",
                          "ValidationException", NULL },
    [DG_FAULT_STATE] = { "InvalidResourceStateException",
                         "OperationInProgressException",
                         "OperationNotSupportedException",
                         "ConflictException", "ValidationException", NULL },
    [DG_FAULT_IN_USE] = { "ResourceAssociatedException",
                          "ResourceInUseException", "ConflictException",
                          "InvalidResourceStateException",
                          "ValidationException", NULL },
    [DG_FAULT_CONFLICT] = { "ConflictException",
                            "InvalidParameterValuesException",
                            "ValidationException", NULL },
    [DG_FAULT_FULL] = { "ResourceLimitExceededException",
                        "ServiceQuotaExceededException",
                        "ThrottlingException", NULL },
    [DG_FAULT_INTERNAL] = { "InternalServerException", NULL }
};

/* Where the model has none of them. */
static const struct {
    const char  *code;
    unsigned     status;
} otherwise[] = {
    [DG_FAULT_NONE] = { "InternalFailure", 500 },
    [DG_FAULT_INVALID] = { "ValidationException", 400 },
    [DG_FAULT_NOT_FOUND] = { "ResourceNotFoundException", 400 },
    [DG_FAULT_EXISTS] = { "ValidationException", 400 },
    [DG_FAULT_STATE] = { "ValidationException", 400 },
    [DG_FAULT_IN_USE] = { "ValidationException", 400 },
    [DG_FAULT_CONFLICT] = { "ValidationException", 400 },
    [DG_FAULT_FULL] = { "ServiceUnavailable", 503 },
    [DG_FAULT_INTERNAL] = { "InternalFailure", 500 }
};


dg_span_t
dg_sandbox_error_name(dg_fault_t fault)
{
    return names[fault][0] ? dg_span_cstr(names[fault][0])
                           : dg_span_cstr(otherwise[fault].code);
}


static unsigned
shape_status(const dg_shape_t *shape)
{
    if (shape->error_status != 0) {
        return shape->error_status;
    }

    return shape->is_fault ? 500 : 400;
}


const dg_shape_t *
dg_sandbox_error(const dg_sandbox_call_t *call, dg_span_t *code,
    unsigned *status)
{
    size_t             i;
    const dg_shape_t  *shape;

    for (i = 0; i < ERROR_NAMES && names[call->fault][i] != NULL; i++) {
        *code = dg_span_cstr(names[call->fault][i]);

        shape = dg_model_error(call->operation, *code);
        if (shape != NULL) {
            *status = shape_status(shape);
            return shape;
        }
    }

    *code = dg_span_cstr(otherwise[call->fault].code);
    *status = otherwise[call->fault].status;
    return NULL;
}


bool
dg_sandbox_error_named(const dg_operation_t *operation, dg_span_t name,
    const dg_shape_t **shape, dg_span_t *code, unsigned *status)
{
    size_t               i;
    const dg_service_t  *service = operation->service;

    *code = name;
    *shape = dg_model_error(operation, name);

    if (*shape != NULL) {
        *status = shape_status(*shape);
        return true;
    }

    for (i = 0; i < service->common_error_count; i++) {
        if (dg_span_equal(service->common_errors[i].code, name)) {
            *status = service->common_errors[i].status;
            return true;
        }
    }

    return false;
}
