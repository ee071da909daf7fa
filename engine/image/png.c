#include "image/png.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "base/size.h"

/* libpng reports an error by calling a function that must not return. Both directions keep what
 * they own in a `job` outside the frame that setjmp saves, so that nothing is lost and nothing is
 * clobbered by the jump. The jumps stay inside this file. */
typedef struct job {
    jmp_buf jump;
    char reason[200];
    bool no_memory;
    png_structp png;
    png_infop info;
    const uint8_t *in; /* reading: what is left */
    size_t left;
    uint8_t *out; /* writing: the file so far; reading: the pixels */
    size_t size, capacity;
    uint8_t **rows; /* reading: one pointer a row */
    png_uint_32 width, height;
} job;

static _Noreturn void on_error(png_structp png, png_const_charp reason)
{
    job *j = png_get_error_ptr(png);
    snprintf(j->reason, sizeof j->reason, "%s", reason);
    longjmp(j->jump, 1);
}

/* Warnings are about ancillary chunks: colour profiles, dates. The pixels are good. */
static void on_warning(png_structp png, png_const_charp reason)
{
    (void)png;
    (void)reason;
}

/* ---- writing ---- */

static void append(png_structp png, png_bytep data, size_t count)
{
    job *j = png_get_io_ptr(png);
    size_t need;
    if (!calr_size_add(j->size, count, &need))
        png_error(png, "too large");
    if (need > j->capacity) {
        size_t grown = need + need / 2 + 4096;
        uint8_t *moved = realloc(j->out, grown);
        if (!moved) {
            j->no_memory = true;
            png_error(png, "no memory");
        }
        j->out = moved;
        j->capacity = grown;
    }
    memcpy(j->out + j->size, data, count);
    j->size = need;
}

static void flush_nothing(png_structp png)
{
    (void)png;
}

static bool write_image(job *j, const uint8_t *pixels, int width, int height, int channels)
{
    if (setjmp(j->jump))
        return false;
    png_set_write_fn(j->png, j, append, flush_nothing);
    png_set_IHDR(j->png, j->info, (png_uint_32)width, (png_uint_32)height, 8,
                 channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(j->png, j->info);
    for (int y = 0; y < height; y++)
        png_write_row(j->png, pixels + (size_t)y * (size_t)width * (size_t)channels);
    png_write_end(j->png, j->info);
    return true;
}

calr_status calr_png_encode(const uint8_t *pixels, int width, int height, int channels,
                            void **bytes, size_t *size)
{
    if (width < 1 || height < 1 || width > 1000000 || height > 1000000)
        return calr_error(CALR_EINVAL, "a PNG image has sides of 1 to 1000000 pixels, not %d x %d",
                          width, height);
    if (channels != 1 && channels != 3)
        return calr_error(CALR_EINVAL, "a PNG image is written with 1 or 3 channels, not %d",
                          channels);
    job *j = calloc(1, sizeof *j);
    if (!j)
        return calr_error(CALR_ENOMEM, "no memory to write a PNG image");
    j->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, j, on_error, on_warning);
    j->info = j->png ? png_create_info_struct(j->png) : NULL;
    calr_status status = CALR_OK;
    if (!j->info)
        status = calr_error(CALR_ENOMEM, "no memory to write a PNG image");
    else if (!write_image(j, pixels, width, height, channels))
        status = j->no_memory ? calr_error(CALR_ENOMEM, "no memory to write a PNG image")
                              : calr_error(CALR_EINTERNAL, "a PNG image could not be written: %s",
                                           j->reason);
    png_destroy_write_struct(&j->png, &j->info);
    if (status == CALR_OK) {
        *bytes = j->out;
        *size = j->size;
    } else {
        free(j->out);
    }
    free(j);
    return status;
}

/* ---- reading ---- */

static void take(png_structp png, png_bytep data, size_t count)
{
    job *j = png_get_io_ptr(png);
    if (count > j->left)
        png_error(png, "the file ends early");
    memcpy(data, j->in, count);
    j->in += count;
    j->left -= count;
}

static bool read_header(job *j)
{
    if (setjmp(j->jump))
        return false;
    png_set_user_limits(j->png, 1000000, 1000000);
    png_set_read_fn(j->png, j, take);
    png_read_info(j->png, j->info);
    j->width = png_get_image_width(j->png, j->info);
    j->height = png_get_image_height(j->png, j->info);
    return true;
}

static bool read_pixels(job *j)
{
    if (setjmp(j->jump))
        return false;
    png_color_16 black = {0};
    png_set_expand(j->png); /* palettes, few bits, transparency chunks */
    png_set_strip_16(j->png);
    png_set_gray_to_rgb(j->png);
    png_set_background(j->png, &black, PNG_BACKGROUND_GAMMA_SCREEN, 0, 1.0);
    png_set_interlace_handling(j->png);
    png_read_update_info(j->png, j->info);
    if (png_get_rowbytes(j->png, j->info) != 3 * (size_t)j->width)
        png_error(j->png, "unexpected pixel format");
    png_read_image(j->png, j->rows);
    png_read_end(j->png, NULL);
    return true;
}

static calr_status read_job(job *j)
{
    if (!read_header(j))
        return calr_error(CALR_EFORMAT, "the PNG image is corrupt (%s)", j->reason);
    if ((int64_t)j->width * j->height > CALR_PNG_LIMIT)
        return calr_error(CALR_EFORMAT,
                          "the PNG image claims %u x %u pixels; at most %lld are accepted",
                          j->width, j->height, (long long)CALR_PNG_LIMIT);
    size_t row = 3 * (size_t)j->width;
    j->out = calr_array_new(j->height, row);
    j->rows = calr_array_new(j->height, sizeof *j->rows);
    if (!j->out || !j->rows)
        return calr_error(CALR_ENOMEM, "no memory to read a PNG image of %u x %u pixels", j->width,
                          j->height);
    for (png_uint_32 y = 0; y < j->height; y++)
        j->rows[y] = j->out + y * row;
    if (!read_pixels(j))
        return calr_error(CALR_EFORMAT, "the PNG image is corrupt (%s)", j->reason);
    return CALR_OK;
}

bool calr_png_is(const void *bytes, size_t size)
{
    return size >= 8 && png_sig_cmp(bytes, 0, 8) == 0;
}

/* The first chunk is IHDR: width, height, bits, colour type. */
calr_status calr_png_probe(const void *bytes, size_t size, int *width, int *height, bool *gray)
{
    const uint8_t *b = bytes;
    if (!calr_png_is(bytes, size))
        return calr_error(CALR_EFORMAT, "not a PNG image");
    if (size < 26 || memcmp(b + 12, "IHDR", 4) != 0)
        return calr_error(CALR_EFORMAT, "the PNG image is corrupt (it has no header)");
    uint32_t w = png_get_uint_32(b + 16), h = png_get_uint_32(b + 20);
    if (w < 1 || h < 1 || w > 1000000 || h > 1000000)
        return calr_error(CALR_EFORMAT, "the PNG image claims %u x %u pixels", w, h);
    *width = (int)w;
    *height = (int)h;
    if (gray)
        *gray = (b[25] & (PNG_COLOR_MASK_COLOR | PNG_COLOR_MASK_PALETTE)) == 0;
    return CALR_OK;
}

calr_status calr_png_decode(const void *bytes, size_t size, uint8_t **pixels, int *width,
                            int *height)
{
    if (!calr_png_is(bytes, size))
        return calr_error(CALR_EFORMAT, "not a PNG image");
    job *j = calloc(1, sizeof *j);
    if (!j)
        return calr_error(CALR_ENOMEM, "no memory to read a PNG image");
    j->in = bytes;
    j->left = size;
    j->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, j, on_error, on_warning);
    j->info = j->png ? png_create_info_struct(j->png) : NULL;
    calr_status status =
        j->info ? read_job(j) : calr_error(CALR_ENOMEM, "no memory to read a PNG image");
    png_destroy_read_struct(&j->png, &j->info, NULL);
    free(j->rows);
    if (status == CALR_OK) {
        *pixels = j->out;
        *width = (int)j->width;
        *height = (int)j->height;
    } else {
        free(j->out);
    }
    free(j);
    return status;
}
