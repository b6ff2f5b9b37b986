/* SPDX-License-Identifier: Apache-2.0 */
/* Objects that are no points: commands, patterns, intervals, what carries its own size, indexes of
 * requests. Each is read as it was written, and by its own reader only. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dnp3/attribute.h"
#include "dnp3/error.h"
#include "dnp3/objects.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
