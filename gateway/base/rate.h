/* SPDX-License-Identifier: Apache-2.0 */
/* How often a line of the log may come whose cause lies with strangers. */
#ifndef GW_RATE_H
#define GW_RATE_H

#include <stdbool.h>
#include <stdint.h>

enum { GW_RATE_LINES = 10, GW_RATE_WINDOW_MS = 60000 };

/* Zeroed before use. */
struct gw_rate {
    uint64_t from_ms; /* the window's first line; 0: none yet */
    uint32_t lines;
    uint32_t untold;
};

/* May one more line be written? At most GW_RATE_LINES in a window; what was left out is told, as a
 * number, before the first line of the next one. `subject` is the log's. */
bool gw_rate_allows(struct gw_rate *rate, const char *subject, uint64_t now_ms);

#endif
