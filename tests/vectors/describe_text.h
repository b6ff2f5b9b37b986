/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of points and commands, and the check that each is written as it was read. */
#ifndef TESTS_VECTORS_DESCRIBE_TEXT_H
#define TESTS_VECTORS_DESCRIBE_TEXT_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "dnp3/error.h"
#include "dnp3/objects.h"

struct text {
    size_t length;
    unsigned rewritten; /* objects that were read and gave the same octets when written */
    char octets[1 << 18];
};

__attribute__((format(printf, 2, 3))) static inline void say(struct text *text, const char *format,
                                                             ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t room = sizeof text->octets - text->length;
    int length = vsnprintf(text->octets + text->length, room, format, arguments);
    va_end(arguments);
    if (length > 0)
        text->length += (size_t)length < room ? (size_t)length : room - 1;
}

/* The shortest of two forms that reads back as the same number. */
static inline void say_number(struct text *text, double number)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%.15g", number);
    if (strtod(digits, NULL) != number)
        snprintf(digits, sizeof digits, "%.17g", number);
    say(text, " = %s", digits);
}

static inline void say_octets(struct text *text, const uint8_t *octets, size_t length)
{
    say(text, " = \"");
    for (size_t i = 0; i < length; i++) {
        bool plain = octets[i] >= ' ' && octets[i] <= '~' && octets[i] != '"' && octets[i] != '\\';
        say(text, plain ? "%c" : "\\x%02X", octets[i]);
    }
    say(text, "\"");
}

static inline void say_status(struct text *text, uint8_t status)
{
    const char *name = dnp3_status_name(status);
    if (name)
        say(text, " status %s", name);
    else
        say(text, " status %u", status);
}

static inline void say_flags(struct text *text, enum dnp3_point_type type, uint8_t flags)
{
    say(text, " flags");
    for (unsigned bit = 1; bit < 256; bit <<= 1) {
        const char *name = dnp3_flag_name(type, (uint8_t)bit);
        if (flags & bit && name)
            say(text, " %s", name);
        else if (flags & bit)
            say(text, " %02X", bit);
    }
    if (flags == 0)
        say(text, " -");
}

static inline void say_time(struct text *text, const struct dnp3_point *point)
{
    static const char *const qualities[] = {"none", "synchronized", "unsynchronized"};
    say(text, " time");
    if (point->time_quality != DNP3_TIME_NONE)
        say(text, " %lld", (long long)point->time_ms);
    say(text, " %s\n", qualities[point->time_quality]);
}

static inline void say_point(struct text *text, const struct dnp3_object_row *row,
                             const struct dnp3_point *point)
{
    say(text, "point %s %u%s", dnp3_point_type_name(row->type), point->index,
        row->delta ? " delta" : "");
    if (row->type == DNP3_POINT_OCTET_STRING)
        say_octets(text, point->octets, point->length);
    else
        say_number(text, point->number);
    if (row->type == DNP3_POINT_BINARY_COMMAND_EVENT ||
        row->type == DNP3_POINT_ANALOG_COMMAND_EVENT)
        say_status(text, point->flags);
    else
        say_flags(text, row->type, point->flags);
    say_time(text, point);
}

static inline void say_crob(struct text *text, const struct dnp3_command *command)
{
    const char *operation = dnp3_operation_name(command->code);
    const char *tcc = dnp3_trip_close_name(command->code);
    say(text, "command crob %u code %02X %s %s%s%s count %u on %u off %u", command->index,
        command->code, tcc ? tcc : "?", operation ? operation : "?",
        command->code & DNP3_CROB_QUEUE ? " queue" : "",
        command->code & DNP3_CROB_CLEAR ? " clear" : "", command->count, command->on_ms,
        command->off_ms);
}

static inline void say_command(struct text *text, const struct dnp3_command *command)
{
    static const char *const types[] = {"crob", "int32", "int16", "float", "double"};
    if (command->type == DNP3_COMMAND_CROB) {
        say_crob(text, command);
    } else {
        say(text, "command %s %u", types[command->type], command->index);
        say_number(text, command->value);
    }
    say_status(text, command->status);
    say(text, "\n");
}

/* What the writer makes of what the reader read must be what stood there. */
static inline void compare_rewritten(struct text *text, const struct dnp3_writer *written,
                                     const uint8_t *original)
{
    size_t length = (size_t)(written->at - written->start);
    if (written->failed || memcmp(written->start, original, length) != 0)
        say(text, "rewritten otherwise\n");
    else if (length > 0)
        text->rewritten++;
}

static inline void rewrite_points(struct text *text, const struct dnp3_object_header *header,
                                  const struct dnp3_point *points, size_t count, int64_t cto_ms,
                                  const uint8_t *original)
{
    uint8_t octets[DNP3_POINTS_BATCH * (255 + 4)];
    struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
    bool packed =
        header->row->encoding == DNP3_ENCODING_BIT || header->row->encoding == DNP3_ENCODING_BIT2;
    if (packed && !header->prefix)
        dnp3_points_write_packed(&out, header->row, points, count);
    for (size_t i = 0; i < count && !packed; i++) {
        dnp3_index_write(&out, header->prefix, points[i].index);
        dnp3_point_write(&out, header->row, &points[i], cto_ms);
    }
    compare_rewritten(text, &out, original);
}

static inline void rewrite_command(struct text *text, const struct dnp3_object_header *header,
                                   const struct dnp3_command *command, const uint8_t *original)
{
    uint8_t octets[32];
    struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
    dnp3_index_write(&out, header->prefix, command->index);
    out.failed = out.failed || dnp3_command_write(&out, command) != 0;
    compare_rewritten(text, &out, original);
}

#endif
