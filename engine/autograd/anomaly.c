#include "autograd/anomaly.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "autograd/node.h"
#include "tensor/scan.h"

#define TEXT 256

static _Thread_local calr_anomaly mode;
static void (*locate_script)(char *text, size_t size);

calr_anomaly calr_anomaly_mode(void)
{
    return mode;
}

void calr_anomaly_set(calr_anomaly wanted)
{
    mode = wanted;
}

void calr_anomaly_set_place(void (*locate)(char *text, size_t size))
{
    locate_script = locate;
}

char *calr_anomaly_place(void)
{
    char text[TEXT] = "";
    if (mode == CALR_ANOMALY_OFF || !locate_script)
        return NULL;
    locate_script(text, sizeof text);
    return text[0] ? strdup(text) : NULL;
}

/* ---- what is in a tensor ---- */

typedef struct finding {
    int64_t count;
    double first;
    int64_t at[CALR_MAX_DIMS]; /* of the first */
} finding;

static bool is_bad(double value)
{
    return isnan(value) || (mode == CALR_ANOMALY_NOT_FINITE && isinf(value));
}

/* To the next position in row-major order. */
static void advance(const calr_tensor *t, int64_t *at)
{
    for (int d = t->ndim; d-- > 0;) {
        if (++at[d] < t->shape[d])
            return;
        at[d] = 0;
    }
}

static calr_status look(const calr_tensor *t, finding *found)
{
    bool finite;
    int64_t at[CALR_MAX_DIMS] = {0}, n = calr_tensor_numel(t);
    found->count = 0;
    CALR_TRY(calr_tensor_is_finite(t, &finite));
    for (int64_t i = 0; i < n && !finite; i++, advance(t, at)) {
        double value;
        CALR_TRY(calr_tensor_get(t, at, &value));
        if (!is_bad(value))
            continue;
        if (found->count++ == 0) {
            found->first = value;
            memcpy(found->at, at, sizeof at);
        }
    }
    return CALR_OK;
}

static const char *number_name(double value)
{
    return isnan(value) ? "NaN" : value > 0 ? "inf" : "-inf";
}

/* "NaN at [2, 1] of f32[2 x 3], and 3 more" */
static const char *describe(const finding *found, const calr_tensor *t, char text[TEXT])
{
    char shape[CALR_TENSOR_TEXT], at[160] = "";
    size_t used = 0;
    for (int d = 0; d < t->ndim; d++)
        used += (size_t)snprintf(at + used, sizeof at - used, "%s%lld", d ? ", " : "",
                                 (long long)found->at[d] + 1);
    int length = snprintf(text, TEXT, "%s at [%s] of %s", number_name(found->first), at,
                          calr_tensor_describe(t, shape));
    if (found->count > 1 && length > 0 && length < TEXT)
        snprintf(text + length, TEXT - (size_t)length, ", and %lld more",
                 (long long)found->count - 1);
    return text;
}

static const char *origin(const calr_node *node, char text[TEXT])
{
    if (node->place)
        snprintf(text, TEXT, "it was recorded at %s", node->place);
    else
        snprintf(text, TEXT,
                 "compute it in anomaly mode too, to see at which line it was recorded");
    return text;
}

/* ---- checks ---- */

calr_status calr_anomaly_check_forward(const calr_op_call *call, const calr_tensor *y)
{
    char text[TEXT], given[TEXT];
    finding found;
    if (mode == CALR_ANOMALY_OFF)
        return CALR_OK;
    CALR_TRY(look(y, &found));
    if (found.count == 0)
        return CALR_OK;
    describe(&found, y, text);
    for (int i = 0; i < call->count; i++) {
        if (!call->in[i])
            continue;
        CALR_TRY(look(call->in[i], &found));
        if (found.count > 0)
            return calr_error(CALR_ENUMERIC, "anomaly: it gave %s; its input %d had %s before",
                              text, i + 1, describe(&found, call->in[i], given));
    }
    return calr_error(CALR_ENUMERIC, "anomaly: it made %s, from inputs without any", text);
}

calr_status calr_anomaly_check_arriving(const calr_node *node, const calr_tensor *dy)
{
    char text[TEXT], place[TEXT];
    finding found;
    if (mode == CALR_ANOMALY_OFF)
        return CALR_OK;
    CALR_TRY(look(dy, &found));
    if (found.count == 0)
        return CALR_OK;
    return calr_error(
        CALR_ENUMERIC,
        "anomaly: the gradient of its output is %s: as it was given, as a hook left it, or as "
        "a sum of finite parts; %s",
        describe(&found, dy, text), origin(node, place));
}

calr_status calr_anomaly_check_backward(const calr_node *node, int i, const calr_tensor *dx)
{
    char text[TEXT], place[TEXT];
    finding found;
    const calr_tensor *made = dx ? dx : node->from[i]->gradient;
    if (mode == CALR_ANOMALY_OFF || !made)
        return CALR_OK;
    CALR_TRY(look(made, &found));
    if (found.count == 0)
        return CALR_OK;
    return calr_error(CALR_ENUMERIC, "anomaly: it made %s, the gradient of its input %d; %s",
                      describe(&found, made, text), i + 1, origin(node, place));
}
