/* SPDX-License-Identifier: Apache-2.0 */
/* The outstation's events, waiting to be reported. An event leaves only when the master confirmed
 * the fragment that it was written into, or when a newer one needs its room. A bounded list per
 * class; events of several classes are written in the order in which they happened. */
#ifndef DNP3_EVENT_BUFFER_H
#define DNP3_EVENT_BUFFER_H

#include "dnp3/memory.h"
#include "dnp3/objects.h"
#include "dnp3/point.h"

enum { DNP3_EVENT_CLASSES = 3 };

/* Bit of an event class 1..3 in a mask of classes. */
static inline uint8_t dnp3_class_bit(unsigned event_class)
{
    return (uint8_t)(1u << event_class);
}

enum { DNP3_CLASS_MASK = 0x0E };

struct dnp3_event_config {
    uint16_t capacity[DNP3_EVENT_CLASSES]; /* of classes 1, 2, 3 */
    uint8_t octet_string_size;             /* room for octet strings; 0 = no such events */
};

struct dnp3_event_buffer;

/* All its memory is taken here. NULL without memory. */
struct dnp3_event_buffer *dnp3_event_buffer_create(const struct dnp3_allocator *allocator,
                                                   const struct dnp3_event_config *config);
/* NULL is legal. */
void dnp3_event_buffer_free(struct dnp3_event_buffer *buffer);

/* Adds an event as the newest of its class; octets are copied. True when the oldest of the class
 * was dropped for it, or, where the class has no room at all, the event itself. */
bool dnp3_event_buffer_add(struct dnp3_event_buffer *buffer, enum dnp3_point_type type,
                           uint8_t event_class, uint8_t variation, const struct dnp3_point *point);

/* Free places of a class 1..3. */
uint16_t dnp3_event_buffer_room(const struct dnp3_event_buffer *buffer, uint8_t event_class);
/* Whether events were dropped since there was last room in every class (IIN2.3). */
bool dnp3_event_buffer_overflowed(const struct dnp3_event_buffer *buffer);
/* Events of the classes in `mask` that are in no fragment under way. */
uint32_t dnp3_event_buffer_pending(const struct dnp3_event_buffer *buffer, uint8_t mask);
/* The classes that have such events, as a mask. */
uint8_t dnp3_event_buffer_classes(const struct dnp3_event_buffer *buffer);

/* Marks events, oldest first, to be written next: of the classes in `mask`, and of one type or
 * (DNP3_POINT_TYPES) of all; at most `limit`. `variation` 0 takes each event's own. */
void dnp3_event_buffer_select(struct dnp3_event_buffer *buffer, uint8_t mask,
                              enum dnp3_point_type type, uint8_t variation, uint32_t limit);
/* Writes marked events, headers included, until all are written or `out` is full (it never
 * fails). Returns how many were written. `synchronized` says what CTO precedes relative times. */
uint32_t dnp3_event_buffer_write(struct dnp3_event_buffer *buffer, struct dnp3_writer *out,
                                 bool synchronized);
/* Marked events that are not written yet. */
uint32_t dnp3_event_buffer_selected(const struct dnp3_event_buffer *buffer);
/* The fragment was confirmed: what was written goes. Returns how many. `gone` (may be NULL) is
 * shown each event before it goes, the oldest of a class first; it does not touch the buffer. */
uint32_t dnp3_event_buffer_confirm(struct dnp3_event_buffer *buffer,
                                   void (*gone)(void *user, enum dnp3_point_type type,
                                                const struct dnp3_point *point),
                                   void *user);
/* It was not: what was marked or written waits again. */
void dnp3_event_buffer_restore(struct dnp3_event_buffer *buffer);

#endif
