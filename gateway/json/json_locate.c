/* SPDX-License-Identifier: Apache-2.0 */
/* A scanner that knows strings, brackets and commas, and nothing else of JSON: it runs after the
 * parser has accepted the text, and only when there is an error to place. */
#include "gateway/json/json_locate.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct scanner {
    const char *text;
    size_t length;
    size_t at;
};

static const char byte_order_mark[3] = "\xef\xbb\xbf";

/* The offset behind the string that opens at `at`. */
static size_t string_end(const char *text, size_t length, size_t at)
{
    for (at++; at < length && text[at] != '"' && text[at] != '\n'; at++)
        if (text[at] == '\\' && at + 1 < length)
            at++;
    return at < length ? at + 1 : length;
}

static size_t comment_end(const char *text, size_t length, size_t at)
{
    const char *newline = memchr(text + at, '\n', length - at);
    return newline ? (size_t)(newline - text) : length;
}

static bool is_comment(const char *text, size_t length, size_t at)
{
    return length - at >= 2 && text[at] == '/' && text[at + 1] == '/';
}

void gw_json_blank_comments(char *text, size_t length)
{
    if (length >= 3 && memcmp(text, byte_order_mark, 3) == 0)
        memset(text, ' ', 3);
    for (size_t at = 0; at < length;) {
        if (text[at] == '"') {
            at = string_end(text, length, at);
        } else if (is_comment(text, length, at)) {
            size_t end = comment_end(text, length, at);
            memset(text + at, ' ', end - at);
            at = end;
        } else {
            at++;
        }
    }
}

static char peek(const struct scanner *s)
{
    return s->at < s->length ? s->text[s->at] : '\0';
}

static void skip_blanks(struct scanner *s)
{
    if (s->at == 0 && s->length >= 3 && memcmp(s->text, byte_order_mark, 3) == 0)
        s->at = 3;
    while (s->at < s->length) {
        if (memchr(" \t\r\n", s->text[s->at], 4))
            s->at++;
        else if (is_comment(s->text, s->length, s->at))
            s->at = comment_end(s->text, s->length, s->at);
        else
            return;
    }
}

/* Past the value at the scanner: a string, a scalar, or everything up to the matching bracket. */
static void skip_value(struct scanner *s)
{
    size_t depth = 0;
    do {
        skip_blanks(s);
        char c = peek(s);
        if (c == '"') {
            s->at = string_end(s->text, s->length, s->at);
        } else if (c == '{' || c == '[') {
            depth++;
            s->at++;
        } else if (c == '}' || c == ']') {
            if (depth == 0)
                return;
            depth--;
            s->at++;
        } else if (c == ',' || c == ':') {
            if (depth == 0)
                return;
            s->at++;
        } else {
            while (s->at < s->length && !memchr(" \t\r\n,:{}[]\"/", s->text[s->at], 12))
                s->at++;
            if (peek(s) == '/' && !is_comment(s->text, s->length, s->at))
                s->at++;
        }
    } while (depth > 0 && s->at < s->length);
}

static bool key_equals(const struct scanner *s, size_t start, size_t end, const char *key)
{
    const char *inside = s->text + start + 1;
    size_t length = end - start - 2;
    if (!memchr(inside, '\\', length))
        return strlen(key) == length && memcmp(inside, key, length) == 0;
    json_t *decoded = json_loadb(s->text + start, end - start, JSON_DECODE_ANY, NULL);
    bool equal = json_is_string(decoded) && strcmp(json_string_value(decoded), key) == 0;
    json_decref(decoded);
    return equal;
}

/* From an object's brace to the value of `key`; `key_start` and `key_end` are where the key is. */
static bool enter_member(struct scanner *s, const char *key, size_t *key_start, size_t *key_end)
{
    if (peek(s) != '{')
        return false;
    s->at++;
    for (;;) {
        skip_blanks(s);
        if (peek(s) != '"')
            return false;
        *key_start = s->at;
        s->at = *key_end = string_end(s->text, s->length, s->at);
        if (*key_end - *key_start < 2)
            return false;
        skip_blanks(s);
        if (peek(s) != ':')
            return false;
        s->at++;
        skip_blanks(s);
        if (key_equals(s, *key_start, *key_end, key))
            return true;
        skip_value(s);
        skip_blanks(s);
        if (peek(s) != ',')
            return false;
        s->at++;
    }
}

static bool enter_element(struct scanner *s, size_t index)
{
    if (peek(s) != '[')
        return false;
    s->at++;
    skip_blanks(s);
    for (; index > 0; index--) {
        skip_value(s);
        skip_blanks(s);
        if (peek(s) != ',')
            return false;
        s->at++;
        skip_blanks(s);
    }
    return s->at < s->length && peek(s) != ']';
}

/* Leaves the scanner at the value of `path`. */
static bool enter(struct scanner *s, const struct gw_json_path *path, size_t *key_start,
                  size_t *key_end)
{
    if (!path) {
        skip_blanks(s);
        return s->at < s->length;
    }
    if (!enter(s, path->parent, key_start, key_end))
        return false;
    return path->key ? enter_member(s, path->key, key_start, key_end)
                     : enter_element(s, path->index);
}

bool gw_json_locate(const char *text, size_t length, const struct gw_json_path *path,
                    enum gw_json_part part, struct gw_json_place *place)
{
    struct scanner s = {.text = text, .length = length};
    size_t start = 0;
    size_t end = 0;
    if (!enter(&s, path, &start, &end))
        return false;
    if (part == GW_JSON_VALUE || !path || !path->key) {
        start = s.at;
        skip_value(&s);
        end = s.at;
    }
    place->offset = start;
    place->length = end - start;
    gw_json_position(text, length, start, &place->line, &place->column);
    return true;
}

void gw_json_position(const char *text, size_t length, size_t offset, unsigned *line,
                      unsigned *column)
{
    size_t at = length >= 3 && memcmp(text, byte_order_mark, 3) == 0 ? 3 : 0;
    *line = 1;
    *column = 1;
    for (; at < length && at < offset; at++) {
        if (text[at] == '\n') {
            (*line)++;
            *column = 1;
        } else if (((unsigned char)text[at] & 0xc0) != 0x80) {
            (*column)++;
        }
    }
}

static bool is_plain(const char *key)
{
    for (const char *at = key; *at; at++)
        if (!(*at >= 'a' && *at <= 'z') && !(*at >= 'A' && *at <= 'Z') && *at != '_' &&
            *at != '-' && *at != '$' && (at == key || !(*at >= '0' && *at <= '9')))
            return false;
    return *key != '\0';
}

void gw_json_path_format(const struct gw_json_path *path, char *buffer, size_t size)
{
    if (!path) {
        if (size)
            *buffer = '\0';
        return;
    }
    gw_json_path_format(path->parent, buffer, size);
    size_t used = strlen(buffer);
    if (!path->key)
        snprintf(buffer + used, size - used, "[%zu]", path->index);
    else if (is_plain(path->key))
        snprintf(buffer + used, size - used, "%s%s", used ? "." : "", path->key);
    else
        snprintf(buffer + used, size - used, "[\"%s\"]", path->key);
}
