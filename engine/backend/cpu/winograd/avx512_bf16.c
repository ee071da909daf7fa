/* The kernels of avx512.c, compiled (CMakeLists.txt) for AVX-512 with its conversion of floats to bf16; they run only
 * there. */
#define TABLE calr_winograd_avx512_bf16
#include "backend/cpu/winograd/avx512.c"
