/* Time. */
#ifndef CALR_OS_CLOCK_H
#define CALR_OS_CLOCK_H

/* Seconds since 1970, with fractions. */
double calr_clock_date(void);
/* Seconds of a monotonic clock; for differences. */
double calr_clock_now(void);
/* Waits for 0 .. 1e9 seconds. A request to stop (base/interrupt.h) ends it early, a warning does not. */
void calr_clock_sleep(double seconds);

#endif
