/* Reading and checking files in parallel, appending them in order. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/size.h"
#include "os/file.h"
#include "store/format.h"
#include "store/writer.h"

/* Files in memory at once: this many, or fewer when they are large. */
#define GROUP_FILES 512
#define GROUP_BYTES ((int64_t)64 << 20)

typedef struct loaded_file {
    void *bytes;
    size_t size;
    calr_status status;
    char *reason; /* of a failure; NULL when there was no memory for it */
    char *note;   /* the check's, or NULL */
} loaded_file;

typedef struct load_job {
    const calr_store_source *sources;
    loaded_file *files;
    calr_store_check check;
    void *context;
} load_job;

static calr_status load_file(const load_job *job, int64_t i, int worker)
{
    const char *path = job->sources[i].file;
    loaded_file *file = &job->files[i];
    struct stat info;
    if (stat(path, &info) != 0)
        return calr_error_system(errno, "it cannot be read");
    if (!S_ISREG(info.st_mode))
        return calr_error(CALR_EFORMAT, "it is not a file");
    if (info.st_size == 0)
        return calr_error(CALR_EFORMAT, "it is empty");
    if ((uint64_t)info.st_size > STORE_MAX_IMAGE)
        return calr_error(CALR_EFORMAT, "it has more than 1 GiB");
    CALR_TRY(calr_file_read(path, &file->bytes, &file->size));
    const char *note = NULL;
    if (job->check)
        CALR_TRY(job->check(job->context, file->bytes, file->size, worker, &note));
    file->note = note ? strdup(note) : NULL;
    return CALR_OK;
}

static void load_files(void *context, int64_t begin, int64_t end, int worker)
{
    const load_job *job = context;
    for (int64_t i = begin; i < end && !calr_interrupt_requested(); i++) {
        loaded_file *file = &job->files[i];
        file->status = load_file(job, i, worker);
        if (file->status != CALR_OK)
            file->reason = strdup(calr_status_message());
    }
}

static const char *reason_of(const loaded_file *file)
{
    return file->reason ? file->reason : calr_status_name(file->status);
}

/* Appends what was loaded; hands the reasons of failures to `bad`, and notes to `notes`. */
static calr_status append_files(calr_store_writer *writer, const calr_store_source *sources,
                                loaded_file *files, int64_t count, char **bad, char **notes)
{
    for (int64_t i = 0; i < count; i++) {
        loaded_file *file = &files[i];
        CALR_TRY(calr_interrupt_check());
        if (file->status == CALR_ENOMEM)
            return calr_error(CALR_ENOMEM, "%s: %s", sources[i].file, reason_of(file));
        if (file->status == CALR_OK) {
            CALR_TRY(calr_store_writer_add(writer, &sources[i].record, file->bytes, file->size));
            if (notes) {
                notes[i] = file->note;
                file->note = NULL;
            }
        } else if (!bad) {
            return calr_error(file->status, "%s is a bad image: %s", sources[i].file,
                              reason_of(file));
        } else {
            bad[i] = strdup(reason_of(file));
            if (!bad[i])
                return calr_error(CALR_ENOMEM, "no memory to note a bad image");
        }
    }
    return CALR_OK;
}

/* How many of the files to take at once; the sizes are a hint, reading has the last word. */
static int64_t group_length(const calr_store_source *sources, int64_t count)
{
    int64_t length = 0, bytes = 0;
    while (length < count && length < GROUP_FILES && bytes < GROUP_BYTES) {
        struct stat info;
        if (stat(sources[length].file, &info) == 0 && S_ISREG(info.st_mode))
            bytes += info.st_size;
        length++;
    }
    return length;
}

static void clear(char **texts, int64_t count)
{
    for (int64_t i = 0; texts && i < count; i++)
        texts[i] = NULL;
}

static void drop(char **texts, int64_t count)
{
    for (int64_t i = 0; texts && i < count; i++)
        free(texts[i]);
    clear(texts, count);
}

calr_status calr_store_writer_import(calr_store_writer *writer, const calr_store_source *sources,
                                     int64_t count, calr_store_check check, void *context,
                                     char **bad, char **notes)
{
    loaded_file *files = calr_array_new(GROUP_FILES, sizeof *files);
    if (!files)
        return calr_error(CALR_ENOMEM, "no memory to import files");
    clear(bad, count);
    clear(notes, count);
    calr_status status = CALR_OK;
    for (int64_t at = 0, length; status == CALR_OK && at < count; at += length) {
        length = group_length(sources + at, count - at);
        memset(files, 0, (size_t)length * sizeof *files);
        load_job job = {sources + at, files, check, context};
        status = calr_parallel_try(length, 8, load_files, &job);
        if (status == CALR_OK)
            status = append_files(writer, sources + at, files, length, bad ? bad + at : NULL,
                                  notes ? notes + at : NULL);
        for (int64_t i = 0; i < length; i++) {
            free(files[i].bytes);
            free(files[i].reason);
            free(files[i].note);
        }
    }
    free(files);
    if (status != CALR_OK) {
        drop(bad, count);
        drop(notes, count);
    }
    return status;
}
