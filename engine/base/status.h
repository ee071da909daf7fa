/* Errors of the engine.
 *
 * Every function that can fail returns a calr_status and leaves a message for people in a buffer of
 * the calling thread. The engine never aborts, never jumps out of a function and never prints: the
 * binding turns a status into a Lua error, the host turns that into text on stderr and an exit
 * status.
 *
 * A message says what is wrong, where (file, record, argument) and, where it can, what to do. */
#ifndef CALR_BASE_STATUS_H
#define CALR_BASE_STATUS_H

typedef enum calr_status {
    CALR_OK = 0,
    CALR_EINVAL,    /* an argument is out of its range, or shapes do not fit */
    CALR_ENOMEM,    /* memory could not be had, or a size overflows */
    CALR_EIO,       /* reading or writing failed; the message holds the system's reason */
    CALR_ENOSPC,    /* the disk is full */
    CALR_ENOTFOUND, /* a file, record or name does not exist */
    CALR_EEXIST,    /* something exists that must not */
    CALR_EFORMAT,   /* foreign data has not the form it claims: corrupt, truncated, unsupported */
    CALR_EVERSION,  /* our own file, of a different version */
    CALR_EBUSY,     /* in use by somebody else */
    CALR_ESTALE,    /* a tensor needed by the backward pass was changed in place */
    CALR_ENUMERIC,  /* NaN or infinity where a number is needed */
    CALR_EINTERRUPTED, /* the user asked to stop */
    CALR_EINTERNAL     /* a fault of ours */
} calr_status;

/* Formats the message of the calling thread and returns `status`, so that a failing function ends
 * with `return calr_error(CALR_EINVAL, "...")`. The message may quote the current one. */
calr_status calr_error(calr_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* calr_error for a failed system call: appends ": " and the text of `error_number` (an errno
 * value), and chooses the status by it (ENOENT: CALR_ENOTFOUND, ENOSPC and EDQUOT: CALR_ENOSPC,
 * ...). */
calr_status calr_error_system(int error_number, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The message of the last failure in this thread; never NULL. Valid until the next calr_error here.
 */
const char *calr_status_message(void);

/* A short lower-case name: "invalid argument", "disk full", ... Never NULL. */
const char *calr_status_name(calr_status status);

/* Returns from the calling function when a call failed. */
#define CALR_TRY(call)                                                                             \
    do {                                                                                           \
        calr_status calr_try_ = (call);                                                            \
        if (calr_try_ != CALR_OK)                                                                  \
            return calr_try_;                                                                      \
    } while (0)

#endif
