/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probes, for tables from which entries also go: the slots are a power
 * of two (`mask` is one less), an entry lies at its home or behind it, with no free slot between.
 * There are no tombstones: what leaves is closed up, so that a table does not wear out. */
#ifndef GW_PROBE_H
#define GW_PROBE_H

#include <stdbool.h>
#include <stddef.h>

static inline size_t gw_probe_next(size_t at, size_t mask)
{
    return (at + 1) & mask;
}

/* Whether the entry at `at`, whose home is `home`, fills the free slot `hole` in front of it. It
 * must where its home is not behind the hole, for else the search for it would end there; the slot
 * it leaves is the hole then. */
static inline bool gw_probe_fills(size_t hole, size_t at, size_t home, size_t mask)
{
    return ((at - home) & mask) >= ((at - hole) & mask);
}

#endif
