/* SPDX-License-Identifier: Apache-2.0 */
/* Full jitter spreads the attempts of many connections evenly, which a fixed schedule with a little
 * noise does not. */
#include "gateway/base/backoff.h"

/* splitmix64: one addition and three mixes, good enough to spread delays and the same everywhere.
 */
static uint64_t draw(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void gw_backoff_init(struct gw_backoff *backoff, uint32_t min_ms, uint32_t max_ms, uint64_t seed)
{
    backoff->min_ms = min_ms ? min_ms : 1;
    backoff->max_ms = max_ms > backoff->min_ms ? max_ms : backoff->min_ms;
    backoff->attempt = 0;
    backoff->seed = seed;
}

uint32_t gw_backoff_next(struct gw_backoff *backoff)
{
    uint64_t bound = backoff->max_ms;
    if (backoff->attempt < 32 && (uint64_t)backoff->min_ms << backoff->attempt < bound)
        bound = (uint64_t)backoff->min_ms << backoff->attempt;
    if (backoff->attempt < UINT32_MAX)
        backoff->attempt++;
    uint64_t floor = bound < GW_BACKOFF_FLOOR_MS ? bound : GW_BACKOFF_FLOOR_MS;
    uint64_t delay = draw(&backoff->seed) % (bound + 1);
    return (uint32_t)(delay < floor ? floor : delay);
}

void gw_backoff_reset(struct gw_backoff *backoff)
{
    backoff->attempt = 0;
}

void gw_backoff_ended(struct gw_backoff *backoff, uint64_t lived_ms)
{
    if (lived_ms >= GW_BACKOFF_STABLE_MS)
        gw_backoff_reset(backoff);
}
