/* SPDX-License-Identifier: Apache-2.0 */
/* Finds link frames in a run of octets and says what is wrong between them. The library's own
 * parser judges each frame; this part knows in which packets its octets came. */
#ifndef TESTS_DECODE_SCANNER_H
#define TESTS_DECODE_SCANNER_H

#include "dnp3/link.h"

struct scanner {
    bool known;      /* DNP3 for certain: a header with a good CRC was seen, or the port says so */
    bool lost;       /* what does not belong to a frame has been told since the last frame */
    uint32_t number; /* latest packet of the octets held */
    uint16_t length;
    uint8_t held[DNP3_LINK_FRAME_MAX];
};

struct scanner_sink {
    void (*frame)(void *user, uint32_t number, const struct dnp3_link_frame *frame);
    /* `header` is NULL where no header can be trusted; else its addresses are right. */
    void (*problem)(void *user, uint32_t number, const struct dnp3_link_frame *header,
                    const char *text);
    void *user;
};

void scanner_init(struct scanner *scanner);
void scanner_feed(struct scanner *scanner, const uint8_t *octets, size_t length, uint32_t number,
                  const struct scanner_sink *sink);
/* What comes next does not continue what came: a frame under way is told as cut, and forgotten. */
void scanner_break(struct scanner *scanner, const struct scanner_sink *sink);

#endif
