/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/command/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/memory.h"

static const struct gw_command_value open_word = {.text = {4, "open"}};

static struct gw_command_text id_of(unsigned number)
{
    struct gw_command_text id;
    id.length = (uint8_t)snprintf(id.octets, sizeof id.octets, "id-%u", number);
    return id;
}

static void open_id(struct gw_ledger *ledger, uint64_t scope, unsigned number, uint64_t now_ms)
{
    struct gw_command_text id = id_of(number);
    gw_ledger_open(ledger, scope, &id, &open_word, now_ms);
}

static const struct gw_ledger_entry *find_id(struct gw_ledger *ledger, uint64_t scope,
                                             unsigned number, uint64_t now_ms)
{
    struct gw_command_text id = id_of(number);
    return gw_ledger_find(ledger, scope, &id, now_ms);
}

static void test_an_id_from_open_to_close(void **state)
{
    (void)state;
    struct gw_ledger *ledger = gw_ledger_create(10, 1000);
    const struct gw_control_result result = {.outcome = GW_OUTCOME_FAILED, .duration_ms = 95};
    struct gw_command_text id = id_of(1);
    assert_null(find_id(ledger, 7, 1, 0));
    open_id(ledger, 7, 1, 0);
    const struct gw_ledger_entry *entry = find_id(ledger, 7, 1, 0);
    assert_non_null(entry);
    assert_true(entry->under_way);
    assert_true(gw_command_value_equal(&entry->value, &open_word));
    gw_ledger_close(ledger, 7, &id, &result);
    entry = find_id(ledger, 7, 1, 1000);
    assert_false(entry->under_way);
    assert_int_equal(entry->result.duration_ms, 95);
    assert_null(find_id(ledger, 8, 1, 0)); /* another control */
    assert_null(find_id(ledger, 7, 1, 1001));
    gw_ledger_free(ledger);
    gw_ledger_free(NULL);
}

static void test_cancelled_ids_leave_no_trace(void **state)
{
    (void)state;
    struct gw_ledger *ledger = gw_ledger_create(3, 1000);
    for (unsigned i = 0; i < 3; i++)
        open_id(ledger, 1, i, i);
    for (unsigned i = 10; i < 1000; i++) { /* refusals drive nothing out */
        struct gw_command_text id = id_of(2);
        gw_ledger_cancel(ledger, 1, &id);
        assert_null(find_id(ledger, 1, 2, 3));
        open_id(ledger, 1, 2, 3);
    }
    assert_int_equal(gw_ledger_count(ledger), 3);
    assert_non_null(find_id(ledger, 1, 0, 3));
    struct gw_command_text unknown = id_of(99);
    gw_ledger_cancel(ledger, 1, &unknown);
    gw_ledger_close(ledger, 1, &unknown, &(struct gw_control_result){0});
    for (unsigned i = 0; i < 3; i++) {
        struct gw_command_text id = id_of(i);
        gw_ledger_cancel(ledger, 1, &id);
    }
    assert_int_equal(gw_ledger_count(ledger), 0);
    open_id(ledger, 1, 5, 4);
    assert_non_null(find_id(ledger, 1, 5, 4));
    gw_ledger_free(ledger);
}

static void test_the_oldest_go_first(void **state)
{
    (void)state;
    struct gw_ledger *ledger = gw_ledger_create(100, 1000000);
    for (unsigned i = 0; i < 1000; i++) {
        open_id(ledger, 1, i, i);
        assert_non_null(find_id(ledger, 1, i > 99 ? i - 99 : 0, i));
        if (i >= 100)
            assert_null(find_id(ledger, 1, i - 100, i));
    }
    assert_int_equal(gw_ledger_count(ledger), 100);
    gw_ledger_free(ledger);
}

static void test_the_old_go_with_the_next_open(void **state)
{
    (void)state;
    struct gw_ledger *ledger = gw_ledger_create(100, 1000);
    for (unsigned i = 0; i < 50; i++)
        open_id(ledger, 1, i, i);
    open_id(ledger, 1, 50, 1025);
    assert_int_equal(gw_ledger_count(ledger), 26); /* 25..49 and the new one */
    open_id(ledger, 1, 3, 5000);
    assert_int_equal(gw_ledger_count(ledger), 1);
    gw_ledger_free(ledger);
}

static void test_nothing_is_allocated_after_create(void **state)
{
    (void)state;
    struct gw_ledger *ledger = gw_ledger_create(GW_LEDGER_IDS, GW_LEDGER_KEEP_MS);
    uint64_t calls = gw_memory_calls();
    for (unsigned i = 0; i < 2 * GW_LEDGER_IDS; i++)
        open_id(ledger, gw_ledger_scope("r17", "breaker"), i, i);
    assert_int_equal(gw_memory_calls(), calls);
    assert_int_equal(gw_ledger_count(ledger), GW_LEDGER_IDS);
    gw_ledger_free(ledger);
    assert_int_equal(gw_memory_used(GW_OWNER_CONTROLS), 0);
}

static void test_scopes(void **state)
{
    (void)state;
    assert_int_equal(gw_ledger_scope("a", "b"), gw_ledger_scope("a", "b"));
    assert_int_not_equal(gw_ledger_scope("a", "bc"), gw_ledger_scope("ab", "c"));
    assert_int_equal(gw_ledger_scope("recloser-17", "breaker"), 0xce86fbc7f873095b); /* on disks */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_id_from_open_to_close),
        cmocka_unit_test(test_cancelled_ids_leave_no_trace),
        cmocka_unit_test(test_the_oldest_go_first),
        cmocka_unit_test(test_the_old_go_with_the_next_open),
        cmocka_unit_test(test_nothing_is_allocated_after_create),
        cmocka_unit_test(test_scopes),
    };
    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
