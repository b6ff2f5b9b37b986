/* SPDX-License-Identifier: Apache-2.0 */
/* Two file formats, one way to read them. Lengths in a file are never believed further than the
 * file goes. */
#include "capture.h"

#include <string.h>

#include "dnp3/cursor.h"

/* pcap: a header of 24 octets, then packets of 16 (8 more in a variant) and their octets. */
enum {
    PCAP_HEADER = 24,
    PCAP_RECORD = 16,
    PCAP_RECORD_MODIFIED = 24,
    LINK_TYPE_MASK = 0xFFFF /* above it: the length of a frame check sequence */
};

#define PCAP_MICROSECONDS 0xA1B2C3D4U
#define PCAP_NANOSECONDS  0xA1B23C4DU
#define PCAP_MODIFIED     0xA1B2CD34U

/* pcapng: blocks of type, length, body, length. */
enum {
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET_OLD = 2,
    BLOCK_SIMPLE_PACKET = 3,
    BLOCK_PACKET = 6,
    BLOCK_OVERHEAD = 12
};

#define BLOCK_SECTION 0x0A0D0D0AU
#define SECTION_MAGIC 0x1A2B3C4DU

static uint32_t load_u32(const struct capture *capture, const uint8_t *p)
{
    uint32_t little = dnp3_load_u32(p);
    if (!capture->big_endian)
        return little;
    return little >> 24 | (little >> 8 & 0xFF00) | (little << 8 & 0xFF0000) | little << 24;
}

static uint16_t load_u16(const struct capture *capture, const uint8_t *p)
{
    return (uint16_t)(capture->big_endian ? p[0] << 8 | p[1] : dnp3_load_u16(p));
}

static size_t left(const struct capture *capture)
{
    return (size_t)(capture->end - capture->at);
}

static bool fail(struct capture *capture, const char *problem)
{
    capture->problem = problem;
    return false;
}

static bool is_pcap_magic(uint32_t magic)
{
    return magic == PCAP_MICROSECONDS || magic == PCAP_NANOSECONDS || magic == PCAP_MODIFIED;
}

bool capture_open(struct capture *capture, const uint8_t *octets, size_t length)
{
    memset(capture, 0, sizeof *capture);
    capture->at = octets;
    capture->end = octets + length;
    if (length < PCAP_HEADER)
        return fail(capture, "too short for a capture file");
    if (load_u32(capture, octets) == BLOCK_SECTION) { /* the same in either order */
        capture->blocks = true;
        return true;
    }
    capture->big_endian = !is_pcap_magic(load_u32(capture, octets));
    uint32_t magic = load_u32(capture, octets);
    if (octets[0] == 0x1F && octets[1] == 0x8B)
        return fail(capture, "compressed by gzip: gunzip -c FILE | dnp3-decode -");
    if (!is_pcap_magic(magic))
        return fail(capture, "neither pcap nor pcapng");
    capture->record_header = magic == PCAP_MODIFIED ? PCAP_RECORD_MODIFIED : PCAP_RECORD;
    capture->link_type = load_u32(capture, octets + 20) & LINK_TYPE_MASK;
    capture->at += PCAP_HEADER;
    return true;
}

static void fill(struct capture *capture, struct capture_packet *packet, const uint8_t *octets,
                 size_t length, size_t wire)
{
    packet->number = ++capture->number;
    packet->octets = octets;
    packet->length = length;
    packet->missing = wire > length ? wire - length : 0;
}

static bool next_record(struct capture *capture, struct capture_packet *packet)
{
    if (left(capture) == 0)
        return false;
    if (left(capture) < capture->record_header)
        return fail(capture, "the file ends within a packet's header");
    uint32_t captured = load_u32(capture, capture->at + 8);
    uint32_t wire = load_u32(capture, capture->at + 12);
    capture->at += capture->record_header;
    if (captured > left(capture))
        return fail(capture, "the file ends within a packet");
    packet->link_type = capture->link_type;
    fill(capture, packet, capture->at, captured, wire);
    capture->at += captured;
    return true;
}

/* A section says its octet order itself, and has interfaces of its own. */
static bool begin_section(struct capture *capture)
{
    if (left(capture) < 28)
        return fail(capture, "the file ends within a section header");
    capture->big_endian = false;
    if (load_u32(capture, capture->at + 8) != SECTION_MAGIC)
        capture->big_endian = true;
    if (load_u32(capture, capture->at + 8) != SECTION_MAGIC)
        return fail(capture, "a section of no known octet order");
    capture->interfaces = 0;
    return true;
}

static bool add_interface(struct capture *capture, const uint8_t *body, size_t length)
{
    if (length < 8)
        return fail(capture, "an interface block that is too short");
    if (capture->interfaces == CAPTURE_INTERFACES_MAX)
        return fail(capture, "more interfaces than can be kept apart");
    capture->link_types[capture->interfaces] = load_u16(capture, body);
    capture->snap_lengths[capture->interfaces] = load_u32(capture, body + 4);
    capture->interfaces++;
    return true;
}

/* An enhanced packet (or the older packet block, whose interface takes two octets). */
static bool take_packet(struct capture *capture, struct capture_packet *packet, uint32_t type,
                        const uint8_t *body, size_t length)
{
    if (length < 20)
        return fail(capture, "a packet block that is too short");
    uint32_t interface = type == BLOCK_PACKET ? load_u32(capture, body) : load_u16(capture, body);
    uint32_t captured = load_u32(capture, body + 12);
    if (interface >= capture->interfaces)
        return fail(capture, "a packet of an interface that was not described");
    if (captured > length - 20)
        return fail(capture, "a packet longer than its block");
    packet->link_type = capture->link_types[interface];
    fill(capture, packet, body + 20, captured, load_u32(capture, body + 16));
    return true;
}

/* A simple packet is of interface 0 and says its length on the wire only. */
static bool take_simple_packet(struct capture *capture, struct capture_packet *packet,
                               const uint8_t *body, size_t length)
{
    if (length < 4 || capture->interfaces == 0)
        return fail(capture, "a simple packet block that is too short or of no interface");
    uint32_t wire = load_u32(capture, body);
    uint32_t snap = capture->snap_lengths[0];
    size_t captured = snap > 0 && snap < wire ? snap : wire;
    if (captured > length - 4)
        return fail(capture, "a packet longer than its block");
    packet->link_type = capture->link_types[0];
    fill(capture, packet, body + 4, captured, wire);
    return true;
}

static bool next_of_blocks(struct capture *capture, struct capture_packet *packet)
{
    while (left(capture) >= BLOCK_OVERHEAD) {
        if (load_u32(capture, capture->at) == BLOCK_SECTION && !begin_section(capture))
            return false;
        uint32_t type = load_u32(capture, capture->at);
        uint32_t total = load_u32(capture, capture->at + 4);
        if (total < BLOCK_OVERHEAD || total % 4 != 0)
            return fail(capture, "a block of an impossible length");
        if (total > left(capture))
            return fail(capture, "the file ends within a block");
        const uint8_t *body = capture->at + 8;
        size_t length = total - BLOCK_OVERHEAD;
        capture->at += total;
        switch (type) {
        case BLOCK_INTERFACE:
            if (!add_interface(capture, body, length))
                return false;
            break;
        case BLOCK_PACKET:
        case BLOCK_PACKET_OLD:
            return take_packet(capture, packet, type, body, length);
        case BLOCK_SIMPLE_PACKET:
            return take_simple_packet(capture, packet, body, length);
        default: /* names, statistics, comments */
            break;
        }
    }
    return left(capture) ? fail(capture, "the file ends within a block") : false;
}

bool capture_next(struct capture *capture, struct capture_packet *packet)
{
    if (capture->problem)
        return false;
    return capture->blocks ? next_of_blocks(capture, packet) : next_record(capture, packet);
}
