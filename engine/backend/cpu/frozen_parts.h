/* What frozen convolutions are made of, for those that are made of several. Internal to cpu/. */
#ifndef CALR_BACKEND_CPU_FROZEN_PARTS_H
#define CALR_BACKEND_CPU_FROZEN_PARTS_H

#include "backend/frozen.h"

typedef struct calr_frozen_parts {
    const calr_conv2d *geometry; /* sizes of the smallest images */
    const float *w, *bias;       /* bias NULL: none */
    calr_activation activation;
} calr_frozen_parts;

/* They live as long as the convolution. */
calr_frozen_parts calr_frozen_conv_parts(const calr_frozen_conv *frozen);

#endif
