/* calr.pth: what torch.save wrote. */
#include "files/pth.h"

#include "binding/bind.h"
#include "binding/modules.h"
#include "binding/named.h"

/// @module calr.pth
/// Files of PyTorch's torch.save (.pth, .pt), in both of its formats. Nothing in a file is
/// executed: unknown classes stay out.

/* Lists and dictionaries deeper than this are no weights. */
#define DEEPEST 100

static void release_file(void *file)
{
    calr_pth_release(file);
}

static void push_value(lua_State *L, calr_pth *file, const calr_pickle_value *value, int seen,
                       int depth);

/* Text, whole numbers and booleans can be keys; entries with others are left out. */
static bool push_key(lua_State *L, const calr_pickle_value *key)
{
    if (key->kind == CALR_PICKLE_TEXT)
        lua_pushlstring(L, key->text, key->length);
    else if (key->kind == CALR_PICKLE_INT)
        lua_pushinteger(L, key->integer);
    else if (key->kind == CALR_PICKLE_BOOL)
        lua_pushboolean(L, key->integer != 0);
    else
        return false;
    return true;
}

/* The table `unread`, two behind `seen`, gets the tensors of a dictionary that are not read, so that whoever needs them
 * can say so: name -> PyTorch's function. The name is the key on top of the stack, which stays. */
static void note_unread(lua_State *L, const calr_pickle_value *value, int table, int seen)
{
    const char *function = calr_pth_unread_tensor(value);
    int unread = seen + 2;
    if (!function)
        return;
    lua_pushvalue(L, table);
    if (lua_rawget(L, unread) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, table);
        lua_pushvalue(L, -2);
        lua_rawset(L, unread);
    }
    lua_pushvalue(L, -2);
    lua_pushstring(L, function);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

/* Fills the table on top of the stack. The table `orders`, behind `seen`, gets the keys of a dictionary in their order,
 * which a Lua table does not keep. */
static void fill_table(lua_State *L, calr_pth *file, const calr_pickle_value *value, int seen,
                       int depth)
{
    bool dict = value->kind == CALR_PICKLE_DICT;
    int table = lua_gettop(L), orders = seen + 1;
    lua_Integer keys = 0;
    lua_newtable(L);
    for (int64_t i = 0; i < value->count; i += dict ? 2 : 1) {
        if (!dict)
            lua_pushinteger(L, i + 1);
        else if (!push_key(L, value->items[i]))
            continue;
        if (dict) {
            lua_pushvalue(L, -1);
            lua_rawseti(L, table + 1, ++keys);
            note_unread(L, value->items[i + 1], table, seen);
        }
        push_value(L, file, value->items[dict ? i + 1 : i], seen, depth);
        lua_settable(L, table);
    }
    if (dict) {
        lua_pushvalue(L, table);
        lua_insert(L, -2);
        lua_rawset(L, orders);
    } else {
        lua_pop(L, 1);
    }
}

/* Values may be shared, and contain themselves: each becomes one Lua value, kept in the table
 * `seen` by its id. */
static void push_container(lua_State *L, calr_pth *file, const calr_pickle_value *value, int seen,
                           int depth)
{
    if (lua_rawgeti(L, seen, value->id) != LUA_TNIL)
        return;
    lua_pop(L, 1);
    if (depth > DEEPEST)
        luaL_error(L, "a file of PyTorch with values more than %d deep is not read", DEEPEST);
    luaL_checkstack(L, 8, "values too deep");
    if (calr_pth_is_tensor(value)) {
        calr_tensor **tensor = calr_lua_new_tensor(L);
        calr_lua_call(L, calr_pth_tensor(file, value, tensor));
        calr_lua_account(L);
    } else {
        lua_newtable(L);
    }
    lua_pushvalue(L, -1);
    lua_rawseti(L, seen, value->id);
    if (!calr_pth_is_tensor(value))
        fill_table(L, file, value, seen, depth + 1);
}

static void push_value(lua_State *L, calr_pth *file, const calr_pickle_value *value, int seen,
                       int depth)
{
    switch (value->kind) {
    case CALR_PICKLE_BOOL:
        lua_pushboolean(L, value->integer != 0);
        break;
    case CALR_PICKLE_INT:
        lua_pushinteger(L, value->integer);
        break;
    case CALR_PICKLE_FLOAT:
        lua_pushnumber(L, value->number);
        break;
    case CALR_PICKLE_TEXT:
    case CALR_PICKLE_BYTES:
        lua_pushlstring(L, value->text, value->length);
        break;
    case CALR_PICKLE_TUPLE:
    case CALR_PICKLE_LIST:
    case CALR_PICKLE_DICT:
        push_container(L, file, value, seen, depth);
        break;
    case CALR_PICKLE_CALL:
        if (calr_pth_is_tensor(value))
            push_container(L, file, value, seen, depth);
        else
            lua_pushboolean(L, false);
        break;
    default:
        lua_pushboolean(L, false);
    }
}

/// calr.pth.load(path)
/// Reads the saved values. Dictionaries and lists become tables, tensors and parameters tensors in their own type
/// (of integers of 8 and 16 signed bits i32); text, numbers and booleans stay
/// themselves; None and objects of other classes become false.
/// @return table  most often name -> tensor, or a table that contains such a table
/// @return table  table -> list: the keys of each dictionary in the order of the file
/// @return table  table -> name -> text: the tensors of each dictionary that are of a kind that is not read (sparse,
///   meta, nested, a subclass's), and PyTorch's function for them, such as "_rebuild_sparse_tensor"; these are false
static int pth_load(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    lua_settop(L, 1);
    calr_pth **slot = calr_lua_scratch(L, release_file);
    lua_newtable(L);
    int seen = lua_gettop(L);
    lua_newtable(L); /* orders: see fill_table */
    lua_newtable(L); /* unread: see note_unread */
    calr_lua_call(L, calr_pth_load(path, slot));
    push_value(L, *slot, calr_pth_root(*slot), seen, 0);
    lua_pushvalue(L, seen + 1);
    lua_pushvalue(L, seen + 2);
    return 3;
}

/// calr.pth.save(path, tensors)
/// Writes a dictionary of tensors, such as net:state(), that torch.load(path, weights_only=True) reads. The file is
/// whole or absent; the same tensors give the same file.
/// @param tensors  table; name -> tensor
static int pth_save(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    lua_Integer count;
    calr_lua_named *list = calr_lua_check_named(L, 2, &count);
    const char **names = lua_newuserdatauv(L, (size_t)count * sizeof *names, 0);
    calr_tensor **tensors = lua_newuserdatauv(L, (size_t)count * sizeof *tensors, 0);
    for (lua_Integer i = 0; i < count; i++) {
        names[i] = list[i].name;
        tensors[i] = list[i].tensor;
    }
    calr_lua_call(L, calr_pth_save(path, names, tensors, count));
    return 0;
}

static const calr_lua_function functions[] = {
    {"load", pth_load, "path"},
    {"save", pth_save, "path, tensors"},
    {NULL, NULL, NULL},
};

int luaopen_calr_pth(lua_State *L)
{
    calr_lua_new_module(L, "calr.pth.", functions);
    return 1;
}
