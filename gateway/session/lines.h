/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of a configuration: one a channel, and where outstations dial in, one a call: of an
 * outstation with those that are behind it. With the listeners that accept the calls. */
#ifndef GW_LINES_H
#define GW_LINES_H

#include "gateway/session/line.h"

struct gw_lines;

/* `config` is borrowed. NULL without memory. */
struct gw_lines *gw_lines_create(uv_loop_t *loop, const struct gw_config *config);
/* The line of an enabled outstation of the configuration, made for the first one that is on it.
 * Before start. NULL without memory. */
struct gw_line *gw_lines_join(struct gw_lines *lines,
                              const struct gw_outstation_config *outstation);
void gw_lines_start(struct gw_lines *lines);
/* Ends every connection, and the lines with it; finished when the loop has run dry. */
void gw_lines_stop(struct gw_lines *lines);
/* After that. NULL is legal. */
void gw_lines_free(struct gw_lines *lines);

#endif
