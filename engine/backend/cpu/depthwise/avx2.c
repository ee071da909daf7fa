/* The kernels for AVX2 with FMA. This file is compiled for it (CMakeLists.txt) and runs only there. */
#include "backend/cpu/bf16_vectors.h"
#include "backend/cpu/clip_vectors.h"

#define LANES                   8
#define TABLE                   calr_depthwise_avx2
#define NAME                    "depthwise: avx2"
#define WIDEN(from)             ((vector)calr_bf16x8_load(from))
#define NARROW(to, v)           calr_bf16x8_store(to, (__m256)(v))
#define MULTIPLY_ADD(a, b, sum) ((vector)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(sum)))
#define CLIP(v, low, high)      ((vector)calr_clip8((__m256)(v), (__m256)(low), (__m256)(high)))
#include "backend/cpu/depthwise/template.h"
