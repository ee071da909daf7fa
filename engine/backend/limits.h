/* The limits of this machine: the rates that `calr bench` compares measured times with. */
#ifndef CALR_BACKEND_LIMITS_H
#define CALR_BACKEND_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef enum calr_stream {
    CALR_STREAM_READ, /* every byte of a buffer is read once */
    CALR_STREAM_WRITE,
    CALR_STREAM_COPY /* one buffer into another: `bytes` counts what is read and what is written */
} calr_stream;

/* The shortest time of `repeat` products of two size x size matrices of f32 by the backend's gemm, on
 * all threads, after one that is not counted; 2 size^3 / *seconds is FLOP/s. CALR_EINVAL: size or repeat
 * below 1. CALR_ENOMEM. */
calr_status calr_limits_gemm(int64_t size, int repeat, double *seconds);

/* The shortest time of `repeat` passes over `bytes` bytes of memory on all threads, after one that is not
 * counted. For a figure of the memory and not of the cache, bytes is several times the last cache's size.
 * CALR_EINVAL, CALR_ENOMEM. */
calr_status calr_limits_stream(calr_stream kind, size_t bytes, int repeat, double *seconds);

#endif
