/* SPDX-License-Identifier: Apache-2.0 */
/* SELECT, OPERATE and the direct functions. The objects: CROB pulse-on and close, once, 100 ms on
 * and off, at index 1; status is the last octet. */
#include "tests/lib/outstation_bench.h"

#define CROB(status)      "0C 01 17 01 01 41 01 64 00 00 00 64 00 00 00 " status
#define CROB_AT_9(status) "0C 01 28 01 00 09 00 41 01 64 00 00 00 64 00 00 00 " status
#define SETPOINT(status)  "29 02 17 01 02 FE FF " status

static void selects_then_operates(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    assert_string_equal(bench_ask(bench, "C1 03 " CROB("00")), "C1 81 00 00 " CROB("00"));
    assert_int_equal(bench->selects, 1);
    assert_int_equal(bench->operates, 0);
    assert_string_equal(bench_ask(bench, "C2 04 " CROB("00")), "C2 81 00 00 " CROB("00"));
    assert_int_equal(bench->operates, 1);
    assert_int_equal(bench->how, DNP3_OPERATE_SELECTED);
    assert_int_equal(bench->last.type, DNP3_COMMAND_CROB);
    assert_int_equal(bench->last.index, 1);
    assert_int_equal(bench->last.code, 0x41);
    assert_int_equal(bench->last.on_ms, 100);
    /* The selection is used up. */
    assert_string_equal(bench_ask(bench, "C3 04 " CROB("00")), "C3 81 00 00 " CROB("02"));
    assert_int_equal(bench->operates, 1);
    bench_free(bench);
}

static void operate_wants_its_select(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    assert_string_equal(bench_ask(bench, "C1 04 " CROB("00")), "C1 81 00 00 " CROB("02"));
    /* Another sequence. */
    bench_ask(bench, "C2 03 " CROB("00"));
    assert_string_equal(bench_ask(bench, "C4 04 " CROB("00")), "C4 81 00 00 " CROB("02"));
    /* Other octets. */
    bench_ask(bench, "C5 03 " CROB("00"));
    assert_string_equal(bench_ask(bench, "C6 04 " SETPOINT("00")), "C6 81 00 00 " SETPOINT("02"));
    /* Something between. */
    bench_ask(bench, "C7 03 " CROB("00"));
    bench_ask(bench, "C8 17");
    assert_string_equal(bench_ask(bench, "C8 04 " CROB("00")), "C8 81 00 00 " CROB("02"));
    /* Another connection. */
    bench_ask(bench, "C9 03 " CROB("00"));
    dnp3_outstation_connected(bench->outstation, bench->now);
    assert_string_equal(bench_ask(bench, "CA 04 " CROB("00")), "CA 81 00 00 " CROB("02"));
    assert_int_equal(bench->operates, 0);
    bench_free(bench);
}

static void a_selection_times_out(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    bench_ask(bench, "C1 03 " CROB("00"));
    bench_pass(bench, 10000);
    assert_string_equal(bench_ask(bench, "C2 04 " CROB("00")), "C2 81 00 00 " CROB("00"));
    bench_ask(bench, "C3 03 " CROB("00"));
    bench_pass(bench, 10001);
    assert_string_equal(bench_ask(bench, "C4 04 " CROB("00")), "C4 81 00 00 " CROB("01"));
    assert_int_equal(bench->operates, 1);
    bench_free(bench);
}

static void repeats_do_not_operate_twice(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    bench_ask(bench, "C1 03 " CROB("00"));
    assert_string_equal(bench_ask(bench, "C1 03 " CROB("00")), "C1 81 00 00 " CROB("00"));
    bench_ask(bench, "C2 04 " CROB("00"));
    assert_string_equal(bench_ask(bench, "C2 04 " CROB("00")), "C2 81 00 00 " CROB("00"));
    bench_ask(bench, "C3 05 " CROB("00"));
    assert_string_equal(bench_ask(bench, "C3 05 " CROB("00")), "C3 81 00 00 " CROB("00"));
    bench_send(bench, "C4 06 " CROB("00"));
    bench_send(bench, "C4 06 " CROB("00"));
    assert_int_equal(bench->selects, 1);
    assert_int_equal(bench->operates, 3);
    bench_free(bench);
}

static void operates_directly(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    assert_string_equal(bench_ask(bench, "C1 05 " SETPOINT("00")), "C1 81 00 00 " SETPOINT("00"));
    assert_int_equal(bench->how, DNP3_OPERATE_DIRECT);
    assert_int_equal(bench->last.type, DNP3_COMMAND_ANALOG_INT16);
    assert_true(bench->last.value == -2);
    assert_string_equal(bench_ask(bench, "C2 06 " CROB("00")), "");
    assert_int_equal(bench->how, DNP3_OPERATE_DIRECT_NR);
    /* 41v1, 41v3, 41v4. */
    assert_string_equal(bench_ask(bench, "C3 05 29 01 17 01 00 FF FF FF FF 00"),
                        "C3 81 00 00 29 01 17 01 00 FF FF FF FF 00");
    assert_true(bench->last.value == -1);
    assert_string_equal(bench_ask(bench, "C4 05 29 03 17 01 00 00 00 C0 3F 00"),
                        "C4 81 00 00 29 03 17 01 00 00 00 C0 3F 00");
    assert_true(bench->last.value == 1.5);
    assert_string_equal(bench_ask(bench, "C5 05 29 04 28 01 00 00 00 00 00 00 00 00 00 F8 3F 00"),
                        "C5 81 00 00 29 04 28 01 00 00 00 00 00 00 00 00 00 F8 3F 00");
    assert_true(bench->last.value == 1.5);
    bench_free(bench);
}

static void each_point_has_its_own_status(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    assert_string_equal(bench_ask(bench, "C1 05 " CROB("00") " " CROB_AT_9("00")),
                        "C1 81 00 04 " CROB("00") " " CROB_AT_9("04"));
    /* One refused SELECT selects nothing. */
    assert_string_equal(bench_ask(bench, "C2 03 " CROB("00") " " CROB_AT_9("00")),
                        "C2 81 00 04 " CROB("00") " " CROB_AT_9("04"));
    assert_string_equal(bench_ask(bench, "C3 04 " CROB("00") " " CROB_AT_9("00")),
                        "C3 81 00 00 " CROB("02") " " CROB_AT_9("02"));
    bench->answer = DNP3_STATUS_LOCAL;
    assert_string_equal(bench_ask(bench, "C4 05 " CROB("00")), "C4 81 00 00 " CROB("07"));
    /* Codes without a meaning never reach the host: operation 5, trip-close 3. */
    unsigned operates = bench->operates;
    assert_string_equal(bench_ask(bench, "C5 05 0C 01 17 01 01 05 01 00 00 00 00 00 00 00 00 00"),
                        "C5 81 00 04 0C 01 17 01 01 05 01 00 00 00 00 00 00 00 00 04");
    assert_string_equal(bench_ask(bench, "C6 05 0C 01 17 01 01 C1 01 00 00 00 00 00 00 00 00 00"),
                        "C6 81 00 04 0C 01 17 01 01 C1 01 00 00 00 00 00 00 00 00 04");
    assert_int_equal(bench->operates, operates);
    bench_free(bench);
}

static void too_many_objects(void **state)
{
    (void)state;
    struct dnp3_outstation_config config = bench_config();
    config.max_controls = 1;
    struct bench *bench = bench_of(&config);
    assert_string_equal(bench_ask(bench, "C1 05 29 02 17 02 00 01 00 00 01 02 00 00"),
                        "C1 81 80 00 29 02 17 02 00 01 00 00 01 02 00 08");
    assert_int_equal(bench->operates, 1);
    bench_free(bench);
}

static void a_damaged_request_acts_on_nothing(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    assert_string_equal(bench_ask(bench, "C1 05"), "C1 81 00 04");
    assert_string_equal(bench_ask(bench, "C2 05 0C 01 17 01 01 41 01"), "C2 81 00 04");
    assert_string_equal(bench_ask(bench, "C3 05 " CROB("00") " 29 02 17 01 02 FE"), "C3 81 00 04");
    assert_string_equal(bench_ask(bench, "C4 05 " CROB("00") " 29 09 17 01 02 FE FF 00"),
                        "C4 81 00 02");
    assert_string_equal(bench_ask(bench, "C5 05 29 02 00 01 01 FE FF 00"), "C5 81 00 04");
    assert_string_equal(bench_ask(bench, "C6 05 1E 02 17 01 00 01 00 00"), "C6 81 00 02");
    assert_int_equal(bench->operates, 0);
    bench_free(bench);
}

static void without_callbacks_nothing_is_supported(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    struct dnp3_outstation_config config = bench_config();
    dnp3_outstation_free(bench->outstation);
    bench->outstation = dnp3_outstation_create(&heap, bench->master.pool, &config, NULL, NULL);
    dnp3_outstation_connected(bench->outstation, bench->now);
    assert_string_equal(bench_ask(bench, "C1 03 " CROB("00")), "C1 81 80 04 " CROB("04"));
    assert_string_equal(bench_ask(bench, "C2 05 " CROB("00")), "C2 81 80 04 " CROB("04"));
    assert_string_equal(bench_ask(bench, "C3 0D"), "C3 81 80 01");
    assert_string_equal(bench_ask(bench, "C4 02 32 01 07 01 00 00 00 00 00 00"), "C4 81 80 02");
    assert_string_equal(bench_ask(bench, "C5 01 32 01 07 01"), "C5 81 80 02");
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selects_then_operates),
        cmocka_unit_test(operate_wants_its_select),
        cmocka_unit_test(a_selection_times_out),
        cmocka_unit_test(repeats_do_not_operate_twice),
        cmocka_unit_test(operates_directly),
        cmocka_unit_test(each_point_has_its_own_status),
        cmocka_unit_test(too_many_objects),
        cmocka_unit_test(a_damaged_request_acts_on_nothing),
        cmocka_unit_test(without_callbacks_nothing_is_supported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
