/* SPDX-License-Identifier: Apache-2.0 */
/* A table of points by their hash (probe.h), each with its count. */
#include "gateway/spool/spool_backlog.h"

#include "gateway/base/memory.h"
#include "gateway/base/probe.h"

enum { SLOTS_MIN = 16 };

struct slot {
    uint64_t point;
    uint32_t count; /* 0: free */
};

struct gw_spool_backlog {
    size_t mask;
    size_t most; /* points, at most three quarters of the slots */
    size_t points;
    uint64_t others;
    struct slot slots[];
};

static size_t slots_of(size_t points)
{
    size_t slots = SLOTS_MIN;
    while (slots / 4 * 3 < points && slots < SIZE_MAX / 4 / sizeof(struct slot))
        slots *= 2;
    return slots;
}

size_t gw_spool_backlog_memory(size_t points)
{
    return sizeof(struct gw_spool_backlog) + slots_of(points) * sizeof(struct slot);
}

struct gw_spool_backlog *gw_spool_backlog_create(size_t points)
{
    struct gw_spool_backlog *backlog =
        gw_memory_allocate(GW_OWNER_SPOOL, gw_spool_backlog_memory(points));
    if (!backlog)
        return NULL;
    backlog->mask = slots_of(points) - 1;
    backlog->most = slots_of(points) / 4 * 3;
    return backlog;
}

void gw_spool_backlog_free(struct gw_spool_backlog *backlog)
{
    gw_memory_release(backlog);
}

static size_t home_of(const struct gw_spool_backlog *backlog, uint64_t point)
{
    uint64_t hash = (point ^ point >> 32) * 0x9e3779b97f4a7c15u;
    return (size_t)(hash >> 32) & backlog->mask;
}

/* The point's slot, or the free one where it would go. */
static size_t find(const struct gw_spool_backlog *backlog, uint64_t point)
{
    size_t at = home_of(backlog, point);
    while (backlog->slots[at].count && backlog->slots[at].point != point)
        at = gw_probe_next(at, backlog->mask);
    return at;
}

void gw_spool_backlog_add(struct gw_spool_backlog *backlog, uint64_t point)
{
    if (point == GW_SPOOL_NO_POINT)
        return;
    struct slot *slot = &backlog->slots[find(backlog, point)];
    if (!slot->count && backlog->points == backlog->most) {
        backlog->others++;
        return;
    }
    backlog->points += !slot->count;
    slot->point = point;
    slot->count++;
}

static void close_up(struct gw_spool_backlog *backlog, size_t hole)
{
    size_t at = hole;
    while (backlog->slots[at = gw_probe_next(at, backlog->mask)].count) {
        size_t home = home_of(backlog, backlog->slots[at].point);
        if (!gw_probe_fills(hole, at, home, backlog->mask))
            continue;
        backlog->slots[hole] = backlog->slots[at];
        hole = at;
    }
    backlog->slots[hole].count = 0;
}

void gw_spool_backlog_remove(struct gw_spool_backlog *backlog, uint64_t point)
{
    if (point == GW_SPOOL_NO_POINT)
        return;
    size_t at = find(backlog, point);
    if (!backlog->slots[at].count) {
        backlog->others -= backlog->others > 0;
        return;
    }
    if (--backlog->slots[at].count)
        return;
    backlog->points--;
    close_up(backlog, at);
}

bool gw_spool_backlog_has(const struct gw_spool_backlog *backlog, uint64_t point)
{
    return backlog->others || backlog->slots[find(backlog, point)].count;
}

size_t gw_spool_backlog_points(const struct gw_spool_backlog *backlog)
{
    return backlog->points;
}

uint64_t gw_spool_backlog_others(const struct gw_spool_backlog *backlog)
{
    return backlog->others;
}
