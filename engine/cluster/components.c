#include "cluster/components.h"

#include <inttypes.h>

#include "base/interrupt.h"
#include "base/union_find.h"
#include "labels/labels.h"

static calr_status start(int64_t n, int64_t min_size, int32_t *labels)
{
    if (n > INT32_MAX)
        return calr_error(CALR_EINVAL, "labels are 32-bit: %" PRId64 " things are too many", n);
    if (min_size < 1)
        return calr_error(CALR_EINVAL, "min_size must be at least 1, not %" PRId64, min_size);
    for (int64_t i = 0; i < n; i++)
        labels[i] = (int32_t)i;
    return CALR_OK;
}

static calr_status finish(int64_t n, int64_t min_size, int32_t *labels, int64_t *clusters)
{
    int64_t found;
    for (int64_t i = 0; i < n; i++)
        labels[i] = calr_find_root(labels, (int32_t)i);
    return calr_labels_canonical(labels, n, min_size, labels, clusters ? clusters : &found);
}

calr_status calr_components(const calr_csr *graph, bool mutual, int64_t min_size, int32_t *labels,
                            int64_t *clusters)
{
    if (graph->rows != graph->columns)
        return calr_error(CALR_EINVAL, "a graph must be square, not %" PRId64 " x %" PRId64,
                          graph->rows, graph->columns);
    CALR_TRY(start(graph->rows, min_size, labels));
    for (int64_t i = 0; i < graph->rows; i++) {
        CALR_TRY(calr_interrupt_check());
        for (int64_t p = graph->offsets[i]; p < graph->offsets[i + 1]; p++)
            if (!mutual || calr_csr_find(graph, graph->indices[p], i) >= 0)
                calr_join_sets(labels, (int32_t)i, graph->indices[p]);
    }
    return finish(graph->rows, min_size, labels, clusters);
}

calr_status calr_components_of_distance(const calr_distance *distance, double most,
                                        int64_t min_size, int32_t *labels, int64_t *clusters)
{
    int64_t n = distance->n;
    if (!(most >= 0))
        return calr_error(CALR_EINVAL, "a distance is at least 0, not %g", most);
    CALR_TRY(start(n, min_size, labels));
    const calr_csr *csr = distance->sparse;
    float limit = (float)most;
    for (int64_t i = 0; i < n; i++) {
        CALR_TRY(calr_interrupt_check());
        if (csr && limit >= 1) { /* so are the pairs that are not stored */
            calr_join_sets(labels, 0, (int32_t)i);
        } else if (csr) {
            for (int64_t p = csr->offsets[i]; p < csr->offsets[i + 1]; p++)
                if (csr->values[p] <= limit)
                    calr_join_sets(labels, (int32_t)i, csr->indices[p]);
        } else {
            for (int64_t j = i + 1; j < n; j++)
                if (distance->dense[i * n + j] <= limit)
                    calr_join_sets(labels, (int32_t)i, (int32_t)j);
        }
    }
    return finish(n, min_size, labels, clusters);
}
