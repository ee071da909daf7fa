/* The camera-aware Jaccard distance: Chen, Fan, Chen, Zhu, "CA-Jaccard: Camera-aware Jaccard distance for
 * person re-identification", CVPR 2024 (arXiv 2311.10605).
 *
 * Neighbours are searched among images of the same camera and, separately, among those of all
 * other cameras, so that the own camera, whose images look alike, cannot fill the list:
 *   C(i)      the j of i's own camera with j among the first k1_intra of i's list there and i among those
 *             of j, i itself included; and the j of other cameras with j among the first k1_inter of i's
 *             list of other cameras and i among those of j (eq. 5 - 7: no expansion)
 *   V_i       the weights exp(-(2 - 2 cos(i, j))) of the j in C(i), divided by their sum; 0 elsewhere
 *   V_i       replaced by the mean of V over the first k2_intra of its own camera, i itself the first of
 *             them, and the first k2_inter of the others (camera-aware local query expansion, eq. 8)
 *   J         as in jaccard.h
 *
 * The authors' published code differs in three places. It looks at k1_inter + 1 images of other cameras:
 * give one more here. Where a camera has too few images, it fills up with images of the wrong side; here
 * the list ends. And in its first epoch k2_intra and k2_inter are 3, whatever the options say. */
#ifndef CALR_NEIGHBOURS_CAMERA_JACCARD_H
#define CALR_NEIGHBOURS_CAMERA_JACCARD_H

#include <stdint.h>

#include "base/status.h"
#include "neighbours/csr.h"

typedef struct calr_camera_jaccard_options {
    int64_t k1_intra; /* 0 .. ; neighbours of the own camera besides i. Usual: 5 */
    int64_t k1_inter; /* 0 .. ; neighbours of other cameras. Usual: 20 */
    int64_t k2_intra; /* 1 .. k1_intra + 1; i itself counted. Usual: 2 */
    int64_t k2_inter; /* 0 .. k1_inter; 0 with k2_intra = 1 leaves the expansion out. Usual: 4 */
} calr_camera_jaccard_options;

/* J of the rows of x[n x d] as in calr_jaccard: n x n CSR, symmetric, diagonal 0. cameras[n]: any numbers
 * from 0 on. Rows may have any length; ties by the lowest number. Neighbours cost n^2 d as without
 * cameras, and memory for two more copies of x. The same bits for any number of threads. CALR_EINVAL: no
 * rows, options out of range, a camera below 0; CALR_ENUMERIC names a row with a NaN or an infinity;
 * CALR_ENOMEM. Release with calr_csr_release. */
calr_status calr_camera_jaccard(const float *x, const int32_t *cameras, int64_t n, int64_t d,
                                const calr_camera_jaccard_options *options, calr_csr **out);

#endif
