/* Optimizer steps: one pass over weights, gradient and state. */
#include <math.h>

#include "backend/cpu/kernels.h"

typedef struct step {
    const float *dw;
    float *m, *v, *w, *largest;
    float decay, shrink, beta1, beta2, rest1, rest2, eps, rate,
        root;                 /* Adam; rest = 1 - beta, rounded once */
    float momentum, lr, part; /* SGD */
    bool nesterov;
} step;

CALR_CLONES static void adam_body(void *context, int64_t begin, int64_t end, int worker)
{
    const step *s = context;
    const float decay = s->decay, beta1 = s->beta1, beta2 = s->beta2, eps = s->eps, rate = s->rate,
                root = s->root;
    const float rest1 = s->rest1, rest2 = s->rest2, shrink = s->shrink;
    const float *dw = s->dw;
    float *m = s->m, *v = s->v, *w = s->w, *largest = s->largest;
    (void)worker;
    if (largest) {
#pragma omp simd
        for (int64_t i = begin; i < end; i++) {
            float g = dw[i] + decay * w[i];
            m[i] = beta1 * m[i] + rest1 * g;
            v[i] = beta2 * v[i] + rest2 * g * g;
            largest[i] = largest[i] > v[i] ? largest[i] : v[i];
            w[i] -= shrink * w[i] + rate * m[i] / (sqrtf(largest[i]) * root + eps);
        }
        return;
    }
#pragma omp simd
    for (int64_t i = begin; i < end; i++) {
        float g = dw[i] + decay * w[i];
        m[i] = beta1 * m[i] + rest1 * g;
        v[i] = beta2 * v[i] + rest2 * g * g;
        w[i] -= shrink * w[i] + rate * m[i] / (sqrtf(v[i]) * root + eps);
    }
}

void calr_cpu_adam_step(int64_t n, const calr_adam *adam, const float *dw, float *m, float *v,
                        float *w)
{
    double correct1 = 1 - pow(adam->beta1, (double)adam->step),
           correct2 = 1 - pow(adam->beta2, (double)adam->step);
    step s = {
        .dw = dw,
        .m = m,
        .v = v,
        .w = w,
        .largest = adam->largest,
        .decay = adam->decoupled ? 0 : (float)adam->weight_decay,
        .shrink = adam->decoupled ? (float)(adam->lr * adam->weight_decay) : 0,
        .beta1 = (float)adam->beta1,
        .beta2 = (float)adam->beta2,
        .rest1 = (float)(1 - adam->beta1),
        .rest2 = (float)(1 - adam->beta2),
        .eps = (float)adam->eps,
        .rate = (float)(adam->lr / correct1),
        .root = (float)(1 / sqrt(correct2)),
    };
    calr_parallel_for(n, CALR_GRAIN, adam_body, &s);
}

CALR_CLONES static void sgd_body(void *context, int64_t begin, int64_t end, int worker)
{
    const step *s = context;
    const float decay = s->decay, momentum = s->momentum, lr = s->lr;
    const float *dw = s->dw;
    float *velocity = s->v, *w = s->w;
    (void)worker;
    if (!velocity) {
#pragma omp simd
        for (int64_t i = begin; i < end; i++)
            w[i] -= lr * (dw[i] + decay * w[i]);
    } else if (s->nesterov) {
#pragma omp simd
        for (int64_t i = begin; i < end; i++) {
            float g = dw[i] + decay * w[i];
            velocity[i] = momentum * velocity[i] + g;
            w[i] -= lr * (g + momentum * velocity[i]);
        }
    } else if (s->part != 1) {
        const float part = s->part;
#pragma omp simd
        for (int64_t i = begin; i < end; i++) {
            velocity[i] = momentum * velocity[i] + part * (dw[i] + decay * w[i]);
            w[i] -= lr * velocity[i];
        }
    } else {
#pragma omp simd
        for (int64_t i = begin; i < end; i++) {
            velocity[i] = momentum * velocity[i] + dw[i] + decay * w[i];
            w[i] -= lr * velocity[i];
        }
    }
}

void calr_cpu_sgd_step(int64_t n, const calr_sgd *sgd, const float *dw, float *velocity, float *w)
{
    step s = {
        .dw = dw,
        .v = velocity,
        .w = w,
        .decay = (float)sgd->weight_decay,
        .momentum = (float)sgd->momentum,
        .lr = (float)sgd->lr,
        .part = (float)(1 - sgd->dampening),
        .nesterov = sgd->nesterov,
    };
    calr_parallel_for(n, CALR_GRAIN, sgd_body, &s);
}
