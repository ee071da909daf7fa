#include "base/meter.h"

#include <stdlib.h>
#include <time.h>

_Thread_local bool calr_meter_on;

static _Thread_local struct meter {
    calr_meter_event *events;
    size_t count, capacity, lost;
    int depth, label;
} meter;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void calr_meter_start(void)
{
    meter.count = meter.lost = 0;
    meter.depth = 0;
    if (!meter.events) {
        meter.capacity = 4096;
        meter.events = malloc(meter.capacity * sizeof *meter.events);
        if (!meter.events)
            meter.capacity = 0;
    }
    calr_meter_on = true;
}

void calr_meter_stop(void)
{
    calr_meter_on = false;
}

size_t calr_meter_events(const calr_meter_event **out, size_t *lost)
{
    *out = meter.events;
    *lost = meter.lost;
    return meter.count;
}

int calr_meter_label(void)
{
    return meter.label;
}

void calr_meter_set_label(int label)
{
    meter.label = label;
}

double calr_meter_begin(void)
{
    return meter.depth++ == 0 ? now() : -1;
}

calr_meter_event *calr_meter_end(double began, const char *kernel)
{
    meter.depth--;
    if (began < 0 || !calr_meter_on)
        return NULL;
    double seconds = now() - began;
    if (meter.count == meter.capacity) {
        calr_meter_event *grown =
            meter.events ? realloc(meter.events, 2 * meter.capacity * sizeof *grown) : NULL;
        if (!grown) {
            meter.lost++;
            return NULL;
        }
        meter.events = grown;
        meter.capacity *= 2;
    }
    calr_meter_event *event = &meter.events[meter.count++];
    *event = (calr_meter_event){.kernel = kernel, .label = meter.label, .seconds = seconds};
    return event;
}
