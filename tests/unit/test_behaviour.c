/* SPDX-License-Identifier: Apache-2.0 */
/* A profile in the library's words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/base/memory.h"
#include "gateway/config/behaviour.h"

static void test_classes_are_assigned_in_order(void **state)
{
    (void)state;
    static const struct gw_assigned assigned[] = {
        {.to = 2, .group = 30, .ranged = true, .first = 3, .last = 9},
        {.to = 2, .group = 1},
        {.to = 0, .group = 20},
        {.to = 2, .group = 40}};
    static const struct {
        uint8_t group, variation;
    } wanted[] = {{60, 3}, {30, 0}, {1, 0}, {60, 1}, {20, 0}, {60, 3}, {40, 0}};
    const struct gw_poll poll = {.classes = GW_CLASS_0, .every_ms = 1000};
    const struct gw_profile profile = {.assigned = assigned,
                                       .assigned_count = 4,
                                       .polls = &poll,
                                       .poll_count = 1,
                                       .time_round_trip_ms = 700};
    struct dnp3_association_config *behaviour = gw_behaviour_create(&profile, true);
    assert_non_null(behaviour);
    assert_int_equal(behaviour->assign_class_count, 7);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(behaviour->assign_class[i].group, wanted[i].group);
        assert_int_equal(behaviour->assign_class[i].variation, wanted[i].variation);
    }
    assert_true(behaviour->assign_class[1].ranged);
    assert_int_equal(behaviour->assign_class[1].start, 3);
    assert_int_equal(behaviour->assign_class[1].stop, 9);
    assert_false(behaviour->assign_class[2].ranged);
    assert_int_equal(behaviour->poll_count, 1);
    assert_int_equal(behaviour->polls[0].period_ms, 1000);
    assert_int_equal(behaviour->time_round_trip_ms, 700);
    gw_behaviour_free(behaviour);

    behaviour = gw_behaviour_create(&profile, false); /* controls are off */
    assert_non_null(behaviour);
    assert_int_equal(behaviour->assign_class_count, 0);
    assert_int_equal(behaviour->polls[0].period_ms, 1000);
    gw_behaviour_free(behaviour);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_classes_are_assigned_in_order)};
    return cmocka_run_group_tests_name("behaviour", tests, NULL, NULL);
}
