/* SPDX-License-Identifier: Apache-2.0 */
/* The object table as a whole: its rows agree with annex A, and every row reads what it writes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dnp3/error.h"
#include "dnp3/objects.h"

static bool is_packed(const struct dnp3_object_row *row)
{
    return row->encoding == DNP3_ENCODING_BIT || row->encoding == DNP3_ENCODING_BIT2;
}

static bool is_point(const struct dnp3_object_row *row)
{
    return row->type != DNP3_POINT_TYPES && row->encoding != DNP3_ENCODING_NONE;
}

static void test_rows_are_sorted_and_found(void **state)
{
    (void)state;
    size_t count;
    const struct dnp3_object_row *rows = dnp3_object_rows(&count);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(dnp3_object_row(rows[i].group, rows[i].variation), &rows[i]);
        assert_non_null(dnp3_group_name(rows[i].group));
        if (i > 0)
            assert_true(rows[i - 1].group * 256 + rows[i - 1].variation <
                        rows[i].group * 256 + rows[i].variation);
    }
    assert_ptr_equal(dnp3_object_row(110, 255), dnp3_object_row(110, 0));
    assert_null(dnp3_object_row(1, 3));
    assert_null(dnp3_object_row(34, 4));
    assert_null(dnp3_object_row(255, 255));
}

/* Octets of each variation by annex A, written down apart from the table. */
static void test_sizes_of_annex_a(void **state)
{
    (void)state;
    static const struct {
        uint8_t group;
        uint8_t sizes[13]; /* by variation, from 1; 0 ends */
    } annex[] = {
        {2, {1, 7, 3}},
        {4, {1, 7, 3}},
        {11, {1, 7}},
        {13, {1, 7}},
        {20, {5, 3, 5, 3, 4, 2, 4, 2}},
        {21, {5, 3, 5, 3, 11, 9, 11, 9, 4, 2, 4, 2}},
        {22, {5, 3, 5, 3, 11, 9, 11, 9}},
        {23, {5, 3, 5, 3, 11, 9, 11, 9}},
        {30, {5, 3, 4, 2, 5, 9}},
        {31, {5, 3, 11, 9, 4, 2, 5, 9}},
        {32, {5, 3, 11, 9, 5, 9, 11, 15}},
        {33, {5, 3, 11, 9, 5, 9, 11, 15}},
        {34, {2, 4, 4}},
        {40, {5, 3, 5, 9}},
        {41, {5, 3, 5, 9}},
        {42, {5, 3, 11, 9, 5, 9, 11, 15}},
        {43, {5, 3, 11, 9, 5, 9, 11, 15}},
        {50, {6, 10, 6, 11}},
        {51, {6, 6}},
        {52, {2, 2}},
        {102, {1}},
    };
    for (size_t i = 0; i < sizeof annex / sizeof annex[0]; i++) {
        uint8_t variation = 1;
        for (; annex[i].sizes[variation - 1]; variation++) {
            const struct dnp3_object_row *row = dnp3_object_row(annex[i].group, variation);
            assert_non_null(row);
            assert_int_equal(row->size, annex[i].sizes[variation - 1]);
        }
        assert_null(dnp3_object_row(annex[i].group, variation));
    }
}

static struct dnp3_point example(const struct dnp3_object_row *row, uint32_t index)
{
    struct dnp3_point point = {.index = index, .flags = DNP3_FLAG_ONLINE};
    switch (row->encoding) {
    case DNP3_ENCODING_BIT:
    case DNP3_ENCODING_FLAG:
        point.number = index & 1;
        break;
    case DNP3_ENCODING_BIT2:
    case DNP3_ENCODING_FLAG2:
        point.number = index & 3;
        break;
    case DNP3_ENCODING_U8:
        point.number = 255.0 - index;
        break;
    case DNP3_ENCODING_I16:
        point.number = -32768.0 + index;
        break;
    case DNP3_ENCODING_I32:
        point.number = -2147483648.0 + index;
        break;
    case DNP3_ENCODING_U16:
        point.number = 65535.0 - index;
        break;
    case DNP3_ENCODING_U32:
        point.number = 4294967295.0 - index;
        break;
    case DNP3_ENCODING_F32:
        point.number = 0.25 * index - 3;
        break;
    case DNP3_ENCODING_F64:
        point.number = 1e-3 * index - 3;
        break;
    default:
        point.number = 1763719200123.0 + index;
        break;
    }
    if (row->flags)
        point.flags = (uint8_t)(index & 0x1F);
    if (row->time != DNP3_OBJECT_NO_TIME) {
        point.time_ms = 1763719200123 + index;
        point.time_quality = DNP3_TIME_SYNCHRONIZED;
    }
    return point;
}

static void write_objects(struct dnp3_writer *out, const struct dnp3_object_row *row,
                          unsigned prefix, const struct dnp3_point *points, size_t count,
                          int64_t cto_ms)
{
    for (size_t i = 0; i < count; i++) {
        if (prefix == 1)
            dnp3_writer_u8(out, (uint8_t)points[i].index);
        else if (prefix == 2)
            dnp3_writer_u16(out, (uint16_t)points[i].index);
        else if (prefix == 4)
            dnp3_writer_u32(out, points[i].index);
        dnp3_point_write(out, row, &points[i], cto_ms);
    }
}

static void assert_same(const struct dnp3_point *a, const struct dnp3_point *b)
{
    assert_int_equal(a->index, b->index);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->time_quality, b->time_quality);
    assert_int_equal(a->length, b->length);
    assert_int_equal(a->time_ms, b->time_ms);
    assert_memory_equal(&a->number, &b->number, sizeof a->number);
}

/* Reads `count` points after the header in `octets` and compares them. */
static void assert_reads(const struct dnp3_writer *written, struct dnp3_time_context *times,
                         const struct dnp3_point *expected, size_t count)
{
    struct dnp3_reader in = dnp3_reader_of(written->start, dnp3_writer_length(written));
    struct dnp3_object_header header;
    assert_false(written->failed);
    assert_int_equal(dnp3_header_read(&in, &header), 0);
    assert_int_equal(header.count, count);
    assert_int_equal(dnp3_header_octets(&header), dnp3_reader_left(&in));
    struct dnp3_items items;
    dnp3_items_begin(&items, &header, times);
    struct dnp3_point points[DNP3_POINTS_BATCH];
    size_t done = 0;
    for (size_t n; (n = dnp3_items_points(&items, &in, points)) > 0; done += n)
        for (size_t i = 0; i < n; i++)
            assert_same(&points[i], &expected[done + i]);
    assert_int_equal(done, count);
    assert_int_equal(items.error, 0);
    assert_false(in.failed);
    assert_int_equal(dnp3_reader_left(&in), 0);
}

enum { MANY = 200 }; /* more than a batch */

static void test_every_row_reads_what_it_writes(void **state)
{
    (void)state;
    static const struct {
        uint8_t qualifier, prefix;
    } forms[] = {{0x07, 0}, {0x08, 0}, {0x09, 0}, {0x17, 1}, {0x28, 2}, {0x39, 4}};
    static uint8_t octets[8192];
    size_t count;
    const struct dnp3_object_row *row = dnp3_object_rows(&count);
    for (; count > 0; count--, row++) {
        if (!is_point(row) || is_packed(row) || row->encoding == DNP3_ENCODING_OCTETS)
            continue;
        struct dnp3_point points[MANY];
        for (uint32_t i = 0; i < MANY; i++)
            points[i] = example(row, i);
        struct dnp3_time_context times = {.cto_ms = 1763719200000,
                                          .cto_quality = DNP3_TIME_SYNCHRONIZED};
        for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++) {
            struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
            dnp3_header_write_count(&out, row->group, row->variation, forms[f].qualifier, MANY);
            write_objects(&out, row, forms[f].prefix, points, MANY, times.cto_ms);
            assert_reads(&out, &times, points, MANY);
        }
    }
}

static void test_packed_rows_read_what_they_write(void **state)
{
    (void)state;
    uint8_t octets[128];
    size_t rows;
    const struct dnp3_object_row *row = dnp3_object_rows(&rows);
    for (; rows > 0; rows--, row++) {
        for (size_t count = 1; is_packed(row) && is_point(row) && count <= MANY; count++) {
            struct dnp3_point points[MANY];
            for (uint32_t i = 0; i < count; i++)
                points[i] = example(row, 300 + i * i % 7);
            for (uint32_t i = 0; i < count; i++)
                points[i].index = 300 + i;
            struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
            dnp3_header_write_range(&out, row->group, row->variation, 300,
                                    300 + (uint32_t)count - 1);
            dnp3_points_write_packed(&out, row, points, count);
            assert_reads(&out, NULL, points, count);
        }
    }
}

static void test_octet_strings_read_what_they_write(void **state)
{
    (void)state;
    for (unsigned length = 1; length <= 255; length++) {
        uint8_t octets[1024], text[255];
        memset(text, (int)length, sizeof text);
        struct dnp3_point point = {.octets = text, .length = (uint16_t)length};
        struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
        dnp3_header_write_range(&out, 110, (uint8_t)length, 5, 7);
        for (int i = 0; i < 3; i++)
            dnp3_point_write(&out, dnp3_object_row(110, 1), &point, 0);
        struct dnp3_reader in = dnp3_reader_of(octets, dnp3_writer_length(&out));
        struct dnp3_object_header header;
        assert_int_equal(dnp3_header_read(&in, &header), 0);
        struct dnp3_items items;
        dnp3_items_begin(&items, &header, NULL);
        struct dnp3_point points[DNP3_POINTS_BATCH];
        assert_int_equal(dnp3_items_points(&items, &in, points), 3);
        assert_int_equal(points[2].index, 7);
        assert_int_equal(points[2].length, length);
        assert_memory_equal(points[2].octets, text, length);
        assert_int_equal(dnp3_items_points(&items, &in, points), 0);
        assert_int_equal(items.error, 0);
    }
}

static struct dnp3_point read_one(uint8_t group, uint8_t variation, double number, uint8_t flags)
{
    uint8_t octets[32];
    struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
    const struct dnp3_object_row *row = dnp3_object_row(group, variation);
    struct dnp3_point point = {.number = number, .flags = flags};
    dnp3_header_write_count(&out, group, variation, DNP3_QUALIFIER_COUNT8, 1);
    dnp3_point_write(&out, row, &point, 0);
    struct dnp3_reader in = dnp3_reader_of(octets, dnp3_writer_length(&out));
    struct dnp3_object_header header;
    assert_int_equal(dnp3_header_read(&in, &header), 0);
    struct dnp3_time_context times = {0};
    struct dnp3_items items;
    dnp3_items_begin(&items, &header, &times);
    struct dnp3_point points[DNP3_POINTS_BATCH];
    assert_int_equal(dnp3_items_points(&items, &in, points), 1);
    return points[0];
}

static void test_analogs_saturate_and_say_so(void **state)
{
    (void)state;
    struct dnp3_point point = read_one(30, 2, 40000, DNP3_FLAG_ONLINE);
    assert_int_equal((int)point.number, 32767);
    assert_int_equal(point.flags, DNP3_FLAG_ONLINE | DNP3_FLAG_OVER_RANGE);
    point = read_one(30, 2, -40000, DNP3_FLAG_ONLINE);
    assert_int_equal((int)point.number, -32768);
    point = read_one(30, 1, 3e9, DNP3_FLAG_ONLINE);
    assert_int_equal((int)point.number, INT32_MAX);
    assert_int_equal(point.flags, DNP3_FLAG_ONLINE | DNP3_FLAG_OVER_RANGE);
    point = read_one(30, 2, 12.6, DNP3_FLAG_ONLINE);
    assert_int_equal((int)point.number, 13);
    assert_int_equal(point.flags, DNP3_FLAG_ONLINE);
    point = read_one(30, 2, -12.6, DNP3_FLAG_ONLINE);
    assert_int_equal((int)point.number, -13);
    point = read_one(30, 5, 1e39, DNP3_FLAG_ONLINE);
    assert_true(point.number > 3.4e38 && point.number < 3.5e38);
    assert_int_equal(point.flags, DNP3_FLAG_ONLINE | DNP3_FLAG_OVER_RANGE);
    point = read_one(30, 1, (double)NAN, DNP3_FLAG_ONLINE);
    assert_int_equal((int)point.number, 0);
    assert_int_equal(point.flags, DNP3_FLAG_ONLINE | DNP3_FLAG_OVER_RANGE);
}

static void test_counters_roll_over_at_their_width(void **state)
{
    (void)state;
    struct dnp3_point point = read_one(20, 2, 65536 + 7, DNP3_FLAG_ONLINE);
    assert_int_equal((int)point.number, 7);
    assert_int_equal(point.flags, DNP3_FLAG_ONLINE);
    point = read_one(20, 1, 4294967296.0 + 9, DNP3_FLAG_ONLINE);
    assert_int_equal((int)point.number, 9);
}

static void test_dead_bands_saturate(void **state)
{
    (void)state;
    struct dnp3_point point = read_one(34, 1, 65536 + 7, DNP3_FLAG_ONLINE);
    assert_int_equal((int)point.number, 65535);
    assert_int_equal((int)read_one(34, 1, 2.5, DNP3_FLAG_ONLINE).number, 3);
    assert_int_equal((int)read_one(34, 1, -5, DNP3_FLAG_ONLINE).number, 0);
    assert_true(read_one(34, 2, 5e9, DNP3_FLAG_ONLINE).number == 4294967295.0);
    assert_true(read_one(34, 3, 2.5, DNP3_FLAG_ONLINE).number == 2.5);
    assert_int_equal((int)read_one(102, 1, 256, DNP3_FLAG_ONLINE).number, 255);
}

static void test_names_of_groups_and_variations(void **state)
{
    (void)state;
    assert_string_equal(dnp3_group_name(34), "analog input dead-band");
    assert_string_equal(dnp3_variation_name(70, 5), "file transport");
    assert_string_equal(dnp3_variation_name(120, 1), "authentication challenge");
    assert_null(dnp3_variation_name(120, 16));
    assert_null(dnp3_variation_name(30, 1));
    assert_string_equal(dnp3_interval_unit_name(DNP3_INTERVAL_SEASONS), "seasons");
    assert_null(dnp3_interval_unit_name(11));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_sorted_and_found),
        cmocka_unit_test(test_sizes_of_annex_a),
        cmocka_unit_test(test_every_row_reads_what_it_writes),
        cmocka_unit_test(test_packed_rows_read_what_they_write),
        cmocka_unit_test(test_octet_strings_read_what_they_write),
        cmocka_unit_test(test_analogs_saturate_and_say_so),
        cmocka_unit_test(test_counters_roll_over_at_their_width),
        cmocka_unit_test(test_dead_bands_saturate),
        cmocka_unit_test(test_names_of_groups_and_variations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
