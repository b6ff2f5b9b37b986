/* SPDX-License-Identifier: Apache-2.0 */
/* Reporting without being asked (IEEE 1815-2012 5.1.1.1.1, 4.4.5): the null response that opens a
 * connection, then events of the enabled classes, one fragment at a time under its own sequence. */
#include "dnp3/outstation_internal.h"

/* Marked for one fragment; no fragment holds more objects. */
enum { EVENTS_A_FRAGMENT = DNP3_FRAGMENT_MAX / 2 };

void dnp3_unsolicited_connected(struct dnp3_outstation *o)
{
    o->unsolicited.null_due = o->config.unsolicited;
    o->unsolicited.given_up = false;
}

static uint32_t pending(const struct dnp3_outstation *o)
{
    return dnp3_event_buffer_pending(o->events, o->unsolicited.classes);
}

void dnp3_unsolicited_event(struct dnp3_outstation *o, uint8_t event_class, uint64_t now_ms)
{
    struct dnp3_unsolicited *unsolicited = &o->unsolicited;
    if (!(unsolicited->classes & dnp3_class_bit(event_class)))
        return;
    if (pending(o) == 0 || unsolicited->given_up)
        unsolicited->hold = now_ms + o->config.unsolicited_hold_ms;
    unsolicited->given_up = false;
}

/* Whether events may be sent at all now, were they held long enough. */
static bool may_report(const struct dnp3_outstation *o)
{
    const struct dnp3_unsolicited *unsolicited = &o->unsolicited;
    return o->connected && unsolicited->state == DNP3_UNSOLICITED_IDLE &&
           o->solicited.state == DNP3_SOLICITED_IDLE && !unsolicited->null_due &&
           !unsolicited->given_up && pending(o) > 0;
}

static bool is_null_due(const struct dnp3_outstation *o)
{
    return o->connected && o->unsolicited.null_due &&
           o->unsolicited.state == DNP3_UNSOLICITED_IDLE &&
           o->solicited.state == DNP3_SOLICITED_IDLE;
}

static bool is_event_due(const struct dnp3_outstation *o, uint64_t now_ms)
{
    return may_report(o) &&
           (pending(o) >= o->config.unsolicited_events || now_ms >= o->unsolicited.hold);
}

static void build(struct dnp3_outstation *o, bool null)
{
    struct dnp3_unsolicited *unsolicited = &o->unsolicited;
    struct dnp3_writer out = dnp3_writer_of(unsolicited->fragment, o->config.max_tx_fragment);
    dnp3_writer_reserve(&out, DNP3_RESPONSE_HEADER);
    if (!null) {
        dnp3_event_buffer_select(o->events, unsolicited->classes, DNP3_POINT_TYPES, 0,
                                 EVENTS_A_FRAGMENT);
        dnp3_event_buffer_write(o->events, &out, !(o->indications & DNP3_IIN_NEED_TIME));
    }
    struct dnp3_app_header header = {
        .control = (uint8_t)(DNP3_APP_FIR | DNP3_APP_FIN | DNP3_APP_CON | DNP3_APP_UNS |
                             unsolicited->sequence),
        .function = DNP3_FUNCTION_UNSOLICITED_RESPONSE,
        .iin = dnp3_outstation_iin(o),
    };
    struct dnp3_writer start = dnp3_writer_of(unsolicited->fragment, DNP3_RESPONSE_HEADER);
    dnp3_app_write(&start, &header);
    unsolicited->length = (uint16_t)dnp3_writer_length(&out);
    unsolicited->is_null = null;
    unsolicited->state = DNP3_UNSOLICITED_READY;
}

bool dnp3_unsolicited_take(struct dnp3_outstation *o, struct dnp3_writer *out, uint64_t now_ms)
{
    struct dnp3_unsolicited *unsolicited = &o->unsolicited;
    bool null = is_null_due(o);
    if (null || is_event_due(o, now_ms)) {
        build(o, null);
        unsolicited->retries = o->config.unsolicited_retries;
    }
    if (unsolicited->state != DNP3_UNSOLICITED_READY)
        return false;
    dnp3_outstation_send(o, out, unsolicited->fragment, unsolicited->length, now_ms);
    o->counters.unsolicited++;
    unsolicited->state = DNP3_UNSOLICITED_AWAIT;
    unsolicited->deadline = dnp3_outstation_confirm_deadline(o, now_ms);
    return true;
}

/* The fragment is over, confirmed or not: its sequence is used up. */
static void end(struct dnp3_outstation *o)
{
    if (!o->unsolicited.is_null)
        dnp3_event_buffer_restore(o->events);
    o->unsolicited.state = DNP3_UNSOLICITED_IDLE;
    o->unsolicited.sequence = (o->unsolicited.sequence + 1) & DNP3_APP_SEQUENCE;
}

void dnp3_unsolicited_abort(struct dnp3_outstation *o)
{
    if (o->unsolicited.state != DNP3_UNSOLICITED_IDLE)
        end(o);
}

void dnp3_unsolicited_confirm(struct dnp3_outstation *o, uint8_t sequence, uint64_t now_ms)
{
    struct dnp3_unsolicited *unsolicited = &o->unsolicited;
    if (unsolicited->state == DNP3_UNSOLICITED_IDLE || unsolicited->sequence != sequence)
        return;
    o->counters.confirms++;
    if (unsolicited->is_null)
        unsolicited->null_due = false;
    else
        dnp3_outstation_events_confirmed(o);
    end(o);
    dnp3_outstation_resume(o, now_ms);
}

static void confirm_timeout(struct dnp3_outstation *o, uint64_t now_ms)
{
    struct dnp3_unsolicited *unsolicited = &o->unsolicited;
    o->counters.confirm_timeouts++;
    if (o->solicited.state == DNP3_SOLICITED_DEFERRED) {
        end(o);
        dnp3_outstation_resume(o, now_ms);
        return;
    }
    if (!unsolicited->is_null && unsolicited->retries == 0) {
        end(o);
        unsolicited->given_up = true;
        return;
    }
    if (!unsolicited->is_null && unsolicited->retries != DNP3_RETRY_FOREVER)
        unsolicited->retries--;
    o->counters.unsolicited_retries++;
    unsolicited->state = DNP3_UNSOLICITED_READY;
    if (o->config.regenerate && !unsolicited->is_null) {
        end(o);
        build(o, false);
    }
}

void dnp3_unsolicited_tick(struct dnp3_outstation *o, uint64_t now_ms)
{
    if (o->unsolicited.state == DNP3_UNSOLICITED_AWAIT && now_ms >= o->unsolicited.deadline)
        confirm_timeout(o, now_ms);
}

uint64_t dnp3_unsolicited_deadline(const struct dnp3_outstation *o)
{
    if (o->unsolicited.state == DNP3_UNSOLICITED_AWAIT)
        return o->unsolicited.deadline;
    return may_report(o) ? o->unsolicited.hold : UINT64_MAX;
}

/* Reads 60v2..4 headers into a mask of classes; returns IIN2 bits. */
static uint16_t read_classes(struct dnp3_reader in, uint8_t *classes)
{
    uint16_t errors = 0;
    *classes = 0;
    while (dnp3_reader_left(&in)) {
        struct dnp3_object_header header;
        if (dnp3_header_read(&in, &header))
            return errors | DNP3_IIN_PARAMETER_ERROR;
        if (header.group != 60 || header.variation < 2 || header.variation > 4)
            errors |= DNP3_IIN_OBJECT_UNKNOWN;
        else if (!header.all)
            errors |= DNP3_IIN_PARAMETER_ERROR;
        else
            *classes |= dnp3_class_bit(header.variation - 1u);
    }
    return errors;
}

uint16_t dnp3_unsolicited_enable(struct dnp3_outstation *o, struct dnp3_reader in, bool enable,
                                 uint64_t now_ms)
{
    struct dnp3_unsolicited *unsolicited = &o->unsolicited;
    uint8_t classes;
    if (!o->config.unsolicited)
        return DNP3_IIN_NO_FUNC_CODE_SUPPORT;
    uint16_t errors = read_classes(in, &classes);
    if (enable) {
        unsolicited->classes |= classes;
        unsolicited->given_up = false;
        unsolicited->hold = now_ms;
        return errors;
    }
    unsolicited->classes &= (uint8_t)~classes;
    /* The master takes no interest in what is on its way: those events wait to be asked for. */
    if (classes && !unsolicited->is_null)
        dnp3_unsolicited_abort(o);
    return errors;
}
