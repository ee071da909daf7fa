/* Batches of images, prepared ahead of use by worker threads.
 *
 * A loader passes once through an order: a list of record numbers of a source of image files in
 * memory (image/decoder.h). It decodes, resizes and augments each record straight into its place of
 * a batch, f32[b x height x width x 3], and returns the batches in order. With two views an image is
 * decoded once and augmented twice. The pixels of a place depend on (record, seed, epoch, slot, view)
 * alone, never on the number of workers or on timing. While the user's thread waits for a batch, all
 * threads of calr_parallel_try help to make it; without workers they make all of it.
 *
 * One thread uses a loader. Closing it at any moment is sound: workers finish the image in hand and
 * end. */
#ifndef CALR_LOADER_LOADER_H
#define CALR_LOADER_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "image/augment.h"
#include "loader/cache.h"
#include "tensor/tensor.h"

/* Where the bytes come from. All functions but release may be called from several threads at once;
 * the calls for one reader come one after the other, but not all from the same thread. Failures leave their message
 * with calr_error in the calling thread, as everywhere. */
typedef struct calr_loader_source {
    void *context;
    int64_t count; /* records are numbered 0 .. count-1 */

    /* A reader: for LMDB a read transaction. NULL: no readers are needed, and fetch gets a NULL reader. */
    calr_status (*open)(void *context, void **reader);
    /* NULL: nothing to close. */
    void (*close)(void *context, void *reader);

    /* The bytes of a record's file, borrowed: valid until the next fetch of this reader or its close.
     */
    calr_status (*fetch)(void *context, void *reader, int64_t record, const void **bytes,
                         size_t *size);

    /* Writes the record's name for people (its path) into text[size], for messages. NULL: "record
     * 17". */
    void (*name)(void *context, void *reader, int64_t record, char *text, size_t size);

    /* Gives back the caller's hold on the context, after every reader is closed; NULL: nothing to
     * do. Called once, by calr_loader_release, or by a calr_loader_new that fails. */
    void (*release)(void *context);
} calr_loader_source;

typedef struct calr_loader_options {
    calr_augment augment; /* the size of the images too */
    int64_t batch;        /* images per batch, at least 1; the last batch holds the rest */
    uint64_t seed;
    uint32_t epoch;
    int64_t first_slot;  /* slot of the first item of the order: its stream is (seed, epoch,
                                 first_slot) */
    int workers;         /* threads, 0 .. 256; -1: calr_loader_default_workers() */
    int ahead;           /* batches in progress or waiting, 1 .. 64 */
    int views;           /* augmented views of each image, 1 .. CALR_AUGMENT_VIEWS; the first
                                 is the same whatever their number */
    int64_t pixel_limit; /* the largest image accepted; 0: CALR_JPEG_LIMIT */
    bool
        skip_bad; /* an image that cannot be read or decoded is left black and told by calr_loader_bad; otherwise it
                    * is the failure of its batch */
    calr_loader_cache *cache; /* NULL: none. Retained by the loader */
} calr_loader_options;

/* Batches of 64, no augmentation, one view, default workers, 3 ahead. */
calr_loader_options calr_loader_options_default(int height, int width);

/* The default number of workers: min(2, threads in use). */
int calr_loader_default_workers(void);

typedef struct calr_loader calr_loader;

/* `order` (count record numbers of the source) is copied. CALR_EINVAL names the option, or the
 * first item of the order out of range; CALR_ENOMEM. Work starts at once. */
calr_status calr_loader_new(const calr_loader_source *source, const int64_t *order, int64_t count,
                            const calr_loader_options *options, calr_loader **out);

/* The next batch: images[v] for each of options.views views, f32[b x height x width x 3], the
 * caller's, and *first, the position in the order of its first image. After the last batch: CALR_OK
 * with images[0] NULL. A record that cannot be read or decoded is an error that names it, at its
 * batch; the loader is then at its end. */
calr_status calr_loader_next(calr_loader *loader, calr_tensor *images[], int64_t *first);

/* An image that could not be read or decoded. */
typedef struct calr_loader_fault {
    int64_t position; /* in the order */
    char *message;    /* which names it */
} calr_loader_fault;

/* With options.skip_bad: the images of the batch handed out last that were left black (all zeros), by position.
 * Borrowed until the next call of calr_loader_next or the release. */
const calr_loader_fault *calr_loader_bad(const calr_loader *loader, int64_t *count);

/* Stops the workers and frees everything; batches already handed out stay. NULL is allowed. */
void calr_loader_release(calr_loader *loader);

#endif
