#include "base/parallel.h"

#include <omp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/environment.h"
#include "base/interrupt.h"
#include "base/meter.h"

#define MAX_THREADS 1024

static int threads; /* 0: not yet decided */

/* 0 where the variable is unset, or no number: OpenMP warns of its own, whose further numbers (4,2) are for teams in
 * teams. */
static int openmp_threads(void)
{
    const char *text = getenv("OMP_NUM_THREADS");
    char *end;
    long n = text ? strtol(text, &end, 10) : 0;
    return n >= 1 && n <= MAX_THREADS ? (int)n : 0;
}

static calr_status environment_threads(int *threads_wanted)
{
    return calr_environment_number("CALR_THREADS", 1, MAX_THREADS, threads_wanted);
}

calr_status calr_parallel_check_environment(void)
{
    int ignored;
    return environment_threads(&ignored);
}

int calr_parallel_threads(void)
{
    if (threads == 0) {
        int n;
        if (environment_threads(&n) != CALR_OK || n == 0)
            n = openmp_threads();
        if (n == 0) {
            cpu_set_t set;
            n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
        }
        calr_parallel_set_threads(n < MAX_THREADS ? n : MAX_THREADS);
    }
    return threads;
}

calr_status calr_parallel_set_threads(int n)
{
    if (n < 1 || n > MAX_THREADS)
        return calr_error(CALR_EINVAL, "threads must be 1 to %d, not %d", MAX_THREADS, n);
    threads = n;
    omp_set_num_threads(n);
    return CALR_OK;
}

static void run(int64_t count, int64_t grain, calr_parallel_body body, void *context, bool heeds)
{
    int team = calr_parallel_threads();
    if (grain < 1)
        grain = (count + team - 1) / team;
    int64_t chunks = count / grain + (count % grain != 0);
    if (chunks < team)
        team = (int)chunks;
    if (team <= 1 || omp_in_parallel()) {
        for (int64_t c = 0; c < chunks && !(heeds && calr_interrupt_requested()); c++) {
            int64_t end = (c + 1) * grain;
            body(context, c * grain, end < count ? end : count, 0);
        }
        return;
    }
#pragma omp parallel for schedule(dynamic, 1) num_threads(team)
    for (int64_t c = 0; c < chunks; c++) {
        int64_t end = (c + 1) * grain;
        if (!heeds || !calr_interrupt_requested())
            body(context, c * grain, end < count ? end : count, omp_get_thread_num());
    }
}

/* `heeds`: whether a request to stop ends it. */
static void run_metered(int64_t count, int64_t grain, calr_parallel_body body, void *context,
                        bool heeds)
{
    if (count <= 0)
        return;
    if (calr_meter_on) {
        double began = calr_meter_begin();
        run(count, grain, body, context, heeds);
        calr_meter_end(began, "parallel");
    } else {
        run(count, grain, body, context, heeds);
    }
}

void calr_parallel_for(int64_t count, int64_t grain, calr_parallel_body body, void *context)
{
    run_metered(count, grain, body, context, false);
}

calr_status calr_parallel_try(int64_t count, int64_t grain, calr_parallel_body body, void *context)
{
    run_metered(count, grain, body, context, true);
    return calr_interrupt_check();
}
