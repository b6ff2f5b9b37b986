/* SPDX-License-Identifier: Apache-2.0 */
/* The outstation's points: current value, quality and time of each, and how it reports: event
 * class, variations, dead-band. Counts are fixed at create; nothing is allocated afterwards. */
#ifndef DNP3_DATABASE_H
#define DNP3_DATABASE_H

#include "dnp3/memory.h"
#include "dnp3/objects.h"
#include "dnp3/point.h"

/* BINARY_INPUT to UNSIGNED_INTEGER have a place in the database; indications are the outstation's,
 * dead-bands belong to how analog inputs report. What is stored of a command event's type is how
 * commands of that index are reported, and the last one: it is never read. */
enum { DNP3_DATABASE_TYPES = DNP3_POINT_UNSIGNED_INTEGER + 1 };

/* Longest octet string: the variation is its length (IEEE 1815-2012 A.46). */
enum { DNP3_OCTET_STRING_MAX = 255 };

/* Points of one type: indexes have 16 bits. */
enum { DNP3_DATABASE_POINTS_MAX = 65536 };

/* How one point reports. Variations 0 mean the type's default (see dnp3_point_setup_default). */
struct dnp3_point_setup {
    uint8_t event_class;      /* 1..3, or 0: static only, no events */
    uint8_t static_variation; /* what READ of variation 0 and of class 0 answers */
    uint8_t event_variation;  /* of an analog command event also 0: as its command was encoded */
    bool absent;              /* there is no point at this index; it is passed over in reads */
    float deadband; /* an event when the value differs from the last event's by more than this */
};

struct dnp3_database_config {
    uint32_t count[DNP3_DATABASE_TYPES]; /* indexes 0..count-1, at most 65536 of them */
    struct dnp3_point_setup setup[DNP3_DATABASE_TYPES];
    uint8_t octet_string_size; /* room for each octet string; 0 = 32 */
};

/* When an update becomes an event (class 1..3 only). */
enum dnp3_event_mode {
    DNP3_EVENT_DETECT,  /* the flags changed, or the value by more than the dead-band */
    DNP3_EVENT_FORCE,   /* always */
    DNP3_EVENT_SUPPRESS /* never; the value becomes the one that later values are compared with */
};

struct dnp3_database;

/* Class 1 for binaries and double-bits, 2 for analogs, 3 for counters, 0 for the rest; variations
 * with flags, and events with absolute time: 1v2 2v2, 3v2 4v2, 10v2 11v2, 20v1 22v5, 21v5 23v5,
 * 30v1 32v3, 31v3 33v3, 40v1 42v3, 110 111, 50v4, 13v2, 43, 102v1. */
struct dnp3_point_setup dnp3_point_setup_default(enum dnp3_point_type type);
/* No points, every type with its default setup. */
void dnp3_database_config_default(struct dnp3_database_config *config);

/* Every point starts as 0 with flag RESTART (double-bits: INTERMEDIATE). NULL without memory, with
 * more points than there are indexes, or where a variation does not belong to its type. */
struct dnp3_database *dnp3_database_create(const struct dnp3_allocator *allocator,
                                           const struct dnp3_database_config *config);
/* NULL is legal. The points of an outstation are the outstation's to free. */
void dnp3_database_free(struct dnp3_database *database);

/* Indexes of a type, absent points included; 0 for a type that has no place here. */
uint32_t dnp3_database_count(const struct dnp3_database *database, enum dnp3_point_type type);
/* The points of a type, index 0 first, dnp3_database_count() of them. */
const struct dnp3_point *dnp3_database_points(const struct dnp3_database *database,
                                              enum dnp3_point_type type);
/* One point, live until the database goes, or NULL where there is none. */
const struct dnp3_point *dnp3_database_point(const struct dnp3_database *database,
                                             enum dnp3_point_type type, uint32_t index);

/* How a point reports, or NULL where there is none (an absent point is one that has a setup). */
const struct dnp3_point_setup *dnp3_database_setup(const struct dnp3_database *database,
                                                   enum dnp3_point_type type, uint32_t index);
/* Changes how a point reports. 0; UNKNOWN index; INVALID class or variation. */
int dnp3_database_configure(struct dnp3_database *database, enum dnp3_point_type type,
                            uint32_t index, const struct dnp3_point_setup *setup);

/* Takes a new value: `point->index` says which; octets are copied. 1 when it is an event, 0 when
 * not; UNKNOWN where there is no such point; RANGE where an octet string is too long. An empty one
 * is never reported: no variation says it. */
int dnp3_database_update(struct dnp3_database *database, enum dnp3_point_type type,
                         const struct dnp3_point *point, enum dnp3_event_mode mode);

/* Room for each octet string: as configured, or the default. */
uint8_t dnp3_octet_string_size(const struct dnp3_database_config *config);

/* The static and the event group of a type (1 and 2 for BINARY_INPUT); 0 where it has none. */
uint8_t dnp3_static_group(enum dnp3_point_type type);
uint8_t dnp3_event_group(enum dnp3_point_type type);

#endif
