/* Infomap: code lengths of given partitions and of the best found, against the reference
 * implementation. */
#include "infomap_case.h"

#include <stdlib.h>

#include "base/parallel.h"
#include "cluster/infomap/infomap.h"

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
        double one = best_of(graph, !undirected, 1, module),
               three = best_of(graph, !undirected, 3, module),
               ten = best_of(graph, !undirected, 10, module);
        printf("     %s%s: reference %.6f, one trial %+.4f %%, three %+.4f %%, ten %+.4f %%\n",
               name, undirected ? " (undirected)" : "", least, 100 * (one / least - 1),
               100 * (three / least - 1), 100 * (ten / least - 1));
        CHECK(one <= least * 1.06); /* of ten nodes, one search may miss a step */
        CHECK(three <= least * 1.02);
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

/* A ring of n nodes with links of weight 1 to the next and the one after, by neighbour lists. */
static calr_csr *ring(int n, float *scores)
{
    int32_t *indices = malloc(sizeof(int32_t) * 3 * (size_t)n);
    float *similarities = malloc(sizeof(float) * 3 * (size_t)n);
    for (int i = 0; i < n; i++) {
        for (int c = 0; c < 3; c++) {
            indices[3 * i + c] = (i + c) % n;
            similarities[3 * i + c] = c ? 0.75f : 1;
        }
    }
    calr_csr *graph = NULL;
    CHECK_OK(calr_infomap_graph(n, 3, indices, similarities, 0.5, &graph, scores));
    free(indices);
    free(similarities);
    return graph;
}

static void threads_do_not_matter(void)
{
    enum { N = 5000 };
    calr_csr *graph = ring(N, NULL);
    static int32_t one[N], many[N];
    int before = calr_parallel_threads();
    CHECK_OK(calr_parallel_set_threads(1));
    double a = best_of(graph, true, 3, one);
    CHECK_OK(calr_parallel_set_threads(4));
    double b = best_of(graph, true, 3, many);
    CHECK_OK(calr_parallel_set_threads(before));
    CHECK(a == b && memcmp(one, many, sizeof one) == 0);
    CHECK_INT(one[0], 0);
    calr_csr_release(graph);
}

static void graph_of_neighbours(void)
{
    float scores[6];
    calr_csr *graph = ring(6, scores);
    CHECK_INT(graph->nonzeros, 12);
    CHECK_NEAR(calr_csr_get(graph, 5, 1, 0), 0.75, 0);
    CHECK_NEAR(calr_csr_get(graph, 5, 5, 0), 0, 0);
    CHECK_NEAR(scores[2], 2 / (0.25 + 0.5 / 3), 1e-6);
    calr_csr_release(graph);
    /* A neighbour twice adds up, -1 is none, similarities that are too small go. */
    int32_t indices[] = {1, 1, -1, 0, 2, 1, 2, 2, 2};
    float similarities[] = {0.5f, 1, 7, 0.4f, 0, 1, 1, 1, 1};
    CHECK_OK(calr_infomap_graph(3, 3, indices, similarities, 0, &graph, NULL));
    CHECK_INT(graph->nonzeros, 2);
    CHECK_NEAR(calr_csr_get(graph, 0, 1, 0), 1.5, 0);
    int32_t module[3];
    calr_infomap_result result;
    CHECK_OK(calr_infomap(graph, &usual, module, &result));
    CHECK(module[0] == 0 && module[1] == 0 && module[2] == -1);
    CHECK_INT(result.modules, 1);
    double bits;
    CHECK_OK(calr_infomap_codelength(graph, &usual, module, &bits));
    CHECK_NEAR(bits, result.codelength, 1e-12);
    module[0] = -1;
    CHECK_FAILS(calr_infomap_codelength(graph, &usual, module, &bits), CALR_EINVAL, "node 0");
    calr_csr_release(graph);
    indices[4] = 3;
    CHECK_FAILS(calr_infomap_graph(3, 3, indices, similarities, 0, &graph, NULL), CALR_EINVAL,
                "row 1 ");
    indices[4] = 2;
    similarities[8] = INFINITY;
    CHECK_FAILS(calr_infomap_graph(3, 3, indices, similarities, 0, &graph, NULL), CALR_ENUMERIC,
                "row 2 ");
    CHECK_FAILS(calr_infomap_graph(-1, 3, indices, similarities, 0, &graph, NULL), CALR_EINVAL,
                "-1 rows");
}

static void odd_networks(void)
{
    int32_t module[5];
    calr_infomap_result result;
    for (int64_t n = 0; n < 3; n++) { /* nothing linked */
        calr_csr *graph = NULL;
        CHECK_OK(calr_csr_new(n, n, 0, &graph));
        CHECK_OK(calr_infomap(graph, &usual, module, &result));
        CHECK(result.codelength == 0 && result.modules == 0);
        for (int i = 0; i < n; i++)
            CHECK_INT(module[i], -1);
        calr_csr_release(graph);
    }
    for (int directed = 0; directed < 2; directed++) {
        calr_infomap_options options = usual;
        options.directed = directed;
        /* Nothing but a loop; a chain into a dead end. */
        calr_csr *loop = network(3, 1, (int[]){1}, (int[]){1}, (float[]){2});
        CHECK_OK(calr_infomap(loop, &options, module, &result));
        CHECK(module[0] == -1 && module[1] == 0 && module[2] == -1);
        CHECK_NEAR(result.codelength, 0, 1e-12);
        calr_csr_release(loop);
        calr_csr *chain =
            network(4, 3, (int[]){0, 1, 2}, (int[]){1, 2, 3}, (float[]){1e-30f, 1, 1e30f});
        CHECK_OK(calr_infomap(chain, &options, module, &result));
        CHECK(isfinite(result.codelength) && result.codelength >= 0 && module[0] == 0 &&
              module[3] >= 0);
        calr_csr_release(chain);
    }
    calr_csr *bad = network(2, 1, (int[]){0}, (int[]){1}, (float[]){0});
    CHECK_FAILS(calr_infomap(bad, &usual, module, &result), CALR_ENUMERIC, "0 -> 1");
    calr_csr_release(bad);
    CHECK_OK(calr_csr_new(2, 3, 0, &bad));
    CHECK_FAILS(calr_infomap(bad, &usual, module, &result), CALR_EINVAL, "2 x 3");
    calr_csr_release(bad);
    calr_infomap_options options = usual;
    options.trials = 0;
    CHECK_OK(calr_csr_new(2, 2, 0, &bad));
    CHECK_FAILS(calr_infomap(bad, &options, module, &result), CALR_EINVAL, "trials");
    options = usual;
    options.teleportation = NAN;
    CHECK_FAILS(calr_infomap(bad, &options, module, &result), CALR_EINVAL, "teleportation");
    calr_csr_release(bad);
}

int main(void)
{
    RUN(graph_of_neighbours);
    RUN(odd_networks);
    RUN(threads_do_not_matter);
    RUN(agrees_with_the_reference);
    return check_finish();
}
