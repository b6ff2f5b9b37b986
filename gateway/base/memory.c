/* SPDX-License-Identifier: Apache-2.0 */
/* A header of 16 octets before each block holds its size and owner; totals are atomic because
 * libuv's thread pool (name resolution) allocates through the same front. */
#include "gateway/base/memory.h"

#include <jansson.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct block {
    alignas(max_align_t) size_t size;
    enum gw_owner owner;
};

static atomic_size_t used[GW_OWNERS];
static atomic_uint_fast64_t calls;

const char *gw_owner_name(enum gw_owner owner)
{
    static const char *const names[] = {
#define X(name, text) [GW_OWNER_##name] = text,
        GW_OWNER_MAP(X)
#undef X
    };
    return owner < GW_OWNERS ? names[owner] : "unknown";
}

void *gw_memory_resize(enum gw_owner owner, void *memory, size_t size)
{
    struct block *old = memory ? (struct block *)memory - 1 : NULL;
    size_t before = old ? old->size : 0;
    if (old)
        owner = old->owner;
    if (size > SIZE_MAX - sizeof(struct block))
        return NULL;
    struct block *block = realloc(old, sizeof *block + size);
    if (!block)
        return NULL;
    block->size = size;
    block->owner = owner;
    atomic_fetch_add_explicit(&used[owner], size - before, memory_order_relaxed);
    atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
    return block + 1;
}

void *gw_memory_allocate(enum gw_owner owner, size_t size)
{
    if (size > SIZE_MAX - sizeof(struct block))
        return NULL;
    struct block *block = calloc(1, sizeof *block + size);
    if (!block)
        return NULL;
    block->size = size;
    block->owner = owner;
    atomic_fetch_add_explicit(&used[owner], size, memory_order_relaxed);
    atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
    return block + 1;
}

char *gw_memory_copy_string(enum gw_owner owner, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = gw_memory_allocate(owner, size);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}

void gw_memory_release(void *memory)
{
    if (!memory)
        return;
    struct block *block = (struct block *)memory - 1;
    atomic_fetch_sub_explicit(&used[block->owner], block->size, memory_order_relaxed);
    free(block);
}

size_t gw_memory_used(enum gw_owner owner)
{
    return owner < GW_OWNERS ? atomic_load_explicit(&used[owner], memory_order_relaxed) : 0;
}

uint64_t gw_memory_calls(void)
{
    return atomic_load_explicit(&calls, memory_order_relaxed);
}

static enum gw_owner owner_of(enum dnp3_owner owner)
{
    switch (owner) {
    case DNP3_OWNER_LINK:
        return GW_OWNER_LINK;
    case DNP3_OWNER_ASSOCIATION:
        return GW_OWNER_ASSOCIATIONS;
    case DNP3_OWNER_OUTSTATION:
        break;
    }
    return GW_OWNER_OUTSTATIONS;
}

static void *dnp3_allocate(void *user, enum dnp3_owner owner, size_t size)
{
    (void)user;
    return gw_memory_allocate(owner_of(owner), size);
}

static void dnp3_release(void *user, enum dnp3_owner owner, void *memory)
{
    (void)user;
    (void)owner;
    gw_memory_release(memory);
}

struct dnp3_allocator gw_memory_dnp3(void)
{
    return (struct dnp3_allocator){.allocate = dnp3_allocate, .release = dnp3_release};
}

static void *loop_allocate(size_t size)
{
    return gw_memory_allocate(GW_OWNER_LOOP, size);
}

static void *loop_resize(void *memory, size_t size)
{
    return gw_memory_resize(GW_OWNER_LOOP, memory, size);
}

static void *loop_clear(size_t count, size_t size)
{
    return size && count > SIZE_MAX / size ? NULL : gw_memory_allocate(GW_OWNER_LOOP, count * size);
}

static void *config_allocate(size_t size)
{
    return gw_memory_allocate(GW_OWNER_CONFIG, size);
}

void gw_memory_adopt(void)
{
    uv_replace_allocator(loop_allocate, loop_resize, loop_clear, gw_memory_release);
    json_set_alloc_funcs(config_allocate, gw_memory_release);
}
