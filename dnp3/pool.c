/* SPDX-License-Identifier: Apache-2.0 */
/* One allocation: the free list, the two scratch areas, then the buffers. */
#include "dnp3/pool.h"

struct dnp3_pool {
    const struct dnp3_allocator *allocator;
    uint8_t *buffers;
    uint16_t available;
    uint8_t fragment[DNP3_FRAGMENT_MAX];
    uint8_t wire[DNP3_WIRE_MAX];
    uint8_t *free[]; /* the first `available` are free */
};

struct dnp3_pool *dnp3_pool_create(const struct dnp3_allocator *allocator, uint16_t buffers)
{
    size_t head = sizeof(struct dnp3_pool) + buffers * sizeof(uint8_t *);
    struct dnp3_pool *pool = allocator->allocate(allocator->user, DNP3_OWNER_LINK,
                                                 head + (size_t)buffers * DNP3_POOL_BUFFER);
    if (!pool)
        return NULL;
    pool->allocator = allocator;
    pool->available = buffers;
    pool->buffers = (uint8_t *)pool + head;
    for (size_t i = 0; i < buffers; i++)
        pool->free[i] = pool->buffers + i * DNP3_POOL_BUFFER;
    return pool;
}

void dnp3_pool_free(struct dnp3_pool *pool)
{
    if (pool)
        pool->allocator->release(pool->allocator->user, DNP3_OWNER_LINK, pool);
}

uint8_t *dnp3_pool_borrow(struct dnp3_pool *pool)
{
    return pool->available > 0 ? pool->free[--pool->available] : NULL;
}

void dnp3_pool_return(struct dnp3_pool *pool, uint8_t *buffer)
{
    if (buffer)
        pool->free[pool->available++] = buffer;
}

uint16_t dnp3_pool_available(const struct dnp3_pool *pool)
{
    return pool->available;
}

uint8_t *dnp3_pool_fragment(struct dnp3_pool *pool)
{
    return pool->fragment;
}

uint8_t *dnp3_pool_wire(struct dnp3_pool *pool)
{
    return pool->wire;
}
