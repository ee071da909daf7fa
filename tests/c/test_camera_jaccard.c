/* The camera-aware Jaccard distance: a plain recomputation, dense and in double precision, on random and
 * tied input; few images, one camera, a camera for each; threads, symmetry, bad input. */
#include "base/parallel.h"
#include "cluster_case.h"
#include "neighbours/camera_jaccard.h"

#include <stdbool.h>

typedef struct plain {
    int64_t n;
    double *cos, *v, *mean;
    int64_t *intra, *inter; /* [n x n] lists, -1 past their ends */
} plain;

static void plain_list(const plain *p, const int32_t *cameras, int64_t i, bool own, int64_t *list)
{
    const double *cos = p->cos + i * p->n;
    int64_t count = 0, first = own;
    if (own)
        list[count++] = i;
    for (int64_t j = 0; j < p->n; j++) {
        if (j == i || (cameras[j] == cameras[i]) != own)
            continue;
        int64_t at = count++;
        for (; at > first && cos[list[at - 1]] < cos[j]; at--)
            list[at] = list[at - 1];
        list[at] = j;
    }
    for (; count < p->n; count++)
        list[count] = -1;
}

static bool in_list(const int64_t *list, int64_t n, int64_t reach, int64_t j)
{
    for (int64_t e = 0; e < reach && e < n; e++)
        if (list[e] == j)
            return true;
    return false;
}

static bool reciprocal(const plain *p, const int64_t *lists, int64_t i, int64_t j, int64_t reach)
{
    return in_list(lists + i * p->n, p->n, reach, j) && in_list(lists + j * p->n, p->n, reach, i);
}

static void plain_encode(plain *p, const calr_camera_jaccard_options *o)
{
    int64_t n = p->n;
    for (int64_t i = 0; i < n; i++) {
        double sum = 0, *v = p->v + i * n;
        for (int64_t j = 0; j < n; j++) {
            bool member = reciprocal(p, p->intra, i, j, o->k1_intra + 1) ||
                          reciprocal(p, p->inter, i, j, o->k1_inter);
            v[j] = member ? exp(-(2 - 2 * p->cos[i * n + j])) : 0;
            sum += v[j];
        }
        for (int64_t j = 0; j < n; j++)
            v[j] /= sum;
    }
    for (int64_t i = 0; i < n; i++) {
        double rows = 0, *mean = p->mean + i * n;
        memset(mean, 0, (size_t)n * sizeof *mean);
        for (int64_t e = 0; e < o->k2_intra + o->k2_inter; e++) {
            const int64_t *list = e < o->k2_intra ? p->intra + i * n : p->inter + i * n;
            int64_t at = e < o->k2_intra ? e : e - o->k2_intra, row = at < n ? list[at] : -1;
            if (row < 0)
                continue;
            rows++;
            for (int64_t j = 0; j < n; j++)
                mean[j] += p->v[row * n + j];
        }
        for (int64_t j = 0; j < n; j++)
            mean[j] /= rows;
    }
}

static void check_case(const float *x, const int32_t *cameras, int64_t n, int64_t d,
                       const calr_camera_jaccard_options *o, const char *what)
{
    size_t square = (size_t)(n * n);
    plain p = {n,
               malloc(square * sizeof(double)),
               malloc(square * sizeof(double)),
               malloc(square * sizeof(double)),
               malloc(square * sizeof(int64_t)),
               malloc(square * sizeof(int64_t))};
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            double ab = 0, aa = 0, bb = 0;
            for (int64_t c = 0; c < d; c++) {
                ab += (double)x[i * d + c] * x[j * d + c];
                aa += (double)x[i * d + c] * x[i * d + c];
                bb += (double)x[j * d + c] * x[j * d + c];
            }
            p.cos[i * n + j] = aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
        }
    }
    for (int64_t i = 0; i < n; i++) {
        plain_list(&p, cameras, i, true, p.intra + i * n);
        plain_list(&p, cameras, i, false, p.inter + i * n);
    }
    plain_encode(&p, o);
    calr_csr *j;
    CHECK_OK(calr_camera_jaccard(x, cameras, n, d, o, &j));
    CHECK_OK(calr_csr_validate(j, "J"));
    double worst = 0;
    int uneven = 0;
    for (int64_t a = 0; a < n; a++) {
        for (int64_t b = 0; b < n; b++) {
            double common = 0;
            for (int64_t c = 0; c < n; c++)
                common += fmin(p.mean[a * n + c], p.mean[b * n + c]);
            double want = a == b ? 0 : fmax(0, 1 - common / (2 - common));
            worst = fmax(worst, fabs(calr_csr_get(j, a, b, 1) - want));
            uneven += calr_csr_get(j, a, b, 1) != calr_csr_get(j, b, a, 1);
        }
    }
    CHECK_INT(uneven, 0);
    if (!CHECK(worst < 2e-6))
        fprintf(stderr, "    %s, n %d: differs by %g\n", what, (int)n, worst);
    calr_csr_release(j);
    free(p.cos);
    free(p.v);
    free(p.mean);
    free(p.intra);
    free(p.inter);
}

static void test_against_plain(void)
{
    for (uint64_t round = 0; round < 40; round++) {
        calr_rng rng = calr_rng_make(round, calr_rng_purpose("camera"), 0, 0);
        int64_t n = 1 + (int64_t)calr_rng_below(&rng, 70), d = round % 2 ? 16 : 5;
        uint64_t cameras = round % 7 == 0 ? 1 : round % 7 == 1 ? 200 : 1 + calr_rng_below(&rng, 8);
        float *x = round % 2 ? sign_rows(round, n, d) : random_rows(round, n, d, 6, 0.6);
        int32_t camera[71];
        for (int64_t i = 0; i < n; i++)
            camera[i] = 3 * (int32_t)calr_rng_below(&rng, cameras);
        if (n > 9) { /* copies and a row of zeros */
            memcpy(x + 4 * d, x + 2 * d, (size_t)d * sizeof *x);
            memcpy(x + 7 * d, x + 2 * d, (size_t)d * sizeof *x);
            memset(x + 9 * d, 0, (size_t)d * sizeof *x);
        }
        calr_camera_jaccard_options o;
        o.k1_intra = (int64_t)calr_rng_below(&rng, 9);
        o.k1_inter = (int64_t)calr_rng_below(&rng, 16);
        o.k2_intra = 1 + (int64_t)calr_rng_below(&rng, (uint64_t)o.k1_intra + 1);
        o.k2_inter = (int64_t)calr_rng_below(&rng, (uint64_t)o.k1_inter + 1);
        check_case(x, camera, n, d, &o, round % 2 ? "signs" : "rows");
        if (n > 30)
            check_case(x, camera, n, d, &(calr_camera_jaccard_options){500, 500, 2, 4},
                       "all of them");
        free(x);
    }
}

static void test_threads(void)
{
    enum { N = 700, D = 12 };
    float *x = random_rows(3, N, D, 40, 0.3);
    int32_t camera[N];
    for (int i = 0; i < N; i++)
        camera[i] = i * 7 % 5;
    calr_camera_jaccard_options o = {5, 20, 2, 4};
    calr_csr *one, *three;
    int before = calr_parallel_threads();
    CHECK_OK(calr_parallel_set_threads(1));
    CHECK_OK(calr_camera_jaccard(x, camera, N, D, &o, &one));
    CHECK_OK(calr_parallel_set_threads(3));
    CHECK_OK(calr_camera_jaccard(x, camera, N, D, &o, &three));
    CHECK_OK(calr_parallel_set_threads(before));
    CHECK(one->nonzeros == three->nonzeros);
    CHECK(memcmp(one->values, three->values, (size_t)one->nonzeros * sizeof(float)) == 0);
    CHECK(memcmp(one->indices, three->indices, (size_t)one->nonzeros * sizeof(int32_t)) == 0);
    calr_csr_release(one);
    calr_csr_release(three);
    free(x);
}

static void test_bad_input(void)
{
    float x[] = {1, 0, 0, 1, 1, 1};
    int32_t camera[] = {0, 1, 0}, bad[] = {0, 1, -1};
    calr_csr *j = NULL;
    calr_camera_jaccard_options o = {5, 20, 2, 4};
    CHECK_FAILS(calr_camera_jaccard(x, bad, 3, 2, &o, &j), CALR_EINVAL,
                "row 2 (from 0) has camera -1");
    CHECK_FAILS(calr_camera_jaccard(x, camera, 2, 0, &o, &j), CALR_EINVAL, "not 2 x 0");
    CHECK_OK(calr_camera_jaccard(x, camera, 0, 2, &o, &j));
    CHECK_INT(j->rows, 0);
    calr_csr_release(j);
    j = NULL;
    o.k2_intra = 7;
    CHECK_FAILS(calr_camera_jaccard(x, camera, 3, 2, &o, &j), CALR_EINVAL, "not 7 and 4");
    o.k2_intra = 0;
    CHECK_FAILS(calr_camera_jaccard(x, camera, 3, 2, &o, &j), CALR_EINVAL, "not 0 and 4");
    o = (calr_camera_jaccard_options){-1, 20, 1, 4};
    CHECK_FAILS(calr_camera_jaccard(x, camera, 3, 2, &o, &j), CALR_EINVAL, "k1_intra = -1");
    o = (calr_camera_jaccard_options){5, 20, 2, 4};
    x[3] = NAN;
    CHECK_FAILS(calr_camera_jaccard(x, camera, 3, 2, &o, &j), CALR_ENUMERIC, "row 1");
    CHECK(!j);
}

int main(void)
{
    RUN(test_against_plain);
    RUN(test_threads);
    RUN(test_bad_input);
    return check_finish();
}
