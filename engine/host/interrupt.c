/* Ctrl-C: the script unwinds, its run is recorded, and only a second one is rude. */
#include <lauxlib.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>

#include "base/interrupt.h"
#include "binding/bind.h"
#include "host/host.h"

static lua_State *main_state;
static pthread_t main_thread;

/* Runs in the script, between two of its instructions. */
static void raise_interrupt(lua_State *L, lua_Debug *activation)
{
    (void)activation;
    lua_sethook(L, NULL, 0, 0);
    calr_lua_push_interrupt(L);
    lua_error(L);
}

/* lua_sethook is the one function of Lua that a signal handler may call, in the thread that runs Lua:
 * OpenMP's threads take signals too, and pass them on. */
static void on_signal(int number)
{
    if (!pthread_equal(pthread_self(), main_thread)) {
        pthread_kill(main_thread, number);
        return;
    }
    signal(number, SIG_DFL);
    calr_interrupt_request(number);
    lua_sethook(main_state, raise_interrupt,
                LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

static void on_warning(int number)
{
    (void)number;
    calr_interrupt_warn();
}

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

void calr_host_catch_signals(lua_State *L)
{
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
    signal(SIGPIPE, SIG_IGN); /* writing to a closed pipe is an error like any other */
    signal(SIGXFSZ, SIG_IGN); /* so is a file above the allowed size */
}
