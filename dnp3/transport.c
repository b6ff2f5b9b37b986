/* SPDX-License-Identifier: Apache-2.0 */
/* Segments to fragments and back. A fragment is under way exactly while a buffer is borrowed. */
#include "dnp3/transport.h"

void dnp3_transport_init(struct dnp3_transport *transport, uint16_t limit)
{
    memset(transport, 0, sizeof *transport);
    transport->limit = limit;
}

void dnp3_transport_reset(struct dnp3_transport *transport, struct dnp3_pool *pool)
{
    dnp3_pool_return(pool, transport->buffer);
    transport->buffer = NULL;
    transport->length = 0;
}

void dnp3_transport_release(struct dnp3_transport *transport, struct dnp3_pool *pool)
{
    dnp3_transport_reset(transport, pool);
}

static bool discard(struct dnp3_transport *transport)
{
    transport->counters.discarded++;
    return false;
}

/* The segment just stored once more, as a link retry brings it (8.2.2): the tail of the buffer. */
static bool is_repeat(const struct dnp3_transport *transport, uint8_t sequence,
                      const uint8_t *payload, size_t length)
{
    return sequence == ((transport->expected - 1) & DNP3_TRANSPORT_SEQUENCE) &&
           length <= transport->length &&
           memcmp(transport->buffer + transport->length - length, payload, length) == 0;
}

/* Adds a segment to the fragment under way; false where it is then too long. */
static bool append(struct dnp3_transport *transport, uint8_t sequence, const uint8_t *payload,
                   size_t length)
{
    if (length > (size_t)(transport->limit - transport->length))
        return false;
    memcpy(transport->buffer + transport->length, payload, length);
    transport->length = (uint16_t)(transport->length + length);
    transport->expected = (sequence + 1) & DNP3_TRANSPORT_SEQUENCE;
    return true;
}

static bool begin(struct dnp3_transport *transport, struct dnp3_pool *pool, uint16_t source)
{
    transport->buffer = dnp3_pool_borrow(pool);
    transport->length = 0;
    transport->source = source;
    if (!transport->buffer)
        transport->counters.no_buffer++;
    return transport->buffer != NULL;
}

static bool is_continued(const struct dnp3_transport *transport, uint16_t source, uint8_t sequence)
{
    return transport->source == source && transport->expected == sequence;
}

static bool whole(struct dnp3_transport *transport, const uint8_t *octets, size_t length,
                  struct dnp3_reader *fragment)
{
    transport->counters.fragments++;
    *fragment = dnp3_reader_of(octets, length);
    return true;
}

bool dnp3_transport_receive(struct dnp3_transport *transport, struct dnp3_pool *pool,
                            uint16_t source, const uint8_t *data, size_t length,
                            struct dnp3_reader *fragment)
{
    transport->counters.segments++;
    if (length < 2) /* no octet of a fragment: not a segment */
        return discard(transport);
    const uint8_t *payload = data + 1;
    uint8_t sequence = data[0] & DNP3_TRANSPORT_SEQUENCE;
    bool first = data[0] & DNP3_TRANSPORT_FIR;
    bool last = data[0] & DNP3_TRANSPORT_FIN;
    length--;

    if (first) {
        if (transport->buffer)
            discard(transport);
        dnp3_transport_reset(transport, pool);
        if (last && length <= transport->limit)
            return whole(transport, payload, length, fragment);
        if (last)
            return discard(transport);
        if (!begin(transport, pool, source))
            return false;
    } else if (!transport->buffer) {
        return discard(transport);
    } else if (!is_continued(transport, source, sequence)) {
        bool repeat =
            transport->source == source && is_repeat(transport, sequence, payload, length);
        if (!repeat)
            dnp3_transport_reset(transport, pool);
        return discard(transport);
    }
    if (!append(transport, sequence, payload, length)) {
        dnp3_transport_reset(transport, pool);
        return discard(transport);
    }
    return last && whole(transport, transport->buffer, transport->length, fragment);
}

size_t dnp3_transport_segment(const struct dnp3_transport *transport, uint8_t *data,
                              const uint8_t *fragment, size_t length, size_t done)
{
    size_t part = dnp3_transport_part(length, done);
    data[0] = (uint8_t)((done == 0 ? DNP3_TRANSPORT_FIR : 0) |
                        (done + part == length ? DNP3_TRANSPORT_FIN : 0) | transport->sending);
    memcpy(data + 1, fragment + done, part);
    return part + 1;
}

void dnp3_transport_sent(struct dnp3_transport *transport)
{
    transport->sending = (transport->sending + 1) & DNP3_TRANSPORT_SEQUENCE;
}

void dnp3_transport_write(struct dnp3_transport *transport, struct dnp3_writer *out,
                          uint8_t control, uint16_t destination, uint16_t source,
                          const uint8_t *fragment, size_t length)
{
    uint8_t data[DNP3_LINK_DATA_MAX];
    for (size_t done = 0; done < length; done += dnp3_transport_part(length, done)) {
        size_t octets = dnp3_transport_segment(transport, data, fragment, length, done);
        dnp3_link_write(out, &(struct dnp3_link_frame){.control = control,
                                                       .destination = destination,
                                                       .source = source,
                                                       .data = data,
                                                       .length = (uint16_t)octets});
        dnp3_transport_sent(transport);
    }
}
