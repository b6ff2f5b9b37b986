/* SPDX-License-Identifier: Apache-2.0 */
/* Analogs wander around what their unit suggests, counters count up, contacts change now and then
 * and return soon. */
#include "tests/sim/value.h"

#include <math.h>
#include <string.h>

/* What a quantity in this unit usually is, and the part of it by which it wanders. */
static const struct {
    const char *unit;
    double usual;
    double part;
} units[] = {
    {"V", 230, 0.02},   {"kV", 20, 0.02},   {"A", 120, 0.15},   {"kA", 1.2, 0.15},
    {"W", 5200, 0.2},   {"kW", 840, 0.2},   {"MW", 12, 0.2},    {"var", 600, 0.3},
    {"kvar", 140, 0.3}, {"Mvar", 2, 0.3},   {"VA", 5400, 0.2},  {"kVA", 850, 0.2},
    {"Hz", 50, 0.0008}, {"degC", 24, 0.15}, {"°C", 24, 0.15},   {"%", 62, 0.1},
    {"bar", 6, 0.05},   {"m", 3.5, 0.1},    {"m3/h", 80, 0.15}, {"rpm", 1480, 0.01},
};

enum { RARELY = 8 };

/* splitmix64 */
static uint64_t next(struct sim_random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

double sim_random_unit(struct sim_random *random)
{
    return (double)(next(random) >> 11) / 9007199254740992.0;
}

uint32_t sim_random_below(struct sim_random *random, uint32_t limit)
{
    return (uint32_t)(sim_random_unit(random) * limit);
}

static struct sim_value analog_start(struct sim_random *random, const struct gw_map_point *map)
{
    double usual = 500 + sim_random_unit(random) * 500;
    double part = 0.05;
    bool known = false;
    for (size_t i = 0; map && map->unit && i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(map->unit, units[i].unit) == 0) {
            part = units[i].part;
            usual = units[i].usual * (1 + part * (sim_random_unit(random) - 0.5));
            known = true;
        }
    }
    double base = known && map->scaled ? (usual - map->offset) / map->scale : usual;
    double wander = known && map->scaled ? usual * part / map->scale : usual * part;
    base = round(base);
    return (struct sim_value){.now = base, .base = base, .wander = fmax(fabs(wander), 1)};
}

struct sim_value sim_value_start(struct sim_random *random, enum dnp3_point_type type,
                                 const struct gw_map_point *map)
{
    switch (type) {
    case DNP3_POINT_BINARY_INPUT:
        return (struct sim_value){.now = map && map->invert, .base = map && map->invert};
    case DNP3_POINT_DOUBLE_BIT_INPUT:
        return (struct sim_value){.now = DNP3_DOUBLE_BIT_ON, .base = DNP3_DOUBLE_BIT_ON};
    case DNP3_POINT_COUNTER:
        return (struct sim_value){.now = sim_random_below(random, 100000)};
    case DNP3_POINT_ANALOG_INPUT:
        return analog_start(random, map);
    default:
        return (struct sim_value){0};
    }
}

/* A contact leaves its usual state rarely and returns at the next occasion. */
static bool move_contact(struct sim_value *value, struct sim_random *random, double other)
{
    if (value->now != value->base) {
        value->now = value->base;
        return true;
    }
    if (sim_random_below(random, RARELY))
        return false;
    value->now = other;
    return true;
}

bool sim_value_move(struct sim_value *value, struct sim_random *random, enum dnp3_point_type type)
{
    switch (type) {
    case DNP3_POINT_BINARY_INPUT:
        return move_contact(value, random, value->base != 0 ? 0 : 1);
    case DNP3_POINT_DOUBLE_BIT_INPUT:
        return move_contact(value, random, DNP3_DOUBLE_BIT_OFF);
    case DNP3_POINT_COUNTER:
        value->now = fmod(value->now + 1 + sim_random_below(random, 3), 4294967296.0);
        return true;
    case DNP3_POINT_OCTET_STRING:
        value->now += 1;
        return true;
    default: {
        double before = value->now;
        double pull = (value->base - value->now) * 0.1;
        double push = (sim_random_unit(random) * 2 - 1) * value->wander * 0.4;
        value->now = round(value->now + pull + push);
        return value->now != before;
    }
    }
}
