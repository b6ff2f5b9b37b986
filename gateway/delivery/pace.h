/* SPDX-License-Identifier: Apache-2.0 */
/* How fast the broker takes messages, seen from the time that each acknowledgement needs, or how
 * fast it is to be given them (`max_rate`); and what follows from it: how many may be under way to
 * it, and how many may wait, so that a newcomer reaches it within a second. All times are steady
 * ms. */
#ifndef GW_PACE_H
#define GW_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* The state of one connection. */
struct gw_pace {
    uint32_t window; /* messages that may be under way, at least 1 */
    uint32_t grown;  /* acknowledgements towards its next growth */
    uint32_t base_ms;
    uint32_t rates[2]; /* messages a second, of the last two rounds */
    uint64_t round_ms; /* what was handed over before belongs to an earlier round */
    uint64_t eased_ms; /* likewise, before the window was last made smaller */
    double limit;      /* messages a second, 0 = none */
    double next_ms;    /* when the limit would let the next one go */
};

/* What is remembered of a message that was handed over. */
struct gw_pace_stamp {
    uint32_t at; /* ms, truncated */
    uint16_t under_way;
    bool full;
};

/* A new connection: nothing is known, so it begins small. `limit` stays. */
void gw_pace_begin(struct gw_pace *pace);
/* How many the limit lets go now: UINT32_MAX without one. */
uint32_t gw_pace_allowed(const struct gw_pace *pace, uint64_t now);
/* With 0 allowed: how long until there is one. */
uint32_t gw_pace_pause_ms(const struct gw_pace *pace, uint64_t now);
/* One goes now. */
void gw_pace_spend(struct gw_pace *pace, uint64_t now);
/* A message goes out: with it `under_way` are; `full`: no more would have gone. */
struct gw_pace_stamp gw_pace_handed(uint64_t now, uint32_t under_way, bool full);
void gw_pace_acked(struct gw_pace *pace, const struct gw_pace_stamp *stamp, uint64_t now);
/* How many the broker takes while a newcomer may wait behind them. */
uint32_t gw_pace_depth(const struct gw_pace *pace);

#endif
