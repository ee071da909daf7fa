/* The kernels for AVX2 with FMA. This file is compiled for it (CMakeLists.txt) and runs only there. */
#define LANES 8
#define ROWS  6
#define TABLE calr_pointwise_avx2
#define NAME  "pointwise: avx2"
#include "backend/cpu/pointwise/template.h"
