/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's side is a libuv server, the MQTT client's a pipe handle, all in one loop. */
#include "gateway/mqtt/broker.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/memory.h"

enum { PATIENCE_MS = 20000, CHUNK = 64 * 1024 };

struct side {
    uv_stream_t *stream;
    size_t received;
    size_t to_send;
    size_t sent;
    size_t limit; /* stop reading here until told otherwise */
    int ended;    /* 0, or what ended reading */
    bool sending;
    bool closed;
    uv_write_t write;
    char out[CHUNK];
    char in[CHUNK];
};

struct fixture {
    uv_loop_t loop;
    uv_timer_t patience;
    uv_tcp_t listener;
    uv_tcp_t peer_handle;
    uv_pipe_t client_handle;
    struct side peer;
    struct side client;
    struct gw_broker *broker;
    uint16_t port;
    bool ready;
    bool drop_when_ready;
    bool closed;
    bool freed;
    unsigned closes;
    enum gw_broker_reason reason;
    char detail[512];
};

/* Octet `offset` of every stream. */
static char pattern(size_t offset)
{
    return (char)(offset * 31 + offset / 251);
}

static void on_patience(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("nothing happened in time");
}

static void run_until(struct fixture *f, const bool *done)
{
    uv_timer_start(&f->patience, on_patience, PATIENCE_MS, 0);
    while (!*done)
        uv_run(&f->loop, UV_RUN_ONCE);
    uv_timer_stop(&f->patience);
}

static void run_for(struct fixture *f, unsigned turns)
{
    while (turns--) {
        uv_run(&f->loop, UV_RUN_NOWAIT);
        usleep(200);
    }
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct side *side = handle->data;
    (void)suggested;
    *buffer = uv_buf_init(side->in, sizeof side->in);
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
    struct side *side = stream->data;
    if (length < 0) {
        side->ended = (int)length;
        uv_read_stop(stream);
        return;
    }
    for (ssize_t i = 0; i < length; i++)
        assert_int_equal(buffer->base[i], pattern(side->received + (size_t)i));
    side->received += (size_t)length;
    if (side->received >= side->limit)
        uv_read_stop(stream);
}

static void side_open(struct side *side, uv_stream_t *stream)
{
    memset(side, 0, sizeof *side);
    side->stream = stream;
    side->limit = SIZE_MAX;
    stream->data = side;
    uv_read_start(stream, on_room, on_read);
}

static void on_side_closed(uv_handle_t *handle)
{
    ((struct side *)handle->data)->closed = true;
}

static void side_close(struct side *side)
{
    if (side->stream && !uv_is_closing((uv_handle_t *)side->stream))
        uv_close((uv_handle_t *)side->stream, on_side_closed);
}

static void side_reset(struct side *side)
{
    uv_tcp_close_reset((uv_tcp_t *)side->stream, on_side_closed);
}

static void side_send_more(struct side *side);

static void on_sent(uv_write_t *write, int status)
{
    struct side *side = write->data;
    side->sending = false;
    if (status == 0)
        side_send_more(side);
}

static void side_send_more(struct side *side)
{
    size_t length = side->to_send - side->sent < CHUNK ? side->to_send - side->sent : CHUNK;
    if (!length || side->sending)
        return;
    for (size_t i = 0; i < length; i++)
        side->out[i] = pattern(side->sent + i);
    side->sent += length;
    side->sending = true;
    side->write.data = side;
    uv_buf_t buffer = uv_buf_init(side->out, (unsigned)length);
    uv_write(&side->write, side->stream, &buffer, 1, on_sent);
}

static void side_send(struct side *side, size_t octets)
{
    side->to_send += octets;
    side_send_more(side);
}

static void on_accept(uv_stream_t *listener, int status)
{
    struct fixture *f = listener->data;
    assert_int_equal(status, 0);
    uv_tcp_init(&f->loop, &f->peer_handle);
    assert_int_equal(uv_accept(listener, (uv_stream_t *)&f->peer_handle), 0);
    side_open(&f->peer, (uv_stream_t *)&f->peer_handle);
}

static void on_ready(void *user, int fd)
{
    struct fixture *f = user;
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    uv_pipe_init(&f->loop, &f->client_handle, 0);
    assert_int_equal(uv_pipe_open(&f->client_handle, fd), 0);
    side_open(&f->client, (uv_stream_t *)&f->client_handle);
    f->ready = true;
    if (f->drop_when_ready)
        gw_broker_drop(f->broker);
}

static void on_closed(void *user, enum gw_broker_reason reason, const char *detail)
{
    struct fixture *f = user;
    f->closed = true;
    f->closes++;
    f->reason = reason;
    snprintf(f->detail, sizeof f->detail, "%s", detail);
}

static void on_written(void *user)
{
    (void)user;
}

static void on_freed(void *user)
{
    *(bool *)user = true;
}

static uint16_t listen_somewhere(struct fixture *f)
{
    struct sockaddr_in address;
    int length = sizeof address;
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(&f->loop, &f->listener);
    f->listener.data = f;
    assert_int_equal(uv_tcp_bind(&f->listener, (struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&f->listener, 16, on_accept), 0);
    uv_tcp_getsockname(&f->listener, (struct sockaddr *)&address, &length);
    return ntohs(address.sin_port);
}

static uint16_t unused_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    getsockname(fd, (struct sockaddr *)&address, &length);
    close(fd);
    return ntohs(address.sin_port);
}

static void open_broker(struct fixture *f, const struct gw_endpoint *endpoints, size_t count)
{
    const struct gw_broker_options options = {endpoints, count, 300};
    const struct gw_broker_callbacks callbacks = {
        .ready = on_ready, .closed = on_closed, .written = on_written};
    f->broker = gw_broker_create(&f->loop, &options, &callbacks, f);
    assert_non_null(f->broker);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    uv_loop_init(&f->loop);
    uv_timer_init(&f->loop, &f->patience);
    f->port = listen_somewhere(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (!f->freed)
        gw_broker_free(f->broker, on_freed, &f->freed);
    side_close(&f->peer);
    side_close(&f->client);
    run_until(f, &f->freed);
    uv_close((uv_handle_t *)&f->listener, NULL);
    uv_close((uv_handle_t *)&f->patience, NULL);
    while (uv_run(&f->loop, UV_RUN_ONCE))
        ;
    assert_int_equal(uv_loop_close(&f->loop), 0);
    assert_int_equal(gw_memory_used(GW_OWNER_MQTT), 0);
    free(f);
    return 0;
}

static void close_pair(struct fixture *f)
{
    side_close(&f->client);
    side_close(&f->peer);
    run_until(f, &f->client.closed);
    run_until(f, &f->peer.closed);
}

static void connect_pair(struct fixture *f)
{
    f->ready = false;
    f->closed = false;
    f->peer.stream = NULL;
    assert_int_equal(gw_broker_connect(f->broker), 0);
    run_until(f, &f->ready);
    while (!f->peer.stream)
        uv_run(&f->loop, UV_RUN_ONCE);
}

static void connect_here(struct fixture *f)
{
    const struct gw_endpoint endpoint = {"127.0.0.1", f->port};
    open_broker(f, &endpoint, 1);
    connect_pair(f);
}

static void wait_for(struct fixture *f, const size_t *count, size_t value)
{
    uv_timer_start(&f->patience, on_patience, PATIENCE_MS, 0);
    while (*count < value)
        uv_run(&f->loop, UV_RUN_ONCE);
    uv_timer_stop(&f->patience);
    assert_int_equal(*count, value);
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void test_relays_both_ways(void **state)
{
    struct fixture *f = *state;
    const size_t much = 16u << 20;
    connect_here(f);
    side_send(&f->client, much);
    side_send(&f->peer, much);
    wait_for(f, &f->peer.received, much);
    wait_for(f, &f->client.received, much);
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
    wait_for(f, &f->peer.received, much);
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
    wait_for(f, &f->client.received, 300);
    while (!f->client.ended)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_int_equal(f->client.ended, UV_EOF);
    assert_false(f->closed);
    side_close(&f->client);
    run_until(f, &f->closed);
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
    wait_for(f, &f->peer.received, 200000);
    while (!f->peer.ended)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_int_equal(f->peer.ended, UV_EOF);
    side_close(&f->peer);
    run_until(f, &f->closed);
    assert_int_equal(f->reason, GW_BROKER_CLOSED);
}

static void test_half_open_ends_do_not_linger(void **state)
{
    struct fixture *f = *state;
    connect_here(f);
    side_close(&f->client); /* the peer never closes */
    run_until(f, &f->closed);
    close_pair(f);
    connect_pair(f);
    side_close(&f->peer); /* the client never does */
    run_until(f, &f->closed);
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
    run_until(f, &f->closed);
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
    run_until(f, &f->closed);
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
    run_until(f, &f->closed);
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
    run_until(f, &f->closed);
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
    run_until(f, &f->closed);
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
    wait_for(f, &f->peer.received, 100);
}

/* A full backlog answers nothing: the kernel drops the SYN. */
static void test_timeout(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fds[8];
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 0), 0);
    getsockname(listener, (struct sockaddr *)&address, &length);
    for (int i = 0; i < 8; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fds[i], (struct sockaddr *)&address, length);
    }
    expect_failure(f, "127.0.0.1", ntohs(address.sin_port), GW_BROKER_CONNECT_TIMEOUT);
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
    run_until(f, &f->closed);
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
    run_until(f, &f->closed);
    run_for(f, 5);
    if (f->peer.stream) {
        side_close(&f->peer);
        run_until(f, &f->peer.closed);
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
    run_until(f, &f->freed);
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
    run_until(f, &f->freed);
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
            wait_for(f, &f->peer.received, 500);
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
        run_until(f, &f->closed);
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
