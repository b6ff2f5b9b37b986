/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks of 4 KB, each with a header that links it to the one before; a large piece gets a chunk of
 * its own size. */
#include "gateway/base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

enum { CHUNK = 4096 - 32 }; /* with the allocator's header it fits a page */

struct gw_arena_chunk {
    alignas(max_align_t) struct gw_arena_chunk *next;
    size_t used;
    alignas(max_align_t) unsigned char memory[];
};

static struct gw_arena_chunk *add_chunk(struct gw_arena *arena, size_t size)
{
    struct gw_arena_chunk *chunk =
        gw_memory_allocate(arena->owner, sizeof(struct gw_arena_chunk) + size);
    if (!chunk) {
        arena->failed = true;
        return NULL;
    }
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->left = size;
    return chunk;
}

static void *take(struct gw_arena *arena, size_t size, size_t alignment)
{
    if (size > SIZE_MAX / 2) {
        arena->failed = true;
        return NULL;
    }
    size_t whole = (size + alignment - 1) / alignment * alignment;
    struct gw_arena_chunk *chunk = arena->chunks;
    if (chunk) {
        size_t start = (chunk->used + alignment - 1) / alignment * alignment;
        size_t padding = start - chunk->used;
        if (padding <= arena->left && whole <= arena->left - padding) {
            chunk->used = start + whole;
            arena->left -= padding + whole;
            return chunk->memory + start;
        }
    }
    chunk = add_chunk(arena, whole > CHUNK ? whole : CHUNK);
    if (!chunk)
        return NULL;
    chunk->used = whole;
    arena->left -= whole;
    return chunk->memory;
}

void *gw_arena_allocate(struct gw_arena *arena, size_t size)
{
    return take(arena, size ? size : 1, alignof(max_align_t));
}

void *gw_arena_array(struct gw_arena *arena, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / 2 / size) {
        arena->failed = true;
        return NULL;
    }
    return gw_arena_allocate(arena, count * size);
}

char *gw_arena_copy(struct gw_arena *arena, const char *text, size_t length)
{
    char *copy = take(arena, length + 1, 1);
    if (copy)
        memcpy(copy, text, length);
    return copy;
}

char *gw_arena_string(struct gw_arena *arena, const char *text)
{
    return gw_arena_copy(arena, text, strlen(text));
}

void gw_arena_free(struct gw_arena *arena)
{
    while (arena->chunks) {
        struct gw_arena_chunk *next = arena->chunks->next;
        gw_memory_release(arena->chunks);
        arena->chunks = next;
    }
    arena->left = 0;
    arena->failed = false;
}
