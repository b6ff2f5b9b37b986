/* SPDX-License-Identifier: Apache-2.0 */
/* Freezes: now, and at a time with or without repetition (IEEE 1815-2012 4.4.6). Orders for later
 * are kept until they are done, replaced or the outstation restarts; the connection does not
 * matter. */
#include "dnp3/outstation_internal.h"

/* A shorter period would keep the outstation at nothing else. */
enum { FREEZE_EVERY_MIN_MS = 100 };

static int64_t clock_ms(const struct dnp3_outstation *o)
{
    return o->callbacks->time ? o->callbacks->time(o->user) : 0;
}

static enum dnp3_point_type frozen_type(uint8_t from)
{
    return from == DNP3_POINT_COUNTER ? DNP3_POINT_FROZEN_COUNTER : DNP3_POINT_FROZEN_ANALOG_INPUT;
}

static void freeze_point(struct dnp3_outstation *o, enum dnp3_point_type from, uint32_t index,
                         bool clear, uint64_t now_ms)
{
    const struct dnp3_point *current = dnp3_database_point(o->database, from, index);
    if (!current)
        return;
    struct dnp3_point frozen = *current;
    dnp3_outstation_stamp(o, &frozen);
    dnp3_outstation_update(o, frozen_type((uint8_t)from), &frozen, DNP3_EVENT_FORCE, now_ms);
    if (clear) {
        frozen.number = 0;
        dnp3_outstation_update(o, from, &frozen, DNP3_EVENT_DETECT, now_ms);
    }
}

static void freeze_points(struct dnp3_outstation *o, const struct dnp3_freeze_order *order,
                          bool clear, uint64_t now_ms)
{
    for (uint32_t index = order->first; index <= order->last; index++)
        freeze_point(o, (enum dnp3_point_type)order->from, index, clear, now_ms);
}

/* The place of an order: that of an earlier one for the same points, or a free one. */
static struct dnp3_freeze_order *place_of(struct dnp3_outstation *o,
                                          const struct dnp3_freeze_order *order)
{
    struct dnp3_freeze_order *place = NULL;
    for (size_t i = 0; i < DNP3_FREEZE_ORDERS; i++) {
        struct dnp3_freeze_order *at = &o->freezes[i];
        if (at->waits && at->from == order->from && at->first == order->first &&
            at->last == order->last)
            return at;
        if (!at->waits && !place)
            place = at;
    }
    return place;
}

/* When an order is due first; false where that cannot be. A time that is over counts on by the
 * period. */
static bool find_due(const struct dnp3_outstation *o, struct dnp3_freeze_order *order,
                     uint64_t now_ms)
{
    order->due_ms = now_ms;
    if (!order->at_ms)
        return true;
    int64_t clock = clock_ms(o);
    if (!clock)
        return false;
    if (order->at_ms < clock) {
        if (!order->every_ms)
            return false;
        int64_t periods = (clock - order->at_ms + order->every_ms - 1) / order->every_ms;
        order->at_ms += periods * order->every_ms;
    }
    order->due_ms += (uint64_t)(order->at_ms - clock);
    return true;
}

static void carry_out(struct dnp3_outstation *o, struct dnp3_freeze_order *order, uint64_t now_ms)
{
    freeze_points(o, order, false, now_ms);
    order->waits = order->every_ms > 0;
    if (!order->waits)
        return;
    uint64_t periods = (now_ms - order->due_ms) / order->every_ms + 1;
    order->due_ms += periods * order->every_ms;
    if (order->at_ms)
        order->at_ms += (int64_t)periods * order->every_ms;
}

static uint16_t take_order(struct dnp3_outstation *o, struct dnp3_freeze_order *order,
                           uint64_t now_ms)
{
    if ((order->every_ms && order->every_ms < FREEZE_EVERY_MIN_MS) || !find_due(o, order, now_ms))
        return DNP3_IIN_PARAMETER_ERROR;
    struct dnp3_freeze_order *place = place_of(o, order);
    if (!place)
        return DNP3_IIN_PARAMETER_ERROR;
    order->waits = true;
    *place = *order;
    if (place->due_ms <= now_ms)
        carry_out(o, place, now_ms);
    return 0;
}

/* The type that a header of a freeze names; false where that cannot be frozen. */
static bool source_of(const struct dnp3_object_header *header, bool clear,
                      enum dnp3_point_type *from)
{
    *from = DNP3_POINT_COUNTER;
    if (header->group == dnp3_static_group(DNP3_POINT_ANALOG_INPUT) && !clear)
        *from = DNP3_POINT_ANALOG_INPUT;
    return header->group == dnp3_static_group(*from);
}

/* Freezes what a header names: now, or (`when`) as that says. Returns IIN2 bits. */
static uint16_t freeze_header(struct dnp3_outstation *o, const struct dnp3_object_header *header,
                              struct dnp3_reader *in, bool clear, const struct dnp3_interval *when,
                              uint64_t now_ms)
{
    struct dnp3_named_points named;
    enum dnp3_point_type from;
    uint16_t errors = 0;
    if (!source_of(header, clear, &from)) {
        dnp3_indexes_skip(header, in);
        return DNP3_IIN_OBJECT_UNKNOWN;
    }
    dnp3_named_points_begin(&named, header, (uint8_t)from);
    while (dnp3_named_points_next(o, &named, in, &errors)) {
        struct dnp3_freeze_order order = {
            .from = (uint8_t)from, .first = named.first, .last = named.last};
        if (when) {
            order.at_ms = when->time_ms;
            order.every_ms = when->count;
            errors |= take_order(o, &order, now_ms);
        } else {
            freeze_points(o, &order, clear, now_ms);
        }
    }
    return errors;
}

uint16_t dnp3_freeze_request(struct dnp3_outstation *o, struct dnp3_reader in, bool clear,
                             uint64_t now_ms)
{
    uint16_t errors = 0;
    while (dnp3_reader_left(&in)) {
        struct dnp3_object_header header;
        if (dnp3_header_read(&in, &header) || header.sized)
            return errors | DNP3_IIN_PARAMETER_ERROR;
        errors |= freeze_header(o, &header, &in, clear, NULL, now_ms);
    }
    return errors;
}

static bool read_when(const struct dnp3_object_header *header, struct dnp3_reader *in,
                      struct dnp3_interval *when)
{
    struct dnp3_time_context times = {0};
    struct dnp3_items items;
    if (header->count != 1 || header->prefix)
        return false;
    dnp3_items_begin(&items, header, &times);
    return dnp3_items_interval(&items, in, when);
}

uint16_t dnp3_freeze_at_time_request(struct dnp3_outstation *o, struct dnp3_reader in,
                                     uint64_t now_ms)
{
    struct dnp3_interval when;
    bool known = false;
    uint16_t errors = 0;
    while (dnp3_reader_left(&in)) {
        struct dnp3_object_header header;
        if (dnp3_header_read(&in, &header) || header.sized)
            return errors | DNP3_IIN_PARAMETER_ERROR;
        if (header.group == 50 && header.variation == 2) {
            known = read_when(&header, &in, &when);
            if (!known)
                return errors | DNP3_IIN_PARAMETER_ERROR;
            continue;
        }
        if (!known)
            return errors | DNP3_IIN_PARAMETER_ERROR;
        errors |= freeze_header(o, &header, &in, false, &when, now_ms);
    }
    return errors;
}

void dnp3_freeze_tick(struct dnp3_outstation *o, uint64_t now_ms)
{
    for (size_t i = 0; i < DNP3_FREEZE_ORDERS; i++)
        if (o->freezes[i].waits && now_ms >= o->freezes[i].due_ms)
            carry_out(o, &o->freezes[i], now_ms);
}

uint64_t dnp3_freeze_deadline(const struct dnp3_outstation *o)
{
    uint64_t next = UINT64_MAX;
    for (size_t i = 0; i < DNP3_FREEZE_ORDERS; i++)
        if (o->freezes[i].waits)
            next = dnp3_earlier(next, o->freezes[i].due_ms);
    return next;
}

void dnp3_freeze_clock_set(struct dnp3_outstation *o, uint64_t now_ms)
{
    int64_t clock = clock_ms(o);
    for (size_t i = 0; i < DNP3_FREEZE_ORDERS; i++) {
        struct dnp3_freeze_order *order = &o->freezes[i];
        if (order->waits && order->at_ms && clock)
            order->due_ms = now_ms + (order->at_ms > clock ? (uint64_t)(order->at_ms - clock) : 0);
    }
}
