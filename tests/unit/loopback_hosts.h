/* SPDX-License-Identifier: Apache-2.0 */
/* The hosts at both ends: where events are safe, what a control did. */
#ifndef LOOPBACK_HOSTS_H
#define LOOPBACK_HOSTS_H

#include "tests/unit/loopback_world.h"

/* The host at the master's end. */

static inline int type_slot(uint8_t type)
{
    for (int i = 0; i < TYPES; i++)
        if (types[i] == type)
            return i;
    return -1;
}

static inline void on_fragment(void *user, const struct dnp3_fragment *fragment)
{
    struct station *station = user;
    (void)fragment;
    station->now.count = 0;
}

static inline void on_points(void *user, const struct dnp3_object_header *header,
                             const struct dnp3_point *points, size_t count)
{
    struct station *station = user;
    int slot = type_slot(header->row->type);
    if (header->row->type == DNP3_POINT_TIME)
        return;
    CHECK(station->world, slot >= 0);
    if (header->row->kind == DNP3_KIND_STATIC)
        for (size_t i = 0; i < count; i++)
            station->shown[slot][points[i].index] = (uint32_t)points[i].number;
    if (header->row->kind != DNP3_KIND_EVENT)
        return;
    for (size_t i = 0; i < count; i++) {
        CHECK(station->world, station->now.count < HELD_EVENTS);
        station->now.events[station->now.count++] =
            (struct event_seen){.type = (uint8_t)slot,
                                .index = (uint8_t)points[i].index,
                                .value = (uint32_t)points[i].number};
    }
}

static inline void on_problem(void *user, const struct dnp3_object_header *header, int error,
                              const uint8_t *octets, size_t length)
{
    (void)header;
    (void)error;
    (void)octets;
    (void)length;
    CHECK(((struct station *)user)->world, !"our own outstation says what we cannot read");
}

/* The events are where they are safe: numbers go up by one, or are known already. */
static inline void keep(struct station *station, const struct held *held)
{
    for (size_t i = 0; i < held->count; i++) {
        const struct event_seen *event = &held->events[i];
        uint32_t *safe = &station->safe[event->type][event->index];
        CHECK(station->world, event->value <= *safe + 1 || station->world->weather->overflow);
        if (event->value <= *safe) {
            station->duplicates++;
            /* A confirm that waits for another's answer, or for the acknowledgement of a frame, may
             * come after a short timeout. */
            CHECK(station->world, station->world->weather->duplicates ||
                                      station->world->half_duplex || station->config.link_confirm ||
                                      station->link_confirm);
        } else {
            *safe = event->value;
            station->safe_events++;
        }
    }
}

static inline enum dnp3_verdict on_fragment_end(void *user, const struct dnp3_fragment *fragment)
{
    struct station *station = user;
    struct world *world = station->world;
    CHECK(world, !fragment->events || fragment->confirm_wanted);
    if (!fragment->token)
        return DNP3_CONFIRM_NOW;
    if (station->withholding || (!world->settling && chance(world, world->weather->refuse)))
        return DNP3_CONFIRM_REFUSE;
    if (world->settling || !chance(world, world->weather->late) ||
        station->held_count == HELD_MAX) {
        if (station->held_count == 0) {
            keep(station, &station->now);
            return DNP3_CONFIRM_NOW;
        }
    }
    struct held *held = &station->held[station->held_count];
    *held = station->now;
    held->token = fragment->token;
    held->due_ms = world->now + 1 + draw(world, chance(world, 800) ? 300 : 12000);
    if (station->held_count && held->due_ms < held[-1].due_ms)
        held->due_ms = held[-1].due_ms;
    station->held_count++;
    return DNP3_CONFIRM_HOLD;
}

static inline void drop_held(struct station *station, size_t at)
{
    station->held_count--;
    memmove(&station->held[at], &station->held[at + 1],
            (station->held_count - at) * sizeof *station->held);
}

/* What has not left is withdrawn; some has left already. */
static inline void on_voided(void *user, uint32_t token)
{
    struct station *station = user;
    for (size_t i = 0; i < station->held_count; i++)
        if (station->held[i].token == token && chance(station->world, 700)) {
            drop_held(station, i);
            return;
        }
}

static inline int64_t on_wall_clock(void *user)
{
    return 1700000000000 + (int64_t)((struct station *)user)->world->now;
}

/* As SIOCOUTQ tells: nothing is on the way. */
static inline bool on_line_clear(void *user)
{
    return ((struct station *)user)->world->down.count == 0;
}

static const struct dnp3_association_callbacks callbacks = {.line_clear = on_line_clear,
                                                            .fragment = on_fragment,
                                                            .points = on_points,
                                                            .problem = on_problem,
                                                            .fragment_end = on_fragment_end,
                                                            .voided = on_voided,
                                                            .wall_clock = on_wall_clock};

static inline void host_turn(struct station *station)
{
    while (station->held_count && station->held[0].due_ms <= station->world->now) {
        struct held *held = &station->held[0];
        uint32_t token = held->token;
        keep(station, held);
        drop_held(station, 0);
        dnp3_association_confirm(station->association, token);
    }
}

/* Controls: each carries its number as its on-time. */

static inline enum dnp3_status on_select(void *user, const struct dnp3_command *command)
{
    (void)user;
    return command->index == 3 ? DNP3_STATUS_NOT_SUPPORTED : DNP3_STATUS_SUCCESS;
}

static inline enum dnp3_status on_operate(void *user, const struct dnp3_command *command,
                                          enum dnp3_operate_how how)
{
    struct station *station = user;
    struct world *world = station->world;
    (void)how;
    CHECK(world, command->on_ms < world->control_count);
    struct control *control = &world->controls[command->on_ms];
    enum dnp3_status status = on_select(user, command);
    if (status != DNP3_STATUS_SUCCESS)
        return status;
    control->operated++;
    world->operated++;
    CHECK(world, control->operated == 1);
    CHECK(world, &world->stations[control->station] == station);
    CHECK(world, world->now <= control->expires_ms + RESPONSE_TIMEOUT_MS);
    return DNP3_STATUS_SUCCESS;
}

static inline void on_write_time(void *user, int64_t time_ms)
{
    struct world *world = ((struct station *)user)->world;
    int64_t wrong = time_ms - on_wall_clock(user);
    /* A measured delay is wrong by half of the longest round trip at most. */
    CHECK(world,
          wrong <= ROUND_TRIP_MAX_MS / 2 && wrong >= -(2 * LATENCY_MAX_MS + 2 * STALL_MAX_MS));
}

static inline int64_t on_time(void *user)
{
    return on_wall_clock(user);
}

static const struct dnp3_outstation_callbacks outstation_callbacks = {
    .select = on_select, .operate = on_operate, .write_time = on_write_time, .time = on_time};

static inline void on_done(struct dnp3_command_request *request)
{
    struct control *control = request->user;
    struct world *world = control->world;
    CHECK(world, !control->done);
    control->done = true;
    world->outcomes[request->outcome]++;
    if (request->reason == DNP3_REASON_NO_ANSWER && world->down.count)
        world->abort = true;
    if (request->outcome == DNP3_OUTCOME_DONE)
        CHECK(world, control->operated == 1);
    else if (request->outcome != DNP3_OUTCOME_UNKNOWN)
        CHECK(world, control->operated == 0);
}

static inline void send_control(struct world *world)
{
    if (world->control_count == CONTROLS_MAX)
        return;
    size_t id = world->control_count;
    struct control *control = &world->controls[id];
    *control = (struct control){.world = world, .station = draw(world, STATIONS)};
    control->expires_ms = world->now + 1 + draw(world, 10000);
    control->command = (struct dnp3_command){
        .index = draw(world, 4),
        .code = dnp3_crob_code(DNP3_OPERATION_PULSE_ON, DNP3_TRIP_CLOSE_CLOSE),
        .count = 1,
        .on_ms = (uint32_t)id};
    control->request =
        (struct dnp3_command_request){.mode = chance(world, 600)   ? DNP3_SELECT_BEFORE_OPERATE
                                              : chance(world, 800) ? DNP3_DIRECT_OPERATE
                                                                   : DNP3_DIRECT_OPERATE_NO_ACK,
                                      .commands = &control->command,
                                      .count = 1,
                                      .expires_ms = control->expires_ms,
                                      .done = on_done,
                                      .user = control};
    if (!dnp3_association_command(world->stations[control->station].association, &control->request))
        world->control_count++;
}

#endif
