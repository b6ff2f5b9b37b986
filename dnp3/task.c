/* SPDX-License-Identifier: Apache-2.0 */
/* What a master asks next, and what becomes of it: startup, reactions, polls, link status
 * (rules 5, 7, 9 to 12, 17). A refused step is passed over; silence is tried again after a backoff.
 */
#include "dnp3/association_internal.h"

static const uint16_t refusal =
    DNP3_IIN_NO_FUNC_CODE_SUPPORT | DNP3_IIN_OBJECT_UNKNOWN | DNP3_IIN_PARAMETER_ERROR;

static const uint8_t startup_mask = 1u << REQUEST_DISABLE_UNSOLICITED | 1u << REQUEST_ASSIGN_CLASS |
                                    1u << REQUEST_INTEGRITY | 1u << REQUEST_ENABLE_UNSOLICITED;

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
    return period_ms ? (mix >> 24) % period_ms + 1 : 1;
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

static uint8_t startup_steps(const struct dnp3_association_config *config)
{
    uint8_t steps = 0;
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

void dnp3_task_start(struct dnp3_association *a)
{
    uint64_t now = association_now(a);
    const struct dnp3_association_config *config = a->config;
    a->refused = 0;
    a->iin = 0;
    a->scan = 0;
    dnp3_time_start(a);
    a->started = false;
    a->broadcast_awaited = false;
    a->resume_enable = false;
    a->wanted = startup_steps(config);
    memset(a->backoff, 0, sizeof a->backoff);
    a->link_check = a->wanted == 0;
    a->keep_alive_from_ms = now;
    a->time_sync_due_ms =
        config->time_sync_period_ms ? now + config->time_sync_period_ms : DNP3_NEVER;
    for (size_t i = 0; i < config->poll_count; i++)
        a->polls[i] =
            (struct poll_state){.due_ms = now + phase_ms(a, i, config->polls[i].period_ms)};
}

void dnp3_task_begin(struct dnp3_association *a, enum request_kind kind,
                     enum dnp3_function function, struct dnp3_writer *out)
{
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

/* Events before static, so that what is static is the newest (rule 10: 60v2, v3, v4, v1). */
static void write_classes(struct dnp3_writer *out, uint8_t classes)
{
    for (uint8_t n = 1; n <= 3; n++)
        if (classes & (1u << n))
            dnp3_header_write_all(out, 60, (uint8_t)(n + 1));
    if (classes & DNP3_CLASS_0)
        dnp3_header_write_all(out, 60, 1);
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

static bool request_poll(struct dnp3_association *a, struct dnp3_writer *out)
{
    uint64_t now = association_now(a);
    for (size_t i = 0; i < a->config->poll_count; i++) {
        const struct dnp3_poll *poll = &a->config->polls[i];
        struct poll_state *state = &a->polls[i];
        if (now < state->due_ms)
            continue;
        uint8_t classes = readable(a, poll->classes);
        /* The next turn is a period after the last one was due, however late this one is. */
        state->due_ms += poll->period_ms;
        if (state->due_ms <= now)
            state->due_ms = now + poll->period_ms;
        if (poll->classes && !classes)
            continue;
        if (poll->classes) {
            read_classes(a, REQUEST_POLL, classes, out);
        } else {
            dnp3_task_begin(a, REQUEST_POLL, DNP3_FUNCTION_READ, out);
            if (poll->ranged)
                dnp3_header_write_range(out, poll->group, poll->variation, poll->start, poll->stop);
            else
                dnp3_header_write_all(out, poll->group, poll->variation);
        }
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
static bool ask_link_status(struct dnp3_association *a)
{
    uint64_t now = association_now(a);
    a->link_check = false;
    a->keep_alive_from_ms = now;
    a->out = (struct outstanding){.kind = REQUEST_LINK_STATUS,
                                  .sent_ms = now,
                                  .deadline_ms = now + a->config->link_timeout_ms};
    return true;
}

static bool send_follow_up(struct dnp3_association *a, struct dnp3_writer *out)
{
    if (a->follow_up == REQUEST_OPERATE)
        return dnp3_operate_follow_up(a, out);
    return a->follow_up == REQUEST_TIME_WRITE && dnp3_time_follow_up(a, out);
}

bool dnp3_task_next(struct dnp3_association *a, struct dnp3_writer *out)
{
    uint64_t now = association_now(a);
    if (a->out.kind != REQUEST_NONE) {
        /* A multi-fragment READ that waits for our held confirm gives way to a control (rule 5). */
        bool waits_for_us = a->solicited.state == OWED_HELD && a->solicited.more;
        if (a->commands && waits_for_us)
            return dnp3_operate_next(a, out);
        a->line_wait_until_ms = 0;
        return false;
    }
    if (a->link_full)
        return now >= a->link_full_ask_ms && ask_link_status(a);
    if (send_follow_up(a, out) || (a->commands && dnp3_operate_next(a, out)))
        return true;
    if (a->commands) /* it waits for a clear line (rule 15) */
        return false;
    if (a->solicited.state != OWED_NONE || a->unsolicited.state != OWED_NONE)
        return false;          /* rule 5 */
    if (a->master->broadcasts) /* it waits for all to be quiet */
        return false;
    if (a->link_check)
        return ask_link_status(a);
    if (dnp3_request_next(a, out))
        return true;
    for (enum request_kind kind = 0; kind < AUTOMATIC_REQUESTS; kind++)
        if (a->wanted & request_bit(kind) && now >= a->backoff[kind].not_before_ms &&
            request_automatic(a, kind, out))
            return true;
    return request_poll(a, out) || (now >= keep_alive_due(a) && ask_link_status(a));
}

uint64_t dnp3_task_deadline(const struct dnp3_association *a)
{
    uint64_t ask = a->line_wait_until_ms ? association_now(a) + LINE_ASK_MS : DNP3_NEVER;
    if (a->out.kind != REQUEST_NONE)
        return a->out.deadline_ms < ask ? a->out.deadline_ms : ask;
    if (a->line_wait_until_ms)
        return ask;
    if (a->link_full)
        return a->link_full_ask_ms;
    if (a->solicited.state != OWED_NONE || a->unsolicited.state != OWED_NONE)
        return DNP3_NEVER; /* the confirm's own deadline rules */
    if (a->master->broadcasts)
        return DNP3_NEVER; /* and another association's */
    uint64_t next = keep_alive_due(a);
    if (dnp3_request_deadline(a) < next)
        next = dnp3_request_deadline(a);
    for (enum request_kind kind = 0; kind < AUTOMATIC_REQUESTS; kind++) {
        bool waits =
            a->withholding && (kind == REQUEST_EVENTS || kind == REQUEST_ENABLE_UNSOLICITED);
        if (a->wanted & request_bit(kind) && !waits && a->backoff[kind].not_before_ms < next)
            next = a->backoff[kind].not_before_ms;
    }
    for (size_t i = 0; i < a->config->poll_count; i++)
        if (a->polls[i].due_ms < next)
            next = a->polls[i].due_ms;
    return a->time_sync_due_ms < next ? a->time_sync_due_ms : next;
}

static void check_started(struct dnp3_association *a)
{
    uint8_t left = a->wanted & startup_mask;
    if (a->withholding)
        left &= (uint8_t)~request_bit(REQUEST_ENABLE_UNSOLICITED);
    if (a->started || left)
        return;
    a->started = true;
    association_event(a, DNP3_ASSOCIATION_STARTUP_DONE, 0);
}

static void automatic_answered(struct dnp3_association *a, enum request_kind kind, uint16_t iin)
{
    uint8_t bit = request_bit(kind);
    if (kind == REQUEST_TIME) {
        a->backoff[kind].not_before_ms = 0;
        dnp3_time_prepared(a, iin & refusal);
        return;
    }
    if (iin & DNP3_IIN_NO_FUNC_CODE_SUPPORT)
        a->refused |= bit;
    if (kind != REQUEST_EVENTS)
        a->wanted &= (uint8_t)~bit;
    a->backoff[kind].failures = 0;
    if (!(a->wanted & bit)) /* events that its own answer announced keep their pause */
        a->backoff[kind].not_before_ms = 0;
    if (kind == REQUEST_EVENTS && a->resume_enable) {
        a->resume_enable = false;
        dnp3_task_want(a, REQUEST_ENABLE_UNSOLICITED);
    }
    /* Unsolicited could not be disabled for want of an answer, but the outstation talks. */
    uint8_t disable = request_bit(REQUEST_DISABLE_UNSOLICITED);
    if (kind != REQUEST_DISABLE_UNSOLICITED && a->wanted & disable) {
        a->wanted &= (uint8_t)~disable;
        association_event(a, DNP3_ASSOCIATION_STEP_REFUSED, DNP3_FUNCTION_DISABLE_UNSOLICITED);
    }
}

static bool is_user(enum request_kind kind)
{
    return kind == REQUEST_USER_READ || kind == REQUEST_USER;
}

void dnp3_task_answered(struct dnp3_association *a, uint16_t iin)
{
    enum request_kind kind = a->out.kind;
    if (is_user(kind)) {
        dnp3_request_answered(a, iin);
        return;
    }
    if (iin & DNP3_IIN_ALREADY_EXECUTING) { /* rule 11: later */
        dnp3_task_failed(a);
        return;
    }
    a->out.kind = REQUEST_NONE;
    if (iin & refusal)
        association_event(a, DNP3_ASSOCIATION_STEP_REFUSED, a->out.function);
    if (kind < AUTOMATIC_REQUESTS)
        automatic_answered(a, kind, iin);
    else if (kind == REQUEST_POLL)
        a->polls[a->out.poll].failures = 0;
    else if (kind == REQUEST_TIME_WRITE)
        dnp3_time_written(a, iin & refusal);
    check_started(a);
}

void dnp3_task_abandon(struct dnp3_association *a)
{
    enum request_kind kind = a->out.kind;
    if (kind == REQUEST_USER) { /* it may have acted: it is not sent again */
        dnp3_request_failed(a, DNP3_REASON_INTERRUPTED);
        return;
    }
    a->out.kind = REQUEST_NONE;
    if (kind == REQUEST_EVENTS) {
        a->scan |= a->out.scan;
        a->wanted |= request_bit(kind);
    } else if (kind == REQUEST_POLL) {
        a->polls[a->out.poll].due_ms = association_now(a);
    } else if (kind == REQUEST_TIME_WRITE) {
        a->wanted |= request_bit(REQUEST_TIME);
    }
}

void dnp3_task_failed(struct dnp3_association *a)
{
    enum request_kind kind = a->out.kind;
    if (kind == REQUEST_USER_READ) {
        dnp3_request_failed(a, DNP3_REASON_INTERRUPTED);
        return;
    }
    dnp3_task_abandon(a);
    if (kind == REQUEST_TIME_WRITE)
        kind = REQUEST_TIME;
    if (kind < AUTOMATIC_REQUESTS) {
        dnp3_task_postpone(a, kind);
    } else if (kind == REQUEST_POLL) {
        struct poll_state *state = &a->polls[a->out.poll];
        uint64_t period = a->config->polls[a->out.poll].period_ms;
        if (state->failures < UINT8_MAX)
            state->failures++;
        uint64_t wait = dnp3_task_backoff(a, state->failures);
        state->due_ms = association_now(a) + (wait < period ? wait : period);
    }
}

static void silent(struct dnp3_association *a)
{
    a->online = false;
    dnp3_request_silent(a);
    dnp3_operate_disconnected(a); /* never queued for an outstation that is not online */
}

static void link_timed_out(struct dnp3_association *a)
{
    a->out.kind = REQUEST_NONE;
    a->link_full = false;
    a->counters.link_timeouts++;
    silent(a);
    /* When it comes back it is as after a reconnect. */
    a->wanted = startup_steps(a->config) & (uint8_t)~a->refused;
    uint8_t failures = 1;
    for (enum request_kind kind = 0; kind < AUTOMATIC_REQUESTS; kind++)
        if (a->backoff[kind].failures > failures)
            failures = a->backoff[kind].failures;
    for (enum request_kind kind = 0; kind < AUTOMATIC_REQUESTS; kind++)
        a->backoff[kind] =
            (struct backoff){.failures = failures,
                             .not_before_ms = association_now(a) + dnp3_task_backoff(a, failures)};
    a->started = false;
    association_event(a, DNP3_ASSOCIATION_LINK_DEAD, 0);
}

static void timed_out(struct dnp3_association *a)
{
    enum request_kind kind = a->out.kind;
    unsigned function = a->out.function;
    if (kind == REQUEST_LINK_STATUS) {
        link_timed_out(a);
        return;
    }
    a->counters.timeouts++;
    if (kind == REQUEST_SELECT || kind == REQUEST_OPERATE || kind == REQUEST_DIRECT_OPERATE)
        dnp3_operate_timed_out(a);
    else if (is_user(kind))
        dnp3_request_failed(a, DNP3_REASON_NO_ANSWER);
    else
        dnp3_task_failed(a);
    a->link_check = true; /* is it the application or the line? */
    silent(a);
    association_event(a, DNP3_ASSOCIATION_TIMEOUT, function);
}

void dnp3_task_tick(struct dnp3_association *a)
{
    uint64_t now = association_now(a);
    if (a->out.kind != REQUEST_NONE && now >= a->out.deadline_ms)
        timed_out(a);
    if (now >= a->time_sync_due_ms) {
        a->time_sync_due_ms = now + a->config->time_sync_period_ms;
        if (a->config->time_sync != DNP3_TIME_SYNC_NONE)
            dnp3_task_want(a, REQUEST_TIME);
    }
}

/* Rule 20: DFC stops data. It is asked again, for its word may be lost. */
void dnp3_task_link_full(struct dnp3_association *a, bool full)
{
    a->link_full = full;
    a->link_full_ask_ms = association_now(a) + a->config->link_timeout_ms;
}

void dnp3_task_link_answered(struct dnp3_association *a)
{
    a->out.kind = REQUEST_NONE;
    if (!a->online)
        association_event(a, DNP3_ASSOCIATION_LINK_ONLY, 0);
}

void dnp3_task_alive(struct dnp3_association *a)
{
    a->link_check = false;
    if (a->out.kind == REQUEST_LINK_STATUS)
        a->out.kind = REQUEST_NONE;
    if (a->online)
        return;
    a->online = true;
    association_event(a, DNP3_ASSOCIATION_ONLINE, 0);
}

void dnp3_task_disconnected(struct dnp3_association *a)
{
    a->online = false; /* no request is taken from here on */
    dnp3_request_disconnected(a);
    silent(a);
    a->out.kind = REQUEST_NONE;
    a->follow_up = REQUEST_NONE;
    a->wanted = 0;
}
