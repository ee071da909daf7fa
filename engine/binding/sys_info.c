/* calr.sys.info: what the engine runs on. */
#include "binding/bind.h"
#include "binding/sys.h"

#include "backend/backend.h"

static void set(lua_State *L, const char *key, const char *value)
{
    if (!value[0])
        return;
    calr_lua_set_string(L, -1, key, value);
}

/// @module calr.sys

/// calr.sys.info()
/// Describes the hardware and libraries in use; loads the numerical libraries.
/// @return table  conv ("onednn" or "portable"), conv_bf16 ("onednn" or "f32"), cpu, cpu_features,
///                blas_file, blas_config, blas_core (the kernels that OpenBLAS runs), blas_choice
///                (who chose them), onednn_version, onednn_isa, threads, and the versions that were
///                built with: lmdb, libjpeg_turbo, libpng, jansson
static int sys_info(lua_State *L)
{
    calr_backend_info info = {.threads = 0};
    calr_lua_call(L, calr_backend_describe(&info));
    lua_createtable(L, 0, 16);
    set(L, "conv", info.conv);
    set(L, "conv_bf16", info.conv_bf16);
    set(L, "cpu", info.cpu);
    set(L, "cpu_features", info.cpu_features);
    set(L, "blas_file", info.blas_file);
    set(L, "blas_config", info.blas_config);
    set(L, "blas_core", info.blas_core);
    set(L, "blas_choice", info.blas_choice);
    set(L, "onednn_version", info.onednn_version);
    set(L, "onednn_isa", info.onednn_isa);
    set(L, "lmdb", CALR_LMDB_VERSION);
    set(L, "libjpeg_turbo", CALR_TURBOJPEG_VERSION);
    set(L, "libpng", CALR_PNG_VERSION);
    set(L, "jansson", CALR_JANSSON_VERSION);
    calr_lua_set_integer(L, -1, "threads", info.threads);
    return 1;
}

void calr_sys_add_info(lua_State *L)
{
    static const calr_lua_function functions[] = {{"info", sys_info, ""}, {NULL, NULL, NULL}};
    calr_lua_add_functions(L, "calr.sys.", functions);
}
