/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of keys: what may stand in an object of a configuration file, its type, default, limits
 * and help. One row serves the reader, the errors and the JSON schemas. */
#ifndef GW_KEYS_H
#define GW_KEYS_H

#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/json/json_file.h"

enum gw_key_type {
    GW_KEY_OWN,     /* read by `read`, or by who owns the table; `schema` tells its shape */
    GW_KEY_TEXT,    /* const char * */
    GW_KEY_NAME,    /* const char *, one topic level of [A-Za-z0-9][A-Za-z0-9_-]* */
    GW_KEY_BOOLEAN, /* bool */
    GW_KEY_INTEGER, /* unsigned, of the field's size */
    GW_KEY_NUMBER,  /* double */
    GW_KEY_SECONDS, /* uint32_t milliseconds */
    GW_KEY_WORD,    /* uint8_t, the value of one of `words` */
};

enum {
    GW_KEY_REQUIRED = 1, /* must stand there */
    GW_KEY_PLANNED = 2,  /* belongs to the format, is not built yet: an error that says so */
    GW_KEY_SECRET = 4,   /* its value is never shown */
};

enum { GW_WORD_PLANNED = -1, GW_WORDS_END = -2 };

/* A word and its value; GW_WORD_PLANNED: not built yet. The list ends with value GW_WORDS_END. */
struct gw_word {
    const char *text;
    int value;
};

/* Who reads: in which file, and where strings go. */
struct gw_reader {
    const struct gw_json_file *file; /* NULL only for defaults */
    struct gw_arena *arena;
};

struct gw_key {
    const char *name;
    const char *help;
    const char *fallback; /* the default as JSON, NULL: none */
    enum gw_key_type type;
    unsigned flags;      /* GW_KEY_REQUIRED ... */
    size_t offset, size; /* of the field in the target, see GW_KEY_FIELD */
    double min, max;     /* INTEGER, NUMBER, SECONDS; both 0: any */
    const struct gw_word *words;
    /* GW_KEY_OWN: reads `value` into the field; adds errors by itself. */
    void (*read)(const struct gw_reader *reader, const json_t *value,
                 const struct gw_json_path *path, void *field);
    const char *schema; /* GW_KEY_OWN: a JSON schema */
};

#define GW_KEY_FIELD(type, member)                                                                 \
    .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)

struct gw_keys {
    const char *title; /* "a point", in messages */
    const struct gw_key *rows;
    size_t count;
};

/* Adds an error for every unknown key of `object` (with the nearest known one), for every one that
 * is not built yet, and for every required one that is missing. The keys of all `tables` may stand
 * in it; "$schema" too at the top of a file. */
void gw_keys_check(const struct gw_reader *reader, const struct gw_keys *const *tables,
                   size_t table_count, const json_t *object, const struct gw_json_path *path);
/* Puts the defaults of the table into `target`. */
void gw_keys_default(struct gw_arena *arena, const struct gw_keys *keys, void *target);
/* Reads those keys of the table that stand in `object` into `target`; wrong values are errors. */
void gw_keys_read(const struct gw_reader *reader, const struct gw_keys *keys, const json_t *object,
                  const struct gw_json_path *path, void *target);

/* Adds "expected ..., found ..." at a value. */
void gw_keys_expected(const struct gw_reader *reader, const struct gw_json_path *path,
                      const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The value is an object (or list); else an error was added. */
bool gw_keys_object(const struct gw_reader *reader, const json_t *value,
                    const struct gw_json_path *path);
bool gw_keys_list(const struct gw_reader *reader, const json_t *value,
                  const struct gw_json_path *path);
/* A whole number from `min` to `max`; false: an error was added. */
bool gw_keys_integer(const struct gw_reader *reader, const json_t *value,
                     const struct gw_json_path *path, uint32_t min, uint32_t max, uint32_t *out);
/* The value of one of `words`; false: an error was added. */
bool gw_keys_word(const struct gw_reader *reader, const json_t *value,
                  const struct gw_json_path *path, const struct gw_word *words, int *out);

/* The one of `names` nearest to `name`, NULL when none is near enough to be meant. */
const char *gw_nearest(const char *name, const char *const *names, size_t count);

#endif
