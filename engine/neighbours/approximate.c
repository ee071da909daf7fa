#include "neighbours/approximate.h"

calr_approximate calr_approximate_choose(int64_t queries, int64_t n, int64_t d, bool self)
{
    (void)queries;
    (void)d;
    (void)self;
    return n < 50000 ? CALR_APPROXIMATE_EXACT : CALR_APPROXIMATE_GRAPH;
}
