/* Activations that a normalisation or a frozen convolution computes in its own pass: PyTorch's functions of these
 * names. */
#ifndef CALR_BACKEND_ACTIVATION_H
#define CALR_BACKEND_ACTIVATION_H

typedef enum calr_activation {
    CALR_ACTIVATION_NONE,
    CALR_ACTIVATION_RELU,     /* max(0, v) */
    CALR_ACTIVATION_RELU6,    /* min(max(0, v), 6) */
    CALR_ACTIVATION_SILU,     /* v / (1 + e^-v) */
    CALR_ACTIVATION_HARDSWISH /* v min(max(0, v + 3), 6) / 6 */
} calr_activation;

/* Whether the slope can be told from the result: that of the others needs the value before. */
static inline int calr_activation_is_clip(calr_activation kind)
{
    return kind == CALR_ACTIVATION_RELU || kind == CALR_ACTIVATION_RELU6;
}

#endif
