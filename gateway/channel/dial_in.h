/* SPDX-License-Identifier: Apache-2.0 */
/* The channel of outstations that one call reaches, as its listener sees it: opening it means to
 * wait until the listener hands over a connection. Everybody else uses channel.h. */
#ifndef GW_DIAL_IN_H
#define GW_DIAL_IN_H

#include "gateway/channel/channel.h"
#include "gateway/channel/tcp_stream.h"

struct gw_dial_in_host {
    /* The channel was opened: it takes a connection now. */
    void (*waiting)(void *user);
    /* After gw_dial_in_contest(): the connection that it has is alive. */
    void (*kept)(void *user);
};

/* `host` is borrowed. */
void gw_dial_in_attach(struct gw_channel *base, const struct gw_dial_in_host *host, void *user);
/* The `user` of the last attach, NULL before. */
void *gw_dial_in_attached(const struct gw_channel *base);
bool gw_dial_in_is_waiting(const struct gw_channel *base);
/* Only while it waits. The stream, from gw_memory, is the channel's from here on; `octets` are what
 * was read of it before. */
void gw_dial_in_take(struct gw_channel *base, struct gw_tcp_stream *stream, const uint8_t *octets,
                     size_t length);
/* Another connection claims to be these outstations': `kept` follows, or `waiting` once the one
 * that it has is closed. */
void gw_dial_in_contest(struct gw_channel *base);
/* Why nobody can call at all, a sentence that lives on; NULL: nothing is wrong. */
void gw_dial_in_trouble(struct gw_channel *base, const char *trouble);

#endif
