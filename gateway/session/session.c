/* SPDX-License-Identifier: Apache-2.0 */
/* A session's life, and what broker and line tell it. */
#include "gateway/session/session.h"

#include "dnp3/error.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/session/session_internal.h"

/* How long a full outbox, or a broker that refuses, is left alone. */
enum { FULL_PAUSE_MS = 1000, REFUSED_PAUSE_MS = 30000 };

struct gw_session *gw_session_create(const struct gw_session_shared *shared,
                                     const struct gw_outstation_config *config,
                                     const struct dnp3_association_config *behaviour,
                                     struct gw_line *line)
{
    struct gw_session *s = gw_memory_allocate(GW_OWNER_SESSIONS, sizeof *s);
    if (!s)
        return NULL;
    s->shared = shared;
    s->config = config;
    s->behaviour = behaviour;
    s->line = line;
    s->takes_events = dnp3_association_takes_events(behaviour);
    s->state = line ? GW_STATE_CONNECTING : GW_STATE_DISABLED;
    s->reason = line ? GW_REASON_OK : GW_REASON_DISABLED;
    s->since_ms = gw_clock_wall_ms();
    s->awaited_ms = session_now(s);
    s->held[0].secure_ms = s->held[1].secure_ms = GW_NEVER;
    s->status_due = s->meta_due = true;
    if (line && shared->config->channels[config->channel].type == GW_CHANNEL_TCP_LISTEN)
        gw_session_await_call(s);
    if (gw_point_store_init(&s->points, config->mapping) || gw_session_deadbands_init(s) ||
        gw_session_identity_init(s) ||
        (line && dnp3_association_create(gw_line_master(line), config->address, behaviour,
                                         &gw_session_callbacks, s, &s->association))) {
        gw_session_free(s);
        return NULL;
    }
    if (line)
        gw_line_add(line, s);
    gw_session_update_withholding(s);
    return s;
}

void gw_session_free(struct gw_session *s)
{
    if (!s)
        return;
    gw_outbox_forget(gw_publisher_outbox(s->shared->publisher), s);
    gw_point_store_clear(&s->points);
    gw_memory_release(s->deadbands);
    gw_memory_release(s->identity);
    gw_session_looks_free(s);
    gw_memory_release(s->detail);
    gw_memory_release(s);
}

void gw_session_due(struct gw_session *s)
{
    s->shared->due(s->shared->user);
}

bool gw_session_probe(struct gw_session *s, uint32_t within_ms)
{
    return dnp3_association_probe(s->association, within_ms, session_now(s)) == 0;
}

uint64_t gw_session_heard_ms(const struct gw_session *s)
{
    return dnp3_association_heard(s->association);
}

struct gw_session *gw_session_next(const struct gw_session *s)
{
    return s->next;
}

void gw_session_chain(struct gw_session *s, struct gw_session *next)
{
    s->next = next;
}

/* Nowhere safe to put events: the outstation keeps them (scope rule 7). */
void gw_session_update_withholding(struct gw_session *s)
{
    bool withholding =
        s->association && gw_session_guards(s) && (s->full || gw_session_nowhere_safe(s));
    if (s->association)
        dnp3_association_withhold(s->association, withholding || !gw_session_is_proved(s));
    if (withholding == s->withholding)
        return;
    s->withholding = withholding;
    s->status_due = true;
    gw_session_due(s);
}

/* Not into what the outbox keeps back for results of controls. */
static void flush_due_status(struct gw_session *s)
{
    if (s->status_due && gw_publisher_has_room(s->shared->publisher) &&
        !gw_publisher_crowded(s->shared->publisher))
        gw_session_flush_status(s);
}

void gw_session_broker(struct gw_session *s, bool online)
{
    gw_session_update_withholding(s);
    gw_session_secure_held(s);
    if (online) {
        s->status_due = s->points_due = true;
        flush_due_status(s); /* of all before anything else: the retained ones are stale */
        gw_session_due(s);
    }
    if (s->line)
        gw_line_pump(s->line);
}

void gw_session_journal(struct gw_session *s)
{
    gw_session_update_withholding(s);
    gw_session_secure_held(s);
    if (s->line)
        gw_line_pump(s->line);
}

void gw_session_republish(struct gw_session *s)
{
    s->meta_due = true;
    gw_session_mark_dirty(s);
}

void gw_session_left_out(struct gw_session *s)
{
    gw_session_mark_dirty(s);
}

void gw_session_safe(struct gw_session *s, uint32_t token)
{
    gw_session_hold_ends(s, token);
    if (dnp3_association_confirm(s->association, token) == 0)
        gw_line_pump(s->line);
}

void gw_session_refused(struct gw_session *s, uint32_t token)
{
    gw_session_hold_ends(s, token);
    dnp3_association_refuse(s->association, token);
    gw_session_mark_carried(s, token);
    s->full = true;
    s->full_until_ms = session_now(s) + REFUSED_PAUSE_MS;
    gw_session_update_withholding(s);
    gw_line_pump(s->line);
}

static bool may_ask(const struct gw_session *s)
{
    return s->association && gw_session_is_proved(s);
}

/* What the library took leaves at once, where the line is free. */
static int send_on(struct gw_session *s, int error)
{
    if (!error)
        gw_line_pump(s->line);
    return error;
}

int gw_session_operate(struct gw_session *s, struct dnp3_command_request *request)
{
    if (!may_ask(s) || gw_session_sleeps(s))
        return DNP3_ERR_OFFLINE;
    return send_on(s, dnp3_association_command(s->association, request));
}

int gw_session_request(struct gw_session *s, struct dnp3_request *request)
{
    if (!may_ask(s))
        return DNP3_ERR_OFFLINE;
    return send_on(s, dnp3_association_request(s->association, request));
}

int gw_session_file(struct gw_session *s, struct dnp3_file_transfer *transfer)
{
    if (!may_ask(s))
        return DNP3_ERR_OFFLINE;
    return send_on(s, dnp3_association_file(s->association, transfer));
}

/* Who shares the line hears a broadcast too. */
static bool all_are_proved(const struct gw_line *line)
{
    const struct gw_session *s = gw_line_sessions(line);
    while (s && gw_session_is_proved(s))
        s = gw_session_next(s);
    return !s;
}

int gw_session_broadcast(struct gw_session *s, struct dnp3_broadcast *broadcast)
{
    if (!s->association || !all_are_proved(s->line))
        return DNP3_ERR_OFFLINE;
    return send_on(s, dnp3_master_broadcast(gw_line_master(s->line), broadcast));
}

int gw_session_sync_time(struct gw_session *s)
{
    if (!may_ask(s) || !dnp3_association_online(s->association))
        return DNP3_ERR_OFFLINE;
    int error = dnp3_association_demand(s->association, DNP3_DEMAND_TIME);
    gw_line_pump(s->line);
    return error;
}

int gw_session_decode(struct gw_session *s, uint32_t for_ms)
{
    if (!s->line)
        return DNP3_ERR_OFFLINE;
    bool done = gw_line_decode(s->line, s->config->name, s->config->address, for_ms);
    return done ? 0 : DNP3_ERR_FULL;
}

static void check_room(struct gw_session *s)
{
    if (!s->full || session_now(s) < s->full_until_ms ||
        !gw_publisher_has_room(s->shared->publisher))
        return;
    s->full = false;
    gw_session_update_withholding(s);
    gw_line_pump(s->line);
}

static void look_behind(struct gw_session *s)
{
    if (!s->behind)
        return;
    s->behind = false;
    s->points_due = true;
    gw_session_due(s);
}

void gw_session_tick(struct gw_session *s)
{
    check_room(s);
    look_behind(s);
    gw_session_check_lost(s);
    gw_session_check_silence(s);
    gw_session_identity_tick(s);
    if (gw_session_looks_go(s))
        gw_line_pump(s->line);
}

static void flush_meta(struct gw_session *s)
{
    char topic[GW_TOPIC_MAX];
    int size = gw_payload_meta(NULL, 0, s->shared->config, s->config);
    char *meta = size < 0 ? NULL : gw_memory_allocate(GW_OWNER_SESSIONS, (size_t)size + 1);
    if (!meta)
        return;
    int length = gw_payload_meta(meta, (size_t)size + 1, s->shared->config, s->config);
    if (length > 0 &&
        gw_topic_outstation(s->shared->config, GW_TOPIC_META, s->config, topic, sizeof topic) > 0) {
        int error = gw_publisher_send(s->shared->publisher, topic, meta, (size_t)length, true);
        s->meta_due = error == GW_OUTBOX_FULL;
        if (error && !s->meta_due)
            gw_log(GW_LOG_WARNING, s->config->name, "meta not published: %s",
                   gw_outbox_error_text(error));
    }
    gw_memory_release(meta);
}

bool gw_session_flush(struct gw_session *s)
{
    if (!gw_publisher_online(s->shared->publisher))
        return true; /* all of it is due again when the broker is back */
    flush_due_status(s);
    if (s->meta_due && gw_publisher_roomy(s->shared->publisher))
        flush_meta(s);
    if (s->points_due)
        s->points_due = !gw_session_flush_points(s);
    return !s->status_due && !s->meta_due && !s->points_due;
}

bool gw_session_stop(struct gw_session *s)
{
    if (s->state == GW_STATE_DISABLED)
        return true;
    gw_session_set_state(s, GW_STATE_OFFLINE, GW_REASON_GATEWAY_STOPPED, NULL);
    flush_due_status(s);
    return !s->status_due;
}

void gw_session_detach(struct gw_session *s)
{
    s->line = NULL;
    s->association = NULL;
    gw_outbox_forget(gw_publisher_outbox(s->shared->publisher), s);
}

enum gw_state gw_session_state(const struct gw_session *s)
{
    return s->state;
}

void gw_session_outbox_full(struct gw_session *s)
{
    if (!s->full)
        gw_log(GW_LOG_WARNING, s->config->name,
               "the outbox has no room for events: they stay in the outstation until there is");
    s->full = true;
    s->full_until_ms = session_now(s) + FULL_PAUSE_MS;
    gw_session_update_withholding(s);
}
