#include "files/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/size.h"
#include "files/json.h"
#include "os/file.h"
#include "os/map.h"
#include "tensor/convert.h"

#define METADATA   "__metadata__"
#define MAX_HEADER ((uint64_t)100 << 20) /* as the reference implementation */

typedef struct named_tensor {
    char *name;
    calr_tensor *tensor;
} named_tensor;

typedef struct note {
    char *key, *value;
} note;

struct calr_safetensors {
    named_tensor *tensors;
    note *notes;
    int64_t tensor_count, tensor_room, note_count, note_room;
};

calr_status calr_safetensors_new(calr_safetensors **out)
{
    calr_safetensors *file = calloc(1, sizeof *file);
    if (!file)
        return calr_error(CALR_ENOMEM, "no memory for a set of tensors");
    *out = file;
    return CALR_OK;
}

void calr_safetensors_release(calr_safetensors *file)
{
    if (!file)
        return;
    for (int64_t i = 0; i < file->tensor_count; i++) {
        free(file->tensors[i].name);
        calr_tensor_release(file->tensors[i].tensor);
    }
    for (int64_t i = 0; i < file->note_count; i++) {
        free(file->notes[i].key);
        free(file->notes[i].value);
    }
    free(file->tensors);
    free(file->notes);
    free(file);
}

/* Room for one more item; *items is an array of `size` bytes each. */
static calr_status make_room(void *items, int64_t count, int64_t *room, size_t size)
{
    void *array, *grown;
    if (count < *room)
        return CALR_OK;
    memcpy(&array, items, sizeof array);
    int64_t wanted = *room ? *room * 2 : 64;
    size_t bytes;
    grown = calr_size_mul((size_t)wanted, size, &bytes) ? realloc(array, bytes) : NULL;
    if (!grown)
        return calr_error(CALR_ENOMEM, "no memory for %lld tensors", (long long)wanted);
    memcpy(items, &grown, sizeof grown);
    *room = wanted;
    return CALR_OK;
}

/* JSON holds UTF-8 only: CALR_EFORMAT for anything else. */
static calr_status check_text(const char *text)
{
    json_t *string;
    CALR_TRY(calr_json_string(text, &string));
    json_decref(string);
    return CALR_OK;
}

/* Appends without a look at the names that are there; takes over neither. */
static calr_status append_tensor(calr_safetensors *file, const char *name, calr_tensor *tensor)
{
    CALR_TRY(
        make_room(&file->tensors, file->tensor_count, &file->tensor_room, sizeof *file->tensors));
    char *copy = strdup(name);
    if (!copy)
        return calr_error(CALR_ENOMEM, "no memory for the tensor %s", name);
    file->tensors[file->tensor_count++] = (named_tensor){copy, calr_tensor_retain(tensor)};
    return CALR_OK;
}

static calr_status append_note(calr_safetensors *file, const char *key, const char *value)
{
    CALR_TRY(make_room(&file->notes, file->note_count, &file->note_room, sizeof *file->notes));
    note added = {strdup(key), strdup(value)};
    if (!added.key || !added.value) {
        free(added.key);
        free(added.value);
        return calr_error(CALR_ENOMEM, "no memory for the metadata \"%s\"", key);
    }
    file->notes[file->note_count++] = added;
    return CALR_OK;
}

calr_status calr_safetensors_add(calr_safetensors *file, const char *name, calr_tensor *tensor)
{
    calr_status status = check_text(name);
    if (status == CALR_ENOMEM)
        return calr_error(CALR_ENOMEM, "no memory for the tensor %s", name);
    if (strcmp(name, METADATA) == 0 || status != CALR_OK)
        return calr_error(CALR_EINVAL, "a tensor cannot be named \"%s\"", name);
    for (int64_t i = 0; i < file->tensor_count; i++)
        if (strcmp(file->tensors[i].name, name) == 0)
            return calr_error(CALR_EEXIST, "there is a tensor named \"%s\" already", name);
    return append_tensor(file, name, tensor);
}

calr_status calr_safetensors_note(calr_safetensors *file, const char *key, const char *value)
{
    calr_status status = check_text(key);
    if (status == CALR_OK)
        status = check_text(value);
    if (status == CALR_ENOMEM)
        return calr_error(CALR_ENOMEM, "no memory for the metadata \"%s\"", key);
    if (status != CALR_OK)
        return calr_error(CALR_EINVAL, "metadata must be UTF-8 text; that of \"%s\" is not", key);
    for (int64_t i = 0; i < file->note_count; i++)
        if (strcmp(file->notes[i].key, key) == 0)
            return calr_error(CALR_EEXIST, "there is metadata named \"%s\" already", key);
    return append_note(file, key, value);
}

int64_t calr_safetensors_count(const calr_safetensors *file)
{
    return file->tensor_count;
}

const char *calr_safetensors_name(const calr_safetensors *file, int64_t i)
{
    return file->tensors[i].name;
}

calr_tensor *calr_safetensors_tensor(const calr_safetensors *file, int64_t i)
{
    return file->tensors[i].tensor;
}

int64_t calr_safetensors_notes(const calr_safetensors *file)
{
    return file->note_count;
}

const char *calr_safetensors_key(const calr_safetensors *file, int64_t i)
{
    return file->notes[i].key;
}

const char *calr_safetensors_value(const calr_safetensors *file, int64_t i)
{
    return file->notes[i].value;
}

/* ---- order ---- */

/* Types in the reference implementation's order, the widest first. */
static const int type_ranks[CALR_DTYPES] = {
    [CALR_I64] = 0,  [CALR_F64] = 1, [CALR_F32] = 2, [CALR_I32] = 3,
    [CALR_BF16] = 4, [CALR_F16] = 5, [CALR_U8] = 6,  [CALR_BOOL] = 7,
};

static int compare_tensors(const void *a, const void *b)
{
    const named_tensor *x = a, *y = b;
    int difference = type_ranks[x->tensor->dtype] - type_ranks[y->tensor->dtype];
    return difference ? difference : strcmp(x->name, y->name);
}

static int compare_notes(const void *a, const void *b)
{
    return strcmp(((const note *)a)->key, ((const note *)b)->key);
}

/* The contents in the order of a file, borrowed. */
typedef struct ordered {
    named_tensor *tensors;
    note *notes;
} ordered;

static calr_status order_contents(const calr_safetensors *file, ordered *out)
{
    out->tensors = calr_array_new(file->tensor_count, sizeof *out->tensors);
    out->notes = calr_array_new(file->note_count, sizeof *out->notes);
    if (!out->tensors || !out->notes) {
        free(out->tensors);
        free(out->notes);
        return calr_error(CALR_ENOMEM, "no memory for %lld tensors", (long long)file->tensor_count);
    }
    if (file->tensor_count > 0)
        memcpy(out->tensors, file->tensors, (size_t)file->tensor_count * sizeof *out->tensors);
    if (file->note_count > 0)
        memcpy(out->notes, file->notes, (size_t)file->note_count * sizeof *out->notes);
    qsort(out->tensors, (size_t)file->tensor_count, sizeof *out->tensors, compare_tensors);
    qsort(out->notes, (size_t)file->note_count, sizeof *out->notes, compare_notes);
    return CALR_OK;
}

static void release_order(ordered *o)
{
    free(o->tensors);
    free(o->notes);
}

/* ---- checksum ---- */

static calr_status hash_tensor(calr_hash *hash, const named_tensor *item)
{
    calr_tensor *whole;
    CALR_TRY(calr_tensor_contiguous(item->tensor, &whole));
    char form[CALR_TENSOR_TEXT];
    calr_tensor_describe(whole, form);
    calr_hash_add(hash, item->name, strlen(item->name) + 1);
    calr_hash_add(hash, form, strlen(form) + 1);
    if (calr_tensor_bytes(whole) > 0)
        calr_hash_add(hash, calr_tensor_data(whole), calr_tensor_bytes(whole));
    calr_tensor_release(whole);
    return CALR_OK;
}

/* Of everything but the checksum itself. */
static calr_status checksum_of(const calr_safetensors *file, char text[CALR_HASH_TEXT])
{
    ordered o;
    calr_hash *hash;
    CALR_TRY(order_contents(file, &o));
    calr_status status = calr_hash_new(&hash);
    if (status == CALR_OK) {
        for (int64_t i = 0; i < file->tensor_count && status == CALR_OK; i++)
            status = hash_tensor(hash, &o.tensors[i]);
        for (int64_t i = 0; i < file->note_count; i++) {
            if (strcmp(o.notes[i].key, CALR_SAFETENSORS_CHECKSUM) == 0)
                continue;
            calr_hash_add(hash, o.notes[i].key, strlen(o.notes[i].key) + 1);
            calr_hash_add(hash, o.notes[i].value, strlen(o.notes[i].value) + 1);
        }
        calr_hash_text(hash, text);
        calr_hash_release(hash);
    }
    release_order(&o);
    return status;
}

calr_status calr_safetensors_seal(calr_safetensors *file)
{
    char text[CALR_HASH_TEXT];
    CALR_TRY(checksum_of(file, text));
    return calr_safetensors_note(file, CALR_SAFETENSORS_CHECKSUM, text);
}

static calr_status check_seal(const calr_safetensors *file, const char *name)
{
    for (int64_t i = 0; i < file->note_count; i++) {
        if (strcmp(file->notes[i].key, CALR_SAFETENSORS_CHECKSUM) != 0)
            continue;
        char text[CALR_HASH_TEXT];
        CALR_TRY(checksum_of(file, text));
        if (strcmp(text, file->notes[i].value) != 0)
            return calr_error(CALR_EFORMAT, "%s is damaged: its checksum does not fit its contents",
                              name);
    }
    return CALR_OK;
}

/* ---- reading ---- */

/* An entry of the header. */
typedef struct entry {
    const char *name;
    foreign_type type;
    int ndim;
    int64_t shape[CALR_MAX_DIMS];
    uint64_t begin, end;
} entry;

typedef struct source {
    const unsigned char *numbers;
    uint64_t size;    /* bytes of numbers */
    const char *name; /* of the file */
    calr_map *map;    /* the file's; NULL: the numbers are copied */
} source;

static calr_status bad_entry(const source *from, const char *name, const char *what)
{
    return calr_error(CALR_EFORMAT, "%s: the tensor \"%s\" %s", from->name, name, what);
}

static calr_status parse_type(const source *from, const char *name, const char *text,
                              foreign_type *type)
{
    static const struct {
        const char *name;
        foreign_type type;
    } types[] = {
        {"F32", {FOREIGN_FLOAT, 4, false}},   {"F16", {FOREIGN_FLOAT, 2, false}},
        {"BF16", {FOREIGN_BFLOAT, 2, false}}, {"F64", {FOREIGN_FLOAT, 8, false}},
        {"I8", {FOREIGN_SIGNED, 1, false}},   {"I16", {FOREIGN_SIGNED, 2, false}},
        {"I32", {FOREIGN_SIGNED, 4, false}},  {"I64", {FOREIGN_SIGNED, 8, false}},
        {"U8", {FOREIGN_UNSIGNED, 1, false}}, {"U16", {FOREIGN_UNSIGNED, 2, false}},
        {"BOOL", {FOREIGN_BOOL, 1, false}},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(text, types[i].name) == 0) {
            *type = types[i].type;
            return CALR_OK;
        }
    }
    return calr_error(CALR_EFORMAT, "%s: the tensor \"%s\" has the type %s, which is not read",
                      from->name, name, text);
}

/* Whether type and shape need exactly the bytes begin .. end-1. */
static bool size_fits(const entry *e)
{
    uint64_t bytes = (uint64_t)e->type.size;
    for (int d = 0; d < e->ndim; d++)
        if (e->shape[d] == 0)
            return e->begin == e->end;
    for (int d = 0; d < e->ndim; d++)
        if (__builtin_mul_overflow(bytes, (uint64_t)e->shape[d], &bytes))
            return false;
    return bytes == e->end - e->begin;
}

static calr_status parse_entry(const source *from, const char *name, json_t *value, entry *e)
{
    json_t *type = json_object_get(value, "dtype"), *shape = json_object_get(value, "shape");
    json_t *offsets = json_object_get(value, "data_offsets");
    if (!json_is_string(type) || !json_is_array(shape) || !json_is_array(offsets) ||
        json_array_size(offsets) != 2)
        return bad_entry(from, name, "lacks dtype, shape or data_offsets");
    e->name = name;
    CALR_TRY(parse_type(from, name, json_string_value(type), &e->type));
    if (json_array_size(shape) > CALR_MAX_DIMS)
        return bad_entry(from, name, "has more than 6 dimensions");
    e->ndim = (int)json_array_size(shape);
    for (int d = 0; d < e->ndim; d++) {
        json_t *size = json_array_get(shape, (size_t)d);
        if (!json_is_integer(size) || json_integer_value(size) < 0)
            return bad_entry(from, name, "has a shape that is not of whole numbers");
        e->shape[d] = json_integer_value(size);
    }
    json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (!json_is_integer(begin) || !json_is_integer(end) || json_integer_value(begin) < 0 ||
        json_integer_value(end) < json_integer_value(begin) ||
        (uint64_t)json_integer_value(end) > from->size)
        return bad_entry(from, name, "lies outside the file: it is truncated or damaged");
    e->begin = (uint64_t)json_integer_value(begin);
    e->end = (uint64_t)json_integer_value(end);
    return size_fits(e) ? CALR_OK
                        : bad_entry(from, name,
                                    "has a type and shape that do not fit its place in the file");
}

static calr_status parse_notes(const source *from, json_t *metadata, calr_safetensors *file)
{
    const char *key;
    json_t *value;
    if (!json_is_object(metadata))
        return calr_error(CALR_EFORMAT, "%s: its metadata is no JSON object", from->name);
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
            return calr_error(CALR_EFORMAT, "%s: the metadata \"%s\" is no string", from->name,
                              key);
        CALR_TRY(append_note(file, key, json_string_value(value)));
    }
    return CALR_OK;
}

static int compare_places(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* Sorted by place, the tensors must follow each other without holes: bytes that belong to no
 * tensor, or to two, are a fault of whoever wrote the file, or something hidden. */
static calr_status check_places(const source *from, entry *entries, int64_t count)
{
    uint64_t at = 0;
    qsort(entries, (size_t)count, sizeof *entries, compare_places);
    for (int64_t i = 0; i < count; i++) {
        if (entries[i].begin != at)
            return bad_entry(from, entries[i].name,
                             entries[i].begin < at ? "overlaps another" : "follows a hole");
        at = entries[i].end;
    }
    if (at != from->size)
        return calr_error(CALR_EFORMAT, "%s: bytes at its end belong to no tensor", from->name);
    return CALR_OK;
}

/* Whether a tensor's numbers can be used where they lie. */
static bool can_stay(const source *from, const entry *e)
{
    const uint16_t one = 1;
    bool little_endian = *(const unsigned char *)&one == 1;
    bool as_is = (e->type.kind == FOREIGN_FLOAT && e->type.size >= 4) ||
                 (e->type.kind == FOREIGN_SIGNED && e->type.size >= 4) ||
                 (e->type.kind == FOREIGN_UNSIGNED && e->type.size == 1);
    return from->map && little_endian && as_is && e->end > e->begin &&
           ((uintptr_t)from->numbers + e->begin) % (uintptr_t)e->type.size == 0;
}

/* A tensor over the file's memory, which it keeps. */
static calr_status wrap_entry(const source *from, const entry *e, calr_dtype dtype,
                              calr_tensor **tensor)
{
    void *numbers = (char *)calr_map_data(from->map) +
                    ((const char *)from->numbers - (const char *)calr_map_data(from->map)) +
                    e->begin;
    calr_status status = calr_tensor_wrap(dtype, e->ndim, e->shape, numbers, calr_map_release,
                                          calr_map_retain(from->map), tensor);
    if (status != CALR_OK)
        calr_map_release(from->map);
    return status;
}

static calr_status load_entry(const source *from, const entry *e, calr_safetensors *file)
{
    calr_dtype dtype;
    calr_tensor *tensor;
    calr_status status = CALR_OK;
    calr_foreign_dtype(e->type, &dtype);
    if (can_stay(from, e)) {
        CALR_TRY(wrap_entry(from, e, dtype, &tensor));
    } else {
        CALR_TRY(calr_tensor_new(dtype, e->ndim, e->shape, &tensor));
        status = calr_foreign_convert(e->type, from->numbers + e->begin, calr_tensor_numel(tensor),
                                      calr_tensor_data(tensor));
    }
    if (status == CALR_OK)
        status = append_tensor(file, e->name, tensor);
    calr_tensor_release(tensor); /* the file holds it now, or nobody */
    return status;
}

static calr_status parse_object(const source *from, json_t *header, entry *entries,
                                calr_safetensors *file)
{
    const char *name;
    json_t *value;
    int64_t count = 0;
    json_object_foreach(header, name, value)
    {
        if (strcmp(name, METADATA) == 0)
            CALR_TRY(parse_notes(from, value, file));
        else
            CALR_TRY(parse_entry(from, name, value, &entries[count++]));
    }
    CALR_TRY(check_places(from, entries, count));
    for (int64_t i = 0; i < count; i++)
        CALR_TRY(load_entry(from, &entries[i], file));
    return CALR_OK;
}

static calr_status parse_header(const source *from, json_t *header, calr_safetensors **out)
{
    calr_safetensors *file;
    entry *entries = calr_array_zeros((int64_t)json_object_size(header), sizeof *entries);
    if (!entries)
        return calr_error(CALR_ENOMEM, "no memory to read %s", from->name);
    calr_status status = calr_safetensors_new(&file);
    if (status == CALR_OK) {
        status = parse_object(from, header, entries, file);
        if (status == CALR_OK && !from->map)
            status = check_seal(file, from->name);
        if (status == CALR_OK)
            *out = file;
        else
            calr_safetensors_release(file);
    }
    free(entries);
    return status;
}

static calr_status parse(const void *data, size_t size, const char *name, calr_map *map,
                         calr_safetensors **out)
{
    const unsigned char *bytes = data;
    uint64_t length = 0;
    if (size < 10)
        return calr_error(CALR_EFORMAT, "%s is no safetensors file: it is too short", name);
    for (int i = 0; i < 8; i++)
        length |= (uint64_t)bytes[i] << (8 * i);
    if (bytes[8] != '{')
        return calr_error(CALR_EFORMAT, "%s is no safetensors file", name);
    if (length > MAX_HEADER || length > size - 8)
        return calr_error(CALR_EFORMAT, "%s is truncated, or no safetensors file", name);
    json_error_t error;
    json_t *header;
    calr_status status = calr_json_load((const char *)bytes + 8, (size_t)length,
                                        JSON_REJECT_DUPLICATES, &error, &header);
    if (status == CALR_ENOMEM)
        return calr_error(CALR_ENOMEM, "no memory to read the header of %s", name);
    if (status != CALR_OK)
        return calr_error(CALR_EFORMAT, "%s: its header is malformed: %s", name, error.text);
    source from = {bytes + 8 + length, size - 8 - length, name, map};
    status = parse_header(&from, header, out);
    json_decref(header);
    return status;
}

calr_status calr_safetensors_parse(const void *data, size_t size, const char *name,
                                   calr_safetensors **out)
{
    return parse(data, size, name, NULL, out);
}

calr_status calr_safetensors_map(const char *path, calr_safetensors **out)
{
    calr_map *map;
    CALR_TRY(calr_map_open(path, &map));
    calr_status status = parse(calr_map_data(map), calr_map_size(map), path, map, out);
    calr_map_release(map);
    return status;
}

calr_status calr_safetensors_load(const char *path, calr_safetensors **out)
{
    void *data;
    size_t size;
    CALR_TRY(calr_file_read(path, &data, &size));
    calr_status status = calr_safetensors_parse(data, size, path, out);
    free(data);
    return status;
}

/* ---- writing ---- */

static const char *const type_names[CALR_DTYPES] = {"F32",  "I32", "I64", "U8",
                                                    "BF16", "F64", "F16", "BOOL"};

/* 0, or -1 when there was no memory. */
static int describe_notes(json_t *header, const note *notes, int64_t count)
{
    json_t *metadata = json_object();
    int failed = 0;
    for (int64_t i = 0; i < count; i++)
        failed |= json_object_set_new(metadata, notes[i].key, json_string(notes[i].value));
    return failed | json_object_set_new(header, METADATA, metadata);
}

static int describe_tensor(json_t *header, const named_tensor *item, uint64_t begin)
{
    const calr_tensor *tensor = item->tensor;
    json_t *shape = json_array(), *place = json_array(), *value = json_object();
    int failed = 0;
    for (int d = 0; d < tensor->ndim; d++)
        failed |= json_array_append_new(shape, json_integer(tensor->shape[d]));
    failed |= json_array_append_new(place, json_integer((json_int_t)begin));
    failed |=
        json_array_append_new(place, json_integer((json_int_t)(begin + calr_tensor_bytes(tensor))));
    failed |= json_object_set_new(value, "dtype", json_string(type_names[tensor->dtype]));
    failed |= json_object_set_new(value, "shape", shape);
    failed |= json_object_set_new(value, "data_offsets", place);
    return failed | json_object_set_new(header, item->name, value);
}

static char *header_text(const named_tensor *tensors, int64_t count, const note *notes,
                         int64_t note_count)
{
    json_t *header = json_object();
    uint64_t at = 0;
    int failed = note_count > 0 ? describe_notes(header, notes, note_count) : 0;
    for (int64_t i = 0; i < count; i++) {
        failed |= describe_tensor(header, &tensors[i], at);
        at += calr_tensor_bytes(tensors[i].tensor);
    }
    char *text = failed ? NULL : json_dumps(header, JSON_COMPACT);
    json_decref(header);
    return text;
}

static calr_status write_tensor(calr_file_writer *writer, const calr_tensor *tensor)
{
    calr_tensor *whole;
    CALR_TRY(calr_tensor_contiguous(tensor, &whole));
    size_t bytes = calr_tensor_bytes(whole);
    calr_status status =
        bytes > 0 ? calr_file_writer_write(writer, calr_tensor_data(whole), bytes) : CALR_OK;
    calr_tensor_release(whole);
    return status;
}

static calr_status write_file(const char *path, const char *header, const named_tensor *tensors,
                              int64_t count)
{
    unsigned char length_bytes[8];
    size_t length = strlen(header),
           padded = (length + 7) / 8 * 8; /* with spaces, so that the numbers lie aligned */
    for (int i = 0; i < 8; i++)
        length_bytes[i] = (unsigned char)((uint64_t)padded >> (8 * i));
    calr_file_writer *writer;
    CALR_TRY(calr_file_writer_new(path, &writer));
    calr_file_writer_write(writer, length_bytes, sizeof length_bytes);
    calr_file_writer_write(writer, header, length);
    calr_status status = calr_file_writer_write(writer, "       ", padded - length);
    for (int64_t i = 0; i < count && status == CALR_OK; i++)
        status = write_tensor(writer, tensors[i].tensor);
    if (status != CALR_OK) {
        calr_file_writer_abort(writer);
        return status;
    }
    return calr_file_writer_commit(writer);
}

calr_status calr_safetensors_save(const calr_safetensors *file, const char *path)
{
    ordered o;
    CALR_TRY(order_contents(file, &o));
    char *header = header_text(o.tensors, file->tensor_count, o.notes, file->note_count);
    calr_status status = header ? write_file(path, header, o.tensors, file->tensor_count)
                                : calr_error(CALR_ENOMEM, "no memory to write %s", path);
    free(header);
    release_order(&o);
    return status;
}
