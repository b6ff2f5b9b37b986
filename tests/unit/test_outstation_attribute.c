/* SPDX-License-Identifier: Apache-2.0 */
/* Device attributes: READ of one, of all, of the list; sets; what does not fit; WRITE. Vectors are
 * written by hand from the standard. */
#include "tests/lib/outstation_bench.h"

enum { VISIBLE = DNP3_ATTRIBUTE_TYPE_VISIBLE_STRING, UNSIGNED = DNP3_ATTRIBUTE_TYPE_UNSIGNED };

#define TEXT(text) .type = VISIBLE, .length = sizeof(text) - 1, .octets = (const uint8_t *)(text)

static const struct dnp3_outstation_attribute attributes[] = {
    {{.variation = 245, TEXT("WEST")}, true},
    {{.variation = 246, .type = UNSIGNED, .natural = 300}, false},
    {{.variation = 252, TEXT("ACME")}, false},
    {{.set = 2, .variation = 1, TEXT("x")}, false},
    {{.set = 2, .variation = 252, .type = UNSIGNED, .natural = 7}, true},
    {{.set = 300, .variation = 9, .type = UNSIGNED, .natural = 1}, false},
};

#define WEST     "00 F5 00 00 00 01 04 57 45 53 54"
#define ID       "00 F6 00 00 00 02 02 2C 01"
#define ACME     "00 FC 00 00 00 01 04 41 43 4D 45"
#define USER_1   "00 01 00 02 02 01 01 78"
#define USER_252 "00 FC 00 02 02 02 01 07"
#define WIDE     "00 09 01 2C 01 2C 01 02 01 01"

static struct dnp3_outstation_config config_of(const struct dnp3_outstation_attribute *rows,
                                               size_t count)
{
    struct dnp3_outstation_config config = bench_config();
    config.attributes = rows;
    config.attribute_count = (uint16_t)count;
    return config;
}

static struct bench *ready(void)
{
    struct dnp3_outstation_config config =
        config_of(attributes, sizeof attributes / sizeof attributes[0]);
    return bench_ready_of(&config);
}

static void reads_one(void **state)
{
    (void)state;
    struct bench *bench = ready();
    assert_string_equal(bench_ask(bench, "C1 01 00 FC 00 00 00"), "C1 81 00 00 " ACME);
    assert_string_equal(bench_ask(bench, "C2 01 00 F6 00 00 00 00 F5 00 00 00"),
                        "C2 81 00 00 " ID " " WEST);
    /* Of another set, of several sets, of all sets. */
    assert_string_equal(bench_ask(bench, "C3 01 00 FC 00 02 02"), "C3 81 00 00 " USER_252);
    assert_string_equal(bench_ask(bench, "C4 01 00 FC 00 00 05"), "C4 81 00 00 " ACME " " USER_252);
    assert_string_equal(bench_ask(bench, "C5 01 00 FC 06"), "C5 81 00 00 " ACME " " USER_252);
    assert_string_equal(bench_ask(bench, "C6 01 00 09 01 00 01 00 02"), "C6 81 00 00 " WIDE);
    /* The sets one by one, and the first two. */
    assert_string_equal(bench_ask(bench, "C7 01 00 FC 17 02 02 00"),
                        "C7 81 00 00 " USER_252 " " ACME);
    assert_string_equal(bench_ask(bench, "C8 01 00 FC 07 02"), "C8 81 00 00 " ACME);
    bench_free(bench);
}

static void reads_all_and_the_list(void **state)
{
    (void)state;
    struct bench *bench = ready();
    assert_string_equal(bench_ask(bench, "C1 01 00 FE 00 00 00"),
                        "C1 81 00 00 " WEST " " ID " " ACME);
    assert_string_equal(bench_ask(bench, "C2 01 00 FE 06"),
                        "C2 81 00 00 " WEST " " ID " " ACME " " USER_1 " " USER_252 " " WIDE);
    assert_string_equal(bench_ask(bench, "C3 01 00 FF 00 00 00"),
                        "C3 81 00 00 00 FF 00 00 00 FE 06 F5 01 F6 00 FC 00");
    assert_string_equal(bench_ask(bench, "C4 01 00 FF 06"),
                        "C4 81 00 00 00 FF 00 00 00 FE 06 F5 01 F6 00 FC 00"
                        " 00 FF 00 02 02 FE 04 01 00 FC 01"
                        " 00 FF 01 2C 01 2C 01 FE 02 09 00");
    bench_free(bench);
}

static void says_what_there_is_not(void **state)
{
    (void)state;
    struct bench *bench = ready();
    assert_string_equal(bench_ask(bench, "C1 01 00 FB 00 00 00"), "C1 81 00 02");
    assert_string_equal(bench_ask(bench, "C2 01 00 F5 00 01 01"), "C2 81 00 02");
    assert_string_equal(bench_ask(bench, "C3 01 00 FE 00 01 01"), "C3 81 00 02");
    assert_string_equal(bench_ask(bench, "C4 01 00 00 00 00 00"), "C4 81 00 02");
    assert_string_equal(bench_ask(bench, "C5 01 00 F5 07 00"), "C5 81 00 04");
    assert_string_equal(bench_ask(bench, "C6 01 00 F5 17 02 00"), "C6 81 00 04 " WEST);
    assert_string_equal(bench_ask(bench, "C7 01 00 F5 5B 01 00 00"), "C7 81 00 04");
    bench_free(bench);
    bench = bench_start();
    assert_string_equal(bench_ask(bench, "C1 01 00 FE 00 00 00"), "C1 81 80 02");
    bench_free(bench);
}

static uint8_t long_text[255];

/* Several fragments, and attributes that fit into none. */
static void fits_them_into_fragments(void **state)
{
    (void)state;
    struct dnp3_outstation_attribute rows[253] = {0};
    for (unsigned i = 0; i < 253; i++) {
        rows[i].value = (struct dnp3_attribute){.variation = (uint8_t)(i + 1), .type = UNSIGNED};
        rows[i].value.natural = i;
    }
    rows[2].value = (struct dnp3_attribute){
        .variation = 3, .type = VISIBLE, .length = sizeof long_text, .octets = long_text};
    rows[3].value.type = DNP3_ATTRIBUTE_TYPE_TIME; /* no time has this many bits */
    rows[3].value.time_ms = INT64_C(1) << 50;
    struct dnp3_outstation_config config = config_of(rows, 253);
    config.max_tx_fragment = 249;
    struct bench *bench = bench_of(&config);
    char confirm[] = "C1 00";
    const char *text = bench_ask(bench, "C1 01 00 FE 00 00 00");
    assert_string_equal(text, "A1 81 80 00 00 01 00 00 00 02 01 00 00 02 00 00 00 02 01 01");
    unsigned fragments = 1;
    size_t octets = strlen(text) / 3;
    while (!(text[0] & 4)) { /* until FIN is set */
        assert_in_range(strlen(text), 1, 249 * 3);
        confirm[1] = text[1];
        text = bench_ask(bench, confirm);
        assert_memory_equal(text + 6, "80 04", 5);
        octets += (strlen(text) - 11) / 3;
        fragments++;
    }
    assert_int_equal(fragments, 10);
    assert_int_equal(octets, 3 + (253 - 2) * 8);
    /* The list takes 513 octets and 5 more. */
    assert_string_equal(bench_ask(bench, "CE 01 00 FF 00 00 00"), "CE 81 80 04");
    bench_free(bench);
    config.max_tx_fragment = 2048;
    bench = bench_of(&config);
    text = bench_ask(bench, "C1 01 00 FF 00 00 00");
    static const char list[] = "C1 81 80 00 00 FF 00 00 00 FF FA 01 00 02 00 03 00";
    assert_int_equal(strncmp(text, list, sizeof list - 1), 0);
    assert_int_equal(strlen(text) / 3 + 1, 4 + 5 + 2 + 2 * 253);
    bench_free(bench);
}

static void writes_what_the_host_allows(void **state)
{
    (void)state;
    struct bench *bench = ready();
    assert_string_equal(bench_ask(bench, "C1 02 00 F5 00 00 00 01 02 41 42"), "C1 81 00 00");
    assert_int_equal(bench->attribute.variation, 245);
    assert_int_equal(bench->attribute.length, 2);
    assert_string_equal(bench_ask(bench, "C2 02 00 FC 17 01 02 02 01 09"), "C2 81 00 00");
    assert_int_equal(bench->attribute.set, 2);
    assert_int_equal(bench->attribute.natural, 9);
    bench->attribute.variation = 0;
    /* Not writable; of another type; not there; refused by the host; no number of 0 octets; cut. */
    assert_string_equal(bench_ask(bench, "C3 02 00 FC 00 00 00 01 01 41"), "C3 81 00 04");
    assert_string_equal(bench_ask(bench, "C4 02 00 F5 00 00 00 02 01 41"), "C4 81 00 04");
    assert_string_equal(bench_ask(bench, "C5 02 00 F7 00 00 00 01 01 41"), "C5 81 00 02");
    assert_string_equal(bench_ask(bench, "C7 02 00 F5 00 00 00 02 00"), "C7 81 00 04");
    assert_string_equal(bench_ask(bench, "C8 02 00 F5 00 00 00 01 04 41"), "C8 81 00 04");
    assert_string_equal(bench_ask(bench, "C9 02 00 F5 06"), "C9 81 00 04");
    assert_int_equal(bench->attribute.variation, 0);
    bench->refuses_attributes = true;
    assert_string_equal(bench_ask(bench, "CA 02 00 F5 00 00 00 01 01 41"), "CA 81 00 04");
    assert_int_equal(bench->attribute.variation, 245);
    bench_free(bench);
}

static void refuses_a_table_out_of_order(void **state)
{
    (void)state;
    static const struct dnp3_outstation_attribute bad[][2] = {
        {{{.variation = 2}, false}, {{.variation = 1}, false}},
        {{{.variation = 2}, false}, {{.variation = 2}, false}},
        {{{.set = 1, .variation = 1}, false}, {{.variation = 2}, false}},
        {{{.variation = 0}, false}, {{.variation = 2}, false}},
        {{{.variation = 2}, false}, {{.variation = 254}, false}},
    };
    struct dnp3_pool *pool = dnp3_pool_create(&heap, 1);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct dnp3_outstation_config config = config_of(bad[i], 2);
        assert_null(dnp3_outstation_create(&heap, pool, &config, NULL, NULL));
    }
    dnp3_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_one),
        cmocka_unit_test(reads_all_and_the_list),
        cmocka_unit_test(says_what_there_is_not),
        cmocka_unit_test(fits_them_into_fragments),
        cmocka_unit_test(writes_what_the_host_allows),
        cmocka_unit_test(refuses_a_table_out_of_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
