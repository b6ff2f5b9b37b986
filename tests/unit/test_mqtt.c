/* SPDX-License-Identifier: Apache-2.0 */
/* The MQTT connection against a broker that misbehaves on demand. */
#include "gateway/mqtt/mqtt.h"

#include <dirent.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_broker.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/delivery/outbox.h"
#include "tests/lib/log_capture.h"

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

static void on_stopped(void *user)
{
    ((struct fixture *)user)->stopped++;
}

static int publish(struct fixture *f, uint64_t id)
{
    char payload[24];
    int length = snprintf(payload, sizeof payload, "%llu", (unsigned long long)id);
    const struct gw_mqtt_publication publication = {
        .topic = "t", .payload = payload, .payload_len = (size_t)length, .qos = 1};
    return gw_mqtt_publish(f->mqtt, &publication, id);
}

static void fill_window(struct fixture *f)
{
    while (f->published < f->to_publish && gw_mqtt_window(f->mqtt)) {
        assert_int_equal(publish(f, f->published), 0);
        f->published++;
    }
}

static void fill(struct fixture *f, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(publish(f, i), 0);
}

static void on_connected(void *user, const struct gw_mqtt_connection *connection)
{
    struct fixture *f = user;
    f->connection = *connection;
    f->connected++;
    if (f->stop_when_connected)
        gw_mqtt_stop(f->mqtt, on_stopped);
}

static void on_disconnected(void *user, const char *reason)
{
    struct fixture *f = user;
    f->disconnected++;
    snprintf(f->reason, sizeof f->reason, "%s", reason);
}

static void on_acked(void *user, uint64_t id, int reason_code)
{
    struct fixture *f = user;
    if (f->acked < ORDER_MAX) {
        f->ids[f->acked] = id;
        f->codes[f->acked] = reason_code;
    }
    f->acked++;
}

static void on_writable(void *user)
{
    struct fixture *f = user;
    f->writable++;
    if (f->publish_when_writable)
        fill_window(f);
}

static void on_message(void *user, const struct gw_mqtt_message *message)
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

static void on_subscribed(void *user, const char *filter, int reason_code)
{
    struct fixture *f = user;
    assert_true(strcmp(filter, "dnp3/+/+/set/#") == 0 || strncmp(filter, "f/", 2) == 0);
    f->subscribed++;
    f->suback = reason_code;
}

static void on_patience(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("nothing happened in time");
}

static void wait_for(struct fixture *f, const unsigned *count, unsigned value)
{
    uv_timer_start(&f->patience, on_patience, PATIENCE_MS, 0);
    while (*count < value)
        uv_run(&f->loop, UV_RUN_ONCE);
    uv_timer_stop(&f->patience);
}

static void on_pause(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

static void run_for(struct fixture *f, uint64_t ms)
{
    bool done = false;
    f->patience.data = &done;
    uv_timer_start(&f->patience, on_pause, ms, 0);
    while (!done)
        uv_run(&f->loop, UV_RUN_ONCE);
}

static int set_up(void **state)
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

static void start(struct fixture *f)
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

static void go_online(struct fixture *f)
{
    start(f);
    wait_for(f, &f->connected, 1);
}

static int tear_down(void **state)
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

static void test_connects_as_told(void **state)
{
    struct fixture *f = *state;
    f->options.username = "north";
    f->options.password = "secret";
    f->options.will_topic = "dnp3/north/status";
    f->options.will_payload = "{\"state\":\"offline\"}";
    f->options.keep_alive_s = 77;
    go_online(f);
    /* MQTT 5.0, 3.1.2: flags user, password, will retain, QoS 1, will, clean. */
    assert_int_equal(f->broker.connect[8], 5);
    assert_int_equal(f->broker.connect[9], 0xee);
    assert_int_equal(f->broker.connect[11], 77);
    assert_true(memmem(f->broker.connect, sizeof f->broker.connect, "secret", 6) != NULL);
    assert_true(gw_mqtt_online(f->mqtt));
    assert_string_equal(gw_mqtt_reason(f->mqtt), "");
    assert_int_equal(f->connection.receive_maximum, 65535);
    assert_int_equal(f->connection.maximum_qos, 2);
    assert_true(f->connection.retain_available);
    assert_int_equal(f->connection.maximum_packet, 0);
    assert_int_equal(gw_mqtt_window(f->mqtt), GW_MQTT_WINDOW_MAX);
    assert_int_equal(f->writable, 1);
    gw_mqtt_stop(f->mqtt, on_stopped);
    wait_for(f, &f->stopped, 1);
    assert_int_equal(f->broker.disconnects, 1); /* clean: no will */
    assert_int_equal(f->disconnected, 0);
}

static void test_version_4(void **state)
{
    struct fixture *f = *state;
    f->options.version = 4;
    go_online(f);
    assert_int_equal(f->broker.version, 4);
    gw_mqtt_subscribe(f->mqtt, "dnp3/+/+/set/#", 1);
    wait_for(f, &f->subscribed, 1);
    publish(f, 1);
    wait_for(f, &f->acked, 1);
    fake_publish(&f->broker, "dnp3/a/b/set/c", "", 0, "open", 4, false);
    wait_for(f, &f->messages, 1);
    assert_string_equal(f->payload, "open");
    assert_int_equal(f->message.expiry_s, UINT32_MAX);
    f->broker.connack = 5;
    fake_close(&f->broker);
    wait_for(f, &f->disconnected, 1);
    unsigned before = f->broker.connects;
    wait_for(f, &f->broker.connects, before + 2);
    assert_non_null(strstr(gw_mqtt_reason(f->mqtt), "not authorized"));
}

static void test_publishes_in_order(void **state)
{
    struct fixture *f = *state;
    f->publish_when_writable = true;
    f->to_publish = 1000;
    go_online(f);
    uint64_t calls = gw_memory_calls();
    wait_for(f, &f->acked, 1000);
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(f->ids[i], i);
        assert_int_equal(f->codes[i], 0);
    }
    assert_int_equal(f->broker.publishes, 1000);
    assert_int_equal(gw_memory_calls(), calls);
    assert_int_equal(gw_mqtt_counters(f->mqtt)->published, 1000);
    assert_int_equal(gw_mqtt_counters(f->mqtt)->acked, 1000);
}

static void test_window_is_kept(void **state)
{
    struct fixture *f = *state;
    f->broker.hold_pubacks = true;
    f->publish_when_writable = true;
    f->to_publish = 100;
    go_online(f);
    wait_for(f, &f->broker.held, GW_MQTT_WINDOW_MAX);
    assert_int_equal(gw_mqtt_window(f->mqtt), 0);
    assert_int_equal(publish(f, 1000), GW_MQTT_BUSY);
    run_for(f, 50);
    assert_int_equal(f->broker.held, GW_MQTT_WINDOW_MAX);
    while (f->acked < 100) {
        fake_release(&f->broker);
        uv_run(&f->loop, UV_RUN_ONCE);
    }
    assert_int_equal(f->broker.most_held, GW_MQTT_WINDOW_MAX);
}

static void test_receive_maximum_is_kept(void **state)
{
    struct fixture *f = *state;
    memcpy(f->broker.properties, "\x21\x00\x05", 3);
    f->broker.properties_len = 3;
    f->broker.hold_pubacks = true;
    f->publish_when_writable = true;
    f->to_publish = 20;
    go_online(f);
    assert_int_equal(f->connection.receive_maximum, 5);
    wait_for(f, &f->broker.held, 5);
    run_for(f, 30);
    assert_int_equal(f->broker.held, 5);
    while (f->acked < 20) {
        fake_release(&f->broker);
        uv_run(&f->loop, UV_RUN_ONCE);
    }
    assert_int_equal(f->broker.most_held, 5);
}

static void test_octets_in_flight_are_bounded(void **state)
{
    struct fixture *f = *state;
    static char big[40000];
    const struct gw_mqtt_publication publication = {
        .topic = "t", .payload = big, .payload_len = sizeof big, .qos = 1};
    f->broker.hold_pubacks = true;
    go_online(f);
    assert_int_equal(gw_mqtt_publish(f->mqtt, &publication, 1), 0);
    assert_int_equal(gw_mqtt_publish(f->mqtt, &publication, 2), GW_MQTT_BUSY);
    wait_for(f, &f->broker.held, 1);
    fake_release(&f->broker);
    wait_for(f, &f->acked, 1);
    assert_int_equal(gw_mqtt_publish(f->mqtt, &publication, 2), 0);
}

static void test_qos_0_is_acked_when_written(void **state)
{
    struct fixture *f = *state;
    const struct gw_mqtt_publication publication = {.topic = "t", .payload = "x", .payload_len = 1};
    go_online(f);
    for (unsigned i = 0; i < 100; i++) {
        while (!gw_mqtt_window(f->mqtt))
            uv_run(&f->loop, UV_RUN_ONCE);
        assert_int_equal(gw_mqtt_publish(f->mqtt, &publication, i), 0);
    }
    wait_for(f, &f->acked, 100);
    wait_for(f, &f->broker.publishes, 100);
}

static void test_properties_go_out(void **state)
{
    struct fixture *f = *state;
    const struct gw_mqtt_publication publication = {.topic = "result",
                                                    .payload = "done",
                                                    .payload_len = 4,
                                                    .correlation = "7f\0a",
                                                    .correlation_len = 4,
                                                    .expiry_s = 258,
                                                    .qos = 1,
                                                    .retain = true};
    go_online(f);
    assert_int_equal(gw_mqtt_publish(f->mqtt, &publication, 9), 0);
    wait_for(f, &f->acked, 1);
    assert_int_equal(f->broker.publish[0], 0x33); /* PUBLISH, QoS 1, retain */
    /* Correlation data (9) and expiry (2), in any order, then the payload. */
    const uint8_t *p = f->broker.publish;
    assert_non_null(memmem(p, f->broker.publish_len, "\x09\x00\x04\x37\x66\x00\x61", 7));
    assert_non_null(memmem(p, f->broker.publish_len, "\x02\x00\x00\x01\x02", 5));
    assert_memory_equal(p + f->broker.publish_len - 4, "done", 4);
}

static void test_refused_publish(void **state)
{
    struct fixture *f = *state;
    f->broker.puback = 0x87;
    go_online(f);
    publish(f, 5);
    wait_for(f, &f->acked, 1);
    assert_int_equal(f->ids[0], 5);
    assert_int_equal(f->codes[0], 0x87);
    f->broker.puback = 0x10; /* no matching subscribers: a success */
    publish(f, 6);
    wait_for(f, &f->acked, 2);
    assert_true(f->codes[1] < 0x80);
    assert_int_equal(gw_mqtt_counters(f->mqtt)->unheard, 1);
    assert_true(gw_mqtt_online(f->mqtt));
    assert_int_equal(gw_mqtt_window(f->mqtt), GW_MQTT_WINDOW_MAX);
}

/* An answer that comes again is not taken for that to the next message in its place. */
static void test_a_puback_counts_once(void **state)
{
    struct fixture *f = *state;
    f->broker.hold_pubacks = true;
    go_online(f);
    publish(f, 1);
    wait_for(f, &f->broker.held, 1);
    uint16_t id = f->broker.held_ids[0];
    fake_release(&f->broker);
    wait_for(f, &f->acked, 1);
    publish(f, 2);
    wait_for(f, &f->broker.held, 1);
    fake_puback(&f->broker, id);
    fake_puback(&f->broker, 7);
    fake_puback(&f->broker, 0);
    run_for(f, 30);
    assert_int_equal(f->acked, 1);
    assert_int_equal(gw_mqtt_window(f->mqtt), GW_MQTT_WINDOW_MAX - 1);
    fake_release(&f->broker);
    wait_for(f, &f->acked, 2);
    assert_int_equal(f->ids[1], 2);
}

/* A subscription has an identifier of the client library, a message one of ours. */
static void test_identifiers_are_apart(void **state)
{
    struct fixture *f = *state;
    f->broker.hold_pubacks = true;
    go_online(f);
    fill(f, GW_MQTT_WINDOW_MAX);
    gw_mqtt_subscribe(f->mqtt, "dnp3/+/+/set/#", 1);
    wait_for(f, &f->subscribed, 1);
    wait_for(f, &f->broker.held, GW_MQTT_WINDOW_MAX);
    for (unsigned i = 0; i < f->broker.held; i++) {
        assert_true(f->broker.held_ids[i] >= 0x8000);
        for (unsigned k = 0; k < i; k++)
            assert_int_not_equal(f->broker.held_ids[i], f->broker.held_ids[k]);
    }
}

static void test_answers_come_in_single_octets(void **state)
{
    struct fixture *f = *state;
    f->broker.hold_pubacks = true;
    f->broker.puback = 0x10;
    go_online(f);
    fill(f, 3);
    wait_for(f, &f->broker.held, 3);
    for (unsigned i = 0; i < 3; i++) {
        uint16_t id = f->broker.held_ids[i];
        const uint8_t packets[] = {0x30,        4,   0,
                                   1,           't', 0, /* PUBLISH */
                                   0x40,        3,   (uint8_t)(id >> 8),
                                   (uint8_t)id, 0x10};
        for (size_t k = 0; k < sizeof packets; k++) {
            fake_send(&f->broker, packets + k, 1);
            uv_run(&f->loop, UV_RUN_NOWAIT);
        }
    }
    wait_for(f, &f->acked, 3);
    wait_for(f, &f->messages, 3);
    assert_int_equal(f->ids[2], 2);
    assert_int_equal(gw_mqtt_counters(f->mqtt)->unheard, 3);
}

static void test_a_puback_that_is_none(void **state)
{
    struct fixture *f = *state;
    go_online(f);
    f->broker.hold_pubacks = true;
    publish(f, 1);
    wait_for(f, &f->broker.held, 1);
    fake_send(&f->broker, "\x40\x01\x80", 3);
    wait_for(f, &f->disconnected, 1);
    assert_non_null(strstr(f->reason, "a PUBACK that is none"));
    assert_int_equal(f->acked, 0);
    wait_for(f, &f->connected, 2);
}

/* A message larger than all that is kept room for, while the broker does not read. */
static void test_large_message_over_a_slow_line(void **state)
{
    struct fixture *f = *state;
    static char big[900000];
    const struct gw_mqtt_publication publication = {
        .topic = "t", .payload = big, .payload_len = sizeof big, .qos = 1};
    go_online(f);
    size_t memory = gw_memory_used(GW_OWNER_MQTT);
    int small = 128 * 1024;
    uv_recv_buffer_size((uv_handle_t *)&f->broker.client, &small);
    for (unsigned i = 0; i < 3; i++) {
        uv_read_stop((uv_stream_t *)&f->broker.client);
        assert_int_equal(gw_mqtt_publish(f->mqtt, &publication, i), 0);
        assert_true(gw_memory_used(GW_OWNER_MQTT) >= memory + sizeof big);
        assert_int_equal(publish(f, 100), GW_MQTT_BUSY);
        run_for(f, 20);
        assert_int_equal(f->broker.publishes, i);
        uv_read_start((uv_stream_t *)&f->broker.client, fake_room, fake_read);
        wait_for(f, &f->acked, i + 1);
    }
    run_for(f, 20);
    assert_int_equal(gw_memory_used(GW_OWNER_MQTT), memory);
}

static void test_what_the_broker_does_not_take_is_never_sent(void **state)
{
    struct fixture *f = *state;
    static char big[1000];
    struct gw_mqtt_publication publication = {
        .topic = "t", .payload = big, .payload_len = sizeof big, .qos = 1, .retain = true};
    /* Maximum packet 500, maximum QoS 0, no retained messages. */
    memcpy(f->broker.properties, "\x27\x00\x00\x01\xf4\x24\x00\x25\x00", 9);
    f->broker.properties_len = 9;
    go_online(f);
    assert_false(f->connection.retain_available);
    assert_int_equal(f->connection.maximum_packet, 500);
    assert_int_equal(gw_mqtt_publish(f->mqtt, &publication, 1), 0);
    wait_for(f, &f->acked, 1);
    assert_int_equal(f->codes[0], 0x95);
    publication.payload_len = 10;
    assert_int_equal(gw_mqtt_publish(f->mqtt, &publication, 2), 0);
    wait_for(f, &f->acked, 2);
    assert_int_equal(f->ids[1], 2);
    assert_int_equal(f->codes[1], 0x9b);
    assert_int_equal(f->broker.publishes, 0);
    publication.qos = 0;
    assert_int_equal(gw_mqtt_publish(f->mqtt, &publication, 3), 0);
    wait_for(f, &f->broker.publishes, 1);
    assert_int_equal(f->broker.publish[0], 0x30);
    publication.topic = "\xff\xfe"; /* not UTF-8 */
    assert_int_equal(gw_mqtt_publish(f->mqtt, &publication, 4), 0);
    wait_for(f, &f->acked, 4);
    assert_int_equal(f->ids[2] + f->ids[3], 3 + 4); /* in any order */
    assert_true(f->codes[f->ids[2] == 4 ? 2 : 3] >= 0x80);
    assert_int_equal(gw_mqtt_window(f->mqtt), GW_MQTT_WINDOW_MAX);
}

static void test_messages_come_in_whole(void **state)
{
    struct fixture *f = *state;
    static const char properties[] = "\x10\x02\x00\x00\x00\x3c\x08\x00\x02r1\x09\x00\x03"
                                     "abc";
    go_online(f);
    fake_publish(&f->broker, "dnp3/n/r/set/b", properties, sizeof properties - 1, "open", 4, true);
    wait_for(f, &f->messages, 1);
    assert_string_equal(f->topic, "dnp3/n/r/set/b");
    assert_string_equal(f->payload, "open");
    assert_string_equal(f->response, "r1");
    assert_string_equal(f->correlation, "abc");
    assert_int_equal(f->message.response_topic_len, 2);
    assert_int_equal(f->message.expiry_s, 60);
    assert_true(f->message.retained);
    fake_publish(&f->broker, "dnp3/n/r/set/b", "", 1, "", 0, false);
    wait_for(f, &f->messages, 2);
    assert_int_equal(f->message.payload_len, 0);
    assert_null(f->message.response_topic);
    assert_null(f->message.correlation);
    assert_int_equal(f->message.expiry_s, UINT32_MAX);
    assert_false(f->message.retained);
}

static void test_flood_is_dropped_and_counted(void **state)
{
    struct fixture *f = *state;
    static char payload[1000];
    f->options.inbox_octets = 8192;
    go_online(f);
    int log = log_capture_begins();
    /* The loop does not run while Paho reads: fill the relay, then look. */
    for (int i = 0; i < 2000; i++)
        fake_publish(&f->broker, "t", "", 1, payload, sizeof payload, false);
    for (uint64_t total = 0; total < 2000;) {
        uv_run(&f->loop, UV_RUN_ONCE);
        uv_sleep(1);
        total = gw_mqtt_counters(f->mqtt)->received + gw_mqtt_counters(f->mqtt)->dropped;
    }
    assert_true(gw_mqtt_counters(f->mqtt)->received > 0);
    assert_int_equal(gw_mqtt_counters(f->mqtt)->received, f->messages);
    assert_true(gw_mqtt_online(f->mqtt));
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_true(log_capture_ends(log, "are dropped, without a result"));
}

/* What is too long for any command comes all the same, so that it is answered. */
static void test_what_is_too_long_is_cut(void **state)
{
    enum { LONG = 1 << 20, TAKEN = 96 << 10 };
    struct fixture *f = *state;
    char *payload = malloc(LONG);
    assert_non_null(payload);
    memset(payload, 'x', LONG);
    go_online(f);
    fake_publish(&f->broker, "t", "", 1, payload, LONG, false);
    free(payload);
    wait_for(f, &f->messages, 1);
    assert_int_equal(f->message.payload_len, TAKEN);
    assert_int_equal(gw_mqtt_counters(f->mqtt)->dropped, 0);
}

static void test_subscriptions_are_repeated(void **state)
{
    struct fixture *f = *state;
    start(f);
    assert_int_equal(gw_mqtt_subscribe(f->mqtt, "dnp3/+/+/set/#", 1), 0);
    assert_int_equal(gw_mqtt_subscribe(f->mqtt, "dnp3/+/+/set/#", 1), 0); /* once is enough */
    wait_for(f, &f->subscribed, 1);
    f->broker.suback = 0x87;
    fake_close(&f->broker);
    wait_for(f, &f->subscribed, 2);
    assert_int_equal(f->suback, 0x87);
    assert_int_equal(f->broker.subscribes, 2);
    for (int i = 1; i < GW_MQTT_FILTERS_MAX; i++) {
        char filter[16];
        snprintf(filter, sizeof filter, "f/%d", i);
        assert_int_equal(gw_mqtt_subscribe(f->mqtt, filter, 1), 0);
    }
    assert_int_equal(gw_mqtt_subscribe(f->mqtt, "one/more", 1), GW_MQTT_FULL);
}

static void check_subscribed(struct fake_broker *broker, const char *topic, const uint8_t *payload,
                             size_t length)
{
    (void)topic;
    (void)payload;
    (void)length;
    assert_int_equal(broker->subscribes, broker->connects * 8);
}

/* Who sees the first message may answer it with a command: the broker must know by then that we
 * want it. */
static void test_subscriptions_come_before_messages(void **state)
{
    struct fixture *f = *state;
    f->broker.on_publish = check_subscribed;
    f->options.reconnect_max_ms = 1;
    f->publish_when_writable = true;
    f->to_publish = 1;
    start(f);
    for (int i = 0; i < 8; i++) {
        char filter[16];
        snprintf(filter, sizeof filter, "f/%d", i);
        assert_int_equal(gw_mqtt_subscribe(f->mqtt, filter, 1), 0);
    }
    for (unsigned i = 1; i <= 20; i++) {
        wait_for(f, &f->acked, i);
        f->to_publish++;
        fake_close(&f->broker);
        wait_for(f, &f->disconnected, i);
    }
}

static void test_refused_connections(void **state)
{
    static const struct {
        uint8_t code;
        const char *text;
    } refusals[] = {{0x86, "bad user name or password"},
                    {0x87, "not authorized"},
                    {0x85, "client identifier not valid"},
                    {0x88, "server unavailable"}};
    struct fixture *f = *state;
    start(f);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        f->broker.connack = refusals[i].code;
        wait_for(f, &f->broker.connects, f->broker.connects + 2);
        assert_non_null(strstr(gw_mqtt_reason(f->mqtt), refusals[i].text));
    }
    assert_int_equal(f->connected, 0);
    assert_int_equal(f->disconnected, 0);
    assert_int_equal(publish(f, 1), GW_MQTT_OFFLINE);
    f->broker.connack = 0;
    wait_for(f, &f->connected, 1);
}

static void test_silent_broker(void **state)
{
    struct fixture *f = *state;
    f->broker.silent = true;
    f->options.connack_timeout_ms = 100;
    start(f);
    wait_for(f, &f->broker.ends, 2);
    assert_non_null(strstr(gw_mqtt_reason(f->mqtt), "no answer to CONNECT in time"));
    f->broker.silent = false;
    wait_for(f, &f->connected, 1);
}

static void test_nobody_there(void **state)
{
    struct fixture *f = *state;
    f->endpoints[0].port = 1;
    start(f);
    run_for(f, 50);
    assert_non_null(strstr(gw_mqtt_reason(f->mqtt), "connect_refused"));
    assert_non_null(strstr(gw_mqtt_reason(f->mqtt), "127.0.0.1:1"));
}

static void test_refusing_broker_is_passed_over(void **state)
{
    struct fixture *f = *state;
    static struct fake_broker second;
    memset(&second, 0, sizeof second);
    fake_start(&second, &f->loop);
    f->endpoints[1] = (struct gw_endpoint){"127.0.0.1", second.port};
    f->options.broker.endpoint_count = 2;
    f->broker.connack = 0x88;
    go_online(f);
    assert_int_equal(second.connects, 1);
    fake_stop(&second);
    f->broker.connack = 0;
    wait_for(f, &f->connected, 2); /* the first one again */
    assert_true(f->broker.open);
}

/* Another client has our name: it is left alone for a while, however short pauses are otherwise. */
static void test_broker_says_why_it_closes(void **state)
{
    struct fixture *f = *state;
    f->options.taken_over_pause_ms = 200;
    go_online(f);
    fake_disconnect(&f->broker, 0x8e);
    fake_close(&f->broker);
    wait_for(f, &f->disconnected, 1);
    assert_non_null(strstr(f->reason, "session taken over"));
    uint64_t before = uv_now(&f->loop);
    wait_for(f, &f->connected, 2);
    assert_true(uv_now(&f->loop) - before >= 200);
    fake_close(&f->broker);
    wait_for(f, &f->connected, 3); /* an end like any other */
}

static void test_keep_alive_notices_a_dead_broker(void **state)
{
    struct fixture *f = *state;
    f->options.keep_alive_s = 1;
    go_online(f);
    wait_for(f, &f->broker.pings, 1);
    f->broker.silent = true;
    wait_for(f, &f->disconnected, 1);
}

/* The broker's word counts; the client library does not see to that by itself. */
static void test_the_broker_wants_another_keep_alive(void **state)
{
    struct fixture *f = *state;
    f->options.keep_alive_s = 77;
    memcpy(f->broker.properties, "\x13\x00\x01", 3);
    f->broker.properties_len = 3;
    go_online(f);
    assert_int_equal(f->broker.connects, 2);
    assert_int_equal(f->connected, 1);
    assert_int_equal(f->broker.connect[11], 1);
    assert_int_equal(f->connection.keep_alive_s, 1);
    wait_for(f, &f->broker.pings, 1);
    assert_int_equal(f->disconnected, 0);
}

/* What a connection brought and nobody has looked at goes with it: as a command it would be late.
 */
static void test_messages_of_another_connection_are_dropped(void **state)
{
    struct fixture *f = *state;
    memcpy(f->broker.properties, "\x13\x00\x01", 3); /* another keep-alive: it connects anew */
    f->broker.properties_len = 3;
    start(f);
    while (f->broker.connects == 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    fake_publish(&f->broker, "dnp3/n/r/set/b", "", 1, "open", 4, false);
    for (int i = 0; i < 20; i++) { /* both lie there before the loop looks */
        uv_run(&f->loop, UV_RUN_NOWAIT);
        uv_sleep(2);
    }
    wait_for(f, &f->connected, 1);
    assert_int_equal(f->broker.connects, 2);
    run_for(f, 50);
    assert_int_equal(f->messages, 0);
}

static void test_what_was_acked_before_the_end_counts(void **state)
{
    struct fixture *f = *state;
    f->broker.close_after = 6;
    go_online(f);
    for (unsigned i = 0; i < 10; i++)
        publish(f, i);
    wait_for(f, &f->disconnected, 1);
    /* All five in most runs; a reset connection may swallow what was not read. */
    unsigned acked = f->acked;
    assert_in_range(acked, 0, 5);
    f->broker.close_after = 0;
    wait_for(f, &f->connected, 2);
    run_for(f, 50);
    /* Nothing that was in flight is sent again by itself, neither sent nor unsent. */
    assert_int_equal(f->broker.publishes, 6);
    assert_int_equal(f->acked, acked);
    assert_int_equal(gw_mqtt_window(f->mqtt), GW_MQTT_WINDOW_MAX);
    publish(f, 100);
    wait_for(f, &f->acked, acked + 1);
    assert_int_equal(f->ids[acked], 100);
}

static void test_stop_in_every_state(void **state)
{
    struct fixture *f = *state;
    const struct gw_mqtt_callbacks callbacks = {.connected = on_connected,
                                                .disconnected = on_disconnected,
                                                .acked = on_acked,
                                                .writable = on_writable,
                                                .message = on_message};
    for (unsigned i = 0; i < 6; i++) {
        f->broker.silent = i == 2;
        f->broker.connack = i == 3 ? 0x88 : 0;
        f->stop_when_connected = i == 4;
        f->mqtt = gw_mqtt_create(&f->loop, &f->options, &callbacks, f);
        if (i)
            gw_mqtt_start(f->mqtt);
        if (i == 2 || i == 3)
            run_for(f, 30);
        if (i >= 4)
            wait_for(f, &f->connected, f->connected + 1);
        if (i == 5)
            fill_window(f);
        if (i != 4)
            gw_mqtt_stop(f->mqtt, on_stopped);
        gw_mqtt_stop(f->mqtt, on_stopped); /* twice is legal */
        wait_for(f, &f->stopped, i + 1);
        f->stop_when_connected = false;
        assert_int_equal(gw_mqtt_start(f->mqtt), GW_MQTT_INVALID);
        if (i < 5)
            gw_mqtt_free(f->mqtt);
    }
    assert_int_equal(f->disconnected, 0);
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void test_reconnect_storm_leaks_nothing(void **state)
{
    struct fixture *f = *state;
    f->publish_when_writable = true;
    f->options.reconnect_max_ms = 1;
    go_online(f);
    unsigned descriptors = open_descriptors();
    size_t memory = gw_memory_used(GW_OWNER_MQTT);
    size_t early = 0; /* of Paho, too */
    for (unsigned i = 1; i <= 50; i++) {
        if (i == 15)
            early = mallinfo2().uordblks;
        f->broker.close_after = i % 5;
        f->to_publish = f->published + GW_MQTT_WINDOW_MAX;
        fill_window(f);
        if (!f->broker.close_after)
            fake_close(&f->broker);
        wait_for(f, &f->disconnected, i);
        f->to_publish = f->published;
        wait_for(f, &f->connected, i + 1);
    }
    assert_in_range(mallinfo2().uordblks, 0, early + 2048);
    assert_int_equal(open_descriptors(), descriptors);
    assert_int_equal(gw_memory_used(GW_OWNER_MQTT), memory);
    assert_int_equal(f->connected, f->disconnected + 1);
}

/* Outbox and connection together: whatever the broker does, all arrives in order. */
struct delivery {
    struct fixture *f;
    struct gw_outbox *outbox;
    uint32_t next; /* the number the broker has to see, repeats aside */
    unsigned safe;
};

static int sink_publish(void *user, const struct gw_outbox_message *message, uint64_t id)
{
    struct delivery *d = user;
    return gw_mqtt_publish(d->f->mqtt,
                           &(struct gw_mqtt_publication){.topic = message->topic,
                                                         .payload = message->payload,
                                                         .payload_len = message->payload_len,
                                                         .qos = message->qos},
                           id);
}

static size_t sink_window(void *user)
{
    return gw_mqtt_window(((struct delivery *)user)->f->mqtt);
}

static struct delivery delivery;

static void delivery_acked(void *user, uint64_t id, int reason_code)
{
    (void)user;
    gw_outbox_acked(delivery.outbox, id, reason_code);
}

static void delivery_writable(void *user)
{
    (void)user;
    gw_outbox_pump(delivery.outbox);
}

static void delivery_disconnected(void *user, const char *reason)
{
    on_disconnected(user, reason);
    gw_outbox_disconnected(delivery.outbox);
}

static void delivery_safe(void *user, void *owner, uint32_t token)
{
    struct delivery *d = user;
    (void)owner;
    assert_int_equal(token, d->safe);
    d->safe++;
}

static void check_order(struct fake_broker *broker, const char *topic, const uint8_t *payload,
                        size_t length)
{
    uint32_t number;
    (void)broker;
    (void)topic;
    assert_int_equal(length, sizeof number);
    memcpy(&number, payload, sizeof number);
    assert_true(number <= delivery.next);
    if (number == delivery.next)
        delivery.next++;
}

static void test_all_arrives_in_order_over_a_bad_line(void **state)
{
    struct fixture *f = *state;
    const struct gw_mqtt_callbacks callbacks = {.connected = on_connected,
                                                .disconnected = delivery_disconnected,
                                                .acked = delivery_acked,
                                                .writable = delivery_writable,
                                                .message = on_message};
    const struct gw_outbox_options options = {.messages = 4096, .octets = 2u << 20};
    const struct gw_outbox_sink sink = {sink_publish, sink_window, NULL, NULL, &delivery};
    const struct gw_outbox_callbacks outbox_callbacks = {delivery_safe, NULL, NULL};
    delivery = (struct delivery){.f = f};
    delivery.outbox = gw_outbox_create(&options, &sink, &outbox_callbacks, &delivery);
    f->options.reconnect_max_ms = 1;
    f->broker.close_after = 137;
    f->broker.on_publish = check_order;
    f->mqtt = gw_mqtt_create(&f->loop, &f->options, &callbacks, f);
    gw_mqtt_start(f->mqtt);
    for (uint32_t i = 0; i < 3000; i += 3) {
        gw_outbox_begin(delivery.outbox, f, i / 3, true);
        for (uint32_t number = i; number < i + 3; number++)
            gw_outbox_put(delivery.outbox, &(struct gw_outbox_message){.topic = "t",
                                                                       .topic_len = 1,
                                                                       .payload = &number,
                                                                       .payload_len = sizeof number,
                                                                       .qos = 1});
        assert_int_equal(gw_outbox_commit(delivery.outbox), 0);
        uv_run(&f->loop, UV_RUN_NOWAIT);
    }
    wait_for(f, &delivery.safe, 1000);
    assert_int_equal(delivery.next, 3000);
    assert_true(f->disconnected >= 20);
    gw_outbox_free(delivery.outbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_connects_as_told),
        TEST(test_version_4),
        TEST(test_publishes_in_order),
        TEST(test_window_is_kept),
        TEST(test_receive_maximum_is_kept),
        TEST(test_octets_in_flight_are_bounded),
        TEST(test_qos_0_is_acked_when_written),
        TEST(test_properties_go_out),
        TEST(test_refused_publish),
        TEST(test_a_puback_counts_once),
        TEST(test_identifiers_are_apart),
        TEST(test_answers_come_in_single_octets),
        TEST(test_a_puback_that_is_none),
        TEST(test_large_message_over_a_slow_line),
        TEST(test_what_the_broker_does_not_take_is_never_sent),
        TEST(test_messages_come_in_whole),
        TEST(test_flood_is_dropped_and_counted),
        TEST(test_what_is_too_long_is_cut),
        TEST(test_subscriptions_are_repeated),
        TEST(test_subscriptions_come_before_messages),
        TEST(test_refused_connections),
        TEST(test_silent_broker),
        TEST(test_nobody_there),
        TEST(test_refusing_broker_is_passed_over),
        TEST(test_broker_says_why_it_closes),
        TEST(test_keep_alive_notices_a_dead_broker),
        TEST(test_the_broker_wants_another_keep_alive),
        TEST(test_messages_of_another_connection_are_dropped),
        TEST(test_what_was_acked_before_the_end_counts),
        TEST(test_stop_in_every_state),
        TEST(test_reconnect_storm_leaks_nothing),
        TEST(test_all_arrives_in_order_over_a_bad_line),
#undef TEST
    };
    return cmocka_run_group_tests_name("mqtt", tests, NULL, NULL);
}
