/* SPDX-License-Identifier: Apache-2.0 */
/* Where the outstation ends: no room in a fragment, more ranges or orders than there are places
 * for, requests longer than it keeps, headers that end early, functions that it does not have. */
#include "tests/lib/outstation_bench.h"

enum { FRAGMENT = 249, POINTS_OF_A_FRAGMENT = (FRAGMENT - 4 - 5) / 3 };

/* Analogs of three octets that leave `left` octets of the first fragment, then `asked`. */
static const char *after_analogs(struct bench *bench, unsigned points, const char *asked)
{
    char text[64];
    snprintf(text, sizeof text, "C1 01 1E 02 00 00 %02X %s", points - 1, asked);
    const char *first = bench_ask(bench, text);
    assert_int_equal(first[0], 'A'); /* FIR, CON, not FIN */
    assert_int_equal((strlen(first) + 1) / 3, 4 + 5 + 3 * points);
    return bench_ask(bench, "C1 00");
}

static void what_has_no_room_comes_in_the_next_fragment(void **state)
{
    (void)state;
    static const struct dnp3_outstation_attribute attributes[] = {
        {{.variation = 1, .type = DNP3_ATTRIBUTE_TYPE_UNSIGNED, .natural = 7}, false}};
    struct dnp3_outstation_config config = bench_config();
    config.max_tx_fragment = FRAGMENT;
    config.database.count[DNP3_POINT_ANALOG_INPUT] = 100;
    config.attributes = attributes;
    config.attribute_count = 1;
    struct bench *bench = bench_ready_of(&config);
    bench->clock = 5;
    assert_string_equal(after_analogs(bench, POINTS_OF_A_FRAGMENT, "50 01 06"),
                        "42 81 00 00 50 01 00 00 0F 00 00");
    assert_string_equal(after_analogs(bench, POINTS_OF_A_FRAGMENT, "00 01 06"),
                        "42 81 00 00 00 01 00 00 00 02 01 07");
    assert_string_equal(after_analogs(bench, POINTS_OF_A_FRAGMENT, "00 FF 06"),
                        "42 81 00 00 00 FF 00 00 00 FE 02 01 00");
    assert_string_equal(after_analogs(bench, POINTS_OF_A_FRAGMENT, "01 02 00 00 01"),
                        "42 81 00 00 01 02 00 00 01 02 02");
    /* Events fill the fragment before the clock. */
    for (unsigned i = 0; i < 60; i++)
        bench_update(bench, DNP3_POINT_ANALOG_INPUT, 1, i);
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 1, 1);
    assert_int_equal(strlen(bench_ask(bench, "C3 01 20 02 06 02 01 06 32 01 07 01")) / 3 + 1,
                     4 + 4 + 60 * 4);
    assert_string_equal(bench_ask(bench, "C3 00"), "64 81 00 00 02 01 17 01 01 81"
                                                   " 32 01 07 01 05 00 00 00 00 00");
    bench_send(bench, "C4 00");
    for (unsigned i = 0; i < 58; i++) /* they leave 9 octets: the clock takes one more */
        bench_update(bench, DNP3_POINT_ANALOG_INPUT, 1, i);
    assert_int_equal(strlen(bench_ask(bench, "C5 01 20 02 06 32 01 07 01")) / 3 + 1,
                     4 + 4 + 58 * 4);
    assert_string_equal(bench_ask(bench, "C5 00"), "46 81 00 00 32 01 07 01 05 00 00 00 00 00");
    bench_free(bench);
}

static void no_more_ranges_than_places(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    char text[3 * 400] = "C1 01";
    for (unsigned i = 0; i < 65; i++)
        strcat(text, i & 1 ? " 01 02 00 00 00" : " 01 02 00 02 02");
    const char *answer = bench_ask(bench, text);
    assert_int_equal(strncmp(answer, "C1 81 00 04", 11), 0);
    assert_int_equal((strlen(answer) + 1) / 3, 4 + 64 * 6);
    bench_free(bench);
}

static void controls_are_bounded(void **state)
{
    (void)state;
    struct dnp3_outstation_config config = bench_config();
    config.max_controls = 2;
    struct bench *bench = bench_ready_of(&config);
    /* Longer than two objects under headers of their own. */
    assert_string_equal(bench_ask(bench, "C1 05 29 04 17 05 00 00 00 00 00 00 00 00 00 00 01 00 00 "
                                         "00 00 00 00 00 00 00 02 00 00 00 00 00 00 00 00 00 03 00 "
                                         "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"),
                        "C1 81 00 04");
    assert_int_equal(bench->operates, 0);
    bench_free(bench);
    /* An echo that no fragment of ours holds. */
    config.max_controls = 100;
    config.max_tx_fragment = FRAGMENT;
    bench = bench_ready_of(&config);
    char text[3 * 300] = "C1 05 29 02 17 40";
    for (unsigned i = 0; i < 64; i++)
        strcat(text, " 00 00 00 00");
    assert_string_equal(bench_ask(bench, text), "C1 81 00 04");
    assert_int_equal(bench->operates, 0);
    bench_free(bench);
}

static void freezes_are_bounded(void **state)
{
    (void)state;
    struct dnp3_outstation_config config = bench_config();
    config.database.count[DNP3_POINT_COUNTER] = 20;
    config.database.count[DNP3_POINT_FROZEN_COUNTER] = 20;
    config.database.count[DNP3_POINT_FROZEN_ANALOG_INPUT] = 2;
    struct bench *bench = bench_ready_of(&config);
    bench->clock = 10000;
    /* Sixteen orders, one for each index, and no more. */
    assert_string_equal(bench_ask(bench, "C1 0B 32 02 07 01 00 00 00 00 00 00 E8 03 00 00 14 00 17 "
                                         "10 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F"),
                        "C1 81 00 00");
    assert_string_equal(bench_ask(bench, "C2 0B 32 02 07 01 00 00 00 00 00 00 E8 03 00 00 14 00 17 "
                                         "02 0F 10"),
                        "C2 81 00 04");
    dnp3_outstation_restart(bench->outstation, bench->now);
    bench_ask(bench, BENCH_CLEAR_RESTART);
    /* Every 3 s since 1 s after the epoch: at 10 s by the clock, which is now, then at 13. */
    bench_update(bench, DNP3_POINT_ANALOG_INPUT, 1, -7);
    assert_string_equal(
        bench_ask(bench, "C3 0B 32 02 07 01 E8 03 00 00 00 00 B8 0B 00 00 1E 00 06"),
        "C3 81 04 00");
    assert_string_equal(bench_ask(bench, "C4 01 1F 05 17 01 01"),
                        "C4 81 04 00 1F 05 00 01 01 F9 FF FF FF");
    assert_true(dnp3_outstation_deadline(bench->outstation) == bench->now + 3000);
    /* Analogs are not cleared; two times; a time under an index; a cut one; what has none. */
    assert_string_equal(bench_ask(bench, "C5 09 1E 00 06"), "C5 81 04 02");
    assert_string_equal(bench_ask(bench, "C6 0B 32 02 07 02 00 00 00 00 00 00 00 00 00 00 00 00 00 "
                                         "00 00 00 00 00 00 00 14 00 06"),
                        "C6 81 04 04");
    assert_string_equal(
        bench_ask(bench, "C7 0B 32 02 17 01 00 00 00 00 00 00 00 00 00 00 00 14 00 06"),
        "C7 81 04 04");
    assert_string_equal(bench_ask(bench, "C8 0B 32 02 07 01 00 00"), "C8 81 04 04");
    assert_string_equal(bench_ask(bench, "C9 0B 32 02 07"), "C9 81 04 04");
    assert_string_equal(bench_ask(bench, "CA 07 14 00 00 00"), "CA 81 04 04");
    /* An absent counter is passed over. */
    struct dnp3_point_setup absent = {.absent = true};
    dnp3_database_configure(dnp3_outstation_database(bench->outstation), DNP3_POINT_COUNTER, 1,
                            &absent);
    assert_string_equal(bench_ask(bench, "CB 07 14 00 06"), "CB 81 04 00");
    bench_free(bench);
}

static void headers_that_make_no_sense(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    static const struct {
        const char *ask;
        const char *answer;
    } cases[] = {
        {"C1 01 3C 05 06", "C1 81 00 02"},                      /* no class 4 */
        {"C2 01 3C 01 00 00 01", "C2 81 00 04"},                /* a class has no range */
        {"C3 01 02 01 00 00 01", "C3 81 00 04"},                /* nor have events */
        {"C4 01 1E 01 0A 00", "C4 81 00 04"},                   /* no such qualifier */
        {"C5 02 50 01 00 07 07 01", "C5 81 00 04"},             /* DEVICE_RESTART cannot be set */
        {"C6 02 50 01 00 07 07", "C6 81 00 04"},                /* cut */
        {"C7 02 50 01", "C7 81 00 04"},                         /* cut */
        {"C8 02 32 01 07 01 00 00", "C8 81 00 04"},             /* cut */
        {"C9 02 32 03 07 01 00 00 00 00 00 00", "C9 81 00 04"}, /* no RECORD_CURRENT_TIME before */
        {"CA 02 1E 01 00 00 00 00 00 00 00 00", "CA 81 00 02"}, /* inputs are not written */
        {"CB 15 3C 02", "CB 81 00 01"},                         /* nothing unsolicited is set up */
        {"CC 16 3C 02", "CC 81 00 04"},                         /* cut */
        {"CD 16 3C 02 06 3C 07 06", "CD 81 00 02"},             /* a class has no class */
        {"CE 0F 3C 01 06", "CE 81 00 01"},                      /* INITIALIZE_DATA */
        {"CF 40", "CF 81 00 01"},                               /* no such function */
        {"C0 20", "C0 81 00 01"},                               /* AUTHENTICATE_REQ */
        {"C1 0E", "C1 81 00 01"},                               /* no warm restart here */
        {"C2 01 3C 00 06", "C2 81 00 02"},                      /* no class of any kind */
        {"C3 02 50 01 00 06 07 00 00", "C3 81 00 04"},          /* two indications */
        {"C4 02 50 01 07 01 00", "C4 81 00 04"},                /* by a count */
        {"C5 02 32 01 17 01 00 00 E0 92 65 17 01", "C5 81 00 04"}, /* a time with an index */
        {"C6 05 29 02 5B 01 03 00 05 00 00", "C6 81 00 04"},       /* a command under a size */
        {"C7 05 29 02 07 01 05 00 00", "C7 81 00 04"},             /* without an index */
        {"C8 05 29 02 39 01 05 00 00 00 05 00 00", "C8 81 00 04"}, /* with one of four octets */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(bench_ask(bench, cases[i].ask), cases[i].answer);
    bench_free(bench);
    /* Enabling by a header that ends early; points of time have no events to assign. */
    struct dnp3_outstation_config config = bench_config();
    config.unsolicited = true;
    config.database.count[DNP3_POINT_TIME] = 1;
    bench = bench_of(&config);
    bench_take(bench);
    bench_send(bench, "D0 00");
    assert_string_equal(bench_ask(bench, "C2 14 3C 02"), "C2 81 80 04");
    assert_string_equal(bench_ask(bench, "C3 14 3C 01 06"), "C3 81 80 02");
    assert_string_equal(bench_ask(bench, "C4 14 3C 02 07 01"), "C4 81 80 04");
    assert_string_equal(bench_ask(bench, "C5 16 3C 02 06 32 00 06"), "C5 81 80 04");
    bench_free(bench);
}

/* What is silent stays so when it is refused, and needs no answer kept; authentication without an
 * acknowledgement too. */
static void silence_is_kept(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    assert_string_equal(bench_ask(bench, "C1 21"), "");
    assert_string_equal(bench_ask(bench, "C2 08 14 00"), "");
    assert_string_equal(bench_ask(bench, "C2 08 14 00"), "");
    assert_string_equal(bench_ask(bench, "C3 0A 01 00 06"), "");
    assert_string_equal(bench_ask(bench, "C4 06 0C 01 17 01 01 41"), "");
    assert_int_equal(bench->operates, 0);
    assert_int_equal(dnp3_outstation_counters(bench->outstation)->repeats, 1);
    assert_string_equal(bench_ask(bench, "C5 17"), "C5 81 00 00 34 02 07 01 00 00");
    bench_free(bench);
}

/* To all: nothing that asks for an answer acts, all that may does; the next answer tells of it
 * once, or until it is confirmed. */
static void to_all_only_what_needs_no_answer(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    static const char *const refused[] = {
        "C1 01 3C 01 06",                                        /* READ */
        "C1 03 0C 01 17 01 01 41 01 64 00 00 00 64 00 00 00 00", /* SELECT */
        "C1 05 0C 01 17 01 01 41 01 64 00 00 00 64 00 00 00 00", /* DIRECT_OPERATE */
        "C1 07 14 00 06",
        "C1 0D",
        "C1 17",
        "C1 19",
        "C1 00",
        "E1 02"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        bench->master.to = 0xFFFD;
        assert_string_equal(bench_ask(bench, refused[i]), "");
    }
    assert_int_equal(bench->operates + bench->selects + bench->restarts, 0);
    bench->master.to = 10;
    assert_string_equal(bench_ask(bench, "C2 17"), "C2 81 01 00 34 02 07 01 00 00");
    assert_string_equal(bench_ask(bench, "C3 17"), "C3 81 00 00 34 02 07 01 00 00");
    bench->master.to = 0xFFFE; /* asks for a confirm */
    bench_send(bench, "C4 06 0C 01 17 01 01 41 01 64 00 00 00 64 00 00 00 00");
    assert_int_equal(bench->operates, 1);
    bench->master.to = 10;
    assert_string_equal(bench_ask(bench, "C5 17"), "E5 81 01 00 34 02 07 01 00 00");
    assert_string_equal(bench_ask(bench, "C6 17"), "E6 81 01 00 34 02 07 01 00 00");
    bench_send(bench, "C6 00");
    assert_string_equal(bench_ask(bench, "C7 17"), "C7 81 00 00 34 02 07 01 00 00");
    bench_free(bench);
}

/* Each function that a broadcast may have acts, once, without an answer. */
static void to_all_what_needs_no_answer(void **state)
{
    (void)state;
    static const char *const allowed[] = {
        "C1 02 32 01 07 01 00 E0 92 65 17 01", /* WRITE the time */
        "C1 06 0C 01 17 01 01 41 01 64 00 00 00 64 00 00 00 00",
        "C1 08 14 00 06", /* freeze, freeze and clear */
        "C1 0A 14 00 06",
        "C1 14 3C 02 06", /* ENABLE_, DISABLE_UNSOLICITED */
        "C1 15 3C 02 06",
        "C1 16 3C 03 06 01 00 06", /* ASSIGN_CLASS */
        "C1 18"};
    struct dnp3_outstation_config config = bench_config();
    config.database.count[DNP3_POINT_COUNTER] = 1;
    config.database.count[DNP3_POINT_FROZEN_COUNTER] = 1;
    config.database.setup[DNP3_POINT_COUNTER].static_variation = 1;
    config.database.setup[DNP3_POINT_FROZEN_COUNTER].static_variation = 1;
    struct bench *bench = bench_of(&config);
    assert_string_equal(bench_ask(bench, BENCH_CLEAR_RESTART), "C0 81 00 00");
    bench_update(bench, DNP3_POINT_COUNTER, 0, 5);
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        bench->master.to = 0xFFFF;
        assert_string_equal(bench_ask(bench, allowed[i]), "");
    }
    bench->master.to = 10;
    assert_int_equal(bench->written_time, 1200000000000);
    assert_int_equal(bench->operates, 1);
    assert_int_equal(dnp3_outstation_counters(bench->outstation)->broadcasts, 8);
    /* Frozen, and cleared. */
    assert_string_equal(bench_ask(bench, "C2 01 15 01 06 14 01 06"),
                        "C2 81 09 00 15 01 00 00 00 01 05 00 00 00 14 01 00 00 00 01 00 00 00 00");
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 0, 1); /* assigned to class 2 */
    assert_string_equal(bench_ask(bench, "C3 17"), "C3 81 0C 00 34 02 07 01 00 00");
    bench_free(bench);
}

/* What its host has no function for the outstation refuses: controls by their status, functions by
 * IIN2.0, objects by IIN2.1. And it goes on. */
static void a_host_that_does_nothing(void **state)
{
    (void)state;
    static const char *const asked[][2] = {
        {"C1 03 0C 01 17 01 01 41 01 64 00 00 00 64 00 00 00 00",
         "C1 81 80 04 0C 01 17 01 01 41 01 64 00 00 00 64 00 00 00 04"},
        {"C2 05 0C 01 17 01 01 41 01 64 00 00 00 64 00 00 00 00",
         "C2 81 80 04 0C 01 17 01 01 41 01 64 00 00 00 64 00 00 00 04"},
        {"C3 0D", "C3 81 80 01"},
        {"C4 02 32 01 07 01 00 E0 92 65 17 01", "C4 81 80 02"},
        {"C5 01 32 01 07 01", "C5 81 80 02"},
        {"C6 02 6E 02 17 01 00 61 62", "C6 81 80 02"},
        {"C7 02 00 F5 00 00 00 01 01 61", "C7 81 80 02"},
        {"C8 19 46 03 5B 01 1B 00 1A 00 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 "
         "00 "
         "00 00 00 00 61",
         "C8 81 80 01"},
        {"C9 17", "C9 81 80 00 34 02 07 01 00 00"}};
    struct dnp3_outstation_config config = bench_config();
    config.database.count[DNP3_POINT_OCTET_STRING] = 1;
    config.database.octet_string_size = 8;
    struct bench *bench = bench_with(&config, NULL);
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++)
        assert_string_equal(bench_ask(bench, asked[i][0]), asked[i][1]);
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_no_room_comes_in_the_next_fragment),
        cmocka_unit_test(no_more_ranges_than_places),
        cmocka_unit_test(controls_are_bounded),
        cmocka_unit_test(freezes_are_bounded),
        cmocka_unit_test(headers_that_make_no_sense),
        cmocka_unit_test(silence_is_kept),
        cmocka_unit_test(to_all_only_what_needs_no_answer),
        cmocka_unit_test(to_all_what_needs_no_answer),
        cmocka_unit_test(a_host_that_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
