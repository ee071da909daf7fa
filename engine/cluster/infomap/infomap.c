#include "cluster/infomap/infomap.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/rng.h"
#include "base/size.h"
#include "cluster/infomap/flow.h"
#include "cluster/infomap/search.h"
#include "labels/labels.h"

typedef struct trials {
    const calr_flow *flow;
    const calr_infomap_options *options;
    int32_t **module; /* [trials] */
    double *bits;     /* [trials] */
    calr_status *status;
} trials;

static void run_trials(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    trials *work = context;
    int64_t n = work->flow->nodes;
    for (int64_t t = begin; t < end; t++) {
        calr_rng rng =
            calr_rng_make(work->options->seed, calr_rng_purpose("infomap"), 0, (uint64_t)t);
        calr_infomap_search *search = NULL;
        int64_t modules;
        work->module[t] = calr_array_new(n, sizeof *work->module[t]);
        work->status[t] = work->module[t] ? calr_infomap_search_new(n, rng, &search) : CALR_ENOMEM;
        if (work->status[t] == CALR_OK)
            work->status[t] = calr_infomap_search_run(search, work->flow, 0, false, work->module[t],
                                                      &modules, &work->bits[t]);
        calr_infomap_search_release(search);
    }
}

/* The shortest of all trials; the first of equals. */
static calr_status best_trial(const calr_flow *flow, const calr_infomap_options *options,
                              int32_t *module, double *bits)
{
    int64_t count = options->trials, best = 0;
    trials work = {.flow = flow, .options = options};
    work.module = calr_array_zeros(count, sizeof *work.module);
    work.bits = calr_array_zeros(count, sizeof *work.bits);
    work.status = calr_array_zeros(count, sizeof *work.status);
    calr_status status = CALR_OK;
    if (!work.module || !work.bits || !work.status) {
        status = calr_error(CALR_ENOMEM, "no memory for %" PRId64 " trials", count);
    } else {
        status = calr_parallel_try(count, 1, run_trials, &work);
        for (int64_t t = 0; t < count && status == CALR_OK; t++) {
            if (work.status[t] != CALR_OK)
                status = calr_error(work.status[t], "no memory to partition %" PRId64 " nodes",
                                    flow->nodes);
            if (work.bits[t] < work.bits[best])
                best = t;
        }
    }
    if (status == CALR_OK) {
        memcpy(module, work.module[best], (size_t)flow->nodes * sizeof *module);
        *bits = work.bits[best];
    }
    for (int64_t t = 0; work.module && t < count; t++)
        free(work.module[t]);
    free(work.module);
    free(work.bits);
    free(work.status);
    return status;
}

/* ---- entry points ---- */

/* One module of all linked nodes when no partition has a shorter code, as the reference has it;
 * then numbers the modules. */
static calr_status finish(const calr_flow *flow, int32_t *module, calr_infomap_result *result)
{
    int64_t n = flow->nodes;
    result->one_level = calr_infomap_undivided_bits(flow, 0);
    bool merge = result->one_level <= result->codelength + CALR_INFOMAP_LEAST_GAIN;
    if (merge)
        result->codelength = result->one_level;
    for (int64_t i = 0; i < n; i++)
        module[i] = !calr_infomap_linked(flow, i) ? -1 : merge ? 0 : module[i];
    return calr_labels_canonical(module, n, 1, module, &result->modules);
}

calr_status calr_infomap(const calr_csr *graph, const calr_infomap_options *options,
                         int32_t *module, calr_infomap_result *result)
{
    CALR_TRY(calr_infomap_check(graph, options));
    *result = (calr_infomap_result){0};
    for (int64_t i = 0; i < graph->rows; i++)
        module[i] = -1;
    if (graph->nonzeros == 0)
        return CALR_OK;
    calr_flow *flow;
    CALR_TRY(calr_flow_new(graph, options->directed, options->teleportation, &flow));
    calr_status status = best_trial(flow, options, module, &result->codelength);
    if (status == CALR_OK)
        status = finish(flow, module, result);
    calr_flow_release(flow);
    return status;
}

/* Copies the partition; where an unlinked node goes makes no difference. */
static calr_status take_partition(const calr_flow *flow, const int32_t *module, int32_t *copy)
{
    for (int64_t i = 0; i < flow->nodes; i++) {
        bool none = module[i] == -1 && !calr_infomap_linked(flow, i);
        if (!none && (module[i] < 0 || module[i] >= flow->nodes))
            return calr_error(CALR_EINVAL,
                              "node %" PRId64 " (counted from 0) is in module %" PRId32
                              ": modules are 0 .. n-1, and -1 only for a node without an edge",
                              i, module[i]);
        copy[i] = none ? 0 : module[i];
    }
    return CALR_OK;
}

calr_status calr_infomap_codelength(const calr_csr *graph, const calr_infomap_options *options,
                                    const int32_t *module, double *bits)
{
    CALR_TRY(calr_infomap_check(graph, options));
    *bits = 0;
    if (graph->nonzeros == 0)
        return CALR_OK;
    calr_flow *flow;
    CALR_TRY(calr_flow_new(graph, options->directed, options->teleportation, &flow));
    calr_infomap_search *search = NULL;
    int32_t *copy = calr_array_new(graph->rows, sizeof *copy);
    calr_status status =
        copy ? calr_infomap_search_new(graph->rows, (calr_rng){0}, &search)
             : calr_error(CALR_ENOMEM, "no memory for a partition of %" PRId64 " nodes",
                          graph->rows);
    if (status == CALR_OK)
        status = take_partition(flow, module, copy);
    if (status == CALR_OK)
        *bits = calr_infomap_search_bits(search, flow, 0, copy);
    calr_infomap_search_release(search);
    free(copy);
    calr_flow_release(flow);
    return status;
}
