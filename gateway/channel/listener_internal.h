/* SPDX-License-Identifier: Apache-2.0 */
/* The insides of a listener, shared by listener.c (accepts, time, life) and caller.c (who is it?).
 */
#ifndef GW_LISTENER_INTERNAL_H
#define GW_LISTENER_INTERNAL_H

#include "gateway/base/rate.h"
#include "gateway/channel/dial_in.h"
#include "gateway/channel/greeting.h"
#include "gateway/channel/listener.h"

struct gw_caller;

/* An outstation that may be at the other end of a call. */
struct gw_candidate {
    struct gw_listener *listener;
    const struct gw_outstation_config *outstation;
    struct gw_channel *channel;
    struct gw_candidate *leader; /* one of those of its channel, for which the rest is kept */
    struct gw_caller *next;      /* waits until it is known whether the first connection is alive */
    struct gw_rate told;         /* of its calls: a device may dial in a circle */
};

struct gw_caller {
    struct gw_listener *listener;
    struct gw_caller *older;
    struct gw_caller *newer;
    struct gw_tcp_stream *stream;
    struct gw_candidate *claims; /* a leader; NULL: not known yet */
    struct sockaddr_storage address;
    uint64_t since_ms;
    uint64_t ask_ms;
    size_t asked; /* candidates, from the first one on and round again */
    struct gw_greeting greeting;
};

/* Kinds of lines in the log: each has its own rate. */
enum gw_told {
    GW_TOLD_NOT_ALLOWED,
    GW_TOLD_UNKNOWN,
    GW_TOLD_SILENT,
    GW_TOLD_FULL,
    GW_TOLD_DESCRIPTORS,
    GW_TOLD_KINDS
};

struct gw_listener {
    uv_loop_t *loop;
    const struct gw_channel_config *config;
    uv_tcp_t tcp;
    uv_timer_t timer;
    struct gw_candidate *candidates; /* by address */
    size_t candidate_count;
    size_t candidate_room;
    struct gw_caller *oldest;
    struct gw_caller *newest;
    size_t callers;
    size_t closing; /* streams that are still libuv's, or handles */
    uint64_t retry_ms;
    uint64_t descriptors; /* the highest that a caller may have */
    bool has_peers;
    bool listening;
    bool pending; /* one waits to be accepted */
    bool freeing;
    char trouble[120];
    struct gw_rate told[GW_TOLD_KINDS];
};

/* May one more line of that kind be written? */
static inline bool gw_listener_may_tell(struct gw_listener *listener, enum gw_told kind)
{
    return gw_rate_allows(&listener->told[kind], listener->config->name, uv_now(listener->loop));
}

/* listener.c */
/* Closes it, with a reset: nothing of it is left, not even its port's TIME_WAIT. */
void gw_caller_drop(struct gw_caller *caller);
/* Takes it off the list; what is left of it is the stream. */
void gw_caller_unlink(struct gw_caller *caller);

/* caller.c */
extern const struct gw_dial_in_host gw_caller_host; /* `user` is a gw_candidate that leads */
/* The leader of the only channel whose `peer` has its address, or NULL. */
struct gw_candidate *gw_caller_find_peer(const struct gw_caller *caller);
/* It is known: hands it over, now or when the outstation's first connection is decided about. */
void gw_caller_claim(struct gw_caller *caller, struct gw_candidate *candidate);
/* Octets of it: it may be known, or closed, afterwards. */
void gw_caller_said(struct gw_caller *caller, const uint8_t *octets, size_t length);
/* Asks who it is: the next outstations, so many that all are asked in half the time. */
void gw_caller_ask(struct gw_caller *caller);
const char *gw_caller_address(const struct gw_caller *caller, char text[INET6_ADDRSTRLEN]);

#endif
