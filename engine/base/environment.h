/* Variables of the environment that this program reads (CALR_...): their values are checked, never ignored. */
#ifndef CALR_BASE_ENVIRONMENT_H
#define CALR_BASE_ENVIRONMENT_H

#include "base/status.h"

/* *which of words[] (NULL at the end) a variable is, -1 when it is unset or empty. CALR_EINVAL names the variable, its
 * value and the words. */
calr_status calr_environment_word(const char *name, const char *const *words, int *which);

/* The same for a whole number from least on (above 0) to most; 0 when it is unset or empty. */
calr_status calr_environment_number(const char *name, int least, int most, int *number);

#endif
