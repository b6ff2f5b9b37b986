/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON file of the configuration: its text, its tree with `${NAME}` already replaced, and errors
 * placed in it. */
#ifndef GW_JSON_FILE_H
#define GW_JSON_FILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/json/config_error.h"
#include "gateway/json/json_locate.h"

enum { GW_JSON_FILE_MAX = 64 * 1024 * 1024 };

/* An element of a list at the top of a file whose tree was put together: where it stands. */
struct gw_json_origin {
    size_t own;   /* its number in the file itself; SIZE_MAX: not there */
    size_t other; /* in the overlay's list; SIZE_MAX: not there */
};

/* Lists of another place that were put over the file's lists of the same keys. */
struct gw_json_overlay {
    const struct gw_json_file *file;
    const struct gw_json_path *path; /* the object that has the lists */
    struct {
        const char *key;
        const struct gw_json_origin *origins;
        size_t count;
    } lists[2];
};

struct gw_json_file {
    char *path; /* as errors name it: relative to the working directory, or absolute */
    char *text;
    size_t length;
    json_t *root; /* an object; NULL when the file could not be read */
    struct gw_config_errors *errors;
    const struct gw_json_overlay *overlay; /* NULL: all of the tree stands in the text */
};

/* Reads `path`. False: `file->errors` says why; the file still is to be freed. */
bool gw_json_file_read(struct gw_json_file *file, const char *path,
                       struct gw_config_errors *errors);
/* The same from memory; `path` is only a name. */
bool gw_json_file_parse(struct gw_json_file *file, const char *path, const char *text,
                        size_t length, struct gw_config_errors *errors);
void gw_json_file_free(struct gw_json_file *file);

/* The path of a file that `file` names: relative to its folder. To be released. */
char *gw_json_file_sibling(const struct gw_json_file *file, const char *path);

/* Add an error or warning at a value (or at its key). */
void gw_json_error(const struct gw_json_file *file, const struct gw_json_path *path,
                   const char *format, ...) __attribute__((format(printf, 3, 4)));
void gw_json_error_key(const struct gw_json_file *file, const struct gw_json_path *path,
                       const char *format, ...) __attribute__((format(printf, 3, 4)));
void gw_json_warning(const struct gw_json_file *file, const struct gw_json_path *path,
                     const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Whether there is something at that path of the tree. */
bool gw_json_stands(const struct gw_json_file *file, const struct gw_json_path *path);
/* "mappings/recloser.json:14", where a value stands, for an error that names two places. */
void gw_json_place_format(const struct gw_json_file *file, const struct gw_json_path *path,
                          char *buffer, size_t size);
/* The value as it stands in the file, cut to fit, in one line: what `${NAME}` stands for is never
 * shown. */
void gw_json_found(const struct gw_json_file *file, const struct gw_json_path *path, char *buffer,
                   size_t size);

#endif
