#include "base/hash.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <xxhash.h>

static void to_text(XXH128_hash_t value, char text[CALR_HASH_TEXT])
{
    snprintf(text, CALR_HASH_TEXT, "%016" PRIx64 "%016" PRIx64, (uint64_t)value.high64,
             (uint64_t)value.low64);
}

calr_status calr_hash_new(calr_hash **out)
{
    XXH3_state_t *state = XXH3_createState();
    if (!state)
        return calr_error(CALR_ENOMEM, "no memory for a fingerprint");
    XXH3_128bits_reset(state);
    *out = (calr_hash *)state;
    return CALR_OK;
}

void calr_hash_release(calr_hash *hash)
{
    if (hash)
        XXH3_freeState((XXH3_state_t *)hash);
}

void calr_hash_add(calr_hash *hash, const void *data, size_t size)
{
    XXH3_128bits_update((XXH3_state_t *)hash, data, size);
}

void calr_hash_text(const calr_hash *hash, char text[CALR_HASH_TEXT])
{
    to_text(XXH3_128bits_digest((const XXH3_state_t *)hash), text);
}

uint64_t calr_hash_checksum(const void *data, size_t size, uint64_t before)
{
    return XXH3_64bits_withSeed(data, size, before);
}

void calr_hash_memory(const void *data, size_t size, char text[CALR_HASH_TEXT])
{
    to_text(XXH3_128bits(data, size), text);
}

/* What a byte does to a remainder of zero. */
static uint32_t crc_table[256];

static void fill_crc_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t r = i;
        for (int bit = 0; bit < 8; bit++)
            r = (r >> 1) ^ (r & 1 ? UINT32_C(0x82f63b78) : 0);
        crc_table[i] = r;
    }
}

uint32_t calr_hash_crc32c(const void *data, size_t size)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fill_crc_table);
    const unsigned char *bytes = data;
    uint32_t r = UINT32_MAX;
    for (size_t i = 0; i < size; i++)
        r = (r >> 8) ^ crc_table[(r ^ bytes[i]) & 255];
    return ~r;
}
