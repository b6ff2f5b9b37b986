/* SPDX-License-Identifier: Apache-2.0 */
/* The outstation's answers: reads, confirms, repeats, events, indications. Vectors are written by
 * hand from the standard. */
#include "tests/lib/outstation_bench.h"

static void reads_class_0(void **state)
{
    (void)state;
    struct bench *bench = bench_start();
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 1, 1);
    bench_update(bench, DNP3_POINT_ANALOG_INPUT, 1, -2);
    /* IIN1: class 1, class 2, restart. */
    assert_string_equal(bench_ask(bench, "C3 01 3C 01 06"),
                        "C3 81 86 00 01 02 00 00 02 02 81 02 1E 02 00 00 01 02 00 00 01 FE FF");
    assert_string_equal(bench_take(bench), "");
    bench_free(bench);
}

static void reads_ranges_variations_and_lists(void **state)
{
    (void)state;
    struct bench *bench = bench_start();
    assert_string_equal(bench_ask(bench, BENCH_CLEAR_RESTART), "C0 81 00 00");
    bench_update(bench, DNP3_POINT_ANALOG_INPUT, 0, 7);
    bench_update(bench, DNP3_POINT_ANALOG_INPUT, 1, 8);
    assert_string_equal(bench_ask(bench, "C1 01 1E 04 01 01 00 01 00"),
                        "C1 81 04 00 1E 04 00 01 01 08 00");
    assert_string_equal(bench_ask(bench, "C2 01 1E 01 07 01"),
                        "C2 81 04 00 1E 01 00 00 00 01 07 00 00 00");
    assert_string_equal(bench_ask(bench, "C3 01 1E 04 17 02 01 00"),
                        "C3 81 04 00 1E 04 00 01 01 08 00 1E 04 00 00 00 07 00");
    assert_string_equal(bench_ask(bench, "C4 01 1E 04 28 02 00 00 00 01 00"),
                        "C4 81 04 00 1E 04 00 00 01 07 00 08 00");
    assert_string_equal(bench_ask(bench, "C5 01 1E 00 06"),
                        "C5 81 04 00 1E 02 00 00 01 01 07 00 01 08 00");
    bench_free(bench);
}

static void packed_binaries_give_way_to_flags(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 0, 1);
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 1, 1);
    assert_string_equal(bench_ask(bench, "C1 01 01 01 06"),
                        "C1 81 02 00 01 01 00 00 01 03 01 02 00 02 02 02");
    bench_free(bench);
}

static void reports_what_it_cannot_read(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    assert_string_equal(bench_ask(bench, "C1 01 1E 01 00 05 06"), "C1 81 00 04");
    assert_string_equal(bench_ask(bench, "C2 01 78 01 06"), "C2 81 00 02");
    assert_string_equal(bench_ask(bench, "C3 01 1E 63 06"), "C3 81 00 02");
    assert_string_equal(bench_ask(bench, "C4 01 1E 01 00 05"), "C4 81 00 04");
    assert_string_equal(bench_ask(bench, "C5 01 14 03 06"), "C5 81 00 02");
    assert_string_equal(bench_ask(bench, "C6 19 46 01 5B 01"), "C6 81 00 01");
    /* The known part of a request is answered. */
    assert_string_equal(bench_ask(bench, "C7 01 1E 04 00 01 02"),
                        "C7 81 00 04 1E 04 00 01 01 00 00");
    bench_free(bench);
}

static void events_leave_by_confirm_only(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 2, 1);
    bench_update(bench, DNP3_POINT_ANALOG_INPUT, 0, 5);
    assert_string_equal(bench_ask(bench, "C1 01 3C 02 06"), "E1 81 04 00 02 01 17 01 02 81");
    /* A wrong sequence confirms nothing; after the timeout the event is there again. */
    bench_send(bench, "C2 00");
    assert_true(dnp3_outstation_deadline(bench->outstation) == bench->now + 5000);
    bench_pass(bench, 5000);
    assert_string_equal(bench_take(bench), "");
    assert_string_equal(bench_ask(bench, "C3 01 3C 02 06 3C 03 06"),
                        "E3 81 00 00 02 01 17 01 02 81 20 02 17 01 00 01 05 00");
    bench_send(bench, "C3 00");
    assert_string_equal(bench_ask(bench, "C4 01 3C 02 06 3C 03 06 3C 04 06"), "C4 81 00 00");
    assert_int_equal(dnp3_outstation_counters(bench->outstation)->events_confirmed, 2);
    assert_int_equal(dnp3_outstation_counters(bench->outstation)->confirm_timeouts, 1);
    bench_free(bench);
}

static void a_count_limits_events(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 0, 1);
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 1, 1);
    assert_string_equal(bench_ask(bench, "C1 01 3C 02 07 01"), "E1 81 02 00 02 01 17 01 00 81");
    bench_send(bench, "C1 00");
    assert_string_equal(bench_ask(bench, "C2 01 02 02 08 05 00"),
                        "E2 81 00 00 02 02 17 01 01 81 00 00 00 00 00 00");
    bench_free(bench);
}

static void a_new_request_ends_the_wait(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 0, 1);
    assert_string_equal(bench_ask(bench, "C1 01 3C 02 06"), "E1 81 00 00 02 01 17 01 00 81");
    assert_string_equal(bench_ask(bench, "C2 01 3C 01 07 00") + 6, "02 00 01 02 00 00 02 81 02 02 "
                                                                   "1E 02 00 00 01 02 00 00 02 00 "
                                                                   "00");
    /* The confirm of the first is late and void. */
    bench_send(bench, "C1 00");
    assert_string_equal(bench_ask(bench, "C3 01 3C 02 06"), "E3 81 00 00 02 01 17 01 00 81");
    bench_free(bench);
}

static void a_repeated_read_gets_the_same_fragment(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 0, 1);
    assert_string_equal(bench_ask(bench, "C1 01 3C 02 06"), "E1 81 00 00 02 01 17 01 00 81");
    bench_pass(bench, 3000);
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 1, 1);
    assert_string_equal(bench_ask(bench, "C1 01 3C 02 06"), "E1 81 00 00 02 01 17 01 00 81");
    bench_pass(bench, 3000); /* the wait began anew */
    bench_send(bench, "C1 00");
    assert_int_equal(dnp3_outstation_counters(bench->outstation)->events_confirmed, 1);
    assert_int_equal(dnp3_outstation_counters(bench->outstation)->repeats, 1);
    bench_free(bench);
}

static struct bench *large(void)
{
    struct dnp3_outstation_config config = bench_config();
    config.database.count[DNP3_POINT_ANALOG_INPUT] = 100;
    config.max_tx_fragment = 249;
    return bench_ready_of(&config);
}

/* Certification procedures read points 0, 41, 1024 and 65535. */
static void the_last_index_is_a_point_too(void **state)
{
    (void)state;
    struct dnp3_outstation_config config = bench_config();
    config.database.count[DNP3_POINT_BINARY_INPUT] = 0;
    config.database.count[DNP3_POINT_ANALOG_INPUT] = DNP3_DATABASE_POINTS_MAX;
    config.database.setup[DNP3_POINT_ANALOG_INPUT].absent = true;
    struct bench *bench = bench_ready_of(&config);
    struct dnp3_point_setup setup = dnp3_point_setup_default(DNP3_POINT_ANALOG_INPUT);
    setup.static_variation = setup.event_variation = 2;
    dnp3_database_configure(dnp3_outstation_database(bench->outstation), DNP3_POINT_ANALOG_INPUT,
                            65535, &setup);
    bench_update(bench, DNP3_POINT_ANALOG_INPUT, 65535, 7);
    assert_string_equal(bench_ask(bench, "C1 01 3C 01 06"),
                        "C1 81 04 00 1E 02 01 FF FF FF FF 01 07 00");
    assert_string_equal(bench_ask(bench, "C2 01 1E 02 28 01 00 FF FF"),
                        "C2 81 04 00 1E 02 01 FF FF FF FF 01 07 00");
    assert_string_equal(bench_ask(bench, "C3 01 20 02 06"),
                        "E3 81 00 00 20 02 28 01 00 FF FF 01 07 00");
    assert_string_equal(bench_ask(bench, "C4 16 3C 01 06 1E 00 06"), "C4 81 04 00");
    bench_free(bench);
}

static void long_answers_come_in_confirmed_fragments(void **state)
{
    (void)state;
    struct bench *bench = large();
    /* 4 + 5 + 80 * 3 = 249 octets, then the other 20. */
    const char *first = bench_ask(bench, "C1 01 1E 02 06");
    assert_int_equal(strlen(first), 249 * 3 - 1);
    assert_memory_equal(first, "A1 81 00 00 1E 02 00 00 4F", 26);
    assert_string_equal(bench_take(bench), "");
    bench_send(bench, "C1 00");
    const char *second = bench_take(bench);
    assert_int_equal(strlen(second), (4 + 5 + 20 * 3) * 3 - 1);
    assert_memory_equal(second, "42 81 00 00 1E 02 00 50 63", 26);
    assert_true(dnp3_outstation_deadline(bench->outstation) == UINT64_MAX);
    bench_free(bench);
}

/* The master that lost the second fragment asks again, with the same octets: the answer begins
 * anew. */
static void a_read_repeated_within_its_series(void **state)
{
    (void)state;
    struct bench *bench = large();
    assert_memory_equal(bench_ask(bench, "C1 01 1E 01 06"), "A1 81 00 00 1E 01 00 00", 23);
    assert_memory_equal(bench_ask(bench, "C1 00"), "22 81 00 00 1E 01 00 30", 23);
    assert_memory_equal(bench_ask(bench, "C1 01 1E 01 06"), "A1 81 00 00 1E 01 00 00", 23);
    assert_string_equal(bench_ask(bench, "C2 00"), ""); /* of the series that has ended */
    assert_memory_equal(bench_ask(bench, "C1 00"), "22 81 00 00 1E 01 00 30", 23);
    assert_memory_equal(bench_ask(bench, "C2 00"), "43 81 00 00 1E 01 00 60 63", 26);
    bench_free(bench);
}

static void a_lost_confirm_ends_the_series(void **state)
{
    (void)state;
    struct bench *bench = large();
    bench_update(bench, DNP3_POINT_ANALOG_INPUT, 3, 1);
    assert_memory_equal(bench_ask(bench, "C1 01 3C 03 06 3C 01 06"),
                        "A1 81 00 00 20 02 17 01 03 01 01 00 01 02 00 00 02", 50);
    bench_pass(bench, 5000);
    bench_send(bench, "C1 00");
    assert_string_equal(bench_take(bench), "");
    assert_string_equal(bench_ask(bench, "C2 01 20 01 06"),
                        "E2 81 00 00 20 01 17 01 03 01 01 00 00 00");
    bench_free(bench);
}

static void many_events_go_in_order_over_fragments(void **state)
{
    (void)state;
    struct bench *bench = large();
    for (unsigned i = 0; i < 200; i++)
        bench_update(bench, DNP3_POINT_ANALOG_INPUT, 7, i);
    char expected[16] = "A0 81 04 00";
    unsigned next = 0;
    bench_send(bench, "C0 01 3C 03 06");
    for (unsigned sequence = 0; next < 200; sequence++) {
        const char *text = bench_take(bench);
        uint8_t fragment[256];
        size_t length = wire_from_hex(text, fragment);
        assert_true(length > 8);
        bool last = fragment[0] & 0x40;
        assert_int_equal(fragment[0] & 0x3F, 0x20 | sequence);
        for (size_t at = 8; at < length; at += 4)
            assert_int_equal(fragment[at + 2], next++);
        assert_int_equal(last, next == 200);
        sprintf(expected, "C%X 00", sequence);
        bench_send(bench, expected);
    }
    assert_string_equal(bench_take(bench), "");
    assert_int_equal(dnp3_outstation_event_room(bench->outstation, 2), 256);
    bench_free(bench);
}

static void overflow_is_told_until_there_is_room(void **state)
{
    (void)state;
    struct dnp3_outstation_config config = bench_config();
    config.event_capacity[0] = 1;
    struct bench *bench = bench_ready_of(&config);
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 0, 1);
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 1, 1);
    assert_string_equal(bench_ask(bench, "C1 01 3C 02 06"), "E1 81 00 08 02 01 17 01 01 81");
    bench_send(bench, "C1 00");
    assert_string_equal(bench_ask(bench, "C2 01 3C 02 06"), "C2 81 00 00");
    assert_int_equal(dnp3_outstation_counters(bench->outstation)->events_dropped, 1);
    bench_free(bench);
}

static void octet_strings_have_their_length_as_variation(void **state)
{
    (void)state;
    struct dnp3_outstation_config config = bench_config();
    config.database.count[DNP3_POINT_OCTET_STRING] = 3;
    config.database.setup[DNP3_POINT_OCTET_STRING].event_class = 3;
    struct bench *bench = bench_ready_of(&config);
    const uint8_t text[] = "A-G";
    struct dnp3_point point = {.index = 1, .length = 3, .octets = text};
    dnp3_outstation_update(bench->outstation, DNP3_POINT_OCTET_STRING, &point, DNP3_EVENT_DETECT,
                           bench->now);
    assert_string_equal(bench_ask(bench, "C1 01 6E 00 06"), "C1 81 08 00 6E 03 00 01 01 41 2D 47");
    assert_string_equal(bench_ask(bench, "C2 01 6F 00 06"), "E2 81 00 00 6F 03 17 01 01 41 2D 47");
    bench_free(bench);
}

static void answers_as_late_as_it_says(void **state)
{
    (void)state;
    struct dnp3_outstation_config config = bench_config();
    config.response_delay_ms = 300;
    struct bench *bench = bench_of(&config);
    assert_string_equal(bench_ask(bench, "C0 17"), "");
    assert_true(dnp3_outstation_deadline(bench->outstation) == bench->now + 300);
    bench_pass(bench, 299);
    assert_string_equal(bench_take(bench), "");
    bench_pass(bench, 1);
    assert_true(dnp3_outstation_deadline(bench->outstation) == UINT64_MAX);
    assert_string_equal(bench_take(bench), "C0 81 80 00 34 02 07 01 2C 01");
    assert_string_equal(bench_ask(bench, "C1 01 3C 01 06"), "");
    bench_pass(bench, 300);
    assert_memory_equal(bench_take(bench), "C1 81 80 00", 11);
    bench_free(bench);
}

static void the_host_sets_its_indications(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    dnp3_outstation_indicate(bench->outstation, 0xFFFF,
                             DNP3_IIN_LOCAL_CONTROL | DNP3_IIN_DEVICE_TROUBLE |
                                 DNP3_IIN_CONFIG_CORRUPT | DNP3_IIN_DEVICE_RESTART);
    assert_string_equal(bench_ask(bench, "C1 01 3C 02 06"), "C1 81 60 20");
    dnp3_outstation_indicate(bench->outstation, DNP3_IIN_LOCAL_CONTROL, 0);
    assert_string_equal(bench_ask(bench, "C2 01 3C 02 06"), "C2 81 40 20");
    bench_free(bench);
}

static void refuses_a_configuration_that_cannot_work(void **state)
{
    (void)state;
    struct wire wire;
    wire_init(&wire, true, 1, 10);
    struct dnp3_outstation_config config = bench_config();
    config.max_tx_fragment = 248;
    assert_null(dnp3_outstation_create(&heap, wire.pool, &config, NULL, NULL));
    config = bench_config();
    config.address = 0xFFF0;
    assert_null(dnp3_outstation_create(&heap, wire.pool, &config, NULL, NULL));
    config = bench_config();
    config.database.setup[DNP3_POINT_BINARY_INPUT].static_variation = 7;
    assert_null(dnp3_outstation_create(&heap, wire.pool, &config, NULL, NULL));
    config = bench_config();
    config.master_address = 0xFFF0;
    assert_null(dnp3_outstation_create(&heap, wire.pool, &config, NULL, NULL));
    config = bench_config();
    config.max_rx_fragment = 2049;
    assert_null(dnp3_outstation_create(&heap, wire.pool, &config, NULL, NULL));
    config = bench_config();
    config.max_controls = 0;
    assert_null(dnp3_outstation_create(&heap, wire.pool, &config, NULL, NULL));
    config = bench_config();
    config.response_delay_ms = UINT32_MAX;
    assert_null(dnp3_outstation_create(&heap, wire.pool, &config, NULL, NULL));
    config = bench_config();
    config.database.count[DNP3_POINT_OCTET_STRING] = 1;
    config.database.octet_string_size = 255; /* with its header it fits into no fragment of 249 */
    assert_null(dnp3_outstation_create(&heap, wire.pool, &config, NULL, NULL));
    dnp3_outstation_free(NULL);
    wire_free(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_class_0),
        cmocka_unit_test(reads_ranges_variations_and_lists),
        cmocka_unit_test(packed_binaries_give_way_to_flags),
        cmocka_unit_test(reports_what_it_cannot_read),
        cmocka_unit_test(events_leave_by_confirm_only),
        cmocka_unit_test(a_count_limits_events),
        cmocka_unit_test(a_new_request_ends_the_wait),
        cmocka_unit_test(a_repeated_read_gets_the_same_fragment),
        cmocka_unit_test(the_last_index_is_a_point_too),
        cmocka_unit_test(long_answers_come_in_confirmed_fragments),
        cmocka_unit_test(a_read_repeated_within_its_series),
        cmocka_unit_test(a_lost_confirm_ends_the_series),
        cmocka_unit_test(many_events_go_in_order_over_fragments),
        cmocka_unit_test(overflow_is_told_until_there_is_room),
        cmocka_unit_test(octet_strings_have_their_length_as_variation),
        cmocka_unit_test(answers_as_late_as_it_says),
        cmocka_unit_test(the_host_sets_its_indications),
        cmocka_unit_test(refuses_a_configuration_that_cannot_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
