/* SPDX-License-Identifier: Apache-2.0 */
/* Networks of `allow`: what is read, what is refused with which words, who is inside. */
#include "gateway/config/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <uv.h>

static struct gw_network parse(const char *text)
{
    struct gw_network network;
    char problem[GW_NETWORK_PROBLEM_MAX] = "";
    if (!gw_network_parse(text, &network, problem))
        fail_msg("%s: %s", text, problem);
    return network;
}

static bool contains(const char *network_text, const char *host)
{
    struct gw_network network = parse(network_text);
    struct sockaddr_storage address;
    if (uv_ip4_addr(host, 4711, (struct sockaddr_in *)&address))
        assert_int_equal(uv_ip6_addr(host, 4711, (struct sockaddr_in6 *)&address), 0);
    return gw_network_contains(&network, (const struct sockaddr *)&address);
}

static void test_contains(void **unused)
{
    (void)unused;
    assert_true(contains("10.20.0.0/16", "10.20.255.1"));
    assert_false(contains("10.20.0.0/16", "10.21.0.1"));
    assert_true(contains("10.20.16.0/20", "10.20.31.255"));
    assert_false(contains("10.20.16.0/20", "10.20.32.0"));
    assert_true(contains("10.20.0.7", "10.20.0.7"));
    assert_false(contains("10.20.0.7", "10.20.0.6"));
    assert_true(contains("0.0.0.0/0", "192.0.2.1"));
    assert_false(contains("0.0.0.0/0", "2001:db8::1"));
    assert_true(contains("2001:db8::/32", "2001:db8:ffff::1"));
    assert_false(contains("2001:db8::/32", "2001:db9::1"));
    assert_true(contains("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(contains("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(contains("::/0", "10.0.0.1"));
    assert_true(contains("::1", "::1"));
    /* As a dual-stack socket shows an IPv4 caller. */
    assert_true(contains("10.20.0.0/16", "::ffff:10.20.3.4"));
    assert_true(contains("::ffff:10.20.0.0/112", "10.20.3.4"));
}

static void test_other_families(void **unused)
{
    struct gw_network all = parse("::/0");
    struct sockaddr address = {.sa_family = AF_UNIX};
    (void)unused;
    assert_false(gw_network_contains(&all, &address));
}

static void test_refused(void **unused)
{
    static const struct {
        const char *text, *problem;
    } cases[] = {
        {"", "expected a network or an address"},
        {"10.20.0.0/33", "from 0 to 32"},
        {"10.20.0.0/", "from 0 to 32"},
        {"10.20.0.0/8x", "from 0 to 32"},
        {"10.20.0.0/-1", "from 0 to 32"},
        {"2001:db8::/129", "from 0 to 128"},
        {"10.20/16", "expected a network or an address"},
        {"north", "expected a network or an address"},
        {"1111:2222:3333:4444:5555:6666:7777:8888:9999:0000", "expected a network or an address"},
        {"10.20.30.40/16", "the network is \"10.20.0.0/16\""},
        {"2001:db8::1/32", "the network is \"2001:db8::/32\""},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gw_network network;
        char problem[GW_NETWORK_PROBLEM_MAX] = "";
        assert_false(gw_network_parse(cases[i].text, &network, problem));
        if (!strstr(problem, cases[i].problem))
            fail_msg("%s: %s", cases[i].text, problem);
    }
}

static void test_print(void **unused)
{
    static const char *const texts[] = {"10.20.0.0/16",  "10.20.0.7", "0.0.0.0/0",
                                        "2001:db8::/32", "::1",       "::/0"};
    (void)unused;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct gw_network network = parse(texts[i]);
        char text[GW_NETWORK_TEXT_MAX];
        assert_string_equal(gw_network_print(&network, text), texts[i]);
    }
}

static void test_lists(void **unused)
{
    struct gw_network list[2] = {parse("10.0.0.0/8"), parse("192.0.2.0/24")};
    struct sockaddr_in inside, outside;
    (void)unused;
    uv_ip4_addr("192.0.2.9", 1, &inside);
    uv_ip4_addr("192.0.3.9", 1, &outside);
    assert_true(gw_networks_allow(list, 2, (const struct sockaddr *)&inside));
    assert_false(gw_networks_allow(list, 2, (const struct sockaddr *)&outside));
    assert_true(gw_networks_allow(NULL, 0, (const struct sockaddr *)&outside));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contains), cmocka_unit_test(test_other_families),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_print),
        cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests_name("network", tests, NULL, NULL);
}
