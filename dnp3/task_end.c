/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of what a master asked: answered, refused, silent, the link dead (rules 9 to 12). A
 * refused step is passed over; silence is tried again after a backoff. */
#include "dnp3/association_internal.h"

static const uint16_t refusal =
    DNP3_IIN_NO_FUNC_CODE_SUPPORT | DNP3_IIN_OBJECT_UNKNOWN | DNP3_IIN_PARAMETER_ERROR;

static void check_started(struct dnp3_association *a)
{
    uint8_t left = a->wanted & DNP3_STARTUP_STEPS;
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

static bool is_file(enum request_kind kind)
{
    return kind == REQUEST_FILE_READ || kind == REQUEST_FILE || kind == REQUEST_FILE_CLEANUP;
}

void dnp3_task_answered(struct dnp3_association *a, uint16_t iin)
{
    enum request_kind kind = a->out.kind;
    if (is_user(kind)) {
        dnp3_request_answered(a, iin);
        return;
    }
    if (is_file(kind)) {
        dnp3_file_answered(a, iin);
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
    if (is_file(kind)) {
        dnp3_file_abandoned(a);
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
    if (is_file(kind)) {
        dnp3_file_unanswered(a, DNP3_REASON_INTERRUPTED);
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

static void silent(struct dnp3_association *a, bool link_dead)
{
    a->online = false;
    dnp3_request_silent(a);
    dnp3_file_silent(a, link_dead);
    dnp3_operate_disconnected(a); /* never queued for an outstation that is not online */
}

/* It left a request unanswered: what the host asked for ends, the rest waits until it speaks. */
static void fall_asleep(struct dnp3_association *a)
{
    if (!a->config->report_by_exception)
        return;
    a->asleep = true;
    a->link_check = false;
    dnp3_request_gone(a, DNP3_REASON_NO_ANSWER);
    dnp3_file_gone(a, DNP3_REASON_NO_ANSWER);
}

static void wake_up(struct dnp3_association *a)
{
    if (!a->asleep)
        return;
    a->asleep = false;
    a->link_reset_ms = 0;
    memset(a->backoff, 0, sizeof a->backoff);
}

/* What waits for its backoff was asked of somebody who was not there. */
void dnp3_task_heard(struct dnp3_association *a, bool speaks)
{
    if (a->unheard && speaks) {
        a->link_reset_ms = 0;
        memset(a->backoff, 0, sizeof a->backoff);
    }
    a->unheard = false;
}

/* When it comes back it is as after a reconnect. */
void dnp3_task_link_dead(struct dnp3_association *a)
{
    a->out.kind = REQUEST_NONE;
    a->follow_up = a->follow_up == REQUEST_TIME_WRITE ? REQUEST_NONE : a->follow_up;
    a->link_full = false;
    a->link_check = false;
    a->counters.link_timeouts++;
    silent(a, true);
    a->wanted =
        (dnp3_task_startup_steps(a->config) | dnp3_task_steps_left(a)) & (uint8_t)~a->refused;
    uint8_t failures = 1;
    for (enum request_kind kind = 0; kind < AUTOMATIC_REQUESTS; kind++)
        if (a->backoff[kind].failures > failures)
            failures = a->backoff[kind].failures;
    uint64_t not_before_ms = association_now(a) + dnp3_task_backoff(a, failures);
    for (enum request_kind kind = 0; kind < AUTOMATIC_REQUESTS; kind++)
        a->backoff[kind] = (struct backoff){.failures = failures, .not_before_ms = not_before_ms};
    if (a->primary) {
        dnp3_primary_forget(a->primary);
        a->link_reset_ms = not_before_ms;
    }
    a->started = false;
    a->unheard = true;
    fall_asleep(a);
    association_event(a, DNP3_ASSOCIATION_LINK_DEAD, 0);
}

static void request_failed(struct dnp3_association *a)
{
    enum request_kind kind = a->out.kind;
    a->counters.timeouts++;
    if (kind == REQUEST_SELECT || kind == REQUEST_OPERATE || kind == REQUEST_DIRECT_OPERATE)
        dnp3_operate_timed_out(a);
    else if (is_user(kind))
        dnp3_request_failed(a, DNP3_REASON_NO_ANSWER);
    else if (is_file(kind))
        dnp3_file_unanswered(a, DNP3_REASON_NO_ANSWER);
    else
        dnp3_task_failed(a);
}

static void timed_out(struct dnp3_association *a)
{
    unsigned function = a->out.function;
    if (a->out.kind == REQUEST_LINK_STATUS) {
        dnp3_task_link_dead(a);
        return;
    }
    request_failed(a);
    a->link_check = true; /* is it the application or the line? */
    silent(a, false);
    fall_asleep(a);
    association_event(a, DNP3_ASSOCIATION_TIMEOUT, function);
}

/* The link is reset now or soon; whether it is alive shows then. */
void dnp3_task_undelivered(struct dnp3_association *a, bool answers)
{
    a->link_full = a->link_full && answers;
    if (a->out.kind == REQUEST_NONE || a->out.kind == REQUEST_LINK_STATUS) {
        a->out.kind = REQUEST_NONE; /* a confirm, or what is answered already */
        a->link_check |= !answers && !a->config->report_by_exception;
    } else if (answers) {
        request_failed(a);
    } else {
        timed_out(a);
    }
}

void dnp3_task_link_ready(struct dnp3_association *a)
{
    if (a->link_check && !a->online)
        association_event(a, DNP3_ASSOCIATION_LINK_ONLY, 0);
    a->link_check = false;
}

/* An answer may have come first, and its confirm be held. */
void dnp3_task_delivered(struct dnp3_association *a)
{
    if (!a->solicited.more)
        a->out.deadline_ms = association_now(a) + a->config->response_timeout_ms;
}

void dnp3_task_tick(struct dnp3_association *a)
{
    uint64_t now = association_now(a);
    if (a->out.kind != REQUEST_NONE && now >= a->out.deadline_ms)
        timed_out(a);
    dnp3_file_tick(a);
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
    wake_up(a);
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
    dnp3_request_gone(a, DNP3_REASON_CONNECTION_LOST);
    dnp3_file_gone(a, DNP3_REASON_CONNECTION_LOST);
    silent(a, true);
    a->out.kind = REQUEST_NONE;
    a->follow_up = REQUEST_NONE;
    a->wanted = dnp3_task_steps_left(a);
}
