/* SPDX-License-Identifier: Apache-2.0 */
/* A change lies in one piece: where the ring's end is too near, a pad fills it, and where not even
 * that fits, nothing does and readers know. */
#include "gateway/spool/spool_ring.h"

size_t gw_spool_change_size(size_t length)
{
    return (sizeof(struct gw_spool_change) + length + 7) & ~(size_t)7;
}

static struct gw_spool_change *change_at(const struct gw_spool_ring *ring, uint64_t at)
{
    return (void *)(ring->octets + at % ring->size);
}

/* Octets from `at` to the ring's end. */
static uint64_t ahead(const struct gw_spool_ring *ring, uint64_t at)
{
    return ring->size - at % ring->size;
}

struct gw_spool_change *gw_spool_ring_add(struct gw_spool_ring *ring,
                                          enum gw_spool_change_kind kind, size_t length,
                                          size_t reserve)
{
    size_t size = gw_spool_change_size(length);
    uint64_t skip = ahead(ring, ring->tail) < size ? ahead(ring, ring->tail) : 0;
    if (ring->tail - ring->head + skip + size + reserve > ring->size)
        return NULL;
    if (skip >= sizeof(struct gw_spool_change))
        *change_at(ring, ring->tail) = (struct gw_spool_change){
            .kind = GW_SPOOL_PAD, .length = (uint32_t)(skip - sizeof(struct gw_spool_change))};
    ring->tail += skip;
    struct gw_spool_change *change = change_at(ring, ring->tail);
    *change = (struct gw_spool_change){.kind = (uint8_t)kind, .length = (uint32_t)length};
    ring->tail += size;
    return change;
}

struct gw_spool_change *gw_spool_ring_next(const struct gw_spool_ring *ring, uint64_t *at,
                                           uint64_t end)
{
    while (*at < end) {
        if (ahead(ring, *at) < sizeof(struct gw_spool_change)) {
            *at += ahead(ring, *at);
            continue;
        }
        struct gw_spool_change *change = change_at(ring, *at);
        *at += gw_spool_change_size(change->length);
        if (change->kind != GW_SPOOL_PAD)
            return change;
    }
    return NULL;
}
