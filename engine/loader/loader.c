#include "loader/loader.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/size.h"
#include "image/decoder.h"

#define MAX_WORKERS  256
#define MAX_AHEAD    64
#define MESSAGE_SIZE 1024
#define WAIT_NS      50000000 /* 50 ms */

/* What one thread works with. */
typedef struct worker {
    calr_decoder *decoder;
    calr_resizer *resizer;
    uint8_t *resized; /* u8[height x width x 3] */
    float *scratch;   /* f32[height x width x 3], for a blur; else NULL */
    void *reader;
    bool ready;
} worker;

/* Images that were skipped. */
typedef struct faults {
    calr_loader_fault *list;
    int64_t count, room;
} faults;

/* A batch in the making. */
typedef struct batch {
    calr_tensor *images[CALR_AUGMENT_VIEWS];
    int64_t size, done; /* images, and those finished */
    int64_t failed;     /* lowest position in the order that failed; -1: none */
    calr_status status; /* of that one */
    char message[MESSAGE_SIZE];
    faults bad; /* skipped */
} batch;

/* Positions of the order are issued one by one, to the workers and to the thread that waits. Batch
 * number n lies in ring[n % ahead]. Everything from `head` on is guarded by `lock`, except that
 * only the user's thread moves `head` and `opened` and touches a batch's tensor reference; workers
 * write to the pixels of positions issued to them, and the lock orders that before the hand-over.
 */
struct calr_loader {
    calr_loader_source source;
    calr_loader_options options;
    int64_t *order;
    int64_t count, batches;
    worker *team; /* of the threads that help the user's thread while it waits, and of itself */
    int team_size;
    pthread_t *threads;
    int started;
    pthread_mutex_t lock;
    pthread_cond_t work;     /* there may be positions to issue, or it is time to end */
    pthread_cond_t finished; /* a batch is complete */
    int64_t head;            /* the next batch to hand out */
    int64_t opened;          /* batches before this have a tensor */
    int64_t issued;          /* positions before this are taken */
    bool stop;
    faults told; /* of the batch handed out last */
    batch ring[];
};

calr_loader_options calr_loader_options_default(int height, int width)
{
    return (calr_loader_options){
        .augment = calr_augment_plain(height, width),
        .batch = 64,
        .workers = -1,
        .ahead = 3,
        .views = 1,
    };
}

int calr_loader_default_workers(void)
{
    int threads = calr_parallel_threads();
    return threads < 2 ? threads : 2;
}

/* ---- one image ---- */

/* Once, before its first image. */
static calr_status worker_prepare(calr_loader *loader, worker *w)
{
    if (w->ready)
        return CALR_OK;
    const calr_augment *augment = &loader->options.augment;
    if (!w->decoder) {
        CALR_TRY(calr_decoder_new(&w->decoder));
        if (loader->options.pixel_limit)
            CALR_TRY(calr_decoder_set_limit(w->decoder, loader->options.pixel_limit));
    }
    if (!w->resizer)
        CALR_TRY(calr_resizer_new(&w->resizer));
    if (!w->resized)
        w->resized = calr_array_new((int64_t)augment->height * augment->width, 3);
    if (augment->color.blur > 0 && !w->scratch)
        w->scratch =
            calr_array_new((int64_t)augment->height * augment->width, 3 * sizeof *w->scratch);
    if (!w->resized || (augment->color.blur > 0 && !w->scratch))
        return calr_error(CALR_ENOMEM, "no memory for an image of %d x %d", augment->height,
                          augment->width);
    if (loader->source.open)
        CALR_TRY(loader->source.open(loader->source.context, &w->reader));
    w->ready = true;
    return CALR_OK;
}

static void worker_clear(calr_loader *loader, worker *w)
{
    if (w->ready && loader->source.close)
        loader->source.close(loader->source.context, w->reader);
    calr_decoder_release(w->decoder);
    calr_resizer_release(w->resizer);
    free(w->resized);
    free(w->scratch);
    *w = (worker){0};
}

/* The record at the size of the batch; *out is valid until the worker's next image. */
static calr_status resized_record(calr_loader *loader, worker *w, int64_t record,
                                  const uint8_t **out)
{
    const calr_augment *augment = &loader->options.augment;
    calr_loader_cache *cache = loader->options.cache;
    if (cache && (*out = calr_loader_cache_find(cache, record)))
        return CALR_OK;
    const void *bytes;
    size_t size;
    const uint8_t *pixels;
    int width, height;
    CALR_TRY(loader->source.fetch(loader->source.context, w->reader, record, &bytes, &size));
    CALR_TRY(calr_decoder_decode(w->decoder, bytes, size, &pixels, &width, &height));
    CALR_TRY(calr_resize(w->resizer, augment->filter, pixels, width, height, w->resized,
                         augment->width, augment->height));
    if (cache)
        calr_loader_cache_keep(cache, record, w->resized);
    *out = w->resized;
    return CALR_OK;
}

/* All views of the image at `position`, which is image `within` of a batch. */
static calr_status make_image(calr_loader *loader, worker *w, int64_t position, batch *b,
                              int64_t within)
{
    const calr_loader_options *options = &loader->options;
    const calr_augment *augment = &options->augment;
    const uint8_t *pixels;
    CALR_TRY(worker_prepare(loader, w));
    CALR_TRY(resized_record(loader, w, loader->order[position], &pixels));
    for (int view = 0; view < options->views; view++) {
        calr_augment_draw draw =
            calr_augment_draw_at(augment, options->seed, options->epoch,
                                 (uint64_t)options->first_slot + (uint64_t)position, view);
        calr_augment_apply(augment, &draw, pixels, w->scratch,
                           calr_tensor_f32(b->images[view]) +
                               within * augment->height * augment->width * 3);
    }
    return CALR_OK;
}

/* ---- images that are skipped ---- */

static void faults_clear(faults *f)
{
    for (int64_t i = 0; i < f->count; i++)
        free(f->list[i].message);
    free(f->list);
    *f = (faults){0};
}

/* False when there is no memory. Takes the message, whatever comes of it. */
static bool faults_add(faults *f, int64_t position, char *message)
{
    if (message && f->count == f->room) {
        int64_t room = f->room ? 2 * f->room : 8;
        calr_loader_fault *grown = realloc(f->list, (size_t)room * sizeof *grown);
        if (!grown) {
            free(message);
            return false;
        }
        f->list = grown;
        f->room = room;
    }
    if (message)
        f->list[f->count++] = (calr_loader_fault){position, message};
    return message != NULL;
}

static int by_position(const void *a, const void *b)
{
    const calr_loader_fault *x = a, *y = b;
    return (x->position > y->position) - (x->position < y->position);
}

/* Whether a failure is the image's own, not the memory's or the reader's. */
static bool is_bad_image(const calr_loader *loader, const worker *w, calr_status status)
{
    return loader->options.skip_bad && w->ready &&
           (status == CALR_EFORMAT || status == CALR_EIO || status == CALR_ENOTFOUND);
}

static void blacken(const calr_loader *loader, batch *b, int64_t within)
{
    const calr_augment *augment = &loader->options.augment;
    int64_t numbers = (int64_t)augment->height * augment->width * 3;
    for (int view = 0; view < loader->options.views; view++)
        memset(calr_tensor_f32(b->images[view]) + within * numbers, 0,
               (size_t)numbers * sizeof(float));
}

const calr_loader_fault *calr_loader_bad(const calr_loader *loader, int64_t *count)
{
    *count = loader->told.count;
    return loader->told.list;
}

/* Puts the reason of the calling thread and the record's name into message. */
static void describe_failure(calr_loader *loader, worker *w, int64_t position,
                             char message[MESSAGE_SIZE])
{
    long long record = (long long)loader->order[position];
    char reason[MESSAGE_SIZE], name[MESSAGE_SIZE / 2] = "";
    snprintf(reason, sizeof reason, "%s", calr_status_message());
    if (loader->source.name && w->ready)
        loader->source.name(loader->source.context, w->reader, record, name, sizeof name);
    if (name[0])
        snprintf(message, MESSAGE_SIZE, "image \"%s\": %.480s", name, reason);
    else
        snprintf(message, MESSAGE_SIZE, "image of record %lld: %.960s", record, reason);
}

/* Makes the image of a position that was issued to this thread. Called with the lock held, and
 * returns so. */
static void work_on(calr_loader *loader, worker *w, int64_t position)
{
    int64_t number = position / loader->options.batch;
    batch *b = &loader->ring[number % loader->options.ahead];
    int64_t within = position - number * loader->options.batch;
    pthread_mutex_unlock(&loader->lock);

    char message[MESSAGE_SIZE];
    calr_status status = make_image(loader, w, position, b, within);
    char *skipped = NULL;
    bool bad = status != CALR_OK && is_bad_image(loader, w, status);
    if (status != CALR_OK)
        describe_failure(loader, w, position, message);
    if (bad) {
        blacken(loader, b, within);
        skipped = strdup(message);
    }

    pthread_mutex_lock(&loader->lock);
    if (bad) {
        status = CALR_OK;
        if (!faults_add(&b->bad, position, skipped)) {
            status = CALR_ENOMEM;
            snprintf(message, sizeof message, "no memory to name an image that is skipped");
        }
    }
    if (status != CALR_OK && (b->failed < 0 || position < b->failed)) {
        b->failed = position;
        b->status = status;
        memcpy(b->message, message, sizeof message);
    }
    if (++b->done == b->size)
        pthread_cond_signal(&loader->finished);
}

/* ---- workers ---- */

/* Positions that may be issued now end here. */
static int64_t issue_end(const calr_loader *loader)
{
    int64_t end = loader->opened * loader->options.batch;
    return loader->opened == loader->batches ? loader->count : end;
}

static void *worker_main(void *argument)
{
    calr_loader *loader = argument;
    worker own = {0};
    pthread_mutex_lock(&loader->lock);
    while (!loader->stop && loader->issued < loader->count) {
        if (loader->issued < issue_end(loader))
            work_on(loader, &own, loader->issued++);
        else
            pthread_cond_wait(&loader->work, &loader->lock);
    }
    pthread_cond_broadcast(&loader->work); /* the others have nothing to wait for either */
    pthread_mutex_unlock(&loader->lock);
    worker_clear(loader, &own);
    return NULL;
}

/* A thread that cannot be had is no failure: the others, and the thread that waits, do its work.
 * Signals are for the program's own threads. */
static void start_workers(calr_loader *loader, int workers)
{
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, SIGBUS); /* of a file cut short: the thread that meets it tells */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (loader->started < workers &&
           pthread_create(&loader->threads[loader->started], NULL, worker_main, loader) == 0)
        loader->started++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void stop_workers(calr_loader *loader)
{
    pthread_mutex_lock(&loader->lock);
    loader->stop = true;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->lock);
    for (int i = 0; i < loader->started; i++)
        pthread_join(loader->threads[i], NULL);
    loader->started = 0;
}

/* ---- batches ---- */

static void release_views(calr_tensor *images[CALR_AUGMENT_VIEWS])
{
    for (int view = 0; view < CALR_AUGMENT_VIEWS; view++)
        calr_tensor_release(images[view]);
}

static calr_status open_batch(calr_loader *loader)
{
    const calr_augment *augment = &loader->options.augment;
    int64_t first = loader->opened * loader->options.batch, left = loader->count - first;
    int64_t size = left < loader->options.batch ? left : loader->options.batch;
    int64_t shape[4] = {size, augment->height, augment->width, 3};
    batch *b = &loader->ring[loader->opened % loader->options.ahead];
    calr_tensor *images[CALR_AUGMENT_VIEWS] = {NULL};
    calr_status status = CALR_OK;
    for (int view = 0; status == CALR_OK && view < loader->options.views; view++)
        status = calr_tensor_new(CALR_F32, 4, shape, &images[view]);
    if (status != CALR_OK) {
        release_views(images);
        return status;
    }
    pthread_mutex_lock(&loader->lock);
    memcpy(b->images, images, sizeof images);
    b->size = size;
    b->done = 0;
    b->failed = -1;
    loader->opened++;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->lock);
    return CALR_OK;
}

/* Opens batches up to `ahead`. Fails only when not even the next one could be opened: those further
 * ahead are tried again with the next call. */
static calr_status open_batches(calr_loader *loader)
{
    calr_status status = CALR_OK;
    while (status == CALR_OK && loader->opened < loader->batches &&
           loader->opened < loader->head + loader->options.ahead)
        status = open_batch(loader);
    return loader->opened > loader->head ? CALR_OK : status;
}

/* What a team of threads does together while the user's thread waits. */
typedef struct helping {
    calr_loader *loader;
    int64_t end;
} helping;

static void help(void *context, int64_t begin, int64_t end, int thread)
{
    const helping *h = context;
    calr_loader *loader = h->loader;
    (void)begin, (void)end;
    pthread_mutex_lock(&loader->lock);
    while (loader->issued < h->end && !calr_interrupt_requested())
        work_on(loader, &loader->team[thread], loader->issued++);
    pthread_mutex_unlock(&loader->lock);
}

/* For a batch to be finished, but not longer than it takes to notice that a stop is asked for. */
static void wait_a_moment(calr_loader *loader)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += WAIT_NS;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&loader->finished, &loader->lock, &until);
}

/* Waits for a batch, with all threads helping (nothing else is for them to do); then its images, or its failure. */
static calr_status finish_batch(calr_loader *loader, batch *b, int64_t end)
{
    helping h = {loader, end};
    pthread_mutex_lock(&loader->lock);
    bool missing = loader->issued < end;
    pthread_mutex_unlock(&loader->lock);
    calr_status status = missing ? calr_parallel_try(loader->team_size, 1, help, &h) : CALR_OK;
    pthread_mutex_lock(&loader->lock);
    while (status == CALR_OK && b->done < b->size) {
        wait_a_moment(loader);
        status = b->done < b->size ? calr_interrupt_check() : CALR_OK;
    }
    if (status == CALR_OK && b->failed >= 0)
        status = calr_error(b->status, "%s", b->message);
    if (status != CALR_OK)
        loader->stop = true;
    pthread_mutex_unlock(&loader->lock);
    return status;
}

calr_status calr_loader_next(calr_loader *loader, calr_tensor *images[], int64_t *first)
{
    faults_clear(&loader->told);
    if (loader->head == loader->batches) {
        images[0] = NULL;
        return CALR_OK;
    }
    CALR_TRY(open_batches(loader));
    batch *b = &loader->ring[loader->head % loader->options.ahead];
    int64_t begin = loader->head * loader->options.batch;
    calr_status status = finish_batch(loader, b, begin + b->size);
    if (status != CALR_OK) {
        stop_workers(loader); /* leaves the message of this thread alone */
        loader->head = loader->batches;
        return status;
    }
    for (int view = 0; view < loader->options.views; view++) {
        images[view] = b->images[view];
        b->images[view] = NULL;
    }
    loader->told = b->bad; /* nobody works on this batch any more */
    b->bad = (faults){0};
    if (loader->told.count)
        qsort(loader->told.list, (size_t)loader->told.count, sizeof *loader->told.list,
              by_position);
    *first = begin;
    loader->head++;
    open_batches(
        loader); /* the workers go on while the caller computes; a failure returns with its batch */
    return CALR_OK;
}

/* ---- beginning and end ---- */

static calr_status check_options(const calr_loader_options *options)
{
    CALR_TRY(calr_augment_check(&options->augment));
    if (options->batch < 1 || options->batch > INT32_MAX)
        return calr_error(CALR_EINVAL, "batch must be 1 to %d, not %lld", INT32_MAX,
                          (long long)options->batch);
    if (options->first_slot < 0)
        return calr_error(CALR_EINVAL, "the first slot must be 0 or more, not %lld",
                          (long long)options->first_slot);
    if (options->workers < -1 || options->workers > MAX_WORKERS)
        return calr_error(CALR_EINVAL, "workers must be 0 to %d, not %d", MAX_WORKERS,
                          options->workers);
    if (options->ahead < 1 || options->ahead > MAX_AHEAD)
        return calr_error(CALR_EINVAL, "ahead must be 1 to %d batches, not %d", MAX_AHEAD,
                          options->ahead);
    if (options->views < 1 || options->views > CALR_AUGMENT_VIEWS)
        return calr_error(CALR_EINVAL, "views must be 1 to %d, not %d", CALR_AUGMENT_VIEWS,
                          options->views);
    if (options->pixel_limit < 0)
        return calr_error(CALR_EINVAL, "the pixel limit must be 0 or more, not %lld",
                          (long long)options->pixel_limit);
    return CALR_OK;
}

static calr_status check_order(const int64_t *order, int64_t count, int64_t records)
{
    for (int64_t i = 0; i < count; i++)
        if (order[i] < 0 || order[i] >= records)
            return calr_error(
                CALR_EINVAL,
                "item %lld of the order names record %lld; there are records 0 to %lld",
                (long long)i + 1, (long long)order[i], (long long)records - 1);
    return CALR_OK;
}

static calr_status check_all(const calr_loader_source *source, const int64_t *order, int64_t count,
                             const calr_loader_options *options)
{
    CALR_TRY(check_options(options));
    if (count < 0)
        return calr_error(CALR_EINVAL, "an order has 0 or more items, not %lld", (long long)count);
    if (options->cache)
        CALR_TRY(calr_loader_cache_check(options->cache, source->count, options->augment.height,
                                         options->augment.width, options->augment.filter));
    return check_order(order, count, source->count);
}

/* Everything but the threads and the source. */
static calr_status loader_alloc(const int64_t *order, int64_t count,
                                const calr_loader_options *options, int workers, calr_loader **out)
{
    int ahead = workers ? options->ahead : 1; /* nobody would work ahead */
    calr_loader *loader = calloc(1, sizeof *loader + (size_t)ahead * sizeof loader->ring[0]);
    int64_t *copy = calr_array_new(count, sizeof *copy);
    pthread_t *threads = calr_array_new(workers, sizeof *threads);
    int team_size = calr_parallel_threads();
    worker *team = calr_array_zeros(team_size, sizeof *team);
    if (!loader || !copy || !threads || !team) {
        free(loader);
        free(copy);
        free(team);
        free(threads);
        return calr_error(CALR_ENOMEM, "no memory for a loader of %lld images", (long long)count);
    }
    if (count)
        memcpy(copy, order, (size_t)count * sizeof *copy);
    loader->order = copy;
    loader->threads = threads;
    loader->team = team;
    loader->team_size = team_size;
    loader->count = count;
    loader->options = *options;
    loader->options.ahead = ahead;
    loader->batches = count / options->batch + (count % options->batch != 0);
    pthread_mutex_init(&loader->lock, NULL);
    pthread_cond_init(&loader->work, NULL);
    pthread_cond_init(&loader->finished, NULL);
    if (options->cache)
        calr_loader_cache_retain(options->cache);
    *out = loader;
    return CALR_OK;
}

calr_status calr_loader_new(const calr_loader_source *source, const int64_t *order, int64_t count,
                            const calr_loader_options *options, calr_loader **out)
{
    int workers = options->workers < 0 ? calr_loader_default_workers() : options->workers;
    if (workers > count)
        workers = (int)count;
    calr_loader *loader = NULL;
    calr_status status = check_all(source, order, count, options);
    if (status == CALR_OK)
        status = loader_alloc(order, count, options, workers, &loader);
    if (status != CALR_OK) {
        if (source->release)
            source->release(source->context);
        return status;
    }
    loader->source = *source;
    status = open_batches(loader);
    if (status != CALR_OK) {
        calr_loader_release(loader);
        return status;
    }
    start_workers(loader, workers);
    *out = loader;
    return CALR_OK;
}

void calr_loader_release(calr_loader *loader)
{
    if (!loader)
        return;
    stop_workers(loader);
    for (int i = 0; i < loader->team_size; i++)
        worker_clear(loader, &loader->team[i]);
    for (int i = 0; i < loader->options.ahead; i++) {
        release_views(loader->ring[i].images);
        faults_clear(&loader->ring[i].bad);
    }
    faults_clear(&loader->told);
    if (loader->source.release)
        loader->source.release(loader->source.context);
    calr_loader_cache_release(loader->options.cache);
    pthread_mutex_destroy(&loader->lock);
    pthread_cond_destroy(&loader->work);
    pthread_cond_destroy(&loader->finished);
    free(loader->order);
    free(loader->team);
    free(loader->threads);
    free(loader);
}
