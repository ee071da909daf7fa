/* Rows as words of 16 bits: their bound holds, and products modulo 2^32 become whole by what bytes know of them. */
#include "check.h"

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "rank/words.h"

enum { N = 9, M = 23 };

/* Rows of one kind: 0 noise, 1 one number far larger than the others, 2 all at the ends of the range, 3 almost nothing,
 * 4 nothing. */
static void fill(float *row, int64_t d, int kind, calr_rng *rng)
{
    for (int64_t c = 0; c < d; c++) {
        double noise = (double)calr_rng_u32(rng) / 2147483648.0 - 1;
        row[c] = (float)(kind == 0   ? noise
                         : kind == 1 ? noise * 1e-6 + (c == d / 2)
                         : kind == 2 ? (calr_rng_u32(rng) % 7 ? 1 : -1)
                         : kind == 3 ? noise * 1e-9
                                     : 0);
    }
}

static calr_words words_of(const float *rows, const double *centre, int64_t n, int64_t d,
                           double least, double unit)
{
    calr_words words = {malloc(sizeof(int16_t) * (size_t)(n * d)),
                        malloc(sizeof(float) * (size_t)n), malloc(sizeof(float) * (size_t)n)};
    for (int64_t i = 0; i < n; i++)
        calr_words_write(&words, i, rows + i * d, centre, d, least, unit);
    return words;
}

static void release(calr_words *words)
{
    free(words->q);
    free(words->scale);
    free(words->radius);
}

static void check_pair(const calr_words *a, int64_t i, const calr_words *b, int64_t j, double truth,
                       const int16_t *p, const int16_t *q, int64_t d, uint32_t product,
                       double radius)
{
    int64_t sum = 0;
    for (int64_t c = 0; c < d; c++)
        sum += (int64_t)p[c] * q[c];
    double step = (double)a->scale[i] * (double)b->scale[j];
    /* As far off as bytes of this radius may be, either way. */
    CHECK((int64_t)calr_words_whole(product, (truth + 2 * radius) / step) == sum);
    CHECK((int64_t)calr_words_whole(product, (truth - 2 * radius) / step) == sum);
    double unsure = (double)a->radius[i] + (double)b->radius[j];
    CHECK(fabs((double)sum * step - truth) <= unsure);
}

static void products_are_whole(int64_t d, double radius)
{
    float *x = malloc(sizeof(float) * (size_t)(N * d)),
          *y = malloc(sizeof(float) * (size_t)(M * d));
    double *centre = calloc((size_t)d, sizeof *centre);
    calr_rng rng = calr_rng_make(3, calr_rng_purpose("words"), 0, (uint64_t)d);
    for (int64_t i = 0; i < N; i++)
        fill(x + i * d, d, (int)(i % 5), &rng);
    for (int64_t j = 0; j < M; j++)
        fill(y + j * d, d, (int)(j % 5), &rng);
    centre[0] = 0.25;
    double unit = 1 / sqrt(2.0 * (double)d), least = calr_words_least(radius, d);
    calr_words a = words_of(x, centre, N, d, least, unit),
               b = words_of(y, centre, M, d, least, unit);
    int32_t ends[N], which[N * M];
    uint32_t products[N * M];
    int32_t count = 0;
    for (int i = 0; i < N; i++) { /* none for the first row, up to all for the last ones */
        for (int j = 0; j < M && j < 3 * i; j++)
            which[count++] = (int32_t)((7 * j + i) % M);
        ends[i] = count;
    }
    calr_words_products(a.q, ends, N, b.q, which, d, products);
    for (int i = 0, p = 0; i < N; i++)
        for (; p < ends[i]; p++) {
            int64_t j = which[p];
            double truth = 0;
            for (int64_t c = 0; c < d; c++)
                truth += (x[i * d + c] - centre[c]) * (y[j * d + c] - centre[c]) * unit * unit;
            check_pair(&a, i, &b, j, truth, a.q + i * d, b.q + j * d, d, products[p], radius);
        }
    release(&a);
    release(&b);
    free(x);
    free(y);
    free(centre);
}

static void all_sizes(void)
{
    const int64_t sizes[] = {1, 7, 31, 64, 256, 2048, 2051, 65536};
    for (int s = 0; s < 8; s++)
        for (double radius = 2e-6; radius < 1; radius *= 20)
            products_are_whole(sizes[s], radius);
}

int main(void)
{
    RUN(all_sizes);
    return check_finish();
}
