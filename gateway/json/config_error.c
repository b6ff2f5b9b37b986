/* SPDX-License-Identifier: Apache-2.0 */
/* The list of what is wrong. It is bounded: a wrong template in a mapping of a thousand outstations
 * is told once. */
#include "gateway/json/config_error.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/memory.h"

static void release(struct gw_config_error *error)
{
    gw_memory_release(error->file);
    gw_memory_release(error->path);
    gw_memory_release(error->message);
}

static bool is_known(const struct gw_config_errors *errors, const struct gw_config_error *error)
{
    for (size_t i = 0; i < errors->count; i++) {
        const struct gw_config_error *known = errors->items + i;
        if (known->line == error->line && known->column == error->column &&
            strcmp(known->message, error->message) == 0 && strcmp(known->path, error->path) == 0 &&
            strcmp(known->file, error->file) == 0)
            return true;
    }
    return false;
}

static void count(struct gw_config_errors *errors, bool warning)
{
    if (warning)
        errors->warnings++;
    else
        errors->errors++;
}

void gw_config_errors_addv(struct gw_config_errors *errors, bool warning, const char *file,
                           unsigned line, unsigned column, const char *path, const char *format,
                           va_list arguments)
{
    if (!errors->items)
        errors->items =
            gw_memory_allocate(GW_OWNER_CONFIG, GW_CONFIG_ERRORS_MAX * sizeof *errors->items);
    if (!errors->items || errors->count == GW_CONFIG_ERRORS_MAX) {
        errors->dropped++;
        count(errors, warning);
        return;
    }
    char message[600];
    vsnprintf(message, sizeof message, format, arguments);
    struct gw_config_error error = {
        .file = gw_memory_copy_string(GW_OWNER_CONFIG, file),
        .line = line,
        .column = column,
        .path = gw_memory_copy_string(GW_OWNER_CONFIG, path),
        .message = gw_memory_copy_string(GW_OWNER_CONFIG, message),
        .warning = warning,
    };
    if (!error.file || !error.path || !error.message) {
        release(&error);
        errors->dropped++;
        count(errors, warning);
    } else if (is_known(errors, &error)) {
        release(&error);
    } else {
        errors->items[errors->count++] = error;
        count(errors, warning);
    }
}

void gw_config_errors_add(struct gw_config_errors *errors, bool warning, const char *file,
                          unsigned line, unsigned column, const char *path, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    gw_config_errors_addv(errors, warning, file, line, column, path, format, arguments);
    va_end(arguments);
}

static int compare(const void *left, const void *right)
{
    const struct gw_config_error *a = left;
    const struct gw_config_error *b = right;
    int files = strcmp(a->file, b->file);
    if (files)
        return files;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    if (a->column != b->column)
        return a->column < b->column ? -1 : 1;
    if (a->warning != b->warning)
        return a->warning ? 1 : -1;
    return strcmp(a->message, b->message);
}

void gw_config_errors_sort(struct gw_config_errors *errors)
{
    if (errors->count)
        qsort(errors->items, errors->count, sizeof *errors->items, compare);
}

int gw_config_error_format(const struct gw_config_error *error, char *buffer, size_t size)
{
    char place[40] = "";
    if (error->line)
        snprintf(place, sizeof place, ":%u:%u", error->line, error->column);
    return snprintf(buffer, size, "%s%s: %s%s%s%s", error->file, place, error->path,
                    *error->path ? ": " : "", error->warning ? "warning: " : "", error->message);
}

void gw_config_errors_print(const struct gw_config_errors *errors, FILE *out)
{
    for (size_t i = 0; i < errors->count; i++) {
        char line[2048];
        gw_config_error_format(errors->items + i, line, sizeof line);
        fprintf(out, "%s\n", line);
    }
    if (errors->dropped)
        fprintf(out, "... and %zu more\n", errors->dropped);
}

void gw_config_errors_free(struct gw_config_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++)
        release(errors->items + i);
    gw_memory_release(errors->items);
    *errors = (struct gw_config_errors){0};
}
