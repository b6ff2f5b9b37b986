/* SPDX-License-Identifier: Apache-2.0 */
/* Controls that are armed first: with the same id, for so long, once. */
#include "control_steps.h"
#include "dnp3/error.h"

static void arm(const char *control, const char *payload)
{
    char topic[128];
    snprintf(topic, sizeof topic, "dnp3/north/r17/arm/%s", control);
    const struct gw_mqtt_message message = mqtt_message_of(topic, payload);
    send_message(&message);
}

static void expect_armed(const char *id)
{
    char text[80];
    snprintf(text, sizeof text,
             "{\"id\":\"%s\",\"value\":null,\"outcome\":\"done\",\"reason\":\"ok\",", id);
    assert_int_equal(bench.published, 1);
    assert_string_equal(bench.topic, "dnp3/north/r17/result/arm/guarded");
    expect_text(text);
    expect_text("\"stage\":null,\"status\":null,\"may_have_operated\":false,\"feedback\":null,");
    bench.published = 0;
}

static void expect_operates(void)
{
    assert_int_equal(bench.operated, 1);
    assert_non_null(bench.request);
    finish_done();
    expect_text("\"outcome\":\"done\",\"reason\":\"ok\"");
    assert_string_equal(bench.topic, "dnp3/north/r17/result/guarded");
    bench.operated = bench.published = 0;
}

static void test_armed_then_commanded(void **state)
{
    (void)state;
    command("guarded", "{\"value\":\"on\",\"id\":\"a\"}");
    expect_refusal("not_armed");
    arm("guarded", "{\"id\":\"a\",\"by\":\"dispatcher-2\"}");
    expect_armed("a");
    expect_nothing_sent();
    command("guarded", "{\"value\":\"on\",\"id\":\"b\"}");
    expect_refusal("not_armed");
    command("guarded", "on");
    expect_refusal("no_id");
    bench_pass(&bench, 19999);
    command("guarded", "{\"value\":\"on\",\"id\":\"a\"}");
    assert_int_equal(bench.request->expires_ms, 25000); /* it has to leave while it is armed */
    expect_operates();
}

static void test_armed_for_one_command(void **state)
{
    (void)state;
    arm("guarded", "{\"id\":\"a\"}");
    expect_armed("a");
    command("guarded", "{\"value\":\"on\",\"id\":\"a\"}");
    expect_operates();
    command("guarded", "{\"value\":\"on\",\"id\":\"a\"}"); /* the answer needs no arming */
    expect_text("\"repeated\":true");
    bench.published = 0;
    command("guarded", "{\"value\":\"on\",\"id\":\"b\"}");
    expect_refusal("not_armed");
}

static void test_armed_too_long_ago(void **state)
{
    (void)state;
    arm("guarded", "{\"id\":\"a\"}");
    expect_armed("a");
    bench_pass(&bench, 20000);
    command("guarded", "{\"value\":\"on\",\"id\":\"a\"}");
    expect_refusal("not_armed");
    arm("guarded", "{\"id\":\"a\",\"expires\":1763719222000}"); /* 2 s from then */
    expect_armed("a");
    bench_pass(&bench, 2000);
    command("guarded", "{\"value\":\"on\",\"id\":\"a\"}");
    expect_refusal("not_armed");
}

/* Whoever arms last is meant. */
static void test_the_newest_counts(void **state)
{
    (void)state;
    arm("guarded", "{\"id\":\"a\"}");
    expect_armed("a");
    arm("guarded", "{\"id\":\"b\"}");
    expect_armed("b");
    command("guarded", "{\"value\":\"on\",\"id\":\"a\"}");
    expect_refusal("not_armed");
    command("guarded", "{\"value\":\"on\",\"id\":\"b\"}");
    expect_operates();
}

/* What did not leave has not used it up. */
static void test_a_refused_command_leaves_it_armed(void **state)
{
    (void)state;
    arm("guarded", "{\"id\":\"a\"}");
    expect_armed("a");
    bench.operate_error = DNP3_ERR_OFFLINE;
    command("guarded", "{\"value\":\"on\",\"id\":\"a\"}");
    assert_int_equal(bench.operated, 1);
    bench.operated = 0;
    expect_refusal("offline");
    bench.operate_error = 0;
    command("guarded", "{\"value\":\"on\",\"id\":\"a\"}");
    expect_operates();
}

static void test_arming_is_refused(void **state)
{
    static const struct {
        const char *control, *payload, *reason;
    } cases[] = {{"guarded", "{\"by\":\"x\"}", "no_id"},
                 {"guarded", "", "no_id"},
                 {"guarded", "{\"id\":\"a\",\"value\":\"on\"}", "malformed"},
                 {"guarded", "a", "malformed"},
                 {"guarded", "{\"id\":\"a\",\"expires\":1763719200}", "malformed"},
                 {"guarded", "{\"id\":\"a\",\"expires\":" WALL "}", "expired"},
                 {"guarded", "{\"id\":\"a\",\"time\":1763719100000}", "expired"},
                 {"guarded", "{\"id\":\"a\",\"time\":1763719300000}", "clock"},
                 {"plain", "{\"id\":\"a\"}", "unknown_control"},
                 {"nothing", "{\"id\":\"a\"}", "unknown_control"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char topic[80];
        snprintf(topic, sizeof topic, "dnp3/north/r17/result/arm/%s", cases[i].control);
        arm(cases[i].control, cases[i].payload);
        assert_string_equal(bench.topic, topic);
        expect_refusal(cases[i].reason);
    }
    struct gw_mqtt_message message =
        mqtt_message_of("dnp3/north/r17/arm/guarded", "{\"id\":\"a\"}");
    message.retained = true;
    send_message(&message);
    expect_refusal("retained");
    message = mqtt_message_of("dnp3/north/r18/arm/guarded", "{\"id\":\"a\"}");
    send_message(&message);
    expect_refusal("inhibited");
    bench.clock_trusted = false;
    arm("guarded", "{\"id\":\"a\",\"expires\":1763719205000}");
    expect_refusal("clock");
    bench.clock_trusted = true;
    command("guarded", "{\"value\":\"on\",\"id\":\"a\"}");
    expect_refusal("not_armed");
}

static void test_correlation_data_arms(void **state)
{
    struct gw_mqtt_message message = mqtt_message_of("dnp3/north/r17/arm/guarded", "");
    (void)state;
    message.correlation = "xyz";
    message.correlation_len = 3;
    message.response_topic = "ops/answers";
    send_message(&message);
    assert_string_equal(bench.topic, "ops/answers");
    expect_text("\"outcome\":\"done\"");
    bench.published = 0;
    command("guarded", "{\"value\":\"on\",\"id\":\"xyz\"}");
    expect_operates();
}

/* A result is not published where it would arm something. */
static void test_no_answer_on_an_arm_topic(void **state)
{
    struct gw_mqtt_message message =
        mqtt_message_of("dnp3/north/r17/set/plain", "{\"value\":\"on\",\"id\":\"a\"}");
    (void)state;
    message.response_topic = "dnp3/north/r17/arm/guarded";
    send_message(&message);
    assert_string_equal(bench.topic, "dnp3/north/r17/result/plain");
    expect_refusal("malformed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_armed_then_commanded),  TEST(test_armed_for_one_command),
        TEST(test_armed_too_long_ago),    TEST(test_the_newest_counts),
        TEST(test_arming_is_refused),     TEST(test_a_refused_command_leaves_it_armed),
        TEST(test_correlation_data_arms), TEST(test_no_answer_on_an_arm_topic),
    };
    return cmocka_run_group_tests_name("control_arm", tests, load, unload);
}
