/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "dnp3/error.h"
#include "gateway/base/template.h"

static const char *const names[] = {"prefix", "outstation", "site", "zone"};
enum { NAMES = 4 };

static void check(const char *text, const char *site, const char *zone, const char *expected)
{
    const char *values[NAMES] = {"dnp3/north", "rtu-2", site, zone};
    struct gw_template_error error;
    char buffer[GW_TOPIC_MAX];
    struct gw_template *template =
        gw_template_compile(GW_OWNER_CONFIG, text, names, NAMES, true, &error);
    assert_non_null(template);
    uint64_t calls = gw_memory_calls();
    int length = gw_template_expand(template, values, buffer, sizeof buffer);
    assert_true(gw_memory_calls() == calls);
    assert_string_equal(buffer, expected);
    assert_int_equal(length, strlen(expected));
    gw_template_free(template);
}

static void test_expand(void **state)
{
    (void)state;
    check("", NULL, NULL, "");
    check("plain", NULL, NULL, "plain");
    check("{prefix}/{outstation}/status", NULL, NULL, "dnp3/north/rtu-2/status");
    check("{prefix}[/{site}]/x", "hill", NULL, "dnp3/north/hill/x");
    check("{prefix}[/{site}]/x", "", NULL, "dnp3/north/x");
    check("{prefix}[/{site}]/x", NULL, NULL, "dnp3/north/x");
    check("[{site}-{zone}/]x", "a", "b", "a-b/x");
    check("[{site}-{zone}/]x", "a", "", "x");
    check("[{site}/][{zone}/]x", NULL, "b", "b/x");
}

static void test_brackets_as_text(void **state)
{
    (void)state;
    struct gw_template_error error;
    const char *values[NAMES] = {"p"};
    char buffer[32];
    struct gw_template *template =
        gw_template_compile(GW_OWNER_CONFIG, "Current [A] {prefix}", names, NAMES, false, &error);
    assert_non_null(template);
    assert_int_equal(gw_template_expand(template, values, buffer, sizeof buffer), 13);
    assert_string_equal(buffer, "Current [A] p");
    assert_int_equal(gw_template_expand(template, values, buffer, 13), DNP3_ERR_FULL);
    assert_int_equal(gw_template_expand(template, values, buffer, 14), 13);
    assert_int_equal(gw_template_expand(template, values, buffer, 0), DNP3_ERR_FULL);
    gw_template_free(template);
    gw_template_free(NULL);
}

static void test_uses(void **state)
{
    (void)state;
    struct gw_template_error error;
    struct gw_template *template =
        gw_template_compile(GW_OWNER_CONFIG, "{prefix}[/{site}]", names, NAMES, true, &error);
    assert_non_null(template);
    assert_true(gw_template_uses(template, 0) && gw_template_requires(template, 0));
    assert_true(gw_template_uses(template, 2) && !gw_template_requires(template, 2));
    assert_false(gw_template_uses(template, 1));
    gw_template_free(template);
}

static void refuse(const char *text, size_t offset, const char *message)
{
    struct gw_template_error error = {.message = ""};
    assert_null(gw_template_compile(GW_OWNER_CONFIG, text, names, NAMES, true, &error));
    assert_string_equal(error.message, message);
    assert_int_equal(error.offset, offset);
}

static void test_errors(void **state)
{
    (void)state;
    refuse("a/{sit}", 2,
           "unknown placeholder {sit}; there is {prefix}, {outstation}, {site}, {zone}");
    refuse("a/{}", 2, "unknown placeholder {}; there is {prefix}, {outstation}, {site}, {zone}");
    refuse("a/{site/b", 2, "this { has no }");
    refuse("a}", 1, "this } has no {");
    refuse("a]", 1, "this ] has no [");
    refuse("ab[{site}", 2, "this [ has no ]");
    refuse("[{site}[{zone}]]", 7, "brackets do not nest");
    refuse("x[y]", 1, "no placeholder in these brackets could be empty");
    char longest[GW_TOPIC_MAX + 1];
    memset(longest, 'a', sizeof longest);
    longest[GW_TOPIC_MAX] = '\0';
    refuse(longest, 0, "longer than 1023 characters");
    char many[(GW_TEMPLATE_PARTS + 1) * 6 + 1] = "";
    for (size_t i = 0; i <= GW_TEMPLATE_PARTS; i++)
        memcpy(many + i * 6, "{site}", 7);
    refuse(many, GW_TEMPLATE_PARTS * 6, "too many placeholders");
}

static void test_topic_problem(void **state)
{
    (void)state;
    assert_null(gw_topic_problem("a/b c/\xc3\xa9"));
    assert_non_null(gw_topic_problem(""));
    assert_non_null(gw_topic_problem("/a"));
    assert_non_null(gw_topic_problem("a/"));
    assert_non_null(gw_topic_problem("a//b"));
    assert_non_null(gw_topic_problem("a/+"));
    assert_non_null(gw_topic_problem("a/b#"));
    assert_non_null(gw_topic_problem("$SYS/x"));
    assert_non_null(gw_topic_problem("a\tb"));
}

static void test_name_problem(void **state)
{
    (void)state;
    assert_null(gw_name_problem("current-a_1", false));
    assert_null(gw_name_problem("4x", false));
    assert_null(gw_name_problem("a/b-c", true));
    assert_non_null(gw_name_problem("a/b", false));
    assert_non_null(gw_name_problem("", true));
    assert_non_null(gw_name_problem("a/", true));
    assert_non_null(gw_name_problem("/a", true));
    assert_non_null(gw_name_problem("a/-b", true));
    assert_non_null(gw_name_problem("_a", false));
    assert_non_null(gw_name_problem("a b", false));
    assert_non_null(gw_name_problem("\xc3\xa9", false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expand),        cmocka_unit_test(test_brackets_as_text),
        cmocka_unit_test(test_uses),          cmocka_unit_test(test_errors),
        cmocka_unit_test(test_topic_problem), cmocka_unit_test(test_name_problem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
