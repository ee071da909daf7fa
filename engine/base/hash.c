#include "base/hash.h"

#include <inttypes.h>
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

void calr_hash_memory(const void *data, size_t size, char text[CALR_HASH_TEXT])
{
    to_text(XXH3_128bits(data, size), text);
}
