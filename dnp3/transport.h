/* SPDX-License-Identifier: Apache-2.0 */
/* The transport function (IEEE 1815-2012 clause 8): fragments to segments of one link frame each,
 * and back. A reassembly buffer is borrowed from a pool from the first segment of a fragment that
 * has several until its last; a fragment in one segment needs none. */
#ifndef DNP3_TRANSPORT_H
#define DNP3_TRANSPORT_H

#include "dnp3/cursor.h"
#include "dnp3/link.h"
#include "dnp3/pool.h"

enum {
    DNP3_TRANSPORT_FIN = 0x80,
    DNP3_TRANSPORT_FIR = 0x40,
    DNP3_TRANSPORT_SEQUENCE = 0x3F,
    DNP3_TRANSPORT_SEGMENT_MAX = DNP3_LINK_DATA_MAX - 1
};

struct dnp3_transport_counters {
    uint32_t segments;
    uint32_t fragments;
    uint32_t discarded; /* segments out of sequence, without FIR, or of a fragment too long */
    uint32_t no_buffer; /* fragments lost because the pool was empty */
};

struct dnp3_transport {
    uint8_t *buffer;  /* borrowed while a fragment of several segments is under way */
    uint16_t length;  /* octets in `buffer` */
    uint16_t limit;   /* longest fragment accepted */
    uint16_t source;  /* link address of the fragment's sender */
    uint8_t expected; /* next sequence, 0..63 */
    uint8_t sending;  /* our own next sequence */
    struct dnp3_transport_counters counters;
};

/* Nothing under way, sequence 0, counters at zero. `limit` is the longest fragment accepted, in
 * octets, at most DNP3_POOL_BUFFER; longer ones are discarded and counted. */
void dnp3_transport_init(struct dnp3_transport *transport, uint16_t limit);
/* Gives a borrowed buffer back and forgets the fragment under way. */
void dnp3_transport_reset(struct dnp3_transport *transport, struct dnp3_pool *pool);

/* Takes the user data of one frame from `source`. True when a fragment is whole: `fragment` then
 * borrows either `data` or the pool's buffer, valid until dnp3_transport_release(), which the
 * caller owes before the next receive. Rules 8.2.2: a segment with FIR starts anew, one that does
 * not continue (sequence, source) discards all. */
bool dnp3_transport_receive(struct dnp3_transport *transport, struct dnp3_pool *pool,
                            uint16_t source, const uint8_t *data, size_t length,
                            struct dnp3_reader *fragment);
/* The fragment of the last receive() has been used: its buffer goes back to the pool. */
void dnp3_transport_release(struct dnp3_transport *transport, struct dnp3_pool *pool);

/* Writes a fragment as link frames with `control` as their control octet, each with the next
 * transport sequence; dnp3_transport_wire_size() octets, without which the writer fails. */
void dnp3_transport_write(struct dnp3_transport *transport, struct dnp3_writer *out,
                          uint8_t control, uint16_t destination, uint16_t source,
                          const uint8_t *fragment, size_t length);

/* Octets of a fragment that its segment from `done` on carries. */
static inline size_t dnp3_transport_part(size_t length, size_t done)
{
    size_t left = length - done;
    return left < DNP3_TRANSPORT_SEGMENT_MAX ? left : DNP3_TRANSPORT_SEGMENT_MAX;
}

/* The segment from `done` on into `data`, DNP3_LINK_DATA_MAX octets; returns its length. It reads
 * the same each time until sent() says that the next one has its turn. */
size_t dnp3_transport_segment(const struct dnp3_transport *transport, uint8_t *data,
                              const uint8_t *fragment, size_t length, size_t done);
void dnp3_transport_sent(struct dnp3_transport *transport);

/* Octets on the wire of a fragment of `length`. */
static inline size_t dnp3_transport_wire_size(size_t length)
{
    size_t frames = (length + DNP3_TRANSPORT_SEGMENT_MAX - 1) / DNP3_TRANSPORT_SEGMENT_MAX;
    size_t blocks = frames * ((DNP3_LINK_DATA_MAX + 15) / 16);
    return length + frames * (10 + 1) + blocks * 2;
}

#endif
