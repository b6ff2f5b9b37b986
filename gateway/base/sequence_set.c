/* SPDX-License-Identifier: Apache-2.0 */
/* The number is its own hash (probe.h). */
#include "gateway/base/sequence_set.h"

#include <string.h>

#include "gateway/base/probe.h"

static size_t slots_for(size_t most)
{
    size_t slots = 16;
    while (slots < most * 2)
        slots *= 2;
    return slots;
}

size_t gw_sequence_set_memory(size_t most)
{
    return slots_for(most) * sizeof(uint64_t);
}

bool gw_sequence_set_init(struct gw_sequence_set *set, enum gw_owner owner, size_t most)
{
    size_t slots = slots_for(most);
    *set = (struct gw_sequence_set){.mask = slots - 1, .most = most};
    set->slots = gw_memory_allocate(owner, slots * sizeof *set->slots);
    return set->slots != NULL;
}

void gw_sequence_set_clear(struct gw_sequence_set *set)
{
    gw_memory_release(set->slots);
    *set = (struct gw_sequence_set){0};
}

void gw_sequence_set_empty(struct gw_sequence_set *set)
{
    if (set->count)
        memset(set->slots, 0, (set->mask + 1) * sizeof *set->slots);
    set->count = 0;
}

static size_t home_of(const struct gw_sequence_set *set, uint64_t number)
{
    return (size_t)number & set->mask;
}

/* Where the number is, or the free place where it would be. */
static size_t place_of(const struct gw_sequence_set *set, uint64_t number)
{
    size_t place = home_of(set, number);
    while (set->slots[place] && set->slots[place] != number)
        place = gw_probe_next(place, set->mask);
    return place;
}

bool gw_sequence_set_add(struct gw_sequence_set *set, uint64_t number)
{
    size_t place = place_of(set, number);
    if (set->slots[place])
        return true;
    if (set->count == set->most)
        return false;
    set->slots[place] = number;
    set->count++;
    return true;
}

bool gw_sequence_set_has(const struct gw_sequence_set *set, uint64_t number)
{
    return set->slots[place_of(set, number)] != 0;
}

static void close_up(struct gw_sequence_set *set, size_t hole)
{
    size_t at = hole;
    while (set->slots[at = gw_probe_next(at, set->mask)]) {
        if (!gw_probe_fills(hole, at, home_of(set, set->slots[at]), set->mask))
            continue;
        set->slots[hole] = set->slots[at];
        hole = at;
    }
    set->slots[hole] = 0;
}

bool gw_sequence_set_remove(struct gw_sequence_set *set, uint64_t number)
{
    size_t hole = place_of(set, number);
    if (!set->slots[hole])
        return false;
    close_up(set, hole);
    set->count--;
    return true;
}
