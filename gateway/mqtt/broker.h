/* SPDX-License-Identifier: Apache-2.0 */
/* The loop's own connection to the broker: resolve, connect with fail-over, relay. The MQTT client
 * library gets one end of a socket pair and never touches the network, so names are resolved
 * without its lock, TCP_NODELAY is set, and TLS can stand in between. Nothing listens anywhere.
 * Packets of our own go out beside the library's, and PUBACKs come here and not to it. */
#ifndef GW_BROKER_H
#define GW_BROKER_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "gateway/config/endpoint.h"

enum { GW_BROKER_ROOM = 128 * 1024 };

#define GW_BROKER_REASON_MAP(X)                                                                    \
    X(CLOSED, "closed")                                                                            \
    X(DNS_FAILED, "dns_failed")                                                                    \
    X(CONNECT_REFUSED, "connect_refused")                                                          \
    X(CONNECT_TIMEOUT, "connect_timeout")                                                          \
    X(UNREACHABLE, "unreachable")                                                                  \
    X(NO_RESOURCES, "no_resources") /* out of descriptors or memory */

enum gw_broker_reason {
#define X(name, text) GW_BROKER_##name,
    GW_BROKER_REASON_MAP(X)
#undef X
};

/* The reason's word, never NULL. */
const char *gw_broker_reason_name(enum gw_broker_reason reason);

struct gw_broker_options {
    const struct gw_endpoint *endpoints; /* copied */
    size_t endpoint_count;               /* at least one; tried in order */
    uint32_t connect_timeout_ms;         /* for each endpoint, its resolution included */
};

struct gw_broker_callbacks {
    /* Connected; `fd` is the other end of the relay, non-blocking, and the callee's to close. */
    void (*ready)(void *user, int fd);
    /* Once for each gw_broker_connect, when nothing of the attempt or the connection is left.
     * `detail` is a sentence with the endpoint, alive during the call. gw_broker_connect is legal
     * from here. */
    void (*closed)(void *user, enum gw_broker_reason reason, const char *detail);
    /* A PUBACK came; only to be noted. */
    void (*puback)(void *user, uint16_t packet_id, uint8_t reason_code);
    /* After one or more of these. Everything is legal. */
    void (*pubacks)(void *user);
    /* All that was put by gw_broker_room is written; only to be noted. */
    void (*written)(void *user);
};

struct gw_broker;

/* NULL without memory. Ignores SIGPIPE for the process: a relay must outlive its peers. */
struct gw_broker *gw_broker_create(uv_loop_t *loop, const struct gw_broker_options *options,
                                   const struct gw_broker_callbacks *callbacks, void *user);

/* Tries the endpoints from the current one on, each at most once. 0, or UV_EBUSY while an attempt
 * or a connection is there. */
int gw_broker_connect(struct gw_broker *broker);
/* Ends the attempt or connection at once; `closed` follows from the loop. */
void gw_broker_drop(struct gw_broker *broker);
/* The current endpoint proved useless above TCP: begin with the next one. */
void gw_broker_advance(struct gw_broker *broker);
/* Begin with the first one again. */
void gw_broker_rewind(struct gw_broker *broker);
/* Room for a whole packet, to be filled at once; it is written before the loop waits again. NULL
 * without a connection or without room, which there always is for GW_BROKER_ROOM octets in all. */
uint8_t *gw_broker_room(struct gw_broker *broker, size_t octets);
/* None of these goes out before so many SUBSCRIBE packets of the client: who sees what we publish
 * may take it that we listen. Until the connection ends. */
void gw_broker_after_subscribes(struct gw_broker *broker, uint32_t subscribes);
/* The endpoint in use or tried last, "host:port". */
const char *gw_broker_endpoint(const struct gw_broker *broker);

/* Octets relayed since create. */
struct gw_broker_counters {
    uint64_t to_broker;
    uint64_t from_broker;
    uint64_t connects;
};

const struct gw_broker_counters *gw_broker_counters(const struct gw_broker *broker);

/* Drops what is there, releases everything, then calls `freed` (may be NULL). No `closed` call
 * comes after this. NULL is legal (and `freed` is called at once). */
void gw_broker_free(struct gw_broker *broker, void (*freed)(void *user), void *user);

#endif
