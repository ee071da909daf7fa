#include "files/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/size.h"
#include "os/file.h"
#include "tensor/convert.h"

/* NumPy's own limit on headers is 10 kB; ours only keeps nonsense short. */
#define MAX_HEADER 65536

typedef struct npy_header {
    foreign_type type;
    bool fortran;
    int ndim;
    int64_t shape[CALR_MAX_DIMS];
} npy_header;

/* ---- the header: a Python dictionary of three entries ---- */

typedef struct npy_text {
    const char *at, *end;
    const char *name; /* of the file, for messages */
} npy_text;

static calr_status malformed(const npy_text *text, const char *what)
{
    return calr_error(CALR_EFORMAT, "%s: the .npy header is malformed: %s", text->name, what);
}

static void skip_space(npy_text *text)
{
    while (text->at < text->end &&
           (*text->at == ' ' || *text->at == '\t' || *text->at == '\n' || *text->at == '\r'))
        text->at++;
}

/* Takes one character, after white space. */
static bool accept(npy_text *text, char c)
{
    skip_space(text);
    if (text->at == text->end || *text->at != c)
        return false;
    text->at++;
    return true;
}

static calr_status read_string(npy_text *text, char *out, size_t room)
{
    skip_space(text);
    char quote = text->at < text->end ? *text->at : 0;
    if (quote != '\'' && quote != '"')
        return malformed(text, "a string is expected");
    const char *begin = ++text->at;
    while (text->at < text->end && *text->at != quote)
        text->at++;
    size_t length = (size_t)(text->at - begin);
    if (text->at == text->end)
        return malformed(text, "a string does not end");
    text->at++;
    if (length >= room)
        return malformed(text, "a string is too long");
    memcpy(out, begin, length);
    out[length] = 0;
    return CALR_OK;
}

static calr_status read_boolean(npy_text *text, bool *out)
{
    skip_space(text);
    size_t left = (size_t)(text->end - text->at);
    if (left >= 4 && memcmp(text->at, "True", 4) == 0) {
        text->at += 4;
        *out = true;
    } else if (left >= 5 && memcmp(text->at, "False", 5) == 0) {
        text->at += 5;
        *out = false;
    } else {
        return malformed(text, "fortran_order must be True or False");
    }
    return CALR_OK;
}

static calr_status read_shape(npy_text *text, npy_header *header)
{
    if (!accept(text, '('))
        return malformed(text, "the shape must be a tuple");
    header->ndim = 0;
    while (!accept(text, ')')) {
        if (header->ndim == CALR_MAX_DIMS)
            return calr_error(CALR_EFORMAT, "%s: the array has more than %d dimensions", text->name,
                              CALR_MAX_DIMS);
        int64_t size = 0;
        skip_space(text);
        const char *begin = text->at;
        for (; text->at < text->end && *text->at >= '0' && *text->at <= '9'; text->at++)
            if (__builtin_mul_overflow(size, 10, &size) ||
                __builtin_add_overflow(size, *text->at - '0', &size))
                return malformed(text, "a dimension is too large");
        if (text->at == begin)
            return malformed(text, "a dimension must be a whole number");
        header->shape[header->ndim++] = size;
        if (text->at < text->end && *text->at == 'L') /* Python 2 wrote long integers so */
            text->at++;
        if (accept(text, ','))
            continue;
        if (!accept(text, ')'))
            return malformed(text, "the shape does not end");
        break;
    }
    return CALR_OK;
}

static calr_status parse_descr(const npy_text *text, const char *descr, foreign_type *type)
{
    static const struct {
        const char *name;
        foreign_kind kind;
        int size;
    } types[] = {
        {"f4", FOREIGN_FLOAT, 4},  {"f8", FOREIGN_FLOAT, 8},    {"f2", FOREIGN_FLOAT, 2},
        {"i1", FOREIGN_SIGNED, 1}, {"i2", FOREIGN_SIGNED, 2},   {"i4", FOREIGN_SIGNED, 4},
        {"i8", FOREIGN_SIGNED, 8}, {"u1", FOREIGN_UNSIGNED, 1}, {"u2", FOREIGN_UNSIGNED, 2},
        {"b1", FOREIGN_BOOL, 1},
    };
    for (size_t i = 0; descr[0] && strchr("<>|=", descr[0]) && i < sizeof types / sizeof *types;
         i++) {
        if (strcmp(descr + 1, types[i].name) == 0) {
            *type = (foreign_type){types[i].kind, types[i].size, descr[0] == '>'};
            return CALR_OK;
        }
    }
    return calr_error(
        CALR_EFORMAT,
        "%s: arrays of type \"%s\" are not read; save it as float32, int32, int64 or uint8",
        text->name, descr);
}

static calr_status parse_header(npy_text text, npy_header *header)
{
    bool have_type = false, have_order = false, have_shape = false;
    if (!accept(&text, '{'))
        return malformed(&text, "it is no dictionary");
    while (!accept(&text, '}')) {
        char key[32], descr[32];
        CALR_TRY(read_string(&text, key, sizeof key));
        if (!accept(&text, ':'))
            return malformed(&text, "a colon is missing");
        if (strcmp(key, "descr") == 0) {
            skip_space(&text);
            if (text.at < text.end && *text.at == '[')
                return calr_error(CALR_EFORMAT, "%s: structured arrays are not read", text.name);
            CALR_TRY(read_string(&text, descr, sizeof descr));
            CALR_TRY(parse_descr(&text, descr, &header->type));
            have_type = true;
        } else if (strcmp(key, "fortran_order") == 0) {
            CALR_TRY(read_boolean(&text, &header->fortran));
            have_order = true;
        } else if (strcmp(key, "shape") == 0) {
            CALR_TRY(read_shape(&text, header));
            have_shape = true;
        } else {
            return malformed(&text, "it has an entry that does not belong there");
        }
        if (accept(&text, ','))
            continue;
        if (!accept(&text, '}'))
            return malformed(&text, "a comma is missing");
        break;
    }
    if (!have_type || !have_order || !have_shape)
        return malformed(&text, "descr, fortran_order or shape is missing");
    return CALR_OK;
}

/* ---- the array ---- */

/* Copies from Fortran order (the first index runs fastest) into C order. */
static calr_status copy_fortran(const npy_header *header, const unsigned char *from, int64_t count,
                                char *to, size_t size)
{
    int64_t index[CALR_MAX_DIMS] = {0}, stride[CALR_MAX_DIMS], at = 0;
    for (int d = 0; d < header->ndim; d++)
        stride[d] = d == 0 ? 1 : stride[d - 1] * header->shape[d - 1];
    for (int64_t i = 0; i < count; i++) {
        if (i > 0 && calr_interrupt_due(i))
            return calr_interrupt_check();
        CALR_TRY(calr_foreign_convert(header->type, from + at * header->type.size, 1,
                                      to + (size_t)i * size));
        for (int d = header->ndim - 1; d >= 0; d--) {
            at += stride[d];
            if (++index[d] < header->shape[d])
                break;
            at -= stride[d] * header->shape[d];
            index[d] = 0;
        }
    }
    return CALR_OK;
}

/* Elements and bytes of the array in the file; false when they do not fit. */
static bool array_size(const npy_header *header, int64_t *count, size_t *bytes)
{
    size_t total = 1;
    bool empty = false;
    for (int d = 0; d < header->ndim; d++)
        empty |= header->shape[d] == 0;
    for (int d = 0; !empty && d < header->ndim; d++)
        if (!calr_size_mul(total, (size_t)header->shape[d], &total))
            return false;
    total = empty ? 0 : total;
    *count = (int64_t)total;
    return total <= INT64_MAX / 8 && calr_size_mul(total, (size_t)header->type.size, bytes);
}

/* Reads what stands before the numbers: `size` bytes are all of the file, or more than a header takes. *start: where
 * the numbers begin. */
static calr_status parse_start(const unsigned char *bytes, size_t size, const char *name,
                               npy_header *header, size_t *start)
{
    if (size < 10 || memcmp(bytes, "\x93NUMPY", 6) != 0)
        return calr_error(CALR_EFORMAT, "%s is not an .npy file", name);
    int version = bytes[6];
    if (version < 1 || version > 3)
        return calr_error(CALR_EVERSION,
                          "%s is an .npy file of format %d.%d; formats 1 to 3 are read", name,
                          version, bytes[7]);
    size_t length = bytes[8] | (size_t)bytes[9] << 8, at = 10;
    if (version > 1) {
        if (size < 12)
            return calr_error(CALR_EFORMAT, "%s is truncated", name);
        length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
        at = 12;
    }
    if (length > size - at || length > MAX_HEADER)
        return calr_error(CALR_EFORMAT, "%s is truncated or its header is malformed", name);
    npy_text text = {(const char *)bytes + at, (const char *)bytes + at + length, name};
    *start = at + length;
    return parse_header(text, header);
}

calr_status calr_npy_parse(const void *data, size_t size, const char *name, calr_tensor **out)
{
    const unsigned char *bytes = data;
    npy_header header;
    size_t start;
    CALR_TRY(parse_start(bytes, size, name, &header, &start));
    int64_t count;
    size_t array_bytes, left = size - start;
    calr_dtype dtype;
    if (!array_size(&header, &count, &array_bytes) || array_bytes != left)
        return calr_error(CALR_EFORMAT,
                          "%s: its header and its size do not fit (%zu bytes of numbers)", name,
                          left);
    calr_foreign_dtype(header.type, &dtype);
    calr_tensor *tensor;
    CALR_TRY(calr_tensor_new(dtype, header.ndim, header.shape, &tensor));
    const unsigned char *numbers = bytes + start;
    calr_status status =
        header.fortran && header.ndim > 1 && count > 0
            ? copy_fortran(&header, numbers, count, calr_tensor_data(tensor),
                           calr_dtype_size(dtype))
            : calr_foreign_convert(header.type, numbers, count, calr_tensor_data(tensor));
    if (status == CALR_OK)
        *out = tensor;
    else
        calr_tensor_release(tensor);
    return status;
}

calr_status calr_npy_load(const char *path, calr_tensor **out)
{
    void *data;
    size_t size;
    CALR_TRY(calr_file_read(path, &data, &size));
    calr_status status = calr_npy_parse(data, size, path, out);
    free(data);
    return status;
}

/* ---- writing ---- */

/* Writes the header into text[256]; returns its length, a multiple of 64 as NumPy's. */
static size_t format_header(calr_dtype dtype, int ndim, const int64_t *shape, char text[256])
{
    static const char *const descr[CALR_DTYPES] = {
        [CALR_F32] = "<f4", [CALR_I32] = "<i4", [CALR_I64] = "<i8",  [CALR_U8] = "|u1",
        [CALR_F64] = "<f8", [CALR_F16] = "<f2", [CALR_BOOL] = "|b1",
    };
    memcpy(text, "\x93NUMPY\x01\x00", 8);
    int used = 10 + snprintf(text + 10, 246, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                             descr[dtype]);
    for (int d = 0; d < ndim; d++)
        used += snprintf(text + used, (size_t)(256 - used), "%s%lld", d ? ", " : "",
                         (long long)shape[d]);
    used += snprintf(text + used, (size_t)(256 - used), "%s), }", ndim == 1 ? "," : "");
    size_t length = ((size_t)used + 1 + 63) / 64 * 64;
    memset(text + used, ' ', length - (size_t)used);
    text[length - 1] = '\n';
    text[8] = (char)((length - 10) & 255);
    text[9] = (char)((length - 10) >> 8);
    return length;
}

/* The tensor as it is written, contiguous: NumPy has no bf16, and float32 holds the same numbers. */
static calr_status straighten(const calr_tensor *tensor, calr_tensor **out)
{
    if (tensor->dtype == CALR_BF16)
        return calr_tensor_cast(tensor, CALR_F32, out);
    return calr_tensor_contiguous(tensor, out);
}

calr_status calr_npy_format(const calr_tensor *tensor, void **data, size_t *size)
{
    calr_tensor *whole;
    CALR_TRY(straighten(tensor, &whole));
    char header[256];
    size_t length = format_header(whole->dtype, whole->ndim, whole->shape, header),
           bytes = calr_tensor_bytes(whole);
    char *text = malloc(length + bytes);
    if (text) {
        memcpy(text, header, length);
        if (bytes > 0)
            memcpy(text + length, calr_tensor_data(whole), bytes);
        *data = text;
        *size = length + bytes;
    }
    calr_tensor_release(whole);
    return text ? CALR_OK : calr_error(CALR_ENOMEM, "no memory for an array");
}

calr_status calr_npy_save(const char *path, const calr_tensor *tensor)
{
    calr_tensor *whole;
    CALR_TRY(straighten(tensor, &whole));
    char header[256];
    size_t length = format_header(whole->dtype, whole->ndim, whole->shape, header),
           bytes = calr_tensor_bytes(whole);
    calr_file_writer *writer;
    calr_status status = calr_file_writer_new(path, &writer);
    if (status == CALR_OK) {
        calr_file_writer_write(writer, header, length);
        if (bytes > 0)
            calr_file_writer_write(writer, calr_tensor_data(whole), bytes);
        status = calr_file_writer_commit(writer);
    }
    calr_tensor_release(whole);
    return status;
}

/* ---- several files in one ---- */

/* The type and shape that a file has, from its first bytes alone. */
static calr_status read_shape_of(const char *path, npy_header *header)
{
    void *data;
    size_t size, start;
    CALR_TRY(calr_file_read_from(path, 0, MAX_HEADER + 12, &data, &size));
    calr_status status = parse_start(data, size, path, header, &start);
    free(data);
    return status;
}

/* Adds up the rows of all files, which must be alike in type and in everything but rows. */
static calr_status add_rows(const char *const *paths, int64_t count, npy_header *total)
{
    CALR_TRY(read_shape_of(paths[0], total));
    if (total->ndim < 1)
        return calr_error(CALR_EINVAL, "%s holds a single number: there are no rows to join",
                          paths[0]);
    for (int64_t i = 1; i < count; i++) {
        npy_header next;
        CALR_TRY(read_shape_of(paths[i], &next));
        bool alike = next.ndim == total->ndim && next.type.kind == total->type.kind &&
                     next.type.size == total->type.size;
        for (int d = 1; alike && d < next.ndim; d++)
            alike = next.shape[d] == total->shape[d];
        if (!alike)
            return calr_error(CALR_EINVAL, "%s and %s differ in type or in the size of a row",
                              paths[0], paths[i]);
        if (__builtin_add_overflow(total->shape[0], next.shape[0], &total->shape[0]))
            return calr_error(CALR_EINVAL, "%s: too many rows", paths[i]);
    }
    return CALR_OK;
}

static calr_status write_rows(calr_file_writer *writer, const char *path, int64_t *rows)
{
    calr_tensor *part;
    CALR_TRY(calr_npy_load(path, &part));
    size_t bytes = calr_tensor_bytes(part);
    calr_status status = CALR_OK;
    *rows -= part->shape[0];
    if (bytes > 0)
        status = calr_file_writer_write(writer, calr_tensor_data(part), bytes);
    calr_tensor_release(part);
    return status;
}

calr_status calr_npy_join(const char *path, const char *const *parts, int64_t count)
{
    if (count < 1)
        return calr_error(CALR_EINVAL, "there are no files to join");
    npy_header total;
    calr_dtype dtype;
    char header[256];
    CALR_TRY(add_rows(parts, count, &total));
    calr_foreign_dtype(total.type, &dtype);
    size_t length = format_header(dtype, total.ndim, total.shape, header);
    calr_file_writer *writer;
    CALR_TRY(calr_file_writer_new(path, &writer));
    calr_status status = calr_file_writer_write(writer, header, length);
    int64_t left = total.shape[0];
    for (int64_t i = 0; status == CALR_OK && i < count; i++) {
        status = write_rows(writer, parts[i], &left);
        if (status == CALR_OK)
            status = calr_interrupt_check();
    }
    if (status == CALR_OK && left != 0)
        status = calr_error(CALR_EFORMAT, "a file changed while it was joined into %s", path);
    if (status == CALR_OK)
        return calr_file_writer_commit(writer);
    calr_file_writer_abort(writer);
    return status;
}
