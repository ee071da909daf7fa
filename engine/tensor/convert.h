/* Converts numbers of foreign files into calr's types. Inside tensor/ only. */
#ifndef CALR_TENSOR_CONVERT_H
#define CALR_TENSOR_CONVERT_H

#include "tensor/tensor.h"

typedef enum foreign_kind {
    FOREIGN_FLOAT,
    FOREIGN_BFLOAT, /* the upper half of a float of 4 bytes */
    FOREIGN_SIGNED,
    FOREIGN_UNSIGNED,
    FOREIGN_BOOL /* true where it is not 0 */
} foreign_kind;

/* One element as it lies in a file. */
typedef struct foreign_type {
    foreign_kind kind;
    int size; /* bytes: 1, 2, 4 or 8 */
    bool big; /* most significant byte first */
} foreign_type;

/* calr's type that holds it: the same, or i32 for integers of 8 and 16 bits that calr lacks. False if there is none. */
bool calr_foreign_dtype(foreign_type type, calr_dtype *out);

/* Converts `count` elements, unaligned, into ours. CALR_EINTERRUPTED, of millions of elements only. */
calr_status calr_foreign_convert(foreign_type type, const void *from, int64_t count, void *to);

#endif
