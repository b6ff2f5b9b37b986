/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the simulator and how they hang together:
 *
 *     line (an endpoint: listener, connections) -> outstation (engine, points) <- events, controls
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <uv.h>

#include "dnp3/outstation.h"
#include "gateway/config.h"
#include "tests/sim/options.h"
#include "tests/sim/value.h"

struct sim;
struct sim_connection;
struct sim_outstation;

/* A point that moves by itself. */
struct sim_point {
    struct sim_outstation *outstation;
    const struct gw_map_point *map; /* NULL: no mapping names it */
    uint32_t index;
    uint8_t type;
    bool held; /* a control moves it, nothing else does */
    struct sim_value value;
    uint32_t number; /* its events so far, with --numbered */
};

struct sim_outstation {
    struct sim *sim;
    const struct gw_outstation_config *config;
    struct dnp3_outstation *engine;
    struct sim_connection *connection; /* NULL: nobody is connected */
    uv_timer_t timer;
    uint64_t armed;       /* deadline that the timer stands on */
    int64_t clock_offset; /* of its clock against the host's, in ms */
    struct sim_point *points;
    size_t point_count;
    struct sim_pending *pending;       /* moves that a control has started */
    struct sim_outstation *next_dirty; /* to be asked for octets at the end of the turn */
    bool dirty;
    bool restarting;
};

struct sim {
    uv_loop_t *loop;
    struct sim_options options;
    struct gw_config *config;
    struct dnp3_pool *pool;
    struct sim_random random;
    struct sim_outstation *outstations; /* config->outstations, one each, disabled ones empty */
    struct sim_line *lines;
    size_t line_count;
    struct sim_outstation *dirty; /* first of those touched */
    struct sim_outstation *last_dirty;
    struct sim_events *events;
    uv_timer_t clock; /* moves the points of type time */
};

/* outstation.c */
int sim_outstation_init(struct sim_outstation *outstation, struct sim *sim,
                        const struct gw_outstation_config *config);
/* Stops its timers; the memory follows with sim_outstation_release() when the loop has ended. */
void sim_outstation_stop(struct sim_outstation *outstation);
void sim_outstation_release(struct sim_outstation *outstation);
/* NULL detaches. */
void sim_outstation_attach(struct sim_outstation *outstation, struct sim_connection *connection);
/* Marks it to be asked for octets by sim_flush(). */
void sim_outstation_touch(struct sim_outstation *outstation);
/* Writes what touched outstations have to say and sets their timers. */
void sim_flush(struct sim *sim);
/* Sets a point and makes an event of it; time is its own clock's. */
void sim_outstation_report(struct sim_outstation *outstation, enum dnp3_point_type type,
                           uint32_t index, double value);
int64_t sim_outstation_time(const struct sim_outstation *outstation);

/* control.c */
enum dnp3_status sim_control_select(void *user, const struct dnp3_command *command);
enum dnp3_status sim_control_operate(void *user, const struct dnp3_command *command,
                                     enum dnp3_operate_how how);
/* Forgets what has not moved yet. */
void sim_control_stop(struct sim_outstation *outstation);

/* line.c */
int sim_lines_start(struct sim *sim);
void sim_lines_stop(struct sim *sim);
void sim_lines_release(struct sim *sim);
/* True when the connection takes more octets now. */
bool sim_connection_ready(const struct sim_connection *connection);
void sim_connection_write(struct sim_connection *connection, const uint8_t *octets, size_t length);
/* An outstation came to it, or left it. One that is left by all is closed. */
void sim_connection_attached(struct sim_connection *connection, int change);

/* events.c */
int sim_events_start(struct sim *sim);
void sim_events_stop(struct sim *sim);
void sim_events_release(struct sim *sim);
/* A JSON line: events made and confirmed, in all and by outstation. */
void sim_events_print(const struct sim *sim);

#endif
