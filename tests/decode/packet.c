/* SPDX-License-Identifier: Apache-2.0 */
/* Down the layers, one function each; every one takes its header from the reader and hands the rest
 * on. Network octet order throughout. */
#include "packet.h"

#include <string.h>

#include "dnp3/cursor.h"

/* LINKTYPE_ numbers of the capture formats. */
enum {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_RAW_BSD = 12,
    LINK_RAW_OPENBSD = 14,
    LINK_RAW = 101,
    LINK_LOOP = 108,
    LINK_LINUX_SLL = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_LINUX_SLL2 = 276
};

enum {
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_IPV6 = 0x86DD,
    ETHERTYPE_VLAN = 0x8100,
    ETHERTYPE_VLAN_SERVICE = 0x88A8,
    ETHERTYPE_VLAN_OLD = 0x9100,
    ETHERTYPE_PPPOE = 0x8864,
    ETHERTYPE_LENGTH_MAX = 1500 /* below: IEEE 802.3, an LLC header follows */
};

enum {
    PROTOCOL_HOP_OPTIONS = 0,
    PROTOCOL_IPV4 = 4,
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    PROTOCOL_IPV6 = 41,
    PROTOCOL_ROUTING = 43,
    PROTOCOL_FRAGMENT = 44,
    PROTOCOL_AUTHENTICATION = 51,
    PROTOCOL_DESTINATION_OPTIONS = 60
};

enum { TUNNELS_MAX = 4, EXTENSIONS_MAX = 16 };

struct layers {
    struct dnp3_reader in;
    struct packet *packet;
    size_t missing;   /* octets that the packet had beyond `in` */
    unsigned tunnels; /* IP within IP */
};

static uint16_t take_u16(struct dnp3_reader *in)
{
    const uint8_t *p = dnp3_reader_take(in, 2);
    return (uint16_t)(p ? p[0] << 8 | p[1] : 0);
}

static uint32_t take_u32(struct dnp3_reader *in)
{
    uint32_t high = take_u16(in);
    return high << 16 | take_u16(in);
}

static enum packet_kind problem(struct layers *layers, const char *text)
{
    layers->packet->problem = text;
    return PACKET_PROBLEM;
}

static enum packet_kind cut(struct layers *layers)
{
    return problem(layers, layers->missing ? "the capture cut the packet within its headers"
                                           : "the packet ends within its headers");
}

/* Ends the reader where a header says that its packet ends: what follows is padding. What it lacks
 * was not captured. */
static void limit(struct layers *layers, size_t length)
{
    size_t there = dnp3_reader_left(&layers->in);
    if (length <= there) {
        layers->in.end = layers->in.at + length;
        layers->missing = 0;
    } else {
        layers->missing = length - there;
    }
}

static void keep_payload(struct layers *layers)
{
    layers->packet->payload = layers->in.at;
    layers->packet->length = dnp3_reader_left(&layers->in);
    layers->packet->missing = layers->missing;
}

static void read_ports(struct layers *layers)
{
    layers->packet->source.port = take_u16(&layers->in);
    layers->packet->destination.port = take_u16(&layers->in);
}

static enum packet_kind read_tcp(struct layers *layers)
{
    struct dnp3_reader *in = &layers->in;
    read_ports(layers);
    layers->packet->sequence = take_u32(in);
    layers->packet->acknowledged = take_u32(in);
    unsigned words = dnp3_reader_u8(in) >> 4;
    layers->packet->flags = dnp3_reader_u8(in);
    dnp3_reader_take(in, 6); /* window, checksum, urgent pointer */
    if (!in->failed && words < 5)
        return problem(layers, "malformed TCP header");
    dnp3_reader_take(in, words * 4U - 20);
    if (in->failed)
        return cut(layers);
    keep_payload(layers);
    return PACKET_TCP;
}

static enum packet_kind read_udp(struct layers *layers)
{
    read_ports(layers);
    uint16_t length = take_u16(&layers->in);
    take_u16(&layers->in);
    if (layers->in.failed)
        return cut(layers);
    if (length != 0 && length < 8)
        return problem(layers, "malformed UDP header");
    if (length != 0 && length - 8U <= dnp3_reader_left(&layers->in) + layers->missing)
        limit(layers, length - 8U);
    keep_payload(layers);
    return PACKET_UDP;
}

static enum packet_kind read_ip(struct layers *layers);

static enum packet_kind read_protocol(struct layers *layers, unsigned protocol, bool fragment)
{
    bool wanted = protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP;
    bool tunnel = protocol == PROTOCOL_IPV4 || protocol == PROTOCOL_IPV6;
    if (!wanted && !tunnel)
        return PACKET_OTHER;
    if (fragment)
        return problem(layers, "IP fragment: fragments are not put together");
    if (tunnel)
        return layers->tunnels++ < TUNNELS_MAX ? read_ip(layers) : PACKET_OTHER;
    return protocol == PROTOCOL_TCP ? read_tcp(layers) : read_udp(layers);
}

static void take_address(struct dnp3_reader *in, struct packet_endpoint *end, unsigned version)
{
    size_t length = version == 4 ? 4 : 16;
    const uint8_t *address = dnp3_reader_take(in, length);
    memset(end, 0, sizeof *end);
    end->version = (uint8_t)version;
    if (address)
        memcpy(end->address, address, length);
}

static enum packet_kind read_ipv4(struct layers *layers)
{
    struct dnp3_reader *in = &layers->in;
    unsigned header = (dnp3_reader_u8(in) & 0x0F) * 4U;
    dnp3_reader_u8(in);
    size_t total = take_u16(in);
    take_u16(in);
    bool fragment = take_u16(in) & 0x3FFF; /* more fragments, or an offset */
    dnp3_reader_u8(in);
    unsigned protocol = dnp3_reader_u8(in);
    take_u16(in);
    take_address(in, &layers->packet->source, 4);
    take_address(in, &layers->packet->destination, 4);
    if (!in->failed && (header < 20 || (total != 0 && total < header)))
        return problem(layers, "malformed IPv4 header");
    dnp3_reader_take(in, header - 20); /* options */
    if (in->failed)
        return cut(layers);
    if (total != 0) /* 0: the network card was to cut it into packets */
        limit(layers, total - header);
    return read_protocol(layers, protocol, fragment);
}

/* Passes over one extension header; false where `protocol` is none. */
static bool skip_extension(struct dnp3_reader *in, unsigned *protocol, bool *fragment)
{
    unsigned kind = *protocol;
    if (kind != PROTOCOL_HOP_OPTIONS && kind != PROTOCOL_ROUTING && kind != PROTOCOL_FRAGMENT &&
        kind != PROTOCOL_AUTHENTICATION && kind != PROTOCOL_DESTINATION_OPTIONS)
        return false;
    *protocol = dnp3_reader_u8(in);
    unsigned length = dnp3_reader_u8(in);
    if (kind == PROTOCOL_FRAGMENT) {
        *fragment = take_u16(in) & 0xFFF9; /* an offset, or more fragments */
        take_u32(in);
    } else {
        dnp3_reader_take(in, kind == PROTOCOL_AUTHENTICATION ? length * 4U + 6 : length * 8U + 6);
    }
    return !in->failed;
}

static enum packet_kind read_ipv6(struct layers *layers)
{
    struct dnp3_reader *in = &layers->in;
    take_u32(in); /* version, class, flow */
    size_t length = take_u16(in);
    unsigned protocol = dnp3_reader_u8(in);
    dnp3_reader_u8(in);
    take_address(in, &layers->packet->source, 6);
    take_address(in, &layers->packet->destination, 6);
    if (!in->failed && length != 0)
        limit(layers, length);
    bool fragment = false;
    /* After the header of a fragment that is not the first stands no other header. */
    for (unsigned i = 0; i < EXTENSIONS_MAX && !fragment; i++)
        if (!skip_extension(in, &protocol, &fragment))
            break;
    return in->failed ? cut(layers) : read_protocol(layers, protocol, fragment);
}

static enum packet_kind read_ip(struct layers *layers)
{
    if (dnp3_reader_left(&layers->in) == 0)
        return cut(layers);
    unsigned version = layers->in.at[0] >> 4;
    return version == 4 ? read_ipv4(layers) : version == 6 ? read_ipv6(layers) : PACKET_OTHER;
}

static bool is_vlan(unsigned type)
{
    return type == ETHERTYPE_VLAN || type == ETHERTYPE_VLAN_SERVICE || type == ETHERTYPE_VLAN_OLD;
}

/* LLC with SNAP: AA AA 03, an organisation of zeros, then an ethertype. */
static unsigned take_snap(struct dnp3_reader *in)
{
    static const uint8_t snap[] = {0xAA, 0xAA, 0x03, 0, 0, 0};
    const uint8_t *header = dnp3_reader_take(in, sizeof snap);
    return header && memcmp(header, snap, sizeof snap) == 0 ? take_u16(in) : 0;
}

static enum packet_kind read_ethertype(struct layers *layers, unsigned type)
{
    struct dnp3_reader *in = &layers->in;
    while (is_vlan(type) && !in->failed) {
        take_u16(in);
        type = take_u16(in);
    }
    if (type > 0 && type <= ETHERTYPE_LENGTH_MAX)
        type = take_snap(in);
    if (type == ETHERTYPE_PPPOE) {
        dnp3_reader_take(in, 6);
        unsigned protocol = take_u16(in);
        type = protocol == 0x0021 ? ETHERTYPE_IPV4 : protocol == 0x0057 ? ETHERTYPE_IPV6 : 0;
    }
    if (in->failed)
        return layers->missing ? cut(layers) : PACKET_OTHER;
    return type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6 ? read_ip(layers) : PACKET_OTHER;
}

static enum packet_kind read_after(struct layers *layers, size_t header)
{
    dnp3_reader_take(&layers->in, header);
    return layers->in.failed ? cut(layers) : read_ip(layers);
}

enum packet_kind packet_read(const struct capture_packet *captured, struct packet *packet)
{
    memset(packet, 0, sizeof *packet);
    struct layers layers = {.in = dnp3_reader_of(captured->octets, captured->length),
                            .packet = packet,
                            .missing = captured->missing};
    struct dnp3_reader *in = &layers.in;
    switch (captured->link_type) {
    case LINK_ETHERNET:
        dnp3_reader_take(in, 12);
        return read_ethertype(&layers, take_u16(in));
    case LINK_LINUX_SLL:
        dnp3_reader_take(in, 14);
        return read_ethertype(&layers, take_u16(in));
    case LINK_LINUX_SLL2: {
        unsigned type = take_u16(in);
        dnp3_reader_take(in, 18);
        return read_ethertype(&layers, type);
    }
    case LINK_NULL: /* an address family, whose number depends on the host: IP says it itself */
    case LINK_LOOP:
        return read_after(&layers, 4);
    case LINK_RAW_BSD:
    case LINK_RAW_OPENBSD:
    case LINK_RAW:
    case LINK_IPV4:
    case LINK_IPV6:
        return read_after(&layers, 0);
    default:
        return problem(&layers, "a link type that is not read");
    }
}
