#include "image/pixels.h"

#include <string.h>

#include "base/clones.h"

#define HALF  (1 << (CALR_PIXELS_FRACTION - 1))
#define BLOCK 64 /* bytes whose sums stay in registers */

void calr_pixels_pair(const int32_t *weight, int count, int32_t *pairs)
{
    for (int k = 0; k < count; k += 2, pairs += 2) {
        int32_t a = weight[k], b = k + 1 < count ? weight[k + 1] : 0;
        uint32_t high = (uint32_t)(a >> 15 & 0xffff) | (uint32_t)(b >> 15) << 16;
        uint32_t low = (uint32_t)(a & 0x7fff) | (uint32_t)(b & 0x7fff) << 16;
        pairs[0] = (int32_t)high;
        pairs[1] = (int32_t)low;
    }
}

static inline void weigh_block(const calr_pixel_weights *weights, const uint8_t *rows,
                               size_t stride, int width, uint8_t *restrict to)
{
    int32_t sums[BLOCK];
    for (int x = 0; x < width; x++)
        sums[x] = HALF;
    for (int k = 0; k < weights->count; k++, rows += stride)
        for (int x = 0; x < width; x++)
            sums[x] += rows[x] * weights->weight[k];
    for (int x = 0; x < width; x++) {
        int32_t value = sums[x] >> CALR_PIXELS_FRACTION;
        value = value < 0 ? 0 : value;
        to[x] = (uint8_t)(value > 255 ? 255 : value);
    }
}

CALR_CLONES static void weigh(const calr_pixel_weights *weights, const uint8_t *rows, size_t stride,
                              size_t width, uint8_t *to)
{
    size_t x = 0;
    for (; x + BLOCK <= width; x += BLOCK)
        weigh_block(weights, rows + x, stride, BLOCK, to + x);
    if (x < width)
        weigh_block(weights, rows + x, stride, (int)(width - x), to + x);
}

static void reverse(const uint8_t *pixels, size_t count, uint8_t *to)
{
    for (const uint8_t *from = pixels + 3 * count; from > pixels; to += 3) {
        from -= 3;
        to[0] = from[0];
        to[1] = from[1];
        to[2] = from[2];
    }
}

static const calr_pixel_kernels plain = {"plain", weigh, reverse, NULL};

#if defined(__x86_64__)
const calr_pixel_kernels *calr_pixels_kernels(int number)
{
    const calr_pixel_kernels *known[3] = {&plain};
    int count = 1;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        known[count++] = &calr_pixels_avx2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"))
        known[count++] = &calr_pixels_avx512;
    return number >= 0 && number < count ? known[number] : NULL;
}
#else
const calr_pixel_kernels *calr_pixels_kernels(int number)
{
    return number == 0 ? &plain : NULL;
}
#endif

const calr_pixel_kernels *calr_pixels_best(void)
{
    int number = 0;
    while (calr_pixels_kernels(number + 1))
        number++;
    return calr_pixels_kernels(number);
}
