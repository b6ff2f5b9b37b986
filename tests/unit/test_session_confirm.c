/* SPDX-License-Identifier: Apache-2.0 */
/* When events are confirmed to an outstation, mode by mode, and what the spool gives back: a whole
 * gateway between an outstation over TCP and a scripted broker, with a spool on disk. */
#include <dirent.h>
#include <unistd.h>

#include "gateway/payload/payload.h"
#include "tests/lib/log_capture.h"
#include "tests/lib/site.h"

enum { MANY = 6000, BACKLOG = 200 };

static const char mapping[] =
    "{\"device\":\"d\",\"points\":[{\"type\":\"analog_input\",\"index\":0,\"name\":\"volts\"},"
    "{\"type\":\"analog_input\",\"index\":1,\"name\":\"amps\"},"
    "{\"type\":\"analog_input\",\"index\":2,\"name\":\"brief\",\"expiry_s\":1}]}";

static const char *clock_mode = "trusted";

static char folder[64];

static int make_folder(void **unused)
{
    (void)unused;
    snprintf(folder, sizeof folder, "/tmp/dnp3-confirm-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **unused)
{
    (void)unused;
    DIR *open = opendir(folder);
    struct dirent *entry;
    char path[400];
    while (open && (entry = readdir(open))) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unlink(path);
    }
    if (open)
        closedir(open);
    return rmdir(folder);
}

static void start(struct site *site, const char *mode, bool spool)
{
    char text[1024];
    char part[128] = "";
    struct dnp3_outstation_config config;
    if (spool)
        snprintf(part, sizeof part, "\"spool\":{\"path\":\"%s\",\"max_mb\":16},", folder);
    snprintf(text, sizeof text,
             "{\"gateway\":\"g\",\"clock\":\"%s\",\"mqtt\":{\"url\":\"mqtt://x\"},%s"
             "\"profiles\":{\"quick\":{\"response_timeout_s\":5,\"time_sync\":\"none\","
             "\"confirm\":\"%s\",\"confirm_timeout_s\":1,\"polls\":[]}},"
             "\"outstations\":[{\"name\":\"a\",\"connect\":\"tcp://127.0.0.1:PORT\","
             "\"address\":10,\"profile\":\"quick\",\"mapping\":\"device.json\"}]}",
             clock_mode, part, mode);
    dnp3_outstation_config_default(&config);
    config.unsolicited = true;
    config.confirm_timeout_ms = 1000;
    config.unsolicited_retries = DNP3_RETRY_FOREVER;
    config.unsolicited_hold_ms = 1;
    config.database.count[DNP3_POINT_ANALOG_INPUT] = 3;
    site_start(site, text, mapping, &config, 1);
}

static const struct dnp3_outstation_counters *counters(const struct site *site)
{
    return dnp3_outstation_counters(site->peer.outstations[0]);
}

static void set(struct site *site, uint16_t index, double value)
{
    peer_update(&site->peer, 0, DNP3_POINT_ANALOG_INPUT, index, value, DNP3_EVENT_FORCE);
}

static bool published(size_t from, const char *topic_end, const char *text)
{
    return fake_mqtt_find(from, topic_end, text) != SIZE_MAX;
}

/* Started up, with nothing owed. */
static void settle(struct site *site)
{
    fake_mqtt.automatic = true;
    fake_mqtt_connect();
    set(site, 0, 1);
    site_wait(site, counters(site)->events_confirmed == 1);
    site_wait(site, fake_mqtt.acked == fake_mqtt.published);
    fake_mqtt.automatic = false;
}

static void spool_drains(struct site *site, size_t from)
{
    site_wait(site, published(from, "g/status", "\"spool_messages\":0"));
}

static void test_safe_without_a_broker(void **unused)
{
    struct site site;
    (void)unused;
    start(&site, "safe", true);
    set(&site, 0, 7);
    site_wait(&site, counters(&site)->events_confirmed == 1);
    assert_int_equal(fake_mqtt.published, 0);
    fake_mqtt.automatic = true;
    fake_mqtt_connect();
    site_wait(&site, published(0, "a/point/volts", "\"value\":7,"));
    assert_false(published(0, "a/status", "\"withholding\":true"));
    assert_true(published(0, "g/status", "\"spool\":\"ok\",\"spool_messages\":1,"));
    spool_drains(&site, 0);
    site_stop(&site);
}

/* The broker is there, but slow: it gets less than half of the outstation's timeout. */
static void test_safe_beside_a_slow_broker(void **unused)
{
    struct site site;
    (void)unused;
    start(&site, "safe", true);
    settle(&site);
    size_t from = fake_mqtt.published;
    set(&site, 0, 8);
    site_wait(&site, published(from, "a/point/volts", "\"value\":8,"));
    assert_int_equal(counters(&site)->events_confirmed, 1);
    site_wait(&site, counters(&site)->events_confirmed == 2);
    assert_int_equal(counters(&site)->unsolicited_retries, 0);
    fake_mqtt.automatic = true;
    fake_mqtt_ack(0);
    spool_drains(&site, from);
    assert_false(published(fake_mqtt_find(from, "a/point/volts", "\"value\":8,") + 1,
                           "a/point/volts", "\"value\":8,")); /* it did not come back */
    site_stop(&site);
}

static void test_journaled(void **unused)
{
    struct site site;
    (void)unused;
    start(&site, "journaled", true);
    settle(&site);
    size_t from = fake_mqtt.published;
    set(&site, 0, 8);
    site_wait(&site, counters(&site)->events_confirmed == 2);
    assert_int_equal(fake_mqtt.acked, from);
    fake_mqtt_lose();
    set(&site, 0, 9);
    site_wait(&site, counters(&site)->events_confirmed == 3);
    from = fake_mqtt.published;
    fake_mqtt.automatic = true;
    fake_mqtt_connect();
    site_wait(&site, published(from, "a/point/volts", "\"value\":9,"));
    assert_true(fake_mqtt_find(from, "a/point/volts", "\"value\":8,") <
                fake_mqtt_find(from, "a/point/volts", "\"value\":9,"));
    site_stop(&site);
}

static void test_delivered(void **unused)
{
    struct site site;
    (void)unused;
    start(&site, "delivered", true);
    settle(&site);
    int log = log_capture_begins();
    size_t from = fake_mqtt.published;
    set(&site, 0, 8);
    site_wait(&site, counters(&site)->unsolicited_retries == 2);
    assert_int_equal(counters(&site)->events_confirmed, 1);
    fake_mqtt.automatic = true;
    fake_mqtt_ack(0);
    site_wait(&site, counters(&site)->events_confirmed == 2);
    fake_mqtt_lose();
    set(&site, 0, 9);
    site_wait(&site, counters(&site)->unsolicited_retries == 3);
    assert_int_equal(counters(&site)->events_confirmed, 2);
    fake_mqtt_connect();
    site_wait(&site, counters(&site)->events_confirmed == 3);
    assert_true(published(from, "g/status", "\"spool_messages\":0"));
    /* There is no hold to shorten, and nothing wrong with confirm_timeout_s. */
    assert_false(log_capture_ends(log, "too late"));
    site_stop(&site);
}

/* Another mode left messages in the spool: what is delivered waits in the outstation until they
 * are, for beside them there is only the spool. */
static void test_delivered_behind_a_backlog(void **unused)
{
    static struct site site;
    (void)unused;
    start(&site, "safe", true);
    settle(&site);
    fake_mqtt_lose();
    for (unsigned i = 2; i <= BACKLOG; i++) {
        set(&site, 0, i);
        if (i % 64 == 0)
            site_wait(&site, counters(&site)->events_confirmed == i);
    }
    site_wait(&site, counters(&site)->events_confirmed == BACKLOG);
    site_stop(&site);
    start(&site, "delivered", true);
    fake_mqtt.window = 1; /* and nothing is acknowledged */
    fake_mqtt_connect();
    set(&site, 0, BACKLOG + 1);
    site_wait(&site, counters(&site)->confirm_timeouts == 1);
    assert_int_equal(counters(&site)->events_confirmed, 0);
    fake_mqtt.window = GW_MQTT_WINDOW_MAX;
    fake_mqtt.automatic = true;
    fake_mqtt_ack(0);
    char newest[32];
    snprintf(newest, sizeof newest, "\"value\":%d,", BACKLOG);
    site_wait(&site, published(0, "a/point/volts", newest));
    size_t last = fake_mqtt_find(0, "a/point/volts", newest);
    snprintf(newest, sizeof newest, "\"value\":%d,", BACKLOG + 1);
    site_wait(&site, counters(&site)->events_confirmed == 1);
    assert_true(fake_mqtt_find(0, "a/point/volts", newest) > last);
    spool_drains(&site, 0);
    site_stop(&site);
}

static void test_received(void **unused)
{
    struct site site;
    (void)unused;
    start(&site, "received", false);
    set(&site, 0, 7);
    site_wait(&site, counters(&site)->events_confirmed == 1);
    assert_int_equal(fake_mqtt.published, 0);
    fake_mqtt.automatic = true;
    fake_mqtt_connect();
    site_wait(&site, published(0, "a/point/volts", "\"value\":7,"));
    assert_true(published(0, "g/status", "\"spool\":\"none\""));
    site_stop(&site);
}

/* What was confirmed is the gateway's: it comes out of the next run, with the id that it had. */
static void test_the_next_run_sends_what_this_one_could_not(void **unused)
{
    struct site site;
    char id[64];
    (void)unused;
    start(&site, "safe", true);
    settle(&site);
    size_t from = fake_mqtt.published;
    set(&site, 0, 8);
    site_wait(&site, counters(&site)->events_confirmed == 2);
    const char *payload = fake_mqtt_at(fake_mqtt_find(from, "volts", "\"value\":8,"))->payload;
    snprintf(id, sizeof id, "%.40s", strstr(payload, "\"id\":"));
    fake_mqtt_lose();
    site_stop(&site);
    start(&site, "safe", true);
    fake_mqtt.automatic = true;
    fake_mqtt_connect();
    site_wait(&site, published(0, "a/point/volts", id));
    spool_drains(&site, 0);
    site_stop(&site);
}

/* More than the outbox keeps: it all comes back, in order of each point, only the last retained. */
static void test_a_backlog_drains_in_order(void **unused)
{
    static struct site site;
    static unsigned next[2];
    static bool retained[2];
    (void)unused;
    start(&site, "safe", true);
    settle(&site);
    fake_mqtt_lose();
    for (unsigned i = 2; i < MANY; i++) {
        set(&site, i & 1, i);
        if (i % 64 == 0)
            site_wait(&site, counters(&site)->events_confirmed == i);
    }
    site_wait(&site, counters(&site)->events_confirmed == MANY - 1);
    assert_int_equal(counters(&site)->events_dropped, 0);
    size_t seen = fake_mqtt.published;
    fake_mqtt.automatic = true;
    fake_mqtt_connect();
    next[0] = 2;
    next[1] = 3;
    while (next[0] < MANY || next[1] < MANY) {
        site_wait(&site, fake_mqtt.published > seen);
        for (; seen < fake_mqtt.published; seen++) {
            const struct fake_publication *p = fake_mqtt_at(seen);
            const char *value = strstr(p->payload, "\"value\":");
            if (!strstr(p->topic, "/point/") || !strstr(p->payload, "\"event\""))
                continue;
            unsigned number = (unsigned)atoi(value + 8);
            assert_int_equal(number, next[number & 1]);
            next[number & 1] += 2;
            retained[number & 1] = p->retain;
        }
    }
    assert_true(retained[0] && retained[1]);
    spool_drains(&site, 0);
    site_stop(&site);
}

/* The broker takes nothing of one topic: what waits of the others comes back all the same, and what
 * was refused stays in the spool. */
static void test_a_refused_topic_holds_up_no_other(void **unused)
{
    static struct site site;
    char newest[32];
    (void)unused;
    start(&site, "safe", true);
    settle(&site);
    fake_mqtt_lose();
    for (unsigned i = 2; i <= 2 * BACKLOG; i++) {
        set(&site, i & 1, i);
        if (i % 64 == 0)
            site_wait(&site, counters(&site)->events_confirmed == i);
    }
    site_wait(&site, counters(&site)->events_confirmed == 2 * BACKLOG);
    site_stop(&site);
    start(&site, "safe", true);
    fake_mqtt.automatic = true;
    fake_mqtt.refused = "volts";
    fake_mqtt_connect();
    snprintf(newest, sizeof newest, "\"value\":%d,", 2 * BACKLOG - 1);
    site_wait(&site, published(0, "a/point/amps", newest));
    snprintf(newest, sizeof newest, "\"spool_messages\":%d,", BACKLOG);
    site_wait(&site, published(0, "g/status", newest));
    site_stop(&site);
}

/* What expires does so in the spool too, unless nobody knows how long it was there. */
static void expect_expiry(const char *clock, bool arrives)
{
    static struct site site;
    clock_mode = clock;
    start(&site, "safe", true);
    settle(&site);
    fake_mqtt_lose();
    for (unsigned i = 2; i < 7; i++) {
        set(&site, 2, i);
        site_wait(&site, counters(&site)->events_confirmed == i);
    }
    site_stop(&site);
    sleep(2);
    start(&site, "safe", true);
    clock_mode = "trusted";
    fake_mqtt.automatic = true;
    fake_mqtt_connect();
    spool_drains(&site, 0);
    assert_int_equal(published(0, "a/point/brief", "\"value\":6,"), arrives);
    site_stop(&site);
}

static void test_messages_expire_by_a_clock_that_is_trusted(void **unused)
{
    (void)unused;
    expect_expiry("trusted", false);
    expect_expiry("untrusted", true);
}

static void test_a_second_gateway_is_told_whose_spool_it_is(void **unused)
{
    struct site site;
    (void)unused;
    start(&site, "safe", true);
    uv_loop_t loop;
    uv_loop_init(&loop);
    gw_log_configure(GW_LOG_ERROR, GW_LOG_LOGFMT);
    assert_null(gw_gateway_create(&loop, site.config));
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    site_stop(&site);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {TEST(test_safe_without_a_broker),
                                       TEST(test_safe_beside_a_slow_broker),
                                       TEST(test_journaled),
                                       TEST(test_delivered),
                                       TEST(test_delivered_behind_a_backlog),
                                       TEST(test_received),
                                       TEST(test_the_next_run_sends_what_this_one_could_not),
                                       TEST(test_a_backlog_drains_in_order),
                                       TEST(test_a_refused_topic_holds_up_no_other),
                                       TEST(test_messages_expire_by_a_clock_that_is_trusted),
                                       TEST(test_a_second_gateway_is_told_whose_spool_it_is)};
    return cmocka_run_group_tests_name("session_confirm", tests, NULL, NULL);
}
