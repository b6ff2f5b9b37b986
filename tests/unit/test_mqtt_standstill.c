/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway that stood still does not obey what waited for it: nobody knows how old that is. */
#include "gateway/mqtt/mqtt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_broker.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"

enum { PATIENCE_MS = 20000 };

/* The clocks of this program; the one that a suspended host does not stop can be set on. */
static uint64_t stood_ms;

uint64_t gw_clock_steady_ms(void)
{
    return uv_hrtime() / 1000000;
}

uint64_t gw_clock_boot_ms(void)
{
    return gw_clock_steady_ms() + stood_ms;
}

int64_t gw_clock_wall_ms(void)
{
    return 1763719200000;
}

bool gw_clock_trusted(enum gw_clock_mode mode)
{
    (void)mode;
    return true;
}

struct fixture {
    uv_loop_t loop;
    uv_timer_t patience;
    struct fake_broker broker;
    struct gw_mqtt *mqtt;
    struct gw_endpoint endpoint;
    unsigned connected, disconnected, subscribed, messages, acked, stopped;
    char payload[32];
};

static void on_connected(void *user, const struct gw_mqtt_connection *connection)
{
    (void)connection;
    ((struct fixture *)user)->connected++;
}

static void on_disconnected(void *user, const char *reason)
{
    assert_non_null(strstr(reason, "stood still"));
    ((struct fixture *)user)->disconnected++;
}

static void on_acked(void *user, uint64_t id, int reason_code)
{
    (void)id;
    assert_int_equal(reason_code, 0);
    ((struct fixture *)user)->acked++;
}

static void on_writable(void *user)
{
    (void)user;
}

static void on_message(void *user, const struct gw_mqtt_message *message)
{
    struct fixture *f = user;
    snprintf(f->payload, sizeof f->payload, "%s", message->payload);
    f->messages++;
}

static void on_subscribed(void *user, const char *filter, int reason_code)
{
    (void)filter;
    (void)reason_code;
    ((struct fixture *)user)->subscribed++;
}

static void on_stopped(void *user)
{
    ((struct fixture *)user)->stopped++;
}

static void on_patience(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("nothing happened in time");
}

static void wait_for(struct fixture *f, const unsigned *count, unsigned value)
{
    uv_timer_start(&f->patience, on_patience, PATIENCE_MS, 0);
    while (*count < value)
        uv_run(&f->loop, UV_RUN_ONCE);
    uv_timer_stop(&f->patience);
}

static int set_up(void **state)
{
    static const struct gw_mqtt_callbacks callbacks = {.connected = on_connected,
                                                       .disconnected = on_disconnected,
                                                       .acked = on_acked,
                                                       .writable = on_writable,
                                                       .message = on_message,
                                                       .subscribed = on_subscribed};
    struct fixture *f = calloc(1, sizeof *f);
    struct gw_mqtt_options options;
    gw_log_configure(GW_LOG_ERROR, GW_LOG_LOGFMT);
    uv_loop_init(&f->loop);
    uv_timer_init(&f->loop, &f->patience);
    fake_start(&f->broker, &f->loop);
    gw_mqtt_options_default(&options);
    f->endpoint = (struct gw_endpoint){"127.0.0.1", f->broker.port};
    options.broker.endpoints = &f->endpoint;
    options.broker.endpoint_count = 1;
    options.client_id = "gateway";
    options.reconnect_min_ms = 1;
    options.reconnect_max_ms = 20;
    f->mqtt = gw_mqtt_create(&f->loop, &options, &callbacks, f);
    assert_non_null(f->mqtt);
    gw_mqtt_subscribe_commands(f->mqtt, "set/#", 1);
    assert_int_equal(gw_mqtt_start(f->mqtt), 0);
    wait_for(f, &f->subscribed, 1);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    gw_mqtt_stop(f->mqtt, on_stopped);
    wait_for(f, &f->stopped, 1);
    gw_mqtt_free(f->mqtt);
    fake_stop(&f->broker);
    uv_close((uv_handle_t *)&f->patience, NULL);
    while (uv_run(&f->loop, UV_RUN_ONCE))
        ;
    assert_int_equal(uv_loop_close(&f->loop), 0);
    free(f);
    return 0;
}

static void command(struct fixture *f, const char *value)
{
    fake_publish(&f->broker, "set/breaker", "\0", 1, value, strlen(value), false);
}

static void test_what_waited_is_not_obeyed(void **state)
{
    struct fixture *f = *state;
    command(f, "open");
    stood_ms += 60000;
    wait_for(f, &f->disconnected, 1);
    wait_for(f, &f->subscribed, 2);
    assert_int_equal(f->messages, 0);
    assert_int_equal(f->connected, 2);
    command(f, "close");
    wait_for(f, &f->messages, 1);
    assert_string_equal(f->payload, "close");
    assert_int_equal(f->disconnected, 1);
}

/* A loop that is only busy goes on. */
static void test_short_pauses_are_none(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 1; i <= 3; i++) {
        stood_ms += 1500;
        command(f, "open");
        wait_for(f, &f->messages, i);
    }
    assert_int_equal(f->disconnected, 0);
}

static void test_is_noticed_where_nothing_comes(void **state)
{
    struct fixture *f = *state;
    stood_ms += 5000;
    wait_for(f, &f->disconnected, 1);
    wait_for(f, &f->connected, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_waited_is_not_obeyed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_short_pauses_are_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_is_noticed_where_nothing_comes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
