/* Writing what torch.load reads: a dictionary of tensors, in the form of PyTorch 1.6 and newer. */
#include "files/pth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/archive.h"

/* PyTorch's class for the storage of a type. */
static const char *storage_class(calr_dtype dtype)
{
    static const char *const classes[CALR_DTYPES] = {
        [CALR_F32] = "FloatStorage", [CALR_I32] = "IntStorage",       [CALR_I64] = "LongStorage",
        [CALR_U8] = "ByteStorage",   [CALR_BF16] = "BFloat16Storage", [CALR_F64] = "DoubleStorage",
        [CALR_F16] = "HalfStorage",  [CALR_BOOL] = "BoolStorage",
    };
    return classes[dtype];
}

/* ---- opcodes of a pickle of protocol 2 (Lib/pickletools.py of CPython) ---- */

static void put_text(FILE *pickle, const char *text)
{
    uint32_t length = (uint32_t)strlen(text);
    fputc('X', pickle);
    for (int b = 0; b < 4; b++)
        fputc((int)(length >> 8 * b & 255), pickle);
    fputs(text, pickle);
}

/* A whole number of 8 bytes, least first. */
static void put_integer(FILE *pickle, int64_t number)
{
    fputs("\x8a\x08", pickle);
    for (int b = 0; b < 8; b++)
        fputc((int)((uint64_t)number >> 8 * b & 255), pickle);
}

static void put_tuple(FILE *pickle, int count, const int64_t *numbers)
{
    fputc('(', pickle);
    for (int i = 0; i < count; i++)
        put_integer(pickle, numbers[i]);
    fputc('t', pickle);
}

static const char empty_dict[] = "ccollections\nOrderedDict\n)R";

/* torch._utils._rebuild_tensor_v2(storage number i, 0, shape, stride, False, OrderedDict()) */
static void put_tensor(FILE *pickle, const calr_tensor *tensor, int64_t i)
{
    char key[24];
    snprintf(key, sizeof key, "%lld", (long long)i);
    fputs("ctorch._utils\n_rebuild_tensor_v2\n((", pickle);
    put_text(pickle, "storage");
    fprintf(pickle, "ctorch\n%s\n", storage_class(tensor->dtype));
    put_text(pickle, key);
    put_text(pickle, "cpu");
    put_integer(pickle, calr_tensor_numel(tensor));
    fputs("tQ", pickle);
    put_integer(pickle, 0);
    put_tuple(pickle, tensor->ndim, tensor->shape);
    put_tuple(pickle, tensor->ndim, tensor->stride);
    fputc('\x89', pickle);
    fputs(empty_dict, pickle);
    fputs("tR", pickle);
}

/* The pickle of the dictionary; the tensors are contiguous. */
static calr_status make_pickle(const char *const *names, calr_tensor *const *tensors, int64_t count,
                               char **data, size_t *size)
{
    *data = NULL;
    FILE *pickle = open_memstream(data, size);
    if (!pickle)
        return calr_error(CALR_ENOMEM, "no memory for a list of tensors");
    fputs("\x80\x02", pickle);
    fputs(empty_dict, pickle);
    fputc('(', pickle);
    for (int64_t i = 0; i < count; i++) {
        put_text(pickle, names[i]);
        put_tensor(pickle, tensors[i], i);
    }
    fputs("u.", pickle);
    bool whole = !ferror(pickle);
    whole = fclose(pickle) == 0 && whole;
    if (whole)
        return CALR_OK;
    free(*data);
    return calr_error(CALR_ENOMEM, "no memory for a list of tensors");
}

static calr_status add_entries(calr_archive_writer *writer, const char *const *names,
                               calr_tensor *const *tensors, int64_t count)
{
    char *pickle, entry[48];
    size_t size;
    CALR_TRY(make_pickle(names, tensors, count, &pickle, &size));
    calr_status status = calr_archive_writer_add(writer, "archive/data.pkl", pickle, size, false);
    free(pickle);
    if (status == CALR_OK)
        status = calr_archive_writer_add(writer, "archive/byteorder", "little", 6, false);
    for (int64_t i = 0; i < count && status == CALR_OK; i++) {
        snprintf(entry, sizeof entry, "archive/data/%lld", (long long)i);
        status = calr_archive_writer_add(writer, entry, calr_tensor_data(tensors[i]),
                                         calr_tensor_bytes(tensors[i]), false);
    }
    if (status == CALR_OK)
        status = calr_archive_writer_add(writer, "archive/version", "3\n", 2, false);
    return status;
}

calr_status calr_pth_save(const char *path, const char *const *names, calr_tensor *const *tensors,
                          int64_t count)
{
    calr_tensor **straight = calloc(count ? (size_t)count : 1, sizeof *straight);
    if (!straight)
        return calr_error(CALR_ENOMEM, "no memory for a list of tensors");
    calr_status status = CALR_OK;
    for (int64_t i = 0; i < count && status == CALR_OK; i++)
        status = calr_tensor_contiguous(tensors[i], &straight[i]);
    calr_archive_writer *writer = NULL;
    if (status == CALR_OK)
        status = calr_archive_writer_new(&writer);
    if (status == CALR_OK) {
        status = add_entries(writer, names, straight, count);
        if (status == CALR_OK)
            status = calr_archive_writer_commit(writer, path);
        else
            calr_archive_writer_abort(writer);
    }
    for (int64_t i = 0; i < count; i++)
        calr_tensor_release(straight[i]);
    free(straight);
    return status;
}
