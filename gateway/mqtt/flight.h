/* SPDX-License-Identifier: Apache-2.0 */
/* The messages in flight: packed here, written by the broker's connection, and acknowledged by the
 * PUBACKs that it finds. They do not go through the client library, which would take them over a
 * queue, two threads and a socket pair, at four times the processor time. */
#ifndef GW_FLIGHT_H
#define GW_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/mqtt/mqtt.h"

struct gw_flight_slot {
    uint64_t id;
    size_t octets;
    uint16_t packet_id; /* 0 = free */
    bool unwritten;     /* QoS 0: ends when it is written */
};

struct gw_flight_end {
    uint64_t id;
    int code;
};

struct gw_flight {
    struct gw_broker *broker;
    struct gw_mqtt_connection connection;
    int version;
    size_t window; /* 0 while there is no connection */
    size_t flying; /* those in slots and those ended */
    size_t octets;
    size_t unwritten; /* of those in slots */
    bool starved;     /* somebody was turned away who is not told by an acknowledgement */
    uint16_t serial;
    struct gw_flight_slot slots[GW_MQTT_WINDOW_MAX];
    uint8_t spare[GW_MQTT_WINDOW_MAX]; /* a stack of free slots */
    size_t spares;
    struct gw_flight_end ended[GW_MQTT_WINDOW_MAX]; /* a ring, to be taken */
    size_t ended_from;
    size_t ended_count;
};

/* A connection is there. What flew before is forgotten. */
void gw_flight_open(struct gw_flight *flight, struct gw_broker *broker, int version,
                    const struct gw_mqtt_connection *connection);
/* It is gone; what ended until then can still be taken. */
void gw_flight_close(struct gw_flight *flight);

/* As gw_mqtt_publish and gw_mqtt_window. A message that the broker does not take has ended when
 * this returns: gw_flight_take. */
int gw_flight_publish(struct gw_flight *flight, const struct gw_mqtt_publication *publication,
                      uint64_t id);
size_t gw_flight_window(const struct gw_flight *flight);

/* A PUBACK came. */
void gw_flight_acked(struct gw_flight *flight, uint16_t packet_id, uint8_t reason_code);
/* All is written. True: something ended by it, or there is room again for who was turned away. */
bool gw_flight_written(struct gw_flight *flight);
/* Has something ended that was not taken? */
bool gw_flight_ended(const struct gw_flight *flight);
/* The next message that ended, in the order in which they did, or false. */
bool gw_flight_take(struct gw_flight *flight, struct gw_flight_end *end);

#endif
