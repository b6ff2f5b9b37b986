/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox beside a journal: a scripted one, then random traffic with crashes against a model of
 * what every subscriber may rely on. */
#include "tests/lib/outbox_bench.h"

enum { TOPICS = 12, EVENTS_MAX = 20000 };

static void test_safe_in_the_journal(void **unused)
{
    (void)unused;
    static struct bench b;
    setup(&b, 64);
    commit(&b, 1, "ab");
    assert_int_equal(gw_outbox_secure(b.outbox, &b, 1), 0);
    assert_int_equal(gw_outbox_secure(b.outbox, &b, 1), 0); /* once is enough */
    assert_int_equal(b.copies, 2);
    assert_true(answer(&b));
    assert_int_equal(b.safe_count, 0);
    assert_true(answer(&b));
    assert_int_equal(b.safe_count, 1);
    assert_int_equal(gw_outbox_withdraw(b.outbox, &b, 1), 0); /* it is safe: nobody can */
    connect_again(&b);
    assert_int_equal(b.flight, 2); /* they stayed in the outbox too */
    acked(&b, 0);
    acked(&b, 0);
    assert_int_equal(b.erased, 2);
    assert_int_equal(b.safe_count, 1);
    teardown(&b);
}

static void test_without_a_journal(void **unused)
{
    (void)unused;
    static struct bench b;
    setup(&b, 64);
    gw_outbox_use_journal(b.outbox, &(struct gw_outbox_journal){0});
    commit(&b, 1, "a");
    assert_int_equal(gw_outbox_secure(b.outbox, &b, 1), GW_OUTBOX_NO_JOURNAL);
    assert_int_equal(gw_outbox_secure(b.outbox, &b, 2), 0);
    gw_outbox_withdraw(b.outbox, &b, 1);
    teardown(&b);
}

static void test_statics_are_not_waited_for(void **unused)
{
    (void)unused;
    static struct bench b;
    setup(&b, 64);
    b.online = true;
    commit(&b, 1, "AbC");
    assert_int_equal(gw_outbox_secure(b.outbox, &b, 1), 0);
    assert_int_equal(b.copies, 1);
    answer_all(&b);
    assert_int_equal(b.safe_count, 1);
    while (b.flight)
        acked(&b, 0);
    assert_int_equal(b.safe_count, 1);
    commit(&b, 2, "A");
    assert_int_equal(gw_outbox_secure(b.outbox, &b, 2), 0);
    assert_int_equal(b.safe_count, 2);
    acked(&b, 0);
    teardown(&b);
}

static void test_broker_is_faster_than_the_journal(void **unused)
{
    (void)unused;
    static struct bench b;
    setup(&b, 64);
    b.online = true;
    commit(&b, 1, "ab");
    gw_outbox_secure(b.outbox, &b, 1);
    acked(&b, 0);
    acked(&b, 0);
    assert_int_equal(b.safe_count, 1);
    answer_all(&b);
    assert_int_equal(b.erased, 2);
    assert_int_equal(b.copies, 0);
    assert_int_equal(b.safe_count, 1);
    teardown(&b);
}

static void test_mixed_ways_to_be_safe(void **unused)
{
    (void)unused;
    static struct bench b;
    setup(&b, 64);
    b.online = true;
    commit(&b, 1, "abc");
    gw_outbox_secure(b.outbox, &b, 1);
    acked(&b, 0);
    answer_all(&b);
    assert_int_equal(b.safe_count, 1);
    disconnect(&b);
    connect_again(&b);
    assert_int_equal(b.flight, 2);
    acked(&b, 0);
    acked(&b, 0);
    assert_int_equal(b.copies, 0);
    teardown(&b);
}

static void test_withdrawn_copies_are_erased(void **unused)
{
    (void)unused;
    static struct bench b;
    setup(&b, 64);
    commit(&b, 1, "ab");
    gw_outbox_secure(b.outbox, &b, 1);
    answer(&b);
    assert_int_equal(gw_outbox_withdraw(b.outbox, &b, 1), 2);
    assert_int_equal(b.erased, 1);
    answer_all(&b);
    assert_int_equal(b.erased, 2);
    assert_int_equal(b.safe_count, 0);
    teardown(&b);
}

static void test_behind_what_lies_there(void **unused)
{
    (void)unused;
    static struct bench b;
    setup(&b, 64);
    b.copy[b.copies++] =
        (struct copy){.topic = 'a', .number = 7, .durable = true, .sequence = ++b.sequence};
    b.online = true;
    commit(&b, 8, "ab");
    assert_int_equal(b.flight, 1); /* b has no backlog of its own */
    assert_int_equal(b.topics[0], 'b');
    acked(&b, 0);
    assert_int_equal(b.safe_count, 0);
    answer_all(&b);
    assert_int_equal(b.safe_count, 1);
    assert_true(load(&b));
    assert_int_equal(b.numbers[0], 7);
    assert_true(load(&b));
    assert_int_equal(b.numbers[1], 8);
    commit(&b, 9, "a"); /* no backlog any more */
    assert_int_equal(b.numbers[2], 9);
    while (b.flight)
        acked(&b, 0);
    assert_int_equal(b.copies, 0);
    teardown(&b);
}

static void test_journal_fails_what_had_to_go_there(void **unused)
{
    (void)unused;
    static struct bench b;
    setup(&b, 64);
    b.copy[b.copies++] = (struct copy){.topic = 'a', .durable = true, .sequence = ++b.sequence};
    commit(&b, 1, "ab");
    b.failing = true;
    answer_all(&b);
    assert_int_equal(b.refused_count, 1);
    assert_int_equal(b.refused[0], 1);
    b.room = b.copies; /* and now it takes nothing at all */
    assert_int_equal(commit(&b, 2, "ba"), GW_OUTBOX_FULL);
    gw_outbox_begin(b.outbox, b.outbox, 3, false); /* nobody could repeat these */
    b.room = COPIES_MAX;
    put(&b, 'a', 3, true);
    assert_int_equal(gw_outbox_commit(b.outbox), 0);
    answer_all(&b);
    connect_again(&b);
    assert_int_equal(b.flight, 1);
    assert_int_equal(b.numbers[0], 3);
    acked(&b, 0);
    teardown(&b);
}

static void test_copies_half_taken_are_erased(void **unused)
{
    (void)unused;
    static struct bench b;
    setup(&b, 64);
    b.copy[b.copies++] = (struct copy){.topic = 'a', .durable = true, .sequence = ++b.sequence};
    b.room = 2;
    assert_int_equal(commit(&b, 1, "aa"), GW_OUTBOX_FULL);
    answer_all(&b);
    assert_int_equal(b.copies, 1);
    assert_int_equal(b.erased, 1);
    commit(&b, 2, "bc");
    assert_int_equal(gw_outbox_secure(b.outbox, &b, 2), GW_OUTBOX_FULL);
    b.room = COPIES_MAX;
    assert_int_equal(gw_outbox_secure(b.outbox, &b, 2), 0);
    answer_all(&b);
    assert_int_equal(b.safe_count, 1);
    connect_again(&b);
    acked(&b, 0);
    acked(&b, 0);
    teardown(&b);
}

static void test_refused_by_the_broker_when_safe(void **unused)
{
    (void)unused;
    static struct bench b;
    setup(&b, 64);
    b.online = true;
    commit(&b, 1, "ab");
    gw_outbox_secure(b.outbox, &b, 1);
    answer_all(&b);
    acked(&b, 0x87);
    assert_int_equal(b.put_back, 1);
    acked(&b, 0);
    assert_int_equal(b.copies, 1);
    assert_true(load(&b));
    acked(&b, 0);
    assert_int_equal(b.copies, 0);
    teardown(&b);
}

static void test_events_leave_room_for_the_rest(void **unused)
{
    (void)unused;
    static struct bench b;
    setup(&b, 64);
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(commit(&b, i, (char[]){(char)('a' + i % 26), 0}), 0);
    size_t only_there = 0;
    for (size_t i = 0; i < b.copies; i++)
        only_there += !b.copy[i].kept;
    assert_int_equal(only_there, 32); /* an eighth stays here, copied too: it is older */
    answer_all(&b);
    assert_int_equal(b.safe_count, 40);
    connect_again(&b);
    while (b.flight || load(&b))
        acked(&b, 0);
    assert_int_equal(b.copies, 0);
    assert_int_equal(b.safe_count, 40);
    teardown(&b);
}

/* The value that stands behind an event in one fragment is the newer one. */
static void test_values_do_not_overtake_events(void **unused)
{
    (void)unused;
    static struct bench b;
    setup(&b, 64);
    for (uint32_t i = 0; i < 16; i++)
        assert_int_equal(commit(&b, i, "a"), 0);
    gw_outbox_begin(b.outbox, &b, 16, true);
    assert_int_equal(put(&b, 'b', 16, true), 0);
    assert_int_equal(put(&b, 'b', 17, false), GW_OUTBOX_BEHIND);
    assert_int_equal(gw_outbox_commit(b.outbox), 0); /* the event is not left out for that */
    answer_all(&b);
    assert_int_equal(b.safe_count, 17);
    connect_again(&b);
    while (b.flight || load(&b))
        acked(&b, 0);
    gw_outbox_begin(b.outbox, &b, 18, true); /* there is room again */
    assert_int_equal(put(&b, 'b', 18, true), 0);
    assert_int_equal(put(&b, 'b', 19, false), 0);
    assert_int_equal(gw_outbox_commit(b.outbox), 0);
    acked(&b, 0);
    acked(&b, 0);
    assert_int_equal(b.safe_count, 18);
    teardown(&b);
}

/* The promise, under everything at once: what was told to be safe arrives, in order per topic, over
 * crashes; what was not told may arrive too. */
static struct promise {
    bool slow;      /* the broker, at the moment */
    uint32_t count; /* events put, numbered from 1 over all topics */
    char topic[EVENTS_MAX];
    uint32_t fragment[EVENTS_MAX];
    bool fragment_safe[EVENTS_MAX];
    bool arrived[EVENTS_MAX];
    uint32_t newest[TOPICS]; /* that arrived, of each topic */
    size_t late;             /* first arrivals behind a newer one */
} promise;

static uint64_t relieved; /* over all runs */

static void promise_safe(struct bench *b, uint32_t token)
{
    (void)b;
    promise.fragment_safe[token] = true;
}

static void promise_arrival(struct bench *b, char topic, uint32_t number)
{
    (void)b;
    uint32_t *newest = &promise.newest[topic - 'a'];
    assert_int_equal(promise.topic[number], topic);
    if (!promise.arrived[number] && number < *newest)
        promise.late++;
    promise.arrived[number] = true;
    if (number > *newest)
        *newest = number;
}

static bool promise_commit(struct bench *b, uint32_t fragment)
{
    assert_int_equal(gw_outbox_begin(b->outbox, b, fragment, true), 0);
    for (int i = rand() % 6; i >= 0; i--) {
        uint32_t number = ++promise.count;
        promise.topic[number] = (char)('a' + rand() % TOPICS);
        promise.fragment[number] = fragment;
        put(b, promise.topic[number], number, true);
    }
    return gw_outbox_commit(b->outbox) == 0;
}

/* kill -9: what is in memory is gone, what is durable is not. */
static void crash(struct bench *b)
{
    gw_outbox_free(b->outbox);
    b->flight = 0;
    for (size_t i = b->copies; i-- > 0;) {
        if (!b->copy[i].durable)
            remove_copy(b, &b->copy[i]);
        else
            b->copy[i].kept = b->copy[i].loaded = false;
    }
    open_outbox(b, 256);
}

static void promise_step(struct bench *b, uint32_t fragment, bool refusals)
{
    int dice = rand() % 100;
    if (dice < 3) {
        if (b->online)
            disconnect(b);
        else
            connect_again(b);
    } else if (dice < 4) {
        crash(b);
    } else if (dice < 5) {
        b->failing = !b->failing;
    } else if (dice < 6) {
        promise.slow = !promise.slow;
    } else if (dice < 15) {
        gw_outbox_withdraw(b->outbox, b, fragment - (uint32_t)rand() % 4);
    }
    gw_outbox_secure(b->outbox, b, fragment - (uint32_t)rand() % 8);
    for (int n = rand() % 12; n && answer(b); n--)
        ;
    for (int n = rand() % 9; n && load(b); n--)
        ;
    for (int n = rand() % 14; n && b->flight; n--) {
        b->now_ms += promise.slow ? (unsigned)rand() % 200 : 0;
        acked(b, refusals && rand() % 50 == 0 ? 0x87 : 0);
    }
}

static void run_promise(unsigned seed, bool paced, bool refusals)
{
    static struct bench b;
    struct gw_outbox_state state;
    setup_paced(&b, 256, paced);
    memset(&promise, 0, sizeof promise);
    b.on_safe = promise_safe;
    b.on_arrival = promise_arrival;
    srand(seed);
    for (uint32_t fragment = 8; promise.count < EVENTS_MAX - 100; fragment++) {
        promise_commit(&b, fragment);
        promise_step(&b, fragment, refusals);
    }
    gw_outbox_state(b.outbox, &state);
    relieved += state.relieved;
    b.failing = false;
    connect_again(&b);
    answer_all(&b);
    while (b.flight || load(&b)) {
        while (b.flight)
            acked(&b, 0);
        answer_all(&b);
    }
    size_t kept = 0;
    for (uint32_t i = 1; i <= promise.count; i++) {
        kept += promise.fragment_safe[promise.fragment[i]];
        if (promise.fragment_safe[promise.fragment[i]] && !promise.arrived[i])
            fail_msg("seed %u: event %u was safe and did not arrive", seed, i);
    }
    assert_true(kept > EVENTS_MAX / 4);
    if (!refusals)
        assert_int_equal(promise.late, 0);
    assert_int_equal(b.copies, 0);
    teardown(&b);
}

static void test_what_is_safe_arrives_in_order(void **unused)
{
    (void)unused;
    for (unsigned seed = 1; seed <= 20; seed++)
        run_promise(seed, seed % 2, false);
    assert_true(relieved > 0);
}

static void test_what_is_safe_arrives_though_refused(void **unused)
{
    (void)unused;
    for (unsigned seed = 100; seed <= 110; seed++)
        run_promise(seed, seed % 2, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_safe_in_the_journal),
        cmocka_unit_test(test_without_a_journal),
        cmocka_unit_test(test_statics_are_not_waited_for),
        cmocka_unit_test(test_broker_is_faster_than_the_journal),
        cmocka_unit_test(test_mixed_ways_to_be_safe),
        cmocka_unit_test(test_withdrawn_copies_are_erased),
        cmocka_unit_test(test_behind_what_lies_there),
        cmocka_unit_test(test_journal_fails_what_had_to_go_there),
        cmocka_unit_test(test_copies_half_taken_are_erased),
        cmocka_unit_test(test_refused_by_the_broker_when_safe),
        cmocka_unit_test(test_events_leave_room_for_the_rest),
        cmocka_unit_test(test_values_do_not_overtake_events),
        cmocka_unit_test(test_what_is_safe_arrives_in_order),
        cmocka_unit_test(test_what_is_safe_arrives_though_refused),
    };
    return cmocka_run_group_tests_name("outbox_journal", tests, NULL, NULL);
}
