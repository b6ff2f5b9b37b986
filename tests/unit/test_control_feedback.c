/* SPDX-License-Identifier: Apache-2.0 */
/* Results that wait for the point that shows whether something moved. */
#include "tests/unit/control_steps.h"

static void test_feedback_comes_late(void **state)
{
    (void)state;
    command("breaker", "close");
    move("breaker", 1);
    finish_done();
    assert_int_equal(bench.published, 0);
    assert_int_equal(bench.looked, 1);
    assert_int_equal(gw_controls_deadline(bench.controls), 5000 + 5000);
    move("breaker", 0);
    move("level", 2);
    bench_pass(&bench, 700);
    assert_int_equal(bench.published, 0);
    move("breaker", 2);
    assert_int_equal(bench.published, 1);
    expect_text("\"feedback\":\"reached\",\"repeated\":false,\"time\":1763719200700,"
                "\"duration_ms\":700}");
    assert_true(gw_controls_deadline(bench.controls) == UINT64_MAX);
}

static void test_feedback_comes_before_the_answer(void **state)
{
    (void)state;
    command("breaker", "close");
    move("breaker", 2);
    finish_done();
    assert_int_equal(bench.published, 1);
    expect_text("\"feedback\":\"reached\"");
    bench_pass(&bench, 10);
    command("breaker", "open");
    move("breaker", 1);
    move("breaker", 2); /* it fell back: what counts is what it is */
    finish_done();
    assert_int_equal(bench.published, 1);
    bench_pass(&bench, 5000);
    expect_text("\"feedback\":\"not_reached\"");
}

static void test_feedback_does_not_come(void **state)
{
    (void)state;
    command("breaker", "{\"value\":\"close\",\"id\":\"1\"}");
    finish_done();
    bench_pass(&bench, 4999);
    assert_int_equal(bench.published, 0);
    command("breaker", "{\"value\":\"close\",\"id\":\"1\"}"); /* still under way */
    assert_int_equal(bench.published, 0);
    bench_pass(&bench, 1);
    assert_int_equal(bench.published, 1);
    expect_text("\"outcome\":\"done\"");
    expect_text("\"feedback\":\"not_reached\"");
    move("breaker", 2);
    bench_pass(&bench, 10000);
    assert_int_equal(bench.published, 1);
    command("breaker", "{\"value\":\"close\",\"id\":\"1\"}");
    expect_text("\"feedback\":\"not_reached\",\"repeated\":true");
    assert_int_equal(bench.operated, 1);
}

static void test_feedback_of_failures_is_not_waited_for(void **state)
{
    (void)state;
    command("breaker", "close");
    bench_finish(&bench, DNP3_OUTCOME_UNKNOWN, DNP3_STAGE_OPERATE, DNP3_REASON_NO_ANSWER, 127);
    assert_int_equal(bench.published, 1);
    expect_text("\"feedback\":null");
}

static void test_feedback_of_analogs_is_near_the_value(void **state)
{
    (void)state;
    command("level", "12.34"); /* 123 raw, 12.3 */
    assert_true(bench.request->commands[0].value == 123);
    finish_done();
    move("level", 12.2);
    assert_int_equal(bench.published, 0);
    move("level", 123 * 0.1);
    assert_int_equal(bench.published, 1);
    expect_text("\"value\":12.34,");
    expect_text("\"feedback\":\"reached\"");
}

static void test_a_newer_command_ends_the_wait_for_feedback(void **state)
{
    (void)state;
    command("breaker", "close");
    finish_done();
    command("breaker", "open");
    assert_int_equal(bench.operated, 2);
    assert_int_equal(bench.published, 1);
    expect_text("\"value\":\"close\",\"outcome\":\"done\"");
    expect_text("\"feedback\":null");
    finish_done();
    move("breaker", 1);
    assert_int_equal(bench.published, 2);
    expect_text("\"value\":\"open\",\"outcome\":\"done\"");
    expect_text("\"feedback\":\"reached\"");
}

static void test_stop_publishes_what_waits(void **state)
{
    (void)state;
    command("breaker", "close");
    gw_controls_stop(bench.controls);
    assert_int_equal(bench.published, 0);
    finish_done();
    gw_controls_stop(bench.controls);
    assert_int_equal(bench.published, 1);
    expect_text("\"outcome\":\"done\"");
    expect_text("\"feedback\":null");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_feedback_comes_late),
        TEST(test_feedback_comes_before_the_answer),
        TEST(test_feedback_does_not_come),
        TEST(test_feedback_of_failures_is_not_waited_for),
        TEST(test_feedback_of_analogs_is_near_the_value),
        TEST(test_a_newer_command_ends_the_wait_for_feedback),
        TEST(test_stop_publishes_what_waits),
    };
    return cmocka_run_group_tests_name("control_feedback", tests, load, unload);
}
