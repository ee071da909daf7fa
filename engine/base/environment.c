#include "base/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *value_of(const char *name)
{
    const char *text = getenv(name);
    return text && *text ? text : NULL;
}

calr_status calr_environment_word(const char *name, const char *const *words, int *which)
{
    const char *text = value_of(name);
    char list[256] = "";
    *which = -1;
    for (int i = 0; text && words[i]; i++) {
        if (strcmp(text, words[i]) == 0) {
            *which = i;
            return CALR_OK;
        }
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", words[i]);
    }
    return text ? calr_error(CALR_EINVAL,
                             "the environment variable %s is \"%s\"; it may be %s, or unset", name,
                             text, list)
                : CALR_OK;
}

calr_status calr_environment_number(const char *name, int least, int most, int *number)
{
    const char *text = value_of(name);
    *number = 0;
    if (!text)
        return CALR_OK;
    size_t digits = strspn(text, "0123456789");
    long value = strtol(text, NULL, 10);
    if (digits == 0 || text[digits] || value < least || value > most)
        return calr_error(CALR_EINVAL,
                          "the environment variable %s is \"%s\"; it may be a whole number from %d "
                          "to %d, or unset",
                          name, text, least, most);
    *number = (int)value;
    return CALR_OK;
}
