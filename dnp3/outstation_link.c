/* SPDX-License-Identifier: Apache-2.0 */
/* The outstation's data link layer: a secondary station to one master (IEEE 1815-2012 clause 9).
 * What it sends itself is unconfirmed, so it is never a primary that waits. */
#include "dnp3/outstation_internal.h"

void dnp3_outstation_link_reset(struct dnp3_outstation *o)
{
    dnp3_link_parser_reset(&o->link.parser);
    dnp3_transport_reset(&o->link.transport, o->pool);
    o->link.reset = false;
    o->link.reply_count = 0;
}

static void reply(struct dnp3_outstation *o, enum dnp3_link_secondary function)
{
    if (o->link.reply_count < DNP3_LINK_REPLIES)
        o->link.replies[o->link.reply_count++] = (uint8_t)function;
}

void dnp3_outstation_link_replies(struct dnp3_outstation *o, struct dnp3_writer *out)
{
    for (unsigned i = 0; i < o->link.reply_count; i++)
        dnp3_link_write(out, &(struct dnp3_link_frame){.control = o->link.replies[i],
                                                       .destination = o->config.master_address,
                                                       .source = o->config.address});
    o->link.reply_count = 0;
}

static void deliver(struct dnp3_outstation *o, const struct dnp3_link_frame *frame, uint64_t now_ms)
{
    struct dnp3_reader fragment;
    if (!dnp3_transport_receive(&o->link.transport, o->pool, frame->source, frame->data,
                                frame->length, &fragment))
        return;
    dnp3_outstation_request(o, fragment, frame->destination, now_ms);
    dnp3_transport_release(&o->link.transport, o->pool);
}

static bool fcb_of(const struct dnp3_link_frame *frame)
{
    return frame->control & DNP3_LINK_FCB;
}

/* Confirmed user data: delivered once, acknowledged each time (9.2.6.3). */
static void confirmed_data(struct dnp3_outstation *o, const struct dnp3_link_frame *frame,
                           uint64_t now_ms)
{
    if (!o->link.reset && !o->config.lenient) {
        reply(o, DNP3_LINK_NACK);
        return;
    }
    bool fresh = !o->link.reset || fcb_of(frame) == o->link.fcb;
    o->link.reset = true;
    o->link.fcb = !fcb_of(frame);
    reply(o, DNP3_LINK_ACK);
    if (fresh)
        deliver(o, frame, now_ms);
}

static void test_link(struct dnp3_outstation *o, const struct dnp3_link_frame *frame)
{
    if (!o->link.reset) {
        reply(o, DNP3_LINK_NACK);
        return;
    }
    o->link.fcb = !fcb_of(frame);
    reply(o, DNP3_LINK_ACK);
}

static void from_primary(struct dnp3_outstation *o, const struct dnp3_link_frame *frame,
                         uint64_t now_ms)
{
    switch (frame->control & DNP3_LINK_FUNCTION) {
    case DNP3_LINK_RESET_LINK_STATES:
        o->link.reset = true;
        o->link.fcb = true;
        reply(o, DNP3_LINK_ACK);
        break;
    case DNP3_LINK_TEST_LINK_STATES:
        test_link(o, frame);
        break;
    case DNP3_LINK_CONFIRMED_USER_DATA:
        confirmed_data(o, frame, now_ms);
        break;
    case DNP3_LINK_UNCONFIRMED_USER_DATA:
        deliver(o, frame, now_ms);
        break;
    case DNP3_LINK_REQUEST_LINK_STATUS:
        reply(o, DNP3_LINK_STATUS);
        break;
    default:
        reply(o, DNP3_LINK_NOT_SUPPORTED);
    }
}

static bool is_fcv_right(const struct dnp3_link_frame *frame)
{
    uint8_t function = frame->control & DNP3_LINK_FUNCTION;
    return !!(frame->control & DNP3_LINK_FCV) == dnp3_link_wants_fcv(function);
}

void dnp3_outstation_frame(struct dnp3_outstation *o, const struct dnp3_link_frame *frame,
                           uint64_t now_ms)
{
    bool broadcast = frame->destination >= DNP3_LINK_BROADCAST_FIRST;
    if (!o->connected || (!broadcast && frame->destination != o->config.address))
        return;
    if (frame->source != o->config.master_address || !(frame->control & DNP3_LINK_DIR) ||
        !(frame->control & DNP3_LINK_PRM) || !is_fcv_right(frame)) {
        o->counters.ignored++;
        return;
    }
    if (!broadcast)
        from_primary(o, frame, now_ms);
    else if ((frame->control & DNP3_LINK_FUNCTION) == DNP3_LINK_UNCONFIRMED_USER_DATA)
        deliver(o, frame, now_ms);
}

void dnp3_outstation_feed(struct dnp3_outstation *o, const uint8_t *octets, size_t length,
                          uint64_t now_ms)
{
    struct dnp3_reader in = dnp3_reader_of(octets, length);
    struct dnp3_link_frame frame;
    uint8_t data[DNP3_LINK_DATA_MAX];
    while (dnp3_link_parser_next(&o->link.parser, &in, data, &frame))
        dnp3_outstation_frame(o, &frame, now_ms);
}
