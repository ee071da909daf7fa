/* calr/engine.so: the engine as a guest of a Lua that is not ours. loader.c loads it.
 *
 * A guest leaves the process as it is: it catches no signals (the host's own handler sees Ctrl-C, after a call of the
 * engine has ended), starts no program again, and does not write to the terminal. Every state of the process may load
 * it; as with any C library for Lua, one thread at a time runs a state. */
#include <dlfcn.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/environment.h"
#include "base/parallel.h"
#include "binding/bind.h"
#include "host/host.h"

/* The folder of this file, which is PREFIX/lib/lua/5.4/calr or BUILD/lua/calr. */
static void own_folder(char folder[PATH_MAX])
{
    Dl_info info;
    char *slash = NULL;
    if (dladdr((void *)(size_t)luaopen_calr_engine, &info) && info.dli_fname &&
        realpath(info.dli_fname, folder))
        slash = strrchr(folder, '/');
    if (slash)
        *slash = 0;
    else
        folder[0] = 0;
}

int luaopen_calr_engine(lua_State *L)
{
    char folder[PATH_MAX];
    if (calr_parallel_check_environment() != CALR_OK ||
        calr_backend_check_environment() != CALR_OK || calr_host_check_home() != CALR_OK)
        return luaL_error(L, "calr: %s", calr_status_message());
    own_folder(folder);
    calr_lua_preload(L);
    calr_host_set_guest_home(L, folder);
    return 0;
}
