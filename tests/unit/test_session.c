/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of a whole gateway, between outstations over TCP and a scripted MQTT connection: what is
 * confirmed and when, what is published again, which state is told. */
#include "gateway/payload/payload.h"
#include "tests/lib/log_capture.h"
#include "tests/lib/site.h"

static const char one[] =
    "{\"gateway\":\"g\",\"clock\":\"trusted\",\"mqtt\":{\"url\":\"mqtt://x\"},\"profiles\":{"
    "\"quick\":{\"response_timeout_s\":0.3,\"keep_alive_s\":0.5,\"offline_after_s\":0,"
    "\"time_sync\":\"none\",\"polls\":[{\"classes\":[0],\"every_s\":0.2}]}},"
    "\"outstations\":[{\"name\":\"a\",\"connect\":\"tcp://127.0.0.1:PORT\",\"address\":10,"
    "\"profile\":\"quick\",\"mapping\":\"device.json\"}]}";

static const char mapping[] =
    "{\"device\":\"d\",\"points\":[{\"type\":\"analog_input\",\"index\":0,\"name\":"
    "\"volts\"},{\"type\":\"analog_input\",\"index\":1,\"name\":\"amps\"}]}";

static struct dnp3_outstation_config two_analogs(void)
{
    struct dnp3_outstation_config config;
    dnp3_outstation_config_default(&config);
    config.unsolicited = true;
    config.confirm_timeout_ms = 1000;
    config.unsolicited_retries = DNP3_RETRY_FOREVER;
    config.unsolicited_hold_ms = 1;
    config.database.count[DNP3_POINT_ANALOG_INPUT] = 2;
    return config;
}

static const struct dnp3_outstation_counters *counters(const struct site *site)
{
    return dnp3_outstation_counters(site->peer.outstations[0]);
}

static void set_volts(struct site *site, double value)
{
    peer_update(&site->peer, 0, DNP3_POINT_ANALOG_INPUT, 0, value, DNP3_EVENT_FORCE);
}

static bool published(size_t from, const char *topic_end, const char *text)
{
    return fake_mqtt_find(from, topic_end, text) != SIZE_MAX;
}

static void start(struct site *site)
{
    struct dnp3_outstation_config config = two_analogs();
    site_start(site, one, mapping, &config, 1);
}

/* Up to where everything known is out and acknowledged. */
static void start_online(struct site *site)
{
    start(site);
    fake_mqtt.automatic = true;
    fake_mqtt_connect();
    site_wait(site, published(0, "a/status", "\"online\""));
    set_volts(site, 1);
    site_wait(site, counters(site)->events_confirmed == 1);
    site_wait(site, fake_mqtt.acked == fake_mqtt.published);
}

static void test_nothing_is_confirmed_without_a_broker(void **unused)
{
    struct site site;
    (void)unused;
    start(&site);
    set_volts(&site, 7);
    site_wait(&site, counters(&site)->requests > 5); /* it is polled all the same */
    assert_int_equal(counters(&site)->events_confirmed, 0);
    assert_int_equal(fake_mqtt.published, 0);
    fake_mqtt_connect();
    fake_mqtt_ack(0);
    site_wait(&site, published(0, "a/point/volts", "\"event\""));
    assert_int_equal(counters(&site)->events_confirmed, 0);
    site_pass(&site, 100);
    assert_int_equal(counters(&site)->events_confirmed, 0);
    fake_mqtt.automatic = true;
    fake_mqtt_ack(0);
    site_wait(&site, counters(&site)->events_confirmed == 1);
    assert_true(published(0, "a/status", "\"withholding\":false"));
    site_stop(&site);
}

/* An event in an unsolicited response that asks for no confirm. */
static void say_unprotected(struct site *site, uint8_t sequence, uint8_t value)
{
    const uint8_t data[] = {
        0xC0, (uint8_t)(0xD0 | sequence), 130, 0, 0, 32, 2, 0x17, 1, 0, 1, value, 0};
    uint8_t octets[DNP3_LINK_FRAME_MAX];
    struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
    dnp3_link_write(
        &out, &(struct dnp3_link_frame){.control = DNP3_LINK_PRM | DNP3_LINK_UNCONFIRMED_USER_DATA,
                                        .destination = 1,
                                        .source = PEER_FIRST_ADDRESS,
                                        .data = data,
                                        .length = sizeof data});
    uv_buf_t buffer = uv_buf_init((char *)octets, (unsigned)dnp3_writer_length(&out));
    assert_int_equal(uv_try_write((uv_stream_t *)&site->peer.tcp, &buffer, 1), buffer.len);
}

static void test_events_that_cannot_be_protected_are_told(void **unused)
{
    struct site site;
    (void)unused;
    start_online(&site);
    uint64_t confirmed = counters(&site)->events_confirmed;
    int log = log_capture_begins();
    say_unprotected(&site, 3, 77);
    site_wait(&site, published(0, "a/point/volts", "\"value\":77,"));
    assert_true(log_capture_ends(log, "events without asking for a confirm"));
    log = log_capture_begins();
    say_unprotected(&site, 4, 78);
    site_wait(&site, published(0, "a/point/volts", "\"value\":78,"));
    assert_false(log_capture_ends(log, "events without asking for a confirm"));
    assert_int_equal(counters(&site)->events_confirmed, confirmed);
    site_stop(&site);
}

static void test_what_the_broker_missed_is_published_when_it_is_back(void **unused)
{
    struct site site;
    (void)unused;
    start_online(&site);
    fake_mqtt_lose();
    peer_update(&site.peer, 0, DNP3_POINT_ANALOG_INPUT, 1, 42, DNP3_EVENT_SUPPRESS);
    uint32_t requests = counters(&site)->requests;
    site_wait(&site, counters(&site)->requests > requests + 3);
    size_t from = fake_mqtt.published;
    fake_mqtt_connect();
    site_wait(&site, published(from, "a/point/amps", "\"value\":42"));
    assert_false(published(from, "a/point/volts", "")); /* nothing new there */
    site_stop(&site);
}

/* The broker says no to an event: not confirmed, and what stood beside it is not lost. */
static void test_a_refused_message_is_not_confirmed(void **unused)
{
    struct site site;
    (void)unused;
    start_online(&site);
    fake_mqtt.automatic = false;
    size_t from = fake_mqtt.published;
    set_volts(&site, 5);
    site_wait(&site, published(from, "a/point/volts", "\"value\":5"));
    fake_mqtt_ack(0x97);
    site_wait(&site, published(from, "a/status", "\"withholding\":true"));
    fake_mqtt.automatic = true;
    fake_mqtt_ack(0);
    site_wait(&site, published(from, "a/point/volts", "\"static\""));
    assert_int_equal(counters(&site)->events_confirmed, 1); /* the first one only */
    from = fake_mqtt.published;
    peer_update(&site.peer, 0, DNP3_POINT_ANALOG_INPUT, 1, 43, DNP3_EVENT_SUPPRESS);
    site_wait(&site, published(from, "a/point/amps", "\"value\":43")); /* while it is withheld */
    site_stop(&site);
}

/* A fragment that was withdrawn while it was under way: its values must not stay unpublished. */
static void test_a_withdrawn_fragment_leaves_its_values(void **unused)
{
    struct site site;
    (void)unused;
    start_online(&site);
    fake_mqtt.automatic = false;
    size_t from = fake_mqtt.published;
    set_volts(&site, 6);
    site_wait(&site, published(from, "a/point/volts", "\"value\":6"));
    peer_close(&site.peer, true); /* voids the hold; the message is with the broker, or is not */
    site_wait(&site, published(from, "a/status", "closed_by_peer"));
    fake_mqtt_lose();
    from = fake_mqtt.published;
    fake_mqtt.automatic = true;
    fake_mqtt_connect();
    site_wait(&site, published(from, "a/point/volts", "\"value\":6"));
    site_stop(&site);
}

static void test_points_are_marked_and_recover(void **unused)
{
    struct site site;
    (void)unused;
    start_online(&site);
    size_t from = fake_mqtt.published;
    site.peer.mute[0] = true;
    site_wait(&site, published(from, "a/status", "\"offline\",\"reason\":\"timeout\""));
    site_wait(&site, published(from, "a/point/volts", "COMM_LOST"));
    site_wait(&site, published(from, "a/point/amps", "COMM_LOST"));
    assert_true(published(from, "a/point/volts", "\"value\":1"));
    site.peer.mute[0] = false;
    from = fake_mqtt.published;
    site_wait(&site, published(from, "a/status", "\"online\""));
    site_wait(&site, published(from, "a/point/volts", "\"flags\":[]"));
    site_wait(&site, published(from, "a/point/amps", "RESTART")); /* it never had a value */
    site_stop(&site);
}

/* Acknowledgements that arrive while the gateway stops are for sessions that have no line. */
static void test_acks_after_the_lines_are_gone(void **unused)
{
    struct site site;
    (void)unused;
    start_online(&site);
    fake_mqtt.automatic = false;
    size_t from = fake_mqtt.published;
    set_volts(&site, 8);
    site_wait(&site, published(from, "a/point/volts", "\"value\":8"));
    gw_gateway_stop(site.gateway);
    fake_mqtt_ack(0);
    fake_mqtt_lose();
    fake_mqtt_connect();
    fake_mqtt_ack(0);
    site_wait(&site, published(from, "a/status", "gateway_stopped"));
    fake_mqtt.automatic = true;
    fake_mqtt_ack(0);
    site_stop(&site);
}

static const char drop[] =
    "{\"gateway\":\"g\",\"clock\":\"trusted\",\"mqtt\":{\"url\":\"mqtt://x\"},\"profiles\":{"
    "\"quick\":{\"response_timeout_s\":0.2,\"keep_alive_s\":0.3,\"offline_after_s\":0,"
    "\"time_sync\":\"none\"}},\"channels\":[{\"name\":\"line\",\"type\":\"tcp\",\"endpoints\":["
    "\"127.0.0.1:PORT\"]}],\"outstations\":["
    "{\"name\":\"a\",\"channel\":\"line\",\"address\":10,\"profile\":\"quick\"},"
    "{\"name\":\"b\",\"channel\":\"line\",\"address\":11,\"profile\":\"quick\"},"
    "{\"name\":\"c\",\"channel\":\"line\",\"address\":12,\"enabled\":false}]}";

static void test_a_dead_outstation_leaves_its_neighbour_alone(void **unused)
{
    struct site site;
    struct dnp3_outstation_config config = two_analogs();
    (void)unused;
    site_start(&site, drop, mapping, &config, 2);
    fake_mqtt.automatic = true;
    fake_mqtt_connect();
    site_wait(&site,
              published(0, "a/status", "\"online\"") && published(0, "b/status", "\"online\""));
    assert_true(published(0, "c/status", "\"disabled\""));
    size_t from = fake_mqtt.published;
    site.peer.mute[1] = true;
    site_wait(&site, published(from, "b/status", "\"offline\",\"reason\":\"timeout\""));
    set_volts(&site, 9);
    site_wait(&site, counters(&site)->events_confirmed == 1);
    site_pass(&site, 600);
    assert_false(published(from, "a/status", "offline"));
    assert_int_equal(site.peer.accepts, 1);
    site.peer.mute[1] = false;
    site_stop(&site);
}

static const char alone[] =
    "{\"gateway\":\"g\",\"clock\":\"trusted\",\"mqtt\":{\"url\":\"mqtt://x\"},\"profiles\":{"
    "\"quick\":{\"response_timeout_s\":0.2,\"keep_alive_s\":0.3,\"offline_after_s\":0,"
    "\"time_sync\":\"none\"}},\"channels\":[{\"name\":\"line\",\"type\":\"tcp\",\"endpoints\":["
    "\"127.0.0.1:PORT\"],\"reconnect_s\":[0.1,0.2]}],\"outstations\":["
    "{\"name\":\"a\",\"channel\":\"line\",\"address\":10,\"profile\":\"quick\"}]}";

/* Another master has our place, say: whoever is thrown out at once, again and again, stays away
 * for longer. */
static void test_a_quarrel_calms_down(void **unused)
{
    enum { TIMES = 14, MIN_MS = 100, CLEARLY_MORE_MS = 2 * MIN_MS };
    static const char shared[] =
        "{\"gateway\":\"g\",\"clock\":\"trusted\",\"mqtt\":{\"url\":\"mqtt://x\"},\"profiles\":{"
        "\"quick\":{\"time_sync\":\"none\"}},\"channels\":[{\"name\":\"lane\",\"type\":\"tcp\","
        "\"endpoints\":[\"127.0.0.1:PORT\"],\"reconnect_s\":[0.1,0.8]}],\"outstations\":["
        "{\"name\":\"a\",\"channel\":\"lane\",\"address\":10,\"profile\":\"quick\"}]}";
    struct dnp3_outstation_config config = two_analogs();
    struct site site;
    uint64_t longest_ms = 0;
    (void)unused;
    site_start(&site, shared, mapping, &config, 1);
    for (unsigned i = 1; i <= TIMES; i++) {
        site_wait(&site, site.peer.accepts == i);
        uint64_t requests = counters(&site)->requests;
        site_wait(&site, counters(&site)->requests > requests + 1); /* it was answered */
        uint64_t closed_ms = uv_now(&site.loop);
        peer_close(&site.peer, true);
        site_wait(&site, site.peer.accepts == i + 1);
        uint64_t away_ms = uv_now(&site.loop) - closed_ms;
        longest_ms = away_ms > longest_ms ? away_ms : longest_ms;
    }
    assert_in_range(longest_ms, CLEARLY_MORE_MS, UINT32_MAX);
    site_stop(&site);
}

/* An outstation that is alone on its line takes that with it: the session is dead, although TCP
 * stands, and the next connection may find another. */
static void test_a_dead_session_is_closed(void **unused)
{
    struct site site;
    struct dnp3_outstation_config config = two_analogs();
    (void)unused;
    site_start(&site, alone, mapping, &config, 1);
    fake_mqtt.automatic = true;
    fake_mqtt_connect();
    site_wait(&site, published(0, "a/status", "\"online\""));
    assert_int_equal(site.peer.accepts, 1);
    size_t from = fake_mqtt.published;
    site.peer.mute[0] = true;
    site_wait(&site, published(from, "a/status", "\"offline\",\"reason\":\"timeout\""));
    site_wait(&site, site.peer.accepts >= 2);
    from = fake_mqtt.published;
    site.peer.mute[0] = false;
    site_wait(&site, published(from, "a/status", "\"online\""));
    site_stop(&site);
}

/* A bad line is no quarrel: whoever has answered is called again soon, however short that was. Were
 * each pause twice the one before, nobody would wait for the last. */
static void test_a_bad_line_is_tried_on(void **unused)
{
    enum { TIMES = 10 };
    static const char bad[] =
        "{\"gateway\":\"g\",\"clock\":\"trusted\",\"mqtt\":{\"url\":\"mqtt://x\"},\"profiles\":{"
        "\"quick\":{\"response_timeout_s\":0.1,\"keep_alive_s\":0.1,\"offline_after_s\":0,"
        "\"time_sync\":\"none\"}},\"channels\":[{\"name\":\"line\",\"type\":\"tcp\",\"endpoints\":["
        "\"127.0.0.1:PORT\"],\"reconnect_s\":[0.1,600]}],\"outstations\":["
        "{\"name\":\"a\",\"channel\":\"line\",\"address\":10,\"profile\":\"quick\"}]}";
    struct site site;
    struct dnp3_outstation_config config = two_analogs();
    (void)unused;
    site_start(&site, bad, mapping, &config, 1);
    for (unsigned i = 1; i <= TIMES; i++) {
        site_wait(&site, site.peer.accepts >= i);
        uint64_t requests = counters(&site)->requests;
        site_wait(&site, counters(&site)->requests > requests + 1); /* it was answered */
        site.peer.mute[0] = true;
        site_wait(&site, site.peer.accepts > i);
        site.peer.mute[0] = false;
        i = site.peer.accepts - 1;
    }
    site_stop(&site);
}

/* Events that need no safety come faster than a stalled broker takes them: what does not fit is
 * lost as events, but the last value of each point still gets out. */
static const char careless[] =
    "{\"gateway\":\"g\",\"clock\":\"trusted\",\"mqtt\":{\"url\":\"mqtt://x\"},\"profiles\":{"
    "\"quick\":{\"confirm\":\"received\",\"time_sync\":\"none\"}},"
    "\"outstations\":[{\"name\":\"a\",\"connect\":\"tcp://127.0.0.1:PORT\",\"address\":10,"
    "\"profile\":\"quick\"}]}";

enum { MANY_POINTS = 100, MANY_ROUNDS = 200 };

static size_t last_of(const char *topic_end)
{
    size_t found = SIZE_MAX;
    size_t from = fake_mqtt.published > FAKE_MQTT_LOG ? fake_mqtt.published - FAKE_MQTT_LOG : 0;
    while ((from = fake_mqtt_find(from, topic_end, "")) != SIZE_MAX)
        found = from++;
    return found;
}

static void test_a_full_outbox_keeps_the_last_values(void **unused)
{
    struct site site;
    struct dnp3_outstation_config config = two_analogs();
    (void)unused;
    config.database.count[DNP3_POINT_ANALOG_INPUT] = MANY_POINTS;
    site_start(&site, careless, mapping, &config, 1);
    fake_mqtt.automatic = true;
    fake_mqtt_connect();
    site_wait(&site, published(0, "a/status", "\"online\""));
    fake_mqtt.window = 0;
    for (unsigned round = 1; round <= MANY_ROUNDS; round++) {
        for (uint32_t i = 0; i < MANY_POINTS; i++)
            peer_update(&site.peer, 0, DNP3_POINT_ANALOG_INPUT, i, round * 1000 + i,
                        DNP3_EVENT_FORCE);
        site_wait(&site, counters(&site)->events_confirmed == (uint64_t)round * MANY_POINTS);
    }
    fake_mqtt.window = GW_MQTT_WINDOW_MAX;
    fake_mqtt_ack(0);
    site_wait(&site, fake_mqtt.published > 15000 && fake_mqtt.acked == fake_mqtt.published);
    site_pass(&site, 100); /* the flush goes on as there is room */
    for (unsigned i = 0; i < MANY_POINTS; i++) {
        char topic[40];
        char value[40];
        snprintf(topic, sizeof topic, "a/point/analog_input/%u", i);
        snprintf(value, sizeof value, "\"value\":%u,", MANY_ROUNDS * 1000 + i);
        assert_true(last_of(topic) != SIZE_MAX);
        assert_non_null(strstr(fake_mqtt_at(last_of(topic))->payload, value));
    }
    site_stop(&site);
}

/* A unit that makes every message too large: told, and neither a dead end nor confirmed for
 * nothing where others are beside it. */
static void test_a_message_that_cannot_be_written(void **unused)
{
    struct site site;
    struct dnp3_outstation_config config = two_analogs();
    char endless[GW_PAYLOAD_MAX + 400];
    char unit[GW_PAYLOAD_MAX + 1];
    (void)unused;
    memset(unit, 'V', sizeof unit - 1);
    unit[sizeof unit - 1] = 0;
    snprintf(
        endless, sizeof endless,
        "{\"device\":\"d\",\"points\":[{\"type\":\"analog_input\",\"index\":0,\"name\":"
        "\"volts\",\"unit\":\"%s\"},{\"type\":\"analog_input\",\"index\":1,\"name\":\"amps\"}]}",
        unit);
    site_start(&site, one, endless, &config, 1);
    fake_mqtt.automatic = true;
    fake_mqtt_connect();
    site_wait(&site, published(0, "a/status", "\"online\""));
    set_volts(&site, 3);
    site_wait(&site, counters(&site)->events_confirmed == 1); /* it is no use to keep it */
    fake_mqtt.automatic = false;
    site_wait(&site, fake_mqtt.acked == fake_mqtt.published);
    set_volts(&site, 4);
    peer_update(&site.peer, 0, DNP3_POINT_ANALOG_INPUT, 1, 5, DNP3_EVENT_FORCE);
    site_wait(&site, published(0, "a/point/amps", "\"event\""));
    assert_int_equal(counters(&site)->events_confirmed, 1);
    fake_mqtt.automatic = true;
    fake_mqtt_ack(0);
    site_wait(&site, counters(&site)->events_confirmed == 3);
    assert_false(published(0, "a/point/volts", ""));
    site_stop(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_confirmed_without_a_broker),
        cmocka_unit_test(test_events_that_cannot_be_protected_are_told),
        cmocka_unit_test(test_what_the_broker_missed_is_published_when_it_is_back),
        cmocka_unit_test(test_a_refused_message_is_not_confirmed),
        cmocka_unit_test(test_a_withdrawn_fragment_leaves_its_values),
        cmocka_unit_test(test_points_are_marked_and_recover),
        cmocka_unit_test(test_acks_after_the_lines_are_gone),
        cmocka_unit_test(test_a_dead_outstation_leaves_its_neighbour_alone),
        cmocka_unit_test(test_a_quarrel_calms_down),
        cmocka_unit_test(test_a_dead_session_is_closed),
        cmocka_unit_test(test_a_bad_line_is_tried_on),
        cmocka_unit_test(test_a_full_outbox_keeps_the_last_values),
        cmocka_unit_test(test_a_message_that_cannot_be_written),
    };
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
