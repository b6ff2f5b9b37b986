/* SPDX-License-Identifier: Apache-2.0 */
/* The report: the lines an engineer decides by are in it, word for word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/check.h"
#include "tests/lib/config_of.h"

static char *printed(void (*print)(FILE *out, const struct gw_config *config),
                     struct gw_config *config)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    print(out, config);
    fclose(out);
    gw_config_free(config);
    return text;
}

static char *report(void (*print)(FILE *out, const struct gw_config *config))
{
    struct gw_config_errors errors = {0};
    struct gw_config *config = NULL;
    setenv("MQTT_HOST", "broker", 1);
    assert_int_equal(gw_config_load("../mappings/gateway.json", &config, &errors), 0);
    gw_config_errors_free(&errors);
    return printed(print, config);
}

static void test_report(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "gateway north, from ../mappings/gateway.json, revision ",
        "  broker      mqtt://broker:1883, MQTT 5\n",
        "  listens to  dnp3/north/+/set/#\n              dnp3/north/+/arm/#\n"
        "              dnp3/north/+/command/#\n",
        "  spool       none: while the broker is away events stay in the outstations,\n"
        "              AND AFTER A RESTART AN ID THAT OPERATED OPERATES AGAIN\n",
        "  commands    integrity\n",
        "outstation recloser-17 (Hilltop)\n",
        "  connects    tcp://10.0.4.10:20000, master 1 to outstation 10\n",
        "  startup     reads classes 1, 2, 3, 0; unsolicited classes 1, 2, 3; time sync lan\n",
        "  polls       classes 1, 2, 3, every 10 s\n              class 0, every 3600 s\n",
        "    analog_input             4  dnp3/north/recloser-17/point/current-a  raw * 0.1, "
        "1 decimal  [A]\n",
        "      open         CROB 0x81: pulse_on, trip, count 1, 100 ms on, 100 ms off; then "
        "breaker is open within 5 s\n",
        "      close        CROB 0x41: pulse_on, close, count 1, 100 ms on, 100 ms off; then "
        "breaker is closed within 5 s\n",
        "      TAKES A BARE VALUE, no id needed; not older than 10 s, at most 10 a minute\n",
        "  connects    tcp://10.0.5.2:20000, then tcp://10.0.5.3:20000 (channel radio-east), "
        "master 1 to outstation 11\n",
        "      110 to 130 V, sent as int16 110 to 130; then tap-setpoint shows it within 5 s\n",
        "    binary_input            16..31  under type and index\n",
        "outstation unknown-4, disabled: not connected\n",
        "  startup     reads class 0; leaves unsolicited as it is; time sync none; leaves "
        "DEVICE_RESTART set\n",
        "  controls    off: every command is refused as inhibited\n",
        "    every point under its type and index\n",
        "  mapping  ",
        "memory for 4 outstations, 3 channels, 48 mapped points; others as they come\n",
    };
    char *text = report(gw_check_print);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (!strstr(text, lines[i]))
            fail_msg("not in the report: %s", lines[i]);
    }
    free(text);
}

static void test_channels(void **state)
{
    (void)state;
    static const char gateway[] =
        "{\"gateway\":\"g\",\"mqtt\":{\"url\":\"mqtt://x\"},\"channels\":["
        "{\"name\":\"mobile\",\"type\":\"tcp_listen\",\"listen\":\"0.0.0.0:20000\","
        "\"half_duplex\":true}],"
        "\"outstations\":["
        "{\"name\":\"meter\",\"channel\":\"mobile\",\"address\":11,\"behind\":\"modem\"},"
        "{\"name\":\"modem\",\"channel\":\"mobile\",\"address\":10,\"peer\":\"10.64.7.5\"}]}";
    static const char *const lines[] = {
        "  connects    behind modem, which dials in to tcp://0.0.0.0:20000 from 10.64.7.5 (channel "
        "mobile, one request at a time), master 1 to outstation 11\n",
        "  connects    dials in to tcp://0.0.0.0:20000 from 10.64.7.5 (channel mobile, one request "
        "at "
        "a time), master 1 to outstation 10\n",
    };
    struct gw_config *config = config_of(gateway, NULL, NULL);
    assert_non_null(config);
    assert_ptr_equal(config->outstations[0].behind, &config->outstations[1]);
    char *text = printed(gw_check_print, config);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (!strstr(text, lines[i]))
            fail_msg("not in the report: %s", lines[i]);
    }
    free(text);
}

static void test_acl(void **state)
{
    (void)state;
    char *text = report(gw_check_print_acl);
    const char *rules = strstr(text, "\n# The gateway");
    assert_non_null(rules);
    assert_string_equal(rules, "\n# The gateway: its mqtt.username, which the configuration lacks\n"
                               "user north\n"
                               "topic write dnp3/north/status\n"
                               "topic write dnp3/north/+/status\n"
                               "topic write dnp3/north/+/meta\n"
                               "topic write dnp3/north/+/undecoded\n"
                               "topic write dnp3/north/+/point/#\n"
                               "topic write dnp3/north/+/result/#\n"
                               "topic read dnp3/north/status\n"
                               "topic read dnp3/north/+/set/#\n"
                               "topic read dnp3/north/+/arm/#\n"
                               "topic read dnp3/north/+/command/#\n"
                               "\n# Sees everything, commands nothing\n"
                               "user reader\n"
                               "topic read dnp3/north/status\n"
                               "topic read dnp3/north/+/status\n"
                               "topic read dnp3/north/+/meta\n"
                               "topic read dnp3/north/+/undecoded\n"
                               "topic read dnp3/north/+/point/#\n"
                               "topic read dnp3/north/+/result/#\n"
                               "\n# Sees everything, and commands\n"
                               "user operator\n"
                               "topic read dnp3/north/status\n"
                               "topic read dnp3/north/+/status\n"
                               "topic read dnp3/north/+/meta\n"
                               "topic read dnp3/north/+/undecoded\n"
                               "topic read dnp3/north/+/point/#\n"
                               "topic read dnp3/north/+/result/#\n"
                               "topic write dnp3/north/+/set/#\n"
                               "topic write dnp3/north/+/arm/#\n"
                               "topic write dnp3/north/+/command/#\n");
    free(text);
}

/* Clocks are set all the same, so it must not say that nothing is written. */
static void test_controls_off(void **state)
{
    static const char text[] =
        "{\"gateway\":\"g\",\"mqtt\":{\"url\":\"mqtt://b\"},\"controls\":false}";
    const struct gw_config_text texts[] = {{"gateway.json", text, sizeof text - 1}};
    struct gw_config_errors errors = {0};
    struct gw_config *config = NULL;
    (void)state;
    assert_int_equal(gw_config_load_texts(texts, 1, &config, &errors), 0);
    gw_config_errors_free(&errors);
    char *shown = printed(gw_check_print, config);
    assert_non_null(strstr(shown, "  controls    off: nothing is operated or written but clocks "));
    free(shown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_report),
                                       cmocka_unit_test(test_controls_off),
                                       cmocka_unit_test(test_channels), cmocka_unit_test(test_acl)};
    gw_memory_adopt();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
