/* SPDX-License-Identifier: Apache-2.0 */
/* The master's end of one channel: octets in, octets out, any number of associations on it, told
 * apart by link address. Sans-I/O: the host reads, writes and keeps the clock.
 *
 *     on octets:  dnp3_master_feed(m, octets, n, now); then pump
 *     on timer:   dnp3_master_tick(m, now); then pump
 *     pump:       while ((n = dnp3_master_take(m, &octets, now)) > 0) write(octets, n);
 *                 set the timer to dnp3_master_deadline(m)
 */
#ifndef DNP3_MASTER_H
#define DNP3_MASTER_H

#include "dnp3/association.h"
#include "dnp3/link.h"
#include "dnp3/memory.h"
#include "dnp3/pool.h"

#define DNP3_NEVER UINT64_MAX

struct dnp3_master_config {
    const struct dnp3_allocator *allocator; /* borrowed for the master's life */
    struct dnp3_pool *pool;                 /* borrowed; shared by masters of one thread */
    /* Makes the phases of polls differ from those of other masters; 0 = chosen by itself, and
     * then differently in each run. */
    uint32_t spread;
    bool broadcast; /* broadcasts are allowed (broadcast.h) */
    /* One station speaks at a time (serial lines): one request is on the wire at a time over all
     * associations, and an owed confirm holds the channel (rule 6). */
    bool half_duplex;
    /* A frame came that no association expects: its source and destination. May be NULL. */
    void (*stranger)(void *user, uint16_t source, uint16_t destination);
    void *user;
};

/* NULL without memory. `config` is copied. It starts without a connection. */
struct dnp3_master *dnp3_master_create(const struct dnp3_master_config *config);
/* Frees its associations too, as dnp3_association_free() does. NULL is legal. */
void dnp3_master_free(struct dnp3_master *master);

/* The channel opened: link and sequence state start anew, every association starts up. */
void dnp3_master_connected(struct dnp3_master *master, uint64_t now_ms);
/* The channel closed: held confirms are void, controls under way end. */
void dnp3_master_disconnected(struct dnp3_master *master, uint64_t now_ms);

/* Octets from the channel, as many as came, cut anywhere. Garbage is counted and skipped; without a
 * connection all is. Callbacks are called from here. */
void dnp3_master_feed(struct dnp3_master *master, const uint8_t *octets, size_t length,
                      uint64_t now_ms);
/* The same for one datagram (UDP), which holds whole frames: what it cuts short is not joined with
 * the octets of the next one. */
void dnp3_master_feed_datagram(struct dnp3_master *master, const uint8_t *octets, size_t length,
                               uint64_t now_ms);
/* The next octets to write, as one write; 0 when there is nothing to say now. They are valid until
 * the next call into the library with the same pool. Call only when the channel takes them at once:
 * what is taken counts as sent at `now_ms`. */
size_t dnp3_master_take(struct dnp3_master *master, const uint8_t **octets, uint64_t now_ms);
/* When tick() is wanted next, on the clock of `now_ms` (monotonic, in ms, any origin, the same for
 * all calls), or DNP3_NEVER. After tick() and taking all it lies in the future. */
uint64_t dnp3_master_deadline(const struct dnp3_master *master);
/* Time has passed: timeouts, expired confirms and controls. Early or late calls do no harm. */
void dnp3_master_tick(struct dnp3_master *master, uint64_t now_ms);

/* Live, over all connections; they go with the master. */
const struct dnp3_link_counters *dnp3_master_link_counters(const struct dnp3_master *master);
/* Associations that were created and not freed. */
size_t dnp3_master_association_count(const struct dnp3_master *master);
/* Octets that one master takes. */
size_t dnp3_master_size(void);

#endif
