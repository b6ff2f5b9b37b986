/* SPDX-License-Identifier: Apache-2.0 */
/* The outstation's data link layer (IEEE 1815-2012 clause 9): a secondary station to one master,
 * and a primary station, with or without acknowledged data. A fragment that the master's link does
 * not take is lost as on the way: the master asks again, unsolicited is repeated. */
#include "dnp3/outstation_internal.h"

void dnp3_outstation_link_reset(struct dnp3_outstation *o)
{
    dnp3_link_parser_reset(&o->link.parser);
    dnp3_transport_reset(&o->link.transport, o->pool);
    o->link.secondary.reset = false;
    o->link.reply_count = 0;
    if (o->link.primary)
        dnp3_primary_forget(o->link.primary);
}

bool dnp3_outstation_link_create(struct dnp3_outstation *o)
{
    if (!o->config.link_confirm)
        return true;
    o->link.primary = o->allocator.allocate(o->allocator.user, DNP3_OWNER_OUTSTATION,
                                            dnp3_primary_size(o->config.max_tx_fragment));
    if (o->link.primary)
        dnp3_primary_init(o->link.primary, o->config.link_timeout_ms);
    return o->link.primary;
}

bool dnp3_outstation_link_busy(const struct dnp3_outstation *o)
{
    return o->link.primary && dnp3_primary_busy(o->link.primary);
}

void dnp3_outstation_link_go_on(struct dnp3_outstation *o, struct dnp3_writer *out, uint64_t now_ms)
{
    dnp3_primary_write(o->link.primary, &o->link.transport, out, 0, o->config.master_address,
                       o->config.address, now_ms);
}

void dnp3_outstation_send(struct dnp3_outstation *o, struct dnp3_writer *out,
                          const uint8_t *fragment, uint16_t length, uint64_t now_ms)
{
    if (!o->link.primary) {
        dnp3_transport_write(&o->link.transport, out,
                             DNP3_LINK_PRM | DNP3_LINK_UNCONFIRMED_USER_DATA,
                             o->config.master_address, o->config.address, fragment, length);
        return;
    }
    dnp3_primary_send(o->link.primary, fragment, length,
                      (struct dnp3_primary_terms){.retries = o->config.link_retries});
    dnp3_outstation_link_go_on(o, out, now_ms);
}

uint64_t dnp3_outstation_confirm_deadline(const struct dnp3_outstation *o, uint64_t now_ms)
{
    return dnp3_outstation_link_busy(o) ? UINT64_MAX : now_ms + o->config.confirm_timeout_ms;
}

/* The fragment is there, or lost: its confirm is waited for from now on. */
static void settle(struct dnp3_outstation *o, enum dnp3_primary_outcome outcome, uint64_t now_ms)
{
    o->counters.link_retries = o->link.primary->counters.retries;
    if (outcome == DNP3_PRIMARY_REFUSED || outcome == DNP3_PRIMARY_SILENT)
        o->counters.link_failures++;
    if (dnp3_outstation_link_busy(o))
        return;
    if (o->solicited.state == DNP3_SOLICITED_AWAIT && o->solicited.deadline == UINT64_MAX)
        o->solicited.deadline = dnp3_outstation_confirm_deadline(o, now_ms);
    if (o->unsolicited.state == DNP3_UNSOLICITED_AWAIT && o->unsolicited.deadline == UINT64_MAX)
        o->unsolicited.deadline = dnp3_outstation_confirm_deadline(o, now_ms);
}

void dnp3_outstation_link_tick(struct dnp3_outstation *o, uint64_t now_ms)
{
    if (o->link.primary)
        settle(o, dnp3_primary_tick(o->link.primary, now_ms), now_ms);
}

static void from_secondary(struct dnp3_outstation *o, const struct dnp3_link_frame *frame,
                           uint64_t now_ms)
{
    if (o->link.primary)
        settle(o, dnp3_primary_receive(o->link.primary, &o->link.transport, frame->control, now_ms),
               now_ms);
    else
        o->counters.ignored++;
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

static void from_primary(struct dnp3_outstation *o, const struct dnp3_link_frame *frame,
                         uint64_t now_ms)
{
    struct dnp3_secondary_answer answer =
        dnp3_secondary_receive(&o->link.secondary, frame->control, o->config.lenient);
    if (answer.ignored)
        o->counters.ignored++;
    if (answer.replies)
        reply(o, answer.reply);
    if (answer.deliver)
        deliver(o, frame, now_ms);
}

void dnp3_outstation_frame(struct dnp3_outstation *o, const struct dnp3_link_frame *frame,
                           uint64_t now_ms)
{
    bool broadcast = frame->destination >= DNP3_LINK_BROADCAST_FIRST;
    if (!o->connected || (!broadcast && frame->destination != o->config.address))
        return;
    if (frame->source != o->config.master_address || !(frame->control & DNP3_LINK_DIR)) {
        o->counters.ignored++;
        return;
    }
    if (!broadcast && !(frame->control & DNP3_LINK_PRM))
        from_secondary(o, frame, now_ms);
    else if (!broadcast)
        from_primary(o, frame, now_ms);
    else if ((frame->control & (DNP3_LINK_PRM | DNP3_LINK_FUNCTION | DNP3_LINK_FCV)) ==
             (DNP3_LINK_PRM | DNP3_LINK_UNCONFIRMED_USER_DATA))
        deliver(o, frame, now_ms);
    else
        o->counters.ignored++;
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

void dnp3_outstation_feed_datagram(struct dnp3_outstation *o, const uint8_t *octets, size_t length,
                                   uint64_t now_ms)
{
    struct dnp3_link_frame frame;
    uint8_t data[DNP3_LINK_DATA_MAX];
    dnp3_outstation_feed(o, octets, length, now_ms);
    while (dnp3_link_parser_end(&o->link.parser, data, &frame))
        dnp3_outstation_frame(o, &frame, now_ms);
}
