/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with the configuration's files: all of it at once, each with file, line, column and
 * JSON path, as `mappings/recloser.json:14:22: points[3].scale: expected a number, found "0.1"`. */
#ifndef GW_CONFIG_ERROR_H
#define GW_CONFIG_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { GW_CONFIG_ERRORS_MAX = 100 }; /* more help nobody; the rest is counted */

struct gw_config_error {
    char *file;
    unsigned line, column; /* from 1, columns in characters; 0: the file as a whole */
    char *path;            /* "points[3].scale"; "" = the top */
    char *message;
    bool warning;
};

struct gw_config_errors {
    struct gw_config_error *items;
    size_t count; /* of `items`, warnings included */
    size_t errors, warnings;
    size_t dropped;
};

/* Adds one (a repeated one is dropped). Zeroed memory is an empty list. */
void gw_config_errors_add(struct gw_config_errors *errors, bool warning, const char *file,
                          unsigned line, unsigned column, const char *path, const char *format, ...)
    __attribute__((format(printf, 7, 8)));
void gw_config_errors_addv(struct gw_config_errors *errors, bool warning, const char *file,
                           unsigned line, unsigned column, const char *path, const char *format,
                           va_list arguments) __attribute__((format(printf, 7, 0)));
/* By file, line and column, errors before warnings of the same place. */
void gw_config_errors_sort(struct gw_config_errors *errors);
/* "file:line:column: path: message", warnings with "warning: " before the message. Returns the
 * length it would need, as snprintf. */
int gw_config_error_format(const struct gw_config_error *error, char *buffer, size_t size);
/* One line each; those that did not fit are counted in a last one. */
void gw_config_errors_print(const struct gw_config_errors *errors, FILE *out);
/* Empties the list. */
void gw_config_errors_free(struct gw_config_errors *errors);

#endif
