/* SPDX-License-Identifier: Apache-2.0 */
#include "dnp3/error.h"
#include "tests/unit/control_steps.h"

static void test_results_are_the_reference_lines(void **state)
{
    (void)state;
    command("breaker", "{\"value\":\"open\",\"id\":\"7f3a\"}");
    assert_int_equal(bench.operated, 1);
    assert_int_equal(bench.request->mode, DNP3_SELECT_BEFORE_OPERATE);
    assert_int_equal(bench.request->count, 1);
    assert_int_equal(bench.request->commands[0].code, 0x81);
    bench_pass(&bench, 400);
    finish_done();
    assert_int_equal(bench.published, 0);
    bench_pass(&bench, 12);
    move("breaker", 1);
    assert_string_equal(bench.topic, "dnp3/north/r17/result/breaker");
    assert_string_equal(
        bench.payload,
        "{\"id\":\"7f3a\",\"value\":\"open\",\"outcome\":\"done\",\"reason\":\"ok\","
        "\"stage\":\"operate\",\"status\":\"SUCCESS\",\"may_have_operated\":true,"
        "\"feedback\":\"reached\",\"repeated\":false,\"time\":1763719200412,\"duration_ms\":412}");
    command("breaker", "{\"value\":\"open\",\"id\":\"7f3b\"}");
    bench_pass(&bench, 95);
    bench_finish(&bench, DNP3_OUTCOME_FAILED, DNP3_STAGE_SELECT, DNP3_REASON_STATUS,
                 DNP3_STATUS_LOCAL);
    assert_string_equal(
        bench.payload,
        "{\"id\":\"7f3b\",\"value\":\"open\",\"outcome\":\"failed\","
        "\"reason\":\"outstation_refused\",\"stage\":\"select\",\"status\":\"LOCAL\","
        "\"may_have_operated\":false,\"feedback\":null,\"repeated\":false,"
        "\"time\":1763719200507,\"duration_ms\":95}");
    assert_int_equal(bench.published, 2);
}

static void test_other_topics_are_not_ours(void **state)
{
    (void)state;
    static const char *const topics[] = {"dnp3/north/r17/result/breaker", "dnp3/north/r17/set",
                                         "dnp3/north/r99/set/breaker", "dnp3/south/r17/set/breaker",
                                         "dnp3/north/r17/command/integrity"};
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        const struct gw_mqtt_message message = mqtt_message_of(topics[i], "open");
        assert_false(gw_controls_message(bench.controls, &message));
    }
    assert_int_equal(bench.published, 0);
    expect_nothing_sent();
}

static void test_refusals_of_the_message(void **state)
{
    (void)state;
    static const struct {
        const char *control, *payload, *reason;
    } cases[] = {
        {"breaker", "", "malformed"},
        {"breaker", "{\"value\":\"open\"", "malformed"},
        {"breaker", "{\"value\":\"open\",\"expires\":1763719205}", "malformed"},
        {"breaker", "{\"value\":\"open\",\"colour\":\"red\"}", "malformed"},
        {"fuse", "open", "unknown_control"},
        {"breaker", "trip", "unknown_value"},
        {"breaker", "Open", "unknown_value"},
        {"breaker", "1", "unknown_value"},
        {"level", "high", "unknown_value"},
        {"level", "{\"value\":\"5\"}", "unknown_value"},
        {"level", "100.1", "out_of_range"},
        {"level", "-10.1", "out_of_range"},
        {"level", "1e999", "out_of_range"},
        {"strict", "on", "no_id"},
        {"strict", "{\"value\":\"on\",\"expires\":1763719205000}", "no_id"},
        {"strict", "{\"value\":\"on\",\"id\":\"1\"}", "no_expiry"},
        {"strict", "{\"value\":\"on\",\"id\":\"1\",\"expires\":" WALL "}", "expired"},
        {"strict", "{\"value\":\"on\",\"id\":\"1\",\"expires\":1763719199999}", "expired"},
        {"breaker", "{\"value\":\"open\",\"time\":1763719190000}", "expired"},
        {"breaker", "{\"value\":\"open\",\"time\":1763719210001}", "clock"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        command(cases[i].control, cases[i].payload);
        expect_refusal(cases[i].reason);
    }
    expect_nothing_sent();
    command("no such name", "open"); /* no topic for its result */
    assert_int_equal(bench.published, 0);
}

static void test_retained_messages_never_operate(void **state)
{
    (void)state;
    struct gw_mqtt_message message =
        mqtt_message_of("dnp3/north/r17/set/breaker", "{\"value\":\"open\",\"id\":\"7f3a\"}");
    message.retained = true;
    send_message(&message);
    expect_refusal("retained");
    expect_text("{\"id\":\"7f3a\",\"value\":\"open\",");
    expect_nothing_sent();
}

static void test_inhibited_by_configuration_and_by_the_switch(void **state)
{
    (void)state;
    const struct gw_mqtt_message message = mqtt_message_of("dnp3/north/r18/set/breaker", "open");
    send_message(&message);
    expect_refusal("inhibited");
    assert_string_equal(bench.topic, "dnp3/north/r18/result/breaker");

    char path[] = "/tmp/no-controls-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    bench_stop(&bench);
    bench_start(&bench, config, path);
    command("breaker", "open");
    expect_refusal("inhibited");
    expect_nothing_sent();
    unlink(path);
    command("breaker", "open");
    assert_int_equal(bench.operated, 1);
    finish_done();
}

static void test_times_need_a_trusted_clock(void **state)
{
    (void)state;
    bench.clock_trusted = false;
    command("breaker", "{\"value\":\"open\",\"expires\":1763719205000}");
    expect_refusal("clock");
    command("breaker", "{\"value\":\"open\",\"time\":" WALL "}");
    expect_refusal("clock");
    expect_nothing_sent();
    struct gw_mqtt_message message =
        mqtt_message_of("dnp3/north/r17/set/strict", "{\"value\":\"on\",\"id\":\"1\"}");
    message.expiry_s = 3; /* counted by the broker: no clock is needed */
    send_message(&message);
    assert_int_equal(bench.operated, 1);
    assert_int_equal(bench.request->expires_ms, 5000 + 3000);
    finish_done();
}

static void test_the_earliest_expiry_goes_with_the_request(void **state)
{
    (void)state;
    static const struct {
        const char *payload;
        uint32_t expiry_s;
        uint64_t expires_ms;
    } cases[] = {
        {"{\"value\":\"on\"}", UINT32_MAX, 15000},
        {"{\"value\":\"on\",\"expires\":1763719204000}", UINT32_MAX, 9000},
        {"{\"value\":\"on\",\"expires\":1763719299000}", UINT32_MAX, 15000},
        {"{\"value\":\"on\",\"expires\":1763719204000}", 2, 7000},
        {"{\"value\":\"on\",\"time\":1763719193000}", UINT32_MAX, 8000},
        {"{\"value\":\"on\",\"time\":1763719203000}", UINT32_MAX, 15000},
        {"{\"value\":\"on\",\"time\":1763719193000,\"expires\":1763719201000}", 100, 6000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gw_mqtt_message message =
            mqtt_message_of("dnp3/north/r17/set/plain", cases[i].payload);
        message.expiry_s = cases[i].expiry_s;
        send_message(&message);
        assert_int_equal(bench.request->mode, DNP3_DIRECT_OPERATE);
        assert_int_equal(bench.request->expires_ms, cases[i].expires_ms);
        finish_done();
        bench_stop(&bench);
        start(state);
    }
    struct gw_mqtt_message message = mqtt_message_of("dnp3/north/r17/set/plain", "on");
    message.expiry_s = 0;
    send_message(&message);
    expect_refusal("expired");
    expect_nothing_sent();
}

static void test_outcomes(void **state)
{
    (void)state;
    static const struct {
        enum dnp3_command_outcome outcome;
        enum dnp3_command_stage stage;
        enum dnp3_command_reason reason;
        unsigned status;
        unsigned polls;
        const char *text;
    } cases[] = {
        {DNP3_OUTCOME_DONE, DNP3_STAGE_OPERATE, DNP3_REASON_OK, 0, 1,
         "\"done\",\"reason\":\"ok\",\"stage\":\"operate\",\"status\":\"SUCCESS\","
         "\"may_have_operated\":true"},
        {DNP3_OUTCOME_REFUSED, DNP3_STAGE_QUEUED, DNP3_REASON_EXPIRED, 127, 0,
         "\"refused\",\"reason\":\"expired\",\"stage\":null,\"status\":null,"
         "\"may_have_operated\":false"},
        {DNP3_OUTCOME_REFUSED, DNP3_STAGE_QUEUED, DNP3_REASON_OFFLINE, 127, 0,
         "\"refused\",\"reason\":\"offline\",\"stage\":null,\"status\":null,"
         "\"may_have_operated\":false"},
        {DNP3_OUTCOME_REFUSED, DNP3_STAGE_QUEUED, DNP3_REASON_LINE_BUSY, 127, 0,
         "\"refused\",\"reason\":\"busy\",\"stage\":null"},
        {DNP3_OUTCOME_FAILED, DNP3_STAGE_SELECT, DNP3_REASON_EXPIRED, 127, 0,
         "\"refused\",\"reason\":\"expired\",\"stage\":\"select\",\"status\":null,"
         "\"may_have_operated\":false"},
        {DNP3_OUTCOME_REFUSED, DNP3_STAGE_QUEUED, DNP3_REASON_FORBIDDEN, 127, 0,
         "\"refused\",\"reason\":\"inhibited\",\"stage\":null,\"status\":null,"
         "\"may_have_operated\":false"},
        {DNP3_OUTCOME_FAILED, DNP3_STAGE_SELECT, DNP3_REASON_FORBIDDEN, 127, 0,
         "\"refused\",\"reason\":\"inhibited\",\"stage\":\"select\",\"status\":null,"
         "\"may_have_operated\":false"},
        {DNP3_OUTCOME_FAILED, DNP3_STAGE_SELECT, DNP3_REASON_STATUS, 42, 0,
         "\"failed\",\"reason\":\"outstation_refused\",\"stage\":\"select\","
         "\"status\":\"STATUS_42\",\"may_have_operated\":false"},
        {DNP3_OUTCOME_FAILED, DNP3_STAGE_SELECT, DNP3_REASON_STATUS, 127, 0,
         "\"stage\":\"select\",\"status\":\"UNDEFINED\""},
        {DNP3_OUTCOME_FAILED, DNP3_STAGE_OPERATE, DNP3_REASON_STATUS, DNP3_STATUS_BLOCKED, 0,
         "\"failed\",\"reason\":\"outstation_refused\",\"stage\":\"operate\","
         "\"status\":\"BLOCKED\",\"may_have_operated\":true"},
        {DNP3_OUTCOME_FAILED, DNP3_STAGE_SELECT, DNP3_REASON_INDICATION, 127, 0,
         "\"failed\",\"reason\":\"outstation_refused\",\"stage\":\"select\",\"status\":null"},
        {DNP3_OUTCOME_FAILED, DNP3_STAGE_SELECT, DNP3_REASON_ECHO_MISMATCH, 127, 0,
         "\"failed\",\"reason\":\"echo_mismatch\",\"stage\":\"select\",\"status\":null"},
        {DNP3_OUTCOME_FAILED, DNP3_STAGE_SELECT, DNP3_REASON_NO_ANSWER, 127, 0,
         "\"failed\",\"reason\":\"no_answer\",\"stage\":\"select\",\"status\":null"},
        {DNP3_OUTCOME_FAILED, DNP3_STAGE_SELECT, DNP3_REASON_SELECT_EXPIRED, 127, 0,
         "\"failed\",\"reason\":\"no_answer\",\"stage\":\"select\""},
        {DNP3_OUTCOME_FAILED, DNP3_STAGE_SELECT, DNP3_REASON_CONNECTION_LOST, 127, 0,
         "\"failed\",\"reason\":\"no_answer\",\"stage\":\"select\""},
        {DNP3_OUTCOME_UNKNOWN, DNP3_STAGE_OPERATE, DNP3_REASON_NO_ANSWER, 127, 1,
         "\"unknown\",\"reason\":\"no_answer\",\"stage\":\"operate\",\"status\":null,"
         "\"may_have_operated\":true"},
        {DNP3_OUTCOME_UNKNOWN, DNP3_STAGE_OPERATE, DNP3_REASON_CONNECTION_LOST, 127, 1,
         "\"unknown\",\"reason\":\"connection_lost\",\"stage\":\"operate\",\"status\":null,"
         "\"may_have_operated\":true"},
        {DNP3_OUTCOME_UNKNOWN, DNP3_STAGE_OPERATE, DNP3_REASON_ECHO_MISMATCH, 127, 1,
         "\"unknown\",\"reason\":\"no_answer\",\"stage\":\"operate\""},
        {DNP3_OUTCOME_UNKNOWN, DNP3_STAGE_OPERATE, DNP3_REASON_NO_ACK, 127, 1,
         "\"unknown\",\"reason\":\"no_answer\",\"stage\":\"operate\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        command("strict", "{\"value\":\"on\",\"id\":\"1\",\"expires\":1763719205000}");
        assert_non_null(bench.request);
        bench_finish(&bench, cases[i].outcome, cases[i].stage, cases[i].reason, cases[i].status);
        assert_int_equal(bench.published, 1);
        assert_int_equal(bench.looked, cases[i].polls);
        expect_text(cases[i].text);
        bench_stop(&bench);
        start(state);
    }
}

static void test_poll_after_is_a_choice_but_not_for_the_unknown(void **state)
{
    (void)state;
    command("plain", "on");
    finish_done();
    assert_int_equal(bench.looked, 0);
    command("plain", "off");
    bench_finish(&bench, DNP3_OUTCOME_UNKNOWN, DNP3_STAGE_OPERATE, DNP3_REASON_NO_ANSWER, 127);
    assert_int_equal(bench.looked, 1);
}

static void test_errors_of_the_association(void **state)
{
    (void)state;
    static const struct {
        int error;
        const char *reason;
    } cases[] = {
        {DNP3_ERR_OFFLINE, "offline"}, {DNP3_ERR_FULL, "busy"}, {DNP3_ERR_INVALID, "out_of_range"}};
    for (size_t i = 0; i < 3; i++) {
        bench.operate_error = cases[i].error;
        command("plain", "{\"value\":\"on\",\"id\":\"1\"}"); /* refused ids may be used again */
        expect_refusal(cases[i].reason);
    }
    bench.operate_error = 0;
    command("plain", "{\"value\":\"on\",\"id\":\"1\"}");
    assert_int_equal(bench.operated, 4);
    finish_done();
    expect_text("\"outcome\":\"done\"");
}

static void test_an_id_operates_once(void **state)
{
    (void)state;
    const char *payload = "{\"value\":\"on\",\"id\":\"1\",\"expires\":1763719205000}";
    command("strict", payload);
    command("strict", payload); /* under way: the one result is coming */
    assert_int_equal(bench.operated, 1);
    assert_int_equal(bench.published, 0);
    bench_pass(&bench, 95);
    finish_done();
    assert_int_equal(bench.published, 1);
    expect_text("\"repeated\":false,\"time\":1763719200095,\"duration_ms\":95}");
    bench_pass(&bench, 3600000); /* long expired: the answer is what matters */
    command("strict", payload);
    assert_int_equal(bench.published, 2);
    expect_text("{\"id\":\"1\",\"value\":\"on\",\"outcome\":\"done\",");
    expect_text("\"repeated\":true,\"time\":1763719200095,\"duration_ms\":95}");
    bench_pass(&bench, 7ull * 24 * 3600 * 1000);
    command("strict", payload);
    expect_text("\"reason\":\"expired\"");
    assert_int_equal(bench.operated, 1);
}

static void test_an_id_has_one_value_and_belongs_to_one_control(void **state)
{
    (void)state;
    command("plain", "{\"value\":\"on\",\"id\":\"1\"}");
    command("plain", "{\"value\":\"off\",\"id\":\"1\"}");
    expect_refusal("id_reused");
    finish_done();
    bench.published = 0;
    command("plain", "{\"value\":\"off\",\"id\":\"1\"}");
    expect_refusal("id_reused");
    assert_int_equal(bench.operated, 1);
    command("breaker", "{\"value\":\"open\",\"id\":\"1\"}");
    assert_int_equal(bench.operated, 2);
    finish_done();
}

static void test_failures_are_remembered_and_late_refusals_forgotten(void **state)
{
    (void)state;
    command("plain", "{\"value\":\"on\",\"id\":\"1\"}");
    bench_finish(&bench, DNP3_OUTCOME_FAILED, DNP3_STAGE_SELECT, DNP3_REASON_NO_ANSWER, 127);
    command("plain", "{\"value\":\"on\",\"id\":\"1\"}");
    assert_int_equal(bench.operated, 1);
    expect_text("\"outcome\":\"failed\",\"reason\":\"no_answer\"");
    expect_text("\"repeated\":true");
    command("plain", "{\"value\":\"on\",\"id\":\"2\"}");
    bench_finish(&bench, DNP3_OUTCOME_REFUSED, DNP3_STAGE_QUEUED, DNP3_REASON_OFFLINE, 127);
    command("plain", "{\"value\":\"on\",\"id\":\"2\"}");
    assert_int_equal(bench.operated, 3);
    finish_done();
}

static void test_correlation_data_serves_as_id_and_comes_back(void **state)
{
    (void)state;
    static const char uuid[16] = {1, 2, 0, (char)0xff, 4};
    struct gw_mqtt_message message = mqtt_message_of("dnp3/north/r17/set/plain", "on");
    message.correlation = uuid;
    message.correlation_len = sizeof uuid;
    message.response_topic = "clients/hmi/answers";
    send_message(&message);
    send_message(&message);
    assert_int_equal(bench.operated, 1);
    finish_done();
    assert_int_equal(bench.published, 1);
    assert_string_equal(bench.topic, "clients/hmi/answers");
    assert_int_equal(bench.correlation_length, sizeof uuid);
    assert_memory_equal(bench.correlation, uuid, sizeof uuid);
    expect_text("{\"id\":\"010200ff040000000000000000000000\",\"value\":\"on\",");
    message.response_topic = NULL;
    send_message(&message);
    assert_int_equal(bench.operated, 1);
    expect_text("\"repeated\":true");
    assert_string_equal(bench.topic, "dnp3/north/r17/result/plain");
    bench_pass(&bench, 3000);

    message.payload = "{\"value\":\"on\",\"id\":\"own\"}";
    message.payload_len = strlen(message.payload);
    send_message(&message);
    assert_int_equal(bench.operated, 2);
    finish_done();
    expect_text("{\"id\":\"own\",");
    assert_int_equal(bench.correlation_length, sizeof uuid);

    char long_one[300] = {0};
    message.correlation = long_one;
    message.correlation_len = sizeof long_one;
    bench.published = 0;
    send_message(&message);
    expect_refusal("malformed");
    assert_int_equal(bench.correlation_length, 0);
    message.correlation_len = 65;
    message.payload = "off";
    message.payload_len = 3;
    send_message(&message);
    expect_refusal("malformed");
}

static void test_response_topics_are_checked(void **state)
{
    (void)state;
    static const char *const refused[] = {"a/+/b",
                                          "a/#",
                                          "",
                                          "$SYS/broker",
                                          "dnp3/north/r17/set/plain",
                                          "dnp3/north/r18/set/breaker",
                                          "dnp3/north/r17/command/integrity",
                                          "dnp3/north/r17/point/breaker",
                                          "dnp3/north/r17/status",
                                          "dnp3/north/status"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct gw_mqtt_message message = mqtt_message_of("dnp3/north/r17/set/plain", "on");
        message.response_topic = refused[i];
        send_message(&message);
        expect_refusal("malformed");
        assert_string_equal(bench.topic, "dnp3/north/r17/result/plain");
    }
    expect_nothing_sent();
    static const char *const taken[] = {"hmi", "dnp3/south/status", "dnp3/north/r17/result/hmi"};
    static const char *const values[] = {"on", "off", "on"};
    for (size_t i = 0; i < 3; i++) {
        struct gw_mqtt_message message = mqtt_message_of("dnp3/north/r17/set/plain", values[i]);
        message.response_topic = taken[i];
        send_message(&message);
        finish_done();
        assert_string_equal(bench.topic, taken[i]);
    }
}

static void test_a_bare_value_is_not_repeated_within_two_seconds(void **state)
{
    (void)state;
    command("level", "5");
    finish_done();
    command("level", "5.0");
    expect_refusal("repeat");
    command("level", "{\"value\":5,\"id\":\"a\"}"); /* an id tells them apart */
    assert_int_equal(bench.operated, 2);
    finish_done();
    command("level", "6");
    assert_int_equal(bench.operated, 3);
    finish_done();
    bench_pass(&bench, 1999);
    bench.published = 0;
    command("level", "6");
    expect_refusal("repeat");
    bench_pass(&bench, 1);
    command("level", "6");
    assert_int_equal(bench.operated, 4);
    bench_finish(&bench, DNP3_OUTCOME_REFUSED, DNP3_STAGE_QUEUED, DNP3_REASON_OFFLINE, 127);
    command("level", "6"); /* the last one was not sent */
    assert_int_equal(bench.operated, 5);
    finish_done();
}

static void test_rate(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        command("plain", i % 2 ? "off" : "on");
        finish_done();
        bench_pass(&bench, 3000);
    }
    bench.published = 0;
    command("plain", "off");
    expect_refusal("rate");
    bench_pass(&bench, 60000 - 9000 - 1);
    command("plain", "off");
    expect_refusal("rate");
    bench_pass(&bench, 1);
    command("plain", "off");
    assert_int_equal(bench.operated, 4);
    finish_done();
    command("breaker", "open"); /* each control has its own */
    assert_int_equal(bench.operated, 5);
    finish_done();
}

static void test_large_rates_hold_over_less_than_a_minute(void **state)
{
    (void)state;
    unsigned refused = 0;
    for (unsigned i = 0; i < 200; i++) { /* 200 in 2 s, at 1000 a minute and 60 at once */
        char payload[8];
        snprintf(payload, sizeof payload, "%u", i % 100);
        command("level", payload);
        if (bench.request)
            finish_done();
        else
            refused++;
        bench_pass(&bench, 10);
    }
    assert_int_equal(refused, 140);
}

static void test_one_command_a_control_at_a_time(void **state)
{
    (void)state;
    command("breaker", "open");
    struct dnp3_command_request *first = bench.request;
    command("breaker", "close");
    expect_refusal("busy");
    assert_int_equal(bench.operated, 1);
    command("plain", "on"); /* another control */
    assert_int_equal(bench.operated, 2);
    finish_done();
    bench.request = first;
    finish_done();
}

static void test_nothing_is_allocated_for_a_bare_value(void **state)
{
    (void)state;
    uint64_t calls = gw_memory_calls();
    command("breaker", "open");
    finish_done();
    move("breaker", 1);
    assert_int_equal(bench.published, 1);
    assert_int_equal(gw_memory_calls(), calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_results_are_the_reference_lines),
        TEST(test_other_topics_are_not_ours),
        TEST(test_refusals_of_the_message),
        TEST(test_retained_messages_never_operate),
        TEST(test_inhibited_by_configuration_and_by_the_switch),
        TEST(test_times_need_a_trusted_clock),
        TEST(test_the_earliest_expiry_goes_with_the_request),
        TEST(test_outcomes),
        TEST(test_poll_after_is_a_choice_but_not_for_the_unknown),
        TEST(test_errors_of_the_association),
        TEST(test_an_id_operates_once),
        TEST(test_an_id_has_one_value_and_belongs_to_one_control),
        TEST(test_failures_are_remembered_and_late_refusals_forgotten),
        TEST(test_correlation_data_serves_as_id_and_comes_back),
        TEST(test_response_topics_are_checked),
        TEST(test_a_bare_value_is_not_repeated_within_two_seconds),
        TEST(test_rate),
        TEST(test_large_rates_hold_over_less_than_a_minute),
        TEST(test_one_command_a_control_at_a_time),
        TEST(test_nothing_is_allocated_for_a_bare_value),
    };
    return cmocka_run_group_tests_name("control", tests, load, unload);
}
