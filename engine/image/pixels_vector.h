/* The text of the vector kernels of pixels.h. The including file says BYTES (of a vector), V(name)
 * (the operation of that width), FLOATS(name) (the same for f32), whole, floats (the types of vectors),
 * ZERO, LOAD, STORE, TAKE(p) (i32 of BYTES / 4 bytes at p), KERNELS and NAME. */
#include <immintrin.h>

#include "image/pixels.h"

#define INLINE static inline __attribute__((always_inline))
#define LANES  (BYTES / 4)

/* BYTES sums. Bytes of two rows are put side by side as 16-bit numbers and multiplied and added in
 * pairs, once with the upper and once with the lower bits of the weights. Unpacking and packing
 * both go by parts of 128 bits, so that bytes end where they began. */
INLINE void weigh_block(const calr_pixel_weights *weights, const uint8_t *rows, size_t stride,
                        uint8_t *to)
{
    const whole zero = ZERO, half = V(set1_epi32)(1 << (CALR_PIXELS_FRACTION - 1));
    whole high[4] = {zero, zero, zero, zero}, low[4] = {half, half, half, half};
    const int32_t *pairs = weights->pairs;
    for (int k = 0; k < weights->count; k += 2, pairs += 2, rows += 2 * stride) {
        whole a = LOAD(rows), b = k + 1 < weights->count ? LOAD(rows + stride) : zero;
        whole first = V(unpacklo_epi8)(a, b), last = V(unpackhi_epi8)(a, b);
        whole pixels[4] = {V(unpacklo_epi8)(first, zero), V(unpackhi_epi8)(first, zero),
                           V(unpacklo_epi8)(last, zero), V(unpackhi_epi8)(last, zero)};
        whole upper = V(set1_epi32)(pairs[0]), lower = V(set1_epi32)(pairs[1]);
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            high[i] = V(add_epi32)(high[i], V(madd_epi16)(pixels[i], upper));
            low[i] = V(add_epi32)(low[i], V(madd_epi16)(pixels[i], lower));
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        high[i] =
            V(srai_epi32)(V(add_epi32)(V(slli_epi32)(high[i], 15), low[i]), CALR_PIXELS_FRACTION);
    STORE(to, V(packus_epi16)(V(packs_epi32)(high[0], high[1]), V(packs_epi32)(high[2], high[3])));
}

static void weigh(const calr_pixel_weights *weights, const uint8_t *rows, size_t stride,
                  size_t width, uint8_t *to)
{
    if (width < BYTES) {
        calr_pixels_kernels(0)->weigh(weights, rows, stride, width, to);
        return;
    }
    size_t x = 0;
    for (; x + BYTES <= width; x += BYTES)
        weigh_block(weights, rows + x, stride, to + x);
    if (x < width) /* some for the second time */
        weigh_block(weights, rows + width - BYTES, stride, to + width - BYTES);
}

/* Five pixels at a time: 15 bytes, and one before them which lands after them, where the next five come. */
static void reverse(const uint8_t *pixels, size_t count, uint8_t *to)
{
    const __m128i order = _mm_setr_epi8(13, 14, 15, 10, 11, 12, 7, 8, 9, 4, 5, 6, 1, 2, 3, 0);
    for (; count > 5; count -= 5, to += 15) {
        __m128i five = _mm_loadu_si128((const __m128i *)(pixels + 3 * (count - 5) - 1));
        _mm_storeu_si128((__m128i *)to, _mm_shuffle_epi8(five, order));
    }
    calr_pixels_kernels(0)->reverse(pixels, count, to);
}

/* Products with two parts of the factor, the smaller one first: rounded to nearest but for cases that
 * lie in the middle between two floats to 2^-24 of their distance. */
static void scale(const uint8_t *pixels, size_t count, const calr_pixel_scale *scale, float *to)
{
    const float unit = 1.0f / 255.0f, rest = (float)(1.0 / 255.0 - (double)unit);
    size_t numbers = 3 * count, i = 0;
    for (; i + CALR_PIXELS_PERIOD <= numbers; i += CALR_PIXELS_PERIOD) {
#pragma GCC unroll 6
        for (int j = 0; j < CALR_PIXELS_PERIOD; j += LANES) {
            floats v = FLOATS(cvtepi32)(TAKE(pixels + i + j));
            v = FLOATS(fmadd)(v, FLOATS(set1)(unit), FLOATS(mul)(v, FLOATS(set1)(rest)));
            v = FLOATS(sub)(v, FLOATS(loadu)(scale->mean + j));
            v = FLOATS(fmadd)(v, FLOATS(loadu)(scale->high + j),
                              FLOATS(mul)(v, FLOATS(loadu)(scale->low + j)));
            FLOATS(storeu)(to + i + j, v);
        }
    }
    for (int j = 0; i < numbers; i++, j++) {
        float v = pixels[i];
        v = __builtin_fmaf(v, unit, v * rest) - scale->mean[j];
        to[i] = __builtin_fmaf(v, scale->high[j], v * scale->low[j]);
    }
}

const calr_pixel_kernels KERNELS = {NAME, weigh, reverse, scale};
