/* SPDX-License-Identifier: Apache-2.0 */
/* The object table as a whole: its rows agree with annex A, and every row reads what it writes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dnp3/attribute.h"
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

static void test_command_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    uint8_t octets[16];
    struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
    struct dnp3_command command = {.type = DNP3_COMMAND_ANALOG_INT16, .value = 32768};
    assert_int_equal(dnp3_command_write(&out, &command), DNP3_ERR_RANGE);
    command.value = (double)NAN;
    assert_int_equal(dnp3_command_write(&out, &command), DNP3_ERR_RANGE);
    command = (struct dnp3_command){.type = DNP3_COMMAND_ANALOG_FLOAT, .value = 1e39};
    assert_int_equal(dnp3_command_write(&out, &command), DNP3_ERR_RANGE);
    assert_int_equal(dnp3_writer_length(&out), 0);
}

static void test_commands_read_what_they_write(void **state)
{
    (void)state;
    static const struct dnp3_command commands[] = {
        {.type = DNP3_COMMAND_CROB, .code = 0x41, .count = 2, .on_ms = 100, .off_ms = 4000000000U},
        {.type = DNP3_COMMAND_ANALOG_INT32, .value = -2147483648.0},
        {.type = DNP3_COMMAND_ANALOG_INT16, .value = 32767, .status = 127},
        {.type = DNP3_COMMAND_ANALOG_FLOAT, .value = -0.25},
        {.type = DNP3_COMMAND_ANALOG_DOUBLE, .value = 0.1, .status = 18},
    };
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        uint8_t octets[64];
        const struct dnp3_object_row *row = dnp3_command_row(commands[i].type);
        struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
        dnp3_header_write_count(&out, row->group, row->variation, 0x28, 1);
        dnp3_writer_u16(&out, 700);
        assert_int_equal(dnp3_command_write(&out, &commands[i]), 0);
        struct dnp3_reader in = dnp3_reader_of(octets, dnp3_writer_length(&out));
        struct dnp3_object_header header;
        assert_int_equal(dnp3_header_read(&in, &header), 0);
        struct dnp3_items items;
        dnp3_items_begin(&items, &header, NULL);
        struct dnp3_command read[2];
        assert_int_equal(dnp3_items_commands(&items, &in, read, 2), 1);
        assert_int_equal(read[0].type, commands[i].type);
        assert_int_equal(read[0].index, 700);
        assert_int_equal(read[0].code, commands[i].code);
        assert_int_equal(read[0].count, commands[i].count);
        assert_int_equal(read[0].on_ms, commands[i].on_ms);
        assert_int_equal(read[0].off_ms, commands[i].off_ms);
        assert_memory_equal(&read[0].value, &commands[i].value, sizeof(double));
        assert_int_equal(read[0].status, commands[i].status);
        assert_int_equal(dnp3_reader_left(&in), 0);
    }
}

static void test_indexes_of_requests(void **state)
{
    (void)state;
    const uint8_t octets[] = {1, 2, 0x00, 5, 7, 30, 0, 0x28, 2, 0, 9, 0, 1, 1};
    struct dnp3_reader in = dnp3_reader_of(octets, sizeof octets);
    struct dnp3_object_header header;
    struct dnp3_items items;
    uint32_t index;
    assert_int_equal(dnp3_header_read(&in, &header), 0);
    dnp3_items_begin(&items, &header, NULL);
    for (uint32_t expected = 5; expected <= 7; expected++) {
        assert_true(dnp3_items_index(&items, &in, &index));
        assert_int_equal(index, expected);
    }
    assert_false(dnp3_items_index(&items, &in, &index));
    assert_int_equal(dnp3_header_read(&in, &header), 0);
    dnp3_items_begin(&items, &header, NULL);
    assert_true(dnp3_items_index(&items, &in, &index));
    assert_int_equal(index, 9);
    assert_true(dnp3_items_index(&items, &in, &index));
    assert_int_equal(index, 257);
    assert_false(dnp3_items_index(&items, &in, &index));
    assert_int_equal(items.error, 0);
    assert_int_equal(dnp3_reader_left(&in), 0);
}

static void begin(const struct dnp3_writer *written, struct dnp3_reader *in,
                  struct dnp3_object_header *header, struct dnp3_items *items)
{
    *in = dnp3_reader_of(written->start, dnp3_writer_length(written));
    assert_false(written->failed);
    assert_int_equal(dnp3_header_read(in, header), 0);
    dnp3_items_begin(items, header, NULL);
}

static void test_pattern_reads_what_it_writes(void **state)
{
    (void)state;
    static const uint32_t indexes[] = {300, 7, 8, 22};
    static const uint32_t sorted[] = {7, 8, 22, 300};
    const struct dnp3_command pattern = {
        .type = DNP3_COMMAND_CROB, .code = 0x81, .count = 1, .on_ms = 250, .status = 0};
    uint8_t octets[128];
    struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
    assert_int_equal(dnp3_pattern_write(&out, &pattern, indexes, 4), 0);
    struct dnp3_reader in;
    struct dnp3_object_header header;
    struct dnp3_items items;
    struct dnp3_command read;
    begin(&out, &in, &header, &items);
    assert_int_equal(header.qualifier, DNP3_QUALIFIER_COUNT8);
    assert_true(dnp3_items_pattern(&items, &in, &read));
    assert_int_equal(read.code, 0x81);
    assert_int_equal(read.on_ms, 250);
    assert_false(dnp3_items_pattern(&items, &in, &read));
    assert_int_equal(dnp3_header_read(&in, &header), 0);
    assert_int_equal(header.qualifier, DNP3_QUALIFIER_RANGE16);
    dnp3_items_begin(&items, &header, NULL);
    uint32_t index;
    for (size_t i = 0; i < 4; i++) {
        assert_true(dnp3_items_mask(&items, &in, &index));
        assert_int_equal(index, sorted[i]);
    }
    assert_false(dnp3_items_mask(&items, &in, &index));
    assert_int_equal(items.error, 0);
    assert_int_equal(dnp3_reader_left(&in), 0);
}

static void test_pattern_that_cannot_be_written(void **state)
{
    (void)state;
    static const uint32_t far[] = {1, 65536};
    const struct dnp3_command crob = {.type = DNP3_COMMAND_CROB, .count = 1};
    const struct dnp3_command analog = {.type = DNP3_COMMAND_ANALOG_INT16};
    uint8_t octets[32];
    struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
    assert_int_equal(dnp3_pattern_write(&out, &crob, far, 0), DNP3_ERR_INVALID);
    assert_int_equal(dnp3_pattern_write(&out, &analog, far, 1), DNP3_ERR_INVALID);
    assert_int_equal(dnp3_pattern_write(&out, &crob, far, 2), DNP3_ERR_RANGE);
    assert_int_equal(dnp3_writer_length(&out), 0);
    const uint32_t wide[] = {0, 1000};
    assert_int_equal(dnp3_pattern_write(&out, &crob, wide, 2), DNP3_ERR_FULL);
}

static void test_intervals_that_cannot_be_written(void **state)
{
    (void)state;
    uint8_t octets[10];
    struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
    struct dnp3_interval interval = {.time_ms = 1, .unit = DNP3_INTERVAL_DAYS};
    assert_int_equal(dnp3_interval_write(&out, 1, &interval), DNP3_ERR_INVALID);
    assert_int_equal(dnp3_interval_write(&out, 2, &interval), DNP3_ERR_RANGE);
    assert_int_equal(dnp3_writer_length(&out), 0);
    assert_int_equal(dnp3_interval_write(&out, 4, &interval), DNP3_ERR_FULL);
    interval.time_ms = -1;
    assert_int_equal(dnp3_interval_write(&out, 4, &interval), DNP3_ERR_RANGE);
    interval.time_ms = INT64_C(1) << 48;
    assert_int_equal(dnp3_interval_write(&out, 4, &interval), DNP3_ERR_RANGE);
}

static void test_octet_string_as_a_write_has_it(void **state)
{
    (void)state;
    const uint8_t narrow[] = {110, 2, 0x17, 1, 255, 'h', 'i'};
    const uint8_t wide[] = {110, 2, 0x28, 1, 0, 0, 1, 'h', 'i'};
    uint8_t octets[16];
    struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
    assert_int_equal(dnp3_octet_string_write(&out, 255, "hi", 2), 0);
    assert_memory_equal(octets, narrow, sizeof narrow);
    out = dnp3_writer_of(octets, sizeof octets);
    assert_int_equal(dnp3_octet_string_write(&out, 256, "hi", 2), 0);
    assert_memory_equal(octets, wide, sizeof wide);
    assert_int_equal(dnp3_octet_string_write(&out, 1, "", 0), DNP3_ERR_RANGE);
    assert_int_equal(dnp3_octet_string_write(&out, 65536, "hi", 2), DNP3_ERR_RANGE);
    assert_int_equal(dnp3_octet_string_write(&out, 1, octets, 256), DNP3_ERR_RANGE);
    assert_int_equal(dnp3_octet_string_write(&out, 1, "too much", 8), DNP3_ERR_FULL);
}

static void test_addresses_and_prefixes_of_each_width(void **state)
{
    (void)state;
    static const uint8_t expected[] = {102, 1,  3,   16,   17,   102,  1,    4,    0,    16,
                                       1,   16, 102, 1,    5,    0,    0,    1,    0,    0,
                                       0,   1,  0,   0x12, 0x34, 0x12, 0x78, 0x56, 0x34, 0x12};
    uint8_t octets[64];
    struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
    dnp3_header_write_addresses(&out, 102, 1, 16, 17);
    dnp3_header_write_addresses(&out, 102, 1, 4096, 4097);
    dnp3_header_write_addresses(&out, 102, 1, 65536, 65536);
    dnp3_index_write(&out, 0, 5);
    dnp3_index_write(&out, 1, 0x12);
    dnp3_index_write(&out, 2, 0x1234);
    dnp3_index_write(&out, 4, 0x12345678);
    assert_int_equal(dnp3_writer_length(&out), sizeof expected);
    assert_memory_equal(octets, expected, sizeof expected);
    dnp3_index_write(&out, 1, 256);
    assert_true(out.failed);
}

static void test_sized_objects_read_what_was_written(void **state)
{
    (void)state;
    static uint8_t octets[70000];
    struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
    size_t begun = dnp3_sized_begin(&out, 70, 8);
    dnp3_writer_octets(&out, "a/b", 3);
    dnp3_sized_end(&out, begun);
    struct dnp3_reader in, object;
    struct dnp3_object_header header;
    struct dnp3_items items;
    begin(&out, &in, &header, &items);
    assert_true(dnp3_items_sized(&items, &in, &object));
    assert_int_equal(dnp3_reader_left(&object), 3);
    assert_memory_equal(object.at, "a/b", 3);
    assert_false(dnp3_items_sized(&items, &in, &object));
    assert_int_equal(items.error, 0);
    begun = dnp3_sized_begin(&out, 70, 8);
    dnp3_writer_reserve(&out, 65536);
    dnp3_sized_end(&out, begun);
    assert_true(out.failed);
}

/* A reader is for its own objects. Others it passes over, all of them, and says so; after that, and
 * after what failed, it reads nothing. */
static void assert_passes_over(struct dnp3_reader in,
                               bool (*next)(struct dnp3_items *items, struct dnp3_reader *in))
{
    struct dnp3_object_header header;
    struct dnp3_time_context times = {0};
    struct dnp3_items items;
    assert_int_equal(dnp3_header_read(&in, &header), 0);
    struct dnp3_reader cut = dnp3_reader_of(in.at, 1);
    dnp3_items_begin(&items, &header, &times);
    for (int again = 0; again < 2; again++) {
        assert_false(next(&items, &in));
        assert_int_equal(items.error, DNP3_ERR_UNSUPPORTED);
        assert_int_equal(dnp3_reader_left(&in), 1); /* what stands behind them */
    }
    dnp3_items_begin(&items, &header, &times);
    cut.failed = true;
    assert_false(next(&items, &cut));
    assert_int_equal(items.error, 0);
    assert_int_equal(dnp3_reader_left(&cut), 1);
}

static bool next_command(struct dnp3_items *items, struct dnp3_reader *in)
{
    struct dnp3_command command;
    return dnp3_items_commands(items, in, &command, 1) > 0;
}

static bool next_delay(struct dnp3_items *items, struct dnp3_reader *in)
{
    uint32_t delay_ms;
    return dnp3_items_delay(items, in, &delay_ms);
}

static bool next_sized(struct dnp3_items *items, struct dnp3_reader *in)
{
    struct dnp3_reader object;
    return dnp3_items_sized(items, in, &object);
}

static bool next_pattern(struct dnp3_items *items, struct dnp3_reader *in)
{
    struct dnp3_command pattern;
    return dnp3_items_pattern(items, in, &pattern);
}

static bool next_of_mask(struct dnp3_items *items, struct dnp3_reader *in)
{
    uint32_t index;
    return dnp3_items_mask(items, in, &index);
}

static bool next_interval(struct dnp3_items *items, struct dnp3_reader *in)
{
    struct dnp3_interval interval;
    return dnp3_items_interval(items, in, &interval);
}

static bool next_attribute(struct dnp3_items *items, struct dnp3_reader *in)
{
    struct dnp3_attribute attribute;
    return dnp3_items_attribute(items, in, &attribute);
}

static void test_readers_of_other_objects(void **state)
{
    (void)state;
    static const uint8_t analogs[] = {30, 2, 0x17, 2, 4, 1, 5, 0, 6, 1, 7, 0, 0xEE};
    static const uint8_t sized[] = {50, 2, 0x5B, 1, 2, 0, 5, 0, 0xEE};
    static const uint8_t sized_attribute[] = {0, 252, 0x5B, 1, 2, 0, 5, 0, 0xEE};
    static const uint8_t sized_delay[] = {52, 2, 0x5B, 1, 2, 0, 5, 0, 0xEE};
    static const uint8_t sized_command[] = {41, 2, 0x5B, 1, 2, 0, 5, 0, 0xEE};
    bool (*const readers[])(struct dnp3_items *, struct dnp3_reader *) = {
        next_command, next_delay,    next_sized,    next_pattern,
        next_of_mask, next_interval, next_attribute};
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++)
        assert_passes_over(dnp3_reader_of(analogs, sizeof analogs), readers[i]);
    assert_passes_over(dnp3_reader_of(sized, sizeof sized), next_interval);
    assert_passes_over(dnp3_reader_of(sized_attribute, sizeof sized_attribute), next_attribute);
    assert_passes_over(dnp3_reader_of(sized_delay, sizeof sized_delay), next_delay);
    assert_passes_over(dnp3_reader_of(sized_command, sizeof sized_command), next_command);
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
        cmocka_unit_test(test_command_that_does_not_fit_is_refused),
        cmocka_unit_test(test_commands_read_what_they_write),
        cmocka_unit_test(test_indexes_of_requests),
        cmocka_unit_test(test_pattern_reads_what_it_writes),
        cmocka_unit_test(test_pattern_that_cannot_be_written),
        cmocka_unit_test(test_intervals_that_cannot_be_written),
        cmocka_unit_test(test_octet_string_as_a_write_has_it),
        cmocka_unit_test(test_addresses_and_prefixes_of_each_width),
        cmocka_unit_test(test_sized_objects_read_what_was_written),
        cmocka_unit_test(test_readers_of_other_objects),
        cmocka_unit_test(test_names_of_groups_and_variations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
