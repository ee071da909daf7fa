/* The kernels for any processor. */
#define LANES 4
#define TABLE calr_depthwise_plain
#define NAME  "depthwise: plain"
#include "backend/cpu/depthwise/template.h"
