/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/spool/spool.h"

#include "gateway/base/log.h"
#include "tests/unit/spool_steps.h"

static void assert_record(struct spool_bench *bench, uint64_t point, unsigned n)
{
    struct gw_spool_record record;
    char expected[64];
    int length = snprintf(expected, sizeof expected, "%" PRIu64 ":%u:", point, n);
    assert_true(gw_spool_next(bench->spool, &record));
    assert_int_equal(record.message.point, point);
    assert_int_equal(record.message.id_count, n);
    assert_int_equal(record.message.id_start, 7);
    assert_int_equal(record.message.qos, 1);
    assert_true(record.message.retain);
    assert_memory_equal(record.message.payload, expected, (size_t)length);
    assert_int_equal(record.message.topic[record.message.topic_len], 0);
}

static bool has_next(struct spool_bench *bench)
{
    struct gw_spool_record record;
    return gw_spool_next(bench->spool, &record);
}

static void test_a_group_is_one_commit(void **state)
{
    struct spool_bench *bench = *state;
    bench->options.group_ms = 60000;
    assert_true(bench_open(bench));
    for (unsigned n = 0; n < 99; n++)
        assert_int_equal(bench_event(bench, n % 10, n, 10, NULL), 0);
    uv_run(&bench->loop, UV_RUN_NOWAIT);
    assert_int_equal(bench->durable, 0);
    assert_int_equal(bench_event(bench, 99, 99, 10, NULL), 0);
    while (bench->durable < 100)
        bench_turn(bench);
    assert_int_equal(bench->token, 99);
    struct gw_spool_state s = state_of(bench);
    assert_int_equal(s.commits, 1);
    assert_int_equal(s.messages, 100);
    assert_int_equal(s.points, 11);
    assert_int_equal(s.word, GW_SPOOL_IS_OK);
    assert_true(s.octets > 100 * 57 && s.file_used >= s.octets && s.file_used < s.file_max);
}

static void test_a_group_waits_no_longer_than_told(void **state)
{
    struct spool_bench *bench = *state;
    assert_true(bench_open(bench));
    assert_int_equal(bench_event(bench, 1, 1, 10, NULL), 0);
    while (!bench->durable)
        bench_turn(bench);
    assert_int_equal(state_of(bench).commits, 1);
}

static void test_a_transaction_is_all_or_nothing(void **state)
{
    struct spool_bench *bench = *state;
    struct gw_spool_message large = {
        .topic = "t", .topic_len = 1, .payload = bench, .payload_len = GW_SPOOL_RECORD_MAX};
    uint64_t first = 0, second = 0;
    assert_true(bench_open(bench));
    assert_int_equal(gw_spool_put(bench->spool, &large, false, NULL), GW_SPOOL_INVALID);
    assert_int_equal(gw_spool_commit(bench->spool), GW_SPOOL_INVALID);
    assert_int_equal(gw_spool_begin(bench->spool, bench, 1), 0);
    assert_int_equal(gw_spool_begin(bench->spool, bench, 2), GW_SPOOL_INVALID);
    assert_int_equal(bench_put(bench, 5, 1, 0, &first), 0);
    assert_true(gw_spool_behind(bench->spool, 5));
    assert_int_equal(gw_spool_delete(bench->spool, first, 5), GW_SPOOL_INVALID);
    assert_int_equal(gw_spool_put(bench->spool, &large, false, NULL), GW_SPOOL_TOO_LARGE);
    assert_int_equal(gw_spool_commit(bench->spool), GW_SPOOL_TOO_LARGE);
    assert_false(gw_spool_behind(bench->spool, 5));
    gw_spool_cancel(bench->spool);
    assert_int_equal(bench_event(bench, 5, 2, 0, &second), 0);
    assert_int_equal(first, second);
    bench_settle(bench);
    assert_int_equal(bench->durable, 1);
    assert_int_equal(bench->token, 2);
}

static void test_what_is_durable_is_there_after_a_restart(void **state)
{
    struct spool_bench *bench = *state;
    assert_true(bench_open(bench));
    for (unsigned n = 1; n <= 250; n++)
        bench_event(bench, n % 3, n, n, NULL);
    bench_settle(bench);
    assert_int_equal(bench->durable, 250);
    bench_close(bench);
    assert_true(bench_open(bench));
    assert_int_equal(state_of(bench).messages, 250);
    assert_int_equal(state_of(bench).points, 3);
    assert_true(gw_spool_behind(bench->spool, 2));
    assert_false(gw_spool_behind(bench->spool, 3));
    bench_read(bench, 0);
    for (unsigned n = 1; n <= 250; n++)
        assert_record(bench, n % 3, n);
    assert_false(has_next(bench));
}

static void test_stop_commits_what_waits(void **state)
{
    struct spool_bench *bench = *state;
    bench->options.group_ms = 60000;
    assert_true(bench_open(bench));
    assert_int_equal(bench_event(bench, 1, 1, 10, NULL), 0);
    bench_close(bench);
    assert_int_equal(bench->durable, 1);
    assert_true(bench_open(bench));
    assert_int_equal(state_of(bench).messages, 1);
}

static void test_replay_in_batches(void **state)
{
    struct spool_bench *bench = *state;
    struct gw_spool_record record;
    uint64_t after = 0;
    unsigned n = 0;
    bench->options.read_octets = GW_SPOOL_RECORD_MAX;
    assert_true(bench_open(bench));
    for (unsigned i = 0; i < 300; i++) {
        assert_int_equal(bench_event(bench, i % 7, i, 1000, NULL), 0);
        if (i % 100 == 0)
            bench_settle(bench);
    }
    bench_settle(bench);
    for (;;) {
        bench_read(bench, after);
        unsigned before = n;
        while (gw_spool_next(bench->spool, &record)) {
            assert_true(record.sequence > after);
            assert_int_equal(record.message.id_count, n++);
            after = record.sequence;
        }
        if (n == before)
            break;
        assert_true(n - before < 64);
    }
    assert_int_equal(n, 300);
    assert_int_equal(gw_spool_read(bench->spool, 0), 0);
    assert_int_equal(gw_spool_read(bench->spool, 0), GW_SPOOL_BUSY);
    assert_false(has_next(bench));
}

static void test_deletes_ride_and_clear_the_backlog(void **state)
{
    struct spool_bench *bench = *state;
    uint64_t sequences[100];
    bench->options.delete_ms = 60000;
    assert_true(bench_open(bench));
    for (unsigned n = 0; n < 100; n++)
        bench_event(bench, n % 2, n, 20, &sequences[n]);
    bench_settle(bench);
    for (unsigned n = 0; n < 50; n++)
        assert_int_equal(gw_spool_delete(bench->spool, sequences[n], n % 2), 0);
    assert_true(state_of(bench).queue_used < 64); /* one range */
    assert_true(gw_spool_behind(bench->spool, 0));
    for (unsigned n = 50; n < 100; n += 2)
        assert_int_equal(gw_spool_delete(bench->spool, sequences[n], 0), 0);
    assert_false(gw_spool_behind(bench->spool, 0));
    assert_true(gw_spool_behind(bench->spool, 1));
    uv_run(&bench->loop, UV_RUN_NOWAIT);
    assert_int_equal(state_of(bench).messages, 100); /* not worth a commit yet */
    bench_event(bench, 2, 100, 20, NULL);
    bench_settle(bench);
    assert_int_equal(state_of(bench).messages, 26);
    assert_int_equal(state_of(bench).commits, 2);
    bench_read(bench, 0);
    for (unsigned n = 51; n < 100; n += 2)
        assert_record(bench, 1, n);
    assert_record(bench, 2, 100);
    assert_false(has_next(bench));
}

static void test_deletes_alone_are_committed_in_time(void **state)
{
    struct spool_bench *bench = *state;
    uint64_t sequence = 0;
    assert_true(bench_open(bench));
    bench_event(bench, 1, 1, 10, &sequence);
    bench_settle(bench);
    assert_int_equal(gw_spool_delete(bench->spool, sequence, 1), 0);
    while (state_of(bench).messages)
        bench_turn(bench);
    assert_int_equal(state_of(bench).octets, 0);
}

static void test_a_read_sees_no_deleted_message(void **state)
{
    struct spool_bench *bench = *state;
    uint64_t first = 0;
    bench->options.delete_ms = 60000;
    assert_true(bench_open(bench));
    bench_event(bench, 1, 1, 10, &first);
    bench_event(bench, 1, 2, 10, NULL);
    bench_settle(bench);
    assert_int_equal(gw_spool_delete(bench->spool, first, 1), 0);
    bench_read(bench, 0);
    assert_record(bench, 1, 2);
    assert_false(has_next(bench));
}

static void test_deleted_before_it_is_written(void **state)
{
    struct spool_bench *bench = *state;
    uint64_t first = 0, second = 0;
    bench->options.group_ms = 60000;
    assert_true(bench_open(bench));
    bench_event(bench, 1, 1, 10, &first);
    bench_event(bench, 1, 2, 10, &second);
    assert_int_equal(gw_spool_delete(bench->spool, first, 1), 0);
    assert_true(gw_spool_behind(bench->spool, 1));
    bench_settle(bench);
    assert_int_equal(bench->durable, 2);
    assert_int_equal(state_of(bench).messages, 1);
    bench_event(bench, 1, 3, 10, &first);
    gw_spool_flush(bench->spool); /* now the writer has it */
    assert_int_equal(gw_spool_delete(bench->spool, first, 1), 0);
    assert_int_equal(gw_spool_delete(bench->spool, first, 1), 0);
    assert_int_equal(gw_spool_delete(bench->spool, second, 1), 0);
    assert_false(gw_spool_behind(bench->spool, 1));
    bench_settle(bench);
    assert_int_equal(state_of(bench).messages, 0);
}

/* What the caller has too is no backlog, whether its commit succeeds or it is taken back. */
static void test_held_and_taken(void **state)
{
    struct spool_bench *bench = *state;
    struct gw_spool_message held = {
        .point = 3, .topic = "t", .topic_len = 1, .payload = "1", .payload_len = 1};
    uint64_t sequence = 0;
    assert_true(bench_open(bench));
    gw_spool_begin(bench->spool, bench, 1);
    assert_int_equal(gw_spool_put(bench->spool, &held, true, &sequence), 0);
    gw_spool_cancel(bench->spool);
    gw_spool_begin(bench->spool, bench, 1);
    assert_int_equal(gw_spool_put(bench->spool, &held, true, &sequence), 0);
    assert_int_equal(gw_spool_commit(bench->spool), 0);
    assert_false(gw_spool_behind(bench->spool, 3));
    bench_event(bench, 3, 2, 10, NULL);
    assert_true(gw_spool_behind(bench->spool, 3));
    bench_settle(bench);
    gw_spool_taken(bench->spool, 3);
    assert_false(gw_spool_behind(bench->spool, 3));
    gw_spool_put_back(bench->spool, 3);
    assert_true(gw_spool_behind(bench->spool, 3));
    assert_int_equal(gw_spool_delete(bench->spool, sequence, GW_SPOOL_NO_POINT), 0);
    assert_true(gw_spool_behind(bench->spool, 3));
    assert_int_equal(gw_spool_delete(bench->spool, sequence + 1, 3), 0);
    bench_settle(bench);
    assert_false(gw_spool_behind(bench->spool, 3));
    assert_int_equal(state_of(bench).messages, 0);
}

static void test_owners_that_went_are_not_told(void **state)
{
    struct spool_bench *bench = *state;
    bench->options.group_ms = 60000;
    assert_true(bench_open(bench));
    bench_event(bench, 1, 1, 10, NULL);
    gw_spool_forget(bench->spool, bench);
    gw_spool_begin(bench->spool, &bench->loop, 2);
    bench_put(bench, 1, 2, 10, NULL);
    gw_spool_commit(bench->spool);
    bench_settle(bench);
    assert_int_equal(bench->durable, 1);
    assert_int_equal(bench->token, 2);
    assert_int_equal(state_of(bench).messages, 2);
}

static void test_a_full_queue_refuses_and_recovers(void **state)
{
    struct spool_bench *bench = *state;
    unsigned n = 0;
    bench->options.group_ms = 60000;
    bench->options.group_events = UINT32_MAX;
    assert_true(bench_open(bench));
    while (!bench_event(bench, 1, n, 2000, NULL))
        n++;
    assert_int_equal(bench_event(bench, 1, n, 2000, NULL), GW_SPOOL_BUSY);
    assert_true(n > 50);
    uint64_t keep = 0;
    assert_int_equal(
        gw_spool_keep(bench->spool, GW_SPOOL_SPACE_LEDGER, &keep, sizeof keep, "v", 1, bench, 1),
        0);
    bench_settle(bench);
    assert_int_equal(bench->durable, n);
    assert_int_equal(bench_event(bench, 1, n, 2000, NULL), 0);
}

/* Full is told, deletes work, and room is there again. */
static void test_full(void **state)
{
    struct spool_bench *bench = *state;
    unsigned n = 0;
    int error;
    assert_true(bench_open(bench));
    while ((error = bench_event(bench, n % 5, n, 500, NULL)) != GW_SPOOL_FULL) {
        if (error == GW_SPOOL_BUSY)
            bench_settle(bench);
        else
            n++;
    }
    bench_settle(bench);
    struct gw_spool_state s = state_of(bench);
    assert_int_equal(s.word, GW_SPOOL_IS_FULL);
    assert_string_equal(gw_spool_word_text(s.word), "full");
    assert_int_equal(s.messages, n);
    assert_int_equal(s.not_safe, 0);
    assert_true(s.file_used > s.file_max / 100 * 85 && s.file_used <= s.file_max / 100 * 95);
    assert_int_equal(gw_spool_keep(bench->spool, GW_SPOOL_SPACE_LEDGER, "k", 1, "v", 1, bench, 1),
                     0);
    bench_settle(bench);
    assert_int_equal(bench->kept, 1);
    unsigned changes = bench->changes;
    for (uint64_t sequence = 1; state_of(bench).word == GW_SPOOL_IS_FULL; sequence++) {
        assert_true(sequence <= n);
        assert_int_equal(gw_spool_delete(bench->spool, sequence, (sequence - 1) % 5), 0);
        if (sequence % 100 == 0)
            bench_settle(bench);
    }
    assert_int_equal(bench->changes, changes + 1);
    assert_int_equal(bench_event(bench, 1, n, 500, NULL), 0);
    bench_settle(bench);
    assert_int_equal(bench->not_safe, 0);
}

/* Where not even kept values fit, they are refused, and deletes go on. */
static void test_full_of_kept_values(void **state)
{
    struct spool_bench *bench = *state;
    char value[GW_SPOOL_VALUE_MAX] = "";
    unsigned n = 0;
    assert_true(bench_open(bench));
    bench_event(bench, 1, 1, 500, NULL);
    bench_settle(bench);
    while (!bench->not_kept) {
        n++;
        assert_int_equal(gw_spool_keep(bench->spool, GW_SPOOL_SPACE_TOPICS, &n, sizeof n, value,
                                       sizeof value, bench, n),
                         0);
        if (n == 100) /* while there is room for both */
            bench_event(bench, 1, 2, 500, NULL);
        bench_settle(bench);
    }
    assert_int_equal(bench->error, GW_SPOOL_FULL);
    assert_int_equal(bench->kept, n - 1);
    assert_int_equal(state_of(bench).word, GW_SPOOL_IS_FULL);
    assert_int_equal(bench_event(bench, 1, 3, 500, NULL), GW_SPOOL_FULL);
    assert_int_equal(gw_spool_delete(bench->spool, 1, 1), 0);
    bench_settle(bench);
    assert_int_equal(state_of(bench).messages, 1);
    for (unsigned i = 1; i < n; i++) {
        assert_int_equal(gw_spool_drop(bench->spool, GW_SPOOL_SPACE_TOPICS, &i, sizeof i), 0);
        bench_settle(bench);
    }
    assert_int_equal(state_of(bench).word, GW_SPOOL_IS_OK);
    assert_int_equal(bench_event(bench, 1, 4, 500, NULL), 0);
    bench_settle(bench);
    assert_int_equal(bench->durable, 3);
    assert_int_equal(bench->not_safe, 0);
}

/* The same over and over: the file does not grow, and nothing leaks into pages without use. */
static void test_churn_at_the_brim(void **state)
{
    struct spool_bench *bench = *state;
    unsigned n = 0;
    uint64_t oldest = 1;
    srand(5);
    assert_true(bench_open(bench));
    for (unsigned round = 0; round < 300; round++) {
        for (unsigned i = 0; i < 100; i++)
            if (!bench_event(bench, n % 5, n, (size_t)(rand() % 4000), NULL))
                n++;
        bench_settle(bench);
        bool full = state_of(bench).word == GW_SPOOL_IS_FULL;
        for (unsigned i = 0; i < 120 && full && oldest <= n; i++, oldest++)
            assert_int_equal(gw_spool_delete(bench->spool, oldest, (oldest - 1) % 5), 0);
        bench_settle(bench);
        assert_int_equal(state_of(bench).messages, n - oldest + 1);
    }
    assert_true(n > 5000);
    assert_int_equal(bench->not_safe, 0);
    for (; oldest <= n; oldest++) {
        assert_int_equal(gw_spool_delete(bench->spool, oldest, (oldest - 1) % 5), 0);
        if (oldest % 64 == 0)
            bench_settle(bench);
    }
    bench_settle(bench);
    struct gw_spool_state s = state_of(bench);
    assert_int_equal(s.messages, 0);
    assert_int_equal(s.points, 0);
    assert_true(s.file_used < s.file_max / 10);
    bench_close(bench);
    assert_true(bench_open(bench)); /* the scan's sum of pages holds */
    assert_int_equal(state_of(bench).word, GW_SPOOL_IS_OK);
}

static unsigned seen;
static void see(void *user, const struct gw_spool_kept *kept)
{
    const char *expected = user;
    assert_int_equal(kept->value_len, 1);
    assert_int_equal(*(const char *)kept->value, expected[seen]);
    seen++;
}

static void assert_kept(struct spool_bench *bench, enum gw_spool_space space, const char *values)
{
    union {
        const char *text;
        void *user;
    } expected = {.text = values};
    seen = 0;
    bench_close(bench);
    assert_true(bench_create(bench));
    assert_int_equal(gw_spool_each(bench->spool, space, see, expected.user), 0);
    assert_int_equal(seen, strlen(values));
    uv_loop_init(&bench->loop);
    assert_int_equal(gw_spool_start(bench->spool, &bench->loop), 0);
    assert_int_equal(gw_spool_start(bench->spool, &bench->loop), GW_SPOOL_INVALID);
    assert_int_equal(gw_spool_each(bench->spool, space, see, expected.user), GW_SPOOL_INVALID);
}

static void test_kept_values(void **state)
{
    struct spool_bench *bench = *state;
    const enum gw_spool_space ledger = GW_SPOOL_SPACE_LEDGER, topics = GW_SPOOL_SPACE_TOPICS;
    bench->options.group_ms = 60000;
    assert_true(bench_open(bench));
    for (char key = 'a'; key <= 'f'; key++)
        assert_int_equal(gw_spool_keep(bench->spool, ledger, &key, 1, &key, 1, bench, 1), 0);
    assert_int_equal(gw_spool_keep(bench->spool, topics, "b", 1, "T", 1, bench, 1), 0);
    assert_int_equal(gw_spool_keep(bench->spool, ledger, "b", 1, "B", 1, bench, 1), 0);
    while (bench->kept < 8) /* without a flush */
        bench_turn(bench);
    assert_kept(bench, ledger, "aBcdef");
    assert_kept(bench, topics, "T");
    assert_int_equal(gw_spool_drop(bench->spool, ledger, "b", 1), 0);
    assert_int_equal(gw_spool_drop(bench->spool, ledger, "nothing", 7), 0);
    assert_kept(bench, ledger, "acdef");
    assert_int_equal(gw_spool_trim(bench->spool, ledger, "d", 1, UINT32_MAX), 0);
    assert_kept(bench, ledger, "def");
    assert_int_equal(gw_spool_trim(bench->spool, ledger, NULL, 0, 1), 0);
    assert_kept(bench, ledger, "f");
    assert_kept(bench, topics, "T");
    char large[GW_SPOOL_VALUE_MAX + 1] = "";
    assert_int_equal(gw_spool_keep(bench->spool, ledger, "a", 1, large, sizeof large, bench, 1),
                     GW_SPOOL_TOO_LARGE);
    assert_int_equal(
        gw_spool_keep(bench->spool, ledger, large, GW_SPOOL_KEY_MAX + 1, "", 0, bench, 1),
        GW_SPOOL_TOO_LARGE);
    assert_int_equal(gw_spool_drop(bench->spool, ledger, large, GW_SPOOL_KEY_MAX + 1),
                     GW_SPOOL_TOO_LARGE);
}

static void test_nothing_allocates_while_it_runs(void **state)
{
    struct spool_bench *bench = *state;
    uint64_t sequence = 0;
    size_t expected = gw_spool_memory(&bench->options);
    assert_true(bench_open(bench));
    assert_int_equal(gw_memory_used(GW_OWNER_SPOOL), expected);
    uint64_t calls = gw_memory_calls();
    for (unsigned n = 0; n < 200; n++) {
        bench_event(bench, n, n, 100, &sequence);
        bench_settle(bench);
        gw_spool_delete(bench->spool, sequence, n);
        if (n % 50 == 0)
            bench_read(bench, 0);
    }
    assert_int_equal(gw_memory_calls(), calls);
}

static void test_without_a_path(void **state)
{
    struct spool_bench *bench = *state;
    bench->options.path = "";
    assert_true(bench_create(bench));
    assert_int_equal(gw_memory_used(GW_OWNER_SPOOL), gw_spool_memory(&bench->options));
    assert_int_equal(gw_spool_each(bench->spool, GW_SPOOL_SPACE_LEDGER, see, NULL),
                     GW_SPOOL_INVALID);
    assert_int_equal(gw_spool_start(bench->spool, &bench->loop), GW_SPOOL_INVALID);
    assert_int_equal(bench_event(bench, 1, 1, 1, NULL), GW_SPOOL_INVALID);
    gw_spool_free(bench->spool);
    bench->spool = NULL;
}

static void test_after_the_end(void **state)
{
    struct spool_bench *bench = *state;
    assert_true(bench_open(bench));
    gw_spool_stop(bench->spool, bench_stopped);
    gw_spool_stop(bench->spool, NULL);
    assert_int_equal(bench_event(bench, 1, 1, 1, NULL), GW_SPOOL_INVALID);
    assert_int_equal(gw_spool_delete(bench->spool, 1, 1), GW_SPOOL_INVALID);
    assert_int_equal(gw_spool_read(bench->spool, 0), GW_SPOOL_INVALID);
    assert_int_equal(gw_spool_drop(bench->spool, GW_SPOOL_SPACE_LEDGER, "a", 1), GW_SPOOL_INVALID);
    assert_int_equal(gw_spool_keep(bench->spool, GW_SPOOL_SPACE_LEDGER, "a", 1, "", 0, bench, 1),
                     GW_SPOOL_INVALID);
    gw_spool_flush(bench->spool);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    assert_true(bench->stopped);
    gw_spool_flush(bench->spool);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
    gw_spool_free(bench->spool);
    bench->spool = NULL;
    gw_spool_free(NULL);
    assert_string_equal(gw_spool_error_text(GW_SPOOL_FULL), "the spool is full");
    assert_string_equal(gw_spool_error_text(0), "no error");
}

int main(void)
{
    gw_log_configure(GW_LOG_ERROR, GW_LOG_LOGFMT);
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_group_is_one_commit),
        TEST(test_a_group_waits_no_longer_than_told),
        TEST(test_a_transaction_is_all_or_nothing),
        TEST(test_what_is_durable_is_there_after_a_restart),
        TEST(test_stop_commits_what_waits),
        TEST(test_replay_in_batches),
        TEST(test_deletes_ride_and_clear_the_backlog),
        TEST(test_deletes_alone_are_committed_in_time),
        TEST(test_a_read_sees_no_deleted_message),
        TEST(test_deleted_before_it_is_written),
        TEST(test_held_and_taken),
        TEST(test_owners_that_went_are_not_told),
        TEST(test_a_full_queue_refuses_and_recovers),
        TEST(test_full),
        TEST(test_full_of_kept_values),
        TEST(test_churn_at_the_brim),
        TEST(test_kept_values),
        TEST(test_nothing_allocates_while_it_runs),
        TEST(test_without_a_path),
        TEST(test_after_the_end),
    };
    return cmocka_run_group_tests_name("spool", tests, NULL, NULL);
}
