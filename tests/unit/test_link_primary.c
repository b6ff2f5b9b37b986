/* SPDX-License-Identifier: Apache-2.0 */
/* A primary station with confirmed data: every step from every state, and the frames of a fragment
 * through losses, refusals and a secondary without room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dnp3/link_primary.h"

enum { TIMEOUT = 1000, ACK = 0x00, NACK = 0x01, STATUS = 0x0B, UNSUPPORTED = 0x0F, FULL = 0x10 };
enum { OUTSTATION = 10, MASTER = 1 };

static struct dnp3_primary *primary;
static struct dnp3_transport transport;
static const uint8_t text[600] = {1, 2, 3, [249] = 9, [599] = 7};

static int setup(void **state)
{
    (void)state;
    dnp3_transport_init(&transport, DNP3_FRAGMENT_MAX);
    primary = malloc(dnp3_primary_size(sizeof text));
    if (!primary)
        return -1;
    dnp3_primary_init(primary, TIMEOUT);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(primary);
    return 0;
}

/* The control octet of the frame that leaves at `now`, with how much data; 0: none. */
static uint8_t written(uint64_t now, size_t *length)
{
    uint8_t wire[DNP3_LINK_FRAME_MAX];
    uint8_t data[DNP3_LINK_DATA_MAX];
    struct dnp3_writer out = dnp3_writer_of(wire, sizeof wire);
    if (!dnp3_primary_write(primary, &transport, &out, DNP3_LINK_DIR, OUTSTATION, MASTER, now)) {
        assert_int_equal(dnp3_writer_length(&out), 0);
        return 0;
    }
    struct dnp3_link_parser parser;
    struct dnp3_link_frame frame;
    struct dnp3_reader in = dnp3_reader_of(wire, dnp3_writer_length(&out));
    dnp3_link_parser_init(&parser);
    assert_true(dnp3_link_parser_next(&parser, &in, data, &frame));
    assert_int_equal(dnp3_reader_left(&in), 0);
    assert_int_equal(frame.destination, OUTSTATION);
    assert_int_equal(frame.source, MASTER);
    if (length)
        *length = frame.length;
    return frame.control;
}

static enum dnp3_primary_outcome said(uint8_t control, uint64_t now)
{
    return dnp3_primary_receive(primary, &transport, control, now);
}

static void open_link(void)
{
    dnp3_primary_open(primary, 0);
    assert_int_equal(written(0, NULL), 0xC0);
    assert_int_equal(said(ACK, 0), DNP3_PRIMARY_READY);
    assert_true(primary->reset);
    assert_false(dnp3_primary_busy(primary));
}

static void send(size_t length, struct dnp3_primary_terms terms)
{
    dnp3_primary_send(primary, text, length, terms);
}

static void test_every_step(void **state)
{
    (void)state;
    /* ACK, NACK, STATUS, UNSUPPORTED, TIMEOUT, without DFC and with it */
    static const char *const steps[DNP3_PRIMARY_STATES][2] = {
        [DNP3_PRIMARY_IDLE] = {".....", "....."},    [DNP3_PRIMARY_RESETTING] = {"o..gr", "o..gr"},
        [DNP3_PRIMARY_SENDING] = {"an.gr", "aw.gr"}, [DNP3_PRIMARY_FULL] = {"....?", "....?"},
        [DNP3_PRIMARY_ASKING] = {"..>>r", "..wwr"},
    };
    static const char letters[] = {
        [DNP3_PRIMARY_IGNORE] = '.', [DNP3_PRIMARY_OPEN] = 'o',  [DNP3_PRIMARY_ADVANCE] = 'a',
        [DNP3_PRIMARY_REPEAT] = 'r', [DNP3_PRIMARY_RENEW] = 'n', [DNP3_PRIMARY_WAIT] = 'w',
        [DNP3_PRIMARY_ASK] = '?',    [DNP3_PRIMARY_GO_ON] = '>', [DNP3_PRIMARY_GIVE_UP] = 'g'};
    for (unsigned s = 0; s < DNP3_PRIMARY_STATES; s++)
        for (unsigned full = 0; full < 2; full++)
            for (unsigned i = 0; i < DNP3_PRIMARY_INPUTS; i++)
                assert_int_equal(letters[dnp3_primary_judge((enum dnp3_primary_state)s,
                                                            (enum dnp3_primary_input)i, full)],
                                 steps[s][full][i]);
}

static void test_frames_one_at_a_time(void **state)
{
    (void)state;
    size_t length;
    open_link();
    send(600, (struct dnp3_primary_terms){.retries = 1});
    assert_int_equal(written(0, &length), 0xF3);
    assert_int_equal(length, 250);
    assert_int_equal(written(0, NULL), 0); /* it is on its way */
    assert_int_equal(primary->deadline_ms, TIMEOUT);
    assert_int_equal(said(ACK, 10), DNP3_PRIMARY_NOTHING);
    assert_int_equal(written(10, NULL), 0xD3);
    assert_int_equal(dnp3_primary_tick(primary, 10 + TIMEOUT - 1), DNP3_PRIMARY_NOTHING);
    assert_int_equal(written(10 + TIMEOUT - 1, NULL), 0);
    assert_int_equal(dnp3_primary_tick(primary, 10 + TIMEOUT), DNP3_PRIMARY_NOTHING);
    assert_int_equal(written(10 + TIMEOUT, &length), 0xD3); /* with the FCB it had */
    assert_int_equal(length, 250);
    assert_int_equal(said(ACK, 2000), DNP3_PRIMARY_NOTHING);
    assert_int_equal(written(2000, &length), 0xF3);
    assert_int_equal(length, 600 - 2 * 249 + 1);
    assert_int_equal(said(ACK, 2000), DNP3_PRIMARY_DELIVERED);
    assert_int_equal(primary->counters.retries, 1);
    assert_int_equal(transport.sending, 3);
    assert_int_equal(primary->deadline_ms, UINT64_MAX);
}

/* The same segment each time, until it is acknowledged. */
static void test_a_repeat_is_identical(void **state)
{
    (void)state;
    uint8_t first[DNP3_LINK_FRAME_MAX];
    uint8_t second[DNP3_LINK_FRAME_MAX];
    struct dnp3_writer one = dnp3_writer_of(first, sizeof first);
    struct dnp3_writer two = dnp3_writer_of(second, sizeof second);
    open_link();
    send(600, (struct dnp3_primary_terms){.retries = 1});
    assert_true(dnp3_primary_write(primary, &transport, &one, DNP3_LINK_DIR, 10, 1, 0));
    dnp3_primary_tick(primary, TIMEOUT);
    assert_true(dnp3_primary_write(primary, &transport, &two, DNP3_LINK_DIR, 10, 1, TIMEOUT));
    assert_int_equal(dnp3_writer_length(&one), dnp3_writer_length(&two));
    assert_memory_equal(first, second, dnp3_writer_length(&one));
}

static void test_silence_ends_it(void **state)
{
    (void)state;
    open_link();
    send(3, (struct dnp3_primary_terms){.retries = 2});
    uint64_t now = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(written(now, NULL), 0xF3);
        now += TIMEOUT;
        assert_int_equal(dnp3_primary_tick(primary, now),
                         i < 2 ? DNP3_PRIMARY_NOTHING : DNP3_PRIMARY_SILENT);
    }
    assert_false(primary->reset);
    assert_false(dnp3_primary_busy(primary));
    assert_int_equal(primary->counters.retries, 2);
    assert_int_equal(dnp3_primary_tick(primary, now + 100 * TIMEOUT), DNP3_PRIMARY_NOTHING);
}

/* Nothing came of it at a secondary that refused it, so a fragment may start anew, once. */
static void test_nack_starts_anew_once(void **state)
{
    (void)state;
    size_t length;
    open_link();
    send(300, (struct dnp3_primary_terms){.retries = 1});
    assert_int_equal(written(0, NULL), 0xF3);
    said(ACK, 0);
    assert_int_equal(written(0, &length), 0xD3);
    assert_int_equal(length, 300 - 249 + 1);
    assert_int_equal(said(NACK, 0), DNP3_PRIMARY_NOTHING);
    assert_false(primary->reset);
    assert_int_equal(written(0, NULL), 0xC0);
    assert_int_equal(said(ACK, 0), DNP3_PRIMARY_NOTHING);
    assert_int_equal(written(0, &length), 0xF3); /* from its start, FCB as after each reset */
    assert_int_equal(length, 250);
    assert_int_equal(said(NACK, 0), DNP3_PRIMARY_REFUSED);
    assert_int_equal(primary->counters.nacks, 2);
    assert_int_equal(primary->counters.resets, 2);
}

static void test_nack_ends_what_leaves_once(void **state)
{
    (void)state;
    open_link();
    send(3, (struct dnp3_primary_terms){.retries = 5, .once = true});
    assert_int_equal(written(0, NULL), 0xF3);
    assert_int_equal(said(NACK, 0), DNP3_PRIMARY_REFUSED);
    assert_false(primary->reset);
    assert_int_equal(written(0, NULL), 0);
}

static void test_expired_does_not_leave_again(void **state)
{
    (void)state;
    open_link();
    send(3, (struct dnp3_primary_terms){.retries = 5, .expires_ms = TIMEOUT});
    assert_int_equal(written(0, NULL), 0xF3);
    assert_int_equal(dnp3_primary_tick(primary, TIMEOUT), DNP3_PRIMARY_SILENT);
    open_link();
    send(3, (struct dnp3_primary_terms){.retries = 5, .expires_ms = TIMEOUT});
    assert_int_equal(written(0, NULL), 0xF3);
    assert_int_equal(said(NACK, TIMEOUT), DNP3_PRIMARY_REFUSED);
    open_link();
    send(3, (struct dnp3_primary_terms){.retries = 5, .expires_ms = TIMEOUT + 1});
    assert_int_equal(written(0, NULL), 0xF3);
    assert_int_equal(said(NACK | FULL, 0), DNP3_PRIMARY_NOTHING);
    assert_int_equal(dnp3_primary_tick(primary, TIMEOUT), DNP3_PRIMARY_NOTHING);
    assert_int_equal(written(TIMEOUT, NULL), 0xC9);
    assert_int_equal(said(STATUS, TIMEOUT + 1), DNP3_PRIMARY_REFUSED);
}

/* A repeat is due, but the host takes no octets until it is too late. */
static void test_expires_while_nothing_can_leave(void **state)
{
    (void)state;
    open_link();
    send(3, (struct dnp3_primary_terms){.retries = 5, .expires_ms = TIMEOUT + 500});
    assert_int_equal(written(0, NULL), 0xF3);
    assert_int_equal(dnp3_primary_tick(primary, TIMEOUT), DNP3_PRIMARY_NOTHING);
    assert_int_equal(primary->deadline_ms, TIMEOUT + 500);
    assert_int_equal(dnp3_primary_tick(primary, TIMEOUT + 499), DNP3_PRIMARY_NOTHING);
    assert_int_equal(written(TIMEOUT + 500, NULL), 0);
    assert_int_equal(dnp3_primary_tick(primary, TIMEOUT + 500), DNP3_PRIMARY_SILENT);
    assert_int_equal(written(TIMEOUT + 500, NULL), 0);
}

/* Half of it is there: the rest would make it whole too late. */
static void test_expires_between_frames(void **state)
{
    (void)state;
    open_link();
    send(300, (struct dnp3_primary_terms){.retries = 5, .expires_ms = TIMEOUT});
    assert_int_equal(written(0, NULL), 0xF3);
    assert_int_equal(said(ACK, TIMEOUT), DNP3_PRIMARY_REFUSED);
    assert_int_equal(written(TIMEOUT, NULL), 0);
}

static void test_expire(void **state)
{
    (void)state;
    open_link();
    send(3, (struct dnp3_primary_terms){.retries = 5});
    assert_int_equal(written(0, NULL), 0xF3);
    dnp3_primary_expire(primary, 0); /* an acknowledgement would still come */
    assert_int_equal(dnp3_primary_tick(primary, TIMEOUT - 1), DNP3_PRIMARY_NOTHING);
    assert_int_equal(dnp3_primary_tick(primary, TIMEOUT), DNP3_PRIMARY_SILENT);
    open_link();
    send(3, (struct dnp3_primary_terms){.retries = 5});
    assert_int_equal(written(0, NULL), 0xF3);
    assert_int_equal(dnp3_primary_tick(primary, TIMEOUT), DNP3_PRIMARY_NOTHING);
    dnp3_primary_expire(primary, TIMEOUT); /* its repeat is due */
    assert_int_equal(written(TIMEOUT, NULL), 0);
    assert_int_equal(dnp3_primary_tick(primary, TIMEOUT), DNP3_PRIMARY_SILENT);
}

static void test_no_room_between_frames(void **state)
{
    (void)state;
    open_link();
    send(300, (struct dnp3_primary_terms){.retries = 1});
    assert_int_equal(written(0, NULL), 0xF3);
    assert_int_equal(said(ACK | FULL, 0), DNP3_PRIMARY_NOTHING);
    assert_int_equal(written(0, NULL), 0);
    assert_int_equal(dnp3_primary_tick(primary, TIMEOUT), DNP3_PRIMARY_NOTHING);
    assert_int_equal(written(TIMEOUT, NULL), 0xC9);
    assert_int_equal(said(STATUS, TIMEOUT), DNP3_PRIMARY_NOTHING);
    assert_int_equal(written(TIMEOUT, NULL), 0xD3);
    assert_int_equal(said(ACK | FULL, TIMEOUT), DNP3_PRIMARY_DELIVERED); /* the next one waits */
}

static void test_no_room_for_long_is_a_refusal(void **state)
{
    (void)state;
    open_link();
    send(3, (struct dnp3_primary_terms){.retries = 1});
    assert_int_equal(written(0, NULL), 0xF3);
    assert_int_equal(said(NACK | FULL, 0), DNP3_PRIMARY_NOTHING);
    dnp3_primary_tick(primary, TIMEOUT);
    assert_int_equal(written(TIMEOUT, NULL), 0xC9);
    assert_int_equal(said(STATUS | FULL, TIMEOUT), DNP3_PRIMARY_REFUSED);
}

/* After a reset within a fragment there may be no room either. */
static void test_no_room_after_a_reset(void **state)
{
    (void)state;
    open_link();
    send(3, (struct dnp3_primary_terms){.retries = 1});
    written(0, NULL);
    said(NACK, 0);
    assert_int_equal(written(0, NULL), 0xC0);
    assert_int_equal(said(ACK | FULL, 0), DNP3_PRIMARY_NOTHING);
    assert_int_equal(written(0, NULL), 0);
    dnp3_primary_tick(primary, TIMEOUT);
    assert_int_equal(written(TIMEOUT, NULL), 0xC9);
    assert_int_equal(said(UNSUPPORTED | FULL, TIMEOUT), DNP3_PRIMARY_NOTHING);
    dnp3_primary_tick(primary, 2 * TIMEOUT);
    assert_int_equal(written(2 * TIMEOUT, NULL), 0xC9);
    assert_int_equal(said(UNSUPPORTED, 2 * TIMEOUT), DNP3_PRIMARY_NOTHING);
    assert_int_equal(written(2 * TIMEOUT, NULL), 0xF3);
}

static void test_answers_before_the_question(void **state)
{
    (void)state;
    dnp3_primary_open(primary, 0);
    assert_int_equal(said(ACK, 0), DNP3_PRIMARY_NOTHING); /* it has not left */
    assert_false(primary->reset);
    assert_int_equal(written(0, NULL), 0xC0);
    assert_int_equal(said(0x05, 0), DNP3_PRIMARY_NOTHING); /* a reserved function */
    assert_int_equal(said(UNSUPPORTED, 0), DNP3_PRIMARY_REFUSED);
    assert_int_equal(said(ACK, 0), DNP3_PRIMARY_NOTHING);
    assert_false(primary->reset);
}

static void test_forget(void **state)
{
    (void)state;
    open_link();
    send(300, (struct dnp3_primary_terms){.retries = 1});
    written(0, NULL);
    dnp3_primary_forget(primary);
    assert_false(primary->reset);
    assert_int_equal(dnp3_primary_tick(primary, 10 * TIMEOUT), DNP3_PRIMARY_NOTHING);
    assert_int_equal(written(0, NULL), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_step),
        TEST(test_frames_one_at_a_time),
        TEST(test_a_repeat_is_identical),
        TEST(test_silence_ends_it),
        TEST(test_nack_starts_anew_once),
        TEST(test_nack_ends_what_leaves_once),
        TEST(test_expired_does_not_leave_again),
        TEST(test_expires_while_nothing_can_leave),
        TEST(test_expires_between_frames),
        TEST(test_expire),
        TEST(test_no_room_between_frames),
        TEST(test_no_room_for_long_is_a_refusal),
        TEST(test_no_room_after_a_reset),
        TEST(test_answers_before_the_question),
        TEST(test_forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
