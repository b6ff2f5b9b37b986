/* SPDX-License-Identifier: Apache-2.0 */
/* When lines connect: in turn, under the gateway's limit, and none behind another's backoff. */
#include "gateway/session/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/log.h"
#include "tests/lib/patience.h"
#include "tests/lib/peer.h"

enum { LINES = 200 };

struct fixture {
    uv_loop_t loop;
    struct patience patience;
    uv_tcp_t listener;
    uv_tcp_t unserved;
    unsigned accepts;
    struct gw_endpoint living, dead;
    struct gw_channel_config living_config, dead_config;
    struct gw_line_shared shared;
    struct gw_line *lines[LINES];
};

static void on_client_closed(uv_handle_t *handle)
{
    gw_memory_release(handle);
}

static void on_accept(uv_stream_t *listener, int status)
{
    struct fixture *f = listener->data;
    uv_tcp_t *client = gw_memory_allocate(GW_OWNER_LOOP, sizeof *client);
    assert_int_equal(status, 0);
    uv_tcp_init(listener->loop, client);
    assert_int_equal(uv_accept(listener, (uv_stream_t *)client), 0);
    uv_close((uv_handle_t *)client, on_client_closed);
    f->accepts++;
}

static struct gw_channel_config config_of(const struct gw_endpoint *endpoint)
{
    return (struct gw_channel_config){.name = "line",
                                      .endpoints = endpoint,
                                      .endpoint_count = 1,
                                      .connect_timeout_ms = 5000,
                                      .reconnect_min_ms = 3600 * 1000,
                                      .reconnect_max_ms = 3600 * 1000};
}

static void create(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    gw_log_configure(GW_LOG_ERROR, GW_LOG_LOGFMT);
    uv_loop_init(&f->loop);
    patience_init(&f->patience, &f->loop);
    f->living.host = f->dead.host = "127.0.0.1";
    f->living.port = peer_listen(&f->listener, &f->loop, on_accept);
    f->dead.port = peer_listen(&f->unserved, &f->loop, NULL);
    f->listener.data = f;
    f->living_config = config_of(&f->living);
    f->dead_config = config_of(&f->dead);
    f->shared = (struct gw_line_shared){.loop = &f->loop, .allocator = gw_memory_dnp3()};
    f->shared.pool = dnp3_pool_create(&f->shared.allocator, 1);
}

static void start(struct fixture *f, size_t first, size_t count,
                  const struct gw_channel_config *config)
{
    for (size_t i = first; i < first + count; i++) {
        f->lines[i] = gw_line_create(&f->shared, config, 5000);
        assert_non_null(f->lines[i]);
        gw_line_start(f->lines[i]);
    }
}

static void destroy(struct fixture *f)
{
    for (size_t i = 0; i < LINES; i++)
        gw_line_free(f->lines[i]);
    uv_close((uv_handle_t *)&f->listener, NULL);
    uv_close((uv_handle_t *)&f->unserved, NULL);
    patience_close(&f->patience);
    dnp3_pool_free(f->shared.pool);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    assert_int_equal(gw_memory_used(GW_OWNER_LINK), 0);
}

static void test_a_thousand_connects_a_second(void **unused)
{
    struct fixture f;
    (void)unused;
    create(&f);
    uv_update_time(&f.loop);
    uint64_t begin = uv_now(&f.loop);
    start(&f, 0, LINES, &f.living_config);
    wait_for(&f, f.accepts == LINES);
    uv_update_time(&f.loop);
    assert_true(uv_now(&f.loop) - begin >= LINES * 1000 / GW_CONNECTS_A_SECOND - 1);
    destroy(&f);
}

static void test_nobody_waits_behind_a_backoff(void **unused)
{
    struct fixture f;
    (void)unused;
    create(&f);
    start(&f, 0, 50, &f.dead_config);
    patience_pass(&f.patience, 200); /* they are refused, and wait for up to an hour */
    start(&f, 50, 1, &f.living_config);
    wait_for(&f, f.accepts == 1);
    destroy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_thousand_connects_a_second),
        cmocka_unit_test(test_nobody_waits_behind_a_backoff),
    };
    return cmocka_run_group_tests_name("line", tests, NULL, NULL);
}
