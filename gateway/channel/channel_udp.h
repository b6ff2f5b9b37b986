/* SPDX-License-Identifier: Apache-2.0 */
/* UDP channels beyond channel.h. With endpoints a channel is connected to one of them: nothing is
 * taken from elsewhere, and an ICMP error closes it. Without, it listens: where each outstation is
 * is learned from the source of its valid frames, and what is written goes to whom the frames are
 * addressed, or nowhere while that one has not spoken. A channel that expects nobody answers
 * whoever spoke last (the simulator's end).
 *
 * Each link frame is a datagram: other stacks (opendnp3) read no more of one than the longest frame
 * has octets, and lose the rest. What the kernel does not take at once is lost, as on the way. */
#ifndef GW_CHANNEL_UDP_H
#define GW_CHANNEL_UDP_H

#include "gateway/channel/channel.h"

/* An outstation that speaks to this channel, which listens. False without memory. */
bool gw_udp_expect(struct gw_channel *channel, uint16_t address, const struct gw_network *network);

#endif
