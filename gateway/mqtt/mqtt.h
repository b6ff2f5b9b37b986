/* SPDX-License-Identifier: Apache-2.0 */
/* The MQTT connection: Paho as a wire pump behind the loop's own broker connection. It queues
 * nothing; what is in flight is bounded, and what must not be lost waits in the outbox. Reconnects
 * by itself. All calls and all callbacks are the loop's thread's. */
#ifndef GW_MQTT_H
#define GW_MQTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "gateway/mqtt/broker.h"

#define GW_MQTT_ERROR_MAP(X)                                                                       \
    X(BUSY, -1, "as many messages are in flight as the broker takes")                              \
    X(OFFLINE, -2, "not connected to a broker")                                                    \
    X(FULL, -3, "no room for another subscription")                                                \
    X(INVALID, -4, "invalid argument")

enum gw_mqtt_error {
    GW_MQTT_OK = 0,
#define X(name, value, text) GW_MQTT_##name = (value),
    GW_MQTT_ERROR_MAP(X)
#undef X
};

/* The text of an error, never NULL. */
const char *gw_mqtt_error_text(int error);

enum {
    /* In flight at most; the broker's receive maximum may be less. Several turns of a far one's
     * line are worth having under way, and all of them come twice when it breaks. */
    GW_MQTT_WINDOW_MAX = 64,
    GW_MQTT_FILTERS_MAX = 32
};

struct gw_mqtt_options {
    struct gw_broker_options broker;
    int version;           /* 5 or 4 (MQTT 3.1.1) */
    const char *client_id; /* lives longer than the connection */
    const char *username;  /* NULL = none */
    const char *password;  /* NULL = none */
    uint16_t keep_alive_s;
    const char *will_topic; /* NULL = no will; else retained, QoS 1 */
    const char *will_payload;
    uint32_t connack_timeout_ms;
    uint32_t reconnect_min_ms;
    uint32_t reconnect_max_ms;
    uint32_t taken_over_pause_ms; /* when another client with our id is connected */
    uint64_t seed;                /* of the backoff's jitter */
    size_t inbox_octets; /* incoming messages wait here for the loop; more are dropped, counted */
    bool keep_session;   /* false: clean start, session expiry 0 */
    uint32_t session_s;  /* session expiry with keep_session */
};

/* What a deployment would want where it says nothing; endpoints, client_id and will are left out.
 */
void gw_mqtt_options_default(struct gw_mqtt_options *options);

/* What the broker told at connect. */
struct gw_mqtt_connection {
    const char *endpoint; /* "host:port" */
    bool session_present;
    uint16_t receive_maximum;
    uint32_t maximum_packet; /* 0 = no limit */
    uint16_t keep_alive_s;   /* that the broker wants, 0 = ours */
    uint8_t maximum_qos;
    bool retain_available;
};

/* An incoming message, alive during the callback. The strings end with a zero. */
struct gw_mqtt_message {
    const char *topic;
    size_t topic_len;
    const char *payload;
    size_t payload_len;
    const char *response_topic; /* NULL = none */
    size_t response_topic_len;
    const void *correlation; /* NULL = none */
    size_t correlation_len;
    uint32_t expiry_s; /* what is left of it at the broker; UINT32_MAX = never expires */
    uint8_t qos;
    bool retained;
    bool duplicate;
};

struct gw_mqtt_callbacks {
    void (*connected)(void *user, const struct gw_mqtt_connection *connection);
    /* After `connected` only. What was in flight is not acknowledged and will not be. */
    void (*disconnected)(void *user, const char *reason);
    /* PUBACK (or, at QoS 0, written). Reason codes from 0x80 on: the broker refused it. */
    void (*acked)(void *user, uint64_t id, int reason_code);
    /* After one or more `acked`, and after `connected`: there is room in the window. */
    void (*writable)(void *user);
    void (*message)(void *user, const struct gw_mqtt_message *message);
    /* SUBACK: the granted QoS, or a reason code from 0x80 on. May be NULL. */
    void (*subscribed)(void *user, const char *filter, int reason_code);
};

/* One message to publish, borrowed for the call. */
struct gw_mqtt_publication {
    const char *topic; /* ends with a zero */
    const void *payload;
    size_t payload_len;
    const void *correlation; /* MQTT 5 */
    size_t correlation_len;
    uint32_t expiry_s; /* MQTT 5, 0 = none */
    uint8_t qos;       /* 0 or 1 */
    bool retain;
};

struct gw_mqtt_counters {
    uint64_t connects;
    uint64_t published;
    uint64_t acked;
    uint64_t unheard; /* of them, those that the broker had no subscriber for (MQTT 5) */
    uint64_t received;
    uint64_t dropped; /* incoming, for want of room */
};

struct gw_mqtt;

/* NULL without memory or with options that cannot work. Everything is copied. */
struct gw_mqtt *gw_mqtt_create(uv_loop_t *loop, const struct gw_mqtt_options *options,
                               const struct gw_mqtt_callbacks *callbacks, void *user);
/* Begins to connect, and goes on until stopped. */
int gw_mqtt_start(struct gw_mqtt *mqtt);
/* A clean DISCONNECT (no will), then `stopped` from the loop. Publishes nothing; what is in flight
 * is not waited for. `disconnected` is not called any more. */
void gw_mqtt_stop(struct gw_mqtt *mqtt, void (*stopped)(void *user));
/* After `stopped` only. NULL is legal. The last one ends Paho's threads (some 200 ms). */
void gw_mqtt_free(struct gw_mqtt *mqtt);

/* 0: `acked` will tell `id`, unless `disconnected` comes first. GW_MQTT_BUSY or _OFFLINE: nothing
 * was taken. A message that the broker said it would not take (too large, QoS) is acked from the
 * loop with that reason code and never sent. */
int gw_mqtt_publish(struct gw_mqtt *mqtt, const struct gw_mqtt_publication *publication,
                    uint64_t id);
/* How many messages gw_mqtt_publish would take now; 0 while offline. */
size_t gw_mqtt_window(const struct gw_mqtt *mqtt);
/* Kept and repeated at each connect. The filter is copied. */
int gw_mqtt_subscribe(struct gw_mqtt *mqtt, const char *filter, int qos);
/* The same for topics that are obeyed: `retained` is also set where a message was published as
 * retained while we were subscribed, which brokers hide else (Retain As Published, MQTT 5 only). */
int gw_mqtt_subscribe_commands(struct gw_mqtt *mqtt, const char *filter, int qos);

bool gw_mqtt_online(const struct gw_mqtt *mqtt);
/* Why there is no connection, in words; "" while there is one. */
const char *gw_mqtt_reason(const struct gw_mqtt *mqtt);
const struct gw_mqtt_counters *gw_mqtt_counters(struct gw_mqtt *mqtt);

/* An MQTT 5 reason code in words ("not authorized"), never NULL. */
const char *gw_mqtt_reason_code_text(int reason_code);

#endif
