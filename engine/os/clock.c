#include "os/clock.h"

#include <errno.h>
#include <math.h>
#include <time.h>

#include "base/interrupt.h"

static double seconds(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double calr_clock_date(void)
{
    return seconds(CLOCK_REALTIME);
}

double calr_clock_now(void)
{
    return seconds(CLOCK_MONOTONIC);
}

void calr_clock_sleep(double wait)
{
    struct timespec left = {(time_t)wait, (long)(1e9 * (wait - floor(wait)))};
    while (nanosleep(&left, &left) != 0 && errno == EINTR && !calr_interrupt_requested())
        ;
}
