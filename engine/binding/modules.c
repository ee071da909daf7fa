/* The engine's Lua modules. */
#include "binding/modules.h"
#include "binding/bind.h"

static const luaL_Reg modules[] = {
    {"calr.autograd", luaopen_calr_autograd},         /* the tape; custom gradients */
    {"calr.bank", luaopen_calr_bank},                 /* memory banks */
    {"calr.cluster", luaopen_calr_cluster},           /* neighbours and clustering */
    {"calr.embed.layout", luaopen_calr_embed_layout}, /* layouts of features in the plane */
    {"calr.frozen", luaopen_calr_frozen},             /* convolutions for inference */
    {"calr.image", luaopen_calr_image},               /* JPEG, PNG, resizing */
    {"calr.json", luaopen_calr_json},                 /* JSON */
    {"calr.labels", luaopen_calr_labels},             /* arithmetic on labels */
    {"calr.loader", luaopen_calr_loader},             /* batches from a store */
    {"calr.meter", luaopen_calr_meter},               /* measuring the engine itself */
    {"calr.npy", luaopen_calr_npy},                   /* NumPy files */
    {"calr.npz", luaopen_calr_npz},                   /* NumPy archives */
    {"calr.optim.step", luaopen_calr_optim_step},     /* steps of optimisers */
    {"calr.paint", luaopen_calr_paint},               /* painting generated images */
    {"calr.pth", luaopen_calr_pth},                   /* files of torch.save */
    {"calr.quality", luaopen_calr_quality},           /* cluster quality */
    {"calr.rank", luaopen_calr_rank},                 /* ranking metrics */
    {"calr.rng", luaopen_calr_rng},                   /* random numbers */
    {"calr.safetensors", luaopen_calr_safetensors},   /* safetensors files */
    {"calr.tune", luaopen_calr_tune},                 /* samplers of studies */
    {"calr.store", luaopen_calr_store},               /* the data-set store */
    {"calr.sys", luaopen_calr_sys},                   /* files, time, terminal, signals */
    {"calr.tensor", luaopen_calr_tensor},             /* tensors */
    {"calr.terminal", luaopen_calr_terminal},         /* drawing on the terminal */
    {NULL, NULL},
};

void calr_lua_preload(lua_State *L)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    luaL_setfuncs(L, modules, 0);
    lua_pop(L, 1);
    /* The metatable of tensors must exist before any module makes one. */
    luaL_requiref(L, "calr.tensor", luaopen_calr_tensor, 0);
    lua_pop(L, 1);
}
