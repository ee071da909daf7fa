/* Openers of the engine's Lua modules, one a file of this folder. */
#ifndef CALR_BINDING_MODULES_H
#define CALR_BINDING_MODULES_H

#include <lua.h>

int luaopen_calr_autograd(lua_State *L);
int luaopen_calr_bank(lua_State *L);
int luaopen_calr_cluster(lua_State *L);
int luaopen_calr_frozen(lua_State *L);
int luaopen_calr_image(lua_State *L);
int luaopen_calr_json(lua_State *L);
int luaopen_calr_labels(lua_State *L);
int luaopen_calr_loader(lua_State *L);
int luaopen_calr_meter(lua_State *L);
int luaopen_calr_npy(lua_State *L);
int luaopen_calr_npz(lua_State *L);
int luaopen_calr_optim_step(lua_State *L);
int luaopen_calr_paint(lua_State *L);
int luaopen_calr_pth(lua_State *L);
int luaopen_calr_embed_layout(lua_State *L);
int luaopen_calr_quality(lua_State *L);
int luaopen_calr_rank(lua_State *L);
int luaopen_calr_rng(lua_State *L);
int luaopen_calr_safetensors(lua_State *L);
int luaopen_calr_tune(lua_State *L);
int luaopen_calr_store(lua_State *L);
int luaopen_calr_sys(lua_State *L);
int luaopen_calr_tensor(lua_State *L);
int luaopen_calr_terminal(lua_State *L);

/* What adds to the table of calr.cluster on top of the stack. */
void calr_lua_add_distance(lua_State *L);        /* distance.c */
void calr_lua_add_graph(lua_State *L);           /* graph.c */
void calr_lua_add_hdbscan(lua_State *L);         /* hdbscan.c */
void calr_lua_add_ivf(lua_State *L);             /* ivf.c */
void calr_lua_add_infomap(lua_State *L);         /* infomap.c */
void calr_lua_add_linkage(lua_State *L);         /* linkage.c */
void calr_lua_add_neighbour_graph(lua_State *L); /* neighbour_graph.c */
void calr_lua_add_separation(lua_State *L);      /* separation.c */

#endif
