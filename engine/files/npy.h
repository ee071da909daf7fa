/* NumPy's .npy files: one array each.
 *
 * Read: format 1, 2 and 3; little- and big-endian numbers; C and Fortran order (turned into C
 * order); types f4 f8 f2, i4 i8, u1, b1 as they are, i1 i2 u2 as i32, which holds them. Others (complex,
 * strings, objects, u4, u8) are refused by name. Written: format 1, little-endian, C order, the type of the
 * tensor: numpy.load reads it directly. The format has no bf16: it is written as f4, which holds the
 * same numbers. */
#ifndef CALR_FILES_NPY_H
#define CALR_FILES_NPY_H

#include "tensor/tensor.h"

/* CALR_ENOTFOUND and CALR_EIO; CALR_EFORMAT: not an .npy file, truncated, longer than its header
 * says, more than CALR_MAX_DIMS dimensions, a type that is not read; CALR_ENOMEM. Messages name the
 * file. */
calr_status calr_npy_load(const char *path, calr_tensor **out);
/* The same from memory; `name` is used in messages. */
calr_status calr_npy_parse(const void *data, size_t size, const char *name, calr_tensor **out);
/* The bytes of a file, malloc'ed. Any tensor, strided too. */
calr_status calr_npy_format(const calr_tensor *tensor, void **data, size_t *size);
/* Any tensor, strided too. Writes the file completely or not at all. */
calr_status calr_npy_save(const char *path, const calr_tensor *tensor);

/* Writes the rows of several files one after the other into one array, completely or not at all; only one of them is
 * in memory at a time. All must have one type and one shape but for the first dimension. CALR_EINVAL where they have
 * not, or count < 1; the failures of loading and of writing. */
calr_status calr_npy_join(const char *path, const char *const *parts, int64_t count);

#endif
