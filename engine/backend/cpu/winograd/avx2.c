/* The kernels for AVX2 with FMA. This file is compiled for it (CMakeLists.txt) and runs only there. */
#define LANES 8
#define ROWS  6
#define TABLE calr_winograd_avx2
#define NAME  "winograd: avx2"
#include "backend/cpu/winograd/template.h"
