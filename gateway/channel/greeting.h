/* SPDX-License-Identifier: Apache-2.0 */
/* The first octets of a caller, kept until one link frame of an outstation says whose they are.
 * Pure: octets in, an address out. */
#ifndef GW_GREETING_H
#define GW_GREETING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dnp3/link.h"

/* Three frames of the largest size, and what modems say before. */
enum { GW_GREETING_MAX = 1024 };

struct gw_greeting {
    struct dnp3_link_parser parser;
    size_t length;
    uint8_t octets[GW_GREETING_MAX]; /* all that came, for whoever takes the connection over */
};

enum gw_greeting_result {
    GW_GREETING_MORE, /* nothing said yet */
    GW_GREETING_KNOWN,
    GW_GREETING_FULL /* GW_GREETING_MAX octets and no frame: this is no outstation */
};

void gw_greeting_init(struct gw_greeting *greeting);
/* Octets that may be taken now. */
size_t gw_greeting_room(const struct gw_greeting *greeting);
/* Takes octets, at most `room`. KNOWN: the first valid frame of any kind that an outstation sent
 * (DIR = 0; echoes of ours have it set) is from `*source` to `*destination`. */
enum gw_greeting_result gw_greeting_take(struct gw_greeting *greeting, const uint8_t *octets,
                                         size_t length, uint16_t *source, uint16_t *destination);

#endif
