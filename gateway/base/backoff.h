/* SPDX-License-Identifier: Apache-2.0 */
/* The one backoff: exponential with full jitter, for the broker and for every channel. */
#ifndef GW_BACKOFF_H
#define GW_BACKOFF_H

#include <stdint.h>

/* No delay is shorter than this (or than the bound of the delay where that is less), so that a peer
 * which accepts and closes at once is not met in a tight loop. */
enum { GW_BACKOFF_FLOOR_MS = 50 };

/* A connection that lived so long has proved itself. A peer that throws us out sooner, for another
 * master or client took our place perhaps, is not to be met in an endless quarrel. */
enum { GW_BACKOFF_STABLE_MS = 5000 };

struct gw_backoff {
    uint32_t min_ms;
    uint32_t max_ms;
    uint32_t attempt; /* delays given out since the last reset */
    uint64_t seed;
};

/* Bounds in milliseconds; a `min_ms` of 0 counts as 1, a `max_ms` below `min_ms` as `min_ms`. Equal
 * seeds give equal delays; give each connection its own. */
void gw_backoff_init(struct gw_backoff *backoff, uint32_t min_ms, uint32_t max_ms, uint64_t seed);

/* The delay before the next attempt: uniform in 0..min(max, min * 2^attempt), not below the floor.
 */
uint32_t gw_backoff_next(struct gw_backoff *backoff);

/* To be called when what was waited for has come: the delays begin anew. */
void gw_backoff_reset(struct gw_backoff *backoff);

/* To be called when a connection ends that was of use for so long: as gw_backoff_reset(), where it
 * has proved itself. */
void gw_backoff_ended(struct gw_backoff *backoff, uint64_t lived_ms);

#endif
