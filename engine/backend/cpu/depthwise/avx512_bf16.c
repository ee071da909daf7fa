/* The kernels for AVX-512 with its conversion of floats to bf16. This file is compiled for it (CMakeLists.txt) and runs
 * only there. */
#include "backend/cpu/bf16_vectors.h"

#define LANES         16
#define TABLE         calr_depthwise_avx512_bf16
#define NAME          "depthwise: avx512"
#define WIDEN(from)   ((vector)calr_bf16x16_load(from))
#define NARROW(to, v) calr_bf16x16_store(to, (__m512)(v))
#include "backend/cpu/depthwise/template.h"
