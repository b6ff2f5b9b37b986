/* SPDX-License-Identifier: Apache-2.0 */
/* Names: each code has the one that users see, and what has none says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dnp3/app.h"
#include "dnp3/command.h"
#include "dnp3/error.h"
#include "dnp3/point.h"

static void test_point_types_there_and_back(void **state)
{
    (void)state;
    for (int type = 0; type < DNP3_POINT_TYPES; type++)
        assert_int_equal(
            dnp3_point_type_from_name(dnp3_point_type_name((enum dnp3_point_type)type)), type);
    assert_int_equal(dnp3_point_type_from_name("analog_input"), DNP3_POINT_ANALOG_INPUT);
    assert_int_equal(dnp3_point_type_from_name("analog"), -1);
    assert_int_equal(dnp3_point_type_from_name(""), -1);
}

static void assert_flag(enum dnp3_point_type type, uint8_t bit, const char *name)
{
    const char *got = dnp3_flag_name(type, bit);
    if (name)
        assert_string_equal(got, name);
    else
        assert_null(got);
}

static void test_flags_by_type(void **state)
{
    (void)state;
    assert_flag(DNP3_POINT_BINARY_INPUT, 0x20, "CHATTER_FILTER");
    assert_flag(DNP3_POINT_DOUBLE_BIT_INPUT, 0x20, "CHATTER_FILTER");
    assert_flag(DNP3_POINT_COUNTER, 0x20, "ROLLOVER");
    assert_flag(DNP3_POINT_FROZEN_COUNTER, 0x40, "DISCONTINUITY");
    assert_flag(DNP3_POINT_ANALOG_INPUT, 0x20, "OVER_RANGE");
    assert_flag(DNP3_POINT_ANALOG_OUTPUT_STATUS, 0x40, "REFERENCE_ERR");
    assert_flag(DNP3_POINT_BINARY_INPUT, 0x40, NULL);
    assert_flag(DNP3_POINT_BINARY_INPUT, 0x80, NULL);
    assert_flag(DNP3_POINT_BINARY_OUTPUT_STATUS, 0x20, NULL);
    assert_flag(DNP3_POINT_BINARY_COMMAND_EVENT, 0x01, NULL);
    for (int type = 0; type <= DNP3_POINT_OCTET_STRING; type++) {
        assert_flag((enum dnp3_point_type)type, 0x01, "ONLINE");
        assert_flag((enum dnp3_point_type)type, 0x03, NULL);
    }
}

static void test_codes(void **state)
{
    (void)state;
    assert_string_equal(dnp3_function_name(1), "READ");
    assert_string_equal(dnp3_function_name(130), "UNSOLICITED_RESPONSE");
    assert_null(dnp3_function_name(34));
    assert_string_equal(dnp3_iin_name(0x0010), "NEED_TIME");
    assert_string_equal(dnp3_iin_name(0x0800), "EVENT_BUFFER_OVERFLOW");
    assert_null(dnp3_iin_name(0x4000));
    assert_string_equal(dnp3_status_name(0), "SUCCESS");
    assert_string_equal(dnp3_status_name(127), "UNDEFINED");
    assert_null(dnp3_status_name(19));
    assert_string_equal(dnp3_operation_name(0x81), "pulse_on");
    assert_string_equal(dnp3_trip_close_name(0x81), "trip");
    assert_string_equal(dnp3_operation_name(0x74), "latch_off"); /* queue and clear set, too */
    assert_string_equal(dnp3_trip_close_name(0x34), "none");
    assert_null(dnp3_operation_name(0x05));
    assert_null(dnp3_trip_close_name(0xC1));
    assert_null(dnp3_iin_name(0x8000));
    for (unsigned function = 0; function <= 131; function++)
        assert_true((dnp3_function_name((uint8_t)function) != NULL) ==
                    (function < 34 || function > 128));
}

static void test_errors(void **state)
{
    (void)state;
    static const int errors[] = {
#define X(name, value, text) DNP3_ERR_##name,
        DNP3_ERROR_MAP(X)
#undef X
    };
    const char *unknown = dnp3_error_text(-1000);
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        assert_string_not_equal(dnp3_error_text(errors[i]), unknown);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(dnp3_error_text(errors[i]), dnp3_error_text(errors[j]));
    }
    assert_string_equal(dnp3_error_text(0), "ok");
    assert_string_equal(dnp3_error_text(DNP3_ERR_FULL), "queue, buffer or table is full");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_point_types_there_and_back),
        cmocka_unit_test(test_flags_by_type),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
