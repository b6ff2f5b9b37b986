/* SPDX-License-Identifier: Apache-2.0 */
/* Silence: expected of an outstation that reports by exception, for max_silence_s. */
#include "gateway/payload/payload.h"
#include "tests/lib/site.h"

static const char sleeper[] =
    "{\"gateway\":\"g\",\"clock\":\"trusted\",\"mqtt\":{\"url\":\"mqtt://x\"},\"profiles\":{"
    "\"sleepy\":{\"session\":\"report_by_exception\",\"max_silence_s\":3,\"offline_after_s\":0.5,"
    "\"response_timeout_s\":0.3,\"time_sync\":\"none\"}},\"channels\":[{\"name\":\"line\","
    "\"type\":\"tcp\",\"endpoints\":[\"127.0.0.1:PORT\"],\"reconnect_s\":[0.1,0.1]}],"
    "\"outstations\":[{\"name\":\"a\",\"channel\":\"line\",\"address\":10,"
    "\"profile\":\"sleepy\",\"mapping\":\"device.json\"}]}";

static const char mapping[] =
    "{\"device\":\"d\",\"points\":[{\"type\":\"analog_input\",\"index\":0,\"name\":\"volts\"}]}";

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

static void start(struct site *site, const char *gateway, bool mute)
{
    struct dnp3_outstation_config config;
    dnp3_outstation_config_default(&config);
    config.unsolicited = true;
    config.confirm_timeout_ms = 200;
    config.unsolicited_retries = DNP3_RETRY_FOREVER;
    config.unsolicited_hold_ms = 1;
    config.database.count[DNP3_POINT_ANALOG_INPUT] = 1;
    site_start(site, gateway, mapping, &config, 1);
    site->peer.mute[0] = mute;
    fake_mqtt.automatic = true;
    fake_mqtt_connect();
}

/* Up to where its restart is dealt with and an event has been confirmed. */
static void start_online(struct site *site)
{
    start(site, sleeper, false);
    site_wait(site, published(0, "a/status", "\"online\""));
    set_volts(site, 1);
    site_wait(site, counters(site)->events_confirmed == 1);
}

static void test_quiet_is_idle_and_asks_nothing(void **unused)
{
    struct site site;
    (void)unused;
    start_online(&site);
    site_wait(&site, published(0, "a/status", "\"idle\",\"reason\":\"ok\""));
    assert_true(published(0, "a/point/volts", "\"value\":1"));
    uint32_t requests = counters(&site)->requests;
    site_pass(&site, 700);
    assert_int_equal(counters(&site)->requests, requests);
    assert_false(published(0, "a/point/volts", "COMM_LOST"));
    size_t from = fake_mqtt.published;
    set_volts(&site, 2);
    site_wait(&site, published(from, "a/status", "\"online\""));
    site_wait(&site, counters(&site)->events_confirmed == 2);
    site_stop(&site);
}

/* It hangs up as soon as it has said what it had to say. */
static void test_a_closed_connection_is_no_loss(void **unused)
{
    struct site site;
    (void)unused;
    start_online(&site);
    size_t from = fake_mqtt.published;
    uint32_t requests = counters(&site)->requests;
    peer_close(&site.peer, false);
    site_wait(&site, published(from, "a/status", "\"idle\""));
    site_wait(&site, site.peer.accepts == 2);                    /* who dials is another matter */
    site_wait(&site, published(from, "a/status", "\"online\"")); /* by its null response */
    set_volts(&site, 7);
    site_wait(&site, counters(&site)->events_confirmed == 2);
    assert_false(published(from, "a/status", "\"offline\""));
    assert_int_equal(counters(&site)->requests, requests); /* nothing is asked again */
    site_stop(&site);
}

static void test_too_long_a_silence_is_told_and_marks_points(void **unused)
{
    struct site site;
    (void)unused;
    start_online(&site);
    size_t from = fake_mqtt.published;
    site_wait(&site, published(from, "a/status", "\"offline\",\"reason\":\"silent\""));
    assert_true(published(from, "a/status", "max_silence_s is 3"));
    site_wait(&site, published(from, "a/point/volts", "COMM_LOST"));
    uint32_t requests = counters(&site)->requests;
    from = fake_mqtt.published;
    set_volts(&site, 3);
    site_wait(&site, published(from, "a/status", "\"online\""));
    site_wait(&site, published(from, "a/point/volts", "\"value\":3"));
    assert_false(published(from, "a/point/volts", "COMM_LOST"));
    assert_int_equal(counters(&site)->requests, requests);
    site_stop(&site);
}

/* Never heard at all: what is wrong with its line stands beside it. */
static void test_never_heard(void **unused)
{
    struct site site;
    (void)unused;
    start(&site, sleeper, true);
    site_wait(&site, published(0, "a/status", "\"connecting\"") && site.peer.open);
    peer_close(&site.peer, false);
    site_wait(&site, published(0, "a/status", "\"silent\""));
    assert_true(published(0, "a/status", "last on its line: "));
    assert_false(published(0, "a/status", "\"idle\""));
    assert_int_equal(counters(&site)->requests, 0);
    site_stop(&site);
}

/* max_silence_s of an outstation that is neither polled nor asked whether it is there. */
static const char continuous[] =
    "{\"gateway\":\"g\",\"clock\":\"trusted\",\"mqtt\":{\"url\":\"mqtt://x\"},\"profiles\":{"
    "\"quiet\":{\"max_silence_s\":1,\"keep_alive_s\":0,\"polls\":[],\"time_sync\":\"none\"}},"
    "\"outstations\":[{\"name\":\"a\",\"connect\":\"tcp://127.0.0.1:PORT\",\"address\":10,"
    "\"profile\":\"quiet\",\"mapping\":\"device.json\"}]}";

static void test_silence_of_a_continuous_session(void **unused)
{
    struct site site;
    (void)unused;
    start(&site, continuous, false);
    site_wait(&site, published(0, "a/status", "\"online\""));
    site_wait(&site, published(0, "a/status", "\"offline\",\"reason\":\"silent\""));
    size_t from = fake_mqtt.published;
    set_volts(&site, 4);
    site_wait(&site, published(from, "a/status", "\"online\""));
    site_wait(&site, published(from, "a/point/volts", "\"value\":4"));
    site_stop(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quiet_is_idle_and_asks_nothing),
        cmocka_unit_test(test_a_closed_connection_is_no_loss),
        cmocka_unit_test(test_too_long_a_silence_is_told_and_marks_points),
        cmocka_unit_test(test_never_heard),
        cmocka_unit_test(test_silence_of_a_continuous_session),
    };
    return cmocka_run_group_tests_name("session_silence", tests, NULL, NULL);
}
