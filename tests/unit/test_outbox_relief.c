/* SPDX-License-Identifier: Apache-2.0 */
/* A slow broker, in virtual time: what waits for it leaves the outbox for the journal and comes
 * back in order, and whoever has nothing there does not wait behind what others have. */
#include "tests/lib/outbox_bench.h"

enum { SECOND = 1000, WAIT_MOST_MS = 1000 };

/* Commits events of one topic until so many are queued. */
static void queue_events(struct bench *b, char topic, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(commit(b, (uint32_t)i, (char[]){topic, 0}), 0);
}

static struct gw_outbox_state state_of(const struct bench *b)
{
    struct gw_outbox_state state;
    gw_outbox_state(b->outbox, &state);
    return state;
}

/* Acknowledged one each `ms`. */
static void take(struct bench *b, size_t count, uint64_t ms)
{
    while (count-- && b->flight) {
        b->now_ms += ms;
        acked(b, 0);
    }
}

static void drain(struct bench *b)
{
    answer_all(b);
    while (b->flight || load(b)) {
        take(b, WINDOW, 0);
        answer_all(b);
    }
}

/* A fast broker, which has been seen to be, and then a queue for it. */
static void be_fast(struct bench *b)
{
    b->online = true;
    for (int i = 0; i < 100; i++) {
        queue_events(b, 'f', 8);
        take(b, 8, 0);
    }
    drain(b);
    assert_int_equal(state_of(b).depth, 512);
}

static void test_what_waits_too_long_leaves(void **unused)
{
    (void)unused;
    static struct bench b;
    setup_paced(&b, 4096, true);
    be_fast(&b);
    queue_events(&b, 'a', 300);
    assert_true(state_of(&b).queued > 250);
    take(&b, 2 * WINDOW, 100); /* ten a second from now on */
    take(&b, WINDOW, 100);
    answer_all(&b);
    take(&b, 1, 100);
    struct gw_outbox_state state = state_of(&b);
    assert_true(state.depth <= 4);
    assert_true(state.queued <= state.depth + state.depth / 4 + 1);
    assert_true(state.in_flight <= 4);
    assert_true(state.relieved > 200);
    assert_int_equal(commit(&b, 1000, "a"), 0); /* goes behind them */
    assert_false(b.copy[b.copies - 1].kept);
    b.on_arrival = NULL;
    drain(&b);
    assert_int_equal(b.copies, 0);
    teardown(&b);
}

/* One slow round is a disk that was busy, not a slow broker. */
static void test_a_hiccup_changes_little(void **unused)
{
    (void)unused;
    static struct bench b;
    setup_paced(&b, 4096, true);
    be_fast(&b);
    queue_events(&b, 'a', 300);
    b.now_ms += 2 * SECOND;
    take(&b, WINDOW, 0);
    assert_int_equal(state_of(&b).relieved, 0);
    take(&b, 300, 0);
    drain(&b);
    teardown(&b);
}

static void test_values_are_left_out(void **unused)
{
    (void)unused;
    static struct bench b;
    setup_paced(&b, 4096, true);
    b.online = true;
    queue_events(&b, 's', 1);
    take(&b, 1, 0); /* it takes a message in no time: enough is known */
    be_fast(&b);
    b.online = false;
    gw_outbox_begin(b.outbox, &b, 9000, false);
    for (uint32_t i = 0; i < 200; i++)
        assert_int_equal(put(&b, 'V', i, false), 0);
    assert_int_equal(gw_outbox_commit(b.outbox), 0);
    disconnect(&b); /* and nothing is known again */
    assert_true(gw_outbox_crowded(b.outbox));
    gw_outbox_begin(b.outbox, &b, 9001, true);
    assert_int_equal(put(&b, 'W', 1, false), GW_OUTBOX_BEHIND);
    assert_int_equal(gw_outbox_commit(b.outbox), 0);
    connect_again(&b);
    assert_true(b.left_out > 150);
    assert_true(state_of(&b).queued <= state_of(&b).depth);
    assert_int_equal(state_of(&b).left_out, b.left_out);
    drain(&b);
    teardown(&b);
}

/* A value that somebody waits for stays until its fragment is made safe, and so does what is before
 * it. */
static void test_an_awaited_value_is_not_left_out(void **unused)
{
    (void)unused;
    static struct bench b;
    setup_paced(&b, 4096, true);
    be_fast(&b);
    queue_events(&b, 'a', 100);
    assert_int_equal(commit(&b, 500, "A"), 0);
    for (int i = 0; i < 3; i++) {
        take(&b, WINDOW, 100);
        answer_all(&b);
    }
    assert_int_equal(state_of(&b).relieved, 0);
    assert_int_equal(b.left_out, 0);
    size_t safe = b.safe_count;
    assert_int_equal(gw_outbox_secure(b.outbox, &b, 500), 0);
    assert_int_equal(b.safe_count, safe + 1);
    take(&b, 1, 100);
    assert_int_equal(b.left_out, 1);
    assert_true(state_of(&b).relieved > 10);
    drain(&b);
    teardown(&b);
}

/* While the journal fails nothing goes there: as without one, it waits for the broker. */
static void test_a_failing_journal_relieves_nobody(void **unused)
{
    (void)unused;
    static struct bench b;
    setup_paced(&b, 4096, true);
    be_fast(&b);
    b.failing = true;
    queue_events(&b, 'a', 200);
    for (int i = 0; i < 4; i++)
        take(&b, 8, 100);
    assert_true(gw_outbox_crowded(b.outbox));
    assert_int_equal(commit(&b, 600, "bcdefgh"), 0);
    assert_int_equal(b.copies, 0);
    assert_int_equal(state_of(&b).relieved, 0);
    b.failing = false;
    drain(&b);
    assert_int_equal(b.safe_count, 800 + 201);
    teardown(&b);
}

/* Without a journal values stand back all the same. */
static void test_values_stand_back_without_a_journal(void **unused)
{
    (void)unused;
    static struct bench b;
    setup_paced(&b, 4096, true);
    gw_outbox_use_journal(b.outbox, &(struct gw_outbox_journal){0});
    queue_events(&b, 'a', 100);
    gw_outbox_begin(b.outbox, &b, 700, true);
    assert_int_equal(put(&b, 'V', 1, false), GW_OUTBOX_BEHIND);
    assert_int_equal(put(&b, 'v', 1, true), 0);
    assert_int_equal(gw_outbox_commit(b.outbox), 0);
    connect_again(&b);
    take(&b, 200, 100);
    assert_int_equal(b.safe_count, 101);
    teardown(&b);
}

/* A point with a hundred events a second, and others with one now and then. */
static struct others {
    uint64_t put_ms[26]; /* 0: it waits in the journal, and so has a backlog */
    uint64_t longest_ms;
    size_t arrived, parked;
    uint32_t newest; /* of the busy one */
} others;

static void on_arrival(struct bench *b, char topic, uint32_t number)
{
    if (topic == 'a') {
        assert_true(number > others.newest);
        others.newest = number;
        return;
    }
    if (number != others.put_ms[topic - 'a'])
        return;
    uint64_t waited = b->now_ms - number;
    if (waited > others.longest_ms)
        others.longest_ms = waited;
    others.arrived++;
}

/* As the journal does it (journal.c). */
static void replay(struct bench *b)
{
    struct gw_outbox_state state = state_of(b);
    while (state.loaded < state.depth / 4 + 1 && load(b))
        state = state_of(b);
}

static void tick(struct bench *b, unsigned takes_per_second, bool busy)
{
    static const char topics[] = "bcdefghijklmnopqrstuvwxyz";
    uint64_t ms = ++b->now_ms;
    if (busy && ms % 10 == 0)
        commit(b, (uint32_t)ms, "a");
    if (ms % 300 == 0) {
        char topic = topics[ms / 300 % (sizeof topics - 1)];
        size_t copies = b->copies;
        commit(b, (uint32_t)ms, (char[]){topic, 0});
        bool parked = b->copies > copies && !b->copy[b->copies - 1].kept;
        others.put_ms[topic - 'a'] = parked ? 0 : ms;
        others.parked += parked;
    }
    for (uint64_t due = ms * takes_per_second / SECOND - (ms - 1) * takes_per_second / SECOND;
         due && b->flight; due--)
        acked(b, 0);
    answer_all(b);
    replay(b);
}

static void run(struct bench *b, unsigned takes_per_second, unsigned seconds, bool busy)
{
    for (unsigned ms = 0; ms < seconds * SECOND; ms++)
        tick(b, takes_per_second, busy);
}

static void slow_from_the_start(unsigned takes_per_second)
{
    static struct bench b;
    setup_paced(&b, 4096, true);
    memset(&others, 0, sizeof others);
    b.on_arrival = on_arrival;
    connect_again(&b);
    run(&b, takes_per_second, 20, true);
    run(&b, takes_per_second, 10, false); /* while it drains */
    assert_in_range(others.parked, 0, 10);
    assert_true(others.arrived > 85);
    assert_in_range(others.longest_ms, 0, WAIT_MOST_MS);
    assert_true(others.newest > 10); /* and it does drain */
    run(&b, 3000, 2, false);
    assert_int_equal(b.copies, 0);
    assert_int_equal(others.newest, 20 * SECOND);
    drain(&b);
    teardown(&b);
}

static void test_others_do_not_wait(void **unused)
{
    (void)unused;
    static const unsigned rates[] = {10, 20, 50, 90, 500};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        slow_from_the_start(rates[i]);
}

/* It was fast, and is slow from one moment on: soon nobody waits again. */
static void test_others_wait_while_it_is_learnt_only(void **unused)
{
    (void)unused;
    static struct bench b;
    setup_paced(&b, 4096, true);
    memset(&others, 0, sizeof others);
    b.on_arrival = on_arrival;
    connect_again(&b);
    run(&b, 5000, 5, true);
    assert_in_range(others.longest_ms, 0, 2);
    run(&b, 10, 5, true);
    assert_in_range(others.longest_ms, 0, 3 * WAIT_MOST_MS);
    run(&b, 10, 1, true);
    others.longest_ms = 0;
    run(&b, 10, 10, true);
    assert_in_range(others.longest_ms, 0, WAIT_MOST_MS);
    run(&b, 5000, 2, false);
    assert_int_equal(b.copies, 0);
    drain(&b);
    teardown(&b);
}

/* `max_rate`: a broker that is fast and is not to be given more. */
static void test_a_limited_rate(void **unused)
{
    (void)unused;
    static const double rates[] = {0.5, 7, 100, 2500};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        static struct bench b;
        memset(&b, 0, sizeof b);
        b.room = COPIES_MAX;
        b.paced = true;
        b.max_rate = rates[i];
        b.now_ms = 1000000;
        open_outbox(&b, 4096);
        connect_again(&b);
        uint64_t start = b.now_ms;
        size_t sent = 0;
        for (unsigned n = 0; n < 20 * SECOND; n++, b.now_ms++) {
            while (gw_outbox_begin(b.outbox, &b, n, false) == 0 && !gw_outbox_crowded(b.outbox)) {
                put(&b, 'a', n, true);
                gw_outbox_commit(b.outbox);
            }
            gw_outbox_cancel(b.outbox);
            if (b.pump_ms && b.now_ms >= b.pump_ms) {
                b.pump_ms = 0;
                gw_outbox_pump(b.outbox);
            }
            while (b.flight) {
                acked(&b, 0);
                sent++;
            }
        }
        double most = rates[i] * (double)(b.now_ms - start) / SECOND;
        assert_in_range(sent, (size_t)(most * 0.98), (size_t)(most + rates[i] / 10 + 1));
        b.paced = false;
        b.max_rate = 0;
        gw_outbox_free(b.outbox);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_waits_too_long_leaves),
        cmocka_unit_test(test_a_hiccup_changes_little),
        cmocka_unit_test(test_values_are_left_out),
        cmocka_unit_test(test_an_awaited_value_is_not_left_out),
        cmocka_unit_test(test_a_failing_journal_relieves_nobody),
        cmocka_unit_test(test_values_stand_back_without_a_journal),
        cmocka_unit_test(test_others_do_not_wait),
        cmocka_unit_test(test_others_wait_while_it_is_learnt_only),
        cmocka_unit_test(test_a_limited_rate),
    };
    return cmocka_run_group_tests_name("outbox_relief", tests, NULL, NULL);
}
