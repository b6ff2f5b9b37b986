/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/mqtt_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t packets[] = {
    0x20, 0x03, 0x00, 0x00, 0x00,                    /* CONNACK */
    0x40, 0x02, 0x00, 0x01,                          /* PUBACK, success */
    0x40, 0x03, 0x00, 0x02, 0x10,                    /* no matching subscribers */
    0x40, 0x04, 0x00, 0x03, 0x10, 0x00,              /* with properties */
    0x40, 0x03, 0x00, 0x10, 0x87,                    /* not authorized */
    0x30, 0x07, 0x00, 0x01, 't',  0x40, 0x03, 0, 16, /* PUBLISH that holds the like */
    0xd0, 0x00,                                      /* PINGRESP */
    0x40, 0x03, 0x10, 0x10, 0x10,
};

static void test_cut_anywhere(void **unused)
{
    (void)unused;
    for (size_t part = 1; part <= sizeof packets; part++) {
        struct gw_mqtt_scan scan = {0};
        uint32_t found = 0;
        for (size_t at = 0; at < sizeof packets; at += part)
            found += gw_mqtt_scan(&scan, packets + at,
                                  part < sizeof packets - at ? part : sizeof packets - at);
        assert_int_equal(found, 3);
        assert_int_equal(scan.type, 0);
    }
}

static void test_long_packets(void **unused)
{
    (void)unused;
    static uint8_t octets[20000];
    struct gw_mqtt_scan scan = {0};
    memset(octets, 0x40, sizeof octets);
    memcpy(octets, "\x30\x80\x80\x01", 4); /* 16,384 octets */
    memcpy(octets + 4 + 16384, "\x40\x03\x00\x01\x10", 5);
    assert_int_equal(gw_mqtt_scan(&scan, octets, 4 + 16384 + 5), 1);
}

static void test_what_is_no_mqtt(void **unused)
{
    (void)unused;
    struct gw_mqtt_scan scan = {0};
    assert_int_equal(gw_mqtt_scan(&scan, (const uint8_t *)"\x40\x80\x80\x80\x80", 5), 0);
    assert_true(scan.lost);
    assert_int_equal(gw_mqtt_scan(&scan, packets, sizeof packets), 0);
    scan = (struct gw_mqtt_scan){0};
    assert_int_equal(gw_mqtt_scan(&scan, (const uint8_t *)"", 1), 0);
    assert_true(scan.lost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cut_anywhere),
                                       cmocka_unit_test(test_long_packets),
                                       cmocka_unit_test(test_what_is_no_mqtt)};
    return cmocka_run_group_tests_name("mqtt_scan", tests, NULL, NULL);
}
