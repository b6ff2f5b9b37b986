/* SPDX-License-Identifier: Apache-2.0 */
/* What an outstation says: solicited and unsolicited fragments are checked, their objects handed
 * over in batches, their indications acted upon (rules 1 to 3, 8, 9, 11, 18). */
#include "dnp3/association_internal.h"

/* Delivers what can be read; what cannot is reported by name and the rest goes on where the length
 * is known. */
static void problem(struct dnp3_association *a, const struct dnp3_object_header *header, int error,
                    const uint8_t *octets, const uint8_t *end)
{
    if (error == DNP3_ERR_UNSUPPORTED)
        a->counters.unsupported++;
    else
        a->counters.malformed++;
    if (a->callbacks->problem)
        a->callbacks->problem(a->user, header, error, octets, (size_t)(end - octets));
}

/* True where reading can go on after this header. */
static bool read_points(struct dnp3_association *a, const struct dnp3_object_header *header,
                        struct dnp3_time_context *times, struct dnp3_reader *in)
{
    struct dnp3_point points[DNP3_POINTS_BATCH];
    struct dnp3_items items;
    const uint8_t *start = in->at;
    size_t count;
    dnp3_items_begin(&items, header, times);
    while ((count = dnp3_items_points(&items, in, points)) > 0)
        if (a->callbacks->points)
            a->callbacks->points(a->user, header, points, count);
    if (items.error)
        problem(a, header, items.error, start, in->end);
    return !items.error;
}

/* Rule 12: the outstation says how much it takes. */
static void learn_max_request(struct dnp3_association *a, const struct dnp3_attribute *attribute)
{
    uint64_t most = attribute->natural;
    if (attribute->set != 0 || attribute->variation != DNP3_ATTRIBUTE_MAX_RECEIVE_FRAGMENT ||
        attribute->type != DNP3_ATTRIBUTE_TYPE_UNSIGNED)
        return;
    if (most > a->config->max_request_told)
        most = a->config->max_request_told;
    if (most > a->max_request)
        a->max_request = (uint16_t)most;
}

static bool read_attributes(struct dnp3_association *a, const struct dnp3_object_header *header,
                            struct dnp3_time_context *times, struct dnp3_reader *in)
{
    struct dnp3_attribute attribute;
    struct dnp3_items items;
    const uint8_t *start = in->at;
    dnp3_items_begin(&items, header, times);
    while (dnp3_items_attribute(&items, in, &attribute)) {
        learn_max_request(a, &attribute);
        if (a->callbacks->attribute)
            a->callbacks->attribute(a->user, header, &attribute);
    }
    if (items.error)
        problem(a, header, items.error, start, in->end);
    return !in->failed;
}

static bool read_files(struct dnp3_association *a, const struct dnp3_object_header *header,
                       struct dnp3_time_context *times, bool answers, struct dnp3_reader *in)
{
    struct dnp3_reader object;
    struct dnp3_items items;
    int error = 0;
    const uint8_t *start = in->at;
    dnp3_items_begin(&items, header, times);
    while (!error && dnp3_items_sized(&items, in, &object)) {
        error = dnp3_file_object(a, header->variation, object, answers);
        if (error)
            dnp3_items_skip(header, in);
    }
    if (items.error || error)
        problem(a, header, items.error ? items.error : error, start, in->end);
    return !in->failed;
}

/* 52v1, 52v2: what DELAY_MEASURE and the restarts are answered with. */
static void read_delay(struct dnp3_association *a, const struct dnp3_object_header *header,
                       struct dnp3_reader in)
{
    struct dnp3_time_context times = {0};
    struct dnp3_items items;
    uint32_t delay_ms;
    dnp3_items_begin(&items, header, &times);
    if (dnp3_items_delay(&items, &in, &delay_ms))
        a->out.delay_ms = delay_ms;
}

static bool is_file(enum request_kind kind)
{
    return kind == REQUEST_FILE_READ || kind == REQUEST_FILE;
}

static bool read_header(struct dnp3_association *a, struct dnp3_fragment *fragment,
                        struct dnp3_time_context *times, struct dnp3_reader *in)
{
    const uint8_t *start = in->at;
    struct dnp3_object_header header = {0};
    int error = dnp3_header_read(in, &header);
    if (error) {
        problem(a, &header, error, start, in->end);
        return false;
    }
    if (header.row && header.row->encoding != DNP3_ENCODING_NONE &&
        (header.row->kind == DNP3_KIND_STATIC || header.row->kind == DNP3_KIND_EVENT ||
         header.row->kind == DNP3_KIND_CTO)) {
        fragment->events |= header.row->kind == DNP3_KIND_EVENT;
        return read_points(a, &header, times, in);
    }
    if (header.group == 0)
        return read_attributes(a, &header, times, in);
    if (header.group == 70 && header.sized)
        return read_files(a, &header, times, !fragment->unsolicited && is_file(a->out.kind), in);
    if (header.row && header.row->kind == DNP3_KIND_DELAY && !fragment->unsolicited)
        read_delay(a, &header, *in);
    error = dnp3_items_skip(&header, in);
    if (error || !header.row)
        problem(a, &header, error == DNP3_ERR_TRUNCATED ? error : DNP3_ERR_UNSUPPORTED, start,
                error ? in->end : in->at);
    return !error;
}

static void deliver(struct dnp3_association *a, struct dnp3_fragment *fragment,
                    struct dnp3_reader *in)
{
    struct dnp3_time_context times = {.need_time = fragment->iin & DNP3_IIN_NEED_TIME};
    if (a->callbacks->fragment)
        a->callbacks->fragment(a->user, fragment);
    while (dnp3_reader_left(in))
        if (!read_header(a, fragment, &times, in)) {
            fragment->damaged = true;
            break;
        }
}

/* Delivers a fragment and settles its confirm. Returns the host's verdict. */
static enum dnp3_verdict accept_fragment(struct dnp3_association *a, struct dnp3_fragment *fragment,
                                         uint8_t sequence, struct dnp3_reader *in)
{
    struct owed *owed = fragment->unsolicited ? &a->unsolicited : &a->solicited;
    dnp3_confirm_void(a, owed); /* rule 1: a newer fragment of that kind came */
    uint32_t token = fragment->confirm_wanted ? dnp3_confirm_token(a) : 0;
    fragment->token = token;
    uint64_t unread = a->counters.unsupported + a->counters.malformed;
    deliver(a, fragment, in);
    fragment->unread = a->counters.unsupported + a->counters.malformed != unread;
    if (fragment->events && !fragment->confirm_wanted) {
        a->counters.unprotected++;
        association_event(a, DNP3_ASSOCIATION_UNPROTECTED, 0);
    }
    /* Rule 3: only events are worth a hold. What could not be read might be one (rule 8). */
    if (!fragment->events && !fragment->unread)
        fragment->token = 0;
    enum dnp3_verdict verdict = a->callbacks->fragment_end(a->user, fragment);
    if (!fragment->token)
        verdict = DNP3_CONFIRM_NOW;
    else if (verdict == DNP3_CONFIRM_REFUSE)
        dnp3_confirm_refused(a);
    if (fragment->confirm_wanted)
        dnp3_confirm_owe(a, owed, verdict, fragment->token, sequence,
                         !fragment->unsolicited && !fragment->final);
    return verdict;
}

static void react(struct dnp3_association *a, uint16_t bit, uint16_t iin, uint16_t rising,
                  enum request_kind kind)
{
    if (!(iin & bit) || (a->wanted | a->refused) & request_bit(kind))
        return;
    if (rising & bit)
        dnp3_task_want(a, kind);
    else /* still set after we acted (rule 11) */
        dnp3_task_want_later(a, kind);
}

static void restarted(struct dnp3_association *a)
{
    a->counters.restarts++;
    a->refused = 0;
    dnp3_time_start(a);
    if (a->config->assign_class_count)
        dnp3_task_want(a, REQUEST_ASSIGN_CLASS);
    if (a->config->integrity)
        dnp3_task_want(a, REQUEST_INTEGRITY);
    if (a->config->manage_unsolicited && a->config->unsolicited)
        dnp3_task_want(a, REQUEST_ENABLE_UNSOLICITED);
    association_event(a, DNP3_ASSOCIATION_RESTARTED, 0);
}

static const uint16_t class_bits =
    DNP3_IIN_CLASS_1_EVENTS | DNP3_IIN_CLASS_2_EVENTS | DNP3_IIN_CLASS_3_EVENTS;

static void react_events(struct dnp3_association *a, uint16_t iin, uint16_t rising)
{
    if (!a->config->events_on_iin || !(iin & class_bits))
        return;
    /* IIN1.1..1.3 and the class bits have the same places. */
    a->scan |= (uint8_t)(iin & DNP3_CLASS_EVENTS);
    if (rising & class_bits)
        dnp3_task_want(a, REQUEST_EVENTS);
    else
        dnp3_task_want_later(a, REQUEST_EVENTS);
}

/* `classes`: the class bits tell of events that were not in this fragment. */
void dnp3_response_iin(struct dnp3_association *a, uint16_t iin, bool classes)
{
    if (!classes)
        iin &= (uint16_t)~class_bits;
    uint16_t rising = iin & (uint16_t)~a->iin;
    a->iin = iin;
    if (rising & DNP3_IIN_DEVICE_RESTART)
        restarted(a);
    if (a->config->clear_restart)
        react(a, DNP3_IIN_DEVICE_RESTART, iin, rising, REQUEST_CLEAR_RESTART);
    if (a->config->time_sync != DNP3_TIME_SYNC_NONE && a->out.kind != REQUEST_TIME_WRITE &&
        a->follow_up != REQUEST_TIME_WRITE)
        react(a, DNP3_IIN_NEED_TIME, iin, rising, REQUEST_TIME);
    if (rising & DNP3_IIN_EVENT_BUFFER_OVERFLOW) {
        a->counters.overflows++;
        if (a->config->integrity)
            dnp3_task_want(a, REQUEST_INTEGRITY);
        association_event(a, DNP3_ASSOCIATION_OVERFLOWED, 0);
    }
    react_events(a, iin, rising);
}

static bool is_control(enum request_kind kind)
{
    return kind == REQUEST_SELECT || kind == REQUEST_OPERATE || kind == REQUEST_DIRECT_OPERATE;
}

static bool is_read(enum request_kind kind)
{
    return kind == REQUEST_INTEGRITY || kind == REQUEST_EVENTS || kind == REQUEST_POLL ||
           kind == REQUEST_USER_READ;
}

static bool expected(const struct dnp3_association *a, const struct dnp3_app_header *header)
{
    bool first = header->control & DNP3_APP_FIR;
    if (a->solicited.more) /* it does not wait for our confirm of the fragment before */
        return false;
    return a->out.kind != REQUEST_NONE && a->out.kind != REQUEST_LINK_STATUS &&
           dnp3_app_sequence(header) == a->out.sequence && first != a->out.first_seen;
}

static void next_fragment(struct dnp3_association *a, const struct dnp3_fragment *fragment,
                          enum dnp3_verdict verdict)
{
    if (fragment->confirm_wanted && verdict == DNP3_CONFIRM_REFUSE) {
        dnp3_task_failed(a); /* the outstation stops here; it keeps its events */
        return;
    }
    a->out.first_seen = true;
    a->out.sequence = (a->out.sequence + 1) & DNP3_APP_SEQUENCE;
    a->out.deadline_ms = a->solicited.state == OWED_NONE
                             ? association_now(a) + a->config->response_timeout_ms
                             : DNP3_NEVER;
}

/* What an answer says, whatever it answers. */
static void hear(struct dnp3_association *a, const struct dnp3_app_header *header)
{
    a->counters.responses++;
    a->sequence = (dnp3_app_sequence(header) + 1) & DNP3_APP_SEQUENCE;
    if (!a->out.first_seen)
        a->round_trip_ms = (uint32_t)(association_now(a) - a->out.sent_ms);
    if (header->iin & ~a->iin & DNP3_IIN_DEVICE_RESTART)
        dnp3_confirm_forget_unsolicited(a);
    dnp3_task_alive(a);
    dnp3_broadcast_answered(a, header->iin, true);
}

/* A control is answered by its echo, of which nothing is delivered. */
static void echoed(struct dnp3_association *a, const struct dnp3_app_header *header,
                   struct dnp3_reader *in)
{
    if (header->control & DNP3_APP_CON)
        dnp3_confirm_owe(a, &a->solicited, DNP3_CONFIRM_NOW, 0, dnp3_app_sequence(header), false);
    dnp3_response_iin(a, header->iin, true);
    dnp3_operate_answered(a, header->iin, in);
}

static void solicited(struct dnp3_association *a, const struct dnp3_app_header *header,
                      struct dnp3_reader *in)
{
    if (!expected(a, header)) { /* rule 9: no confirm, and its IIN is not used */
        a->counters.discarded++;
        return;
    }
    hear(a, header);
    if (is_control(a->out.kind)) {
        echoed(a, header, in);
        return;
    }
    struct dnp3_fragment fragment = {.iin = header->iin,
                                     .function = header->function,
                                     .first = header->control & DNP3_APP_FIR,
                                     .final = header->control & DNP3_APP_FIN,
                                     .confirm_wanted = header->control & DNP3_APP_CON};
    bool read = is_read(a->out.kind);
    enum dnp3_verdict verdict = accept_fragment(a, &fragment, dnp3_app_sequence(header), in);
    bool reports = read && fragment.confirm_wanted;
    dnp3_response_iin(a, header->iin, !reports);
    if (reports && fragment.final) /* what it still announces may be this or more: a look later */
        react_events(a, header->iin, 0);
    if (fragment.final)
        dnp3_task_answered(a, header->iin);
    else
        next_fragment(a, &fragment, verdict);
}

/* Rule 2: not delivered again; one confirm when the original is safe, at once where it is. */
static void repeated(struct dnp3_association *a, uint8_t sequence)
{
    a->counters.duplicates++;
    if (!a->last.safe) {
        a->counters.confirm_late++;
        association_event(a, DNP3_ASSOCIATION_CONFIRM_LATE, 0);
    }
    dnp3_confirm_owe(a, &a->unsolicited, a->last.safe ? DNP3_CONFIRM_NOW : DNP3_CONFIRM_HOLD,
                     a->last.token, sequence, false);
}

static void unsolicited(struct dnp3_association *a, const struct dnp3_app_header *header,
                        struct dnp3_reader *in)
{
    const uint8_t whole = DNP3_APP_UNS | DNP3_APP_FIR | DNP3_APP_FIN;
    if ((header->control & whole) != whole) {
        a->counters.discarded++;
        return;
    }
    a->counters.unsolicited++;
    if (header->iin & ~a->iin & DNP3_IIN_DEVICE_RESTART)
        dnp3_confirm_restarted(a);
    dnp3_task_alive(a);
    dnp3_broadcast_answered(a, header->iin, false);
    uint8_t sequence = dnp3_app_sequence(header);
    bool con = header->control & DNP3_APP_CON;
    uint64_t digest = dnp3_reader_digest(in);
    if (con && a->last.valid && a->last.sequence == sequence && a->last.digest == digest) {
        repeated(a, sequence);
        dnp3_response_iin(a, header->iin, false);
        return;
    }
    bool null = dnp3_reader_left(in) == 0;
    struct dnp3_fragment fragment = {.iin = header->iin,
                                     .function = header->function,
                                     .unsolicited = true,
                                     .first = true,
                                     .final = true,
                                     .confirm_wanted = con,
                                     .during_read = a->out.kind != REQUEST_NONE &&
                                                    a->out.function == DNP3_FUNCTION_READ};
    dnp3_confirm_forget_unsolicited(a);
    dnp3_confirm_recall(a, sequence);
    enum dnp3_verdict verdict = accept_fragment(a, &fragment, sequence, in);
    if (con && verdict != DNP3_CONFIRM_REFUSE)
        a->last = (struct last_unsolicited){.valid = true,
                                            .safe = verdict == DNP3_CONFIRM_NOW,
                                            .sequence = sequence,
                                            .token = fragment.token,
                                            .digest = digest};
    dnp3_response_iin(a, header->iin, null || !con);
}

void dnp3_response_receive(struct dnp3_association *a, struct dnp3_reader fragment)
{
    struct dnp3_app_header header;
    if (!dnp3_app_read(&fragment, &header)) {
        a->counters.malformed++;
        return;
    }
    if (header.function == DNP3_FUNCTION_RESPONSE && !(header.control & DNP3_APP_UNS))
        solicited(a, &header, &fragment);
    else if (header.function == DNP3_FUNCTION_UNSOLICITED_RESPONSE)
        unsolicited(a, &header, &fragment);
    else
        a->counters.discarded++;
}
