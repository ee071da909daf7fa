/* Spanning trees of mutual reachability: the lengths that Prim's algorithm finds on the matrix of all distances, for
 * rows in clusters, equal, in line, in grids, few, wide; by lists of all sizes, for any number of threads. */
#include "base/parallel.h"
#include "cluster_case.h"
#include "neighbours/pairwise.h"
#include "neighbours/reach.h"

enum { MOST = 300 };

static int compare(const void *x, const void *y)
{
    float a = *(const float *)x, b = *(const float *)y;
    return (a > b) - (a < b);
}

/* core[n], and the lengths of the tree, ascending. */
static void span_matrix(const float *d, int64_t n, int64_t others, float *core, float *lengths)
{
    float *row = malloc((size_t)n * sizeof *row), least[MOST];
    bool inside[MOST] = {false};
    for (int64_t i = 0; i < n; i++) {
        int64_t count = 0;
        for (int64_t j = 0; j < n; j++)
            if (j != i)
                row[count++] = d[i * n + j];
        qsort(row, (size_t)count, sizeof *row, compare);
        int64_t last = others < n - 1 ? others : n - 1;
        core[i] = last > 0 ? row[last - 1] : 0;
        least[i] = INFINITY;
    }
    for (int64_t m = 0, x = 0; m + 1 < n; m++) {
        int64_t next = -1;
        inside[x] = true;
        for (int64_t i = 0; i < n; i++) {
            if (inside[i])
                continue;
            least[i] = fminf(least[i], fmaxf(fmaxf(core[x], core[i]), d[x * n + i]));
            if (next < 0 || least[i] < least[next])
                next = i;
        }
        lengths[m] = least[next];
        x = next;
    }
    qsort(lengths, (size_t)(n - 1), sizeof *lengths, compare);
    free(row);
}

static int32_t root(int32_t *parent, int32_t i)
{
    while (parent[i] != i)
        i = parent[i] = parent[parent[i]];
    return i;
}

/* A tree, whose links are as long as they say, and as long together as Prim's: then it is one of the shortest. */
static void check_tree(const float *d, int64_t n, const float *core, const float *want,
                       const calr_link *links)
{
    int32_t parent[MOST];
    float lengths[MOST];
    int64_t circles = 0, wrong = 0;
    for (int64_t i = 0; i < n; i++)
        parent[i] = (int32_t)i;
    for (int64_t m = 0; m + 1 < n; m++) {
        int32_t a = links[m].a, b = links[m].b, x = root(parent, a), y = root(parent, b);
        circles += x == y;
        parent[x] = y;
        lengths[m] = (float)links[m].length;
        wrong += fmaxf(fmaxf(core[a], core[b]), d[a * n + b]) != lengths[m];
    }
    qsort(lengths, (size_t)(n - 1), sizeof *lengths, compare);
    for (int64_t m = 0; m + 1 < n; m++)
        wrong += lengths[m] != want[m];
    CHECK_INT(circles, 0);
    CHECK_INT(wrong, 0);
}

static void check_rows(const char *name, const float *x, int64_t n, int64_t d)
{
    const int64_t others[] = {0, 1, 4, 40, 2000};
    float *distances = malloc((size_t)(n * n) * sizeof *distances), core[MOST], want[MOST];
    calr_link links[3][MOST];
    memset(links, 0, sizeof links);
    for (int metric = 0; metric < 2; metric++) {
        CHECK_OK(calr_pairwise_all(x, n, d, (calr_metric)metric, distances));
        for (int o = 0; o < 5; o++) {
            span_matrix(distances, n, others[o], core, want);
            for (int way = 0; way < 3; way++) { /* at once, in parts, and by threads */
                CHECK_OK(calr_parallel_set_threads(way == 2 ? 3 : 1));
                CHECK_OK(calr_reach_span(x, n, d, (calr_metric)metric, others[o],
                                         way == 0 ? 0 : 20 * n, links[way]));
                check_tree(distances, n, core, want, links[way]);
            }
            if (!CHECK(memcmp(links[1], links[2], (size_t)(n - 1) * sizeof(calr_link)) == 0))
                fprintf(stderr, "    %s, %d others\n", name, (int)others[o]);
        }
    }
    free(distances);
}

static void test_trees(void)
{
    int before = calr_parallel_threads();
    const int64_t sizes[] = {1, 2, 3, 9, 10, 70, MOST}, widths[] = {1, 2, 64, 300};
    for (int s = 0; s < 7; s++)
        for (int w = 0; w < 4; w++) {
            int64_t n = sizes[s], d = widths[w];
            float *x = random_rows((uint64_t)(10 * s + w), n, d, 1 + n / 20, 0.3);
            check_rows("clusters", x, n, d);
            free(x);
            x = random_rows((uint64_t)(10 * s + w), n, d, 1 + n / 100, 1e-3);
            check_rows("clusters far apart", x, n, d);
            free(x);
            x = random_rows((uint64_t)(10 * s + w), n, d, 1, 1);
            check_rows("one cloud", x, n, d);
            free(x);
        }
    CHECK_OK(calr_parallel_set_threads(before));
}

static void test_ties(void)
{
    int before = calr_parallel_threads();
    const int64_t sizes[] = {40, MOST}, widths[] = {2, 3, 64};
    for (int s = 0; s < 2; s++)
        for (int w = 0; w < 3; w++) {
            int64_t n = sizes[s], d = widths[w];
            float *x = sign_rows((uint64_t)(10 * s + w), n, d);
            check_rows("signs", x, n, d);
            for (int64_t i = 0; i < n * d; i++)
                x[i] = i % d == 0 ? (float)(i / d) : 0;
            check_rows("a line", x, n, d);
            for (int64_t i = 0; i < n; i++)
                for (int64_t c = 0; c < d; c++)
                    x[i * d + c] = (float)(c == 0 ? i % 19 : c == 1 ? i / 19 % 23 : i % 3 == 0);
            check_rows("a grid", x, n, d);
            for (int64_t i = 0; i < n * d; i++)
                x[i] = i / d % 7 == 3 ? 0 : 2;
            check_rows("copies", x, n, d);
            for (int64_t i = 0; i < n; i++) /* each twice as far as the one before */
                for (int64_t c = 0; c < d; c++)
                    x[i * d + c] = (float)ldexp(c == 0, (int)(i % 60));
            check_rows("chains", x, n, d);
            free(x);
        }
    CHECK_OK(calr_parallel_set_threads(before));
}

static void test_refused(void)
{
    float x[6] = {1, 2, 3, NAN, 5, 6};
    calr_link links[3];
    CHECK_FAILS(calr_reach_span(x, 3, 2, CALR_EUCLIDEAN, 1, 0, links), CALR_ENUMERIC, "row 1");
    CHECK_FAILS(calr_reach_span(x, 3, 0, CALR_EUCLIDEAN, 1, 0, links), CALR_EINVAL, "3 x 0");
}

int main(void)
{
    RUN(test_trees);
    RUN(test_ties);
    RUN(test_refused);
    return check_finish();
}
