/* Shared by the files of calr.tune. */
#ifndef CALR_BINDING_TUNE_H
#define CALR_BINDING_TUNE_H

#include <lua.h>

/* Adds gaussian(), acquire() and improvement(), of tune_gaussian.c, to the module on top of the stack. */
void calr_tune_add_gaussian(lua_State *L);

#endif
