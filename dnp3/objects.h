/* SPDX-License-Identifier: Apache-2.0 */
/* Object headers and the table of variations: one row of data drives one reader and one writer
 * (IEEE 1815-2012 4.2.7, clause 11, annex A). */
#ifndef DNP3_OBJECTS_H
#define DNP3_OBJECTS_H

#include "dnp3/command.h"
#include "dnp3/cursor.h"
#include "dnp3/point.h"

/* How the value of one object stands on the wire. */
enum dnp3_encoding {
    DNP3_ENCODING_NONE,  /* no object octets: variation 0, classes */
    DNP3_ENCODING_BIT,   /* packed, 1 bit an object */
    DNP3_ENCODING_BIT2,  /* packed, 2 bits an object */
    DNP3_ENCODING_FLAG,  /* the value is bit 7 of the flags octet */
    DNP3_ENCODING_FLAG2, /* the value is bits 6..7 of the flags octet */
    DNP3_ENCODING_U8,
    DNP3_ENCODING_U16,
    DNP3_ENCODING_U32,
    DNP3_ENCODING_I16,
    DNP3_ENCODING_I32,
    DNP3_ENCODING_F32,
    DNP3_ENCODING_F64,
    DNP3_ENCODING_TIME48, /* the value is a DNP3TIME */
    DNP3_ENCODING_OCTETS, /* the variation is the length */
    DNP3_ENCODING_CROB,
};

enum dnp3_object_kind {
    DNP3_KIND_STATIC,
    DNP3_KIND_EVENT,
    DNP3_KIND_COMMAND, /* 12v1, 41v1..4 */
    DNP3_KIND_CTO,     /* 51v1, 51v2: the base of the relative times that follow */
    DNP3_KIND_DELAY,   /* 52v1, 52v2 */
    DNP3_KIND_CLASS,   /* 60v1..4 */
    DNP3_KIND_PATTERN, /* 12v2, 12v3: one command for many points, and which */
    DNP3_KIND_OTHER
};

/* Time that stands after the value. */
enum dnp3_object_time { DNP3_OBJECT_NO_TIME, DNP3_OBJECT_TIME48, DNP3_OBJECT_TIME16 };

/* One variation. An object is its flags octet, value and time; for commands value and status; for
 * 50v2 and 50v4 a value and octets that only dnp3_items_interval reads. */
struct dnp3_object_row {
    uint8_t group;
    uint8_t variation;
    uint8_t kind;     /* enum dnp3_object_kind */
    uint8_t type;     /* enum dnp3_point_type; DNP3_POINT_TYPES where it is no point */
    uint8_t encoding; /* enum dnp3_encoding */
    bool flags;       /* a flags octet precedes the value (for commands: a status octet follows) */
    uint8_t time;     /* enum dnp3_object_time */
    uint8_t size;     /* octets of one object; 0 where packed or octets */
    bool delta;       /* a counter's change since the last report, never a total */
};

/* The row, or NULL. Variation 0 of a known group gives a row with DNP3_ENCODING_NONE. For groups
 * 110 and 111 every variation gives the same row. */
const struct dnp3_object_row *dnp3_object_row(uint8_t group, uint8_t variation);
/* All rows, in order of group and variation, for tests and documentation. */
const struct dnp3_object_row *dnp3_object_rows(size_t *count);
/* What a group holds ("analog input"), also of groups that are only recognised; NULL where the
 * standard defines none. */
const char *dnp3_group_name(uint8_t group);
/* What one variation holds, where it is another thing than its group's other variations ("file
 * transport", "authentication challenge"); else NULL. */
const char *dnp3_variation_name(uint8_t group, uint8_t variation);

/* Qualifier octets in use (table 4-6): prefix in bits 4..6, range specifier in bits 0..3. */
enum {
    DNP3_QUALIFIER_RANGE8 = 0x00,
    DNP3_QUALIFIER_RANGE16 = 0x01,
    DNP3_QUALIFIER_RANGE32 = 0x02,
    DNP3_QUALIFIER_ADDRESS8 = 0x03,
    DNP3_QUALIFIER_ADDRESS16 = 0x04,
    DNP3_QUALIFIER_ADDRESS32 = 0x05,
    DNP3_QUALIFIER_ALL = 0x06,
    DNP3_QUALIFIER_COUNT8 = 0x07,
    DNP3_QUALIFIER_COUNT16 = 0x08,
    DNP3_QUALIFIER_COUNT32 = 0x09,
    DNP3_QUALIFIER_PREFIX8_COUNT8 = 0x17,
    DNP3_QUALIFIER_PREFIX16_COUNT16 = 0x28,
    DNP3_QUALIFIER_PREFIX32_COUNT32 = 0x39,
    DNP3_QUALIFIER_FREE = 0x5B
};

/* One object header. */
struct dnp3_object_header {
    uint8_t group;
    uint8_t variation;
    uint8_t qualifier;
    uint8_t prefix; /* octets of index (1, 2, 4) or size (with `sized`) before each object */
    bool sized;     /* the prefix is a size (qualifiers 4x..6x) */
    bool ranged; /* start and stop (or addresses) were given: indexes are start, start + 1, ... */
    bool all;    /* qualifier 06: no range, no objects */
    uint32_t start; /* first index, 0 where not ranged */
    uint32_t count; /* objects; 0 with `all`; 0..FFFFFFFF gives FFFFFFFF, which no fragment holds */
    const struct dnp3_object_row *row; /* NULL where the variation is not in the table */
};

/* Reads the next header. 0, or MALFORMED (stop before start, a qualifier the standard does not
 * define: group, variation and qualifier are set then) or TRUNCATED; the reader then has failed.
 * The count is not checked against the octets. */
int dnp3_header_read(struct dnp3_reader *in, struct dnp3_object_header *header);

/* Writes a header with no range (06), a range (narrowest of 00, 01, 02), a range of virtual
 * addresses (narrowest of 03, 04, 05; for g102), or a count. */
void dnp3_header_write_all(struct dnp3_writer *out, uint8_t group, uint8_t variation);
void dnp3_header_write_range(struct dnp3_writer *out, uint8_t group, uint8_t variation,
                             uint32_t start, uint32_t stop);
void dnp3_header_write_addresses(struct dnp3_writer *out, uint8_t group, uint8_t variation,
                                 uint32_t first, uint32_t last);
void dnp3_header_write_count(struct dnp3_writer *out, uint8_t group, uint8_t variation,
                             uint8_t qualifier, uint32_t count);

/* Writes a header of one object whose size stands before it (5B), then the caller writes the
 * object; `end` fills the size in. More than 65535 octets fail the writer. */
size_t dnp3_sized_begin(struct dnp3_writer *out, uint8_t group, uint8_t variation);
void dnp3_sized_end(struct dnp3_writer *out, size_t begun);

/* What the objects of a fragment share: the common time of occurrence, and whether the
 * outstation's clock was synchronised (scope rule 18). Start every fragment with a fresh one. */
struct dnp3_time_context {
    int64_t cto_ms;
    uint8_t cto_quality; /* enum dnp3_time_quality; NONE = no CTO in this fragment yet */
    bool need_time;      /* IIN1.4 of this fragment */
};

enum { DNP3_POINTS_BATCH = 64 };

/* The objects under one header, read in batches. */
struct dnp3_items {
    const struct dnp3_object_header *header;
    struct dnp3_time_context *times;
    uint32_t done; /* objects read so far */
    /* 0; TRUNCATED where the octets ended early (what came before is good, the reader has failed);
     * UNSUPPORTED where the objects cannot be read: they were passed over, or the reader has failed
     * where their length cannot be known; MALFORMED for octet strings of no length at all. */
    int error;
};

/* Starts at the header's first object. Both are borrowed until the last call for these items; a
 * reader stands behind the header. */
void dnp3_items_begin(struct dnp3_items *items, const struct dnp3_object_header *header,
                      struct dnp3_time_context *times);

/* Up to DNP3_POINTS_BATCH points; 0 when all are read or on `items->error`. For a header that holds
 * no points it passes over the objects (51v1 and 51v2 set the time context), so that it may be
 * called for every header of a fragment. Never reads past `in`. */
size_t dnp3_items_points(struct dnp3_items *items, struct dnp3_reader *in,
                         struct dnp3_point points[DNP3_POINTS_BATCH]);
/* Up to `size` commands of a header whose row is COMMAND. */
size_t dnp3_items_commands(struct dnp3_items *items, struct dnp3_reader *in,
                           struct dnp3_command *commands, size_t size);
/* Delays in milliseconds of a header whose row is DELAY (52v1 counts seconds); false at the end. */
bool dnp3_items_delay(struct dnp3_items *items, struct dnp3_reader *in, uint32_t *delay_ms);
/* The next index in a request whose headers carry no objects (READ, freezes, ASSIGN_CLASS): of the
 * range, or of the prefixes. False at the end. A range may be far longer than any database. */
bool dnp3_items_index(struct dnp3_items *items, struct dnp3_reader *in, uint32_t *index);

/* The next object of a header with size prefixes (5B), as a reader of exactly its octets: files,
 * authentication, or anything unknown. False at the end. */
bool dnp3_items_sized(struct dnp3_items *items, struct dnp3_reader *in, struct dnp3_reader *object);
/* The next pattern control block (12v2), a CROB without an index: it is for the points of the mask
 * that follows. False at the end. */
bool dnp3_items_pattern(struct dnp3_items *items, struct dnp3_reader *in,
                        struct dnp3_command *pattern);
/* The next point that a pattern mask (12v3, without prefixes) selects. False at the end. */
bool dnp3_items_mask(struct dnp3_items *items, struct dnp3_reader *in, uint32_t *index);

/* Interval units of 50v4. What the standard does not define is kept as read. */
#define DNP3_INTERVAL_MAP(X)                                                                       \
    X(NONE, 0, "none") /* no repetition, whatever the count */                                     \
    X(MILLISECONDS, 1, "milliseconds")                                                             \
    X(SECONDS, 2, "seconds")                                                                       \
    X(MINUTES, 3, "minutes")                                                                       \
    X(HOURS, 4, "hours")                                                                           \
    X(DAYS, 5, "days")                                                                             \
    X(WEEKS, 6, "weeks")                                                                           \
    X(MONTHS_DATE, 7, "months_date")                 /* same day of the month */                   \
    X(MONTHS_WEEKDAY, 8, "months_weekday")           /* same weekday from the month's start */     \
    X(MONTHS_WEEKDAY_LAST, 9, "months_weekday_last") /* same weekday from the month's end */       \
    X(SEASONS, 10, "seasons")

enum dnp3_interval_unit {
#define X(name, value, text) DNP3_INTERVAL_##name = (value),
    DNP3_INTERVAL_MAP(X)
#undef X
};

/* The unit's word, or NULL for a code that the standard does not define. */
const char *dnp3_interval_unit_name(uint8_t unit);

/* A time and how often what happens then is repeated: 50v2 (milliseconds; 0 = once), 50v4. */
struct dnp3_interval {
    uint32_t index;
    uint32_t count; /* of `unit` */
    int64_t time_ms;
    uint8_t unit; /* enum dnp3_interval_unit; MILLISECONDS for 50v2 */
};

/* The next object of a header 50v2 or 50v4. False at the end. */
bool dnp3_items_interval(struct dnp3_items *items, struct dnp3_reader *in,
                         struct dnp3_interval *interval);

/* Passes over the objects of a header that nobody reads. 0; UNSUPPORTED where the length cannot be
 * known (the reader has then failed); TRUNCATED. */
int dnp3_items_skip(const struct dnp3_object_header *header, struct dnp3_reader *in);

/* Octets that the objects of a header take, or SIZE_MAX where the header alone does not tell. */
size_t dnp3_header_octets(const struct dnp3_object_header *header);

/* Writes one object's octets (no prefix) of a row that is STATIC or EVENT and not packed. Analogs
 * that do not fit saturate and set OVER_RANGE; counters roll over at the width of the variation;
 * dead-bands and unsigned integers saturate.
 * Relative time is `point->time_ms` - `cto_ms`, within 0..65535: beyond it needs a new CTO. */
void dnp3_point_write(struct dnp3_writer *out, const struct dnp3_object_row *row,
                      const struct dnp3_point *point, int64_t cto_ms);
/* Writes `count` packed objects (BIT, BIT2), low bits first. */
void dnp3_points_write_packed(struct dnp3_writer *out, const struct dnp3_object_row *row,
                              const struct dnp3_point *points, size_t count);
/* Writes the object octets of a command, status included; RANGE where the value does not fit. */
int dnp3_command_write(struct dnp3_writer *out, const struct dnp3_command *command);
/* Writes headers and objects of a pattern: the control block (12v2), then the mask (12v3) over the
 * range of `indexes`. INVALID without an index, RANGE for one above 65535, FULL. */
int dnp3_pattern_write(struct dnp3_writer *out, const struct dnp3_command *pattern,
                       const uint32_t *indexes, size_t count);
/* Writes the octets of an object 50v2 or 50v4. RANGE where the time is not of 48 bits, or the unit
 * is not milliseconds in 50v2; INVALID for another variation; FULL. */
int dnp3_interval_write(struct dnp3_writer *out, uint8_t variation,
                        const struct dnp3_interval *interval);
/* Writes header, index and octets of one octet string (g110), as a WRITE of it has them. RANGE for
 * none or more than 255 octets or an index above 65535; FULL. */
int dnp3_octet_string_write(struct dnp3_writer *out, uint32_t index, const void *octets,
                            size_t length);
/* Writes an index prefix of 1, 2 or 4 octets, or nothing for 0. */
void dnp3_index_write(struct dnp3_writer *out, unsigned octets, uint32_t index);
/* The row by which a command is written. */
const struct dnp3_object_row *dnp3_command_row(enum dnp3_command_type type);

#endif
