/* SPDX-License-Identifier: Apache-2.0 */
/* A compiled mapping: what an outstation's points and controls are called and how their values are
 * shown. Outstations with the same file and the same values of the variables it uses share one.
 * Immutable; every pointer lives as long as the configuration. Nothing here allocates. */
#ifndef GW_MAPPING_H
#define GW_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dnp3/command.h"
#include "dnp3/point.h"

/* All types but DNP3_POINT_INDICATION have topics: internal indications are the status'. */
enum { GW_MAP_TYPES = DNP3_POINT_TYPES };
static inline bool gw_map_type_is_published(unsigned type)
{
    return type < GW_MAP_TYPES && type != DNP3_POINT_INDICATION;
}
/* Reports of commands that somebody gave the outstation: events only, with a status, no flags. */
static inline bool gw_map_type_is_command(unsigned type)
{
    return type == DNP3_POINT_BINARY_COMMAND_EVENT || type == DNP3_POINT_ANALOG_COMMAND_EVENT;
}

enum gw_publish { GW_PUBLISH_CHANGE, GW_PUBLISH_ALWAYS, GW_PUBLISH_NEVER };
enum gw_control_type { GW_CONTROL_BINARY_OUTPUT, GW_CONTROL_ANALOG_OUTPUT };
enum gw_control_mode {
    GW_CONTROL_SELECT_BEFORE_OPERATE,
    GW_CONTROL_DIRECT_OPERATE,
    GW_CONTROL_DIRECT_OPERATE_NO_ACK
};

struct gw_map_point {
    uint32_t index;
    uint8_t type;      /* enum dnp3_point_type */
    uint8_t publish;   /* enum gw_publish */
    int8_t decimals;   /* digits after the decimal point, -1 = as many as the value needs */
    bool invert;       /* off and on swapped: gw_map_point_value does it, then `states` apply */
    bool scaled;       /* scale or offset do something: always print a decimal point */
    const char *name;  /* "current-a"; NULL in a default point: "{type}/{index}" */
    const char *label; /* NULL: none */
    const char *unit;  /* NULL: none */
    const char *const *states; /* [value]: 2 words of a binary, 4 of a double-bit; else NULL */
    bool own_states;           /* the words come from the file, not the defaults */
    double scale, offset;
    double deadband;   /* analog input, in engineering units; negative: the outstation's own */
    uint32_t expiry_s; /* of its messages; 0 = they do not expire */
};

/* A word that a control accepts, and what it sends. */
struct gw_map_state {
    const char *word;
    struct dnp3_command command; /* ready to send */
    double value;                /* analog: in engineering units */
    int expect;                  /* feedback: the point's value to wait for, -1 = none */
};

struct gw_map_control {
    const char *name;
    const char *label; /* NULL: none */
    const char *unit;  /* NULL: none */
    uint32_t index;
    uint8_t type;         /* enum gw_control_type */
    uint8_t mode;         /* enum gw_control_mode */
    uint8_t command_type; /* enum dnp3_command_type */
    bool require_id, require_expires;
    bool poll_after;
    uint32_t arm_ms; /* it must be armed with the same id within this; 0: it need not be */
    uint32_t max_age_ms;
    uint32_t max_per_minute;
    const struct gw_map_state *states;
    size_t state_count;
    double scale, offset; /* analog: raw = (value - offset) / scale */
    double min, max;      /* analog: engineering units */
    /* The point that shows whether it moved, NULL: none. An analog control without `expect` waits
     * for the commanded value itself. */
    const struct gw_map_point *feedback;
    uint32_t feedback_within_ms;
};

struct gw_map_range {
    uint8_t type; /* enum dnp3_point_type */
    uint32_t first, last;
};

struct gw_mapping {
    const char *device; /* NULL: the outstation has no mapping */
    const char *file;   /* its name without directories, for `meta`; NULL: none */
    /* By (type, index); those of type t are points[of_type[t]] up to points[of_type[t + 1]]. */
    const struct gw_map_point *points;
    size_t point_count;
    uint32_t of_type[GW_MAP_TYPES + 1];
    const struct gw_map_control *controls; /* by name */
    size_t control_count;
    bool unmapped; /* points not named here are published too: all of them, or those in ranges */
    const struct gw_map_range *ranges;
    size_t range_count; /* 0 with `unmapped`: all */
};

/* The point named in the file, or NULL. At once where indexes have no gaps, else by bisection;
 * `mapped - mapping->points` is its number. */
const struct gw_map_point *gw_mapping_find(const struct gw_mapping *mapping,
                                           enum dnp3_point_type type, uint32_t index);
/* The same, and where none is named but `unmapped` lets it out, the type's default point (its
 * `name` is NULL, its `index` means nothing). NULL: this point is not published. */
const struct gw_map_point *gw_mapping_point(const struct gw_mapping *mapping,
                                            enum dnp3_point_type type, uint32_t index);
/* Whether a point of the default kind; else it is an element of `mapping->points`. */
static inline bool gw_map_point_is_default(const struct gw_map_point *point)
{
    return !point->name;
}
/* The point's name in topics and messages: `name`, or "analog_input/4" written into `buffer`. */
const char *gw_map_point_name(const struct gw_map_point *point, uint32_t index, char *buffer,
                              size_t size);
/* The value to publish: inverted or scaled, not rounded. */
double gw_map_point_value(const struct gw_map_point *point, double raw);
/* The state's word for a value that gw_map_point_value gave, NULL where the type has none. */
const char *gw_map_point_state(const struct gw_map_point *point, double value);

/* The control of that name, or NULL. */
const struct gw_map_control *gw_mapping_control(const struct gw_mapping *mapping, const char *name);
/* The entry of a word (need not end in NUL), or NULL: this control does not know it. */
const struct gw_map_state *gw_map_control_word(const struct gw_map_control *control,
                                               const char *word, size_t length);
/* What an analog control sends for a number in engineering units. DNP3_ERR_RANGE: outside of
 * min..max or of the encoding, or not a number; DNP3_ERR_UNKNOWN: the control takes words only. */
int gw_map_control_number(const struct gw_map_control *control, double value,
                          struct dnp3_command *command);

#endif
