/* SPDX-License-Identifier: Apache-2.0 */
/* One port on which many outstations dial in. The listener owns callers until it knows who they
 * are, then hands the connection to the outstation's channel, with all octets read so far
 * (scope rule 21). Several outstations may have one channel: any of them tells whose call it is. A
 * caller is known
 *
 *   1. by its address, where the `peer` of exactly one channel has it;
 *   2. by the source of its first link frame of any kind;
 *   3. where it is silent, by its answer to REQUEST_LINK_STATUS, which goes to every outstation
 * that is not connected, in turn.
 *
 * Who is not on the list of networks, is unknown, or says nothing within `identify_s` is closed,
 * with a line in the log. At most `max_unidentified` callers are unknown at a time. When they are,
 * nobody more is accepted until the oldest has had GW_LISTENER_GRACE_MS; then the oldest gives way
 * to the next one. So callers that say nothing cannot keep out those that do, and those that wait
 * in the kernel's queue have said who they are by the time they are accepted. */
#ifndef GW_LISTENER_H
#define GW_LISTENER_H

#include <uv.h>

#include "gateway/channel/channel.h"
#include "gateway/config/config.h"

enum {
    GW_LISTENER_GRACE_MS = 200,
    /* A caller that said nothing for so long is asked who it is. */
    GW_LISTENER_ASK_MS = 500,
    /* Left for the broker's connection, files and other listeners when descriptors run out. */
    GW_LISTENER_SPARE_DESCRIPTORS = 32
};

struct gw_listener;

/* For a tcp_listen channel, which is borrowed. NULL without memory. */
struct gw_listener *gw_listener_create(uv_loop_t *loop, const struct gw_channel_config *config);
/* An outstation that dials in here, or is behind one that does, and their channel; both borrowed.
 * Before start. False without memory. */
bool gw_listener_add(struct gw_listener *listener, struct gw_channel *channel,
                     const struct gw_outstation_config *outstation);
/* Listens; where that fails it says so and tries again until it does. */
void gw_listener_start(struct gw_listener *listener);
/* Callers that have not been handed over. */
size_t gw_listener_callers(const struct gw_listener *listener);
/* Before the channels are freed. Finished when the loop has run dry. NULL is legal. */
void gw_listener_free(struct gw_listener *listener);

#endif
