/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for gateway/mqtt/mqtt.c in a test program: what is defined here is not taken from the
 * library. Takes publications, acknowledges them when told to, allocates nothing per message. One
 * at a time, include it from one file. */
#ifndef TESTS_FAKE_MQTT_H
#define TESTS_FAKE_MQTT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/mqtt/mqtt.h"
#include "tests/lib/mqtt_message.h"

enum { FAKE_MQTT_LOG = 4096, FAKE_MQTT_TEXT = 400 };

struct fake_publication {
    uint64_t id;
    bool acked;
    bool retain;
    char topic[FAKE_MQTT_TEXT];
    char payload[FAKE_MQTT_TEXT];
};

struct gw_mqtt {
    struct gw_mqtt_callbacks callbacks;
    void *user;
    uv_idle_t stopping;
    void (*stopped)(void *user);
    bool online;
    bool automatic;        /* acknowledges from the loop, soon after */
    uv_idle_t acknowledge; /* runs while `automatic` has something to do */
    size_t published;      /* the log holds the last FAKE_MQTT_LOG of them */
    size_t acked;          /* all before this one are */
    size_t window;
    const char *refused; /* the end of topics that it refuses, else NULL */
    struct fake_publication log[FAKE_MQTT_LOG];
};

static struct gw_mqtt fake_mqtt;

static inline struct fake_publication *fake_mqtt_at(size_t number)
{
    return &fake_mqtt.log[number % FAKE_MQTT_LOG];
}

static inline void fake_mqtt_connect(void)
{
    static const struct gw_mqtt_connection connection = {.endpoint = "fake", .maximum_qos = 1};
    fake_mqtt.online = true;
    fake_mqtt.callbacks.connected(fake_mqtt.user, &connection);
    fake_mqtt.callbacks.writable(fake_mqtt.user);
}

static inline void fake_mqtt_lose(void)
{
    fake_mqtt.online = false;
    fake_mqtt.acked = fake_mqtt.published;
    fake_mqtt.callbacks.disconnected(fake_mqtt.user, "lost");
}

static inline bool fake_mqtt_ends(const char *topic, const char *end)
{
    size_t length = strlen(topic);
    size_t part = strlen(end);
    return length >= part && strcmp(topic + length - part, end) == 0;
}

/* Acknowledges what is published up to now, with a reason code. */
static inline void fake_mqtt_ack(int code)
{
    size_t until = fake_mqtt.published;
    while (fake_mqtt.acked < until) {
        const struct fake_publication *p = fake_mqtt_at(fake_mqtt.acked++);
        bool refused = fake_mqtt.refused && fake_mqtt_ends(p->topic, fake_mqtt.refused);
        fake_mqtt.callbacks.acked(fake_mqtt.user, p->id, refused ? 0x87 : code);
    }
    if (fake_mqtt.online)
        fake_mqtt.callbacks.writable(fake_mqtt.user);
}

/* A message comes from the broker. */
static inline void fake_mqtt_receive(const char *topic, const char *payload)
{
    const struct gw_mqtt_message message = mqtt_message_of(topic, payload);
    fake_mqtt.callbacks.message(fake_mqtt.user, &message);
}

/* The number of the first publication from `from` on whose topic ends so and whose payload holds
 * `text`; SIZE_MAX where there is none. */
static inline size_t fake_mqtt_find(size_t from, const char *topic_end, const char *text)
{
    for (size_t i = from; i < fake_mqtt.published; i++) {
        const struct fake_publication *p = fake_mqtt_at(i);
        if (fake_mqtt_ends(p->topic, topic_end) && strstr(p->payload, text))
            return i;
    }
    return SIZE_MAX;
}

static inline void fake_mqtt_on_idle(uv_idle_t *idle)
{
    uv_idle_stop(idle);
    fake_mqtt_ack(0);
}

void gw_mqtt_options_default(struct gw_mqtt_options *options)
{
    *options = (struct gw_mqtt_options){0};
}

struct gw_mqtt *gw_mqtt_create(uv_loop_t *loop, const struct gw_mqtt_options *options,
                               const struct gw_mqtt_callbacks *callbacks, void *user)
{
    (void)options;
    memset(&fake_mqtt, 0, sizeof fake_mqtt);
    fake_mqtt.callbacks = *callbacks;
    fake_mqtt.user = user;
    fake_mqtt.window = GW_MQTT_WINDOW_MAX;
    uv_idle_init(loop, &fake_mqtt.stopping);
    uv_idle_init(loop, &fake_mqtt.acknowledge);
    return &fake_mqtt;
}

int gw_mqtt_start(struct gw_mqtt *mqtt)
{
    (void)mqtt;
    return 0;
}

static inline void fake_mqtt_closed(uv_handle_t *handle)
{
    (void)handle;
    fake_mqtt.stopped(fake_mqtt.user);
}

void gw_mqtt_stop(struct gw_mqtt *mqtt, void (*stopped)(void *user))
{
    mqtt->stopped = stopped;
    mqtt->online = false;
    uv_close((uv_handle_t *)&mqtt->acknowledge, NULL);
    uv_close((uv_handle_t *)&mqtt->stopping, fake_mqtt_closed);
}

void gw_mqtt_free(struct gw_mqtt *mqtt)
{
    (void)mqtt;
}

int gw_mqtt_publish(struct gw_mqtt *mqtt, const struct gw_mqtt_publication *publication,
                    uint64_t id)
{
    struct fake_publication *p = fake_mqtt_at(mqtt->published++);
    p->id = id;
    p->retain = publication->retain;
    snprintf(p->topic, sizeof p->topic, "%s", publication->topic);
    snprintf(p->payload, sizeof p->payload, "%.*s", (int)publication->payload_len,
             (const char *)publication->payload);
    if (mqtt->automatic)
        uv_idle_start(&mqtt->acknowledge, fake_mqtt_on_idle);
    return 0;
}

size_t gw_mqtt_window(const struct gw_mqtt *mqtt)
{
    size_t away = mqtt->published - mqtt->acked;
    return mqtt->online && away < mqtt->window ? mqtt->window - away : 0;
}

int gw_mqtt_subscribe(struct gw_mqtt *mqtt, const char *filter, int qos)
{
    (void)mqtt;
    (void)filter;
    (void)qos;
    return 0;
}

int gw_mqtt_subscribe_commands(struct gw_mqtt *mqtt, const char *filter, int qos)
{
    return gw_mqtt_subscribe(mqtt, filter, qos);
}

#endif
