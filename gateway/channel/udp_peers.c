/* SPDX-License-Identifier: Apache-2.0 */
/* Link addresses to socket addresses, and who may change one. */
#include "gateway/channel/udp_peers.h"

#include <netinet/in.h>
#include <string.h>

#include "gateway/base/memory.h"

static size_t place_of(const struct gw_udp_peers *peers, uint16_t address)
{
    size_t low = 0;
    for (size_t high = peers->count; low < high;) {
        size_t middle = (low + high) / 2;
        if (peers->list[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool gw_udp_peers_expect(struct gw_udp_peers *peers, uint16_t address,
                         const struct gw_network *network)
{
    size_t at = place_of(peers, address);
    struct gw_udp_peer *list =
        gw_memory_resize(GW_OWNER_LINK, peers->list, (peers->count + 1) * sizeof *list);
    if (!list)
        return false;
    memmove(list + at + 1, list + at, (peers->count - at) * sizeof *list);
    list[at] = (struct gw_udp_peer){.address = address, .network = network};
    peers->list = list;
    peers->count++;
    return true;
}

void gw_udp_peers_clear(struct gw_udp_peers *peers)
{
    gw_memory_release(peers->list);
    *peers = (struct gw_udp_peers){0};
}

struct gw_udp_peer *gw_udp_peers_find(const struct gw_udp_peers *peers, uint16_t address)
{
    size_t at = place_of(peers, address);
    return at < peers->count && peers->list[at].address == address ? peers->list + at : NULL;
}

bool gw_udp_same(const struct sockaddr *a, const struct sockaddr *b)
{
    if (a->sa_family != b->sa_family)
        return false;
    if (a->sa_family == AF_INET) {
        const struct sockaddr_in *left = (const struct sockaddr_in *)a;
        const struct sockaddr_in *right = (const struct sockaddr_in *)b;
        return left->sin_port == right->sin_port && left->sin_addr.s_addr == right->sin_addr.s_addr;
    }
    const struct sockaddr_in6 *left = (const struct sockaddr_in6 *)a;
    const struct sockaddr_in6 *right = (const struct sockaddr_in6 *)b;
    return left->sin6_port == right->sin6_port && left->sin6_scope_id == right->sin6_scope_id &&
           memcmp(&left->sin6_addr, &right->sin6_addr, sizeof left->sin6_addr) == 0;
}

static enum gw_udp_verdict take(struct gw_udp_peer *peer, const struct sockaddr *from)
{
    memcpy(&peer->at, from,
           from->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
    peer->known = true;
    peer->contested_ms = 0;
    return GW_UDP_TAKE;
}

enum gw_udp_verdict gw_udp_peer_heard(struct gw_udp_peer *peer, const struct sockaddr *from,
                                      uint64_t now_ms)
{
    if (peer->network && !gw_network_contains(peer->network, from))
        return GW_UDP_IGNORE;
    if (!peer->known || gw_udp_same((const struct sockaddr *)&peer->at, from))
        return take(peer, from);
    if (!peer->contested_ms) {
        peer->contested_ms = peer->asked_ms = now_ms;
        return GW_UDP_ASK;
    }
    if (now_ms - peer->contested_ms >= GW_UDP_CONTEST_MS)
        return take(peer, from);
    if (now_ms - peer->asked_ms < GW_UDP_ASK_AGAIN_MS)
        return GW_UDP_IGNORE;
    peer->asked_ms = now_ms;
    return GW_UDP_ASK;
}
