/* SPDX-License-Identifier: Apache-2.0 */
/* A compiled mapping: what is looked up in it and what comes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "dnp3/error.h"
#include "gateway/base/memory.h"
#include "gateway/config/config.h"
#include "tests/lib/config_of.h"

static const char gateway_text[] =
    "{\"gateway\":\"g\",\"mqtt\":{\"url\":\"mqtt://b\"},\"outstations\":["
    "{\"name\":\"a\",\"connect\":\"tcp://"
    "h:1\",\"address\":10,\"mapping\":\"m.json\",\"vars\":{\"site\":1}},"
    "{\"name\":\"b\",\"connect\":\"tcp://"
    "h:2\",\"address\":10,\"mapping\":\"m.json\",\"vars\":{\"site\":2}},"
    "{\"name\":\"c\",\"connect\":\"tcp://"
    "h:3\",\"address\":10,\"mapping\":\"m.json\",\"vars\":{\"bus\":\"x\"}},"
    "{\"name\":\"d\",\"connect\":\"tcp://h:4\",\"address\":10}]}";
static const char mapping_text[] =
    "{ \"device\": \"box\", \"vars\": { \"bus\": \"main\" }, \"unmapped\": [\"counter/3..5\"],\n"
    "  \"points\": [\n"
    "    { \"name\": \"{bus}-{phase}\", \"label\": \"Phase {phase} [A]\", \"type\": "
    "\"analog_input\","
    "      \"index\": \"4..6\", \"vars\": { \"phase\": [\"a\", \"b\", \"c\"] }, \"scale\": 0.10, "
    "\"unit\": \"A\" },\n"
    "    { \"name\": \"far\", \"type\": \"analog_input\", \"index\": 4000, \"scale\": 10, "
    "\"offset\": -40 },\n"
    "    { \"name\": \"low\", \"type\": \"analog_input\", \"index\": 1, \"offset\": 0.5 },\n"
    "    { \"name\": \"gone\", \"type\": \"analog_input\", \"index\": 2, \"enabled\": false },\n"
    "    { \"name\": \"rounded\", \"type\": \"analog_input\", \"index\": 8, \"round\": 3, "
    "\"publish\": \"never\" },\n"
    "    { \"type\": \"binary_input\", \"index\": [9, 2], \"invert\": true, \"states\": { \"on\": "
    "\"alarm\" } },\n"
    "    { \"name\": \"breaker\", \"type\": \"double_bit_input\", \"index\": 0, \"invert\": true,"
    "      \"states\": { \"1\": \"open\", \"on\": \"closed\" } } ],\n"
    "  \"controls\": [\n"
    "    { \"name\": \"trip-{n}\", \"type\": \"binary_output\", \"index\": [7, 3], \"vars\": { "
    "\"n\": [\"x\", \"y\"] },"
    "      \"require\": [\"id\", \"expires\"],"
    "      \"states\": { \"open\": { \"operation\": \"pulse_on\", \"trip_close\": \"trip\", "
    "\"on_ms\": 250, \"count\": 2 },"
    "                  \"close\": { \"operation\": \"pulse_on\", \"trip_close\": \"close\" },"
    "                  \"reset\": { \"operation\": \"latch_off\", \"clear\": true } },"
    "      \"feedback\": { \"point\": \"breaker\", \"within_s\": 1.5, \"expect\": { \"open\": "
    "\"open\", \"close\": \"closed\" } } },\n"
    "    { \"name\": \"setpoint\", \"type\": \"analog_output\", \"index\": 3, \"encoding\": "
    "\"int16\", \"scale\": 0.1,"
    "      \"offset\": 5, \"min\": 0, \"max\": 100, \"max_age_s\": 2, \"poll_after\": false, "
    "\"mode\": \"direct_operate\","
    "      \"states\": { \"off\": 5, \"full\": 100 }, \"feedback\": { \"point\": \"far\" } } ] }";

static struct gw_config *config;
static const struct gw_mapping *mapping;

static int set_up(void **state)
{
    (void)state;
    config = config_of(gateway_text, "m.json", mapping_text);
    if (config)
        mapping = config->outstations[0].mapping;
    return config ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    gw_config_free(config);
    return gw_memory_used(GW_OWNER_CONFIG) || gw_memory_used(GW_OWNER_MAPPING);
}

static void test_sharing(void **state)
{
    (void)state;
    /* {site} stands nowhere in the mapping, {bus} does. */
    assert_ptr_equal(config->outstations[0].mapping, config->outstations[1].mapping);
    assert_ptr_not_equal(config->outstations[0].mapping, config->outstations[2].mapping);
    assert_int_equal(config->mapping_count, 2);
    assert_string_equal(config->outstations[2].mapping->points[2].name, "breaker");
    assert_non_null(gw_mapping_find(config->outstations[2].mapping, DNP3_POINT_ANALOG_INPUT, 4));
    assert_string_equal(
        gw_mapping_find(config->outstations[2].mapping, DNP3_POINT_ANALOG_INPUT, 4)->name, "x-a");
    assert_int_equal(config->outstations[0].var_count, 2);
}

static void test_find(void **state)
{
    (void)state;
    const uint32_t there[] = {1, 4, 5, 6, 8, 4000};
    for (uint32_t index = 0; index < 5000; index++) {
        bool expected = false;
        for (size_t i = 0; i < sizeof there / sizeof *there; i++)
            expected = expected || there[i] == index;
        const struct gw_map_point *point = gw_mapping_find(mapping, DNP3_POINT_ANALOG_INPUT, index);
        assert_true((point != NULL) == expected);
        assert_true(!point || point->index == index);
    }
    assert_int_equal(mapping->point_count, 9);
    assert_null(gw_mapping_find(mapping, DNP3_POINT_COUNTER, 4));
    assert_null(gw_mapping_find(mapping, DNP3_POINT_INDICATION, 0));
    assert_null(gw_mapping_point(mapping, DNP3_POINT_INDICATION, 0));
    assert_string_equal(gw_mapping_find(mapping, DNP3_POINT_BINARY_INPUT, 9)->name,
                        "binary_input/9");
}

static void test_unmapped(void **state)
{
    (void)state;
    char buffer[40];
    const struct gw_map_point *point = gw_mapping_point(mapping, DNP3_POINT_COUNTER, 3);
    assert_non_null(point);
    assert_true(gw_map_point_is_default(point));
    assert_string_equal(gw_map_point_name(point, 3, buffer, sizeof buffer), "counter/3");
    assert_null(gw_mapping_point(mapping, DNP3_POINT_COUNTER, 2));
    assert_null(gw_mapping_point(mapping, DNP3_POINT_ANALOG_INPUT, 2));
    assert_non_null(gw_mapping_point(config->outstations[3].mapping, DNP3_POINT_TIME, 0));
    assert_string_equal(
        gw_map_point_state(
            gw_mapping_point(config->outstations[3].mapping, DNP3_POINT_BINARY_INPUT, 0), 1),
        "on");
}

static void test_values(void **state)
{
    (void)state;
    const struct gw_map_point *current = gw_mapping_find(mapping, DNP3_POINT_ANALOG_INPUT, 5);
    const struct gw_map_point *far = gw_mapping_find(mapping, DNP3_POINT_ANALOG_INPUT, 4000);
    const struct gw_map_point *low = gw_mapping_find(mapping, DNP3_POINT_ANALOG_INPUT, 1);
    const struct gw_map_point *rounded = gw_mapping_find(mapping, DNP3_POINT_ANALOG_INPUT, 8);
    assert_string_equal(current->name, "main-b");
    assert_string_equal(current->label, "Phase b [A]");
    assert_string_equal(current->unit, "A");
    assert_int_equal(current->decimals, 2);
    assert_true(fabs(gw_map_point_value(current, 1247) - 124.7) < 1e-9);
    assert_int_equal(far->decimals, 0);
    assert_true(far->scaled);
    assert_true(gw_map_point_value(far, 5) == 10);
    assert_int_equal(low->decimals, 1);
    assert_int_equal(rounded->decimals, 3);
    assert_false(rounded->scaled);
    assert_int_equal(rounded->publish, GW_PUBLISH_NEVER);
    assert_null(gw_map_point_state(far, 0));
}

static void test_states(void **state)
{
    (void)state;
    const struct gw_map_point *alarm = gw_mapping_find(mapping, DNP3_POINT_BINARY_INPUT, 2);
    const struct gw_map_point *breaker = gw_mapping_find(mapping, DNP3_POINT_DOUBLE_BIT_INPUT, 0);
    assert_string_equal(gw_map_point_state(alarm, gw_map_point_value(alarm, 0)), "alarm");
    assert_string_equal(gw_map_point_state(alarm, gw_map_point_value(alarm, 1)), "off");
    assert_string_equal(gw_map_point_state(breaker, gw_map_point_value(breaker, 1)), "closed");
    assert_string_equal(gw_map_point_state(breaker, gw_map_point_value(breaker, 2)), "open");
    assert_string_equal(gw_map_point_state(breaker, gw_map_point_value(breaker, 3)),
                        "indeterminate");
    assert_null(gw_map_point_state(breaker, 4));
    assert_null(gw_map_point_state(breaker, (double)NAN));
}

static void test_binary_control(void **state)
{
    (void)state;
    const struct gw_map_control *control = gw_mapping_control(mapping, "trip-x");
    assert_non_null(control);
    assert_int_equal(control->index, 7);
    assert_true(control->require_id && control->require_expires && control->poll_after);
    assert_int_equal(control->mode, GW_CONTROL_SELECT_BEFORE_OPERATE);
    assert_int_equal(control->max_age_ms, 10000);
    assert_int_equal(control->max_per_minute, 10);
    assert_int_equal(control->feedback_within_ms, 1500);
    assert_string_equal(control->feedback->name, "breaker");
    assert_ptr_equal(control->feedback, gw_mapping_find(mapping, DNP3_POINT_DOUBLE_BIT_INPUT, 0));
    const struct gw_map_state *open = gw_map_control_word(control, "open", 4);
    assert_non_null(open);
    assert_int_equal(open->command.type, DNP3_COMMAND_CROB);
    assert_int_equal(open->command.code, 0x81);
    assert_int_equal(open->command.count, 2);
    assert_int_equal(open->command.on_ms, 250);
    assert_int_equal(open->command.off_ms, 100);
    assert_int_equal(open->command.index, 7);
    assert_int_equal(open->expect, 1);
    assert_int_equal(gw_map_control_word(control, "close", 5)->command.code, 0x41);
    assert_int_equal(gw_map_control_word(control, "close", 5)->expect, 2);
    assert_int_equal(gw_map_control_word(control, "reset", 5)->command.code, 0x24);
    assert_int_equal(gw_map_control_word(control, "reset", 5)->expect, -1);
    assert_null(gw_map_control_word(control, "ope", 3));
    assert_null(gw_map_control_word(control, "openx", 5));
    struct dnp3_command command;
    assert_int_equal(gw_map_control_number(control, 1, &command), DNP3_ERR_UNKNOWN);
    assert_int_equal(gw_mapping_control(mapping, "trip-y")->index, 3);
    assert_int_equal(gw_mapping_control(mapping, "trip-y")->states[0].command.index, 3);
    assert_null(gw_mapping_control(mapping, "trip"));
}

static void test_analog_control(void **state)
{
    (void)state;
    const struct gw_map_control *control = gw_mapping_control(mapping, "setpoint");
    struct dnp3_command command;
    assert_non_null(control);
    assert_false(control->poll_after || control->require_id || control->require_expires);
    assert_int_equal(control->mode, GW_CONTROL_DIRECT_OPERATE);
    assert_int_equal(control->max_age_ms, 2000);
    assert_int_equal(gw_map_control_number(control, 12.34, &command), 0);
    assert_int_equal(command.type, DNP3_COMMAND_ANALOG_INT16);
    assert_true(command.value == 73);
    assert_int_equal(command.index, 3);
    assert_int_equal(gw_map_control_number(control, 100.1, &command), DNP3_ERR_RANGE);
    assert_int_equal(gw_map_control_number(control, -0.1, &command), DNP3_ERR_RANGE);
    assert_int_equal(gw_map_control_number(control, (double)NAN, &command), DNP3_ERR_RANGE);
    const struct gw_map_state *full = gw_map_control_word(control, "full", 4);
    assert_true(full->value == 100 && full->command.value == 950 && full->command.index == 3);
    assert_string_equal(control->feedback->name, "far");
}

static void test_no_allocation(void **state)
{
    (void)state;
    uint64_t calls = gw_memory_calls();
    struct dnp3_command command;
    gw_mapping_point(mapping, DNP3_POINT_ANALOG_INPUT, 5);
    gw_mapping_control(mapping, "setpoint");
    gw_map_control_number(gw_mapping_control(mapping, "setpoint"), 1, &command);
    assert_true(gw_memory_calls() == calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sharing),        cmocka_unit_test(test_find),
        cmocka_unit_test(test_unmapped),       cmocka_unit_test(test_values),
        cmocka_unit_test(test_states),         cmocka_unit_test(test_binary_control),
        cmocka_unit_test(test_analog_control), cmocka_unit_test(test_no_allocation),
    };
    gw_memory_adopt();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
