/* SPDX-License-Identifier: Apache-2.0 */
/* The window follows the delay, as LEDBAT's does (RFC 6817): it grows while acknowledgements come
 * hardly later than they would with nothing else under way, and shrinks when they queue. The rate
 * is what was under way by how long it took. One slow round is a hiccup; two are a slow broker. */
#include "gateway/delivery/pace.h"

enum {
    WINDOW_FIRST = 4,
    WINDOW_MOST = 64,
    QUEUEING_MS = 200, /* of what is under way */
    WAITING_MS = 300,  /* of what waits for that */
    RATE_FIRST = 40,
    BURST_MS = 100, /* of a limited rate; it never goes beyond one second's messages */
    DEPTH_LEAST = 2
};

void gw_pace_begin(struct gw_pace *pace)
{
    *pace = (struct gw_pace){.window = WINDOW_FIRST,
                             .base_ms = UINT32_MAX,
                             .rates = {RATE_FIRST, RATE_FIRST},
                             .limit = pace->limit,
                             .next_ms = pace->next_ms};
}

/* What was not used for so long is not made up for. */
static double next_of(const struct gw_pace *pace, uint64_t now)
{
    double earliest = (double)now - BURST_MS;
    return pace->next_ms > earliest ? pace->next_ms : earliest;
}

uint32_t gw_pace_allowed(const struct gw_pace *pace, uint64_t now)
{
    if (pace->limit <= 0)
        return UINT32_MAX;
    double free_ms = (double)now - next_of(pace, now);
    return free_ms < 0 ? 0 : (uint32_t)(free_ms * pace->limit / 1000) + 1;
}

uint32_t gw_pace_pause_ms(const struct gw_pace *pace, uint64_t now)
{
    double pause = pace->next_ms - (double)now;
    return pause < 0 ? 0 : (uint32_t)pause + 1;
}

void gw_pace_spend(struct gw_pace *pace, uint64_t now)
{
    if (pace->limit > 0)
        pace->next_ms = next_of(pace, now) + 1000 / pace->limit;
}

struct gw_pace_stamp gw_pace_handed(uint64_t now, uint32_t under_way, bool full)
{
    return (struct gw_pace_stamp){.at = (uint32_t)now,
                                  .under_way =
                                      (uint16_t)(under_way < UINT16_MAX ? under_way : UINT16_MAX),
                                  .full = full};
}

/* Alone under way it measures the way and nothing else, even where that has become longer. */
static void learn_base(struct gw_pace *pace, uint32_t under_way, uint32_t delay)
{
    if (under_way == 1 || delay < pace->base_ms)
        pace->base_ms = delay;
}

/* By one for each acknowledgement until it was too large once, from then on for each windowful. */
static void grow(struct gw_pace *pace)
{
    if (pace->window == WINDOW_MOST)
        return;
    if (!pace->eased_ms || ++pace->grown >= pace->window) {
        pace->window++;
        pace->grown = 0;
    }
}

static void adjust_window(struct gw_pace *pace, const struct gw_pace_stamp *stamp, uint32_t delay,
                          uint64_t sent, uint64_t now)
{
    uint32_t allowed = pace->base_ms + QUEUEING_MS;
    if (delay <= allowed) {
        if (stamp->full)
            grow(pace);
        return;
    }
    if (sent < pace->eased_ms)
        return; /* it was sent before, and says the same again */
    uint32_t window = (uint32_t)((uint64_t)stamp->under_way * allowed / delay);
    if (window < pace->window)
        pace->window = window ? window : 1;
    pace->eased_ms = now;
    pace->grown = 0;
}

static uint32_t rate_of(const struct gw_pace *pace)
{
    return pace->rates[0] > pace->rates[1] ? pace->rates[0] : pace->rates[1];
}

static void learn_rate(struct gw_pace *pace, const struct gw_pace_stamp *stamp, uint32_t delay,
                       uint64_t sent, uint64_t now)
{
    uint32_t rate = (uint32_t)stamp->under_way * 1000 / (delay ? delay : 1);
    if (rate > rate_of(pace)) { /* it can do that at least */
        pace->rates[1] = rate;
    } else if (stamp->full && sent >= pace->round_ms) {
        pace->rates[0] = pace->rates[1];
        pace->rates[1] = rate;
        pace->round_ms = now;
    }
}

void gw_pace_acked(struct gw_pace *pace, const struct gw_pace_stamp *stamp, uint64_t now)
{
    uint32_t delay = (uint32_t)now - stamp->at;
    uint64_t sent = now - delay;
    learn_base(pace, stamp->under_way, delay);
    adjust_window(pace, stamp, delay, sent, now);
    learn_rate(pace, stamp, delay, sent, now);
}

uint32_t gw_pace_depth(const struct gw_pace *pace)
{
    double rate = rate_of(pace);
    if (pace->limit > 0 && pace->limit < rate)
        rate = pace->limit;
    uint32_t depth = (uint32_t)(rate * WAITING_MS / 1000);
    return depth > DEPTH_LEAST ? depth : DEPTH_LEAST;
}
