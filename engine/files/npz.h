/* NumPy's .npz files: arrays by name, each an .npy file in a zip archive (numpy.savez, numpy.savez_compressed). */
#ifndef CALR_FILES_NPZ_H
#define CALR_FILES_NPZ_H

#include "files/archive.h"
#include "tensor/tensor.h"

typedef struct calr_npz calr_npz;

/* CALR_EFORMAT: no zip archive, or a damaged one; CALR_ENOTFOUND, CALR_EIO, CALR_ENOMEM. Messages name the file. */
calr_status calr_npz_load(const char *path, calr_npz **out);
/* The same from memory, which is copied; `name` is used in messages. */
calr_status calr_npz_parse(const void *data, size_t size, const char *name, calr_npz **out);
void calr_npz_release(calr_npz *file); /* NULL is allowed */

int64_t calr_npz_count(const calr_npz *file);
/* The name of array i without ".npy"; it is data, no path. Lives as long as the file. */
const char *calr_npz_name(const calr_npz *file, int64_t i);
/* Array i, read as calr_npy_parse does. CALR_EFORMAT also when the arrays unpack to more than the file can hold: a few
 * bytes that claim to be gigabytes. */
calr_status calr_npz_tensor(calr_npz *file, int64_t i, calr_tensor **out);

/* Adds a tensor to an archive that becomes an .npz file. CALR_EINVAL: the name holds a zero byte or is empty. */
calr_status calr_npz_add(calr_archive_writer *writer, const char *name, const calr_tensor *tensor,
                         bool deflate);

#endif
