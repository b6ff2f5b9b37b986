/* SPDX-License-Identifier: Apache-2.0 */
/* One end of a line as tests hold it: fragments and frames written as hex, and back. */
#ifndef TESTS_WIRE_H
#define TESTS_WIRE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dnp3/link.h"
#include "dnp3/memory.h"
#include "dnp3/pool.h"
#include "dnp3/transport.h"
#include "tests/lib/heap.h"

enum { WIRE_OCTETS = 8192 };

struct wire {
    uint16_t from; /* our address */
    uint16_t to;
    uint8_t control; /* of data frames: 0xC4 from a master, 0x44 from an outstation */
    struct dnp3_pool *pool;
    struct dnp3_link_parser parser;
    struct dnp3_transport transport;
    uint8_t octets[WIRE_OCTETS];
};

static inline void wire_init(struct wire *wire, bool master, uint16_t from, uint16_t to)
{
    memset(wire, 0, sizeof *wire);
    wire->from = from;
    wire->to = to;
    wire->control = master ? 0xC4 : 0x44;
    wire->pool = dnp3_pool_create(&heap, 2);
    dnp3_link_parser_init(&wire->parser);
    dnp3_transport_init(&wire->transport, DNP3_FRAGMENT_MAX);
}

static inline void wire_free(struct wire *wire)
{
    dnp3_transport_reset(&wire->transport, wire->pool);
    dnp3_pool_free(wire->pool);
}

/* Hex digits, anything else between them passed over, to octets. */
static inline size_t wire_from_hex(const char *text, uint8_t *octets)
{
    size_t length = 0;
    unsigned value;
    int used;
    while (*text) {
        if (sscanf(text, " %2x%n", &value, &used) == 1) {
            octets[length++] = (uint8_t)value;
            text += used;
        } else {
            text++;
        }
    }
    return length;
}

/* Octets to upper-case hex with spaces, into `text`. */
static inline const char *wire_to_hex(const uint8_t *octets, size_t length, char *text)
{
    *text = 0;
    for (size_t i = 0; i < length; i++)
        sprintf(text + (i ? 3 * i - 1 : 0), i ? " %02X" : "%02X", octets[i]);
    return text;
}

/* Frames a fragment; the octets lie in wire->octets. */
static inline size_t wire_frame(struct wire *wire, const uint8_t *fragment, size_t length)
{
    struct dnp3_writer out = dnp3_writer_of(wire->octets, sizeof wire->octets);
    dnp3_transport_write(&wire->transport, &out, wire->control, wire->to, wire->from, fragment,
                         length);
    return dnp3_writer_length(&out);
}

/* A link frame without data. */
static inline size_t wire_link(struct wire *wire, uint8_t control)
{
    struct dnp3_writer out = dnp3_writer_of(wire->octets, sizeof wire->octets);
    dnp3_link_write(&out, &(struct dnp3_link_frame){
                              .control = control, .destination = wire->to, .source = wire->from});
    return dnp3_writer_length(&out);
}

/* What one take() gave, as hex: the fragment, or "link CC" for a frame without data. */
static inline const char *wire_read(struct wire *wire, const uint8_t *octets, size_t length,
                                    char *text)
{
    struct dnp3_reader in = dnp3_reader_of(octets, length);
    struct dnp3_link_frame frame;
    struct dnp3_reader fragment;
    uint8_t data[DNP3_LINK_DATA_MAX];
    *text = 0;
    while (dnp3_link_parser_next(&wire->parser, &in, data, &frame)) {
        if (!frame.length) {
            sprintf(text, "link %02X", frame.control);
        } else if (dnp3_transport_receive(&wire->transport, wire->pool, frame.source, frame.data,
                                          frame.length, &fragment)) {
            wire_to_hex(fragment.at, dnp3_reader_left(&fragment), text);
            dnp3_transport_release(&wire->transport, wire->pool);
        }
    }
    return text;
}

#endif
