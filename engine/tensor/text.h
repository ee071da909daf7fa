/* The numbers of a tensor as text for people, laid out and summarised as NumPy does it. */
#ifndef CALR_TENSOR_TEXT_H
#define CALR_TENSOR_TEXT_H

#include "tensor/tensor.h"

typedef struct calr_text_options {
    int64_t threshold; /* of more elements than these, only the edges are shown */
    int64_t edge;      /* items at either end of a dimension that is cut */
    int precision;     /* digits after the point at most, 0 .. 17 */
    int width;         /* columns of a line */
} calr_text_options;

/* The text, to be freed by the caller: type and shape, then the elements in brackets. Columns are as wide as the widest
 * of the numbers shown. CALR_ENOMEM. */
calr_status calr_tensor_text(const calr_tensor *tensor, const calr_text_options *options,
                             char **out);

#endif
