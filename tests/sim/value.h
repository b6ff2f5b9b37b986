/* SPDX-License-Identifier: Apache-2.0 */
/* How a simulated value moves: believable, and the same for the same seed. */
#ifndef SIM_VALUE_H
#define SIM_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/mapping/mapping.h"

struct sim_random {
    uint64_t state;
};

/* A number in 0..1. */
double sim_random_unit(struct sim_random *random);
/* A number in 0..limit-1. */
uint32_t sim_random_below(struct sim_random *random, uint32_t limit);

/* Raw values, as the wire has them. */
struct sim_value {
    double now;
    double base;   /* analogs wander around it */
    double wander; /* by about this much */
};

/* What a point of this type starts with; `map` NULL where no mapping names it. */
struct sim_value sim_value_start(struct sim_random *random, enum dnp3_point_type type,
                                 const struct gw_map_point *map);
/* Its next value. False: it stays as it is for now (binaries change rarely). */
bool sim_value_move(struct sim_value *value, struct sim_random *random, enum dnp3_point_type type);

#endif
