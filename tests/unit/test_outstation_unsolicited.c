/* SPDX-License-Identifier: Apache-2.0 */
/* Unsolicited responses: the null one, enabling, holding, retries, and what a request does to one
 * that is under way. */
#include "tests/lib/outstation_bench.h"

#define EVENT(index) "02 01 17 01 " index " 81"
#define ENABLE_ALL   "3C 02 06 3C 03 06 3C 04 06"

static struct dnp3_outstation_config unsolicited(void)
{
    struct dnp3_outstation_config config = bench_config();
    config.unsolicited = true;
    config.unsolicited_retries = 2;
    return config;
}

/* Past the null response and the restart flag, all classes enabled. The next unsolicited sequence
 * is 1. */
static struct bench *reporting(const struct dnp3_outstation_config *config)
{
    struct bench *bench = bench_of(config);
    assert_string_equal(bench_take(bench), "F0 82 80 00");
    bench_send(bench, "D0 00");
    bench_ask(bench, BENCH_CLEAR_RESTART);
    assert_string_equal(bench_ask(bench, "C1 14 " ENABLE_ALL), "C1 81 00 00");
    assert_string_equal(bench_take(bench), "");
    return bench;
}

static struct bench *reporting_by_default(void)
{
    struct dnp3_outstation_config config = unsolicited();
    return reporting(&config);
}

static void null_response_until_confirmed(void **state)
{
    (void)state;
    struct dnp3_outstation_config config = unsolicited();
    config.unsolicited_classes = DNP3_CLASS_MASK;
    struct bench *bench = bench_of(&config);
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 0, 1);
    for (unsigned i = 0; i < 6; i++) {
        assert_string_equal(bench_take(bench), "F0 82 82 00");
        assert_string_equal(bench_take(bench), "");
        assert_true(dnp3_outstation_deadline(bench->outstation) == bench->now + 5000);
        bench_pass(bench, 5000);
    }
    assert_string_equal(bench_take(bench), "F0 82 82 00");
    bench_send(bench, "D0 00");
    assert_string_equal(bench_take(bench), "F1 82 80 00 " EVENT("00"));
    /* Every connection begins with it, under the next sequence. */
    dnp3_outstation_disconnected(bench->outstation);
    assert_string_equal(bench_take(bench), "");
    dnp3_outstation_connected(bench->outstation, bench->now);
    assert_string_equal(bench_take(bench), "F2 82 82 00");
    bench_free(bench);
}

static void not_where_it_is_not_allowed(void **state)
{
    (void)state;
    struct bench *bench = bench_start();
    assert_string_equal(bench_take(bench), "");
    assert_string_equal(bench_ask(bench, "C1 14 3C 02 06"), "C1 81 80 01");
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 0, 1);
    bench_pass(bench, 1000);
    assert_string_equal(bench_take(bench), "");
    bench_free(bench);
}

static void events_are_held_a_moment(void **state)
{
    (void)state;
    struct dnp3_outstation_config config = unsolicited();
    config.unsolicited_events = 3;
    struct bench *bench = reporting(&config);
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 0, 1);
    assert_string_equal(bench_take(bench), "");
    assert_true(dnp3_outstation_deadline(bench->outstation) == bench->now + 100);
    bench_pass(bench, 60);
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 1, 1);
    bench_pass(bench, 40);
    assert_string_equal(bench_take(bench), "F1 82 00 00 02 01 17 02 00 81 01 81");
    assert_int_equal(bench->confirmed, 0);
    bench_send(bench, "D1 00");
    assert_int_equal(bench->confirmed, 2);
    assert_int_equal(bench->confirmed_index, 1);
    assert_int_equal(dnp3_outstation_counters(bench->outstation)->events_confirmed, 2);
    /* Enough of them do not wait. */
    for (uint32_t i = 0; i < 3; i++)
        bench_update(bench, DNP3_POINT_BINARY_INPUT, i, 1);
    assert_string_equal(bench_take(bench), "F2 82 00 00 02 01 17 03 00 81 01 81 02 81");
    bench_free(bench);
}

static void only_enabled_classes(void **state)
{
    (void)state;
    struct bench *bench = reporting_by_default();
    assert_string_equal(bench_ask(bench, "C2 15 3C 02 06"), "C2 81 00 00");
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 0, 1);
    bench_update(bench, DNP3_POINT_ANALOG_INPUT, 0, 1);
    bench_pass(bench, 100);
    assert_string_equal(bench_take(bench), "F1 82 02 00 20 02 17 01 00 01 01 00");
    bench_send(bench, "D1 00");
    assert_string_equal(bench_take(bench), "");
    assert_string_equal(bench_ask(bench, "C3 14 3C 02 06"), "C3 81 02 00");
    assert_string_equal(bench_take(bench), "F2 82 00 00 " EVENT("00"));
    /* 60v1 has no events to enable; a range means nothing here. */
    assert_string_equal(bench_ask(bench, "C4 14 3C 01 06"), "C4 81 00 02");
    assert_string_equal(bench_ask(bench, "C5 14 3C 02 00 00 01"), "C5 81 00 04");
    bench_free(bench);
}

static void repeats_the_same_then_gives_up(void **state)
{
    (void)state;
    struct bench *bench = reporting_by_default();
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 0, 1);
    bench_pass(bench, 100);
    for (unsigned i = 0; i < 3; i++) {
        assert_string_equal(bench_take(bench), "F1 82 00 00 " EVENT("00"));
        assert_string_equal(bench_take(bench), "");
        bench_pass(bench, 5000);
    }
    assert_string_equal(bench_take(bench), "");
    assert_true(dnp3_outstation_deadline(bench->outstation) == UINT64_MAX);
    /* A new event is a new beginning, after its hold. */
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 1, 1);
    assert_string_equal(bench_take(bench), "");
    bench_pass(bench, 100);
    assert_string_equal(bench_take(bench), "F2 82 00 00 02 01 17 02 00 81 01 81");
    /* A confirm of the old sequence is void. */
    bench_send(bench, "D1 00");
    assert_int_equal(dnp3_outstation_counters(bench->outstation)->events_confirmed, 0);
    bench_send(bench, "D2 00");
    assert_int_equal(dnp3_outstation_counters(bench->outstation)->events_confirmed, 2);
    assert_int_equal(dnp3_outstation_counters(bench->outstation)->unsolicited_retries, 2);
    bench_free(bench);
}

static void enabling_again_is_a_new_beginning(void **state)
{
    (void)state;
    struct dnp3_outstation_config config = unsolicited();
    config.unsolicited_retries = 0;
    struct bench *bench = reporting(&config);
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 0, 1);
    bench_pass(bench, 100);
    assert_string_equal(bench_take(bench), "F1 82 00 00 " EVENT("00"));
    bench_pass(bench, 5000);
    assert_string_equal(bench_take(bench), "");
    bench_ask(bench, "C2 14 " ENABLE_ALL);
    assert_string_equal(bench_take(bench), "F2 82 00 00 " EVENT("00"));
    bench_free(bench);
}

static void regenerates_where_configured(void **state)
{
    (void)state;
    struct dnp3_outstation_config config = unsolicited();
    config.regenerate = true;
    struct bench *bench = reporting(&config);
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 0, 1);
    bench_pass(bench, 100);
    assert_string_equal(bench_take(bench), "F1 82 00 00 " EVENT("00"));
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 1, 1);
    bench_pass(bench, 5000);
    assert_string_equal(bench_take(bench), "F2 82 00 00 02 01 17 02 00 81 01 81");
    bench_pass(bench, 5000);
    assert_string_equal(bench_take(bench), "F3 82 00 00 02 01 17 02 00 81 01 81");
    bench_pass(bench, 5000);
    assert_string_equal(bench_take(bench), "");
    bench_free(bench);
}

static void a_read_waits_for_the_confirm(void **state)
{
    (void)state;
    struct bench *bench = reporting_by_default();
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 0, 1);
    bench_pass(bench, 100);
    assert_string_equal(bench_take(bench), "F1 82 00 00 " EVENT("00"));
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 1, 1);
    assert_string_equal(bench_ask(bench, "C2 01 3C 02 06"), "");
    assert_string_equal(bench_ask(bench, "C2 01 3C 02 06"), ""); /* a repeat waits too */
    bench_send(bench, "D1 00");
    assert_string_equal(bench_take(bench), "E2 81 00 00 " EVENT("01"));
    bench_free(bench);
}

static void a_deferred_read_replaces_the_retry(void **state)
{
    (void)state;
    struct bench *bench = reporting_by_default();
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 0, 1);
    bench_pass(bench, 100);
    assert_string_equal(bench_take(bench), "F1 82 00 00 " EVENT("00"));
    assert_string_equal(bench_ask(bench, "C2 01 3C 02 06"), "");
    bench_pass(bench, 5000);
    assert_string_equal(bench_take(bench), "E2 81 00 00 " EVENT("00"));
    assert_string_equal(bench_take(bench), "");
    bench_send(bench, "D1 00"); /* void */
    bench_send(bench, "C2 00");
    assert_string_equal(bench_take(bench), "");
    assert_int_equal(dnp3_outstation_counters(bench->outstation)->events_confirmed, 1);
    bench_free(bench);
}

static void other_functions_do_not_wait(void **state)
{
    (void)state;
    struct bench *bench = reporting_by_default();
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 0, 1);
    bench_pass(bench, 100);
    assert_string_equal(bench_take(bench), "F1 82 00 00 " EVENT("00"));
    /* It also drops the READ that waited. */
    assert_string_equal(bench_ask(bench, "C2 01 3C 02 06"), "");
    assert_string_equal(bench_ask(bench, "C3 17"), "C3 81 00 00 34 02 07 01 00 00");
    bench_send(bench, "D1 00");
    assert_string_equal(bench_take(bench), "");
    assert_int_equal(dnp3_outstation_counters(bench->outstation)->events_confirmed, 1);
    bench_free(bench);
}

static void nothing_unsolicited_while_a_solicited_confirm_is_owed(void **state)
{
    (void)state;
    struct bench *bench = reporting_by_default();
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 0, 1);
    assert_string_equal(bench_ask(bench, "C2 01 3C 02 06"), "E2 81 00 00 " EVENT("00"));
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 1, 1);
    bench_pass(bench, 200);
    assert_string_equal(bench_take(bench), "");
    assert_true(dnp3_outstation_deadline(bench->outstation) == bench->now + 4800);
    bench_send(bench, "C2 00");
    assert_string_equal(bench_take(bench), "F1 82 00 00 " EVENT("01"));
    bench_free(bench);
}

static void disabling_takes_back_what_is_on_its_way(void **state)
{
    (void)state;
    struct bench *bench = reporting_by_default();
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 0, 1);
    bench_pass(bench, 100);
    assert_string_equal(bench_take(bench), "F1 82 00 00 " EVENT("00"));
    assert_string_equal(bench_ask(bench, "C2 15 " ENABLE_ALL), "C2 81 02 00");
    bench_send(bench, "D1 00");
    assert_string_equal(bench_ask(bench, "C3 01 3C 02 06"), "E3 81 00 00 " EVENT("00"));
    bench_free(bench);
}

static void a_backlog_goes_fragment_by_fragment(void **state)
{
    (void)state;
    struct dnp3_outstation_config config = unsolicited();
    config.max_tx_fragment = 249;
    struct bench *bench = reporting(&config);
    for (unsigned i = 0; i < 200; i++)
        bench_update(bench, DNP3_POINT_BINARY_INPUT, i % 3, 1);
    char confirm[16];
    unsigned events = 0;
    for (unsigned sequence = 1; events < 200; sequence = (sequence + 1) & 15) {
        uint8_t fragment[256];
        size_t length = wire_from_hex(bench_take(bench), fragment);
        assert_true(length > 8);
        assert_int_equal(fragment[0], 0xF0 | sequence);
        events += fragment[7];
        sprintf(confirm, "D%X 00", sequence);
        bench_send(bench, confirm);
    }
    assert_string_equal(bench_take(bench), "");
    assert_int_equal(dnp3_outstation_counters(bench->outstation)->events_confirmed, 200);
    bench_free(bench);
}

static void restart_forgets_what_was_enabled(void **state)
{
    (void)state;
    struct bench *bench = reporting_by_default();
    dnp3_outstation_restart(bench->outstation, bench->now);
    assert_string_equal(bench_take(bench), "F1 82 80 00");
    bench_send(bench, "D1 00");
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 0, 1);
    bench_pass(bench, 1000);
    assert_string_equal(bench_take(bench), "");
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_response_until_confirmed),
        cmocka_unit_test(not_where_it_is_not_allowed),
        cmocka_unit_test(events_are_held_a_moment),
        cmocka_unit_test(only_enabled_classes),
        cmocka_unit_test(repeats_the_same_then_gives_up),
        cmocka_unit_test(enabling_again_is_a_new_beginning),
        cmocka_unit_test(regenerates_where_configured),
        cmocka_unit_test(a_read_waits_for_the_confirm),
        cmocka_unit_test(a_deferred_read_replaces_the_retry),
        cmocka_unit_test(other_functions_do_not_wait),
        cmocka_unit_test(nothing_unsolicited_while_a_solicited_confirm_is_owed),
        cmocka_unit_test(disabling_takes_back_what_is_on_its_way),
        cmocka_unit_test(a_backlog_goes_fragment_by_fragment),
        cmocka_unit_test(restart_forgets_what_was_enabled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
