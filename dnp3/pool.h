/* SPDX-License-Identifier: Apache-2.0 */
/* Fragment buffers that many associations share: one is borrowed only while a fragment spans
 * segments. Also the scratch in which what leaves is built, so that an idle association has no
 * buffer of its own. One pool a thread. */
#ifndef DNP3_POOL_H
#define DNP3_POOL_H

#include <stdint.h>

#include "dnp3/memory.h"

enum {
    DNP3_FRAGMENT_MAX = 2048, /* default fragment size both ways (IEEE 1815-2012 4.1.1.1) */
    DNP3_POOL_BUFFER = DNP3_FRAGMENT_MAX,
    DNP3_WIRE_MAX = 2688 /* link frames of one fragment of DNP3_FRAGMENT_MAX: 9 frames */
};

struct dnp3_pool;

/* `buffers` fragments may be under reassembly at once. NULL without memory. The pool outlives the
 * engines that use it, the allocator the pool. */
struct dnp3_pool *dnp3_pool_create(const struct dnp3_allocator *allocator, uint16_t buffers);
/* NULL is legal. Buffers that are still out are gone with it. */
void dnp3_pool_free(struct dnp3_pool *pool);

/* DNP3_POOL_BUFFER octets, or NULL when all are out. */
uint8_t *dnp3_pool_borrow(struct dnp3_pool *pool);
/* Gives a borrowed buffer back; NULL is legal. */
void dnp3_pool_return(struct dnp3_pool *pool, uint8_t *buffer);
/* Buffers that are not out. */
uint16_t dnp3_pool_available(const struct dnp3_pool *pool);

/* Scratch valid until the next call into the library with the same pool: DNP3_FRAGMENT_MAX octets
 * in which a fragment is built, and DNP3_WIRE_MAX in which its frames are. */
uint8_t *dnp3_pool_fragment(struct dnp3_pool *pool);
uint8_t *dnp3_pool_wire(struct dnp3_pool *pool);

#endif
