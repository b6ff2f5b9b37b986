/* SPDX-License-Identifier: Apache-2.0 */
/* Frames in and out of a stream. A frame is examined where it lies: in the caller's octets, or in
 * the parser's own while it has come only in part. One function, examine(), judges both, so that a
 * stream gives the same frames however it is cut. */
#include "dnp3/link.h"

#include "dnp3/crc.h"

enum {
    START_1 = 0x05,
    START_2 = 0x64,
    HEADER = 10,    /* start, LEN, control, addresses, CRC */
    LEN_BEFORE = 5, /* what LEN counts before the user data */
    BLOCK = 16,
    CRC = 2
};

void dnp3_link_parser_init(struct dnp3_link_parser *parser)
{
    memset(parser, 0, sizeof *parser);
}

void dnp3_link_parser_reset(struct dnp3_link_parser *parser)
{
    parser->held = 0;
    parser->skipping = false;
}

static size_t frame_size(size_t data)
{
    return HEADER + data + (data + BLOCK - 1) / BLOCK * CRC;
}

static bool crc_matches(const uint8_t *octets, size_t length)
{
    return dnp3_crc(octets, length) == dnp3_load_u16(octets + length);
}

/* Octets before the first that may start a frame; a lone 05 at the end may. */
static size_t find_start(const uint8_t *at, size_t left)
{
    for (size_t i = 0; i < left; i++)
        if (at[i] == START_1 && (i + 1 == left || at[i + 1] == START_2))
            return i;
    return left;
}

/* Copies the user data without its CRCs; false where one is wrong. */
static bool unblock(const uint8_t *at, size_t length, uint8_t *data)
{
    for (; length >= BLOCK; length -= BLOCK, at += BLOCK + CRC, data += BLOCK) {
        if (!crc_matches(at, BLOCK))
            return false;
        memcpy(data, at, BLOCK);
    }
    if (length == 0)
        return true;
    memcpy(data, at, length);
    return crc_matches(at, length);
}

enum verdict {
    SKIP, /* the first `octets` are no frame */
    MORE, /* may become a frame when `octets` of it have come */
    WHOLE /* a frame of `octets` */
};

static enum verdict skip(struct dnp3_link_parser *parser, size_t count, size_t *octets)
{
    if (!parser->skipping)
        parser->counters.resyncs++;
    parser->skipping = true;
    *octets = count;
    return SKIP;
}

/* Judges what lies at `at` (left > 0). Counts only with SKIP and WHOLE, so that looking again at
 * an unfinished frame changes nothing. */
static enum verdict examine(struct dnp3_link_parser *parser, const uint8_t *at, size_t left,
                            uint8_t *data, struct dnp3_link_frame *frame, size_t *octets)
{
    size_t garbage = find_start(at, left);
    if (garbage > 0)
        return skip(parser, garbage, octets);
    *octets = HEADER;
    if (left < HEADER)
        return MORE;
    if (!crc_matches(at, HEADER - CRC)) {
        parser->counters.crc_errors++;
        return skip(parser, 1, octets);
    }
    if (at[2] < LEN_BEFORE) {
        parser->counters.bad_headers++;
        return skip(parser, 1, octets);
    }
    size_t length = (size_t)at[2] - LEN_BEFORE;
    *octets = frame_size(length);
    if (left < *octets)
        return MORE;
    if (!unblock(at + HEADER, length, data)) {
        parser->counters.crc_errors++;
        return skip(parser, 1, octets);
    }
    parser->counters.frames++;
    parser->skipping = false;
    *frame = (struct dnp3_link_frame){.control = at[3],
                                      .destination = dnp3_load_u16(at + 4),
                                      .source = dnp3_load_u16(at + 6),
                                      .data = length ? data : NULL,
                                      .length = (uint16_t)length};
    return WHOLE;
}

static void hold(struct dnp3_link_parser *parser, struct dnp3_reader *in, size_t length)
{
    memcpy(parser->partial + parser->held, in->at, length);
    parser->held = (uint16_t)(parser->held + length);
    in->at += length;
}

static void drop_held(struct dnp3_link_parser *parser, size_t length)
{
    parser->held = (uint16_t)(parser->held - length);
    memmove(parser->partial, parser->partial + length, parser->held);
}

/* Goes on with what earlier calls held, taking from `in` only what the frame at hand lacks. Ends
 * with a frame, or with nothing held, or with nothing left in `in`. */
static bool next_of_held(struct dnp3_link_parser *parser, struct dnp3_reader *in, uint8_t *data,
                         struct dnp3_link_frame *frame)
{
    while (parser->held > 0) {
        size_t octets;
        switch (examine(parser, parser->partial, parser->held, data, frame, &octets)) {
        case SKIP:
            drop_held(parser, octets);
            break;
        case WHOLE:
            drop_held(parser, octets);
            return true;
        case MORE: {
            size_t lack = octets - parser->held;
            size_t left = dnp3_reader_left(in);
            if (left == 0)
                return false;
            hold(parser, in, lack < left ? lack : left);
        }
        }
    }
    return false;
}

bool dnp3_link_parser_next(struct dnp3_link_parser *parser, struct dnp3_reader *in, uint8_t *data,
                           struct dnp3_link_frame *frame)
{
    if (parser->held > 0 && next_of_held(parser, in, data, frame))
        return true;
    while (in->at < in->end) {
        size_t octets;
        size_t left = dnp3_reader_left(in);
        switch (examine(parser, in->at, left, data, frame, &octets)) {
        case SKIP:
            in->at += octets;
            break;
        case WHOLE:
            in->at += octets;
            return true;
        case MORE:
            hold(parser, in, left);
        }
    }
    return false;
}

bool dnp3_link_parser_end(struct dnp3_link_parser *parser, uint8_t *data,
                          struct dnp3_link_frame *frame)
{
    struct dnp3_reader nothing = dnp3_reader_of(parser->partial, 0);
    size_t octets;
    while (parser->held > 0) {
        if (next_of_held(parser, &nothing, data, frame))
            return true;
        if (!parser->held)
            return false;
        parser->counters.cut_short++; /* it starts as a frame and has no end: a false start */
        skip(parser, 1, &octets);
        drop_held(parser, octets);
    }
    return false;
}

size_t dnp3_link_first(const uint8_t *octets, size_t length)
{
    if (length < HEADER || octets[2] < LEN_BEFORE)
        return 0;
    size_t size = frame_size((size_t)octets[2] - LEN_BEFORE);
    return size <= length ? size : 0;
}

void dnp3_link_write(struct dnp3_writer *out, const struct dnp3_link_frame *frame)
{
    if (frame->length > DNP3_LINK_DATA_MAX) {
        out->failed = true;
        return;
    }
    uint8_t *at = dnp3_writer_reserve(out, frame_size(frame->length));
    if (!at)
        return;
    at[0] = START_1;
    at[1] = START_2;
    at[2] = (uint8_t)(frame->length + LEN_BEFORE);
    at[3] = frame->control;
    dnp3_store_u16(at + 4, frame->destination);
    dnp3_store_u16(at + 6, frame->source);
    dnp3_store_u16(at + 8, dnp3_crc(at, HEADER - CRC));
    at += HEADER;
    for (size_t done = 0; done < frame->length; done += BLOCK) {
        size_t length = frame->length - done < BLOCK ? frame->length - done : BLOCK;
        memcpy(at, frame->data + done, length);
        dnp3_store_u16(at + length, dnp3_crc(at, length));
        at += length + CRC;
    }
}

bool dnp3_link_wants_fcv(uint8_t function)
{
    return function == DNP3_LINK_TEST_LINK_STATES || function == DNP3_LINK_CONFIRMED_USER_DATA;
}
