/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of a mapping file's keys, and the structs that they fill. */
#ifndef GW_MAPPING_KEYS_H
#define GW_MAPPING_KEYS_H

#include "gateway/json/keys.h"
#include "gateway/mapping/mapping.h"

enum { GW_ROUND_UNSET = 255 };

/* One element of `points` as written, before its name is expanded for each index. */
struct gw_point_entry {
    const char *name, *label, *unit;
    double scale, offset;
    double deadband; /* negative: none */
    uint32_t expiry_s;
    uint8_t type, publish;
    uint8_t round; /* GW_ROUND_UNSET: from the scale */
    bool enabled, invert;
};

/* One element of `controls` as written. */
struct gw_control_entry {
    const char *name, *label, *unit;
    double scale, offset, min, max;
    uint8_t type, mode, encoding;
    uint8_t require; /* GW_REQUIRE_* bits */
    bool enabled, poll_after;
    uint32_t max_age_ms, max_per_minute, arm_ms;
};
enum { GW_REQUIRE_ID = 1, GW_REQUIRE_EXPIRES = 2 };

struct gw_crob_entry {
    uint8_t operation, trip_close, count;
    bool clear, queue;
    uint32_t on_ms, off_ms;
};

struct gw_feedback_entry {
    const char *point;
    uint32_t within_ms;
};

extern const struct gw_keys gw_mapping_keys;  /* the file's top; all read by the mapping loader */
extern const struct gw_keys gw_point_keys;    /* struct gw_point_entry */
extern const struct gw_keys gw_control_keys;  /* struct gw_control_entry */
extern const struct gw_keys gw_crob_keys;     /* struct gw_crob_entry */
extern const struct gw_keys gw_feedback_keys; /* struct gw_feedback_entry */

#endif
