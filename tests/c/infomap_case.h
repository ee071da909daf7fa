/* What the tests of Infomap share: networks from lists of links, and the usual options. */
#ifndef CALR_TESTS_INFOMAP_CASE_H
#define CALR_TESTS_INFOMAP_CASE_H

#include "check.h"
#include "cluster/infomap/infomap.h"

static const calr_infomap_options usual = {
    .directed = true, .teleportation = 0.15, .seed = 1, .trials = 1};

/* A network from links in any order, no two alike. */
static calr_csr *network(int64_t n, int64_t links, const int *from, const int *to,
                         const float *weight)
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

#endif
