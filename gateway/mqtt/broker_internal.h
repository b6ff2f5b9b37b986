/* SPDX-License-Identifier: Apache-2.0 */
/* The insides of the broker's connection, shared by broker_dial.c (from a name to a connection) and
 * broker.c (what goes over it, and its end). Not for others. */
#ifndef GW_BROKER_INTERNAL_H
#define GW_BROKER_INTERNAL_H

#include <stdbool.h>
#include <sys/socket.h>

#include "gateway/mqtt/broker.h"
#include "gateway/mqtt/mqtt_scan.h"
#include "gateway/mqtt/outgoing.h"

enum { BROKER_ADDRESSES_MAX = 8 /* of one name */, BROKER_DETAIL_MAX = 400 };

enum broker_state {
    BROKER_IDLE,
    BROKER_RESOLVING,
    BROKER_CONNECTING,
    BROKER_RELAYING,
    BROKER_DRAINING, /* the broker is gone; the client reads what is left */
    BROKER_FLUSHING, /* the client is gone; the broker gets what is left */
    BROKER_CLOSING,
    BROKER_FREEING
};

struct broker_lane {
    struct gw_broker *broker;
    uv_stream_t *from;
    uv_stream_t *to;
    uv_write_t write;
    struct gw_mqtt_scan scan;
    char *buffer;
    size_t size;
    uint64_t *octets;
    bool writing;
    bool discard; /* `to` takes nothing any more */
};

struct gw_broker {
    uv_loop_t *loop;
    struct gw_broker_callbacks callbacks;
    void *user;
    struct gw_endpoint *endpoints;
    size_t endpoint_count;
    size_t first;   /* where the next attempt begins */
    size_t current; /* in use, or tried last */
    size_t tried;
    uint32_t timeout_ms;
    enum broker_state state;
    uv_timer_t timer;
    uv_getaddrinfo_t resolver;
    bool resolving; /* the request is under way, wanted or not */
    bool resolve_wanted;
    struct sockaddr_storage addresses[BROKER_ADDRESSES_MAX];
    size_t address_count;
    size_t address;
    uv_connect_t connect;
    uv_shutdown_t shutdown;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
    bool tcp_open;
    bool pipe_open;
    unsigned closing;      /* handles whose close callback is to come */
    struct broker_lane up; /* to the broker */
    struct broker_lane down;
    struct gw_outgoing outgoing;
    bool pubacks; /* some were told of, and not yet that these are all */
    struct gw_broker_counters counters;
    enum gw_broker_reason reason;
    char detail[BROKER_DETAIL_MAX];
    char name[GW_HOST_MAX + 8];
    void (*freed)(void *user);
    void *freed_user;
};

/* broker_dial.c */
/* Tries the next endpoint of those that were not, or ends. */
void gw_broker_try_endpoint(struct gw_broker *broker);
/* Tries the endpoint's next address. */
void gw_broker_try_address(struct gw_broker *broker);
void gw_broker_set_name(struct gw_broker *broker);

/* broker.c */
/* What is told when this ends, unless something else is said before. */
void gw_broker_explain(struct gw_broker *broker, enum gw_broker_reason reason, const char *text);
void gw_broker_close_tcp(struct gw_broker *broker);
/* Closes what is open, and what follows comes from the loop in any case. */
void gw_broker_end(struct gw_broker *broker);
/* Connected. */
void gw_broker_relay(struct gw_broker *broker);
/* At the end of gw_broker_free. */
void gw_broker_release(struct gw_broker *broker);

#endif
