/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/spool/spool_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "gateway/base/crc32.h"

static uint8_t octets[GW_SPOOL_RECORD_MAX + 64];

static const struct gw_spool_message sample = {.point = 0x0102030405060708,
                                               .id_start = 0x6920a1b0,
                                               .id_count = 48216,
                                               .stored_ms = 1763719200123,
                                               .expiry_s = 60,
                                               .qos = 1,
                                               .retain = true,
                                               .topic = "a/b",
                                               .topic_len = 3,
                                               .properties = "\0\1k\0\1v",
                                               .properties_len = 6,
                                               .payload = "{}",
                                               .payload_len = 2};

static void test_crc(void **state)
{
    (void)state;
    assert_int_equal(gw_crc32(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(gw_crc32(gw_crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
    assert_int_equal(gw_crc32(0, NULL, 0), 0);
}

/* What is on disk must stay as it is: another layout is another format number. */
static void test_the_layout(void **state)
{
    (void)state;
    static const uint8_t expected[] = {'D',  'N',  'M',  1,    /* kind, format */
                                       0x56, 0x0c, 0x5b, 0x4a, /* CRC-32 of what follows */
                                       0,    0,    0,    69,   /* length */
                                       0,    0,    0,    0,    0, 0, 0,    9, /* sequence */
                                       1,    2,    3,    4,    5, 6, 7,    8, /* point */
                                       0x69, 0x20, 0xa1, 0xb0,                /* id */
                                       0,    0,    0,    0,    0, 0, 0xbc, 0x58, 0, 0,   0x01, 0x9a,
                                       0xa5, 0xdb, 0x3d, 0x7b,    /* stored */
                                       0,    0,    0,    60,      /* expiry */
                                       0,    3,    0,    6,    3, /* lengths, flags */
                                       'a',  '/',  'b',  0,    0, 1, 'k',  0,    1, 'v', '{',  '}'};
    assert_int_equal(gw_spool_message_size(&sample), sizeof expected);
    gw_spool_message_write(octets, 9, &sample);
    assert_memory_equal(octets, expected, sizeof expected);
}

static void test_a_message_reads_back(void **state)
{
    (void)state;
    struct gw_spool_record record;
    size_t size = gw_spool_message_size(&sample);
    gw_spool_message_write(octets, 9, &sample);
    assert_int_equal(gw_spool_message_read(octets, sizeof octets, &record), size);
    const struct gw_spool_message *m = &record.message;
    assert_int_equal(record.sequence, 9);
    assert_int_equal(m->point, sample.point);
    assert_int_equal(m->id_start, sample.id_start);
    assert_int_equal(m->id_count, sample.id_count);
    assert_int_equal(m->stored_ms, sample.stored_ms);
    assert_int_equal(m->expiry_s, sample.expiry_s);
    assert_int_equal(m->qos, 1);
    assert_true(m->retain);
    assert_string_equal(m->topic, "a/b");
    assert_int_equal(m->properties_len, 6);
    assert_memory_equal(m->properties, sample.properties, 6);
    assert_int_equal(m->payload_len, 2);
    assert_memory_equal(m->payload, "{}", 2);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(gw_spool_message_read(octets, cut, &record), 0);
    for (size_t bit = 0; bit < size * 8; bit++) {
        octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(gw_spool_message_read(octets, sizeof octets, &record), 0);
        octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void test_sizes(void **state)
{
    (void)state;
    struct gw_spool_message m = sample;
    m.topic_len = 0;
    assert_int_equal(gw_spool_message_size(&m), 0);
    m.topic_len = UINT16_MAX + 1;
    assert_int_equal(gw_spool_message_size(&m), 0);
    m = sample;
    m.properties_len = UINT16_MAX + 1;
    assert_int_equal(gw_spool_message_size(&m), 0);
    m = sample;
    m.payload_len = GW_SPOOL_RECORD_MAX - 67;
    assert_int_equal(gw_spool_message_size(&m), GW_SPOOL_RECORD_MAX);
    m.payload_len++;
    assert_int_equal(gw_spool_message_size(&m), 0);
    m.payload_len = SIZE_MAX - 10;
    assert_int_equal(gw_spool_message_size(&m), 0);
}

/* A right CRC over a record that cannot be. */
static void seal(size_t size)
{
    uint32_t crc = gw_crc32(0, octets + 8, size - 8);
    for (int i = 0; i < 4; i++)
        octets[4 + i] = (uint8_t)(crc >> (24 - 8 * i));
}

static void test_records_that_cannot_be(void **state)
{
    (void)state;
    struct gw_spool_record record;
    struct gw_spool_kept kept;
    size_t size = gw_spool_message_size(&sample);
    gw_spool_message_write(octets, 0, &sample); /* sequence 0 */
    assert_int_equal(gw_spool_message_read(octets, size, &record), 0);
    gw_spool_message_write(octets, 9, &sample);
    octets[53] = 0; /* no topic */
    seal(size);
    assert_int_equal(gw_spool_message_read(octets, size, &record), 0);
    octets[53] = 2; /* no zero behind it */
    seal(size);
    assert_int_equal(gw_spool_message_read(octets, size, &record), 0);
    octets[53] = 3;
    octets[55] = 9; /* properties beyond the end */
    seal(size);
    assert_int_equal(gw_spool_message_read(octets, size, &record), 0);
    octets[55] = 6;
    seal(size);
    assert_int_equal(gw_spool_message_read(octets, size, &record), size);
    assert_int_equal(gw_spool_kept_read(octets, size, &kept), 0);
    octets[3] = 2;
    assert_int_equal(gw_spool_message_read(octets, size, &record), 0);
    assert_true(gw_spool_record_begins(octets, size));
    assert_true(gw_spool_record_foreign(octets, size));
    octets[3] = 1;
    assert_false(gw_spool_record_foreign(octets, size));
    assert_false(gw_spool_record_begins(octets, 11));
    octets[2] = 'X';
    assert_false(gw_spool_record_begins(octets, size));
}

static void test_a_kept_value_reads_back(void **state)
{
    (void)state;
    struct gw_spool_kept back;
    struct gw_spool_kept kept = {
        .number = 77, .space = 1, .key = "key", .key_len = 3, .value = "value", .value_len = 5};
    size_t size = gw_spool_kept_size(&kept);
    gw_spool_kept_write(octets, &kept);
    assert_int_equal(gw_spool_kept_read(octets, sizeof octets, &back), size);
    assert_int_equal(back.number, 77);
    assert_int_equal(back.space, 1);
    assert_int_equal(back.key_len, 3);
    assert_memory_equal(back.key, "key", 3);
    assert_int_equal(back.value_len, 5);
    assert_memory_equal(back.value, "value", 5);
    octets[22] = 9; /* a key beyond the end */
    seal(size);
    assert_int_equal(gw_spool_kept_read(octets, size, &back), 0);
    octets[22] = 0;
    seal(size);
    assert_int_equal(gw_spool_kept_read(octets, size, &back), 0);
    assert_int_equal(gw_spool_kept_read(octets, size - 1, &back), 0);
    kept.value_len = 0;
    assert_int_equal(gw_spool_kept_size(&kept), size - 5);
    kept.value_len = GW_SPOOL_VALUE_MAX + 1;
    assert_int_equal(gw_spool_kept_size(&kept), 0);
    kept.value_len = 0;
    kept.key_len = GW_SPOOL_KEY_MAX + 1;
    assert_int_equal(gw_spool_kept_size(&kept), 0);
    kept.key_len = 0;
    assert_int_equal(gw_spool_kept_size(&kept), 0);
}

static void test_a_mark_reads_back(void **state)
{
    (void)state;
    const struct gw_spool_mark mark = {1, 2, 3, 4, 5, UINT64_MAX};
    struct gw_spool_mark back;
    gw_spool_mark_write(octets, &mark);
    assert_int_equal(gw_spool_mark_read(octets, sizeof octets, &back), GW_SPOOL_MARK_SIZE);
    assert_memory_equal(&mark, &back, sizeof mark);
    assert_int_equal(gw_spool_mark_read(octets, GW_SPOOL_MARK_SIZE - 1, &back), 0);
    octets[20] ^= 1;
    assert_int_equal(gw_spool_mark_read(octets, sizeof octets, &back), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc),
        cmocka_unit_test(test_the_layout),
        cmocka_unit_test(test_a_message_reads_back),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_records_that_cannot_be),
        cmocka_unit_test(test_a_kept_value_reads_back),
        cmocka_unit_test(test_a_mark_reads_back),
    };
    return cmocka_run_group_tests_name("spool_record", tests, NULL, NULL);
}
