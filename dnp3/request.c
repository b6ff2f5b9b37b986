/* SPDX-License-Identifier: Apache-2.0 */
/* The host's requests: what is written, when it leaves, and how it ends. What may change something
 * leaves once (IEEE 1815-2012 4.4). */
#include "dnp3/association_internal.h"

static const uint16_t refusal = DNP3_IIN_NO_FUNC_CODE_SUPPORT | DNP3_IIN_OBJECT_UNKNOWN |
                                DNP3_IIN_PARAMETER_ERROR | DNP3_IIN_ALREADY_EXECUTING;

static bool is_allowed(uint8_t function)
{
    return function == DNP3_FUNCTION_READ || function == DNP3_FUNCTION_WRITE ||
           (function >= DNP3_FUNCTION_IMMED_FREEZE && function <= DNP3_FUNCTION_ASSIGN_CLASS) ||
           function == DNP3_FUNCTION_ACTIVATE_CONFIG;
}

static bool is_frozen_at_time(uint8_t function)
{
    return function == DNP3_FUNCTION_FREEZE_AT_TIME || function == DNP3_FUNCTION_FREEZE_AT_TIME_NR;
}

static bool is_silent(uint8_t function)
{
    return function == DNP3_FUNCTION_IMMED_FREEZE_NR || function == DNP3_FUNCTION_FREEZE_CLEAR_NR ||
           function == DNP3_FUNCTION_FREEZE_AT_TIME_NR;
}

bool dnp3_reads_events(uint8_t group, uint8_t variation)
{
    const struct dnp3_object_row *row = dnp3_object_row(group, variation);
    return (group == 60 && variation != 1) || (row && row->kind == DNP3_KIND_EVENT);
}

static bool is_writable(const struct dnp3_object_row *row)
{
    return row && row->kind == DNP3_KIND_STATIC && row->encoding != DNP3_ENCODING_NONE;
}

static bool is_packed(const struct dnp3_object_row *row)
{
    return row->encoding == DNP3_ENCODING_BIT || row->encoding == DNP3_ENCODING_BIT2;
}

static int write_point(struct dnp3_writer *out, const struct dnp3_request_header *header,
                       const struct dnp3_object_row *row, const struct dnp3_point *point)
{
    if (row->encoding == DNP3_ENCODING_OCTETS && point->length != header->variation)
        return DNP3_ERR_INVALID;
    dnp3_point_write(out, row, point, 0);
    return 0;
}

static int write_range(struct dnp3_writer *out, const struct dnp3_request_header *header,
                       const struct dnp3_object_row *row)
{
    if (header->stop < header->start || header->stop - header->start != header->count - 1)
        return DNP3_ERR_INVALID;
    dnp3_header_write_range(out, header->group, header->variation, header->start, header->stop);
    if (is_packed(row)) {
        dnp3_points_write_packed(out, row, header->points, header->count);
        return 0;
    }
    int error = 0;
    for (uint32_t i = 0; i < header->count && !error; i++)
        error = write_point(out, header, row, &header->points[i]);
    return error;
}

static int write_indexed(struct dnp3_writer *out, const struct dnp3_request_header *header,
                         const struct dnp3_object_row *row)
{
    bool bare = header->group == 50;
    bool wide = header->count > UINT8_MAX;
    for (uint32_t i = 0; i < header->count; i++)
        wide |= header->points[i].index > UINT8_MAX;
    dnp3_header_write_count(out, header->group, header->variation,
                            bare   ? DNP3_QUALIFIER_COUNT8
                            : wide ? DNP3_QUALIFIER_PREFIX16_COUNT16
                                   : DNP3_QUALIFIER_PREFIX8_COUNT8,
                            header->count);
    int error = 0;
    for (uint32_t i = 0; i < header->count && !error; i++) {
        const struct dnp3_point *point = &header->points[i];
        if (point->index > UINT16_MAX || is_packed(row))
            return DNP3_ERR_INVALID;
        dnp3_index_write(out, bare ? 0 : wide ? 2 : 1, point->index);
        error = write_point(out, header, row, point);
    }
    return error;
}

static int write_attribute(struct dnp3_writer *out, const struct dnp3_request_header *header)
{
    const struct dnp3_attribute *attribute = header->attribute;
    if (header->group != 0 || header->variation >= DNP3_ATTRIBUTE_ALL)
        return DNP3_ERR_INVALID;
    dnp3_header_write_range(out, 0, header->variation, attribute->set, attribute->set);
    return dnp3_attribute_write(out, attribute);
}

static int write_header(struct dnp3_writer *out, const struct dnp3_request_header *header)
{
    if (header->attribute)
        return write_attribute(out, header);
    if (header->points) {
        const struct dnp3_object_row *row = dnp3_object_row(header->group, header->variation);
        if (!is_writable(row) || !header->count)
            return DNP3_ERR_INVALID;
        return header->ranged ? write_range(out, header, row) : write_indexed(out, header, row);
    }
    if (header->ranged && header->stop < header->start)
        return DNP3_ERR_INVALID;
    if (header->ranged)
        dnp3_header_write_range(out, header->group, header->variation, header->start, header->stop);
    else if (header->count)
        dnp3_header_write_count(out, header->group, header->variation,
                                header->count > UINT8_MAX ? DNP3_QUALIFIER_COUNT16
                                                          : DNP3_QUALIFIER_COUNT8,
                                header->count);
    else
        dnp3_header_write_all(out, header->group, header->variation);
    return 0;
}

int dnp3_request_headers_write(struct dnp3_writer *out, const struct dnp3_request_header *headers,
                               size_t count)
{
    int error = 0;
    for (size_t i = 0; i < count && !error; i++)
        error = write_header(out, &headers[i]);
    return error ? error : out->failed ? DNP3_ERR_INVALID : 0;
}

int dnp3_request_objects_write(struct dnp3_writer *out, const struct dnp3_request *request)
{
    if (is_frozen_at_time(request->function)) {
        struct dnp3_interval interval = {.time_ms = request->freeze_at_ms,
                                         .count = request->freeze_every_ms,
                                         .unit = DNP3_INTERVAL_MILLISECONDS};
        dnp3_header_write_count(out, 50, 2, DNP3_QUALIFIER_COUNT8, 1);
        int error = dnp3_interval_write(out, 2, &interval);
        if (error)
            return error;
    }
    return dnp3_request_headers_write(out, request->headers, request->count);
}

static bool needs_objects(uint8_t function)
{
    return function <= DNP3_FUNCTION_FREEZE_AT_TIME_NR ||
           (function >= DNP3_FUNCTION_ENABLE_UNSOLICITED && function <= DNP3_FUNCTION_ASSIGN_CLASS);
}

int dnp3_association_request(struct dnp3_association *a, struct dnp3_request *request)
{
    uint8_t trial[DNP3_FRAGMENT_MAX];
    struct dnp3_writer out = dnp3_writer_of(trial, a->max_request - DNP3_REQUEST_HEADER);
    if (!is_allowed(request->function) || !request->done || request->freeze_at_ms < 0 ||
        (needs_objects(request->function) && !request->count))
        return DNP3_ERR_INVALID;
    if (!a->online)
        return DNP3_ERR_OFFLINE;
    if (a->requests_queued >= DNP3_REQUESTS_QUEUED_MAX)
        return DNP3_ERR_FULL;
    if (dnp3_request_objects_write(&out, request))
        return DNP3_ERR_INVALID;
    if (!a->requests && !a->commands) /* a file may have been waiting for a clear line */
        a->line_wait_until_ms = 0;
    struct dnp3_request **tail = &a->requests;
    while (*tail)
        tail = &(*tail)->next;
    request->next = NULL;
    request->iin = 0;
    request->delay_ms = DNP3_NO_DELAY;
    *tail = request;
    a->requests_queued++;
    return 0;
}

static void finish(struct dnp3_association *a, enum dnp3_command_outcome outcome,
                   enum dnp3_command_reason reason)
{
    struct dnp3_request *request = a->requests;
    a->requests = request->next;
    a->requests_queued--;
    a->request_attempts = 0;
    a->line_wait_until_ms = 0;
    request->next = NULL;
    request->outcome = outcome;
    request->reason = reason;
    request->done(request);
}

/* Why the request at the head may not leave any more; OK where it may. */
static enum dnp3_command_reason obstacle(const struct dnp3_association *a)
{
    const struct dnp3_request *request = a->requests;
    if (request->expires_ms && association_now(a) >= request->expires_ms)
        return DNP3_REASON_EXPIRED;
    if (!a->withholding || request->function != DNP3_FUNCTION_READ)
        return DNP3_REASON_OK;
    for (size_t i = 0; i < request->count; i++) {
        const struct dnp3_request_header *header = &request->headers[i];
        if (dnp3_reads_events(header->group, header->variation))
            return DNP3_REASON_WITHHELD; /* rule 7 */
    }
    return DNP3_REASON_OK;
}

bool dnp3_request_waits_for_line(const struct dnp3_association *a)
{
    return a->line_wait_until_ms && a->requests && a->requests->function != DNP3_FUNCTION_READ;
}

bool dnp3_request_next(struct dnp3_association *a, struct dnp3_writer *out)
{
    while (a->requests &&
           (!a->request_attempts || association_now(a) >= a->request_not_before_ms)) {
        struct dnp3_request *request = a->requests;
        enum dnp3_command_reason reason = obstacle(a);
        if (reason != DNP3_REASON_OK) {
            finish(a, a->request_attempts ? DNP3_OUTCOME_FAILED : DNP3_OUTCOME_REFUSED, reason);
            continue;
        }
        bool read = request->function == DNP3_FUNCTION_READ;
        enum line_state line = read ? LINE_CLEAR : dnp3_task_line(a); /* rule 15 */
        if (line == LINE_WAIT)
            return false;
        if (line != LINE_CLEAR) {
            finish(a, DNP3_OUTCOME_REFUSED, line_reason(line));
            continue;
        }
        if (request->function == DNP3_FUNCTION_DISABLE_UNSOLICITED)
            dnp3_confirm_forget_unsolicited(a); /* rule 1 */
        dnp3_task_begin(a, read ? REQUEST_USER_READ : REQUEST_USER,
                        (enum dnp3_function)request->function, out);
        a->terms.expires_ms = request->expires_ms;
        dnp3_request_objects_write(out, request);
        if (a->request_attempts)
            a->counters.retries++;
        if (is_silent(request->function)) {
            a->out.kind = REQUEST_NONE;
            finish(a, DNP3_OUTCOME_UNKNOWN, DNP3_REASON_NO_ACK);
        }
        return true;
    }
    return false;
}

uint64_t dnp3_request_deadline(const struct dnp3_association *a)
{
    return a->requests && a->request_attempts ? a->request_not_before_ms : DNP3_NEVER;
}

void dnp3_request_answered(struct dnp3_association *a, uint16_t iin)
{
    struct dnp3_request *request = a->requests;
    request->iin = iin;
    request->delay_ms = a->out.delay_ms;
    if (a->out.kind == REQUEST_USER_READ && iin & DNP3_IIN_ALREADY_EXECUTING) { /* rule 11: later */
        dnp3_request_failed(a, DNP3_REASON_INDICATION);
        return;
    }
    a->out.kind = REQUEST_NONE;
    if (iin & refusal)
        finish(a, DNP3_OUTCOME_FAILED, DNP3_REASON_INDICATION);
    else
        finish(a, DNP3_OUTCOME_DONE, DNP3_REASON_OK);
}

void dnp3_request_failed(struct dnp3_association *a, enum dnp3_command_reason reason)
{
    bool read = a->out.kind == REQUEST_USER_READ;
    a->out.kind = REQUEST_NONE;
    if (!read) {
        finish(a, DNP3_OUTCOME_UNKNOWN, reason);
        return;
    }
    a->request_attempts++;
    if (a->request_attempts >= a->requests->attempts)
        finish(a, DNP3_OUTCOME_FAILED, reason);
    else
        a->request_not_before_ms = association_now(a) + dnp3_task_backoff(a, a->request_attempts);
}

void dnp3_request_silent(struct dnp3_association *a)
{
    struct dnp3_request *kept = a->request_attempts ? a->requests : NULL;
    uint8_t attempts = a->request_attempts;
    if (kept) {
        a->requests = kept->next;
        a->requests_queued--;
    }
    while (a->requests)
        finish(a, DNP3_OUTCOME_REFUSED, DNP3_REASON_OFFLINE);
    if (!kept)
        return;
    kept->next = NULL;
    a->requests = kept;
    a->requests_queued = 1;
    a->request_attempts = attempts;
}

void dnp3_request_gone(struct dnp3_association *a, enum dnp3_command_reason reason)
{
    bool left = a->out.kind == REQUEST_USER_READ || a->out.kind == REQUEST_USER;
    bool read = a->request_attempts || a->out.kind == REQUEST_USER_READ;
    if (left)
        a->out.kind = REQUEST_NONE;
    if (left || read)
        finish(a, read ? DNP3_OUTCOME_FAILED : DNP3_OUTCOME_UNKNOWN, reason);
    while (a->requests)
        finish(a, DNP3_OUTCOME_REFUSED, DNP3_REASON_OFFLINE);
}
