/* SPDX-License-Identifier: Apache-2.0 */
/* Writing JSON forward only: strings are copied in runs between what needs an escape. */
#include "gateway/base/json_writer.h"

#include "dnp3/error.h"
#include "gateway/base/number.h"

int gw_json_end(struct gw_json_writer *writer)
{
    if (writer->length < writer->size)
        writer->buffer[writer->length] = 0;
    return writer->size && writer->length > writer->size ? DNP3_ERR_FULL : (int)writer->length;
}

/* The letter of a short escape, 0 where the character has none. */
static char short_escape(uint8_t c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static void append_escape(struct gw_json_writer *writer, uint8_t c)
{
    static const char digits[] = "0123456789abcdef";
    char letter = short_escape(c);
    if (letter)
        gw_json_append(writer, (const char[]){'\\', letter}, 2);
    else
        gw_json_append(writer, (const char[]){'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]},
                       6);
}

static void append_quoted(struct gw_json_writer *writer, const char *text, size_t length)
{
    gw_json_append(writer, "\"", 1);
    size_t copied = 0;
    for (size_t i = 0; i < length; i++) {
        uint8_t c = (uint8_t)text[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        gw_json_append(writer, text + copied, i - copied);
        append_escape(writer, c);
        copied = i + 1;
    }
    gw_json_append(writer, text + copied, length - copied);
    gw_json_append(writer, "\"", 1);
}

void gw_json_text(struct gw_json_writer *writer, const char *text, size_t length)
{
    gw_json_separate(writer);
    append_quoted(writer, text, length);
}

void gw_json_string(struct gw_json_writer *writer, const char *text)
{
    if (text)
        gw_json_text(writer, text, strlen(text));
    else
        gw_json_null(writer);
}

void gw_json_key_string(struct gw_json_writer *writer, const char *key)
{
    gw_json_string(writer, key);
    gw_json_append(writer, ":", 1);
    writer->comma = false;
}

void gw_json_base64(struct gw_json_writer *writer, const uint8_t *octets, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    gw_json_separate(writer);
    gw_json_append(writer, "\"", 1);
    for (size_t i = 0; i < length; i += 3) {
        size_t n = length - i < 3 ? length - i : 3;
        uint32_t bits = (uint32_t)octets[i] << 16;
        bits |= n > 1 ? (uint32_t)octets[i + 1] << 8 : 0;
        bits |= n > 2 ? octets[i + 2] : 0;
        char group[4] = {digits[bits >> 18], digits[bits >> 12 & 63],
                         n > 1 ? digits[bits >> 6 & 63] : '=', n > 2 ? digits[bits & 63] : '='};
        gw_json_append(writer, group, sizeof group);
    }
    gw_json_append(writer, "\"", 1);
}

void gw_json_hex(struct gw_json_writer *writer, const uint8_t *octets, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    gw_json_separate(writer);
    gw_json_append(writer, "\"", 1);
    for (size_t i = 0; i < length; i++)
        gw_json_append(writer, (const char[]){digits[octets[i] >> 4], digits[octets[i] & 15]}, 2);
    gw_json_append(writer, "\"", 1);
}

void gw_json_integer(struct gw_json_writer *writer, int64_t value)
{
    char text[GW_NUMBER_MAX];
    gw_json_literal(writer, text, gw_number_integer(text, value));
}

void gw_json_unsigned(struct gw_json_writer *writer, uint64_t value)
{
    char text[GW_NUMBER_MAX];
    gw_json_literal(writer, text, gw_number_unsigned(text, value));
}

void gw_json_number(struct gw_json_writer *writer, double value)
{
    char text[GW_NUMBER_MAX];
    size_t length = gw_number_shortest(text, value, false);
    if (length)
        gw_json_literal(writer, text, length);
    else
        gw_json_null(writer);
}

/* How many octets a well-formed sequence takes that does not go beyond `left`, 0: it is not one.
 * Overlong forms, surrogates and what is above U+10FFFF are none (Unicode table 3-7). */
static size_t sequence_length(const uint8_t *octets, size_t left)
{
    uint8_t first = octets[0];
    size_t length = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (!length || first > 0xF4 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((octets[i] & 0xC0) != 0x80)
            return 0;
    if ((first == 0xE0 && octets[1] < 0xA0) || (first == 0xED && octets[1] > 0x9F) ||
        (first == 0xF0 && octets[1] < 0x90) || (first == 0xF4 && octets[1] > 0x8F))
        return 0;
    return length;
}

bool gw_json_is_text(const uint8_t *octets, size_t length)
{
    for (size_t i = 0; i < length;) {
        size_t step = sequence_length(octets + i, length - i);
        if (!step || octets[i] == 0x7F || (octets[i] < 0x20 && !short_escape(octets[i])))
            return false;
        i += step;
    }
    return true;
}
