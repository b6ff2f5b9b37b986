/* SPDX-License-Identifier: Apache-2.0 */
/* The application header, both ways; and the cursor's failure, which sticks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dnp3/app.h"

static void test_every_function_comes_back(void **state)
{
    (void)state;
    for (unsigned function = 0; function < 256; function++) {
        uint8_t octets[4];
        bool answer = function >= 129 && function <= 131;
        struct dnp3_app_header header = {
            .control = 0xE7, .function = (uint8_t)function, .iin = answer ? 0x1290 : 0};
        struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
        dnp3_app_write(&out, &header);
        assert_int_equal(dnp3_writer_length(&out), answer ? 4 : 2);
        if (answer)
            assert_int_equal(octets[2], 0x90); /* IIN1 first */
        struct dnp3_reader in = dnp3_reader_of(octets, dnp3_writer_length(&out));
        struct dnp3_app_header read;
        assert_true(dnp3_app_read(&in, &read));
        assert_int_equal(read.control, header.control);
        assert_int_equal(read.function, header.function);
        assert_int_equal(read.iin, header.iin);
        assert_int_equal(dnp3_app_sequence(&read), 7);
        assert_int_equal(dnp3_reader_left(&in), 0);
    }
}

static void test_too_short_fails(void **state)
{
    (void)state;
    const uint8_t octets[] = {0xC0, 129, 0};
    for (size_t length = 0; length <= sizeof octets; length++) {
        struct dnp3_reader in = dnp3_reader_of(octets, length);
        struct dnp3_app_header header;
        assert_false(dnp3_app_read(&in, &header));
        assert_true(in.failed);
    }
}

static void test_failure_sticks(void **state)
{
    (void)state;
    uint8_t octets[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct dnp3_reader in = dnp3_reader_of(octets, 3);
    assert_int_equal(dnp3_reader_u16(&in), 0x0201);
    assert_int_equal(dnp3_reader_u32(&in), 0);
    assert_int_equal(dnp3_reader_u8(&in), 0);
    assert_true(in.failed);
    assert_ptr_equal(in.at, octets + 2);

    struct dnp3_writer out = dnp3_writer_of(octets, 3);
    dnp3_writer_u16(&out, 0xAABB);
    dnp3_writer_u16(&out, 0xCCDD);
    dnp3_writer_u8(&out, 0xEE);
    assert_true(out.failed);
    assert_int_equal(dnp3_writer_length(&out), 2);
    assert_int_equal(octets[2], 3);
}

static void test_widths_are_little_endian(void **state)
{
    (void)state;
    uint8_t octets[32];
    struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
    dnp3_writer_u8(&out, 0xF1);
    dnp3_writer_u16(&out, 0xF2F3);
    dnp3_writer_u32(&out, 0xF4F5F6F7);
    dnp3_writer_u48(&out, 0xF1F2F3F4F5F6);
    dnp3_writer_u64(&out, 0xF1F2F3F4F5F6F7F8);
    dnp3_writer_octets(&out, "end", 3);
    struct dnp3_reader in = dnp3_reader_of(octets, dnp3_writer_length(&out));
    assert_int_equal(dnp3_reader_u8(&in), 0xF1);
    assert_int_equal(dnp3_reader_u16(&in), 0xF2F3);
    assert_int_equal(dnp3_reader_u32(&in), 0xF4F5F6F7);
    assert_true(dnp3_reader_u48(&in) == 0xF1F2F3F4F5F6);
    assert_true(dnp3_reader_u64(&in) == 0xF1F2F3F4F5F6F7F8);
    assert_memory_equal(dnp3_reader_take(&in, 3), "end", 3);
    assert_false(in.failed);
    assert_int_equal(octets[1], 0xF3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_function_comes_back),
        cmocka_unit_test(test_too_short_fails),
        cmocka_unit_test(test_failure_sticks),
        cmocka_unit_test(test_widths_are_little_endian),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
