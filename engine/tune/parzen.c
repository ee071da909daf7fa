#include "tune/parzen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clones.h"
#include "base/size.h"

#define HALF_LOG_2PI 0.91893853320467274178
#define BLOCK        256 /* kernels that are weighed against all points while they are in cache */

typedef struct axis_kernels {
    calr_parzen_axis axis;
    double low, high;   /* where kernels are normal: logarithms, half a step beyond the values */
    double *mu, *sigma; /* [kernels] */
    double *factor;     /* [kernels] 1 / sigma */
    double *shift;      /* [kernels] the density's constant, logarithm (float) */
    int32_t *group;     /* [kernels] kernels of equal mu and sigma in a row of the sorted (step) */
    int64_t groups;
    double *group_mu, *group_sigma, *group_shift; /* [groups] */
    int32_t *choice;                              /* [kernels], -1 for the prior */
    double hit, miss; /* log probability of a kernel's own choice, of each other */
} axis_kernels;

struct calr_parzen {
    int64_t axes, kernels;
    double *log_weight; /* [kernels] they sum to 1 */
    double *cumulative; /* [kernels] */
    axis_kernels of[];
};

calr_parzen_options calr_parzen_options_default(void)
{
    return (calr_parzen_options){.prior = 1,
                                 .bandwidth = CALR_PARZEN_NEIGHBOUR,
                                 .clip = 1,
                                 .endpoints = false,
                                 .recent = true};
}

/* ---- the normal distribution ---- */

/* log Phi(x) for x <= 0. */
static double log_tail(double x)
{
    if (x > -12)
        return log(0.5 * erfc(-x * M_SQRT1_2));
    double y = 1 / (x * x); /* asymptotic series; the next term is below 1e-8 */
    double t = y * (1 - y * (3 - y * (15 - y * (105 - 945 * y))));
    return -0.5 * x * x - HALF_LOG_2PI - log(-x) - t * (1 + t * (0.5 + t * (1.0 / 3 + t * 0.25)));
}

double calr_normal_log_mass(double a, double b)
{
    if (!(a < b))
        return -INFINITY;
    if (a < -8.5 && b > 8.5)
        return 0; /* what is outside is below 2^-53 */
    double middle = 0.5 * (a + b);
    if ((b - a) * fmax(1, fabs(middle)) < 1e-5) /* differences of tails would cancel */
        return log(b - a) - 0.5 * middle * middle - HALF_LOG_2PI;
    if (a > 0) { /* the left tail is the exact one */
        double c = -a;
        a = -b;
        b = c;
    }
    if (b > 0)
        return log1p(-0.5 * (erfc(-a * M_SQRT1_2) + erfc(b * M_SQRT1_2)));
    double inner = log_tail(b);
    if (0.5 * (a - b) * (a + b) > 40)
        return inner;
    return inner + log1p(-exp(log_tail(a) - inner));
}

/* e^x for x <= 0, to 1e-15 or so; below -708 something below 1e-307. No branches and no calls: the
 * loop around it is vectorised. */
static inline double exp_negative(double x)
{
    const double round = 6755399441055744.0; /* 1.5 * 2^52 */
    x = x < -708 ? -708 : x;
    double shifted = x * 1.4426950408889634074 + round;
    double n = shifted - round;
    double r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
    double p = 1.0 / 479001600;
    p = p * r + 1.0 / 39916800;
    p = p * r + 1.0 / 3628800;
    p = p * r + 1.0 / 362880;
    p = p * r + 1.0 / 40320;
    p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    int64_t bits, power;
    memcpy(&power, &shifted, sizeof power);
    memcpy(&bits, &p, sizeof bits);
    bits += (int64_t)((uint64_t)power << 52);
    memcpy(&p, &bits, sizeof p);
    return p;
}

/* ---- making one ---- */

static calr_status check_axis(const calr_parzen_axis *axis, int64_t number)
{
    int shown = (int)(number + 1);
    if (axis->kind == CALR_PARZEN_CHOICE) {
        if (axis->choices < 1 || axis->choices > INT32_MAX)
            return calr_error(CALR_EINVAL, "axis %d has %lld choices", shown,
                              (long long)axis->choices);
        return CALR_OK;
    }
    if (!isfinite(axis->low) || !isfinite(axis->high) || !(axis->low < axis->high))
        return calr_error(CALR_EINVAL, "axis %d: its range is %g to %g", shown, axis->low,
                          axis->high);
    bool stepped = axis->kind == CALR_PARZEN_STEP;
    if (stepped && !(axis->step > 0 && isfinite(axis->step)))
        return calr_error(CALR_EINVAL, "axis %d: its step is %g", shown, axis->step);
    double border = stepped ? axis->low - axis->step / 2 : axis->low;
    if (axis->log && !(border > 0))
        return calr_error(CALR_EINVAL, "axis %d: a logarithmic range cannot begin at %g", shown,
                          border);
    return CALR_OK;
}

void calr_parzen_release(calr_parzen *parzen)
{
    if (!parzen)
        return;
    for (int64_t a = 0; a < parzen->axes; a++) {
        axis_kernels *k = &parzen->of[a];
        free(k->mu);
        free(k->sigma);
        free(k->factor);
        free(k->shift);
        free(k->group);
        free(k->group_mu);
        free(k->group_sigma);
        free(k->group_shift);
        free(k->choice);
    }
    free(parzen->log_weight);
    free(parzen->cumulative);
    free(parzen);
}

/* Weights of the observations, in order of age, and of the prior. */
static void set_weights(calr_parzen *parzen, const calr_parzen_options *options)
{
    int64_t n = parzen->kernels - 1, ramp = options->recent && n > 25 ? n - 25 : 0;
    double total = 0;
    for (int64_t i = 0; i <= n; i++) {
        double weight = i == n ? options->prior : 1;
        if (i < ramp) {
            double first = 1 / (double)n;
            weight = ramp > 1 ? first + (1 - first) * (double)i / (double)(ramp - 1) : first;
        }
        total += weight;
        parzen->log_weight[i] = log(weight);
        parzen->cumulative[i] = total;
    }
    double log_total = log(total);
    for (int64_t i = 0; i <= n; i++) {
        parzen->log_weight[i] -= log_total;
        parzen->cumulative[i] /= total;
    }
}

typedef struct placed {
    double mu;
    int64_t index;
} placed;

/* An unsigned number that sorts as x does. */
static uint64_t sort_key(double x)
{
    uint64_t bits;
    x += 0.0; /* no -0 */
    memcpy(&bits, &x, sizeof bits);
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

/* Sorts by mu, equals by their index: a radix sort, in 6 passes of 11 bits between `items` and
 * `aside`; it is the bulk of the work on an estimator. The result is in `items`. */
static void sort_placed(placed *items, placed *aside, int64_t count)
{
    int64_t starts[2048];
    for (int shift = 0; shift < 66; shift += 11) {
        memset(starts, 0, sizeof starts);
        for (int64_t i = 0; i < count; i++)
            starts[sort_key(items[i].mu) >> shift & 2047]++;
        int64_t sum = 0;
        for (int64_t b = 0; b < 2048; b++) {
            int64_t own = starts[b];
            starts[b] = sum;
            sum += own;
        }
        for (int64_t i = 0; i < count; i++)
            aside[starts[sort_key(items[i].mu) >> shift & 2047]++] = items[i];
        placed *swap = items;
        items = aside;
        aside = swap;
    }
}

/* Bandwidths by the neighbours; `sorted` are the observations along the axis. */
static void neighbour_sigmas(axis_kernels *k, const placed *sorted, int64_t n,
                             const calr_parzen_options *options, double smallest)
{
    double range = k->high - k->low;
    for (int64_t i = 0; i < n; i++) {
        double left = sorted[i].mu - (i > 0 ? sorted[i - 1].mu : k->low);
        double right = (i < n - 1 ? sorted[i + 1].mu : k->high) - sorted[i].mu;
        double sigma = left > right ? left : right;
        if (!options->endpoints && n > 1) {
            if (i == 0)
                sigma = right;
            else if (i == n - 1)
                sigma = left;
        }
        k->sigma[sorted[i].index] = sigma < smallest ? smallest : sigma > range ? range : sigma;
    }
}

static void set_sigmas(calr_parzen *parzen, axis_kernels *k, const placed *sorted,
                       const calr_parzen_options *options)
{
    int64_t n = parzen->kernels - 1;
    double range = k->high - k->low;
    double floor_at = range / fmin(100, pow(2 + (double)n, options->clip));
    if (options->bandwidth == CALR_PARZEN_NEIGHBOUR) {
        neighbour_sigmas(k, sorted, n, options, floor_at);
    } else {
        double sigma = 0.2 * range * pow(n > 0 ? (double)n : 1, -1 / ((double)parzen->axes + 4));
        for (int64_t i = 0; i < n; i++)
            k->sigma[i] = sigma < floor_at ? floor_at : sigma;
    }
    k->mu[n] = 0.5 * (k->low + k->high);
    k->sigma[n] = range;
}

/* Kernels of equal mu and sigma share their interval's probability: there are many where values
 * have steps. */
static void set_groups(axis_kernels *k, const placed *sorted, int64_t n)
{
    k->groups = 0;
    for (int64_t i = 0; i <= n; i++) {
        int64_t index = i < n ? sorted[i].index : n, last = k->groups - 1;
        double mu = k->mu[index], sigma = k->sigma[index];
        if (i == 0 || mu != k->group_mu[last] || sigma != k->group_sigma[last]) {
            last = k->groups++;
            k->group_mu[last] = mu;
            k->group_sigma[last] = sigma;
            k->group_shift[last] =
                -calr_normal_log_mass((k->low - mu) / sigma, (k->high - mu) / sigma);
        }
        k->group[index] = (int32_t)last;
    }
}

static calr_status new_numeric(calr_parzen *parzen, axis_kernels *k, const double *x,
                               const calr_parzen_options *options)
{
    int64_t n = parzen->kernels - 1;
    bool stepped = k->axis.kind == CALR_PARZEN_STEP;
    double half = stepped ? k->axis.step / 2 : 0;
    k->low = k->axis.low - half;
    k->high = k->axis.high + half;
    if (k->axis.log) {
        k->low = log(k->low);
        k->high = log(k->high);
    }
    k->mu = calr_array_new(n + 1, sizeof *k->mu);
    k->sigma = calr_array_new(n + 1, sizeof *k->sigma);
    double **wanted[] = {&k->factor, &k->shift, &k->group_mu, &k->group_sigma, &k->group_shift};
    bool failed = !k->mu || !k->sigma;
    for (int i = stepped ? 2 : 0; i < (stepped ? 5 : 2); i++)
        failed |= !(*wanted[i] = calr_array_new(n + 1, sizeof(double)));
    if (stepped)
        failed |= !(k->group = calr_array_new(n + 1, sizeof *k->group));
    placed *sorted = calr_array_new(2 * n, sizeof *sorted);
    if (failed || !sorted) {
        free(sorted);
        return calr_error(CALR_ENOMEM, "no memory for an estimator of %lld kernels",
                          (long long)n + 1);
    }
    for (int64_t i = 0; i < n; i++) {
        double value = fmin(fmax(x[i * parzen->axes], k->axis.low), k->axis.high);
        k->mu[i] = k->axis.log ? log(value) : value;
        sorted[i] = (placed){k->mu[i], i};
    }
    if (stepped || options->bandwidth == CALR_PARZEN_NEIGHBOUR)
        sort_placed(sorted, sorted + n, n);
    set_sigmas(parzen, k, sorted, options);
    if (stepped)
        set_groups(k, sorted, n);
    free(sorted);
    double last = 0, log_factor = 0;
    for (int64_t i = 0; i <= n && !stepped; i++) {
        double factor = 1 / k->sigma[i];
        if (factor != last) /* most have the smallest width */
            log_factor = log(factor);
        last = factor;
        k->factor[i] = factor;
        k->shift[i] =
            log_factor - HALF_LOG_2PI -
            calr_normal_log_mass((k->low - k->mu[i]) * factor, (k->high - k->mu[i]) * factor);
    }
    return CALR_OK;
}

static calr_status new_choice(calr_parzen *parzen, axis_kernels *k, const double *x,
                              const calr_parzen_options *options)
{
    int64_t n = parzen->kernels - 1;
    k->choice = calr_array_new(n + 1, sizeof *k->choice);
    if (!k->choice)
        return calr_error(CALR_ENOMEM, "no memory for an estimator of %lld kernels",
                          (long long)n + 1);
    for (int64_t i = 0; i < n; i++) {
        double choice = x[i * parzen->axes];
        if (!(choice >= 0 && choice < (double)k->axis.choices))
            return calr_error(CALR_EINVAL, "observation %lld chose %g of %lld", (long long)i + 1,
                              choice, (long long)k->axis.choices);
        k->choice[i] = (int32_t)choice;
    }
    k->choice[n] = -1;
    double share = options->prior / (double)(n + 1);
    double total = 1 + share * (double)k->axis.choices;
    k->hit = log((1 + share) / total);
    k->miss = log(share / total);
    return CALR_OK;
}

static calr_status fill(calr_parzen *parzen, const calr_parzen_axis *axes, const double *x,
                        const calr_parzen_options *options)
{
    parzen->log_weight = calr_array_new(parzen->kernels, sizeof(double));
    parzen->cumulative = calr_array_new(parzen->kernels, sizeof(double));
    if (!parzen->log_weight || !parzen->cumulative)
        return calr_error(CALR_ENOMEM, "no memory for an estimator of %lld kernels",
                          (long long)parzen->kernels);
    set_weights(parzen, options);
    for (int64_t a = 0; a < parzen->axes; a++) {
        axis_kernels *k = &parzen->of[a];
        k->axis = axes[a];
        if (axes[a].kind == CALR_PARZEN_CHOICE)
            CALR_TRY(new_choice(parzen, k, x + a, options));
        else
            CALR_TRY(new_numeric(parzen, k, x + a, options));
    }
    return CALR_OK;
}

calr_status calr_parzen_new(const calr_parzen_axis *axes, int64_t axis_count, const double *x,
                            int64_t count, const calr_parzen_options *options, calr_parzen **out)
{
    if (axis_count < 1 || axis_count > 65536 || count < 0 || count >= INT32_MAX)
        return calr_error(CALR_EINVAL, "an estimator of %lld axes and %lld observations",
                          (long long)axis_count, (long long)count);
    if (!(options->clip >= 0))
        return calr_error(CALR_EINVAL, "clip is %g; it cannot be negative", options->clip);
    if (!(options->prior > 0 && isfinite(options->prior)))
        return calr_error(CALR_EINVAL, "the prior's weight is %g; it must be above 0",
                          options->prior);
    for (int64_t a = 0; a < axis_count; a++)
        CALR_TRY(check_axis(&axes[a], a));
    for (int64_t i = 0; i < count * axis_count; i++) {
        if (!isfinite(x[i]))
            return calr_error(CALR_EINVAL, "observation %lld holds %g",
                              (long long)(i / axis_count) + 1, x[i]);
    }
    calr_parzen *parzen =
        calr_array_zeros(1, sizeof *parzen + (size_t)axis_count * sizeof parzen->of[0]);
    if (!parzen)
        return calr_error(CALR_ENOMEM, "no memory for an estimator");
    parzen->axes = axis_count;
    parzen->kernels = count + 1;
    calr_status status = fill(parzen, axes, x, options);
    if (status != CALR_OK)
        calr_parzen_release(parzen);
    else
        *out = parzen;
    return status;
}

int64_t calr_parzen_axes(const calr_parzen *parzen)
{
    return parzen->axes;
}

int64_t calr_parzen_kernels(const calr_parzen *parzen)
{
    return parzen->kernels;
}

/* ---- drawing ---- */

/* The kernel at quantile u of the weights. */
static int64_t find_kernel(const calr_parzen *parzen, double u)
{
    int64_t low = 0, high = parzen->kernels - 1;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (parzen->cumulative[middle] <= u)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A kernel's centre is inside the range and its width at most the range's, so that a third of all
 * draws are inside, at worst. */
static double draw_normal(const axis_kernels *k, double mu, double sigma, calr_rng *rng)
{
    for (int attempt = 0; attempt < 200; attempt++) {
        double value = mu + sigma * calr_rng_normal(rng);
        if (value >= k->low && value <= k->high)
            return value;
    }
    return mu;
}

static double draw_number(const axis_kernels *k, int64_t kernel, calr_rng *rng)
{
    double value = draw_normal(k, k->mu[kernel], k->sigma[kernel], rng);
    if (k->axis.log)
        value = exp(value);
    if (k->axis.kind == CALR_PARZEN_STEP)
        value = k->axis.low + nearbyint((value - k->axis.low) / k->axis.step) * k->axis.step;
    return fmin(fmax(value, k->axis.low), k->axis.high);
}

static double draw_choice(const axis_kernels *k, int64_t kernel, calr_rng *rng)
{
    double u = calr_rng_double(rng);
    int32_t own = k->choice[kernel];
    double all = (double)k->axis.choices, others = exp(k->miss) * all;
    if (own >= 0 && u >= others) /* the part of its own probability that the others lack */
        return own;
    if (own >= 0)
        u /= others;
    return fmin(floor(u * all), all - 1);
}

void calr_parzen_sample(const calr_parzen *parzen, calr_rng *rng, int64_t count, double *out)
{
    for (int64_t i = 0; i < count; i++) {
        int64_t kernel = find_kernel(parzen, calr_rng_double(rng));
        for (int64_t a = 0; a < parzen->axes; a++) {
            const axis_kernels *k = &parzen->of[a];
            *out++ = k->axis.kind == CALR_PARZEN_CHOICE ? draw_choice(k, kernel, rng)
                                                        : draw_number(k, kernel, rng);
        }
    }
}

/* ---- weighing ---- */

/* What one axis says of the points: for steps, log probabilities by value and group. */
typedef struct axis_points {
    double *where; /* [points] the logarithm where kernels are normal in it; a choice's number */
    double *table; /* [distinct values x groups] */
    int64_t *row;  /* [points] of the table */
} axis_points;

static void release_points(axis_points *points, int64_t axes)
{
    for (int64_t a = 0; points && a < axes; a++) {
        free(points[a].where);
        free(points[a].table);
        free(points[a].row);
    }
    free(points);
}

static void fill_row(const axis_kernels *k, double value, double *row)
{
    double low = value - k->axis.step / 2, high = value + k->axis.step / 2;
    if (k->axis.log) {
        low = log(low);
        high = log(high);
    }
    for (int64_t g = 0; g < k->groups; g++) {
        double factor = 1 / k->group_sigma[g], mu = k->group_mu[g];
        row[g] =
            calr_normal_log_mass((low - mu) * factor, (high - mu) * factor) + k->group_shift[g];
    }
}

/* The rows of the table for the distinct values among the points. */
static calr_status fill_table(const axis_kernels *k, int64_t count, axis_points *points)
{
    int64_t distinct = 0;
    points->row = calr_array_new(count, sizeof *points->row);
    if (!points->row)
        return calr_error(CALR_ENOMEM, "no memory to weigh %lld points", (long long)count);
    for (int64_t i = 0; i < count; i++) {
        int64_t same = 0;
        while (same < i && points->where[same] != points->where[i])
            same++;
        points->row[i] = same < i ? points->row[same] : distinct++;
    }
    size_t row_bytes;
    if (!calr_size_mul((size_t)k->groups, sizeof(double), &row_bytes) ||
        !(points->table = calr_array_new(distinct, row_bytes)))
        return calr_error(CALR_ENOMEM, "no memory to weigh %lld points", (long long)count);
    int64_t filled = 0;
    for (int64_t i = 0; i < count; i++) {
        if (points->row[i] == filled)
            fill_row(k, points->where[i], points->table + filled++ * k->groups);
    }
    return CALR_OK;
}

static calr_status place_points(const calr_parzen *parzen, const double *x, int64_t count,
                                axis_points *points)
{
    for (int64_t a = 0; a < parzen->axes; a++) {
        const axis_kernels *k = &parzen->of[a];
        double *where = points[a].where = calr_array_new(count, sizeof *where);
        if (!where)
            return calr_error(CALR_ENOMEM, "no memory to weigh %lld points", (long long)count);
        bool take_log = k->axis.kind == CALR_PARZEN_FLOAT && k->axis.log;
        bool choice = k->axis.kind == CALR_PARZEN_CHOICE;
        for (int64_t i = 0; i < count; i++) {
            double value = x[i * parzen->axes + a];
            if (!isfinite(value) || (choice && !(value >= 0 && value < (double)k->axis.choices)))
                return calr_error(CALR_EINVAL, "point %lld has %g on axis %lld", (long long)i + 1,
                                  value, (long long)a + 1);
            where[i] = take_log ? log(value) : value;
        }
        if (k->axis.kind == CALR_PARZEN_STEP)
            CALR_TRY(fill_table(k, count, &points[a]));
    }
    return CALR_OK;
}

/* sum += what axis `k` says of one point, for the kernels begin .. begin+n-1. */
CALR_CLONES
static void add_axis(const axis_kernels *k, const axis_points *points, int64_t point, int64_t begin,
                     int64_t n, double *restrict sum)
{
    if (k->axis.kind == CALR_PARZEN_FLOAT) {
        const double *mu = k->mu + begin, *factor = k->factor + begin, *shift = k->shift + begin;
        double x = points->where[point];
        for (int64_t j = 0; j < n; j++) {
            double z = (x - mu[j]) * factor[j];
            sum[j] += shift[j] - 0.5 * z * z;
        }
    } else if (k->axis.kind == CALR_PARZEN_STEP) {
        const double *row = points->table + points->row[point] * k->groups;
        const int32_t *group = k->group + begin;
        for (int64_t j = 0; j < n; j++)
            sum[j] += row[group[j]];
    } else {
        const int32_t *choice = k->choice + begin;
        int32_t own = (int32_t)points->where[point];
        double hit = k->hit, miss = k->miss;
        for (int64_t j = 0; j < n; j++)
            sum[j] += choice[j] == own ? hit : miss;
    }
}

CALR_CLONES
static double sum_exp(const double *terms, int64_t n, double largest)
{
    double total = 0;
#pragma omp simd reduction(+ : total)
    for (int64_t j = 0; j < n; j++)
        total += exp_negative(terms[j] - largest);
    return total;
}

/* One block of kernels against one point: the running sum of exponentials, relative to the running
 * largest term. */
static void add_block(const calr_parzen *parzen, const axis_points *points, int64_t point,
                      int64_t begin, int64_t n, double *largest, double *total)
{
    double terms[BLOCK];
    memcpy(terms, parzen->log_weight + begin, (size_t)n * sizeof *terms);
    for (int64_t a = 0; a < parzen->axes; a++)
        add_axis(&parzen->of[a], &points[a], point, begin, n, terms);
    if (begin + n == parzen->kernels) { /* the prior is flat over choices */
        for (int64_t a = 0; a < parzen->axes; a++) {
            const axis_kernels *k = &parzen->of[a];
            if (k->axis.kind == CALR_PARZEN_CHOICE)
                terms[n - 1] += -log((double)k->axis.choices) - k->miss;
        }
    }
    double most = *largest;
    for (int64_t j = 0; j < n; j++)
        most = terms[j] > most ? terms[j] : most;
    if (most == -INFINITY)
        return;
    *total = *total * exp(*largest - most) + sum_exp(terms, n, most);
    *largest = most;
}

calr_status calr_parzen_log_density(const calr_parzen *parzen, const double *x, int64_t count,
                                    double *out)
{
    axis_points *points = calr_array_zeros(parzen->axes, sizeof *points);
    double *largest = calr_array_new(count, sizeof *largest);
    calr_status status = CALR_OK;
    if (!points || !largest)
        status = calr_error(CALR_ENOMEM, "no memory to weigh %lld points", (long long)count);
    if (status == CALR_OK)
        status = place_points(parzen, x, count, points);
    if (status == CALR_OK) {
        for (int64_t i = 0; i < count; i++) {
            largest[i] = -INFINITY;
            out[i] = 0;
        }
        for (int64_t begin = 0; begin < parzen->kernels; begin += BLOCK) {
            int64_t left = parzen->kernels - begin, n = left < BLOCK ? left : BLOCK;
            for (int64_t i = 0; i < count; i++)
                add_block(parzen, points, i, begin, n, &largest[i], &out[i]);
        }
        for (int64_t i = 0; i < count; i++)
            out[i] = log(out[i]) + largest[i];
    }
    release_points(points, parzen->axes);
    free(largest);
    return status;
}
