/* SPDX-License-Identifier: Apache-2.0 */
/* What was promised of a command's id holds across a restart. */
#include "gateway/command/ledger_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "tests/lib/spool_bench.h"

enum { CAPACITY = 50 };
static const int64_t START_MS = 1763719200000;
static const int64_t DAY_MS = 24 * 3600 * 1000;

struct site {
    struct spool_bench bench;
    struct gw_ledger *ledger;
    struct gw_ledger_now now;
    unsigned unfinished;
    char unfinished_id[GW_COMMAND_TEXT_MAX + 1];
};

static void note_unfinished(void *user, const struct gw_ledger_entry *entry)
{
    struct site *site = user;
    assert_true(entry->under_way);
    site->unfinished++;
    memcpy(site->unfinished_id, entry->id.octets, entry->id.length);
    site->unfinished_id[entry->id.length] = 0;
}

static void open_site(struct site *site)
{
    site->unfinished = 0;
    site->ledger = gw_ledger_create(CAPACITY, GW_LEDGER_KEEP_MS);
    assert_true(bench_create(&site->bench));
    assert_int_equal(
        gw_ledger_store_load(site->bench.spool, site->ledger, &site->now, note_unfinished, site),
        0);
    uv_loop_init(&site->bench.loop);
    assert_int_equal(gw_spool_start(site->bench.spool, &site->bench.loop), 0);
}

static void close_site(struct site *site)
{
    bench_close(&site->bench);
    gw_ledger_free(site->ledger);
}

/* The steady clock begins anew, the wall clock goes on. */
static void restart(struct site *site, int64_t away_ms)
{
    close_site(site);
    site->now.wall_ms += away_ms;
    site->now.steady_ms = 5000;
    open_site(site);
}

static int set_up(void **state)
{
    struct site *site = calloc(1, sizeof *site);
    bench_folder(&site->bench);
    bench_options(&site->bench);
    site->now = (struct gw_ledger_now){.steady_ms = 1000000, .wall_ms = START_MS};
    open_site(site);
    *state = site;
    return 0;
}

static int tear_down(void **state)
{
    struct site *site = *state;
    close_site(site);
    assert_int_equal(gw_memory_used(GW_OWNER_SPOOL), 0);
    bench_remove(&site->bench);
    free(site);
    return 0;
}

static struct gw_command_text text(const char *octets)
{
    struct gw_command_text made = {0};
    assert_true(gw_command_text_set(&made, octets, strlen(octets)));
    return made;
}

static const struct gw_ledger_entry *find(struct site *site, const char *id)
{
    struct gw_command_text made = text(id);
    return gw_ledger_find(site->ledger, gw_ledger_scope("r17", "breaker"), &made,
                          site->now.steady_ms);
}

static void write_entry(struct site *site, const char *id)
{
    assert_int_equal(gw_ledger_store_write(site->bench.spool, find(site, id), &site->now, site, 1),
                     0);
}

static void open_id(struct site *site, const char *id, const char *value)
{
    struct gw_command_text made = text(id);
    struct gw_command_value sent = {.text = text(value), .is_number = true, .number = 12.5};
    gw_ledger_open(site->ledger, gw_ledger_scope("r17", "breaker"), &made, &sent,
                   site->now.steady_ms);
    write_entry(site, id);
}

static void pass(struct site *site, int64_t ms)
{
    site->now.steady_ms += (uint64_t)ms;
    site->now.wall_ms += ms;
}

static const struct gw_control_result failed = {.outcome = GW_OUTCOME_FAILED,
                                                .reason = GW_VERDICT_OUTSTATION_REFUSED,
                                                .stage = DNP3_STAGE_SELECT,
                                                .feedback = GW_FEEDBACK_NOT_REACHED,
                                                .has_status = true,
                                                .status = 126,
                                                .duration_ms = 412,
                                                .time_ms = 1763719200512};

static void close_id(struct site *site, const char *id)
{
    struct gw_command_text made = text(id);
    gw_ledger_close(site->ledger, gw_ledger_scope("r17", "breaker"), &made, &failed);
    write_entry(site, id);
}

static void test_an_end_is_remembered(void **state)
{
    struct site *site = *state;
    open_id(site, "7f3a", "12.5");
    pass(site, 500);
    close_id(site, "7f3a");
    bench_settle(&site->bench);
    assert_int_equal(site->bench.kept, 2);
    restart(site, DAY_MS);
    const struct gw_ledger_entry *entry = find(site, "7f3a");
    assert_non_null(entry);
    assert_int_equal(site->unfinished, 0);
    assert_false(entry->under_way);
    assert_true(entry->value.is_number);
    assert_true(entry->value.number == 12.5);
    assert_int_equal(entry->value.text.length, 4);
    const struct gw_control_result *r = &entry->result;
    assert_int_equal(r->outcome, failed.outcome);
    assert_int_equal(r->reason, failed.reason);
    assert_int_equal(r->stage, failed.stage);
    assert_int_equal(r->feedback, failed.feedback);
    assert_true(r->has_status);
    assert_int_equal(r->status, 126);
    assert_int_equal(r->duration_ms, 412);
    assert_int_equal(r->time_ms, failed.time_ms);
}

static void test_what_was_under_way_is_told(void **state)
{
    struct site *site = *state;
    open_id(site, "a", "1");
    close_id(site, "a");
    open_id(site, "b", "1");
    restart(site, 1000);
    assert_int_equal(site->unfinished, 1);
    assert_string_equal(site->unfinished_id, "b");
    assert_true(find(site, "b")->under_way);
    close_id(site, "b");
    restart(site, 1000);
    assert_int_equal(site->unfinished, 0);
    assert_false(find(site, "b")->under_way);
}

static void test_a_cancelled_id_is_free(void **state)
{
    struct site *site = *state;
    struct gw_command_text id = text("a");
    open_id(site, "a", "1");
    gw_ledger_cancel(site->ledger, gw_ledger_scope("r17", "breaker"), &id);
    gw_ledger_store_forget(site->bench.spool, gw_ledger_scope("r17", "breaker"), &id);
    restart(site, 0);
    assert_null(find(site, "a"));
    assert_int_equal(site->unfinished, 0);
}

static void test_seven_days(void **state)
{
    struct site *site = *state;
    struct gw_spool_state spool;
    open_id(site, "old", "1");
    close_id(site, "old");
    pass(site, 3 * DAY_MS);
    open_id(site, "new", "1");
    close_id(site, "new");
    restart(site, 3 * DAY_MS);
    assert_non_null(find(site, "old"));
    restart(site, 2 * DAY_MS);
    assert_non_null(find(site, "old")); /* if the clock is right */
    pass(site, DAY_MS + 1);
    assert_null(find(site, "old"));
    assert_non_null(find(site, "new"));
    open_id(site, "newest", "1"); /* which looks for those that are too old */
    close_id(site, "newest");
    restart(site, -20 * DAY_MS); /* a clock that is not set: nothing is forgotten for it */
    assert_non_null(find(site, "new"));
    assert_null(find(site, "old")); /* it is gone from the disk too */
    gw_spool_state(site->bench.spool, &spool);
    assert_int_equal(spool.messages, 0);
}

/* A gateway that boots in 1970: what it wrote then is not 50 years old when the clock is set. */
static void test_a_clock_that_is_not_set(void **state)
{
    struct site *site = *state;
    site->now.wall_ms = 0;
    open_id(site, "a", "1");
    close_id(site, "a");
    restart(site, START_MS);
    assert_non_null(find(site, "a"));
    open_id(site, "b", "1");
    close_id(site, "b");
    bench_settle(&site->bench);
    site->now.wall_ms = 0; /* and boots again: it cannot tell how long it was away */
    restart(site, 0);
    assert_non_null(find(site, "a"));
    assert_non_null(find(site, "b"));
    restart(site, START_MS + 8 * DAY_MS);
    pass(site, 2 * DAY_MS);
    assert_null(find(site, "b"));
    assert_non_null(find(site, "a")); /* nobody knows when that was */
}

/* A start while the clock is weeks ahead, or decades behind, costs no id. */
static void test_a_clock_that_was_wrong(void **state)
{
    struct site *site = *state;
    open_id(site, "a", "1");
    close_id(site, "a");
    restart(site, 30 * DAY_MS);
    assert_non_null(find(site, "a"));
    restart(site, -30 * DAY_MS);
    assert_non_null(find(site, "a"));
    restart(site, 1000 - START_MS);
    open_id(site, "b", "1");
    close_id(site, "b");
    restart(site, START_MS);
    assert_non_null(find(site, "a"));
    assert_non_null(find(site, "b"));
}

/* However long the gateway was away, it answers for what it left. */
static void test_under_way_for_weeks(void **state)
{
    struct site *site = *state;
    open_id(site, "a", "1");
    restart(site, 30 * DAY_MS);
    assert_int_equal(site->unfinished, 1);
    assert_true(find(site, "a")->under_way);
}

static void test_no_more_than_there_is_room_for(void **state)
{
    struct site *site = *state;
    char id[16];
    for (unsigned i = 0; i < 3 * CAPACITY; i++) {
        snprintf(id, sizeof id, "%u", i);
        pass(site, 1000);
        open_id(site, id, "1");
        if (i % 20 == 0)
            bench_settle(&site->bench);
    }
    restart(site, 1000);
    assert_int_equal(site->unfinished, CAPACITY);
    assert_int_equal(gw_ledger_count(site->ledger), CAPACITY);
    assert_null(find(site, "99"));
    assert_non_null(find(site, "100"));
    pass(site, 1000);
    open_id(site, "more", "1"); /* the order of age has come back too */
    assert_null(find(site, "100"));
    assert_non_null(find(site, "101"));
}

static void test_records(void **state)
{
    (void)state;
    uint8_t octets[GW_LEDGER_RECORD_MAX];
    struct gw_ledger_entry back;
    int64_t opened = 0;
    struct gw_ledger_entry entry = {
        .scope = 5, .id = text("id"), .value = {.text = text("open")}, .result = failed};
    size_t size = gw_ledger_record_write(octets, &entry, START_MS);
    assert_true(gw_ledger_record_read(octets, size, &back, &opened));
    assert_int_equal(opened, START_MS);
    assert_int_equal(back.scope, 5);
    assert_true(gw_command_value_equal(&back.value, &entry.value));
    for (size_t cut = 0; cut < size; cut++)
        assert_false(gw_ledger_record_read(octets, cut, &back, &opened));
    octets[size - 1] ^= 1; /* a reason that nobody knows: the id is taken all the same */
    assert_true(gw_ledger_record_read(octets, size, &back, &opened));
    assert_true(back.under_way);
    octets[0] = 2;
    assert_false(gw_ledger_record_read(octets, size, &back, &opened));
    octets[0] = 1;
    octets[38] = 3;
    assert_false(gw_ledger_record_read(octets, size, &back, &opened));
    memset(entry.id.octets, 'i', entry.id.length = GW_COMMAND_TEXT_MAX);
    memset(entry.value.text.octets, 'v', entry.value.text.length = GW_COMMAND_TEXT_MAX);
    assert_true(gw_ledger_record_write(octets, &entry, START_MS) <= sizeof octets - 32);
}

/* A value that another version kept is dropped, not misread. */
static void test_unknown_records_go(void **state)
{
    struct site *site = *state;
    gw_spool_keep(site->bench.spool, GW_SPOOL_SPACE_LEDGER, "key", 3, "\2another", 8, site, 1);
    open_id(site, "a", "1");
    restart(site, 0);
    assert_int_equal(gw_ledger_count(site->ledger), 1);
    restart(site, 0);
    assert_int_equal(gw_ledger_count(site->ledger), 1);
}

int main(void)
{
    gw_log_configure(GW_LOG_ERROR, GW_LOG_LOGFMT);
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_an_end_is_remembered),
        TEST(test_what_was_under_way_is_told),
        TEST(test_a_cancelled_id_is_free),
        TEST(test_seven_days),
        TEST(test_a_clock_that_is_not_set),
        TEST(test_a_clock_that_was_wrong),
        TEST(test_under_way_for_weeks),
        TEST(test_no_more_than_there_is_room_for),
        TEST(test_records),
        TEST(test_unknown_records_go),
    };
    return cmocka_run_group_tests_name("ledger_store", tests, NULL, NULL);
}
