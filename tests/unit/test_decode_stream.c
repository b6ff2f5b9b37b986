/* SPDX-License-Identifier: Apache-2.0 */
/* A direction of TCP: segments out of order, repeated, overlapping, lost. Each segment is a run of
 * letters at its sequence, so that what comes out can be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/decode/stream.h"

enum { START = 1000, OUT_MAX = 4096 };

static const uint8_t alphabet[] = "abcdefghijklmnopqrstuvwxyz";

static struct stream stream;
static char out[OUT_MAX]; /* octets; gaps as <n>, early octets as [octets] */
static uint32_t last_number;

static void add(const char *text, size_t length)
{
    size_t at = strlen(out);
    assert_true(at + length < sizeof out);
    memcpy(out + at, text, length);
    out[at + length] = '\0';
}

static void on_octets(void *user, const uint8_t *octets, size_t length, uint32_t number)
{
    (void)user;
    last_number = number;
    add((const char *)octets, length);
}

static void on_gap(void *user, size_t missing, uint32_t number)
{
    char text[32];
    (void)user;
    (void)number;
    snprintf(text, sizeof text, "<%zu>", missing);
    add(text, strlen(text));
}

static void on_early(void *user, const uint8_t *octets, size_t length, uint32_t number)
{
    (void)user;
    (void)number;
    add("[", 1);
    add((const char *)octets, length);
    add("]", 1);
}

static const struct stream_sink sink = {on_octets, on_gap, on_early, NULL};

static int setup(void **state)
{
    (void)state;
    stream_init(&stream);
    stream_start(&stream, START, &sink);
    out[0] = '\0';
    last_number = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stream_release(&stream);
    return 0;
}

/* Letters `from` up to before `to` of the alphabet. */
static void segment_at(uint32_t start, size_t from, size_t to, uint32_t number)
{
    struct stream_segment segment = {.sequence = start + (uint32_t)from,
                                     .octets = alphabet + from,
                                     .length = to - from,
                                     .number = number};
    assert_true(stream_segment(&stream, &segment, &sink));
}

static void segment(size_t from, size_t to, uint32_t number)
{
    segment_at(START, from, to, number);
}

static void test_in_order(void **state)
{
    (void)state;
    segment(0, 3, 1);
    segment(3, 5, 2);
    assert_string_equal(out, "abcde");
}

static void test_out_of_order(void **state)
{
    (void)state;
    segment(6, 8, 1);
    segment(3, 6, 2);
    assert_string_equal(out, "");
    segment(0, 3, 3);
    assert_string_equal(out, "abcdefgh");
    assert_int_equal(last_number, 1); /* each octet with the packet it was in */
}

static void test_repeated(void **state)
{
    (void)state;
    segment(0, 3, 1);
    segment(0, 3, 2);
    segment(4, 6, 3);
    segment(4, 6, 4);
    segment(3, 4, 5);
    segment(2, 4, 6);
    assert_string_equal(out, "abcdef");
}

static void test_overlapping(void **state)
{
    (void)state;
    segment(0, 4, 1);
    segment(2, 6, 2);
    segment(8, 12, 3);
    segment(7, 10, 4);
    segment(5, 9, 5);
    assert_string_equal(out, "abcdefghijkl");
}

static void test_gap_at_the_end_of_the_capture(void **state)
{
    (void)state;
    segment(0, 3, 1);
    segment(5, 8, 2);
    segment(10, 12, 3);
    assert_string_equal(out, "abc");
    stream_flush(&stream, &sink);
    assert_string_equal(out, "abc<2>fgh<2>kl");
}

static void test_gap_that_the_other_end_acknowledged(void **state)
{
    (void)state;
    segment(0, 3, 1);
    segment(5, 8, 2);
    for (int i = 0; i <= STREAM_PATIENCE; i++) {
        assert_string_equal(out, "abc");
        stream_acknowledged(&stream, START + 8, &sink);
    }
    assert_string_equal(out, "abc<2>fgh");
}

static void test_gap_that_is_not_acknowledged_waits(void **state)
{
    (void)state;
    segment(0, 3, 1);
    segment(5, 8, 2);
    for (int i = 0; i < 4 * STREAM_PATIENCE; i++)
        stream_acknowledged(&stream, START + 3, &sink);
    segment(3, 5, 3);
    assert_string_equal(out, "abcdefgh");
}

static void test_gap_behind_which_too_much_waits(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < STREAM_WAITING_MAX; i++)
        segment_at(START + 1 + i, 0, 1, i);
    assert_true(strncmp(out, "<1>aaa", 6) == 0);
    assert_int_equal(strlen(out), 3 + STREAM_WAITING_MAX);
}

static void test_cut_by_the_snap_length(void **state)
{
    (void)state;
    struct stream_segment cut = {
        .sequence = START, .octets = alphabet, .length = 3, .missing = 4, .number = 1};
    assert_true(stream_segment(&stream, &cut, &sink));
    segment(7, 9, 2);
    assert_string_equal(out, "abc<4>hi");
}

static void test_sequence_wraps(void **state)
{
    (void)state;
    stream_start(&stream, UINT32_MAX - 1, &sink);
    segment_at(UINT32_MAX - 1, 4, 8, 1);
    segment_at(UINT32_MAX - 1, 0, 4, 2);
    assert_string_equal(out, "abcdefgh");
}

static void test_beginning_not_captured(void **state)
{
    (void)state;
    stream_init(&stream);
    segment(5, 8, 1);
    stream_acknowledged(&stream, START + 5, &sink);
    assert_string_equal(out, "");
    stream_acknowledged(&stream, START + 8, &sink);
    assert_string_equal(out, "fgh");
    segment(2, 5, 2);
    segment(2, 5, 3);
    segment(8, 9, 4);
    assert_string_equal(out, "fgh[cde]i");
}

static void test_beginning_not_captured_and_out_of_order(void **state)
{
    (void)state;
    stream_init(&stream);
    segment(5, 8, 1);
    segment(2, 5, 2);
    segment(12, 14, 3);
    segment(2, 5, 4);
    assert_string_equal(out, "");
    stream_acknowledged(&stream, START + 8, &sink);
    assert_string_equal(out, "cdefgh");
    segment(8, 12, 5);
    assert_string_equal(out, "cdefghijklmn");
}

static void test_beginning_that_nobody_acknowledges(void **state)
{
    (void)state;
    stream_init(&stream);
    segment(12, 14, 1);
    for (uint32_t number = 2; number < STREAM_SETTLING; number++) {
        segment(5, 8, number);
        assert_string_equal(out, "");
    }
    segment(2, 5, STREAM_SETTLING);
    assert_string_equal(out, "cdefgh");
    stream_flush(&stream, &sink);
    assert_string_equal(out, "cdefgh<4>mn");
}

static void test_capture_that_ends_before_its_beginning_is_known(void **state)
{
    (void)state;
    stream_init(&stream);
    segment(5, 8, 1);
    segment(2, 4, 2);
    stream_flush(&stream, &sink);
    assert_string_equal(out, "cd<1>fgh");
}

static void test_beginning_told_by_the_other_end(void **state)
{
    (void)state;
    stream_init(&stream);
    stream_acknowledged(&stream, START + 2, &sink);
    segment(5, 8, 1);
    segment(2, 5, 2);
    assert_string_equal(out, "cdefgh");
}

static void test_beginning_acknowledged_before_it_shows(void **state)
{
    (void)state;
    stream_init(&stream);
    stream_acknowledged(&stream, START + 5, &sink);
    segment(3, 5, 1);
    segment(0, 3, 2);
    stream_acknowledged(&stream, START + 5, &sink);
    segment(5, 6, 3);
    assert_string_equal(out, "abcdef");
}

static void test_jump_to_another_connection(void **state)
{
    (void)state;
    segment(0, 3, 1);
    segment_at(START + STREAM_JUMP * 2U, 0, 3, 2);
    stream_flush(&stream, &sink);
    assert_string_equal(out, "abc<0>abc");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_in_order),
        CASE(test_out_of_order),
        CASE(test_repeated),
        CASE(test_overlapping),
        CASE(test_gap_at_the_end_of_the_capture),
        CASE(test_gap_that_the_other_end_acknowledged),
        CASE(test_gap_that_is_not_acknowledged_waits),
        CASE(test_gap_behind_which_too_much_waits),
        CASE(test_cut_by_the_snap_length),
        CASE(test_sequence_wraps),
        CASE(test_beginning_not_captured),
        CASE(test_beginning_not_captured_and_out_of_order),
        CASE(test_beginning_that_nobody_acknowledges),
        CASE(test_capture_that_ends_before_its_beginning_is_known),
        CASE(test_beginning_told_by_the_other_end),
        CASE(test_beginning_acknowledged_before_it_shows),
        CASE(test_jump_to_another_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
