/* SPDX-License-Identifier: Apache-2.0 */
/* Networks and who is in them. IPv4 is kept in its IPv6-mapped form, so that a dual-stack listener
 * needs no second way. */
#include "gateway/config/network.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { V4_OFFSET = 96, V4_BITS = 32, V6_BITS = 128 };

static struct in6_addr mapped(const struct in_addr *v4)
{
    struct in6_addr address = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(address.s6_addr + 12, v4, sizeof *v4);
    return address;
}

static bool read_address(const char *text, size_t length, struct in6_addr *address, bool *is_v4)
{
    char copy[INET6_ADDRSTRLEN];
    struct in_addr v4;
    if (length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    *is_v4 = inet_pton(AF_INET, copy, &v4) == 1;
    if (*is_v4)
        *address = mapped(&v4);
    return *is_v4 || inet_pton(AF_INET6, copy, address) == 1;
}

static bool read_bits(const char *text, unsigned most, unsigned *bits)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || number > most)
        return false;
    *bits = (unsigned)number;
    return true;
}

/* Clears what is behind the prefix; true where nothing was there. */
static bool cut(struct in6_addr *address, unsigned bits)
{
    struct in6_addr before = *address;
    for (unsigned i = 0; i < sizeof address->s6_addr; i++) {
        unsigned kept = bits <= i * 8 ? 0 : bits >= i * 8 + 8 ? 8 : bits - i * 8;
        address->s6_addr[i] &= (uint8_t)(0xff00u >> kept);
    }
    return memcmp(&before, address, sizeof before) == 0;
}

const char *gw_network_print(const struct gw_network *network, char text[GW_NETWORK_TEXT_MAX])
{
    char address[INET6_ADDRSTRLEN] = "";
    bool is_v4 = network->bits >= V4_OFFSET && IN6_IS_ADDR_V4MAPPED(&network->address);
    unsigned bits = is_v4 ? network->bits - V4_OFFSET : network->bits;
    if (is_v4)
        inet_ntop(AF_INET, network->address.s6_addr + 12, address, sizeof address);
    else
        inet_ntop(AF_INET6, &network->address, address, sizeof address);
    if (network->bits == V6_BITS)
        snprintf(text, GW_NETWORK_TEXT_MAX, "%s", address);
    else
        snprintf(text, GW_NETWORK_TEXT_MAX, "%s/%u", address, bits);
    return text;
}

bool gw_network_parse(const char *text, struct gw_network *network,
                      char problem[GW_NETWORK_PROBLEM_MAX])
{
    const char *slash = strchr(text, '/');
    size_t length = slash ? (size_t)(slash - text) : strlen(text);
    bool is_v4;
    if (!read_address(text, length, &network->address, &is_v4)) {
        snprintf(problem, GW_NETWORK_PROBLEM_MAX,
                 "expected a network or an address, as \"10.20.0.0/16\" or \"2001:db8::/32\"");
        return false;
    }
    unsigned most = is_v4 ? V4_BITS : V6_BITS;
    unsigned bits = most;
    if (slash && !read_bits(slash + 1, most, &bits)) {
        snprintf(problem, GW_NETWORK_PROBLEM_MAX, "the prefix is a number from 0 to %u", most);
        return false;
    }
    network->bits = (uint8_t)(is_v4 ? V4_OFFSET + bits : bits);
    if (cut(&network->address, network->bits))
        return true;
    char right[GW_NETWORK_TEXT_MAX];
    snprintf(problem, GW_NETWORK_PROBLEM_MAX,
             "bits are set behind the prefix: the network is \"%s\", one host has no /",
             gw_network_print(network, right));
    return false;
}

bool gw_network_contains(const struct gw_network *network, const struct sockaddr *address)
{
    struct in6_addr other;
    if (address->sa_family == AF_INET)
        other = mapped(&((const struct sockaddr_in *)(const void *)address)->sin_addr);
    else if (address->sa_family == AF_INET6)
        other = ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    else
        return false;
    cut(&other, network->bits);
    return memcmp(&other, &network->address, sizeof other) == 0;
}

bool gw_networks_allow(const struct gw_network *networks, size_t count,
                       const struct sockaddr *address)
{
    for (size_t i = 0; i < count; i++)
        if (gw_network_contains(&networks[i], address))
            return true;
    return count == 0;
}
