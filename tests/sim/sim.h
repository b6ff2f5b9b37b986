/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the simulator and how they hang together:
 *
 *     line (an endpoint: listener, connections) -> outstation (engine, points) <- events, controls
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <uv.h>

#include "dnp3/outstation.h"
#include "gateway/config/config.h"
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
    uint32_t number; /* of its last event, with --numbered */
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
    struct sim_attributes *attributes; /* its table of device attributes */
    uint32_t file_key;                 /* opens or deletes one file; 0 = none is given out */
    struct sim_outstation *next_dirty; /* to be asked for octets at the end of the turn */
    bool dirty;
    bool restarting;
};

struct sim {
    uv_loop_t *loop;
    struct sim_options options;
    struct gw_config *config;
    struct dnp3_pool *pool;
    int files; /* the folder that is served, -1 = none */
    struct sim_random random;
    struct sim_outstation *outstations; /* config->outstations, one each, disabled ones empty */
    struct sim_line *lines;
    size_t line_count;
    struct sim_outstation *dirty; /* first of those touched */
    struct sim_outstation *last_dirty;
    struct sim_events *events;
    struct sim_tally *tally; /* NULL: none is kept */
    uv_timer_t clock;        /* moves the points of type time */
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

/* attributes.c */
/* Fills in the table of device attributes; the counts are the engine's. */
int sim_attributes_init(struct sim_outstation *outstation, struct dnp3_outstation_config *engine);
bool sim_attribute_write(void *user, const struct dnp3_attribute *attribute);
void sim_attributes_release(struct sim_outstation *outstation);

/* tally.c */
/* Makes the file of --tally, if that was given, with a line for each point; after the outstations.
 */
int sim_tally_start(struct sim *sim);
/* Both may be called without a tally, and for points that it has not. */
void sim_tally_made(struct sim_point *point);
void sim_tally_confirmed(void *user, enum dnp3_point_type type, const struct dnp3_point *event);
void sim_tally_stop(struct sim *sim);

/* files.c */
extern const struct dnp3_outstation_files sim_files;
/* Opens the folder of --files, if that was given; before the outstations. */
int sim_files_start(struct sim *sim);
void sim_files_stop(struct sim *sim);

/* line.c, place.c */
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
/* No more are made. */
void sim_events_pause(struct sim *sim);
void sim_events_release(struct sim *sim);
/* A JSON line: events made and confirmed, in all and by outstation. */
void sim_events_print(const struct sim *sim);

#endif
