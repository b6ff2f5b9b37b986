/* SPDX-License-Identifier: Apache-2.0 */
/* Owed confirms: what the outstation waits for, when it may leave, when it is void (rules 1 to 5).
 * A stale confirm would delete events that are not safe, so every path here ends in "none" unless
 * the host said "safe" in time. */
#include "dnp3/association_internal.h"

uint32_t dnp3_confirm_token(struct dnp3_association *a)
{
    if (++a->next_token == 0)
        a->next_token = 1;
    return a->next_token;
}

/* No confirm leaves later than the outstation's timeout less a tenth and a round trip, but a short
 * timeout on a slow line keeps half of it (rule 4). */
static uint64_t expiry(const struct dnp3_association *a)
{
    uint64_t timeout = a->config->confirm_timeout_ms;
    uint64_t margin = timeout / 10 + a->round_trip_ms;
    if (margin > timeout / 2)
        margin = timeout / 2;
    return association_now(a) + timeout - margin;
}

void dnp3_confirm_owe(struct dnp3_association *a, struct owed *owed, enum dnp3_verdict verdict,
                      uint32_t token, uint8_t sequence, bool more)
{
    *owed = (struct owed){0};
    if (verdict == DNP3_CONFIRM_REFUSE)
        return;
    *owed = (struct owed){.token = token,
                          .sequence = sequence,
                          .more = more,
                          .expires_ms = expiry(a),
                          .yields_ms = association_now(a) + YIELD_MS,
                          .state = verdict == DNP3_CONFIRM_NOW ? OWED_READY : OWED_HELD};
}

void dnp3_confirm_void(struct dnp3_association *a, struct owed *owed)
{
    bool held = owed->state == OWED_HELD;
    uint32_t token = owed->token;
    *owed = (struct owed){0};
    if (!held)
        return;
    a->counters.voids++;
    if (owed == &a->solicited) /* the outstation keeps its events, but does not repeat them */
        dnp3_task_read_events_later(a, a->config->retry_min_ms);
    if (a->callbacks->voided)
        a->callbacks->voided(a->user, token);
}

/* The repeat of an unsafe fragment whose hold has expired is still known by `last`; when that is
 * forgotten the host must not go on delivering it either. */
void dnp3_confirm_forget_unsolicited(struct dnp3_association *a)
{
    uint32_t token = a->last.token;
    bool open = a->last.valid && !a->last.safe && a->unsolicited.state == OWED_NONE;
    a->last = (struct last_unsolicited){0};
    dnp3_confirm_void(a, &a->unsolicited);
    if (open && a->callbacks->voided)
        a->callbacks->voided(a->user, token);
}

void dnp3_confirm_recall(struct dnp3_association *a, uint8_t sequence)
{
    uint8_t confirm[] = {DNP3_APP_FIR | DNP3_APP_FIN | DNP3_APP_UNS, DNP3_FUNCTION_CONFIRM};
    confirm[0] |= sequence;
    if (association_awaits_link(a) && a->primary->length == sizeof confirm &&
        memcmp(a->primary->fragment, confirm, sizeof confirm) == 0)
        dnp3_primary_expire(a->primary, association_now(a));
}

void dnp3_confirm_restarted(struct dnp3_association *a)
{
    bool more = a->solicited.more;
    dnp3_confirm_forget_unsolicited(a);
    dnp3_confirm_void(a, &a->solicited);
    if (more)
        dnp3_task_failed(a);
}

int dnp3_association_confirm(struct dnp3_association *a, uint32_t token)
{
    if (token && a->last.valid && a->last.token == token)
        a->last.safe = true;
    struct owed *owed = a->solicited.token == token ? &a->solicited : &a->unsolicited;
    if (!token || owed->token != token || owed->state != OWED_HELD)
        return DNP3_ERR_VOID;
    owed->state = OWED_READY;
    return 0;
}

/* Not kept: it is read again, also where the outstation has stopped repeating it by then. */
void dnp3_confirm_refused(struct dnp3_association *a)
{
    a->counters.refusals++;
    dnp3_task_read_events_later(a, a->config->retry_min_ms);
}

void dnp3_association_refuse(struct dnp3_association *a, uint32_t token)
{
    if (!token)
        return;
    if (a->last.valid && a->last.token == token)
        a->last = (struct last_unsolicited){0};
    struct owed *owed = a->solicited.token == token ? &a->solicited : &a->unsolicited;
    if (owed->token != token || owed->state != OWED_HELD)
        return;
    bool series = owed == &a->solicited && owed->more;
    *owed = (struct owed){0};
    dnp3_confirm_refused(a);
    if (series)
        dnp3_task_failed(a);
}

static bool write_confirm(struct dnp3_association *a, struct owed *owed, uint8_t uns,
                          struct dnp3_writer *out)
{
    if (owed->state != OWED_READY)
        return false;
    if (association_now(a) >= owed->expires_ms) {
        dnp3_confirm_tick(a);
        return false;
    }
    struct dnp3_app_header header = {
        .control = (uint8_t)(DNP3_APP_FIR | DNP3_APP_FIN | uns | owed->sequence),
        .function = DNP3_FUNCTION_CONFIRM};
    dnp3_app_write(out, &header);
    a->counters.confirms++;
    a->terms = (struct dnp3_primary_terms){
        .once = true, .retries = a->config->link_retries, .expires_ms = owed->expires_ms};
    *owed = (struct owed){0};
    return true;
}

bool dnp3_confirm_next(struct dnp3_association *a, struct dnp3_writer *out)
{
    if (write_confirm(a, &a->unsolicited, DNP3_APP_UNS, out))
        return true;
    bool more = a->solicited.more;
    if (!write_confirm(a, &a->solicited, 0, out))
        return false;
    if (more) /* rule 3: the next fragment's timer starts when our confirm leaves */
        a->out.deadline_ms = association_now(a) + a->config->response_timeout_ms;
    return true;
}

static uint64_t owed_deadline(const struct owed *owed)
{
    return owed->state == OWED_NONE ? DNP3_NEVER : owed->expires_ms;
}

uint64_t dnp3_confirm_deadline(const struct dnp3_association *a)
{
    return dnp3_earlier(owed_deadline(&a->solicited), owed_deadline(&a->unsolicited));
}

static void late(struct dnp3_association *a)
{
    a->counters.confirm_late++;
    association_event(a, DNP3_ASSOCIATION_CONFIRM_LATE, 0);
}

/* An unsolicited hold that expires only ends the right to confirm: the host goes on delivering, and
 * the outstation's repeat renews the hold, or its events are read when it has stopped repeating. */
static void expire_unsolicited(struct dnp3_association *a)
{
    a->unsolicited = (struct owed){0};
    dnp3_task_read_events_later(a, a->config->retry_min_ms + a->config->confirm_timeout_ms);
    late(a);
}

/* A solicited one is over: what it carried comes again with the next READ, so the host is told. */
static void expire_solicited(struct dnp3_association *a)
{
    bool more = a->solicited.more;
    dnp3_confirm_void(a, &a->solicited);
    late(a);
    if (more)
        dnp3_task_failed(a);
}

void dnp3_confirm_tick(struct dnp3_association *a)
{
    uint64_t now = association_now(a);
    if (a->unsolicited.state != OWED_NONE && now >= a->unsolicited.expires_ms)
        expire_unsolicited(a);
    if (a->solicited.state != OWED_NONE && now >= a->solicited.expires_ms)
        expire_solicited(a);
}

void dnp3_confirm_yield(struct dnp3_association *a)
{
    uint64_t now = association_now(a);
    if (a->unsolicited.state == OWED_HELD && now >= a->unsolicited.yields_ms)
        expire_unsolicited(a);
    if (a->solicited.state == OWED_HELD && now >= a->solicited.yields_ms)
        expire_solicited(a);
}
