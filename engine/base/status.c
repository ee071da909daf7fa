#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_SIZE 1024

static _Thread_local char message[MESSAGE_SIZE];

/* Formats aside first: the arguments may point into the current message. */
static void set_message(const char *format, va_list arguments)
{
    char text[MESSAGE_SIZE];
    vsnprintf(text, sizeof text, format, arguments);
    memcpy(message, text, sizeof text);
}

calr_status calr_error(calr_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set_message(format, arguments);
    va_end(arguments);
    return status;
}

calr_status calr_error_system(int error_number, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set_message(format, arguments);
    va_end(arguments);
    size_t length = strlen(message);
    snprintf(message + length, sizeof message - length, ": %s", strerror(error_number));
    switch (error_number) {
    case ENOENT:
    case ENOTDIR:
        return CALR_ENOTFOUND;
    case EEXIST:
        return CALR_EEXIST;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return CALR_ENOSPC;
    case ENOMEM:
        return CALR_ENOMEM;
    case EBUSY:
    case EAGAIN:
        return CALR_EBUSY;
    default:
        return CALR_EIO;
    }
}

const char *calr_status_message(void)
{
    return message;
}

const char *calr_status_name(calr_status status)
{
    static const char *const names[] = {
        [CALR_OK] = "ok",
        [CALR_EINVAL] = "invalid argument",
        [CALR_ENOMEM] = "out of memory",
        [CALR_EIO] = "input/output error",
        [CALR_ENOSPC] = "disk full",
        [CALR_ENOTFOUND] = "not found",
        [CALR_EEXIST] = "exists already",
        [CALR_EFORMAT] = "bad format",
        [CALR_EVERSION] = "wrong version",
        [CALR_EBUSY] = "in use",
        [CALR_ESTALE] = "stale tensor",
        [CALR_ENUMERIC] = "not a number",
        [CALR_EINTERRUPTED] = "interrupted",
        [CALR_EINTERNAL] = "internal error",
    };
    size_t count = sizeof names / sizeof names[0];
    return (size_t)status < count ? names[status] : "unknown status";
}
