/* The meter: that no kernel of the table is forgotten, and what is counted. */
#include <stdint.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/limits.h"
#include "backend/metered.h"
#include "base/meter.h"
#include "base/parallel.h"
#include "check.h"

static void every_kernel_is_wrapped(void)
{
    const calr_backend *plain, *metered;
    CHECK_OK(calr_backend_get(&plain));
    metered = calr_backend_metered(plain);
    void *a[sizeof *plain / sizeof(void *)], *b[sizeof *plain / sizeof(void *)];
    memcpy(a, plain, sizeof a);
    memcpy(b, metered, sizeof b);
    size_t same = 0; /* the two texts at the head are the same */
    for (size_t i = 2; i < sizeof a / sizeof a[0]; i++)
        if (a[i] && a[i] == b[i] && ++same)
            fprintf(stderr, "entry %zu of calr_backend is not wrapped in backend/metered.c\n", i);
    CHECK_INT(same, 0);
}

static void touch(void *context, int64_t begin, int64_t end, int worker)
{
    (void)context, (void)begin, (void)end, (void)worker;
}

static void what_is_counted(void)
{
    const calr_backend *k;
    const calr_meter_event *events;
    size_t lost;
    float a[6] = {1, 2, 3, 4, 5, 6}, b[6] = {1, 0, 0, 1, 1, 1}, c[4];
    calr_meter_start();
    CHECK_OK(calr_backend_get(&k));
    calr_meter_set_label(7);
    k->gemm(false, false, 2, 2, 3, 1, a, 3, b, 2, 0, c, 2);
    calr_meter_set_label(0);
    calr_parallel_for(10, 1, touch, NULL);
    CHECK_OK(k->softmax(2, 3, a,
                        a)); /* runs a calr_parallel_for of its own, which is not another event */
    calr_meter_stop();
    k->unary(CALR_RELU, CALR_F32, 6, NULL, a, a);
    CHECK_INT(calr_meter_events(&events, &lost), 3);
    CHECK_INT(lost, 0);
    CHECK_STRING(events[0].kernel, "gemm");
    CHECK_INT(events[0].label, 7);
    CHECK_INT((int)events[0].flops, 24);
    CHECK_INT((int)events[0].bytes, 4 * (6 + 6 + 4));
    CHECK_STRING(events[0].detail, "2x2x3");
    CHECK_STRING(events[1].kernel, "parallel");
    CHECK_STRING(events[2].kernel, "softmax");
    CHECK_INT(events[2].label, 0);
    CHECK_INT((int)c[0], 4); /* 1*1 + 2*0 + 3*1 */
}

static void many_events(void)
{
    const calr_meter_event *events;
    size_t lost;
    calr_meter_start();
    for (int i = 0; i < 10000; i++)
        calr_parallel_for(1, 1, touch, NULL);
    calr_meter_stop();
    CHECK_INT(calr_meter_events(&events, &lost), 10000);
    calr_meter_start();
    calr_meter_stop();
    CHECK_INT(calr_meter_events(&events, &lost), 0);
}

static void limits(void)
{
    double seconds = -1;
    CHECK_OK(calr_limits_gemm(32, 2, &seconds));
    CHECK(seconds >= 0 && seconds < 60);
    for (int kind = CALR_STREAM_READ; kind <= CALR_STREAM_COPY; kind++) {
        seconds = -1;
        CHECK_OK(calr_limits_stream((calr_stream)kind, 1000, 1, &seconds));
        CHECK(seconds >= 0 && seconds < 60);
    }
    CHECK_INT(calr_limits_gemm(0, 1, &seconds), CALR_EINVAL);
    CHECK_INT(calr_limits_gemm(8, 0, &seconds), CALR_EINVAL);
    CHECK_INT(calr_limits_gemm(INT64_MAX, 1, &seconds), CALR_ENOMEM);
    CHECK_INT(calr_limits_stream(CALR_STREAM_READ, 8, 1, &seconds), CALR_EINVAL);
}

int main(void)
{
    RUN(every_kernel_is_wrapped);
    RUN(what_is_counted);
    RUN(many_events);
    RUN(limits);
    return check_finish();
}
