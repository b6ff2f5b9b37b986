/* SPDX-License-Identifier: Apache-2.0 */
/* A list that grows while a command is under way (a directory's entries, attributes): kept as the
 * JSON that the result will hold, up to a limit. */
#ifndef GW_COMMAND_ITEMS_H
#define GW_COMMAND_ITEMS_H

#include "gateway/base/json_writer.h"

enum { GW_COMMAND_ITEMS_MAX = 64 * 1024 }; /* octets of JSON */

struct gw_command_items {
    char *text; /* elements with commas between them */
    size_t length;
    size_t room;
};

/* Appends an element; `write` is called twice for the same. False: it is not taken, for want of
 * memory or beyond the limit. */
bool gw_command_items_add(struct gw_command_items *items,
                          void (*write)(struct gw_json_writer *writer, const void *item),
                          const void *item);
/* The array. */
void gw_command_items_write(const struct gw_command_items *items, struct gw_json_writer *writer);
void gw_command_items_free(struct gw_command_items *items);

#endif
