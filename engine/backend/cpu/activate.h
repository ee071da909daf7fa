/* Activations of single floats, for loops that the compiler vectorises: `kind` is a constant wherever these are
 * inlined. Internal to cpu/. */
#ifndef CALR_BACKEND_CPU_ACTIVATE_H
#define CALR_BACKEND_CPU_ACTIVATE_H

#include "backend/activation.h"
#include "backend/cpu/exponential.h"

/* 1 / (1 + e^-v), within 3 units of the last place. */
CALR_INLINE float calr_logistic(float v)
{
    float e = calr_exp_below(v < 0 ? v : -v);
    return (v < 0 ? e : 1.0f) / (1.0f + e);
}

CALR_INLINE float calr_clip6(float v)
{
    v = v < 0 ? 0 : v;
    return v > 6 ? 6 : v;
}

/* A NaN stays one. */
CALR_INLINE float calr_activate(calr_activation kind, float v)
{
    switch (kind) {
    case CALR_ACTIVATION_RELU:
        return v < 0 ? 0 : v;
    case CALR_ACTIVATION_RELU6:
        return calr_clip6(v);
    case CALR_ACTIVATION_SILU:
        return v * calr_logistic(v);
    case CALR_ACTIVATION_HARDSWISH:
        return v * calr_clip6(v + 3) * (1.0f / 6);
    case CALR_ACTIVATION_NONE:
        break;
    }
    return v;
}

/* The derivative of silu and hardswish at v. */
CALR_INLINE float calr_slope(calr_activation kind, float v)
{
    if (kind == CALR_ACTIVATION_SILU) {
        float s = calr_logistic(v);
        return s + v * s * (1 - s);
    }
    return v < -3 ? 0 : v <= 3 ? v * (1.0f / 3) + 0.5f : 1.0f;
}

/* CALL(kind) with a constant in the place of `kind`. */
#define CALR_BY_ACTIVATION(kind, CALL)                                                             \
    do {                                                                                           \
        switch (kind) {                                                                            \
        case CALR_ACTIVATION_RELU:                                                                 \
            CALL(CALR_ACTIVATION_RELU);                                                            \
            break;                                                                                 \
        case CALR_ACTIVATION_RELU6:                                                                \
            CALL(CALR_ACTIVATION_RELU6);                                                           \
            break;                                                                                 \
        case CALR_ACTIVATION_SILU:                                                                 \
            CALL(CALR_ACTIVATION_SILU);                                                            \
            break;                                                                                 \
        case CALR_ACTIVATION_HARDSWISH:                                                            \
            CALL(CALR_ACTIVATION_HARDSWISH);                                                       \
            break;                                                                                 \
        case CALR_ACTIVATION_NONE:                                                                 \
            CALL(CALR_ACTIVATION_NONE);                                                            \
            break;                                                                                 \
        }                                                                                          \
    } while (0)

#endif
