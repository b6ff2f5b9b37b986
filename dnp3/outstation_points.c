/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the outstation's points an object header names: a range, a number from the first on, all
 * of them, or a list of indexes (IEEE 1815-2012 4.2.2.7). What is not there is left out and told.
 */
#include "dnp3/outstation_internal.h"

enum { INDICATIONS = 16 }; /* private ones, which may follow (80v1), there are none */

enum dnp3_point_type dnp3_stored_type(uint8_t type)
{
    return type == DNP3_POINT_ANALOG_INPUT_DEAD_BAND ? DNP3_POINT_ANALOG_INPUT
                                                     : (enum dnp3_point_type)type;
}

static uint32_t count_of(const struct dnp3_outstation *o, enum dnp3_point_type type)
{
    return type == DNP3_POINT_INDICATION ? INDICATIONS : dnp3_database_count(o->database, type);
}

static bool is_there(const struct dnp3_outstation *o, enum dnp3_point_type type, uint32_t index)
{
    return type == DNP3_POINT_INDICATION ? index < INDICATIONS
                                         : dnp3_database_point(o->database, type, index) != NULL;
}

void dnp3_named_points_begin(struct dnp3_named_points *named,
                             const struct dnp3_object_header *header, uint8_t type)
{
    *named = (struct dnp3_named_points){.type = dnp3_stored_type(type)};
    dnp3_items_begin(&named->items, header, &named->times);
}

/* A range, clipped to the points there are. */
static bool next_range(const struct dnp3_outstation *o, struct dnp3_named_points *named,
                       uint16_t *errors)
{
    const struct dnp3_object_header *header = named->items.header;
    uint32_t count = count_of(o, named->type);
    if (named->ended)
        return false;
    named->ended = true;
    named->first = 0;
    named->last = (uint16_t)(count - 1);
    if (header->all)
        return count > 0;
    if (!header->count || header->start >= count) {
        *errors |= DNP3_IIN_PARAMETER_ERROR;
        return false;
    }
    named->first = (uint16_t)header->start;
    if (header->count <= count - header->start)
        named->last = (uint16_t)(header->start + (header->count - 1));
    else
        *errors |= DNP3_IIN_PARAMETER_ERROR;
    return true;
}

static bool next_index(const struct dnp3_outstation *o, struct dnp3_named_points *named,
                       struct dnp3_reader *in, uint16_t *errors)
{
    uint32_t index;
    while (dnp3_items_index(&named->items, in, &index)) {
        if (is_there(o, named->type, index)) {
            named->first = named->last = (uint16_t)index;
            return true;
        }
        *errors |= DNP3_IIN_PARAMETER_ERROR;
    }
    if (named->items.error)
        *errors |= DNP3_IIN_PARAMETER_ERROR;
    return false;
}

bool dnp3_named_points_next(const struct dnp3_outstation *o, struct dnp3_named_points *named,
                            struct dnp3_reader *in, uint16_t *errors)
{
    return named->items.header->prefix ? next_index(o, named, in, errors)
                                       : next_range(o, named, errors);
}

void dnp3_indexes_skip(const struct dnp3_object_header *header, struct dnp3_reader *in)
{
    struct dnp3_time_context times = {0};
    struct dnp3_items items;
    uint32_t index;
    dnp3_items_begin(&items, header, &times);
    while (header->prefix && dnp3_items_index(&items, in, &index))
        ;
}
