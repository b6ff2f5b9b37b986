/* SPDX-License-Identifier: Apache-2.0 */
/* One Paho client for one connection: handshake, subscriptions, what comes in, keep-alive and
 * farewell; what we publish goes beside it (flight.h). What Paho's threads report is copied and
 * queued for the loop, which asks for it after being woken. */
#ifndef GW_WIRE_H
#define GW_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "gateway/mqtt/mqtt.h"

enum gw_wire_event_kind {
    GW_WIRE_CONNECTED,    /* see gw_wire_connection */
    GW_WIRE_REFUSED,      /* no connection came about: `code`, negative without a reason code */
    GW_WIRE_SUBSCRIBED,   /* `id` = the filter's number, `code` = granted QoS or reason code */
    GW_WIRE_DISCONNECTED, /* the broker said why it is about to close: `code` */
    GW_WIRE_LOST
};

struct gw_wire_event {
    enum gw_wire_event_kind kind;
    int code;
    uint64_t id;
};

struct gw_wire;

/* Takes what it needs of `options` by copy; `wake` is sent when events or messages wait. NULL
 * without memory or when too many clients are in this process. */
struct gw_wire *gw_wire_create(const struct gw_mqtt_options *options, uv_async_t *wake);
void gw_wire_free(struct gw_wire *wire);

/* Sends CONNECT over `fd`, which it owns from here on, also on an error. */
int gw_wire_open(struct gw_wire *wire, int fd);
/* Sends DISCONNECT; then the descriptor is closed. */
void gw_wire_disconnect(struct gw_wire *wire);
/* Of the next connection. */
void gw_wire_keep_alive(struct gw_wire *wire, uint16_t keep_alive_s);
/* Gives up the client. What it reported until then can still be taken;
 * no more will come. */
void gw_wire_close(struct gw_wire *wire);

int gw_wire_subscribe(struct gw_wire *wire, unsigned number, const char *filter, int qos,
                      bool as_published);

/* The next event, or false. */
bool gw_wire_take(struct gw_wire *wire, struct gw_wire_event *event);
/* The next message, alive until gw_wire_next_message, or false. */
bool gw_wire_message(struct gw_wire *wire, struct gw_mqtt_message *message);
void gw_wire_next_message(struct gw_wire *wire);
/* Messages dropped for want of room since create. */
uint64_t gw_wire_dropped(const struct gw_wire *wire);
/* Valid after GW_WIRE_CONNECTED; `endpoint` is not set. */
const struct gw_mqtt_connection *gw_wire_connection(const struct gw_wire *wire);

#endif
