/* The kernels for AVX2 with FMA. This file is compiled for it (CMakeLists.txt) and runs only there. */
#define LANES 8
#define TABLE calr_depthwise_avx2
#define NAME  "depthwise: avx2"
#include "backend/cpu/depthwise/template.h"
