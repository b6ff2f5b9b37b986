/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "gateway/json/json_locate.h"

static const char text[] =
    "\xef\xbb\xbf{ // a \"comment\" { with brackets\n"
    "  \"gateway\": \"north // no comment\",\n"
    "  \"points\": [\n"
    "    { \"name\": \"a\\\"b\" }, // one\n"
    "    // none\n"
    "    { \"name\": \"\xc3\xa9\", \"scale\": [0.1, -2e5, true], \"x\\u0041\": {} }\n"
    "  ]\n"
    "}\n";

static void find(const struct gw_json_path *path, enum gw_json_part part, unsigned line,
                 unsigned column, const char *found)
{
    struct gw_json_place place;
    assert_true(gw_json_locate(text, strlen(text), path, part, &place));
    assert_int_equal(place.length, strlen(found));
    assert_memory_equal(text + place.offset, found, place.length);
    assert_int_equal(place.line, line);
    assert_int_equal(place.column, column);
}

static void test_locate(void **state)
{
    (void)state;
    struct gw_json_path gateway = {.key = "gateway"};
    struct gw_json_path points = {.key = "points"};
    struct gw_json_path first = {.parent = &points, .index = 0};
    struct gw_json_path second = {.parent = &points, .index = 1};
    struct gw_json_path first_name = {.parent = &first, .key = "name"};
    struct gw_json_path name = {.parent = &second, .key = "name"};
    struct gw_json_path scale = {.parent = &second, .key = "scale"};
    struct gw_json_path third = {.parent = &scale, .index = 2};
    struct gw_json_path number = {.parent = &scale, .index = 1};
    struct gw_json_path escaped = {.parent = &second, .key = "xA"};
    struct gw_json_place place;
    find(&gateway, GW_JSON_VALUE, 2, 14, "\"north // no comment\"");
    find(&gateway, GW_JSON_KEY, 2, 3, "\"gateway\"");
    find(&first, GW_JSON_VALUE, 4, 5, "{ \"name\": \"a\\\"b\" }");
    find(&first_name, GW_JSON_VALUE, 4, 15, "\"a\\\"b\"");
    find(&name, GW_JSON_VALUE, 6, 15, "\"\xc3\xa9\"");
    find(&scale, GW_JSON_KEY, 6, 20, "\"scale\"");
    find(&number, GW_JSON_VALUE, 6, 35, "-2e5");
    find(&third, GW_JSON_VALUE, 6, 41, "true");
    find(&escaped, GW_JSON_VALUE, 6, 59, "{}");
    assert_true(gw_json_locate(text, strlen(text), NULL, GW_JSON_VALUE, &place));
    assert_int_equal(place.line, 1);
    assert_int_equal(place.column, 1);
}

static void test_missing(void **state)
{
    (void)state;
    struct gw_json_path missing = {.key = "nothing"};
    struct gw_json_path points = {.key = "points"};
    struct gw_json_path third = {.parent = &points, .index = 2};
    struct gw_json_path key_of_list = {.parent = &points, .key = "name"};
    struct gw_json_path in_scalar = {.parent = &(struct gw_json_path){.key = "gateway"},
                                     .index = 0};
    struct gw_json_place place;
    assert_false(gw_json_locate(text, strlen(text), &missing, GW_JSON_VALUE, &place));
    assert_false(gw_json_locate(text, strlen(text), &third, GW_JSON_VALUE, &place));
    assert_false(gw_json_locate(text, strlen(text), &key_of_list, GW_JSON_VALUE, &place));
    assert_false(gw_json_locate(text, strlen(text), &in_scalar, GW_JSON_VALUE, &place));
    assert_false(gw_json_locate("", 0, NULL, GW_JSON_VALUE, &place));
}

/* Any cut of the text is survived, found or not. */
static void test_cut(void **state)
{
    (void)state;
    struct gw_json_path points = {.key = "points"};
    struct gw_json_path second = {.parent = &points, .index = 1};
    struct gw_json_path scale = {.parent = &second, .key = "scale"};
    for (size_t length = 0; length <= strlen(text); length++) {
        struct gw_json_place place = {0};
        if (gw_json_locate(text, length, &scale, GW_JSON_VALUE, &place))
            assert_true(place.offset + place.length <= length);
    }
}

static void test_comments(void **state)
{
    (void)state;
    char changed[] = "{\"a\": \"//\", // x\n \"b\": 1}//";
    char cut[] = "\"a // b";
    gw_json_blank_comments(changed, strlen(changed));
    assert_string_equal(changed, "{\"a\": \"//\",     \n \"b\": 1}  ");
    gw_json_blank_comments(cut, strlen(cut));
    assert_string_equal(cut, "\"a // b");
}

static void test_path(void **state)
{
    (void)state;
    struct gw_json_path points = {.key = "points"};
    struct gw_json_path third = {.parent = &points, .index = 3};
    struct gw_json_path scale = {.parent = &third, .key = "scale"};
    struct gw_json_path odd = {.parent = &third, .key = "0 1"};
    char buffer[32];
    gw_json_path_format(&scale, buffer, sizeof buffer);
    assert_string_equal(buffer, "points[3].scale");
    gw_json_path_format(&odd, buffer, sizeof buffer);
    assert_string_equal(buffer, "points[3][\"0 1\"]");
    gw_json_path_format(&scale, buffer, 9);
    assert_string_equal(buffer, "points[3");
    gw_json_path_format(NULL, buffer, sizeof buffer);
    assert_string_equal(buffer, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_locate),   cmocka_unit_test(test_missing), cmocka_unit_test(test_cut),
        cmocka_unit_test(test_comments), cmocka_unit_test(test_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
