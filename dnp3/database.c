/* SPDX-License-Identifier: Apache-2.0 */
/* One array of points and one of their reporting a type, all in one allocation, so that a range of
 * a type is read as a run of memory. */
#include "dnp3/database.h"

#include <math.h>

#include "dnp3/error.h"

enum { OCTET_STRING_DEFAULT = 32 };

/* What belongs to a type: its groups and how its points report unless told otherwise. */
struct type_row {
    uint8_t static_group;
    uint8_t event_group;
    uint8_t static_variation;
    uint8_t event_variation;
    uint8_t event_class;
};

static const struct type_row type_rows[DNP3_DATABASE_TYPES] = {
    [DNP3_POINT_BINARY_INPUT] = {1, 2, 2, 2, 1},
    [DNP3_POINT_DOUBLE_BIT_INPUT] = {3, 4, 2, 2, 1},
    [DNP3_POINT_BINARY_OUTPUT_STATUS] = {10, 11, 2, 2, 0},
    [DNP3_POINT_COUNTER] = {20, 22, 1, 5, 3},
    [DNP3_POINT_FROZEN_COUNTER] = {21, 23, 5, 5, 0},
    [DNP3_POINT_ANALOG_INPUT] = {30, 32, 1, 3, 2},
    [DNP3_POINT_FROZEN_ANALOG_INPUT] = {31, 33, 3, 3, 0},
    [DNP3_POINT_ANALOG_OUTPUT_STATUS] = {40, 42, 1, 3, 0},
    [DNP3_POINT_OCTET_STRING] = {110, 111, 0, 0, 0},
    [DNP3_POINT_TIME] = {50, 0, 4, 0, 0},
    [DNP3_POINT_BINARY_COMMAND_EVENT] = {0, 13, 0, 2, 0},
    [DNP3_POINT_ANALOG_COMMAND_EVENT] = {0, 43, 0, 0, 0},
    [DNP3_POINT_UNSIGNED_INTEGER] = {102, 0, 1, 0, 0},
};

/* How one point reports, and the value of its last event. */
struct report {
    struct dnp3_point_setup setup;
    double reported;
};

struct table {
    uint32_t count;
    struct dnp3_point *points;
    struct report *reports;
};

struct dnp3_database {
    struct dnp3_allocator allocator;
    struct table tables[DNP3_DATABASE_TYPES];
    uint8_t *strings;
    uint8_t string_size;
};

uint8_t dnp3_static_group(enum dnp3_point_type type)
{
    return (unsigned)type < DNP3_DATABASE_TYPES ? type_rows[type].static_group : 0;
}

uint8_t dnp3_event_group(enum dnp3_point_type type)
{
    return (unsigned)type < DNP3_DATABASE_TYPES ? type_rows[type].event_group : 0;
}

uint8_t dnp3_octet_string_size(const struct dnp3_database_config *config)
{
    return config->octet_string_size ? config->octet_string_size : OCTET_STRING_DEFAULT;
}

struct dnp3_point_setup dnp3_point_setup_default(enum dnp3_point_type type)
{
    if ((unsigned)type >= DNP3_DATABASE_TYPES)
        return (struct dnp3_point_setup){.absent = true};
    const struct type_row *row = &type_rows[type];
    return (struct dnp3_point_setup){
        .event_class = row->event_class,
        .static_variation = row->static_variation,
        .event_variation = row->event_variation,
    };
}

void dnp3_database_config_default(struct dnp3_database_config *config)
{
    *config = (struct dnp3_database_config){.octet_string_size = OCTET_STRING_DEFAULT};
    for (unsigned type = 0; type < DNP3_DATABASE_TYPES; type++)
        config->setup[type] = dnp3_point_setup_default((enum dnp3_point_type)type);
}

static bool is_variation(enum dnp3_point_type type, uint8_t group, uint8_t variation, uint8_t kind)
{
    const struct dnp3_object_row *row = dnp3_object_row(group, variation);
    return row && row->kind == kind && row->type == type && !row->delta &&
           row->encoding != DNP3_ENCODING_NONE;
}

/* Fills in the defaults and checks; INVALID where something does not belong to the type. */
static int complete_setup(enum dnp3_point_type type, struct dnp3_point_setup *setup)
{
    const struct type_row *row = &type_rows[type];
    if (!setup->static_variation)
        setup->static_variation = row->static_variation;
    if (!setup->event_variation)
        setup->event_variation = row->event_variation;
    if (setup->event_class > 3 || (setup->event_class && !row->event_group))
        return DNP3_ERR_INVALID;
    if (type == DNP3_POINT_OCTET_STRING)
        return 0;
    if (row->static_group &&
        !is_variation(type, row->static_group, setup->static_variation, DNP3_KIND_STATIC))
        return DNP3_ERR_INVALID;
    bool as_commanded = type == DNP3_POINT_ANALOG_COMMAND_EVENT && !setup->event_variation;
    if (row->event_group && !as_commanded &&
        !is_variation(type, row->event_group, setup->event_variation, DNP3_KIND_EVENT))
        return DNP3_ERR_INVALID;
    return 0;
}

static size_t points_total(const struct dnp3_database_config *config)
{
    size_t total = 0;
    for (unsigned type = 0; type < DNP3_DATABASE_TYPES; type++)
        total += config->count[type];
    return total;
}

static void fill_table(struct dnp3_database *database, enum dnp3_point_type type,
                       const struct dnp3_point_setup *setup)
{
    struct table *table = &database->tables[type];
    for (uint32_t index = 0; index < table->count; index++) {
        struct dnp3_point *point = &table->points[index];
        point->index = index;
        point->flags = DNP3_FLAG_RESTART;
        if (type == DNP3_POINT_OCTET_STRING)
            point->octets = database->strings + index * database->string_size;
        table->reports[index].setup = *setup;
    }
}

struct dnp3_database *dnp3_database_create(const struct dnp3_allocator *allocator,
                                           const struct dnp3_database_config *config)
{
    struct dnp3_point_setup setup[DNP3_DATABASE_TYPES];
    for (unsigned type = 0; type < DNP3_DATABASE_TYPES; type++) {
        setup[type] = config->setup[type];
        if (config->count[type] > DNP3_DATABASE_POINTS_MAX ||
            complete_setup((enum dnp3_point_type)type, &setup[type]))
            return NULL;
    }
    uint8_t string_size = dnp3_octet_string_size(config);
    size_t total = points_total(config);
    size_t strings = (size_t)config->count[DNP3_POINT_OCTET_STRING] * string_size;
    size_t size = sizeof(struct dnp3_database) +
                  total * (sizeof(struct dnp3_point) + sizeof(struct report)) + strings;
    struct dnp3_database *database =
        allocator->allocate(allocator->user, DNP3_OWNER_OUTSTATION, size);
    if (!database)
        return NULL;
    database->allocator = *allocator;
    database->string_size = string_size;
    struct dnp3_point *points = (struct dnp3_point *)(database + 1);
    struct report *reports = (struct report *)(points + total);
    database->strings = (uint8_t *)(reports + total);
    for (unsigned type = 0; type < DNP3_DATABASE_TYPES; type++) {
        uint32_t count = config->count[type];
        database->tables[type] = (struct table){count, points, reports};
        fill_table(database, (enum dnp3_point_type)type, &setup[type]);
        points += count;
        reports += count;
    }
    return database;
}

void dnp3_database_free(struct dnp3_database *database)
{
    if (!database)
        return;
    struct dnp3_allocator allocator = database->allocator;
    allocator.release(allocator.user, DNP3_OWNER_OUTSTATION, database);
}

uint32_t dnp3_database_count(const struct dnp3_database *database, enum dnp3_point_type type)
{
    return (unsigned)type < DNP3_DATABASE_TYPES ? database->tables[type].count : 0;
}

const struct dnp3_point *dnp3_database_points(const struct dnp3_database *database,
                                              enum dnp3_point_type type)
{
    return (unsigned)type < DNP3_DATABASE_TYPES ? database->tables[type].points : NULL;
}

static struct report *report_of(const struct dnp3_database *database, enum dnp3_point_type type,
                                uint32_t index)
{
    if (index >= dnp3_database_count(database, type))
        return NULL;
    return &database->tables[type].reports[index];
}

const struct dnp3_point_setup *dnp3_database_setup(const struct dnp3_database *database,
                                                   enum dnp3_point_type type, uint32_t index)
{
    const struct report *report = report_of(database, type, index);
    return report ? &report->setup : NULL;
}

const struct dnp3_point *dnp3_database_point(const struct dnp3_database *database,
                                             enum dnp3_point_type type, uint32_t index)
{
    const struct report *report = report_of(database, type, index);
    return report && !report->setup.absent ? &database->tables[type].points[index] : NULL;
}

int dnp3_database_configure(struct dnp3_database *database, enum dnp3_point_type type,
                            uint32_t index, const struct dnp3_point_setup *setup)
{
    struct report *report = report_of(database, type, index);
    if (!report)
        return DNP3_ERR_UNKNOWN;
    struct dnp3_point_setup complete = *setup;
    int error = complete_setup(type, &complete);
    if (!error)
        report->setup = complete;
    return error;
}

/* Whether a numeric value has left the band around the last reported one. */
static bool outside(double value, double reported, double deadband)
{
    if (isnan(value) || isnan(reported))
        return isnan(value) != isnan(reported);
    return value != reported && !(fabs(value - reported) <= deadband);
}

static bool detect(const struct report *report, enum dnp3_point_type type,
                   const struct dnp3_point *old, const struct dnp3_point *new)
{
    if (type == DNP3_POINT_OCTET_STRING)
        return old->length != new->length ||
               (new->length &&memcmp(old->octets, new->octets, new->length) != 0);
    return old->flags != new->flags ||
           outside(new->number, report->reported, (double)report->setup.deadband);
}

static void store(struct dnp3_database *database, enum dnp3_point_type type,
                  const struct dnp3_point *new)
{
    struct dnp3_point *point = &database->tables[type].points[new->index];
    if (type == DNP3_POINT_OCTET_STRING) {
        uint8_t *room = database->strings + (size_t) new->index * database->string_size;
        if (new->length)
            memmove(room, new->octets, new->length);
        *point = *new;
        point->octets = room;
        return;
    }
    *point = *new;
}

int dnp3_database_update(struct dnp3_database *database, enum dnp3_point_type type,
                         const struct dnp3_point *point, enum dnp3_event_mode mode)
{
    struct report *report = report_of(database, type, point->index);
    if (!report || report->setup.absent)
        return DNP3_ERR_UNKNOWN;
    bool text = type == DNP3_POINT_OCTET_STRING;
    if (text && point->length > database->string_size)
        return DNP3_ERR_RANGE;
    const struct dnp3_point *old = &database->tables[type].points[point->index];
    bool event =
        mode == DNP3_EVENT_FORCE || (mode == DNP3_EVENT_DETECT && detect(report, type, old, point));
    if (text)
        event = event && point->length;
    else if (event || mode == DNP3_EVENT_SUPPRESS)
        report->reported = point->number;
    store(database, type, point);
    return event && report->setup.event_class;
}
