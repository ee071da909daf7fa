/* For test_require.sh: a host with several states of Lua. Ends with 0 when all of it went well. */
#include <lauxlib.h>
#include <lualib.h>
#include <pthread.h>
#include <stdio.h>

static const char work[] =
    "calr = require 'calr' "
    "local x = calr.tensor{{1, 2}, {3, 4}}:requires_grad(true) "
    "for i = 1, 200 do "
    "  x:zero_grad() "
    "  local y = (x * x):sum() y:backward() "
    "  assert(y:item() == 30 and x:grad():get(2, 2) == 8) "
    "  pcall(function() return x:reshape(3, 5) end) " /* an error leaves nothing behind */
    "end "
    "local net = calr.models.small() net:init(1) "
    "assert(net(calr.zeros(1, 32, 16, 3)):size(1) == 1)";

static int failures;

static lua_State *open_state(void)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    return L;
}

static void run(lua_State *L, const char *code)
{
    if (luaL_dostring(L, code) == LUA_OK)
        return;
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    failures++;
}

static void *in_a_thread(void *unused)
{
    (void)unused;
    lua_State *L = open_state();
    run(L, work);
    lua_close(L);
    return NULL;
}

int main(void)
{
    lua_State *first = open_state(), *second = open_state();
    run(first, work);
    run(second, work);
    run(first, "assert(calr.tensor{1, 2}:sum():item() == 3)");
    run(first, "kept = calr.zeros(1000, 1000)");
    lua_close(first);
    run(second, work); /* the other one has not lost anything */
    lua_close(second);
    for (int i = 0; i < 3; i++) { /* closed and opened again */
        lua_State *L = open_state();
        run(L, work);
        lua_close(L);
    }
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, in_a_thread, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return failures != 0;
}
