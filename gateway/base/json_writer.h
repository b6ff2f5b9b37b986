/* SPDX-License-Identifier: Apache-2.0 */
/* Appends JSON to a caller's buffer: no tree, no allocation, commas by itself. What does not fit is
 * counted but not written, so that a first pass without a buffer gives the length. */
#ifndef GW_JSON_WRITER_H
#define GW_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct gw_json_writer {
    char *buffer;
    size_t size;
    size_t length; /* what the text needs so far, even beyond `size` */
    bool comma;    /* a value stands before the next one on this level */
};

/* `buffer` may be NULL with `size` 0: only counts. */
static inline struct gw_json_writer gw_json_writer_of(char *buffer, size_t size)
{
    return (struct gw_json_writer){.buffer = buffer, .size = size};
}

/* Ends the text: its length, or DNP3_ERR_FULL where a buffer was given and it did not fit. A NUL
 * follows it where there is room. */
int gw_json_end(struct gw_json_writer *writer);

/* Text as it is. */
static inline void gw_json_append(struct gw_json_writer *writer, const char *text, size_t length)
{
    if (length <= writer->size && writer->length <= writer->size - length)
        memcpy(writer->buffer + writer->length, text, length);
    writer->length += length;
}

static inline void gw_json_begin(struct gw_json_writer *writer, char bracket)
{
    if (writer->comma)
        gw_json_append(writer, ",", 1);
    gw_json_append(writer, &bracket, 1);
    writer->comma = false;
}

static inline void gw_json_finish(struct gw_json_writer *writer, char bracket)
{
    gw_json_append(writer, &bracket, 1);
    writer->comma = true;
}

/* A comma where one is needed, before a value in an array or a key. */
static inline void gw_json_separate(struct gw_json_writer *writer)
{
    if (writer->comma)
        gw_json_append(writer, ",", 1);
    writer->comma = true;
}

/* A key that needs no escapes, up to and with its colon; a value follows. */
static inline void gw_json_key(struct gw_json_writer *writer, const char *key)
{
    gw_json_separate(writer);
    gw_json_append(writer, "\"", 1);
    gw_json_append(writer, key, strlen(key));
    gw_json_append(writer, "\":", 2);
    writer->comma = false;
}

/* Values: after gw_json_key, or as an array's next element. */

/* A number or word of JSON itself, already as text. */
static inline void gw_json_literal(struct gw_json_writer *writer, const char *text, size_t length)
{
    gw_json_separate(writer);
    gw_json_append(writer, text, length);
}

static inline void gw_json_null(struct gw_json_writer *writer)
{
    gw_json_literal(writer, "null", 4);
}

static inline void gw_json_bool(struct gw_json_writer *writer, bool value)
{
    gw_json_literal(writer, value ? "true" : "false", value ? 4 : 5);
}

/* One of our own words: nothing in it needs an escape. */
static inline void gw_json_word(struct gw_json_writer *writer, const char *word)
{
    gw_json_separate(writer);
    gw_json_append(writer, "\"", 1);
    gw_json_append(writer, word, strlen(word));
    gw_json_append(writer, "\"", 1);
}

/* UTF-8 text, escaped. */
void gw_json_text(struct gw_json_writer *writer, const char *text, size_t length);
/* The same with an end at NUL, or null where `text` is NULL. */
void gw_json_string(struct gw_json_writer *writer, const char *text);
/* A key with whatever stands in it. */
void gw_json_key_string(struct gw_json_writer *writer, const char *key);
void gw_json_base64(struct gw_json_writer *writer, const uint8_t *octets, size_t length);
void gw_json_hex(struct gw_json_writer *writer, const uint8_t *octets, size_t length);
void gw_json_integer(struct gw_json_writer *writer, int64_t value);
void gw_json_unsigned(struct gw_json_writer *writer, uint64_t value);
/* The shortest text of a number; null where it is none. */
void gw_json_number(struct gw_json_writer *writer, double value);

/* Whether text is well-formed UTF-8 without control characters but those that have a short escape
 * in JSON (tab, line feed, ...). */
bool gw_json_is_text(const uint8_t *octets, size_t length);

#endif
