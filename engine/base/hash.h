/* Fingerprints: XXH3, 128 bits. Not for secrets; for telling data, code and configurations apart.
 * And CRC32C, for other programs' file formats. */
#ifndef CALR_BASE_HASH_H
#define CALR_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define CALR_HASH_TEXT 33 /* 32 lower-case hexadecimal digits and the final zero */

typedef struct calr_hash calr_hash;

/* A running fingerprint. Release with calr_hash_release. */
calr_status calr_hash_new(calr_hash **out);
void calr_hash_release(calr_hash *hash); /* NULL is allowed */
void calr_hash_add(calr_hash *hash, const void *data, size_t size);
void calr_hash_text(const calr_hash *hash, char text[CALR_HASH_TEXT]);

/* Of one piece of memory. */
void calr_hash_memory(const void *data, size_t size, char text[CALR_HASH_TEXT]);

/* XXH3, 64 bits, of one piece of memory, mixed with the number before it: checksums that are added up. */
uint64_t calr_hash_checksum(const void *data, size_t size, uint64_t before);

/* CRC32C (Castagnoli: reflected polynomial 0x82f63b78, RFC 3720 section 12.1), as TFRecord files,
 * iSCSI and ext4 compute it. From any thread. */
uint32_t calr_hash_crc32c(const void *data, size_t size);

#endif
