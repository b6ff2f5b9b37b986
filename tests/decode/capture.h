/* SPDX-License-Identifier: Apache-2.0 */
/* Capture files: pcap (either octet order, micro- or nanoseconds) and pcapng, packet by packet. A
 * file is read in place: what is handed out lies in the caller's octets. */
#ifndef TESTS_DECODE_CAPTURE_H
#define TESTS_DECODE_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CAPTURE_INTERFACES_MAX = 1024 }; /* of one pcapng section */

struct capture_packet {
    uint32_t number;    /* 1 for the first packet of the file */
    uint32_t link_type; /* LINKTYPE_... of its interface */
    const uint8_t *octets;
    size_t length;  /* octets captured */
    size_t missing; /* octets of the packet that were not captured */
};

struct capture {
    const uint8_t *at;
    const uint8_t *end;
    const char *problem; /* why next() ended before the end of the file, or NULL */
    uint32_t number;     /* of the last packet */
    bool big_endian;
    bool blocks;            /* pcapng */
    uint32_t record_header; /* octets before each packet of a pcap file */
    uint32_t link_type;     /* of a pcap file */
    uint32_t interfaces;    /* of the section at hand */
    uint32_t link_types[CAPTURE_INTERFACES_MAX];
    uint32_t snap_lengths[CAPTURE_INTERFACES_MAX];
};

/* False, with `problem` set, where the octets are no capture file. They must outlive `capture`. */
bool capture_open(struct capture *capture, const uint8_t *octets, size_t length);
/* The next packet; false at the end, or where the file is damaged (`problem` then says how). */
bool capture_next(struct capture *capture, struct capture_packet *packet);

#endif
