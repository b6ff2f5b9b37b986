/* SPDX-License-Identifier: Apache-2.0 */
/* What a captured packet carries: link header, IP, then TCP or UDP; or octets of a serial line. */
#ifndef TESTS_DECODE_PACKET_H
#define TESTS_DECODE_PACKET_H

#include "capture.h"

enum packet_kind {
    PACKET_OTHER, /* none of these: nothing to say */
    PACKET_TCP,
    PACKET_UDP,
    PACKET_SERIAL,
    PACKET_PROBLEM /* cannot be read; the packet's `problem` says why */
};

enum { PACKET_FIN = 0x01, PACKET_SYN = 0x02, PACKET_RST = 0x04, PACKET_ACK = 0x10 };

/* One end of an exchange. IPv4 addresses take the first four octets. The ends of a serial line are
 * the ports 0 (which recorded it) and 1 of version 0. */
struct packet_endpoint {
    uint8_t version; /* of IP: 4, 6; 0 */
    uint8_t address[16];
    uint16_t port;
};

struct packet {
    struct packet_endpoint source;
    struct packet_endpoint destination;
    uint32_t sequence;     /* TCP only, as are the next two */
    uint32_t acknowledged; /* valid with PACKET_ACK */
    uint8_t flags;
    const uint8_t *payload; /* lies in the captured octets, or in `datagrams` */
    size_t length;
    size_t missing; /* octets of the payload that were not captured */
    const char *problem;
};

struct datagrams;

/* `datagrams` puts IP fragments together (NULL: they are a problem): OTHER until the last one is
 * there, whose packet then carries what all of them did. */
enum packet_kind packet_read(const struct capture_packet *captured, struct datagrams *datagrams,
                             struct packet *packet);

#endif
