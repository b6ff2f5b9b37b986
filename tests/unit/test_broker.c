/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's side is a libuv server, the MQTT client's a pipe handle, all in one loop. */
#include "tests/unit/broker_steps.h"

static void test_relays_both_ways(void **state)
{
    struct fixture *f = *state;
    const size_t much = 16u << 20;
    connect_here(f);
    side_send(&f->client, much);
    side_send(&f->peer, much);
    wait_for(f, f->peer.received == much);
    wait_for(f, f->client.received == much);
    assert_int_equal(gw_broker_counters(f->broker)->to_broker, much);
    assert_int_equal(gw_broker_counters(f->broker)->from_broker, much);
}

static void test_nagle_is_off(void **state)
{
    struct fixture *f = *state;
    connect_here(f);
    /* The relay's own socket is the one connected to our port. */
    for (int fd = 3; fd < 64; fd++) {
        struct sockaddr_in address = {0};
        socklen_t length = sizeof address;
        int on = 0;
        if (getpeername(fd, (struct sockaddr *)&address, &length) < 0 ||
            address.sin_family != AF_INET || ntohs(address.sin_port) != f->port)
            continue;
        length = sizeof on;
        getsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, &length);
        assert_true(on);
        return;
    }
    fail_msg("the relay's socket was not found");
}

static void test_slow_reader_holds_the_writer_back(void **state)
{
    struct fixture *f = *state;
    const size_t much = 64u << 20;
    size_t used = 0;
    connect_here(f);
    used = gw_memory_used(GW_OWNER_MQTT);
    f->peer.limit = 1000;
    side_send(&f->client, much);
    run_for(f, 500);
    size_t passed = f->client.sent;
    assert_true(passed < much / 2); /* what the kernel's buffers hold, no more */
    run_for(f, 100);
    assert_int_equal(f->client.sent, passed);
    assert_int_equal(gw_memory_used(GW_OWNER_MQTT), used);
    f->peer.limit = SIZE_MAX;
    uv_read_start(f->peer.stream, on_room, on_read);
    wait_for(f, f->peer.received == much);
}

static void test_last_octets_of_the_broker_arrive(void **state)
{
    struct fixture *f = *state;
    connect_here(f);
    f->client.limit = 0;
    uv_read_stop(f->client.stream);
    side_send(&f->client, 10); /* never read by the peer: must not cost what it sent */
    run_for(f, 5);
    side_send(&f->peer, 300);
    run_for(f, 5);
    side_close(&f->peer);
    run_for(f, 20);
    f->client.limit = SIZE_MAX;
    uv_read_start(f->client.stream, on_room, on_read);
    wait_for(f, f->client.received == 300);
    while (!f->client.ended)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_int_equal(f->client.ended, UV_EOF);
    assert_false(f->closed);
    side_close(&f->client);
    wait_for(f, f->closed);
    assert_int_equal(f->reason, GW_BROKER_CLOSED);
    assert_non_null(strstr(f->detail, "the broker closed the connection"));
}

static void test_last_octets_of_the_client_arrive(void **state)
{
    struct fixture *f = *state;
    connect_here(f);
    side_send(&f->client, 200000);
    while (f->client.sending)
        uv_run(&f->loop, UV_RUN_ONCE);
    side_close(&f->client);
    wait_for(f, f->peer.received == 200000);
    while (!f->peer.ended)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_int_equal(f->peer.ended, UV_EOF);
    side_close(&f->peer);
    wait_for(f, f->closed);
    assert_int_equal(f->reason, GW_BROKER_CLOSED);
}

static void test_half_open_ends_do_not_linger(void **state)
{
    struct fixture *f = *state;
    connect_here(f);
    side_close(&f->client); /* the peer never closes */
    wait_for(f, f->closed);
    close_pair(f);
    connect_pair(f);
    side_close(&f->peer); /* the client never does */
    wait_for(f, f->closed);
    assert_int_equal(f->closes, 2);
}

static void test_reset_by_the_broker(void **state)
{
    struct fixture *f = *state;
    connect_here(f);
    side_reset(&f->peer);
    while (!f->client.ended)
        uv_run(&f->loop, UV_RUN_ONCE);
    side_send(&f->client, 100000); /* into nothing */
    run_for(f, 5);
    side_close(&f->client);
    wait_for(f, f->closed);
    assert_int_equal(f->reason, GW_BROKER_CLOSED);
    assert_non_null(strstr(f->detail, "reset"));
}

static void test_reset_while_data_waits(void **state)
{
    struct fixture *f = *state;
    connect_here(f);
    f->peer.limit = 1000;
    side_send(&f->client, 64u << 20);
    run_for(f, 100);
    side_reset(&f->peer);
    while (!f->client.ended)
        uv_run(&f->loop, UV_RUN_ONCE);
    side_close(&f->client);
    wait_for(f, f->closed);
    assert_int_equal(f->reason, GW_BROKER_CLOSED);
}

static void test_fails_over_in_order(void **state)
{
    struct fixture *f = *state;
    uint16_t nobody = unused_port();
    const struct gw_endpoint endpoints[] = {{"127.0.0.1", nobody}, {"127.0.0.1", f->port}};
    char here[32];
    snprintf(here, sizeof here, "127.0.0.1:%u", f->port);
    open_broker(f, endpoints, 2);
    connect_pair(f);
    assert_string_equal(gw_broker_endpoint(f->broker), here);
    assert_int_equal(gw_broker_connect(f->broker), UV_EBUSY);
    gw_broker_drop(f->broker);
    gw_broker_advance(f->broker); /* on to the first one again, which nobody serves */
    wait_for(f, f->closed);
    close_pair(f);
    connect_pair(f);
    assert_string_equal(gw_broker_endpoint(f->broker), here);
}

static void expect_failure(struct fixture *f, const char *host, uint16_t port,
                           enum gw_broker_reason reason)
{
    const struct gw_endpoint endpoint = {host, port};
    open_broker(f, &endpoint, 1);
    f->closed = false;
    assert_int_equal(gw_broker_connect(f->broker), 0);
    wait_for(f, f->closed);
    assert_false(f->ready);
    assert_string_equal(gw_broker_reason_name(f->reason), gw_broker_reason_name(reason));
    assert_non_null(strstr(f->detail, host));
}

static void test_refused(void **state)
{
    expect_failure(*state, "127.0.0.1", unused_port(), GW_BROKER_CONNECT_REFUSED);
}

static void test_unknown_name(void **state)
{
    expect_failure(*state, "no-such-host.invalid", 1883, GW_BROKER_DNS_FAILED);
}

static void test_unreachable(void **state)
{
    expect_failure(*state, "255.255.255.255", 1883, GW_BROKER_UNREACHABLE);
}

static void test_refused_by_ipv6(void **state)
{
    struct fixture *f = *state;
    const struct gw_endpoint endpoint = {"::1", unused_port()};
    char name[32];
    snprintf(name, sizeof name, "[::1]:%u", endpoint.port);
    open_broker(f, &endpoint, 1);
    gw_broker_connect(f->broker);
    wait_for(f, f->closed);
    assert_string_equal(gw_broker_endpoint(f->broker), name);
    assert_true(f->reason == GW_BROKER_CONNECT_REFUSED || f->reason == GW_BROKER_UNREACHABLE);
}

static void test_name_resolves(void **state)
{
    struct fixture *f = *state;
    const struct gw_endpoint endpoint = {"localhost", f->port};
    open_broker(f, &endpoint, 1);
    connect_pair(f);
    side_send(&f->client, 100);
    wait_for(f, f->peer.received == 100);
}

/* A full backlog answers nothing: the kernel drops the SYN. */
static void test_timeout(void **state)
{
    struct fixture *f = *state;
    uint16_t port;
    int fds[8];
    int listener = loopback_bind(SOCK_STREAM, &port);
    const struct sockaddr_in address = loopback_address(port);
    assert_int_equal(listen(listener, 0), 0);
    for (int i = 0; i < 8; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fds[i], (const struct sockaddr *)&address, sizeof address);
    }
    expect_failure(f, "127.0.0.1", port, GW_BROKER_CONNECT_TIMEOUT);
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    close(listener);
}

static void test_dropped_when_ready(void **state)
{
    struct fixture *f = *state;
    const struct gw_endpoint endpoint = {"127.0.0.1", f->port};
    open_broker(f, &endpoint, 1);
    f->drop_when_ready = true;
    gw_broker_connect(f->broker);
    wait_for(f, f->closed);
    assert_int_equal(f->closes, 1);
    gw_broker_drop(f->broker);
    run_for(f, 5);
    assert_int_equal(f->closes, 1);
}

static void test_dropped_while_connecting(void **state)
{
    struct fixture *f = *state;
    const struct gw_endpoint endpoint = {"127.0.0.1", f->port};
    open_broker(f, &endpoint, 1);
    gw_broker_connect(f->broker);
    gw_broker_drop(f->broker);
    assert_false(f->closed); /* never from within */
    wait_for(f, f->closed);
    run_for(f, 5);
    if (f->peer.stream) {
        side_close(&f->peer);
        wait_for(f, f->peer.closed);
    }
    connect_pair(f);
}

static void test_freed_while_resolving(void **state)
{
    struct fixture *f = *state;
    const struct gw_endpoint endpoint = {"no-such-host.invalid", 1};
    open_broker(f, &endpoint, 1);
    gw_broker_connect(f->broker);
    gw_broker_free(f->broker, on_freed, &f->freed);
    wait_for(f, f->freed);
    assert_int_equal(f->closes, 0);
}

static void test_freed_while_relaying(void **state)
{
    struct fixture *f = *state;
    connect_here(f);
    f->peer.limit = 1;
    side_send(&f->client, 64u << 20);
    run_for(f, 20);
    gw_broker_free(f->broker, on_freed, &f->freed);
    wait_for(f, f->freed);
    assert_int_equal(f->closes, 0);
}

static void test_thousands_of_reconnects_leak_nothing(void **state)
{
    struct fixture *f = *state;
    connect_here(f);
    size_t memory = gw_memory_used(GW_OWNER_MQTT);
    uint64_t calls = gw_memory_calls();
    unsigned descriptors = open_descriptors();
    for (int i = 0; i < 1000; i++) {
        side_send(&f->client, 500);
        side_send(&f->peer, 500);
        if (i % 2)
            wait_for(f, f->peer.received == 500);
        switch (i % 4) {
        case 0:
            gw_broker_drop(f->broker);
            break;
        case 1:
            side_close(&f->peer);
            break;
        case 2:
            side_close(&f->client);
            break;
        default:
            side_reset(&f->peer);
            break;
        }
        run_for(f, 1);
        close_pair(f);
        wait_for(f, f->closed);
        connect_pair(f);
    }
    assert_int_equal(open_descriptors(), descriptors);
    assert_int_equal(gw_memory_used(GW_OWNER_MQTT), memory);
    assert_int_equal(gw_memory_calls(), calls);
    assert_int_equal(f->closes, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_relays_both_ways),
        TEST(test_nagle_is_off),
        TEST(test_slow_reader_holds_the_writer_back),
        TEST(test_last_octets_of_the_broker_arrive),
        TEST(test_last_octets_of_the_client_arrive),
        TEST(test_half_open_ends_do_not_linger),
        TEST(test_reset_by_the_broker),
        TEST(test_reset_while_data_waits),
        TEST(test_fails_over_in_order),
        TEST(test_refused),
        TEST(test_unknown_name),
        TEST(test_unreachable),
        TEST(test_refused_by_ipv6),
        TEST(test_name_resolves),
        TEST(test_timeout),
        TEST(test_dropped_when_ready),
        TEST(test_dropped_while_connecting),
        TEST(test_freed_while_resolving),
        TEST(test_freed_while_relaying),
        TEST(test_thousands_of_reconnects_leak_nothing),
#undef TEST
    };
    return cmocka_run_group_tests_name("broker", tests, NULL, NULL);
}
