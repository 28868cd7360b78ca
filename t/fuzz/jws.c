/*
 * Target functions: dg_jws_parse, dg_jws_claims, dg_jws_verify, dg_jwk_verify
 *
 * One token is good (its private key is gone); whatever else is accepted is a
 * forgery, and ends the run.
 */

#include "dg_jws.h"

#include <stdlib.h>

#define MEMORY  (2 * 1024 * 1024)

static const char  set_text[] =
    "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"k1\",\"e\":\"AQAB\","
    "\"n\":\""
    "uRjOrH4FBBbtFLnAcEa5OYv3eVDJW2V5V8P6iRmHvJsOPUXvFGl1INzF-xAa"
    "FazZH60KBDt4BbSxrjGDH1ZPZv_4Lc9TNVT0drHZwlOFqteZIwklSZCHFRtn"
    "JdkJXrkeeKwqi-6WIm8izUknTi3GOBSc3hrzHBBnqIy7a9AVLCTbgb5x7llX"
    "zxr5tFOVFAmVeTjcRLtEjSHwjsnCCcxMOzdWLk2icaCg0MTqmip3J_dvPzQn"
    "4m4RHGZTZKHrjqdmnaYUXaZfkU5mDpljmBNOOnwhKZMZ2B11-kpC2YGNtMox"
    "Vem65Eo8-fkj6iRcxArFqW5RIJKIfMpEXQIuGVng4w"
    "\"}]}";

static const char  good_token[] =
    "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsxIiwidHlwIjoiYXQrand0In0.eyJp"
    "c3MiOiJodHRwczovL3Nzby5leGFtcGxlLmNvbSIsImF1ZCI6ImRlc2tnYXRl"
    "Iiwic3ViIjoiYWxpY2UiLCJleHAiOjE4MDAwMDA2MDB9.bYp7-brMF2RZ82f"
    "FBrKKDZs3uXq3xvI5WWAlFUU49tCTKr3TZCsnaSsusrlY45T7NixTnOK3KH3"
    "vY4RA50Vt89Wprj6K-beWrbA_XP-BKM4JwznfYLMlBjP1zuy0efTF5YmP1AQ"
    "4dfWQ3jfmhi3Sd31-xaZUSiE3wYP3NtvgokGaxOrZjHYCK-OcvCEdGFcdg-q"
    "DPGxjvXx02YXshY1GVnic6f77OhNvMqOZJ4QzBpULRjuVnwxPqmDY3Deetft"
    "ZX9J9aDicF4F5lZLvcmsGkAj_hqEB3brHtLOtchZW5pWiT-RtTpWysxCzCuI"
    "6y4Yiljn3Yt_Wc0QWy9JZYPZqOw";

static uint8_t  memory[MEMORY];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static dg_jwks_t *
load(void)
{
    dg_jwks_t   *set;
    dg_arena_t   arena;

    dg_arena_init(&arena, memory, sizeof(memory));

    if (dg_jwks_load(&arena, dg_span_cstr(set_text), &set, NULL) != DG_OK) {
        abort();
    }

    return set;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dg_jws_t           jws;
    dg_arena_t         arena;
    static dg_jwks_t  *keys;

    keys = keys ? keys : load();
    dg_arena_init(&arena, memory, sizeof(memory));

    if (dg_jws_parse(&arena, dg_span(data, size), &jws) != DG_ALLOWED) {
        return 0;
    }

    if (dg_jws_claims(&arena, &jws) == DG_ALLOWED
        && jws.claims->type != DG_JSON_OBJECT)
    {
        abort();
    }

    if (dg_jws_verify(&jws, ~0u, keys) == DG_ALLOWED
        && !dg_span_equal(dg_span(data, size), dg_span_cstr(good_token)))
    {
        abort();
    }

    return 0;
}
