/* SPDX-License-Identifier: Apache-2.0 */
/* Fragments and points of a session: what is published, and whether the fragment may be confirmed
 * now, later or not at all. A fragment's events enter the outbox all together or not. */
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/command/command_check.h"
#include "gateway/session/session_internal.h"

enum {
    UNNAMED = 1 << 30, /* tokens count from 1 */
    DAY_MS = 24 * 60 * 60 * 1000
};

static const int64_t year_2000_ms = 946684800000;

static void on_fragment(void *user, const struct dnp3_fragment *fragment)
{
    struct gw_session *s = user;
    bool guarded = fragment->confirm_wanted && (gw_session_guards(s) || !s->takes_events);
    bool foreign = !gw_session_is_proved(s);
    s->heard_wall_ms = gw_clock_wall_ms();
    gw_session_heard(s);
    s->fragment = (struct session_fragment){
        .token = fragment->token,
        .received_ms = s->heard_wall_ms,
        .carrier = fragment->token ? fragment->token : UNNAMED + s->unnamed++ % UNNAMED,
        .clock_trusted = gw_clock_trusted(s->shared->config->clock),
        .foreign = foreign,
        .guarded = guarded || (foreign && fragment->confirm_wanted),
        .skipping = foreign || (guarded && (s->withholding || !s->takes_events))};
    uint16_t iin = fragment->iin & (DNP3_IIN_NEED_TIME | DNP3_IIN_LOCAL_CONTROL |
                                    DNP3_IIN_DEVICE_TROUBLE | DNP3_IIN_DEVICE_RESTART |
                                    DNP3_IIN_EVENT_BUFFER_OVERFLOW | DNP3_IIN_CONFIG_CORRUPT);
    if (iin != s->iin) {
        s->iin = iin;
        s->status_due = true;
        gw_session_due(s);
    }
}

/* Where a point's time comes from, in the words of the message. */
static void set_time(struct gw_session *s, struct gw_point_state *state,
                     const struct dnp3_point *point)
{
    const struct session_fragment *fragment = &s->fragment;
    state->received_ms = fragment->received_ms;
    if (point->time_quality == DNP3_TIME_NONE) {
        state->time_ms = fragment->received_ms;
        state->time_source =
            fragment->clock_trusted ? GW_TIME_GATEWAY : GW_TIME_GATEWAY_UNSYNCHRONIZED;
        return;
    }
    bool credible = point->time_ms >= year_2000_ms &&
                    (!fragment->clock_trusted || point->time_ms <= fragment->received_ms + DAY_MS);
    state->time_ms = point->time_ms;
    state->time_source = point->time_quality == DNP3_TIME_SYNCHRONIZED && credible
                             ? GW_TIME_OUTSTATION
                             : GW_TIME_OUTSTATION_UNSYNCHRONIZED;
}

static void fill_value(const struct gw_point_state *state, enum dnp3_point_type type,
                       enum gw_source source, struct gw_point_value *value)
{
    *value = (struct gw_point_value){.type = type,
                                     .flags = state->flags,
                                     .floating = state->floating,
                                     .single = state->single,
                                     .delta = state->delta,
                                     .source = source,
                                     .time_source = state->time_source,
                                     .time_ms = state->time_ms,
                                     .received_ms = state->received_ms};
    if (type == DNP3_POINT_OCTET_STRING) {
        value->octets = state->octets;
        value->length = state->length;
    } else {
        value->number = state->number;
    }
}

/* Nothing will ever make it fit: said once, and the rest goes on. */
static void unpublishable(struct gw_session *s, const struct gw_map_point *point, uint32_t index)
{
    char name[GW_TOPIC_MAX];
    if (!s->unpublishable_told)
        gw_log(GW_LOG_ERROR, s->config->name,
               "%s is not published: its message would be larger than %d octets; "
               "shorten its unit or its states",
               gw_map_point_name(point, index, name, sizeof name), GW_PAYLOAD_MAX);
    s->unpublishable_told = true;
}

/* Not now: the newest value goes out when the broker is back, the outbox has room, or older events
 * of the point have come back from the spool. */
static void put_off(struct gw_session *s, struct gw_point_state *state)
{
    state->dirty = true;
    state->forced = false;
    s->points_due = true;
    s->flush_from = 0;
    if (gw_publisher_online(s->shared->publisher))
        gw_session_due(s);
}

/* The first message of a fragment opens it. */
void gw_session_open_transaction(struct gw_session *s)
{
    if (!s->fragment.open)
        gw_outbox_begin(gw_publisher_outbox(s->shared->publisher), s, s->fragment.token,
                        s->fragment.guarded);
    s->fragment.open = true;
}

static void put(struct gw_session *s, const struct gw_map_point *point,
                struct gw_point_state *state, enum dnp3_point_type type,
                const struct dnp3_point *wire, enum gw_source source)
{
    struct session_fragment *fragment = &s->fragment;
    struct gw_publisher *publisher = s->shared->publisher;
    struct gw_point_value value;
    gw_session_open_transaction(s);
    fill_value(state, type, source, &value);
    if (type == DNP3_POINT_OCTET_STRING) { /* also where there was no memory to keep it */
        value.octets = wire->octets;
        value.length = wire->length;
    }
    int error = gw_publisher_put_point(publisher, s->config, point, wire->index, &value, true);
    if (error == GW_OUTBOX_BEHIND && source != GW_SOURCE_EVENT) {
        put_off(s, state);
        return;
    }
    fragment->behind |= error == GW_OUTBOX_BEHIND;
    if (error == GW_OUTBOX_TOO_LARGE)
        unpublishable(s, point, wire->index);
    else
        fragment->sent = true;
    state->carrier = fragment->carrier;
    state->dirty = state->forced = false;
}

/* Takes the value over; true where it is new. A point for which there is no place any more is
 * always new, and only its events can be published. */
static bool keep(struct gw_point_state *state, enum dnp3_point_type type,
                 const struct dnp3_point *wire, bool homeless)
{
    if (!homeless)
        return gw_point_store_set(state, type, wire);
    *state = (struct gw_point_state){.flags = wire->flags};
    if (type != DNP3_POINT_OCTET_STRING)
        state->number = wire->number;
    return true;
}

static void take_point(struct gw_session *s, const struct dnp3_object_header *header,
                       const struct dnp3_point *wire, bool event)
{
    enum dnp3_point_type type = header->row->type;
    const struct gw_map_point *point = gw_mapping_point(s->config->mapping, type, wire->index);
    struct gw_point_state *state =
        point ? gw_point_store_find(&s->points, point, wire->index) : NULL;
    struct gw_point_state passing;
    bool homeless = !state;
    if (!point)
        return;
    if (homeless && !s->homeless_told)
        gw_log(
            GW_LOG_ERROR, s->config->name,
            "no place for more points that no mapping names: of those only events are published");
    s->homeless_told |= homeless;
    if (homeless && !event)
        return;
    if (homeless)
        state = &passing;
    bool changed = keep(state, type, wire, homeless);
    state->floating =
        header->row->encoding == DNP3_ENCODING_F32 || header->row->encoding == DNP3_ENCODING_F64;
    state->single = header->row->encoding == DNP3_ENCODING_F32;
    set_time(s, state, wire);
    if (s->config->mapping->control_count && !gw_map_point_is_default(point) &&
        type != DNP3_POINT_OCTET_STRING)
        gw_controls_point(s->shared->controls, s->config, point,
                          gw_map_point_value(point, wire->number));
    if (point->publish == GW_PUBLISH_NEVER)
        return;
    if (event) {
        put(s, point, state, type, wire, GW_SOURCE_EVENT);
    } else if (changed || state->forced || state->dirty || point->publish == GW_PUBLISH_ALWAYS) {
        if (gw_publisher_online(s->shared->publisher) && !s->full)
            put(s, point, state, type, wire, GW_SOURCE_STATIC);
        else
            put_off(s, state);
    }
}

/* A change since the last one reported: nothing to keep, every one counts. */
static void take_delta(struct gw_session *s, const struct dnp3_object_header *header,
                       const struct dnp3_point *wire, bool event)
{
    enum dnp3_point_type type = header->row->type;
    const struct gw_map_point *point = gw_mapping_point(s->config->mapping, type, wire->index);
    struct gw_point_state passing = {.delta = true, .flags = wire->flags, .number = wire->number};
    if (!point || point->publish == GW_PUBLISH_NEVER)
        return;
    set_time(s, &passing, wire);
    if (event || (gw_publisher_online(s->shared->publisher) && !s->full)) {
        put(s, point, &passing, type, wire, event ? GW_SOURCE_EVENT : GW_SOURCE_STATIC);
        return;
    }
    if (!s->delta_told)
        gw_log(GW_LOG_ERROR, s->config->name,
               "g%uv%u: a change was read while the broker could not be told of it, and is lost: "
               "have the outstation report it as an event",
               header->group, header->variation);
    s->delta_told = true;
}

static void on_points(void *user, const struct dnp3_object_header *header,
                      const struct dnp3_point *points, size_t count)
{
    struct gw_session *s = user;
    bool event = header->row->kind == DNP3_KIND_EVENT;
    if (!gw_map_type_is_published(header->row->type) || s->fragment.foreign ||
        (event && s->fragment.skipping))
        return;
    for (size_t i = 0; i < count; i++) {
        if (header->row->delta) /* must never pass for a total */
            take_delta(s, header, &points[i], event);
        else
            take_point(s, header, &points[i], event);
    }
}

static bool close_transaction(struct gw_session *s, const struct dnp3_fragment *fragment)
{
    struct gw_outbox *outbox = gw_publisher_outbox(s->shared->publisher);
    if (!s->fragment.open)
        return true;
    if (s->fragment.behind)
        gw_outbox_cancel(outbox);
    else if (!gw_outbox_commit(outbox))
        return true;
    gw_session_mark_carried(s, s->fragment.carrier);
    gw_session_outbox_full(s);
    if (fragment->events && !s->fragment.guarded && !s->lost_events++)
        gw_log(GW_LOG_ERROR, s->config->name,
               "events lost: the outbox has no room for them and they cannot be withheld");
    return false;
}

/* What answers a READ of ours has no events in it where another master takes them. */
static bool has_no_events(const struct gw_session *s, const struct dnp3_fragment *fragment)
{
    return !s->takes_events && !fragment->unsolicited && !fragment->events && !fragment->damaged;
}

static enum dnp3_verdict on_fragment_end(void *user, const struct dnp3_fragment *fragment)
{
    struct gw_session *s = user;
    if (gw_session_is_poison(s, fragment) && s->fragment.guarded) {
        if (s->fragment.open) {
            gw_outbox_cancel(gw_publisher_outbox(s->shared->publisher));
            gw_session_mark_carried(s, s->fragment.carrier);
        }
        gw_controls_settle(s->shared->controls);
        return DNP3_CONFIRM_REFUSE;
    }
    bool sent = s->fragment.sent;
    bool kept = close_transaction(s, fragment);
    gw_controls_settle(s->shared->controls);
    if (!s->fragment.guarded)
        return DNP3_CONFIRM_NOW;
    if (!kept || (s->fragment.skipping && !has_no_events(s, fragment)))
        return DNP3_CONFIRM_REFUSE;
    if (!sent)
        return DNP3_CONFIRM_NOW;
    gw_session_hold(s, fragment);
    return DNP3_CONFIRM_HOLD;
}

/* The events come again; the static values that stood beside them may not. */
static void on_voided(void *user, uint32_t token)
{
    struct gw_session *s = user;
    gw_session_hold_ends(s, token);
    if (gw_outbox_withdraw(gw_publisher_outbox(s->shared->publisher), s, token))
        gw_session_mark_carried(s, token);
}

static int64_t on_wall_clock(void *user)
{
    struct gw_session *s = user;
    return gw_clock_trusted(s->shared->config->clock) ? gw_clock_wall_ms() : -1;
}

static void on_attribute(void *user, const struct dnp3_object_header *header,
                         const struct dnp3_attribute *attribute)
{
    struct gw_session *s = user;
    (void)header;
    gw_session_identity_attribute(s, attribute);
    if (s->shared->commands)
        gw_commands_attribute(s->shared->commands, s->config, attribute);
}

static bool on_line_clear(void *user)
{
    struct gw_session *s = user;
    return gw_line_clear(s->line);
}

/* Asked for long ago perhaps, behind other requests: a crew may have set its switch meanwhile. */
static bool on_may_act(void *user)
{
    const struct gw_session *s = user;
    const char *detail = NULL;
    return gw_command_check_switches(s->shared->config, s->config,
                                     gw_controls_switch_file(s->shared->controls),
                                     &detail) == GW_VERDICT_OK;
}

const struct dnp3_association_callbacks gw_session_callbacks = {
    .fragment = on_fragment,
    .points = on_points,
    .attribute = on_attribute,
    .problem = gw_session_on_problem,
    .fragment_end = on_fragment_end,
    .voided = on_voided,
    .event = gw_session_on_event,
    .wall_clock = on_wall_clock,
    .line_clear = on_line_clear,
    .may_act = on_may_act,
};

/* `force`: the next value counts as new, and what is kept is not worth publishing. */
void gw_session_mark_dirty(struct gw_session *s, bool force)
{
    const struct gw_map_point *point;
    enum dnp3_point_type type;
    uint32_t index;
    size_t places = gw_point_store_places(&s->points);
    for (size_t i = 0; i < places; i++) {
        struct gw_point_state *state = gw_point_store_place(&s->points, i, &point, &type, &index);
        if (!state || !state->known || point->publish == GW_PUBLISH_NEVER)
            continue;
        state->forced |= force;
        state->dirty = !state->forced;
    }
    s->flush_from = 0;
    if (!force) {
        s->points_due = true;
        gw_session_due(s);
    }
}

void gw_session_mark_carried(struct gw_session *s, uint32_t carrier)
{
    const struct gw_map_point *point;
    enum dnp3_point_type type;
    uint32_t index;
    size_t places = gw_point_store_places(&s->points);
    for (size_t i = 0; i < places; i++) {
        struct gw_point_state *state = gw_point_store_place(&s->points, i, &point, &type, &index);
        if (state && state->known && state->carrier == carrier)
            state->dirty = true;
    }
    s->flush_from = 0;
    s->points_due = true;
    gw_session_due(s);
}

static void overlay_lost(struct gw_session *s, struct gw_point_value *value)
{
    int64_t now = gw_clock_wall_ms();
    value->flags = DNP3_FLAG_COMM_LOST;
    value->source = GW_SOURCE_GATEWAY;
    value->time_source = gw_clock_trusted(s->shared->config->clock)
                             ? GW_TIME_GATEWAY
                             : GW_TIME_GATEWAY_UNSYNCHRONIZED;
    value->time_ms = value->received_ms = now;
}

/* Publishes what is kept and not out yet, as long as the outbox is not needed for events. */
bool gw_session_flush_points(struct gw_session *s)
{
    const struct gw_map_point *point;
    enum dnp3_point_type type;
    uint32_t index;
    size_t places = gw_point_store_places(&s->points);
    if (places != s->flush_places) /* a larger table has another order */
        s->flush_from = 0;
    s->flush_places = places;
    for (; s->flush_from < places; s->flush_from++) {
        struct gw_point_state *state =
            gw_point_store_place(&s->points, s->flush_from, &point, &type, &index);
        if (!state || !state->dirty)
            continue;
        struct gw_point_value value;
        fill_value(state, type, GW_SOURCE_STATIC, &value);
        if (s->marked && !gw_map_type_is_command(type)) /* what was commanded stays so */
            overlay_lost(s, &value);
        if (!gw_publisher_roomy(s->shared->publisher))
            return false;
        int error =
            gw_publisher_put_point(s->shared->publisher, s->config, point, index, &value, false);
        if (error == GW_OUTBOX_BEHIND) {
            s->behind = true;
            continue;
        }
        if (error == GW_OUTBOX_TOO_LARGE)
            unpublishable(s, point, index);
        else if (error)
            return false;
        state->dirty = false;
        state->carrier = 0;
    }
    s->flush_from = 0;
    return true;
}
