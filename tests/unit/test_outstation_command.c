/* SPDX-License-Identifier: Apache-2.0 */
/* Pattern control (12v2 with its mask 12v3), and the events that tell of commands (13, 43). Vectors
 * are written by hand from the standard. The host knows the indexes 0 to 3. */
#include "tests/lib/outstation_bench.h"

/* LATCH_ON, once; the mask's range and octets follow. */
#define PATTERN(status)     "0C 02 07 01 03 01 00 00 00 00 00 00 00 00 " status
#define MASK                "0C 03 00 00 07 05"
#define CROB(index, status) "0C 01 17 01 " index " 41 01 64 00 00 00 64 00 00 00 " status

static void a_pattern_operates_its_points(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    assert_string_equal(bench_ask(bench, "C1 03 " PATTERN("00") " " MASK),
                        "C1 81 00 00 " PATTERN("00") " " MASK);
    assert_int_equal(bench->selects, 2);
    assert_int_equal(bench->operates, 0);
    assert_string_equal(bench_ask(bench, "C2 04 " PATTERN("00") " " MASK),
                        "C2 81 00 00 " PATTERN("00") " " MASK);
    assert_int_equal(bench->operates, 2);
    assert_int_equal(bench->how, DNP3_OPERATE_SELECTED);
    assert_int_equal(bench->last.index, 2);
    assert_int_equal(bench->last.code, 0x03);
    /* Once only; then directly, with the mask under 01, and beside another command. */
    assert_string_equal(bench_ask(bench, "C3 04 " PATTERN("00") " " MASK),
                        "C3 81 00 00 " PATTERN("02") " " MASK);
    assert_string_equal(
        bench_ask(bench, "C4 05 " CROB("01", "00") " " PATTERN("00") " 0C 03 01 03 00 03 00 01"),
        "C4 81 00 00 " CROB("01", "00") " " PATTERN("00") " 0C 03 01 03 00 03 00 01");
    assert_int_equal(bench->operates, 4);
    assert_int_equal(bench->last.index, 3);
    assert_string_equal(bench_ask(bench, "C5 06 " PATTERN("00") " " MASK), "");
    assert_int_equal(bench->operates, 6);
    bench_free(bench);
}

static void a_pattern_operates_all_or_none(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    /* Index 4 is not there. */
    assert_string_equal(bench_ask(bench, "C1 05 " PATTERN("00") " 0C 03 00 03 04 03"),
                        "C1 81 00 04 " PATTERN("04") " 0C 03 00 03 04 03");
    assert_string_equal(bench_ask(bench, "C2 03 " PATTERN("00") " 0C 03 00 03 04 03"),
                        "C2 81 00 04 " PATTERN("04") " 0C 03 00 03 04 03");
    assert_string_equal(bench_ask(bench, "C3 04 " PATTERN("00") " 0C 03 00 03 04 03"),
                        "C3 81 00 00 " PATTERN("02") " 0C 03 00 03 04 03");
    /* No point; a code that means nothing; refused by the host. */
    assert_string_equal(bench_ask(bench, "C4 05 " PATTERN("00") " 0C 03 00 00 07 00"),
                        "C4 81 00 00 " PATTERN("03") " 0C 03 00 00 07 00");
    assert_string_equal(
        bench_ask(bench, "C5 05 0C 02 07 01 05 01 00 00 00 00 00 00 00 00 00 " MASK),
        "C5 81 00 04 0C 02 07 01 05 01 00 00 00 00 00 00 00 00 04 " MASK);
    bench->answer = DNP3_STATUS_BLOCKED;
    assert_string_equal(bench_ask(bench, "C6 05 " PATTERN("00") " " MASK),
                        "C6 81 00 00 " PATTERN("0F") " " MASK);
    assert_int_equal(bench->operates, 0);
    bench_free(bench);
    struct dnp3_outstation_config config = bench_config();
    config.max_controls = 2;
    bench = bench_ready_of(&config);
    assert_string_equal(bench_ask(bench, "C1 05 " PATTERN("00") " 0C 03 00 00 03 07"),
                        "C1 81 00 00 " PATTERN("08") " 0C 03 00 00 03 07");
    assert_int_equal(bench->operates, 0);
    bench_free(bench);
}

static void a_pattern_is_two_objects(void **state)
{
    (void)state;
    struct bench *bench = bench_ready();
    static const char *const malformed[] = {
        "C1 05 " PATTERN("00"),                                       /* no mask */
        "C1 05 " MASK,                                                /* nothing before it */
        "C1 05 " PATTERN("00") " 0C 03 07 08 05",                     /* no range */
        "C1 05 " PATTERN("00") " 0C 03 00 00 0F 05",                  /* cut */
        "C1 05 " PATTERN("00") " " CROB("01", "00"),                  /* something else after it */
        "C1 05 " PATTERN("00") " 0A 01 00 00 07 05",                  /* another group */
        "C1 05 0C 02 07 02 03 01 00 00 00 00 00 00 00 00 00 " MASK,   /* two */
        "C1 05 0C 02 17 01 01 03 01 00 00 00 00 00 00 00 00 00",      /* with an index */
        "C1 05 0C 02 07 01 03 01 00 00",                              /* cut */
        "C1 05 " CROB("01", "00") " " PATTERN("00") " 0C 03 00 05 04" /* a range that is none */
    };
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++)
        assert_string_equal(bench_ask(bench, malformed[i]), "C1 81 00 04");
    assert_int_equal(bench->operates, 0);
    bench_free(bench);
}

static struct bench *reporting(void)
{
    struct dnp3_outstation_config config = bench_config();
    config.database.count[DNP3_POINT_BINARY_COMMAND_EVENT] = 4;
    config.database.count[DNP3_POINT_ANALOG_COMMAND_EVENT] = 4;
    struct bench *bench = bench_ready_of(&config);
    bench->clock = 0x0A0B0C;
    return bench;
}

#define AT "0C 0B 0A 00 00 00"

static void commands_become_events(void **state)
{
    (void)state;
    struct bench *bench = reporting();
    /* Nothing before a class is assigned. */
    bench_ask(bench, "C1 05 " CROB("01", "00"));
    assert_string_equal(bench_ask(bench, "C2 01 0D 00 06"), "C2 81 00 00");
    assert_string_equal(bench_ask(bench, "C3 16 3C 02 06 0C 00 06 3C 03 06 29 00 00 01 03"),
                        "C3 81 00 00");
    /* CLOSE succeeds; TRIP at 2 is refused locally; a SELECT is none; 9 is not there. */
    bench_ask(bench, "C4 05 " CROB("01", "00"));
    bench->answer = DNP3_STATUS_LOCAL;
    bench_ask(bench, "C5 05 0C 01 17 01 02 81 01 64 00 00 00 64 00 00 00 00");
    bench->answer = DNP3_STATUS_SUCCESS;
    bench_ask(bench, "C6 03 " CROB("01", "00"));
    bench_ask(bench, "C7 05 " CROB("09", "00"));
    bench_ask(bench, "C8 05 29 02 17 01 01 FE FF 00 29 03 17 01 02 00 00 C0 3F 00");
    bench_ask(bench,
              "C9 05 29 01 17 01 01 FF FF FF FF 00 29 04 17 01 03 00 00 00 00 00 00 F8 3F 00");
    /* An OPERATE without its SELECT is a command too. */
    bench_ask(bench, "CA 04 0C 01 17 01 03 04 01 64 00 00 00 64 00 00 00 00");
    assert_string_equal(bench_ask(bench, "CB 01 0D 00 06"),
                        "EB 81 04 00 0D 02 17 03 01 80 " AT " 02 07 " AT " 03 02 " AT);
    bench_send(bench, "CB 00");
    assert_string_equal(bench_ask(bench, "CC 01 2B 00 06"),
                        "EC 81 00 00 2B 04 17 01 01 00 FE FF " AT
                        " 2B 07 17 01 02 00 00 00 C0 3F " AT " 2B 03 17 01 01 00 FF FF FF FF " AT
                        " 2B 08 17 01 03 00 00 00 00 00 00 00 F8 3F " AT);
    bench_pass(bench, 5000);
    /* In another variation; never as class 0. */
    assert_string_equal(bench_ask(bench, "CD 01 2B 01 07 01"),
                        "ED 81 04 00 2B 01 17 01 01 00 FE FF FF FF");
    assert_string_equal(bench_ask(bench, "CE 01 0C 00 06 29 00 06"), "CE 81 04 02");
    assert_null(strstr(bench_ask(bench, "CF 01 3C 01 06"), " 0D "));
    bench_free(bench);
}

static void a_pattern_reports_each_of_its_points(void **state)
{
    (void)state;
    struct bench *bench = reporting();
    bench_ask(bench, "C1 16 3C 02 06 0C 00 06");
    bench_ask(bench, "C2 05 " PATTERN("00") " " MASK);
    assert_string_equal(bench_ask(bench, "C3 01 0D 01 06"), "E3 81 00 00 0D 01 17 02 00 80 02 80");
    bench_send(bench, "C3 00");
    bench->answer = DNP3_STATUS_LOCAL;
    bench_ask(bench, "C4 05 " PATTERN("00") " " MASK);
    assert_string_equal(bench_ask(bench, "C5 01 0D 01 06"), "E5 81 00 00 0D 01 17 02 00 87 02 87");
    bench_free(bench);
}

/* The commanded state: what the code turns to, a trip always off. */
static void codes_have_a_state(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        const char *event;
    } codes[] = {{"01", "80"}, {"02", "00"}, {"03", "80"}, {"04", "00"}, {"00", "00"},
                 {"41", "80"}, {"81", "00"}, {"43", "80"}, {"44", "80"}};
    struct bench *bench = reporting();
    bench_ask(bench, "C1 16 3C 02 06 0C 00 06");
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        char text[96];
        snprintf(text, sizeof text, "C2 06 0C 01 17 01 00 %s 01 00 00 00 00 00 00 00 00 00",
                 codes[i].code);
        bench_ask(bench, text);
        snprintf(text, sizeof text, "E3 81 00 00 0D 01 17 01 00 %s", codes[i].event);
        assert_string_equal(bench_ask(bench, "C3 01 0D 01 06"), text);
        bench_send(bench, "C3 00");
    }
    bench_free(bench);
}

/* The host tells of commands from elsewhere; a variation that is set up holds for all. */
static void the_host_reports_commands_too(void **state)
{
    (void)state;
    struct dnp3_outstation_config config = bench_config();
    config.database.count[DNP3_POINT_ANALOG_COMMAND_EVENT] = 2;
    config.database.setup[DNP3_POINT_ANALOG_COMMAND_EVENT].event_class = 1;
    struct bench *bench = bench_ready_of(&config);
    struct dnp3_point point = {.index = 1, .number = 1.5};
    assert_int_equal(dnp3_outstation_update(bench->outstation, DNP3_POINT_ANALOG_COMMAND_EVENT,
                                            &point, DNP3_EVENT_FORCE, bench->now),
                     1);
    assert_string_equal(bench_ask(bench, "C1 01 3C 02 06"),
                        "E1 81 00 00 2B 08 17 01 01 00 00 00 00 00 00 00 F8 3F 00 00 00 00 00 00");
    bench_free(bench);
    config.database.setup[DNP3_POINT_ANALOG_COMMAND_EVENT].event_variation = 2;
    bench = bench_ready_of(&config);
    bench_ask(bench, "C1 05 29 01 17 01 01 FF FF FF FF 00");
    assert_string_equal(bench_ask(bench, "C2 01 3C 02 06"), "E2 81 00 00 2B 02 17 01 01 00 FF FF");
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_operates_its_points),
        cmocka_unit_test(a_pattern_operates_all_or_none),
        cmocka_unit_test(a_pattern_is_two_objects),
        cmocka_unit_test(commands_become_events),
        cmocka_unit_test(a_pattern_reports_each_of_its_points),
        cmocka_unit_test(codes_have_a_state),
        cmocka_unit_test(the_host_reports_commands_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
