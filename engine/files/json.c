#include "files/json.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

/* Whether memory could not be had since the call began. */
static _Thread_local bool exhausted;

static void *allocate(size_t size)
{
    void *block = malloc(size);
    if (!block)
        exhausted = true;
    return block;
}

static void begin_all(void)
{
    json_set_alloc_funcs(allocate, free);
}

static void begin(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, begin_all);
    exhausted = false;
}

/* What was made may lack what there was no memory for. */
static calr_status finish(json_t *made, const char *problem, json_t **out)
{
    if (exhausted) {
        json_decref(made);
        return calr_error(CALR_ENOMEM, "out of memory for JSON");
    }
    if (!made)
        return calr_error(CALR_EFORMAT, "%s", problem);
    *out = made;
    return CALR_OK;
}

calr_status calr_json_load(const char *text, size_t size, size_t flags, json_error_t *error,
                           json_t **out)
{
    begin();
    json_t *made = json_loadb(text, size, flags, error);
    return finish(made, made ? "" : error->text, out);
}

calr_status calr_json_string(const char *text, json_t **out)
{
    begin();
    return finish(json_string(text), "the text is not UTF-8", out);
}
