#include "files/pth.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/kind.h"
#include "base/size.h"
#include "files/archive.h"
#include "os/file.h"
#include "tensor/convert.h"

/* The numbers of one storage. */
typedef struct storage {
    const calr_pickle_value *key;
    foreign_type type;
    int64_t count;       /* elements that the pickle says it has */
    const void *numbers; /* NULL: not read yet */
    void *owned;         /* what of it must be freed */
} storage;

struct calr_pth {
    char *name; /* in messages */
    void *data;
    size_t size;
    calr_archive *archive; /* NULL: the older form */
    char *folder;
    calr_pickle *pickle;
    storage *storages;
    int64_t storage_count;
    bool big;         /* most significant byte first */
    int64_t repeated; /* elements that tensors had beyond those of their storages */
};

static calr_status damaged(const calr_pth *file, const char *what)
{
    return calr_error(CALR_EFORMAT, "%s: %s", file->name, what);
}

static calr_status no_memory(const calr_pth *file)
{
    return calr_error(CALR_ENOMEM, "no memory to read %s", file->name);
}

/* ---- types and storages ---- */

static bool read_type(const calr_pickle_value *value, bool big, foreign_type *type)
{
    static const struct {
        const char *name;
        foreign_type type;
    } types[] = {
        {"torch FloatStorage", {FOREIGN_FLOAT, 4, false}},
        {"torch HalfStorage", {FOREIGN_FLOAT, 2, false}},
        {"torch BFloat16Storage", {FOREIGN_BFLOAT, 2, false}},
        {"torch DoubleStorage", {FOREIGN_FLOAT, 8, false}},
        {"torch CharStorage", {FOREIGN_SIGNED, 1, false}},
        {"torch ShortStorage", {FOREIGN_SIGNED, 2, false}},
        {"torch IntStorage", {FOREIGN_SIGNED, 4, false}},
        {"torch LongStorage", {FOREIGN_SIGNED, 8, false}},
        {"torch ByteStorage", {FOREIGN_UNSIGNED, 1, false}},
        {"torch BoolStorage", {FOREIGN_BOOL, 1, false}},
    };
    for (size_t i = 0; value->kind == CALR_PICKLE_GLOBAL && i < sizeof types / sizeof *types; i++)
        if (strcmp(value->text, types[i].name) == 0) {
            *type = types[i].type;
            type->big = big;
            return true;
        }
    return false;
}

/* The persistent id of a storage: ("storage", type, key, device, elements[, view]); the view is
 * None since PyTorch 0.4. */
static const calr_pickle_value *storage_id(const calr_pickle_value *stored)
{
    const calr_pickle_value *id = stored->items[0];
    bool usable = id->kind == CALR_PICKLE_TUPLE && id->count >= 5 &&
                  calr_pickle_is_text(id->items[0], "storage") &&
                  id->items[2]->kind == CALR_PICKLE_TEXT && id->items[4]->kind == CALR_PICKLE_INT &&
                  id->items[4]->integer >= 0;
    return usable ? id : NULL;
}

static storage *find_storage(const calr_pth *file, const char *key)
{
    for (int64_t i = 0; i < file->storage_count; i++)
        if (strcmp(file->storages[i].key->text, key) == 0)
            return &file->storages[i];
    return NULL;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(((const storage *)a)->key->text, ((const storage *)b)->key->text);
}

/* Before PyTorch 1.6 the class of a saved network has a persistent id as well: ("module", class, file, source). */
static bool is_class(const calr_pickle_value *stored)
{
    const calr_pickle_value *id = stored->items[0];
    return id->kind == CALR_PICKLE_TUPLE && id->count > 0 &&
           calr_pickle_is_text(id->items[0], "module");
}

/* One entry for each key of the pickle. */
static calr_status collect_storages(calr_pth *file)
{
    int64_t stored = 0, count = 0, kept = 0;
    while (calr_pickle_stored(file->pickle, stored))
        stored++;
    file->storages = calr_array_zeros(stored, sizeof *file->storages);
    if (!file->storages)
        return no_memory(file);
    for (int64_t i = 0; i < stored; i++) {
        if (is_class(calr_pickle_stored(file->pickle, i)))
            continue;
        const calr_pickle_value *id = storage_id(calr_pickle_stored(file->pickle, i));
        storage *s = &file->storages[count++];
        if (!id)
            return damaged(file, "it refers to a storage in a way that is not known");
        if (!read_type(id->items[1], file->big, &s->type))
            return calr_error(CALR_EFORMAT, "%s: it holds numbers of a type that is not read (%s)",
                              file->name,
                              id->items[1]->kind == CALR_PICKLE_GLOBAL ? id->items[1]->text : "?");
        s->key = id->items[2];
        s->count = id->items[4]->integer;
    }
    qsort(file->storages, (size_t)count, sizeof *file->storages, compare_keys);
    for (int64_t i = 0; i < count; i++) {
        storage *s = &file->storages[i], *last = kept ? &file->storages[kept - 1] : NULL;
        if (!last || compare_keys(last, s) != 0)
            file->storages[kept++] = *s;
        else if (last->type.kind != s->type.kind || last->type.size != s->type.size)
            return damaged(file, "it gives one storage two types");
        else if (s->count > last->count)
            last->count = s->count;
    }
    file->storage_count = kept;
    return CALR_OK;
}

static bool storage_bytes(const storage *s, size_t *out)
{
    return calr_size_mul((size_t)s->count, (size_t)s->type.size, out);
}

/* ---- the zip archive ---- */

/* torch.save does not compress, so an entry cannot be larger than the file: no bombs. */
static calr_status read_entry(const calr_pth *file, const char *name, void **data, size_t *size)
{
    return calr_archive_read(file->archive, name, file->size, data, size);
}

/* The folder that everything in the archive is in: that of data.pkl. */
static calr_status find_folder(calr_pth *file)
{
    static const char ending[] = "/data.pkl";
    for (int64_t i = 0; i < calr_archive_count(file->archive); i++) {
        const char *name = calr_archive_name(file->archive, i);
        size_t length = name ? strlen(name) : 0, tail = sizeof ending - 1;
        if (length <= tail || strcmp(name + length - tail, ending) != 0)
            continue;
        file->folder = strndup(name, length - tail);
        return file->folder ? CALR_OK : no_memory(file);
    }
    return damaged(file, "a zip archive, but torch.save did not write it: it has no data.pkl");
}

static calr_status entry_name(const calr_pth *file, const char *rest, const char *key, char **out)
{
    size_t size = strlen(file->folder) + strlen(rest) + strlen(key) + 1;
    *out = malloc(size);
    if (!*out)
        return no_memory(file);
    snprintf(*out, size, "%s%s%s", file->folder, rest, key);
    return CALR_OK;
}

static calr_status read_named(const calr_pth *file, const char *rest, const char *key, void **data,
                              size_t *size)
{
    char *name;
    CALR_TRY(entry_name(file, rest, key, &name));
    calr_status status = read_entry(file, name, data, size);
    free(name);
    return status;
}

/* Newer archives say in which order the bytes of numbers are. */
static calr_status read_order(calr_pth *file)
{
    char *name;
    void *data;
    size_t size;
    CALR_TRY(entry_name(file, "/byteorder", "", &name));
    bool there = calr_archive_has(file->archive, name);
    calr_status status = there ? read_entry(file, name, &data, &size) : CALR_OK;
    free(name);
    if (!there || status != CALR_OK)
        return status;
    file->big = size == 3 && memcmp(data, "big", 3) == 0;
    free(data);
    return CALR_OK;
}

static calr_status read_archive(calr_pth *file)
{
    void *data;
    size_t size, used;
    CALR_TRY(calr_archive_open(file->data, file->size, file->name, &file->archive));
    CALR_TRY(find_folder(file));
    CALR_TRY(read_order(file));
    CALR_TRY(read_named(file, "/data.pkl", "", &data, &size));
    calr_status status = calr_pickle_read(data, size, file->name, &used, &file->pickle);
    free(data);
    return status == CALR_OK ? collect_storages(file) : status;
}

static calr_status fetch_storage(calr_pth *file, storage *s)
{
    size_t size, wanted;
    if (s->numbers)
        return CALR_OK;
    CALR_TRY(read_named(file, "/data/", s->key->text, &s->owned, &size));
    if (storage_bytes(s, &wanted) && wanted <= size) {
        s->numbers = s->owned;
        return CALR_OK;
    }
    free(s->owned); /* asked for again, it is refused again */
    s->owned = NULL;
    return calr_error(CALR_EFORMAT, "%s: the storage %s is shorter than it should be", file->name,
                      s->key->text);
}

/* ---- the older form ---- */

/* torch.serialization.MAGIC_NUMBER, least byte first. */
static const unsigned char magic[] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};

/* The next pickle of the file. */
static calr_status next_pickle(const calr_pth *file, size_t *at, calr_pickle **out)
{
    size_t used;
    CALR_TRY(
        calr_pickle_read((const char *)file->data + *at, file->size - *at, file->name, &used, out));
    *at += used;
    return CALR_OK;
}

/* Magic number, version of the protocol, the machine that wrote it. */
static calr_status read_preface(calr_pth *file, size_t *at)
{
    for (int i = 0; i < 3; i++) {
        calr_pickle *pickle;
        CALR_TRY(next_pickle(file, at, &pickle));
        const calr_pickle_value *root = calr_pickle_root(pickle),
                                *little = calr_pickle_get(root, "little_endian");
        bool known = i != 0 || (root->kind == CALR_PICKLE_BYTES && root->length == sizeof magic &&
                                memcmp(root->text, magic, sizeof magic) == 0);
        if (i == 2)
            file->big = little && little->kind == CALR_PICKLE_BOOL && !little->integer;
        calr_pickle_release(pickle);
        if (!known)
            return damaged(file, "a Python pickle, but torch.save did not write it");
    }
    return CALR_OK;
}

/* Behind the list of keys: for each, the number of elements (8 bytes) and the elements. */
static calr_status place_storages(calr_pth *file, const calr_pickle_value *keys, size_t at)
{
    for (int64_t i = 0; i < keys->count; i++) {
        storage *s = keys->items[i]->kind == CALR_PICKLE_TEXT
                         ? find_storage(file, keys->items[i]->text)
                         : NULL;
        uint64_t count = 0;
        size_t bytes;
        if (!s || s->numbers)
            return damaged(file, "it lists a storage that no tensor uses, or one twice");
        if (file->size - at < 8)
            return damaged(file, "it is truncated");
        for (int b = 0; b < 8; b++)
            count |= (uint64_t)((const unsigned char *)file->data)[at + (size_t)b]
                     << 8 * (file->big ? 7 - b : b);
        at += 8;
        if (count > INT64_MAX || (int64_t)count < s->count)
            return damaged(file, "a storage is shorter than it should be");
        s->count = (int64_t)count;
        if (!storage_bytes(s, &bytes) || bytes > file->size - at)
            return damaged(file, "it is truncated");
        s->numbers = (const char *)file->data + at;
        at += bytes;
    }
    return CALR_OK;
}

static calr_status read_older(calr_pth *file)
{
    size_t at = 0;
    calr_pickle *keys;
    CALR_TRY(read_preface(file, &at));
    CALR_TRY(next_pickle(file, &at, &file->pickle));
    CALR_TRY(collect_storages(file));
    CALR_TRY(next_pickle(file, &at, &keys));
    calr_status status = CALR_OK;
    if (calr_pickle_root(keys)->kind != CALR_PICKLE_LIST)
        status = damaged(file, "it does not list its storages");
    else
        status = place_storages(file, calr_pickle_root(keys), at);
    calr_pickle_release(keys);
    return status;
}

/* ---- the file ---- */

static calr_status read_either(calr_pth *file)
{
    const unsigned char *data = file->data;
    if (file->size >= 4 && memcmp(data, "PK\3\4", 4) == 0)
        return read_archive(file);
    if (file->size >= 2 && data[0] == 0x80)
        return read_older(file);
    if (file->size == 0)
        return damaged(file, "the file is empty");
    const char *kind = calr_kind_of_bytes(data, file->size);
    if (kind)
        return calr_error(CALR_EFORMAT,
                          "%s: not a file of torch.save (a zip archive or a pickle): "
                          "it looks like %s",
                          file->name, kind);
    return damaged(file, "not a file of torch.save (a zip archive or a pickle); was it "
                         "downloaded whole?");
}

/* Takes over the data. */
static calr_status open_file(void *data, size_t size, const char *name, calr_pth **out)
{
    calr_pth *file = calloc(1, sizeof *file);
    char *copy = strdup(name);
    if (!file || !copy) {
        free(file);
        free(copy);
        free(data);
        return calr_error(CALR_ENOMEM, "no memory to read %s", name);
    }
    *file = (calr_pth){.name = copy, .data = data, .size = size};
    calr_status status = read_either(file);
    if (status == CALR_OK)
        *out = file;
    else
        calr_pth_release(file);
    return status;
}

calr_status calr_pth_load(const char *path, calr_pth **out)
{
    void *data;
    size_t size;
    CALR_TRY(calr_file_read(path, &data, &size));
    return open_file(data, size, path, out);
}

calr_status calr_pth_parse(const void *data, size_t size, const char *name, calr_pth **out)
{
    void *copy = malloc(size ? size : 1);
    if (!copy)
        return calr_error(CALR_ENOMEM, "no memory to read %s", name);
    memcpy(copy, data, size);
    return open_file(copy, size, name, out);
}

void calr_pth_release(calr_pth *file)
{
    if (!file)
        return;
    for (int64_t i = 0; file->storages && i < file->storage_count; i++)
        free(file->storages[i].owned);
    free(file->storages);
    calr_pickle_release(file->pickle);
    calr_archive_close(file->archive);
    free(file->folder);
    free(file->data);
    free(file->name);
    free(file);
}

const calr_pickle_value *calr_pth_root(const calr_pth *file)
{
    return calr_pickle_root(file->pickle);
}

/* ---- tensors ---- */

static bool calls(const calr_pickle_value *value, const char *function, int64_t arguments)
{
    return value->kind == CALR_PICKLE_CALL && value->items[0]->kind == CALR_PICKLE_GLOBAL &&
           strcmp(value->items[0]->text, function) == 0 &&
           value->items[1]->kind == CALR_PICKLE_TUPLE && value->items[1]->count >= arguments;
}

/* A parameter is a call around that of its tensor. */
static const calr_pickle_value *inner_tensor(const calr_pickle_value *value)
{
    if (calls(value, "torch._utils _rebuild_parameter", 1) ||
        calls(value, "torch._utils _rebuild_parameter_with_state",
              1)) /* with attributes of a user's */
        value = value->items[1]->items[0];
    return calls(value, "torch._utils _rebuild_tensor_v2", 4) ? value : NULL;
}

bool calr_pth_is_tensor(const calr_pickle_value *value)
{
    return inner_tensor(value) != NULL;
}

const char *calr_pth_unread_tensor(const calr_pickle_value *value)
{
    if (value->kind != CALR_PICKLE_CALL || value->items[0]->kind != CALR_PICKLE_GLOBAL ||
        inner_tensor(value))
        return NULL;
    const char *function = value->items[0]->text, *modules[] = {"torch._utils ", "torch._tensor "};
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++) {
        size_t length = strlen(modules[i]);
        if (strncmp(function, modules[i], length) == 0 &&
            strncmp(function + length, "_rebuild_", 9) == 0)
            return function + length;
    }
    return NULL;
}

/* Where the elements of a tensor lie in its storage. */
typedef struct layout {
    int ndim;
    int64_t offset, count, shape[CALR_MAX_DIMS], stride[CALR_MAX_DIMS];
} layout;

static calr_status bad_tensor(const calr_pth *file, const char *what)
{
    return calr_error(CALR_EFORMAT, "%s: a tensor %s", file->name, what);
}

static calr_status read_layout(const calr_pth *file, const calr_pickle_value *arguments, layout *l)
{
    const calr_pickle_value *offset = arguments->items[1], *shape = arguments->items[2],
                            *stride = arguments->items[3];
    if (offset->kind != CALR_PICKLE_INT || offset->integer < 0 ||
        shape->kind != CALR_PICKLE_TUPLE || stride->kind != CALR_PICKLE_TUPLE ||
        shape->count != stride->count)
        return bad_tensor(file, "has no shape");
    if (shape->count > CALR_MAX_DIMS)
        return bad_tensor(file, "has more than 6 dimensions");
    *l = (layout){.ndim = (int)shape->count, .offset = offset->integer, .count = 1};
    for (int d = 0; d < l->ndim; d++) {
        if (shape->items[d]->kind != CALR_PICKLE_INT || shape->items[d]->integer < 0 ||
            stride->items[d]->kind != CALR_PICKLE_INT || stride->items[d]->integer < 0)
            return bad_tensor(file, "has a shape that is not of whole numbers");
        l->shape[d] = shape->items[d]->integer;
        l->stride[d] = stride->items[d]->integer;
        if (__builtin_mul_overflow(l->count, l->shape[d], &l->count))
            return bad_tensor(file, "is larger than any storage");
    }
    return CALR_OK;
}

/* Views of tensor.expand repeat elements; they would let a small file ask for any amount of memory. */
#define REPEATED_MAX ((int64_t)1 << 24)

static calr_status check_layout(calr_pth *file, const layout *l, const storage *s)
{
    int64_t last = l->offset;
    if (l->count == 0)
        return CALR_OK;
    for (int d = 0; d < l->ndim; d++) {
        int64_t far;
        if (__builtin_mul_overflow(l->shape[d] - 1, l->stride[d], &far) ||
            __builtin_add_overflow(last, far, &last))
            return bad_tensor(file, "lies outside its storage");
    }
    if (last >= s->count)
        return bad_tensor(file, "lies outside its storage");
    if (l->count <= s->count)
        return CALR_OK;
    if (l->count - s->count > REPEATED_MAX - file->repeated)
        return bad_tensor(
            file, "repeats more elements than are read (tensor.expand); save tensor.contiguous()");
    file->repeated += l->count - s->count;
    return CALR_OK;
}

/* The elements one after the other. */
static void copy_elements(const layout *l, const storage *s, char *to)
{
    size_t size = (size_t)s->type.size;
    int64_t index[CALR_MAX_DIMS] = {0};
    for (int64_t i = 0; i < l->count; i++) {
        int64_t at = l->offset;
        for (int d = 0; d < l->ndim; d++)
            at += index[d] * l->stride[d];
        memcpy(to + (size_t)i * size, (const char *)s->numbers + (size_t)at * size, size);
        for (int d = l->ndim - 1; d >= 0 && ++index[d] == l->shape[d]; d--)
            index[d] = 0;
    }
}

static bool is_contiguous(const layout *l)
{
    int64_t wanted = 1;
    for (int d = l->ndim - 1; d >= 0; d--) {
        if (l->shape[d] != 1 && l->stride[d] != wanted)
            return false;
        wanted *= l->shape[d];
    }
    return true;
}

static calr_status fill(const calr_pth *file, const layout *l, const storage *s,
                        calr_tensor *tensor)
{
    if (l->count == 0)
        return CALR_OK;
    if (is_contiguous(l))
        return calr_foreign_convert(
            s->type, (const char *)s->numbers + (size_t)l->offset * (size_t)s->type.size, l->count,
            calr_tensor_data(tensor));
    char *gathered = calr_array_new(l->count, (size_t)s->type.size);
    if (!gathered)
        return no_memory(file);
    copy_elements(l, s, gathered);
    calr_status status =
        calr_foreign_convert(s->type, gathered, l->count, calr_tensor_data(tensor));
    free(gathered);
    return status;
}

calr_status calr_pth_tensor(calr_pth *file, const calr_pickle_value *value, calr_tensor **out)
{
    const calr_pickle_value *call = inner_tensor(value);
    if (!call)
        return bad_tensor(file, "was expected; this is something else");
    const calr_pickle_value *arguments = call->items[1], *stored = arguments->items[0];
    const calr_pickle_value *id = stored->kind == CALR_PICKLE_STORED ? storage_id(stored) : NULL;
    storage *s = id ? find_storage(file, id->items[2]->text) : NULL;
    layout l;
    calr_dtype dtype;
    calr_tensor *tensor;
    if (!s)
        return bad_tensor(file, "has no storage");
    CALR_TRY(read_layout(file, arguments, &l));
    if (file->archive)
        CALR_TRY(fetch_storage(file, s));
    if (!s->numbers)
        return bad_tensor(file, "has a storage that is not in the file");
    CALR_TRY(check_layout(file, &l, s));
    calr_foreign_dtype(s->type, &dtype);
    CALR_TRY(calr_tensor_new(dtype, l.ndim, l.shape, &tensor));
    calr_status status = fill(file, &l, s, tensor);
    if (status == CALR_OK)
        *out = tensor;
    else
        calr_tensor_release(tensor);
    return status;
}
