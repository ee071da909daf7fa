#include "tune/gaussian.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clones.h"
#include "base/size.h"
#include "tune/box.h"

#define HALF_LOG_2PI 0.91893853320467274178
#define SQRT_5       2.23606797749978969641

/* The noise is never smaller: the matrix stays positive definite, and its inverse exact enough. */
#define LEAST_NOISE 1e-6

struct calr_gaussian {
    int64_t axes, count;
    calr_gaussian_axis *axis; /* [axes] */
    double *positions;        /* of all axes */
    double *x;                /* [count x axes] */
    double *y;                /* [count] scaled */
    double middle, unit;      /* y was (given - middle) / unit */
    double smallest;
    double *weight; /* [axes] */
    double scale, noise;
    double *inverse; /* [count x count] of the kernel matrix with the noise */
    double *alpha;   /* [count] inverse times y */
};

void calr_gaussian_release(calr_gaussian *model)
{
    if (!model)
        return;
    free(model->axis);
    free(model->positions);
    free(model->x);
    free(model->y);
    free(model->weight);
    free(model->inverse);
    free(model->alpha);
    free(model);
}

/* ---- the kernel ---- */

static double squared_distance(const calr_gaussian *model, const double *weight, const double *a,
                               const double *b)
{
    double sum = 0;
    for (int64_t i = 0; i < model->axes; i++) {
        double d = a[i] - b[i];
        sum += weight[i] * (model->axis[i].choice ? (d != 0) : d * d);
    }
    return sum;
}

/* Matern 5/2 of a squared distance, and its derivative by the squared distance (Rasmussen and
 * Williams, equation 4.17, with length 1). */
static double matern(double squared, double *slope)
{
    double r = SQRT_5 * sqrt(squared), fall = exp(-r);
    *slope = -5.0 / 6 * (1 + r) * fall;
    return (1 + r + 5.0 / 3 * squared) * fall;
}

/* ---- linear algebra ---- */

CALR_CLONES static void add_scaled(double *restrict to, const double *restrict from, double by,
                                   int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        to[i] += by * from[i];
}

/* Replaces the upper triangle of a, n x n, positive definite, by U with U^T U = a; false where it is
 * not. */
static bool factorise(double *a, int64_t n)
{
    for (int64_t k = 0; k < n; k++) {
        double *row = a + k * n;
        if (!(row[k] > 0) || !isfinite(row[k]))
            return false;
        double root = sqrt(row[k]);
        for (int64_t j = k; j < n; j++)
            row[j] /= root;
        for (int64_t i = k + 1; i < n; i++)
            add_scaled(a + i * n + i, row + i, -row[i], n - i);
    }
    return true;
}

/* out = the inverse of U^T U. */
static void invert(const double *u, int64_t n, double *out)
{
    memset(out, 0, (size_t)(n * n) * sizeof *out);
    for (int64_t k = 0; k < n; k++) { /* U^T Z = 1: Z is lower triangular */
        double *row = out + k * n, by = 1 / u[k * n + k];
        row[k] += 1;
        for (int64_t j = 0; j <= k; j++)
            row[j] *= by;
        for (int64_t i = k + 1; i < n; i++)
            add_scaled(out + i * n, row, -u[k * n + i], k + 1);
    }
    for (int64_t k = n - 1; k >= 0; k--) { /* U X = Z */
        double *row = out + k * n, by = 1 / u[k * n + k];
        for (int64_t j = 0; j < n; j++)
            row[j] *= by;
        for (int64_t i = 0; i < k; i++)
            add_scaled(out + i * n, row, -u[i * n + k], n);
    }
}

static void multiply(const double *matrix, const double *vector, int64_t n, double *out)
{
    memset(out, 0, (size_t)n * sizeof *out);
    for (int64_t j = 0; j < n; j++)
        add_scaled(out, matrix + j * n, vector[j], n);
}

/* ---- the parameters ---- */

typedef struct fitting {
    const calr_gaussian *model;
    double *u, *inverse; /* [count x count] */
    double *alpha;       /* [count] */
    double *weight;      /* [axes] */
} fitting;

/* u = the factor of the kernel matrix with these parameters; then the inverse and alpha. */
static bool solve(const fitting *f, double scale, double noise)
{
    const calr_gaussian *m = f->model;
    for (int64_t i = 0; i < m->count; i++) {
        const double *a = m->x + i * m->axes;
        f->u[i * m->count + i] = scale + noise;
        for (int64_t j = i + 1; j < m->count; j++) {
            double slope, squared = squared_distance(m, f->weight, a, m->x + j * m->axes);
            f->u[i * m->count + j] = scale * matern(squared, &slope);
        }
    }
    if (!factorise(f->u, m->count))
        return false;
    invert(f->u, m->count, f->inverse);
    multiply(f->inverse, m->y, m->count, f->alpha);
    return true;
}

/* Minus the logarithm of the marginal likelihood and of the priors, at the logarithms of weight[axes],
 * scale and noise; Rasmussen and Williams, equations 5.8 and 5.9. The priors are Optuna's: they keep
 * lengths near those of the unit cube, the scale near 1 and the noise small. */
static double fit_value(void *context, const double *logs, double *gradient)
{
    fitting *f = context;
    const calr_gaussian *m = f->model;
    int64_t axes = m->axes, n = m->count;
    double scale = exp(logs[axes]), noise = exp(logs[axes + 1]);
    for (int64_t a = 0; a < axes; a++)
        f->weight[a] = exp(logs[a]);
    if (!solve(f, scale, noise))
        return INFINITY;
    double value = (double)n * HALF_LOG_2PI;
    for (int64_t i = 0; i < n; i++)
        value += 0.5 * m->y[i] * f->alpha[i] + log(f->u[i * n + i]);
    memset(gradient, 0, (size_t)(axes + 2) * sizeof *gradient);
    for (int64_t i = 0; i < n; i++) {
        const double *a = m->x + i * axes;
        double own = f->alpha[i] * f->alpha[i] - f->inverse[i * n + i];
        gradient[axes] -= 0.5 * own * scale;
        gradient[axes + 1] -= 0.5 * own * noise;
        for (int64_t j = i + 1; j < n; j++) {
            const double *b = m->x + j * axes;
            double slope, squared = squared_distance(m, f->weight, a, b);
            double kernel = matern(squared, &slope) * scale;
            double by = f->alpha[i] * f->alpha[j] - f->inverse[i * n + j];
            gradient[axes] -= by * kernel;
            by *= slope * scale;
            for (int64_t k = 0; k < axes; k++) {
                double d = a[k] - b[k];
                gradient[k] -= by * f->weight[k] * (m->axis[k].choice ? (d != 0) : d * d);
            }
        }
    }
    for (int64_t a = 0; a < axes; a++) {
        double w = f->weight[a];
        value += 0.1 / w + 0.1 * w;
        gradient[a] += -0.1 / w + 0.1 * w;
    }
    value -= log(scale) - scale;            /* Gamma(2, 1) */
    value -= 0.1 * log(noise) - 30 * noise; /* Gamma(1.1, 30) */
    gradient[axes] -= 1 - scale;
    gradient[axes + 1] -= 0.1 - 30 * noise;
    return value;
}

static calr_status no_memory(int64_t count)
{
    return calr_error(CALR_ENOMEM, "no memory for a Gaussian process of %lld points",
                      (long long)count);
}

/* Room for the matrices of `count` points; false without memory. */
static bool make_room(fitting *f, const calr_gaussian *model)
{
    int64_t n = model->count;
    size_t row_bytes = 0;
    bool fits = calr_size_mul((size_t)n, sizeof(double), &row_bytes);
    *f = (fitting){.model = model};
    f->u = fits ? calr_array_new(n, row_bytes) : NULL;
    f->inverse = fits ? calr_array_new(n, row_bytes) : NULL;
    f->alpha = calr_array_new(n, sizeof(double));
    f->weight = calr_array_new(model->axes, sizeof(double));
    return f->u && f->inverse && f->alpha && f->weight;
}

static void free_room(fitting *f)
{
    free(f->u);
    free(f->inverse);
    free(f->alpha);
    free(f->weight);
}

/* Chooses the parameters, from weights and scale 1 and noise 0.01. */
static calr_status choose(calr_gaussian *model)
{
    int64_t axes = model->axes;
    fitting f;
    double *logs = calr_array_new(axes + 2, 3 * sizeof *logs);
    calr_status status = make_room(&f, model) && logs ? CALR_OK : no_memory(model->count);
    if (status == CALR_OK) {
        double *low = logs + axes + 2, *high = low + axes + 2, value;
        for (int64_t a = 0; a < axes + 2; a++) {
            logs[a] = 0;
            low[a] = -9;
            high[a] = 9;
        }
        logs[axes + 1] = log(0.01);
        low[axes + 1] = log(LEAST_NOISE);
        calr_box_options options = {.iterations = 100, .tolerance = 1e-4};
        status = calr_box_minimise(fit_value, &f, axes + 2, low, high, &options, logs, &value);
    }
    if (status == CALR_OK) {
        for (int64_t a = 0; a < axes; a++)
            model->weight[a] = exp(logs[a]);
        model->scale = exp(logs[axes]);
        model->noise = exp(logs[axes + 1]);
    }
    free(logs);
    free_room(&f);
    return status;
}

/* Makes the inverse and alpha of the points with the parameters that the model has. */
static calr_status settle(calr_gaussian *model)
{
    fitting f;
    calr_status status = make_room(&f, model) ? CALR_OK : no_memory(model->count);
    if (status == CALR_OK) {
        memcpy(f.weight, model->weight, (size_t)model->axes * sizeof *f.weight);
        if (solve(&f, model->scale, model->noise)) {
            double *old_inverse = model->inverse, *old_alpha = model->alpha;
            model->inverse = f.inverse;
            model->alpha = f.alpha;
            f.inverse = old_inverse;
            f.alpha = old_alpha;
        } else {
            status = calr_error(CALR_ENUMERIC, "the kernel matrix of %lld points is singular",
                                (long long)model->count);
        }
    }
    free_room(&f);
    return status;
}

/* ---- making one ---- */

static calr_status check_axes(const calr_gaussian_axis *axes, int64_t count)
{
    for (int64_t a = 0; a < count; a++) {
        int64_t parent = axes[a].parent;
        if (axes[a].levels < 0 || (!axes[a].choice && axes[a].levels > 0 && !axes[a].positions))
            return calr_error(CALR_EINVAL, "axis %lld has no levels", (long long)a + 1);
        if (parent >= a || (parent >= 0 && !axes[parent].choice))
            return calr_error(CALR_EINVAL, "the parent of axis %lld is no choice before it",
                              (long long)a + 1);
    }
    return CALR_OK;
}

/* Copies the axes and their positions. */
static bool copy_axes(calr_gaussian *model, const calr_gaussian_axis *axes)
{
    int64_t total = 0;
    for (int64_t a = 0; a < model->axes; a++)
        total += axes[a].choice ? 0 : axes[a].levels;
    model->axis = calr_array_new(model->axes, sizeof *model->axis);
    model->positions = calr_array_new(total, sizeof *model->positions);
    if (!model->axis || !model->positions)
        return false;
    double *to = model->positions;
    for (int64_t a = 0; a < model->axes; a++) {
        model->axis[a] = axes[a];
        if (axes[a].choice || axes[a].levels == 0)
            continue;
        memcpy(to, axes[a].positions, (size_t)axes[a].levels * sizeof *to);
        model->axis[a].positions = to;
        to += axes[a].levels;
    }
    return true;
}

static calr_status check_points(const double *x, const double *y, int64_t axes, int64_t count)
{
    if (axes < 1 || count < 1)
        return calr_error(CALR_EINVAL, "a Gaussian process needs an axis and a point");
    for (int64_t i = 0; i < count; i++) {
        bool whole = isfinite(y[i]);
        for (int64_t a = 0; a < axes; a++)
            whole = whole && isfinite(x[i * axes + a]);
        if (!whole)
            return calr_error(CALR_EINVAL, "point %lld has a number that is not finite",
                              (long long)i + 1);
    }
    return CALR_OK;
}

static void scale_results(calr_gaussian *model, const double *y)
{
    double n = (double)model->count, middle = 0, largest = 0, squares = 0;
    for (int64_t i = 0; i < model->count; i++)
        middle += y[i] / n;
    for (int64_t i = 0; i < model->count; i++)
        largest = fmax(largest, fabs(y[i] - middle));
    for (int64_t i = 0; largest > 0 && i < model->count; i++) /* squares of huge ones overflow */
        squares += (y[i] - middle) / largest * ((y[i] - middle) / largest);
    double deviation = largest * sqrt(squares / n);
    model->middle = middle;
    model->unit = deviation > 0 && isfinite(deviation) ? deviation : 1;
    model->smallest = INFINITY;
    for (int64_t i = 0; i < model->count; i++) {
        model->y[i] = (y[i] - model->middle) / model->unit;
        model->smallest = fmin(model->smallest, model->y[i]);
    }
}

calr_status calr_gaussian_new(const calr_gaussian_axis *axes, int64_t axis_count, const double *x,
                              const double *y, int64_t count, calr_gaussian **out)
{
    CALR_TRY(check_points(x, y, axis_count, count));
    CALR_TRY(check_axes(axes, axis_count));
    calr_gaussian *model = calloc(1, sizeof *model);
    if (!model)
        return no_memory(count);
    model->axes = axis_count;
    model->count = count;
    size_t row_bytes = (size_t)axis_count * sizeof *model->x;
    bool copied = copy_axes(model, axes);
    model->x = calr_array_new(count, row_bytes);
    model->y = calr_array_new(count, sizeof *model->y);
    model->weight = calr_array_new(axis_count, sizeof *model->weight);
    calr_status status = CALR_OK;
    if (!copied || !model->x || !model->y || !model->weight)
        status = no_memory(count);
    if (status == CALR_OK) {
        memcpy(model->x, x, (size_t)count * row_bytes);
        scale_results(model, y);
        status = choose(model);
    }
    if (status == CALR_OK)
        status = settle(model);
    if (status != CALR_OK) {
        calr_gaussian_release(model);
        return status;
    }
    *out = model;
    return CALR_OK;
}

calr_status calr_gaussian_believe(calr_gaussian *model, const double *x, int64_t count, bool bad)
{
    if (count < 1)
        return CALR_OK;
    int64_t before = model->count, axes = model->axes;
    double *room = calr_array_new(calr_gaussian_room(model), sizeof *room);
    double *grown_x = calr_array_new(before + count, (size_t)axes * sizeof *grown_x);
    double *grown_y = calr_array_new(before + count, sizeof *grown_y);
    if (!room || !grown_x || !grown_y) {
        free(room);
        free(grown_x);
        free(grown_y);
        return no_memory(before + count);
    }
    memcpy(grown_x, model->x, (size_t)(before * axes) * sizeof *grown_x);
    memcpy(grown_x + before * axes, x, (size_t)(count * axes) * sizeof *grown_x);
    memcpy(grown_y, model->y, (size_t)before * sizeof *grown_y);
    for (int64_t i = 0; i < count; i++) {
        double variance;
        calr_gaussian_scaled(model, x + i * axes, room, &grown_y[before + i], &variance, NULL,
                             NULL);
        if (bad && grown_y[before + i] < 0)
            grown_y[before + i] = 0;
    }
    free(room);
    double *old_x = model->x, *old_y = model->y;
    model->x = grown_x;
    model->y = grown_y;
    model->count = before + count;
    calr_status status = settle(model);
    if (status != CALR_OK) { /* as it was */
        model->x = old_x;
        model->y = old_y;
        model->count = before;
        old_x = grown_x;
        old_y = grown_y;
    }
    free(old_x);
    free(old_y);
    return status;
}

/* ---- what it says ---- */

int64_t calr_gaussian_axes(const calr_gaussian *model)
{
    return model->axes;
}

const calr_gaussian_axis *calr_gaussian_axis_of(const calr_gaussian *model, int64_t axis)
{
    return &model->axis[axis];
}

int64_t calr_gaussian_points(const calr_gaussian *model)
{
    return model->count;
}

void calr_gaussian_parameters(const calr_gaussian *model, double *weight, double *scale,
                              double *noise)
{
    memcpy(weight, model->weight, (size_t)model->axes * sizeof *weight);
    *scale = model->scale;
    *noise = model->noise;
}

int64_t calr_gaussian_room(const calr_gaussian *model)
{
    return 3 * model->count;
}

void calr_gaussian_scaled(const calr_gaussian *model, const double *x, double *room, double *mean,
                          double *variance, double *mean_gradient, double *variance_gradient)
{
    int64_t n = model->count, axes = model->axes;
    double *kernel = room, *slope = room + n, *beta = room + 2 * n;
    double sum = 0, explained = 0;
    for (int64_t i = 0; i < n; i++) {
        double squared = squared_distance(model, model->weight, x, model->x + i * axes);
        kernel[i] = model->scale * matern(squared, &slope[i]);
        sum += kernel[i] * model->alpha[i];
    }
    multiply(model->inverse, kernel, n, beta);
    for (int64_t i = 0; i < n; i++)
        explained += kernel[i] * beta[i];
    *mean = sum;
    *variance = fmax(model->scale - explained, 1e-12);
    if (!mean_gradient)
        return;
    memset(mean_gradient, 0, (size_t)axes * sizeof *mean_gradient);
    memset(variance_gradient, 0, (size_t)axes * sizeof *variance_gradient);
    for (int64_t i = 0; i < n; i++) {
        const double *other = model->x + i * axes;
        double by = 2 * model->scale * slope[i];
        for (int64_t a = 0; a < axes; a++) {
            if (model->axis[a].choice)
                continue;
            double d = by * model->weight[a] * (x[a] - other[a]);
            mean_gradient[a] += d * model->alpha[i];
            variance_gradient[a] -= 2 * d * beta[i];
        }
    }
}

double calr_gaussian_to_scaled(const calr_gaussian *model, double y)
{
    return (y - model->middle) / model->unit;
}

double calr_gaussian_from_scaled(const calr_gaussian *model, double scaled)
{
    return model->middle + scaled * model->unit;
}

double calr_gaussian_unit(const calr_gaussian *model)
{
    return model->unit;
}

double calr_gaussian_smallest(const calr_gaussian *model)
{
    return model->smallest;
}
