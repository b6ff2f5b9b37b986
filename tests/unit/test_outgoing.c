/* SPDX-License-Identifier: Apache-2.0 */
/* Packets through a pair of sockets, read by hand. */
#include "gateway/mqtt/outgoing.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/memory.h"

enum { LARGE = 4 << 20 };

struct fixture {
    uv_loop_t loop;
    uv_pipe_t pipe;
    int peer;
    struct gw_mqtt_scan others;
    struct gw_outgoing outgoing;
    uint64_t count;
    unsigned written;
    uint8_t next_put;
    uint8_t next_read;
    uint8_t own[GW_OUTGOING_OCTETS];
};

static void on_written(void *user)
{
    ((struct fixture *)user)->written++;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    uv_loop_init(&f->loop);
    uv_pipe_init(&f->loop, &f->pipe, 0);
    assert_int_equal(uv_pipe_open(&f->pipe, pair[0]), 0);
    f->peer = pair[1];
    gw_outgoing_init(&f->outgoing, &f->loop, f->own, &f->others, &f->count, on_written, f);
    gw_outgoing_open(&f->outgoing, (uv_stream_t *)&f->pipe);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    gw_outgoing_stop(&f->outgoing);
    gw_outgoing_close(&f->outgoing, NULL);
    uv_close((uv_handle_t *)&f->pipe, NULL);
    if (f->peer >= 0)
        close(f->peer);
    while (uv_run(&f->loop, UV_RUN_ONCE))
        ;
    assert_int_equal(uv_loop_close(&f->loop), 0);
    assert_int_equal(gw_memory_used(GW_OWNER_MQTT), 0);
    free(f);
    return 0;
}

/* Octets that count up, from packet to packet. */
static bool put(struct fixture *f, size_t size)
{
    uint8_t *room = gw_outgoing_room(&f->outgoing, size);
    for (size_t i = 0; room && i < size; i++)
        room[i] = f->next_put++;
    return room;
}

static void turn(struct fixture *f)
{
    uv_run(&f->loop, UV_RUN_NOWAIT);
}

/* Reads what is there: how much it was. */
static size_t take(struct fixture *f)
{
    static uint8_t octets[LARGE];
    ssize_t length = read(f->peer, octets, sizeof octets);
    for (ssize_t i = 0; i < length; i++)
        assert_int_equal(octets[i], f->next_read++);
    return length < 0 ? 0 : (size_t)length;
}

static size_t take_all(struct fixture *f, size_t expected)
{
    size_t taken = 0;
    for (size_t more = 1;
         taken < expected && (more || gw_outgoing_waits(&f->outgoing) || f->outgoing.submitted);) {
        more = take(f);
        taken += more;
        turn(f);
    }
    return taken;
}

static void test_gathers_until_the_loop_turns(void **state)
{
    struct fixture *f = *state;
    assert_true(put(f, 10));
    assert_true(put(f, 20));
    assert_true(gw_outgoing_waits(&f->outgoing));
    assert_int_equal(take(f), 0);
    turn(f);
    assert_int_equal(take(f), 30);
    assert_false(gw_outgoing_waits(&f->outgoing));
    assert_int_equal(f->written, 1);
    assert_int_equal(f->count, 30);
    turn(f);
    assert_int_equal(f->written, 1);
}

static void test_waits_for_the_end_of_anothers_packet(void **state)
{
    struct fixture *f = *state;
    uint8_t ping[] = {0xc0, 0x00};
    gw_mqtt_scan(&f->others, ping, 1, NULL, NULL);
    assert_true(put(f, 10));
    turn(f);
    turn(f);
    assert_int_equal(take(f), 0);
    gw_mqtt_scan(&f->others, ping + 1, 1, NULL, NULL);
    turn(f);
    assert_int_equal(take(f), 10);
}

static void test_waits_for_subscriptions(void **state)
{
    struct fixture *f = *state;
    uint8_t packet[] = {0x82, 0x01, 0x00};
    gw_outgoing_after(&f->outgoing, 2);
    assert_true(put(f, 10));
    for (int i = 0; i < 2; i++) {
        turn(f);
        assert_int_equal(take(f), 0);
        gw_mqtt_scan(&f->others, packet, sizeof packet, NULL, NULL);
    }
    turn(f);
    assert_int_equal(take(f), 10);
}

/* All that may be in flight is being written, and as much came after it. */
static void test_slow_reader(void **state)
{
    struct fixture *f = *state;
    const int small = 4096;
    size_t half = GW_OUTGOING_OCTETS / 2;
    setsockopt(f->outgoing.to->io_watcher.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    size_t total = 0;
    for (int i = 0; i < 20; i++) {
        while (f->outgoing.length + 1000 < (i % 2 ? 2 * half : half) && put(f, 999))
            total += 999;
        turn(f);
        assert_true(f->outgoing.submitted > 0);
        total -= take(f);
        turn(f);
    }
    assert_int_equal(take_all(f, total), total);
    assert_true(f->written > 0);
    assert_int_equal(gw_memory_used(GW_OWNER_MQTT), 0);
}

static void test_a_large_packet_has_memory_for_as_long_as_it_needs(void **state)
{
    struct fixture *f = *state;
    assert_true(put(f, 100));
    assert_true(put(f, LARGE));
    assert_true(gw_memory_used(GW_OWNER_MQTT) > LARGE);
    turn(f);
    assert_true(f->outgoing.submitted > 0);
    assert_false(put(f, 2 * LARGE)); /* not while that one is being written */
    assert_int_equal(take_all(f, LARGE + 100), LARGE + 100);
    assert_int_equal(gw_memory_used(GW_OWNER_MQTT), 0);
    assert_int_equal(f->written, 1);
    assert_true(put(f, 10));
    turn(f);
    assert_int_equal(take(f), 10);
}

static void test_stopped(void **state)
{
    struct fixture *f = *state;
    assert_true(put(f, LARGE));
    turn(f);
    gw_outgoing_stop(&f->outgoing);
    assert_false(put(f, 1));
    assert_false(gw_outgoing_waits(&f->outgoing));
    assert_int_equal(f->written, 0);
}

static void test_the_other_side_is_gone(void **state)
{
    struct fixture *f = *state;
    close(f->peer);
    f->peer = -1;
    assert_true(put(f, 10));
    turn(f);
    turn(f);
    assert_false(put(f, 10));
    assert_int_equal(f->written, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_gathers_until_the_loop_turns),
        TEST(test_waits_for_the_end_of_anothers_packet),
        TEST(test_waits_for_subscriptions),
        TEST(test_slow_reader),
        TEST(test_a_large_packet_has_memory_for_as_long_as_it_needs),
        TEST(test_stopped),
        TEST(test_the_other_side_is_gone),
#undef TEST
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("outgoing", tests, NULL, NULL);
}
