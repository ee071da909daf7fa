#include "os/heartbeat.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "os/clock.h"
#include "os/descriptor.h"

enum { BOOT_LENGTH = 36 };

/* One start of one machine: two processes with the same text see the same locks at once. */
static void read_boot_id(char boot[BOOT_LENGTH + 1])
{
    strcpy(boot, "unknown");
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    char found[BOOT_LENGTH];
    ssize_t got = read(fd, found, BOOT_LENGTH);
    close(fd);
    if (got == BOOT_LENGTH) {
        memcpy(boot, found, BOOT_LENGTH);
        boot[BOOT_LENGTH] = 0;
    }
}

/* The thread writes `count`, waits for `period`, and so on until `stop`. The file keeps its size, so that a disk that
 * gets full does not matter; what fails is kept for calr_heartbeat_problem. */
struct calr_heartbeat {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool running; /* the thread and the two above exist */
    bool stop;    /* under the mutex */
    int problem;  /* under the mutex: errno of the last write, 0 when it went well */
    int fd;       /* the file, locked; -1: closed */
    int journal;  /* another file to flush; -1: none */
    int locked;
    _Atomic uint64_t count;
    double period;
    char boot[BOOT_LENGTH + 1];
};

/* Flushing: 0 or an errno. A pipe or device has no disk behind it. */
static int flush(int fd)
{
    return fdatasync(fd) == 0 || errno == EINVAL || errno == ENOTSUP ? 0 : errno;
}

static int beat_once(calr_heartbeat *h)
{
    char text[80];
    int length = snprintf(text, sizeof text, "%020" PRIu64 " %d %s\n",
                          (uint64_t)(atomic_fetch_add(&h->count, 1) + 1), h->locked, h->boot);
    ssize_t written;
    do
        written = pwrite(h->fd, text, (size_t)length, 0);
    while (written < 0 && errno == EINTR);
    if (written != length)
        return written < 0 ? errno : ENOSPC;
    int error = flush(h->fd);
    return error || h->journal < 0 ? error : flush(h->journal);
}

static void *beat(void *argument)
{
    calr_heartbeat *h = argument;
    pthread_mutex_lock(&h->mutex);
    while (!h->stop) {
        pthread_mutex_unlock(&h->mutex);
        int problem = beat_once(h);
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        double end = (double)until.tv_nsec * 1e-9 + h->period;
        until.tv_sec += (time_t)end;
        until.tv_nsec = (long)((end - (double)(time_t)end) * 1e9);
        pthread_mutex_lock(&h->mutex);
        h->problem = problem;
        while (!h->stop && pthread_cond_timedwait(&h->wake, &h->mutex, &until) == 0)
            ;
    }
    pthread_mutex_unlock(&h->mutex);
    return NULL;
}

/* Signals are for the main thread: this one is started with all of them blocked. */
static int start_thread(calr_heartbeat *h)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&h->mutex, NULL);
    pthread_cond_init(&h->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, SIGBUS); /* of a file cut short: the thread that meets it tells */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&h->thread, NULL, beat, h);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        pthread_cond_destroy(&h->wake);
        pthread_mutex_destroy(&h->mutex);
        return error;
    }
    h->running = true;
    return 0;
}

void calr_heartbeat_free(calr_heartbeat *h)
{
    if (!h)
        return;
    if (h->running) {
        pthread_mutex_lock(&h->mutex);
        h->stop = true;
        pthread_cond_signal(&h->wake);
        pthread_mutex_unlock(&h->mutex);
        pthread_join(h->thread, NULL);
        pthread_cond_destroy(&h->wake);
        pthread_mutex_destroy(&h->mutex);
    }
    if (h->journal >= 0)
        close(h->journal);
    if (h->fd >= 0)
        close(h->fd);
    free(h);
}

/* Readers of the file hold its lock for a moment only: a lock that stays is another heartbeat's, which would never give
 * it up. A file system that knows no locks is no failure: the counter is enough. */
static calr_status take_lock(calr_heartbeat *h, const char *path)
{
    enum { TRIES = 100 };
    for (int i = 0; i < TRIES; i++) {
        int error = calr_descriptor_lock(h->fd);
        h->locked = !error;
        if (error != EWOULDBLOCK)
            return CALR_OK;
        CALR_TRY(calr_interrupt_check());
        calr_clock_sleep(0.01);
    }
    return calr_error(CALR_EBUSY,
                      "%s is locked: another heartbeat writes it, of this process or of another; "
                      "each needs its own file",
                      path);
}

/* Beats once and starts the thread: 0 or an errno. */
static int start(calr_heartbeat *h, int journal)
{
    if (journal >= 0)
        h->journal = fcntl(journal, F_DUPFD_CLOEXEC, 3);
    if (journal >= 0 && h->journal < 0)
        return errno;
    int error = beat_once(h); /* the first one here, so that what is wrong is seen */
    return error ? error : start_thread(h);
}

calr_status calr_heartbeat_new(const char *path, double period, int journal, calr_heartbeat **out)
{
    calr_heartbeat *h = calloc(1, sizeof *h);
    if (!h)
        return calr_error(CALR_ENOMEM, "no memory to write %s", path);
    h->fd = h->journal = -1;
    h->period = period;
    read_boot_id(h->boot);
    calr_status status = calr_descriptor_open(path, O_RDWR | O_CREAT, "write", &h->fd);
    if (status == CALR_OK)
        status = take_lock(h, path);
    int error = status == CALR_OK ? start(h, journal) : 0;
    if (error)
        status = calr_error_system(error, "cannot write %s", path);
    if (status != CALR_OK) {
        calr_heartbeat_free(h);
        return status;
    }
    *out = h;
    return CALR_OK;
}

calr_status calr_heartbeat_problem(calr_heartbeat *h)
{
    pthread_mutex_lock(&h->mutex);
    int problem = h->problem;
    pthread_mutex_unlock(&h->mutex);
    return problem ? calr_error_system(problem, "no sign of life can be written") : CALR_OK;
}

uint64_t calr_heartbeat_count(const calr_heartbeat *h)
{
    return atomic_load(&h->count);
}

calr_status calr_pulse_read(const char *path, calr_pulse *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return calr_error_system(errno, "cannot read %s", path);
    char text[80], boot[BOOT_LENGTH + 4], here[BOOT_LENGTH + 1];
    ssize_t got = pread(fd, text, sizeof text - 1, 0);
    text[got > 0 ? got : 0] = 0;
    int locked = 0;
    *out = (calr_pulse){0};
    int fields = sscanf(text, "%" SCNu64 " %d %39s", &out->count, &locked, boot);
    read_boot_id(here);
    if (fields == 3 && locked && strcmp(boot, "unknown") != 0 && strcmp(boot, here) == 0) {
        int error = flock(fd, LOCK_SH | LOCK_NB) == 0 ? 0 : errno;
        out->alive = error == EWOULDBLOCK;
        out->known = out->alive || error == 0;
    }
    close(fd);
    return fields == 3 ? CALR_OK : calr_error(CALR_ENOTFOUND, "%s holds no sign of life", path);
}
