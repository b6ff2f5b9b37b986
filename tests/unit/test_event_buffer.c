/* SPDX-License-Identifier: Apache-2.0 */
/* Events: order, marking, writing, and that only a confirm or an overflow removes one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "dnp3/event_buffer.h"
#include "tests/lib/wire.h"

static struct dnp3_event_buffer *make(uint16_t capacity)
{
    struct dnp3_event_config config = {.capacity = {capacity, capacity, capacity},
                                       .octet_string_size = 8};
    return dnp3_event_buffer_create(&heap, &config);
}

static bool add(struct dnp3_event_buffer *buffer, enum dnp3_point_type type, uint8_t event_class,
                uint8_t variation, uint32_t index, double value)
{
    struct dnp3_point point = {.index = index,
                               .flags = 1,
                               .number = value,
                               .time_quality = DNP3_TIME_SYNCHRONIZED,
                               .time_ms = 0x0102};
    return dnp3_event_buffer_add(buffer, type, event_class, variation, &point);
}

/* Writes the marked events into `room` octets and compares. */
static void assert_written(struct dnp3_event_buffer *buffer, size_t room, const char *expected)
{
    uint8_t octets[512];
    char text[3 * sizeof octets];
    struct dnp3_writer out = dnp3_writer_of(octets, room);
    dnp3_event_buffer_write(buffer, &out, true);
    assert_false(out.failed);
    assert_string_equal(wire_to_hex(octets, dnp3_writer_length(&out), text), expected);
}

static void classes_merge_in_order_of_occurrence(void **state)
{
    (void)state;
    struct dnp3_event_buffer *buffer = make(4);
    add(buffer, DNP3_POINT_BINARY_INPUT, 1, 1, 3, 1);
    add(buffer, DNP3_POINT_ANALOG_INPUT, 2, 2, 4, 7);
    add(buffer, DNP3_POINT_BINARY_INPUT, 1, 1, 5, 0);
    add(buffer, DNP3_POINT_BINARY_INPUT, 1, 1, 300, 1);
    dnp3_event_buffer_select(buffer, DNP3_CLASS_MASK, DNP3_POINT_TYPES, 0, UINT32_MAX);
    assert_written(buffer, 512,
                   "02 01 17 01 03 81 20 02 17 01 04 01 07 00 02 01 17 01 05 01 "
                   "02 01 28 01 00 2C 01 81");
    dnp3_event_buffer_free(buffer);
}

static void stays_until_confirmed(void **state)
{
    (void)state;
    struct dnp3_event_buffer *buffer = make(4);
    add(buffer, DNP3_POINT_BINARY_INPUT, 1, 1, 0, 1);
    assert_int_equal(dnp3_event_buffer_classes(buffer), 0x02);
    dnp3_event_buffer_select(buffer, DNP3_CLASS_MASK, DNP3_POINT_TYPES, 0, UINT32_MAX);
    assert_written(buffer, 512, "02 01 17 01 00 81");
    assert_int_equal(dnp3_event_buffer_classes(buffer), 0);
    assert_written(buffer, 512, "");
    dnp3_event_buffer_restore(buffer);
    assert_int_equal(dnp3_event_buffer_classes(buffer), 0x02);
    dnp3_event_buffer_select(buffer, DNP3_CLASS_MASK, DNP3_POINT_TYPES, 0, UINT32_MAX);
    assert_written(buffer, 512, "02 01 17 01 00 81");
    assert_int_equal(dnp3_event_buffer_confirm(buffer, NULL, NULL), 1);
    dnp3_event_buffer_select(buffer, DNP3_CLASS_MASK, DNP3_POINT_TYPES, 0, UINT32_MAX);
    assert_written(buffer, 512, "");
    assert_int_equal(dnp3_event_buffer_room(buffer, 1), 4);
    dnp3_event_buffer_free(buffer);
}

static void a_full_fragment_leaves_the_rest_marked(void **state)
{
    (void)state;
    struct dnp3_event_buffer *buffer = make(4);
    for (uint32_t i = 0; i < 3; i++)
        add(buffer, DNP3_POINT_BINARY_INPUT, 1, 1, i, 1);
    dnp3_event_buffer_select(buffer, DNP3_CLASS_MASK, DNP3_POINT_TYPES, 0, UINT32_MAX);
    assert_written(buffer, 9, "02 01 17 02 00 81 01 81");
    assert_int_equal(dnp3_event_buffer_selected(buffer), 1);
    assert_int_equal(dnp3_event_buffer_confirm(buffer, NULL, NULL), 2);
    assert_written(buffer, 9, "02 01 17 01 02 81");
    dnp3_event_buffer_free(buffer);
}

static void select_by_class_type_count_and_variation(void **state)
{
    (void)state;
    struct dnp3_event_buffer *buffer = make(4);
    add(buffer, DNP3_POINT_BINARY_INPUT, 1, 2, 0, 1);
    add(buffer, DNP3_POINT_ANALOG_INPUT, 2, 1, 1, 5);
    add(buffer, DNP3_POINT_ANALOG_INPUT, 2, 1, 2, 6);
    dnp3_event_buffer_select(buffer, DNP3_CLASS_MASK, DNP3_POINT_ANALOG_INPUT, 2, 1);
    assert_written(buffer, 512, "20 02 17 01 01 01 05 00");
    dnp3_event_buffer_restore(buffer);
    dnp3_event_buffer_select(buffer, dnp3_class_bit(1), DNP3_POINT_TYPES, 0, UINT32_MAX);
    assert_written(buffer, 512, "02 02 17 01 00 81 02 01 00 00 00 00");
    dnp3_event_buffer_free(buffer);
}

static void overflow_drops_the_oldest_of_its_class(void **state)
{
    (void)state;
    struct dnp3_event_buffer *buffer = make(2);
    assert_false(add(buffer, DNP3_POINT_BINARY_INPUT, 1, 1, 0, 1));
    assert_false(add(buffer, DNP3_POINT_ANALOG_INPUT, 2, 2, 9, 1));
    assert_false(add(buffer, DNP3_POINT_BINARY_INPUT, 1, 1, 1, 1));
    assert_false(dnp3_event_buffer_overflowed(buffer));
    assert_true(add(buffer, DNP3_POINT_BINARY_INPUT, 1, 1, 2, 1));
    assert_true(dnp3_event_buffer_overflowed(buffer));
    dnp3_event_buffer_select(buffer, dnp3_class_bit(1), DNP3_POINT_TYPES, 0, 1);
    assert_written(buffer, 512, "02 01 17 01 01 81");
    dnp3_event_buffer_confirm(buffer, NULL, NULL);
    assert_false(dnp3_event_buffer_overflowed(buffer));
    assert_int_equal(dnp3_event_buffer_pending(buffer, DNP3_CLASS_MASK), 2);
    dnp3_event_buffer_free(buffer);
}

static void relative_times_get_a_common_time(void **state)
{
    (void)state;
    struct dnp3_event_buffer *buffer = make(8);
    const int64_t times[] = {1000, 1010, 1000 + 65536, 999};
    for (uint32_t i = 0; i < 4; i++) {
        struct dnp3_point point = {
            .index = i, .flags = 1, .time_quality = DNP3_TIME_SYNCHRONIZED, .time_ms = times[i]};
        dnp3_event_buffer_add(buffer, DNP3_POINT_BINARY_INPUT, 1, 3, &point);
    }
    dnp3_event_buffer_select(buffer, DNP3_CLASS_MASK, DNP3_POINT_TYPES, 0, UINT32_MAX);
    assert_written(buffer, 512,
                   "33 01 07 01 E8 03 00 00 00 00 02 03 17 02 00 01 00 00 01 01 0A 00 "
                   "33 01 07 01 E8 03 01 00 00 00 02 03 17 01 02 01 00 00 "
                   "33 01 07 01 E7 03 00 00 00 00 02 03 17 01 03 01 00 00");
    dnp3_event_buffer_free(buffer);
}

static void octet_strings_keep_their_own_octets(void **state)
{
    (void)state;
    struct dnp3_event_buffer *buffer = make(4);
    uint8_t text[] = "ab";
    struct dnp3_point point = {.index = 1, .length = 2, .octets = text};
    dnp3_event_buffer_add(buffer, DNP3_POINT_OCTET_STRING, 3, 0, &point);
    text[0] = 'x';
    dnp3_event_buffer_select(buffer, DNP3_CLASS_MASK, DNP3_POINT_TYPES, 0, UINT32_MAX);
    assert_written(buffer, 512, "6F 02 17 01 01 61 62");
    dnp3_event_buffer_confirm(buffer, NULL, NULL);
    point = (struct dnp3_point){.index = 2,
                                .length = 10,
                                .octets = (const uint8_t *)"0123456789"}; /* there is room for 8 */
    dnp3_event_buffer_add(buffer, DNP3_POINT_OCTET_STRING, 3, 0, &point);
    dnp3_event_buffer_select(buffer, DNP3_CLASS_MASK, DNP3_POINT_TYPES, 0, UINT32_MAX);
    assert_written(buffer, 512, "6F 08 17 01 02 30 31 32 33 34 35 36 37");
    dnp3_event_buffer_free(buffer);
}

/* Events of one type are read and confirmed from between those of others: the rest keeps its order,
 * and room for as many as before. */
static void confirmed_ones_leave_from_the_middle(void **state)
{
    (void)state;
    struct dnp3_event_buffer *buffer = make(3);
    for (int round = 0; round < 3; round++) {
        assert_false(add(buffer, DNP3_POINT_BINARY_INPUT, 1, 1, 0, 1));
        assert_false(add(buffer, DNP3_POINT_ANALOG_INPUT, 1, 2, 4, 7));
        assert_false(add(buffer, DNP3_POINT_BINARY_INPUT, 1, 1, 5, 1));
        dnp3_event_buffer_select(buffer, DNP3_CLASS_MASK, DNP3_POINT_ANALOG_INPUT, 0, UINT32_MAX);
        assert_written(buffer, 512, "20 02 17 01 04 01 07 00");
        dnp3_event_buffer_confirm(buffer, NULL, NULL);
        assert_int_equal(dnp3_event_buffer_pending(buffer, DNP3_CLASS_MASK), 2);
        dnp3_event_buffer_select(buffer, DNP3_CLASS_MASK, DNP3_POINT_TYPES, 0, UINT32_MAX);
        assert_written(buffer, 512, "02 01 17 02 00 81 05 81");
        dnp3_event_buffer_confirm(buffer, NULL, NULL);
    }
    dnp3_event_buffer_free(buffer);
}

/* A class without room loses each of its events, and says so. */
static void a_class_without_room(void **state)
{
    (void)state;
    struct dnp3_event_config config = {.capacity = {1, 0, 1}};
    struct dnp3_event_buffer *buffer = dnp3_event_buffer_create(&heap, &config);
    assert_true(add(buffer, DNP3_POINT_BINARY_INPUT, 2, 1, 0, 1));
    assert_true(dnp3_event_buffer_overflowed(buffer));
    assert_int_equal(dnp3_event_buffer_pending(buffer, DNP3_CLASS_MASK), 0);
    assert_false(add(buffer, DNP3_POINT_BINARY_INPUT, 3, 1, 0, 1));
    dnp3_event_buffer_select(buffer, DNP3_CLASS_MASK, DNP3_POINT_TYPES, 0, UINT32_MAX);
    assert_written(buffer, 512, "02 01 17 01 00 81");
    dnp3_event_buffer_confirm(buffer, NULL, NULL);
    assert_false(dnp3_event_buffer_overflowed(buffer));
    dnp3_event_buffer_free(buffer);
    dnp3_event_buffer_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_merge_in_order_of_occurrence),
        cmocka_unit_test(stays_until_confirmed),
        cmocka_unit_test(a_full_fragment_leaves_the_rest_marked),
        cmocka_unit_test(select_by_class_type_count_and_variation),
        cmocka_unit_test(overflow_drops_the_oldest_of_its_class),
        cmocka_unit_test(relative_times_get_a_common_time),
        cmocka_unit_test(octet_strings_keep_their_own_octets),
        cmocka_unit_test(confirmed_ones_leave_from_the_middle),
        cmocka_unit_test(a_class_without_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
