#include "files/npz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "files/npy.h"
#include "os/file.h"

static const char ending[] = ".npy";

struct calr_npz {
    void *data;
    char *file_name; /* in messages */
    calr_archive *archive;
    char **names;
    int64_t count;
    size_t left; /* bytes that the arrays not read yet may unpack to */
};

/* Deflate packs at most this many bytes into one. */
enum { DEFLATE_MOST = 1032 };

static calr_status no_memory(const char *name)
{
    return calr_error(CALR_ENOMEM, "no memory to read %s", name);
}

static calr_status collect_names(calr_npz *file)
{
    file->count = calr_archive_count(file->archive);
    file->names = calr_array_zeros(file->count, sizeof *file->names);
    if (!file->names)
        return no_memory(file->file_name);
    for (int64_t i = 0; i < file->count; i++) {
        const char *name = calr_archive_name(file->archive, i);
        size_t length = name ? strlen(name) : 0, tail = sizeof ending - 1;
        if (length < tail || strcmp(name + length - tail, ending) != 0)
            return calr_error(CALR_EFORMAT, "%s: \"%s\" is no array: an .npz file holds .npy files",
                              file->file_name, name ? name : "");
        file->names[i] = strndup(name, length - tail);
        if (!file->names[i])
            return no_memory(file->file_name);
    }
    return CALR_OK;
}

/* Takes over the data. */
static calr_status open_file(void *data, size_t size, const char *name, calr_npz **out)
{
    calr_npz *file = calloc(1, sizeof *file);
    char *copy = strdup(name);
    if (!file || !copy) {
        free(file);
        free(copy);
        free(data);
        return no_memory(name);
    }
    *file = (calr_npz){.data = data, .file_name = copy};
    if (!calr_size_mul(size, DEFLATE_MOST, &file->left))
        file->left = SIZE_MAX;
    calr_status status = calr_archive_open(data, size, name, &file->archive);
    if (status == CALR_OK)
        status = collect_names(file);
    if (status == CALR_OK)
        *out = file;
    else
        calr_npz_release(file);
    return status;
}

calr_status calr_npz_load(const char *path, calr_npz **out)
{
    void *data;
    size_t size;
    CALR_TRY(calr_file_read(path, &data, &size));
    return open_file(data, size, path, out);
}

calr_status calr_npz_parse(const void *data, size_t size, const char *name, calr_npz **out)
{
    void *copy = malloc(size ? size : 1);
    if (!copy)
        return no_memory(name);
    memcpy(copy, data, size);
    return open_file(copy, size, name, out);
}

void calr_npz_release(calr_npz *file)
{
    if (!file)
        return;
    for (int64_t i = 0; file->names && i < file->count; i++)
        free(file->names[i]);
    free(file->names);
    calr_archive_close(file->archive);
    free(file->data);
    free(file->file_name);
    free(file);
}

int64_t calr_npz_count(const calr_npz *file)
{
    return file->count;
}

const char *calr_npz_name(const calr_npz *file, int64_t i)
{
    return file->names[i];
}

calr_status calr_npz_tensor(calr_npz *file, int64_t i, calr_tensor **out)
{
    void *data;
    size_t size;
    const char *entry = calr_archive_name(file->archive, i);
    CALR_TRY(calr_archive_read(file->archive, entry, file->left, &data, &size));
    file->left -= size;
    char *where = malloc(strlen(file->file_name) + strlen(entry) + 3);
    if (!where) {
        free(data);
        return no_memory(file->file_name);
    }
    sprintf(where, "%s: %s", file->file_name, entry);
    calr_status status = calr_npy_parse(data, size, where, out);
    free(where);
    free(data);
    return status;
}

calr_status calr_npz_add(calr_archive_writer *writer, const char *name, const calr_tensor *tensor,
                         bool deflate)
{
    void *bytes;
    size_t size;
    if (!name[0])
        return calr_error(CALR_EINVAL, "an array needs a name");
    char *entry = malloc(strlen(name) + sizeof ending);
    if (!entry)
        return calr_error(CALR_ENOMEM, "no memory for %s", name);
    strcpy(entry, name);
    strcat(entry, ending);
    calr_status status = calr_npy_format(tensor, &bytes, &size);
    if (status == CALR_OK) {
        status = calr_archive_writer_add(writer, entry, bytes, size, deflate);
        free(bytes);
    }
    free(entry);
    return status;
}
