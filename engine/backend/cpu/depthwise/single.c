/* One channel at a time, for less than four of them. */
#define LANES 1
#define TABLE calr_depthwise_single
#define NAME  "depthwise: single channels"
#include "backend/cpu/depthwise/template.h"
