/* SPDX-License-Identifier: Apache-2.0 */
/* An outstation whose clock shows local time (`time_zone`): what it says is published in UTC, what
 * its clock showed twice is not trusted, and it is set to its own time. */
#include "gateway/base/time_zone.h"
#include "tests/lib/site.h"

static const char zone[] = "CET-1CEST,M3.5.0,M10.5.0/3";

static const char gateway[] =
    "{\"gateway\":\"g\",\"clock\":\"trusted\",\"mqtt\":{\"url\":\"mqtt://x\"},\"outstations\":[{"
    "\"name\":\"a\",\"connect\":\"tcp://"
    "127.0.0.1:PORT\",\"address\":10,\"mapping\":\"device.json\","
    "\"time_zone\":\"CET-1CEST,M3.5.0,M10.5.0/3\"}]}";

static const char mapping[] =
    "{\"device\":\"d\",\"points\":[{\"type\":\"binary_input\",\"index\":0,\"name\":\"door\"}]}";

static struct site site;

static void event(int64_t local_ms, bool on)
{
    const struct dnp3_point point = {.number = on,
                                     .flags = DNP3_FLAG_ONLINE,
                                     .time_ms = local_ms,
                                     .time_quality = DNP3_TIME_SYNCHRONIZED};
    dnp3_outstation_update(site.peer.outstations[0], DNP3_POINT_BINARY_INPUT, &point,
                           DNP3_EVENT_FORCE, uv_now(&site.loop));
    peer_flush(&site.peer);
}

static void expect(const char *text)
{
    site_wait(&site, fake_mqtt_find(0, "a/point/door", text) != SIZE_MAX);
}

static void test_local_time(void **unused)
{
    const int64_t hour = 3600 * 1000;
    struct gw_time_zone local;
    struct dnp3_outstation_config config;
    (void)unused;
    dnp3_outstation_config_default(&config);
    config.database.count[DNP3_POINT_BINARY_INPUT] = 1;
    config.unsolicited = true;
    config.unsolicited_hold_ms = 1;
    config.need_time = true;
    site_start(&site, gateway, mapping, &config, 1);
    fake_mqtt.automatic = true;
    fake_mqtt_connect();
    site_wait(&site, site.peer.times_written == 1);
    assert_null(gw_time_zone_parse(zone, &local));
    int64_t off =
        site.peer.time_written_ms - gw_time_zone_local(&local, (int64_t)time(NULL) * 1000);
    assert_in_range(off + 10000, 0, 20000);
    const int64_t summer = 1751364000000; /* 1 July 2025, 10:00 UTC */
    event(summer + 2 * hour, true);
    expect("\"time\":1751364000000,\"time_source\":\"outstation\"");
    const int64_t twice = 1761442200000; /* 26 October 2025, 01:30 UTC, half past two once more */
    event(twice + hour, false);
    expect("\"time\":1761442200000,\"time_source\":\"outstation_unsynchronized\"");
    site_stop(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_local_time)};
    return cmocka_run_group_tests_name("session_time", tests, NULL, NULL);
}
