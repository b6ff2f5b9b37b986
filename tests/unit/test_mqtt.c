/* SPDX-License-Identifier: Apache-2.0 */
/* The MQTT connection against a broker that misbehaves on demand: how it comes and ends, and what
 * comes in over it. */
#include "mqtt_steps.h"

#include <dirent.h>
#include <malloc.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_connects_as_told),
        TEST(test_version_4),
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
        TEST(test_stop_in_every_state),
        TEST(test_reconnect_storm_leaks_nothing),
    };
    return cmocka_run_group_tests_name("mqtt", tests, NULL, NULL);
}
