/* Generated images and golden files for the tests of image/ and loader/. */
#ifndef CALR_TESTS_PICTURE_H
#define CALR_TESTS_PICTURE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/file.h"

/* The picture of tests/reference/image/make.py: u8[height x width x 3], malloc'ed. */
static inline uint8_t *picture_make(int width, int height, uint32_t seed)
{
    uint8_t *out = malloc((size_t)width * (size_t)height * 3);
    uint32_t state = seed;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++) {
                state = state * 1664525u + 1013904223u;
                int wave = (x * (5 + 2 * c) + y * (3 + c)) % 256;
                wave = 2 * (wave < 128 ? wave : 255 - wave);
                int value = wave + (int)(state >> 26) - 32;
                value = value < 0 ? 0 : value > 255 ? 255 : value;
                if (x >= width / 4 && x < width / 2) {
                    if (y >= height / 4 && y < height / 2)
                        value = 255;
                    else if (y >= height / 2 && y < height / 2 + height / 8)
                        value = 0;
                }
                out[((size_t)y * (size_t)width + (size_t)x) * 3 + (size_t)c] = (uint8_t)value;
            }
    return out;
}

/* A file of tests/reference/image, malloc'ed; NULL when it cannot be read. */
static inline void *picture_file(const char *name, size_t *size)
{
    char path[512];
    void *data = NULL;
    snprintf(path, sizeof path, "%s/image/%s", CALR_TEST_REFERENCE, name);
    return calr_file_read(path, &data, size) == CALR_OK ? data : NULL;
}

/* The pixels of a PPM file of tests/reference/image, malloc'ed; NULL when it cannot be read. */
static inline uint8_t *picture_ppm(const char *name, int *width, int *height)
{
    size_t size = 0;
    int head = 0;
    char *data = picture_file(name, &size);
    if (!data || sscanf(data, "P6\n%d %d\n255%n", width, height, &head) != 2)
        return NULL;
    size_t bytes = (size_t)*width * (size_t)*height * 3;
    if (size != (size_t)head + 1 + bytes)
        return NULL;
    memmove(data, data + head + 1, bytes);
    return (uint8_t *)data;
}

/* Largest difference of two images of `count` bytes. */
static inline int picture_difference(const uint8_t *a, const uint8_t *b, size_t count)
{
    int most = 0;
    for (size_t i = 0; i < count; i++) {
        int difference = abs(a[i] - b[i]);
        most = difference > most ? difference : most;
    }
    return most;
}

/* CRC-32 as zlib computes it. */
static inline uint32_t picture_crc(const uint8_t *data, size_t size)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

#endif
