#include "files/archive.h"

#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "os/file.h"

struct calr_archive {
    zip_t *zip;
    char *name; /* in messages */
};

calr_status calr_archive_open(const void *data, size_t size, const char *name, calr_archive **out)
{
    if (size == 0) /* which libzip takes for an archive without entries */
        return calr_error(CALR_EFORMAT, "%s: the file is empty", name);
    calr_archive *archive = calloc(1, sizeof *archive);
    char *copy = strdup(name);
    if (!archive || !copy) {
        free(archive);
        free(copy);
        return calr_error(CALR_ENOMEM, "no memory to read %s", name);
    }
    archive->name = copy;
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(data, size, 0, &error);
    if (source)
        archive->zip = zip_open_from_source(source, ZIP_RDONLY, &error);
    calr_status status = CALR_OK;
    if (!archive->zip) {
        status = calr_error(CALR_EFORMAT, "%s: the archive is truncated or damaged: %s", name,
                            zip_error_strerror(&error));
        zip_source_free(source);
        calr_archive_close(archive);
    } else {
        *out = archive;
    }
    zip_error_fini(&error);
    return status;
}

void calr_archive_close(calr_archive *archive)
{
    if (!archive)
        return;
    if (archive->zip)
        zip_discard(archive->zip);
    free(archive->name);
    free(archive);
}

int64_t calr_archive_count(const calr_archive *archive)
{
    return zip_get_num_entries(archive->zip, 0);
}

const char *calr_archive_name(const calr_archive *archive, int64_t i)
{
    return zip_get_name(archive->zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
}

bool calr_archive_has(const calr_archive *archive, const char *entry)
{
    return zip_name_locate(archive->zip, entry, 0) >= 0;
}

calr_status calr_archive_read(const calr_archive *archive, const char *entry, size_t most,
                              void **data, size_t *size)
{
    zip_stat_t about;
    zip_int64_t index = zip_name_locate(archive->zip, entry, 0);
    if (index < 0 || zip_stat_index(archive->zip, (zip_uint64_t)index, 0, &about) != 0 ||
        !(about.valid & ZIP_STAT_SIZE))
        return calr_error(CALR_EFORMAT, "%s: the archive lacks %s: it is truncated or damaged",
                          archive->name, entry);
    if (about.size > most)
        return calr_error(CALR_EFORMAT, "%s: %s is larger than %zu bytes, the most that it can be",
                          archive->name, entry, most);
    zip_file_t *file = zip_fopen_index(archive->zip, (zip_uint64_t)index, 0);
    if (!file)
        return calr_error(CALR_EFORMAT, "%s: %s cannot be read: %s", archive->name, entry,
                          zip_strerror(archive->zip));
    char *bytes = malloc(about.size ? (size_t)about.size : 1), past;
    zip_int64_t got = bytes ? zip_fread(file, bytes, about.size) : 0;
    /* Reading past the end makes libzip compare the checksum. */
    bool whole = bytes && got == (zip_int64_t)about.size && zip_fread(file, &past, 1) == 0;
    zip_fclose(file);
    if (!whole) {
        free(bytes);
        return bytes ? calr_error(CALR_EFORMAT, "%s: %s is damaged", archive->name, entry)
                     : calr_error(CALR_ENOMEM, "no memory to read %s", archive->name);
    }
    *data = bytes;
    *size = (size_t)about.size;
    return CALR_OK;
}

/* ---- writing ---- */

struct calr_archive_writer {
    zip_source_t *target; /* the file to be, in memory */
    zip_t *zip;
};

calr_status calr_archive_writer_new(calr_archive_writer **out)
{
    calr_archive_writer *writer = calloc(1, sizeof *writer);
    if (writer)
        writer->target = zip_source_buffer_create(NULL, 0, 0, NULL);
    if (writer && writer->target)
        writer->zip = zip_open_from_source(writer->target, ZIP_TRUNCATE, NULL);
    if (!writer || !writer->zip) {
        if (writer)
            zip_source_free(writer->target);
        free(writer);
        return calr_error(CALR_ENOMEM, "no memory for an archive");
    }
    zip_source_keep(writer->target); /* outlives the zip_t, which takes one reference */
    *out = writer;
    return CALR_OK;
}

calr_status calr_archive_writer_add(calr_archive_writer *writer, const char *entry,
                                    const void *data, size_t size, bool deflate)
{
    void *copy = size > 0 ? malloc(size) : NULL; /* libzip frees nothing that has no bytes */
    if (size > 0 && !copy)
        return calr_error(CALR_ENOMEM, "no memory for %s", entry);
    if (size > 0)
        memcpy(copy, data, size);
    zip_source_t *source = zip_source_buffer(writer->zip, copy, size, 1);
    if (!source) {
        free(copy);
        return calr_error(CALR_ENOMEM, "no memory for %s", entry);
    }
    zip_int64_t index = zip_file_add(writer->zip, entry, source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
        zip_source_free(source);
        return calr_error(CALR_EINVAL, "\"%s\" cannot be added to the archive: %s", entry,
                          zip_strerror(writer->zip));
    }
    zip_set_file_compression(writer->zip, (zip_uint64_t)index,
                             deflate ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
    /* 1980, where the time of zip begins, whenever and wherever the file is written. */
    zip_file_set_dostime(writer->zip, (zip_uint64_t)index, 0, 1 << 5 | 1, 0);
    return CALR_OK;
}

/* Copies what zip_close left in memory into the file. */
static calr_status write_target(zip_source_t *target, const char *path)
{
    zip_stat_t about;
    if (zip_source_stat(target, &about) != 0 || zip_source_open(target) != 0)
        return calr_error(CALR_EIO, "%s: the archive cannot be read back", path);
    void *bytes = malloc(about.size ? (size_t)about.size : 1);
    bool whole = bytes && zip_source_read(target, bytes, about.size) == (zip_int64_t)about.size;
    zip_source_close(target);
    calr_status status = whole ? calr_file_write(path, bytes, (size_t)about.size)
                               : calr_error(CALR_ENOMEM, "no memory for %s", path);
    free(bytes);
    return status;
}

calr_status calr_archive_writer_commit(calr_archive_writer *writer, const char *path)
{
    static const char empty[22] =
        "PK\5\6"; /* an archive's end, which libzip leaves out without entries */
    calr_status status = CALR_OK;
    if (zip_get_num_entries(writer->zip, 0) == 0) {
        status = calr_file_write(path, empty, sizeof empty);
    } else if (zip_close(writer->zip) != 0) {
        status = calr_error(CALR_EIO, "%s: %s", path, zip_strerror(writer->zip));
    } else {
        writer->zip = NULL;
        status = write_target(writer->target, path);
    }
    calr_archive_writer_abort(writer);
    return status;
}

void calr_archive_writer_abort(calr_archive_writer *writer)
{
    if (!writer)
        return;
    if (writer->zip)
        zip_discard(writer->zip);
    zip_source_free(writer->target);
    free(writer);
}
