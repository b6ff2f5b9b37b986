/* SPDX-License-Identifier: Apache-2.0 */
/* An MQTT connection to a broker that misbehaves on demand, and what the loop tells of it. */
#ifndef TESTS_MQTT_STEPS_H
#define TESTS_MQTT_STEPS_H

#include "gateway/mqtt/mqtt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_broker.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "tests/lib/log_capture.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

enum { PATIENCE_MS = 20000, ORDER_MAX = 2000, TEXT_MAX = 300 };

struct fixture {
    uv_loop_t loop;
    uv_timer_t patience;
    struct fake_broker broker;
    struct gw_mqtt *mqtt;
    struct gw_mqtt_options options;
    struct gw_endpoint endpoints[2];
    struct gw_mqtt_connection connection;
    unsigned connected;
    unsigned disconnected;
    unsigned acked;
    unsigned writable;
    unsigned subscribed;
    unsigned messages;
    unsigned stopped;
    uint64_t ids[ORDER_MAX];
    int codes[ORDER_MAX];
    int suback;
    bool publish_when_writable;
    bool stop_when_connected;
    unsigned published;
    unsigned to_publish;
    char reason[TEXT_MAX];
    /* The last incoming message. */
    char topic[TEXT_MAX];
    char payload[TEXT_MAX];
    char response[TEXT_MAX];
    char correlation[TEXT_MAX];
    struct gw_mqtt_message message;
};

static inline void on_stopped(void *user)
{
    ((struct fixture *)user)->stopped++;
}

static inline int publish(struct fixture *f, uint64_t id)
{
    char payload[24];
    int length = snprintf(payload, sizeof payload, "%llu", (unsigned long long)id);
    const struct gw_mqtt_publication publication = {
        .topic = "t", .payload = payload, .payload_len = (size_t)length, .qos = 1};
    return gw_mqtt_publish(f->mqtt, &publication, id);
}

static inline void fill_window(struct fixture *f)
{
    while (f->published < f->to_publish && gw_mqtt_window(f->mqtt)) {
        assert_int_equal(publish(f, f->published), 0);
        f->published++;
    }
}

static inline void fill(struct fixture *f, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(publish(f, i), 0);
}

static inline void on_connected(void *user, const struct gw_mqtt_connection *connection)
{
    struct fixture *f = user;
    f->connection = *connection;
    f->connected++;
    if (f->stop_when_connected)
        gw_mqtt_stop(f->mqtt, on_stopped);
}

static inline void on_disconnected(void *user, const char *reason)
{
    struct fixture *f = user;
    f->disconnected++;
    snprintf(f->reason, sizeof f->reason, "%s", reason);
}

static inline void on_acked(void *user, uint64_t id, int reason_code)
{
    struct fixture *f = user;
    if (f->acked < ORDER_MAX) {
        f->ids[f->acked] = id;
        f->codes[f->acked] = reason_code;
    }
    f->acked++;
}

static inline void on_writable(void *user)
{
    struct fixture *f = user;
    f->writable++;
    if (f->publish_when_writable)
        fill_window(f);
}

static inline void on_message(void *user, const struct gw_mqtt_message *message)
{
    struct fixture *f = user;
    f->messages++;
    f->message = *message;
    assert_int_equal(strlen(message->topic), message->topic_len);
    snprintf(f->topic, sizeof f->topic, "%s", message->topic);
    snprintf(f->payload, sizeof f->payload, "%s", message->payload);
    snprintf(f->response, sizeof f->response, "%s",
             message->response_topic ? message->response_topic : "");
    snprintf(f->correlation, sizeof f->correlation, "%.*s", (int)message->correlation_len,
             message->correlation ? (const char *)message->correlation : "");
}

static inline void on_subscribed(void *user, const char *filter, int reason_code)
{
    struct fixture *f = user;
    assert_true(strcmp(filter, "dnp3/+/+/set/#") == 0 || strncmp(filter, "f/", 2) == 0);
    f->subscribed++;
    f->suback = reason_code;
}

static inline void on_patience(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("nothing happened in time");
}

static inline void wait_for(struct fixture *f, const unsigned *count, unsigned value)
{
    uv_timer_start(&f->patience, on_patience, PATIENCE_MS, 0);
    while (*count < value)
        uv_run(&f->loop, UV_RUN_ONCE);
    uv_timer_stop(&f->patience);
}

static inline void on_pause(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

static inline void run_for(struct fixture *f, uint64_t ms)
{
    bool done = false;
    f->patience.data = &done;
    uv_timer_start(&f->patience, on_pause, ms, 0);
    while (!done)
        uv_run(&f->loop, UV_RUN_ONCE);
}

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    gw_log_configure(GW_LOG_ERROR, GW_LOG_LOGFMT);
    uv_loop_init(&f->loop);
    uv_timer_init(&f->loop, &f->patience);
    fake_start(&f->broker, &f->loop);
    gw_mqtt_options_default(&f->options);
    f->endpoints[0] = (struct gw_endpoint){"127.0.0.1", f->broker.port};
    f->options.broker.endpoints = f->endpoints;
    f->options.broker.endpoint_count = 1;
    f->options.client_id = "gateway";
    f->options.reconnect_min_ms = 1;
    f->options.reconnect_max_ms = 20;
    *state = f;
    return 0;
}

static inline void start(struct fixture *f)
{
    const struct gw_mqtt_callbacks callbacks = {.connected = on_connected,
                                                .disconnected = on_disconnected,
                                                .acked = on_acked,
                                                .writable = on_writable,
                                                .message = on_message,
                                                .subscribed = on_subscribed};
    f->mqtt = gw_mqtt_create(&f->loop, &f->options, &callbacks, f);
    assert_non_null(f->mqtt);
    assert_int_equal(gw_mqtt_start(f->mqtt), 0);
}

static inline void go_online(struct fixture *f)
{
    start(f);
    wait_for(f, &f->connected, 1);
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    if (!f->stopped)
        gw_mqtt_stop(f->mqtt, on_stopped);
    wait_for(f, &f->stopped, 1);
    gw_mqtt_free(f->mqtt);
    fake_stop(&f->broker);
    uv_close((uv_handle_t *)&f->patience, NULL);
    while (uv_run(&f->loop, UV_RUN_ONCE))
        ;
    assert_int_equal(uv_loop_close(&f->loop), 0);
    assert_int_equal(gw_memory_used(GW_OWNER_MQTT), 0);
    free(f);
    return 0;
}

#endif
