#include "base/interrupt.h"

#include <stdatomic.h>

/* Lock-free, so that a signal handler may write what all threads read. */
static atomic_int requested, warned;

void calr_interrupt_request(int signal_number)
{
    atomic_store_explicit(&requested, signal_number, memory_order_relaxed);
}

int calr_interrupt_requested(void)
{
    return atomic_load_explicit(&requested, memory_order_relaxed);
}

void calr_interrupt_clear(void)
{
    atomic_store_explicit(&requested, 0, memory_order_relaxed);
}

calr_status calr_interrupt_check(void)
{
    return calr_interrupt_requested() ? calr_error(CALR_EINTERRUPTED, "interrupted") : CALR_OK;
}

void calr_interrupt_warn(void)
{
    atomic_store_explicit(&warned, 1, memory_order_relaxed);
}

bool calr_interrupt_warned(void)
{
    return atomic_load_explicit(&warned, memory_order_relaxed) != 0;
}
