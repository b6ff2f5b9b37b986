/* SPDX-License-Identifier: Apache-2.0 */
/* Down the layers, one function each; every one takes its header from the reader and hands the rest
 * on. Network octet order throughout. */
#include "packet.h"

#include <string.h>

#include "datagram.h"
#include "dnp3/cursor.h"

/* LINKTYPE_ numbers of the capture formats. */
enum {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_PPP = 9,
    LINK_RAW_BSD = 12,
    LINK_RAW_OPENBSD = 14,
    LINK_PPP_HDLC = 50,
    LINK_PPPOE = 51,
    LINK_RAW = 101,
    LINK_CISCO_HDLC = 104,
    LINK_LOOP = 108,
    LINK_LINUX_SLL = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_RTAC_SERIAL = 250,
    LINK_LINUX_SLL2 = 276
};

enum {
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_IPV6 = 0x86DD,
    ETHERTYPE_VLAN = 0x8100,
    ETHERTYPE_VLAN_SERVICE = 0x88A8,
    ETHERTYPE_VLAN_OLD = 0x9100,
    ETHERTYPE_BRIDGED = 0x6558, /* in GRE: a whole Ethernet frame */
    ETHERTYPE_MPLS = 0x8847,
    ETHERTYPE_PPPOE = 0x8864,
    ETHERTYPE_LENGTH_MAX = 1500 /* below: IEEE 802.3, an LLC header follows */
};

enum { PPP_IPV4 = 0x0021, PPP_IPV6 = 0x0057, PPP_MPLS = 0x0281 };

enum {
    PROTOCOL_HOP_OPTIONS = 0,
    PROTOCOL_IPV4 = 4,
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    PROTOCOL_IPV6 = 41,
    PROTOCOL_ROUTING = 43,
    PROTOCOL_FRAGMENT = 44,
    PROTOCOL_GRE = 47,
    PROTOCOL_AUTHENTICATION = 51,
    PROTOCOL_DESTINATION_OPTIONS = 60
};

enum { TUNNELS_MAX = 4, EXTENSIONS_MAX = 16 };

struct layers {
    struct dnp3_reader in;
    struct packet *packet;
    size_t missing;   /* octets that the packet had beyond `in` */
    unsigned tunnels; /* IP within IP */
    struct datagrams *datagrams;
    uint32_t number; /* of the packet */
};

/* What an IP header says of a fragment. */
struct cutting {
    bool is_fragment;
    bool more;
    uint16_t offset;
    uint32_t id;
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
static enum packet_kind read_ethertype(struct layers *layers, unsigned type);

/* RFC 2784 and 2890; of the older form (RFC 1701) what has no routes in it. */
static enum packet_kind read_gre(struct layers *layers)
{
    static const unsigned checksum = 0x8000, routing = 0x4000, sequence = 0x1000;
    struct dnp3_reader *in = &layers->in;
    unsigned flags = take_u16(in);
    unsigned type = take_u16(in);
    if (flags & routing)
        return PACKET_OTHER;
    for (unsigned field = checksum; field >= sequence; field >>= 1)
        dnp3_reader_take(in, flags & field ? 4 : 0);
    if (type == ETHERTYPE_BRIDGED) {
        dnp3_reader_take(in, 12);
        type = take_u16(in);
    }
    return in->failed ? cut(layers) : read_ethertype(layers, type);
}

/* Adds a fragment to its datagram, and reads on in that when it is whole. */
static bool join(struct layers *layers, unsigned protocol, const struct cutting *cutting)
{
    struct datagram_piece piece = {.source = layers->packet->source,
                                   .destination = layers->packet->destination,
                                   .id = cutting->id,
                                   .protocol = (uint8_t)protocol,
                                   .offset = cutting->offset,
                                   .more = cutting->more,
                                   .octets = layers->in.at,
                                   .length = dnp3_reader_left(&layers->in)};
    size_t length;
    const uint8_t *whole = datagrams_add(layers->datagrams, &piece, layers->number, &length);
    if (whole)
        layers->in = dnp3_reader_of(whole, length);
    return whole;
}

static enum packet_kind read_protocol(struct layers *layers, unsigned protocol,
                                      const struct cutting *cutting)
{
    bool wanted = protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP;
    bool tunnel =
        protocol == PROTOCOL_IPV4 || protocol == PROTOCOL_IPV6 || protocol == PROTOCOL_GRE;
    if (!wanted && !tunnel)
        return PACKET_OTHER;
    if (cutting->is_fragment) {
        if (!layers->datagrams || layers->missing)
            return problem(layers, "IP fragment: it is not put together with the others");
        if (!join(layers, protocol, cutting))
            return PACKET_OTHER;
    }
    if (tunnel && layers->tunnels++ >= TUNNELS_MAX)
        return PACKET_OTHER;
    if (tunnel)
        return protocol == PROTOCOL_GRE ? read_gre(layers) : read_ip(layers);
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
    struct cutting cutting = {.id = take_u16(in)};
    unsigned place = take_u16(in);
    cutting.is_fragment = place & 0x3FFF; /* more fragments, or an offset */
    cutting.more = place & 0x2000;
    cutting.offset = (uint16_t)((place & 0x1FFF) * 8);
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
    return read_protocol(layers, protocol, &cutting);
}

/* Passes over one extension header; false where `protocol` is none. */
static bool skip_extension(struct dnp3_reader *in, unsigned *protocol, struct cutting *cutting)
{
    unsigned kind = *protocol;
    if (kind != PROTOCOL_HOP_OPTIONS && kind != PROTOCOL_ROUTING && kind != PROTOCOL_FRAGMENT &&
        kind != PROTOCOL_AUTHENTICATION && kind != PROTOCOL_DESTINATION_OPTIONS)
        return false;
    *protocol = dnp3_reader_u8(in);
    unsigned length = dnp3_reader_u8(in);
    if (kind == PROTOCOL_FRAGMENT) {
        unsigned place = take_u16(in);
        cutting->is_fragment = place & 0xFFF9; /* an offset, or more fragments */
        cutting->more = place & 1;
        cutting->offset = (uint16_t)(place & 0xFFF8);
        cutting->id = take_u32(in);
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
    struct cutting cutting = {0};
    /* After the header of a fragment that is not the first stands no other header. */
    for (unsigned i = 0; i < EXTENSIONS_MAX && !cutting.is_fragment; i++)
        if (!skip_extension(in, &protocol, &cutting))
            break;
    return in->failed ? cut(layers) : read_protocol(layers, protocol, &cutting);
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

/* Labels down to that which says it is the last; what lies under them is IP, or not for us. */
static enum packet_kind read_mpls(struct layers *layers)
{
    uint32_t label;
    do
        label = take_u32(&layers->in);
    while (!layers->in.failed && !(label & 0x100));
    return layers->in.failed ? cut(layers) : read_ip(layers);
}

/* After the PPP protocol number (RFC 1661), which is one octet where the first is odd. */
static enum packet_kind read_ppp(struct layers *layers)
{
    struct dnp3_reader *in = &layers->in;
    unsigned protocol = dnp3_reader_u8(in);
    if (!(protocol & 1))
        protocol = protocol << 8 | dnp3_reader_u8(in);
    if (in->failed)
        return cut(layers);
    if (protocol == PPP_MPLS)
        return read_mpls(layers);
    return protocol == PPP_IPV4 || protocol == PPP_IPV6 ? read_ip(layers) : PACKET_OTHER;
}

static enum packet_kind read_pppoe(struct layers *layers)
{
    dnp3_reader_take(&layers->in, 6);
    return read_ppp(layers);
}

/* Address and control of HDLC, which may be left out before PPP, then PPP or Cisco's ethertype. */
static enum packet_kind read_hdlc(struct layers *layers, bool cisco)
{
    static const uint8_t ppp[] = {0xFF, 0x03};
    struct dnp3_reader *in = &layers->in;
    if (dnp3_reader_left(in) < sizeof ppp)
        return cut(layers);
    bool is_ppp = memcmp(in->at, ppp, sizeof ppp) == 0;
    cisco |= in->at[0] == 0x0F || in->at[0] == 0x8F;
    if (is_ppp || cisco)
        dnp3_reader_take(in, sizeof ppp);
    return is_ppp || !cisco ? read_ppp(layers) : read_ethertype(layers, take_u16(in));
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
    if (in->failed)
        return layers->missing ? cut(layers) : PACKET_OTHER;
    if (type == ETHERTYPE_PPPOE)
        return read_pppoe(layers);
    if (type == ETHERTYPE_MPLS)
        return read_mpls(layers);
    return type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6 ? read_ip(layers) : PACKET_OTHER;
}

static enum packet_kind read_after(struct layers *layers, size_t header)
{
    dnp3_reader_take(&layers->in, header);
    return layers->in.failed ? cut(layers) : read_ip(layers);
}

/* An SEL RTAC's record of a serial port: two times, an event, the control lines, a footer. */
static enum packet_kind read_rtac(struct layers *layers)
{
    enum { TRANSMITTED = 1, RECEIVED = 2, TRANSMITTED_END = 3, RECEIVED_END = 4, LOST = 5 };
    struct dnp3_reader *in = &layers->in;
    dnp3_reader_take(in, 8);
    unsigned event = dnp3_reader_u8(in);
    dnp3_reader_take(in, 3);
    if (in->failed)
        return cut(layers);
    if (event == LOST)
        return problem(layers, "octets of the serial line are not in the capture");
    if (event < TRANSMITTED || event > RECEIVED_END)
        return PACKET_OTHER;
    bool received = event == RECEIVED || event == RECEIVED_END;
    layers->packet->source.port = received;
    layers->packet->destination.port = !received;
    keep_payload(layers);
    return PACKET_SERIAL;
}

enum packet_kind packet_read(const struct capture_packet *captured, struct datagrams *datagrams,
                             struct packet *packet)
{
    memset(packet, 0, sizeof *packet);
    struct layers layers = {.in = dnp3_reader_of(captured->octets, captured->length),
                            .packet = packet,
                            .missing = captured->missing,
                            .datagrams = datagrams,
                            .number = captured->number};
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
    case LINK_PPP:
    case LINK_PPP_HDLC:
        return read_hdlc(&layers, false);
    case LINK_CISCO_HDLC:
        return read_hdlc(&layers, true);
    case LINK_PPPOE:
        return read_pppoe(&layers);
    case LINK_RTAC_SERIAL:
        return read_rtac(&layers);
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
