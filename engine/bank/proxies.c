#include "bank/proxies.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

typedef struct scored {
    float score;
    int32_t proxy;
} scored;

/* Best first, ties by number; a NaN comes after everything. */
static int by_score(const void *a, const void *b)
{
    const scored *p = a, *q = b;
    float x = isnan(p->score) ? -INFINITY : p->score, y = isnan(q->score) ? -INFINITY : q->score;
    if (x != y)
        return x > y ? -1 : 1;
    return (p->proxy > q->proxy) - (p->proxy < q->proxy);
}

static calr_status check_own(const calr_proxies *proxies, const int32_t *own, int64_t batch)
{
    for (int64_t i = 0; i < batch; i++)
        if (own[i] < 0 || own[i] >= proxies->count)
            return calr_error(CALR_EINVAL,
                              "sample %" PRId64 " of the batch has proxy %" PRId32
                              ", and there are %" PRId64,
                              i + 1, own[i], proxies->count);
    return CALR_OK;
}

/* Samples of the batch with the camera of sample i. */
static int64_t same_camera(const calr_proxies *proxies, const int32_t *own, int64_t batch,
                           int64_t i)
{
    int64_t count = 0;
    for (int64_t j = 0; j < batch; j++)
        count += proxies->camera[own[j]] == proxies->camera[own[i]];
    return count;
}

calr_status calr_bank_proxies_own(const calr_proxies *proxies, const int32_t *cluster,
                                  const int32_t *camera, int64_t batch, int32_t *own)
{
    for (int64_t i = 0; i < batch; i++) {
        int64_t p = 0;
        while (p < proxies->count &&
               (proxies->cluster[p] != cluster[i] || proxies->camera[p] != camera[i]))
            p++;
        if (p == proxies->count)
            return calr_error(CALR_EINVAL,
                              "sample %" PRId64 ": the memory has no proxy of cluster %" PRId32
                              " in camera %" PRId32,
                              i + 1, cluster[i], camera[i]);
        own[i] = (int32_t)p;
    }
    return CALR_OK;
}

calr_status calr_bank_proxies_weigh(const calr_proxies *proxies, const int32_t *own,
                                    const float *weights, int64_t batch, float *target)
{
    CALR_TRY(check_own(proxies, own, batch));
    for (int64_t i = 0; i < batch; i++)
        if (!(weights[i] >= 0))
            return calr_error(CALR_EINVAL, "the weight of sample %" PRId64 " is %g, below 0", i + 1,
                              (double)weights[i]);
    for (int64_t i = 0; i < batch; i++) {
        double sum = 0;
        for (int64_t j = 0; j < batch; j++)
            if (proxies->camera[own[j]] == proxies->camera[own[i]])
                sum += weights[j];
        double share = (double)same_camera(proxies, own, batch, i) * weights[i];
        float factor = sum > 0 ? (float)(share / sum) : 0.0f;
        for (int64_t p = 0; p < proxies->count; p++)
            target[i * proxies->count + p] *= factor;
    }
    return CALR_OK;
}

static void clear(int64_t count, float *mask, float *target)
{
    for (int64_t p = 0; p < count; p++) {
        mask[p] = CALR_PROXY_OUT;
        target[p] = 0;
    }
}

calr_status calr_bank_proxies_intra(const calr_proxies *proxies, const int32_t *own, int64_t batch,
                                    float *mask, float *target)
{
    CALR_TRY(check_own(proxies, own, batch));
    int64_t n = proxies->count;
    for (int64_t i = 0; i < batch; i++) {
        clear(n, mask + i * n, target + i * n);
        for (int64_t p = 0; p < n; p++)
            if (proxies->camera[p] == proxies->camera[own[i]])
                mask[i * n + p] = 0;
        target[i * n + own[i]] = 1 / (float)same_camera(proxies, own, batch, i);
    }
    return CALR_OK;
}

/* Puts an item into list[room], best first, of which `found` are there; items come by ascending numbers. Returns how
 * many are there then. */
static int64_t offer(scored *list, int64_t found, int64_t room, scored item)
{
    int64_t at = found < room ? found++ : room - 1;
    for (; at > 0 && list[at - 1].score < item.score; at--)
        list[at] = list[at - 1];
    list[at] = item;
    return found;
}

/* Sorts the best `wanted` of order[count], which is by number, to its front; a NaN counts as minus infinity. Few are
 * picked in one pass, many are sorted with all others. */
static void rank_first(scored *order, int64_t count, int64_t wanted)
{
    enum { FEW = 256 };
    scored list[FEW];
    int64_t found = 0;
    if (wanted > FEW) {
        qsort(order, (size_t)count, sizeof *order, by_score);
        return;
    }
    for (int64_t p = 0; p < count && wanted > 0; p++) {
        scored item = {isnan(order[p].score) ? -INFINITY : order[p].score, order[p].proxy};
        if (found < wanted || item.score > list[wanted - 1].score)
            found = offer(list, found, wanted, item);
    }
    memcpy(order, list, (size_t)found * sizeof *order);
}

/* Positives have a target above 0 already; they and the best `negatives` others take part. */
static void admit(int64_t count, const float *scores, int64_t negatives, scored *order, float *mask,
                  const float *target)
{
    int64_t others = 0;
    for (int64_t p = 0; p < count; p++) {
        if (target[p] > 0)
            mask[p] = 0;
        else
            order[others++] = (scored){scores[p], (int32_t)p};
    }
    rank_first(order, others, negatives);
    for (int64_t p = 0; p < others && p < negatives; p++)
        mask[order[p].proxy] = 0;
}

calr_status calr_bank_proxies_offline(const calr_proxies *proxies, const int32_t *own,
                                      const float *scores, int64_t batch, int64_t negatives,
                                      float *mask, float *target)
{
    CALR_TRY(check_own(proxies, own, batch));
    if (negatives < 0)
        return calr_error(CALR_EINVAL, "%" PRId64 " negatives are too few", negatives);
    int64_t n = proxies->count;
    scored *order = calr_array_new(n, sizeof *order);
    if (!order)
        return calr_error(CALR_ENOMEM, "no memory to rank %" PRId64 " proxies", n);
    for (int64_t i = 0; i < batch; i++) {
        int64_t positives = 0;
        float *to = target + i * n;
        clear(n, mask + i * n, to);
        for (int64_t p = 0; p < n; p++)
            positives += proxies->cluster[p] == proxies->cluster[own[i]];
        float weight = 1 / (float)(positives * same_camera(proxies, own, batch, i));
        for (int64_t p = 0; p < n; p++)
            if (proxies->cluster[p] == proxies->cluster[own[i]])
                to[p] = weight;
        admit(n, scores + i * n, negatives, order, mask + i * n, to);
    }
    free(order);
    return CALR_OK;
}

/* The best proxy of every camera, best first; returns how many cameras have one. */
static int64_t best_of_cameras(const calr_proxies *proxies, const float *scores, scored *best)
{
    int64_t found = 0;
    for (int64_t c = 0; c < proxies->cameras; c++)
        best[c].proxy = -1;
    for (int64_t p = 0; p < proxies->count; p++) {
        scored item = {scores[p], (int32_t)p}, *of = &best[proxies->camera[p]];
        if (of->proxy < 0 || by_score(&item, of) < 0)
            *of = item;
    }
    for (int64_t c = 0; c < proxies->cameras; c++)
        if (best[c].proxy >= 0)
            best[found++] = best[c];
    qsort(best, (size_t)found, sizeof *best, by_score);
    return found;
}

calr_status calr_bank_proxies_online(const calr_proxies *proxies, const int32_t *own,
                                     const float *scores, const float *affinity, int64_t batch,
                                     double balance, int64_t positives, int64_t negatives,
                                     float *mask, float *target)
{
    CALR_TRY(check_own(proxies, own, batch));
    if (positives < 1 || negatives < 0 || !(balance >= 0 && balance <= 1))
        return calr_error(CALR_EINVAL,
                          "online proxies need positives >= 1, negatives >= 0 and a balance of 0 "
                          ".. 1, not %" PRId64 ", %" PRId64 " and %g",
                          positives, negatives, balance);
    int64_t n = proxies->count;
    scored *order = calr_array_new(n, sizeof *order),
           *best = calr_array_new(proxies->cameras, sizeof *best);
    float *mixed = calr_array_new(n, sizeof *mixed);
    calr_status status = CALR_OK;
    if (!order || !best || !mixed)
        status = calr_error(CALR_ENOMEM, "no memory to rank %" PRId64 " proxies", n);
    for (int64_t i = 0; status == CALR_OK && i < batch; i++) {
        clear(n, mask + i * n, target + i * n);
        for (int64_t p = 0; p < n; p++)
            mixed[p] = (float)(balance * scores[i * n + p] + (1 - balance) * affinity[i * n + p]);
        int64_t found = best_of_cameras(proxies, mixed, best);
        found = found < positives ? found : positives;
        float weight = 1 / (float)(found * same_camera(proxies, own, batch, i));
        for (int64_t c = 0; c < found; c++)
            target[i * n + best[c].proxy] = weight;
        admit(n, mixed, negatives, order, mask + i * n, target + i * n);
    }
    free(order);
    free(best);
    free(mixed);
    return status;
}
