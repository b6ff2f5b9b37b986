/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/command/command_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define S16 "0123456789abcdef"
#define S64 S16 S16 S16 S16

static const char *read_text(struct gw_command_message *message, const char *text)
{
    return gw_command_message_read(message, text, strlen(text));
}

static bool is(const struct gw_command_text *text, const char *expected)
{
    return text->length == strlen(expected) && memcmp(text->octets, expected, text->length) == 0;
}

static void test_bare_values(void **state)
{
    (void)state;
    static const struct {
        const char *payload, *text;
        bool is_number;
        double number;
    } cases[] = {
        {"open", "open", false, 0},
        {" open\r\n", "open", false, 0},
        {"two words", "two words", false, 0},
        {"true", "true", false, 0},
        {"12.5", "12.5", true, 12.5},
        {"-0.5e+3", "-0.5e+3", true, -500},
        {"0", "0", true, 0},
        {"05", "05", false, 0},
        {"+5", "+5", false, 0},
        {".5", ".5", false, 0},
        {"5.", "5.", false, 0},
        {"5e", "5e", false, 0},
        {"-", "-", false, 0},
        {"0x10", "0x10", false, 0},
        {"nan", "nan", false, 0},
        {"\xc3\xa9", "\xc3\xa9", false, 0},
        {S64, S64, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gw_command_message message;
        assert_null(read_text(&message, cases[i].payload));
        assert_true(is(&message.value.text, cases[i].text));
        assert_int_equal(message.value.is_number, cases[i].is_number);
        if (cases[i].is_number)
            assert_true(message.value.number == cases[i].number);
        assert_int_equal(message.id.length, 0);
    }
}

static void test_objects(void **state)
{
    (void)state;
    struct gw_command_message message;
    assert_null(read_text(&message, "{\"value\":\"open\",\"id\":\"7f3a\",\"expires\":1763719205000,"
                                    "\"by\":\"dispatcher-2\"}"));
    assert_true(is(&message.value.text, "open"));
    assert_false(message.value.is_number);
    assert_true(is(&message.id, "7f3a"));
    assert_true(is(&message.by, "dispatcher-2"));
    assert_int_equal(message.expires_ms, 1763719205000);
    assert_int_equal(message.time_ms, 0);

    assert_null(read_text(&message, " {\"time\":1763719200000.5, \"value\": 12.50, \"id\":null,"
                                    " \"expires\":null, \"by\":null}\n"));
    assert_true(message.value.is_number && message.value.number == 12.5);
    assert_true(is(&message.value.text, "12.5"));
    assert_int_equal(message.time_ms, 1763719200000);
    assert_int_equal(message.id.length, 0);

    assert_null(read_text(&message, "{\"value\":-7}"));
    assert_true(is(&message.value.text, "-7"));
    assert_null(read_text(&message, "{\"value\":\"12.5\"}"));
    assert_false(message.value.is_number);
    assert_null(read_text(&message, "{\"value\":\"a{b}[c]\\\"{\",\"id\":\"" S64 "\"}"));
    assert_int_equal(message.id.length, 64);
}

static void test_malformed(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        " \n",
        "{",
        "{}",
        "[]",
        "[\"open\"]",
        "\"open\"",
        "\x01",
        "\xff\xfe",
        S64 "0",
        "{\"value\":\"open\"",
        "{\"value\":\"open\"} x",
        "{\"value\":\"open\"}{\"value\":\"open\"}",
        "{\"value\":\"open\",}",
        "{'value':'open'}",
        "{value:1}",
        "{\"value\":NaN}",
        "{\"value\":true}",
        "{\"value\":null}",
        "{\"value\":\"\"}",
        "{\"value\":[1]}",
        "{\"value\":{\"value\":1}}",
        "{\"value\":1e999}",
        "{\"value\":99999999999999999999}",
        "{\"value\":\"open\\u0000\"}",
        "{\"value\":\"open\\u0007\"}",
        "{\"value\":\"" S64 "0\"}",
        "{\"value\":1,\"value\":2}",
        "{\"value\":1,\"id\":\"a\",\"id\":\"a\"}",
        "{\"Value\":1}",
        "{\"value\":1,\"ID\":\"a\"}",
        "{\"value\":1,\"expire\":1763719205000}",
        "{\"value\":1,\"id\":7}",
        "{\"value\":1,\"id\":\"\"}",
        "{\"value\":1,\"id\":\"" S64 "0\"}",
        "{\"value\":1,\"by\":[]}",
        "{\"value\":1,\"by\":\"" S64 "0\"}",
        "{\"value\":1,\"expires\":1763719205}",
        "{\"value\":1,\"expires\":0}",
        "{\"value\":1,\"expires\":-1763719205000}",
        "{\"value\":1,\"expires\":\"1763719205000\"}",
        "{\"value\":1,\"expires\":1763719205000000}",
        "{\"value\":1,\"time\":1763719205}",
        "{\"value\":1,\"time\":true}",
        "{\"id\":\"7f3a\"}",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gw_command_message message;
        if (!read_text(&message, cases[i]))
            fail_msg("%s was taken for well-formed", cases[i]);
    }
}

static void test_size_and_depth_are_bounded(void **state)
{
    (void)state;
    static char payload[GW_COMMAND_MAX + 2];
    struct gw_command_message message;
    memset(payload, ' ', sizeof payload);
    memcpy(payload, "open", 4);
    assert_null(gw_command_message_read(&message, payload, GW_COMMAND_MAX));
    assert_non_null(gw_command_message_read(&message, payload, GW_COMMAND_MAX + 1));
    memset(payload, '{', sizeof payload);
    assert_non_null(gw_command_message_read(&message, payload, GW_COMMAND_MAX));
    memset(payload, '[', sizeof payload);
    memcpy(payload, "{\"value\":", 9);
    assert_non_null(gw_command_message_read(&message, payload, GW_COMMAND_MAX));
    assert_non_null(gw_command_message_read(&message, NULL, 0));
}

static void test_an_id_is_read_though_the_rest_is_malformed(void **state)
{
    (void)state;
    struct gw_command_message message;
    assert_non_null(read_text(&message, "{\"value\":true,\"id\":\"7f3a\"}"));
    assert_true(is(&message.id, "7f3a"));
}

static void test_equal_values(void **state)
{
    (void)state;
    struct gw_command_message a;
    struct gw_command_message b;
    read_text(&a, "12.5");
    read_text(&b, "{\"value\":12.50}");
    assert_true(gw_command_value_equal(&a.value, &b.value));
    read_text(&b, "{\"value\":\"12.5\"}");
    assert_false(gw_command_value_equal(&a.value, &b.value));
    read_text(&a, "open");
    read_text(&b, "{\"value\":\"open\"}");
    assert_true(gw_command_value_equal(&a.value, &b.value));
    read_text(&b, "opens");
    assert_false(gw_command_value_equal(&a.value, &b.value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bare_values),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_size_and_depth_are_bounded),
        cmocka_unit_test(test_an_id_is_read_though_the_rest_is_malformed),
        cmocka_unit_test(test_equal_values),
    };
    return cmocka_run_group_tests_name("command_message", tests, NULL, NULL);
}
