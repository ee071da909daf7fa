/* Many pictures to JPEGs at once. */
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/size.h"
#include "image/draw.h"
#include "image/jpeg.h"

#define GRAIN 8

typedef struct encode_job {
    const uint8_t *pixels;
    int height, width;
    const int32_t *quality;
    calr_draw_file *files;
    calr_jpeg **encoders; /* one a worker */
} encode_job;

static calr_status encode_one(const encode_job *job, calr_jpeg *encoder, int64_t i)
{
    const void *bytes;
    size_t size, stride = (size_t)job->height * (size_t)job->width * 3;
    CALR_TRY(calr_jpeg_encode(encoder, job->pixels + (size_t)i * stride, job->width, job->height,
                              job->quality[i], CALR_JPEG_420, &bytes, &size));
    void *copy = malloc(size ? size : 1);
    if (!copy)
        return calr_error(CALR_ENOMEM, "no memory for the JPEG of image %lld", (long long)i);
    memcpy(copy, bytes, size);
    job->files[i] = (calr_draw_file){copy, size};
    return CALR_OK;
}

static void encode_body(void *context, int64_t begin, int64_t end, int worker)
{
    encode_job *job = context;
    for (int64_t i = begin; i < end; i++)
        if (encode_one(job, job->encoders[worker], i) != CALR_OK)
            return; /* its file stays empty: found by the caller */
}

static calr_status encode_all(encode_job *job, int64_t count, int64_t workers)
{
    for (int64_t w = 0; w < workers; w++)
        CALR_TRY(calr_jpeg_new(&job->encoders[w]));
    calr_parallel_for(count, GRAIN, encode_body, job);
    for (int64_t i = 0; i < count; i++)
        if (!job->files[i].bytes) /* in this thread, for its message */
            CALR_TRY(encode_one(job, job->encoders[0], i));
    return CALR_OK;
}

calr_status calr_draw_encode(const uint8_t *pixels, int64_t count, int64_t height, int64_t width,
                             const int32_t *quality, calr_draw_file *files)
{
    if (count < 1)
        return CALR_OK;
    if (height < 1 || height > 65535 || width < 1 || width > 65535)
        return calr_error(CALR_EINVAL, "a JPEG is 1 to 65535 pixels high and wide, not %lld x %lld",
                          (long long)height, (long long)width);
    for (int64_t i = 0; i < count; i++)
        if (quality[i] < 1 || quality[i] > 100)
            return calr_error(CALR_EINVAL, "the quality of image %lld is %d, outside 1 to 100",
                              (long long)i, (int)quality[i]);
    int64_t chunks = (count + GRAIN - 1) / GRAIN, workers = calr_parallel_threads();
    if (workers > chunks)
        workers = chunks;
    encode_job job = {pixels,  (int)height, (int)width,
                      quality, files,       calr_array_zeros(workers, sizeof *job.encoders)};
    if (!job.encoders)
        return calr_error(CALR_ENOMEM, "no memory for %lld JPEG encoders", (long long)workers);
    calr_status status = encode_all(&job, count, workers);
    for (int64_t w = 0; w < workers; w++)
        calr_jpeg_release(job.encoders[w]);
    free(job.encoders);
    return status;
}
