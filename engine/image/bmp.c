#include "image/bmp.h"

#include <string.h>

/* Offsets in the file: a header of 14 bytes, then one whose first number is its size. */
enum { FILE_HEADER = 14, CORE_HEADER = 12, INFO_HEADER = 40, V2_HEADER = 52 };

enum { RGB = 0, BITFIELDS = 3, ALPHA_BITFIELDS = 6 };

typedef struct bmp {
    const uint8_t *bytes;
    size_t size;
    size_t pixels; /* where they begin */
    int width, height;
    bool from_top;
    int bits;
    const uint8_t *palette;
    int colors, color_size; /* of the palette: entries, and bytes of each */
    uint32_t masks[3];
} bmp;

static uint32_t u16(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

static uint32_t u32(const uint8_t *at)
{
    return u16(at) | u16(at + 2) << 16;
}

bool calr_bmp_is(const void *bytes, size_t size)
{
    const uint8_t *b = bytes;
    if (size < FILE_HEADER + CORE_HEADER || b[0] != 'B' || b[1] != 'M')
        return false;
    uint32_t header = u32(b + FILE_HEADER);
    return header == CORE_HEADER || (header >= INFO_HEADER && header <= 124);
}

static calr_status read_palette(bmp *b, uint32_t header, uint32_t used)
{
    size_t at = FILE_HEADER + (size_t)header;
    b->color_size = header == CORE_HEADER ? 3 : 4;
    b->colors = 1 << b->bits;
    if (used > 0 && used < (uint32_t)b->colors)
        b->colors = (int)used;
    if (at + (size_t)b->colors * (size_t)b->color_size > b->size)
        return calr_error(CALR_EFORMAT, "the BMP image is truncated (in its palette)");
    b->palette = b->bytes + at;
    return CALR_OK;
}

/* Masks of red, green, blue: behind the short header, or inside a longer one. Both are at the same place. */
static calr_status read_masks(bmp *b, uint32_t compression)
{
    static const uint32_t five[3] = {0x7c00, 0x3e0, 0x1f}, eight[3] = {0xff0000, 0xff00, 0xff};
    memcpy(b->masks, b->bits == 16 ? five : eight, sizeof b->masks);
    if (compression == RGB)
        return CALR_OK;
    if (b->size < FILE_HEADER + V2_HEADER)
        return calr_error(CALR_EFORMAT, "the BMP image is truncated (in its header)");
    for (int c = 0; c < 3; c++)
        b->masks[c] = u32(b->bytes + FILE_HEADER + INFO_HEADER + 4 * c);
    for (int c = 0; c < 3; c++)
        if (b->masks[c] == 0)
            return calr_error(CALR_EFORMAT, "the BMP image is corrupt (a colour without bits)");
    return CALR_OK;
}

static calr_status read_header(const void *bytes, size_t size, bmp *b)
{
    *b = (bmp){.bytes = bytes, .size = size};
    if (!calr_bmp_is(bytes, size))
        return calr_error(CALR_EFORMAT, "not a BMP image");
    const uint8_t *at = b->bytes + FILE_HEADER;
    uint32_t header = u32(at), compression = RGB, used = 0;
    int64_t width, height;
    if (header != CORE_HEADER && size < FILE_HEADER + INFO_HEADER)
        return calr_error(CALR_EFORMAT, "the BMP image is truncated (in its header)");
    if (header == CORE_HEADER) {
        width = u16(at + 4);
        height = u16(at + 6);
        b->bits = (int)u16(at + 10);
    } else {
        width = (int32_t)u32(at + 4);
        height = (int32_t)u32(at + 8);
        b->bits = (int)u16(at + 14);
        compression = u32(at + 16);
        used = u32(at + 32);
    }
    b->from_top = height < 0;
    height = height < 0 ? -height : height;
    if (width < 1 || height < 1 || width > 1000000 || height > 1000000)
        return calr_error(CALR_EFORMAT, "the BMP image claims %lld x %lld pixels", (long long)width,
                          (long long)height);
    b->width = (int)width;
    b->height = (int)height;
    b->pixels = u32(b->bytes + 10);
    if (compression == 1 || compression == 2)
        return calr_error(CALR_EFORMAT, "the BMP image is run-length coded, which is not read: "
                                        "save it as PNG");
    bool fields = compression == BITFIELDS || compression == ALPHA_BITFIELDS;
    if (compression != RGB && !(fields && (b->bits == 16 || b->bits == 32)))
        return calr_error(CALR_EFORMAT, "the BMP image has the compression %u, which is not read",
                          compression);
    switch (b->bits) {
    case 1:
    case 4:
    case 8:
        return read_palette(b, header, used);
    case 16:
    case 32:
        return read_masks(b, compression);
    case 24:
        return CALR_OK;
    default:
        return calr_error(CALR_EFORMAT, "the BMP image has %d bits a pixel, which is not read",
                          b->bits);
    }
}

calr_status calr_bmp_probe(const void *bytes, size_t size, int *width, int *height)
{
    bmp b;
    CALR_TRY(read_header(bytes, size, &b));
    *width = b.width;
    *height = b.height;
    return CALR_OK;
}

/* The bits of a mask as 0 .. 255. */
static uint8_t field(uint32_t pixel, uint32_t mask)
{
    int shift = __builtin_ctz(mask);
    uint64_t most = mask >> shift, value = (pixel & mask) >> shift;
    return (uint8_t)(value * 255 / most);
}

/* Pixel `x` of a row of 1, 4 or 8 bits. Indices beyond the palette are black. */
static void paint_indexed(const bmp *b, const uint8_t *row, int x, uint8_t *to)
{
    int per_byte = 8 / b->bits;
    int index = row[x / per_byte] >> (8 - b->bits * (x % per_byte + 1)) & ((1 << b->bits) - 1);
    memset(to, 0, 3);
    if (index >= b->colors)
        return;
    const uint8_t *color = b->palette + index * b->color_size;
    for (int c = 0; c < 3; c++)
        to[c] = color[2 - c];
}

static void paint_row(const bmp *b, const uint8_t *row, uint8_t *to)
{
    for (int x = 0; x < b->width; x++, to += 3) {
        if (b->bits <= 8) {
            paint_indexed(b, row, x, to);
        } else if (b->bits == 24) {
            for (int c = 0; c < 3; c++)
                to[c] = row[3 * x + 2 - c];
        } else {
            uint32_t pixel = b->bits == 16 ? u16(row + 2 * x) : u32(row + 4 * x);
            for (int c = 0; c < 3; c++)
                to[c] = field(pixel, b->masks[c]);
        }
    }
}

calr_status calr_bmp_decode(const void *bytes, size_t size, uint8_t *pixels)
{
    bmp b;
    CALR_TRY(read_header(bytes, size, &b));
    size_t row = ((size_t)b.width * (size_t)b.bits + 31) / 32 * 4;
    if (b.pixels > size || (size - b.pixels) / row < (size_t)b.height)
        return calr_error(CALR_EFORMAT, "the BMP image is truncated");
    for (int y = 0; y < b.height; y++) {
        int from = b.from_top ? y : b.height - 1 - y;
        paint_row(&b, b.bytes + b.pixels + (size_t)from * row,
                  pixels + (size_t)y * (size_t)b.width * 3);
    }
    return CALR_OK;
}
