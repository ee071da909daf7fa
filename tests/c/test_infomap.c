/* Infomap: code lengths of given partitions and of the best found, against the reference implementation. */
#include "check.h"

#include <stdlib.h>

#include "base/parallel.h"
#include "cluster/infomap.h"

static const calr_infomap_options usual = {.directed = true, .teleportation = 0.15, .seed = 1, .trials = 1};

/* A network from links in any order, no two alike. */
static calr_csr *network(int64_t n, int64_t links, const int *from, const int *to, const float *weight)
{
    calr_csr *rows = NULL, *columns = NULL;
    CHECK_OK(calr_csr_new(n, n, links, &rows));
    int64_t used = 0;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t e = 0; e < links; e++) {
            if (from[e] != i)
                continue;
            rows->indices[used] = to[e];
            rows->values[used++] = weight[e];
        }
        rows->offsets[i + 1] = used;
    }
    /* Transposed twice, the columns ascend. */
    CHECK_OK(calr_csr_transpose(rows, &columns));
    calr_csr_release(rows);
    CHECK_OK(calr_csr_transpose(columns, &rows));
    calr_csr_release(columns);
    return rows;
}

static double best_of(const calr_csr *graph, bool directed, int64_t trials, int32_t *module)
{
    calr_infomap_options options = usual;
    options.directed = directed;
    options.trials = trials;
    calr_infomap_result result;
    CHECK_OK(calr_infomap(graph, &options, module, &result));
    double again;
    CHECK_OK(calr_infomap_codelength(graph, &options, module, &again));
    CHECK_NEAR(again, result.codelength, 1e-9);
    CHECK(result.codelength <= result.one_level + 1e-12);
    return result.codelength;
}

static int golden_case(FILE *file)
{
    char name[64];
    int n, links, partitions;
    if (fscanf(file, "%63s %d %d %d", name, &n, &links, &partitions) != 4)
        return 0;
    int *from = malloc(sizeof(int) * (size_t)links), *to = malloc(sizeof(int) * (size_t)links);
    float *weight = malloc(sizeof(float) * (size_t)links);
    int32_t *module = malloc(sizeof(int32_t) * (size_t)n);
    int read = 0;
    for (int e = 0; e < links; e++)
        read += fscanf(file, "%d %d %f", &from[e], &to[e], &weight[e]);
    CHECK_INT(read, 3 * links);
    calr_csr *graph = network(n, links, from, to, weight);
    double want[2], got;
    for (int p = 0; p < partitions; p++) {
        for (int i = 0; i < n; i++)
            CHECK(fscanf(file, "%d", &module[i]) == 1);
        CHECK(fscanf(file, "%lf %lf", &want[0], &want[1]) == 2);
        for (int undirected = 0; undirected < 2; undirected++) {
            calr_infomap_options options = usual;
            options.directed = !undirected;
            CHECK_OK(calr_infomap_codelength(graph, &options, module, &got));
            CHECK_NEAR(got, want[undirected], 1e-6);
        }
    }
    CHECK(fscanf(file, "%lf %lf", &want[0], &want[1]) == 2);
    for (int undirected = 0; undirected < 2; undirected++) {
        double least = want[undirected];
        double one = best_of(graph, !undirected, 1, module), ten = best_of(graph, !undirected, 10, module);
        printf("     %s%s: reference %.6f, one trial %+.4f %%, ten %+.4f %%\n", name, undirected ? " (undirected)" : "",
               least, 100 * (one / least - 1), 100 * (ten / least - 1));
        CHECK(one <= least * 1.02);
        CHECK(ten <= least * 1.003);
    }
    calr_csr_release(graph);
    free(from);
    free(to);
    free(weight);
    free(module);
    return 1;
}

static void agrees_with_the_reference(void)
{
    FILE *file = fopen(CALR_TEST_REFERENCE "/infomap/golden.txt", "r");
    if (!CHECK(file))
        return;
    int cases = 0;
    while (golden_case(file))
        cases++;
    fclose(file);
    CHECK_INT(cases, 8);
}

int main(void)
{
    RUN(agrees_with_the_reference);
    return check_finish();
}
