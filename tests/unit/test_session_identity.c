/* SPDX-License-Identifier: Apache-2.0 */
/* `identity` of an outstation: before it is proved nothing is published, nothing confirmed, nothing
 * done; afterwards nothing is lost. */
#include "dnp3/attribute.h"
#include "gateway/payload/payload.h"
#include "tests/lib/site.h"

static const char one[] =
    "{\"gateway\":\"g\",\"clock\":\"trusted\",\"mqtt\":{\"url\":\"mqtt://x\"},\"profiles\":{"
    "\"quick\":{\"response_timeout_s\":0.3,\"keep_alive_s\":0.5,\"offline_after_s\":0,"
    "\"time_sync\":\"none\",\"polls\":[{\"classes\":[0],\"every_s\":0.2}],"
    "\"identity\":{\"serial_number\":\"4711\",\"manufacturer\":\"ACME\"}}},"
    "\"outstations\":[{\"name\":\"a\",\"connect\":\"tcp://127.0.0.1:PORT\",\"address\":10,"
    "\"profile\":\"quick\",\"mapping\":\"device.json\"}]}";

static const char mapping[] =
    "{\"device\":\"d\",\"points\":[{\"type\":\"analog_input\",\"index\":0,\"name\":"
    "\"volts\"},{\"type\":\"analog_input\",\"index\":1,\"name\":\"amps\"}]}";

/* serial_number, manufacturer */
static struct dnp3_outstation_attribute attributes[2];

static void set_text(size_t at, uint8_t variation, const char *text)
{
    attributes[at].value = (struct dnp3_attribute){.variation = variation,
                                                   .type = DNP3_ATTRIBUTE_TYPE_VISIBLE_STRING,
                                                   .octets = (const uint8_t *)text,
                                                   .length = (uint16_t)strlen(text)};
}

static void start(struct site *site, const char *serial, const char *manufacturer)
{
    struct dnp3_outstation_config config;
    dnp3_outstation_config_default(&config);
    config.unsolicited = true;
    config.confirm_timeout_ms = 1000;
    config.unsolicited_retries = DNP3_RETRY_FOREVER;
    config.unsolicited_hold_ms = 1;
    config.database.count[DNP3_POINT_ANALOG_INPUT] = 2;
    config.attributes = attributes;
    config.attribute_count = 0;
    if (serial)
        set_text(config.attribute_count++, DNP3_ATTRIBUTE_SERIAL_NUMBER, serial);
    if (manufacturer)
        set_text(config.attribute_count++, DNP3_ATTRIBUTE_MANUFACTURER, manufacturer);
    site_start(site, one, mapping, &config, 1);
    fake_mqtt.automatic = true;
    fake_mqtt_connect();
}

static const struct dnp3_outstation_counters *counters(const struct site *site)
{
    return dnp3_outstation_counters(site->peer.outstations[0]);
}

static bool published(size_t from, const char *topic_end, const char *text)
{
    return fake_mqtt_find(from, topic_end, text) != SIZE_MAX;
}

static void event(struct site *site, double value)
{
    peer_update(&site->peer, 0, DNP3_POINT_ANALOG_INPUT, 0, value, DNP3_EVENT_FORCE);
}

static void test_the_right_one(void **unused)
{
    struct site site;
    (void)unused;
    start(&site, "4711", "ACME");
    event(&site, 7); /* it waits for the connection */
    peer_update(&site.peer, 0, DNP3_POINT_ANALOG_INPUT, 1, 42, DNP3_EVENT_SUPPRESS);
    site_wait(&site, published(0, "a/status", "\"online\""));
    site_wait(&site, counters(&site)->events_confirmed == 1);
    assert_true(published(0, "a/point/volts", "\"event\""));
    site_wait(&site, published(0, "a/point/amps", "\"value\":42"));
    site_stop(&site);
}

/* Too busy to tell, as often as it is asked at first: that does not make it another device. */
static void test_a_busy_one(void **unused)
{
    struct site site;
    (void)unused;
    start(&site, "4711", "ACME");
    site.peer.busy = 2;
    event(&site, 7);
    site_wait(&site, site.peer.busy == 0);
    assert_int_equal(counters(&site)->events_confirmed, 0);
    site_wait(&site, published(0, "a/status", "\"online\""));
    assert_false(published(0, "a/status", "wrong_device"));
    site_wait(&site, counters(&site)->events_confirmed == 1);
    site_stop(&site);
}

static void expect_wrong(const char *serial, const char *manufacturer, const char *detail)
{
    struct site site;
    start(&site, serial, manufacturer);
    site_wait(&site, published(0, "a/status", "wrong_device"));
    if (!published(0, "a/status", detail))
        fail_msg("no status says: %s", detail);
    event(&site, 7);
    uint32_t requests = counters(&site)->requests;
    site_wait(&site, counters(&site)->requests > requests + 4); /* it is polled all the same */
    assert_int_equal(counters(&site)->events_confirmed, 0);
    assert_false(published(0, "a/point/volts", ""));
    assert_false(published(0, "a/point/amps", ""));
    assert_false(published(0, "a/status", "\"online\""));
    site_stop(&site);
}

static void test_wrong_ones(void **unused)
{
    (void)unused;
    expect_wrong("4712", "ACME", "its serial_number is \\\"4712\\\", expected \\\"4711\\\"");
    expect_wrong("4711", "ACM", "its manufacturer is \\\"ACM\\\", expected \\\"ACME\\\"");
    expect_wrong("4711", NULL, "it does not tell its manufacturer (attribute 252)");
    expect_wrong(NULL, NULL, "it does not tell its serial_number (attribute 248)");
    expect_wrong("\xFF\xFE", "ACME", "its serial_number is \\\"\\\", expected \\\"4711\\\"");
}

/* Another device takes the place of the right one, and goes again. */
static void test_it_is_asked_at_each_connect(void **unused)
{
    struct site site;
    (void)unused;
    start(&site, "4711", "ACME");
    event(&site, 1);
    site_wait(&site, counters(&site)->events_confirmed == 1);
    size_t from = fake_mqtt.published;
    set_text(0, DNP3_ATTRIBUTE_SERIAL_NUMBER, "4712");
    peer_close(&site.peer, true);
    site_wait(&site, published(from, "a/status", "wrong_device"));
    site_wait(&site, published(from, "a/point/volts", "COMM_LOST"));
    event(&site, 2);
    site_pass(&site, 300);
    assert_int_equal(counters(&site)->events_confirmed, 1);
    from = fake_mqtt.published;
    set_text(0, DNP3_ATTRIBUTE_SERIAL_NUMBER, "4711");
    peer_close(&site.peer, true);
    site_wait(&site, published(from, "a/status", "\"online\""));
    site_wait(&site, counters(&site)->events_confirmed == 2);
    site_wait(&site, published(from, "a/point/volts", "\"value\":2"));
    site_stop(&site);
}

/* A broadcast would operate the wrong device as well. */
static void test_no_broadcast_to_a_wrong_one(void **unused)
{
    static const char two[] =
        "{\"gateway\":\"g\",\"clock\":\"trusted\",\"mqtt\":{\"url\":\"mqtt://x\"},\"profiles\":{"
        "\"any\":{\"time_sync\":\"none\",\"commands\":[\"freeze\"]},"
        "\"one\":{\"extends\":\"any\",\"identity\":{\"serial_number\":\"4711\"}}},"
        "\"channels\":[{\"name\":\"lane\",\"type\":\"tcp\",\"endpoints\":[\"127.0.0.1:PORT\"],"
        "\"broadcast\":true}],\"outstations\":["
        "{\"name\":\"a\",\"channel\":\"lane\",\"address\":10,\"profile\":\"any\"},"
        "{\"name\":\"b\",\"channel\":\"lane\",\"address\":11,\"profile\":\"one\"}]}";
    struct dnp3_outstation_config config[2];
    struct site site;
    (void)unused;
    set_text(0, DNP3_ATTRIBUTE_SERIAL_NUMBER, "4712");
    for (uint16_t i = 0; i < 2; i++) {
        dnp3_outstation_config_default(&config[i]);
        config[i].address = (uint16_t)(10 + i);
        config[i].attributes = attributes;
        config[i].attribute_count = 1;
    }
    site_start(&site, two, mapping, config, 2);
    fake_mqtt.automatic = true;
    fake_mqtt_connect();
    site_wait(&site, published(0, "a/status", "\"online\""));
    site_wait(&site, published(0, "b/status", "wrong_device"));
    fake_mqtt_receive("dnp3/g/a/command/freeze", "{\"id\":\"f1\",\"broadcast\":true}");
    site_wait(&site, published(0, "a/result/command/freeze", "\"outcome\":"));
    assert_true(published(0, "a/result/command/freeze", "\"reason\":\"offline\""));
    site_stop(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_right_one), cmocka_unit_test(test_a_busy_one),
        cmocka_unit_test(test_wrong_ones), cmocka_unit_test(test_it_is_asked_at_each_connect),
        cmocka_unit_test(test_no_broadcast_to_a_wrong_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
