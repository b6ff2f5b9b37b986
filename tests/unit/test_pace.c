/* SPDX-License-Identifier: Apache-2.0 */
/* The pace against brokers in virtual time: one that takes so many a second, at the end of a way
 * that takes so long. */
#include "gateway/delivery/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 64 };

/* Acknowledges in order, each `service_ms` after the one before and no sooner than the way takes.
 */
struct broker {
    struct gw_pace pace;
    uint64_t now;
    uint64_t busy_until;
    uint64_t service_ms;
    uint64_t way_ms;
    struct gw_pace_stamp stamps[MOST];
    uint64_t due[MOST];
    unsigned first, count;
    unsigned done;
};

static void begin(struct broker *b, uint64_t service_ms, uint64_t way_ms)
{
    *b = (struct broker){.now = 5000000000u, .service_ms = service_ms, .way_ms = way_ms};
    gw_pace_begin(&b->pace);
}

static void fill(struct broker *b)
{
    while (b->count < b->pace.window && b->count < MOST) {
        unsigned place = (b->first + b->count++) % MOST;
        uint64_t start = b->now > b->busy_until ? b->now : b->busy_until;
        b->busy_until = start + b->service_ms;
        b->due[place] = b->busy_until + b->way_ms;
        b->stamps[place] = gw_pace_handed(b->now, b->count, b->count == b->pace.window);
    }
}

/* Everything it is given goes on for so long; returns the messages a second. */
static unsigned run(struct broker *b, uint64_t ms)
{
    uint64_t end = b->now + ms;
    unsigned before = b->done;
    fill(b);
    while (b->due[b->first] <= end) {
        b->now = b->due[b->first];
        gw_pace_acked(&b->pace, &b->stamps[b->first], b->now);
        b->first = (b->first + 1) % MOST;
        b->count--;
        b->done++;
        fill(b);
    }
    b->now = end;
    return (unsigned)((b->done - before) * 1000 / ms);
}

/* How long a newcomer would wait behind a full window and a full depth. */
static uint64_t wait_ms(const struct broker *b)
{
    return b->way_ms + (b->pace.window + gw_pace_depth(&b->pace)) * b->service_ms;
}

static void test_slow_brokers(void **unused)
{
    (void)unused;
    static const uint64_t service_ms[] = {100, 50, 20, 10, 3};
    static const uint64_t way_ms[] = {0, 1, 40, 150};
    for (size_t s = 0; s < sizeof service_ms / sizeof *service_ms; s++) {
        for (size_t w = 0; w < sizeof way_ms / sizeof *way_ms; w++) {
            struct broker b;
            begin(&b, service_ms[s], way_ms[w]);
            run(&b, 5000);
            unsigned rate = run(&b, 60000);
            assert_in_range(rate, 1000 / service_ms[s] - 1, 1000 / service_ms[s] + 1);
            assert_in_range(wait_ms(&b), 0, 950);
        }
    }
}

/* A long way is no slow broker. */
static void test_a_long_way(void **unused)
{
    (void)unused;
    struct broker b;
    begin(&b, 0, 700);
    run(&b, 60000);
    assert_int_equal(b.pace.window, MOST);
    assert_int_equal(run(&b, 70000), MOST * 10 / 7);
    assert_int_equal(gw_pace_depth(&b.pace), MOST * 1000 / 700 * 300 / 1000);
}

static void test_fast(void **unused)
{
    (void)unused;
    struct broker b;
    begin(&b, 1, 0);
    run(&b, 100);
    assert_int_equal(b.pace.window, MOST);
    assert_true(gw_pace_depth(&b.pace) > 250);
}

static void test_becomes_slow_and_fast_again(void **unused)
{
    (void)unused;
    struct broker b;
    begin(&b, 1, 0);
    run(&b, 1000);
    b.service_ms = 100;
    run(&b, 20000);
    assert_in_range(wait_ms(&b), 0, 900);
    b.service_ms = 1;
    run(&b, 5000);
    assert_int_equal(b.pace.window, MOST);
    assert_true(gw_pace_depth(&b.pace) > 250);
}

/* The way has become longer for good: alone under way it is measured anew. */
static void test_the_way_becomes_longer(void **unused)
{
    (void)unused;
    struct broker b;
    begin(&b, 0, 5);
    run(&b, 1000);
    b.way_ms = 900;
    run(&b, 300000);
    assert_int_equal(b.pace.window, MOST);
}

static void test_the_clock_wraps(void **unused)
{
    (void)unused;
    struct gw_pace pace;
    gw_pace_begin(&pace);
    struct gw_pace_stamp stamp = gw_pace_handed(UINT32_MAX, 1, false);
    gw_pace_acked(&pace, &stamp, (uint64_t)UINT32_MAX + 20);
    assert_int_equal(pace.base_ms, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_brokers),
        cmocka_unit_test(test_a_long_way),
        cmocka_unit_test(test_fast),
        cmocka_unit_test(test_becomes_slow_and_fast_again),
        cmocka_unit_test(test_the_way_becomes_longer),
        cmocka_unit_test(test_the_clock_wraps),
    };
    return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
