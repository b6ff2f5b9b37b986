/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a command's payload. jansson parses; before it, a scan refuses nesting, so that memory
 * and depth stay bounded whatever is sent. */
#include "gateway/command/command_message.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/hash.h"
#include "gateway/base/json_writer.h"
#include "gateway/base/number.h"

/* Times below are seconds, times above are microseconds: both were meant otherwise. */
static const double time_min_ms = 1e11;
static const double time_max_ms = 1e14;

bool gw_command_text_set(struct gw_command_text *text, const void *octets, size_t length)
{
    if (length > GW_COMMAND_TEXT_MAX)
        return false;
    text->length = (uint8_t)length;
    if (length)
        memcpy(text->octets, octets, length);
    return true;
}

bool gw_command_text_equal(const struct gw_command_text *a, const struct gw_command_text *b)
{
    return a->length == b->length && memcmp(a->octets, b->octets, a->length) == 0;
}

bool gw_command_value_equal(const struct gw_command_value *a, const struct gw_command_value *b)
{
    if (a->is_number && b->is_number)
        return a->number == b->number;
    return a->is_number == b->is_number && gw_command_text_equal(&a->text, &b->text);
}

static size_t skip_digits(const char *text, size_t at, size_t length)
{
    while (at < length && isdigit((unsigned char)text[at]))
        at++;
    return at;
}

/* Whether text is a number as JSON writes it: no "+5", ".5", "05", "0x5", "nan". */
static bool is_json_number(const char *text, size_t length)
{
    size_t at = length && text[0] == '-' ? 1 : 0;
    size_t digits = at;
    at = skip_digits(text, at, length);
    if (at == digits || (text[digits] == '0' && at > digits + 1))
        return false;
    if (at < length && text[at] == '.') {
        digits = ++at;
        at = skip_digits(text, at, length);
        if (at == digits)
            return false;
    }
    if (at < length && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        if (at < length && (text[at] == '+' || text[at] == '-'))
            at++;
        digits = at;
        at = skip_digits(text, at, length);
        if (at == digits)
            return false;
    }
    return at == length;
}

static const char *set_word(struct gw_command_text *text, const char *octets, size_t length,
                            const char *too_long)
{
    if (!gw_json_is_text((const uint8_t *)octets, length))
        return "a text holds control characters or is not UTF-8";
    return gw_command_text_set(text, octets, length) ? NULL : too_long;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* `open`, `12.5`: as command line tools publish, perhaps with a line end. */
static const char *read_bare(struct gw_command_value *value, const char *text, size_t length)
{
    const char *problem = set_word(&value->text, text, length, "a value is longer than 64 octets");
    if (problem)
        return problem;
    if (is_json_number(text, length)) {
        char copy[GW_COMMAND_TEXT_MAX + 1] = {0};
        memcpy(copy, text, length);
        value->is_number = true;
        value->number = strtod(copy, NULL);
    }
    return NULL;
}

/* An object or array within the object; quotes are minded. */
static bool is_nested(const char *text, size_t length)
{
    bool quoted = false;
    for (size_t i = 1; i < length; i++) {
        char c = text[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '{' || c == '['))
            return true;
    }
    return false;
}

static const char *read_value(struct gw_command_value *value, const json_t *json)
{
    if (json_is_string(json)) {
        if (!json_string_length(json))
            return "the value is empty";
        return set_word(&value->text, json_string_value(json), json_string_length(json),
                        "a value is longer than 64 octets");
    }
    if (!json_is_number(json))
        return "the value is neither a word nor a number";
    value->is_number = true;
    value->number = json_number_value(json);
    if (json_is_integer(json))
        value->text.length =
            (uint8_t)gw_number_integer(value->text.octets, json_integer_value(json));
    else
        value->text.length = (uint8_t)gw_number_shortest(value->text.octets, value->number, false);
    return NULL;
}

static const char *read_text(struct gw_command_text *text, const json_t *json)
{
    if (!json_is_string(json) || !json_string_length(json))
        return "\"id\" and \"by\" are texts of 1 to 64 octets";
    return set_word(text, json_string_value(json), json_string_length(json),
                    "\"id\" and \"by\" are texts of 1 to 64 octets");
}

const char *gw_command_time_read(int64_t *time_ms, const json_t *json)
{
    if (!json_is_number(json))
        return "a time is given in milliseconds since 1970";
    double ms = json_number_value(json);
    if (!(ms >= time_min_ms))
        return "a time looks like seconds: milliseconds are meant";
    if (!(ms <= time_max_ms))
        return "a time is too large: milliseconds are meant";
    *time_ms = (int64_t)ms;
    return NULL;
}

static bool is_common(const char *key)
{
    return strcmp(key, "id") == 0 || strcmp(key, "by") == 0 || strcmp(key, "expires") == 0 ||
           strcmp(key, "time") == 0;
}

/* Null is the same as leaving the key out, for publishers that fill a template. */
static const char *read_key(struct gw_command_message *message, const char *key, const json_t *json)
{
    if (strcmp(key, "value") == 0)
        return read_value(&message->value, json);
    if (strcmp(key, "id") == 0)
        return json_is_null(json) ? NULL : read_text(&message->id, json);
    if (strcmp(key, "by") == 0)
        return json_is_null(json) ? NULL : read_text(&message->by, json);
    if (strcmp(key, "expires") == 0)
        return json_is_null(json) ? NULL : gw_command_time_read(&message->expires_ms, json);
    if (strcmp(key, "time") == 0)
        return json_is_null(json) ? NULL : gw_command_time_read(&message->time_ms, json);
    return "a key is unknown: value, id, expires, time and by are known";
}

/* NULL: `problem` says why. */
static json_t *parse_object(const char *text, size_t length, const char **problem)
{
    json_error_t error;
    *problem = NULL;
    if (is_nested(text, length)) {
        *problem = "the payload is nested: one flat object is expected";
        return NULL;
    }
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        *problem = json_error_code(&error) == json_error_duplicate_key ? "a key stands twice"
                                                                       : "the payload is no JSON";
    return root;
}

static const char *read_object(struct gw_command_message *message, const char *text, size_t length)
{
    const char *first;
    json_t *root = parse_object(text, length, &first);
    if (!root)
        return first;
    first = json_object_get(root, "value") ? NULL : "there is no \"value\"";
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value)
    {
        const char *problem = read_key(message, key, value);
        first = first ? first : problem;
    }
    json_decref(root);
    return first;
}

static void trim(const char **text, size_t *length)
{
    while (*length && is_space((*text)[*length - 1]))
        (*length)--;
    while (*length && is_space(**text)) {
        (*text)++;
        (*length)--;
    }
}

const char *gw_command_message_read(struct gw_command_message *message, const char *payload,
                                    size_t length)
{
    *message = (struct gw_command_message){0};
    if (length > GW_COMMAND_MAX)
        return "the payload is longer than 4096 octets";
    trim(&payload, &length);
    if (!length)
        return "the payload is empty";
    if (*payload == '{')
        return read_object(message, payload, length);
    if (*payload == '"' || *payload == '[')
        return "a bare value has no quotes; else an object is expected";
    return read_bare(&message->value, payload, length);
}

/* What is left of the object once the common keys are out, in one text; a long one is cut, and told
 * from others by its hash. */
static void set_fingerprint(struct gw_command_text *text, json_t *root)
{
    char *dump = json_object_size(root)
                     ? json_dumps(root, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENSURE_ASCII)
                     : NULL;
    json_malloc_t allocate = NULL;
    json_free_t release = NULL;
    if (!dump)
        return;
    size_t length = strlen(dump);
    if (!gw_command_text_set(text, dump, length)) {
        enum { HASH = 17 }; /* a mark and 16 digits */
        char digits[HASH + 1];
        snprintf(digits, sizeof digits, "#%016" PRIx64, gw_hash_text(dump));
        memcpy(text->octets, dump, GW_COMMAND_TEXT_MAX - HASH);
        memcpy(text->octets + GW_COMMAND_TEXT_MAX - HASH, digits, HASH);
        text->length = GW_COMMAND_TEXT_MAX;
    }
    json_get_alloc_funcs(&allocate, &release);
    release(dump);
}

static const char *read_argument(struct gw_command_message *message, const char *key,
                                 const json_t *value, gw_command_key_reader *read, void *user)
{
    bool known = true;
    if (is_common(key))
        return read_key(message, key, value);
    const char *problem = read(user, key, value, &known);
    return known ? problem : "a key is unknown";
}

const char *gw_command_arguments_read(struct gw_command_message *message, const char *payload,
                                      size_t length, size_t most, gw_command_key_reader *read,
                                      void *user)
{
    const char *first;
    *message = (struct gw_command_message){0};
    if (length > most)
        return "the payload is too long";
    trim(&payload, &length);
    if (!length)
        return NULL;
    if (*payload != '{')
        return "nothing or a JSON object is expected";
    json_t *root = parse_object(payload, length, &first);
    if (!root)
        return first;
    static const char *const common[] = {"id", "by", "expires", "time"};
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value)
    {
        const char *problem = read_argument(message, key, value, read, user);
        first = first ? first : problem;
    }
    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        json_object_del(root, common[i]);
    set_fingerprint(&message->value.text, root);
    json_decref(root);
    return first;
}
