/* SPDX-License-Identifier: Apache-2.0 */
/* The outstation's answers: reads, confirms, repeats, writes, indications, link layer. Controls and
 * unsolicited responses have their own files. Vectors are written by hand from the standard. */
#include "dnp3/crc.h"
#include "tests/lib/outstation_bench.h"

#define CLEAR_RESTART "C0 02 50 01 00 07 07 00"

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
    assert_string_equal(bench_ask(bench, CLEAR_RESTART), "C0 81 00 00");
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
    struct bench *bench = bench_start();
    bench_ask(bench, CLEAR_RESTART);
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 0, 1);
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 1, 1);
    assert_string_equal(bench_ask(bench, "C1 01 01 01 06"),
                        "C1 81 02 00 01 01 00 00 01 03 01 02 00 02 02 02");
    bench_free(bench);
}

static void reports_what_it_cannot_read(void **state)
{
    (void)state;
    struct bench *bench = bench_start();
    bench_ask(bench, CLEAR_RESTART);
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
    struct bench *bench = bench_start();
    bench_ask(bench, CLEAR_RESTART);
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
    struct bench *bench = bench_start();
    bench_ask(bench, CLEAR_RESTART);
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
    struct bench *bench = bench_start();
    bench_ask(bench, CLEAR_RESTART);
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
    struct bench *bench = bench_start();
    bench_ask(bench, CLEAR_RESTART);
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
    return bench_of(&config);
}

/* Certification procedures read points 0, 41, 1024 and 65535. */
static void the_last_index_is_a_point_too(void **state)
{
    (void)state;
    struct dnp3_outstation_config config = bench_config();
    config.database.count[DNP3_POINT_BINARY_INPUT] = 0;
    config.database.count[DNP3_POINT_ANALOG_INPUT] = DNP3_DATABASE_POINTS_MAX;
    config.database.setup[DNP3_POINT_ANALOG_INPUT].absent = true;
    struct bench *bench = bench_of(&config);
    bench_ask(bench, CLEAR_RESTART);
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
    bench_ask(bench, CLEAR_RESTART);
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
    bench_ask(bench, CLEAR_RESTART);
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
    bench_ask(bench, CLEAR_RESTART);
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
    bench_ask(bench, CLEAR_RESTART);
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
    struct bench *bench = bench_of(&config);
    bench_ask(bench, CLEAR_RESTART);
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
    struct bench *bench = bench_of(&config);
    bench_ask(bench, CLEAR_RESTART);
    const uint8_t text[] = "A-G";
    struct dnp3_point point = {.index = 1, .length = 3, .octets = text};
    dnp3_outstation_update(bench->outstation, DNP3_POINT_OCTET_STRING, &point, DNP3_EVENT_DETECT,
                           bench->now);
    assert_string_equal(bench_ask(bench, "C1 01 6E 00 06"), "C1 81 08 00 6E 03 00 01 01 41 2D 47");
    assert_string_equal(bench_ask(bench, "C2 01 6F 00 06"), "E2 81 00 00 6F 03 17 01 01 41 2D 47");
    bench_free(bench);
}

static void writes_the_time(void **state)
{
    (void)state;
    struct dnp3_outstation_config config = bench_config();
    config.need_time = true;
    config.need_time_every_ms = 60000;
    struct bench *bench = bench_of(&config);
    assert_string_equal(bench_ask(bench, CLEAR_RESTART), "C0 81 10 00");
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
    struct bench *bench = bench_start();
    bench_ask(bench, CLEAR_RESTART);
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
    struct bench *bench = bench_of(&config);
    bench_ask(bench, CLEAR_RESTART);
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
    struct bench *bench = bench_of(&config);
    bench_ask(bench, CLEAR_RESTART);
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
    struct bench *bench = bench_start();
    bench_ask(bench, CLEAR_RESTART);
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

static void assigns_classes(void **state)
{
    (void)state;
    struct bench *bench = bench_start();
    bench_ask(bench, CLEAR_RESTART);
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
    bench_send(bench, CLEAR_RESTART);
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

static void the_host_sets_its_indications(void **state)
{
    (void)state;
    struct bench *bench = bench_start();
    bench_ask(bench, CLEAR_RESTART);
    dnp3_outstation_indicate(bench->outstation, 0xFFFF,
                             DNP3_IIN_LOCAL_CONTROL | DNP3_IIN_DEVICE_TROUBLE |
                                 DNP3_IIN_CONFIG_CORRUPT | DNP3_IIN_DEVICE_RESTART);
    assert_string_equal(bench_ask(bench, "C1 01 3C 02 06"), "C1 81 60 20");
    dnp3_outstation_indicate(bench->outstation, DNP3_IIN_LOCAL_CONTROL, 0);
    assert_string_equal(bench_ask(bench, "C2 01 3C 02 06"), "C2 81 40 20");
    bench_free(bench);
}

static void answers_the_link_layer(void **state)
{
    (void)state;
    struct bench *bench = bench_start();
    struct wire *master = &bench->master;
    struct dnp3_outstation *o = bench->outstation;
    static const struct {
        uint8_t control;
        const char *answer;
    } steps[] = {
        {0xC9, "link 0B"}, /* REQUEST_LINK_STATUS */
        {0xF2, "link 01"}, /* TEST before a reset */
        {0xC0, "link 00"}, /* RESET */
        {0xF2, "link 00"}, /* TEST */
        {0xC7, "link 0F"}, /* unknown function */
        {0xE9, "link 0B"}, /* FCB without FCV is meaningless */
        {0xD9, ""},        /* FCV where the function has none */
        {0x49, ""},        /* not from a master */
        {0x8B, ""},        /* a secondary frame */
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        size_t length = wire_link(master, steps[i].control);
        dnp3_outstation_feed(o, master->octets, length, bench->now);
        assert_string_equal(bench_take(bench), steps[i].answer);
        assert_string_equal(bench_take(bench), "");
    }
    bench_free(bench);
}

static void confirmed_data_is_delivered_once(void **state)
{
    (void)state;
    struct bench *bench = bench_start();
    struct wire *master = &bench->master;
    master->control = 0xF3; /* CONFIRMED_USER_DATA, FCB 1 */
    assert_string_equal(bench_ask(bench, "C0 17"), "link 01");
    assert_string_equal(bench_take(bench), "");
    dnp3_outstation_feed(bench->outstation, master->octets, wire_link(master, 0xC0), bench->now);
    assert_string_equal(bench_take(bench), "link 00");
    assert_string_equal(bench_ask(bench, "C0 17"), "link 00");
    assert_string_equal(bench_take(bench), "C0 81 80 00 34 02 07 01 00 00");
    assert_string_equal(bench_ask(bench, "C1 17"), "link 00"); /* FCB did not change: a repeat */
    assert_string_equal(bench_take(bench), "");
    master->control = 0xD3;
    assert_string_equal(bench_ask(bench, "C1 17"), "link 00");
    assert_string_equal(bench_take(bench), "C1 81 80 00 34 02 07 01 00 00");
    /* A new connection starts unreset. */
    dnp3_outstation_connected(bench->outstation, bench->now);
    assert_string_equal(bench_ask(bench, "C2 17"), "link 01");
    bench_free(bench);
}

/* What it says as a primary: the control octet of each frame, data or not, in `controls`. */
static uint8_t frame_of(struct bench *bench)
{
    const uint8_t *octets;
    size_t length = dnp3_outstation_take(bench->outstation, &octets, bench->now);
    uint8_t control = length ? octets[3] : 0;
    wire_read(&bench->master, octets, length, bench->text);
    return control;
}

static void acknowledge(struct bench *bench, uint8_t control)
{
    dnp3_outstation_feed(bench->outstation, bench->master.octets,
                         wire_link(&bench->master, control), bench->now);
}

static struct bench *bench_confirmed(void)
{
    struct dnp3_outstation_config config = bench_config();
    config.link_confirm = true;
    config.unsolicited = true;
    return bench_of(&config);
}

static void its_frames_are_confirmed(void **state)
{
    (void)state;
    struct bench *bench = bench_confirmed();
    const struct dnp3_outstation_counters *counters = dnp3_outstation_counters(bench->outstation);
    assert_int_equal(frame_of(bench), 0x40); /* the null unsolicited is due: reset first */
    bench_send(bench, "C0 17");
    assert_int_equal(frame_of(bench), 0); /* its answer waits */
    acknowledge(bench, 0x80);
    assert_int_equal(frame_of(bench), 0x73);
    assert_string_equal(bench->text, "F0 82 80 00");
    assert_int_equal(frame_of(bench), 0);
    acknowledge(bench, 0x80);
    assert_int_equal(frame_of(bench), 0x53);
    assert_string_equal(bench->text, "C0 81 80 00 34 02 07 01 00 00");
    assert_int_equal(dnp3_outstation_deadline(bench->outstation), bench->now + 1000);
    bench_pass(bench, 1000); /* the acknowledgement was lost */
    assert_int_equal(frame_of(bench), 0x53);
    assert_string_equal(bench->text, "C0 81 80 00 34 02 07 01 00 00");
    assert_int_equal(counters->link_retries, 1);
    acknowledge(bench, 0x80);
    assert_int_equal(frame_of(bench), 0);
    bench_send(bench, "D0 00");
    assert_int_equal(counters->confirms, 1);
    dnp3_outstation_disconnected(bench->outstation);
    dnp3_outstation_connected(bench->outstation, bench->now);
    assert_int_equal(frame_of(bench), 0x40); /* anew on each connection */
    bench_free(bench);
}

/* What the master's link does not take is repeated, or asked for again, by the application. */
static void unacknowledged_frames_are_given_up(void **state)
{
    (void)state;
    struct bench *bench = bench_confirmed();
    const struct dnp3_outstation_counters *counters = dnp3_outstation_counters(bench->outstation);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(frame_of(bench), 0x40);
        bench_pass(bench, 1000);
    }
    assert_int_equal(frame_of(bench), 0);
    assert_int_equal(counters->link_failures, 1);
    assert_int_equal(dnp3_outstation_deadline(bench->outstation), bench->now + 5000);
    bench_pass(bench, 5000); /* no confirm: once more */
    assert_int_equal(frame_of(bench), 0x40);
    acknowledge(bench, 0x80);
    assert_int_equal(frame_of(bench), 0x73);
    acknowledge(bench, 0x81); /* NACK: reset, and anew */
    assert_int_equal(frame_of(bench), 0x40);
    acknowledge(bench, 0x80);
    assert_int_equal(frame_of(bench), 0x73);
    assert_string_equal(bench->text, "F0 82 80 00");
    acknowledge(bench, 0x80);
    assert_int_equal(counters->confirm_timeouts, 1);
    assert_int_equal(dnp3_outstation_deadline(bench->outstation), bench->now + 5000);
    bench_free(bench);
}

static void lenient_takes_confirmed_data_without_reset(void **state)
{
    (void)state;
    struct dnp3_outstation_config config = bench_config();
    config.lenient = true;
    struct bench *bench = bench_of(&config);
    bench->master.control = 0xD3;
    assert_string_equal(bench_ask(bench, "C0 17"), "link 00");
    assert_string_equal(bench_take(bench), "C0 81 80 00 34 02 07 01 00 00");
    bench_free(bench);
}

static void strangers_and_garbage_are_ignored(void **state)
{
    (void)state;
    struct bench *bench = bench_start();
    bench->master.from = 2;
    assert_string_equal(bench_ask(bench, "C0 17"), "");
    bench->master.from = 1;
    bench->master.to = 11;
    assert_string_equal(bench_ask(bench, "C0 17"), "");
    bench->master.to = 10;
    assert_string_equal(bench_ask(bench, "C0"), "");
    assert_string_equal(bench_ask(bench, "80 17"), "");       /* not a whole fragment */
    assert_string_equal(bench_ask(bench, "D0 17"), "");       /* UNS in a request */
    assert_string_equal(bench_ask(bench, "C0 81 00 00"), ""); /* a response */
    const uint8_t garbage[] = {0x05, 0x64, 0x05, 0x64, 0xFF, 0x05};
    dnp3_outstation_feed(bench->outstation, garbage, sizeof garbage, bench->now);
    assert_string_equal(bench_ask(bench, "C0 17"), "C0 81 80 00 34 02 07 01 00 00");
    const struct dnp3_outstation_counters *counters = dnp3_outstation_counters(bench->outstation);
    assert_int_equal(counters->ignored, 4);
    assert_int_equal(counters->malformed, 1);
    assert_int_equal(counters->requests, 1);
    bench_free(bench);
}

/* Rule 20: what is to all is data and nothing else. It is not answered, resets nothing, and is not
 * confirmed; who is not connected hears nothing at all. */
static void link_frames_to_all(void **state)
{
    (void)state;
    static const uint8_t controls[] = {0xC9, 0xC0, 0xC2, 0xF3}; /* status, reset, test, confirmed */
    struct bench *bench = bench_start();
    for (uint16_t to = 0xFFFD; to != 0; to++) {
        bench->master.to = to;
        for (size_t i = 0; i < sizeof controls; i++) {
            size_t length = wire_link(&bench->master, controls[i]);
            dnp3_outstation_feed(bench->outstation, bench->master.octets, length, bench->now);
            assert_string_equal(bench_take(bench), "");
        }
    }
    assert_int_equal(dnp3_outstation_counters(bench->outstation)->ignored, 12);
    bench->master.to = 0xFFF0; /* a reserved address */
    assert_string_equal(bench_ask(bench, "C1 17"), "");
    bench->master.to = 10;
    dnp3_outstation_disconnected(bench->outstation);
    assert_string_equal(bench_ask(bench, "C1 17"), "");
    dnp3_outstation_connected(bench->outstation, bench->now);
    assert_string_equal(bench_ask(bench, "C1 17"), "C1 81 80 00 34 02 07 01 00 00");
    assert_int_equal(dnp3_outstation_counters(bench->outstation)->broadcasts, 0);
    bench_free(bench);
}

static void a_repeated_write_does_not_act_twice(void **state)
{
    (void)state;
    struct bench *bench = bench_start();
    assert_string_equal(bench_ask(bench, CLEAR_RESTART), "C0 81 00 00");
    dnp3_outstation_restart(bench->outstation, bench->now);
    assert_string_equal(bench_ask(bench, CLEAR_RESTART), "C0 81 00 00");
    assert_string_equal(bench_ask(bench, "C1 17"), "C1 81 80 00 34 02 07 01 00 00");
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

/* Over UDP a datagram holds whole frames; the start of one in it joins nothing that comes later. */
static void datagrams_are_read_by_themselves(void **state)
{
    (void)state;
    struct bench *bench = bench_start();
    uint8_t octets[64];
    const uint8_t ask[] = {0xC1, 0x17};
    size_t length = wire_frame(&bench->master, ask, sizeof ask);
    memcpy(octets, bench->master.octets, length);
    dnp3_outstation_feed_datagram(bench->outstation, octets, length - 3, bench->now);
    dnp3_outstation_feed_datagram(bench->outstation, octets + length - 3, 3, bench->now);
    assert_string_equal(bench_take(bench), "");
    /* A header that announces more than there is hides nothing behind it. */
    uint8_t both[64] = {0x05, 0x64, 0xCD, 0xC4, 0x0A, 0x00, 0x01, 0x00};
    uint16_t crc = dnp3_crc(both, 8);
    both[8] = (uint8_t)crc;
    both[9] = (uint8_t)(crc >> 8);
    memcpy(both + 10, octets, length);
    dnp3_outstation_feed_datagram(bench->outstation, both, 10 + length, bench->now);
    assert_string_equal(bench_take(bench), "C1 81 80 00 34 02 07 01 00 00");
    bench_free(bench);
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
        cmocka_unit_test(writes_the_time),
        cmocka_unit_test(only_the_restart_flag_can_be_cleared),
        cmocka_unit_test(restarts_on_request),
        cmocka_unit_test(freezes_counters),
        cmocka_unit_test(freezes_at_a_time),
        cmocka_unit_test(dead_bands_are_read_and_written),
        cmocka_unit_test(answers_as_late_as_it_says),
        cmocka_unit_test(assigns_classes),
        cmocka_unit_test(broadcasts_are_told_and_not_answered),
        cmocka_unit_test(the_host_sets_its_indications),
        cmocka_unit_test(answers_the_link_layer),
        cmocka_unit_test(confirmed_data_is_delivered_once),
        cmocka_unit_test(its_frames_are_confirmed),
        cmocka_unit_test(unacknowledged_frames_are_given_up),
        cmocka_unit_test(lenient_takes_confirmed_data_without_reset),
        cmocka_unit_test(strangers_and_garbage_are_ignored),
        cmocka_unit_test(link_frames_to_all),
        cmocka_unit_test(a_repeated_write_does_not_act_twice),
        cmocka_unit_test(refuses_a_configuration_that_cannot_work),
        cmocka_unit_test(datagrams_are_read_by_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
