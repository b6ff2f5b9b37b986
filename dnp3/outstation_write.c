/* SPDX-License-Identifier: Apache-2.0 */
/* WRITE (restart flag, time, dead-bands, octet strings, attributes, blocks of files) and
 * ASSIGN_CLASS. */
#include "dnp3/outstation_internal.h"

enum { RESTART_INDEX = 7 };

/* 80v1: the master may clear DEVICE_RESTART and nothing else (4.2.6.8). */
static uint16_t write_indications(struct dnp3_outstation *o,
                                  const struct dnp3_object_header *header, struct dnp3_reader *in)
{
    if (!header->ranged || header->start != RESTART_INDEX || header->count != 1) {
        (void)dnp3_items_skip(header, in);
        return DNP3_IIN_PARAMETER_ERROR;
    }
    uint8_t bits = dnp3_reader_u8(in);
    if (in->failed || bits & 1)
        return DNP3_IIN_PARAMETER_ERROR;
    o->indications &= (uint16_t)~DNP3_IIN_DEVICE_RESTART;
    return 0;
}

/* 50v1 is the time now; 50v3 the time when RECORD_CURRENT_TIME came (5.1.8). */
static uint16_t write_time(struct dnp3_outstation *o, const struct dnp3_object_header *header,
                           struct dnp3_reader *in, uint64_t now_ms)
{
    bool recorded = header->variation == 3;
    if (header->count != 1 || header->prefix || (recorded && !o->recorded)) {
        (void)dnp3_items_skip(header, in);
        return DNP3_IIN_PARAMETER_ERROR;
    }
    uint64_t time = dnp3_reader_u48(in);
    if (in->failed)
        return DNP3_IIN_PARAMETER_ERROR;
    if (!o->callbacks->write_time)
        return DNP3_IIN_OBJECT_UNKNOWN;
    if (recorded)
        time += now_ms - o->recorded_ms;
    o->recorded = false;
    o->callbacks->write_time(o->user, (int64_t)time);
    o->indications &= (uint16_t)~DNP3_IIN_NEED_TIME;
    o->need_time_at =
        o->config.need_time_every_ms ? now_ms + o->config.need_time_every_ms : UINT64_MAX;
    dnp3_freeze_clock_set(o, now_ms);
    return 0;
}

static uint16_t write_dead_bands(struct dnp3_outstation *o, const struct dnp3_object_header *header,
                                 struct dnp3_reader *in)
{
    struct dnp3_point points[DNP3_POINTS_BATCH];
    struct dnp3_time_context times = {0};
    struct dnp3_items items;
    uint16_t errors = 0;
    size_t count;
    dnp3_items_begin(&items, header, &times);
    while ((count = dnp3_items_points(&items, in, points)) > 0)
        for (size_t i = 0; i < count; i++) {
            const struct dnp3_point_setup *now =
                dnp3_database_setup(o->database, DNP3_POINT_ANALOG_INPUT, points[i].index);
            struct dnp3_point_setup setup = now ? *now : (struct dnp3_point_setup){.absent = true};
            setup.deadband = (float)points[i].number;
            if (setup.absent || !(points[i].number >= 0) ||
                dnp3_database_configure(o->database, DNP3_POINT_ANALOG_INPUT, points[i].index,
                                        &setup))
                errors |= DNP3_IIN_PARAMETER_ERROR;
        }
    return items.error ? errors | DNP3_IIN_PARAMETER_ERROR : errors;
}

/* Octet strings, where the host lets them be written and the database has room for them. */
static uint16_t write_strings(struct dnp3_outstation *o, const struct dnp3_object_header *header,
                              struct dnp3_reader *in, uint64_t now_ms)
{
    struct dnp3_point points[DNP3_POINTS_BATCH];
    struct dnp3_time_context times = {0};
    struct dnp3_items items;
    uint8_t room = dnp3_octet_string_size(&o->config.database);
    uint16_t errors = header->all ? DNP3_IIN_PARAMETER_ERROR : 0;
    size_t count;
    dnp3_items_begin(&items, header, &times);
    while ((count = dnp3_items_points(&items, in, points)) > 0)
        for (size_t i = 0; i < count; i++) {
            struct dnp3_point *point = &points[i];
            dnp3_outstation_stamp(o, point);
            if (!dnp3_database_point(o->database, DNP3_POINT_OCTET_STRING, point->index) ||
                !point->length || point->length > room ||
                !o->callbacks->write_string(o->user, point))
                errors |= DNP3_IIN_PARAMETER_ERROR;
            else
                dnp3_outstation_update(o, DNP3_POINT_OCTET_STRING, point, DNP3_EVENT_DETECT,
                                       now_ms);
        }
    return items.error ? errors | DNP3_IIN_PARAMETER_ERROR : errors;
}

static uint16_t write_object(struct dnp3_outstation *o, const struct dnp3_object_header *header,
                             struct dnp3_reader *in, struct dnp3_writer *out, uint64_t now_ms)
{
    if (header->group == 80 && header->variation == 1)
        return write_indications(o, header, in);
    if (header->group == 50 && (header->variation == 1 || header->variation == 3))
        return write_time(o, header, in, now_ms);
    if (header->group == 34 && header->variation && header->row)
        return write_dead_bands(o, header, in);
    if (header->group == 110 && !header->sized && o->callbacks->write_string)
        return write_strings(o, header, in, now_ms);
    if (header->group == 0)
        return dnp3_attributes_written(o, header, in);
    if (header->group == 70)
        return dnp3_file_written(o, header, in, out, now_ms);
    (void)dnp3_items_skip(header, in);
    return DNP3_IIN_OBJECT_UNKNOWN;
}

uint16_t dnp3_write_request(struct dnp3_outstation *o, struct dnp3_reader in,
                            struct dnp3_writer *out, uint64_t now_ms)
{
    uint16_t errors = 0;
    while (dnp3_reader_left(&in) && !in.failed) {
        struct dnp3_object_header header;
        if (dnp3_header_read(&in, &header)) {
            o->counters.malformed++;
            return errors | DNP3_IIN_PARAMETER_ERROR;
        }
        errors |= write_object(o, &header, &in, out, now_ms);
    }
    return errors;
}

/* The type whose points a header of ASSIGN_CLASS names, by their static group; by the group of the
 * commands those whose events tell of commands. DNP3_POINT_TYPES where there is none. */
static uint8_t assigned_type(const struct dnp3_object_header *header)
{
    enum { BINARY_COMMANDS = 12, ANALOG_COMMANDS = 41 };
    const struct dnp3_object_row *row = header->row;
    if (header->group == BINARY_COMMANDS && header->variation == 0)
        return DNP3_POINT_BINARY_COMMAND_EVENT;
    if (header->group == ANALOG_COMMANDS && header->variation == 0)
        return DNP3_POINT_ANALOG_COMMAND_EVENT;
    bool points = row && row->kind == DNP3_KIND_STATIC && row->type < DNP3_DATABASE_TYPES;
    return points ? row->type : DNP3_POINT_TYPES;
}

static uint16_t assign(struct dnp3_outstation *o, const struct dnp3_object_header *header,
                       struct dnp3_reader *in, uint8_t event_class)
{
    struct dnp3_named_points named;
    uint8_t type = assigned_type(header);
    uint16_t errors = 0;
    if (type == DNP3_POINT_TYPES) {
        dnp3_indexes_skip(header, in);
        return DNP3_IIN_OBJECT_UNKNOWN;
    }
    dnp3_named_points_begin(&named, header, type);
    while (dnp3_named_points_next(o, &named, in, &errors))
        for (uint32_t index = named.first; index <= named.last; index++) {
            struct dnp3_point_setup setup = *dnp3_database_setup(o->database, named.type, index);
            setup.event_class = event_class;
            if (dnp3_database_configure(o->database, named.type, index, &setup))
                errors |= DNP3_IIN_PARAMETER_ERROR;
        }
    return errors;
}

uint16_t dnp3_assign_class_request(struct dnp3_outstation *o, struct dnp3_reader in)
{
    enum { NO_CLASS_YET = 0xFF };
    uint8_t event_class = NO_CLASS_YET;
    uint16_t errors = 0;
    while (dnp3_reader_left(&in)) {
        struct dnp3_object_header header;
        if (dnp3_header_read(&in, &header) || header.sized)
            return errors | DNP3_IIN_PARAMETER_ERROR;
        if (header.group == 60 && header.variation >= 1 && header.variation <= 4)
            event_class = (uint8_t)(header.variation - 1);
        else if (event_class == NO_CLASS_YET) {
            dnp3_indexes_skip(&header, &in);
            errors |= DNP3_IIN_PARAMETER_ERROR;
        } else
            errors |= assign(o, &header, &in, event_class);
    }
    return errors;
}
