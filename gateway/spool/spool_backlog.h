/* SPDX-License-Identifier: Apache-2.0 */
/* How many messages of each point wait in the spool: exact for as many points as it was made for;
 * what comes beyond them is counted together, so that a point may be said to have a backlog that is
 * another's, never the other way round. Fixed memory. */
#ifndef GW_SPOOL_BACKLOG_H
#define GW_SPOOL_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GW_SPOOL_NO_POINT UINT64_MAX /* is never counted */

struct gw_spool_backlog;

/* For `points` points with a backlog at a time. NULL without memory. */
struct gw_spool_backlog *gw_spool_backlog_create(size_t points);
/* NULL is legal. */
void gw_spool_backlog_free(struct gw_spool_backlog *backlog);
size_t gw_spool_backlog_memory(size_t points);

void gw_spool_backlog_add(struct gw_spool_backlog *backlog, uint64_t point);
/* One that was added; what was not changes nothing it could be told from. */
void gw_spool_backlog_remove(struct gw_spool_backlog *backlog, uint64_t point);
bool gw_spool_backlog_has(const struct gw_spool_backlog *backlog, uint64_t point);
/* Points counted on their own now, and messages counted together. */
size_t gw_spool_backlog_points(const struct gw_spool_backlog *backlog);
uint64_t gw_spool_backlog_others(const struct gw_spool_backlog *backlog);

#endif
