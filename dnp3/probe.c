/* SPDX-License-Identifier: Apache-2.0 */
/* Is the outstation still at the other end? Asked beside whatever is under way, for a host that has
 * two connections which both say they are this outstation's (rule 21). */
#include "dnp3/association_internal.h"

/* Only confirms may stand between SELECT and OPERATE (rule 13). */
static bool is_selecting(const struct dnp3_association *a)
{
    return a->out.kind == REQUEST_SELECT || a->follow_up == REQUEST_OPERATE;
}

int dnp3_association_probe(struct dnp3_association *a, uint32_t within_ms, uint64_t now_ms)
{
    uint64_t from = now_ms;
    if (!a->master->connected)
        return DNP3_ERR_OFFLINE;
    if (a->probe_until_ms)
        return 0;
    a->master->now_ms = now_ms;
    if (a->master->config.half_duplex) { /* in its turn, and its time begins then */
        a->probe_within_ms = within_ms;
        a->probe_until_ms = DNP3_NEVER;
        a->probe_due = true;
        return 0;
    }
    /* Its answer is as good, or the question leaves when there is none. */
    if (a->out.kind == REQUEST_SELECT && a->out.deadline_ms > from &&
        a->out.deadline_ms != DNP3_NEVER)
        from = a->out.deadline_ms;
    a->probe_until_ms = from + within_ms;
    a->probe_due = a->out.kind != REQUEST_LINK_STATUS; /* else it has just been asked */
    return 0;
}

/* It is a request as any other there, but others wait for it. */
static bool next_half_duplex(struct dnp3_association *a)
{
    if (a->out.kind != REQUEST_NONE || a->follow_up != REQUEST_NONE ||
        !dnp3_half_duplex_may_request(a))
        return false;
    dnp3_half_duplex_requested(a);
    dnp3_task_ask_link(a, a->probe_within_ms);
    a->probe_until_ms = a->out.deadline_ms;
    a->probe_due = false;
    return true;
}

bool dnp3_probe_next(struct dnp3_association *a)
{
    if (!a->probe_due || is_selecting(a))
        return false;
    if (a->master->config.half_duplex)
        return next_half_duplex(a);
    a->probe_due = false;
    return true;
}

static void end(struct dnp3_association *a, enum dnp3_association_event event)
{
    dnp3_probe_forget(a);
    association_event(a, event, 0);
}

void dnp3_probe_heard(struct dnp3_association *a)
{
    if (a->probe_until_ms)
        end(a, DNP3_ASSOCIATION_PROBE_ANSWERED);
}

uint64_t dnp3_probe_deadline(const struct dnp3_association *a)
{
    return a->probe_until_ms ? a->probe_until_ms : DNP3_NEVER;
}

void dnp3_probe_tick(struct dnp3_association *a)
{
    if (a->probe_until_ms && association_now(a) >= a->probe_until_ms)
        end(a, DNP3_ASSOCIATION_PROBE_FAILED);
}

void dnp3_probe_forget(struct dnp3_association *a)
{
    a->probe_until_ms = 0;
    a->probe_due = false;
}
