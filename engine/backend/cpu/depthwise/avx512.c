/* The kernels for AVX-512F. This file is compiled for it (CMakeLists.txt) and runs only there. */
#include "backend/cpu/bf16_vectors.h"
#include "backend/cpu/clip_vectors.h"

#ifndef TABLE /* avx512_bf16.c says another */
#define TABLE calr_depthwise_avx512
#endif
#define LANES                   16
#define NAME                    "depthwise: avx512"
#define WIDEN(from)             ((vector)calr_bf16x16_load(from))
#define NARROW(to, v)           calr_bf16x16_store(to, (__m512)(v))
#define MULTIPLY_ADD(a, b, sum) ((vector)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(sum)))
#define CLIP(v, low, high)      ((vector)calr_clip16((__m512)(v), (__m512)(low), (__m512)(high)))
#include "backend/cpu/depthwise/template.h"
