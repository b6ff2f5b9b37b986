/* SPDX-License-Identifier: Apache-2.0 */
/* What a request starts: the confirm that ends a wait, the repeat that is answered from the buffer,
 * the READ that must wait, and the function that acts (IEEE 1815-2012 4.3, 5.1.1). */
#include "dnp3/outstation_internal.h"

static void start_read(struct dnp3_outstation *o, struct dnp3_reader in)
{
    o->solicited.reading = true;
    o->solicited.first = true;
    o->solicited.errors = dnp3_read_parse(o, in);
    o->solicited.state = DNP3_SOLICITED_BUILD;
}

/* A READ while an unsolicited confirm is owed waits in the buffer: events that are on their way
 * must not be reported twice (5.1.1.1.1). */
static void defer_read(struct dnp3_outstation *o, struct dnp3_reader in)
{
    o->solicited.length = (uint16_t)dnp3_reader_left(&in);
    memcpy(o->solicited.fragment, in.at, o->solicited.length);
    o->solicited.state = DNP3_SOLICITED_DEFERRED;
}

void dnp3_outstation_resume(struct dnp3_outstation *o, uint64_t now_ms)
{
    (void)now_ms;
    if (o->solicited.state == DNP3_SOLICITED_DEFERRED)
        start_read(o, dnp3_reader_of(o->solicited.fragment, o->solicited.length));
}

void dnp3_outstation_events_confirmed(struct dnp3_outstation *o)
{
    o->counters.events_confirmed +=
        dnp3_event_buffer_confirm(o->events, o->callbacks->event_confirmed, o->user);
}

static uint16_t restart(struct dnp3_outstation *o, struct dnp3_writer *out, bool cold)
{
    int64_t delay = o->callbacks->restart ? o->callbacks->restart(o->user, cold) : -1;
    if (delay < 0)
        return DNP3_IIN_NO_FUNC_CODE_SUPPORT;
    bool coarse = delay > UINT16_MAX;
    dnp3_header_write_count(out, 52, coarse ? 1 : 2, DNP3_QUALIFIER_COUNT8, 1);
    dnp3_writer_u16(out, (uint16_t)(coarse ? delay / 1000 : delay));
    return 0;
}

/* Between reading a request and answering it no time passes but what is configured. */
static uint16_t measure_delay(const struct dnp3_outstation *o, struct dnp3_writer *out)
{
    dnp3_header_write_count(out, 52, 2, DNP3_QUALIFIER_COUNT8, 1);
    dnp3_writer_u16(out, (uint16_t)o->config.response_delay_ms);
    return 0;
}

/* Does what the function asks; `out` is NULL where no response is wanted. Returns IIN2 bits. */
static uint16_t perform(struct dnp3_outstation *o, const struct dnp3_app_header *header,
                        struct dnp3_reader in, struct dnp3_writer *out, uint64_t now_ms)
{
    switch (header->function) {
    case DNP3_FUNCTION_WRITE:
        return dnp3_write_request(o, in, out, now_ms);
    case DNP3_FUNCTION_SELECT:
    case DNP3_FUNCTION_OPERATE:
    case DNP3_FUNCTION_DIRECT_OPERATE:
    case DNP3_FUNCTION_DIRECT_OPERATE_NR:
        return dnp3_control_request(o, header->function, dnp3_app_sequence(header), in, out,
                                    now_ms);
    case DNP3_FUNCTION_IMMED_FREEZE:
    case DNP3_FUNCTION_IMMED_FREEZE_NR:
        return dnp3_freeze_request(o, in, false, now_ms);
    case DNP3_FUNCTION_FREEZE_CLEAR:
    case DNP3_FUNCTION_FREEZE_CLEAR_NR:
        return dnp3_freeze_request(o, in, true, now_ms);
    case DNP3_FUNCTION_FREEZE_AT_TIME:
    case DNP3_FUNCTION_FREEZE_AT_TIME_NR:
        return dnp3_freeze_at_time_request(o, in, now_ms);
    case DNP3_FUNCTION_COLD_RESTART:
    case DNP3_FUNCTION_WARM_RESTART:
        return restart(o, out, header->function == DNP3_FUNCTION_COLD_RESTART);
    case DNP3_FUNCTION_ENABLE_UNSOLICITED:
    case DNP3_FUNCTION_DISABLE_UNSOLICITED:
        return dnp3_unsolicited_enable(o, in, header->function == DNP3_FUNCTION_ENABLE_UNSOLICITED,
                                       now_ms);
    case DNP3_FUNCTION_ASSIGN_CLASS:
        return dnp3_assign_class_request(o, in);
    case DNP3_FUNCTION_DELAY_MEASURE:
        return measure_delay(o, out);
    case DNP3_FUNCTION_RECORD_CURRENT_TIME:
        o->recorded = true;
        o->recorded_ms = now_ms;
        return 0;
    case DNP3_FUNCTION_OPEN_FILE:
    case DNP3_FUNCTION_CLOSE_FILE:
    case DNP3_FUNCTION_DELETE_FILE:
    case DNP3_FUNCTION_GET_FILE_INFO:
    case DNP3_FUNCTION_AUTHENTICATE_FILE:
    case DNP3_FUNCTION_ABORT_FILE:
        return dnp3_file_request(o, header->function, in, out, now_ms);
    default:
        return DNP3_IIN_NO_FUNC_CODE_SUPPORT;
    }
}

static bool is_silent(uint8_t function)
{
    return function == DNP3_FUNCTION_DIRECT_OPERATE_NR ||
           function == DNP3_FUNCTION_IMMED_FREEZE_NR || function == DNP3_FUNCTION_FREEZE_CLEAR_NR ||
           function == DNP3_FUNCTION_FREEZE_AT_TIME_NR || function == DNP3_FUNCTION_AUTH_REQ_NO_ACK;
}

/* The functions that make sense without an answer and for everybody (scope rule 22). */
static bool may_broadcast(uint8_t function)
{
    return function == DNP3_FUNCTION_WRITE || function == DNP3_FUNCTION_DIRECT_OPERATE_NR ||
           function == DNP3_FUNCTION_IMMED_FREEZE_NR || function == DNP3_FUNCTION_FREEZE_CLEAR_NR ||
           function == DNP3_FUNCTION_ENABLE_UNSOLICITED ||
           function == DNP3_FUNCTION_DISABLE_UNSOLICITED ||
           function == DNP3_FUNCTION_ASSIGN_CLASS || function == DNP3_FUNCTION_RECORD_CURRENT_TIME;
}

static void broadcast(struct dnp3_outstation *o, const struct dnp3_app_header *header,
                      struct dnp3_reader in, uint16_t destination, uint64_t now_ms)
{
    o->counters.broadcasts++;
    o->indications |= DNP3_IIN_BROADCAST;
    if (destination == DNP3_LINK_BROADCAST_CONFIRM)
        o->broadcast_confirm = true;
    dnp3_outstation_abort(o);
    o->selection.valid = false;
    o->last.valid = false;
    if (may_broadcast(header->function))
        perform(o, header, in, NULL, now_ms);
}

/* A repeat acts on nothing a second time. False where it must be handled as a new request: a READ
 * whose answer has been given may be answered with what is true now. */
static bool answer_repeat(struct dnp3_outstation *o, uint8_t function)
{
    struct dnp3_solicited *solicited = &o->solicited;
    switch (solicited->state) {
    case DNP3_SOLICITED_DEFERRED:
    case DNP3_SOLICITED_BUILD:
        return solicited->first || solicited->state == DNP3_SOLICITED_DEFERRED;
    case DNP3_SOLICITED_READY:
    case DNP3_SOLICITED_AWAIT:
        if (!solicited->first)
            return false;
        solicited->state = DNP3_SOLICITED_READY;
        return true;
    case DNP3_SOLICITED_IDLE:
        break;
    }
    if (function == DNP3_FUNCTION_READ)
        return false;
    if (solicited->length)
        solicited->state = DNP3_SOLICITED_READY;
    return true;
}

static bool is_repeat(struct dnp3_outstation *o, const struct dnp3_reader *fragment)
{
    struct dnp3_last_request request = {.valid = true,
                                        .length = (uint16_t)dnp3_reader_left(fragment),
                                        .digest = dnp3_reader_digest(fragment)};
    bool same =
        o->last.valid && o->last.length == request.length && o->last.digest == request.digest;
    o->last = request;
    return same;
}

static void respond(struct dnp3_outstation *o, const struct dnp3_app_header *header,
                    struct dnp3_reader in, uint64_t now_ms)
{
    o->solicited.sequence = dnp3_app_sequence(header);
    if (header->function != DNP3_FUNCTION_OPERATE)
        o->selection.valid = false;
    if (header->function == DNP3_FUNCTION_READ) {
        if (o->unsolicited.state != DNP3_UNSOLICITED_IDLE)
            defer_read(o, in);
        else
            start_read(o, in);
    } else if (is_silent(header->function)) {
        perform(o, header, in, NULL, now_ms);
    } else {
        struct dnp3_writer out = dnp3_response_begin(o);
        uint16_t errors = perform(o, header, in, &out, now_ms);
        dnp3_response_end(o, &out, errors);
    }
}

static void confirm(struct dnp3_outstation *o, const struct dnp3_app_header *header,
                    uint64_t now_ms)
{
    if (header->control & DNP3_APP_UNS)
        dnp3_unsolicited_confirm(o, dnp3_app_sequence(header), now_ms);
    else
        dnp3_response_confirm(o, dnp3_app_sequence(header));
}

void dnp3_outstation_request(struct dnp3_outstation *o, struct dnp3_reader in, uint16_t destination,
                             uint64_t now_ms)
{
    const uint8_t whole = DNP3_APP_FIR | DNP3_APP_FIN;
    struct dnp3_reader fragment = in;
    struct dnp3_app_header header;
    bool to_all = destination >= DNP3_LINK_BROADCAST_FIRST;
    if (!dnp3_app_read(&in, &header)) {
        o->counters.malformed++;
        return;
    }
    bool is_confirm = header.function == DNP3_FUNCTION_CONFIRM;
    if ((header.control & whole) != whole || header.function >= DNP3_FUNCTION_RESPONSE ||
        (header.control & DNP3_APP_UNS && !is_confirm) || (is_confirm && to_all)) {
        o->counters.ignored++;
        return;
    }
    if (is_confirm) {
        confirm(o, &header, now_ms);
        return;
    }
    if (to_all) {
        broadcast(o, &header, in, destination, now_ms);
        return;
    }
    o->solicited.delayed = o->config.response_delay_ms > 0;
    o->solicited.not_before = now_ms + o->config.response_delay_ms;
    if (is_repeat(o, &fragment) && answer_repeat(o, header.function)) {
        o->counters.repeats++;
        return;
    }
    o->counters.requests++;
    dnp3_outstation_abort(o);
    respond(o, &header, in, now_ms);
}
