/* SPDX-License-Identifier: Apache-2.0 */
/* READ: its headers become ranges of points and marked events, which are then written fragment by
 * fragment. Points go out in runs of one variation, each a tight loop under one header. */
#include "dnp3/outstation_internal.h"

enum { RANGE8_HEADER = 5, RANGE16_HEADER = 7, CLOCK_OCTETS = 10 };
enum { DEAD_BAND_GROUP = 34, DEAD_BAND_VARIATION = 3 };

static uint8_t group_of(enum dnp3_point_type type)
{
    return type == DNP3_POINT_ANALOG_INPUT_DEAD_BAND ? DEAD_BAND_GROUP : dnp3_static_group(type);
}

uint16_t dnp3_read_add(struct dnp3_read *read, uint8_t type, uint8_t variation, uint16_t first,
                       uint16_t last)
{
    struct dnp3_read_range *newest = read->count ? &read->ranges[read->count - 1] : NULL;
    if (newest && newest->type == type && newest->variation == variation &&
        newest->stop + 1 == first) {
        newest->stop = last;
        return 0;
    }
    if (read->count == DNP3_READ_RANGES)
        return DNP3_IIN_PARAMETER_ERROR;
    read->ranges[read->count++] =
        (struct dnp3_read_range){.type = type, .variation = variation, .next = first, .stop = last};
    return 0;
}

static uint16_t read_class_0(struct dnp3_outstation *o)
{
    uint16_t errors = 0;
    for (unsigned i = 0; i < DNP3_DATABASE_TYPES; i++) {
        enum dnp3_point_type type = (enum dnp3_point_type)i;
        uint32_t count = dnp3_database_count(o->database, type);
        if (count && dnp3_static_group(type))
            errors |= dnp3_read_add(&o->read, (uint8_t)i, 0, 0, (uint16_t)(count - 1));
    }
    return errors;
}

/* How many events a header asks for: all, or a count. */
static bool event_limit(const struct dnp3_object_header *header, uint32_t *limit)
{
    *limit = header->all ? UINT32_MAX : header->count;
    return !header->ranged && !header->prefix;
}

static uint16_t read_class(struct dnp3_outstation *o, const struct dnp3_object_header *header)
{
    uint32_t limit;
    if (header->variation < 1 || header->variation > 4)
        return DNP3_IIN_OBJECT_UNKNOWN;
    if (!event_limit(header, &limit))
        return DNP3_IIN_PARAMETER_ERROR;
    if (header->variation == 1)
        return read_class_0(o);
    dnp3_event_buffer_select(o->events, dnp3_class_bit(header->variation - 1u), DNP3_POINT_TYPES, 0,
                             limit);
    return 0;
}

static uint16_t read_events(struct dnp3_outstation *o, const struct dnp3_object_header *header)
{
    uint32_t limit;
    if (!event_limit(header, &limit))
        return DNP3_IIN_PARAMETER_ERROR;
    dnp3_event_buffer_select(o->events, DNP3_CLASS_MASK, (enum dnp3_point_type)header->row->type,
                             header->variation, limit);
    return 0;
}

static uint16_t read_points(struct dnp3_outstation *o, const struct dnp3_object_header *header,
                            struct dnp3_reader *in)
{
    struct dnp3_named_points named;
    uint16_t errors = 0;
    dnp3_named_points_begin(&named, header, header->row->type);
    while (dnp3_named_points_next(o, &named, in, &errors))
        errors |=
            dnp3_read_add(&o->read, header->row->type, header->variation, named.first, named.last);
    return errors;
}

/* 50v1 is the clock; the database holds 50v4. */
static uint16_t read_time(struct dnp3_outstation *o, const struct dnp3_object_header *header,
                          struct dnp3_reader *in)
{
    bool points = dnp3_database_count(o->database, DNP3_POINT_TIME) > 0;
    if (header->variation == 4 || (header->variation == 0 && points))
        return read_points(o, header, in);
    dnp3_indexes_skip(header, in);
    if (header->variation > 1 || !o->callbacks->time)
        return DNP3_IIN_OBJECT_UNKNOWN;
    o->read.clock = true;
    return 0;
}

/* Delta counters are not: what changed since the last report is lost with a report that is, which
 * is why the standard has none in new devices (annex A, group 20). */
static bool is_readable(const struct dnp3_object_row *row)
{
    unsigned type = dnp3_stored_type(row->type);
    bool stored = type < DNP3_DATABASE_TYPES || type == DNP3_POINT_INDICATION;
    bool reported = row->kind == DNP3_KIND_STATIC || row->kind == DNP3_KIND_EVENT;
    return row->kind == DNP3_KIND_CLASS || (reported && stored && !row->delta);
}

/* A header of points, events or classes. */
static uint16_t read_row(struct dnp3_outstation *o, const struct dnp3_object_header *header,
                         struct dnp3_reader *in)
{
    switch (header->row->kind) {
    case DNP3_KIND_CLASS:
        return read_class(o, header);
    case DNP3_KIND_EVENT:
        return read_events(o, header);
    default:
        return header->group == 50 ? read_time(o, header, in) : read_points(o, header, in);
    }
}

static uint16_t read_header(struct dnp3_outstation *o, const struct dnp3_object_header *header,
                            struct dnp3_reader *in)
{
    if (header->group == 70)
        return dnp3_file_read(o, header, in);
    if (header->sized) {
        (void)dnp3_items_skip(header, in);
        return DNP3_IIN_PARAMETER_ERROR;
    }
    if (header->group == 0)
        return dnp3_attributes_read(o, header, in);
    bool readable = header->row && is_readable(header->row);
    if (readable && (!header->prefix || header->row->kind == DNP3_KIND_STATIC))
        return read_row(o, header, in);
    dnp3_indexes_skip(header, in);
    return readable ? DNP3_IIN_PARAMETER_ERROR : DNP3_IIN_OBJECT_UNKNOWN;
}

uint16_t dnp3_read_parse(struct dnp3_outstation *o, struct dnp3_reader in)
{
    uint16_t errors = 0;
    o->read.count = 0;
    o->read.at = 0;
    o->read.clock = false;
    o->read.file = false;
    while (dnp3_reader_left(&in) && !in.failed) {
        struct dnp3_object_header header;
        if (dnp3_header_read(&in, &header)) {
            o->counters.malformed++;
            return errors | DNP3_IIN_PARAMETER_ERROR;
        }
        errors |= read_header(o, &header, &in);
    }
    return errors;
}

/* The variation that one point goes out in: packed ones cannot say that a point is not well, and
 * give way to the one with flags (11.6.1); an octet string's is its length. 0: it does not go. */
static uint8_t variation_of(const struct dnp3_point *point, const struct dnp3_point_setup *setup,
                            enum dnp3_point_type type, uint8_t asked)
{
    if (setup->absent)
        return 0;
    if (type == DNP3_POINT_OCTET_STRING)
        return (uint8_t)point->length;
    if (type == DNP3_POINT_ANALOG_INPUT_DEAD_BAND)
        return asked ? asked : DEAD_BAND_VARIATION;
    uint8_t variation = asked ? asked : setup->static_variation;
    bool binary = type == DNP3_POINT_BINARY_INPUT || type == DNP3_POINT_DOUBLE_BIT_INPUT ||
                  type == DNP3_POINT_BINARY_OUTPUT_STATUS;
    return binary && variation == 1 && point->flags != DNP3_FLAG_ONLINE ? 2 : variation;
}

/* Points from `first` on that can stand under one header in `room` octets. */
static size_t run_length(const struct dnp3_outstation *o, const struct dnp3_read_range *range,
                         uint8_t variation, size_t room)
{
    enum dnp3_point_type type = (enum dnp3_point_type)range->type;
    const struct dnp3_point *points =
        dnp3_database_points(o->database, dnp3_stored_type(range->type));
    const struct dnp3_object_row *row = dnp3_object_row(group_of(type), variation);
    size_t most = (size_t)range->stop - range->next + 1;
    size_t fit = row->encoding == DNP3_ENCODING_BIT      ? room * 8
                 : row->encoding == DNP3_ENCODING_BIT2   ? room * 4
                 : row->encoding == DNP3_ENCODING_OCTETS ? room / variation
                                                         : room / row->size;
    most = fit < most ? fit : most;
    size_t n = 0;
    for (; n < most; n++) {
        uint32_t index = range->next + (uint32_t)n;
        const struct dnp3_point_setup *setup =
            dnp3_database_setup(o->database, dnp3_stored_type(range->type), index);
        if (variation_of(&points[index], setup, type, range->variation) != variation)
            break;
    }
    return n;
}

static void write_dead_bands(const struct dnp3_outstation *o, struct dnp3_writer *out,
                             const struct dnp3_object_row *row, uint32_t first, size_t count)
{
    for (uint32_t index = first; index < first + count; index++) {
        struct dnp3_point point = {
            .index = index,
            .number = dnp3_database_setup(o->database, DNP3_POINT_ANALOG_INPUT, index)->deadband};
        dnp3_point_write(out, row, &point, 0);
    }
}

static void write_run(const struct dnp3_outstation *o, struct dnp3_writer *out,
                      const struct dnp3_read_range *range, uint8_t variation, size_t count)
{
    enum dnp3_point_type type = (enum dnp3_point_type)range->type;
    uint8_t group = group_of(type);
    const struct dnp3_object_row *row = dnp3_object_row(group, variation);
    const struct dnp3_point *points =
        dnp3_database_points(o->database, dnp3_stored_type(range->type)) + range->next;
    dnp3_header_write_range(out, group, variation, range->next, range->next + (uint32_t)count - 1);
    if (group == DEAD_BAND_GROUP) {
        write_dead_bands(o, out, row, range->next, count);
        return;
    }
    if (row->encoding == DNP3_ENCODING_BIT || row->encoding == DNP3_ENCODING_BIT2) {
        dnp3_points_write_packed(out, row, points, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        dnp3_point_write(out, row, &points[i], 0);
}

/* Writes the points of a range; false when there is no more room. */
static bool write_points(struct dnp3_outstation *o, struct dnp3_writer *out,
                         struct dnp3_read_range *range)
{
    enum dnp3_point_type type = (enum dnp3_point_type)range->type;
    enum dnp3_point_type stored = dnp3_stored_type(range->type);
    size_t header = range->stop > UINT8_MAX ? RANGE16_HEADER : RANGE8_HEADER;
    while (range->next <= range->stop) {
        uint8_t variation = variation_of(dnp3_database_points(o->database, stored) + range->next,
                                         dnp3_database_setup(o->database, stored, range->next),
                                         type, range->variation);
        if (!variation) {
            range->next++;
            continue;
        }
        size_t left = dnp3_writer_left(out);
        size_t count = left > header ? run_length(o, range, variation, left - header) : 0;
        if (!count)
            return false;
        write_run(o, out, range, variation, count);
        range->next += (uint32_t)count;
    }
    return true;
}

static bool write_clock(struct dnp3_outstation *o, struct dnp3_writer *out)
{
    if (dnp3_writer_left(out) < CLOCK_OCTETS)
        return false;
    dnp3_header_write_count(out, 50, 1, DNP3_QUALIFIER_COUNT8, 1);
    dnp3_writer_u48(out, (uint64_t)o->callbacks->time(o->user));
    o->read.clock = false;
    return true;
}

/* The indications as they stand in the header of this response. */
static bool write_indications(const struct dnp3_outstation *o, struct dnp3_writer *out,
                              const struct dnp3_read_range *range)
{
    enum { INDICATIONS = 16, OCTETS = RANGE8_HEADER + INDICATIONS / 8 };
    struct dnp3_point points[INDICATIONS] = {0};
    uint32_t iin = (uint32_t)dnp3_outstation_iin(o) | o->solicited.errors;
    uint32_t count = range->stop - range->next + 1u;
    if (dnp3_writer_left(out) < OCTETS)
        return false;
    for (uint32_t i = 0; i < count; i++)
        points[i].number = iin >> (range->next + i) & 1;
    dnp3_header_write_range(out, 80, 1, range->next, range->stop);
    dnp3_points_write_packed(out, dnp3_object_row(80, 1), points, count);
    return true;
}

static bool write_range(struct dnp3_outstation *o, struct dnp3_writer *out,
                        struct dnp3_read_range *range)
{
    switch (range->type) {
    case DNP3_READ_ATTRIBUTES:
        return dnp3_attributes_write(o, out, range);
    case DNP3_POINT_INDICATION:
        return write_indications(o, out, range);
    default:
        return write_points(o, out, range);
    }
}

bool dnp3_read_write(struct dnp3_outstation *o, struct dnp3_writer *out, uint32_t *events,
                     uint64_t now_ms)
{
    struct dnp3_read *read = &o->read;
    *events = dnp3_event_buffer_write(o->events, out, !(o->indications & DNP3_IIN_NEED_TIME));
    if (dnp3_event_buffer_selected(o->events))
        return false;
    if (read->clock && !write_clock(o, out))
        return false;
    if (read->file && !dnp3_file_write_block(o, out, now_ms))
        return false;
    for (; read->at < read->count; read->at++) {
        if (!write_range(o, out, &read->ranges[read->at]))
            return false;
    }
    return true;
}
