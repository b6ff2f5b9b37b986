/* SPDX-License-Identifier: Apache-2.0 */
/* Controls: SELECT, OPERATE and DIRECT OPERATE, each sent at most once, with a result per point
 * (rules 13 to 16; IEEE 1815-2012 4.4.3, 4.4.4). What cannot be known is called unknown. */
#include "dnp3/association_internal.h"

enum { STATUS_OCTET = 1 }; /* the last octet of a command object */

static bool same_header(const struct dnp3_command *a, const struct dnp3_command *b)
{
    return a->type == b->type && (a->index > UINT8_MAX) == (b->index > UINT8_MAX);
}

int dnp3_operate_objects_write(struct dnp3_writer *out, const struct dnp3_command *commands,
                               size_t count)
{
    for (size_t i = 0; i < count;) {
        const struct dnp3_command *first = &commands[i];
        size_t run = 1;
        while (i + run < count && same_header(first, &commands[i + run]))
            run++;
        const struct dnp3_object_row *row = dnp3_command_row(first->type);
        bool wide = first->index > UINT8_MAX;
        dnp3_header_write_count(
            out, row->group, row->variation,
            wide ? DNP3_QUALIFIER_PREFIX16_COUNT16 : DNP3_QUALIFIER_PREFIX8_COUNT8, (uint32_t)run);
        for (; run > 0; run--, i++) {
            struct dnp3_command command = commands[i];
            command.status = DNP3_STATUS_SUCCESS; /* requests carry status 0 */
            if (wide)
                dnp3_writer_u16(out, (uint16_t)command.index);
            else
                dnp3_writer_u8(out, (uint8_t)command.index);
            int error = dnp3_command_write(out, &command);
            if (error)
                return error;
        }
    }
    return out->failed ? DNP3_ERR_FULL : 0;
}

static int write_objects(struct dnp3_writer *out, const struct dnp3_command_request *request)
{
    return dnp3_operate_objects_write(out, request->commands, request->count);
}

static void finish(struct dnp3_association *a, enum dnp3_command_outcome outcome,
                   enum dnp3_command_stage stage, enum dnp3_command_reason reason)
{
    struct dnp3_command_request *request = a->commands;
    a->commands = request->next;
    a->commands_queued--;
    a->follow_up = REQUEST_NONE;
    a->line_wait_until_ms = 0;
    request->next = NULL;
    request->outcome = outcome;
    request->stage = stage;
    request->reason = reason;
    request->done(request);
}

/* It may have operated: what the outstation reports next tells (rule 14). */
static void finish_unknown(struct dnp3_association *a, enum dnp3_command_reason reason)
{
    dnp3_task_read_events(a);
    finish(a, DNP3_OUTCOME_UNKNOWN, DNP3_STAGE_OPERATE, reason);
}

int dnp3_association_command(struct dnp3_association *a, struct dnp3_command_request *request)
{
    if (!request->count || request->count > DNP3_COMMANDS_POINTS_MAX || !request->done)
        return DNP3_ERR_INVALID;
    if (!a->online)
        return DNP3_ERR_OFFLINE;
    if (a->commands_queued >= DNP3_COMMANDS_QUEUED_MAX)
        return DNP3_ERR_FULL;
    uint8_t trial[DNP3_COMMANDS_POINTS_MAX * 32];
    size_t room = a->max_request - DNP3_REQUEST_HEADER;
    struct dnp3_writer out = dnp3_writer_of(trial, room < sizeof trial ? room : sizeof trial);
    for (size_t i = 0; i < request->count; i++)
        if (request->commands[i].index > UINT16_MAX)
            return DNP3_ERR_INVALID;
    if (write_objects(&out, request))
        return DNP3_ERR_INVALID;
    for (size_t i = 0; i < request->count; i++)
        request->commands[i].status = DNP3_STATUS_UNDEFINED;

    if (!a->commands) /* a request may have been waiting for a clear line: this waits anew */
        a->line_wait_until_ms = 0;
    struct dnp3_command_request **tail = &a->commands;
    while (*tail)
        tail = &(*tail)->next;
    request->next = NULL;
    *tail = request;
    a->commands_queued++;
    return 0;
}

static bool expired(const struct dnp3_association *a, const struct dnp3_command_request *request)
{
    return request->expires_ms && association_now(a) >= request->expires_ms;
}

static void send(struct dnp3_association *a, enum request_kind kind, enum dnp3_function function,
                 struct dnp3_writer *out)
{
    dnp3_task_begin(a, kind, function, out);
    a->terms.expires_ms = a->commands->expires_ms;
    write_objects(out, a->commands);
}

/* The first request of the control at the head of the queue; those that may not leave any more end
 * here. A solicited confirm still owed is void once a control leaves (rules 1, 5). */
bool dnp3_operate_next(struct dnp3_association *a, struct dnp3_writer *out)
{
    while (a->commands) {
        struct dnp3_command_request *request = a->commands;
        if (expired(a, request)) {
            finish(a, DNP3_OUTCOME_REFUSED, DNP3_STAGE_QUEUED, DNP3_REASON_EXPIRED);
            continue;
        }
        enum line_state line = dnp3_task_line(a);
        if (line == LINE_WAIT)
            return false;
        if (line != LINE_CLEAR) {
            finish(a, DNP3_OUTCOME_REFUSED, DNP3_STAGE_QUEUED, line_reason(line));
            continue;
        }
        if (a->solicited.more) /* a READ of several fragments: it starts anew later */
            dnp3_task_abandon(a);
        if (a->solicited.state == OWED_HELD) {
            dnp3_confirm_void(a, &a->solicited);
            dnp3_task_read_events(a);
        }
        switch (request->mode) {
        case DNP3_SELECT_BEFORE_OPERATE:
            send(a, REQUEST_SELECT, DNP3_FUNCTION_SELECT, out);
            return true;
        case DNP3_DIRECT_OPERATE:
            send(a, REQUEST_DIRECT_OPERATE, DNP3_FUNCTION_DIRECT_OPERATE, out);
            return true;
        case DNP3_DIRECT_OPERATE_NO_ACK:
            send(a, REQUEST_DIRECT_OPERATE_NO_ACK, DNP3_FUNCTION_DIRECT_OPERATE_NR, out);
            a->out.kind = REQUEST_NONE;
            finish_unknown(a, DNP3_REASON_NO_ACK);
            return true;
        }
    }
    return false;
}

/* OPERATE follows its SELECT with the next sequence and identical octets, or not at all. */
bool dnp3_operate_follow_up(struct dnp3_association *a, struct dnp3_writer *out)
{
    if (expired(a, a->commands)) {
        finish(a, DNP3_OUTCOME_FAILED, DNP3_STAGE_SELECT, DNP3_REASON_EXPIRED);
        return false;
    }
    if (association_now(a) - a->select_answered_ms > a->config->operate_within_ms) {
        finish(a, DNP3_OUTCOME_FAILED, DNP3_STAGE_SELECT, DNP3_REASON_SELECT_EXPIRED);
        return false;
    }
    if (!association_may_act(a)) {
        finish(a, DNP3_OUTCOME_FAILED, DNP3_STAGE_SELECT, DNP3_REASON_FORBIDDEN);
        return false;
    }
    a->follow_up = REQUEST_NONE;
    dnp3_confirm_void(a, &a->solicited); /* rule 1; on half-duplex channels it has not left */
    send(a, REQUEST_OPERATE, DNP3_FUNCTION_OPERATE, out);
    return true;
}

/* Compares the answer with the request octet by octet, the status of each point apart. True when
 * the whole echo is there and equal but for the status. */
static bool read_echo(struct dnp3_association *a, struct dnp3_reader *in)
{
    struct dnp3_command_request *request = a->commands;
    uint8_t *scratch = dnp3_pool_fragment(a->master->config.pool);
    struct dnp3_writer out = dnp3_writer_of(scratch, DNP3_FRAGMENT_MAX);
    if (write_objects(&out, request))
        return false;
    struct dnp3_reader sent = dnp3_reader_of(scratch, dnp3_writer_length(&out));
    size_t point = 0;
    while (dnp3_reader_left(&sent)) {
        struct dnp3_object_header header;
        const uint8_t *start = sent.at;
        if (dnp3_header_read(&sent, &header))
            return false;
        size_t length = (size_t)(sent.at - start);
        const uint8_t *echo = dnp3_reader_take(in, length);
        if (!echo || memcmp(echo, start, length) != 0)
            return false;
        size_t size = header.prefix + header.row->size;
        for (uint32_t i = 0; i < header.count; i++, point++) {
            const uint8_t *ours = dnp3_reader_take(&sent, size);
            const uint8_t *theirs = dnp3_reader_take(in, size);
            if (!ours || !theirs || memcmp(ours, theirs, size - STATUS_OCTET) != 0)
                return false;
            request->commands[point].status = theirs[size - 1] & 0x7F;
        }
    }
    return dnp3_reader_left(in) == 0;
}

static bool all_success(const struct dnp3_command_request *request)
{
    for (size_t i = 0; i < request->count; i++)
        if (request->commands[i].status != DNP3_STATUS_SUCCESS)
            return false;
    return true;
}

void dnp3_operate_answered(struct dnp3_association *a, uint16_t iin, struct dnp3_reader *objects)
{
    const uint16_t refusal =
        DNP3_IIN_NO_FUNC_CODE_SUPPORT | DNP3_IIN_OBJECT_UNKNOWN | DNP3_IIN_PARAMETER_ERROR;
    enum request_kind kind = a->out.kind;
    a->out.kind = REQUEST_NONE;
    bool echoed = dnp3_reader_left(objects) && read_echo(a, objects);
    struct dnp3_command_request *request = a->commands;
    enum dnp3_command_reason reason = DNP3_REASON_OK;
    if (!echoed)
        reason = iin & refusal ? DNP3_REASON_INDICATION : DNP3_REASON_ECHO_MISMATCH;
    else if (!all_success(request))
        reason = DNP3_REASON_STATUS;
    else if (kind == REQUEST_SELECT && iin & refusal) /* rule 13: then OPERATE does not follow */
        reason = DNP3_REASON_INDICATION;

    if (kind == REQUEST_SELECT) {
        if (reason != DNP3_REASON_OK) {
            finish(a, DNP3_OUTCOME_FAILED, DNP3_STAGE_SELECT, reason);
            return;
        }
        for (size_t i = 0; i < request->count; i++) /* SELECT's status is no result of OPERATE */
            request->commands[i].status = DNP3_STATUS_UNDEFINED;
        a->select_answered_ms = association_now(a);
        a->follow_up = REQUEST_OPERATE;
        return;
    }
    if (!echoed) /* rule 14: no fully parsed matching echo */
        finish_unknown(a, reason);
    else
        finish(a, reason == DNP3_REASON_OK ? DNP3_OUTCOME_DONE : DNP3_OUTCOME_FAILED,
               DNP3_STAGE_OPERATE, reason);
}

void dnp3_operate_timed_out(struct dnp3_association *a)
{
    bool select = a->out.kind == REQUEST_SELECT;
    a->out.kind = REQUEST_NONE;
    if (select)
        finish(a, DNP3_OUTCOME_FAILED, DNP3_STAGE_SELECT, DNP3_REASON_NO_ANSWER);
    else
        finish_unknown(a, DNP3_REASON_NO_ANSWER);
}

void dnp3_operate_disconnected(struct dnp3_association *a)
{
    enum request_kind kind = a->out.kind;
    bool selected = a->follow_up == REQUEST_OPERATE;
    if (kind == REQUEST_OPERATE || kind == REQUEST_DIRECT_OPERATE)
        finish(a, DNP3_OUTCOME_UNKNOWN, DNP3_STAGE_OPERATE, DNP3_REASON_CONNECTION_LOST);
    else if (kind == REQUEST_SELECT || selected)
        finish(a, DNP3_OUTCOME_FAILED, DNP3_STAGE_SELECT, DNP3_REASON_CONNECTION_LOST);
    while (a->commands)
        finish(a, DNP3_OUTCOME_REFUSED, DNP3_STAGE_QUEUED, DNP3_REASON_OFFLINE);
}
