#include "image/decoder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/kind.h"
#include "base/size.h"
#include "image/bmp.h"
#include "image/jpeg.h"
#include "image/png.h"

struct calr_decoder {
    calr_jpeg *jpeg;
    int64_t limit;
    uint8_t *pixels; /* of the last image that is no JPEG */
    bool jpeg_was_last;
};

calr_status calr_decoder_new(calr_decoder **out)
{
    calr_decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder)
        return calr_error(CALR_ENOMEM, "no memory for a decoder of images");
    calr_status status = calr_jpeg_new(&decoder->jpeg);
    if (status != CALR_OK) {
        free(decoder);
        return status;
    }
    decoder->limit = CALR_JPEG_LIMIT;
    *out = decoder;
    return CALR_OK;
}

void calr_decoder_release(calr_decoder *decoder)
{
    if (!decoder)
        return;
    calr_jpeg_release(decoder->jpeg);
    free(decoder->pixels);
    free(decoder);
}

calr_status calr_decoder_set_limit(calr_decoder *decoder, int64_t pixels)
{
    CALR_TRY(calr_jpeg_set_limit(decoder->jpeg, pixels));
    decoder->limit = pixels;
    return CALR_OK;
}

static calr_status check_limit(const calr_decoder *decoder, const char *kind, int width, int height)
{
    if ((int64_t)width * height <= decoder->limit)
        return CALR_OK;
    return calr_error(
        CALR_EFORMAT,
        "the %s image claims %d x %d pixels; at most %lld pixels are accepted (pixel limit)", kind,
        width, height, (long long)decoder->limit);
}

static calr_status decode_png(calr_decoder *decoder, const void *bytes, size_t size, int *width,
                              int *height)
{
    CALR_TRY(calr_png_probe(bytes, size, width, height, NULL));
    CALR_TRY(check_limit(decoder, "PNG", *width, *height));
    return calr_png_decode(bytes, size, &decoder->pixels, width, height);
}

static calr_status decode_bmp(calr_decoder *decoder, const void *bytes, size_t size, int *width,
                              int *height)
{
    CALR_TRY(calr_bmp_probe(bytes, size, width, height));
    CALR_TRY(check_limit(decoder, "BMP", *width, *height));
    decoder->pixels = calr_array_new((int64_t)*height * *width, 3);
    if (!decoder->pixels)
        return calr_error(CALR_ENOMEM, "no memory to read a BMP image of %d x %d pixels", *width,
                          *height);
    return calr_bmp_decode(bytes, size, decoder->pixels);
}

/* ---- what the bytes are ---- */

/* Of bytes that are no whole PNG or BMP header: whether they can be a JPEG. The name of a file is not looked at. */
static calr_status check_is_image(const uint8_t *bytes, size_t size)
{
    static const char png[8] = "\x89PNG\r\n\x1a\n";
    if (size == 0)
        return calr_error(CALR_EFORMAT, "the file is empty (0 bytes)");
    if (size >= 2 && bytes[0] == 0xff && bytes[1] == 0xd8)
        return CALR_OK;
    if (size >= 4 && size < sizeof png && memcmp(bytes, png, size) == 0)
        return calr_error(CALR_EFORMAT, "the PNG image is truncated (after %zu bytes)", size);
    const char *kind = calr_kind_of_bytes(bytes, size);
    if (!kind && size >= 2 && memcmp(bytes, "BM", 2) == 0)
        return calr_error(CALR_EFORMAT, "the BMP image is truncated or corrupt (in its header)");
    if (kind)
        return calr_error(CALR_EFORMAT, "no JPEG, PNG or BMP image: it looks like %s", kind);
    char head[32] = "";
    for (size_t i = 0; i < 4 && i < size; i++)
        snprintf(head + strlen(head), sizeof head - strlen(head), " %02x", bytes[i]);
    return calr_error(CALR_EFORMAT, "no JPEG, PNG or BMP image: it begins with the bytes%s", head);
}

calr_status calr_decoder_decode(calr_decoder *decoder, const void *bytes, size_t size,
                                const uint8_t **pixels, int *width, int *height)
{
    free(decoder->pixels);
    decoder->pixels = NULL;
    bool is_png = calr_png_is(bytes, size), is_bmp = calr_bmp_is(bytes, size);
    decoder->jpeg_was_last = !is_png && !is_bmp;
    if (decoder->jpeg_was_last) {
        CALR_TRY(check_is_image(bytes, size));
        return calr_jpeg_decode(decoder->jpeg, bytes, size, pixels, width, height);
    }
    CALR_TRY((is_png ? decode_png : decode_bmp)(decoder, bytes, size, width, height));
    *pixels = decoder->pixels;
    return CALR_OK;
}

const char *calr_decoder_note(const calr_decoder *decoder)
{
    return decoder->jpeg_was_last ? calr_jpeg_note(decoder->jpeg) : NULL;
}

calr_status calr_decoder_probe(const void *bytes, size_t size, calr_image_info *out)
{
    static const char *const colors[] = {
        [CALR_JPEG_RGB] = "rgb", [CALR_JPEG_GRAY] = "gray", [CALR_JPEG_CMYK] = "cmyk"};
    *out = (calr_image_info){.format = "jpeg", .color = "rgb"};
    if (calr_png_is(bytes, size)) {
        bool gray;
        out->format = "png";
        CALR_TRY(calr_png_probe(bytes, size, &out->width, &out->height, &gray));
        out->color = gray ? "gray" : "rgb";
        return CALR_OK;
    }
    if (calr_bmp_is(bytes, size)) {
        out->format = "bmp";
        return calr_bmp_probe(bytes, size, &out->width, &out->height);
    }
    CALR_TRY(check_is_image(bytes, size));
    calr_jpeg_info info;
    CALR_TRY(calr_jpeg_probe(bytes, size, &info));
    out->width = info.width;
    out->height = info.height;
    out->color = colors[info.color];
    return CALR_OK;
}
