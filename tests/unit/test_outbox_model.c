/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox under random traffic against a model: what arrived, in which order, and what became
 * safe. */
#include "gateway/delivery/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/memory.h"

enum { MODEL_FRAGMENTS = 4000, MODEL_WINDOW = 16 };

struct model {
    struct gw_outbox *outbox;
    bool online;
    size_t flight;
    uint64_t ids[MODEL_WINDOW];
    uint32_t numbers[MODEL_WINDOW]; /* fragment << 8 | message */
    uint8_t sizes[MODEL_FRAGMENTS];
    uint8_t arrived[MODEL_FRAGMENTS]; /* messages acknowledged, in order */
    bool withdrawn[MODEL_FRAGMENTS];
    bool safe[MODEL_FRAGMENTS];
};

static int model_publish(void *user, const struct gw_outbox_message *message, uint64_t id)
{
    struct model *m = user;
    if (!m->online || m->flight == MODEL_WINDOW)
        return -1;
    uint32_t number;
    assert_int_equal(message->payload_len, sizeof number + message->topic_len % 5 * 200);
    memcpy(&number, message->payload, sizeof number);
    assert_false(m->withdrawn[number >> 8]);
    if (m->flight)
        assert_true(number > m->numbers[m->flight - 1]);
    m->ids[m->flight] = id;
    m->numbers[m->flight++] = number;
    return 0;
}

static size_t model_window(void *user)
{
    const struct model *m = user;
    return m->online ? MODEL_WINDOW - m->flight : 0;
}

static void model_safe(void *user, void *owner, uint32_t token)
{
    struct model *m = user;
    (void)owner;
    assert_false(m->safe[token]);
    assert_false(m->withdrawn[token]);
    assert_int_equal(m->arrived[token], m->sizes[token]);
    m->safe[token] = true;
}

static bool model_commit(struct model *m, uint32_t fragment)
{
    static char payload[1024];
    static const char topic[] = "0123456789abcdef";
    uint8_t size = (uint8_t)(rand() % 12);
    m->sizes[fragment] = size;
    assert_int_equal(gw_outbox_begin(m->outbox, m, fragment, true), 0);
    for (uint8_t i = 0; i < size; i++) {
        uint32_t number = fragment << 8 | i;
        memcpy(payload, &number, sizeof number);
        size_t length = (size_t)rand() % 16;
        gw_outbox_put(m->outbox,
                      &(struct gw_outbox_message){.topic = topic + 16 - length,
                                                  .topic_len = length,
                                                  .payload = payload,
                                                  .payload_len = sizeof number + length % 5 * 200,
                                                  .qos = 1});
    }
    return gw_outbox_commit(m->outbox) == 0;
}

static void model_ack(struct model *m)
{
    uint32_t number = m->numbers[0];
    uint64_t id = m->ids[0];
    m->flight--;
    memmove(m->ids, m->ids + 1, m->flight * sizeof *m->ids);
    memmove(m->numbers, m->numbers + 1, m->flight * sizeof *m->numbers);
    if (!m->withdrawn[number >> 8])
        assert_int_equal(m->arrived[number >> 8], number & 0xff);
    m->arrived[number >> 8]++;
    gw_outbox_acked(m->outbox, id, 0);
}

static void model_step(struct model *m, uint32_t fragment)
{
    int dice = rand() % 100;
    if (dice < 2) {
        m->online = !m->online;
        m->flight = 0;
        gw_outbox_disconnected(m->outbox);
    } else if (dice < 10) {
        uint32_t victim = (uint32_t)rand() % (fragment + 1);
        if (!m->safe[victim] && m->sizes[victim])
            m->withdrawn[victim] = true;
        gw_outbox_withdraw(m->outbox, m, victim);
    }
    for (int acks = rand() % 12; acks && m->flight; acks--)
        model_ack(m);
    gw_outbox_pump(m->outbox);
}

static void test_random_traffic_keeps_every_promise(void **unused)
{
    (void)unused;
    static struct model m;
    const struct gw_outbox_options options = {.messages = 300, .octets = 96 * 1024};
    const struct gw_outbox_sink sink = {model_publish, model_window, NULL, NULL, &m};
    const struct gw_outbox_callbacks callbacks = {model_safe, NULL, NULL};
    m.outbox = gw_outbox_create(&options, &sink, &callbacks, &m);
    srand(1);
    uint64_t calls = gw_memory_calls();
    size_t full = 0;
    for (uint32_t fragment = 0; fragment < MODEL_FRAGMENTS; fragment++) {
        if (!model_commit(&m, fragment)) {
            m.withdrawn[fragment] = true;
            full++;
        }
        model_step(&m, fragment);
    }
    m.online = true;
    gw_outbox_pump(m.outbox);
    while (m.flight) {
        model_ack(&m);
        gw_outbox_pump(m.outbox);
    }
    for (uint32_t fragment = 0; fragment < MODEL_FRAGMENTS; fragment++)
        assert_int_equal(m.safe[fragment], !m.withdrawn[fragment]);
    struct gw_outbox_state state;
    gw_outbox_state(m.outbox, &state);
    assert_int_equal(state.messages, 0);
    assert_int_equal(state.octets, 0);
    assert_int_equal(state.fragments, 0);
    assert_true(full > 0 && full < MODEL_FRAGMENTS / 2);
    assert_true(state.repeated > 0 && state.withdrawn > 0);
    assert_int_equal(gw_memory_calls(), calls);
    gw_outbox_free(m.outbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_traffic_keeps_every_promise),
    };
    return cmocka_run_group_tests_name("outbox_model", tests, NULL, NULL);
}
