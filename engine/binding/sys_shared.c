/* calr.sys: what processes on one or many machines need to share a folder: files that one of them makes, files that
 * others add to, signs of life. */
#include "binding/bind.h"
#include "binding/sys.h"

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
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HEARTBEAT "calr.heartbeat"

/* ---- files that one process makes ---- */

/* A name beside `path` that no other process on any machine uses. */
static char *name_aside(const char *path)
{
    static atomic_uint_fast64_t counter;
    static _Thread_local uint64_t salt;
    if (salt == 0 && getrandom(&salt, sizeof salt, 0) != sizeof salt)
        salt = (uint64_t)time(NULL) << 20 ^ (uint64_t)getpid();
    char *name;
    if (asprintf(&name, "%s.tmp-%" PRIx64 "%" PRIxFAST64, path, salt,
                 atomic_fetch_add(&counter, 1)) < 0)
        return NULL;
    return name;
}

static int write_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, text, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return errno;
        text += written;
        size -= (size_t)written;
    }
    return 0;
}

/* 0: made; EEXIST: there was one; another errno. Over NFS the answer to link() can get lost, and the call that is sent
 * again then finds the name taken by itself: the number of names that the file aside has is the truth. */
static int link_aside(const char *aside, const char *path)
{
    int error = link(aside, path) == 0 ? 0 : errno;
    struct stat info;
    if (error && stat(aside, &info) == 0 && info.st_nlink == 2)
        error = 0;
    return error;
}

/// calr.sys.link_new(path, text)
/// Makes a file that must not exist yet. However many processes on however many machines try, one
/// makes it, and under its name it is whole from the first moment. Not flushed to the disk: after
/// a power cut it may be empty or absent.
/// @return boolean  true: this call made it; false: it exists
static int sys_link_new(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    size_t size;
    const char *text = luaL_checklstring(L, 2, &size);
    void **aside = calr_lua_scratch(L, free);
    *aside = name_aside(path);
    if (!*aside)
        calr_lua_call(L, calr_error(CALR_ENOMEM, "no memory to write %s", path));
    int fd = open(*aside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        calr_lua_call(L, calr_error_system(errno, "cannot write %s", path));
    int error = write_all(fd, text, size);
    /* Closing before the link: over NFS it sends the bytes, so that nobody sees the name without them. */
    if (close(fd) != 0 && !error)
        error = errno;
    if (!error)
        error = link_aside(*aside, path);
    unlink(*aside);
    if (error && error != EEXIST)
        calr_lua_call(L, calr_error_system(error, "cannot write %s", path));
    lua_pushboolean(L, !error);
    return 1;
}

/// calr.sys.link(source, path)
/// Gives a file another name, which must not exist yet. However many processes on however many
/// machines try, one gets the name. Cheaper than calr.sys.link_new where many names hold the same
/// text.
/// @return boolean|nil  true: this call made the name, or an earlier one with this source; false: it
/// is another file's; nil: this file can have no name there (it has too many, or the folder is
/// elsewhere)
static int sys_link(lua_State *L)
{
    const char *source = luaL_checkstring(L, 1), *path = luaL_checkstring(L, 2);
    int error = link(source, path) == 0 ? 0 : errno;
    struct stat mine, there;
    if (error == EMLINK || error == EXDEV)
        return 0;
    /* The answer to the call may have been lost, as above. */
    if (error == EEXIST && stat(source, &mine) == 0 && stat(path, &there) == 0 &&
        mine.st_ino == there.st_ino && mine.st_dev == there.st_dev)
        error = 0;
    if (error && error != EEXIST)
        calr_lua_call(L, calr_error_system(error, "cannot write %s", path));
    lua_pushboolean(L, !error);
    return 1;
}

/* ---- files that others add to ---- */

/// calr.sys.read_from(path, offset [, limit])
/// What a file holds behind its first `offset` bytes: at most `limit` bytes of it (default 1 MiB).
/// @return string|nil  empty at the end; nil when there is no such file
static int sys_read_from(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    lua_Integer offset = luaL_checkinteger(L, 2);
    lua_Integer limit = luaL_optinteger(L, 3, 1 << 20);
    luaL_argcheck(L, offset >= 0, 2, "an offset is not negative");
    luaL_argcheck(L, limit >= 1 && limit <= 1 << 30, 3, "a limit is from 1 to 2^30 bytes");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        calr_lua_call(L, calr_error_system(error, "cannot read %s", path));
    }
    size_t wanted = 0;
    if (info.st_size > offset)
        wanted = (size_t)(info.st_size - offset < limit ? info.st_size - offset : limit);
    char *text = wanted > 0 ? malloc(wanted) : NULL;
    ssize_t got = 0;
    if (text) {
        do
            got = pread(fd, text, wanted, offset);
        while (got < 0 && errno == EINTR);
    }
    int error = wanted > 0 && !text ? ENOMEM : got < 0 ? errno : 0;
    close(fd);
    if (error) {
        free(text);
        calr_lua_call(L, calr_error_system(error, "cannot read %s", path));
    }
    void **owned = calr_lua_scratch(L, free);
    *owned = text;
    lua_pushlstring(L, text ? text : "", (size_t)got);
    return 1;
}

/* ---- signs of life ---- */

/* One start of one machine: two processes with the same text see the same locks at once. */
static const char *boot_id(void)
{
    static char text[40]; /* of the thread that runs Lua */
    if (text[0])
        return text;
    strcpy(text, "unknown");
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return text;
    char found[40];
    ssize_t got = read(fd, found, 36);
    close(fd);
    if (got == 36) {
        memcpy(text, found, 36);
        text[36] = 0;
    }
    return text;
}

/* The thread writes `count`, waits for `period`, and so on until `stop`. The file keeps its size, so that a disk that
 * gets full does not matter; what fails is kept for heartbeat:problem(). */
typedef struct heartbeat {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    int running; /* the thread and the two above exist */
    int stop;    /* under the mutex */
    int problem; /* under the mutex: errno of the last write, 0 when it went well */
    int fd;      /* the file, locked; -1: closed */
    int journal; /* another file to flush; -1: none */
    int locked;
    _Atomic uint64_t count;
    double period;
    const char *boot;
} heartbeat;

static int beat_once(heartbeat *h)
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
    if (fdatasync(h->fd) != 0 && errno != EINVAL && errno != ENOTSUP)
        return errno;
    if (h->journal >= 0 && fdatasync(h->journal) != 0 && errno != EINVAL && errno != ENOTSUP)
        return errno;
    return 0;
}

static void *beat(void *argument)
{
    heartbeat *h = argument;
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
static int start_thread(heartbeat *h)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&h->mutex, NULL);
    pthread_cond_init(&h->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&h->thread, NULL, beat, h);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        pthread_cond_destroy(&h->wake);
        pthread_mutex_destroy(&h->mutex);
        return error;
    }
    h->running = 1;
    return 0;
}

/// heartbeat:close()
/// Ends the thread and gives the lock back; a second time does nothing.
/* Also __gc and __close. */
static int heartbeat_close(lua_State *L)
{
    heartbeat *h = luaL_checkudata(L, 1, HEARTBEAT);
    if (h->running) {
        pthread_mutex_lock(&h->mutex);
        h->stop = 1;
        pthread_cond_signal(&h->wake);
        pthread_mutex_unlock(&h->mutex);
        pthread_join(h->thread, NULL);
        pthread_cond_destroy(&h->wake);
        pthread_mutex_destroy(&h->mutex);
        h->running = 0;
    }
    if (h->journal >= 0)
        close(h->journal);
    if (h->fd >= 0)
        close(h->fd);
    h->fd = h->journal = -1;
    return 0;
}

/// calr.sys.heartbeat(path, seconds [, file])
/// A sign of life: from now on a thread rewrites a counter in the file every so many seconds, and a
/// lock on the file tells other processes of this machine at once when this one has died. Signals
/// never reach the thread. calr.sys.pulse reads the file.
/// @param file  what calr.sys.append opened: flushed to the disk each time
/// @return heartbeat  ends by `heartbeat:close()` or as a <close> variable
static int sys_heartbeat(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    double period = luaL_checknumber(L, 2);
    luaL_argcheck(L, period >= 0.001 && period <= 1e6, 2, "a time from 0.001 to 1e6 seconds");
    int journal = lua_isnoneornil(L, 3) ? -1 : calr_sys_append_descriptor(L, 3);
    heartbeat *h = lua_newuserdatauv(L, sizeof *h, 0);
    memset(h, 0, sizeof *h);
    h->fd = h->journal = -1;
    h->period = period;
    luaL_setmetatable(L, HEARTBEAT);
    h->boot = boot_id();
    h->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (h->fd < 0)
        calr_lua_call(L, calr_error_system(errno, "cannot write %s", path));
    int error;
    do
        error = flock(h->fd, LOCK_EX) == 0 ? 0 : errno;
    while (error == EINTR);
    h->locked = !error; /* some file systems know no locks: the counter is enough */
    if (journal >= 0)
        h->journal = fcntl(journal, F_DUPFD_CLOEXEC, 3);
    error = beat_once(h); /* the first one here, so that what is wrong is seen */
    if (!error)
        error = start_thread(h);
    if (error)
        calr_lua_call(L, calr_error_system(error, "cannot write %s", path));
    return 1;
}

/// heartbeat:problem()
/// @return string|nil  why the last beat could not be written; the thread goes on trying
static int heartbeat_problem(lua_State *L)
{
    heartbeat *h = luaL_checkudata(L, 1, HEARTBEAT);
    if (!h->running)
        return 0;
    pthread_mutex_lock(&h->mutex);
    int problem = h->problem;
    pthread_mutex_unlock(&h->mutex);
    if (!problem)
        return 0;
    calr_error_system(problem, "no sign of life can be written");
    lua_pushstring(L, calr_status_message());
    return 1;
}

/// heartbeat:count()
/// How often it has beaten: a clock that stands still while this process does.
/// @return integer
static int heartbeat_count(lua_State *L)
{
    heartbeat *h = luaL_checkudata(L, 1, HEARTBEAT);
    lua_pushinteger(L, (lua_Integer)atomic_load(&h->count));
    return 1;
}

/// calr.sys.pulse(path)
/// What calr.sys.heartbeat writes. A count that stays the same for long means that the process has
/// died or stands still.
/// @return integer|nil  the count; nil when there is no such file or nothing in it
/// @return boolean|nil  whether the process lives; nil when it may be on another machine
static int sys_pulse(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0)
        calr_lua_call(L, calr_error_system(errno, "cannot read %s", path));
    char text[80], boot[40];
    ssize_t got = pread(fd, text, sizeof text - 1, 0);
    text[got > 0 ? got : 0] = 0;
    uint64_t count;
    int locked = 0, known = 0, held = 0;
    int fields = sscanf(text, "%" SCNu64 " %d %39s", &count, &locked, boot);
    const char *here = boot_id();
    if (fields == 3 && locked && strcmp(boot, "unknown") != 0 && strcmp(boot, here) == 0) {
        int error = flock(fd, LOCK_SH | LOCK_NB) == 0 ? 0 : errno;
        held = error == EWOULDBLOCK;
        known = held || error == 0;
    }
    close(fd);
    if (fields != 3)
        return 0;
    lua_pushinteger(L, (lua_Integer)count);
    if (!known)
        return 1;
    lua_pushboolean(L, held);
    return 2;
}

static const calr_lua_function heartbeat_methods[] = {
    {"count", heartbeat_count, "self"},
    {"problem", heartbeat_problem, "self"},
    {"close", heartbeat_close, "self"},
    {NULL, NULL, NULL},
};

static const calr_lua_function metamethods[] = {
    {"__gc", heartbeat_close, NULL},
    {"__close", heartbeat_close, NULL},
    {NULL, NULL, NULL},
};

static const calr_lua_function functions[] = {
    {"link", sys_link, "source, path"},
    {"link_new", sys_link_new, "path, text"},
    {"read_from", sys_read_from, "path, offset [, limit]"},
    {"heartbeat", sys_heartbeat, "path, seconds [, file]"},
    {"pulse", sys_pulse, "path"},
    {NULL, NULL, NULL},
};

void calr_sys_add_shared(lua_State *L)
{
    calr_lua_class(L, HEARTBEAT, "heartbeat:", heartbeat_methods, metamethods);
    calr_lua_add_functions(L, "calr.sys.", functions);
}
