/* SPDX-License-Identifier: Apache-2.0 */
/* The message of a point, the gateway's hottest text: fixed keys in a fixed order for each type. */
#include "gateway/payload/payload.h"

#include <math.h>
#include <stdio.h>

#include "dnp3/command.h"
#include "dnp3/error.h"
#include "gateway/base/json_writer.h"
#include "gateway/base/number.h"

/* Bits 5 and 6 where they make a value doubtful; a counter's ROLLOVER does not (rule 19). */
static uint8_t doubtful_flags(enum dnp3_point_type type)
{
    switch (type) {
    case DNP3_POINT_BINARY_INPUT:
    case DNP3_POINT_DOUBLE_BIT_INPUT:
        return DNP3_FLAG_CHATTER_FILTER;
    case DNP3_POINT_COUNTER:
    case DNP3_POINT_FROZEN_COUNTER:
        return DNP3_FLAG_DISCONTINUITY;
    case DNP3_POINT_ANALOG_INPUT:
    case DNP3_POINT_FROZEN_ANALOG_INPUT:
    case DNP3_POINT_ANALOG_OUTPUT_STATUS:
        return DNP3_FLAG_OVER_RANGE | DNP3_FLAG_REFERENCE_ERR;
    default:
        return 0;
    }
}

const char *gw_payload_quality(enum dnp3_point_type type, uint8_t flags, double number)
{
    if (!(flags & DNP3_FLAG_ONLINE) || flags & (DNP3_FLAG_COMM_LOST | DNP3_FLAG_RESTART) ||
        !isfinite(number))
        return "bad";
    return flags & doubtful_flags(type) ? "uncertain" : "good";
}

static void write_flags(struct gw_json_writer *writer, enum dnp3_point_type type, uint8_t flags)
{
    gw_json_key(writer, "flags");
    gw_json_begin(writer, '[');
    for (unsigned bit = DNP3_FLAG_RESTART; bit <= DNP3_FLAG_STATE && flags >= bit; bit <<= 1) {
        const char *name = flags & bit ? dnp3_flag_name(type, (uint8_t)bit) : NULL;
        if (name)
            gw_json_word(writer, name);
    }
    gw_json_finish(writer, ']');
}

static void write_number(struct gw_json_writer *writer, const char *key,
                         const struct gw_map_point *point, const struct gw_point_value *value,
                         double number)
{
    char text[GW_NUMBER_MAX];
    size_t length;
    if (!point->scaled && !value->floating)
        length = gw_number_shortest(text, number, false);
    else if (point->decimals >= 0)
        length = gw_number_fixed(text, number, (unsigned)point->decimals);
    else
        length = gw_number_shortest_point(text, number, value->single);
    gw_json_key(writer, key);
    if (length)
        gw_json_literal(writer, text, length);
    else
        gw_json_null(writer);
}

/* Returns what it writes. */
static double write_value(struct gw_json_writer *writer, const struct gw_map_point *point,
                          const struct gw_point_value *value)
{
    double number = gw_map_point_value(point, value->number);
    write_number(writer, "value", point, value, number);
    return number;
}

/* A change has a key of its own, so that nobody takes it for a total: `value` is null beside it. */
static double write_delta(struct gw_json_writer *writer, const struct gw_map_point *point,
                          const struct gw_point_value *value)
{
    double delta = point->scaled ? value->number * point->scale : value->number;
    gw_json_key(writer, "value");
    gw_json_null(writer);
    write_number(writer, "delta", point, value, delta);
    return delta;
}

static void write_unit(struct gw_json_writer *writer, const struct gw_map_point *point)
{
    gw_json_key(writer, "unit");
    gw_json_string(writer, point->unit);
}

static void write_state(struct gw_json_writer *writer, const struct gw_map_point *point,
                        double number)
{
    gw_json_key(writer, "state");
    gw_json_string(writer, gw_map_point_state(point, number));
}

/* How the outstation took a command; a code without a name as the number it is. */
static void write_status(struct gw_json_writer *writer, uint8_t status)
{
    char text[16];
    const char *name = dnp3_status_name(status);
    if (!name)
        snprintf(text, sizeof text, "STATUS_%u", status);
    gw_json_key(writer, "status");
    gw_json_word(writer, name ? name : text);
}

/* Devices fill fixed lengths with zeros: they are no part of the text. */
static void write_octets(struct gw_json_writer *writer, const uint8_t *octets, size_t length)
{
    if (!length)
        octets = (const uint8_t *)"";
    size_t text_length = length;
    while (text_length && octets[text_length - 1] == 0)
        text_length--;
    bool is_text = gw_json_is_text(octets, text_length);
    gw_json_key(writer, "text");
    if (is_text)
        gw_json_text(writer, (const char *)octets, text_length);
    else
        gw_json_null(writer);
    gw_json_key(writer, "base64");
    if (is_text)
        gw_json_null(writer);
    else
        gw_json_base64(writer, octets, length);
}

static void write_id(struct gw_json_writer *writer, uint32_t start, uint64_t count)
{
    gw_json_key(writer, "id");
    if (!count) {
        gw_json_null(writer);
        return;
    }
    static const char digits[] = "0123456789abcdef";
    char text[9 + GW_NUMBER_MAX + 2] = "\"";
    for (unsigned i = 0; i < 8; i++)
        text[1 + i] = digits[start >> (28 - 4 * i) & 15];
    text[9] = '-';
    size_t length = 10 + gw_number_unsigned(text + 10, count);
    text[length++] = '"';
    gw_json_literal(writer, text, length);
}

/* The keys that every type ends with. */
static void write_tail(struct gw_json_writer *writer, const struct gw_point_value *value,
                       double number)
{
    static const char *const time_sources[] = {"outstation", "outstation_unsynchronized", "gateway",
                                               "gateway_unsynchronized"};
    static const char *const sources[] = {"event", "static", "gateway"};
    uint8_t flags = gw_map_type_is_command(value->type) ? DNP3_FLAG_ONLINE : value->flags;
    gw_json_key(writer, "quality");
    gw_json_word(writer, gw_payload_quality(value->type, flags, number));
    write_flags(writer, value->type, flags);
    gw_json_key(writer, "time");
    gw_json_integer(writer, value->time_ms);
    gw_json_key(writer, "time_source");
    gw_json_word(writer, time_sources[value->time_source]);
    gw_json_key(writer, "received");
    gw_json_integer(writer, value->received_ms);
    gw_json_key(writer, "source");
    gw_json_word(writer, sources[value->source]);
    write_id(writer, value->id_start, value->id_count);
}

int gw_payload_point(char *buffer, size_t size, const struct gw_map_point *point,
                     const struct gw_point_value *value)
{
    struct gw_json_writer writer = gw_json_writer_of(buffer, size);
    double number = 0;
    gw_json_begin(&writer, '{');
    switch (value->type) {
    case DNP3_POINT_BINARY_INPUT:
    case DNP3_POINT_DOUBLE_BIT_INPUT:
    case DNP3_POINT_BINARY_OUTPUT_STATUS:
        number = write_value(&writer, point, value);
        write_state(&writer, point, number);
        break;
    case DNP3_POINT_COUNTER:
    case DNP3_POINT_FROZEN_COUNTER:
    case DNP3_POINT_ANALOG_INPUT:
    case DNP3_POINT_FROZEN_ANALOG_INPUT:
    case DNP3_POINT_ANALOG_OUTPUT_STATUS:
    case DNP3_POINT_ANALOG_INPUT_DEAD_BAND:
    case DNP3_POINT_UNSIGNED_INTEGER:
        number =
            value->delta ? write_delta(&writer, point, value) : write_value(&writer, point, value);
        write_unit(&writer, point);
        break;
    case DNP3_POINT_BINARY_COMMAND_EVENT:
        number = write_value(&writer, point, value);
        write_state(&writer, point, number);
        write_status(&writer, value->flags);
        break;
    case DNP3_POINT_ANALOG_COMMAND_EVENT:
        number = write_value(&writer, point, value);
        write_unit(&writer, point);
        write_status(&writer, value->flags);
        break;
    case DNP3_POINT_OCTET_STRING:
        write_octets(&writer, value->octets, value->length);
        break;
    case DNP3_POINT_TIME:
        gw_json_key(&writer, "value");
        gw_json_integer(&writer, (int64_t)value->number);
        break;
    default: /* internal indications have no topic */
        return DNP3_ERR_INVALID;
    }
    write_tail(&writer, value, number);
    gw_json_finish(&writer, '}');
    return gw_json_end(&writer);
}

int gw_payload_undecoded(char *buffer, size_t size, const struct gw_undecoded *undecoded)
{
    struct gw_json_writer writer = gw_json_writer_of(buffer, size);
    char object[24];
    size_t shown = undecoded->length < GW_UNDECODED_MAX ? undecoded->length : GW_UNDECODED_MAX;
    snprintf(object, sizeof object, "g%uv%u q%02X", undecoded->group, undecoded->variation,
             undecoded->qualifier);
    gw_json_begin(&writer, '{');
    gw_json_key(&writer, "error");
    gw_json_word(&writer, undecoded->error);
    gw_json_key(&writer, "object");
    gw_json_string(&writer, object);
    gw_json_key(&writer, "octets");
    gw_json_unsigned(&writer, undecoded->length);
    gw_json_key(&writer, "base64");
    gw_json_base64(&writer, undecoded->octets, shown);
    gw_json_key(&writer, "received");
    gw_json_integer(&writer, undecoded->received_ms);
    write_id(&writer, undecoded->id_start, undecoded->id_count);
    gw_json_finish(&writer, '}');
    return gw_json_end(&writer);
}
