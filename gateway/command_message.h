/* SPDX-License-Identifier: Apache-2.0 */
/* The payload of a `set` topic: a bare word or number, or an object with `value`, `id`, `expires`,
 * `time`, `by`. Read strictly: what is not understood to the last key operates nothing. */
#ifndef GW_COMMAND_MESSAGE_H
#define GW_COMMAND_MESSAGE_H

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

/* Copies octets; false and nothing is copied where they are too many. */
bool gw_command_text_set(struct gw_command_text *text, const void *octets, size_t length);
bool gw_command_text_equal(const struct gw_command_text *a, const struct gw_command_text *b);
/* 5 and 5.0 are the same value, 5 and the word "five" are not. */
bool gw_command_value_equal(const struct gw_command_value *a, const struct gw_command_value *b);

#endif
