/* Multi-level Infomap: code lengths of given trees and of the best found, against the reference
 * implementation. */
#include "infomap_case.h"

#include <stdlib.h>

#include "base/parallel.h"
#include "cluster/infomap/tree.h"

enum { NODES = 400, LINKS = 6000, LEVELS = 12, SEEDS = 10 };

/* What holds for every tree that was found. */
static double check_tree(const calr_csr *graph, const calr_infomap_options *options,
                         const calr_infomap_tree *tree)
{
    static int32_t module[NODES];
    double again, finest, top;
    calr_infomap_result two;
    int64_t n = tree->nodes, levels = tree->levels;
    CHECK_OK(calr_infomap_tree_codelength(graph, options, levels, tree->labels, &again));
    CHECK_NEAR(again, tree->codelength, 1e-12);
    CHECK_OK(calr_infomap(graph, options, module, &two));
    CHECK(tree->codelength <= two.codelength + 1e-8);
    CHECK_NEAR(tree->one_level, two.one_level, 1e-12);
    /* A tree of one level is a partition; leaving out levels gains nothing. */
    const int32_t *last = tree->labels + (levels - 1) * n;
    CHECK_OK(calr_infomap_tree_codelength(graph, options, 1, last, &finest));
    CHECK_OK(calr_infomap_codelength(graph, options, last, &again));
    CHECK_NEAR(again, finest, 1e-12);
    CHECK_OK(calr_infomap_codelength(graph, options, tree->labels, &top));
    CHECK(tree->codelength <= finest + 1e-8 && tree->codelength <= top + 1e-8);
    for (int64_t l = 1; l < levels; l++)
        CHECK(tree->modules[l] > tree->modules[l - 1]);
    return tree->codelength;
}

static double mean_of(const calr_csr *graph, bool directed, int64_t *levels)
{
    double sum = 0;
    for (int seed = 1; seed <= SEEDS; seed++) {
        calr_infomap_options options = usual;
        options.directed = directed;
        options.seed = (uint64_t)seed;
        calr_infomap_tree *tree = NULL;
        CHECK_OK(calr_infomap_tree_new(graph, &options, &tree));
        sum += check_tree(graph, &options, tree);
        *levels = tree->levels;
        calr_infomap_tree_release(tree);
    }
    return sum / SEEDS;
}

static void given_tree(FILE *file, const calr_csr *graph)
{
    static int32_t labels[LEVELS * NODES];
    int levels, read = 0;
    double want, got;
    if (!CHECK(fscanf(file, "%d", &levels) == 1 && levels <= LEVELS))
        return;
    for (int64_t i = 0; i < levels * graph->rows; i++)
        read += fscanf(file, "%d", &labels[i]);
    CHECK_INT(read, levels * graph->rows);
    for (int undirected = 0; undirected < 2; undirected++) {
        calr_infomap_options options = usual;
        options.directed = !undirected;
        CHECK(fscanf(file, "%lf", &want) == 1);
        CHECK_OK(calr_infomap_tree_codelength(graph, &options, levels, labels, &got));
        CHECK_NEAR(got, want, 1e-6);
    }
}

static int golden_case(FILE *file)
{
    static int from[LINKS], to[LINKS];
    static float weight[LINKS];
    char name[64];
    int n, links, trees, read = 0;
    if (fscanf(file, "%63s %d %d %d", name, &n, &links, &trees) != 4)
        return 0;
    if (!CHECK(n <= NODES && links <= LINKS))
        return 0;
    for (int e = 0; e < links; e++)
        read += fscanf(file, "%d %d %f", &from[e], &to[e], &weight[e]);
    CHECK_INT(read, 3 * links);
    calr_csr *graph = network(n, links, from, to, weight);
    for (int t = 0; t < trees; t++)
        given_tree(file, graph);
    for (int undirected = 0; undirected < 2; undirected++) {
        double mean, best;
        int64_t levels;
        CHECK(fscanf(file, "%lf %lf", &mean, &best) == 2);
        double ours = mean_of(graph, !undirected, &levels);
        printf("     %s%s: reference's mean %.6f, here %+.4f %%, %lld levels\n", name,
               undirected ? " (undirected)" : "", mean, 100 * (ours / mean - 1), (long long)levels);
        CHECK(ours <= mean * 1.003);
        calr_infomap_options options = usual;
        options.directed = !undirected;
        options.trials = SEEDS;
        calr_infomap_tree *tree = NULL;
        CHECK_OK(calr_infomap_tree_new(graph, &options, &tree));
        CHECK(check_tree(graph, &options, tree) <= best * 1.003);
        calr_infomap_tree_release(tree);
    }
    calr_csr_release(graph);
    return 1;
}

static void agrees_with_the_reference(void)
{
    FILE *file = fopen(CALR_TEST_REFERENCE "/infomap/golden_tree.txt", "r");
    if (!CHECK(file))
        return;
    int cases = 0;
    while (golden_case(file))
        cases++;
    fclose(file);
    CHECK_INT(cases, 10);
}

/* Triangles in rings of `each`, `rings` of them in a chain. */
static calr_csr *triangles(int rings, int each)
{
    static int from[LINKS], to[LINKS];
    static float weight[LINKS];
    int links = 0, count = rings * each;
    for (int t = 0; t < count; t++) {
        for (int c = 0; c < 3; c++, links++) {
            from[links] = 3 * t + c;
            to[links] = 3 * t + (c + 1) % 3;
            weight[links] = 1;
        }
        int next = (t + 1) % each ? t + 1 : t + 1 - each;
        from[links] = 3 * t;
        to[links] = 3 * next + 1;
        weight[links++] = 0.25f;
        if ((t + 1) % each == 0 && t + 1 < count) {
            from[links] = 3 * t;
            to[links] = 3 * t + 5;
            weight[links++] = 0.01f;
        }
    }
    return network(3 * count, links, from, to, weight);
}

static void finds_planted_levels(void)
{
    calr_csr *graph = triangles(6, 8);
    int32_t planted[2 * 144];
    for (int i = 0; i < 144; i++) {
        planted[i] = i / 24;
        planted[144 + i] = i / 3;
    }
    calr_infomap_options options = usual;
    options.directed = false;
    options.trials = 4;
    calr_infomap_tree *tree = NULL;
    CHECK_OK(calr_infomap_tree_new(graph, &options, &tree));
    double bits = check_tree(graph, &options, tree), with;
    CHECK_OK(calr_infomap_tree_codelength(graph, &options, 2, planted, &with));
    CHECK(bits <= with + 1e-9);
    /* The levels above may be others, of shorter code. */
    int64_t last = tree->levels - 1;
    if (CHECK(last >= 1)) {
        CHECK_INT(tree->modules[last], 48);
        CHECK(memcmp(tree->labels + last * 144, planted + 144, sizeof(int32_t) * 144) == 0);
        CHECK(tree->modules[0] < 48);
    }
    calr_infomap_tree_release(tree);
    calr_csr_release(graph);
}

static void threads_do_not_matter(void)
{
    calr_csr *graph = triangles(10, 12);
    calr_infomap_options options = usual;
    options.trials = 5;
    calr_infomap_tree *one = NULL, *many = NULL;
    int before = calr_parallel_threads();
    CHECK_OK(calr_parallel_set_threads(1));
    CHECK_OK(calr_infomap_tree_new(graph, &options, &one));
    CHECK_OK(calr_parallel_set_threads(4));
    CHECK_OK(calr_infomap_tree_new(graph, &options, &many));
    CHECK_OK(calr_parallel_set_threads(before));
    if (CHECK(one->levels == many->levels && one->codelength == many->codelength))
        CHECK(memcmp(one->labels, many->labels,
                     sizeof(int32_t) * (size_t)(one->levels * one->nodes)) == 0);
    calr_infomap_tree_release(one);
    calr_infomap_tree_release(many);
    calr_csr_release(graph);
}

static void odd_networks(void)
{
    calr_infomap_tree *tree = NULL;
    double bits;
    for (int64_t n = 0; n < 3; n++) { /* nothing linked */
        calr_csr *graph = NULL;
        CHECK_OK(calr_csr_new(n, n, 0, &graph));
        CHECK_OK(calr_infomap_tree_new(graph, &usual, &tree));
        CHECK(tree->codelength == 0 && tree->levels == 1 && tree->modules[0] == 0);
        for (int i = 0; i < n; i++)
            CHECK_INT(tree->labels[i], -1);
        CHECK_OK(calr_infomap_tree_codelength(graph, &usual, 1, tree->labels, &bits));
        CHECK(bits == 0);
        calr_infomap_tree_release(tree);
        calr_csr_release(graph);
    }
    for (int directed = 0; directed < 2; directed++) {
        calr_infomap_options options = usual;
        options.directed = directed;
        /* Nothing but a loop; two components, the second in two parts, and a node by itself. */
        calr_csr *loop = network(3, 1, (int[]){1}, (int[]){1}, (float[]){2});
        CHECK_OK(calr_infomap_tree_new(loop, &options, &tree));
        CHECK(tree->labels[0] == -1 && tree->labels[1] == 0 && tree->labels[2] == -1);
        CHECK_NEAR(tree->codelength, 0, 1e-12);
        calr_infomap_tree_release(tree);
        calr_csr_release(loop);
        calr_csr *graph = network(10, 10, (int[]){0, 1, 2, 4, 5, 6, 7, 8, 9, 6},
                                  (int[]){1, 2, 0, 5, 6, 4, 8, 9, 7, 8},
                                  (float[]){1, 1, 1, 1, 1, 1, 1, 1, 1, 1e-3f});
        CHECK_OK(calr_infomap_tree_new(graph, &options, &tree));
        check_tree(graph, &options, tree);
        CHECK(tree->labels[0] == 0 && tree->labels[2] == 0 && tree->labels[3] == -1 &&
              tree->labels[4] == 1);
        calr_infomap_tree_release(tree);
        calr_csr_release(graph);
    }
    calr_csr *bad = network(2, 1, (int[]){0}, (int[]){1}, (float[]){0});
    CHECK_FAILS(calr_infomap_tree_new(bad, &usual, &tree), CALR_ENUMERIC, "0 -> 1");
    calr_csr_release(bad);
    calr_infomap_options options = usual;
    options.trials = 0;
    CHECK_OK(calr_csr_new(2, 2, 0, &bad));
    CHECK_FAILS(calr_infomap_tree_new(bad, &options, &tree), CALR_EINVAL, "trials");
    calr_csr_release(bad);
}

static void trees_that_are_none(void)
{
    calr_csr *graph = triangles(1, 2);
    double bits, other;
    CHECK_FAILS(calr_infomap_tree_codelength(graph, &usual, 0, NULL, &bits), CALR_EINVAL,
                "at least 1 level");
    int32_t crossed[] = {0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1};
    CHECK_FAILS(calr_infomap_tree_codelength(graph, &usual, 2, crossed, &bits), CALR_EINVAL,
                "module 0 of level 1 lies in two");
    int32_t far[] = {0, 0, 0, 1, 1, 6};
    CHECK_FAILS(calr_infomap_tree_codelength(graph, &usual, 1, far, &bits), CALR_EINVAL,
                "node 5 (both counted from 0) is in module 6");
    /* A level that divides nothing costs nothing, wherever it stands. */
    int32_t even[] = {0, 0, 0, 1, 1, 1}, same[] = {2, 2, 2, 4, 4, 4, 0, 0, 0, 1, 1, 1},
            over[] = {3, 3, 3, 3, 3, 3, 0, 0, 0, 1, 1, 1};
    CHECK_OK(calr_infomap_tree_codelength(graph, &usual, 1, even, &bits));
    CHECK_OK(calr_infomap_tree_codelength(graph, &usual, 2, same, &other));
    CHECK_NEAR(other, bits, 1e-12);
    CHECK_OK(calr_infomap_tree_codelength(graph, &usual, 2, over, &other));
    CHECK_NEAR(other, bits, 1e-12);
    calr_csr_release(graph);
}

int main(void)
{
    RUN(trees_that_are_none);
    RUN(odd_networks);
    RUN(finds_planted_levels);
    RUN(threads_do_not_matter);
    RUN(agrees_with_the_reference);
    return check_finish();
}
