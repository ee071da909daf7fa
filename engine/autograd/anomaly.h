/* Anomaly mode: every operation, and its backward, is checked for numbers that are not finite, so that the
 * first one names its origin. It reads every output once more: for looking into a problem, not for training.
 * The mode is per thread. */
#ifndef CALR_AUTOGRAD_ANOMALY_H
#define CALR_AUTOGRAD_ANOMALY_H

#include "autograd/op.h"

typedef enum calr_anomaly {
    CALR_ANOMALY_OFF,
    CALR_ANOMALY_NAN,       /* infinities are let through: masks made of them are in use */
    CALR_ANOMALY_NOT_FINITE /* NaN and infinities */
} calr_anomaly;

calr_anomaly calr_anomaly_mode(void);
void calr_anomaly_set(calr_anomaly mode);
/* `locate` writes where the script is, or an empty string; for operations recorded in anomaly mode. */
void calr_anomaly_set_place(void (*locate)(char *text, size_t size));

/* For the tape. They return CALR_OK when the mode is off; CALR_ENUMERIC says what came from where, and where the
 * operation was recorded. */
calr_status calr_anomaly_check_forward(const calr_op_call *call, const calr_tensor *y);
/* The complete gradient of the node's output. */
calr_status calr_anomaly_check_arriving(const calr_node *node, const calr_tensor *dy);
/* What its backward gave input i; NULL: it was added to the input's own sum. */
calr_status calr_anomaly_check_backward(const calr_node *node, int i, const calr_tensor *dx);
/* The script's line, to be freed; NULL when the mode is off, or nothing is known. */
char *calr_anomaly_place(void);

#endif
