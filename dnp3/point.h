/* SPDX-License-Identifier: Apache-2.0 */
/* What a measurement is: its type, value, quality flags and time. One struct serves every object
 * group; it arrives in batches, never one call a point. */
#ifndef DNP3_POINT_H
#define DNP3_POINT_H

#include <stdbool.h>
#include <stdint.h>

/* Point types, in the words of IEEE 1815-2012 annex A and of the gateway's mapping files. */
#define DNP3_POINT_TYPE_MAP(X)                                                                     \
    X(BINARY_INPUT, "binary_input")                                                                \
    X(DOUBLE_BIT_INPUT, "double_bit_input")                                                        \
    X(BINARY_OUTPUT_STATUS, "binary_output_status")                                                \
    X(COUNTER, "counter")                                                                          \
    X(FROZEN_COUNTER, "frozen_counter")                                                            \
    X(ANALOG_INPUT, "analog_input")                                                                \
    X(FROZEN_ANALOG_INPUT, "frozen_analog_input")                                                  \
    X(ANALOG_OUTPUT_STATUS, "analog_output_status")                                                \
    X(OCTET_STRING, "octet_string")                                                                \
    X(TIME, "time")                                                                                \
    X(BINARY_COMMAND_EVENT,                                                                        \
      "binary_command_event") /* g13: `number` commanded state, `flags` status */                  \
    X(ANALOG_COMMAND_EVENT,                                                                        \
      "analog_command_event")               /* g43: `number` commanded value, `flags` status */    \
    X(UNSIGNED_INTEGER, "unsigned_integer") /* g102: index = address */                            \
    X(INDICATION, "indication")             /* g80: internal indications, index = bit 0..15 */     \
    X(ANALOG_INPUT_DEAD_BAND, "analog_input_dead_band")

enum dnp3_point_type {
#define X(name, text) DNP3_POINT_##name,
    DNP3_POINT_TYPE_MAP(X)
#undef X
        DNP3_POINT_TYPES
};

/* The type's word ("analog_input"), never NULL. */
const char *dnp3_point_type_name(enum dnp3_point_type type);
/* The type of a word, or -1. */
int dnp3_point_type_from_name(const char *name);

/* Quality flags as on the wire (IEEE 1815-2012 11.6). Bits 5 and 6 mean different things by type.
 */
enum dnp3_flag {
    DNP3_FLAG_ONLINE = 0x01,
    DNP3_FLAG_RESTART = 0x02,
    DNP3_FLAG_COMM_LOST = 0x04,
    DNP3_FLAG_REMOTE_FORCED = 0x08,
    DNP3_FLAG_LOCAL_FORCED = 0x10,
    DNP3_FLAG_CHATTER_FILTER = 0x20, /* binary and double-bit input */
    DNP3_FLAG_ROLLOVER = 0x20,       /* counters */
    DNP3_FLAG_OVER_RANGE = 0x20,     /* analogs */
    DNP3_FLAG_DISCONTINUITY = 0x40,  /* counters */
    DNP3_FLAG_REFERENCE_ERR = 0x40,  /* analogs */
    DNP3_FLAG_STATE = 0x80           /* binary: its value */
};

/* The name that a point of this type gives the flag with this bit (one bit set), or NULL where the
 * bit is reserved or is a part of the value. ONLINE included. */
const char *dnp3_flag_name(enum dnp3_point_type type, uint8_t bit);

enum dnp3_time_quality {
    DNP3_TIME_NONE,           /* the object carries no (usable) time; `time_ms` is 0 */
    DNP3_TIME_SYNCHRONIZED,   /* the outstation's clock was synchronised */
    DNP3_TIME_UNSYNCHRONIZED, /* by 51v2, or IIN1.4 (NEED_TIME) in that fragment */
};

enum dnp3_double_bit {
    DNP3_DOUBLE_BIT_INTERMEDIATE = 0,
    DNP3_DOUBLE_BIT_OFF = 1,
    DNP3_DOUBLE_BIT_ON = 2,
    DNP3_DOUBLE_BIT_INDETERMINATE = 3
};

/* One measurement. `number` holds every numeric value exactly (binary 0/1, double-bit 0..3,
 * counters, integers, floats; for TIME the ms since 1970). For OCTET_STRING `octets` points into
 * the buffer being read and lives as long as the callback that shows the point. */
struct dnp3_point {
    uint32_t index;
    uint8_t flags;        /* the wire's octet less its value or reserved bit 7 (double-bit:
                             less bits 6 and 7); ONLINE where there are none */
    uint8_t time_quality; /* enum dnp3_time_quality */
    uint16_t length;      /* octets of an octet string, else 0 */
    union {
        double number;
        const uint8_t *octets;
    };
    int64_t time_ms; /* ms since 1970-01-01 UTC, 0 where `time_quality` is NONE */
};

#endif
