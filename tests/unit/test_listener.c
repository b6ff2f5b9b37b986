/* SPDX-License-Identifier: Apache-2.0 */
/* A listener on 127.0.0.1 and callers of every kind: who gets to which channel, who is closed, and
 * what becomes of the octets. */
#include "tests/unit/listener_steps.h"

#include <fcntl.h>
#include <sys/resource.h>

static void test_known_by_its_first_frame(void **unused)
{
    struct fixture f;
    (void)unused;
    create(&f);
    start(&f);
    int eleven = dial_as(&f, 11);
    int ten = dial(&f);
    struct place *place = place_of(&f, 10);
    /* What stands before, and its frame in pieces: the channel gets all of it. */
    uint8_t octets[DNP3_LINK_FRAME_MAX];
    size_t length = frame_of(octets, 0x40, 10);
    assert_int_equal(write(ten, "\r\nRING\r\n", 8), 8);
    assert_int_equal(write(ten, octets, 4), 4);
    wait_for(&f, place_of(&f, 11)->said == 10);
    patience_pass(&f.patience, 50);
    assert_int_equal(place->opened, 0);
    assert_int_equal(gw_listener_callers(f.listener), 1);
    assert_int_equal(write(ten, octets + 4, length - 4), (ssize_t)(length - 4));
    assert_int_equal(write(ten, "more", 4), 4);
    wait_for(&f, place->said == 8 + length + 4);
    assert_int_equal(place->opened, 1);
    assert_memory_equal(place->octets, "\r\nRING\r\n", 8);
    assert_memory_equal(place->octets + 8, octets, length);
    assert_memory_equal(place->octets + 8 + length, "more", 4);
    assert_int_equal(gw_listener_callers(f.listener), 0);
    /* And the other way. */
    char answer[8];
    gw_channel_write(place->channel, (const uint8_t *)"hello", 5);
    assert_int_equal(read(ten, answer, sizeof answer), 5);
    close(ten);
    wait_for(&f, place->closed == 1);
    assert_int_equal(place->reason, GW_REASON_CLOSED_BY_PEER);
    assert_non_null(strstr(gw_channel_detail(place->channel), "has not called again"));
    ten = dial_as(&f, 10);
    wait_for(&f, place->opened == 2);
    destroy(&f);
    assert_int_equal(read(eleven, answer, sizeof answer), 0);
    close(eleven);
    close(ten);
}

static void test_silent_callers_are_asked(void **unused)
{
    struct fixture f;
    uint8_t octets[3 * DNP3_LINK_FRAME_MAX];
    uint8_t expected[DNP3_LINK_FRAME_MAX];
    (void)unused;
    create(&f);
    start(&f);
    int eleven = dial_as(&f, 11); /* connected: not asked for any more */
    wait_for(&f, place_of(&f, 11)->opened == 1);
    int silent = dial(&f);
    size_t heard = 0;
    while (heard < 20) { /* 10 and 12, one after the other */
        ssize_t n = recv(silent, octets + heard, sizeof octets - heard, MSG_DONTWAIT);
        heard += n > 0 ? (size_t)n : 0;
        uv_run(&f.loop, UV_RUN_ONCE);
    }
    struct dnp3_link_frame frame = {.control = 0xC9, .destination = 10, .source = 1};
    struct dnp3_writer out = dnp3_writer_of(expected, sizeof expected);
    dnp3_link_write(&out, &frame);
    frame.destination = 12;
    dnp3_link_write(&out, &frame);
    assert_memory_equal(octets, expected, 20);
    assert_int_equal(write(silent, octets, 10), 10); /* an echo of ours says nothing */
    say(silent, 0x0B, 12);
    wait_for(&f, place_of(&f, 12)->opened == 1);
    destroy(&f);
    close(silent);
    close(eleven);
}

static void test_known_by_its_address(void **unused)
{
    struct fixture f;
    char problem[GW_NETWORK_PROBLEM_MAX];
    struct gw_network elsewhere;
    (void)unused;
    create(&f);
    assert_true(gw_network_parse("127.0.0.1", &f.peer, problem));
    assert_true(gw_network_parse("192.0.2.0/24", &elsewhere, problem));
    place_of(&f, 11)->outstation.peer = &f.peer;
    place_of(&f, 12)->outstation.peer = &elsewhere;
    start(&f);
    int silent = dial(&f);
    wait_for(&f, place_of(&f, 11)->opened == 1);
    destroy(&f);
    close(silent);
    /* Two from there: their frames tell; and one that may not call from here. */
    create(&f);
    gw_network_parse("127.0.0.0/8", &f.peer, problem);
    gw_network_parse("192.0.2.0/24", &elsewhere, problem);
    place_of(&f, 10)->outstation.peer = place_of(&f, 11)->outstation.peer = &f.peer;
    place_of(&f, 12)->outstation.peer = &elsewhere;
    start(&f);
    int ten = dial_as(&f, 10);
    int twelve = dial_as(&f, 12);
    wait_for(&f, place_of(&f, 10)->opened == 1 && is_closed(twelve));
    assert_int_equal(place_of(&f, 12)->opened, 0);
    destroy(&f);
    close(ten);
    close(twelve);
}

/* One link address in two places: `peer` tells them apart. */
static void test_one_address_twice(void **unused)
{
    struct fixture f;
    char problem[GW_NETWORK_PROBLEM_MAX];
    struct gw_network wide;
    (void)unused;
    create(&f);
    gw_network_parse("127.0.0.1", &f.peer, problem);
    gw_network_parse("127.0.0.0/8", &wide, problem);
    for (size_t i = 0; i < PLACES; i++)
        f.places[i].outstation.address = 10;
    f.places[1].outstation.peer = &wide;
    f.places[2].outstation.peer = &f.peer;
    start(&f);
    int ten = dial_as(&f, 10);
    wait_for(&f, f.places[2].opened == 1);
    destroy(&f);
    close(ten);
}

static void test_refused(void **unused)
{
    struct fixture f;
    static char garbage[GW_GREETING_MAX + 100];
    struct gw_network elsewhere;
    char problem[GW_NETWORK_PROBLEM_MAX];
    (void)unused;
    create(&f);
    start(&f);
    int stranger = dial_as(&f, 99);
    int web = dial(&f);
    memset(garbage, 'x', sizeof garbage);
    assert_int_equal(write(web, garbage, sizeof garbage), (ssize_t)sizeof garbage);
    int gone = dial(&f);
    close(gone);
    wait_for(&f, is_closed(stranger) && is_closed(web));
    wait_for(&f, gw_listener_callers(f.listener) == 0);
    destroy(&f);
    close(stranger);
    close(web);
    create(&f);
    gw_network_parse("192.0.2.0/24", &elsewhere, problem);
    f.config.allow = &elsewhere;
    f.config.allow_count = 1;
    start(&f);
    int ten = dial_as(&f, 10);
    wait_for(&f, is_closed(ten));
    assert_int_equal(place_of(&f, 10)->opened, 0);
    destroy(&f);
    close(ten);
}

static void test_time_to_identify(void **unused)
{
    struct fixture f;
    (void)unused;
    create(&f);
    f.config.identify_ms = 300;
    start(&f);
    int silent = dial(&f);
    int talker = dial(&f);
    assert_int_equal(write(talker, "login: ", 7), 7);
    wait_for(&f, gw_listener_callers(f.listener) == 2);
    wait_for(&f, is_closed(silent) && is_closed(talker));
    assert_int_equal(gw_listener_callers(f.listener), 0);
    destroy(&f);
    close(silent);
    close(talker);
}

/* Those that say nothing take all places: those that speak get in. */
static void test_full(void **unused)
{
    struct fixture f;
    int silent[20];
    size_t closed = 0;
    (void)unused;
    create(&f);
    start(&f);
    for (size_t i = 0; i < 20; i++)
        silent[i] = dial(&f);
    int ten = dial_as(&f, 10);
    wait_for(&f, gw_listener_callers(f.listener) == 4);
    while (place_of(&f, 10)->opened == 0) {
        assert_true(gw_listener_callers(f.listener) <= 4);
        uv_run(&f.loop, UV_RUN_ONCE);
    }
    for (size_t i = 0; i < 20; i++)
        closed += is_closed(silent[i]);
    assert_true(closed >= 16);
    assert_false(is_closed(silent[19]));
    destroy(&f);
    for (size_t i = 0; i < 20; i++)
        close(silent[i]);
    close(ten);
}

static void test_a_second_connection(void **unused)
{
    struct fixture f;
    char text[64];
    (void)unused;
    create(&f);
    start(&f);
    struct place *place = place_of(&f, 10);
    int first = dial_as(&f, 10);
    wait_for(&f, place->opened == 1);
    int second = dial_as(&f, 10);
    wait_for(&f, place->contested == 1);
    gw_channel_decide(place->channel, true); /* the first is alive */
    wait_for(&f, is_closed(second));
    assert_false(is_closed(first));
    gw_channel_decide(place->channel, true); /* nobody waits any more */
    /* Once more, and again before it is decided: the newest counts. */
    int third = dial_as(&f, 10);
    wait_for(&f, place->contested == 2);
    int fourth = dial_as(&f, 10);
    wait_for(&f, is_closed(third));
    assert_int_equal(place->closed, 0);
    size_t before = place->said;
    gw_channel_decide(place->channel, false); /* the first is dead */
    gw_channel_decide(place->channel, false);
    wait_for(&f, place->opened == 2);
    assert_int_equal(place->reason, GW_REASON_TIMEOUT);
    assert_int_equal(place->said, before + 10); /* what it said while it waited */
    while (recv(first, text, sizeof text, 0) > 0)
        ;
    assert_int_equal(errno, ECONNRESET);
    gw_channel_write(place->channel, (const uint8_t *)"hello", 5);
    assert_int_equal(read(fourth, text, sizeof text), 5);
    /* The first ends by itself while the second waits. */
    int fifth = dial_as(&f, 10);
    wait_for(&f, place->contested == 4);
    close(fourth);
    wait_for(&f, place->opened == 3);
    /* Freed while one waits. */
    int sixth = dial_as(&f, 10);
    wait_for(&f, place->contested == 5);
    destroy(&f);
    close(first);
    close(second);
    close(third);
    close(fifth);
    close(sixth);
}

static void put_behind(struct fixture *f, uint16_t address, uint16_t caller)
{
    place_of(f, address)->outstation.behind = &place_of(f, caller)->outstation;
}

/* One channel for all that are behind a call: whoever of them speaks first, and a second connection
 * of any of them contests the first. */
static void test_several_behind_one_call(void **unused)
{
    struct fixture f;
    (void)unused;
    create(&f);
    put_behind(&f, 11, 12);
    start(&f);
    struct place *call = place_of(&f, 12);
    int first = dial_as(&f, 11);
    wait_for(&f, call->opened == 1);
    assert_int_equal(call->said, 10);
    say(first, 0x40, 12);
    wait_for(&f, call->said == 20);
    int ten = dial_as(&f, 10); /* a call of its own */
    wait_for(&f, place_of(&f, 10)->opened == 1);
    int second = dial_as(&f, 12);
    wait_for(&f, call->contested == 1);
    int third = dial_as(&f, 11); /* the newest counts, by whichever address */
    wait_for(&f, is_closed(second) && call->contested == 2);
    gw_channel_decide(call->channel, false);
    wait_for(&f, call->opened == 2);
    assert_int_equal(call->closed, 1);
    assert_true(is_closed(first));
    assert_false(is_closed(third));
    assert_int_equal(place_of(&f, 10)->contested, 0);
    destroy(&f);
    close(first);
    close(second);
    close(third);
    close(ten);
}

/* A silent caller is asked by every address behind it; `peer` counts once a call. */
static void test_silent_with_several_behind(void **unused)
{
    struct fixture f;
    uint8_t octets[3 * DNP3_LINK_FRAME_MAX];
    char problem[GW_NETWORK_PROBLEM_MAX];
    (void)unused;
    create(&f);
    put_behind(&f, 10, 12);
    put_behind(&f, 11, 12);
    start(&f);
    int silent = dial(&f);
    size_t heard = 0;
    while (heard < 30) {
        ssize_t n = recv(silent, octets + heard, sizeof octets - heard, MSG_DONTWAIT);
        heard += n > 0 ? (size_t)n : 0;
        uv_run(&f.loop, UV_RUN_ONCE);
    }
    for (uint8_t i = 0; i < PLACES; i++)
        assert_int_equal(octets[i * 10 + 4], FIRST_ADDRESS + i);
    say(silent, 0x0B, 11);
    wait_for(&f, place_of(&f, 12)->opened == 1);
    destroy(&f);
    close(silent);
    create(&f);
    put_behind(&f, 11, 12);
    gw_network_parse("127.0.0.1", &f.peer, problem);
    place_of(&f, 11)->outstation.peer = place_of(&f, 12)->outstation.peer = &f.peer;
    start(&f);
    silent = dial(&f);
    wait_for(&f, place_of(&f, 12)->opened == 1);
    destroy(&f);
    close(silent);
}

static void test_a_port_that_is_taken(void **unused)
{
    struct fixture f;
    (void)unused;
    create(&f);
    int other = loopback_bind(SOCK_STREAM, &f.config.listen.port);
    assert_int_equal(listen(other, 1), 0);
    gw_log_configure(GW_LOG_ERROR, GW_LOG_LOGFMT);
    start(&f);
    const struct place *place = place_of(&f, 10);
    assert_non_null(strstr(gw_channel_detail(place->channel), "cannot listen on 127.0.0.1:"));
    close(other);
    wait_for(&f, !gw_channel_detail(place->channel));
    int ten = dial_as(&f, 10);
    wait_for(&f, place->opened == 1);
    destroy(&f);
    close(ten);
}

/* Descriptors are given out from the lowest one on: with all but the spare ones taken, callers are
 * closed; with one of them free, one gets in. */
static void test_no_descriptors_left(void **unused)
{
    struct fixture f;
    struct rlimit before;
    struct rlimit limit;
    int taken[300];
    size_t count = 0;
    enum { HIGHEST = 250 };
    (void)unused;
    create(&f);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = before;
    limit.rlim_cur = HIGHEST + GW_LISTENER_SPARE_DESCRIPTORS;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    start(&f);
    int refused = dial_as(&f, 10);
    do
        taken[count] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    while (taken[count++] < HIGHEST);
    wait_for(&f, is_closed(refused));
    assert_int_equal(place_of(&f, 10)->opened, 0);
    while (count)
        close(taken[--count]);
    int ten = dial_as(&f, 10);
    wait_for(&f, place_of(&f, 10)->opened == 1);
    destroy(&f);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    close(refused);
    close(ten);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_by_its_first_frame),
        cmocka_unit_test(test_silent_callers_are_asked),
        cmocka_unit_test(test_known_by_its_address),
        cmocka_unit_test(test_one_address_twice),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_time_to_identify),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_a_second_connection),
        cmocka_unit_test(test_several_behind_one_call),
        cmocka_unit_test(test_silent_with_several_behind),
        cmocka_unit_test(test_a_port_that_is_taken),
        cmocka_unit_test(test_no_descriptors_left),
    };
    return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
