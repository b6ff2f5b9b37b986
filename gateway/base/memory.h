/* SPDX-License-Identifier: Apache-2.0 */
/* The one allocator front: every allocation names its owner, so that what each component takes is
 * known at any time (design: footprint). Single-threaded callers only, except OWNER_MQTT. */
#ifndef GW_MEMORY_H
#define GW_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "dnp3/memory.h"

#define GW_OWNER_MAP(X)                                                                            \
    X(LINK, "link")                                                                                \
    X(ASSOCIATIONS, "associations")                                                                \
    X(POINTS, "points")                                                                            \
    X(SESSIONS, "sessions")                                                                        \
    X(CONFIG, "configuration")                                                                     \
    X(MAPPING, "mapping")                                                                          \
    X(CONTROLS, "controls")                                                                        \
    X(OUTBOX, "outbox")                                                                            \
    X(SPOOL, "spool")                                                                              \
    X(MQTT, "mqtt")                                                                                \
    X(LOOP, "loop")                                                                                \
    X(OUTSTATIONS, "outstations")

enum gw_owner {
#define X(name, text) GW_OWNER_##name,
    GW_OWNER_MAP(X)
#undef X
        GW_OWNERS
};

const char *gw_owner_name(enum gw_owner owner);

/* Zeroed memory, aligned for any type; NULL when there is none. */
void *gw_memory_allocate(enum gw_owner owner, size_t size);
/* As realloc(3); what grows is not zeroed. `memory` NULL allocates. Keeps the first owner. */
void *gw_memory_resize(enum gw_owner owner, void *memory, size_t size);
/* A copy of a string; NULL when there is no memory. */
char *gw_memory_copy_string(enum gw_owner owner, const char *text);
/* Gives back; NULL is legal. */
void gw_memory_release(void *memory);

/* Octets held now by one owner. */
size_t gw_memory_used(enum gw_owner owner);
/* Calls of allocate and resize since the start, of every owner (a test counts with it). */
uint64_t gw_memory_calls(void);

/* The same front as the library's allocator: links, associations and outstations by name. */
struct dnp3_allocator gw_memory_dnp3(void);
/* Hands libuv (LOOP) and jansson (CONFIG) this front; before their first use. */
void gw_memory_adopt(void);

#endif
