/* The checks of the C tests. Each test program is one file: functions that CHECK things, and a main
 * that RUNs them and returns check_finish(). A failed check prints where and what, and the program
 * goes on, so that one run shows every failure. */
#ifndef CALR_TESTS_CHECK_H
#define CALR_TESTS_CHECK_H

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"

static int check_passed, check_failed;

static inline int check_report(int ok, const char *file, int line, const char *what)
{
    if (ok) {
        check_passed++;
    } else {
        check_failed++;
        fprintf(stderr, "%s:%d: FAILED: %s\n", file, line, what);
    }
    return ok;
}

#define CHECK(condition) check_report(!!(condition), __FILE__, __LINE__, #condition)

/* The call must return CALR_OK; prints the engine's message otherwise. */
#define CHECK_OK(call)                                                                             \
    do {                                                                                           \
        calr_status check_status_ = (call);                                                        \
        if (!check_report(check_status_ == CALR_OK, __FILE__, __LINE__, #call))                    \
            fprintf(stderr, "    %s: %s\n", calr_status_name(check_status_),                       \
                    calr_status_message());                                                        \
    } while (0)

/* The call must fail with the status, and its message must contain the text. */
#define CHECK_FAILS(call, expected, text)                                                          \
    do {                                                                                           \
        calr_status check_status_ = (call);                                                        \
        if (!check_report(check_status_ == (expected) && strstr(calr_status_message(), (text)),    \
                          __FILE__, __LINE__, #call " fails with " #expected ": " text))           \
            fprintf(stderr, "    got %s: %s\n", calr_status_name(check_status_),                   \
                    calr_status_message());                                                        \
    } while (0)

#define CHECK_INT(actual, expected)                                                                \
    do {                                                                                           \
        int64_t check_a_ = (int64_t)(actual), check_e_ = (int64_t)(expected);                      \
        if (!check_report(check_a_ == check_e_, __FILE__, __LINE__, #actual " == " #expected))     \
            fprintf(stderr, "    got %" PRId64 ", want %" PRId64 "\n", check_a_, check_e_);        \
    } while (0)

#define CHECK_NEAR(actual, expected, tolerance)                                                    \
    do {                                                                                           \
        double check_a_ = (double)(actual), check_e_ = (double)(expected);                         \
        if (!check_report(fabs(check_a_ - check_e_) <= (tolerance), __FILE__, __LINE__,            \
                          #actual " ~ " #expected))                                                \
            fprintf(stderr, "    got %.9g, want %.9g\n", check_a_, check_e_);                      \
    } while (0)

#define CHECK_STRING(actual, expected)                                                             \
    do {                                                                                           \
        const char *check_a_ = (actual), *check_e_ = (expected);                                   \
        if (!check_report(check_a_ && strcmp(check_a_, check_e_) == 0, __FILE__, __LINE__,         \
                          #actual " is " #expected))                                               \
            fprintf(stderr, "    got \"%s\", want \"%s\"\n", check_a_ ? check_a_ : "(null)",       \
                    check_e_);                                                                     \
    } while (0)

#define RUN(test)                                                                                  \
    do {                                                                                           \
        int check_before_ = check_failed;                                                          \
        test();                                                                                    \
        printf("%-4s %s\n", check_failed == check_before_ ? "ok" : "FAIL", #test);                 \
    } while (0)

static inline int check_finish(void)
{
    printf("%d checks passed, %d failed\n", check_passed, check_failed);
    return check_failed != 0 || check_passed == 0;
}

#endif
