/* Ctrl-C: the script unwinds, its run is recorded, and only a second one is rude. */
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "binding/bind.h"
#include "host/host.h"

static lua_State *main_state;
static pthread_t main_thread;
static bool keeps_running;
static volatile sig_atomic_t reads_line;
static volatile sig_atomic_t
    insists; /* the error is raised at every line, so that no pcall can catch it */

static void say(const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = write(STDERR_FILENO, text, length);
        if (written <= 0)
            return;
        text += written;
        length -= (size_t)written;
    }
}

/* Runs in the script, between two of its instructions. */
static void raise_interrupt(lua_State *L, lua_Debug *activation)
{
    (void)activation;
    if (!insists)
        lua_sethook(L, NULL, 0, 0);
    calr_lua_push_interrupt(L);
    lua_error(L);
}

/* ---- while the prompt reads a line ----
 * libedit looks for a signal when its read(2) ends with EINTR, and only then. One that comes a moment earlier, after
 * the line was drawn and before read(2) waits, would be forgotten until the next key. So the read is interrupted again
 * and again until the line is given up. */

static void set_alarms(suseconds_t every)
{
    struct itimerval timer = {{0, every}, {0, every}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void on_alarm(int number)
{
    (void)number;
}

void calr_host_reads_line(bool on)
{
    reads_line = on;
    if (!on)
        set_alarms(0);
    else if (calr_interrupt_requested())
        set_alarms(20000);
}

/* lua_sethook is the one function of Lua that a signal handler may call, in the thread that runs Lua:
 * OpenMP's threads take signals too, and pass them on. */
static void on_signal(int number)
{
    static const char still[] = "calr: still stopping; Ctrl-\\ ends the program\n";
    if (!pthread_equal(pthread_self(), main_thread)) {
        pthread_kill(main_thread, number);
        return;
    }
    if (!keeps_running || number != SIGINT) {
        signal(number, SIG_DFL);
    } else if (calr_interrupt_requested()) {
        insists = 1;
        say(still, sizeof still - 1);
    }
    calr_interrupt_request(number);
    if (reads_line)
        set_alarms(20000);
    lua_sethook(main_state, raise_interrupt,
                LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

static void on_warning(int number)
{
    (void)number;
    calr_interrupt_warn();
}

/* ---- files cut short ---- */

/* The number in base 16 at *text, which moves behind it. */
static uintptr_t take_number(const char **text)
{
    uintptr_t number = 0;
    for (;; (*text)++) {
        char c = **text;
        if (c >= '0' && c <= '9')
            number = number * 16 + (uintptr_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            number = number * 16 + (uintptr_t)(c - 'a' + 10);
        else
            return number;
    }
}

/* The file mapped at `address` by a line of /proc/self/maps; NULL: none. Such a line reads
 * "begin-end rwxp offset device inode path". */
static const char *file_of_line(const char *line, uintptr_t address)
{
    uintptr_t begin = take_number(&line);
    line++;
    uintptr_t end = take_number(&line);
    if (address < begin || address >= end)
        return NULL;
    while (*line && *line != '/')
        line++;
    return *line ? line : NULL;
}

/* The next line of a file; false at its end. What does not fit is left out. */
static bool read_line(int fd, char *line, size_t size)
{
    size_t used = 0;
    char c;
    while (read(fd, &c, 1) == 1 && c != '\n')
        if (used + 1 < size)
            line[used++] = c;
    line[used] = 0;
    return used > 0;
}

/* A page of a mapped file is not there any more: somebody has truncated the file (a data set, most likely), or its
 * disk has failed. Nothing can be read in its place, and no code can go on that was about to. Everything here may be
 * called in a signal handler. */
static void on_lost_page(int number, siginfo_t *info, void *context)
{
    static const char begin
        [] = "calr: ",
   end[] = " was cut short while it was open: its contents cannot be read any more. Another "
           "program has truncated it, or its disk has failed. Restore the file, then start again\n";
    (void)context;
    char line[512 + PATH_MAX];
    const char *file = NULL;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    while (!file && fd >= 0 && read_line(fd, line, sizeof line))
        file = file_of_line(line, (uintptr_t)info->si_addr);
    if (file) {
        say(begin, sizeof begin - 1);
        say(file, strlen(file));
        say(end, sizeof end - 1);
        _exit(1);
    }
    signal(
        number,
        SIG_DFL); /* a fault of another kind: the instruction is tried again, and ends the process */
}

/* ---- all of them ---- */

static void change_warnings(int how)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(how, &set, NULL);
}

void calr_host_hold_warnings(void)
{
    change_warnings(SIG_BLOCK);
}

void calr_host_keep_running(void)
{
    struct sigaction action = {.sa_handler = on_alarm}; /* no SA_RESTART */
    sigemptyset(&action.sa_mask);
    sigaction(SIGALRM, &action, NULL);
    keeps_running = true;
}

void calr_host_catch_signals(lua_State *L)
{
    insists = 0;
    main_state = L;
    main_thread = pthread_self();
    /* No SA_RESTART: a script that waits for input is to be stopped too. */
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* SA_RESTART: a warning disturbs no file or terminal that is being read. */
    struct sigaction warning = {.sa_handler = on_warning, .sa_flags = SA_RESTART};
    sigemptyset(&warning.sa_mask);
    sigaction(SIGUSR1, &warning, NULL);
    change_warnings(SIG_UNBLOCK);
    struct sigaction lost = {.sa_sigaction = on_lost_page, .sa_flags = SA_SIGINFO};
    sigemptyset(&lost.sa_mask);
    sigaction(SIGBUS, &lost, NULL);
    signal(SIGPIPE, SIG_IGN); /* writing to a closed pipe is an error like any other */
    signal(SIGXFSZ, SIG_IGN); /* so is a file above the allowed size */
}
