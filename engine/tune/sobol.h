/* Sobol's low-discrepancy sequence with the direction numbers of Joe and Kuo (2008), in the order
 * of the Gray code (Antonov and Saleev), as SciPy's stats.qmc.Sobol has it. */
#ifndef CALR_TUNE_SOBOL_H
#define CALR_TUNE_SOBOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

#define CALR_SOBOL_DIMENSIONS 256

/* Point number `index`, 0 .. 2^32-1, of the sequence: out[dimensions] in [0, 1), multiples of 2^-32.
 * Plain, point 0 is the origin. Scrambled: nested uniform (Owen) scrambling of each dimension by a
 * hash (Burley, "Practical hash-based Owen scrambling", JCGT 9 (2020)) under `seed`; any 2^k points
 * from a multiple of 2^k on stay as evenly spread. CALR_EINVAL: no such point or dimension. */
calr_status calr_sobol_point(int64_t index, int64_t dimensions, bool scramble, uint64_t seed,
                             double *out);

#endif
