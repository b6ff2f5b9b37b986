/* SPDX-License-Identifier: Apache-2.0 */
/* A doubly linked list a class over one array of slots; a sequence number a slot merges the lists
 * into the order of occurrence. Marking and removing scan from the oldest and stop at the last
 * marked event, so a long backlog costs what is reported, not what waits. */
#include "dnp3/event_buffer.h"

#include "dnp3/database.h"

static const uint32_t NONE = UINT32_MAX; /* no slot */

enum state { WAITING, SELECTED, WRITTEN };

struct slot {
    struct dnp3_point point;
    uint32_t sequence;
    uint32_t previous;
    uint32_t next;
    uint8_t type;
    uint8_t variation; /* the point's own */
    uint8_t written_as;
    uint8_t state;
};

struct list {
    uint32_t oldest;
    uint32_t newest;
    uint16_t capacity;
    uint16_t count;
    uint16_t selected;
    uint16_t written;
};

struct dnp3_event_buffer {
    struct dnp3_allocator allocator;
    struct list lists[DNP3_EVENT_CLASSES];
    struct slot *slots;
    uint8_t *strings;
    uint32_t unused; /* free slots, chained by `next` */
    uint32_t sequence;
    uint8_t string_size;
    bool overflowed;
};

struct dnp3_event_buffer *dnp3_event_buffer_create(const struct dnp3_allocator *allocator,
                                                   const struct dnp3_event_config *config)
{
    uint32_t total = 0;
    for (unsigned i = 0; i < DNP3_EVENT_CLASSES; i++)
        total += config->capacity[i];
    size_t size = sizeof(struct dnp3_event_buffer) +
                  total * (sizeof(struct slot) + config->octet_string_size);
    struct dnp3_event_buffer *buffer =
        allocator->allocate(allocator->user, DNP3_OWNER_OUTSTATION, size);
    if (!buffer)
        return NULL;
    buffer->allocator = *allocator;
    buffer->slots = (struct slot *)(buffer + 1);
    buffer->strings = (uint8_t *)(buffer->slots + total);
    buffer->string_size = config->octet_string_size;
    buffer->unused = NONE;
    for (uint32_t i = total; i-- > 0;) {
        buffer->slots[i].next = buffer->unused;
        buffer->unused = i;
    }
    for (unsigned i = 0; i < DNP3_EVENT_CLASSES; i++)
        buffer->lists[i] =
            (struct list){.oldest = NONE, .newest = NONE, .capacity = config->capacity[i]};
    return buffer;
}

void dnp3_event_buffer_free(struct dnp3_event_buffer *buffer)
{
    if (!buffer)
        return;
    struct dnp3_allocator allocator = buffer->allocator;
    allocator.release(allocator.user, DNP3_OWNER_OUTSTATION, buffer);
}

static void change_state(struct list *list, struct slot *slot, enum state state)
{
    list->selected = (uint16_t)(list->selected - (slot->state == SELECTED) + (state == SELECTED));
    list->written = (uint16_t)(list->written - (slot->state == WRITTEN) + (state == WRITTEN));
    slot->state = (uint8_t)state;
}

static void append(struct dnp3_event_buffer *buffer, struct list *list, uint32_t at)
{
    struct slot *slot = &buffer->slots[at];
    slot->previous = list->newest;
    slot->next = NONE;
    if (list->newest != NONE)
        buffer->slots[list->newest].next = at;
    else
        list->oldest = at;
    list->newest = at;
    list->count++;
}

static void remove_slot(struct dnp3_event_buffer *buffer, struct list *list, uint32_t at)
{
    struct slot *slot = &buffer->slots[at];
    change_state(list, slot, WAITING);
    if (slot->previous != NONE)
        buffer->slots[slot->previous].next = slot->next;
    else
        list->oldest = slot->next;
    if (slot->next != NONE)
        buffer->slots[slot->next].previous = slot->previous;
    else
        list->newest = slot->previous;
    slot->next = buffer->unused;
    buffer->unused = at;
    list->count--;
}

static void fill(struct dnp3_event_buffer *buffer, uint32_t at, enum dnp3_point_type type,
                 uint8_t variation, const struct dnp3_point *point)
{
    struct slot *slot = &buffer->slots[at];
    slot->point = *point;
    slot->sequence = buffer->sequence++;
    slot->type = (uint8_t)type;
    slot->variation = variation;
    slot->state = WAITING;
    if (type != DNP3_POINT_OCTET_STRING)
        return;
    uint8_t *room = buffer->strings + (size_t)at * buffer->string_size;
    if (slot->point.length > buffer->string_size)
        slot->point.length = buffer->string_size;
    if (slot->point.length)
        memcpy(room, point->octets, slot->point.length);
    slot->point.octets = room;
}

bool dnp3_event_buffer_add(struct dnp3_event_buffer *buffer, enum dnp3_point_type type,
                           uint8_t event_class, uint8_t variation, const struct dnp3_point *point)
{
    struct list *list = &buffer->lists[event_class - 1];
    bool full = list->count == list->capacity;
    if (full) {
        buffer->overflowed = true;
        if (!list->capacity)
            return true;
        remove_slot(buffer, list, list->oldest);
    }
    uint32_t at = buffer->unused;
    buffer->unused = buffer->slots[at].next;
    fill(buffer, at, type, variation, point);
    append(buffer, list, at);
    return full;
}

uint16_t dnp3_event_buffer_room(const struct dnp3_event_buffer *buffer, uint8_t event_class)
{
    const struct list *list = &buffer->lists[event_class - 1];
    return (uint16_t)(list->capacity - list->count);
}

bool dnp3_event_buffer_overflowed(const struct dnp3_event_buffer *buffer)
{
    return buffer->overflowed;
}

uint32_t dnp3_event_buffer_pending(const struct dnp3_event_buffer *buffer, uint8_t mask)
{
    uint32_t pending = 0;
    for (unsigned i = 0; i < DNP3_EVENT_CLASSES; i++) {
        if (mask & dnp3_class_bit(i + 1))
            pending += (uint32_t)(buffer->lists[i].count - buffer->lists[i].written);
    }
    return pending;
}

uint8_t dnp3_event_buffer_classes(const struct dnp3_event_buffer *buffer)
{
    uint8_t mask = 0;
    for (unsigned i = 0; i < DNP3_EVENT_CLASSES; i++) {
        if (buffer->lists[i].count > buffer->lists[i].written)
            mask |= dnp3_class_bit(i + 1);
    }
    return mask;
}

uint32_t dnp3_event_buffer_selected(const struct dnp3_event_buffer *buffer)
{
    uint32_t selected = 0;
    for (unsigned i = 0; i < DNP3_EVENT_CLASSES; i++)
        selected += buffer->lists[i].selected;
    return selected;
}

/* A walk over the events of several classes, oldest first. */
struct walk {
    const struct dnp3_event_buffer *buffer;
    uint32_t at[DNP3_EVENT_CLASSES];
};

static struct walk walk_begin(const struct dnp3_event_buffer *buffer, uint8_t mask)
{
    struct walk walk = {.buffer = buffer};
    for (unsigned i = 0; i < DNP3_EVENT_CLASSES; i++)
        walk.at[i] = mask & dnp3_class_bit(i + 1) ? buffer->lists[i].oldest : NONE;
    return walk;
}

/* The oldest event not passed yet, and its class' place in `list`; NULL at the end. */
static struct slot *walk_peek(const struct walk *walk, unsigned *list)
{
    struct slot *oldest = NULL;
    for (unsigned i = 0; i < DNP3_EVENT_CLASSES; i++) {
        if (walk->at[i] == NONE)
            continue;
        struct slot *slot = &walk->buffer->slots[walk->at[i]];
        if (!oldest || (int32_t)(slot->sequence - oldest->sequence) < 0) {
            oldest = slot;
            *list = i;
        }
    }
    return oldest;
}

void dnp3_event_buffer_select(struct dnp3_event_buffer *buffer, uint8_t mask,
                              enum dnp3_point_type type, uint8_t variation, uint32_t limit)
{
    struct walk walk = walk_begin(buffer, mask);
    struct slot *slot;
    unsigned list = 0;
    while (limit && (slot = walk_peek(&walk, &list)) != NULL) {
        walk.at[list] = slot->next;
        if (slot->state != WAITING || (type != DNP3_POINT_TYPES && slot->type != type))
            continue;
        change_state(&buffer->lists[list], slot, SELECTED);
        slot->written_as = variation ? variation : slot->variation;
        if (slot->type == DNP3_POINT_OCTET_STRING)
            slot->written_as = (uint8_t)slot->point.length;
        limit--;
    }
}

/* The header that objects are being appended to. */
struct run {
    const struct dnp3_object_row *row;
    uint8_t type;
    uint8_t variation;
    bool wide;      /* 16-bit indexes and count */
    uint8_t *count; /* where the count stands */
    uint32_t objects;
    int64_t cto_ms;
    bool cto;
};

static void close_run(struct run *run)
{
    if (!run->count)
        return;
    if (run->wide)
        dnp3_store_u16(run->count, (uint16_t)run->objects);
    else
        *run->count = (uint8_t)run->objects;
    run->count = NULL;
}

static bool needs_cto(const struct run *run, const struct dnp3_object_row *row,
                      const struct slot *slot)
{
    if (row->time != DNP3_OBJECT_TIME16)
        return false;
    int64_t after = slot->point.time_ms - run->cto_ms;
    return !run->cto || after < 0 || after > UINT16_MAX;
}

static bool fits_run(const struct run *run, const struct slot *slot)
{
    if (!run->count || run->type != slot->type || run->variation != slot->written_as)
        return false;
    return run->wide ? run->objects < UINT16_MAX
                     : run->objects < UINT8_MAX && slot->point.index <= UINT8_MAX;
}

static void write_cto(struct run *run, struct dnp3_writer *out, int64_t time_ms, bool synchronized)
{
    dnp3_header_write_count(out, 51, synchronized ? 1 : 2, DNP3_QUALIFIER_COUNT8, 1);
    dnp3_writer_u48(out, (uint64_t)time_ms);
    run->cto = true;
    run->cto_ms = time_ms;
}

static void open_run(struct run *run, struct dnp3_writer *out, const struct dnp3_object_row *row,
                     const struct slot *slot)
{
    run->row = row;
    run->type = slot->type;
    run->variation = slot->written_as;
    run->wide = slot->point.index > UINT8_MAX;
    run->objects = 0;
    dnp3_header_write_count(
        out, dnp3_event_group((enum dnp3_point_type)slot->type), slot->written_as,
        run->wide ? DNP3_QUALIFIER_PREFIX16_COUNT16 : DNP3_QUALIFIER_PREFIX8_COUNT8, 0);
    run->count = out->at - (run->wide ? 2 : 1);
}

/* Writes one event, with a new header (and CTO) where it needs one. False: it does not fit. */
static bool write_event(struct run *run, struct dnp3_writer *out, const struct slot *slot,
                        bool synchronized)
{
    enum { CTO_OCTETS = 10, HEADER_OCTETS = 5 };
    uint8_t group = dnp3_event_group((enum dnp3_point_type)slot->type);
    const struct dnp3_object_row *row = dnp3_object_row(group, slot->written_as);
    bool cto = needs_cto(run, row, slot);
    bool header = cto || !fits_run(run, slot);
    bool wide = header ? slot->point.index > UINT8_MAX : run->wide;
    size_t object = row->encoding == DNP3_ENCODING_OCTETS ? slot->point.length : row->size;
    size_t needed =
        (cto ? CTO_OCTETS : 0u) + (header ? HEADER_OCTETS : 0u) + (wide ? 2u : 1u) + object;
    if (dnp3_writer_left(out) < needed)
        return false;
    if (header)
        close_run(run);
    if (cto)
        write_cto(run, out, slot->point.time_ms, synchronized);
    if (header)
        open_run(run, out, row, slot);
    if (wide)
        dnp3_writer_u16(out, (uint16_t)slot->point.index);
    else
        dnp3_writer_u8(out, (uint8_t)slot->point.index);
    dnp3_point_write(out, row, &slot->point, run->cto_ms);
    run->objects++;
    return true;
}

uint32_t dnp3_event_buffer_write(struct dnp3_event_buffer *buffer, struct dnp3_writer *out,
                                 bool synchronized)
{
    struct run run = {0};
    struct walk walk = walk_begin(buffer, DNP3_CLASS_MASK);
    uint32_t left = dnp3_event_buffer_selected(buffer);
    uint32_t written = 0;
    struct slot *slot;
    unsigned list = 0;
    while (written < left && (slot = walk_peek(&walk, &list)) != NULL) {
        walk.at[list] = slot->next;
        if (slot->state != SELECTED)
            continue;
        if (!write_event(&run, out, slot, synchronized))
            break;
        change_state(&buffer->lists[list], slot, WRITTEN);
        written++;
    }
    close_run(&run);
    return written;
}

uint32_t dnp3_event_buffer_confirm(struct dnp3_event_buffer *buffer,
                                   void (*gone)(void *user, enum dnp3_point_type type,
                                                const struct dnp3_point *point),
                                   void *user)
{
    uint32_t removed = 0;
    bool room = true;
    for (unsigned i = 0; i < DNP3_EVENT_CLASSES; i++) {
        struct list *list = &buffer->lists[i];
        for (uint32_t at = list->oldest; list->written;) {
            const struct slot *slot = &buffer->slots[at];
            uint32_t next = slot->next;
            if (slot->state == WRITTEN) {
                if (gone)
                    gone(user, (enum dnp3_point_type)slot->type, &slot->point);
                remove_slot(buffer, list, at);
                removed++;
            }
            at = next;
        }
        room = room && (list->count < list->capacity || !list->capacity);
    }
    if (room)
        buffer->overflowed = false;
    return removed;
}

void dnp3_event_buffer_restore(struct dnp3_event_buffer *buffer)
{
    for (unsigned i = 0; i < DNP3_EVENT_CLASSES; i++) {
        struct list *list = &buffer->lists[i];
        for (uint32_t at = list->oldest; list->selected || list->written;
             at = buffer->slots[at].next)
            change_state(list, &buffer->slots[at], WAITING);
    }
}
