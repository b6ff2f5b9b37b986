/* SPDX-License-Identifier: Apache-2.0 */
/* One direction of a TCP connection: octets in order, whatever the order, repetition and loss of
 * the segments in the capture. */
#ifndef TESTS_DECODE_STREAM_H
#define TESTS_DECODE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STREAM_WAITING_MAX = 256, /* segments kept behind a gap before it is given up */
    STREAM_PATIENCE = 32,     /* segments of both directions after the other end has acknowledged
                                 what is missing: then the capture lost it */
    STREAM_SETTLING = 8,      /* segments kept where the beginning was not captured, until the
                                 other end acknowledges the first: they may be out of order */
    STREAM_JUMP = 1 << 24     /* octets: a sequence so far off belongs to another connection */
};

/* What comes out. `number` is the packet that the octets were in. */
struct stream_sink {
    void (*octets)(void *user, const uint8_t *octets, size_t length, uint32_t number);
    /* Octets that the capture does not hold; found at packet `number`. 0: how many is not known. */
    void (*gap)(void *user, size_t missing, uint32_t number);
    /* Octets from before the first that were seen, where the connection's beginning was not. */
    void (*early)(void *user, const uint8_t *octets, size_t length, uint32_t number);
    void *user;
};

struct stream_segment {
    uint32_t sequence;
    const uint8_t *octets; /* kept by reference */
    size_t length;
    size_t missing; /* octets at its end that were not captured */
    uint32_t number;
};

struct stream {
    bool started;
    bool guessed;    /* where it begins: not by its SYN */
    bool told;       /* by an acknowledgement, and nothing has come since */
    bool settling;   /* which of those that wait is the first is not known yet */
    bool waited_for; /* the other end has acknowledged octets that are missing here */
    unsigned patience;
    uint32_t first;                 /* sequence of the first octet seen */
    uint32_t next;                  /* sequence of the next octet */
    struct stream_segment *waiting; /* in order of sequence */
    size_t waiting_count;
    size_t waiting_size;
};

void stream_init(struct stream *stream);
/* Forgets what waits; stream_flush() first where it shall not be lost. */
void stream_release(struct stream *stream);

/* The connection begins with this sequence (of the first octet). Flushes what was before. */
void stream_start(struct stream *stream, uint32_t sequence, const struct stream_sink *sink);
/* A segment with octets. The first one starts a stream whose beginning was not captured. False
 * without memory. */
bool stream_segment(struct stream *stream, const struct stream_segment *segment,
                    const struct stream_sink *sink);
/* The other end has received everything before `sequence`. */
void stream_acknowledged(struct stream *stream, uint32_t sequence, const struct stream_sink *sink);
/* Nothing more comes: what waits goes out, gaps are told. */
void stream_flush(struct stream *stream, const struct stream_sink *sink);

#endif
