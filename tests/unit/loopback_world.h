/* SPDX-License-Identifier: Apache-2.0 */
/* What test_loopback.c is about: outstations on one channel, the weather there, what each end knows
 * of events and controls. */
#ifndef LOOPBACK_WORLD_H
#define LOOPBACK_WORLD_H

#include "dnp3/master.h"
#include "dnp3/outstation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/heap.h"

enum {
    STATIONS = 2, /* on one channel */
    POINTS = 4,   /* of each type that has events here */
    TYPES = 3,
    QUEUE_MAX = 512,
    HELD_MAX = 512,
    HELD_EVENTS = 1024,
    CONTROLS_MAX = 4096,
    LATENCY_MAX_MS = 200,
    STALL_MAX_MS = 9000,
    RESPONSE_TIMEOUT_MS = 5000, /* the default */
    ROUND_TRIP_MAX_MS = 2000,   /* of a delay measured, the default */
    STEPS = 1500,
    SEEDS = 12,
    SETTLE_MS = 1200000
};

static const enum dnp3_point_type types[TYPES] = {DNP3_POINT_ANALOG_INPUT, DNP3_POINT_COUNTER,
                                                  DNP3_POINT_ANALOG_OUTPUT_STATUS};

/* How likely things are, in a thousand steps. */
struct weather {
    const char *name;
    unsigned cut;
    unsigned stall;
    unsigned restart;
    unsigned withhold;
    unsigned command;
    unsigned late;   /* of a thousand fragments: the host holds */
    unsigned refuse; /* of a thousand fragments */
    bool duplicates; /* may arrive */
    bool overflow;   /* small event buffers and no regard for their room */
};

struct chunk {
    uint64_t due_ms;
    size_t length;
    uint8_t octets[DNP3_WIRE_MAX];
};

/* One direction of the connection: in order, each chunk with its delay. */
struct pipe {
    struct chunk *chunks;
    size_t head;
    size_t count;
    uint64_t last_ms;
};

struct event_seen {
    uint8_t type;
    uint8_t index;
    uint32_t value;
};

/* A fragment's events on their way to where they are safe. */
struct held {
    uint32_t token;
    uint64_t due_ms;
    size_t count;
    struct event_seen events[HELD_EVENTS];
};

struct world;

struct control {
    struct world *world;
    size_t station;
    uint64_t expires_ms;
    unsigned operated;
    bool done;
    struct dnp3_command command;
    struct dnp3_command_request request;
};

struct station {
    struct world *world;
    uint16_t address;
    struct dnp3_outstation *outstation;
    struct dnp3_association *association;
    struct dnp3_association_config config;
    bool link_confirm; /* the outstation's frames are confirmed */
    struct dnp3_poll polls[2];
    uint32_t said[TYPES][POINTS];  /* the last numbered value */
    uint32_t safe[TYPES][POINTS];  /* the highest number that arrived without a gap */
    uint32_t shown[TYPES][POINTS]; /* the last static value read */
    uint64_t events;
    uint64_t safe_events;
    uint64_t duplicates;
    bool withholding;
    struct held *held; /* first in, first out */
    size_t held_count;
    struct held now; /* of the fragment under way */
};

struct world {
    bool half_duplex; /* the channel */
    const struct weather *weather;
    uint64_t seed;
    uint64_t random;
    uint64_t now;
    bool connected;
    bool settling;
    bool abort; /* the host closes: octets of a control may be on the way (rule 15) */
    uint64_t reconnect_ms;
    uint64_t give_up_ms; /* TCP_USER_TIMEOUT of what the master wrote (rule 15) */
    struct counted_heap heap;
    struct dnp3_allocator allocator;
    struct dnp3_pool *pool;
    struct dnp3_master *master;
    struct station stations[STATIONS];
    struct pipe down; /* to the outstations */
    struct pipe up;
    struct control *controls;
    size_t control_count;
    size_t operated;
    size_t outcomes[4];
};

#define CHECK(world, condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            print_error("%s, seed %llu, at %llu ms: ", (world)->weather->name,                     \
                        (unsigned long long)(world)->seed, (unsigned long long)(world)->now);      \
            assert_true(condition);                                                                \
        }                                                                                          \
    } while (0)

static inline uint64_t earliest(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint32_t draw(struct world *world, uint32_t below)
{
    world->random ^= world->random << 13;
    world->random ^= world->random >> 7;
    world->random ^= world->random << 17;
    return (uint32_t)(world->random >> 16) % below;
}

static inline bool chance(struct world *world, unsigned of_thousand)
{
    return draw(world, 1000) < of_thousand;
}

#endif
