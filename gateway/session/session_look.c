/* SPDX-License-Identifier: Apache-2.0 */
/* A look at the outstation after a control, as soon as it answers: its events, and where nobody
 * knows whether the control operated, the point that shows it (rule 14). */
#include "dnp3/database.h"
#include "dnp3/error.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/session/session_internal.h"

/* A point to be read; allocated, for few controls end so. */
struct session_look {
    struct session_look *next;
    struct gw_session *session;
    const struct gw_map_point *point;
    struct dnp3_request request;
    struct dnp3_request_header header;
    bool under_way;
};

static void remove_look(struct session_look *look)
{
    struct session_look **place = &look->session->looks;
    while (*place != look)
        place = &(*place)->next;
    *place = look->next;
    gw_memory_release(look);
}

/* Whoever did not answer is asked again when it answers; whoever refused is not. */
static void on_read(struct dnp3_request *request)
{
    struct session_look *look = request->user;
    bool answered = request->outcome == DNP3_OUTCOME_DONE ||
                    (request->outcome == DNP3_OUTCOME_FAILED && request->iin);
    look->under_way = false;
    if (answered)
        remove_look(look);
}

static void read_point(struct session_look *look)
{
    const struct gw_map_point *point = look->point;
    look->header =
        (struct dnp3_request_header){.group = dnp3_static_group((enum dnp3_point_type)point->type),
                                     .ranged = true,
                                     .start = point->index,
                                     .stop = point->index};
    look->request = (struct dnp3_request){.function = DNP3_FUNCTION_READ,
                                          .headers = &look->header,
                                          .count = 1,
                                          .done = on_read,
                                          .user = look};
    int error = dnp3_association_request(look->session->association, &look->request);
    look->under_way = !error;
    if (error == DNP3_ERR_INVALID)
        remove_look(look);
}

bool gw_session_looks_go(struct gw_session *s)
{
    if ((!s->look_due && !s->looks) || !s->association || !gw_session_is_proved(s) ||
        !dnp3_association_online(s->association))
        return false;
    if (s->look_due)
        dnp3_association_demand(s->association, DNP3_DEMAND_EVENTS);
    s->look_due = false;
    struct session_look *next;
    for (struct session_look *look = s->looks; look; look = next) {
        next = look->next;
        if (!look->under_way)
            read_point(look);
    }
    return true;
}

void gw_session_looks_free(struct gw_session *s)
{
    while (s->looks)
        remove_look(s->looks);
}

/* One that is under way was asked before this wish: what it tells may be older. */
static bool is_wanted_already(const struct gw_session *s, const struct gw_map_point *point)
{
    const struct session_look *look = s->looks;
    while (look && (look->point != point || look->under_way))
        look = look->next;
    return look;
}

void gw_session_look(struct gw_session *s, const struct gw_map_point *point)
{
    s->look_due = true;
    if (point && !is_wanted_already(s, point)) {
        struct session_look *look = gw_memory_allocate(GW_OWNER_SESSIONS, sizeof *look);
        if (look) {
            *look = (struct session_look){.next = s->looks, .session = s, .point = point};
            s->looks = look;
        }
    }
    if (gw_session_looks_go(s))
        gw_line_pump(s->line);
}
