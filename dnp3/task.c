/* SPDX-License-Identifier: Apache-2.0 */
/* What a master asks next, and when: startup, reactions, polls, link status (rules 5, 7, 9 to 12,
 * 17). How it ends stands in task_end.c. */
#include "dnp3/association_internal.h"

uint64_t dnp3_task_backoff(const struct dnp3_association *a, uint8_t failures)
{
    uint64_t wait = a->config->retry_min_ms;
    for (; failures > 1 && wait < a->config->retry_max_ms; failures--)
        wait *= 2;
    return wait < a->config->retry_max_ms ? wait : a->config->retry_max_ms;
}

/* A phase that differs between outstations and polls, so that many do not answer at once. */
static uint64_t phase_ms(const struct dnp3_association *a, size_t poll, uint32_t period_ms)
{
    uint32_t spread = a->master->config.spread;
    uint64_t mix = (uint64_t)a->address << 32 | (spread ? spread : (uintptr_t)a >> 4);
    mix = (mix + poll + 1) * 0x9E3779B97F4A7C15u;
    return (mix >> 24) % period_ms + 1;
}

void dnp3_task_want(struct dnp3_association *a, enum request_kind kind)
{
    if (a->refused & request_bit(kind))
        return;
    a->wanted |= request_bit(kind);
    a->backoff[kind] = (struct backoff){0};
}

void dnp3_task_want_later(struct dnp3_association *a, enum request_kind kind)
{
    if ((a->wanted | a->refused) & request_bit(kind))
        return;
    a->wanted |= request_bit(kind);
    a->backoff[kind].not_before_ms = association_now(a) + a->config->retry_min_ms;
}

void dnp3_task_read_events(struct dnp3_association *a)
{
    if (!dnp3_association_takes_events(a->config))
        return;
    a->scan |= DNP3_CLASS_EVENTS;
    dnp3_task_want(a, REQUEST_EVENTS);
}

void dnp3_task_read_events_later(struct dnp3_association *a, uint64_t wait_ms)
{
    if (a->refused & request_bit(REQUEST_EVENTS) || !dnp3_association_takes_events(a->config))
        return;
    a->scan |= DNP3_CLASS_EVENTS;
    a->wanted |= request_bit(REQUEST_EVENTS);
    a->backoff[REQUEST_EVENTS].not_before_ms = association_now(a) + wait_ms;
}

uint8_t dnp3_task_startup_steps(const struct dnp3_association_config *config)
{
    uint8_t steps = 0;
    if (config->report_by_exception) /* after a restart of the outstation only */
        return 0;
    if (config->manage_unsolicited)
        steps |= request_bit(REQUEST_DISABLE_UNSOLICITED);
    if (config->assign_class_count)
        steps |= request_bit(REQUEST_ASSIGN_CLASS);
    if (config->integrity)
        steps |= request_bit(REQUEST_INTEGRITY);
    if (config->manage_unsolicited && config->unsolicited)
        steps |= request_bit(REQUEST_ENABLE_UNSOLICITED);
    return steps;
}

uint8_t dnp3_task_steps_left(const struct dnp3_association *a)
{
    return a->config->report_by_exception ? a->wanted & DNP3_STARTUP_STEPS : 0;
}

void dnp3_task_start(struct dnp3_association *a)
{
    uint64_t now = association_now(a);
    const struct dnp3_association_config *config = a->config;
    a->refused = 0;
    a->iin = 0;
    a->scan = 0;
    a->max_request = config->max_request;
    a->file.had_turn = false;
    dnp3_time_start(a);
    a->started = false;
    a->broadcast_awaited = false;
    a->resume_enable = false;
    a->wanted = dnp3_task_startup_steps(config) | dnp3_task_steps_left(a);
    memset(a->backoff, 0, sizeof a->backoff);
    a->unheard = true;
    a->asleep = config->report_by_exception;
    a->link_check = a->wanted == 0 && !a->asleep;
    a->keep_alive_from_ms = now;
    a->time_sync_due_ms =
        config->time_sync_period_ms ? now + config->time_sync_period_ms : DNP3_NEVER;
    for (size_t i = 0; i < config->poll_count; i++)
        a->polls[i] =
            (struct poll_state){.due_ms = now + phase_ms(a, i, config->polls[i].period_ms)};
}

/* Where frames are confirmed: what may act must not leave again after a reset of the link
 * (rule 15), and a time that leaves late is wrong. */
static struct dnp3_primary_terms terms_of(const struct dnp3_association *a, enum request_kind kind)
{
    bool time = kind == REQUEST_TIME || kind == REQUEST_TIME_WRITE;
    bool again = kind < AUTOMATIC_REQUESTS || kind == REQUEST_POLL || kind == REQUEST_USER_READ ||
                 kind == REQUEST_FILE_READ;
    return (struct dnp3_primary_terms){.once = time || !again,
                                       .retries = time ? 0 : a->config->link_retries};
}

void dnp3_task_begin(struct dnp3_association *a, enum request_kind kind,
                     enum dnp3_function function, struct dnp3_writer *out)
{
    a->terms = terms_of(a, kind);
    struct dnp3_app_header header = {.control =
                                         (uint8_t)(DNP3_APP_FIR | DNP3_APP_FIN | a->sequence),
                                     .function = (uint8_t)function};
    dnp3_app_write(out, &header);
    uint64_t now = association_now(a);
    a->out = (struct outstanding){.kind = kind,
                                  .function = (uint8_t)function,
                                  .sequence = a->sequence,
                                  .delay_ms = DNP3_NO_DELAY,
                                  .sent_ms = now,
                                  .deadline_ms = now + a->config->response_timeout_ms};
    a->sequence = (a->sequence + 1) & DNP3_APP_SEQUENCE;
    a->counters.requests++;
    if (kind < AUTOMATIC_REQUESTS && a->backoff[kind].failures)
        a->counters.retries++;
}

/* Events before static, so that what is static is the newest (rule 10: 60v2, v3, v4, v1). At most
 * `limit` events of a class; 0 = all. */
static void write_limited_classes(struct dnp3_writer *out, uint8_t classes, uint16_t limit)
{
    for (uint8_t n = 1; n <= 3; n++) {
        const struct dnp3_request_header header = {
            .group = 60, .variation = (uint8_t)(n + 1), .count = limit};
        if (classes & (1u << n))
            dnp3_request_headers_write(out, &header, 1);
    }
    if (classes & DNP3_CLASS_0)
        dnp3_header_write_all(out, 60, 1);
}

static void write_classes(struct dnp3_writer *out, uint8_t classes)
{
    write_limited_classes(out, classes, 0);
}

static uint8_t readable(const struct dnp3_association *a, uint8_t classes)
{
    return a->withholding ? classes & DNP3_CLASS_0 : classes;
}

static bool read_classes(struct dnp3_association *a, enum request_kind kind, uint8_t classes,
                         struct dnp3_writer *out)
{
    dnp3_task_begin(a, kind, DNP3_FUNCTION_READ, out);
    a->out.scan = classes;
    write_classes(out, classes);
    return true;
}

void dnp3_task_postpone(struct dnp3_association *a, enum request_kind kind)
{
    struct backoff *backoff = &a->backoff[kind];
    if (backoff->failures < UINT8_MAX)
        backoff->failures++;
    backoff->not_before_ms = association_now(a) + dnp3_task_backoff(a, backoff->failures);
}

static bool request_automatic(struct dnp3_association *a, enum request_kind kind,
                              struct dnp3_writer *out)
{
    const struct dnp3_association_config *config = a->config;
    uint8_t classes;
    switch (kind) {
    case REQUEST_DISABLE_UNSOLICITED: /* rule 1: an unsolicited confirm is void once it leaves */
        dnp3_confirm_forget_unsolicited(a);
        dnp3_task_begin(a, kind, DNP3_FUNCTION_DISABLE_UNSOLICITED, out);
        write_classes(out, DNP3_CLASS_EVENTS);
        if (config->unsolicited)
            a->wanted |= request_bit(REQUEST_ENABLE_UNSOLICITED) & (uint8_t)~a->refused;
        return true;
    case REQUEST_CLEAR_RESTART:
        dnp3_task_begin(a, kind, DNP3_FUNCTION_WRITE, out);
        dnp3_header_write_range(out, 80, 1, 7, 7);
        dnp3_writer_u8(out, 0);
        return true;
    case REQUEST_ASSIGN_CLASS:
        dnp3_task_begin(a, kind, DNP3_FUNCTION_ASSIGN_CLASS, out);
        dnp3_request_headers_write(out, config->assign_class, config->assign_class_count);
        return true;
    case REQUEST_INTEGRITY:
        classes =
            readable(a, config->integrity ? config->integrity : DNP3_CLASS_0 | DNP3_CLASS_EVENTS);
        if (!classes) {
            a->wanted &= (uint8_t)~request_bit(kind);
            return false;
        }
        return read_classes(a, kind, classes, out);
    case REQUEST_TIME:
        return dnp3_time_request(a, out);
    case REQUEST_ENABLE_UNSOLICITED:
        if (a->withholding)
            return false;
        dnp3_task_begin(a, kind, DNP3_FUNCTION_ENABLE_UNSOLICITED, out);
        write_classes(out, config->unsolicited);
        return true;
    case REQUEST_EVENTS:
        classes = readable(a, a->scan) & DNP3_CLASS_EVENTS;
        if (!classes)
            return false;
        a->wanted &= (uint8_t)~request_bit(kind);
        a->scan = 0;
        return read_classes(a, kind, classes, out);
    default:
        return false;
    }
}

static void write_poll(struct dnp3_association *a, const struct dnp3_poll *poll, uint8_t classes,
                       struct dnp3_writer *out)
{
    const struct dnp3_request_header header = {.group = poll->group,
                                               .variation = poll->variation,
                                               .ranged = poll->ranged,
                                               .start = poll->start,
                                               .stop = poll->stop,
                                               .count = poll->count};
    dnp3_task_begin(a, REQUEST_POLL, DNP3_FUNCTION_READ, out);
    a->out.scan = classes;
    if (poll->classes)
        write_limited_classes(out, classes, poll->count);
    else
        dnp3_request_headers_write(out, &header, 1);
}

static bool request_poll(struct dnp3_association *a, struct dnp3_writer *out)
{
    uint64_t now = association_now(a);
    for (size_t i = 0; i < a->config->poll_count; i++) {
        const struct dnp3_poll *poll = &a->config->polls[i];
        struct poll_state *state = &a->polls[i];
        if (now < state->due_ms)
            continue;
        uint8_t classes = readable(a, poll->classes);
        bool withheld = poll->classes
                            ? !classes
                            : a->withholding && dnp3_reads_events(poll->group, poll->variation);
        /* The next turn is a period after the last one was due, however late this one is. */
        state->due_ms += poll->period_ms;
        if (state->due_ms <= now)
            state->due_ms = now + poll->period_ms;
        if (withheld)
            continue;
        write_poll(a, poll, classes, out);
        a->out.poll = (uint16_t)i;
        if (state->failures)
            a->counters.retries++;
        return true;
    }
    return false;
}

static uint64_t keep_alive_due(const struct dnp3_association *a)
{
    if (!a->config->keep_alive_ms)
        return DNP3_NEVER;
    uint64_t from = a->heard_ms > a->keep_alive_from_ms ? a->heard_ms : a->keep_alive_from_ms;
    return from + a->config->keep_alive_ms;
}

/* Leaves no application octets: master.c writes the link frame. */
void dnp3_task_ask_link(struct dnp3_association *a, uint32_t within_ms)
{
    uint64_t now = association_now(a);
    a->link_check = false;
    a->keep_alive_from_ms = now;
    a->out = (struct outstanding){
        .kind = REQUEST_LINK_STATUS, .sent_ms = now, .deadline_ms = now + within_ms};
}

static bool ask_link_status(struct dnp3_association *a)
{
    dnp3_task_ask_link(a, a->config->link_timeout_ms);
    return true;
}

/* As link status: master.c writes the frame. */
static bool open_link(struct dnp3_association *a)
{
    dnp3_primary_open(a->primary, a->config->link_retries);
    return true;
}

static bool send_follow_up(struct dnp3_association *a, struct dnp3_writer *out)
{
    if (a->follow_up == REQUEST_OPERATE)
        return dnp3_operate_follow_up(a, out);
    return a->follow_up == REQUEST_TIME_WRITE && dnp3_time_follow_up(a, out);
}

static bool next_own(struct dnp3_association *a, struct dnp3_writer *out)
{
    for (enum request_kind kind = 0; kind < AUTOMATIC_REQUESTS; kind++)
        if (a->wanted & request_bit(kind) && association_now(a) >= a->backoff[kind].not_before_ms &&
            request_automatic(a, kind, out))
            return true;
    return request_poll(a, out);
}

/* A file and what the association asks of its own accord have the line in turn: neither a long
 * file nor busy polls starve the other. */
static bool next_file_or_own(struct dnp3_association *a, struct dnp3_writer *out)
{
    bool own_first = a->file.had_turn || !a->online;
    if (!own_first && dnp3_file_next(a, out)) {
        a->file.had_turn = true;
        return true;
    }
    a->file.had_turn = false;
    if (a->line_wait_until_ms) /* rule 15: nothing else leaves meanwhile */
        return false;
    if (next_own(a, out))
        return true;
    a->file.had_turn = own_first && dnp3_file_next(a, out);
    return a->file.had_turn;
}

/* Octets just written wait for the peer's acknowledgement, which may take a while by design of TCP,
 * so what may act waits too, and nothing else is sent meanwhile. */
enum line_state dnp3_task_line(struct dnp3_association *a)
{
    if (!association_may_act(a))
        return LINE_FORBIDDEN;
    if (!a->callbacks->line_clear || a->callbacks->line_clear(a->user)) {
        a->line_wait_until_ms = 0;
        return LINE_CLEAR;
    }
    if (!a->line_wait_until_ms)
        a->line_wait_until_ms = association_now(a) + LINE_WAIT_MS;
    return association_now(a) < a->line_wait_until_ms ? LINE_WAIT : LINE_BUSY;
}

/* A request is out: a multi-fragment READ that waits for our held confirm gives way to a control
 * (rule 5). */
static bool next_meanwhile(struct dnp3_association *a, struct dnp3_writer *out)
{
    bool waits_for_us = a->solicited.state == OWED_HELD && a->solicited.more;
    if (a->commands && waits_for_us)
        return dnp3_operate_next(a, out);
    a->line_wait_until_ms = 0;
    return false;
}

/* Rule 5: a confirm is owed. And a broadcast waits for all to be quiet. */
static bool keeps_quiet(const struct dnp3_association *a)
{
    return a->solicited.state != OWED_NONE || a->unsolicited.state != OWED_NONE ||
           a->master->broadcasts;
}

/* The first of these that has something to say, or must wait: the link, the second half of what was
 * begun, controls, what the host asked for, files and own requests in turn, the keep-alive.
 * dnp3_task_deadline() goes the same way. */
bool dnp3_task_next(struct dnp3_association *a, struct dnp3_writer *out)
{
    uint64_t now = association_now(a);
    if (a->out.kind != REQUEST_NONE)
        return next_meanwhile(a, out);
    if (a->link_full)
        return now >= a->link_full_ask_ms && ask_link_status(a);
    if (a->asleep)
        return false;
    if (association_needs_reset(a))
        return now >= a->link_reset_ms && open_link(a);
    if (send_follow_up(a, out) || (a->commands && dnp3_operate_next(a, out)))
        return true;
    if (a->commands) /* it waits for a clear line (rule 15) */
        return false;
    if (keeps_quiet(a)) {
        a->line_wait_until_ms = 0;
        return false;
    }
    if (a->link_check)
        return ask_link_status(a);
    if (dnp3_request_next(a, out))
        return true;
    if (dnp3_request_waits_for_line(a))
        return false;
    if (next_file_or_own(a, out))
        return true;
    if (a->line_wait_until_ms)
        return false;
    return now >= keep_alive_due(a) && ask_link_status(a);
}

static uint64_t own_deadline(const struct dnp3_association *a)
{
    uint64_t next = a->time_sync_due_ms;
    for (enum request_kind kind = 0; kind < AUTOMATIC_REQUESTS; kind++) {
        bool waits =
            a->withholding && (kind == REQUEST_EVENTS || kind == REQUEST_ENABLE_UNSOLICITED);
        if (a->wanted & request_bit(kind) && !waits)
            next = dnp3_earlier(next, a->backoff[kind].not_before_ms);
    }
    for (size_t i = 0; i < a->config->poll_count; i++)
        next = dnp3_earlier(next, a->polls[i].due_ms);
    return next;
}

uint64_t dnp3_task_deadline(const struct dnp3_association *a)
{
    uint64_t ask = a->line_wait_until_ms ? association_now(a) + LINE_ASK_MS : DNP3_NEVER;
    if (association_awaits_link(a))
        return a->primary->deadline_ms;
    if (a->out.kind != REQUEST_NONE)
        return dnp3_earlier(a->out.deadline_ms, ask);
    if (a->link_full)
        return a->link_full_ask_ms;
    if (a->asleep)
        return a->time_sync_due_ms;
    if (association_needs_reset(a))
        return a->link_reset_ms;
    if (a->line_wait_until_ms)
        return ask;
    if (keeps_quiet(a)) /* the confirm's own deadline rules, or another association's */
        return DNP3_NEVER;
    uint64_t next = dnp3_earlier(dnp3_request_deadline(a), dnp3_file_deadline(a));
    next = dnp3_earlier(next, own_deadline(a));
    return dnp3_earlier(next, keep_alive_due(a));
}
