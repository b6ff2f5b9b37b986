/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/publish_packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct gw_mqtt_publication plain = {
    .topic = "a/b", .payload = "xyz", .payload_len = 3, .qos = 1};

/* The octets are as expected, and none is written beyond. */
static void expect(struct gw_publish_packet packet, const void *octets, size_t length)
{
    uint8_t written[256];
    memset(written, 0xee, sizeof written);
    assert_int_equal(gw_publish_packet_size(&packet), length);
    gw_publish_packet_write(&packet, written);
    assert_memory_equal(written, octets, length);
    assert_int_equal(written[length], 0xee);
}

#define EXPECT(packet, octets) expect(packet, octets, sizeof octets - 1)

static void test_version_5(void **unused)
{
    (void)unused;
    EXPECT(((struct gw_publish_packet){.publication = &plain, .version = 5, .id = 0x8001}),
           "\x32\x0b\x00\x03"
           "a/b\x80\x01\x00xyz");
}

static void test_version_4_has_no_properties(void **unused)
{
    struct gw_mqtt_publication publication = plain;
    (void)unused;
    publication.correlation = "id";
    publication.correlation_len = 2;
    publication.expiry_s = 5;
    EXPECT(((struct gw_publish_packet){
               .publication = &publication, .version = 4, .id = 0x8001, .retain = true}),
           "\x33\x0a\x00\x03"
           "a/b\x80\x01xyz");
}

static void test_qos_0_has_no_identifier(void **unused)
{
    struct gw_mqtt_publication publication = plain;
    (void)unused;
    publication.qos = 0;
    EXPECT(((struct gw_publish_packet){.publication = &publication, .version = 5, .id = 0x8001}),
           "\x30\x09\x00\x03"
           "a/b\x00xyz");
}

static void test_properties(void **unused)
{
    struct gw_mqtt_publication publication = plain;
    (void)unused;
    publication.correlation = "7\0f";
    publication.correlation_len = 3;
    publication.expiry_s = 0x01020304;
    publication.payload_len = 0;
    EXPECT(((struct gw_publish_packet){.publication = &publication, .version = 5, .id = 0xffff}),
           "\x32\x13\x00\x03"
           "a/b\xff\xff\x0b\x09\x00\x03"
           "7\0f\x02\x01\x02\x03\x04");
    publication.correlation_len = 0; /* there, and empty */
    publication.expiry_s = 0;
    EXPECT(((struct gw_publish_packet){.publication = &publication, .version = 5, .id = 1}),
           "\x32\x0b\x00\x03"
           "a/b\x00\x01\x03\x09\x00\x00");
}

/* Where a length takes one octet more (MQTT 5 1.5.5). */
static void test_long_lengths(void **unused)
{
    static const struct {
        size_t payload;
        uint8_t header[5];
    } cases[] = {{120, {0x32, 0x7f}},
                 {121, {0x32, 0x80, 0x01}},
                 {16376, {0x32, 0xff, 0x7f}},
                 {16377, {0x32, 0x80, 0x80, 0x01}},
                 {2097144, {0x32, 0xff, 0xff, 0x7f}},
                 {2097145, {0x32, 0x80, 0x80, 0x80, 0x01}}};
    struct gw_mqtt_publication publication = {.topic = "t", .qos = 1};
    char *payload = calloc(1, 3u << 20);
    uint8_t *octets = malloc(3u << 20);
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gw_publish_packet packet = {.publication = &publication, .version = 4, .id = 1};
        size_t digits = 1;
        publication.topic = "tt"; /* 2 octets of length, 2 of topic, 2 of identifier; one more: */
        publication.payload = payload;
        publication.payload_len = cases[i].payload + 1;
        while (cases[i].header[digits] & 0x80)
            digits++;
        assert_int_equal(gw_publish_packet_size(&packet), 1 + digits + cases[i].payload + 7);
        gw_publish_packet_write(&packet, octets);
        assert_memory_equal(octets, cases[i].header, 1 + digits);
    }
    free(payload);
    free(octets);
}

static void test_what_no_packet_holds(void **unused)
{
    static char topic[65537];
    struct gw_mqtt_publication publication = plain;
    struct gw_publish_packet packet = {.publication = &publication, .version = 5, .id = 1};
    (void)unused;
    memset(topic, 't', sizeof topic - 1);
    publication.topic = topic;
    assert_int_equal(gw_publish_packet_size(&packet), 0);
    topic[65535] = 0;
    assert_int_not_equal(gw_publish_packet_size(&packet), 0);
    publication.payload_len = 268435455;
    assert_int_equal(gw_publish_packet_size(&packet), 0);
    publication.payload_len = 1;
    publication.topic = "";
    assert_int_equal(gw_publish_packet_size(&packet), 0);
    publication.topic = "\xff"; /* not UTF-8 */
    assert_int_equal(gw_publish_packet_size(&packet), 0);
    publication.topic = "t";
    publication.correlation = topic;
    publication.correlation_len = 65536;
    assert_int_equal(gw_publish_packet_size(&packet), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_version_5),
                                       cmocka_unit_test(test_version_4_has_no_properties),
                                       cmocka_unit_test(test_qos_0_has_no_identifier),
                                       cmocka_unit_test(test_properties),
                                       cmocka_unit_test(test_long_lengths),
                                       cmocka_unit_test(test_what_no_packet_holds)};
    return cmocka_run_group_tests_name("publish_packet", tests, NULL, NULL);
}
