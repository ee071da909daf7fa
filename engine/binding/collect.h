/* Lua's collector sees a tensor as 8 bytes. This makes it account for the rest. Internal to binding/. */
#ifndef CALR_BINDING_COLLECT_H
#define CALR_BINDING_COLLECT_H

#include <lua.h>

/* Switches Lua's collector to its generational mode, when the tensors of a Lua state are opened. */
void calr_collect_young_first(lua_State *L);

/* After each 1 to 8 MiB that have become live (the less of it is kept, the earlier), and after each 128 tensors, the
 * young objects are collected: temporaries go while the processor has them in its cache, at a cost that does not grow
 * with what Lua holds. Lua's own thresholds would come too late: what it finalises gets old first, and counts as live.
 * What got old before it was dropped stays until the pool's live bytes pass a soft limit: then everything is collected.
 * The limit starts at 256 MiB and grows by half when a collection leaves more than 80 % of it live. Generational mode
 * alone lets memory grow without bounds, and full collections alone cost either time or memory:
 * docs/decisions/architecture.md. */
void calr_collect_when_full(lua_State *L);

/* Before a backward pass: tensors that the script has dropped keep the memory of the forward pass
 * from being reused in the backward pass, while the graph releases it piece by piece. A full
 * collection, unless little was allocated since the last one (half of what is live, or all of it is
 * below the first limit). */
void calr_collect_before_backward(lua_State *L);

#endif
