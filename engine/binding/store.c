#include "binding/bind.h"
#include "binding/modules.h"

static const luaL_Reg functions[] = {
    {NULL, NULL},
};

int luaopen_calr_store(lua_State *L)
{
    luaL_newlib(L, functions);
    return 1;
}
