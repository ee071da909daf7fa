/* JSON text into jansson's values, with lack of memory told from bad text. */
#ifndef CALR_FILES_JSON_H
#define CALR_FILES_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "base/status.h"

/* json_loadb with these flags. CALR_EFORMAT: the text is malformed; see *error. CALR_ENOMEM:
 * jansson itself does not always report it, and may then call the text malformed. Release *out with
 * json_decref. Thread-safe. */
calr_status calr_json_load(const char *text, size_t size, size_t flags, json_error_t *error,
                           json_t **out);

/* A string; CALR_EFORMAT when the text is not UTF-8. */
calr_status calr_json_string(const char *text, json_t **out);

#endif
