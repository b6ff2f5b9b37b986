/* SPDX-License-Identifier: Apache-2.0 */
/* What the master says on the line, and whether it may: one request at a time, confirms of what is
 * safe, confirmed frames as the link layer has them. */
#include "tests/scenarios/world.h"

#include <stdio.h>
#include <string.h>

static void check_confirm(struct side *side, uint8_t control)
{
    struct guard *guard = world_guard(side, control);
    if (!guard->awaited)
        world_broken(side, "a confirm nobody waits for, or a second one");
    else if (guard->token && !side->safe[guard->token])
        world_broken(side, "a confirm of what is not safe");
    guard->awaited = false;
}

static void check_request(struct side *side, uint8_t function)
{
    const struct world *world = side->world;
    for (size_t i = 0; world->half_duplex && i < world->side_count; i++) {
        const struct side *other = &world->sides[i];
        if (other != side && other->asked &&
            world->now < other->asked_ms + other->config.response_timeout_ms)
            world_broken(side, "a second request on a half-duplex channel");
    }
    if (side->asked && side->world->now < side->asked_ms + side->config.response_timeout_ms)
        world_broken(side, "a second request is outstanding");
    side->asked =
        function != DNP3_FUNCTION_DIRECT_OPERATE_NR && function != DNP3_FUNCTION_IMMED_FREEZE_NR &&
        function != DNP3_FUNCTION_FREEZE_CLEAR_NR && function != DNP3_FUNCTION_FREEZE_AT_TIME_NR;
    side->asked_ms = side->world->now;
}

static void sent_fragment(struct side *side, const struct dnp3_reader *fragment)
{
    static char text[2 * DNP3_FRAGMENT_MAX + 1];
    size_t length = dnp3_reader_left(fragment);
    for (size_t i = 0; i < length; i++)
        snprintf(text + 2 * i, 3, "%02X", fragment->at[i]);
    world_record(side->world, RECORD_SENT, side->address, "%s", text);
    if (length < 2)
        world_broken(side, "a fragment has at least two octets");
    else if (fragment->at[1] == DNP3_FUNCTION_CONFIRM)
        check_confirm(side, fragment->at[0]);
    else
        check_request(side, fragment->at[1]);
}

/* Broadcasts of the scripts fit one frame. */
static void sent_broadcast(struct world *world, const struct dnp3_link_frame *frame)
{
    char text[2 * DNP3_LINK_DATA_MAX + 1] = "";
    for (size_t i = 1; i < frame->length; i++)
        snprintf(text + 2 * (i - 1), 3, "%02X", frame->data[i]);
    for (size_t i = 0; i < world->side_count; i++)
        if (world->sides[i].asked)
            world_broken(&world->sides[i], "a broadcast into a request that is outstanding");
    world_record(world, RECORD_BROADCAST, world->sides[0].address, "%04X %u %s", frame->destination,
                 frame->source, text);
}

static void deliver(struct side *side, const struct dnp3_link_frame *frame)
{
    struct dnp3_reader fragment;
    if (!dnp3_transport_receive(&side->down, side->world->pool, frame->source, frame->data,
                                frame->length, &fragment))
        return;
    sent_fragment(side, &fragment);
    dnp3_transport_release(&side->down, side->world->pool);
}

static uint64_t digest_of(const struct dnp3_link_frame *frame)
{
    struct dnp3_reader data = dnp3_reader_of(frame->data, frame->length);
    return dnp3_reader_digest(&data);
}

/* As an outstation takes it, whether its acknowledgement gets lost or not: once. */
static void sent_confirmed(struct side *side, const struct dnp3_link_frame *frame)
{
    bool fcb = frame->control & DNP3_LINK_FCB;
    if (!side->linked)
        world_broken(side, "confirmed data on a link that is not reset");
    if (fcb != side->fcb) {
        if (digest_of(frame) != side->frame)
            world_broken(side, "a confirmed frame was repeated with other octets");
        return;
    }
    side->fcb = !fcb;
    side->frame = digest_of(frame);
    deliver(side, frame);
}

static void sent_frame(struct world *world, const struct dnp3_link_frame *frame)
{
    if (frame->destination >= DNP3_LINK_BROADCAST_FIRST) {
        sent_broadcast(world, frame);
        return;
    }
    struct side *side = world_side(world, frame->destination);
    if (!side || frame->source != side->config.master_address) {
        world_record(world, RECORD_BROKEN, frame->destination, "a frame to nobody");
        return;
    }
    if (frame->control == 0xC4) {
        if (side->config.link_confirm)
            world_broken(side, "unconfirmed data");
        deliver(side, frame);
        return;
    }
    bool reset = frame->control == 0xC0;
    bool confirmed = (frame->control & ~DNP3_LINK_FCB) == 0xD3;
    if (side->manual || !(reset || confirmed))
        world_record(world, RECORD_LINK, side->address, "%02X", frame->control);
    side->unacknowledged += !side->manual && (reset || confirmed);
    if (reset) {
        side->linked = side->fcb = true;
        side->asked = false;
    }
    if (confirmed)
        sent_confirmed(side, frame);
    else if (frame->length)
        world_broken(side, "a link request or reply has no data");
}

/* The secondary stations of those that acknowledge by themselves. */
static void acknowledge(struct world *world)
{
    uint8_t octets[DNP3_LINK_FRAME_MAX];
    for (size_t i = 0; i < world->side_count; i++) {
        struct side *side = &world->sides[i];
        for (; side->unacknowledged; side->unacknowledged--) {
            struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
            dnp3_link_write(&out,
                            &(struct dnp3_link_frame){.destination = side->config.master_address,
                                                      .source = (uint16_t)side->address});
            dnp3_master_feed(world->master, octets, dnp3_writer_length(&out), world->now);
        }
    }
}

void world_pump(struct world *world)
{
    uint8_t copy[DNP3_WIRE_MAX];
    uint8_t data[DNP3_LINK_DATA_MAX];
    const uint8_t *octets;
    size_t length;
    for (int i = 0; (length = dnp3_master_take(world->master, &octets, world->now)) > 0; i++) {
        memcpy(copy, octets, length);
        struct dnp3_reader in = dnp3_reader_of(copy, length);
        struct dnp3_link_frame frame;
        size_t frames = 0;
        for (; dnp3_link_parser_next(&world->parser, &in, data, &frame); frames++)
            sent_frame(world, &frame);
        if (!frames || world->parser.counters.crc_errors || world->parser.counters.resyncs)
            world_record(world, RECORD_BROKEN, 0, "a write that is no whole frame");
        acknowledge(world);
        if (i == 100) {
            world_record(world, RECORD_BROKEN, 0, "the master never stops talking");
            return;
        }
    }
}
