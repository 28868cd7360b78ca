/*
 * SipHash-2-4 with 128 bits of output.  Words are put together byte by byte,
 * so that the result is the same on any machine.
 */

#include "dg_siphash.h"


typedef struct {
    uint64_t  v[4];
    uint64_t  pending;  /* bytes that do not make a word yet */
    uint64_t  total;    /* bytes so far */
} siphash_t;


static uint64_t
siphash_word(const uint8_t *p)
{
    return (uint64_t) p[0] | (uint64_t) p[1] << 8 | (uint64_t) p[2] << 16
           | (uint64_t) p[3] << 24 | (uint64_t) p[4] << 32
           | (uint64_t) p[5] << 40 | (uint64_t) p[6] << 48
           | (uint64_t) p[7] << 56;
}


static void
siphash_put(uint8_t *p, uint64_t word)
{
    for (unsigned i = 0; i < 8; i++) {
        p[i] = (uint8_t) (word >> (8 * i));
    }
}


static uint64_t
siphash_rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}


static inline void
siphash_round(uint64_t v[4])
{
    uint64_t  a = v[0], b = v[1], c = v[2], d = v[3];

    a += b;
    b = siphash_rotate(b, 13) ^ a;
    a = siphash_rotate(a, 32);
    c += d;
    d = siphash_rotate(d, 16) ^ c;
    a += d;
    d = siphash_rotate(d, 21) ^ a;
    c += b;
    b = siphash_rotate(b, 17) ^ c;
    c = siphash_rotate(c, 32);

    v[0] = a;
    v[1] = b;
    v[2] = c;
    v[3] = d;
}


static inline void
siphash_absorb(siphash_t *h, uint64_t word)
{
    h->v[3] ^= word;
    siphash_round(h->v);
    siphash_round(h->v);
    h->v[0] ^= word;
}


static void
siphash_start(siphash_t *h, const uint8_t key[DG_SIPHASH_KEY_SIZE])
{
    uint64_t  k0 = siphash_word(key);
    uint64_t  k1 = siphash_word(key + 8);

    h->v[0] = k0 ^ UINT64_C(0x736f6d6570736575);
    h->v[1] = k1 ^ UINT64_C(0x646f72616e646f6d) ^ 0xee;
    h->v[2] = k0 ^ UINT64_C(0x6c7967656e657261);
    h->v[3] = k1 ^ UINT64_C(0x7465646279746573);
    h->pending = 0;
    h->total = 0;
}


/* A whole word is shifted in wherever the bytes before it ended. */
static inline void
siphash_add(siphash_t *h, uint64_t word)
{
    unsigned  shift = (unsigned) (8 * (h->total & 7));

    siphash_absorb(h, h->pending | word << shift);
    h->pending = shift ? word >> (64 - shift) : 0;
    h->total += 8;
}


static inline uint64_t
siphash_short(const uint8_t *data, size_t len)
{
    uint64_t  word = 0;

    for (size_t i = len; i > 0; i--) {
        word = word << 8 | data[i - 1];
    }

    return word;
}


/* Fewer bytes than a word, which may yet complete the one before. */
static inline void
siphash_add_rest(siphash_t *h, uint64_t word, size_t len)
{
    size_t  filled = h->total & 7;

    h->pending |= word << (8 * filled);
    h->total += len;

    if (filled + len >= 8) {
        siphash_absorb(h, h->pending);
        h->pending = word >> (8 * (8 - filled));
    }
}


static inline void
siphash_update(siphash_t *h, const uint8_t *data, size_t len)
{
    size_t  i;

    for (i = 0; len - i >= 8; i += 8) {
        siphash_add(h, siphash_word(data + i));
    }

    if (i == len) {
        return;
    }

    /* the last bytes, without a loop where there is a word to take them from */

    siphash_add_rest(h, i ? siphash_word(data + len - 8) >> 8 * (i + 8 - len)
                          : siphash_short(data, len), len - i);
}


static void
siphash_finish_rounds(uint64_t v[4])
{
    siphash_round(v);
    siphash_round(v);
    siphash_round(v);
    siphash_round(v);
}


static void
siphash_finish(siphash_t *h, uint8_t out[DG_SIPHASH_SIZE])
{
    siphash_absorb(h, h->pending | h->total << 56);

    h->v[2] ^= 0xee;
    siphash_finish_rounds(h->v);
    siphash_put(out, h->v[0] ^ h->v[1] ^ h->v[2] ^ h->v[3]);

    h->v[1] ^= 0xdd;
    siphash_finish_rounds(h->v);
    siphash_put(out + 8, h->v[0] ^ h->v[1] ^ h->v[2] ^ h->v[3]);
}


void
dg_siphash(const uint8_t key[DG_SIPHASH_KEY_SIZE], const dg_span_t *parts,
    size_t count, uint8_t out[DG_SIPHASH_SIZE])
{
    siphash_t  h;

    siphash_start(&h, key);

    for (size_t i = 0; i < count; i++) {
        siphash_add(&h, (uint64_t) parts[i].len);
        siphash_update(&h, parts[i].data, parts[i].len);
    }

    siphash_finish(&h, out);
}


void
dg_siphash_text(const uint8_t key[DG_SIPHASH_KEY_SIZE], dg_span_t text,
    uint8_t out[DG_SIPHASH_SIZE])
{
    siphash_t  h;

    siphash_start(&h, key);
    siphash_update(&h, text.data, text.len);
    siphash_finish(&h, out);
}
