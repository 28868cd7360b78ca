/*
 * The request context of a decision: the condition keys that its statements
 * read and the values that they had, kept for the call's record.
 *
 * It stands between a decision and whoever gives the values: only what is
 * asked for is kept, nothing is looked up for the record's sake, and memory
 * comes from the call's arena.
 */

#ifndef DG_POLICY_CONTEXT_H
#define DG_POLICY_CONTEXT_H

#include "dg_crypto.h"
#include "dg_input_texts.h"
#include "dg_policy.h"

#define DG_POLICY_CONTEXT_ENTRIES_MAX  256   /* a key and a resource each */
#define DG_POLICY_CONTEXT_VALUES_MAX   32    /* written of one key */
#define DG_POLICY_CONTEXT_VALUE_MAX    256   /* bytes; a digest above */
#define DG_POLICY_CONTEXT_TEXT_MAX     8192  /* bytes written in all */

typedef struct dg_policy_context_block_s  dg_policy_context_block_t;

/* Cleared, but for the first three, before a decision. */
typedef struct {
    dg_policy_lookup_pt         lookup;      /* gives the values */
    void                       *lookup_ctx;
    dg_arena_t                 *arena;       /* lives as long as the values */
    dg_policy_context_block_t  *first;
    dg_policy_context_block_t  *last;
    size_t                      count;       /* entries kept */
    bool                        omitted;     /* one more than could be kept */
} dg_policy_context_t;

typedef struct {
    size_t                      resources;   /* of the call; 0 is one, "*" */

    /* Values of its sensitive members become digests; NULL: none are. */
    const dg_inspection_t      *inspection;
    dg_crypto_t                *crypto;      /* for digests */
    const dg_input_texts_t     *texts;       /* of each item, with sensitive
                                                files; NULL: not read */
} dg_policy_context_options_t;

/* Spans into the buffer; empty where there is nothing to tell. */
typedef struct {
    dg_span_t                   keys;
    dg_span_t                   item_keys;
    bool                        omitted;     /* something was left out */
} dg_policy_context_text_t;


/* A dg_policy_lookup_pt; ctx is a dg_policy_context_t. */
void dg_policy_context_lookup(void *ctx, const dg_policy_key_t *key,
    size_t resource, dg_policy_values_t *values);

/*
 * Writes what was kept as JSON into `buffer` of DG_POLICY_CONTEXT_TEXT_MAX
 * bytes.
 *
 * keys: {"KEY":["value",...],...} of those that had the same values for each
 * resource of the call; an absent key has an empty list.
 * item_keys: [{"resource":I,"keys":{...}},...] of the others.  A key that
 * stands in neither for a resource was not read for it.
 *
 * A value that is sensitive or long is {"sha256":"HEX","length":N} instead.
 * A key that was not known has null for its list.
 */
void dg_policy_context_write(const dg_policy_context_t *context,
    const dg_policy_context_options_t *options,
    uint8_t buffer[DG_POLICY_CONTEXT_TEXT_MAX],
    dg_policy_context_text_t *text);

#endif
