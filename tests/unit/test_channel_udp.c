/* SPDX-License-Identifier: Apache-2.0 */
/* UDP channels on a real loop against sockets of 127.0.0.1. */
#include "gateway/channel/channel_udp.h"
#include "gateway/channel/udp_peers.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "dnp3/link.h"
#include "gateway/base/memory.h"
#include "tests/lib/loopback.h"
#include "tests/lib/patience.h"

struct fixture {
    uv_loop_t loop;
    struct patience patience;
    int fd; /* the device */
    struct gw_endpoint endpoints[2];
    struct gw_channel_config config;
    struct gw_channel *channel;
    unsigned opened, closed, datagrams, moved;
    size_t octets;
    enum gw_reason reason;
};

static void on_opened(void *user)
{
    ((struct fixture *)user)->opened++;
}

static void on_octets(void *user, const uint8_t *octets, size_t length)
{
    struct fixture *f = user;
    (void)octets;
    f->datagrams++;
    f->octets += length;
}

static void on_writable(void *user)
{
    (void)user;
}

static void on_closed(void *user, enum gw_reason reason)
{
    struct fixture *f = user;
    f->closed++;
    f->reason = reason;
}

static int bind_any(uint16_t *port)
{
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    int fd = loopback_bind(SOCK_DGRAM, port);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

static void on_moved(void *user, uint16_t address)
{
    static const struct {
        uint16_t address;
        unsigned datagrams; /* heard before what it says from there */
    } expected[] = {{10, 0}, {11, 1}, {10, 3}};
    struct fixture *f = user;
    assert_in_range(f->moved, 0, sizeof expected / sizeof *expected - 1);
    assert_int_equal(address, expected[f->moved].address);
    assert_int_equal(f->datagrams, expected[f->moved].datagrams);
    f->moved++;
}

static void create(struct fixture *f)
{
    static const struct gw_channel_callbacks callbacks = {.opened = on_opened,
                                                          .octets = on_octets,
                                                          .writable = on_writable,
                                                          .moved = on_moved,
                                                          .closed = on_closed};
    memset(f, 0, sizeof *f);
    uv_loop_init(&f->loop);
    patience_init(&f->patience, &f->loop);
    f->endpoints[0].host = "127.0.0.1";
    f->fd = bind_any(&f->endpoints[0].port);
    f->config = (struct gw_channel_config){.name = "line",
                                           .type = GW_CHANNEL_UDP,
                                           .endpoints = f->endpoints,
                                           .endpoint_count = 1,
                                           .connect_timeout_ms = 5000};
    f->channel = gw_channel_create(&f->loop, &f->config, 5000, &callbacks, f);
    assert_non_null(f->channel);
}

static void destroy(struct fixture *f)
{
    unsigned calls = f->opened + f->closed;
    gw_channel_free(f->channel);
    patience_close(&f->patience);
    assert_int_equal(f->opened + f->closed, calls);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    assert_int_equal(gw_memory_used(GW_OWNER_LINK), 0);
    close(f->fd);
}

/* `count` frames of 250 octets, or of none, from `source` to `destination`. */
static size_t frames(uint8_t *octets, size_t count, size_t data, uint16_t source,
                     uint16_t destination)
{
    static const uint8_t zeros[DNP3_LINK_DATA_MAX];
    struct dnp3_writer out = dnp3_writer_of(octets, count * DNP3_LINK_FRAME_MAX);
    for (size_t i = 0; i < count; i++)
        dnp3_link_write(&out, &(struct dnp3_link_frame){.control = 0x44,
                                                        .source = source,
                                                        .destination = destination,
                                                        .data = data ? zeros : NULL,
                                                        .length = (uint16_t)data});
    return dnp3_writer_length(&out);
}

static void test_each_frame_is_a_datagram(void **unused)
{
    struct fixture f;
    uint8_t octets[9 * DNP3_LINK_FRAME_MAX];
    uint8_t got[4096];
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    (void)unused;
    create(&f);
    gw_channel_open(f.channel);
    assert_int_equal(f.opened, 1);
    gw_channel_open(f.channel); /* is open */
    size_t length = frames(octets, 9, DNP3_LINK_DATA_MAX, 1, 10);
    gw_channel_write(f.channel, octets, length);
    for (size_t left = 9; left > 0; left--) {
        ssize_t n = recvfrom(f.fd, got, sizeof got, 0, (struct sockaddr *)&from, &size);
        assert_int_equal(n, DNP3_LINK_FRAME_MAX);
    }
    assert_int_equal(gw_channel_unacknowledged(f.channel), 0);
    assert_true(gw_channel_writable(f.channel));
    gw_channel_discard(f.channel); /* stays open */
    assert_ptr_equal(gw_channel_endpoint(f.channel), &f.endpoints[0]);
    assert_int_equal(sendto(f.fd, octets, 30, 0, (struct sockaddr *)&from, size), 30);
    assert_int_equal(sendto(f.fd, octets, 0, 0, (struct sockaddr *)&from, size), 0);
    assert_int_equal(sendto(f.fd, octets, 20, 0, (struct sockaddr *)&from, size), 20);
    wait_for(&f, f.octets == 50);
    assert_int_equal(f.datagrams, 2);
    uint16_t port;
    int other = bind_any(&port); /* nobody else is heard */
    sendto(other, octets, 100, 0, (struct sockaddr *)&from, size);
    sendto(f.fd, octets, 1, 0, (struct sockaddr *)&from, size);
    wait_for(&f, f.octets == 51);
    close(other);
    gw_channel_close(f.channel, true);
    gw_channel_close(f.channel, false); /* is closing */
    assert_false(gw_channel_writable(f.channel));
    assert_int_equal(gw_channel_unacknowledged(f.channel), 0);
    wait_for(&f, f.closed == 1);
    assert_int_equal(f.reason, GW_REASON_OK);
    destroy(&f);
}

static void test_refused_then_the_next_endpoint(void **unused)
{
    struct fixture f;
    uint8_t octets[DNP3_LINK_FRAME_MAX];
    size_t length = frames(octets, 1, 0, 1, 10);
    (void)unused;
    create(&f);
    f.endpoints[1] = f.endpoints[0];
    close(bind_any(&f.endpoints[0].port)); /* nobody is there */
    f.config.endpoint_count = 2;
    gw_channel_open(f.channel);
    gw_channel_write(f.channel, octets, length);
    wait_for(&f, f.closed == 1);
    assert_int_equal(f.reason, GW_REASON_CONNECT_REFUSED);
    gw_channel_open(f.channel);
    gw_channel_write(f.channel, octets, length);
    assert_int_equal(recv(f.fd, octets, sizeof octets, 0), length);
    gw_channel_rewind(f.channel);
    gw_channel_close(f.channel, false);
    wait_for(&f, f.closed == 2);
    gw_channel_open(f.channel);
    assert_ptr_equal(gw_channel_endpoint(f.channel), &f.endpoints[0]);
    destroy(&f);
}

static void test_names(void **unused)
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
    wait_for(&f, f.opened == 1);
    gw_channel_close(f.channel, false);
    wait_for(&f, f.closed == 2);
    gw_channel_open(f.channel);
    gw_channel_close(f.channel, false); /* while the name is looked up */
    wait_for(&f, f.closed == 3);
    assert_int_equal(f.reason, GW_REASON_OK);
    gw_channel_open(f.channel);
    destroy(&f); /* and freed then */
}

/* In place of the C library's: to the first address of "three.example" there is no way, at the
 * second one nobody is. */
int getaddrinfo(const char *restrict node, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict found)
{
    int (*library)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&library, &symbol, sizeof library);
    if (strcmp(node, "three.example") != 0)
        return library(node, service, hints, found);
    int error = library("255.255.255.255", service, hints, found);
    if (!error)
        error = library("127.0.0.2", service, hints, &(*found)->ai_next);
    return error ? error : library("127.0.0.1", service, hints, &(*found)->ai_next->ai_next);
}

static void test_every_address_of_a_name_is_tried(void **unused)
{
    struct fixture f;
    uint8_t octets[DNP3_LINK_FRAME_MAX];
    size_t length = frames(octets, 1, 0, 1, 10);
    (void)unused;
    create(&f);
    f.config.endpoint_count = 2;
    f.endpoints[1] = f.endpoints[0];
    f.endpoints[0].host = "three.example";
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned open = 0; open < 3; open++) {
            gw_channel_open(f.channel);
            wait_for(&f, f.opened == 3 * round + open + 1);
            assert_ptr_equal(gw_channel_endpoint(f.channel), &f.endpoints[open == 2]);
            gw_channel_write(f.channel, octets, length);
            if (open > 0)
                assert_int_equal(recv(f.fd, octets, sizeof octets, 0), length);
            if (open > 0)
                gw_channel_close(f.channel, false);
            wait_for(&f, f.closed == 3 * round + open + 1);
            assert_int_equal(f.reason, open ? GW_REASON_OK : GW_REASON_CONNECT_REFUSED);
        }
    }
    gw_channel_open(f.channel);
    wait_for(&f, f.opened == 7);
    gw_channel_close(f.channel, false);
    wait_for(&f, f.closed == 7);
    gw_channel_rewind(f.channel); /* else the name's last address would be next */
    gw_channel_open(f.channel);
    wait_for(&f, f.opened == 8);
    gw_channel_write(f.channel, octets, length);
    wait_for(&f, f.closed == 8);
    assert_int_equal(f.reason, GW_REASON_CONNECT_REFUSED);
    f.endpoints[0].host = "255.255.255.255";
    gw_channel_rewind(f.channel);
    gw_channel_open(f.channel);
    wait_for(&f, f.closed == 9);
    assert_int_equal(f.reason, GW_REASON_UNREACHABLE);
    assert_non_null(strstr(gw_channel_detail(f.channel), "no way there"));
    destroy(&f);
}

static void test_a_local_address_that_is_taken(void **unused)
{
    struct fixture f;
    uint16_t port;
    (void)unused;
    create(&f);
    int other = bind_any(&port);
    f.config.listen = (struct gw_endpoint){.host = "127.0.0.1", .port = port};
    gw_channel_open(f.channel);
    wait_for(&f, f.closed == 1);
    assert_int_equal(f.reason, GW_REASON_UNREACHABLE);
    assert_non_null(strstr(gw_channel_detail(f.channel), "address already in use"));
    f.config.listen.host = "nowhere";
    gw_channel_open(f.channel);
    wait_for(&f, f.closed == 2);
    f.config.listen.host = NULL;
    gw_channel_open(f.channel);
    assert_int_equal(f.opened, 1);
    assert_null(gw_channel_detail(f.channel));
    close(other);
    destroy(&f);
}

/* Two outstations learned by what they send, and what is for each goes there. */
static void test_learned_peers(void **unused)
{
    struct fixture f;
    uint8_t octets[DNP3_LINK_FRAME_MAX];
    uint16_t port;
    (void)unused;
    create(&f);
    close(bind_any(&port));
    struct gw_network everywhere[1];
    char problem[GW_NETWORK_PROBLEM_MAX];
    assert_true(gw_network_parse("127.0.0.0/8", everywhere, problem));
    f.config.endpoint_count = 0;
    f.config.listen = (struct gw_endpoint){.host = "127.0.0.1", .port = port};
    f.config.allow = everywhere;
    f.config.allow_count = 1;
    assert_true(gw_udp_expect(f.channel, 10, NULL));
    assert_true(gw_udp_expect(f.channel, 11, NULL));
    gw_channel_open(f.channel);
    assert_null(gw_channel_endpoint(f.channel));
    gw_channel_write(f.channel, octets, frames(octets, 1, 0, 1, 10)); /* goes nowhere */
    uint16_t second_port;
    int second = bind_any(&second_port);
    struct sockaddr_in gateway = loopback_address(port);
    size_t length = frames(octets, 1, 0, 10, 1);
    sendto(f.fd, octets, length, 0, (struct sockaddr *)&gateway, sizeof gateway);
    length = frames(octets, 1, 0, 11, 1);
    sendto(second, octets, length, 0, (struct sockaddr *)&gateway, sizeof gateway);
    wait_for(&f, f.datagrams == 2);
    gw_channel_write(f.channel, octets, frames(octets, 1, 0, 1, 11));
    gw_channel_write(f.channel, octets, frames(octets, 1, 16, 1, 10));
    gw_channel_write(f.channel, octets, frames(octets, 1, 0, 1, 12)); /* nobody's */
    assert_int_equal(recv(second, octets, sizeof octets, 0), 10);
    assert_int_equal(recv(f.fd, octets, sizeof octets, 0), 28);
    /* The first one seems to speak from the second one's address: it is asked where it was. */
    length = frames(octets, 1, 0, 10, 1);
    sendto(second, octets, length, 0, (struct sockaddr *)&gateway, sizeof gateway);
    sendto(second, octets, 5, 0, (struct sockaddr *)&gateway, sizeof gateway); /* of nobody */
    wait_for(&f, f.datagrams == 3);
    assert_int_equal(recv(f.fd, octets, sizeof octets, 0), 10);
    assert_int_equal(octets[3], 0xC9);
    assert_int_equal(octets[4], 10);
    assert_int_equal(octets[6], 1);
    assert_int_equal(f.moved, 2); /* each once: where it is was not known before */
    for (uint64_t from = uv_now(&f.loop); uv_now(&f.loop) - from <= GW_UDP_CONTEST_MS;
         usleep(10000))
        uv_run(&f.loop, UV_RUN_NOWAIT);
    length = frames(octets, 1, 0, 10, 1); /* nobody has answered there */
    sendto(second, octets, length, 0, (struct sockaddr *)&gateway, sizeof gateway);
    wait_for(&f, f.datagrams == 4);
    assert_int_equal(f.moved, 3);
    assert_true(gw_network_parse("10.0.0.0/8", everywhere, problem));
    sendto(f.fd, octets, length, 0, (struct sockaddr *)&gateway, sizeof gateway);
    uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_int_equal(f.datagrams, 4); /* not allowed */
    close(second);
    destroy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_frame_is_a_datagram),
        cmocka_unit_test(test_refused_then_the_next_endpoint),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_every_address_of_a_name_is_tried),
        cmocka_unit_test(test_a_local_address_that_is_taken),
        cmocka_unit_test(test_learned_peers),
    };
    return cmocka_run_group_tests_name("channel_udp", tests, NULL, NULL);
}
