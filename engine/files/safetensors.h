/* Safetensors files: named tensors and a few strings, in a form that other programs read
 * (https://github.com/huggingface/safetensors).
 *
 * The file: 8 bytes, the length of the header, least first; the header, JSON; the numbers. Tensors
 * are written in the order of the reference implementation (larger elements first, then by name),
 * so that they lie aligned, and the same tensors and strings give the same bytes. */
#ifndef CALR_FILES_SAFETENSORS_H
#define CALR_FILES_SAFETENSORS_H

#include "tensor/tensor.h"

/* The contents of a file. One thread at a time. */
typedef struct calr_safetensors calr_safetensors;

calr_status calr_safetensors_new(calr_safetensors **out);
void calr_safetensors_release(calr_safetensors *file); /* NULL is allowed */

/* Retains the tensor. CALR_EEXIST: the name already exists; CALR_EINVAL: "__metadata__", or not
 * UTF-8. */
calr_status calr_safetensors_add(calr_safetensors *file, const char *name, calr_tensor *tensor);
/* Adds a string of the metadata; the same errors. */
calr_status calr_safetensors_note(calr_safetensors *file, const char *key, const char *value);

int64_t calr_safetensors_count(const calr_safetensors *file);
/* Tensor i, 0 .. count-1, in the order of the file or of adding. Borrowed. */
const char *calr_safetensors_name(const calr_safetensors *file, int64_t i);
calr_tensor *calr_safetensors_tensor(const calr_safetensors *file, int64_t i);
int64_t calr_safetensors_notes(const calr_safetensors *file);
const char *calr_safetensors_key(const calr_safetensors *file, int64_t i);
const char *calr_safetensors_value(const calr_safetensors *file, int64_t i);

/* The entry of the metadata that calr_safetensors_seal adds. */
#define CALR_SAFETENSORS_CHECKSUM "calr.checksum"

/* Adds a checksum (XXH3, 128 bits) of all tensors and strings to the metadata, which
 * calr_safetensors_load compares with what it finds. Once, when everything else has been added; CALR_EEXIST the second
 * time, CALR_ENOMEM. */
calr_status calr_safetensors_seal(calr_safetensors *file);

/* Reads F64 F32 F16 BF16 I64 I32 U8 BOOL as they are, I8 I16 U16 as i32.
 * CALR_EFORMAT: anything that the format does not allow (no JSON, a name twice, offsets outside the
 * file, that overlap, leave holes or do not fit type and shape), other types, more than
 * CALR_MAX_DIMS dimensions, a checksum that does not fit; CALR_ENOTFOUND, CALR_EIO, CALR_ENOMEM.
 * Messages name the file and the tensor. */
calr_status calr_safetensors_load(const char *path, calr_safetensors **out);
/* The same from memory; `name` is used in messages. */
calr_status calr_safetensors_parse(const void *data, size_t size, const char *name,
                                   calr_safetensors **out);

/* The same without reading the numbers: tensors of F64 F32 I64 I32 U8 lie in the file (os/map.h), and their pages are
 * read when they are looked at; others are converted. A checksum is not compared, for that would read everything. */
calr_status calr_safetensors_map(const char *path, calr_safetensors **out);

/* The file is whole or absent. CALR_ENOSPC and the like. */
calr_status calr_safetensors_save(const calr_safetensors *file, const char *path);

#endif
