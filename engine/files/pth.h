/* Files of torch.save (.pth, .pt), in which PyTorch users keep weights.
 *
 * Two forms exist: a zip archive (PyTorch 1.6 and newer) that holds a pickle and one file for each
 * storage, and the older one, five pickles followed by the storages. Both are read, on the machine
 * of either byte order; nothing of the file is executed (see pickle.h). */
#ifndef CALR_FILES_PTH_H
#define CALR_FILES_PTH_H

#include "files/pickle.h"
#include "tensor/tensor.h"

/* The contents of a file. One thread at a time. */
typedef struct calr_pth calr_pth;

/* CALR_EFORMAT: not such a file, or a damaged one (a zip archive's checksums are compared);
 * CALR_ENOTFOUND, CALR_EIO, CALR_ENOMEM. Messages name the file. */
calr_status calr_pth_load(const char *path, calr_pth **out);
/* The same from memory, which is not kept; `name` is used in messages. */
calr_status calr_pth_parse(const void *data, size_t size, const char *name, calr_pth **out);
void calr_pth_release(calr_pth *file); /* NULL is allowed */

/* Writes a dictionary of tensors, any type and strides, in the newer form: torch.load reads it with weights_only. The
 * file is whole or absent. The names are UTF-8. */
calr_status calr_pth_save(const char *path, const char *const *names, calr_tensor *const *tensors,
                          int64_t count);

/* The saved value, usually a dictionary. Lives as long as the file. */
const calr_pickle_value *calr_pth_root(const calr_pth *file);

/* Whether a value of the pickle is a tensor or a parameter. */
bool calr_pth_is_tensor(const calr_pickle_value *value);
/* PyTorch's function for a tensor of a kind that is not read, such as "_rebuild_sparse_tensor"; NULL for all else. */
const char *calr_pth_unread_tensor(const calr_pickle_value *value);
/* The tensor that such a value stands for; a new one, contiguous. Types as in safetensors.h.
 * CALR_EFORMAT: a type that is not read (complex, quantised), more than CALR_MAX_DIMS dimensions, a
 * place outside its storage; more than 2^24 elements that tensor.expand repeats; CALR_ENOMEM. */
calr_status calr_pth_tensor(calr_pth *file, const calr_pickle_value *value, calr_tensor **out);

#endif
