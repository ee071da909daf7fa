/* Functions of one element and their gradients, by the C library's arithmetic: the same bits everywhere
 * it is the same. */
#include <math.h>

#include "backend/cpu/kernels.h"

typedef struct function {
    float p; /* the parameter */
    const float *x, *dy;
    float *y;
} function;

/* BODY(name, expression of x, dy, p) defines the loop `name`. */
#define BODY(name, expression)                                                                     \
    static void name(void *context, int64_t begin, int64_t end, int worker)                        \
    {                                                                                              \
        const function *f = context;                                                               \
        const float p = f->p;                                                                      \
        (void)worker, (void)p;                                                                     \
        for (int64_t i = begin; i < end; i++) {                                                    \
            const float x = f->x[i], dy = f->dy ? f->dy[i] : 0;                                    \
            (void)dy;                                                                              \
            f->y[i] = (expression);                                                                \
        }                                                                                          \
    }

BODY(exp_body, expf(x))
BODY(exp_gradient, dy *x)
BODY(log_body, logf(x))
BODY(log_gradient, dy / x)
BODY(sqrt_body, sqrtf(x))
BODY(sqrt_gradient, dy / (2 * x))
BODY(pow_body, powf(x, p))
BODY(pow_gradient, p == 0 ? 0 : dy * p * powf(x, p - 1))
BODY(sigmoid_body, 1 / (1 + expf(-x)))
BODY(sigmoid_gradient, dy *x *(1 - x))

static const struct {
    calr_parallel_body forward, gradient;
} bodies[] = {
    [CALR_EXP] = {exp_body, exp_gradient},
    [CALR_LOG] = {log_body, log_gradient},
    [CALR_SQRT] = {sqrt_body, sqrt_gradient},
    [CALR_POW] = {pow_body, pow_gradient},
    [CALR_SIGMOID] = {sigmoid_body, sigmoid_gradient},
};

bool calr_unary_gradient_of_output(calr_unary op)
{
    return op == CALR_EXP || op == CALR_SQRT || op == CALR_SIGMOID;
}

void calr_cpu_unary(calr_unary op, int64_t n, float parameter, const float *x, float *y)
{
    function f = {.p = parameter, .x = x, .y = y};
    calr_parallel_for(n, CALR_GRAIN, bodies[op].forward, &f);
}

void calr_cpu_unary_backward(calr_unary op, int64_t n, float parameter, const float *saved,
                             const float *dy, float *dx)
{
    function f = {.p = parameter, .x = saved, .dy = dy, .y = dx};
    calr_parallel_for(n, CALR_GRAIN, bodies[op].gradient, &f);
}
