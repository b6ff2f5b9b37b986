/* SPDX-License-Identifier: Apache-2.0 */
/* TCP channels on a real loop against sockets of 127.0.0.1 that do what field devices do. */
#include "gateway/channel/channel.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/memory.h"
#include "tests/lib/loopback.h"
#include "tests/lib/patience.h"

enum { CHUNK = 60000 };

struct fixture {
    uv_loop_t loop;
    struct patience patience;
    int listener; /* blocking, accepts when the test says so */
    uint16_t port;
    struct gw_endpoint endpoints[2];
    struct gw_channel_config config;
    struct gw_channel *channel;
    unsigned opened, closed, writable;
    size_t octets;
    enum gw_reason reason;
};

static void on_opened(void *user)
{
    ((struct fixture *)user)->opened++;
}

static void on_octets(void *user, const uint8_t *octets, size_t length)
{
    (void)octets;
    ((struct fixture *)user)->octets += length;
}

static void on_writable(void *user)
{
    ((struct fixture *)user)->writable++;
}

static void on_closed(void *user, enum gw_reason reason)
{
    struct fixture *f = user;
    f->closed++;
    f->reason = reason;
}

static void create(struct fixture *f)
{
    static const struct gw_channel_callbacks callbacks = {
        .opened = on_opened, .octets = on_octets, .writable = on_writable, .closed = on_closed};
    memset(f, 0, sizeof *f);
    uv_loop_init(&f->loop);
    patience_init(&f->patience, &f->loop);
    f->listener = loopback_bind(SOCK_STREAM, &f->port);
    assert_int_equal(listen(f->listener, 4), 0);
    f->endpoints[0] = (struct gw_endpoint){.host = "127.0.0.1", .port = f->port};
    f->config = (struct gw_channel_config){
        .name = "line", .endpoints = f->endpoints, .endpoint_count = 1, .connect_timeout_ms = 5000};
    f->channel = gw_channel_create(&f->loop, &f->config, 5000, &callbacks, f);
    assert_non_null(f->channel);
}

/* Frees the channel in whatever state it is: no callback comes any more, and nothing is left. */
static void destroy(struct fixture *f)
{
    unsigned calls = f->opened + f->closed + f->writable;
    gw_channel_free(f->channel);
    patience_close(&f->patience);
    assert_int_equal(f->opened + f->closed + f->writable, calls);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    assert_int_equal(gw_memory_used(GW_OWNER_LINK), 0);
    close(f->listener);
}

static int open_and_accept(struct fixture *f)
{
    gw_channel_open(f->channel);
    wait_for(f, f->opened == 1);
    return accept(f->listener, NULL, NULL);
}

static void fill(struct fixture *f)
{
    static uint8_t octets[CHUNK];
    while (gw_channel_writable(f->channel))
        gw_channel_write(f->channel, octets, sizeof octets);
}

static void test_open_and_close(void **unused)
{
    struct fixture f;
    (void)unused;
    create(&f);
    int peer = open_and_accept(&f);
    assert_true(gw_channel_writable(f.channel));
    gw_channel_write(f.channel, (const uint8_t *)"abc", 3);
    char text[8];
    assert_int_equal(read(peer, text, sizeof text), 3);
    assert_int_equal(write(peer, "hello", 5), 5);
    wait_for(&f, f.octets == 5);
    gw_channel_open(f.channel); /* is open */
    gw_channel_close(f.channel, false);
    gw_channel_close(f.channel, true); /* is closing */
    assert_false(gw_channel_writable(f.channel));
    wait_for(&f, f.closed == 1);
    assert_int_equal(f.reason, GW_REASON_OK);
    assert_int_equal(read(peer, text, sizeof text), 0);
    close(peer);
    gw_channel_open(f.channel);
    wait_for(&f, f.opened == 2);
    destroy(&f);
}

static void test_refused_then_the_next_endpoint(void **unused)
{
    struct fixture f;
    uint16_t closed_port;
    (void)unused;
    create(&f);
    int unserved = loopback_bind(SOCK_STREAM, &closed_port);
    f.endpoints[1] = f.endpoints[0];
    f.endpoints[0].port = closed_port;
    f.config.endpoint_count = 2;
    gw_channel_open(f.channel);
    wait_for(&f, f.closed == 1);
    assert_int_equal(f.reason, GW_REASON_CONNECT_REFUSED);
    gw_channel_open(f.channel);
    wait_for(&f, f.opened == 1);
    assert_ptr_equal(gw_channel_endpoint(f.channel), &f.endpoints[1]);
    gw_channel_rewind(f.channel); /* it proved itself: the first is preferred again */
    gw_channel_close(f.channel, false);
    wait_for(&f, f.closed == 2);
    gw_channel_open(f.channel);
    assert_ptr_equal(gw_channel_endpoint(f.channel), &f.endpoints[0]);
    wait_for(&f, f.closed == 3);
    close(unserved);
    destroy(&f);
}

/* SYNs that find the backlog full are not answered. */
static void fill_backlog(struct fixture *f, int *fds, size_t count)
{
    const struct sockaddr_in address = loopback_address(f->port);
    assert_int_equal(listen(f->listener, 0), 0);
    for (size_t i = 0; i < count; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (connect(fds[i], (const struct sockaddr *)&address, sizeof address) != 0)
            assert_int_equal(errno, EINPROGRESS);
    }
}

static void test_connect_timeout(void **unused)
{
    struct fixture f;
    int fds[3];
    (void)unused;
    create(&f);
    fill_backlog(&f, fds, 3);
    f.config.connect_timeout_ms = 50;
    gw_channel_open(f.channel);
    wait_for(&f, f.closed == 1);
    assert_int_equal(f.reason, GW_REASON_CONNECT_TIMEOUT);
    assert_int_equal(f.opened, 0);
    f.config.connect_timeout_ms = 5000;
    gw_channel_open(f.channel);
    gw_channel_close(f.channel, true);
    wait_for(&f, f.closed == 2);
    assert_int_equal(f.reason, GW_REASON_OK);
    gw_channel_open(f.channel); /* freed while it connects */
    uv_run(&f.loop, UV_RUN_NOWAIT);
    destroy(&f);
    for (size_t i = 0; i < 3; i++)
        close(fds[i]);
}

static void test_resolve(void **unused)
{
    struct fixture f;
    (void)unused;
    create(&f);
    f.endpoints[0].host = "no..such..name";
    gw_channel_open(f.channel);
    wait_for(&f, f.closed == 1);
    assert_int_equal(f.reason, GW_REASON_DNS_FAILED);
    f.endpoints[0].host = "localhost";
    gw_channel_open(f.channel);
    wait_for(&f, f.opened == 1 || f.closed == 2);
    gw_channel_close(f.channel, false);
    wait_for(&f, f.closed == 2);
    gw_channel_open(f.channel);
    gw_channel_close(f.channel, false); /* while the name is looked up */
    wait_for(&f, f.closed == 3);
    assert_int_equal(f.reason, GW_REASON_OK);
    gw_channel_open(f.channel);
    destroy(&f);
}

/* In place of the C library's: "two.example" has two addresses, the first of which nobody serves.
 */
int getaddrinfo(const char *restrict node, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict found)
{
    int (*library)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&library, &symbol, sizeof library);
    if (strcmp(node, "two.example") != 0)
        return library(node, service, hints, found);
    int error = library("127.0.0.2", service, hints, found);
    return error ? error : library("127.0.0.1", service, hints, &(*found)->ai_next);
}

static void test_every_address_of_a_name_is_tried(void **unused)
{
    struct fixture f;
    (void)unused;
    create(&f);
    f.endpoints[0].host = "two.example";
    gw_channel_open(f.channel);
    wait_for(&f, f.opened == 1);
    assert_int_equal(f.closed, 0);
    close(accept(f.listener, NULL, NULL));
    wait_for(&f, f.closed == 1);
    assert_int_equal(f.reason, GW_REASON_CLOSED_BY_PEER);
    gw_channel_open(f.channel);
    uv_run(&f.loop, UV_RUN_ONCE); /* closed while it goes from one to the next */
    gw_channel_close(f.channel, false);
    wait_for(&f, f.closed == 2);
    assert_int_equal(f.reason, GW_REASON_OK);
    close(f.listener); /* none of them answers: one word for all */
    f.listener = loopback_bind(SOCK_STREAM, &f.port);
    f.endpoints[0].port = f.port;
    gw_channel_open(f.channel);
    wait_for(&f, f.closed == 3);
    assert_int_equal(f.reason, GW_REASON_CONNECT_REFUSED);
    gw_channel_open(f.channel);
    uv_run(&f.loop, UV_RUN_ONCE);
    destroy(&f);
}

/* Takes what has come, adds it to `total` and returns that. */
static size_t drain(int peer, size_t *total)
{
    static char octets[CHUNK];
    ssize_t n;
    while ((n = recv(peer, octets, sizeof octets, MSG_DONTWAIT)) > 0)
        *total += (size_t)n;
    return *total;
}

static void test_a_peer_that_does_not_read(void **unused)
{
    struct fixture f;
    (void)unused;
    create(&f);
    int peer = open_and_accept(&f);
    fill(&f);
    assert_false(gw_channel_writable(f.channel));
    assert_true(gw_channel_unacknowledged(f.channel) > 0);
    gw_channel_write(f.channel, (const uint8_t *)"x", 1); /* must not be written to: ignored */
    size_t total = 0;
    wait_for(&f, drain(peer, &total) && f.writable == 1);
    assert_true(gw_channel_writable(f.channel));
    wait_for(&f, drain(peer, &total) % CHUNK == 0); /* all of each write */
    assert_true(total >= CHUNK);
    fill(&f);
    close(peer); /* with octets unread: a reset */
    wait_for(&f, f.closed == 1);
    assert_int_equal(f.reason, GW_REASON_CLOSED_BY_PEER);
    destroy(&f);
}

static void test_abort_throws_away_what_has_not_left(void **unused)
{
    struct fixture f;
    char octet;
    (void)unused;
    create(&f);
    int peer = open_and_accept(&f);
    fill(&f);
    gw_channel_close(f.channel, true);
    wait_for(&f, f.closed == 1);
    assert_int_equal(f.reason, GW_REASON_OK);
    while (recv(peer, &octet, 1, 0) > 0)
        ;
    assert_int_equal(errno, ECONNRESET);
    close(peer);
    destroy(&f);
}

/* It says no more, and reads on later: what it has not got until now would be late (rule 15). */
static void test_what_a_peer_left_behind_does_not_arrive(void **unused)
{
    struct fixture f;
    char octet;
    (void)unused;
    create(&f);
    int peer = open_and_accept(&f);
    fill(&f);
    shutdown(peer, SHUT_WR);
    wait_for(&f, f.closed == 1);
    assert_int_equal(f.reason, GW_REASON_CLOSED_BY_PEER);
    while (recv(peer, &octet, 1, 0) > 0)
        ;
    assert_int_equal(errno, ECONNRESET);
    close(peer);
    destroy(&f);
}

static void test_closed_by_the_peer(void **unused)
{
    struct fixture f;
    (void)unused;
    create(&f);
    int peer = open_and_accept(&f);
    close(peer);
    wait_for(&f, f.closed == 1);
    assert_int_equal(f.reason, GW_REASON_CLOSED_BY_PEER);
    destroy(&f);
}

static void test_free_while_open_and_while_writing(void **unused)
{
    struct fixture f;
    (void)unused;
    create(&f);
    destroy(&f); /* never opened */
    create(&f);
    int peer = open_and_accept(&f);
    destroy(&f);
    close(peer);
    create(&f);
    peer = open_and_accept(&f);
    fill(&f);
    destroy(&f);
    close(peer);
    create(&f);
    peer = open_and_accept(&f);
    fill(&f);
    gw_channel_close(f.channel, false);
    destroy(&f); /* while it closes */
    close(peer);
    gw_channel_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_and_close),
        cmocka_unit_test(test_refused_then_the_next_endpoint),
        cmocka_unit_test(test_connect_timeout),
        cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_every_address_of_a_name_is_tried),
        cmocka_unit_test(test_a_peer_that_does_not_read),
        cmocka_unit_test(test_abort_throws_away_what_has_not_left),
        cmocka_unit_test(test_what_a_peer_left_behind_does_not_arrive),
        cmocka_unit_test(test_closed_by_the_peer),
        cmocka_unit_test(test_free_while_open_and_while_writing),
    };
    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
