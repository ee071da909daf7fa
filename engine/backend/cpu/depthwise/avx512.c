/* The kernels for AVX-512F. This file is compiled for it (CMakeLists.txt) and runs only there. */
#define LANES 16
#define TABLE calr_depthwise_avx512
#define NAME  "depthwise: avx512"
#include "backend/cpu/depthwise/template.h"
