/* SPDX-License-Identifier: Apache-2.0 */
/* The data link layer (IEEE 1815-2012 clause 9): frames out of a stream of octets and back.
 * State that belongs to a pair of addresses (reset, FCB) lives with the association, not here. */
#ifndef DNP3_LINK_H
#define DNP3_LINK_H

#include "dnp3/cursor.h"

enum {
    DNP3_LINK_FRAME_MAX = 292,     /* octets on the wire: header block and 250 data with CRCs */
    DNP3_LINK_DATA_MAX = 250,      /* user data octets of a frame */
    DNP3_LINK_ADDRESS_MAX = 65519, /* FFF0..FFFF are never endpoints (9.2.4) */
    DNP3_LINK_SELF_ADDRESS = 0xFFFC,
    DNP3_LINK_BROADCAST_CONFIRM = 0xFFFE, /* FFFD, FFFE, FFFF are broadcast */
    DNP3_LINK_BROADCAST_FIRST = 0xFFFD,
};

/* Control octet bits (9.2.4.1). */
enum {
    DNP3_LINK_DIR = 0x80, /* from a master */
    DNP3_LINK_PRM = 0x40, /* from a primary: a request */
    DNP3_LINK_FCB = 0x20,
    DNP3_LINK_FCV = 0x10, /* primary */
    DNP3_LINK_DFC = 0x10, /* secondary: data flow control */
    DNP3_LINK_FUNCTION = 0x0F
};

/* Primary (PRM = 1) and secondary function codes (tables 9-1, 9-2). */
enum dnp3_link_primary {
    DNP3_LINK_RESET_LINK_STATES = 0,
    DNP3_LINK_TEST_LINK_STATES = 2,
    DNP3_LINK_CONFIRMED_USER_DATA = 3,
    DNP3_LINK_UNCONFIRMED_USER_DATA = 4,
    DNP3_LINK_REQUEST_LINK_STATUS = 9
};

enum dnp3_link_secondary {
    DNP3_LINK_ACK = 0,
    DNP3_LINK_NACK = 1,
    DNP3_LINK_STATUS = 11,
    DNP3_LINK_NOT_SUPPORTED = 15
};

/* They only grow, and wrap at 32 bits. */
struct dnp3_link_counters {
    uint32_t frames;      /* whole frames with good CRCs */
    uint32_t crc_errors;  /* a header or a block whose CRC is wrong */
    uint32_t resyncs;     /* octets skipped on the way to a start 05 64, counted in runs */
    uint32_t cut_short;   /* frames that a datagram did not hold to their end */
    uint32_t bad_headers; /* LEN < 5, FCV that the function forbids, unknown primary function */
};

/* One frame. `data` is the user data without CRCs; it lives in the buffer given to next(). */
struct dnp3_link_frame {
    uint8_t control;
    uint16_t destination;
    uint16_t source;
    const uint8_t *data;
    uint16_t length;
};

/* Keeps the octets of a frame that is not whole yet. */
struct dnp3_link_parser {
    struct dnp3_link_counters counters;
    uint16_t held;
    bool skipping; /* inside a run of octets that start no frame */
    uint8_t partial[DNP3_LINK_FRAME_MAX];
};

/* No partial frame, counters at zero. */
void dnp3_link_parser_init(struct dnp3_link_parser *parser);
/* Forgets a partial frame (the connection changed); counters stay. */
void dnp3_link_parser_reset(struct dnp3_link_parser *parser);

/* The next whole frame of `in`, or false when all of `in` is taken and no frame is whole. Garbage
 * is skipped and counted, never an error; after a false start the search goes on one octet later,
 * also when that start lies in an earlier feed. `data` must hold DNP3_LINK_DATA_MAX octets. */
bool dnp3_link_parser_next(struct dnp3_link_parser *parser, struct dnp3_reader *in, uint8_t *data,
                           struct dnp3_link_frame *frame);

/* What came together ends here, as a datagram does: the next whole frame behind the start of one
 * that is not, or false when none is left. After next() has returned false, and with its `data`;
 * no octet of it is then joined with what comes later. */
bool dnp3_link_parser_end(struct dnp3_link_parser *parser, uint8_t *data,
                          struct dnp3_link_frame *frame);

/* How many of these octets are the first frame, where they are frames as this library writes them:
 * a datagram's. 0 where it is not whole. */
size_t dnp3_link_first(const uint8_t *octets, size_t length);

/* Writes one frame with its CRCs; fails the writer where `frame->length` > DNP3_LINK_DATA_MAX. */
void dnp3_link_write(struct dnp3_writer *out, const struct dnp3_link_frame *frame);

/* True for a primary function whose FCV bit must be set (9.2.4.1.3.3). */
bool dnp3_link_wants_fcv(uint8_t function);

#endif
