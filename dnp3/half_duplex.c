/* SPDX-License-Identifier: Apache-2.0 */
/* Half-duplex channels: one station speaks at a time, so one request is on the wire at a time over
 * all associations, an owed confirm holds the channel for a while, and nothing stands between
 * SELECT and OPERATE (rules 5, 6, 13). */
#include "dnp3/association_internal.h"

/* An outstation that waits for our confirm says nothing before it. */
static bool waits_for_confirm(const struct dnp3_association *a)
{
    return a->solicited.state != OWED_NONE && a->solicited.more;
}

static bool is_answering(const struct dnp3_association *a)
{
    return association_awaits_link(a) || (a->out.kind != REQUEST_NONE && !waits_for_confirm(a));
}

/* Its OPERATE or time is to follow. Not for ever, where its link takes no data. */
static bool is_between(const struct dnp3_association *a)
{
    if (a->follow_up == REQUEST_OPERATE)
        return association_now(a) - a->select_answered_ms <= a->config->operate_within_ms;
    return a->follow_up != REQUEST_NONE && !a->link_full;
}

bool dnp3_half_duplex_may_reply(const struct dnp3_association *a)
{
    for (const struct dnp3_association *b = a->master->associations; b; b = b->next)
        if (b != a && (is_answering(b) || is_between(b)))
            return false;
    return true;
}

/* An outstation answers a READ when its unsolicited fragment is confirmed, all else at once. */
bool dnp3_half_duplex_may_confirm(const struct dnp3_association *a)
{
    return !is_between(a) && (!is_answering(a) || a->out.function == DNP3_FUNCTION_READ) &&
           dnp3_half_duplex_may_reply(a);
}

static uint64_t held_until(const struct dnp3_association *a, const struct owed *owed)
{
    if (owed->state == OWED_READY && association_takes_data(a))
        return DNP3_NEVER; /* it leaves first */
    return owed->state == OWED_HELD ? owed->yields_ms : 0;
}

static uint64_t later(uint64_t x, uint64_t y)
{
    return x > y ? x : y;
}

/* Controls come before what others ask, and so does the question whether anybody is there. */
static bool goes_first(const struct dnp3_association *b, const struct dnp3_association *a)
{
    bool urgent = b->probe_due || (b->commands && !b->link_full);
    return b->link_reply || (urgent && !a->commands && !a->probe_due);
}

/* When `a` may send a request: 0 is now, NEVER is after something else has happened. */
static uint64_t free_at(const struct dnp3_association *a)
{
    bool follows = is_between(a);
    uint64_t at = 0;
    for (const struct dnp3_association *b = a->master->associations; b; b = b->next) {
        if (b == a)
            continue;
        if (is_answering(b) || (!follows && (is_between(b) || goes_first(b, a))))
            return DNP3_NEVER;
        if (!follows)
            at = later(at, later(held_until(b, &b->solicited), held_until(b, &b->unsolicited)));
    }
    return at > association_now(a) ? at : 0;
}

bool dnp3_half_duplex_may_request(const struct dnp3_association *a)
{
    return free_at(a) == 0;
}

void dnp3_half_duplex_requested(struct dnp3_association *a)
{
    for (struct dnp3_association *b = a->master->associations; b; b = b->next)
        if (b != a)
            dnp3_confirm_yield(b);
}

/* Something that would have left already, so that no deadline speaks of it. */
static bool is_waiting(const struct dnp3_association *a)
{
    bool owes = a->solicited.state != OWED_NONE || a->unsolicited.state != OWED_NONE;
    return a->commands || a->probe_due ||
           (!owes && !a->master->broadcasts &&
            (a->link_check || (a->requests && !a->request_attempts) ||
             dnp3_file_waits_for_line(a)));
}

uint64_t dnp3_half_duplex_deadline(const struct dnp3_association *a, uint64_t deadline)
{
    uint64_t at = free_at(a);
    if (a->out.kind != REQUEST_NONE || association_awaits_link(a) || at == 0)
        return deadline;
    if (at == DNP3_NEVER)
        return DNP3_NEVER;
    return is_waiting(a) && !a->link_full ? at : later(at, deadline);
}
