/* The Jaccard distance: golden values computed from the definition, a plain recomputation on random
 * input, threads, symmetry, bad input. */
#include "base/parallel.h"
#include "cluster_case.h"
#include "neighbours/jaccard.h"

static void check_form(const calr_csr *j)
{
    CHECK_OK(calr_csr_validate(j, "J"));
    int wrong = 0;
    for (int64_t i = 0; i < j->rows; i++) {
        wrong += calr_csr_get(j, i, i, 1) != 0;
        for (int64_t p = j->offsets[i]; p < j->offsets[i + 1]; p++) {
            wrong += !(j->values[p] >= 0 && j->values[p] <= 1);
            wrong += calr_csr_get(j, j->indices[p], i, -1) != j->values[p]; /* bit by bit */
        }
    }
    CHECK_INT(wrong, 0);
}

static void check_golden_case(const golden_file *file, const char *name)
{
    char key[64];
    snprintf(key, sizeof key, "jaccard.%s.shape", name);
    const golden_entry *shape = golden_find(file, key);
    snprintf(key, sizeof key, "jaccard.%s.x", name);
    const golden_entry *rows = golden_find(file, key);
    snprintf(key, sizeof key, "jaccard.%s.distance", name);
    const golden_entry *pairs = golden_find(file, key);
    if (!CHECK(shape && rows && pairs))
        return;
    int64_t n = (int64_t)shape->values[0], d = (int64_t)shape->values[1];
    calr_jaccard_options options = {(int64_t)shape->values[2], (int64_t)shape->values[3],
                                    shape->values[4] != 0, 0};
    float *x = malloc((size_t)(n * d) * sizeof *x);
    for (int64_t i = 0; i < n * d; i++)
        x[i] = (float)rows->values[i];
    calr_csr *j;
    CHECK_OK(calr_jaccard(x, n, d, &options, &j));
    check_form(j);
    double worst = 0;
    const double *want = pairs->values;
    for (int64_t a = 0; a < n; a++)
        for (int64_t b = a + 1; b < n; b++)
            worst = fmax(worst, fabs(calr_csr_get(j, a, b, 1) - *want++));
    if (!CHECK(worst < 1e-6))
        fprintf(stderr, "    %s differs by %g\n", name, worst);
    calr_csr_release(j);
    free(x);
}

static void test_golden(void)
{
    golden_file file = golden_open(CLUSTER_GOLDEN);
    const char *const names[] = {"random",      "random_k2", "groups",     "groups_exact",
                                 "groups_wide", "signs",     "signs_even", "copies",
                                 "k1_is_1",     "k1_is_2",   "k1_is_3",    "few",
                                 "few_exact",   "two",       "one",        "zeros"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_golden_case(&file, names[i]);
    golden_close(&file);
}

/* ---- a plain recomputation: dense, double precision, loops as the definition has them ---- */

typedef struct plain {
    int64_t n, depth, near, k2;
    double *cos, *v;
    int64_t *rank;
} plain;

static bool in_list(const plain *p, int64_t row, int64_t reach, int64_t wanted)
{
    for (int64_t e = 0; e < reach; e++)
        if (p->rank[row * p->n + e] == wanted)
            return true;
    return false;
}

static bool is_reciprocal(const plain *p, int64_t i, int64_t j, int64_t reach)
{
    return in_list(p, i, reach, j) && in_list(p, j, reach, i);
}

static void plain_rank(plain *p, int64_t i)
{
    int64_t *rank = p->rank + i * p->n;
    const double *cos = p->cos + i * p->n;
    rank[0] = i;
    for (int64_t j = 0, count = 1; j < p->n; j++) {
        if (j == i)
            continue;
        int64_t at = count++;
        for (; at > 1 && cos[rank[at - 1]] < cos[j]; at--)
            rank[at] = rank[at - 1];
        rank[at] = j;
    }
}

static void plain_weights(plain *p, int64_t i)
{
    double sum = 0, *v = p->v + i * p->n;
    for (int64_t c = 0; c < p->n; c++) {
        bool member = is_reciprocal(p, i, c, p->depth);
        for (int64_t j = 0; j < p->n && !member; j++) {
            if (!is_reciprocal(p, i, j, p->depth) || !is_reciprocal(p, j, c, p->near))
                continue;
            int64_t size = 0, common = 0;
            for (int64_t e = 0; e < p->n; e++) {
                size += is_reciprocal(p, j, e, p->near);
                common += is_reciprocal(p, j, e, p->near) && is_reciprocal(p, i, e, p->depth);
            }
            member = 3 * common > 2 * size;
        }
        v[c] = member ? exp(-(2 - 2 * p->cos[i * p->n + c])) : 0;
        sum += v[c];
    }
    for (int64_t c = 0; c < p->n; c++)
        v[c] /= sum;
}

/* J as n x n; x of rows whose cosines are exact in single precision. */
static double *plain_jaccard(const float *x, int64_t n, int64_t d, const calr_jaccard_options *o)
{
    int64_t half = (int64_t)nearbyint((double)o->k1 / 2); /* to even */
    plain p = {.n = n, .k2 = o->k2 < n ? o->k2 : n};
    p.depth = o->k1 + o->exact_reciprocal < n ? o->k1 + o->exact_reciprocal : n;
    p.near = half + 1 < p.depth ? half + 1 : p.depth;
    size_t pairs = (size_t)(n * n);
    p.cos = calloc(pairs, sizeof(double));
    p.v = calloc(pairs, sizeof(double));
    p.rank = calloc(pairs, sizeof(int64_t));
    double *mean = calloc(pairs, sizeof(double)), *j = calloc(pairs, sizeof(double));
    for (int64_t a = 0; a < n; a++)
        for (int64_t b = 0; b < n; b++)
            for (int64_t c = 0; c < d; c++)
                p.cos[a * n + b] += (double)x[a * d + c] * x[b * d + c] / (double)d;
    for (int64_t i = 0; i < n; i++)
        plain_rank(&p, i);
    for (int64_t i = 0; i < n; i++)
        plain_weights(&p, i);
    for (int64_t i = 0; i < n; i++)
        for (int64_t e = 0; e < p.k2; e++)
            for (int64_t c = 0; c < n; c++)
                mean[i * n + c] += p.v[p.rank[i * n + e] * n + c] / (double)p.k2;
    for (int64_t a = 0; a < n; a++) {
        for (int64_t b = 0; b < n; b++) {
            double m = 0;
            for (int64_t c = 0; c < n; c++)
                m += fmin(mean[a * n + c], mean[b * n + c]);
            j[a * n + b] = a == b ? 0 : 1 - m / (2 - m);
        }
    }
    free(p.cos);
    free(p.v);
    free(p.rank);
    free(mean);
    return j;
}

static void test_against_plain(void)
{
    const int64_t sizes[] = {3, 9, 20, 33, 64, 65};
    for (uint64_t round = 0; round < 36; round++) {
        int64_t n = sizes[round % 6], d = round % 2 ? 16 : 64;
        calr_jaccard_options options = {1 + (int64_t)(round * 5 % 13), 1, round % 3 == 0, 0};
        options.k2 = 1 + (int64_t)round % options.k1;
        float *x = sign_rows(round, n, d);
        for (int64_t i = 2; i < n; i += 5) /* equal rows, and rows that are close */
            memcpy(x + i * d, x + (i / 2) * d, (size_t)(d - round % 3) * sizeof *x);
        calr_csr *j;
        CHECK_OK(calr_jaccard(x, n, d, &options, &j));
        check_form(j);
        double *want = plain_jaccard(x, n, d, &options), worst = 0;
        for (int64_t a = 0; a < n; a++)
            for (int64_t b = 0; b < n; b++)
                worst = fmax(worst, fabs(calr_csr_get(j, a, b, 1) - want[a * n + b]));
        if (!CHECK(worst < 1e-6))
            fprintf(stderr,
                    "    n %" PRId64 " d %" PRId64 " k1 %" PRId64 " k2 %" PRId64
                    " exact %d: differs by %g\n",
                    n, d, options.k1, options.k2, options.exact_reciprocal, worst);
        calr_csr_release(j);
        free(want);
        free(x);
    }
}

static void test_threads(void)
{
    int before = calr_parallel_threads();
    float *x = random_rows(1, 700, 40, 60, 0.6);
    calr_jaccard_options options = {20, 6, false, 0};
    calr_csr *j[3];
    for (int t = 0; t < 3; t++) {
        CHECK_OK(calr_parallel_set_threads(t + 1));
        CHECK_OK(calr_jaccard(x, 700, 40, &options, &j[t]));
        CHECK_INT(j[t]->nonzeros, j[0]->nonzeros);
        CHECK(memcmp(j[t]->indices, j[0]->indices, (size_t)j[0]->nonzeros * sizeof(int32_t)) == 0);
        CHECK(memcmp(j[t]->values, j[0]->values, (size_t)j[0]->nonzeros * sizeof(float)) == 0);
    }
    check_form(j[0]);
    for (int t = 0; t < 3; t++)
        calr_csr_release(j[t]);
    CHECK_OK(calr_parallel_set_threads(before));
    free(x);
}

/* Rows of any length: only their directions count. Powers of two change no bit of a direction. */
static void test_lengths(void)
{
    float *x = random_rows(2, 90, 12, 9, 0.5);
    calr_jaccard_options options = {10, 3, false, 0};
    calr_csr *a, *b;
    CHECK_OK(calr_jaccard(x, 90, 12, &options, &a));
    for (int i = 0; i < 90; i++)
        for (int c = 0; c < 12; c++)
            x[i * 12 + c] *= i % 3 == 0 ? 0x1p60f : i % 3 == 1 ? 0x1p-60f : 1;
    CHECK_OK(calr_jaccard(x, 90, 12, &options, &b));
    CHECK_INT(a->nonzeros, b->nonzeros);
    CHECK(memcmp(a->values, b->values, (size_t)a->nonzeros * sizeof(float)) == 0);
    calr_csr_release(a);
    calr_csr_release(b);
    free(x);
}

/* What is kept of the near pairs is what all pairs have of them. */
static void test_within(void)
{
    enum { N = 400, D = 12 };
    float *x = random_rows(6, N, D, 20, 0.6);
    calr_jaccard_options options = {20, 5, false, 0};
    calr_csr *all, *near;
    CHECK_OK(calr_jaccard(x, N, D, &options, &all));
    options.within = 0.6f;
    CHECK_OK(calr_jaccard(x, N, D, &options, &near));
    CHECK_OK(calr_csr_validate(near, "it"));
    int64_t wrong = 0, expected = 0;
    for (int64_t i = 0; i < N; i++)
        for (int64_t j = 0; j < N; j++) {
            float want = calr_csr_get(all, i, j, 1), got = calr_csr_get(near, i, j, 1);
            wrong += want <= options.within ? got != want : got != 1;
            expected += want <= options.within;
        }
    CHECK_INT(wrong, 0);
    CHECK_INT(near->nonzeros, expected);
    CHECK(near->nonzeros < all->nonzeros);
    calr_csr_release(all);
    calr_csr_release(near);
    options.within = 1.5f;
    CHECK_FAILS(calr_jaccard(x, N, D, &options, &near), CALR_EINVAL, "within");
    free(x);
}

static void test_bad_input(void)
{
    float x[4] = {1, 2, 3, NAN};
    calr_csr *j;
    calr_jaccard_options options = {4, 2, false, 0};
    CHECK_FAILS(calr_jaccard(x, 2, 2, &options, &j), CALR_ENUMERIC, "row 1 ");
    CHECK_FAILS(calr_jaccard(x, 2, 0, &options, &j), CALR_EINVAL, "at least one number");
    CHECK_OK(calr_jaccard(x, 0, 2, &options, &j));
    CHECK_INT(j->rows, 0);
    calr_csr_release(j);
    CHECK_FAILS(calr_jaccard(x, 1, 0, &options, &j), CALR_EINVAL, "at least one number");
    options.k2 = 5;
    CHECK_FAILS(calr_jaccard(x, 1, 2, &options, &j), CALR_EINVAL, "k2 from 1 to k1");
    options = (calr_jaccard_options){0, 0, false, 0};
    CHECK_FAILS(calr_jaccard(x, 1, 2, &options, &j), CALR_EINVAL, "at least 1");
    options = (calr_jaccard_options){INT64_MAX, INT64_MAX, true, 0};
    CHECK_OK(calr_jaccard(x, 1, 2, &options, &j));
    CHECK(j->nonzeros == 1 && j->values[0] == 0);
    calr_csr_release(j);
}

int main(void)
{
    RUN(test_golden);
    RUN(test_against_plain);
    RUN(test_threads);
    RUN(test_lengths);
    RUN(test_within);
    RUN(test_bad_input);
    return check_finish();
}
