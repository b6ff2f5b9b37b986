/* SPDX-License-Identifier: Apache-2.0 */
/* Looking things up in a compiled mapping: the hot path of every point and the gate of every
 * control. */
#include "gateway/mapping/mapping.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "dnp3/error.h"

static const char *const binary_words[] = {"off", "on"};
static const char *const double_bit_words[] = {"intermediate", "off", "on", "indeterminate"};

#define DEFAULT(point_type, words)                                                                 \
    [point_type] = {                                                                               \
        .type = (point_type), .decimals = -1, .scale = 1, .deadband = -1, .states = (words)}

static const struct gw_map_point defaults[GW_MAP_TYPES] = {
    DEFAULT(DNP3_POINT_BINARY_INPUT, binary_words),
    DEFAULT(DNP3_POINT_DOUBLE_BIT_INPUT, double_bit_words),
    DEFAULT(DNP3_POINT_BINARY_OUTPUT_STATUS, binary_words),
    DEFAULT(DNP3_POINT_COUNTER, NULL),
    DEFAULT(DNP3_POINT_FROZEN_COUNTER, NULL),
    DEFAULT(DNP3_POINT_ANALOG_INPUT, NULL),
    DEFAULT(DNP3_POINT_FROZEN_ANALOG_INPUT, NULL),
    DEFAULT(DNP3_POINT_ANALOG_OUTPUT_STATUS, NULL),
    DEFAULT(DNP3_POINT_OCTET_STRING, NULL),
    DEFAULT(DNP3_POINT_TIME, NULL),
    DEFAULT(DNP3_POINT_BINARY_COMMAND_EVENT, binary_words),
    DEFAULT(DNP3_POINT_ANALOG_COMMAND_EVENT, NULL),
    DEFAULT(DNP3_POINT_ANALOG_INPUT_DEAD_BAND, NULL),
    DEFAULT(DNP3_POINT_UNSIGNED_INTEGER, NULL),
};

const struct gw_map_point *gw_mapping_find(const struct gw_mapping *mapping,
                                           enum dnp3_point_type type, uint32_t index)
{
    if ((unsigned)type >= GW_MAP_TYPES)
        return NULL;
    size_t count = mapping->of_type[type + 1] - mapping->of_type[type];
    if (count == 0)
        return NULL;
    const struct gw_map_point *first = mapping->points + mapping->of_type[type];
    if (index < first->index)
        return NULL;
    size_t guess = index - first->index;
    if (guess < count && first[guess].index == index)
        return first + guess;
    size_t low = 0;
    size_t high = guess < count ? guess : count; /* gaps only move a point to the front */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (first[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && first[low].index == index ? first + low : NULL;
}

static bool is_let_out(const struct gw_mapping *mapping, enum dnp3_point_type type, uint32_t index)
{
    if (!mapping->unmapped || mapping->range_count == 0)
        return mapping->unmapped;
    for (size_t i = 0; i < mapping->range_count; i++) {
        const struct gw_map_range *range = mapping->ranges + i;
        if (range->type == type && index >= range->first && index <= range->last)
            return true;
    }
    return false;
}

const struct gw_map_point *gw_mapping_point(const struct gw_mapping *mapping,
                                            enum dnp3_point_type type, uint32_t index)
{
    const struct gw_map_point *point = gw_mapping_find(mapping, type, index);
    if (point || !gw_map_type_is_published(type))
        return point;
    return is_let_out(mapping, type, index) ? defaults + type : NULL;
}

const char *gw_map_point_name(const struct gw_map_point *point, uint32_t index, char *buffer,
                              size_t size)
{
    if (point->name)
        return point->name;
    snprintf(buffer, size, "%s/%u", dnp3_point_type_name(point->type), index);
    return buffer;
}

double gw_map_point_value(const struct gw_map_point *point, double raw)
{
    if (point->scaled)
        return raw * point->scale + point->offset;
    if (!point->invert)
        return raw;
    if (point->type == DNP3_POINT_DOUBLE_BIT_INPUT)
        return raw == DNP3_DOUBLE_BIT_OFF  ? DNP3_DOUBLE_BIT_ON
               : raw == DNP3_DOUBLE_BIT_ON ? DNP3_DOUBLE_BIT_OFF
                                           : raw;
    return raw == 0 ? 1 : 0;
}

const char *gw_map_point_state(const struct gw_map_point *point, double value)
{
    double last = point->type == DNP3_POINT_DOUBLE_BIT_INPUT ? 3 : 1;
    if (!point->states || !(value >= 0 && value <= last))
        return NULL;
    return point->states[(unsigned)value];
}

const struct gw_map_control *gw_mapping_control(const struct gw_mapping *mapping, const char *name)
{
    size_t low = 0;
    size_t high = mapping->control_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(mapping->controls[middle].name, name);
        if (order == 0)
            return mapping->controls + middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct gw_map_state *gw_map_control_word(const struct gw_map_control *control,
                                               const char *word, size_t length)
{
    for (size_t i = 0; i < control->state_count; i++) {
        const char *known = control->states[i].word;
        if (strlen(known) == length && memcmp(known, word, length) == 0)
            return control->states + i;
    }
    return NULL;
}

/* Whether the encoding carries `raw`. */
static bool fits(enum dnp3_command_type type, double raw)
{
    switch (type) {
    case DNP3_COMMAND_ANALOG_INT16:
        return raw >= INT16_MIN && raw <= INT16_MAX;
    case DNP3_COMMAND_ANALOG_INT32:
        return raw >= INT32_MIN && raw <= INT32_MAX;
    case DNP3_COMMAND_ANALOG_FLOAT:
        return raw >= (double)-FLT_MAX && raw <= (double)FLT_MAX;
    case DNP3_COMMAND_ANALOG_DOUBLE:
        return isfinite(raw);
    case DNP3_COMMAND_CROB:
        break;
    }
    return false;
}

int gw_map_control_number(const struct gw_map_control *control, double value,
                          struct dnp3_command *command)
{
    if (control->type != GW_CONTROL_ANALOG_OUTPUT)
        return DNP3_ERR_UNKNOWN;
    if (!(value >= control->min && value <= control->max))
        return DNP3_ERR_RANGE;
    double raw = (value - control->offset) / control->scale;
    bool integer = control->command_type == DNP3_COMMAND_ANALOG_INT16 ||
                   control->command_type == DNP3_COMMAND_ANALOG_INT32;
    if (integer)
        raw = round(raw);
    if (!fits(control->command_type, raw))
        return DNP3_ERR_RANGE;
    *command =
        (struct dnp3_command){.type = control->command_type, .index = control->index, .value = raw};
    return 0;
}
