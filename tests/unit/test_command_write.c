/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of outstations that write: what is sent, and that it is sent once, in time and only
 * where it may be. */
#include "dnp3/error.h"
#include "gateway/command/command_check.h"
#include "tests/unit/command_steps.h"

static void expect_header(uint8_t group, bool ranged, uint32_t start_index, uint32_t stop_index)
{
    assert_int_equal(bench.request->count, 1);
    const struct dnp3_request_header *header = &bench.request->headers[0];
    assert_int_equal(header->group, group);
    assert_int_equal(header->variation, 0);
    assert_int_equal(header->ranged, ranged);
    if (ranged) {
        assert_int_equal(header->start, start_index);
        assert_int_equal(header->stop, stop_index);
    }
}

static void finish_with(enum dnp3_command_outcome outcome, enum dnp3_command_reason reason,
                        uint16_t iin)
{
    command_bench_finish(&bench, outcome, reason, iin);
}

static void test_freeze_and_read_what_was_frozen(void **state)
{
    (void)state;
    command("freeze", "{\"id\":\"f1\"}");
    assert_int_equal(bench.request->function, DNP3_FUNCTION_IMMED_FREEZE);
    assert_int_equal(bench.request->expires_ms, 15000);
    expect_header(20, false, 0, 0);
    finish_done();
    assert_int_equal(bench.request->function, DNP3_FUNCTION_READ);
    expect_header(21, false, 0, 0);
    assert_int_equal(bench.host.published, 0);
    finish_done();
    expect_end("done", "ok");
    expect_text("\"may_have_operated\":true");
    assert_string_equal(bench.host.topic, "dnp3/north/r17/result/command/freeze");

    command("freeze", "{\"points\":\"analog_input\",\"indexes\":\"3..9\"}");
    expect_header(30, true, 3, 9);
    finish_done();
    expect_header(31, true, 3, 9);
    finish_with(DNP3_OUTCOME_FAILED, DNP3_REASON_INDICATION, DNP3_IIN_OBJECT_UNKNOWN);
    expect_end("done", "ok"); /* it did freeze */
    expect_text("\"value\":\"{\\\"indexes\\\":\\\"3..9\\\",\\\"points\\\":\\\"analog_input\\\"}\"");
}

static void test_freeze_where_the_reading_finds_no_place(void **state)
{
    (void)state;
    command("freeze", "{\"indexes\":5}");
    expect_header(20, true, 5, 5);
    bench.host.operate_error = DNP3_ERR_FULL;
    finish_done();
    expect_end("done", "ok");
}

static void test_freeze_at_a_time(void **state)
{
    (void)state;
    command("freeze", "{\"at\":1763722800000,\"every_s\":3600}");
    assert_int_equal(bench.request->function, DNP3_FUNCTION_FREEZE_AT_TIME);
    assert_int_equal(bench.request->freeze_at_ms, 1763722800000);
    assert_int_equal(bench.request->freeze_every_ms, 3600000);
    finish_done();
    expect_end("done", "ok");                              /* there is nothing to read yet */
    command_of("r21", "freeze", "{\"at\":1763722800000}"); /* by its own clock */
    assert_int_equal(bench.request->freeze_at_ms, 1763722800000 + 3600000);
    finish_done();
    expect_end("done", "ok");
    command("freeze", "{\"every_s\":0.25,\"points\":null,\"at\":null,\"indexes\":null}");
    assert_int_equal(bench.request->freeze_every_ms, 250);
    expect_header(20, false, 0, 0);
    finish_done();
}

static void test_freeze_and_clear(void **state)
{
    (void)state;
    command("freeze_clear", "{\"indexes\":\"0..1\"}");
    assert_int_equal(bench.request->function, DNP3_FUNCTION_FREEZE_CLEAR);
    expect_header(20, true, 0, 1);
    finish_done();
    expect_header(21, true, 0, 1);
    finish_done();
    expect_end("done", "ok");
}

static void test_a_freeze_of_the_whole_line(void **state)
{
    (void)state;
    command_of("b1", "freeze", "{\"broadcast\":true,\"indexes\":\"0..3\"}");
    assert_null(bench.request);
    assert_int_equal(bench.broadcast->function, DNP3_FUNCTION_IMMED_FREEZE_NR);
    assert_int_equal(bench.broadcast->source, 1);
    assert_int_equal(bench.broadcast->destination, DNP3_LINK_BROADCAST_FIRST);
    assert_int_equal(bench.broadcast->expires_ms, 15000);
    assert_int_equal(bench.broadcast->count, 1);
    assert_int_equal(bench.broadcast->headers[0].group, 20);
    assert_int_equal(bench.broadcast->headers[0].stop, 3);
    command_bench_leave(&bench);
    expect_end("unknown", "no_answer");
    expect_text("\"may_have_operated\":true");
    expect_text("no outstation answers it");
    command_of("b2", "freeze_clear", "{\"broadcast\":true}");
    assert_int_equal(bench.broadcast->function, DNP3_FUNCTION_FREEZE_CLEAR_NR);
    command_bench_leave(&bench);
    expect_end("unknown", "no_answer");
    command_of("b1", "freeze", "{\"broadcast\":false}");
    assert_int_equal(bench.request->function, DNP3_FUNCTION_IMMED_FREEZE);
    finish_done();
    finish_done();
    expect_end("done", "ok");
}

static void test_a_broadcast_that_not_everybody_takes(void **state)
{
    (void)state;
    command("freeze", "{\"broadcast\":true}"); /* its channel says nothing of broadcasts */
    expect_refusal("inhibited");
    expect_text("\"broadcast\\\": true");
    command_of("m1", "freeze", "{\"broadcast\":true}");
    expect_refusal("inhibited");
    expect_text("another outstation");
    command_of("b1", "freeze", "{\"broadcast\":true,\"every_s\":5}");
    expect_refusal("malformed");
    command_of("b1", "freeze", "{\"broadcast\":1}");
    expect_refusal("malformed");
    expect_nothing_sent();
    bench.host.operate_error = DNP3_ERR_OFFLINE;
    command_of("b1", "freeze", "{\"broadcast\":true}");
    expect_refusal("offline");
    assert_null(bench.broadcast);
}

static void test_ends_of_what_writes(void **state)
{
    (void)state;
    command("freeze", "{}");
    finish_with(DNP3_OUTCOME_FAILED, DNP3_REASON_INDICATION, DNP3_IIN_NO_FUNC_CODE_SUPPORT);
    expect_end("failed", "outstation_refused");
    expect_text("\"may_have_operated\":false");
    expect_text("IIN2.0");
    command("freeze_clear", "{}");
    finish_with(DNP3_OUTCOME_UNKNOWN, DNP3_REASON_NO_ANSWER, 0);
    expect_end("unknown", "no_answer");
    expect_text("\"may_have_operated\":true");
    command("restart_warm", "{}");
    finish_with(DNP3_OUTCOME_UNKNOWN, DNP3_REASON_CONNECTION_LOST, 0);
    expect_end("unknown", "connection_lost");
    expect_text("\"may_have_operated\":true");
}

static void test_restarts_tell_how_long(void **state)
{
    (void)state;
    command("restart_cold", "{\"id\":\"r1\"}");
    assert_int_equal(bench.request->function, DNP3_FUNCTION_COLD_RESTART);
    assert_int_equal(bench.request->count, 0);
    bench.request->delay_ms = 30000;
    finish_done();
    expect_end("done", "ok");
    expect_text("\"detail\":null,\"delay_ms\":30000}");
    command("restart_cold", "{\"id\":\"r1\"}"); /* what the answer held is not kept */
    expect_end("done", "ok");
    expect_text("\"repeated\":true");
    expect_text("\"delay_ms\":null}");
    command("restart_warm", "{}");
    assert_int_equal(bench.request->function, DNP3_FUNCTION_WARM_RESTART);
    finish_done();
    expect_end("done", "ok");
    expect_text("\"delay_ms\":null}");
    assert_int_equal(bench.host.operated, 2);
}

static void test_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *word, *payload, *usage;
    } cases[] = {
        {"freeze", "", "publish {}"},
        {"freeze", "now", "a JSON object is expected"},
        {"freeze", "{\"expires\":5}", "looks like seconds"},
        {"freeze", "{\"points\":\"binary_input\"}", "freeze takes points"},
        {"freeze", "{\"points\":20}", "freeze takes points"},
        {"freeze", "{\"indexes\":\"9..3\"}", "freeze takes points"},
        {"freeze", "{\"indexes\":65536}", "freeze takes points"},
        {"freeze", "{\"indexes\":-1}", "freeze takes points"},
        {"freeze", "{\"indexes\":1.5}", "freeze takes points"},
        {"freeze", "{\"at\":1763722800}", "freeze takes points"},
        {"freeze", "{\"at\":\"noon\"}", "freeze takes points"},
        {"freeze", "{\"every_s\":0}", "freeze takes points"},
        {"freeze", "{\"every_s\":1e9}", "freeze takes points"},
        {"freeze", "{\"point\":\"counter\"}", "freeze takes points"},
        {"freeze_clear", "{\"points\":\"counter\"}", "freeze_clear takes indexes"},
        {"freeze_clear", "{\"at\":1763722800000}", "freeze_clear takes indexes"},
        {"restart_cold", "{\"cold\":true}", "restart_cold takes no keys"},
        {"restart_warm", "{\"cold\":true}", "restart_warm takes no keys"},
        {"time_sync", "{\"time_zone\":\"UTC\"}", "time_sync takes no keys"},
        {"deadband", "{}", "deadband takes point"},
        {"deadband", "{\"point\":\"current-a\"}", "deadband takes point"},
        {"deadband", "{\"value\":5}", "deadband takes point"},
        {"deadband", "{\"point\":\"\",\"value\":5}", "deadband takes point"},
        {"deadband", "{\"point\":4,\"value\":5}", "deadband takes point"},
        {"deadband", "{\"point\":\"current-a\",\"value\":\"5\"}", "deadband takes point"},
        {"deadband", "{\"point\":\"current-a\",\"value\":5,\"unit\":\"A\"}",
         "deadband takes point"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        command(cases[i].word, cases[i].payload);
        expect_refusal("malformed");
        expect_text(cases[i].usage);
    }
    expect_nothing_sent();
}

static void test_the_switches_stop_what_writes(void **state)
{
    (void)state;
    static const char *const words[] = {"time_sync",    "freeze",       "freeze_clear",
                                        "restart_cold", "restart_warm", "deadband"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        command_of("r18", words[i], "{}");
        expect_refusal("inhibited");
        expect_text("\"controls\\\": false");
        command_of("r19", words[i], "{}"); /* not allowed there */
        expect_refusal("inhibited");
    }
    char path[] = "/tmp/no-controls-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    command_bench_stop(&bench);
    command_bench_start(&bench, config, path);
    command("freeze", "{}");
    expect_refusal("inhibited");
    expect_text("no-controls");
    expect_nothing_sent();
    unlink(path);
    command("freeze", "{\"every_s\":1}");
    finish_done();
    expect_end("done", "ok");
}

static void test_a_retained_command_writes_nothing(void **state)
{
    (void)state;
    struct gw_mqtt_message message = mqtt_message_of("dnp3/north/r17/command/restart_cold", "{}");
    message.retained = true;
    send_message(&message);
    expect_refusal("retained");
    expect_nothing_sent();
}

static void test_the_same_id_writes_once(void **state)
{
    (void)state;
    command("restart_warm", "{\"id\":\"a\"}");
    command("restart_warm", "{\"id\":\"a\"}"); /* under way: one result will come */
    assert_int_equal(bench.host.published, 0);
    finish_done();
    expect_end("done", "ok");
    command("restart_warm", "{\"id\":\"a\"}");
    expect_end("done", "ok");
    expect_text("\"repeated\":true");
    assert_int_equal(bench.host.operated, 1);
    command("deadband",
            "{\"id\":\"a\",\"point\":\"current-a\",\"value\":5}"); /* another command's */
    finish_done();
    expect_end("done", "ok");
    command("deadband", "{\"id\":\"a\",\"point\":\"current-a\",\"value\":6}");
    expect_refusal("id_reused");
    assert_int_equal(bench.host.operated, 2);
}

static void test_what_never_left_may_be_asked_for_again(void **state)
{
    (void)state;
    command("restart_warm", "{\"id\":\"a\"}");
    finish_with(DNP3_OUTCOME_REFUSED, DNP3_REASON_OFFLINE, 0);
    expect_refusal("offline");
    bench.host.operate_error = DNP3_ERR_OFFLINE;
    command("restart_warm", "{\"id\":\"a\"}");
    expect_refusal("offline");
    bench.host.operate_error = 0;
    command("restart_warm", "{\"id\":\"a\"}");
    finish_done();
    expect_end("done", "ok");
    expect_text("\"repeated\":false");
}

static void test_without_an_id_a_repeat_is_refused(void **state)
{
    (void)state;
    command("restart_warm", "{}");
    finish_done();
    expect_end("done", "ok");
    command_bench_pass(&bench, GW_COMMAND_REPEAT_MS - 1);
    command("restart_warm", "{}");
    expect_refusal("repeat");
    command("restart_cold", "{}"); /* something else */
    finish_done();
    expect_end("done", "ok");
    command("restart_warm", "{}");
    finish_done();
    expect_end("done", "ok");
    command_bench_pass(&bench, GW_COMMAND_REPEAT_MS);
    command("restart_warm", "{}");
    finish_done();
    expect_end("done", "ok");
}

/* Two that differ only behind the 64 octets that are kept of them are not the same. */
static void test_long_arguments_are_told_apart(void **state)
{
    (void)state;
    static const char one[] =
        "{\"id\":\"a\",\"points\":\"counter\",\"indexes\":\"1000..2000\",\"every_s\":3600,"
        "\"at\":1763722800000}";
    static const char other[] =
        "{\"id\":\"a\",\"points\":\"counter\",\"indexes\":\"1000..2001\",\"every_s\":3600,"
        "\"at\":1763722800000}";
    command("freeze", one);
    finish_done();
    expect_end("done", "ok");
    command("freeze", one);
    expect_text("\"repeated\":true");
    bench.host.published = 0;
    command("freeze", other);
    expect_refusal("id_reused");
}

static void test_ten_a_minute(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        char payload[32];
        snprintf(payload, sizeof payload, "{\"id\":\"%u\"}", i);
        command("freeze_clear", payload);
        finish_with(DNP3_OUTCOME_UNKNOWN, DNP3_REASON_NO_ANSWER, 0);
        expect_end("unknown", "no_answer");
    }
    command("restart_cold", "{\"id\":\"r\"}");
    expect_refusal("rate");
    command("integrity", ""); /* reading does not count */
    finish_done();
    expect_end("done", "ok");
    command_bench_pass(&bench, 60000);
    command("restart_cold", "{\"id\":\"r\"}");
    finish_done();
    expect_end("done", "ok");
}

static void test_time_sync(void **state)
{
    (void)state;
    const struct gw_outstation_config *outstation = &config->outstations[0];
    command("time_sync", "{}");
    assert_int_equal(bench.synced, 1);
    gw_commands_time(bench.commands, &config->outstations[1], true); /* another's */
    assert_int_equal(bench.host.published, 0);
    gw_commands_time(bench.commands, outstation, true);
    expect_end("done", "ok");
    gw_commands_time(bench.commands, outstation, true); /* the next one of its own accord */
    assert_int_equal(bench.host.published, 0);
    command("time_sync", "{\"id\":\"t\"}");
    gw_commands_time(bench.commands, outstation, false);
    expect_end("failed", "outstation_refused");
    bench.host.operate_error = DNP3_ERR_UNSUPPORTED;
    command("time_sync", "{\"id\":\"u\"}");
    expect_refusal("inhibited");
}

static void test_time_sync_without_an_end(void **state)
{
    (void)state;
    command("time_sync", "{}");
    command("integrity", "");
    gw_commands_tick(bench.commands, bench.host.now_ms + 29999);
    assert_int_equal(bench.host.published, 0);
    gw_commands_tick(bench.commands, bench.host.now_ms + 30000);
    expect_end("unknown", "no_answer");
    expect_text("\"may_have_operated\":true");
    finish_done(); /* the reading was left alone */
    expect_end("done", "ok");
    command("time_sync", "{\"id\":\"stop\"}");
    gw_commands_stop(bench.commands);
    expect_end("unknown", "no_answer");
}

static void test_no_time_is_given_that_is_none(void **state)
{
    (void)state;
    bench.host.clock_trusted = false;
    command("time_sync", "{}");
    expect_refusal("clock");
    bench.host.clock_trusted = true;
    command_of("r20", "time_sync", "{}");
    expect_refusal("inhibited");
    assert_int_equal(bench.synced, 0);
}

static void expect_deadband(uint8_t variation, uint32_t index, double raw)
{
    assert_int_equal(bench.request->function, DNP3_FUNCTION_WRITE);
    assert_int_equal(bench.request->count, 1);
    const struct dnp3_request_header *header = &bench.request->headers[0];
    assert_int_equal(header->group, 34);
    assert_int_equal(header->variation, variation);
    assert_int_equal(header->count, 1);
    assert_int_equal(header->points[0].index, index);
    assert_true(header->points[0].number == raw);
}

static void test_deadband_in_the_unit_of_the_point(void **state)
{
    (void)state;
    static const struct {
        const char *payload;
        uint8_t variation;
        double raw;
    } cases[] = {
        {"{\"point\":\"current-a\",\"value\":5}", 1, 50},
        {"{\"point\":\"current-a\",\"value\":0.3}", 1, 3}, /* 2.9999999999999996 */
        {"{\"point\":\"current-a\",\"value\":0}", 1, 0},
        {"{\"point\":\"current-a\",\"value\":6553.6}", 2, 65536},
        {"{\"point\":\"current-a\",\"value\":0.25}", 3, 2.5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        command("deadband", cases[i].payload);
        expect_deadband(cases[i].variation, 4, cases[i].raw);
        finish_done();
        expect_end("done", "ok");
    }
    command_of("r20", "deadband", "{\"point\":\"analog_input/7\",\"value\":9}");
    expect_deadband(1, 7, 9);
    finish_done();
    expect_end("done", "ok");
}

static void test_a_refused_variation_is_followed_by_a_wider_one(void **state)
{
    (void)state;
    command("deadband", "{\"point\":\"current-a\",\"value\":5}");
    expect_deadband(1, 4, 50);
    finish_with(DNP3_OUTCOME_FAILED, DNP3_REASON_INDICATION, DNP3_IIN_OBJECT_UNKNOWN);
    expect_deadband(2, 4, 50);
    finish_with(DNP3_OUTCOME_FAILED, DNP3_REASON_INDICATION, DNP3_IIN_PARAMETER_ERROR);
    expect_deadband(3, 4, 50);
    assert_int_equal(bench.host.published, 0);
    finish_with(DNP3_OUTCOME_FAILED, DNP3_REASON_INDICATION, DNP3_IIN_OBJECT_UNKNOWN);
    expect_end("failed", "outstation_refused");
    command("deadband", "{\"point\":\"current-a\",\"value\":6}");
    finish_with(DNP3_OUTCOME_UNKNOWN, DNP3_REASON_NO_ANSWER, 0); /* not refused: not tried again */
    expect_end("unknown", "no_answer");
}

static void test_deadbands_that_cannot_be(void **state)
{
    (void)state;
    static const struct {
        const char *outstation, *payload, *reason;
    } cases[] = {
        {"r17", "{\"point\":\"current-b\",\"value\":5}", "unknown_value"},
        {"r17", "{\"point\":\"energy\",\"value\":5}", "unknown_value"},
        {"r17", "{\"point\":\"analog_input/9\",\"value\":5}", "unknown_value"},
        {"r20", "{\"point\":\"analog_input/65536\",\"value\":5}", "unknown_value"},
        {"r20", "{\"point\":\"analog_input/9x\",\"value\":5}", "unknown_value"},
        {"r20", "{\"point\":\"counter/9\",\"value\":5}", "unknown_value"},
        {"r17", "{\"point\":\"current-a\",\"value\":-0.1}", "out_of_range"},
        {"r17", "{\"point\":\"current-a\",\"value\":1e39}", "out_of_range"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        command_of(cases[i].outstation, "deadband", cases[i].payload);
        expect_refusal(cases[i].reason);
    }
    expect_nothing_sent();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_freeze_and_read_what_was_frozen),
        TEST(test_freeze_where_the_reading_finds_no_place),
        TEST(test_freeze_at_a_time),
        TEST(test_freeze_and_clear),
        TEST(test_a_freeze_of_the_whole_line),
        TEST(test_a_broadcast_that_not_everybody_takes),
        TEST(test_ends_of_what_writes),
        TEST(test_restarts_tell_how_long),
        TEST(test_malformed),
        TEST(test_the_switches_stop_what_writes),
        TEST(test_a_retained_command_writes_nothing),
        TEST(test_the_same_id_writes_once),
        TEST(test_what_never_left_may_be_asked_for_again),
        TEST(test_without_an_id_a_repeat_is_refused),
        TEST(test_long_arguments_are_told_apart),
        TEST(test_ten_a_minute),
        TEST(test_time_sync),
        TEST(test_time_sync_without_an_end),
        TEST(test_no_time_is_given_that_is_none),
        TEST(test_deadband_in_the_unit_of_the_point),
        TEST(test_a_refused_variation_is_followed_by_a_wider_one),
        TEST(test_deadbands_that_cannot_be),
    };
    return cmocka_run_group_tests_name("command_write", tests, load, unload);
}
