/* SPDX-License-Identifier: Apache-2.0 */
/* Octets are held until they are a whole frame or none. After a false start the search goes on one
 * octet later, as in the library. */
#include "scanner.h"

#include <stdio.h>

#include "dnp3/crc.h"

enum { HEADER = 10, BLOCK = 16, CRC = 2, LEN_BEFORE = 5, PROBLEM_MAX = 64 };

void scanner_init(struct scanner *scanner)
{
    memset(scanner, 0, sizeof *scanner);
}

static void drop(struct scanner *scanner, size_t count)
{
    scanner->length = (uint16_t)(scanner->length - count);
    memmove(scanner->held, scanner->held + count, scanner->length);
}

static bool crc_matches(const uint8_t *octets, size_t length)
{
    return dnp3_crc(octets, length) == dnp3_load_u16(octets + length);
}

/* Octets that cannot start a frame. */
static size_t garbage(const struct scanner *scanner)
{
    const uint8_t *at = scanner->held;
    for (size_t i = 0; i < scanner->length; i++)
        if (at[i] == 0x05 && (i + 1U == scanner->length || at[i + 1] == 0x64))
            return i;
    return scanner->length;
}

static void tell(struct scanner *scanner, const struct scanner_sink *sink,
                 const struct dnp3_link_frame *header, const char *text)
{
    if (scanner->known)
        sink->problem(sink->user, scanner->number, header, text);
    scanner->lost = true;
}

static struct dnp3_link_frame header_of(const uint8_t *at)
{
    return (struct dnp3_link_frame){
        .control = at[3], .destination = dnp3_load_u16(at + 4), .source = dnp3_load_u16(at + 6)};
}

static size_t frame_size(const uint8_t *at)
{
    size_t data = at[2] - (size_t)LEN_BEFORE;
    return HEADER + data + (data + BLOCK - 1) / BLOCK * CRC;
}

static void tell_bad_block(struct scanner *scanner, const struct scanner_sink *sink, size_t size)
{
    char text[PROBLEM_MAX];
    struct dnp3_link_frame header = header_of(scanner->held);
    unsigned block = 1;
    for (size_t at = HEADER; at < size; at += BLOCK + CRC, block++) {
        size_t length = size - at < BLOCK + CRC ? size - at - CRC : BLOCK;
        if (!crc_matches(scanner->held + at, length))
            break;
    }
    snprintf(text, sizeof text, "link CRC error in data block %u", block);
    tell(scanner, sink, &header, text);
}

/* A whole frame by its header: the library's parser has the last word. */
static void judge(struct scanner *scanner, size_t size, const struct scanner_sink *sink)
{
    struct dnp3_link_parser parser;
    struct dnp3_link_frame frame;
    uint8_t data[DNP3_LINK_DATA_MAX];
    struct dnp3_reader in = dnp3_reader_of(scanner->held, size);
    dnp3_link_parser_init(&parser);
    bool whole = dnp3_link_parser_next(&parser, &in, data, &frame) && in.at == in.end &&
                 parser.counters.resyncs == 0;
    if (!whole) {
        tell_bad_block(scanner, sink, size);
        drop(scanner, 1);
        return;
    }
    scanner->lost = false;
    drop(scanner, size);
    sink->frame(sink->user, scanner->number, &frame);
}

/* One step with the octets held. Returns how many it needs to go on, or 0 to be called again. */
static size_t step(struct scanner *scanner, const struct scanner_sink *sink)
{
    size_t count = garbage(scanner);
    if (count > 0) {
        if (!scanner->lost)
            tell(scanner, sink, NULL, "octets that are no link frame");
        drop(scanner, count);
        return 0;
    }
    if (scanner->length < HEADER)
        return HEADER;
    const uint8_t *at = scanner->held;
    if (!crc_matches(at, HEADER - CRC)) {
        if (!scanner->lost)
            tell(scanner, sink, NULL, "link CRC error in a header");
        drop(scanner, 1);
        return 0;
    }
    scanner->known = true;
    if (at[2] < LEN_BEFORE) {
        struct dnp3_link_frame header = header_of(at);
        tell(scanner, sink, &header, "malformed link header: LEN below 5");
        drop(scanner, 1);
        return 0;
    }
    if (scanner->length < frame_size(at))
        return frame_size(at);
    judge(scanner, frame_size(at), sink);
    return 0;
}

void scanner_feed(struct scanner *scanner, const uint8_t *octets, size_t length, uint32_t number,
                  const struct scanner_sink *sink)
{
    while (length > 0) {
        size_t needed = scanner->length ? step(scanner, sink) : HEADER;
        if (needed == 0)
            continue;
        size_t lack = needed - scanner->length;
        size_t count = lack < length ? lack : length;
        memcpy(scanner->held + scanner->length, octets, count);
        if (scanner->length == 0 || number > scanner->number)
            scanner->number = number;
        scanner->length = (uint16_t)(scanner->length + count);
        octets += count;
        length -= count;
    }
    while (scanner->length > 0 && step(scanner, sink) == 0)
        ;
}

void scanner_break(struct scanner *scanner, const struct scanner_sink *sink)
{
    if (scanner->length >= HEADER) { /* its CRC is good: step() has seen it */
        struct dnp3_link_frame header = header_of(scanner->held);
        tell(scanner, sink, &header, "truncated link frame");
    } else if (scanner->length > 0 && !scanner->lost) {
        tell(scanner, sink, NULL, "truncated link header");
    }
    scanner->length = 0;
    scanner->lost = false;
}
