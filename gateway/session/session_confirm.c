/* SPDX-License-Identifier: Apache-2.0 */
/* When a fragment's events are made safe, and where: by the broker, or, where that takes too long
 * for the outstation's own confirm timeout, by the spool (scope rules 3 to 7). */
#include "gateway/base/log.h"
#include "gateway/session/session_internal.h"

enum {
    HOLD_MAX_MS = 1000,
    HOLD_MIN_MS = 5,
    HALF_DUPLEX_MS = 200, /* an owed confirm holds the channel for all (scope rule 6) */
    HALVINGS_MAX = 6,
    AGAIN_MS = 50 /* the spool takes no more at the moment */
};

/* Which modes may keep an event from being confirmed. */
bool gw_session_guards(const struct gw_session *s)
{
    return s->config->profile->confirm != GW_CONFIRM_RECEIVED;
}

bool gw_session_nowhere_safe(const struct gw_session *s)
{
    bool broker = gw_publisher_online(s->shared->publisher);
    bool journal = gw_publisher_journal(s->shared->publisher);
    switch ((enum gw_confirm)s->config->profile->confirm) {
    case GW_CONFIRM_SAFE:
        return !broker && !journal;
    case GW_CONFIRM_JOURNALED:
        return !journal;
    case GW_CONFIRM_DELIVERED:
        return !broker;
    case GW_CONFIRM_RECEIVED:
        break;
    }
    return false;
}

/* How long the broker may take. Well inside the outstation's timeout, less the way there and back;
 * half of it after each confirm that came too late. */
static uint32_t hold_ms(const struct gw_session *s)
{
    uint32_t timeout = s->config->profile->confirm_timeout_ms;
    uint32_t hold = timeout / 5 * 2 < HOLD_MAX_MS ? timeout / 5 * 2 : HOLD_MAX_MS;
    uint32_t round_trip = dnp3_association_round_trip(s->association);
    hold -= round_trip < hold / 2 ? round_trip : hold / 2;
    if (gw_line_half_duplex(s->line) && hold > HALF_DUPLEX_MS)
        hold = HALF_DUPLEX_MS;
    hold >>= s->halvings;
    return hold > HOLD_MIN_MS ? hold : HOLD_MIN_MS;
}

static uint64_t soonest(const struct gw_session *s)
{
    return s->held[0].secure_ms < s->held[1].secure_ms ? s->held[0].secure_ms
                                                       : s->held[1].secure_ms;
}

static void secure(struct gw_session *s, struct session_hold *hold)
{
    struct gw_outbox *outbox = gw_publisher_outbox(s->shared->publisher);
    bool again = gw_outbox_secure(outbox, s, hold->token) == GW_OUTBOX_FULL;
    hold->secure_ms = again ? session_now(s) + AGAIN_MS : GW_NEVER;
    if (again)
        gw_line_wake_at(s->line, hold->secure_ms);
}

void gw_session_hold(struct gw_session *s, const struct dnp3_fragment *fragment)
{
    uint8_t mode = s->config->profile->confirm;
    struct session_hold *hold = &s->held[fragment->unsolicited];
    *hold = (struct session_hold){.token = fragment->token, .secure_ms = GW_NEVER};
    if (mode == GW_CONFIRM_DELIVERED || !gw_publisher_journal(s->shared->publisher))
        return;
    if (mode == GW_CONFIRM_JOURNALED || !gw_publisher_online(s->shared->publisher) ||
        fragment->during_read) {
        secure(s, hold);
        if (mode == GW_CONFIRM_JOURNALED)
            gw_publisher_flush_journal(s->shared->publisher);
        return;
    }
    hold->secure_ms = session_now(s) + hold_ms(s);
    gw_line_wake_at(s->line, hold->secure_ms);
}

void gw_session_hold_ends(struct gw_session *s, uint32_t token)
{
    for (size_t i = 0; i < 2; i++)
        if (s->held[i].token == token)
            s->held[i] = (struct session_hold){.secure_ms = GW_NEVER};
}

uint64_t gw_session_wake(struct gw_session *s)
{
    for (size_t i = 0; i < 2; i++)
        if (session_now(s) >= s->held[i].secure_ms)
            secure(s, &s->held[i]);
    return soonest(s);
}

/* The broker is gone: what it has not acknowledged by now it will not soon. Or the spool is back.
 */
void gw_session_secure_held(struct gw_session *s)
{
    uint8_t mode = s->config->profile->confirm;
    bool safe = mode == GW_CONFIRM_SAFE && !gw_publisher_online(s->shared->publisher);
    for (size_t i = 0; i < 2; i++)
        if (s->held[i].token && (safe || mode == GW_CONFIRM_JOURNALED))
            secure(s, &s->held[i]);
}

/* Only where the broker was waited for: while it is away, and in the other modes, it is not the
 * hold that was too long. */
void gw_session_confirm_late(struct gw_session *s)
{
    if (s->config->profile->confirm != GW_CONFIRM_SAFE ||
        !gw_publisher_online(s->shared->publisher))
        return;
    if (s->halvings < HALVINGS_MAX)
        s->halvings++;
    gw_log(GW_LOG_INFO, s->config->name,
           "confirmed too late for the outstation: the broker gets %u ms from now on; is "
           "confirm_timeout_s longer than its own?",
           hold_ms(s));
}
