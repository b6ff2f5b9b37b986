/* SPDX-License-Identifier: Apache-2.0 */
/* Elements are written once when they come: what they point to is gone with the fragment. */
#include "gateway/command/command_items.h"

#include "gateway/base/memory.h"

enum { FIRST_ROOM = 1024 };

static bool grow(struct gw_command_items *items, size_t length)
{
    size_t room = items->room ? items->room : FIRST_ROOM;
    if (length > GW_COMMAND_ITEMS_MAX)
        return false;
    while (room < length)
        room *= 2;
    if (room == items->room)
        return true;
    char *text = gw_memory_resize(GW_OWNER_CONTROLS, items->text, room);
    if (!text)
        return false;
    items->text = text;
    items->room = room;
    return true;
}

bool gw_command_items_add(struct gw_command_items *items,
                          void (*write)(struct gw_json_writer *writer, const void *item),
                          const void *item)
{
    struct gw_json_writer measure = {.length = items->length, .comma = items->length > 0};
    write(&measure, item);
    if (!grow(items, measure.length))
        return false;
    struct gw_json_writer writer = {.buffer = items->text,
                                    .size = items->room,
                                    .length = items->length,
                                    .comma = items->length > 0};
    write(&writer, item);
    items->length = writer.length;
    return true;
}

void gw_command_items_write(const struct gw_command_items *items, struct gw_json_writer *writer)
{
    gw_json_begin(writer, '[');
    if (items->length)
        gw_json_literal(writer, items->text, items->length);
    gw_json_finish(writer, ']');
}

void gw_command_items_free(struct gw_command_items *items)
{
    gw_memory_release(items->text);
    *items = (struct gw_command_items){0};
}
