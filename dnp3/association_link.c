/* SPDX-License-Identifier: Apache-2.0 */
/* The link layer of one association (IEEE 1815-2012 clause 9; rule 20): secondary station to the
 * outstation's primary, and primary station itself, with or without acknowledged data. */
#include "dnp3/association_internal.h"

void dnp3_association_link_forget(struct dnp3_association *a)
{
    a->secondary.reset = false;
    a->link_reply = 0;
    a->link_full = false;
    a->link_reset_ms = 0;
    if (a->primary)
        dnp3_primary_forget(a->primary);
}

static void receive_data(struct dnp3_association *a, const struct dnp3_link_frame *frame)
{
    struct dnp3_pool *pool = a->master->config.pool;
    struct dnp3_reader fragment;
    if (!dnp3_transport_receive(&a->transport, pool, frame->source, frame->data, frame->length,
                                &fragment))
        return;
    dnp3_response_receive(a, fragment);
    dnp3_transport_release(&a->transport, pool);
}

static void receive_primary(struct dnp3_association *a, const struct dnp3_link_frame *frame)
{
    struct dnp3_secondary_answer answer =
        dnp3_secondary_receive(&a->secondary, frame->control, a->config->lenient);
    if (answer.ignored)
        a->counters.link_discarded++;
    if (answer.replies)
        a->link_reply = (uint8_t)(answer.reply + 1);
    if (answer.deliver)
        receive_data(a, frame);
}

/* What has come of what our primary has under way. */
static void settle(struct dnp3_association *a, enum dnp3_primary_outcome outcome, bool fragment)
{
    a->counters.link_retries = a->primary->counters.retries;
    a->counters.link_nacks = a->primary->counters.nacks;
    switch (outcome) {
    case DNP3_PRIMARY_NOTHING:
        break;
    case DNP3_PRIMARY_READY:
        dnp3_task_link_ready(a);
        break;
    case DNP3_PRIMARY_DELIVERED:
        dnp3_task_delivered(a);
        break;
    case DNP3_PRIMARY_REFUSED:
    case DNP3_PRIMARY_SILENT:
        if (fragment)
            dnp3_task_undelivered(a, outcome == DNP3_PRIMARY_REFUSED);
        else
            dnp3_task_link_dead(a);
        break;
    }
}

static void receive_secondary(struct dnp3_association *a, const struct dnp3_link_frame *frame)
{
    uint8_t function = frame->control & DNP3_LINK_FUNCTION;
    dnp3_task_link_full(a, frame->control & DNP3_LINK_DFC);
    if (association_awaits_link(a)) {
        bool fragment = a->primary->length > 0;
        settle(a,
               dnp3_primary_receive(a->primary, &a->transport, frame->control, association_now(a)),
               fragment);
        return;
    }
    /* Who does not know link status answers all the same: the link is alive. */
    if (a->out.kind == REQUEST_LINK_STATUS &&
        (function == DNP3_LINK_STATUS || function == DNP3_LINK_NOT_SUPPORTED))
        dnp3_task_link_answered(a);
}

void dnp3_association_link_receive(struct dnp3_association *a, const struct dnp3_link_frame *frame)
{
    dnp3_task_heard(a, frame->control & DNP3_LINK_PRM);
    if (frame->control & DNP3_LINK_PRM)
        receive_primary(a, frame);
    else
        receive_secondary(a, frame);
}

static void write_frame(struct dnp3_association *a, uint8_t control, struct dnp3_writer *out)
{
    struct dnp3_link_frame frame = {
        .control = control, .destination = a->address, .source = a->config->master_address};
    dnp3_link_write(out, &frame);
}

bool dnp3_association_link_reply(struct dnp3_association *a, struct dnp3_writer *out)
{
    if (!a->link_reply)
        return false;
    write_frame(a, (uint8_t)(DNP3_LINK_DIR | (a->link_reply - 1)), out);
    a->link_reply = 0;
    return true;
}

void dnp3_association_link_ask(struct dnp3_association *a, struct dnp3_writer *out)
{
    write_frame(a, DNP3_LINK_DIR | DNP3_LINK_PRM | DNP3_LINK_REQUEST_LINK_STATUS, out);
}

bool dnp3_association_link_go_on(struct dnp3_association *a, struct dnp3_writer *out)
{
    return a->primary &&
           dnp3_primary_write(a->primary, &a->transport, out, DNP3_LINK_DIR, a->address,
                              a->config->master_address, association_now(a));
}

void dnp3_association_link_send(struct dnp3_association *a, const struct dnp3_writer *fragment,
                                struct dnp3_writer *out)
{
    size_t length = dnp3_writer_length(fragment);
    if (!length) {
        if (!dnp3_association_link_go_on(a, out))
            dnp3_association_link_ask(a, out);
    } else if (a->primary) {
        a->out.deadline_ms = DNP3_NEVER; /* the answer's timer starts when all is acknowledged */
        dnp3_primary_send(a->primary, fragment->start, length, a->terms);
        dnp3_association_link_go_on(a, out);
    } else {
        dnp3_transport_write(&a->transport, out,
                             DNP3_LINK_DIR | DNP3_LINK_PRM | DNP3_LINK_UNCONFIRMED_USER_DATA,
                             a->address, a->config->master_address, fragment->start, length);
    }
}

void dnp3_association_link_tick(struct dnp3_association *a)
{
    if (!a->primary)
        return;
    bool fragment = a->primary->length > 0;
    settle(a, dnp3_primary_tick(a->primary, association_now(a)), fragment);
}
