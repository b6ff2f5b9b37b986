/* SPDX-License-Identifier: Apache-2.0 */
/* An outbox between a scripted broker and a scripted journal. */
#ifndef TESTS_OUTBOX_BENCH_H
#define TESTS_OUTBOX_BENCH_H

#include "gateway/delivery/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/memory.h"

enum { COPIES_MAX = 4096, WINDOW = 16, TOLD_MAX = 64, VALUES = 7 };

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
    bool paced; /* its pace is measured */
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
    uint64_t now_ms;  /* of the steady clock; stands still unless a test moves it */
    uint64_t pump_ms; /* when the outbox wants to be asked again, 0: not */
    double max_rate;
    size_t left_out;
    /* what the owner was told */
    size_t safe_count, refused_count;
    uint32_t safe[TOLD_MAX], refused[TOLD_MAX];
    void (*on_safe)(struct bench *b, uint32_t token);
    void (*on_refused)(struct bench *b, uint32_t token);
    void (*on_arrival)(struct bench *b, char topic, uint32_t number);
};

static inline int broker_publish(void *user, const struct gw_outbox_message *message, uint64_t id)
{
    struct bench *b = user;
    if (!b->online || b->flight == WINDOW)
        return -1;
    b->ids[b->flight] = id;
    b->topics[b->flight] = message->topic[0];
    memcpy(&b->numbers[b->flight++], message->payload, sizeof b->numbers[0]);
    return 0;
}

static inline size_t broker_window(void *user)
{
    const struct bench *b = user;
    return b->online ? WINDOW - b->flight : 0;
}

static inline uint64_t broker_now(void *user)
{
    const struct bench *b = user;
    return b->now_ms;
}

static inline void broker_pause(void *user, uint32_t ms)
{
    struct bench *b = user;
    assert_true(ms > 0);
    b->pump_ms = b->now_ms + ms;
}

static inline bool journal_usable(void *user)
{
    const struct bench *b = user;
    return !b->failing;
}

static inline bool journal_behind(void *user, const struct gw_outbox_message *message)
{
    const struct bench *b = user;
    for (size_t i = 0; i < b->copies; i++)
        if (b->copy[i].topic == message->topic[0] && !b->copy[i].kept && !b->copy[i].loaded)
            return true;
    return false;
}

static inline int journal_append(void *user, const struct gw_outbox_message *message, bool kept,
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

static inline struct copy *find_copy(struct bench *b, uint64_t sequence)
{
    for (size_t i = 0; i < b->copies; i++)
        if (b->copy[i].durable && b->copy[i].sequence == sequence)
            return &b->copy[i];
    fail();
    return NULL;
}

static inline void remove_copy(struct bench *b, struct copy *copy)
{
    size_t index = (size_t)(copy - b->copy);
    memmove(copy, copy + 1, (b->copies - index - 1) * sizeof *copy);
    b->copies--;
}

static inline void journal_erase(void *user, uint64_t sequence)
{
    struct bench *b = user;
    remove_copy(b, find_copy(b, sequence));
    b->erased++;
}

static inline void journal_put_back(void *user, const struct gw_outbox_message *message,
                                    uint64_t sequence, bool refused)
{
    struct bench *b = user;
    (void)refused;
    struct copy *copy = find_copy(b, sequence);
    assert_int_equal(message->topic[0], copy->topic);
    copy->kept = copy->loaded = false;
    b->put_back++;
}

static inline void on_safe(void *user, void *owner, uint32_t token)
{
    struct bench *b = user;
    assert_ptr_equal(owner, b);
    b->safe[b->safe_count++ % TOLD_MAX] = token;
    if (b->on_safe)
        b->on_safe(b, token);
}

static inline void on_refused(void *user, void *owner, uint32_t token, int reason_code)
{
    struct bench *b = user;
    (void)owner;
    (void)reason_code;
    b->refused[b->refused_count++ % TOLD_MAX] = token;
    if (b->on_refused && owner)
        b->on_refused(b, token);
}

static inline void on_left_out(void *user, uint32_t again)
{
    struct bench *b = user;
    assert_int_equal(again, VALUES);
    b->left_out++;
}

static inline void open_outbox(struct bench *b, size_t messages)
{
    const struct gw_outbox_options options = {
        .messages = messages, .octets = messages * 256, .max_rate = b->max_rate};
    const struct gw_outbox_sink sink = {.publish = broker_publish,
                                        .window = broker_window,
                                        .now = b->paced ? broker_now : NULL,
                                        .pause = broker_pause,
                                        .user = b};
    const struct gw_outbox_callbacks callbacks = {on_safe, on_refused, on_left_out};
    const struct gw_outbox_journal journal = {journal_usable, journal_behind,   journal_append,
                                              journal_erase,  journal_put_back, b};
    b->outbox = gw_outbox_create(&options, &sink, &callbacks, b);
    assert_non_null(b->outbox);
    gw_outbox_use_journal(b->outbox, &journal);
}

static inline void setup_paced(struct bench *b, size_t messages, bool paced)
{
    memset(b, 0, sizeof *b);
    b->room = COPIES_MAX;
    b->paced = paced;
    open_outbox(b, messages);
}

static inline void setup(struct bench *b, size_t messages)
{
    setup_paced(b, messages, false);
}

static inline void teardown(struct bench *b)
{
    struct gw_outbox_state state;
    gw_outbox_state(b->outbox, &state);
    assert_int_equal(state.messages, 0);
    assert_int_equal(state.fragments, 0);
    assert_int_equal(state.loaded, 0);
    gw_outbox_free(b->outbox);
    assert_int_equal(gw_memory_used(GW_OWNER_OUTBOX), 0);
}

static inline int put(struct bench *b, char topic, uint32_t number, bool event)
{
    const char name[] = {topic, 0};
    return gw_outbox_put(b->outbox, &(struct gw_outbox_message){.topic = name,
                                                                .topic_len = 1,
                                                                .payload = &number,
                                                                .payload_len = sizeof number,
                                                                .again = event ? 0 : VALUES,
                                                                .qos = 1,
                                                                .event = event});
}

/* One event for each letter, one static value for each capital one. */
static inline int commit(struct bench *b, uint32_t token, const char *letters)
{
    assert_int_equal(gw_outbox_begin(b->outbox, b, token, true), 0);
    for (; *letters; letters++)
        put(b, *letters, token, *letters >= 'a');
    return gw_outbox_commit(b->outbox);
}

static inline void acked(struct bench *b, int reason_code)
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

static inline struct copy *oldest_unwritten(struct bench *b)
{
    for (size_t i = 0; i < b->copies; i++)
        if (!b->copy[i].durable)
            return &b->copy[i];
    return NULL;
}

/* The journal answers for the oldest copy that is being written; where it fails, for all. */
static inline bool answer(struct bench *b)
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

static inline void answer_all(struct bench *b)
{
    while (answer(b))
        ;
}

/* The oldest message that is only in the journal comes back. */
static inline bool load(struct bench *b)
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

static inline void disconnect(struct bench *b)
{
    b->online = false;
    b->flight = 0;
    gw_outbox_disconnected(b->outbox);
}

static inline void connect_again(struct bench *b)
{
    b->online = true;
    gw_outbox_pump(b->outbox);
}

#endif
