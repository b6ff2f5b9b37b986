/* SPDX-License-Identifier: Apache-2.0 */
/* Where in a file a JSON path stands. The parser gives positions for syntax errors only; this finds
 * the line and column of any key or value, in a text with `//` comments. */
#ifndef GW_JSON_LOCATE_H
#define GW_JSON_LOCATE_H

#include <stdbool.h>
#include <stddef.h>

/* One step of a path, linked to the step before; NULL is the top of the file. Lives on the stack of
 * who walks the tree. */
struct gw_json_path {
    const struct gw_json_path *parent;
    const char *key; /* member of an object, or NULL: */
    size_t index;    /* element of a list */
};

enum gw_json_part { GW_JSON_VALUE, GW_JSON_KEY };

struct gw_json_place {
    size_t offset, length; /* octets */
    unsigned line, column; /* from 1; columns are characters, not octets */
};

/* Overwrites `//` comments outside of strings, and a byte order mark at the start, with blanks of
 * the same length: positions stay. */
void gw_json_blank_comments(char *text, size_t length);

/* Finds the value (or the key, for a member of an object) at `path`. False: no such path. `text`
 * may have comments; it may be anything, but only valid JSON gives sensible places. */
bool gw_json_locate(const char *text, size_t length, const struct gw_json_path *path,
                    enum gw_json_part part, struct gw_json_place *place);

/* Line and column of an octet offset. */
void gw_json_position(const char *text, size_t length, size_t offset, unsigned *line,
                      unsigned *column);

/* Writes "points[3].scale" with its NUL, cut where it does not fit. */
void gw_json_path_format(const struct gw_json_path *path, char *buffer, size_t size);

#endif
