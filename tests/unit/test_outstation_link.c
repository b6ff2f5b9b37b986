/* SPDX-License-Identifier: Apache-2.0 */
/* The outstation's link layer: what it answers, confirmed data both ways, frames that are not for
 * it, datagrams. */
#include "dnp3/crc.h"
#include "tests/lib/outstation_bench.h"

static void answers_the_link_layer(void **state)
{
    (void)state;
    struct bench *bench = bench_start();
    struct wire *master = &bench->master;
    struct dnp3_outstation *o = bench->outstation;
    static const struct {
        uint8_t control;
        const char *answer;
    } steps[] = {
        {0xC9, "link 0B"}, /* REQUEST_LINK_STATUS */
        {0xF2, "link 01"}, /* TEST before a reset */
        {0xC0, "link 00"}, /* RESET */
        {0xF2, "link 00"}, /* TEST */
        {0xC7, "link 0F"}, /* unknown function */
        {0xE9, "link 0B"}, /* FCB without FCV is meaningless */
        {0xD9, ""},        /* FCV where the function has none */
        {0x49, ""},        /* not from a master */
        {0x8B, ""},        /* a secondary frame */
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        size_t length = wire_link(master, steps[i].control);
        dnp3_outstation_feed(o, master->octets, length, bench->now);
        assert_string_equal(bench_take(bench), steps[i].answer);
        assert_string_equal(bench_take(bench), "");
    }
    bench_free(bench);
}

static void confirmed_data_is_delivered_once(void **state)
{
    (void)state;
    struct bench *bench = bench_start();
    struct wire *master = &bench->master;
    master->control = 0xF3; /* CONFIRMED_USER_DATA, FCB 1 */
    assert_string_equal(bench_ask(bench, "C0 17"), "link 01");
    assert_string_equal(bench_take(bench), "");
    dnp3_outstation_feed(bench->outstation, master->octets, wire_link(master, 0xC0), bench->now);
    assert_string_equal(bench_take(bench), "link 00");
    assert_string_equal(bench_ask(bench, "C0 17"), "link 00");
    assert_string_equal(bench_take(bench), "C0 81 80 00 34 02 07 01 00 00");
    assert_string_equal(bench_ask(bench, "C1 17"), "link 00"); /* FCB did not change: a repeat */
    assert_string_equal(bench_take(bench), "");
    master->control = 0xD3;
    assert_string_equal(bench_ask(bench, "C1 17"), "link 00");
    assert_string_equal(bench_take(bench), "C1 81 80 00 34 02 07 01 00 00");
    /* A new connection starts unreset. */
    dnp3_outstation_connected(bench->outstation, bench->now);
    assert_string_equal(bench_ask(bench, "C2 17"), "link 01");
    bench_free(bench);
}

/* What it says as a primary: the control octet of each frame, data or not, in `controls`. */
static uint8_t frame_of(struct bench *bench)
{
    const uint8_t *octets;
    size_t length = dnp3_outstation_take(bench->outstation, &octets, bench->now);
    uint8_t control = length ? octets[3] : 0;
    wire_read(&bench->master, octets, length, bench->text);
    return control;
}

static void acknowledge(struct bench *bench, uint8_t control)
{
    dnp3_outstation_feed(bench->outstation, bench->master.octets,
                         wire_link(&bench->master, control), bench->now);
}

static struct bench *bench_confirmed(void)
{
    struct dnp3_outstation_config config = bench_config();
    config.link_confirm = true;
    config.unsolicited = true;
    return bench_of(&config);
}

static void its_frames_are_confirmed(void **state)
{
    (void)state;
    struct bench *bench = bench_confirmed();
    const struct dnp3_outstation_counters *counters = dnp3_outstation_counters(bench->outstation);
    assert_int_equal(frame_of(bench), 0x40); /* the null unsolicited is due: reset first */
    bench_send(bench, "C0 17");
    assert_int_equal(frame_of(bench), 0); /* its answer waits */
    acknowledge(bench, 0x80);
    assert_int_equal(frame_of(bench), 0x73);
    assert_string_equal(bench->text, "F0 82 80 00");
    assert_int_equal(frame_of(bench), 0);
    acknowledge(bench, 0x80);
    assert_int_equal(frame_of(bench), 0x53);
    assert_string_equal(bench->text, "C0 81 80 00 34 02 07 01 00 00");
    assert_int_equal(dnp3_outstation_deadline(bench->outstation), bench->now + 1000);
    bench_pass(bench, 1000); /* the acknowledgement was lost */
    assert_int_equal(frame_of(bench), 0x53);
    assert_string_equal(bench->text, "C0 81 80 00 34 02 07 01 00 00");
    assert_int_equal(counters->link_retries, 1);
    acknowledge(bench, 0x80);
    assert_int_equal(frame_of(bench), 0);
    bench_send(bench, "D0 00");
    assert_int_equal(counters->confirms, 1);
    dnp3_outstation_disconnected(bench->outstation);
    dnp3_outstation_connected(bench->outstation, bench->now);
    assert_int_equal(frame_of(bench), 0x40); /* anew on each connection */
    bench_free(bench);
}

/* What the master's link does not take is repeated, or asked for again, by the application. */
static void unacknowledged_frames_are_given_up(void **state)
{
    (void)state;
    struct bench *bench = bench_confirmed();
    const struct dnp3_outstation_counters *counters = dnp3_outstation_counters(bench->outstation);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(frame_of(bench), 0x40);
        bench_pass(bench, 1000);
    }
    assert_int_equal(frame_of(bench), 0);
    assert_int_equal(counters->link_failures, 1);
    assert_int_equal(dnp3_outstation_deadline(bench->outstation), bench->now + 5000);
    bench_pass(bench, 5000); /* no confirm: once more */
    assert_int_equal(frame_of(bench), 0x40);
    acknowledge(bench, 0x80);
    assert_int_equal(frame_of(bench), 0x73);
    acknowledge(bench, 0x81); /* NACK: reset, and anew */
    assert_int_equal(frame_of(bench), 0x40);
    acknowledge(bench, 0x80);
    assert_int_equal(frame_of(bench), 0x73);
    assert_string_equal(bench->text, "F0 82 80 00");
    acknowledge(bench, 0x80);
    assert_int_equal(counters->confirm_timeouts, 1);
    assert_int_equal(dnp3_outstation_deadline(bench->outstation), bench->now + 5000);
    bench_free(bench);
}

static void lenient_takes_confirmed_data_without_reset(void **state)
{
    (void)state;
    struct dnp3_outstation_config config = bench_config();
    config.lenient = true;
    struct bench *bench = bench_of(&config);
    bench->master.control = 0xD3;
    assert_string_equal(bench_ask(bench, "C0 17"), "link 00");
    assert_string_equal(bench_take(bench), "C0 81 80 00 34 02 07 01 00 00");
    bench_free(bench);
}

static void strangers_and_garbage_are_ignored(void **state)
{
    (void)state;
    struct bench *bench = bench_start();
    bench->master.from = 2;
    assert_string_equal(bench_ask(bench, "C0 17"), "");
    bench->master.from = 1;
    bench->master.to = 11;
    assert_string_equal(bench_ask(bench, "C0 17"), "");
    bench->master.to = 10;
    assert_string_equal(bench_ask(bench, "C0"), "");
    assert_string_equal(bench_ask(bench, "80 17"), "");       /* not a whole fragment */
    assert_string_equal(bench_ask(bench, "D0 17"), "");       /* UNS in a request */
    assert_string_equal(bench_ask(bench, "C0 81 00 00"), ""); /* a response */
    const uint8_t garbage[] = {0x05, 0x64, 0x05, 0x64, 0xFF, 0x05};
    dnp3_outstation_feed(bench->outstation, garbage, sizeof garbage, bench->now);
    assert_string_equal(bench_ask(bench, "C0 17"), "C0 81 80 00 34 02 07 01 00 00");
    const struct dnp3_outstation_counters *counters = dnp3_outstation_counters(bench->outstation);
    assert_int_equal(counters->ignored, 4);
    assert_int_equal(counters->malformed, 1);
    assert_int_equal(counters->requests, 1);
    bench_free(bench);
}

/* Rule 20: what is to all is data and nothing else. It is not answered, resets nothing, and is not
 * confirmed; who is not connected hears nothing at all. */
static void link_frames_to_all(void **state)
{
    (void)state;
    static const uint8_t controls[] = {0xC9, 0xC0, 0xC2, 0xF3}; /* status, reset, test, confirmed */
    struct bench *bench = bench_start();
    for (uint16_t to = 0xFFFD; to != 0; to++) {
        bench->master.to = to;
        for (size_t i = 0; i < sizeof controls; i++) {
            size_t length = wire_link(&bench->master, controls[i]);
            dnp3_outstation_feed(bench->outstation, bench->master.octets, length, bench->now);
            assert_string_equal(bench_take(bench), "");
        }
    }
    assert_int_equal(dnp3_outstation_counters(bench->outstation)->ignored, 12);
    bench->master.to = 0xFFF0; /* a reserved address */
    assert_string_equal(bench_ask(bench, "C1 17"), "");
    bench->master.to = 10;
    dnp3_outstation_disconnected(bench->outstation);
    assert_string_equal(bench_ask(bench, "C1 17"), "");
    dnp3_outstation_connected(bench->outstation, bench->now);
    assert_string_equal(bench_ask(bench, "C1 17"), "C1 81 80 00 34 02 07 01 00 00");
    assert_int_equal(dnp3_outstation_counters(bench->outstation)->broadcasts, 0);
    bench_free(bench);
}

/* Over UDP a datagram holds whole frames; the start of one in it joins nothing that comes later. */
static void datagrams_are_read_by_themselves(void **state)
{
    (void)state;
    struct bench *bench = bench_start();
    uint8_t octets[64];
    const uint8_t ask[] = {0xC1, 0x17};
    size_t length = wire_frame(&bench->master, ask, sizeof ask);
    memcpy(octets, bench->master.octets, length);
    dnp3_outstation_feed_datagram(bench->outstation, octets, length - 3, bench->now);
    dnp3_outstation_feed_datagram(bench->outstation, octets + length - 3, 3, bench->now);
    assert_string_equal(bench_take(bench), "");
    /* A header that announces more than there is hides nothing behind it. */
    uint8_t both[64] = {0x05, 0x64, 0xCD, 0xC4, 0x0A, 0x00, 0x01, 0x00};
    uint16_t crc = dnp3_crc(both, 8);
    both[8] = (uint8_t)crc;
    both[9] = (uint8_t)(crc >> 8);
    memcpy(both + 10, octets, length);
    dnp3_outstation_feed_datagram(bench->outstation, both, 10 + length, bench->now);
    assert_string_equal(bench_take(bench), "C1 81 80 00 34 02 07 01 00 00");
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_the_link_layer),
        cmocka_unit_test(confirmed_data_is_delivered_once),
        cmocka_unit_test(its_frames_are_confirmed),
        cmocka_unit_test(unacknowledged_frames_are_given_up),
        cmocka_unit_test(lenient_takes_confirmed_data_without_reset),
        cmocka_unit_test(strangers_and_garbage_are_ignored),
        cmocka_unit_test(link_frames_to_all),
        cmocka_unit_test(datagrams_are_read_by_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
