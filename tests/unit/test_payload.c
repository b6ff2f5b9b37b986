/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/payload/payload.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dnp3/app.h"
#include "dnp3/error.h"
#include "gateway/base/json_writer.h"
#include "gateway/config/config.h"

static const char *const closed[] = {"open", "closed"};
static const char *const breaker[] = {"moving", "open", "closed", "fault"};
static const struct gw_map_point binary = {.name = "breaker", .decimals = -1, .states = closed};
static const struct gw_map_point double_bit = {
    .type = DNP3_POINT_DOUBLE_BIT_INPUT, .name = "breaker", .decimals = -1, .states = breaker};
static const struct gw_map_point energy = {
    .type = DNP3_POINT_COUNTER, .name = "energy", .decimals = -1, .unit = "kWh"};
static const struct gw_map_point plain = {
    .type = DNP3_POINT_ANALOG_INPUT, .name = "raw", .decimals = -1};
static const struct gw_map_point current = {.type = DNP3_POINT_ANALOG_INPUT,
                                            .name = "current-a",
                                            .index = 4,
                                            .decimals = 1,
                                            .scaled = true,
                                            .scale = 0.1,
                                            .unit = "A"};
static const struct gw_map_point shortest = {
    .type = DNP3_POINT_ANALOG_INPUT, .name = "f", .decimals = -1, .unit = "A"};
static const struct gw_map_point target = {
    .type = DNP3_POINT_OCTET_STRING, .name = "target", .decimals = -1};
static const struct gw_map_point when = {.type = DNP3_POINT_TIME, .name = "time", .decimals = -1};

#define EVENT(point_type, count)                                                                   \
    .type = (point_type), .flags = DNP3_FLAG_ONLINE, .source = GW_SOURCE_EVENT,                    \
    .time_source = GW_TIME_OUTSTATION, .time_ms = 1763719200123, .received_ms = 1763719200181,     \
    .id_start = 0x6920a1b0, .id_count = (count)
#define STATIC(point_type)                                                                         \
    .type = (point_type), .flags = DNP3_FLAG_ONLINE, .source = GW_SOURCE_STATIC,                   \
    .time_source = GW_TIME_GATEWAY, .time_ms = 1763719200181, .received_ms = 1763719200181

static void assert_payload(const struct gw_map_point *point, const struct gw_point_value *value,
                           const char *expected)
{
    char buffer[GW_PAYLOAD_MAX];
    int length = gw_payload_point(buffer, sizeof buffer, point, value);
    assert_int_equal(length, strlen(buffer));
    assert_string_equal(buffer, expected);
    json_error_t error;
    json_t *json = json_loadb(buffer, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    assert_non_null(json);
    json_decref(json);
}

static void test_points_are_the_reference_lines(void **state)
{
    (void)state;
    assert_payload(
        &binary, &(struct gw_point_value){EVENT(DNP3_POINT_BINARY_INPUT, 48213), .number = 1},
        "{\"value\":1,\"state\":\"closed\",\"quality\":\"good\",\"flags\":[],"
        "\"time\":1763719200123,\"time_source\":\"outstation\",\"received\":1763719200181,"
        "\"source\":\"event\",\"id\":\"6920a1b0-48213\"}");
    assert_payload(
        &double_bit,
        &(struct gw_point_value){EVENT(DNP3_POINT_DOUBLE_BIT_INPUT, 48214), .number = 2},
        "{\"value\":2,\"state\":\"closed\",\"quality\":\"good\",\"flags\":[],"
        "\"time\":1763719200123,\"time_source\":\"outstation\",\"received\":1763719200181,"
        "\"source\":\"event\",\"id\":\"6920a1b0-48214\"}");
    struct gw_point_value counter = {EVENT(DNP3_POINT_COUNTER, 48215), .number = 182340};
    counter.time_ms = 1763719200000;
    assert_payload(&energy, &counter,
                   "{\"value\":182340,\"unit\":\"kWh\",\"quality\":\"good\",\"flags\":[],"
                   "\"time\":1763719200000,\"time_source\":\"outstation\","
                   "\"received\":1763719200181,\"source\":\"event\",\"id\":\"6920a1b0-48215\"}");
    assert_payload(&plain,
                   &(struct gw_point_value){STATIC(DNP3_POINT_ANALOG_INPUT), .number = 1247},
                   "{\"value\":1247,\"unit\":null,\"quality\":\"good\",\"flags\":[],"
                   "\"time\":1763719200181,\"time_source\":\"gateway\",\"received\":1763719200181,"
                   "\"source\":\"static\",\"id\":null}");
    struct gw_point_value scaled = {EVENT(DNP3_POINT_ANALOG_INPUT, 48216), .number = 1247};
    scaled.flags |= DNP3_FLAG_OVER_RANGE;
    scaled.time_source = GW_TIME_OUTSTATION_UNSYNCHRONIZED;
    assert_payload(&current, &scaled,
                   "{\"value\":124.7,\"unit\":\"A\",\"quality\":\"uncertain\","
                   "\"flags\":[\"OVER_RANGE\"],\"time\":1763719200123,"
                   "\"time_source\":\"outstation_unsynchronized\",\"received\":1763719200181,"
                   "\"source\":\"event\",\"id\":\"6920a1b0-48216\"}");
    struct gw_point_value text = {EVENT(DNP3_POINT_OCTET_STRING, 48217)};
    text.octets = (const uint8_t *)"51P A-G";
    text.length = 7;
    assert_payload(&target, &text,
                   "{\"text\":\"51P A-G\",\"base64\":null,\"quality\":\"good\",\"flags\":[],"
                   "\"time\":1763719200123,\"time_source\":\"outstation\","
                   "\"received\":1763719200181,\"source\":\"event\",\"id\":\"6920a1b0-48217\"}");
    assert_payload(&when,
                   &(struct gw_point_value){STATIC(DNP3_POINT_TIME), .number = 1763719200123.0},
                   "{\"value\":1763719200123,\"quality\":\"good\",\"flags\":[],"
                   "\"time\":1763719200181,\"time_source\":\"gateway\",\"received\":1763719200181,"
                   "\"source\":\"static\",\"id\":null}");
    struct gw_point_value lost = {STATIC(DNP3_POINT_ANALOG_INPUT), .number = 1247};
    lost.flags = DNP3_FLAG_COMM_LOST;
    lost.source = GW_SOURCE_GATEWAY;
    lost.time_ms = lost.received_ms = 1763719260000;
    assert_payload(&current, &lost,
                   "{\"value\":124.7,\"unit\":\"A\",\"quality\":\"bad\",\"flags\":[\"COMM_LOST\"],"
                   "\"time\":1763719260000,\"time_source\":\"gateway\",\"received\":1763719260000,"
                   "\"source\":\"gateway\",\"id\":null}");
}

/* The text after `"key":` up to the next comma that follows a value, or the end. */
static void assert_key(const struct gw_map_point *point, const struct gw_point_value *value,
                       const char *expected)
{
    char buffer[GW_PAYLOAD_MAX];
    assert_true(gw_payload_point(buffer, sizeof buffer, point, value) > 0);
    if (!strstr(buffer, expected))
        fail_msg("%s does not hold %s", buffer, expected);
}

/* A change never stands under the key of a total; an offset has nothing to do with it. */
static void test_a_delta_has_a_key_of_its_own(void **state)
{
    (void)state;
    struct gw_point_value value = {EVENT(DNP3_POINT_COUNTER, 7), .number = 12, .delta = true};
    value.flags |= DNP3_FLAG_DISCONTINUITY;
    assert_payload(&energy, &value,
                   "{\"value\":null,\"delta\":12,\"unit\":\"kWh\",\"quality\":\"uncertain\","
                   "\"flags\":[\"DISCONTINUITY\"],\"time\":1763719200123,\"time_source\":"
                   "\"outstation\",\"received\":1763719200181,\"source\":\"event\","
                   "\"id\":\"6920a1b0-7\"}");
    struct gw_map_point scaled = energy;
    scaled.scaled = true;
    scaled.scale = 0.5;
    scaled.offset = 1000;
    scaled.decimals = 1;
    value.flags = DNP3_FLAG_ONLINE;
    assert_payload(&scaled, &value,
                   "{\"value\":null,\"delta\":6.0,\"unit\":\"kWh\",\"quality\":\"good\","
                   "\"flags\":[],\"time\":1763719200123,\"time_source\":\"outstation\","
                   "\"received\":1763719200181,\"source\":\"event\",\"id\":\"6920a1b0-7\"}");
}

static void test_reported_commands_have_a_status_and_no_flags(void **state)
{
    (void)state;
    struct gw_map_point command = binary;
    command.type = DNP3_POINT_BINARY_COMMAND_EVENT;
    struct gw_point_value value = {EVENT(DNP3_POINT_BINARY_COMMAND_EVENT, 8), .number = 1};
    value.flags = 4;
    assert_payload(&command, &value,
                   "{\"value\":1,\"state\":\"closed\",\"status\":\"NOT_SUPPORTED\","
                   "\"quality\":\"good\",\"flags\":[],\"time\":1763719200123,"
                   "\"time_source\":\"outstation\",\"received\":1763719200181,"
                   "\"source\":\"event\",\"id\":\"6920a1b0-8\"}");
    struct gw_map_point analog = current;
    analog.type = DNP3_POINT_ANALOG_COMMAND_EVENT;
    value = (struct gw_point_value){EVENT(DNP3_POINT_ANALOG_COMMAND_EVENT, 9), .number = 25};
    value.flags = 50;
    assert_payload(&analog, &value,
                   "{\"value\":2.5,\"unit\":\"A\",\"status\":\"STATUS_50\",\"quality\":\"good\","
                   "\"flags\":[],\"time\":1763719200123,\"time_source\":\"outstation\","
                   "\"received\":1763719200181,\"source\":\"event\",\"id\":\"6920a1b0-9\"}");
}

static void test_floats_always_have_a_point(void **state)
{
    (void)state;
    struct gw_point_value value = {STATIC(DNP3_POINT_ANALOG_INPUT)};
    value.floating = true;
    value.single = true;
    value.number = (double)124.7f;
    assert_key(&shortest, &value, "\"value\":124.7,");
    value.number = 5;
    assert_key(&shortest, &value, "\"value\":5.0,");
    value.single = false;
    value.number = 0.30000000000000004;
    assert_key(&shortest, &value, "\"value\":0.30000000000000004,");
    value.floating = false;
    value.number = 50;
    assert_key(&current, &value, "\"value\":5.0,");
    value.number = -2147483648.0;
    assert_key(&plain, &value, "\"value\":-2147483648,");
}

static void test_what_is_no_number_is_null_and_bad(void **state)
{
    (void)state;
    struct gw_point_value value = {STATIC(DNP3_POINT_ANALOG_INPUT)};
    value.floating = true;
    value.number = NAN;
    assert_key(&current, &value, "\"value\":null,\"unit\":\"A\",\"quality\":\"bad\",\"flags\":[]");
    value.number = -INFINITY;
    assert_key(&shortest, &value, "\"value\":null,\"unit\":\"A\",\"quality\":\"bad\"");
}

static void test_quality_depends_on_the_type(void **state)
{
    (void)state;
    static const struct {
        enum dnp3_point_type type;
        unsigned flags;
        const char *quality;
    } cases[] = {
        {DNP3_POINT_BINARY_INPUT, 0x01, "good"},
        {DNP3_POINT_BINARY_INPUT, 0x00, "bad"},
        {DNP3_POINT_BINARY_INPUT, 0x03, "bad"},
        {DNP3_POINT_BINARY_INPUT, 0x05, "bad"},
        {DNP3_POINT_BINARY_INPUT, 0x19, "good"},
        {DNP3_POINT_BINARY_INPUT, 0x21, "uncertain"},
        {DNP3_POINT_BINARY_INPUT, 0x41, "good"},
        {DNP3_POINT_DOUBLE_BIT_INPUT, 0x21, "uncertain"},
        {DNP3_POINT_BINARY_OUTPUT_STATUS, 0x61, "good"},
        {DNP3_POINT_COUNTER, 0x21, "good"},
        {DNP3_POINT_COUNTER, 0x41, "uncertain"},
        {DNP3_POINT_FROZEN_COUNTER, 0x61, "uncertain"},
        {DNP3_POINT_ANALOG_INPUT, 0x21, "uncertain"},
        {DNP3_POINT_FROZEN_ANALOG_INPUT, 0x41, "uncertain"},
        {DNP3_POINT_ANALOG_OUTPUT_STATUS, 0x45, "bad"},
        {DNP3_POINT_OCTET_STRING, 0x01, "good"},
        {DNP3_POINT_TIME, 0x61, "good"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(gw_payload_quality(cases[i].type, (uint8_t)cases[i].flags, 1),
                            cases[i].quality);
}

static void test_flags_have_their_type_s_names(void **state)
{
    (void)state;
    struct gw_point_value value = {STATIC(DNP3_POINT_COUNTER)};
    value.flags = 0x7F;
    assert_key(&energy, &value,
               "\"flags\":[\"RESTART\",\"COMM_LOST\",\"REMOTE_FORCED\",\"LOCAL_FORCED\","
               "\"ROLLOVER\",\"DISCONTINUITY\"]");
    value.type = DNP3_POINT_BINARY_INPUT;
    value.flags = 0xE1; /* reserved and value bits have no name */
    assert_key(&binary, &value, "\"flags\":[\"CHATTER_FILTER\"]");
}

static void test_octet_strings(void **state)
{
    (void)state;
    static const struct {
        const char *octets;
        uint16_t length;
        const char *text;
    } cases[] = {
        {"", 0, "\"text\":\"\",\"base64\":null"},
        {"ab\0\0", 4, "\"text\":\"ab\",\"base64\":null"},
        {"a\0b", 3, "\"text\":null,\"base64\":\"YQBi\""},
        {"a\"\\\n\t", 5, "\"text\":\"a\\\"\\\\\\n\\t\",\"base64\":null"},
        {"\x01", 1, "\"text\":null,\"base64\":\"AQ==\""},
        {"\x7f\x01", 2, "\"text\":null,\"base64\":\"fwE=\""},
        {"\xc3\xa9\xe2\x82\xac", 5, "\"text\":\"\xc3\xa9\xe2\x82\xac\",\"base64\":null"},
        {"\xf0\x9f\x98\x80", 4, "\"text\":\"\xf0\x9f\x98\x80\",\"base64\":null"},
        {"\xc3", 1, "\"text\":null,\"base64\":\"ww==\""},
        {"\xc0\xaf", 2, "\"text\":null,\"base64\":\"wK8=\""},
        {"\xed\xa0\x80", 3, "\"text\":null,\"base64\":\"7aCA\""},
        {"\xf4\x90\x80\x80", 4, "\"text\":null,\"base64\":\"9JCAgA==\""},
        {"\xe9t\xe9", 3, "\"text\":null,\"base64\":\"6XTp\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gw_point_value value = {STATIC(DNP3_POINT_OCTET_STRING)};
        value.octets = (const uint8_t *)cases[i].octets;
        value.length = cases[i].length;
        assert_key(&target, &value, cases[i].text);
    }
    char full[GW_PAYLOAD_MAX];
    uint8_t longest[255];
    memset(longest, '\n', sizeof longest);
    struct gw_point_value value = {STATIC(DNP3_POINT_OCTET_STRING)};
    value.octets = longest;
    value.length = sizeof longest;
    assert_true(gw_payload_point(full, sizeof full, &target, &value) > 510);
}

static void test_what_does_not_fit_is_told(void **state)
{
    (void)state;
    char buffer[GW_PAYLOAD_MAX];
    struct gw_point_value value = {STATIC(DNP3_POINT_ANALOG_INPUT)};
    int length = gw_payload_point(buffer, sizeof buffer, &current, &value);
    for (size_t size = 1; size < (size_t)length; size++)
        assert_int_equal(gw_payload_point(buffer, size, &current, &value), DNP3_ERR_FULL);
    assert_int_equal(gw_payload_point(buffer, (size_t)length, &current, &value), length);
    value.type = DNP3_POINT_INDICATION;
    assert_int_equal(gw_payload_point(buffer, sizeof buffer, &current, &value), DNP3_ERR_INVALID);
}

static void test_statuses(void **state)
{
    (void)state;
    char buffer[GW_PAYLOAD_MAX];
    struct gw_outstation_status status = {
        .state = GW_STATE_OFFLINE,
        .reason = GW_REASON_LINK_ONLY,
        .detail = "link status answered, no application answer: is master_address 1 on its list?",
        .since_ms = 1763719260000,
        .last_heard_ms = 1763719229800,
        .connect = "tcp://10.0.4.10:20000",
        .address = 10,
        .master_address = 1,
        .clock = "ok",
        .rtt_ms = 38,
        .timeouts = 3,
        .rx_bytes = 182340,
        .tx_bytes = 22100};
    int length = gw_payload_outstation_status(buffer, sizeof buffer, &status);
    assert_int_equal(length, strlen(buffer));
    assert_string_equal(
        buffer,
        "{\"state\":\"offline\",\"reason\":\"link_only\",\"detail\":\"link status answered, no "
        "application answer: is master_address 1 on its list?\",\"since\":1763719260000,"
        "\"last_heard\":1763719229800,\"connect\":\"tcp://10.0.4.10:20000\",\"address\":10,"
        "\"master_address\":1,\"iin\":[],\"clock\":\"ok\",\"withholding\":false,"
        "\"event_overflows\":0,\"rtt_ms\":38,\"timeouts\":3,\"crc_errors\":0,\"rx_bytes\":182340,"
        "\"tx_bytes\":22100,\"certificate_days\":null}");
    status.state = GW_STATE_ONLINE;
    status.reason = GW_REASON_OK;
    status.detail = NULL;
    status.last_heard_ms = 0;
    status.withholding = true;
    status.iin = DNP3_IIN_BROADCAST | DNP3_IIN_CLASS_2_EVENTS | DNP3_IIN_NEED_TIME |
                 DNP3_IIN_DEVICE_RESTART | DNP3_IIN_CONFIG_CORRUPT | 0xC000;
    gw_payload_outstation_status(buffer, sizeof buffer, &status);
    assert_non_null(strstr(buffer, "\"reason\":\"ok\",\"detail\":null,"));
    assert_non_null(strstr(buffer, "\"last_heard\":null,"));
    assert_non_null(strstr(buffer, "\"iin\":[\"NEED_TIME\",\"DEVICE_RESTART\",\"CONFIG_CORRUPT\"],"
                                   "\"clock\":\"ok\",\"withholding\":true,"));

    struct gw_gateway_status gateway = {.state = "online",
                                        .reason = "ok",
                                        .since_ms = 1763719100000,
                                        .version = "1.0.0",
                                        .config = "ok",
                                        .revision = "9f2c1b7a",
                                        .clock = "synchronized",
                                        .spool = "full",
                                        .spool_messages = 4821,
                                        .spool_octets = 1234567,
                                        .online = 298,
                                        .connecting = 1,
                                        .offline = 1};
    gw_payload_gateway_status(buffer, sizeof buffer, &gateway);
    assert_string_equal(
        buffer,
        "{\"state\":\"online\",\"reason\":\"ok\",\"since\":1763719100000,\"version\":\"1.0.0\","
        "\"config\":\"ok\",\"revision\":\"9f2c1b7a\",\"clock\":\"synchronized\",\"spool\":\"full\","
        "\"spool_messages\":4821,\"spool_bytes\":1234567,\"outstations\":{\"online\":298,\"idle\":"
        "0,"
        "\"connecting\":1,\"offline\":1,\"disabled\":0},\"certificate_days\":null}");
    gw_payload_will(buffer, sizeof buffer);
    assert_string_equal(buffer,
                        "{\"state\":\"offline\",\"reason\":\"connection_lost\",\"since\":null}");
}

static void test_meta(void **state)
{
    (void)state;
    struct gw_map_point points[] = {double_bit, energy, current, plain};
    points[0].own_states = true;
    points[3].publish = GW_PUBLISH_NEVER;
    const struct gw_map_state words[] = {{.word = "open"}, {.word = "close"}};
    const struct gw_map_control controls[] = {{.name = "breaker",
                                               .states = words,
                                               .state_count = 2,
                                               .feedback = &points[0],
                                               .require_id = true,
                                               .require_expires = true},
                                              {.name = "setpoint",
                                               .index = 3,
                                               .type = GW_CONTROL_ANALOG_OUTPUT,
                                               .unit = "A",
                                               .label = "Pick-up \"51P\"",
                                               .min = -0.5,
                                               .max = 100}};
    const struct gw_mapping mapping = {.device = "recloser",
                                       .file = "recloser.json",
                                       .points = points,
                                       .point_count = 4,
                                       .controls = controls,
                                       .control_count = 2};
    const struct gw_var vars[] = {{"site", "hilltop"}};
    struct gw_outstation_config outstation = {.name = "recloser-17",
                                              .label = "Hilltop",
                                              .mapping = &mapping,
                                              .vars = vars,
                                              .var_count = 1,
                                              .controls = true};
    const struct gw_config config = {.revision = "9f2c1b7a"};
    char buffer[GW_PAYLOAD_MAX];
    int length = gw_payload_meta(buffer, sizeof buffer, &config, &outstation);
    assert_string_equal(
        buffer,
        "{\"outstation\":\"recloser-17\",\"label\":\"Hilltop\",\"device\":\"recloser\","
        "\"mapping\":\"recloser.json\",\"revision\":\"9f2c1b7a\",\"vars\":{\"site\":\"hilltop\"},"
        "\"points\":{\"breaker\":{\"type\":\"double_bit_input\",\"index\":0,\"states\":{"
        "\"intermediate\":\"moving\",\"off\":\"open\",\"on\":\"closed\",\"indeterminate\":\"fault\""
        "}},\"energy\":{\"type\":\"counter\",\"index\":0,\"unit\":\"kWh\",\"bits\":32},"
        "\"current-a\":{\"type\":\"analog_input\",\"index\":4,\"unit\":\"A\",\"scale\":0.1}},"
        "\"controls\":{\"breaker\":{\"type\":\"binary_output\",\"index\":0,\"values\":[\"open\","
        "\"close\"],\"feedback\":\"breaker\",\"require\":[\"id\",\"expires\"]},\"setpoint\":{"
        "\"type\":\"analog_output\",\"index\":3,\"label\":\"Pick-up \\\"51P\\\"\",\"unit\":\"A\","
        "\"min\":-0.5,\"max\":100}}}");
    assert_int_equal(gw_payload_meta(NULL, 0, &config, &outstation), length);
    assert_int_equal(gw_payload_meta(buffer, 100, &config, &outstation), DNP3_ERR_FULL);
    outstation.controls = false;
    outstation.label = NULL;
    outstation.var_count = 0;
    gw_payload_meta(buffer, sizeof buffer, &config, &outstation);
    assert_non_null(strstr(buffer, "\"label\":null,"));
    assert_non_null(strstr(buffer, "\"vars\":{},"));
    assert_non_null(strstr(buffer, "\"controls\":{}}"));
}

static void test_undecoded(void **unused)
{
    (void)unused;
    static uint8_t octets[GW_UNDECODED_MAX + 1] = "\x79\x01\x17";
    char buffer[GW_PAYLOAD_MAX];
    struct gw_undecoded undecoded = {.error = "unsupported",
                                     .group = 121,
                                     .variation = 1,
                                     .qualifier = 0x17,
                                     .octets = octets,
                                     .length = 3,
                                     .received_ms = 1763719200181,
                                     .id_start = 0x6920a1b0,
                                     .id_count = 7};
    assert_true(gw_payload_undecoded(buffer, sizeof buffer, &undecoded) > 0);
    assert_string_equal(buffer, "{\"error\":\"unsupported\",\"object\":\"g121v1 q17\",\"octets\":3,"
                                "\"base64\":\"eQEX\",\"received\":1763719200181,"
                                "\"id\":\"6920a1b0-7\"}");
    undecoded.length = sizeof octets;
    int length = gw_payload_undecoded(buffer, sizeof buffer, &undecoded);
    assert_true(length > 0 && length < GW_PAYLOAD_MAX);
    assert_non_null(strstr(buffer, "\"octets\":513,"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_points_are_the_reference_lines),
        cmocka_unit_test(test_a_delta_has_a_key_of_its_own),
        cmocka_unit_test(test_reported_commands_have_a_status_and_no_flags),
        cmocka_unit_test(test_floats_always_have_a_point),
        cmocka_unit_test(test_what_is_no_number_is_null_and_bad),
        cmocka_unit_test(test_quality_depends_on_the_type),
        cmocka_unit_test(test_flags_have_their_type_s_names),
        cmocka_unit_test(test_octet_strings),
        cmocka_unit_test(test_what_does_not_fit_is_told),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_meta),
        cmocka_unit_test(test_undecoded),
    };
    return cmocka_run_group_tests_name("payload", tests, NULL, NULL);
}
