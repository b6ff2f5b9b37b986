/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of fuzz_master.c: what the host is told, what the master says, and what must hold of
 * it.
 */
#ifndef FUZZ_MASTER_WORLD_H
#define FUZZ_MASTER_WORLD_H

#include <string.h>

#include "dnp3/broadcast.h"
#include "dnp3/file_transfer.h"
#include "dnp3/master.h"
#include "dnp3/request.h"
#include "tests/fuzz/fuzz.h"

enum { SIDES = 2, CONTROLS = 64, ASKS = 64, FILES = 32, BUFFERS = 2, TAKES_MAX = 200 };

/* A fragment's confirm, by kind: the newest only. */
struct promise {
    uint32_t token;
    bool wanted;
    bool safe;
};

struct side {
    struct dnp3_association *association;
    struct dnp3_association_config config;
    struct dnp3_poll polls[2];
    enum dnp3_verdict verdict;
    struct promise promises[2]; /* solicited, unsolicited */
    bool withholding;
    bool line_busy;
    bool inside;                        /* a fragment */
    uint8_t request[DNP3_FRAGMENT_MAX]; /* the last one */
    size_t request_length;
    struct dnp3_transport up;
    struct dnp3_transport down;
    /* The secondary station of one whose data is confirmed. */
    bool linked;
    bool fcb;
    bool dumb; /* its answers get lost */
    unsigned answers;
};

struct control {
    struct dnp3_command command;
    struct dnp3_command_request request;
    unsigned selected;
    unsigned operated;
    unsigned results;
};

/* A request or a broadcast; what it asks for, and how often it left. */
struct ask {
    struct dnp3_request_header headers[2];
    struct dnp3_request request;
    struct dnp3_broadcast broadcast;
    unsigned results;
};

/* A file transfer; what was told of it, and how often what changes a file has left. */
struct file {
    struct dnp3_file_transfer transfer;
    uint64_t read;
    uint64_t blocks; /* given to be written */
    size_t left;     /* octets to write */
    bool stops;      /* the host ends it at the first occasion */
    unsigned results;
};

struct world {
    const uint8_t *at;
    const uint8_t *end;
    uint64_t now;
    struct counted_heap heap;
    struct dnp3_pool *pool;
    struct dnp3_master *master;
    struct dnp3_link_parser parser;
    struct side sides[SIDES];
    struct control controls[CONTROLS];
    size_t control_count;
    struct ask asks[ASKS];
    size_t ask_count;
    struct file files[FILES];
    size_t file_count;
    bool connected;
};

static inline uint8_t next(struct world *world)
{
    return world->at < world->end ? *world->at++ : 0;
}

static inline void on_fragment(void *user, const struct dnp3_fragment *fragment)
{
    struct side *side = user;
    require(!side->inside && fragment->function >= DNP3_FUNCTION_RESPONSE);
    side->inside = true;
}

static inline void on_points(void *user, const struct dnp3_object_header *header,
                             const struct dnp3_point *points, size_t count)
{
    double sum = 0;
    require(((struct side *)user)->inside);
    require(header->row && count && count <= DNP3_POINTS_BATCH);
    for (size_t i = 0; i < count; i++)
        if (header->row->type == DNP3_POINT_OCTET_STRING)
            for (size_t n = 0; n < points[i].length; n++)
                sum += points[i].octets[n];
        else
            sum += points[i].number;
    require(sum == sum || sum != 0); /* NaN is a value too */
}

static inline void on_attribute(void *user, const struct dnp3_object_header *header,
                                const struct dnp3_attribute *attribute)
{
    unsigned sum = 0;
    require(((struct side *)user)->inside);
    require(header->group == 0 && attribute->variation == header->variation);
    for (size_t i = 0; i < attribute->length; i++)
        sum += attribute->octets[i];
    require(sum <= 255u * attribute->length);
}

static inline void on_problem(void *user, const struct dnp3_object_header *header, int error,
                              const uint8_t *octets, size_t length)
{
    unsigned sum = 0;
    (void)user;
    (void)header;
    require(error < 0);
    for (size_t i = 0; i < length; i++)
        sum += octets[i];
    require(sum <= 255 * length);
}

static inline enum dnp3_verdict on_fragment_end(void *user, const struct dnp3_fragment *fragment)
{
    struct side *side = user;
    struct promise *promise = &side->promises[fragment->unsolicited];
    require(side->inside && (!fragment->token || fragment->confirm_wanted));
    side->inside = false;
    *promise = (struct promise){.token = fragment->token,
                                .wanted = fragment->confirm_wanted,
                                .safe = !fragment->token || side->verdict == DNP3_CONFIRM_NOW};
    return side->verdict;
}

static inline void on_voided(void *user, uint32_t token)
{
    (void)user;
    require(token);
}

static inline int64_t on_wall_clock(void *user)
{
    return ((struct side *)user)->withholding ? -1 : 1700000000000;
}

static inline bool on_line_clear(void *user)
{
    return !((struct side *)user)->line_busy;
}

static const struct dnp3_association_callbacks callbacks = {.line_clear = on_line_clear,
                                                            .fragment = on_fragment,
                                                            .points = on_points,
                                                            .attribute = on_attribute,
                                                            .problem = on_problem,
                                                            .fragment_end = on_fragment_end,
                                                            .voided = on_voided,
                                                            .wall_clock = on_wall_clock};

static inline void on_done(struct dnp3_command_request *request)
{
    struct control *control = request->user;
    control->results++;
    require(control->results == 1);
    if (request->outcome == DNP3_OUTCOME_REFUSED || request->stage != DNP3_STAGE_OPERATE)
        require(control->operated == 0);
    if (request->outcome == DNP3_OUTCOME_DONE || request->outcome == DNP3_OUTCOME_UNKNOWN)
        require(control->operated == (request->mode != DNP3_DIRECT_OPERATE_NO_ACK));
}

static inline void sent_control(struct world *world, const uint8_t *octets, size_t length)
{
    require(length == 2 + 5 + 11);
    struct control *control = &world->controls[octets[6]];
    require(octets[6] < world->control_count && !control->results);
    if (octets[1] == DNP3_FUNCTION_SELECT)
        require(++control->selected == 1);
    else
        require(++control->operated == 1);
}

static inline void sent(struct world *world, struct side *side, struct dnp3_reader fragment)
{
    size_t length = dnp3_reader_left(&fragment);
    const uint8_t *octets = fragment.at;
    require(length >= 2);
    if (octets[1] == DNP3_FUNCTION_CONFIRM) {
        bool unsolicited = octets[0] & DNP3_APP_UNS;
        struct promise *promise = &side->promises[unsolicited];
        bool control = side->request_length && side->request[1] >= DNP3_FUNCTION_SELECT &&
                       side->request[1] <= DNP3_FUNCTION_DIRECT_OPERATE;
        require(length == 2 && (control || (promise->wanted && promise->safe)));
        return;
    }
    memcpy(side->request, octets, length);
    side->request_length = length;
    if (octets[1] >= DNP3_FUNCTION_SELECT && octets[1] <= DNP3_FUNCTION_DIRECT_OPERATE)
        sent_control(world, octets, length);
}

/* Takes each frame once: whatever of a control is taken twice has left after a reset. */
static inline void receive(struct world *world, const struct dnp3_link_frame *frame)
{
    struct side *side = &world->sides[frame->destination - 10];
    bool fcb = frame->control & DNP3_LINK_FCB;
    bool confirmed = (frame->control & ~DNP3_LINK_FCB) == 0xD3;
    require(!frame->length || confirmed == side->config.link_confirm);
    require(!confirmed || side->linked);
    if (frame->control == 0xC0)
        side->linked = side->fcb = true;
    side->answers += confirmed || frame->control == 0xC0;
    if (confirmed && fcb != side->fcb)
        return;
    if (confirmed)
        side->fcb = !side->fcb;
    struct dnp3_reader fragment;
    if (!frame->length || !dnp3_transport_receive(&side->down, world->pool, frame->source,
                                                  frame->data, frame->length, &fragment))
        return;
    sent(world, side, fragment);
    dnp3_transport_release(&side->down, world->pool);
}

static inline void acknowledge(struct world *world, size_t which)
{
    uint8_t wire[DNP3_LINK_FRAME_MAX];
    struct side *side = &world->sides[which];
    for (; side->answers; side->answers--) {
        struct dnp3_writer out = dnp3_writer_of(wire, sizeof wire);
        dnp3_link_write(
            &out, &(struct dnp3_link_frame){.destination = 1, .source = (uint16_t)(10 + which)});
        if (!side->dumb)
            dnp3_master_feed(world->master, wire, dnp3_writer_length(&out), world->now);
    }
}

static inline void pump(struct world *world)
{
    uint8_t copy[DNP3_WIRE_MAX];
    uint8_t data[DNP3_LINK_DATA_MAX];
    const uint8_t *octets;
    size_t length;
    int takes = 0;
    while ((length = dnp3_master_take(world->master, &octets, world->now)) > 0) {
        require(++takes < TAKES_MAX && world->connected);
        memcpy(copy, octets, length);
        struct dnp3_reader in = dnp3_reader_of(copy, length);
        struct dnp3_link_frame frame;
        while (dnp3_link_parser_next(&world->parser, &in, data, &frame))
            if (frame.destination < DNP3_LINK_BROADCAST_FIRST)
                receive(world, &frame);
        for (size_t i = 0; i < SIDES; i++)
            acknowledge(world, i);
    }
    require(world->parser.counters.crc_errors == 0 && world->parser.counters.resyncs == 0);
}

#endif
