/* SPDX-License-Identifier: Apache-2.0 */
/* What is published, to a broker that misbehaves on demand: order, window, acknowledgements, and
 * the outbox behind it. */
#include "mqtt_steps.h"

#include "gateway/delivery/outbox.h"

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
        TEST(test_what_was_acked_before_the_end_counts),
        TEST(test_all_arrives_in_order_over_a_bad_line),
    };
    return cmocka_run_group_tests_name("mqtt_publish", tests, NULL, NULL);
}
