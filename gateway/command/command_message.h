/* SPDX-License-Identifier: Apache-2.0 */
/* The payload of a `set` topic: a bare word or number, or an object with `value`, `id`, `expires`,
 * `time`, `by`; and that of a `command` topic. Read strictly: what is not understood to the last
 * key operates nothing. */
#ifndef GW_COMMAND_MESSAGE_H
#define GW_COMMAND_MESSAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GW_COMMAND_MAX = 4096,    /* octets of a payload */
    GW_COMMAND_TEXT_MAX = 64, /* octets of a value, an id, a name */
};

/* Text without a NUL; an id that came as correlation data may be any octets. */
struct gw_command_text {
    uint8_t length; /* 0: none */
    char octets[GW_COMMAND_TEXT_MAX];
};

struct gw_command_value {
    struct gw_command_text text; /* as it was sent; of a number a JSON number */
    bool is_number;
    double number;
};

struct gw_command_message {
    struct gw_command_value value;
    struct gw_command_text id;
    struct gw_command_text by;
    int64_t expires_ms; /* wall clock, ms since 1970; 0: none */
    int64_t time_ms;
};

/* Fills `message` as far as the payload can be read. Returns NULL when all of it is well-formed,
 * else a sentence that says what is not. */
const char *gw_command_message_read(struct gw_command_message *message, const char *payload,
                                    size_t length);

/* Takes a key of the payload that is a command's own. NULL, or a sentence that says what is wrong;
 * `*known` is false for a key that does not belong there. */
typedef const char *gw_command_key_reader(void *user, const char *key, const json_t *value,
                                          bool *known);
/* The payload of a `command` topic: nothing (null, too, is the same as leaving it out), or a flat
 * object with `id`, `expires`, `time`, `by` and the command's own keys, of up to `most` octets.
 * `value` becomes a text of the command's own keys, by which two messages are compared. */
const char *gw_command_arguments_read(struct gw_command_message *message, const char *payload,
                                      size_t length, size_t most, gw_command_key_reader *read,
                                      void *user);

/* Milliseconds since 1970 into `time_ms`; NULL, or what is wrong with them. */
const char *gw_command_time_read(int64_t *time_ms, const json_t *json);

/* Copies octets; false and nothing is copied where they are too many. */
bool gw_command_text_set(struct gw_command_text *text, const void *octets, size_t length);
bool gw_command_text_equal(const struct gw_command_text *a, const struct gw_command_text *b);
/* 5 and 5.0 are the same value, 5 and the word "five" are not. */
bool gw_command_value_equal(const struct gw_command_value *a, const struct gw_command_value *b);

#endif
