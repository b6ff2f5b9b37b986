/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/spool/spool_backlog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/memory.h"

enum { POINTS = 400 };

/* Against a plain array: exact up to what it was made for, and never wrong the dangerous way. */
static void run(size_t capacity, bool exact)
{
    struct gw_spool_backlog *backlog = gw_spool_backlog_create(capacity);
    unsigned counts[POINTS] = {0};
    unsigned total = 0;
    unsigned wrong = 0;
    srand(7);
    for (unsigned step = 0; step < 200000; step++) {
        unsigned at = (unsigned)rand() % POINTS;
        uint64_t point = at * (at % 2 ? 1u : 0x100000000u);
        bool add = step / 20000 % 2 ? rand() % 3 == 0 : rand() % 3;
        if (add && counts[at] < 5) {
            gw_spool_backlog_add(backlog, point);
            counts[at]++;
            total++;
        } else if (!add && counts[at]) {
            gw_spool_backlog_remove(backlog, point);
            counts[at]--;
            total--;
        }
        assert_true(gw_spool_backlog_has(backlog, point) || !counts[at]);
        wrong += gw_spool_backlog_has(backlog, point) && !counts[at];
    }
    assert_true(exact ? wrong == 0 : wrong > 0);
    for (unsigned at = 0; at < POINTS; at++)
        for (; counts[at]; counts[at]--)
            gw_spool_backlog_remove(backlog, at * (at % 2 ? 1u : 0x100000000u));
    assert_int_equal(gw_spool_backlog_points(backlog), 0);
    assert_int_equal(gw_spool_backlog_others(backlog), 0);
    gw_spool_backlog_remove(backlog, 1);
    assert_false(gw_spool_backlog_has(backlog, 1));
    gw_spool_backlog_free(backlog);
}

static void test_exact(void **state)
{
    (void)state;
    run(POINTS, true);
}

static void test_more_points_than_it_was_made_for(void **state)
{
    (void)state;
    run(20, false);
}

static void test_memory(void **state)
{
    (void)state;
    size_t before = gw_memory_used(GW_OWNER_SPOOL);
    struct gw_spool_backlog *backlog = gw_spool_backlog_create(1000);
    assert_int_equal(gw_memory_used(GW_OWNER_SPOOL) - before, gw_spool_backlog_memory(1000));
    gw_spool_backlog_free(backlog);
    gw_spool_backlog_free(NULL);
    assert_int_equal(gw_memory_used(GW_OWNER_SPOOL), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_more_points_than_it_was_made_for),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests_name("spool_backlog", tests, NULL, NULL);
}
