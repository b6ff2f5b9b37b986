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

static const uint8_t kept[] = {0x20, 0x03, 0x00, 0x00, 0x00, 0x30, 0x07, 0x00,
                               0x01, 't',  0x40, 0x03, 0x00, 0x10, 0xd0, 0x00};

struct found {
    size_t count;
    uint16_t ids[8];
    uint8_t reasons[8];
};

static void on_puback(void *user, uint16_t id, uint8_t reason)
{
    struct found *found = user;
    assert_true(found->count < 8);
    found->ids[found->count] = id;
    found->reasons[found->count++] = reason;
}

static void test_cut_anywhere(void **unused)
{
    static const struct found expected = {
        .count = 5, .ids = {1, 2, 3, 16, 0x1010}, .reasons = {0, 0x10, 0x10, 0x87, 0x10}};
    (void)unused;
    for (size_t part = 1; part <= sizeof packets; part++) {
        struct gw_mqtt_scan scan = {0};
        struct found found = {0};
        uint8_t octets[sizeof packets];
        size_t length = 0;
        for (size_t at = 0; at < sizeof packets; at += part) {
            size_t n = part < sizeof packets - at ? part : sizeof packets - at;
            memcpy(octets + length, packets + at, n);
            length += gw_mqtt_scan(&scan, octets + length, n, on_puback, &found);
        }
        assert_memory_equal(&found, &expected, sizeof found);
        assert_int_equal(length, sizeof kept);
        assert_memory_equal(octets, kept, sizeof kept);
        assert_true(gw_mqtt_scan_between(&scan));
    }
}

static void test_nothing_is_taken_out_unasked(void **unused)
{
    struct gw_mqtt_scan scan = {0};
    uint8_t octets[sizeof packets];
    (void)unused;
    memcpy(octets, packets, sizeof packets);
    assert_int_equal(gw_mqtt_scan(&scan, octets, sizeof octets, NULL, NULL), sizeof packets);
    assert_memory_equal(octets, packets, sizeof packets);
}

static void test_where_another_may_go_in(void **unused)
{
    struct gw_mqtt_scan scan = {0};
    uint8_t packet[] = {0x82, 0x03, 1, 2, 3};
    (void)unused;
    assert_true(gw_mqtt_scan_between(&scan));
    for (size_t i = 0; i < sizeof packet; i++) {
        gw_mqtt_scan(&scan, packet + i, 1, NULL, NULL);
        assert_int_equal(gw_mqtt_scan_between(&scan), i == sizeof packet - 1);
    }
}

static void test_long_packets(void **unused)
{
    static uint8_t octets[20000];
    struct gw_mqtt_scan scan = {0};
    struct found found = {0};
    (void)unused;
    memset(octets, 0x40, sizeof octets);
    memcpy(octets, "\x30\x80\x80\x01", 4); /* 16,384 octets */
    memcpy(octets + 4 + 16384, "\x40\x03\x00\x01\x10", 5);
    assert_int_equal(gw_mqtt_scan(&scan, octets, 4 + 16384 + 5, on_puback, &found), 4 + 16384);
    assert_int_equal(found.count, 1);
}

static void test_what_is_no_mqtt(void **unused)
{
    static const char *const wrong[] = {"\x31\x80\x80\x80\x80", "\0"};
    static const size_t lengths[] = {5, 1};
    (void)unused;
    for (size_t i = 0; i < 2; i++) {
        struct gw_mqtt_scan scan = {0};
        struct found found = {0};
        uint8_t octets[sizeof packets];
        memcpy(octets, wrong[i], lengths[i]);
        assert_int_equal(gw_mqtt_scan(&scan, octets, lengths[i], on_puback, &found), lengths[i]);
        assert_true(scan.lost);
        assert_false(scan.bad_puback);
        assert_false(gw_mqtt_scan_between(&scan));
        memcpy(octets, packets, sizeof packets); /* passed on as they are */
        assert_int_equal(gw_mqtt_scan(&scan, octets, sizeof octets, on_puback, &found),
                         sizeof packets);
        assert_memory_equal(octets, packets, sizeof packets);
        assert_int_equal(found.count, 0);
    }
}

static void test_bad_pubacks(void **unused)
{
    static const char *const wrong[] = {"\x40\x00", "\x40\x01\x00", "\x40\x80\x80\x80\x80"};
    static const size_t lengths[] = {2, 3, 5};
    (void)unused;
    for (size_t i = 0; i < 3; i++) {
        struct gw_mqtt_scan scan = {0};
        struct found found = {0};
        uint8_t octets[5];
        memcpy(octets, wrong[i], lengths[i]);
        gw_mqtt_scan(&scan, octets, lengths[i], on_puback, &found);
        assert_true(scan.bad_puback);
        assert_int_equal(found.count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cut_anywhere),
                                       cmocka_unit_test(test_nothing_is_taken_out_unasked),
                                       cmocka_unit_test(test_where_another_may_go_in),
                                       cmocka_unit_test(test_long_packets),
                                       cmocka_unit_test(test_what_is_no_mqtt),
                                       cmocka_unit_test(test_bad_pubacks)};
    return cmocka_run_group_tests_name("mqtt_scan", tests, NULL, NULL);
}
