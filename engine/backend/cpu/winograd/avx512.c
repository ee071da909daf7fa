/* The kernels for AVX-512F. This file is compiled for it (CMakeLists.txt) and runs only there. */
#define LANES 16
#define ROWS  12
#define TABLE calr_winograd_avx512
#define NAME  "winograd: avx512"
#include "backend/cpu/winograd/template.h"
