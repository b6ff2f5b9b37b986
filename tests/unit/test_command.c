/* SPDX-License-Identifier: Apache-2.0 */
#include "dnp3/error.h"
#include "tests/unit/command_steps.h"

static void test_integrity_reads_the_classes_of_startup(void **state)
{
    (void)state;
    static const uint8_t variations[] = {2, 3, 4, 1};
    command("integrity", "");
    assert_int_equal(bench.host.published, 0);
    assert_int_equal(bench.request->function, DNP3_FUNCTION_READ);
    assert_int_equal(bench.request->count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(bench.request->headers[i].group, 60);
        assert_int_equal(bench.request->headers[i].variation, variations[i]);
    }
    command_bench_pass(&bench, 412);
    finish_done();
    assert_string_equal(bench.host.topic, "dnp3/north/r17/result/command/integrity");
    assert_string_equal(
        bench.host.payload,
        "{\"id\":null,\"value\":null,\"outcome\":\"done\",\"reason\":\"ok\",\"stage\":null,"
        "\"status\":null,\"may_have_operated\":false,\"feedback\":null,\"repeated\":false,"
        "\"time\":1763719200412,\"duration_ms\":412,\"detail\":null}");
}

static void test_another_masters_events_are_left_alone(void **state)
{
    (void)state;
    bench.takes_events = false;
    command("events", "{}");
    expect_refusal("inhibited");
    expect_nothing_sent();
    bench.takes_events = true;
    command("events", "{\"id\":\"a\"}");
    assert_int_equal(bench.request->count, 3);
    finish_done();
    expect_end("done", "ok");
    expect_text("{\"id\":\"a\",");
}

static void test_other_topics_are_not_ours(void **state)
{
    (void)state;
    static const char *const topics[] = {
        "dnp3/north/r17/result/command/integrity", "dnp3/north/r17/command",
        "dnp3/north/r99/command/integrity", "dnp3/south/r17/command/integrity",
        "dnp3/north/r17/set/breaker"};
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        const struct gw_mqtt_message message = mqtt_message_of(topics[i], "");
        assert_false(gw_commands_message(bench.commands, &message));
    }
    expect_nothing_sent();
}

static void test_refusals_of_the_message(void **state)
{
    (void)state;
    static const struct {
        const char *word, *payload, *reason;
    } cases[] = {
        {"integrity", "all", "malformed"},
        {"integrity", "[1]", "malformed"},
        {"integrity", "{\"id\":\"a\"", "malformed"},
        {"integrity", "{\"id\":5}", "malformed"},
        {"integrity", "{\"id\":\"a\",\"id\":\"b\"}", "malformed"},
        {"integrity", "{\"classes\":1}", "malformed"},
        {"integrity", "{\"id\":[1]}", "malformed"},
        {"integrity", "{\"expires\":1763719205}", "malformed"},
        {"integrity", "{\"expires\":1763719199999}", "expired"},
        {"integrity", "{\"time\":1763719190000}", "expired"},
        {"integrity", "{\"time\":1763719210001}", "clock"},
        {"integrit", "", "unknown_control"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        command(cases[i].word, cases[i].payload);
        expect_refusal(cases[i].reason);
    }
    expect_nothing_sent();
    command("no such name", ""); /* no topic for its result */
    assert_int_equal(bench.host.published, 0);
}

static void test_a_refusal_says_what_would_be_right(void **state)
{
    (void)state;
    command("integrity", "{\"classes\":1}");
    expect_refusal("malformed");
    expect_text("\"detail\":\"integrity takes no keys of its own: publish {} or nothing\"");
}

static void test_a_payload_beyond_the_bound_is_refused(void **state)
{
    (void)state;
    static char payload[GW_COMMAND_MAX + 2];
    memset(payload, ' ', sizeof payload - 1);
    payload[0] = '{';
    payload[sizeof payload - 2] = '}';
    command("integrity", payload);
    expect_refusal("malformed");
    expect_nothing_sent();
}

static void test_retained_is_refused(void **state)
{
    (void)state;
    struct gw_mqtt_message message = mqtt_message_of("dnp3/north/r17/command/integrity", "{}");
    message.retained = true;
    send_message(&message);
    expect_refusal("retained");
    expect_nothing_sent();
}

static void test_only_what_the_profile_allows(void **state)
{
    (void)state;
    command_of("r19", "events", "");
    expect_refusal("inhibited");
    assert_string_equal(bench.host.topic, "dnp3/north/r19/result/command/events");
    expect_nothing_sent();
    command_of("r19", "integrity", "");
    finish_done();
    expect_end("done", "ok");
}

/* Reading is no control: the switches do not stop it. */
static void test_reading_goes_on_while_controls_are_off(void **state)
{
    (void)state;
    command_of("r18", "integrity", "");
    finish_done();
    expect_end("done", "ok");
}

static void test_response_topic_and_correlation(void **state)
{
    (void)state;
    struct gw_mqtt_message message = mqtt_message_of("dnp3/north/r17/command/integrity", "");
    message.response_topic = "hmi/answers";
    message.correlation = "\x01\x02";
    message.correlation_len = 2;
    send_message(&message);
    finish_done();
    expect_end("done", "ok");
    assert_string_equal(bench.host.topic, "hmi/answers");
    assert_int_equal(bench.host.correlation_length, 2);
    assert_memory_equal(bench.host.correlation, "\x01\x02", 2);
    expect_text("{\"id\":\"0102\",");

    message.response_topic = "dnp3/north/r17/result/command/mine";
    send_message(&message);
    finish_done();
    assert_string_equal(bench.host.topic, "dnp3/north/r17/result/command/mine");
    bench.host.published = 0;

    message.response_topic = "dnp3/north/r17/point/breaker";
    send_message(&message);
    expect_refusal("malformed");
    assert_string_equal(bench.host.topic, "dnp3/north/r17/result/command/integrity");
}

static void test_correlation_data_too_long(void **state)
{
    (void)state;
    static char data[300];
    struct gw_mqtt_message message = mqtt_message_of("dnp3/north/r17/command/integrity", "");
    message.correlation = data;
    message.correlation_len = 65; /* too long for an id */
    send_message(&message);
    expect_refusal("malformed");
    message.payload = "{\"id\":\"a\"}";
    message.payload_len = strlen(message.payload);
    message.correlation_len = sizeof data;
    send_message(&message);
    expect_refusal("malformed");
    assert_int_equal(bench.host.correlation_length, 0);
}

static void test_one_of_a_kind_at_a_time(void **state)
{
    (void)state;
    command("integrity", "");
    struct dnp3_request *first = bench.request;
    command("integrity", "");
    expect_refusal("busy");
    command("events", "");
    assert_ptr_not_equal(bench.request, first);
    finish_done();
    expect_end("done", "ok");
    command_of("r18", "integrity", "");
    finish_done();
    expect_end("done", "ok");
    bench.request = first;
    finish_done();
    expect_end("done", "ok");
    command("integrity", "");
    assert_non_null(bench.request);
    finish_done();
}

static void test_errors_of_the_library(void **state)
{
    (void)state;
    static const struct {
        int error;
        const char *reason;
    } cases[] = {
        {DNP3_ERR_OFFLINE, "offline"}, {DNP3_ERR_FULL, "busy"}, {DNP3_ERR_INVALID, "out_of_range"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench.host.operate_error = cases[i].error;
        command("integrity", "");
        expect_refusal(cases[i].reason);
    }
}

static void test_ends(void **state)
{
    (void)state;
    static const struct {
        enum dnp3_command_outcome outcome;
        enum dnp3_command_reason reason;
        uint16_t iin;
        const char *result, *word, *detail;
    } cases[] = {
        {DNP3_OUTCOME_FAILED, DNP3_REASON_NO_ANSWER, 0, "failed", "no_answer", "null"},
        {DNP3_OUTCOME_FAILED, DNP3_REASON_INTERRUPTED, 0, "failed", "no_answer",
         "\"the answer did not come to its end\""},
        {DNP3_OUTCOME_FAILED, DNP3_REASON_CONNECTION_LOST, 0, "failed", "no_answer",
         "\"the connection was lost\""},
        {DNP3_OUTCOME_REFUSED, DNP3_REASON_WITHHELD, 0, "refused", "busy",
         "\"there is no place for events now: they stay in the outstation\""},
        {DNP3_OUTCOME_REFUSED, DNP3_REASON_EXPIRED, 0, "refused", "expired", "null"},
        {DNP3_OUTCOME_REFUSED, DNP3_REASON_FORBIDDEN, 0, "refused", "inhibited",
         "\"the file no-controls came while it waited for its turn\""},
        {DNP3_OUTCOME_REFUSED, DNP3_REASON_OFFLINE, 0, "refused", "offline", "null"},
        {DNP3_OUTCOME_FAILED, DNP3_REASON_INDICATION, DNP3_IIN_NO_FUNC_CODE_SUPPORT, "failed",
         "outstation_refused", "\"the outstation does not support this (IIN2.0)\""},
        {DNP3_OUTCOME_FAILED, DNP3_REASON_INDICATION, DNP3_IIN_OBJECT_UNKNOWN, "failed",
         "outstation_refused", "\"the outstation has no such objects (IIN2.1)\""},
        {DNP3_OUTCOME_FAILED, DNP3_REASON_INDICATION, DNP3_IIN_PARAMETER_ERROR, "failed",
         "outstation_refused", "\"the outstation does not take these values (IIN2.2)\""},
        {DNP3_OUTCOME_FAILED, DNP3_REASON_INDICATION, DNP3_IIN_ALREADY_EXECUTING, "failed",
         "outstation_refused", "\"the outstation is doing it already (IIN2.4)\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128];
        command("integrity", "");
        command_bench_finish(&bench, cases[i].outcome, cases[i].reason, cases[i].iin);
        expect_end(cases[i].result, cases[i].word);
        snprintf(text, sizeof text, "\"detail\":%s", cases[i].detail);
        expect_text(text);
        expect_text("\"may_have_operated\":false");
    }
}

static void test_ends_in_any_order(void **state)
{
    (void)state;
    struct dnp3_request *requests[4];
    static const char *const names[] = {"r17", "r17", "r18", "r18"};
    for (size_t i = 0; i < 4; i++) {
        command_of(names[i], i % 2 ? "events" : "integrity", "");
        requests[i] = bench.request;
    }
    for (size_t i = 0; i < 4; i++) { /* ended in the order they came, not that of the list */
        bench.request = requests[i];
        finish_done();
        expect_end("done", "ok");
    }
}

static void test_decode(void **state)
{
    (void)state;
    static const char *const wrong[] = {"{\"for_s\":0}",     "{\"for_s\":0.9}",
                                        "{\"for_s\":300.1}", "{\"for_s\":\"30\"}",
                                        "{\"for_s\":true}",  "{\"until\":5}"};
    command("decode", "");
    expect_end("done", "ok");
    assert_int_equal(bench.decoded_ms, 30000);
    command("decode", "{\"for_s\":1.5,\"id\":\"d1\"}");
    expect_end("done", "ok");
    expect_text("{\"id\":\"d1\",");
    assert_int_equal(bench.decoded_ms, 1500);
    command("decode", "{\"for_s\":null}");
    expect_end("done", "ok");
    bench.decoded_ms = 0;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        command("decode", wrong[i]);
        expect_refusal("malformed");
    }
    config->log_level = GW_LOG_WARNING;
    command("decode", "");
    expect_refusal("inhibited");
    expect_text("log.level");
    config->log_level = GW_LOG_INFO;
    assert_int_equal(bench.decoded_ms, 0);
    bench.host.operate_error = DNP3_ERR_OFFLINE;
    command("decode", "");
    expect_refusal("offline");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_integrity_reads_the_classes_of_startup),
        TEST(test_another_masters_events_are_left_alone),
        TEST(test_other_topics_are_not_ours),
        TEST(test_refusals_of_the_message),
        TEST(test_a_refusal_says_what_would_be_right),
        TEST(test_a_payload_beyond_the_bound_is_refused),
        TEST(test_retained_is_refused),
        TEST(test_only_what_the_profile_allows),
        TEST(test_reading_goes_on_while_controls_are_off),
        TEST(test_response_topic_and_correlation),
        TEST(test_correlation_data_too_long),
        TEST(test_one_of_a_kind_at_a_time),
        TEST(test_errors_of_the_library),
        TEST(test_ends),
        TEST(test_ends_in_any_order),
        TEST(test_decode),
    };
    return cmocka_run_group_tests_name("command", tests, load, unload);
}
