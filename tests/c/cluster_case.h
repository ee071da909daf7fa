/* What the tests of clustering share: random inputs, golden distances, and comparisons. */
#ifndef CALR_TESTS_CLUSTER_CASE_H
#define CALR_TESTS_CLUSTER_CASE_H

#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "check.h"
#include "cluster/distance.h"
#include "golden.h"

#define CLUSTER_GOLDEN CALR_TEST_REFERENCE "/cluster/golden.txt"

/* Normal numbers around `groups` centres. */
static inline float *random_rows(uint64_t seed, int64_t n, int64_t d, int64_t groups, double spread)
{
    float *x = malloc((size_t)(n * d + 1) * sizeof *x);
    for (int64_t i = 0; i < n; i++) {
        calr_rng centre =
            calr_rng_make(seed, calr_rng_purpose("centre"), 0, (uint64_t)(i % groups));
        calr_rng noise = calr_rng_make(seed, calr_rng_purpose("noise"), 0, (uint64_t)i);
        for (int64_t c = 0; c < d; c++)
            x[i * d + c] = (float)(calr_rng_normal(&centre) + spread * calr_rng_normal(&noise));
    }
    return x;
}

/* Rows of 1 and -1: with 16 or 64 columns their cosines are exact, and many are equal. */
static inline float *sign_rows(uint64_t seed, int64_t n, int64_t d)
{
    float *x = malloc((size_t)(n * d + 1) * sizeof *x);
    calr_rng rng = calr_rng_make(seed, calr_rng_purpose("signs"), 0, 0);
    for (int64_t i = 0; i < n * d; i++)
        x[i] = calr_rng_u32(&rng) & 1 ? 1 : -1;
    return x;
}

/* The symmetric matrix of golden pairs i < j; *n is its size. */
static inline float *golden_matrix(const golden_entry *pairs, int64_t *n)
{
    int64_t size = 1;
    while (size * (size - 1) / 2 < pairs->count)
        size++;
    float *d = calloc((size_t)(size * size), sizeof *d);
    const double *from = pairs->values;
    for (int64_t i = 0; i < size; i++)
        for (int64_t j = i + 1; j < size; j++)
            d[i * size + j] = d[j * size + i] = (float)*from++;
    *n = size;
    return d;
}

/* The same distances as CSR, leaving out what is 1; NULL when one is above 1. Release with
 * calr_csr_release. */
static inline calr_csr *sparse_of(const float *d, int64_t n)
{
    int64_t count = 0, at = 0;
    calr_csr *csr;
    for (int64_t i = 0; i < n * n; i++) {
        if (d[i] > 1)
            return NULL;
        count += d[i] < 1;
    }
    if (calr_csr_new(n, n, count, &csr) != CALR_OK)
        return NULL;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            if (d[i * n + j] < 1) {
                csr->indices[at] = (int32_t)j;
                csr->values[at++] = d[i * n + j];
            }
        }
        csr->offsets[i + 1] = at;
    }
    return csr;
}

/* Whether the golden labels and these are the same. */
static inline int same_labels(const golden_entry *golden, const int32_t *labels, int64_t n)
{
    if (!golden || golden->count != n)
        return 0;
    for (int64_t i = 0; i < n; i++)
        if (golden->values[i] != labels[i])
            return 0;
    return 1;
}

/* Calls `check` for each golden distance, dense and, where that can be, sparse. The Jaccard one always can. */
static inline void check_golden_distances(void (*check)(const golden_file *file, const char *name,
                                                        const calr_distance *distance))
{
    golden_file file = golden_open(CLUSTER_GOLDEN);
    const char *const names[] = {"noise", "blobs", "jaccard"};
    for (int i = 0; i < 3; i++) {
        char key[64];
        snprintf(key, sizeof key, "%s.pairs", names[i]);
        const golden_entry *pairs = golden_find(&file, key);
        if (!CHECK(pairs))
            continue;
        int64_t n;
        float *d = golden_matrix(pairs, &n);
        calr_distance distance = calr_distance_of_dense(d, n);
        check(&file, names[i], &distance);
        calr_csr *csr = sparse_of(d, n);
        if (csr) {
            distance = calr_distance_of_csr(csr);
            check(&file, names[i], &distance);
        }
        CHECK(i < 2 || csr);
        calr_csr_release(csr);
        free(d);
    }
    golden_close(&file);
}

#endif
