/* SPDX-License-Identifier: Apache-2.0 */
/* The sliced CRC against the definition, bit by bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dnp3/crc.h"

static uint16_t by_definition(const uint8_t *octets, size_t length)
{
    unsigned crc = 0;
    for (size_t i = 0; i < length; i++) {
        crc ^= octets[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xA6BC : crc >> 1;
    }
    return (uint16_t)~crc;
}

static void test_every_table_entry(void **state)
{
    (void)state;
    /* One octet that is not zero, at every place of a step: each reaches one entry alone. */
    for (size_t place = 0; place < 8; place++) {
        for (unsigned octet = 0; octet < 256; octet++) {
            uint8_t octets[8] = {0};
            octets[place] = (uint8_t)octet;
            assert_int_equal(dnp3_crc(octets, 8), by_definition(octets, 8));
        }
    }
}

static void test_every_length(void **state)
{
    (void)state;
    uint8_t octets[64];
    unsigned next = 1;
    for (size_t i = 0; i < sizeof octets; i++) {
        next = next * 1103515245U + 12345U;
        octets[i] = (uint8_t)(next >> 16);
    }
    for (size_t length = 0; length <= sizeof octets; length++)
        assert_int_equal(dnp3_crc(octets, length), by_definition(octets, length));
}

static void test_frame_of_the_standard(void **state)
{
    (void)state;
    /* A RESET_LINK_STATES frame: 05 64 05 C0 01 00 00 04 E9 21. */
    const uint8_t header[] = {0x05, 0x64, 0x05, 0xC0, 0x01, 0x00, 0x00, 0x04};
    assert_int_equal(dnp3_crc(header, sizeof header), 0x21E9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_table_entry),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_frame_of_the_standard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
