/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/delivery/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/memory.h"

enum { TAKEN_MAX = 64, SAFE_MAX = 64 };

/* A broker that takes `window` messages and remembers them. */
struct fixture {
    struct gw_outbox *outbox;
    size_t window;
    size_t taken;
    uint64_t ids[TAKEN_MAX];
    char topics[TAKEN_MAX][32];
    struct gw_outbox_message last;
    char payload[8192];
    size_t safe_count;
    uint32_t safe[SAFE_MAX];
    size_t refused_count;
    uint32_t refused;
    void *owner;
    bool put_again; /* the safe callback puts another fragment */
};

static int sink_publish(void *user, const struct gw_outbox_message *message, uint64_t id)
{
    struct fixture *f = user;
    if (!f->window)
        return -1;
    f->window--;
    assert_true(f->taken < TAKEN_MAX);
    assert_int_equal(message->topic[message->topic_len], 0);
    snprintf(f->topics[f->taken], sizeof f->topics[0], "%s", message->topic);
    f->ids[f->taken++] = id;
    f->last = *message;
    memcpy(f->payload, message->payload, message->payload_len);
    return 0;
}

static size_t sink_window(void *user)
{
    return ((struct fixture *)user)->window;
}

static int put(struct fixture *f, const char *topic)
{
    return gw_outbox_put(f->outbox, &(struct gw_outbox_message){.topic = topic,
                                                                .topic_len = strlen(topic),
                                                                .payload = topic,
                                                                .payload_len = strlen(topic),
                                                                .qos = 1});
}

static int send_one(struct fixture *f, const char *topic)
{
    return gw_outbox_send(f->outbox, &(struct gw_outbox_message){
                                         .topic = topic, .topic_len = strlen(topic), .qos = 1});
}

/* A fragment with one message for each letter. */
static int commit(struct fixture *f, uint32_t token, const char *letters)
{
    assert_int_equal(gw_outbox_begin(f->outbox, f, token, true), 0);
    for (; *letters; letters++)
        put(f, (char[]){*letters, 0});
    return gw_outbox_commit(f->outbox);
}

static void on_safe(void *user, void *owner, uint32_t token)
{
    struct fixture *f = user;
    f->owner = owner;
    assert_true(f->safe_count < SAFE_MAX);
    f->safe[f->safe_count++] = token;
    if (f->put_again) {
        f->put_again = false;
        assert_int_equal(commit(f, token + 100, "z"), 0);
    }
}

static void on_refused(void *user, void *owner, uint32_t token, int reason_code)
{
    struct fixture *f = user;
    f->owner = owner;
    assert_int_equal(reason_code, 0x87);
    f->refused = token;
    f->refused_count++;
}

static void open_outbox(struct fixture *f, size_t messages, size_t octets, size_t reserve)
{
    const struct gw_outbox_options options = {.messages = messages,
                                              .octets = octets,
                                              .reserve_messages = reserve,
                                              .reserve_octets = reserve * 256};
    const struct gw_outbox_sink sink = {sink_publish, sink_window, NULL, NULL, f};
    const struct gw_outbox_callbacks callbacks = {on_safe, on_refused, NULL};
    memset(f, 0, sizeof *f);
    f->outbox = gw_outbox_create(&options, &sink, &callbacks, f);
    assert_non_null(f->outbox);
    assert_int_equal(gw_memory_used(GW_OWNER_OUTBOX), gw_outbox_memory(&options));
}

static void close_outbox(struct fixture *f)
{
    gw_outbox_free(f->outbox);
    assert_int_equal(gw_memory_used(GW_OWNER_OUTBOX), 0);
}

static void reconnect(struct fixture *f, size_t window)
{
    gw_outbox_disconnected(f->outbox);
    f->taken = 0;
    f->window = window;
    gw_outbox_pump(f->outbox);
}

static void acked(struct fixture *f, size_t from, size_t count)
{
    for (size_t i = from; i < from + count; i++) {
        f->window++;
        gw_outbox_acked(f->outbox, f->ids[i], 0);
    }
    gw_outbox_pump(f->outbox);
}

static void assert_taken(const struct fixture *f, const char *letters)
{
    assert_int_equal(f->taken, strlen(letters));
    for (size_t i = 0; i < f->taken; i++)
        assert_int_equal(f->topics[i][0], letters[i]);
}

static struct gw_outbox_state state_of(const struct fixture *f)
{
    struct gw_outbox_state state;
    gw_outbox_state(f->outbox, &state);
    return state;
}

static void test_fragment_is_safe_when_all_is_acknowledged(void **unused)
{
    (void)unused;
    struct fixture f;
    open_outbox(&f, 32, 8192, 4);
    f.window = 2;
    assert_int_equal(commit(&f, 7, "abc"), 0);
    assert_taken(&f, "ab");
    acked(&f, 0, 2);
    assert_int_equal(f.safe_count, 0);
    assert_taken(&f, "abc");
    acked(&f, 2, 1);
    assert_int_equal(f.safe_count, 1);
    assert_int_equal(f.safe[0], 7);
    assert_ptr_equal(f.owner, &f);
    acked(&f, 0, 3); /* once more changes nothing */
    assert_int_equal(f.safe_count, 1);
    assert_int_equal(state_of(&f).messages, 0);
    assert_int_equal(state_of(&f).octets, 0);
    assert_int_equal(state_of(&f).fragments, 0);
    assert_int_equal(state_of(&f).acked, 3);
    close_outbox(&f);
}

static void test_order_over_fragments_and_single_messages(void **unused)
{
    (void)unused;
    struct fixture f;
    open_outbox(&f, 32, 8192, 4);
    commit(&f, 1, "ab");
    send_one(&f, "c");
    gw_outbox_begin(f.outbox, &f, 2, false);
    put(&f, "e");
    send_one(&f, "d"); /* inside a transaction: before it */
    put(&f, "f");
    assert_int_equal(gw_outbox_commit(f.outbox), 0);
    commit(&f, 3, "g");
    reconnect(&f, 20);
    assert_taken(&f, "abcdefg");
    acked(&f, 0, 7);
    assert_int_equal(f.safe_count, 2);
    assert_int_equal(f.safe[0], 1);
    assert_int_equal(f.safe[1], 3);
    close_outbox(&f);
}

static void test_empty_fragment_is_safe_at_commit(void **unused)
{
    (void)unused;
    struct fixture f;
    open_outbox(&f, 32, 8192, 4);
    assert_int_equal(commit(&f, 9, ""), 0);
    assert_int_equal(f.safe_count, 1);
    assert_int_equal(f.safe[0], 9);
    assert_int_equal(gw_outbox_begin(f.outbox, &f, 10, false), 0);
    assert_int_equal(gw_outbox_commit(f.outbox), 0);
    assert_int_equal(f.safe_count, 1);
    assert_int_equal(state_of(&f).fragments, 0);
    close_outbox(&f);
}

static void test_all_or_nothing(void **unused)
{
    (void)unused;
    struct fixture f;
    open_outbox(&f, 10, 65536, 4);
    assert_int_equal(commit(&f, 1, "abcd"), 0);
    assert_int_equal(commit(&f, 2, "efg"), GW_OUTBOX_FULL);
    assert_int_equal(state_of(&f).messages, 4);
    assert_int_equal(state_of(&f).fragments, 1);
    assert_int_equal(state_of(&f).full, 1);
    assert_int_equal(state_of(&f).room_messages, 2);
    assert_int_equal(commit(&f, 3, "ef"), 0);
    assert_int_equal(commit(&f, 4, "g"), GW_OUTBOX_FULL);
    for (int i = 0; i < 4; i++) /* the reserve is there for these */
        assert_int_equal(send_one(&f, "s"), 0);
    assert_int_equal(send_one(&f, "s"), GW_OUTBOX_FULL);
    reconnect(&f, 20);
    assert_taken(&f, "abcdefssss");
    acked(&f, 0, 10);
    assert_int_equal(f.safe_count, 2);
    assert_int_equal(commit(&f, 5, "abcdef"), 0);
    close_outbox(&f);
}

static void test_octets_are_bounded(void **unused)
{
    (void)unused;
    struct fixture f;
    static char big[8192];
    open_outbox(&f, 1000, 16 * 1024, 0);
    struct gw_outbox_message message = {
        .topic = "t", .topic_len = 1, .payload = big, .payload_len = 2046};
    for (int i = 0; i < 8; i++)
        assert_int_equal(gw_outbox_send(f.outbox, &message), 0);
    assert_int_equal(state_of(&f).room_octets, 0);
    message.payload_len = 0;
    assert_int_equal(gw_outbox_send(f.outbox, &message), GW_OUTBOX_FULL);
    f.window = 1;
    gw_outbox_pump(f.outbox);
    acked(&f, 0, 1);
    assert_int_equal(gw_outbox_send(f.outbox, &message), 0);
    message.payload_len = 2047; /* more than an eighth of all */
    assert_int_equal(gw_outbox_send(f.outbox, &message), GW_OUTBOX_TOO_LARGE);
    gw_outbox_begin(f.outbox, &f, 1, true);
    put(&f, "a");
    assert_int_equal(gw_outbox_put(f.outbox, &message), GW_OUTBOX_TOO_LARGE);
    assert_int_equal(put(&f, "b"), GW_OUTBOX_TOO_LARGE);
    assert_int_equal(gw_outbox_commit(f.outbox), GW_OUTBOX_TOO_LARGE);
    close_outbox(&f);
}

static void test_message_comes_out_as_it_went_in(void **unused)
{
    (void)unused;
    struct fixture f;
    char payload[4000];
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (char)(i * 7 + i / 256);
    open_outbox(&f, 32, 64 * 1024, 0);
    f.window = 2000;
    for (size_t length = 0; length <= sizeof payload; length += length < 600 ? 1 : 97) {
        char topic[300];
        memset(topic, 't', sizeof topic);
        size_t topic_len = 1 + length % 299;
        topic[topic_len] = 0;
        struct gw_outbox_message message = {.topic = topic,
                                            .topic_len = topic_len,
                                            .payload = payload,
                                            .payload_len = length,
                                            .correlation = payload + 5,
                                            .correlation_len = length % 17,
                                            .expiry_s = (uint32_t)length,
                                            .qos = length % 2,
                                            .retain = length % 3 == 0};
        f.taken = 0;
        assert_int_equal(gw_outbox_send(f.outbox, &message), 0);
        assert_int_equal(f.taken, 1);
        assert_int_equal(f.last.topic_len, topic_len);
        assert_memory_equal(f.payload, payload, length);
        assert_int_equal(f.last.payload_len, length);
        assert_int_equal(f.last.correlation_len, length % 17);
        if (length % 17)
            assert_memory_equal(f.last.correlation, payload + 5, length % 17);
        assert_int_equal(f.last.expiry_s, length);
        assert_int_equal(f.last.qos, length % 2);
        assert_int_equal(f.last.retain, length % 3 == 0);
        acked(&f, 0, 1);
    }
    assert_int_equal(state_of(&f).octets, 0);
    close_outbox(&f);
}

static void test_disconnect_repeats_in_order(void **unused)
{
    (void)unused;
    struct fixture f;
    open_outbox(&f, 32, 8192, 4);
    f.window = 4;
    commit(&f, 1, "abc");
    commit(&f, 2, "def");
    assert_taken(&f, "abcd");
    gw_outbox_acked(f.outbox, f.ids[1], 0); /* out of order */
    uint64_t old = f.ids[0];
    reconnect(&f, 3);
    assert_taken(&f, "acd");
    gw_outbox_acked(f.outbox, old, 0); /* of the connection before: nothing */
    assert_int_equal(state_of(&f).messages, 5);
    acked(&f, 0, 2);
    assert_int_equal(f.safe_count, 1);
    assert_taken(&f, "acdef");
    acked(&f, 2, 3);
    assert_int_equal(f.safe_count, 2);
    assert_int_equal(state_of(&f).repeated, 3);
    close_outbox(&f);
}

static void test_withdraw(void **unused)
{
    (void)unused;
    struct fixture f;
    open_outbox(&f, 32, 8192, 4);
    f.window = 2;
    commit(&f, 1, "abcd");
    commit(&f, 2, "ef");
    commit(&f, 3, "gh");
    assert_int_equal(gw_outbox_withdraw(f.outbox, &f, 1), 4); /* a and b are away */
    assert_int_equal(gw_outbox_withdraw(f.outbox, &f, 1), 0);
    assert_int_equal(gw_outbox_withdraw(f.outbox, &f, 99), 0);
    assert_int_equal(gw_outbox_withdraw(f.outbox, NULL, 2), 0);
    gw_outbox_acked(f.outbox, f.ids[0], 0);
    assert_int_equal(f.safe_count, 0);
    reconnect(&f, 1); /* b is not sent again */
    assert_taken(&f, "e");
    assert_int_equal(gw_outbox_withdraw(f.outbox, &f, 3), 2);
    reconnect(&f, 9);
    assert_taken(&f, "ef");
    assert_int_equal(gw_outbox_withdraw(f.outbox, &f, 2), 2);
    acked(&f, 0, 2);
    assert_int_equal(f.safe_count, 0);
    assert_int_equal(state_of(&f).messages, 0);
    assert_int_equal(state_of(&f).fragments, 0);
    assert_int_equal(commit(&f, 2, "x"), 0); /* the name is free again */
    acked(&f, 2, 1);
    assert_int_equal(f.safe_count, 1);
    close_outbox(&f);
}

/* A single message that somebody waits for, in the middle of a fragment's transaction too. */
static void test_an_awaited_message_is_told_of(void **unused)
{
    struct fixture f;
    int waiter;
    (void)unused;
    const struct gw_outbox_message message = {.topic = "r", .topic_len = 1, .qos = 1};
    open_outbox(&f, 8, 8192, 0);
    f.window = 1;
    assert_int_equal(gw_outbox_begin(f.outbox, &f, 1, true), 0);
    put(&f, "a");
    assert_int_equal(gw_outbox_send_awaited(f.outbox, &message, &waiter, 7), 0);
    assert_int_equal(gw_outbox_commit(f.outbox), 0);
    assert_string_equal(f.topics[0], "r");
    gw_outbox_disconnected(f.outbox); /* not acknowledged: it goes again */
    f.window = 2;
    gw_outbox_pump(f.outbox);
    assert_string_equal(f.topics[1], "r");
    gw_outbox_acked(f.outbox, f.ids[1], 0);
    assert_int_equal(f.safe_count, 1);
    assert_int_equal(f.safe[0], 7);
    assert_ptr_equal(f.owner, &waiter);
    gw_outbox_acked(f.outbox, f.ids[2], 0);
    assert_int_equal(f.safe_count, 2);

    f.window = 1;
    assert_int_equal(gw_outbox_send_awaited(f.outbox, &message, &waiter, 8), 0);
    gw_outbox_acked(f.outbox, f.ids[3], 0x87);
    assert_int_equal(f.refused, 8);
    for (uint32_t token = 9; token < 9 + 8; token++)
        assert_int_equal(gw_outbox_send_awaited(f.outbox, &message, &waiter, token), 0);
    assert_int_equal(gw_outbox_send_awaited(f.outbox, &message, &waiter, 20), GW_OUTBOX_FULL);
    const struct gw_outbox_message huge = {.topic = "r", .topic_len = 1, .payload_len = 100000};
    gw_outbox_forget(f.outbox, &waiter);
    assert_int_equal(gw_outbox_send_awaited(f.outbox, &huge, &f, 21), GW_OUTBOX_TOO_LARGE);
    gw_outbox_free(f.outbox);
}

static void test_forgotten_owner_is_not_told(void **unused)
{
    (void)unused;
    struct fixture f;
    open_outbox(&f, 32, 8192, 4);
    f.window = 1;
    commit(&f, 1, "ab");
    commit(&f, 2, "c");
    gw_outbox_forget(f.outbox, &f);
    reconnect(&f, 9);
    assert_taken(&f, "abc"); /* the messages go out all the same */
    acked(&f, 0, 3);
    assert_int_equal(f.safe_count, 0);
    assert_int_equal(state_of(&f).fragments, 0);
    close_outbox(&f);
}

static void test_refusal_ends_the_fragment(void **unused)
{
    (void)unused;
    struct fixture f;
    open_outbox(&f, 32, 8192, 4);
    f.window = 2;
    commit(&f, 1, "abc");
    commit(&f, 2, "d");
    gw_outbox_acked(f.outbox, f.ids[0], 0x87);
    assert_int_equal(f.refused_count, 1);
    assert_int_equal(f.refused, 1);
    gw_outbox_acked(f.outbox, f.ids[1], 0x87);
    assert_int_equal(f.refused_count, 2); /* nobody waits for b any more */
    assert_null(f.owner);
    assert_int_equal(state_of(&f).refused, 2);
    f.window = 2;
    gw_outbox_pump(f.outbox);
    assert_taken(&f, "abd");
    acked(&f, 2, 1);
    assert_int_equal(f.safe_count, 1);
    assert_int_equal(f.safe[0], 2);
    close_outbox(&f);
}

static void test_cancel_and_misuse(void **unused)
{
    (void)unused;
    struct fixture f;
    open_outbox(&f, 32, 8192, 4);
    assert_int_equal(put(&f, "a"), GW_OUTBOX_INVALID);
    assert_int_equal(gw_outbox_commit(f.outbox), GW_OUTBOX_INVALID);
    gw_outbox_cancel(f.outbox);
    gw_outbox_begin(f.outbox, &f, 1, true);
    put(&f, "a");
    assert_int_equal(gw_outbox_begin(f.outbox, &f, 2, true), GW_OUTBOX_INVALID);
    gw_outbox_cancel(f.outbox);
    assert_int_equal(state_of(&f).messages, 0);
    assert_int_equal(state_of(&f).fragments, 0);
    gw_outbox_acked(f.outbox, 0, 0);
    gw_outbox_acked(f.outbox, UINT64_MAX, 0);
    gw_outbox_free(NULL);
    assert_string_equal(gw_outbox_error_text(GW_OUTBOX_FULL), "the outbox is full");
    close_outbox(&f);
}

static void test_safe_may_put_again(void **unused)
{
    (void)unused;
    struct fixture f;
    open_outbox(&f, 32, 8192, 4);
    f.window = 4;
    f.put_again = true;
    commit(&f, 1, "a");
    acked(&f, 0, 1);
    assert_taken(&f, "az");
    acked(&f, 1, 1);
    assert_int_equal(f.safe_count, 2);
    assert_int_equal(f.safe[1], 101);
    close_outbox(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fragment_is_safe_when_all_is_acknowledged),
        cmocka_unit_test(test_order_over_fragments_and_single_messages),
        cmocka_unit_test(test_empty_fragment_is_safe_at_commit),
        cmocka_unit_test(test_all_or_nothing),
        cmocka_unit_test(test_octets_are_bounded),
        cmocka_unit_test(test_message_comes_out_as_it_went_in),
        cmocka_unit_test(test_disconnect_repeats_in_order),
        cmocka_unit_test(test_withdraw),
        cmocka_unit_test(test_an_awaited_message_is_told_of),
        cmocka_unit_test(test_forgotten_owner_is_not_told),
        cmocka_unit_test(test_refusal_ends_the_fragment),
        cmocka_unit_test(test_cancel_and_misuse),
        cmocka_unit_test(test_safe_may_put_again),
    };
    return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
