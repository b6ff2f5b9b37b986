/* SPDX-License-Identifier: Apache-2.0 */
/* A channel carries octets to and from outstations and knows nothing of DNP3. It opens once when
 * told to; when to try again is its owner's matter (line.h). */
#ifndef GW_CHANNEL_H
#define GW_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "gateway/config/config.h"
#include "gateway/payload/payload.h"

struct gw_channel;

struct gw_channel_callbacks {
    void (*opened)(void *user);
    /* Alive during the call. */
    void (*octets)(void *user, const uint8_t *octets, size_t length);
    /* What a write left over has gone. */
    void (*writable)(void *user);
    /* Dial-in only: another connection claims to be this one's outstation. The owner finds out
     * whether the one that is open is alive, and calls gw_channel_decide(). */
    void (*contested)(void *user);
    /* UDP only, before the octets that say so: the outstation of this link address has an address
     * now, the first one or another, and may be another device. May be NULL. */
    void (*moved)(void *user, uint16_t address);
    /* Once for each open that succeeded or failed. GW_REASON_OK: we closed it ourselves. */
    void (*closed)(void *user, enum gw_reason reason);
};

/* Of the kind that `config` says: a TCP client, whose endpoints are tried in order, one an open; a
 * serial port; a UDP socket (channel_udp.h), whose octets are a datagram each call; or a TCP
 * connection that a listener accepts, for which an open channel waits (dial_in.h).
 * `user_timeout_ms`: how long what was written to a TCP connection may stay unacknowledged before
 * the kernel gives it up (scope rule 15). */
struct gw_channel *gw_channel_create(uv_loop_t *loop, const struct gw_channel_config *config,
                                     uint32_t user_timeout_ms,
                                     const struct gw_channel_callbacks *callbacks, void *user);

/* Begins to open the next endpoint. */
void gw_channel_open(struct gw_channel *channel);
/* The endpoint in use has proved itself: the next open begins with the first one again. */
void gw_channel_rewind(struct gw_channel *channel);
/* Writes all: what the kernel does not take at once is kept and follows; until then the channel is
 * not writable and must not be written to. */
void gw_channel_write(struct gw_channel *channel, const uint8_t *octets, size_t length);
bool gw_channel_writable(const struct gw_channel *channel);
/* Octets written that the peer has not acknowledged yet; serial, UDP: that have not left the port.
 */
size_t gw_channel_unacknowledged(const struct gw_channel *channel);
/* What was written and may still arrive late does not: a TCP connection that holds such octets is
 * thrown away with them (`closed` follows), a serial port is emptied and stays open; a datagram
 * cannot be called back. */
void gw_channel_discard(struct gw_channel *channel);
/* Closes what is open or opening; `abort` throws away what has not left (SO_LINGER 0). `closed`
 * follows from the loop. */
void gw_channel_close(struct gw_channel *channel, bool abort);
/* The answer to `contested`: keeps the connection, or closes it abortively, so that the other one
 * takes its place. */
void gw_channel_decide(struct gw_channel *channel, bool keep);
/* Closes and releases; no callback comes any more. NULL is legal. */
void gw_channel_free(struct gw_channel *channel);
/* The endpoint in use or tried last; NULL where the kind has none. */
const struct gw_endpoint *gw_channel_endpoint(const struct gw_channel *channel);
/* More about the last `closed` than its reason says, a sentence until the next open; or NULL. */
const char *gw_channel_detail(const struct gw_channel *channel);

#endif
