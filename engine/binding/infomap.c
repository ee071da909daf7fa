/* calr.cluster.infomap. */
#include "binding/bind.h"
#include "binding/modules.h"

static const luaL_Reg functions[] = {
    {NULL, NULL},
};

void calr_lua_add_infomap(lua_State *L)
{
    luaL_setfuncs(L, functions, 0);
}
