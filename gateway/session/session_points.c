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

/* The first message of a fragment opens it. */
void gw_session_open_transaction(struct gw_session *s)
{
    if (!s->fragment.open)
        gw_outbox_begin(gw_publisher_outbox(s->shared->publisher), s, s->fragment.token,
                        s->fragment.guarded);
    s->fragment.open = true;
}

/* A value on its way from the wire. */
struct arrival {
    const struct dnp3_object_header *header;
    const struct dnp3_point *wire;
    const struct gw_map_point *point;
    bool event;
};

static bool broker_takes(const struct gw_session *s)
{
    return gw_publisher_online(s->shared->publisher) && !s->full;
}

static void put(struct gw_session *s, const struct arrival *arrival, struct gw_point_state *state)
{
    struct session_fragment *fragment = &s->fragment;
    const struct dnp3_point *wire = arrival->wire;
    struct gw_point_value value;
    gw_session_open_transaction(s);
    gw_session_point_value(state, arrival->header->row->type,
                           arrival->event ? GW_SOURCE_EVENT : GW_SOURCE_STATIC, &value);
    if (value.type == DNP3_POINT_OCTET_STRING) { /* also where there was no memory to keep it */
        value.octets = wire->octets;
        value.length = wire->length;
    }
    int error = gw_publisher_put_point(s->shared->publisher, s->config, arrival->point, wire->index,
                                       &value, true);
    if (error == GW_OUTBOX_BEHIND && !arrival->event) {
        gw_session_put_off(s, state);
        return;
    }
    fragment->behind |= error == GW_OUTBOX_BEHIND;
    if (error == GW_OUTBOX_TOO_LARGE)
        gw_session_unpublishable(s, arrival->point, wire->index);
    else
        fragment->sent = true;
    state->carrier = fragment->carrier;
    state->dirty = state->forced = false;
}

/* Where the point's value is kept. For points that there is no place for any more it is `passing`,
 * for an event, or nowhere: only their events are published. */
static struct gw_point_state *place_of(struct gw_session *s, const struct gw_map_point *point,
                                       uint32_t index, bool event, struct gw_point_state *passing)
{
    struct gw_point_state *state = gw_point_store_find(&s->points, point, index);
    if (state)
        return state;
    if (!s->homeless_told)
        gw_log(
            GW_LOG_ERROR, s->config->name,
            "no place for more points that no mapping names: of those only events are published");
    s->homeless_told = true;
    return event ? passing : NULL;
}

/* Takes the value over; true where it is new, as one that passes always is. */
static bool keep(struct gw_point_state *state, const struct dnp3_object_row *row,
                 const struct dnp3_point *wire, bool passes)
{
    bool changed = true;
    if (!passes)
        changed = gw_point_store_set(state, row->type, wire);
    else if (row->type == DNP3_POINT_OCTET_STRING)
        *state = (struct gw_point_state){.flags = wire->flags};
    else
        *state = (struct gw_point_state){.flags = wire->flags, .number = wire->number};
    state->single = row->encoding == DNP3_ENCODING_F32;
    state->floating = state->single || row->encoding == DNP3_ENCODING_F64;
    return changed;
}

/* A control may wait for it. */
static void tell_controls(struct gw_session *s, const struct arrival *arrival)
{
    const struct gw_map_point *point = arrival->point;
    if (s->config->mapping->control_count && !gw_map_point_is_default(point) &&
        arrival->header->row->type != DNP3_POINT_OCTET_STRING)
        gw_controls_point(s->shared->controls, s->config, point,
                          gw_map_point_value(point, arrival->wire->number));
}

static void publish(struct gw_session *s, const struct arrival *arrival,
                    struct gw_point_state *state, bool changed)
{
    uint8_t when = arrival->point->publish;
    bool wanted = arrival->event || changed || state->forced || state->dirty;
    if (when == GW_PUBLISH_NEVER || !(wanted || when == GW_PUBLISH_ALWAYS))
        return;
    if (arrival->event || broker_takes(s))
        put(s, arrival, state);
    else
        gw_session_put_off(s, state);
}

static void take_point(struct gw_session *s, const struct arrival *arrival)
{
    struct gw_point_state passing;
    struct gw_point_state *state =
        place_of(s, arrival->point, arrival->wire->index, arrival->event, &passing);
    if (!state)
        return;
    bool changed = keep(state, arrival->header->row, arrival->wire, state == &passing);
    set_time(s, state, arrival->wire);
    tell_controls(s, arrival);
    publish(s, arrival, state, changed);
}

/* A change since the last one reported: nothing to keep, every one counts. */
static void take_delta(struct gw_session *s, const struct arrival *arrival)
{
    const struct dnp3_point *wire = arrival->wire;
    struct gw_point_state passing = {.delta = true, .flags = wire->flags, .number = wire->number};
    if (arrival->point->publish == GW_PUBLISH_NEVER)
        return;
    set_time(s, &passing, wire);
    if (arrival->event || broker_takes(s)) {
        put(s, arrival, &passing);
        return;
    }
    if (!s->delta_told)
        gw_log(GW_LOG_ERROR, s->config->name,
               "g%uv%u: a change was read while the broker could not be told of it, and is lost: "
               "have the outstation report it as an event",
               arrival->header->group, arrival->header->variation);
    s->delta_told = true;
}

/* As the wire has it, or `converted` where the outstation's clock shows local time. */
static const struct dnp3_point *in_utc(const struct gw_session *s, enum dnp3_point_type type,
                                       const struct dnp3_point *wire, struct dnp3_point *converted)
{
    const struct gw_time_zone *zone = s->config->profile->time_zone;
    int64_t now = s->fragment.received_ms;
    bool sure;
    if (!zone)
        return wire;
    *converted = *wire;
    if (type == DNP3_POINT_TIME)
        converted->number = (double)gw_time_zone_utc(zone, (int64_t)wire->number, now, &sure);
    if (wire->time_quality == DNP3_TIME_NONE)
        return converted;
    converted->time_ms = gw_time_zone_utc(zone, wire->time_ms, now, &sure);
    if (!sure)
        converted->time_quality = DNP3_TIME_UNSYNCHRONIZED;
    return converted;
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
        struct dnp3_point converted;
        const struct arrival arrival = {
            .header = header,
            .wire = in_utc(s, header->row->type, &points[i], &converted),
            .point = gw_mapping_point(s->config->mapping, header->row->type, points[i].index),
            .event = event};
        if (!arrival.point)
            continue;
        if (header->row->delta) /* must never pass for a total */
            take_delta(s, &arrival);
        else
            take_point(s, &arrival);
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
    return gw_clock_trusted(s->shared->config->clock)
               ? gw_time_zone_local(s->config->profile->time_zone, gw_clock_wall_ms())
               : -1;
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
