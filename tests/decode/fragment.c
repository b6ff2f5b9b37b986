/* SPDX-License-Identifier: Apache-2.0 */
/* Walks a fragment's headers with the library's readers and prints what they give. */
#include "fragment.h"

#include "dnp3/app.h"
#include "dnp3/attribute.h"
#include "dnp3/error.h"
#include "dnp3/objects.h"
#include "file.h"
#include "json.h"

struct walk {
    FILE *out;
    const struct fragment_origin *origin;
    uint8_t function;
    struct dnp3_reader in;
    struct dnp3_time_context times;
    struct dnp3_object_header header;
};

static void print_address(FILE *out, const char *key, int address)
{
    if (address == FRAGMENT_NO_ADDRESS)
        fprintf(out, ",\"%s\":null", key);
    else
        fprintf(out, ",\"%s\":%d", key, address);
}

static void print_origin(FILE *out, const struct fragment_origin *origin)
{
    fprintf(out, "{\"frame\":%u", origin->frame);
    print_address(out, "src", origin->source);
    print_address(out, "dst", origin->destination);
}

void fragment_print_problem(FILE *out, const struct fragment_origin *origin, const char *text)
{
    print_origin(out, origin);
    fprintf(out, ",\"error\":\"%s\"}\n", text);
}

static void print_function(const struct walk *walk)
{
    const char *name = dnp3_function_name(walk->function);
    print_origin(walk->out, walk->origin);
    if (name)
        fprintf(walk->out, ",\"function\":\"%s\"", name);
    else
        fprintf(walk->out, ",\"function\":%u", walk->function);
}

/* A line's keys up to the index. */
static void print_object(const struct walk *walk)
{
    print_function(walk);
    fprintf(walk->out, ",\"group\":%u,\"variation\":%u", walk->header.group,
            walk->header.variation);
}

static void print_index(const struct walk *walk, uint32_t index)
{
    fprintf(walk->out, ",\"index\":%u", index);
}

static void print_problem(const struct walk *walk, const char *what)
{
    const struct dnp3_object_header *header = &walk->header;
    const char *name = dnp3_variation_name(header->group, header->variation);
    if (!name)
        name = dnp3_group_name(header->group);
    size_t unread = walk->in.failed ? dnp3_reader_left(&walk->in) : 0;
    print_function(walk);
    fprintf(walk->out, ",\"error\":\"%s g%uv%u q%02X\"", what, header->group, header->variation,
            header->qualifier);
    if (name)
        fprintf(walk->out, ",\"name\":\"%s\"", name);
    if (unread) /* of the fragment, from here on */
        fprintf(walk->out, ",\"unread\":%zu", unread);
    fputs("}\n", walk->out);
}

static void print_items_problem(const struct walk *walk, const struct dnp3_items *items)
{
    switch (items->error) {
    case 0:
        break;
    case DNP3_ERR_UNSUPPORTED:
        print_problem(walk, "unsupported");
        break;
    case DNP3_ERR_TRUNCATED:
        print_problem(walk, "truncated");
        break;
    default:
        print_problem(walk, "malformed");
    }
}

static void print_flags(const struct walk *walk, const struct dnp3_point *point)
{
    const struct dnp3_object_row *row = walk->header.row;
    const char *separator = "";
    if (!row->flags) {
        fputs(",\"flags\":null", walk->out);
        return;
    }
    fputs(",\"flags\":[", walk->out);
    for (unsigned bit = 1; bit < 0x100; bit <<= 1) {
        const char *name = dnp3_flag_name(row->type, (uint8_t)bit);
        if (!(point->flags & bit))
            continue;
        if (name)
            fprintf(walk->out, "%s\"%s\"", separator, name);
        else /* reserved */
            fprintf(walk->out, "%s\"0x%02X\"", separator, bit);
        separator = ",";
    }
    fputc(']', walk->out);
}

static void print_status(const struct walk *walk, uint8_t status)
{
    const char *name = dnp3_status_name(status);
    if (name)
        fprintf(walk->out, ",\"status\":\"%s\"", name);
    else
        fprintf(walk->out, ",\"status\":%u", status);
}

/* As text where it is text, else as hexadecimal digits with a mark. */
static void print_octets(const struct walk *walk, const uint8_t *octets, size_t length)
{
    if (json_is_text(octets, length)) {
        json_text(walk->out, octets, length);
    } else {
        json_hex(walk->out, octets, length);
        fputs(",\"encoding\":\"hex\"", walk->out);
    }
}

static void print_value(const struct walk *walk, const struct dnp3_point *point)
{
    const struct dnp3_object_row *row = walk->header.row;
    fputs(",\"value\":", walk->out);
    if (row->encoding == DNP3_ENCODING_OCTETS)
        print_octets(walk, point->octets, point->length);
    else
        json_number(walk->out, point->number, row->encoding == DNP3_ENCODING_F32);
}

static void print_point(const struct walk *walk, const struct dnp3_point *point)
{
    enum dnp3_point_type type = walk->header.row->type;
    bool echo = type == DNP3_POINT_BINARY_COMMAND_EVENT || type == DNP3_POINT_ANALOG_COMMAND_EVENT;
    print_object(walk);
    print_index(walk, point->index);
    print_value(walk, point);
    if (echo) {
        fputs(",\"flags\":null", walk->out);
        print_status(walk, point->flags);
    } else {
        print_flags(walk, point);
    }
    if (point->time_quality == DNP3_TIME_NONE)
        fputs(",\"time\":null", walk->out);
    else
        fprintf(walk->out, ",\"time\":%lld", (long long)point->time_ms);
    fputs("}\n", walk->out);
}

static void print_points(struct walk *walk, struct dnp3_items *items)
{
    struct dnp3_point points[DNP3_POINTS_BATCH];
    size_t count;
    while ((count = dnp3_items_points(items, &walk->in, points)) > 0)
        for (size_t i = 0; i < count; i++)
            print_point(walk, &points[i]);
}

static void print_plain_value(const struct walk *walk, uint32_t index, double value)
{
    print_object(walk);
    print_index(walk, index);
    fputs(",\"value\":", walk->out);
    json_number(walk->out, value, false);
    fputs(",\"flags\":null,\"time\":null}\n", walk->out);
}

/* The library keeps a common time of occurrence for the objects that follow; it is shown too. */
static void print_common_time(struct walk *walk, struct dnp3_items *items)
{
    struct dnp3_point points[DNP3_POINTS_BATCH];
    dnp3_items_points(items, &walk->in, points);
    if (items->done > 0)
        print_plain_value(walk, walk->header.start, (double)walk->times.cto_ms);
}

static void print_delays(struct walk *walk, struct dnp3_items *items)
{
    uint32_t delay_ms;
    while (dnp3_items_delay(items, &walk->in, &delay_ms))
        print_plain_value(walk, walk->header.start + items->done - 1, delay_ms);
}

static void print_crob(const struct walk *walk, const struct dnp3_command *command)
{
    const char *operation = dnp3_operation_name(command->code);
    const char *tcc = dnp3_trip_close_name(command->code);
    fputs("{\"operation\":", walk->out);
    if (operation)
        fprintf(walk->out, "\"%s\"", operation);
    else
        fprintf(walk->out, "%u", command->code & 0x0Fu);
    fprintf(walk->out, ",\"trip_close\":\"%s\",\"queue\":%s,\"clear\":%s", tcc ? tcc : "reserved",
            command->code & DNP3_CROB_QUEUE ? "true" : "false",
            command->code & DNP3_CROB_CLEAR ? "true" : "false");
    fprintf(walk->out, ",\"code\":%u,\"count\":%u,\"on_ms\":%u,\"off_ms\":%u}", command->code,
            command->count, command->on_ms, command->off_ms);
}

static void print_command(const struct walk *walk, const struct dnp3_command *command)
{
    print_object(walk);
    print_index(walk, command->index);
    fputs(",\"value\":", walk->out);
    if (command->type == DNP3_COMMAND_CROB)
        print_crob(walk, command);
    else
        json_number(walk->out, command->value, command->type == DNP3_COMMAND_ANALOG_FLOAT);
    fputs(",\"flags\":null,\"time\":null", walk->out);
    print_status(walk, command->status);
    fputs("}\n", walk->out);
}

static void print_commands(struct walk *walk, struct dnp3_items *items)
{
    struct dnp3_command command;
    while (dnp3_items_commands(items, &walk->in, &command, 1) > 0)
        print_command(walk, &command);
}

/* A pattern's control block, or its mask: 1 for each point that it selects, 0 for the others. */
static void print_pattern(struct walk *walk, struct dnp3_items *items)
{
    struct dnp3_command pattern;
    uint32_t next = walk->header.start;
    uint32_t index;
    if (walk->header.variation == 2) {
        while (dnp3_items_pattern(items, &walk->in, &pattern))
            print_command(walk, &pattern);
        return;
    }
    while (dnp3_items_mask(items, &walk->in, &index)) {
        while (next < index)
            print_plain_value(walk, next++, 0);
        print_plain_value(walk, next++, 1);
    }
    for (; !items->error && !walk->in.failed && next - walk->header.start < walk->header.count;
         next++)
        print_plain_value(walk, next, 0);
}

static void print_intervals(struct walk *walk, struct dnp3_items *items)
{
    struct dnp3_interval interval;
    while (dnp3_items_interval(items, &walk->in, &interval)) {
        const char *unit = dnp3_interval_unit_name(interval.unit);
        print_object(walk);
        print_index(walk, interval.index);
        fprintf(walk->out, ",\"value\":%lld,\"flags\":null,\"time\":null,\"interval\":%u",
                (long long)interval.time_ms, interval.count);
        if (unit)
            fprintf(walk->out, ",\"unit\":\"%s\"}\n", unit);
        else
            fprintf(walk->out, ",\"unit\":%u}\n", interval.unit);
    }
}

static void print_attribute_value(const struct walk *walk, const struct dnp3_attribute *attribute)
{
    switch (attribute->type) {
    case DNP3_ATTRIBUTE_TYPE_UNSIGNED:
        fprintf(walk->out, "%llu", (unsigned long long)attribute->natural);
        break;
    case DNP3_ATTRIBUTE_TYPE_SIGNED:
        fprintf(walk->out, "%lld", (long long)attribute->integer);
        break;
    case DNP3_ATTRIBUTE_TYPE_FLOAT:
        json_number(walk->out, attribute->real, attribute->length == 4);
        break;
    case DNP3_ATTRIBUTE_TYPE_TIME:
        fprintf(walk->out, "%lld", (long long)attribute->time_ms);
        break;
    case DNP3_ATTRIBUTE_TYPE_VISIBLE_STRING:
        print_octets(walk, attribute->octets, attribute->length);
        break;
    default:
        json_hex(walk->out, attribute->octets, attribute->length);
        fputs(",\"encoding\":\"hex\"", walk->out);
    }
}

static void print_attributes(struct walk *walk, struct dnp3_items *items)
{
    struct dnp3_attribute attribute;
    while (dnp3_items_attribute(items, &walk->in, &attribute)) {
        const char *name = attribute.set == 0 ? dnp3_attribute_name(attribute.variation) : NULL;
        print_object(walk);
        print_index(walk, attribute.set);
        fputs(",\"value\":", walk->out);
        print_attribute_value(walk, &attribute);
        fputs(",\"flags\":null,\"time\":null", walk->out);
        if (name)
            fprintf(walk->out, ",\"name\":\"%s\"", name);
        fputs("}\n", walk->out);
    }
}

/* One after the other; behind one that cannot be read the header's others are passed over. */
static void print_files(struct walk *walk, struct dnp3_items *items)
{
    uint8_t variation = walk->header.variation;
    struct dnp3_reader octets;
    union file_object object;
    int error = 0;
    while (dnp3_items_sized(items, &walk->in, &octets)) {
        error = error ? error : file_read(variation, octets, &object);
        if (error)
            continue;
        print_object(walk);
        fputs(",\"index\":null,\"value\":", walk->out);
        file_print(walk->out, variation, &object);
        fputs(",\"flags\":null,\"time\":null}\n", walk->out);
    }
    items->error = items->error ? items->error : error;
}

static bool has_interval(const struct dnp3_object_header *header)
{
    return header->group == 50 && (header->variation == 2 || header->variation == 4);
}

/* Whether objects follow a header of this function (IEEE 1815-2012 4.4). */
static bool carries_objects(const struct walk *walk)
{
    const struct dnp3_object_header *header = &walk->header;
    if (header->all || (header->row && header->row->encoding == DNP3_ENCODING_NONE))
        return false;
    if (header->sized) /* what a file is asked for by */
        return true;
    switch (walk->function) {
    case DNP3_FUNCTION_READ:
    case DNP3_FUNCTION_IMMED_FREEZE:
    case DNP3_FUNCTION_IMMED_FREEZE_NR:
    case DNP3_FUNCTION_FREEZE_CLEAR:
    case DNP3_FUNCTION_FREEZE_CLEAR_NR:
    case DNP3_FUNCTION_ENABLE_UNSOLICITED:
    case DNP3_FUNCTION_DISABLE_UNSOLICITED:
    case DNP3_FUNCTION_ASSIGN_CLASS:
        return false;
    case DNP3_FUNCTION_FREEZE_AT_TIME:
    case DNP3_FUNCTION_FREEZE_AT_TIME_NR:
        return header->group == 50;
    default:
        return true;
    }
}

/* The library's count ends at FFFFFFFF, one short of the longest range; then the stop is taken from
 * the header's last four octets, where the reader stands. */
static uint32_t stop_of(const struct walk *walk)
{
    const struct dnp3_object_header *header = &walk->header;
    if (header->count == UINT32_MAX)
        return dnp3_load_u32(walk->in.at - 4);
    return header->start + header->count - 1;
}

static void print_header(const struct walk *walk)
{
    const struct dnp3_object_header *header = &walk->header;
    print_object(walk);
    fprintf(walk->out,
            ",\"index\":null,\"value\":null,\"flags\":null,\"time\":null,\"qualifier\":\"%02X\"",
            header->qualifier);
    if (header->ranged)
        fprintf(walk->out, ",\"range\":[%u,%u]", header->start, stop_of(walk));
    else
        fputs(",\"range\":null", walk->out);
    if (header->all)
        fputs(",\"count\":null}\n", walk->out);
    else
        fprintf(walk->out, ",\"count\":%u}\n", header->count);
}

/* A header that lists points one by one, without objects. */
static void print_indexes(struct walk *walk, struct dnp3_items *items)
{
    uint32_t index;
    while (dnp3_items_index(items, &walk->in, &index)) {
        print_object(walk);
        print_index(walk, index);
        fprintf(walk->out, ",\"value\":null,\"flags\":null,\"time\":null,\"qualifier\":\"%02X\"}\n",
                walk->header.qualifier);
    }
}

static void print_objects(struct walk *walk)
{
    struct dnp3_items items;
    const struct dnp3_object_row *row = walk->header.row;
    dnp3_items_begin(&items, &walk->header, &walk->times);
    if (!carries_objects(walk)) {
        if (walk->header.prefix)
            print_indexes(walk, &items);
        else
            print_header(walk);
    } else if (row && row->kind == DNP3_KIND_COMMAND) {
        print_commands(walk, &items);
    } else if (row && row->kind == DNP3_KIND_DELAY) {
        print_delays(walk, &items);
    } else if (row && row->kind == DNP3_KIND_CTO) {
        print_common_time(walk, &items);
    } else if (row && row->kind == DNP3_KIND_PATTERN) {
        print_pattern(walk, &items);
    } else if (walk->header.group == 0) {
        print_attributes(walk, &items);
    } else if (walk->header.group == 70) {
        print_files(walk, &items);
    } else if (has_interval(&walk->header)) {
        print_intervals(walk, &items);
    } else {
        print_points(walk, &items);
    }
    print_items_problem(walk, &items);
}

static void print_header_problem(const struct walk *walk, int error)
{
    if (error == DNP3_ERR_MALFORMED) {
        print_problem(walk, "malformed header");
        return;
    }
    print_function(walk);
    fputs(",\"error\":\"truncated object header\"}\n", walk->out);
}

void fragment_print(FILE *out, const struct fragment_origin *origin, struct dnp3_reader fragment)
{
    struct walk walk = {.out = out, .origin = origin, .in = fragment};
    struct dnp3_app_header app;
    if (!dnp3_app_read(&walk.in, &app)) {
        fragment_print_problem(out, origin, "truncated application header");
        return;
    }
    walk.function = app.function;
    walk.times.need_time = app.iin & DNP3_IIN_NEED_TIME;
    if (!dnp3_function_name(app.function)) {
        print_function(&walk);
        fputs(",\"error\":\"unknown function\"}\n", out);
        return;
    }
    while (!walk.in.failed && dnp3_reader_left(&walk.in) > 0) {
        int error = dnp3_header_read(&walk.in, &walk.header);
        if (error)
            print_header_problem(&walk, error);
        else
            print_objects(&walk);
    }
}
