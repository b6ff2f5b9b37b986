/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of addresses as written in a file: "10.20.0.0/16", "2001:db8::/32", "10.20.0.7". */
#ifndef GW_NETWORK_H
#define GW_NETWORK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct gw_network {
    struct in6_addr address; /* IPv4 as ::ffff:a.b.c.d */
    uint8_t bits;            /* of the prefix, 0..128 */
};

enum { GW_NETWORK_PROBLEM_MAX = 160, GW_NETWORK_TEXT_MAX = 52 };

/* An address without a prefix is that one host. True with `*network` set, else what is wrong is in
 * `problem`, a sentence. */
bool gw_network_parse(const char *text, struct gw_network *network,
                      char problem[GW_NETWORK_PROBLEM_MAX]);
/* The network as it is written in a file. */
const char *gw_network_print(const struct gw_network *network, char text[GW_NETWORK_TEXT_MAX]);
/* Is an IPv4 or IPv6 address (any port) in the network? IPv4 and its mapped form are the same. */
bool gw_network_contains(const struct gw_network *network, const struct sockaddr *address);
/* In one of them; no networks at all are every address. */
bool gw_networks_allow(const struct gw_network *networks, size_t count,
                       const struct sockaddr *address);

#endif
