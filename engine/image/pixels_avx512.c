/* The kernels for AVX-512BW. This file is compiled for it (CMakeLists.txt) and runs only there. */
#include <immintrin.h>

#define BYTES 64
typedef __m512i whole;
typedef __m512 floats;
#define V(name)      _mm512_##name
#define FLOATS(name) _mm512_##name##_ps
#define ZERO         _mm512_setzero_si512()
#define LOAD(p)      _mm512_loadu_si512(p)
#define STORE(p, v)  _mm512_storeu_si512(p, v)
#define TAKE(p)      _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(p)))
#define KERNELS      calr_pixels_avx512
#define NAME         "avx512"
#include "image/pixels_vector.h"
