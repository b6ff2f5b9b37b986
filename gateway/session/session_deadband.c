/* SPDX-License-Identifier: Apache-2.0 */
/* The dead-bands of a mapping, written to the outstation after each of its startups (g34): in
 * batches, each in the narrowest variation that holds it, then in wider ones, then point by point,
 * so that one point that is refused costs only its own. Refused ones are noted and passed over. */
#include <string.h>

#include "dnp3/error.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/command/command_check.h"
#include "gateway/mapping/deadband.h"
#include "gateway/session/session_internal.h"

enum { BATCH = 16, WIDEST = 3 };

struct session_deadbands {
    struct dnp3_request request;
    struct dnp3_request_header header;
    struct dnp3_point points[BATCH];
    size_t numbers[BATCH]; /* of the points in the mapping */
    size_t next;           /* number of the point to look at next */
    size_t single_before;  /* up to this number each goes alone */
    uint8_t variation;     /* of the batch as it was first sent */
    bool started;          /* startup is done on this connection */
    bool under_way;
    bool owed;      /* an attempt came to nothing: the next time that it answers */
    bool inhibited; /* said already */
};

static bool has_deadband(const struct gw_map_point *point)
{
    return point->type == DNP3_POINT_ANALOG_INPUT && point->deadband >= 0;
}

int gw_session_deadbands_init(struct gw_session *s)
{
    const struct gw_mapping *mapping = s->config->mapping;
    size_t i = 0;
    while (i < mapping->point_count && !has_deadband(&mapping->points[i]))
        i++;
    if (!s->line || i == mapping->point_count)
        return 0;
    s->deadbands = gw_memory_allocate(GW_OWNER_SESSIONS, sizeof *s->deadbands);
    return s->deadbands ? 0 : DNP3_ERR_MEMORY;
}

/* Takes the next points whose values need the same variation; false: there are none left. */
static bool take_batch(struct gw_session *s)
{
    struct session_deadbands *d = s->deadbands;
    const struct gw_mapping *mapping = s->config->mapping;
    uint32_t count = 0;
    for (; d->next < mapping->point_count && count < BATCH; d->next++) {
        const struct gw_map_point *point = &mapping->points[d->next];
        double raw;
        if (!has_deadband(point) || gw_deadband_raw(point, point->deadband, &raw))
            continue;
        uint8_t variation = gw_deadband_variation(raw);
        if (count && (variation != d->variation || d->next < d->single_before))
            break;
        d->variation = variation;
        d->numbers[count] = d->next;
        d->points[count++] = (struct dnp3_point){.index = point->index, .number = raw};
    }
    d->header = (struct dnp3_request_header){
        .group = 34, .variation = d->variation, .points = d->points, .count = count};
    return count > 0;
}

static void on_written(struct dnp3_request *request);

static void write_batch(struct gw_session *s)
{
    struct session_deadbands *d = s->deadbands;
    d->request = (struct dnp3_request){.function = DNP3_FUNCTION_WRITE,
                                       .headers = &d->header,
                                       .count = 1,
                                       .done = on_written,
                                       .user = s};
    d->under_way = dnp3_association_request(s->association, &d->request) == 0;
    d->owed = !d->under_way;
}

static void write_next(struct gw_session *s)
{
    if (take_batch(s))
        write_batch(s);
    else
        gw_log(GW_LOG_DEBUG, s->config->name, "dead-bands are written");
}

static void refused(struct gw_session *s, uint16_t iin)
{
    struct session_deadbands *d = s->deadbands;
    const struct gw_map_point *points = s->config->mapping->points;
    if (iin & DNP3_IIN_NO_FUNC_CODE_SUPPORT) {
        gw_log(GW_LOG_WARNING, s->config->name,
               "the outstation writes nothing: its dead-bands stay as they are");
        return;
    }
    if (d->header.variation < WIDEST) {
        d->header.variation++;
        write_batch(s);
        return;
    }
    if (d->header.count > 1) {
        d->single_before = d->next;
        d->next = d->numbers[0];
    } else {
        gw_log(GW_LOG_WARNING, s->config->name,
               "the outstation refuses a dead-band of %g for %s: passed over",
               points[d->numbers[0]].deadband, points[d->numbers[0]].name);
    }
    write_next(s);
}

static void on_written(struct dnp3_request *request)
{
    struct gw_session *s = request->user;
    struct session_deadbands *d = s->deadbands;
    d->under_way = false;
    if (request->outcome == DNP3_OUTCOME_DONE)
        write_next(s);
    else if (request->reason == DNP3_REASON_INDICATION)
        refused(s, request->iin);
    else
        d->owed = true;
}

static void write_all(struct gw_session *s)
{
    struct session_deadbands *d = s->deadbands;
    const char *detail = NULL;
    if (d->under_way)
        return;
    if (gw_command_check_switches(s->shared->config, s->config,
                                  gw_controls_switch_file(s->shared->controls),
                                  &detail) != GW_VERDICT_OK) {
        if (!d->inhibited)
            gw_log(GW_LOG_INFO, s->config->name, "dead-bands are not written: %s", detail);
        d->inhibited = true;
        return;
    }
    d->inhibited = false;
    d->next = d->single_before = 0;
    write_next(s);
}

void gw_session_deadbands_event(struct gw_session *s, enum dnp3_association_event event)
{
    struct session_deadbands *d = s->deadbands;
    if (!d)
        return;
    if (event == DNP3_ASSOCIATION_STARTUP_DONE)
        d->started = true;
    if (d->started &&
        (event == DNP3_ASSOCIATION_STARTUP_DONE || event == DNP3_ASSOCIATION_RESTARTED ||
         (event == DNP3_ASSOCIATION_ONLINE && d->owed)))
        write_all(s);
}

void gw_session_deadbands_opened(struct gw_session *s)
{
    if (s->deadbands)
        s->deadbands->started = false;
}
