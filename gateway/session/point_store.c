/* SPDX-License-Identifier: Apache-2.0 */
/* Mapped points lie in an array beside the mapping's; the others in a small hash table. */
#include "gateway/session/point_store.h"

#include <string.h>

#include "dnp3/error.h"
#include "gateway/base/memory.h"

enum { UNMAPPED_FIRST = 32 };

int gw_point_store_init(struct gw_point_store *store, const struct gw_mapping *mapping)
{
    *store = (struct gw_point_store){.mapping = mapping};
    if (!mapping->point_count)
        return 0;
    store->mapped =
        gw_memory_allocate(GW_OWNER_POINTS, mapping->point_count * sizeof *store->mapped);
    return store->mapped ? 0 : DNP3_ERR_MEMORY;
}

static void release_octets(struct gw_point_state *state, enum dnp3_point_type type)
{
    if (type == DNP3_POINT_OCTET_STRING)
        gw_memory_release(state->octets);
}

void gw_point_store_clear(struct gw_point_store *store)
{
    for (size_t i = 0; store->mapped && i < store->mapping->point_count; i++)
        release_octets(&store->mapped[i], store->mapping->points[i].type);
    for (size_t i = 0; i < store->unmapped_size; i++)
        release_octets(&store->unmapped[i].state, store->unmapped[i].type);
    gw_memory_release(store->mapped);
    gw_memory_release(store->unmapped);
    *store = (struct gw_point_store){0};
}

static struct gw_unmapped_point *probe(struct gw_unmapped_point *table, size_t size, uint8_t type,
                                       uint32_t index)
{
    size_t at = (size_t)(((uint64_t)index << 4 | type) * 0x9E3779B97F4A7C15u >> 32);
    for (;; at++) {
        struct gw_unmapped_point *entry = &table[at & (size - 1)];
        if (!entry->used || (entry->type == type && entry->index == index))
            return entry;
    }
}

static bool grow(struct gw_point_store *store)
{
    size_t size = store->unmapped_size ? store->unmapped_size * 2 : UNMAPPED_FIRST;
    struct gw_unmapped_point *table = gw_memory_allocate(GW_OWNER_POINTS, size * sizeof *table);
    if (!table)
        return false;
    for (size_t i = 0; i < store->unmapped_size; i++) {
        const struct gw_unmapped_point *old = &store->unmapped[i];
        if (old->used)
            *probe(table, size, old->type, old->index) = *old;
    }
    gw_memory_release(store->unmapped);
    store->unmapped = table;
    store->unmapped_size = size;
    return true;
}

struct gw_point_state *gw_point_store_find(struct gw_point_store *store,
                                           const struct gw_map_point *point, uint32_t index)
{
    if (!gw_map_point_is_default(point))
        return &store->mapped[point - store->mapping->points];
    if (store->unmapped_size) {
        struct gw_unmapped_point *entry =
            probe(store->unmapped, store->unmapped_size, point->type, index);
        if (entry->used)
            return &entry->state;
    }
    if (store->unmapped_count >= GW_UNMAPPED_MAX)
        return NULL;
    if ((store->unmapped_count + 1) * 4 > store->unmapped_size * 3 && !grow(store))
        return NULL;
    struct gw_unmapped_point *entry =
        probe(store->unmapped, store->unmapped_size, point->type, index);
    *entry = (struct gw_unmapped_point){.index = index, .type = point->type, .used = true};
    store->unmapped_count++;
    return &entry->state;
}

static bool set_octets(struct gw_point_state *state, const struct dnp3_point *point)
{
    uint8_t length = point->length > UINT8_MAX ? UINT8_MAX : (uint8_t)point->length;
    if (state->octets && state->length == length &&
        memcmp(state->octets, point->octets, length) == 0)
        return false;
    if (!state->octets) /* once a point; strings have at most 255 octets */
        state->octets = gw_memory_allocate(GW_OWNER_POINTS, UINT8_MAX);
    if (!state->octets)
        return false;
    memcpy(state->octets, point->octets, length);
    state->length = length;
    return true;
}

bool gw_point_store_set(struct gw_point_state *state, enum dnp3_point_type type,
                        const struct dnp3_point *point)
{
    bool changed = !state->known || state->flags != point->flags;
    if (type == DNP3_POINT_OCTET_STRING) {
        changed |= set_octets(state, point);
    } else {
        changed |= memcmp(&state->number, &point->number, sizeof state->number) != 0;
        state->number = point->number;
    }
    state->flags = point->flags;
    state->known = true;
    return changed;
}

size_t gw_point_store_places(const struct gw_point_store *store)
{
    return store->mapping->point_count + store->unmapped_size;
}

struct gw_point_state *gw_point_store_place(const struct gw_point_store *store, size_t place,
                                            const struct gw_map_point **point,
                                            enum dnp3_point_type *type, uint32_t *index)
{
    if (place < store->mapping->point_count) {
        *point = &store->mapping->points[place];
        *type = (*point)->type;
        *index = (*point)->index;
        return &store->mapped[place];
    }
    struct gw_unmapped_point *entry = &store->unmapped[place - store->mapping->point_count];
    if (!entry->used)
        return NULL;
    *type = entry->type;
    *index = entry->index;
    *point = gw_mapping_point(store->mapping, entry->type, entry->index);
    return *point ? &entry->state : NULL;
}
