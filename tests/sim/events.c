/* SPDX-License-Identifier: Apache-2.0 */
/* Events at the rate asked for, in a burst each 10 ms, round robin over all points: the first point
 * of every outstation, then the second of every one, and so on. */
#include <inttypes.h>
#include <stdio.h>

#include "gateway/base/memory.h"
#include "tests/sim/sim.h"

enum { BURST_MS = 10, BACKLOG_MS = 1000 };

struct sim_events {
    uv_timer_t timer;
    uint64_t last_ms;
    double due; /* events that should have been made by now */
    uint64_t made;
    struct sim_point **points;
    size_t count;
    size_t next;
};

/* A class' buffer has no room for it. */
static bool is_full(const struct sim_point *point)
{
    struct sim_outstation *outstation = point->outstation;
    const struct dnp3_point_setup *setup =
        dnp3_database_setup(dnp3_outstation_database(outstation->engine),
                            (enum dnp3_point_type)point->type, point->index);
    return dnp3_outstation_event_room(outstation->engine, setup->event_class) == 0;
}

/* 1, 2, 3, ... where the type can carry it; contacts alternate. */
static double next_number(struct sim_point *point)
{
    point->number++;
    if (point->type == DNP3_POINT_BINARY_INPUT)
        return point->number % 2;
    if (point->type == DNP3_POINT_DOUBLE_BIT_INPUT)
        return point->number % 2 ? DNP3_DOUBLE_BIT_OFF : DNP3_DOUBLE_BIT_ON;
    return point->number;
}

/* False where the point stays as it is this time. */
static bool make_event(struct sim *sim, struct sim_point *point)
{
    enum dnp3_point_type type = (enum dnp3_point_type)point->type;
    if (sim->options.pause && is_full(point))
        return false;
    if (sim->options.numbered)
        point->value.now = next_number(point);
    else if (!sim_value_move(&point->value, &sim->random, type))
        return false;
    sim_tally_made(point);
    sim_outstation_report(point->outstation, type, point->index, point->value.now);
    return true;
}

static void make_due_events(struct sim *sim, struct sim_events *events)
{
    const size_t patience = events->count * (sim->options.numbered ? 1 : 16);
    size_t refused = 0;
    while (events->due >= 1 && refused <= patience && events->made < sim->options.events_total) {
        struct sim_point *point = events->points[events->next];
        events->next = (events->next + 1) % events->count;
        if (make_event(sim, point)) {
            events->due -= 1;
            events->made++;
            refused = 0;
        } else {
            refused++;
        }
    }
}

static void burst(uv_timer_t *timer)
{
    struct sim *sim = timer->data;
    struct sim_events *events = sim->events;
    const double rate = sim->options.events_per_second;
    uint64_t now = uv_now(sim->loop);
    events->due += rate * (double)(now - events->last_ms) / 1000;
    events->last_ms = now;
    make_due_events(sim, events);
    /* What could not be made for long is given up: no flood when the buffers are free again. */
    if (events->due > rate * BACKLOG_MS / 1000 + 1)
        events->due = rate * BACKLOG_MS / 1000 + 1;
    if (events->made >= sim->options.events_total)
        uv_timer_stop(timer);
    sim_flush(sim);
}

static size_t list_points(const struct sim *sim, struct sim_point **points)
{
    size_t count = 0;
    bool more = true;
    for (size_t rank = 0; more; rank++) {
        more = false;
        for (size_t i = 0; i < sim->config->outstation_count; i++) {
            const struct sim_outstation *outstation = &sim->outstations[i];
            if (rank >= outstation->point_count)
                continue;
            more = true;
            if (outstation->points[rank].held)
                continue;
            if (points)
                points[count] = &outstation->points[rank];
            count++;
        }
    }
    return count;
}

int sim_events_start(struct sim *sim)
{
    struct sim_events *events = gw_memory_allocate(GW_OWNER_POINTS, sizeof *events);
    if (!events)
        return UV_ENOMEM;
    sim->events = events;
    uv_timer_init(sim->loop, &events->timer);
    events->timer.data = sim;
    events->count = list_points(sim, NULL);
    events->points =
        gw_memory_allocate(GW_OWNER_POINTS, (events->count + 1) * sizeof *events->points);
    if (!events->points)
        return UV_ENOMEM;
    list_points(sim, events->points);
    events->last_ms = uv_now(sim->loop);
    if (events->count && sim->options.events_per_second > 0)
        uv_timer_start(&events->timer, burst, BURST_MS, BURST_MS);
    return 0;
}

void sim_events_stop(struct sim *sim)
{
    if (sim->events)
        uv_close((uv_handle_t *)&sim->events->timer, NULL);
}

void sim_events_pause(struct sim *sim)
{
    uv_timer_stop(&sim->events->timer);
}

void sim_events_release(struct sim *sim)
{
    if (sim->events)
        gw_memory_release(sim->events->points);
    gw_memory_release(sim->events);
}

void sim_events_print(const struct sim *sim)
{
    const char *comma = "";
    uint64_t made = 0;
    uint64_t confirmed = 0;
    for (size_t i = 0; i < sim->config->outstation_count; i++) {
        if (!sim->outstations[i].engine)
            continue;
        made += dnp3_outstation_counters(sim->outstations[i].engine)->events;
        confirmed += dnp3_outstation_counters(sim->outstations[i].engine)->events_confirmed;
    }
    printf("{\"events\":%" PRIu64 ",\"confirmed\":%" PRIu64 ",\"outstations\":{", made, confirmed);
    for (size_t i = 0; i < sim->config->outstation_count; i++) {
        const struct sim_outstation *outstation = &sim->outstations[i];
        if (!outstation->engine)
            continue;
        const struct dnp3_outstation_counters *counters =
            dnp3_outstation_counters(outstation->engine);
        printf("%s\"%s\":{\"events\":%" PRIu64 ",\"confirmed\":%" PRIu64 ",\"dropped\":%" PRIu64
               ",\"confirm_timeouts\":%u,\"commands\":%u}",
               comma, outstation->config->name, counters->events, counters->events_confirmed,
               counters->events_dropped, counters->confirm_timeouts, counters->commands);
        comma = ",";
    }
    printf("}}\n");
    fflush(stdout);
}
