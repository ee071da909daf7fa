/* The kernels for AVX-512F. This file is compiled for it (CMakeLists.txt) and runs only there. */
#define LANES 16
#define ROWS  12
#define TABLE calr_pointwise_avx512
#define NAME  "pointwise: avx512"
#include "backend/cpu/pointwise/template.h"
