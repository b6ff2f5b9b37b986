/* SPDX-License-Identifier: Apache-2.0 */
/* What a captured packet carries: link header, IP, then TCP or UDP. */
#ifndef TESTS_DECODE_PACKET_H
#define TESTS_DECODE_PACKET_H

#include "capture.h"

enum packet_kind {
    PACKET_OTHER, /* neither TCP nor UDP: nothing to say */
    PACKET_TCP,
    PACKET_UDP,
    PACKET_PROBLEM /* cannot be read; the packet's `problem` says why */
};

enum { PACKET_FIN = 0x01, PACKET_SYN = 0x02, PACKET_RST = 0x04, PACKET_ACK = 0x10 };

/* One end of an exchange. IPv4 addresses take the first four octets. */
struct packet_endpoint {
    uint8_t version; /* of IP: 4, 6 */
    uint8_t address[16];
    uint16_t port;
};

struct packet {
    struct packet_endpoint source;
    struct packet_endpoint destination;
    uint32_t sequence;     /* TCP only, as are the next two */
    uint32_t acknowledged; /* valid with PACKET_ACK */
    uint8_t flags;
    const uint8_t *payload; /* lies in the captured octets */
    size_t length;
    size_t missing; /* octets of the payload that were not captured */
    const char *problem;
};

enum packet_kind packet_read(const struct capture_packet *captured, struct packet *packet);

#endif
