#include "base/interrupt.h"

#include <signal.h>

static volatile sig_atomic_t requested, warned;

void calr_interrupt_request(int signal_number)
{
    requested = signal_number;
}

int calr_interrupt_requested(void)
{
    return requested;
}

void calr_interrupt_clear(void)
{
    requested = 0;
}

calr_status calr_interrupt_check(void)
{
    return requested ? calr_error(CALR_EINTERRUPTED, "interrupted") : CALR_OK;
}

void calr_interrupt_warn(void)
{
    warned = 1;
}

bool calr_interrupt_warned(void)
{
    return warned != 0;
}
