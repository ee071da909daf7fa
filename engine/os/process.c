#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "os/clock.h"

extern char **environ;

struct calr_process {
    pid_t pid;
    bool ended; /* it was waited for, and its number may be another's by now */
    int status; /* as waitpid gives it */
};

/* ---- starting ---- */

typedef struct preparation {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int files[3]; /* where its streams go; -1: where ours do */
} preparation;

/* What stream `fd` of the program says is added to a file. */
static calr_status redirect(preparation *p, int fd, const char *path)
{
    if (!path)
        return CALR_OK;
    p->files[fd] = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (p->files[fd] < 0)
        return calr_error_system(errno, "cannot write %s", path);
    int error = posix_spawn_file_actions_adddup2(&p->actions, p->files[fd], fd);
    return error ? calr_error_system(error, "cannot write %s", path) : CALR_OK;
}

/* Nothing to read, and signals as a program expects them. 0 or an errno. */
static int set_defaults(preparation *p)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int error = posix_spawn_file_actions_addopen(&p->actions, 0, "/dev/null", O_RDONLY, 0);
    if (!error)
        error = posix_spawnattr_setsigmask(&p->attributes, &none);
    if (!error)
        error = posix_spawnattr_setsigdefault(&p->attributes, &all);
    if (!error)
        error = posix_spawnattr_setflags(&p->attributes,
                                         POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return error;
}

static calr_status spawn(preparation *p, const calr_process_options *options, pid_t *pid)
{
    CALR_TRY(redirect(p, 1, options->output));
    CALR_TRY(redirect(p, 2, options->errors));
    int error = set_defaults(p);
    if (!error) {
        char *const *command = (char *const *)(uintptr_t)options->command;
        char *const *environment = (char *const *)(uintptr_t)options->environment;
        error = posix_spawnp(pid, command[0], &p->actions, &p->attributes, command,
                             environment ? environment : environ);
    }
    return error ? calr_error_system(error, "cannot start %s", options->command[0]) : CALR_OK;
}

calr_status calr_process_start(const calr_process_options *options, calr_process **out)
{
    calr_process *process = calloc(1, sizeof *process);
    if (!process)
        return calr_error(CALR_ENOMEM, "no memory to start %s", options->command[0]);
    preparation p = {.files = {-1, -1, -1}};
    posix_spawn_file_actions_init(&p.actions);
    posix_spawnattr_init(&p.attributes);
    calr_status status = spawn(&p, options, &process->pid);
    posix_spawn_file_actions_destroy(&p.actions);
    posix_spawnattr_destroy(&p.attributes);
    for (int i = 0; i < 3; i++)
        if (p.files[i] >= 0)
            close(p.files[i]);
    if (status == CALR_OK)
        *out = process;
    else
        free(process);
    return status;
}

/* ---- its end ---- */

/* Whether it has ended; takes its status when it has. */
static bool has_ended(calr_process *process)
{
    if (process->ended)
        return true;
    int status;
    pid_t got;
    do
        got = waitpid(process->pid, &status, WNOHANG);
    while (got < 0 && errno == EINTR);
    if (got == 0)
        return false;
    process->ended = true;
    process->status = got == process->pid ? status : 0; /* somebody else took the status */
    return true;
}

bool calr_process_wait(calr_process *process, double seconds, int *status, int *signal)
{
    double end = calr_clock_now() + seconds, pause = 0.0005;
    while (!has_ended(process)) {
        double left = end - calr_clock_now();
        if (left <= 0 || calr_interrupt_requested())
            return false;
        pause = fmin(pause * 1.5, 0.02);
        struct timespec nap = {0, (long)(1e9 * fmin(pause, left))};
        nanosleep(&nap, NULL); /* a signal ends it early */
    }
    *signal = WIFSIGNALED(process->status) ? WTERMSIG(process->status) : 0;
    *status = *signal ? 128 + *signal : WEXITSTATUS(process->status);
    return true;
}

bool calr_process_kill(calr_process *process, int signal)
{
    return !has_ended(process) && kill(process->pid, signal) == 0;
}

int calr_process_pid(const calr_process *process)
{
    return process->pid;
}

void calr_process_free(calr_process *process)
{
    if (process)
        has_ended(process);
    free(process);
}
