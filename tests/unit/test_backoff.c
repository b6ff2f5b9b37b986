/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/base/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_bounds_grow_to_the_maximum(void **state)
{
    (void)state;
    struct gw_backoff backoff;
    gw_backoff_init(&backoff, 1000, 60000, 7);
    uint32_t bound = 1000;
    for (int i = 0; i < 100; i++) {
        uint32_t delay = gw_backoff_next(&backoff);
        assert_in_range(delay, GW_BACKOFF_FLOOR_MS, bound);
        bound = bound * 2 > 60000 ? 60000 : bound * 2;
    }
}

static void test_delays_fill_the_range(void **state)
{
    (void)state;
    struct gw_backoff backoff;
    gw_backoff_init(&backoff, 1000, 1000, 1);
    uint32_t quarters[4] = {0};
    for (int i = 0; i < 4000; i++)
        quarters[gw_backoff_next(&backoff) * 4 / 1001]++;
    for (int i = 0; i < 4; i++)
        assert_in_range(quarters[i], 800, 1200);
}

static void test_equal_seeds_give_equal_delays(void **state)
{
    (void)state;
    struct gw_backoff a;
    struct gw_backoff b;
    struct gw_backoff c;
    gw_backoff_init(&a, 1000, 60000, 42);
    gw_backoff_init(&b, 1000, 60000, 42);
    gw_backoff_init(&c, 1000, 60000, 43);
    int differences = 0;
    for (int i = 0; i < 20; i++) {
        uint32_t delay = gw_backoff_next(&a);
        assert_int_equal(delay, gw_backoff_next(&b));
        differences += delay != gw_backoff_next(&c);
    }
    assert_true(differences > 10);
}

static void test_reset_begins_anew(void **state)
{
    (void)state;
    struct gw_backoff backoff;
    gw_backoff_init(&backoff, 100, 100000, 3);
    for (int i = 0; i < 10; i++)
        gw_backoff_next(&backoff);
    gw_backoff_reset(&backoff);
    assert_in_range(gw_backoff_next(&backoff), 50, 100);
}

static void test_a_short_life_proves_nothing(void **state)
{
    (void)state;
    struct gw_backoff backoff;
    gw_backoff_init(&backoff, 100, 100000, 3);
    gw_backoff_next(&backoff);
    gw_backoff_ended(&backoff, GW_BACKOFF_STABLE_MS - 1);
    assert_int_equal(backoff.attempt, 1);
    gw_backoff_ended(&backoff, GW_BACKOFF_STABLE_MS);
    assert_int_equal(backoff.attempt, 0);
}

static void test_odd_bounds_are_mended(void **state)
{
    (void)state;
    struct gw_backoff backoff;
    gw_backoff_init(&backoff, 0, 0, 3);
    for (int i = 0; i < 100; i++)
        assert_int_equal(gw_backoff_next(&backoff), 1);
    gw_backoff_init(&backoff, 500, 100, 3);
    for (int i = 0; i < 100; i++)
        assert_in_range(gw_backoff_next(&backoff), 50, 500);
    gw_backoff_init(&backoff, UINT32_MAX, UINT32_MAX, 3);
    backoff.attempt = UINT32_MAX - 1;
    gw_backoff_next(&backoff);
    gw_backoff_next(&backoff);
    assert_int_equal(backoff.attempt, UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds_grow_to_the_maximum),
        cmocka_unit_test(test_delays_fill_the_range),
        cmocka_unit_test(test_equal_seeds_give_equal_delays),
        cmocka_unit_test(test_reset_begins_anew),
        cmocka_unit_test(test_a_short_life_proves_nothing),
        cmocka_unit_test(test_odd_bounds_are_mended),
    };
    return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
