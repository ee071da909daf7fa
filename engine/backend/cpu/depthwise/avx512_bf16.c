/* The kernels of avx512.c, compiled (CMakeLists.txt) for AVX-512 with its conversion of floats to bf16; they run only
 * there. */
#define TABLE calr_depthwise_avx512_bf16
#include "backend/cpu/depthwise/avx512.c"
