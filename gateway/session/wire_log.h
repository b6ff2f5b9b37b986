/* SPDX-License-Identifier: Apache-2.0 */
/* The frames of an outstation in the log, for a while: a line a frame, both ways, with what its
 * link, transport and application headers say, and objects by name and number. No values: what
 * points are is published, and a password in a file's request is not for a log. */
#ifndef GW_WIRE_LOG_H
#define GW_WIRE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A line that never rests must not fill a disk. */
enum { GW_WIRE_LOG_LINES = 20 }; /* a second; how many more there were is told */

/* Those of one line, a list that is NULL while nobody asks. */
struct gw_wire_log;

/* Decodes what goes to and comes from `address` until `until_ms`; where that is done already, until
 * then from now on. `subject` is the log's, borrowed. False without memory. */
bool gw_wire_log_start(struct gw_wire_log **list, const char *subject, uint16_t address,
                       uint64_t until_ms);
/* Octets as they went (`sent`) or came. Those whose time is over end here. */
void gw_wire_log_octets(struct gw_wire_log **list, bool sent, const uint8_t *octets, size_t length,
                        bool datagram, uint64_t now_ms);
/* The connection changed: what is under way has no end. */
void gw_wire_log_reset(struct gw_wire_log *list);
void gw_wire_log_free(struct gw_wire_log **list);

#endif
