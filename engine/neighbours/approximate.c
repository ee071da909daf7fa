#include "neighbours/approximate.h"

/* Microseconds of one core, from measurements with AVX2 (docs/notebook/neighbours.md). */
static double exact_time(double queries, double n, double d, bool self)
{
    double product = d < 256 ? 4e-5 * d : 1e-5 * d;
    return queries * n * (product + 5e-4) / (self ? 2 : 1);
}

static double graph_time(double queries, double n, double d, double k)
{
    double effort = 30 + 1.6 * k; /* for a recall of 0.95 */
    return n * (100 + 0.4 * d) + queries * effort * (1.4 + 0.0025 * d);
}

calr_approximate calr_approximate_choose(int64_t queries, int64_t n, int64_t d, int64_t k,
                                         bool self)
{
    double q = (double)queries, rows = (double)n, columns = (double)d;
    double exact = exact_time(q, rows, columns, self);
    return graph_time(q, rows, columns, (double)k) < 0.75 * exact ? CALR_APPROXIMATE_GRAPH
                                                                  : CALR_APPROXIMATE_EXACT;
}
