/* SPDX-License-Identifier: Apache-2.0 */
/* Puts numbered events through outbox and MQTT connection, as sessions do, and ends when the broker
 * has them all. A fragment that does not fit is put again later, as an outstation repeats it:
 *   outbox_probe PORT EVENTS [USERNAME PASSWORD]
 * Prints `safe N` at the end; the log is on standard error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "gateway/delivery/outbox.h"
#include "gateway/mqtt/mqtt.h"

enum { FRAGMENT = 7, POINTS = 3, TICK_MS = 2, FRAGMENTS_A_TICK = 3 };

struct probe {
    uv_loop_t loop;
    uv_timer_t tick;
    struct gw_mqtt *mqtt;
    struct gw_outbox *outbox;
    uint32_t events;
    uint32_t put;
    uint32_t safe;
};

static int sink_publish(void *user, const struct gw_outbox_message *message, uint64_t id)
{
    struct probe *probe = user;
    return gw_mqtt_publish(probe->mqtt,
                           &(struct gw_mqtt_publication){.topic = message->topic,
                                                         .payload = message->payload,
                                                         .payload_len = message->payload_len,
                                                         .qos = message->qos},
                           id);
}

static size_t sink_window(void *user)
{
    return gw_mqtt_window(((struct probe *)user)->mqtt);
}

static void on_connected(void *user, const struct gw_mqtt_connection *connection)
{
    (void)user;
    (void)connection;
}

static void on_disconnected(void *user, const char *reason)
{
    (void)reason;
    gw_outbox_disconnected(((struct probe *)user)->outbox);
}

static void on_acked(void *user, uint64_t id, int reason_code)
{
    gw_outbox_acked(((struct probe *)user)->outbox, id, reason_code);
}

static void on_writable(void *user)
{
    gw_outbox_pump(((struct probe *)user)->outbox);
}

static void on_message(void *user, const struct gw_mqtt_message *message)
{
    (void)user;
    (void)message;
}

static void on_stopped(void *user)
{
    uv_close((uv_handle_t *)&((struct probe *)user)->tick, NULL);
}

static void on_safe(void *user, void *owner, uint32_t token)
{
    struct probe *probe = user;
    (void)owner;
    (void)token;
    probe->safe += FRAGMENT;
    if (probe->safe >= probe->events) {
        uv_timer_stop(&probe->tick);
        gw_mqtt_stop(probe->mqtt, on_stopped);
    }
}

static int put_fragment(struct probe *probe)
{
    gw_outbox_begin(probe->outbox, probe, probe->put, true);
    for (uint32_t i = probe->put; i < probe->put + FRAGMENT; i++) {
        char topic[32];
        char payload[16];
        int topic_len = snprintf(topic, sizeof topic, "probe/point/%u", i % POINTS);
        int length = snprintf(payload, sizeof payload, "%u", i / POINTS);
        gw_outbox_put(probe->outbox, &(struct gw_outbox_message){.topic = topic,
                                                                 .topic_len = (size_t)topic_len,
                                                                 .payload = payload,
                                                                 .payload_len = (size_t)length,
                                                                 .qos = 1});
    }
    return gw_outbox_commit(probe->outbox);
}

static void on_tick(uv_timer_t *timer)
{
    struct probe *probe = timer->data;
    for (int i = 0; i < FRAGMENTS_A_TICK && probe->put < probe->events; i++) {
        if (put_fragment(probe))
            return;
        probe->put += FRAGMENT;
    }
}

int main(int argc, char **argv)
{
    static struct probe probe;
    static const struct gw_mqtt_callbacks callbacks = {.connected = on_connected,
                                                       .disconnected = on_disconnected,
                                                       .acked = on_acked,
                                                       .writable = on_writable,
                                                       .message = on_message};
    const struct gw_outbox_options outbox = {
        .messages = 2000, .octets = 1u << 20, .reserve_messages = 100, .reserve_octets = 25600};
    const struct gw_outbox_sink sink = {sink_publish, sink_window, NULL, NULL, &probe};
    const struct gw_outbox_callbacks outbox_callbacks = {on_safe, NULL, NULL};
    struct gw_mqtt_options options;
    if (argc != 3 && argc != 5) {
        fprintf(stderr, "usage: outbox_probe PORT EVENTS [USERNAME PASSWORD]\n");
        return 2;
    }
    const struct gw_endpoint endpoint = {"127.0.0.1", (uint16_t)strtoul(argv[1], NULL, 10)};
    probe.events = (uint32_t)strtoul(argv[2], NULL, 10);
    gw_mqtt_options_default(&options);
    options.broker.endpoints = &endpoint;
    options.broker.endpoint_count = 1;
    options.client_id = "outbox-probe";
    options.username = argc == 5 ? argv[3] : NULL;
    options.password = argc == 5 ? argv[4] : NULL;
    options.connack_timeout_ms = 500;
    options.reconnect_min_ms = 50;
    options.reconnect_max_ms = 200;
    uv_loop_init(&probe.loop);
    uv_timer_init(&probe.loop, &probe.tick);
    probe.tick.data = &probe;
    probe.mqtt = gw_mqtt_create(&probe.loop, &options, &callbacks, &probe);
    probe.outbox = gw_outbox_create(&outbox, &sink, &outbox_callbacks, &probe);
    if (!probe.mqtt || !probe.outbox || gw_mqtt_start(probe.mqtt))
        return 1;
    uv_timer_start(&probe.tick, on_tick, TICK_MS, TICK_MS);
    uv_run(&probe.loop, UV_RUN_DEFAULT);
    printf("safe %u\n", probe.safe);
    gw_outbox_free(probe.outbox);
    gw_mqtt_free(probe.mqtt);
    return uv_loop_close(&probe.loop) ? 1 : 0;
}
