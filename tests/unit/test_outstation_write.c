/* SPDX-License-Identifier: Apache-2.0 */
/* What a master does to the outstation beside controls: writes, restarts, freezes, dead-bands,
 * classes, broadcasts. Vectors are written by hand from the standard. */
#include "tests/lib/outstation_bench.h"

static void writes_the_time(void **state)
{
    (void)state;
    struct dnp3_outstation_config config = bench_config();
    config.need_time = true;
    config.need_time_every_ms = 60000;
    struct bench *bench = bench_of(&config);
    assert_string_equal(bench_ask(bench, BENCH_CLEAR_RESTART), "C0 81 10 00");
    assert_string_equal(bench_ask(bench, "C1 02 32 01 07 01 E8 03 00 00 00 00"), "C1 81 00 00");
    assert_true(bench->written_time == 1000);
    bench_pass(bench, 60000);
    assert_string_equal(bench_ask(bench, "C2 17"), "C2 81 10 00 34 02 07 01 00 00");
    assert_string_equal(bench_ask(bench, "C3 02 32 03 07 01 E8 03 00 00 00 00"), "C3 81 10 04");
    assert_string_equal(bench_ask(bench, "C4 18"), "C4 81 10 00");
    bench_pass(bench, 40);
    assert_string_equal(bench_ask(bench, "C5 02 32 03 07 01 E8 03 00 00 00 00"), "C5 81 00 00");
    assert_true(bench->written_time == 1040);
    bench->clock = 0x010203040506;
    assert_string_equal(bench_ask(bench, "C6 01 32 01 07 01"),
                        "C6 81 00 00 32 01 07 01 06 05 04 03 02 01");
    bench_free(bench);
}

static void only_the_restart_flag_can_be_cleared(void **state)
{
    (void)state;
    struct bench *bench = bench_start();
    assert_string_equal(bench_ask(bench, "C0 02 50 01 00 07 07 01"), "C0 81 80 04");
    assert_string_equal(bench_ask(bench, "C1 02 50 01 00 04 04 00"), "C1 81 80 04");
    assert_string_equal(bench_ask(bench, "C2 02 1E 01 00 00 00 01 00 00 00 00"), "C2 81 80 02");
    assert_string_equal(bench_ask(bench, "C3 02 50 01 00 07 07 00"), "C3 81 00 00");
    dnp3_outstation_restart(bench->outstation, bench->now);
    assert_string_equal(bench_ask(bench, "C4 17"), "C4 81 80 00 34 02 07 01 00 00");
    bench_free(bench);
}

static void restarts_on_request(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    bench->restart_delay = 1500;
    assert_string_equal(bench_ask(bench, "C1 0D"), "C1 81 00 00 34 02 07 01 DC 05");
    bench->restart_delay = 70000;
    assert_string_equal(bench_ask(bench, "C2 0D"), "C2 81 00 00 34 01 07 01 46 00");
    assert_string_equal(bench_ask(bench, "C3 0E"), "C3 81 00 01");
    bench_free(bench);
}

static void freezes_counters(void **state)
{
    (void)state;
    struct dnp3_outstation_config config = bench_config();
    config.database.count[DNP3_POINT_COUNTER] = 2;
    config.database.count[DNP3_POINT_FROZEN_COUNTER] = 2;
    config.database.setup[DNP3_POINT_COUNTER].event_class = 0;
    struct bench *bench = bench_ready_of(&config);
    bench->clock = 9;
    bench_update(bench, DNP3_POINT_COUNTER, 0, 70);
    bench_update(bench, DNP3_POINT_COUNTER, 1, 80);
    assert_string_equal(bench_ask(bench, "C1 07 14 00 00 01 01"), "C1 81 00 00");
    assert_string_equal(bench_ask(bench, "C2 01 15 05 00 01 01"),
                        "C2 81 00 00 15 05 00 01 01 01 50 00 00 00 09 00 00 00 00 00");
    bench_send(bench, "C3 0A 14 00 06");
    assert_string_equal(bench_take(bench), "");
    assert_string_equal(bench_ask(bench, "C4 01 15 01 06 14 06 06"),
                        "C4 81 00 00 15 01 00 00 01 01 46 00 00 00 01 50 00 00 00 "
                        "14 06 00 00 01 00 00 00 00");
    assert_string_equal(bench_ask(bench, "C5 07 01 00 06"), "C5 81 00 02");
    bench_free(bench);
}

static void freezes_at_a_time(void **state)
{
    (void)state;
    struct dnp3_outstation_config config = bench_config();
    config.database.count[DNP3_POINT_COUNTER] = 2;
    config.database.count[DNP3_POINT_FROZEN_COUNTER] = 2;
    config.database.setup[DNP3_POINT_COUNTER].event_class = 0;
    struct bench *bench = bench_ready_of(&config);
    bench_update(bench, DNP3_POINT_COUNTER, 0, 70);
    /* Without a clock there is no time to wait for; a time needs an object. */
    assert_string_equal(
        bench_ask(bench, "C1 0B 32 02 07 01 B8 0B 00 00 00 00 00 00 00 00 14 00 06"),
        "C1 81 00 04");
    assert_string_equal(bench_ask(bench, "C2 0B 14 00 06"), "C2 81 00 04");
    bench->clock = 1000;
    /* At 3000 once, then, replacing it, at 3000 and every 2000. */
    assert_string_equal(
        bench_ask(bench, "C3 0B 32 02 07 01 B8 0B 00 00 00 00 00 00 00 00 14 00 06"),
        "C3 81 00 00");
    assert_string_equal(
        bench_ask(bench, "C4 0B 32 02 07 01 B8 0B 00 00 00 00 D0 07 00 00 14 00 06"),
        "C4 81 00 00");
    assert_true(dnp3_outstation_deadline(bench->outstation) == bench->now + 2000);
    bench_pass(bench, 1999);
    assert_string_equal(bench_ask(bench, "C5 01 15 01 00 00 00"),
                        "C5 81 00 00 15 01 00 00 00 02 00 00 00 00");
    bench->clock = 3000;
    bench_pass(bench, 1);
    assert_string_equal(bench_ask(bench, "C6 01 15 05 00 00 00"),
                        "C6 81 00 00 15 05 00 00 00 01 46 00 00 00 B8 0B 00 00 00 00");
    /* The clock is set: what is due at 5000 by the clock is due in a second. */
    bench->clock = 4000;
    assert_string_equal(bench_ask(bench, "C7 02 32 01 07 01 A0 0F 00 00 00 00"), "C7 81 00 00");
    assert_true(dnp3_outstation_deadline(bench->outstation) == bench->now + 1000);
    bench_update(bench, DNP3_POINT_COUNTER, 0, 80);
    bench_pass(bench, 1000);
    assert_string_equal(bench_ask(bench, "C8 01 15 01 00 00 00"),
                        "C8 81 00 00 15 01 00 00 00 01 50 00 00 00");
    /* At once and every second, without an answer; too often; a time that is over. */
    bench_send(bench, "C9 0C 32 02 07 01 00 00 00 00 00 00 E8 03 00 00 14 00 00 01 01");
    assert_string_equal(bench_take(bench), "");
    assert_true(dnp3_outstation_deadline(bench->outstation) == bench->now + 1000);
    assert_string_equal(
        bench_ask(bench, "CA 0B 32 02 07 01 00 00 00 00 00 00 01 00 00 00 14 00 06"),
        "CA 81 00 04");
    assert_string_equal(
        bench_ask(bench, "CB 0B 32 02 07 01 01 00 00 00 00 00 00 00 00 00 14 00 06"),
        "CB 81 00 04");
    dnp3_outstation_restart(bench->outstation, bench->now);
    assert_true(dnp3_outstation_deadline(bench->outstation) == UINT64_MAX);
    bench_free(bench);
}

static void dead_bands_are_read_and_written(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    assert_string_equal(bench_ask(bench, "C1 02 22 01 17 01 01 0A 00 22 03 00 00 00 00 00 20 40"),
                        "C1 81 00 00");
    assert_string_equal(bench_ask(bench, "C2 01 22 00 06"),
                        "C2 81 00 00 22 03 00 00 01 00 00 20 40 00 00 20 41");
    assert_string_equal(bench_ask(bench, "C3 01 22 01 17 01 01"),
                        "C3 81 00 00 22 01 00 01 01 0A 00");
    /* No such point; less than nothing; cut off. */
    assert_string_equal(bench_ask(bench, "C4 02 22 01 17 01 02 0A 00"), "C4 81 00 04");
    assert_string_equal(bench_ask(bench, "C5 02 22 03 17 01 01 00 00 80 BF"), "C5 81 00 04");
    assert_string_equal(bench_ask(bench, "C6 02 22 02 17 01 01 00 00"), "C6 81 00 04");
    assert_string_equal(bench_ask(bench, "C7 01 22 02 00 01 01"),
                        "C7 81 00 00 22 02 00 01 01 0A 00 00 00");
    /* It holds: 10 is no event, 11 is. */
    struct dnp3_point point = {.index = 1, .number = 0, .flags = DNP3_FLAG_ONLINE};
    dnp3_outstation_update(bench->outstation, DNP3_POINT_ANALOG_INPUT, &point, DNP3_EVENT_SUPPRESS,
                           bench->now);
    point.number = 10;
    assert_int_equal(dnp3_outstation_update(bench->outstation, DNP3_POINT_ANALOG_INPUT, &point,
                                            DNP3_EVENT_DETECT, bench->now),
                     0);
    point.number = 11;
    assert_int_equal(dnp3_outstation_update(bench->outstation, DNP3_POINT_ANALOG_INPUT, &point,
                                            DNP3_EVENT_DETECT, bench->now),
                     1);
    bench_free(bench);
}

static void assigns_classes(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    assert_string_equal(bench_ask(bench, "C1 16 3C 04 06 01 00 00 00 01 3C 01 06 1E 00 06"),
                        "C1 81 00 00");
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 0, 1);
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 2, 1);
    bench_update(bench, DNP3_POINT_ANALOG_INPUT, 0, 1);
    assert_string_equal(bench_ask(bench, "C2 01 3C 04 06"), "E2 81 02 00 02 01 17 01 00 81");
    assert_string_equal(bench_ask(bench, "C3 16 01 00 06"), "C3 81 0A 04");
    bench_free(bench);
}

static void broadcasts_are_told_and_not_answered(void **state)
{
    (void)state;
    struct bench *bench = bench_start();
    bench->master.to = 0xFFFF;
    bench_send(bench, BENCH_CLEAR_RESTART);
    assert_string_equal(bench_take(bench), "");
    bench->master.to = 10;
    assert_string_equal(bench_ask(bench, "C1 01 3C 02 06"), "C1 81 01 00");
    assert_string_equal(bench_ask(bench, "C2 01 3C 02 06"), "C2 81 00 00");
    /* FFFE: told until a confirm. */
    bench->master.to = 0xFFFE;
    bench_send(bench, "C3 18");
    bench->master.to = 10;
    assert_string_equal(bench_ask(bench, "C4 01 3C 02 06"), "E4 81 01 00");
    bench_pass(bench, 5000);
    assert_string_equal(bench_ask(bench, "C5 17"), "E5 81 01 00 34 02 07 01 00 00");
    bench_send(bench, "C5 00");
    assert_string_equal(bench_ask(bench, "C6 01 3C 02 06"), "C6 81 00 00");
    /* A function that needs an answer does nothing. */
    bench->master.to = 0xFFFD;
    bench_send(bench, "C7 0D");
    assert_int_equal(bench->restarts, 0);
    bench_free(bench);
}

static void a_repeated_write_does_not_act_twice(void **state)
{
    (void)state;
    struct bench *bench = bench_start();
    assert_string_equal(bench_ask(bench, BENCH_CLEAR_RESTART), "C0 81 00 00");
    dnp3_outstation_restart(bench->outstation, bench->now);
    assert_string_equal(bench_ask(bench, BENCH_CLEAR_RESTART), "C0 81 00 00");
    assert_string_equal(bench_ask(bench, "C1 17"), "C1 81 80 00 34 02 07 01 00 00");
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_time),
        cmocka_unit_test(only_the_restart_flag_can_be_cleared),
        cmocka_unit_test(restarts_on_request),
        cmocka_unit_test(freezes_counters),
        cmocka_unit_test(freezes_at_a_time),
        cmocka_unit_test(dead_bands_are_read_and_written),
        cmocka_unit_test(assigns_classes),
        cmocka_unit_test(broadcasts_are_told_and_not_answered),
        cmocka_unit_test(a_repeated_write_does_not_act_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
