/* SPDX-License-Identifier: Apache-2.0 */
/* Every static variation under every qualifier that a READ may have, what is recognised and not
 * answered, and objects of one kind each: 80v1, 102v1, written octet strings, lists of indexes in
 * freezes and ASSIGN_CLASS. */
#include "tests/lib/outstation_bench.h"

enum { POINTS = 5 };

static struct dnp3_outstation_config config_of_all(void)
{
    struct dnp3_outstation_config config = bench_config();
    for (unsigned type = 0; type < DNP3_DATABASE_TYPES; type++)
        config.database.count[type] = POINTS;
    return config;
}

static struct bench *ready(void)
{
    struct dnp3_outstation_config config = config_of_all();
    struct bench *bench = bench_ready_of(&config);
    for (unsigned type = 0; type < DNP3_DATABASE_TYPES; type++)
        for (uint32_t index = 0; index < POINTS; index++) {
            struct dnp3_point point = {.index = index, .flags = DNP3_FLAG_ONLINE, .number = 1};
            if (type == DNP3_POINT_OCTET_STRING) {
                point.length = 3;
                point.octets = (const uint8_t *)"abc";
            }
            dnp3_outstation_update(bench->outstation, (enum dnp3_point_type)type, &point,
                                   DNP3_EVENT_SUPPRESS, bench->now);
        }
    return bench;
}

/* The points 1 to 3, or 0 to 2 where only a number is given. */
static const struct {
    const char *text;
    unsigned first;
    unsigned last;
} ranges[] = {
    {"00 01 03", 1, 3},
    {"01 01 00 03 00", 1, 3},
    {"02 01 00 00 00 03 00 00 00", 1, 3},
    {"06", 0, POINTS - 1},
    {"07 03", 0, 2},
    {"08 03 00", 0, 2},
    {"09 03 00 00 00", 0, 2},
    {"17 03 01 02 03", 1, 3},
    {"28 03 00 01 00 02 00 03 00", 1, 3},
    {"39 03 00 00 00 01 00 00 00 02 00 00 00 03 00 00 00", 1, 3},
};

/* Whether the outstation answers a READ of a row with objects of that row. */
static bool is_answered(const struct dnp3_object_row *row)
{
    bool other_time = row->group == 50 && row->variation != 4; /* the clock; written; of a freeze */
    return row->kind == DNP3_KIND_STATIC && row->encoding != DNP3_ENCODING_NONE && !row->delta &&
           !other_time && row->type != DNP3_POINT_INDICATION && row->group != 110;
}

static void every_static_variation_under_every_qualifier(void **state)
{
    (void)state;
    struct bench *bench = ready();
    size_t count;
    size_t answered = 0;
    const struct dnp3_object_row *rows = dnp3_object_rows(&count);
    for (size_t i = 0; i < count; i++) {
        if (!is_answered(&rows[i]))
            continue;
        answered++;
        for (size_t at = 0; at < sizeof ranges / sizeof ranges[0]; at++) {
            char text[128];
            snprintf(text, sizeof text, "C1 01 %02X %02X %s", rows[i].group, rows[i].variation,
                     ranges[at].text);
            const char *answer = bench_ask(bench, text);
            snprintf(text, sizeof text, "C1 81 00 00 %02X %02X 00 %02X %02X", rows[i].group,
                     rows[i].variation, ranges[at].first, ranges[at].last);
            assert_int_equal(strncmp(answer, text, strlen(text)), 0);
            /* And nothing else: the octets are those of the points. */
            size_t points = ranges[at].last - ranges[at].first + 1;
            size_t octets = rows[i].size                             ? points * rows[i].size
                            : rows[i].encoding == DNP3_ENCODING_BIT2 ? (points + 3) / 4
                                                                     : 1;
            assert_int_equal((strlen(answer) + 1) / 3, 4 + 5 + octets);
        }
    }
    assert_int_equal(answered, 2 + 2 + 2 + 4 + 6 + 6 + 8 + 3 + 4 + 1 + 1);
    for (size_t at = 0; at < sizeof ranges / sizeof ranges[0]; at++) {
        char text[128];
        snprintf(text, sizeof text, "C2 01 6E 00 %s", ranges[at].text);
        const char *answer = bench_ask(bench, text);
        snprintf(text, sizeof text, "C2 81 00 00 6E 03 00 %02X %02X 61 62 63", ranges[at].first,
                 ranges[at].last);
        assert_int_equal(strncmp(answer, text, strlen(text)), 0);
    }
    bench_free(bench);
}

/* What is neither answered nor an error of ours: delta counters (annex A, group 20), commands,
 * events in lists.
 */
static void what_cannot_be_read_is_said(void **state)
{
    (void)state;
    struct bench *bench = ready();
    size_t count;
    const struct dnp3_object_row *rows = dnp3_object_rows(&count);
    char text[64];
    for (size_t i = 0; i < count; i++) {
        bool event = rows[i].kind == DNP3_KIND_EVENT && !rows[i].delta;
        if (!event && !rows[i].delta && rows[i].kind != DNP3_KIND_COMMAND &&
            rows[i].kind != DNP3_KIND_PATTERN && rows[i].kind != DNP3_KIND_CTO &&
            rows[i].kind != DNP3_KIND_DELAY)
            continue;
        snprintf(text, sizeof text, "C1 01 %02X %02X 06", rows[i].group, rows[i].variation);
        assert_string_equal(bench_ask(bench, text), event ? "C1 81 00 00" : "C1 81 00 02");
        /* A list is passed over: what comes after it is read. */
        snprintf(text, sizeof text, "C2 01 %02X %02X 17 02 00 01 66 01 00 00 00", rows[i].group,
                 rows[i].variation);
        assert_string_equal(bench_ask(bench, text), event ? "C2 81 00 04 66 01 00 00 00 01"
                                                          : "C2 81 00 02 66 01 00 00 00 01");
    }
    assert_string_equal(bench_ask(bench, "C3 01 65 01 06"), "C3 81 00 02"); /* 101: by name only */
    assert_string_equal(bench_ask(bench, "C4 01 32 02 06"), "C4 81 00 02");
    assert_string_equal(bench_ask(bench, "C5 01 32 03 17 01 00"), "C5 81 00 02");
    assert_string_equal(bench_ask(bench, "C6 01 3C 00 06"), "C6 81 00 02");
    assert_string_equal(bench_ask(bench, "C7 01 3C 01 17 01 00"), "C7 81 00 04");
    /* A size prefix names no point; the object under it is passed over. */
    assert_string_equal(bench_ask(bench, "C8 01 1E 01 5B 01 02 00 00 00 66 01 00 00 00"),
                        "C8 81 00 04 66 01 00 00 00 01");
    /* Lists that end early, and indexes that are not there. */
    assert_string_equal(bench_ask(bench, "C9 01 66 01 17 03 00 09"),
                        "C9 81 00 04 66 01 00 00 00 01");
    assert_string_equal(bench_ask(bench, "CA 01 66 01 02 00 00 00 00 FF FF FF FF"),
                        "CA 81 00 04 66 01 00 00 04 01 01 01 01 01");
    assert_string_equal(bench_ask(bench, "CB 01 66 01 07 00"), "CB 81 00 04");
    bench_free(bench);
}

static void reads_the_indications(void **state)
{
    (void)state;
    struct bench *bench = ready();
    assert_string_equal(bench_ask(bench, "C1 01 50 01 06"), "C1 81 00 00 50 01 00 00 0F 00 00");
    dnp3_outstation_restart(bench->outstation, bench->now);
    dnp3_outstation_indicate(bench->outstation, DNP3_IIN_DEVICE_TROUBLE, DNP3_IIN_DEVICE_TROUBLE);
    assert_string_equal(bench_ask(bench, "C2 01 50 01 00 00 0F"),
                        "C2 81 C0 00 50 01 00 00 0F C0 00");
    assert_string_equal(bench_ask(bench, "C3 01 50 01 00 07 07"), "C3 81 C0 00 50 01 00 07 07 01");
    assert_string_equal(bench_ask(bench, "C4 01 50 01 17 02 06 08"),
                        "C4 81 C0 00 50 01 00 06 06 01 50 01 00 08 08 00");
    /* The bits of this answer: PARAMETER_ERROR is index 10. */
    assert_string_equal(bench_ask(bench, "C5 01 50 01 00 08 10"), "C5 81 C0 04 50 01 00 08 0F 04");
    assert_string_equal(bench_ask(bench, "C6 01 50 02 06"), "C6 81 C0 02");
    bench_free(bench);
}

static void writes_octet_strings(void **state)
{
    (void)state;
    struct bench *bench = ready();
    bench_ask(bench, "C0 16 3C 02 06 6E 00 06");
    assert_string_equal(bench_ask(bench, "C1 02 6E 02 17 01 01 68 69"), "C1 81 02 00");
    assert_string_equal(bench_ask(bench, "C2 02 6E 01 00 02 03 41 42"), "C2 81 02 00");
    assert_int_equal(bench->strings, 3);
    assert_string_equal(bench_ask(bench, "C3 01 6E 00 00 01 03 6F 00 06"),
                        "E3 81 00 00 6F 02 17 01 01 68 69 6F 01 17 02 02 41 03 42"
                        " 6E 02 00 01 01 68 69 6E 01 00 02 03 41 42");
    bench_send(bench, "C3 00");
    /* What is there already is no event. */
    bench_ask(bench, "C4 02 6E 01 17 01 02 41");
    assert_string_equal(bench_ask(bench, "C5 01 6F 00 06"), "C5 81 00 00");
    unsigned asked = bench->strings;
    /* No such index; no octets; too many; cut; no index at all; a size. */
    assert_string_equal(bench_ask(bench, "C6 02 6E 01 17 01 09 41"), "C6 81 00 04");
    assert_string_equal(bench_ask(bench, "C7 02 6E 00 17 01 01"), "C7 81 00 04");
    assert_string_equal(bench_ask(bench, "C8 02 6E 00 00 00 04"), "C8 81 00 04");
    assert_string_equal(
        bench_ask(bench, "C9 02 6E 21 17 01 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
                         "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"),
        "C9 81 00 04");
    assert_string_equal(bench_ask(bench, "CA 02 6E 03 17 01 01 41"), "CA 81 00 04");
    assert_string_equal(bench_ask(bench, "CB 02 6E 03 06"), "CB 81 00 04");
    assert_string_equal(bench_ask(bench, "CC 02 6E 01 5B 01 01 00 41"), "CC 81 00 02");
    assert_int_equal(bench->strings, asked);
    bench->refuses_strings = true;
    assert_string_equal(bench_ask(bench, "CD 02 6E 01 17 01 00 41"), "CD 81 00 04");
    bench_free(bench);
    struct dnp3_outstation_config config = config_of_all();
    static const struct dnp3_outstation_callbacks none;
    bench = bench_with(&config, &none);
    assert_string_equal(bench_ask(bench, "C1 02 6E 01 17 01 00 41"), "C1 81 80 02");
    bench_free(bench);
}

static void unsigned_integers_saturate(void **state)
{
    (void)state;
    struct bench *bench = ready();
    bench_update(bench, DNP3_POINT_UNSIGNED_INTEGER, 3, 300);
    assert_string_equal(bench_ask(bench, "C1 01 66 00 00 02 03"),
                        "C1 81 00 00 66 01 00 02 03 01 FF");
    /* Virtual addresses (03) are indexes here. */
    assert_string_equal(bench_ask(bench, "C2 01 66 01 03 02 03"),
                        "C2 81 00 00 66 01 00 02 03 01 FF");
    assert_non_null(strstr(bench_ask(bench, "C3 01 3C 01 06"), " 66 01 00 00 04 01 01 01 FF 01"));
    bench_free(bench);
}

static void lists_freeze_and_assign(void **state)
{
    (void)state;
    struct bench *bench = ready();
    bench_update(bench, DNP3_POINT_COUNTER, 1, 71);
    bench_update(bench, DNP3_POINT_COUNTER, 3, 73);
    bench_ask(bench, "C1 01 3C 04 06");
    bench_send(bench, "C1 00");
    assert_string_equal(bench_ask(bench, "C2 07 14 00 17 02 01 03"), "C2 81 00 00");
    assert_string_equal(bench_ask(bench, "C3 01 15 0A 00 00 03"),
                        "C3 81 00 00 15 0A 00 00 03 01 00 47 00 01 00 49 00");
    /* An index that is not there; a list of what cannot be frozen; a size. */
    assert_string_equal(bench_ask(bench, "C4 07 14 00 28 02 00 09 00 00 00"), "C4 81 00 04");
    assert_string_equal(bench_ask(bench, "C5 07 01 00 17 02 00 01 14 00 17 01 04"), "C5 81 00 02");
    assert_string_equal(bench_ask(bench, "C6 07 14 00 5B 01 00 00"), "C6 81 00 04");
    assert_string_equal(bench_ask(bench, "C7 07 14 00 17 02 00"), "C7 81 00 04");
    /* At once, again and again: an order for each index. */
    assert_string_equal(bench_ask(bench, "C8 0B 32 02 07 01 00 00 00 00 00 00 E8 03 00 00 "
                                         "14 00 17 02 00 02"),
                        "C8 81 00 00");
    bench_update(bench, DNP3_POINT_COUNTER, 2, 99);
    bench_pass(bench, 1000);
    assert_string_equal(bench_ask(bench, "C9 01 15 0A 17 01 02"),
                        "C9 81 08 00 15 0A 00 02 02 63 00");
    assert_string_equal(bench_ask(bench, "CA 16 3C 02 06 14 00 17 02 00 04 01 00 28 01 00 01 00"),
                        "CA 81 08 00");
    const struct dnp3_database *database = dnp3_outstation_database(bench->outstation);
    assert_int_equal(dnp3_database_setup(database, DNP3_POINT_COUNTER, 4)->event_class, 1);
    assert_int_equal(dnp3_database_setup(database, DNP3_POINT_COUNTER, 3)->event_class, 3);
    assert_string_equal(bench_ask(bench, "CB 16 14 00 17 01 00 3C 01 06 14 00 17 01 09 02 00 17 01 "
                                         "00 14 00 17 01 04"),
                        "CB 81 08 06");
    assert_int_equal(dnp3_database_setup(database, DNP3_POINT_COUNTER, 4)->event_class, 0);
    assert_string_equal(bench_ask(bench, "CC 16 3C 02 06 14 00 5B 01 00 00"), "CC 81 08 04");
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_static_variation_under_every_qualifier),
        cmocka_unit_test(what_cannot_be_read_is_said),
        cmocka_unit_test(reads_the_indications),
        cmocka_unit_test(writes_octet_strings),
        cmocka_unit_test(unsigned_integers_saturate),
        cmocka_unit_test(lists_freeze_and_assign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
