/* Compiled for AVX-512 with its conversion of floats to bf16 (CMakeLists.txt), and runs only there. */
#include "backend/cpu/pool_halves.h"

#include "backend/cpu/bf16_vectors.h"

enum { LANES = 32 };

CALR_INLINE __mmask32 first(int64_t lanes)
{
    return lanes >= LANES ? 0xFFFFFFFFu : (1u << lanes) - 1;
}

/* Numbers of bf16 as whole numbers in the same order, both zeros as 0. NaNs lie beyond +-INFINITE. */
CALR_INLINE __m512i ordered(__m512i x)
{
    const __m512i sign = _mm512_srai_epi16(x, 15), size = _mm512_set1_epi16(0x7FFF);
    return _mm512_sub_epi16(_mm512_xor_si512(_mm512_and_si512(x, size), sign), sign);
}
#define INFINITE 0x7F80

bool calr_pool_largest_halves(int64_t c, int count, const void *const *x, const int32_t *place,
                              calr_bf16 *y, uint8_t *winner)
{
    const __m512i most_allowed = _mm512_set1_epi16(INFINITE),
                  least_allowed = _mm512_set1_epi16(-INFINITE);
    __mmask32 strange = 0;
    for (int64_t j = 0; j < c; j += LANES) {
        __mmask32 lanes = first(c - j);
        __m512i most = _mm512_maskz_loadu_epi16(lanes, (const calr_bf16 *)x[0] + j);
        __m512i largest = ordered(most), least = largest;
        __m512i where = _mm512_set1_epi16((short)place[0]);
        for (int t = 1; t < count; t++) {
            __m512i v = _mm512_maskz_loadu_epi16(lanes, (const calr_bf16 *)x[t] + j);
            __m512i size = ordered(v);
            __mmask32 wins = _mm512_cmpgt_epi16_mask(size, largest);
            least = _mm512_min_epi16(least, size);
            largest = _mm512_max_epi16(largest, size);
            most = _mm512_mask_mov_epi16(most, wins, v);
            where = _mm512_mask_mov_epi16(where, wins, _mm512_set1_epi16((short)place[t]));
        }
        strange |= _mm512_cmpgt_epi16_mask(largest, most_allowed) |
                   _mm512_cmplt_epi16_mask(least, least_allowed);
        _mm512_mask_storeu_epi16(y + j, lanes, most);
        if (winner)
            _mm256_mask_storeu_epi8(winner + j, lanes, _mm512_cvtepi16_epi8(where));
    }
    return strange == 0;
}

/* The numbers of dy, as floats, of lanes that `taken` names; 0 in the others. */
CALR_INLINE __m512 given(__mmask16 taken, const calr_bf16 *dy)
{
    return calr_bf16x16_widened(_mm256_maskz_loadu_epi16(taken, dy));
}

void calr_pool_gather_halves(int64_t c, int count, const uint8_t *const *argmax,
                             const void *const *dy, const int32_t *place, bool stream,
                             calr_bf16 *dx)
{
    for (int64_t j = 0; j < c; j += LANES) {
        __mmask32 lanes = first(c - j);
        __m512 low = _mm512_setzero_ps(), high = _mm512_setzero_ps();
        for (int t = 0; t < count; t++) {
            __m256i from = _mm256_maskz_loadu_epi8(lanes, argmax[t] + j);
            __mmask32 taken =
                _mm256_mask_cmpeq_epi8_mask(lanes, from, _mm256_set1_epi8((char)place[t]));
            const calr_bf16 *numbers = (const calr_bf16 *)dy[t] + j;
            low += given((__mmask16)taken, numbers);
            high += given((__mmask16)(taken >> 16), numbers + LANES / 2);
        }
        __m512i sum = _mm512_inserti64x4(_mm512_castsi256_si512(calr_bf16x16_rounded(low)),
                                         calr_bf16x16_rounded(high), 1);
        if (stream && lanes == first(LANES) && (uintptr_t)(dx + j) % sizeof sum == 0)
            _mm512_stream_si512((void *)(dx + j), sum);
        else
            _mm512_mask_storeu_epi16(dx + j, lanes, sum);
    }
}
