/* Lua's collector sees a tensor as 8 bytes. This makes it account for the rest. Internal to binding/. */
#ifndef CALR_BINDING_COLLECT_H
#define CALR_BINDING_COLLECT_H

#include <lua.h>

/* Runs a full collection when the pool's live bytes have passed a soft limit. The limit starts at
 * 256 MiB and grows by half when a collection leaves more than 80 % of it live: so the cost of
 * collections stays a constant fraction of the work (generational mode and per-allocation steps
 * were measured and fail: docs/decisions). */
void calr_collect_when_full(lua_State *L);

/* Before a backward pass: tensors that the script has dropped keep the memory of the forward pass
 * from being reused in the backward pass, while the graph releases it piece by piece. A full
 * collection, unless little was allocated since the last one (half of what is live, or all of it is
 * below the first limit). */
void calr_collect_before_backward(lua_State *L);

#endif
