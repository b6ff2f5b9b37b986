/* SPDX-License-Identifier: Apache-2.0 */
/* The solicited response: one fragment in the outstation's own buffer, kept for a repeat; built
 * when it is taken, so that what goes out is what is true then (IEEE 1815-2012 4.3, 5.1.1). */
#include "dnp3/outstation_internal.h"

void dnp3_outstation_abort(struct dnp3_outstation *o)
{
    if (o->solicited.reading)
        dnp3_event_buffer_restore(o->events);
    o->solicited.reading = false;
    o->solicited.state = DNP3_SOLICITED_IDLE;
    o->solicited.length = 0;
}

uint16_t dnp3_outstation_iin(const struct dnp3_outstation *o)
{
    uint16_t iin = o->indications;
    uint8_t classes = dnp3_event_buffer_classes(o->events);
    /* The bits of classes 1..3 stand at the same places in a mask of classes and in IIN1. */
    iin |= classes & DNP3_CLASS_MASK;
    if (dnp3_event_buffer_overflowed(o->events))
        iin |= DNP3_IIN_EVENT_BUFFER_OVERFLOW;
    return iin;
}

struct dnp3_writer dnp3_response_begin(struct dnp3_outstation *o)
{
    struct dnp3_writer out = dnp3_writer_of(o->solicited.fragment, o->config.max_tx_fragment);
    dnp3_writer_reserve(&out, DNP3_RESPONSE_HEADER);
    return out;
}

/* Puts the header before the objects and hands the fragment to take(). IIN1.0 is reported once, or
 * until confirmed where the broadcast asked for that (4.2.6.2). */
static void finish(struct dnp3_outstation *o, const struct dnp3_writer *out, uint8_t control)
{
    struct dnp3_solicited *solicited = &o->solicited;
    if (o->broadcast_confirm)
        control |= DNP3_APP_CON;
    struct dnp3_app_header header = {
        .control = (uint8_t)(control | solicited->sequence),
        .function = DNP3_FUNCTION_RESPONSE,
        .iin = (uint16_t)(dnp3_outstation_iin(o) | solicited->errors),
    };
    struct dnp3_writer start = dnp3_writer_of(solicited->fragment, DNP3_RESPONSE_HEADER);
    dnp3_app_write(&start, &header);
    if (!o->broadcast_confirm)
        o->indications &= (uint16_t)~DNP3_IIN_BROADCAST;
    solicited->length = (uint16_t)dnp3_writer_length(out);
    solicited->confirm = control & DNP3_APP_CON;
    solicited->more = !(control & DNP3_APP_FIN);
    solicited->sent = false;
    solicited->state = DNP3_SOLICITED_READY;
}

void dnp3_response_end(struct dnp3_outstation *o, const struct dnp3_writer *out, uint16_t errors)
{
    o->solicited.errors = errors;
    o->solicited.first = true;
    finish(o, out, DNP3_APP_FIR | DNP3_APP_FIN);
}

static void build_read_fragment(struct dnp3_outstation *o, uint64_t now_ms)
{
    struct dnp3_writer out = dnp3_response_begin(o);
    uint32_t events = 0;
    bool done = dnp3_read_write(o, &out, &events, now_ms);
    finish(o, &out,
           (uint8_t)((o->solicited.first ? DNP3_APP_FIR : 0) | (done ? DNP3_APP_FIN : 0) |
                     (!done || events ? DNP3_APP_CON : 0)));
}

static void end_response(struct dnp3_outstation *o)
{
    o->solicited.state = DNP3_SOLICITED_IDLE;
    o->solicited.reading = false;
}

bool dnp3_response_take(struct dnp3_outstation *o, struct dnp3_writer *out, uint64_t now_ms)
{
    struct dnp3_solicited *solicited = &o->solicited;
    if (solicited->delayed && now_ms < solicited->not_before)
        return false;
    solicited->delayed = false;
    if (solicited->state == DNP3_SOLICITED_BUILD)
        build_read_fragment(o, now_ms);
    if (solicited->state != DNP3_SOLICITED_READY)
        return false;
    dnp3_outstation_send(o, out, solicited->fragment, solicited->length, now_ms);
    o->counters.responses++;
    solicited->sent = true;
    if (solicited->confirm) {
        solicited->state = DNP3_SOLICITED_AWAIT;
        solicited->deadline = dnp3_outstation_confirm_deadline(o, now_ms);
    } else {
        end_response(o);
    }
    return true;
}

/* Whether a confirm with this sequence is the one that the fragment in the buffer waits for; it may
 * cross with a repeat that has not been taken yet. */
static bool is_awaited(const struct dnp3_solicited *solicited, uint8_t sequence)
{
    bool waiting = solicited->state == DNP3_SOLICITED_AWAIT ||
                   (solicited->state == DNP3_SOLICITED_READY && solicited->sent);
    return waiting && solicited->confirm && solicited->sequence == sequence;
}

void dnp3_response_confirm(struct dnp3_outstation *o, uint8_t sequence)
{
    struct dnp3_solicited *solicited = &o->solicited;
    if (!is_awaited(solicited, sequence))
        return;
    o->counters.confirms++;
    if (solicited->reading)
        dnp3_outstation_events_confirmed(o);
    if (o->broadcast_confirm) {
        o->broadcast_confirm = false;
        o->indications &= (uint16_t)~DNP3_IIN_BROADCAST;
    }
    if (!solicited->more) {
        end_response(o);
        return;
    }
    solicited->first = false;
    solicited->sequence = (solicited->sequence + 1) & DNP3_APP_SEQUENCE;
    solicited->state = DNP3_SOLICITED_BUILD;
}
