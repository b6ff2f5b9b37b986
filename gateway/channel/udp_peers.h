/* SPDX-License-Identifier: Apache-2.0 */
/* Where outstations behind one UDP socket are, learned from what they send. A datagram proves
 * nothing, so an address that is known gives way to another one only when it no longer answers
 * (in the spirit of scope rule 21). Pure: addresses and times in, verdicts out. */
#ifndef GW_UDP_PEERS_H
#define GW_UDP_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "gateway/config/network.h"

/* How long a known address has to answer when the outstation speaks from another one, and when it
 * is asked again, for a datagram may be lost. */
enum { GW_UDP_CONTEST_MS = 2000, GW_UDP_ASK_AGAIN_MS = 1000 };

struct gw_udp_peer {
    const struct gw_network *network; /* where it may speak from; NULL: anywhere */
    struct sockaddr_storage at;       /* once known */
    uint64_t contested_ms; /* since when another address claims to be it; 0 = none does */
    uint64_t asked_ms;
    uint16_t address; /* of its link */
    bool known;
};

struct gw_udp_peers {
    struct gw_udp_peer *list; /* by address */
    size_t count;
};

enum gw_udp_verdict {
    GW_UDP_TAKE,   /* it is the outstation, as far as one can know */
    GW_UDP_ASK,    /* not yet: the known address is to be asked for a sign of life */
    GW_UDP_IGNORE, /* not now, or never from there */
};

/* Expects an outstation; `network` is borrowed. False without memory. */
bool gw_udp_peers_expect(struct gw_udp_peers *peers, uint16_t address,
                         const struct gw_network *network);
void gw_udp_peers_clear(struct gw_udp_peers *peers);
/* NULL: nobody of that address is expected. */
struct gw_udp_peer *gw_udp_peers_find(const struct gw_udp_peers *peers, uint16_t address);
/* A valid frame of the outstation's came from there, at `now_ms` (steady, not 0). */
enum gw_udp_verdict gw_udp_peer_heard(struct gw_udp_peer *peer, const struct sockaddr *from,
                                      uint64_t now_ms);
/* The same address and port? */
bool gw_udp_same(const struct sockaddr *a, const struct sockaddr *b);

#endif
