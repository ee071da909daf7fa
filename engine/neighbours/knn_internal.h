/* The ways to exact neighbours that calr_knn chooses between. Internal to cluster/ and its tests. */
#ifndef CALR_NEIGHBOURS_KNN_INTERNAL_H
#define CALR_NEIGHBOURS_KNN_INTERNAL_H

#include "neighbours/knn.h"
#include "neighbours/nearest.h"

typedef enum calr_knn_way {
    CALR_KNN_AUTO,  /* by the sizes, the processor and a sample of the rows */
    CALR_KNN_FLOAT, /* products in f32 */
    CALR_KNN_BYTES /* products of bytes choose candidates, which are measured exactly; CALR_ENOTFOUND where the
                       processor has no such products */
} calr_knn_way;

/* A search, its arguments checked: self is set when base is x. */
typedef struct calr_knn_task {
    const float *x, *base;
    int64_t n, m, d, k;
    calr_metric metric;
    bool self, include_self;
    bool
        opposite; /* the neighbours of -x: those with the least cosines. With self and cosines only, and not in f32 */
    const double *length, *base_length; /* of the rows; less `centre` for euclidean distances */
    const double *centre;               /* [d] or NULL */
    double longest;                     /* the largest of the lengths */
    int32_t *indices;
    float *values;
} calr_knn_task;

/* calr_knn by a given way. */
calr_status calr_knn_by(calr_knn_way way, const float *x, int64_t n, const float *base, int64_t m,
                        int64_t d, int64_t k, calr_metric metric, bool include_self,
                        int32_t *indices, float *values);

calr_status calr_knn_float(const calr_knn_task *task);

/* Writes the neighbours of row i: itself where it is to be included, then best[k - include_self]. */
void calr_knn_write(const calr_knn_task *task, int64_t i, const calr_measured *best);

/* `force`: also where it does not pay. *done is false, and nothing was written, where the task does not suit it. */
calr_status calr_knn_bytes(const calr_knn_task *task, bool force, bool *done);

#endif
