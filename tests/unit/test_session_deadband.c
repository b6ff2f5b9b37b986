/* SPDX-License-Identifier: Apache-2.0 */
/* A mapping's dead-bands reach the outstation after each startup, and what it refuses costs only
 * the point that it refuses. */
#include "gateway/mapping/deadband.h"
#include "tests/lib/site.h"

static const char gateway[] =
    "{\"gateway\":\"g\",\"clock\":\"trusted\",\"mqtt\":{\"url\":\"mqtt://x\"},\"profiles\":{"
    "\"quick\":{\"response_timeout_s\":0.3,\"keep_alive_s\":0.5,\"offline_after_s\":0,"
    "\"time_sync\":\"none\",\"polls\":[{\"classes\":[0],\"every_s\":0.2}]}},\"channels\":[{"
    "\"name\":\"line\",\"type\":\"tcp\","
    "\"endpoints\":[\"127.0.0.1:PORT\"],\"reconnect_s\":[0.1,0.1]}],"
    "\"outstations\":[{\"name\":\"a\",\"channel\":\"line\",\"address\":10,"
    "\"profile\":\"quick\",\"mapping\":\"device.json\"}]}";

/* 20 points of one variation, then one that the outstation does not have, then other variations. */
static const char mapping[] =
    "{\"device\":\"d\",\"points\":["
    "{\"type\":\"analog_input\",\"index\":\"0..20\",\"name\":\"amps-{index}\",\"scale\":0.1,"
    "\"deadband\":5},"
    "{\"type\":\"analog_input\",\"index\":30,\"name\":\"plain\"},"
    "{\"type\":\"analog_input\",\"index\":31,\"name\":\"large\",\"deadband\":70000},"
    "{\"type\":\"analog_input\",\"index\":32,\"name\":\"half\",\"deadband\":0.5}]}";

static struct dnp3_outstation_config outstation_config(void)
{
    struct dnp3_outstation_config config;
    dnp3_outstation_config_default(&config);
    config.database.count[DNP3_POINT_ANALOG_INPUT] = 33;
    return config;
}

static struct dnp3_database *database_of(struct site *site)
{
    return dnp3_outstation_database(site->peer.outstations[0]);
}

static double deadband_of(struct site *site, uint32_t index)
{
    return (double)dnp3_database_setup(database_of(site), DNP3_POINT_ANALOG_INPUT, index)->deadband;
}

static void configure(struct site *site, uint32_t index, float deadband, bool absent)
{
    struct dnp3_point_setup setup = dnp3_point_setup_default(DNP3_POINT_ANALOG_INPUT);
    setup.deadband = deadband;
    setup.absent = absent;
    dnp3_database_configure(database_of(site), DNP3_POINT_ANALOG_INPUT, index, &setup);
}

static void start(struct site *site, const char *text)
{
    struct dnp3_outstation_config config = outstation_config();
    site_start(site, text, mapping, &config, 1);
    gw_log_configure(GW_LOG_ERROR, GW_LOG_LOGFMT);
    for (uint32_t index = 0; index < 33; index++)
        configure(site, index, 1, index == 20);
}

static void expect_all(struct site *site)
{
    for (uint32_t index = 0; index < 20; index++)
        assert_true(deadband_of(site, index) == 50);
    assert_true(deadband_of(site, 30) == 1);
    assert_true(deadband_of(site, 31) == 70000);
    assert_true(deadband_of(site, 32) == 0.5);
}

static void test_written_after_each_startup(void **unused)
{
    struct site site;
    (void)unused;
    start(&site, gateway);
    site_wait(&site, deadband_of(&site, 32) == 0.5);
    expect_all(&site);
    for (uint32_t index = 0; index < 33; index++)
        configure(&site, index, 1, index == 20);
    peer_close(&site.peer, false); /* another connection */
    site_wait(&site, deadband_of(&site, 32) == 0.5);
    expect_all(&site);
    site_stop(&site);
}

/* On the same connection: IIN1.7 tells. */
static void test_written_again_after_a_restart(void **unused)
{
    struct site site;
    (void)unused;
    start(&site, gateway);
    site_wait(&site, deadband_of(&site, 32) == 0.5);
    for (uint32_t index = 0; index < 33; index++)
        configure(&site, index, 1, index == 20);
    unsigned accepts = site.peer.accepts;
    dnp3_outstation_restart(site.peer.outstations[0], uv_now(&site.loop));
    peer_flush(&site.peer);
    site_wait(&site, deadband_of(&site, 32) == 0.5);
    expect_all(&site);
    assert_int_equal(site.peer.accepts, accepts);
    site_stop(&site);
}

/* "controls": false is the switch of everything that operates or writes. */
static void test_nothing_is_written_while_controls_are_off(void **unused)
{
    struct site site;
    char text[1024];
    (void)unused;
    snprintf(text, sizeof text, "{\"controls\":false,%s", gateway + 1);
    start(&site, text);
    site_wait(&site, dnp3_outstation_counters(site.peer.outstations[0])->requests >= 6);
    for (uint32_t index = 0; index < 33; index++)
        assert_true(deadband_of(&site, index) == 1);
    site_stop(&site);
}

static void test_raw_values(void **unused)
{
    (void)unused;
    static const struct {
        double scale, value, raw;
        uint8_t variation;
    } cases[] = {
        {1, 5, 5, 1},         {0.1, 0.3, 3, 1}, {-0.1, 0.3, 3, 1},      {1, 65535, 65535, 1},
        {1, 65536, 65536, 2}, {1, 4e9, 4e9, 2}, {1, 5e9, 5e9, 3},       {0.1, 0.25, 2.5, 3},
        {1e-6, 1, 1e6, 2},    {1, 0, 0, 1},     {1, 0.0001, 0.0001, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct gw_map_point point = {.scaled = cases[i].scale != 1, .scale = cases[i].scale};
        double raw = -1;
        assert_int_equal(gw_deadband_raw(&point, cases[i].value, &raw), 0);
        assert_true(raw == cases[i].raw);
        assert_int_equal(gw_deadband_variation(raw), cases[i].variation);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_after_each_startup),
        cmocka_unit_test(test_written_again_after_a_restart),
        cmocka_unit_test(test_nothing_is_written_while_controls_are_off),
        cmocka_unit_test(test_raw_values),
    };
    gw_memory_adopt();
    return cmocka_run_group_tests_name("session_deadband", tests, NULL, NULL);
}
