/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox beside a journal: a scripted one, then random traffic with crashes against a model of
 * what every subscriber may rely on. */
#include "gateway/delivery/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/memory.h"

enum { COPIES_MAX = 4096, WINDOW = 16, TOPICS = 12, EVENTS_MAX = 20000, TOLD_MAX = 64 };

/* A message of the tests: "letter number". */
struct copy {
    char topic;
    uint32_t number;
    bool event;
    bool kept;    /* in the outbox as well */
    bool durable; /* else it is being written */
    bool loaded;
    uint64_t id;
    uint64_t sequence;
};

struct bench {
    struct gw_outbox *outbox;
    /* the broker */
    bool online;
    size_t flight;
    uint64_t ids[WINDOW];
    char topics[WINDOW];
    uint32_t numbers[WINDOW];
    /* the journal */
    bool failing;
    size_t room;
    size_t copies;
    struct copy copy[COPIES_MAX];
    uint64_t sequence;
    size_t erased, put_back;
    /* what the owner was told */
    size_t safe_count, refused_count;
    uint32_t safe[TOLD_MAX], refused[TOLD_MAX];
    void (*on_safe)(struct bench *b, uint32_t token);
    void (*on_refused)(struct bench *b, uint32_t token);
    void (*on_arrival)(struct bench *b, char topic, uint32_t number);
};

static int broker_publish(void *user, const struct gw_outbox_message *message, uint64_t id)
{
    struct bench *b = user;
    if (!b->online || b->flight == WINDOW)
        return -1;
    b->ids[b->flight] = id;
    b->topics[b->flight] = message->topic[0];
    memcpy(&b->numbers[b->flight++], message->payload, sizeof b->numbers[0]);
    return 0;
}

static size_t broker_window(void *user)
{
    const struct bench *b = user;
    return b->online ? WINDOW - b->flight : 0;
}

static bool journal_behind(void *user, const struct gw_outbox_message *message)
{
    const struct bench *b = user;
    for (size_t i = 0; i < b->copies; i++)
        if (b->copy[i].topic == message->topic[0] && !b->copy[i].kept && !b->copy[i].loaded)
            return true;
    return false;
}

static int journal_append(void *user, const struct gw_outbox_message *message, bool kept,
                          uint64_t id)
{
    struct bench *b = user;
    if (b->copies >= b->room)
        return -1;
    struct copy *copy = &b->copy[b->copies++];
    *copy =
        (struct copy){.topic = message->topic[0], .event = message->event, .kept = kept, .id = id};
    assert_true(message->event);
    memcpy(&copy->number, message->payload, sizeof copy->number);
    return 0;
}

static struct copy *find_copy(struct bench *b, uint64_t sequence)
{
    for (size_t i = 0; i < b->copies; i++)
        if (b->copy[i].durable && b->copy[i].sequence == sequence)
            return &b->copy[i];
    fail();
    return NULL;
}

static void remove_copy(struct bench *b, struct copy *copy)
{
    size_t index = (size_t)(copy - b->copy);
    memmove(copy, copy + 1, (b->copies - index - 1) * sizeof *copy);
    b->copies--;
}

static void journal_erase(void *user, uint64_t sequence)
{
    struct bench *b = user;
    remove_copy(b, find_copy(b, sequence));
    b->erased++;
}

static void journal_put_back(void *user, const struct gw_outbox_message *message, uint64_t sequence)
{
    struct bench *b = user;
    struct copy *copy = find_copy(b, sequence);
    assert_int_equal(message->topic[0], copy->topic);
    copy->kept = copy->loaded = false;
    b->put_back++;
}

static void on_safe(void *user, void *owner, uint32_t token)
{
    struct bench *b = user;
    assert_ptr_equal(owner, b);
    b->safe[b->safe_count++ % TOLD_MAX] = token;
    if (b->on_safe)
        b->on_safe(b, token);
}

static void on_refused(void *user, void *owner, uint32_t token, int reason_code)
{
    struct bench *b = user;
    (void)owner;
    (void)reason_code;
    b->refused[b->refused_count++ % TOLD_MAX] = token;
    if (b->on_refused && owner)
        b->on_refused(b, token);
}

static void open_outbox(struct bench *b, size_t messages)
{
    const struct gw_outbox_options options = {.messages = messages, .octets = messages * 256};
    const struct gw_outbox_sink sink = {broker_publish, broker_window, b};
    const struct gw_outbox_callbacks callbacks = {on_safe, on_refused};
    const struct gw_outbox_journal journal = {journal_behind, journal_append, journal_erase,
                                              journal_put_back, b};
    b->outbox = gw_outbox_create(&options, &sink, &callbacks, b);
    assert_non_null(b->outbox);
    gw_outbox_use_journal(b->outbox, &journal);
}

static void setup(struct bench *b, size_t messages)
{
    memset(b, 0, sizeof *b);
    b->room = COPIES_MAX;
    open_outbox(b, messages);
}

static void teardown(struct bench *b)
{
    struct gw_outbox_state state;
    gw_outbox_state(b->outbox, &state);
    assert_int_equal(state.messages, 0);
    assert_int_equal(state.fragments, 0);
    assert_int_equal(state.loaded, 0);
    gw_outbox_free(b->outbox);
    assert_int_equal(gw_memory_used(GW_OWNER_OUTBOX), 0);
}

static int put(struct bench *b, char topic, uint32_t number, bool event)
{
    const char name[] = {topic, 0};
    return gw_outbox_put(b->outbox, &(struct gw_outbox_message){.topic = name,
                                                                .topic_len = 1,
                                                                .payload = &number,
                                                                .payload_len = sizeof number,
                                                                .qos = 1,
                                                                .event = event});
}

/* One event for each letter, one static value for each capital one. */
static int commit(struct bench *b, uint32_t token, const char *letters)
{
    assert_int_equal(gw_outbox_begin(b->outbox, b, token, true), 0);
    for (; *letters; letters++)
        put(b, *letters, token, *letters >= 'a');
    return gw_outbox_commit(b->outbox);
}

static void acked(struct bench *b, int reason_code)
{
    assert_true(b->flight > 0);
    uint64_t id = b->ids[0];
    char topic = b->topics[0];
    uint32_t number = b->numbers[0];
    b->flight--;
    memmove(b->ids, b->ids + 1, b->flight * sizeof b->ids[0]);
    memmove(b->topics, b->topics + 1, b->flight * sizeof b->topics[0]);
    memmove(b->numbers, b->numbers + 1, b->flight * sizeof b->numbers[0]);
    if (b->on_arrival && reason_code < 0x80)
        b->on_arrival(b, topic, number);
    gw_outbox_acked(b->outbox, id, reason_code);
    gw_outbox_pump(b->outbox);
}

static struct copy *oldest_unwritten(struct bench *b)
{
    for (size_t i = 0; i < b->copies; i++)
        if (!b->copy[i].durable)
            return &b->copy[i];
    return NULL;
}

/* The journal answers for the oldest copy that is being written; where it fails, for all. */
static bool answer(struct bench *b)
{
    struct copy *copy = oldest_unwritten(b);
    bool any = copy;
    for (; copy && b->failing; copy = oldest_unwritten(b)) {
        uint64_t id = copy->id;
        remove_copy(b, copy);
        gw_outbox_journaled(b->outbox, id, 0);
    }
    if (copy) {
        copy->durable = true;
        copy->sequence = ++b->sequence;
        gw_outbox_journaled(b->outbox, copy->id, copy->sequence);
    }
    return any;
}

static void answer_all(struct bench *b)
{
    while (answer(b))
        ;
}

/* The oldest message that is only in the journal comes back. */
static bool load(struct bench *b)
{
    for (size_t i = 0; i < b->copies; i++) {
        struct copy *copy = &b->copy[i];
        if (copy->kept || copy->loaded)
            continue;
        if (!copy->durable)
            return false;
        const char name[] = {copy->topic, 0};
        copy->loaded = true;
        int error = gw_outbox_load(b->outbox,
                                   &(struct gw_outbox_message){.topic = name,
                                                               .topic_len = 1,
                                                               .payload = &copy->number,
                                                               .payload_len = sizeof copy->number,
                                                               .qos = 1,
                                                               .event = true},
                                   copy->sequence);
        if (error)
            find_copy(b, copy->sequence)->loaded = false;
        return !error;
    }
    return false;
}

static void disconnect(struct bench *b)
{
    b->online = false;
    b->flight = 0;
    gw_outbox_disconnected(b->outbox);
}

static void connect_again(struct bench *b)
{
    b->online = true;
    gw_outbox_pump(b->outbox);
}

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
    uint32_t count; /* events put, numbered from 1 over all topics */
    char topic[EVENTS_MAX];
    uint32_t fragment[EVENTS_MAX];
    bool fragment_safe[EVENTS_MAX];
    bool arrived[EVENTS_MAX];
    uint32_t newest[TOPICS]; /* that arrived, of each topic */
    size_t late;             /* first arrivals behind a newer one */
} promise;

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
    } else if (dice < 15) {
        gw_outbox_withdraw(b->outbox, b, fragment - (uint32_t)rand() % 4);
    }
    gw_outbox_secure(b->outbox, b, fragment - (uint32_t)rand() % 8);
    for (int n = rand() % 12; n && answer(b); n--)
        ;
    for (int n = rand() % 9; n && load(b); n--)
        ;
    for (int n = rand() % 14; n && b->flight; n--)
        acked(b, refusals && rand() % 50 == 0 ? 0x87 : 0);
}

static void run_promise(unsigned seed, bool refusals)
{
    static struct bench b;
    setup(&b, 256);
    memset(&promise, 0, sizeof promise);
    b.on_safe = promise_safe;
    b.on_arrival = promise_arrival;
    srand(seed);
    for (uint32_t fragment = 8; promise.count < EVENTS_MAX - 100; fragment++) {
        promise_commit(&b, fragment);
        promise_step(&b, fragment, refusals);
    }
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
        run_promise(seed, false);
}

static void test_what_is_safe_arrives_though_refused(void **unused)
{
    (void)unused;
    for (unsigned seed = 100; seed <= 110; seed++)
        run_promise(seed, true);
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
