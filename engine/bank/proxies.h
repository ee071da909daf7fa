/* Camera proxies: the softmaxes of CAP and O2CAP over one centroid for each cluster and
 * camera. Wang et al., "Camera-aware proxies for unsupervised person re-identification", AAAI 2021, and
 * "Offline-online associated camera-aware proxies", IEEE TIP 31, 2022; details are of the latter's code.
 *
 * Each term is a cross-entropy over some of the proxies: the loss is minus the sum of
 *     target * log_softmax(logits + mask)
 * over batch and proxies. mask[batch x proxies] is 0 for those that take part and CALR_PROXY_OUT for the
 * others; target is 0 for all but the positive ones, where it is 1 / (positives x samples of the same
 * camera in the batch): the sum over cameras of the mean over their samples. Both are overwritten.
 *
 * own[batch]: the proxy of each sample, 0 .. proxies-1 (CALR_EINVAL names the first that is not);
 * scores[batch x proxies]: inner products of the samples and the proxies. NaN scores rank last. Ties go to
 * the lower proxy. Thread-safe; runs in the calling thread. */
#ifndef CALR_BANK_PROXIES_H
#define CALR_BANK_PROXIES_H

#include <stdint.h>

#include "base/status.h"

#define CALR_PROXY_OUT (-1e30f)

/* The proxies: the cluster and camera of each, from 0. */
typedef struct calr_proxies {
    int64_t count;
    const int32_t *cluster; /* [count] */
    const int32_t *camera;  /* [count] below `cameras` */
    int64_t cameras;
} calr_proxies;

/* own[i]: the proxy of cluster[i] and camera[i], for a batch of samples. CALR_EINVAL names the first
 * sample that has none. */
calr_status calr_bank_proxies_own(const calr_proxies *proxies, const int32_t *cluster,
                                  const int32_t *camera, int64_t batch, int32_t *own);

/* Weighs the samples: each camera's mean over its samples becomes their weighted mean. Multiplies row
 * i of `target`, as a function below made it, by weights[i] times the number of samples of its camera
 * over the sum of their weights; by 0 where that sum is 0. weights[batch] >= 0, or CALR_EINVAL. */
calr_status calr_bank_proxies_weigh(const calr_proxies *proxies, const int32_t *own,
                                    const float *weights, int64_t batch, float *target);

/* Intra-camera: the own proxy against all of its camera. */
calr_status calr_bank_proxies_intra(const calr_proxies *proxies, const int32_t *own, int64_t batch,
                                    float *mask, float *target);

/* Offline (CAP's inter-camera term): all proxies of the own cluster against the `negatives` others with
 * the highest scores. negatives >= 0; all where there are fewer. CALR_ENOMEM. */
calr_status calr_bank_proxies_offline(const calr_proxies *proxies, const int32_t *own,
                                      const float *scores, int64_t batch, int64_t negatives,
                                      float *mask, float *target);

/* Online: by s = balance * scores + (1 - balance) * affinity, affinity[batch x proxies] the inner products
 * of the own proxy with all, the best proxy of every camera is found; the `positives` best of those (>= 1;
 * all cameras where there are fewer) against the `negatives` others with the highest s. */
calr_status calr_bank_proxies_online(const calr_proxies *proxies, const int32_t *own,
                                     const float *scores, const float *affinity, int64_t batch,
                                     double balance, int64_t positives, int64_t negatives,
                                     float *mask, float *target);

#endif
