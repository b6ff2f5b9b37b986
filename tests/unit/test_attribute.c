/* SPDX-License-Identifier: Apache-2.0 */
/* Device attributes: every type reads what it writes, in the fewest octets or in those asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dnp3/attribute.h"
#include "dnp3/error.h"

/* Writes one attribute under a header of its set and reads it back. */
static struct dnp3_attribute there_and_back(const struct dnp3_attribute *attribute)
{
    static uint8_t octets[1024];
    struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
    dnp3_header_write_range(&out, 0, attribute->variation, attribute->set, attribute->set);
    assert_int_equal(dnp3_attribute_write(&out, attribute), 0);
    struct dnp3_reader in = dnp3_reader_of(octets, dnp3_writer_length(&out));
    struct dnp3_object_header header;
    struct dnp3_items items;
    struct dnp3_attribute read;
    assert_int_equal(dnp3_header_read(&in, &header), 0);
    dnp3_items_begin(&items, &header, NULL);
    assert_true(dnp3_items_attribute(&items, &in, &read));
    assert_int_equal(read.set, attribute->set);
    assert_int_equal(read.variation, attribute->variation);
    struct dnp3_attribute none;
    assert_false(dnp3_items_attribute(&items, &in, &none));
    assert_int_equal(items.error, 0);
    assert_int_equal(dnp3_reader_left(&in), 0);
    return read;
}

static void test_unsigned_in_the_fewest_octets(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        uint16_t length;
    } cases[] = {{0, 1},     {255, 1},        {256, 2},        {65535, 2},
                 {65536, 4}, {UINT32_MAX, 4}, {1ULL << 32, 8}, {UINT64_MAX, 8}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dnp3_attribute attribute = {.set = 3,
                                           .variation = DNP3_ATTRIBUTE_MAX_RECEIVE_FRAGMENT,
                                           .type = DNP3_ATTRIBUTE_TYPE_UNSIGNED,
                                           .natural = cases[i].value};
        struct dnp3_attribute read = there_and_back(&attribute);
        assert_int_equal(read.length, cases[i].length);
        assert_true(read.natural == cases[i].value);
        for (attribute.length = cases[i].length; attribute.length <= 8; attribute.length++)
            assert_true(there_and_back(&attribute).natural == cases[i].value);
    }
}

static void test_signed_in_the_fewest_octets(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        uint16_t length;
    } cases[] = {{0, 1},         {127, 1},       {-128, 1},
                 {128, 2},       {-129, 2},      {-32768, 2},
                 {32768, 4},     {INT32_MIN, 4}, {INT64_C(1) << 31, 8},
                 {INT64_MAX, 8}, {INT64_MIN, 8}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dnp3_attribute attribute = {
            .type = DNP3_ATTRIBUTE_TYPE_SIGNED, .variation = 203, .integer = cases[i].value};
        struct dnp3_attribute read = there_and_back(&attribute);
        assert_int_equal(read.length, cases[i].length);
        assert_true(read.integer == cases[i].value);
        for (attribute.length = cases[i].length; attribute.length <= 8; attribute.length++)
            assert_true(there_and_back(&attribute).integer == cases[i].value);
    }
}

static void test_floats_stay_exact(void **state)
{
    (void)state;
    struct dnp3_attribute attribute = {
        .type = DNP3_ATTRIBUTE_TYPE_FLOAT, .variation = 204, .real = -0.75};
    assert_int_equal(there_and_back(&attribute).length, 4);
    assert_true(there_and_back(&attribute).real == -0.75);
    attribute.real = 0.1;
    assert_int_equal(there_and_back(&attribute).length, 8);
    assert_true(there_and_back(&attribute).real == 0.1);
    attribute.length = 4;
    assert_true(there_and_back(&attribute).real == (double)0.1F);
}

static void test_time_and_strings(void **state)
{
    (void)state;
    struct dnp3_attribute attribute = {
        .type = DNP3_ATTRIBUTE_TYPE_TIME, .variation = 198, .time_ms = 1763719200123};
    assert_true(there_and_back(&attribute).time_ms == 1763719200123);
    static uint8_t text[256];
    memset(text, 'x', sizeof text);
    for (uint16_t length = 0; length <= 255; length += 51) {
        attribute = (struct dnp3_attribute){.type = DNP3_ATTRIBUTE_TYPE_VISIBLE_STRING,
                                            .variation = 245,
                                            .length = length,
                                            .octets = text};
        struct dnp3_attribute read = there_and_back(&attribute);
        assert_int_equal(read.length, length);
        assert_memory_equal(read.octets, text, length);
    }
}

static void test_lists_of_every_length(void **state)
{
    (void)state;
    uint8_t octets[510];
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)(i / 2 + (i & 1 ? i / 2 & 1 : 0));
    for (uint16_t length = 0; length <= 510; length += 2) {
        struct dnp3_attribute attribute = {.type = DNP3_ATTRIBUTE_TYPE_LIST,
                                           .variation = DNP3_ATTRIBUTE_VARIATIONS,
                                           .length = length,
                                           .octets = octets};
        struct dnp3_attribute read = there_and_back(&attribute);
        assert_int_equal(read.type, length < 256 ? DNP3_ATTRIBUTE_TYPE_LIST
                                                 : DNP3_ATTRIBUTE_TYPE_EXTENDED_LIST);
        assert_int_equal(read.length, length);
        struct dnp3_attribute_entry entry;
        size_t place = 0;
        unsigned count = 0;
        for (; dnp3_attribute_entry(&read, &place, &entry); count++)
            assert_int_equal(entry.variation, (uint8_t)count);
        assert_int_equal(count, length / 2);
    }
    struct dnp3_attribute text = {
        .type = DNP3_ATTRIBUTE_TYPE_OCTET_STRING, .length = 4, .octets = octets};
    size_t place = 0;
    struct dnp3_attribute_entry entry;
    assert_false(dnp3_attribute_entry(&text, &place, &entry));
}

static void assert_refused(struct dnp3_attribute attribute)
{
    uint8_t octets[600];
    struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
    assert_int_equal(dnp3_attribute_write(&out, &attribute), DNP3_ERR_RANGE);
    assert_int_equal(dnp3_writer_length(&out), 0);
}

static void test_what_cannot_be_written(void **state)
{
    (void)state;
    static const uint8_t octets[600];
    assert_refused(
        (struct dnp3_attribute){.type = DNP3_ATTRIBUTE_TYPE_UNSIGNED, .length = 1, .natural = 256});
    assert_refused(
        (struct dnp3_attribute){.type = DNP3_ATTRIBUTE_TYPE_UNSIGNED, .length = 9, .natural = 1});
    assert_refused(
        (struct dnp3_attribute){.type = DNP3_ATTRIBUTE_TYPE_SIGNED, .length = 1, .integer = 128});
    assert_refused(
        (struct dnp3_attribute){.type = DNP3_ATTRIBUTE_TYPE_SIGNED, .length = 1, .integer = -129});
    assert_refused(
        (struct dnp3_attribute){.type = DNP3_ATTRIBUTE_TYPE_FLOAT, .length = 4, .real = 1e39});
    assert_refused(
        (struct dnp3_attribute){.type = DNP3_ATTRIBUTE_TYPE_FLOAT, .length = 5, .real = 1});
    assert_refused((struct dnp3_attribute){.type = DNP3_ATTRIBUTE_TYPE_TIME, .time_ms = -1});
    assert_refused((struct dnp3_attribute){
        .type = DNP3_ATTRIBUTE_TYPE_VISIBLE_STRING, .length = 256, .octets = octets});
    assert_refused(
        (struct dnp3_attribute){.type = DNP3_ATTRIBUTE_TYPE_LIST, .length = 512, .octets = octets});
    uint8_t small[4];
    struct dnp3_writer out = dnp3_writer_of(small, sizeof small);
    struct dnp3_attribute text = {
        .type = DNP3_ATTRIBUTE_TYPE_VISIBLE_STRING, .length = 3, .octets = octets};
    assert_int_equal(dnp3_attribute_write(&out, &text), DNP3_ERR_FULL);
}

static void test_names_there_and_back(void **state)
{
    (void)state;
    for (int variation = 0; variation < 256; variation++) {
        const char *name = dnp3_attribute_name((uint8_t)variation);
        if (name)
            assert_int_equal(dnp3_attribute_from_name(name), variation);
    }
    assert_string_equal(dnp3_attribute_name(241), "max_receive_fragment");
    assert_null(dnp3_attribute_name(244));
    assert_int_equal(dnp3_attribute_from_name("colour"), -1);
    assert_string_equal(dnp3_attribute_type_name(254), "list");
    assert_null(dnp3_attribute_type_name(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unsigned_in_the_fewest_octets),
        cmocka_unit_test(test_signed_in_the_fewest_octets),
        cmocka_unit_test(test_floats_stay_exact),
        cmocka_unit_test(test_time_and_strings),
        cmocka_unit_test(test_lists_of_every_length),
        cmocka_unit_test(test_what_cannot_be_written),
        cmocka_unit_test(test_names_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
