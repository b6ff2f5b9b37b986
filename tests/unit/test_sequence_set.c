/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/base/sequence_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 100, RANGE = 600, STEPS = 200000 };

static void test_bounded(void **unused)
{
    (void)unused;
    struct gw_sequence_set set;
    assert_true(gw_sequence_set_init(&set, GW_OWNER_OUTBOX, MOST));
    assert_int_equal(gw_memory_used(GW_OWNER_OUTBOX), gw_sequence_set_memory(MOST));
    for (uint64_t i = 1; i <= MOST; i++)
        assert_true(gw_sequence_set_add(&set, i * 256)); /* all of one home */
    assert_true(gw_sequence_set_add(&set, 256));
    assert_false(gw_sequence_set_add(&set, 1));
    assert_true(gw_sequence_set_remove(&set, 512));
    assert_false(gw_sequence_set_remove(&set, 512));
    assert_true(gw_sequence_set_add(&set, 1));
    for (uint64_t i = 3; i <= MOST; i++)
        assert_true(gw_sequence_set_has(&set, i * 256));
    gw_sequence_set_empty(&set);
    assert_int_equal(set.count, 0);
    assert_false(gw_sequence_set_has(&set, 768));
    gw_sequence_set_clear(&set);
    assert_int_equal(gw_memory_used(GW_OWNER_OUTBOX), 0);
}

static void test_random_against_a_table(void **unused)
{
    (void)unused;
    static bool model[RANGE + 1];
    struct gw_sequence_set set;
    assert_true(gw_sequence_set_init(&set, GW_OWNER_OUTBOX, MOST));
    memset(model, 0, sizeof model);
    size_t count = 0;
    srand(1);
    for (int i = 0; i < STEPS; i++) {
        uint64_t number = 1 + (uint64_t)rand() % RANGE;
        if (rand() % 2) {
            bool added = gw_sequence_set_add(&set, number);
            assert_int_equal(added, model[number] || count < MOST);
            count += added && !model[number];
            model[number] |= added;
        } else {
            assert_int_equal(gw_sequence_set_remove(&set, number), model[number]);
            count -= model[number];
            model[number] = false;
        }
        uint64_t other = 1 + (uint64_t)rand() % RANGE;
        assert_int_equal(gw_sequence_set_has(&set, other), model[other]);
        assert_int_equal(set.count, count);
    }
    gw_sequence_set_clear(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bounded),
                                       cmocka_unit_test(test_random_against_a_table)};
    return cmocka_run_group_tests_name("sequence_set", tests, NULL, NULL);
}
