/* Python pickles, as far as PyTorch's files need them (protocols 1 to 5; the format is described in
 * Lib/pickletools.py of CPython).
 *
 * A pickle is a program for a small stack machine. This reader runs the machine and nothing else: a
 * class or function stays a name, a call stays a name with its arguments, and no code of the file
 * is ever executed, whatever the file says. */
#ifndef CALR_FILES_PICKLE_H
#define CALR_FILES_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef enum calr_pickle_kind {
    CALR_PICKLE_NONE,
    CALR_PICKLE_BOOL,  /* integer: 0 or 1 */
    CALR_PICKLE_INT,   /* integer */
    CALR_PICKLE_FLOAT, /* number */
    CALR_PICKLE_TEXT,  /* text, length: UTF-8 (not checked), a zero byte follows */
    CALR_PICKLE_BYTES, /* the same, any bytes; also whole numbers of more than 8 bytes, least first */
    CALR_PICKLE_TUPLE,  /* items */
    CALR_PICKLE_LIST,   /* items; sets too */
    CALR_PICKLE_DICT,   /* items: key, value, key, value, ...; collections.OrderedDict is one too */
    CALR_PICKLE_GLOBAL, /* text: "module name" of a class or function */
    CALR_PICKLE_CALL,   /* items: what is called, its arguments */
    CALR_PICKLE_STORED  /* items: the persistent id, for what lies outside the pickle */
} calr_pickle_kind;

typedef struct calr_pickle_value {
    calr_pickle_kind kind;
    int64_t id; /* 0 .. calr_pickle_count-1: for tables that belong to values */
    int64_t integer;
    double number;
    const char *text;
    size_t length;
    struct calr_pickle_value **items;
    int64_t count, room;
} calr_pickle_value;

typedef struct calr_pickle calr_pickle;

/* Reads one pickle from the first of `size` bytes; *used bytes were read. `name` stands in
 * messages. The text of values is the pickle's own, not part of `data`. Values may be shared, and a
 * list or dictionary may contain itself, so a walk must be bounded. Memory is bounded by a
 * small multiple of `size`. CALR_EFORMAT: cut off, or an operation that is unknown or impossible;
 * CALR_ENOMEM. */
calr_status calr_pickle_read(const void *data, size_t size, const char *name, size_t *used,
                             calr_pickle **out);
void calr_pickle_release(calr_pickle *pickle); /* NULL is allowed */

const calr_pickle_value *calr_pickle_root(const calr_pickle *pickle);
int64_t calr_pickle_count(const calr_pickle *pickle);
/* All values of kind CALR_PICKLE_STORED, in their order: i = 0 .. ; NULL past the last. */
const calr_pickle_value *calr_pickle_stored(const calr_pickle *pickle, int64_t i);

/* Whether a value is this text. */
bool calr_pickle_is_text(const calr_pickle_value *value, const char *text);
/* The value of a text key; NULL if there is none or `dict` is not a dictionary. */
const calr_pickle_value *calr_pickle_get(const calr_pickle_value *dict, const char *key);

#endif
