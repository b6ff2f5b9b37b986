/* SPDX-License-Identifier: Apache-2.0 */
/* A connection has two directions; in each, octets become link frames, and frames fragments per
 * pair of link addresses. What is no DNP3 (no start octets with a good header CRC) stays silent. */
#include "decoder.h"

#include <stdlib.h>
#include <string.h>

#include "datagram.h"
#include "dnp3/transport.h"
#include "fragment.h"
#include "packet.h"
#include "scanner.h"
#include "stream.h"
#include "tests/lib/heap.h"

enum {
    PORT_DNP3 = 20000,    /* registered: garbage is told here even before a good header */
    BUCKETS = 4096,       /* of connections */
    FRAGMENTS_MAX = 1024, /* under way at once, of all connections */
    PROBLEM_MAX = 96
};

/* Fragments from one link address to another. */
struct association {
    struct association *next;
    uint16_t source;
    uint16_t destination;
    struct dnp3_transport transport;
};

struct direction {
    struct connection *connection;
    struct stream stream;
    struct scanner scanner;
    struct association *associations;
};

struct connection {
    struct connection *next;
    struct decoder *decoder;
    enum packet_kind kind;
    struct packet_endpoint ends[2];
    struct direction directions[2]; /* 0: from ends[0] */
};

struct decoder {
    FILE *out;
    struct dnp3_pool *pool;
    struct datagrams *datagrams;
    bool failed; /* out of memory */
    struct connection *buckets[BUCKETS];
};

static void tell(struct decoder *decoder, uint32_t number, const struct dnp3_link_frame *header,
                 const char *text)
{
    struct fragment_origin origin = {
        .frame = number,
        .source = header ? header->source : FRAGMENT_NO_ADDRESS,
        .destination = header ? header->destination : FRAGMENT_NO_ADDRESS,
    };
    fragment_print_problem(decoder->out, &origin, text);
}

static struct association *find_association(struct direction *direction, uint16_t source,
                                            uint16_t destination)
{
    struct association *found = direction->associations;
    while (found && (found->source != source || found->destination != destination))
        found = found->next;
    if (found)
        return found;
    found = calloc(1, sizeof *found);
    if (!found) {
        direction->connection->decoder->failed = true;
        return NULL;
    }
    found->source = source;
    found->destination = destination;
    dnp3_transport_init(&found->transport, DNP3_FRAGMENT_MAX);
    found->next = direction->associations;
    direction->associations = found;
    return found;
}

/* Why a segment was discarded, by what was under way before it. */
static const char *transport_problem(const struct dnp3_transport *before, uint8_t control,
                                     size_t length, bool under_way)
{
    if (length < 2)
        return "transport segment without octets";
    if (control & DNP3_TRANSPORT_FIR)
        return before->buffer ? "transport fragment not finished: a new one begins"
                              : "transport fragment longer than 2048 octets";
    if (!before->buffer)
        return "transport segment out of sequence: no fragment was begun";
    if (under_way)
        return "transport segment repeated";
    return before->expected == (control & DNP3_TRANSPORT_SEQUENCE)
               ? "transport fragment longer than 2048 octets"
               : "transport segment out of sequence";
}

static void take_segment(struct direction *direction, uint32_t number,
                         const struct dnp3_link_frame *frame)
{
    struct decoder *decoder = direction->connection->decoder;
    struct association *association =
        find_association(direction, frame->source, frame->destination);
    if (!association)
        return;
    struct dnp3_transport *transport = &association->transport;
    struct dnp3_transport before = *transport;
    struct dnp3_reader fragment;
    bool whole = dnp3_transport_receive(transport, decoder->pool, frame->source, frame->data,
                                        frame->length, &fragment);
    if (transport->counters.discarded != before.counters.discarded)
        tell(decoder, number, frame,
             transport_problem(&before, frame->data[0], frame->length, transport->buffer != NULL));
    if (transport->counters.no_buffer != before.counters.no_buffer)
        tell(decoder, number, frame, "more fragments under way at once than can be kept");
    if (!whole)
        return;
    struct fragment_origin origin = {
        .frame = number, .source = frame->source, .destination = frame->destination};
    fragment_print(decoder->out, &origin, fragment);
    dnp3_transport_release(transport, decoder->pool);
}

static bool carries_user_data(uint8_t control)
{
    unsigned function = control & DNP3_LINK_FUNCTION;
    return control & DNP3_LINK_PRM && (function == DNP3_LINK_CONFIRMED_USER_DATA ||
                                       function == DNP3_LINK_UNCONFIRMED_USER_DATA);
}

static void on_frame(void *user, uint32_t number, const struct dnp3_link_frame *frame)
{
    struct direction *direction = user;
    char text[PROBLEM_MAX];
    if (frame->length > 0 && carries_user_data(frame->control)) {
        take_segment(direction, number, frame);
    } else if (frame->length > 0) {
        snprintf(text, sizeof text, "user data in a link frame of control 0x%02X", frame->control);
        tell(direction->connection->decoder, number, frame, text);
    } else if (carries_user_data(frame->control)) {
        tell(direction->connection->decoder, number, frame, "link user data without octets");
    }
}

static void on_problem(void *user, uint32_t number, const struct dnp3_link_frame *header,
                       const char *text)
{
    struct direction *direction = user;
    tell(direction->connection->decoder, number, header, text);
}

static struct scanner_sink scanner_sink_of(struct direction *direction)
{
    return (struct scanner_sink){.frame = on_frame, .problem = on_problem, .user = direction};
}

static void on_octets(void *user, const uint8_t *octets, size_t length, uint32_t number)
{
    struct direction *direction = user;
    struct scanner_sink sink = scanner_sink_of(direction);
    scanner_feed(&direction->scanner, octets, length, number, &sink);
}

static void on_gap(void *user, size_t missing, uint32_t number)
{
    struct direction *direction = user;
    struct scanner_sink sink = scanner_sink_of(direction);
    char text[PROBLEM_MAX];
    scanner_break(&direction->scanner, &sink);
    if (!direction->scanner.known)
        return;
    if (missing)
        snprintf(text, sizeof text, "%zu octets of the connection are not in the capture", missing);
    else
        snprintf(text, sizeof text, "octets of the connection are not in the capture");
    tell(direction->connection->decoder, number, NULL, text);
}

static void on_early(void *user, const uint8_t *octets, size_t length, uint32_t number)
{
    struct direction *direction = user;
    struct scanner_sink sink = scanner_sink_of(direction);
    struct scanner scanner;
    scanner_init(&scanner);
    scanner.known = direction->scanner.known;
    scanner_feed(&scanner, octets, length, number, &sink);
    scanner_break(&scanner, &sink);
}

static struct stream_sink stream_sink_of(struct direction *direction)
{
    return (struct stream_sink){
        .octets = on_octets, .gap = on_gap, .early = on_early, .user = direction};
}

static void end_stream(struct direction *direction)
{
    struct stream_sink stream_sink = stream_sink_of(direction);
    struct scanner_sink scanner_sink = scanner_sink_of(direction);
    stream_flush(&direction->stream, &stream_sink);
    scanner_break(&direction->scanner, &scanner_sink);
}

/* Fragments that a connection left unfinished. */
static void end_fragments(struct direction *direction, uint32_t number)
{
    struct decoder *decoder = direction->connection->decoder;
    for (struct association *a = direction->associations; a; a = a->next) {
        struct dnp3_link_frame header = {.source = a->source, .destination = a->destination};
        if (a->transport.buffer)
            tell(decoder, number, &header, "transport fragment not finished");
        dnp3_transport_reset(&a->transport, decoder->pool);
    }
}

static void end_direction(struct direction *direction)
{
    end_stream(direction);
    end_fragments(direction, direction->scanner.number);
}

static bool same_end(const struct packet_endpoint *a, const struct packet_endpoint *b)
{
    return a->version == b->version && a->port == b->port &&
           memcmp(a->address, b->address, sizeof a->address) == 0;
}

static unsigned hash_end(const struct packet_endpoint *end)
{
    unsigned hash = end->port * 31U + end->version;
    for (size_t i = 0; i < sizeof end->address; i++)
        hash = hash * 33 + end->address[i];
    return hash;
}

static void reset_scanner(struct direction *direction)
{
    const struct packet_endpoint *ends = direction->connection->ends;
    scanner_init(&direction->scanner);
    direction->scanner.known = ends[0].port == PORT_DNP3 || ends[1].port == PORT_DNP3;
}

static void init_direction(struct connection *connection, unsigned at)
{
    struct direction *direction = &connection->directions[at];
    direction->connection = connection;
    stream_init(&direction->stream);
    reset_scanner(direction);
}

/* The direction that a packet goes; a new connection where it is the first. NULL without memory. */
static struct direction *find_direction(struct decoder *decoder, enum packet_kind kind,
                                        const struct packet *packet)
{
    /* A sum, so that both directions meet. */
    unsigned hash = hash_end(&packet->source) + hash_end(&packet->destination);
    struct connection **bucket = &decoder->buckets[hash % BUCKETS];
    struct connection *c = *bucket;
    for (; c; c = c->next) {
        if (c->kind != kind)
            continue;
        for (unsigned at = 0; at < 2; at++)
            if (same_end(&c->ends[at], &packet->source) &&
                same_end(&c->ends[!at], &packet->destination))
                return &c->directions[at];
    }
    c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->decoder = decoder;
    c->kind = kind;
    c->ends[0] = packet->source;
    c->ends[1] = packet->destination;
    init_direction(c, 0);
    init_direction(c, 1);
    c->next = *bucket;
    *bucket = c;
    return &c->directions[0];
}

static struct direction *opposite(const struct direction *direction)
{
    struct direction *both = direction->connection->directions;
    return direction == &both[0] ? &both[1] : &both[0];
}

/* A SYN begins a connection anew, unless it is one that was seen. */
static void begin_connection(struct direction *direction, uint32_t first)
{
    struct stream_sink sink = stream_sink_of(direction);
    if (direction->stream.started && direction->stream.first == first)
        return;
    if (direction->stream.started) {
        end_direction(direction);
        reset_scanner(direction);
    }
    stream_start(&direction->stream, first, &sink);
}

static void take_tcp(struct direction *direction, const struct packet *packet, uint32_t number)
{
    struct direction *other = opposite(direction);
    struct stream_sink sink = stream_sink_of(direction);
    struct stream_sink other_sink = stream_sink_of(other);
    uint32_t sequence = packet->sequence;
    if (packet->flags & PACKET_RST)
        return;
    if (packet->flags & PACKET_SYN)
        begin_connection(direction, ++sequence);
    struct stream_segment segment = {.sequence = sequence,
                                     .octets = packet->payload,
                                     .length = packet->length,
                                     .missing = packet->missing,
                                     .number = number};
    if (segment.length + segment.missing > 0 &&
        !stream_segment(&direction->stream, &segment, &sink))
        direction->connection->decoder->failed = true;
    if (packet->flags & PACKET_ACK)
        stream_acknowledged(&other->stream, packet->acknowledged, &other_sink);
}

/* A datagram holds whole frames. */
static void take_udp(struct direction *direction, const struct packet *packet, uint32_t number)
{
    struct scanner_sink sink = scanner_sink_of(direction);
    scanner_feed(&direction->scanner, packet->payload, packet->length, number, &sink);
    scanner_break(&direction->scanner, &sink);
    if (packet->missing)
        on_gap(direction, packet->missing, number);
}

/* Octets as they came, a frame over several records or several in one. */
static void take_serial(struct direction *direction, const struct packet *packet, uint32_t number)
{
    on_octets(direction, packet->payload, packet->length, number);
    if (packet->missing)
        on_gap(direction, packet->missing, number);
}

struct decoder *decoder_create(FILE *out)
{
    struct decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder)
        return NULL;
    decoder->out = out;
    decoder->pool = dnp3_pool_create(&heap, FRAGMENTS_MAX);
    decoder->datagrams = datagrams_create();
    if (!decoder->pool || !decoder->datagrams) {
        decoder_free(decoder);
        return NULL;
    }
    return decoder;
}

static void tell_lost(struct decoder *decoder, bool end)
{
    for (uint32_t number; (number = datagrams_lost(decoder->datagrams, end)) != 0;)
        tell(decoder, number, NULL, "IP fragment: others of its datagram are not in the capture");
}

int decoder_packet(struct decoder *decoder, const struct capture_packet *captured)
{
    struct packet packet;
    enum packet_kind kind = packet_read(captured, decoder->datagrams, &packet);
    tell_lost(decoder, false);
    if (kind == PACKET_PROBLEM) {
        tell(decoder, captured->number, NULL, packet.problem);
        return 0;
    }
    if (kind == PACKET_OTHER)
        return 0;
    struct direction *direction = find_direction(decoder, kind, &packet);
    if (!direction)
        return -1;
    if (kind == PACKET_TCP)
        take_tcp(direction, &packet, captured->number);
    else if (kind == PACKET_UDP)
        take_udp(direction, &packet, captured->number);
    else
        take_serial(direction, &packet, captured->number);
    return decoder->failed ? -1 : 0;
}

void decoder_finish(struct decoder *decoder)
{
    tell_lost(decoder, true);
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct connection *c = decoder->buckets[i]; c; c = c->next)
            for (unsigned at = 0; at < 2; at++)
                end_direction(&c->directions[at]);
}

static void free_direction(struct direction *direction, struct dnp3_pool *pool)
{
    struct association *next;
    for (struct association *a = direction->associations; a; a = next) {
        next = a->next;
        dnp3_transport_reset(&a->transport, pool);
        free(a);
    }
    stream_release(&direction->stream);
}

void decoder_free(struct decoder *decoder)
{
    if (!decoder)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        struct connection *next;
        for (struct connection *c = decoder->buckets[i]; c; c = next) {
            next = c->next;
            free_direction(&c->directions[0], decoder->pool);
            free_direction(&c->directions[1], decoder->pool);
            free(c);
        }
    }
    dnp3_pool_free(decoder->pool);
    datagrams_free(decoder->datagrams);
    free(decoder);
}
