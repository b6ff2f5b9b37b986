/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/base/number.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_text(const char *text, size_t length, const char *expected)
{
    char copy[GW_NUMBER_MAX + 1] = {0};
    memcpy(copy, text, length);
    assert_string_equal(copy, expected);
}

static void test_integers(void **state)
{
    (void)state;
    char text[GW_NUMBER_MAX];
    assert_text(text, gw_number_unsigned(text, 0), "0");
    assert_text(text, gw_number_unsigned(text, 4294967295u), "4294967295");
    assert_text(text, gw_number_unsigned(text, UINT64_MAX), "18446744073709551615");
    assert_text(text, gw_number_integer(text, -1), "-1");
    assert_text(text, gw_number_integer(text, INT64_MAX), "9223372036854775807");
    assert_text(text, gw_number_integer(text, INT64_MIN), "-9223372036854775808");
}

static void test_fixed(void **state)
{
    (void)state;
    static const struct {
        double value;
        unsigned decimals;
        const char *text;
    } cases[] = {
        {124.7, 1, "124.7"},
        {1247 * 0.1, 1, "124.7"},
        {124.7, 2, "124.70"},
        {5, 0, "5.0"},
        {5.5, 0, "6.0"},
        {-5.5, 0, "-6.0"},
        {0, 3, "0.000"},
        {-0.04, 1, "0.0"},
        {-0.05, 1, "-0.1"},
        {0.05, 2, "0.05"},
        {0.999, 2, "1.00"},
        {-2147483648.0, 1, "-2147483648.0"},
        {123456.789012345, 9, "123456.789012345"},
        {9e15, 3, "9000000000000000.0"},
        {1e300, 2, "1.0e+300"},
        {1e-300, 2, "0.00"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[GW_NUMBER_MAX];
        assert_text(text, gw_number_fixed(text, cases[i].value, cases[i].decimals), cases[i].text);
    }
}

static void test_shortest(void **state)
{
    (void)state;
    static const struct {
        double value;
        bool single;
        const char *plain;
        const char *pointed;
    } cases[] = {
        {0, false, "0", "0.0"},
        {-0.0, true, "0", "0.0"},
        {5, true, "5", "5.0"},
        {-5, false, "-5", "-5.0"},
        {(double)124.7f, true, "124.7", "124.7"},
        {124.7, false, "124.7", "124.7"},
        {0.1 + 0.2, false, "0.30000000000000004", "0.30000000000000004"},
        {4294967295.0, false, "4294967295", "4294967295.0"},
        {9007199254740991.0, false, "9007199254740991", "9007199254740991.0"},
        {9007199254740992.0, false, "9007199254740992", "9007199254740992.0"},
        {1e22, false, "1e+22", "1.0e+22"},
        {1.5e-12, false, "1.5e-12", "1.5e-12"},
        {1e-12, false, "1e-12", "1.0e-12"},
        {(double)3.4028235e38f, true, "3.40282e+38", "3.40282e+38"},
        {1e300, true, "1e+300", "1.0e+300"},
        {(double)16777216.0f, true, "16777216", "16777216.0"},
        {(double)0.001f, true, "0.001", "0.001"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[GW_NUMBER_MAX];
        if (cases[i].value == (double)3.4028235e38f) { /* any text that reads back */
            char copy[GW_NUMBER_MAX + 1] = {0};
            memcpy(copy, text, gw_number_shortest(text, cases[i].value, true));
            assert_true(strtof(copy, NULL) == 3.4028235e38f);
            continue;
        }
        assert_text(text, gw_number_shortest(text, cases[i].value, cases[i].single),
                    cases[i].plain);
        assert_text(text, gw_number_shortest_point(text, cases[i].value, cases[i].single),
                    cases[i].pointed);
    }
}

static void test_what_is_no_number_has_no_text(void **state)
{
    (void)state;
    char text[GW_NUMBER_MAX];
    const double none[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(gw_number_fixed(text, none[i], 2), 0);
        assert_int_equal(gw_number_shortest(text, none[i], i == 0), 0);
        assert_int_equal(gw_number_shortest_point(text, none[i], i != 0), 0);
    }
}

static uint64_t draw(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 11 ^ *seed << 31;
}

static void test_every_bit_pattern_reads_back(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = draw(&seed);
        uint32_t half = (uint32_t)(bits >> 16);
        double number;
        float single;
        memcpy(&number, &bits, sizeof number);
        memcpy(&single, &half, sizeof single);
        if (i % 2) { /* the magnitudes of the field */
            number = (double)(int64_t)(bits % 2000000) / 1000 - 1000;
            single = (float)number;
        }
        char text[GW_NUMBER_MAX + 1] = {0};
        if (isfinite(number)) {
            text[gw_number_shortest(text, number, false)] = 0;
            assert_true(strtod(text, NULL) == number);
        }
        if (isfinite(single)) {
            size_t length = gw_number_shortest_point(text, (double)single, true);
            text[length] = 0;
            assert_true(strtof(text, NULL) == single);
            assert_non_null(strchr(text, '.'));
            char printed[GW_NUMBER_MAX];
            int digits = 0;
            do
                snprintf(printed, sizeof printed, "%.*g", ++digits, (double)single);
            while (strtof(printed, NULL) != single);
            if (!strchr(text, 'e') && fabsf(single) > 1 && !strchr(printed, 'e'))
                assert_true(length <= strlen(printed) + 2);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_fixed),
        cmocka_unit_test(test_shortest),
        cmocka_unit_test(test_what_is_no_number_has_no_text),
        cmocka_unit_test(test_every_bit_pattern_reads_back),
    };
    return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
