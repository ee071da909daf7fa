#include "image/jpeg.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <turbojpeg.h>

#include "base/size.h"
#include "image/jpeg_stray.h"

/* A buffer that only grows. Its data begins OFFSET bytes after a multiple of 32: where rows of
 * pixels are aligned, libjpeg-turbo writes them past the cache, and whoever reads them next (we do,
 * at once) waits for the memory. That took a fifth of the time of decoding a small image. */
#define ALIGNMENT 32
#define OFFSET    8
typedef struct buffer {
    uint8_t *memory, *data;
    size_t capacity;
} buffer;

struct calr_jpeg {
    tjhandle writer;          /* made when first needed */
    int64_t limit;            /* pixels */
    buffer pixels, ink, file; /* RGB; CMYK before conversion; the encoded image, or a cleaned one */
    bool has_strays;          /* in the last image: see calr_jpeg_note */
};

static calr_status buffer_reserve(buffer *b, size_t size, const char *what)
{
    if (size <= b->capacity)
        return CALR_OK;
    free(b->memory);
    size_t rounded = (size + OFFSET + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    b->memory = rounded > size ? aligned_alloc(ALIGNMENT, rounded) : NULL;
    b->data = b->memory ? b->memory + OFFSET : NULL;
    b->capacity = b->memory ? size : 0;
    return b->memory ? CALR_OK
                     : calr_error(CALR_ENOMEM, "no memory for %zu bytes of %s", size, what);
}

calr_status calr_jpeg_new(calr_jpeg **out)
{
    calr_jpeg *jpeg = calloc(1, sizeof *jpeg);
    if (!jpeg)
        return calr_error(CALR_ENOMEM, "no memory for a JPEG decoder");
    jpeg->limit = CALR_JPEG_LIMIT;
    *out = jpeg;
    return CALR_OK;
}

void calr_jpeg_release(calr_jpeg *jpeg)
{
    if (!jpeg)
        return;
    if (jpeg->writer)
        tjDestroy(jpeg->writer);
    free(jpeg->pixels.memory);
    free(jpeg->ink.memory);
    free(jpeg->file.memory);
    free(jpeg);
}

calr_status calr_jpeg_set_limit(calr_jpeg *jpeg, int64_t pixels)
{
    if (pixels < 1)
        return calr_error(CALR_EINVAL, "the limit on pixels must be at least 1, not %lld",
                          (long long)pixels);
    jpeg->limit = pixels;
    return CALR_OK;
}

static calr_status check_is_jpeg(const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return calr_error(CALR_EFORMAT, "the file is empty (0 bytes)");
    if (size < 2 || bytes[0] != 0xff || bytes[1] != 0xd8)
        return calr_error(CALR_EFORMAT, "not a JPEG image");
    return CALR_OK;
}

/* ---- decoding ---- */

/* Whether the end marker is where it belongs, give or take a few bytes of padding. */
static int has_end(const uint8_t *bytes, size_t size)
{
    for (size_t i = size; i >= 2 && size - i < 64; i--)
        if (bytes[i - 2] == 0xff && bytes[i - 1] == 0xd9)
            return 1;
    return 0;
}

/* The library's reason, in the words of a person who has the file before him. */
static calr_status decode_failure(const char *reason, const uint8_t *bytes, size_t size)
{
    if (strstr(reason, "Insufficient memory") || strstr(reason, "Memory allocation failure"))
        return calr_error(CALR_ENOMEM, "no memory to decode a JPEG image");
    int truncated = strstr(reason, "Premature end of") || !has_end(bytes, size);
    return calr_error(CALR_EFORMAT, "the JPEG image is %s (%s)",
                      truncated ? "truncated" : "corrupt", reason);
}

static calr_status read_header(tjhandle reader, const void *bytes, size_t size, calr_jpeg_info *out)
{
    /* A sampling that turbojpeg has no name for is reported as a failure, but decodes all the same:
     * what counts is whether it found the size and the colours. */
    int width = 0, height = 0, sampling = -1, space = -1;
    int failed = tjDecompressHeader3(reader, bytes, size, &width, &height, &sampling, &space);
    if (failed && (width < 1 || height < 1 || space < 0))
        return decode_failure(tjGetErrorStr2(reader), bytes, size);
    if (width < 1 || height < 1)
        return decode_failure("it holds no image", bytes, size);
    out->width = width;
    out->height = height;
    out->color = space == TJCS_GRAY                         ? CALR_JPEG_GRAY
                 : space == TJCS_CMYK || space == TJCS_YCCK ? CALR_JPEG_CMYK
                                                            : CALR_JPEG_RGB;
    return CALR_OK;
}

/* A new one for each file, which costs a fifth of a microsecond: turbojpeg's handles keep the
 * tables of the last file for the next one, and the debris of a bad one. */
static calr_status reader_new(tjhandle *out)
{
    *out = tjInitDecompress();
    return *out
               ? CALR_OK
               : calr_error(CALR_ENOMEM, "no JPEG decoder could be made: %s", tjGetErrorStr2(NULL));
}

calr_status calr_jpeg_probe(const void *bytes, size_t size, calr_jpeg_info *out)
{
    CALR_TRY(check_is_jpeg(bytes, size));
    tjhandle reader;
    CALR_TRY(reader_new(&reader));
    calr_status status = read_header(reader, bytes, size, out);
    tjDestroy(reader);
    return status;
}

/* Inks stored inverted (255: no ink) to RGB, rounded as Pillow's CMYK to RGB conversion. */
static void ink_to_rgb(const uint8_t *ink, uint8_t *rgb, size_t count)
{
    for (size_t i = 0; i < count; i++, ink += 4, rgb += 3) {
        int light = ink[3];
        for (int c = 0; c < 3; c++) {
            int product = (255 - ink[c]) * light + 128; /* / 255 by shifts, as Pillow's MULDIV255 */
            int value = light - (((product >> 8) + product) >> 8);
            rgb[c] = (uint8_t)(value < 0 ? 0 : value);
        }
    }
}

static calr_status read_pixels(calr_jpeg *jpeg, tjhandle reader, const void *bytes, size_t size,
                               calr_jpeg_info *info)
{
    CALR_TRY(read_header(reader, bytes, size, info));
    if ((int64_t)info->width * info->height > jpeg->limit)
        return calr_error(
            CALR_EFORMAT,
            "the JPEG image claims %d x %d pixels; at most %lld pixels are accepted (pixel limit)",
            info->width, info->height, (long long)jpeg->limit);
    size_t count = (size_t)info->width * (size_t)info->height;
    int is_ink = info->color == CALR_JPEG_CMYK;
    CALR_TRY(buffer_reserve(&jpeg->pixels, 3 * count, "pixels"));
    if (is_ink)
        CALR_TRY(buffer_reserve(&jpeg->ink, 4 * count, "CMYK pixels"));
    /* LIMITSCANS: a progressive file of thousands of scans would take minutes. */
    int flags = TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS | TJFLAG_STOPONWARNING;
    if (tjDecompress2(reader, bytes, size, is_ink ? jpeg->ink.data : jpeg->pixels.data, info->width,
                      0, info->height, is_ink ? TJPF_CMYK : TJPF_RGB, flags) != 0)
        return decode_failure(tjGetErrorStr2(reader), bytes, size);
    if (is_ink)
        ink_to_rgb(jpeg->ink.data, jpeg->pixels.data, count);
    return CALR_OK;
}

static calr_status decode_strictly(calr_jpeg *jpeg, const void *bytes, size_t size,
                                   calr_jpeg_info *info)
{
    tjhandle reader;
    CALR_TRY(reader_new(&reader));
    calr_status status = read_pixels(jpeg, reader, bytes, size, info);
    tjDestroy(reader);
    return status;
}

/* Whether the failure in the status message is bytes too many, how many, and before which marker. */
static int strays_of_failure(size_t *count, unsigned *marker)
{
    const char *at = strstr(calr_status_message(), "Corrupt JPEG data: ");
    return at && sscanf(at, "Corrupt JPEG data: %zu extraneous bytes before marker 0x%x", count,
                        marker) == 2;
}

/* The library counts bytes too many at the end of a run of pixels, and names the marker behind it; where several runs
 * end with that marker, each is tried. A wrong cut takes pixels away, which the next decoding tells. */
static calr_status decode_cut(calr_jpeg *jpeg, uint8_t *bytes, size_t *size, calr_jpeg_info *info)
{
    enum { CUTS = 8, RUNS = 16 };
    calr_status status = decode_strictly(jpeg, bytes, *size, info);
    size_t count;
    unsigned marker;
    for (int cut = 0; cut < CUTS && status == CALR_EFORMAT; cut++) {
        if (!strays_of_failure(&count, &marker))
            return status;
        uint8_t *whole = malloc(*size);
        if (!whole)
            return calr_error(CALR_ENOMEM, "no memory to decode a JPEG image");
        size_t before = *size;
        memcpy(whole, bytes, before);
        int usable = 0;
        for (int run = 0; run < RUNS && !usable; run++) {
            if (!calr_jpeg_cut_run(bytes, size, run, (int)marker, count))
                break;
            status = decode_strictly(jpeg, bytes, *size, info);
            size_t more;
            unsigned other;
            usable = status != CALR_EFORMAT || strays_of_failure(&more, &other);
            if (!usable) {
                memcpy(bytes, whole, before);
                *size = before;
            }
        }
        free(whole);
        if (!usable)
            return status;
    }
    return status;
}

/* Once more without the bytes that do not belong into the file. */
static calr_status decode_cleaned(calr_jpeg *jpeg, const void *bytes, size_t size,
                                  calr_jpeg_info *info)
{
    CALR_TRY(buffer_reserve(&jpeg->file, size, "a JPEG image"));
    size_t left = calr_jpeg_without_gaps(bytes, size, jpeg->file.data);
    CALR_TRY(decode_cut(jpeg, jpeg->file.data, &left, info));
    jpeg->has_strays = true;
    return CALR_OK;
}

const char *calr_jpeg_note(const calr_jpeg *jpeg)
{
    return jpeg->has_strays ? "stray bytes between its segments are passed over" : NULL;
}

calr_status calr_jpeg_decode(calr_jpeg *jpeg, const void *bytes, size_t size,
                             const uint8_t **pixels, int *width, int *height)
{
    jpeg->has_strays = false;
    CALR_TRY(check_is_jpeg(bytes, size));
    calr_jpeg_info info;
    calr_status status = decode_strictly(jpeg, bytes, size, &info);
    size_t count;
    unsigned marker;
    if (status == CALR_EFORMAT && strays_of_failure(&count, &marker))
        status = decode_cleaned(jpeg, bytes, size, &info);
    if (status != CALR_OK)
        return status;
    *pixels = jpeg->pixels.data;
    *width = info.width;
    *height = info.height;
    return CALR_OK;
}

/* ---- encoding ---- */

calr_status calr_jpeg_encode(calr_jpeg *jpeg, const uint8_t *pixels, int width, int height,
                             int quality, calr_jpeg_chroma chroma, const void **bytes, size_t *size)
{
    static const int sampling[] = {
        [CALR_JPEG_444] = TJSAMP_444, [CALR_JPEG_422] = TJSAMP_422, [CALR_JPEG_420] = TJSAMP_420};
    if (width < 1 || height < 1 || width > 65535 || height > 65535)
        return calr_error(CALR_EINVAL, "a JPEG image has sides of 1 to 65535 pixels, not %d x %d",
                          width, height);
    if (quality < 1 || quality > 100)
        return calr_error(CALR_EINVAL, "the quality of a JPEG image is 1 to 100, not %d", quality);
    if ((unsigned)chroma > CALR_JPEG_420)
        return calr_error(CALR_EINVAL, "there is no chroma resolution %d", (int)chroma);
    unsigned long most = tjBufSize(width, height, sampling[chroma]);
    if (most == (unsigned long)-1)
        return calr_error(CALR_ENOMEM, "a JPEG image of %d x %d pixels is too large", width,
                          height);
    CALR_TRY(buffer_reserve(&jpeg->file, most, "an encoded image"));
    if (!jpeg->writer)
        jpeg->writer = tjInitCompress();
    if (!jpeg->writer)
        return calr_error(CALR_ENOMEM, "no JPEG encoder could be made: %s", tjGetErrorStr2(NULL));
    unsigned char *file = jpeg->file.data;
    unsigned long written = most;
    if (tjCompress2(jpeg->writer, pixels, width, 0, height, TJPF_RGB, &file, &written,
                    sampling[chroma], quality, TJFLAG_ACCURATEDCT | TJFLAG_NOREALLOC) != 0)
        return calr_error(CALR_EINTERNAL, "a JPEG image could not be encoded: %s",
                          tjGetErrorStr2(jpeg->writer));
    *bytes = file;
    *size = written;
    return CALR_OK;
}
