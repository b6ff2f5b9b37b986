/* SPDX-License-Identifier: Apache-2.0 */
/* What an element of `points` or `controls` stands for: its indexes, and for each of them the
 * values of the placeholders in its texts. */
#ifndef GW_MAPPING_EXPAND_H
#define GW_MAPPING_EXPAND_H

#include "gateway/base/template.h"
#include "gateway/json/keys.h"

enum {
    GW_INDEX_MAX = 65535,     /* what a 16-bit prefix carries (IEEE 1815-2012 4.2.2.7) */
    GW_EXPAND_MAX = 65536,    /* points of one mapping */
    GW_PLACEHOLDERS_MAX = 64, /* index, type, variables of all kinds */
};

struct gw_expansion {
    const struct gw_reader *reader;
    const struct gw_json_path *path; /* the element */
    const char *outstation;          /* for whom, in messages; NULL: nobody */
    uint32_t *indexes;
    size_t count;
    size_t name_count;
    const char *names[GW_PLACEHOLDERS_MAX];
    const char *values[GW_PLACEHOLDERS_MAX];       /* of the index set last */
    const char *const *lists[GW_PLACEHOLDERS_MAX]; /* a value an index, or NULL: the same for all */
    char index_text[12];
};

/* Reads `index` and `vars` of the element `object`; what it needs comes from the reader's arena.
 * False: an error was added. */
bool gw_expansion_read(struct gw_expansion *expansion, const struct gw_reader *reader,
                       const json_t *object, const struct gw_json_path *path, const char *type,
                       const struct gw_var *vars, size_t var_count);
/* Sets the placeholders' values to those of the index number `i`. */
void gw_expansion_set(struct gw_expansion *expansion, size_t i);

/* Compiles the text that stands under `key`; NULL: an error was added. To be freed. */
struct gw_template *gw_expansion_compile(const struct gw_expansion *expansion,
                                         const struct gw_json_path *path, const char *text,
                                         bool brackets);
/* Expands for the index set last, into `buffer`; false: an error was added at `path`. */
bool gw_expansion_text(const struct gw_expansion *expansion, const struct gw_template *template,
                       const struct gw_json_path *path, char *buffer, size_t size);

/* The same as a checked name in `arena`; NULL: an error was added. */
const char *gw_expansion_name(const struct gw_expansion *expansion,
                              const struct gw_template *template, const struct gw_json_path *path,
                              struct gw_arena *arena);

/* Reads "4..6" or "4"; false: it is neither, or backwards. */
bool gw_range_parse(const char *text, uint32_t *first, uint32_t *last);
/* Reads an object of variables (text or whole numbers) into the reader's arena. False: an error was
 * added; those with a wrong value are there nevertheless, so that what names them is not wrong too.
 */
bool gw_vars_read(const struct gw_reader *reader, const json_t *object,
                  const struct gw_json_path *path, const struct gw_var **vars, size_t *count);

#endif
