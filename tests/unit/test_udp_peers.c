/* SPDX-License-Identifier: Apache-2.0 */
/* Who is where behind a UDP socket, and who may change it: addresses and times in, verdicts out. */
#include "gateway/channel/udp_peers.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <uv.h>

#include "gateway/base/memory.h"

static struct sockaddr_storage at(const char *host, uint16_t port)
{
    struct sockaddr_storage address;
    memset(&address, 0, sizeof address);
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)&address) != 0)
        assert_int_equal(uv_ip6_addr(host, port, (struct sockaddr_in6 *)&address), 0);
    return address;
}

static enum gw_udp_verdict heard(struct gw_udp_peer *peer, const char *host, uint16_t port,
                                 uint64_t now)
{
    struct sockaddr_storage from = at(host, port);
    return gw_udp_peer_heard(peer, (struct sockaddr *)&from, now);
}

static bool is_at(const struct gw_udp_peer *peer, const char *host, uint16_t port)
{
    struct sockaddr_storage where = at(host, port);
    return peer->known &&
           gw_udp_same((struct sockaddr *)&where, (const struct sockaddr *)&peer->at);
}

static void test_table(void **unused)
{
    static const uint16_t addresses[] = {12, 3, 65519, 0, 7};
    struct gw_udp_peers peers = {0};
    (void)unused;
    for (size_t i = 0; i < 5; i++)
        assert_true(gw_udp_peers_expect(&peers, addresses[i], NULL));
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(gw_udp_peers_find(&peers, addresses[i])->address, addresses[i]);
    assert_null(gw_udp_peers_find(&peers, 8));
    assert_null(gw_udp_peers_find(&peers, 65535));
    gw_udp_peers_clear(&peers);
    assert_null(gw_udp_peers_find(&peers, 12));
    assert_int_equal(gw_memory_used(GW_OWNER_LINK), 0);
}

static void test_a_known_address_answers_and_stays(void **unused)
{
    struct gw_udp_peer peer = {.address = 10};
    (void)unused;
    assert_int_equal(heard(&peer, "10.0.0.1", 5000, 1), GW_UDP_TAKE);
    assert_int_equal(heard(&peer, "10.0.0.1", 5001, 10), GW_UDP_ASK);
    assert_int_equal(heard(&peer, "10.0.0.1", 5001, 20), GW_UDP_IGNORE);
    assert_int_equal(heard(&peer, "10.0.0.1", 5000, 30), GW_UDP_TAKE);  /* it answered */
    assert_int_equal(heard(&peer, "10.0.0.1", 5001, 2500), GW_UDP_ASK); /* begins anew */
    assert_true(is_at(&peer, "10.0.0.1", 5000));
}

static void test_a_silent_address_gives_way(void **unused)
{
    struct gw_udp_peer peer = {.address = 10};
    (void)unused;
    assert_int_equal(heard(&peer, "10.0.0.1", 5000, 1), GW_UDP_TAKE);
    assert_int_equal(heard(&peer, "10.0.0.2", 5000, 100), GW_UDP_ASK);
    assert_int_equal(heard(&peer, "10.0.0.2", 5000, 1099), GW_UDP_IGNORE);
    assert_int_equal(heard(&peer, "10.0.0.2", 5000, 1100), GW_UDP_ASK); /* that was lost, maybe */
    assert_int_equal(heard(&peer, "10.0.0.2", 5000, 2099), GW_UDP_IGNORE);
    assert_int_equal(heard(&peer, "10.0.0.2", 5000, 2100), GW_UDP_TAKE);
    assert_true(is_at(&peer, "10.0.0.2", 5000));
    assert_int_equal(heard(&peer, "10.0.0.1", 5000, 2200), GW_UDP_ASK); /* now it is the other */
}

static void test_networks_and_versions(void **unused)
{
    char problem[GW_NETWORK_PROBLEM_MAX];
    struct gw_network network;
    struct gw_udp_peer peer = {.address = 10, .network = &network};
    (void)unused;
    assert_true(gw_network_parse("10.1.0.0/16", &network, problem));
    assert_int_equal(heard(&peer, "10.2.0.1", 5000, 1), GW_UDP_IGNORE);
    assert_false(peer.known);
    assert_int_equal(heard(&peer, "10.1.0.1", 5000, 1), GW_UDP_TAKE);
    assert_int_equal(heard(&peer, "10.2.0.1", 5000, 2), GW_UDP_IGNORE); /* it claims nothing */
    assert_int_equal(peer.contested_ms, 0);
    peer = (struct gw_udp_peer){.address = 10};
    assert_int_equal(heard(&peer, "2001:db8::1", 5000, 1), GW_UDP_TAKE);
    assert_int_equal(heard(&peer, "2001:db8::1", 5000, 2), GW_UDP_TAKE);
    assert_int_equal(heard(&peer, "2001:db8::2", 5000, 3), GW_UDP_ASK);
    assert_int_equal(heard(&peer, "10.1.0.1", 5000, 4), GW_UDP_IGNORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_a_known_address_answers_and_stays),
        cmocka_unit_test(test_a_silent_address_gives_way),
        cmocka_unit_test(test_networks_and_versions),
    };
    return cmocka_run_group_tests_name("udp_peers", tests, NULL, NULL);
}
