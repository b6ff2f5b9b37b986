/* SPDX-License-Identifier: Apache-2.0 */
/* Puts IP fragments together, in whatever order they come: by addresses, protocol and identifier.
 * Bounded: where too many datagrams are under way the oldest is given up. */
#ifndef TESTS_DECODE_DATAGRAM_H
#define TESTS_DECODE_DATAGRAM_H

#include "packet.h"

struct datagrams;

struct datagram_piece {
    struct packet_endpoint source; /* ports do not count */
    struct packet_endpoint destination;
    uint32_t id;
    uint8_t protocol;
    uint16_t offset; /* in octets */
    bool more;       /* others follow */
    const uint8_t *octets;
    size_t length;
};

/* NULL without memory. */
struct datagrams *datagrams_create(void);
/* With all that add() handed out. NULL is legal. */
void datagrams_free(struct datagrams *datagrams);

/* What follows the IP header, whole, once its last piece is there; else NULL. */
const uint8_t *datagrams_add(struct datagrams *datagrams, const struct datagram_piece *piece,
                             uint32_t number, size_t *length);
/* One that was given up, or with `end` one that is incomplete: the number of the packet with its
 * newest piece; 0 when there is none (left). */
uint32_t datagrams_lost(struct datagrams *datagrams, bool end);

#endif
