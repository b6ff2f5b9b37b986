/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/inbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <uv.h>

#include "gateway/base/memory.h"

enum { THREADED = 20000 };

static char octets[4096];

/* Message `number`: every length follows from it. */
static struct gw_mqtt_message made(unsigned number)
{
    bool answer = number % 3 != 0;
    return (struct gw_mqtt_message){.topic = octets + number % 7,
                                    .topic_len = number % 50,
                                    .payload = octets + number % 11,
                                    .payload_len = number * 37 % 700,
                                    .response_topic = answer ? octets + number % 13 : NULL,
                                    .response_topic_len = answer ? number % 30 : 0,
                                    .correlation = answer ? octets + number % 17 : NULL,
                                    .correlation_len = answer ? number % 19 : 0,
                                    .expiry_s = number,
                                    .qos = number % 2,
                                    .retained = number % 5 == 0,
                                    .duplicate = number % 4 == 0};
}

static void assert_text(const char *text, size_t length, const char *expected, size_t wanted)
{
    assert_int_equal(length, wanted);
    assert_memory_equal(text, expected, wanted);
    assert_true(text && text[wanted] == 0);
}

static void assert_made(const struct gw_mqtt_message *m, unsigned number)
{
    struct gw_mqtt_message e = made(number);
    assert_int_equal(m->expiry_s, number);
    assert_text(m->topic, m->topic_len, e.topic, e.topic_len);
    assert_text(m->payload, m->payload_len, e.payload, e.payload_len);
    assert_int_equal(m->response_topic != NULL, e.response_topic != NULL);
    if (e.response_topic)
        assert_text(m->response_topic, m->response_topic_len, e.response_topic,
                    e.response_topic_len);
    assert_int_equal(m->correlation != NULL, e.correlation != NULL);
    assert_int_equal(m->correlation_len, e.correlation_len);
    if (e.correlation_len)
        assert_memory_equal(m->correlation, e.correlation, e.correlation_len);
    assert_int_equal(m->qos, e.qos);
    assert_int_equal(m->retained, e.retained);
    assert_int_equal(m->duplicate, e.duplicate);
}

static void test_random_puts_and_takes(void **state)
{
    (void)state;
    struct gw_inbox *inbox = gw_inbox_create(5000); /* becomes 8192 */
    struct gw_mqtt_message message;
    unsigned put = 0;
    unsigned taken = 0;
    unsigned full = 0;
    srand(3);
    while (taken < 50000) {
        for (int i = rand() % 20; i; i--) {
            message = made(put);
            if (gw_inbox_put(inbox, &message))
                put++;
            else
                full++;
        }
        for (int i = rand() % 20; i && gw_inbox_peek(inbox, &message); i--) {
            assert_made(&message, taken++);
            gw_inbox_next(inbox);
        }
    }
    assert_true(full > 100);
    gw_inbox_free(inbox);
    gw_inbox_free(NULL);
    assert_int_equal(gw_memory_used(GW_OWNER_MQTT), 0);
}

static void test_bounds(void **state)
{
    (void)state;
    struct gw_inbox *inbox = gw_inbox_create(2048);
    struct gw_mqtt_message message = {.topic = "t", .topic_len = 1, .payload = octets};
    assert_false(gw_inbox_peek(inbox, &message));
    gw_inbox_next(inbox);
    message.payload_len = 1024; /* more than half with its header */
    assert_false(gw_inbox_put(inbox, &message));
    message.payload_len = 900;
    assert_true(gw_inbox_put(inbox, &message));
    assert_true(gw_inbox_put(inbox, &message));
    assert_false(gw_inbox_put(inbox, &message));
    gw_inbox_next(inbox);
    assert_true(gw_inbox_put(inbox, &message));
    gw_inbox_free(inbox);
}

static void put_all(void *argument)
{
    for (unsigned number = 0; number < THREADED;) {
        struct gw_mqtt_message message = made(number);
        number += gw_inbox_put(argument, &message);
    }
}

static void test_two_threads(void **state)
{
    (void)state;
    struct gw_inbox *inbox = gw_inbox_create(8192);
    struct gw_mqtt_message message;
    uv_thread_t thread;
    uv_thread_create(&thread, put_all, inbox);
    for (unsigned number = 0; number < THREADED;) {
        if (!gw_inbox_peek(inbox, &message))
            continue;
        assert_made(&message, number++);
        gw_inbox_next(inbox);
    }
    uv_thread_join(&thread);
    gw_inbox_free(inbox);
}

int main(void)
{
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (char)(i * 13 + i / 256);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_puts_and_takes),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_two_threads),
    };
    return cmocka_run_group_tests_name("inbox", tests, NULL, NULL);
}
