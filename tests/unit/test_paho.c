/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in for Paho's own: its sending thread would lose a signal that comes before its wait,
 * and let what was just queued lie for a second. */
#include "gateway/mqtt/paho.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { LONG_MS = 60000, SHORT_MS = 1 };

static void test_a_signal_before_the_wait_counts(void **unused)
{
    (void)unused;
    Thread_signal_cond(NULL);
    assert_int_equal(Thread_wait_cond(NULL, LONG_MS), 0);
}

static void test_two_signals_are_one(void **unused)
{
    (void)unused;
    Thread_signal_cond(NULL);
    Thread_signal_cond(NULL);
    assert_int_equal(Thread_wait_cond(NULL, LONG_MS), 0);
    assert_int_equal(Thread_wait_cond(NULL, SHORT_MS), ETIMEDOUT);
}

static void *signal_once(void *unused)
{
    (void)unused;
    Thread_signal_cond(NULL);
    return NULL;
}

static void test_a_signal_ends_the_wait(void **unused)
{
    pthread_t thread;
    (void)unused;
    pthread_create(&thread, NULL, signal_once, NULL);
    assert_int_equal(Thread_wait_cond(NULL, LONG_MS), 0);
    pthread_join(thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_signal_before_the_wait_counts),
                                       cmocka_unit_test(test_two_signals_are_one),
                                       cmocka_unit_test(test_a_signal_ends_the_wait)};
    return cmocka_run_group_tests_name("paho", tests, NULL, NULL);
}
