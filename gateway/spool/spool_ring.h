/* SPDX-License-Identifier: Apache-2.0 */
/* What waits for the spool's writer: changes of any length in a ring of octets. The loop adds at
 * the tail and frees at the head; the writer reads the stretches it was given, of which the loop
 * then only touches `gone`. Positions count octets since create and never wrap. */
#ifndef GW_SPOOL_RING_H
#define GW_SPOOL_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gw_spool_change_kind {
    GW_SPOOL_PAD,     /* up to the ring's end */
    GW_SPOOL_MESSAGE, /* first: sequence, second: point, data: record */
    GW_SPOOL_DEAD,    /* a message that was deleted before anybody wrote it */
    GW_SPOOL_SAFE,    /* the end of a transaction. first: owner, second: token */
    GW_SPOOL_DELETE,  /* first and second: sequences from, to */
    GW_SPOOL_KEEP,    /* first: owner, second: token, data: record */
    GW_SPOOL_DROP,    /* data: key */
    GW_SPOOL_TRIM     /* first: most, data: key */
};

struct gw_spool_change {
    uint32_t length; /* of the data behind it */
    uint8_t kind;    /* enum gw_spool_change_kind */
    uint8_t space;
    bool gone; /* the loop's: deleted after the writer was given it */
    uint64_t first;
    uint64_t second;
    uint8_t data[];
};

struct gw_spool_ring {
    uint8_t *octets; /* aligned as a change */
    uint64_t size;   /* a multiple of 8 */
    uint64_t head;
    uint64_t tail;
};

/* What a change with so much data takes of the ring, but for what its end leaves unused. */
size_t gw_spool_change_size(size_t length);
/* A change at the tail whose data the caller fills, or NULL where less than `reserve` octets would
 * be left free. */
struct gw_spool_change *gw_spool_ring_add(struct gw_spool_ring *ring,
                                          enum gw_spool_change_kind kind, size_t length,
                                          size_t reserve);
/* The change at `*at`, which moves behind it; NULL at `end`. Never a pad. */
struct gw_spool_change *gw_spool_ring_next(const struct gw_spool_ring *ring, uint64_t *at,
                                           uint64_t end);

#endif
