/* SPDX-License-Identifier: Apache-2.0 */
/* The transport function's rules of reception, and that what it writes it reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dnp3/transport.h"
#include "tests/lib/heap.h"

enum { FIR = DNP3_TRANSPORT_FIR, FIN = DNP3_TRANSPORT_FIN };

static struct dnp3_pool *pool;
static struct dnp3_transport transport;
static struct dnp3_reader fragment;

static int setup(void **state)
{
    (void)state;
    pool = dnp3_pool_create(&heap, 2);
    dnp3_transport_init(&transport, DNP3_FRAGMENT_MAX);
    return pool ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    dnp3_transport_release(&transport, pool);
    assert_int_equal(dnp3_pool_available(pool), 2);
    dnp3_pool_free(pool);
    return 0;
}

/* One segment from `source`: its header octet, then its text. */
static bool receive(uint16_t source, unsigned header, const char *text)
{
    static uint8_t data[DNP3_LINK_DATA_MAX];
    size_t length = strlen(text);
    data[0] = (uint8_t)header;
    memcpy(data + 1, text, length);
    return dnp3_transport_receive(&transport, pool, source, data, length + 1, &fragment);
}

static void assert_fragment(const char *text)
{
    assert_int_equal(dnp3_reader_left(&fragment), strlen(text));
    assert_memory_equal(fragment.at, text, strlen(text));
}

static void test_single_segment_borrows_no_buffer(void **state)
{
    (void)state;
    assert_true(receive(1, FIR | FIN | 17, "abc"));
    assert_fragment("abc");
    assert_int_equal(dnp3_pool_available(pool), 2);
    assert_int_equal(transport.counters.fragments, 1);
}

static void test_segments_in_order(void **state)
{
    (void)state;
    assert_false(receive(1, FIR | 62, "ab"));
    assert_int_equal(dnp3_pool_available(pool), 1);
    assert_false(receive(1, 63, "cd"));
    assert_true(receive(1, FIN | 0, "e"));
    assert_fragment("abcde");
    dnp3_transport_release(&transport, pool);
    assert_int_equal(dnp3_pool_available(pool), 2);
    assert_int_equal(transport.counters.segments, 3);
    assert_int_equal(transport.counters.discarded, 0);
}

static void test_first_starts_anew(void **state)
{
    (void)state;
    assert_false(receive(1, FIR | 5, "old"));
    assert_false(receive(1, FIR | 40, "ne"));
    assert_true(receive(1, FIN | 41, "w"));
    assert_fragment("new");
    assert_int_equal(transport.counters.discarded, 1);
}

static void test_gap_discards_all(void **state)
{
    (void)state;
    assert_false(receive(1, FIR | 5, "a"));
    assert_false(receive(1, 7, "c"));
    assert_false(receive(1, FIN | 8, "d"));
    assert_int_equal(transport.counters.discarded, 2);
    assert_int_equal(dnp3_pool_available(pool), 2);
}

static void test_no_first_is_discarded(void **state)
{
    (void)state;
    assert_false(receive(1, FIN | 3, "a"));
    assert_int_equal(transport.counters.discarded, 1);
}

static void test_repeated_segment_is_dropped(void **state)
{
    (void)state;
    assert_false(receive(1, FIR | 5, "a"));
    assert_false(receive(1, 6, "b"));
    assert_false(receive(1, 6, "b"));
    assert_true(receive(1, FIN | 7, "c"));
    assert_fragment("abc");
    assert_int_equal(transport.counters.discarded, 1);
}

static void test_other_source_discards(void **state)
{
    (void)state;
    assert_false(receive(1, FIR | 5, "a"));
    assert_false(receive(2, 6, "b"));
    assert_false(receive(1, FIN | 6, "b"));
    assert_int_equal(transport.counters.discarded, 2);
}

static void test_empty_segment_is_discarded(void **state)
{
    (void)state;
    assert_false(receive(1, FIR | FIN | 5, ""));
    assert_false(dnp3_transport_receive(&transport, pool, 1, NULL, 0, &fragment));
    assert_int_equal(transport.counters.discarded, 2);
}

static void test_too_long_is_discarded(void **state)
{
    (void)state;
    dnp3_transport_init(&transport, 4);
    assert_false(receive(1, FIR | 5, "abc"));
    assert_false(receive(1, FIN | 6, "de"));
    assert_int_equal(transport.counters.discarded, 1);
    assert_false(receive(1, FIR | FIN | 5, "abcde"));
    assert_true(receive(1, FIR | FIN | 5, "abcd"));
}

static void test_empty_pool_loses_the_fragment(void **state)
{
    (void)state;
    uint8_t *one = dnp3_pool_borrow(pool);
    uint8_t *two = dnp3_pool_borrow(pool);
    assert_null(dnp3_pool_borrow(pool));
    assert_false(receive(1, FIR | 5, "a"));
    assert_false(receive(1, FIN | 6, "b"));
    assert_int_equal(transport.counters.no_buffer, 1);
    assert_true(receive(1, FIR | FIN | 7, "c"));
    dnp3_pool_return(pool, one);
    dnp3_pool_return(pool, two);
}

static void test_written_fragments_come_back(void **state)
{
    (void)state;
    static uint8_t octets[DNP3_FRAGMENT_MAX];
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)(i * 31);
    for (size_t length = 1; length <= sizeof octets; length += length < 600 ? 1 : 97) {
        struct dnp3_writer out = dnp3_writer_of(dnp3_pool_wire(pool), DNP3_WIRE_MAX);
        dnp3_transport_write(&transport, &out, 0xC4, 10, 1, octets, length);
        assert_false(out.failed);
        assert_true(dnp3_writer_length(&out) <= dnp3_transport_wire_size(length));
        struct dnp3_reader in = dnp3_reader_of(out.start, dnp3_writer_length(&out));
        struct dnp3_link_parser parser;
        dnp3_link_parser_init(&parser);
        struct dnp3_link_frame frame;
        uint8_t data[DNP3_LINK_DATA_MAX];
        unsigned whole = 0;
        while (dnp3_link_parser_next(&parser, &in, data, &frame))
            whole += dnp3_transport_receive(&transport, pool, frame.source, frame.data,
                                            frame.length, &fragment);
        assert_int_equal(whole, 1);
        assert_int_equal(dnp3_reader_left(&fragment), length);
        assert_memory_equal(fragment.at, octets, length);
        dnp3_transport_release(&transport, pool);
    }
    assert_int_equal(transport.counters.discarded, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_single_segment_borrows_no_buffer),
        TEST(test_segments_in_order),
        TEST(test_first_starts_anew),
        TEST(test_gap_discards_all),
        TEST(test_no_first_is_discarded),
        TEST(test_repeated_segment_is_dropped),
        TEST(test_other_source_discards),
        TEST(test_empty_segment_is_discarded),
        TEST(test_too_long_is_discarded),
        TEST(test_empty_pool_loses_the_fragment),
        TEST(test_written_fragments_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
