#include "loader/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "os/file.h"

/* The paths, one after the other. */
typedef struct file_list {
    char *text;
    size_t *starts; /* [count] */
} file_list;

static const char *path_of(const file_list *list, int64_t record)
{
    return list->text + list->starts[record];
}

/* A reader is a slot for the bytes of the file it has read last. */
static calr_status files_open(void *context, void **reader)
{
    (void)context;
    *reader = calloc(1, sizeof(void *));
    return *reader ? CALR_OK : calr_error(CALR_ENOMEM, "no memory to read image files");
}

static void files_close(void *context, void *reader)
{
    (void)context;
    free(*(void **)reader);
    free(reader);
}

static calr_status files_fetch(void *context, void *reader, int64_t record, const void **bytes,
                               size_t *size)
{
    void **held = reader;
    free(*held);
    *held = NULL;
    CALR_TRY(calr_file_read(path_of(context, record), held, size));
    *bytes = *held;
    return CALR_OK;
}

static void files_name(void *context, void *reader, int64_t record, char *text, size_t size)
{
    (void)reader;
    snprintf(text, size, "%s", path_of(context, record));
}

static void files_release(void *context)
{
    file_list *list = context;
    free(list->text);
    free(list->starts);
    free(list);
}

/* Bytes of all paths with their ends; false when they do not fit. */
static bool total_size(const char *const *paths, int64_t count, size_t *total)
{
    *total = 0;
    for (int64_t i = 0; i < count; i++)
        if (!calr_size_add(*total, strlen(paths[i]) + 1, total))
            return false;
    return true;
}

calr_status calr_loader_file_source(const char *const *paths, int64_t count,
                                    calr_loader_source *out)
{
    size_t total, at = 0;
    file_list *list = calloc(1, sizeof *list);
    if (list && total_size(paths, count, &total)) {
        list->text = malloc(total ? total : 1);
        list->starts = calr_array_new(count, sizeof *list->starts);
    }
    if (!list || !list->text || !list->starts) {
        if (list)
            files_release(list);
        return calr_error(CALR_ENOMEM, "no memory for the names of %lld files", (long long)count);
    }
    for (int64_t i = 0; i < count; i++) {
        size_t length = strlen(paths[i]) + 1;
        memcpy(list->text + at, paths[i], length);
        list->starts[i] = at;
        at += length;
    }
    *out = (calr_loader_source){
        .context = list,
        .count = count,
        .open = files_open,
        .close = files_close,
        .fetch = files_fetch,
        .name = files_name,
        .release = files_release,
    };
    return CALR_OK;
}
