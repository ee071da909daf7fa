#include "loader/source.h"

#include <stdio.h>

static calr_status source_open(void *context, void **reader)
{
    calr_store_reader *opened;
    CALR_TRY(calr_store_reader_new(context, &opened));
    *reader = opened;
    return CALR_OK;
}

static void source_close(void *context, void *reader)
{
    (void)context;
    calr_store_reader_release(reader);
}

static calr_status source_fetch(void *context, void *reader, int64_t record, const void **bytes,
                                size_t *size)
{
    (void)context;
    return calr_store_reader_get(reader, record, bytes, size);
}

static void source_name(void *context, void *reader, int64_t record, char *text, size_t size)
{
    (void)reader;
    const char *path = calr_store_path(context, record);
    snprintf(text, size, "%s", path ? path : "");
}

static void source_release(void *context)
{
    calr_store_release(context);
}

calr_loader_source calr_loader_store_source(calr_store *store)
{
    return (calr_loader_source){
        .context = calr_store_retain(store),
        .count = calr_store_count(store),
        .open = source_open,
        .close = source_close,
        .fetch = source_fetch,
        .name = source_name,
        .release = source_release,
    };
}
