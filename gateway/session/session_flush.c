/* SPDX-License-Identifier: Apache-2.0 */
/* Values that are kept and not out yet: which ones those are, and how they go when there is room.
 */
#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/session/session_internal.h"

void gw_session_point_value(const struct gw_point_state *state, enum dnp3_point_type type,
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

void gw_session_unpublishable(struct gw_session *s, const struct gw_map_point *point,
                              uint32_t index)
{
    char name[GW_TOPIC_MAX];
    if (!s->unpublishable_told)
        gw_log(GW_LOG_ERROR, s->config->name,
               "%s is not published: its message would be larger than %d octets; "
               "shorten its unit or its states",
               gw_map_point_name(point, index, name, sizeof name), GW_PAYLOAD_MAX);
    s->unpublishable_told = true;
}

void gw_session_put_off(struct gw_session *s, struct gw_point_state *state)
{
    state->dirty = true;
    state->forced = false;
    s->points_due = true;
    s->flush_from = 0;
    if (gw_publisher_online(s->shared->publisher))
        gw_session_due(s);
}

static void flush_from_the_first(struct gw_session *s)
{
    s->flush_from = 0;
    s->points_due = true;
    gw_session_due(s);
}

/* The values that are known, one call each; `place` counts up from 0. NULL: that was the last. */
static struct gw_point_state *next_known(const struct gw_session *s, size_t *place,
                                         const struct gw_map_point **point)
{
    enum dnp3_point_type type;
    uint32_t index;
    while (*place < gw_point_store_places(&s->points)) {
        struct gw_point_state *state =
            gw_point_store_place(&s->points, (*place)++, point, &type, &index);
        if (state && state->known)
            return state;
    }
    return NULL;
}

void gw_session_mark_dirty(struct gw_session *s)
{
    const struct gw_map_point *point;
    struct gw_point_state *state;
    for (size_t place = 0; (state = next_known(s, &place, &point));)
        if (point->publish != GW_PUBLISH_NEVER)
            state->dirty = !state->forced;
    flush_from_the_first(s);
}

void gw_session_mark_stale(struct gw_session *s)
{
    const struct gw_map_point *point;
    struct gw_point_state *state;
    for (size_t place = 0; (state = next_known(s, &place, &point));)
        if (point->publish != GW_PUBLISH_NEVER) {
            state->forced = true;
            state->dirty = false;
        }
    s->flush_from = 0;
}

void gw_session_mark_carried(struct gw_session *s, uint32_t carrier)
{
    const struct gw_map_point *point;
    struct gw_point_state *state;
    for (size_t place = 0; (state = next_known(s, &place, &point));)
        if (state->carrier == carrier)
            state->dirty = true;
    flush_from_the_first(s);
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
        gw_session_point_value(state, type, GW_SOURCE_STATIC, &value);
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
            gw_session_unpublishable(s, point, index);
        else if (error)
            return false;
        state->dirty = false;
        state->carrier = 0;
    }
    s->flush_from = 0;
    return true;
}
