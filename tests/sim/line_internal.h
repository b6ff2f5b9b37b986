/* SPDX-License-Identifier: Apache-2.0 */
/* A line as line.c (what happens on it) and place.c (who is on which) see it. */
#ifndef SIM_LINE_INTERNAL_H
#define SIM_LINE_INTERNAL_H

#include "gateway/base/backoff.h"
#include "gateway/channel/channel.h"
#include "tests/sim/sim.h"

struct sim_line {
    struct sim *sim;
    const struct gw_endpoint *endpoint;
    struct gw_channel *port;   /* in place of endpoint and listener */
    const char *device;        /* of a serial port */
    struct gw_endpoint called; /* by an outstation that dials in */
    struct gw_channel_config dial;
    struct gw_backoff backoff;
    uv_timer_t reopen;
    uv_tcp_t listener;
    bool listening;
    size_t channels;
    struct sim_outstation **outstations; /* by address */
    size_t outstation_count;
    struct sim_connection *connections;
};

/* With its outstations, and its endpoint where it has one; `channel` is one that leads here. */
int sim_line_start(struct sim_line *line, const struct gw_channel_config *channel);

#endif
