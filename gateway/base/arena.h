/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is built piece by piece and given back at once: what a configuration is made of. */
#ifndef GW_ARENA_H
#define GW_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/memory.h"

struct gw_arena_chunk;

struct gw_arena {
    enum gw_owner owner;
    struct gw_arena_chunk *chunks;
    size_t left; /* octets free in the newest chunk */
    bool failed; /* there was no memory once: what was built is not complete */
};

/* Zeroed, aligned for any type; NULL when there is none, and `failed` is set. `arena` needs only
 * its owner set before the first call. */
void *gw_arena_allocate(struct gw_arena *arena, size_t size);
/* The same for `count` elements. */
void *gw_arena_array(struct gw_arena *arena, size_t count, size_t size);
/* A copy of `length` octets with a NUL after them. */
char *gw_arena_copy(struct gw_arena *arena, const char *text, size_t length);
char *gw_arena_string(struct gw_arena *arena, const char *text);
/* Gives everything back; the arena is empty and may be used again. */
void gw_arena_free(struct gw_arena *arena);

#endif
