/* SPDX-License-Identifier: Apache-2.0 */
/* Where the outbox's messages lie: in chains of equal blocks, so that one may be dropped anywhere
 * in the queue without leaving a hole that nobody can use: while the broker is away fragments are
 * withdrawn and come again, and nothing else leaves. What was never used is never touched: an idle
 * outbox is small. */
#include <assert.h>
#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/delivery/outbox_internal.h"

enum {
    BLOCK_OCTETS = 256, /* a point's topic and payload in most cases */
    LARGEST_SHARE = 8,  /* one message may take this part of the octets */
    MESSAGES_MIN = 8,
    BLOCKS_MIN = 16
};

uint32_t gw_outbox_pool_take(struct outbox_pool *pool)
{
    uint32_t index = pool->free;
    if (index != OUTBOX_NONE)
        pool->free = pool->next[index];
    else if (pool->fresh < pool->size)
        index = pool->fresh++;
    else
        return OUTBOX_NONE;
    pool->used++;
    return index;
}

void gw_outbox_pool_give(struct outbox_pool *pool, uint32_t index)
{
    pool->next[index] = pool->free;
    pool->free = index;
    pool->used--;
}

void gw_outbox_list_clear(struct outbox_list *list)
{
    *list = (struct outbox_list){.head = OUTBOX_NONE, .tail = OUTBOX_NONE};
}

void gw_outbox_list_insert(struct gw_outbox *outbox, struct outbox_list *list, uint32_t after,
                           uint32_t entry)
{
    uint32_t *next = outbox->entries_pool.next;
    uint32_t before = after == OUTBOX_NONE ? list->head : next[after];
    next[entry] = before;
    outbox->entries[entry].prev = after;
    if (after == OUTBOX_NONE)
        list->head = entry;
    else
        next[after] = entry;
    if (before == OUTBOX_NONE)
        list->tail = entry;
    else
        outbox->entries[before].prev = entry;
    list->count++;
}

void gw_outbox_list_remove(struct gw_outbox *outbox, struct outbox_list *list, uint32_t entry)
{
    uint32_t *next = outbox->entries_pool.next;
    uint32_t before = outbox->entries[entry].prev;
    uint32_t after = next[entry];
    if (before == OUTBOX_NONE)
        list->head = after;
    else
        next[before] = after;
    if (after == OUTBOX_NONE)
        list->tail = before;
    else
        outbox->entries[after].prev = before;
    list->count--;
}

void gw_outbox_list_append(struct gw_outbox *outbox, struct outbox_list *list,
                           struct outbox_list *more)
{
    if (more->head == OUTBOX_NONE)
        return;
    outbox->entries[more->head].prev = list->tail;
    if (list->tail == OUTBOX_NONE)
        list->head = more->head;
    else
        outbox->entries_pool.next[list->tail] = more->head;
    list->tail = more->tail;
    list->count += more->count;
    gw_outbox_list_clear(more);
}

void gw_outbox_options_default(struct gw_outbox_options *options)
{
    *options = (struct gw_outbox_options){.messages = 16384,
                                          .octets = 4u << 20,
                                          .reserve_messages = 1024,
                                          .reserve_octets = 256u << 10};
}

struct sizes {
    uint32_t entries;
    uint32_t blocks;
    uint32_t buckets;
    uint32_t largest;
};

static struct sizes sizes_of(const struct gw_outbox_options *options)
{
    struct sizes sizes = {.entries = MESSAGES_MIN, .blocks = BLOCKS_MIN, .buckets = 1};
    size_t blocks = options->octets / BLOCK_OCTETS;
    if (options->messages > sizes.entries)
        sizes.entries =
            (uint32_t)(options->messages < OUTBOX_NONE ? options->messages : OUTBOX_NONE - 1);
    if (blocks > sizes.blocks)
        sizes.blocks =
            (uint32_t)(blocks < OUTBOX_NONE / BLOCK_OCTETS ? blocks : OUTBOX_NONE / BLOCK_OCTETS);
    while (sizes.buckets < sizes.entries && sizes.buckets < 1u << 30)
        sizes.buckets *= 2;
    sizes.largest = sizes.blocks * BLOCK_OCTETS / LARGEST_SHARE;
    return sizes;
}

static size_t arena_octets(const struct sizes *sizes)
{
    return sizes->entries * (sizeof(struct outbox_entry) + sizeof(struct outbox_fragment) +
                             2 * sizeof(uint32_t)) +
           sizes->blocks * (BLOCK_OCTETS + sizeof(uint32_t)) + sizes->buckets * sizeof(uint32_t) +
           sizes->largest;
}

size_t gw_outbox_memory(const struct gw_outbox_options *options)
{
    struct sizes sizes = sizes_of(options);
    return sizeof(struct gw_outbox) + arena_octets(&sizes);
}

/* Cuts one allocation into the tables, those of widest alignment first. */
static void lay_out(struct gw_outbox *outbox, uint8_t *arena, const struct sizes *sizes)
{
    outbox->fragments = (void *)arena;
    arena += sizes->entries * sizeof(struct outbox_fragment);
    outbox->entries = (void *)arena;
    arena += sizes->entries * sizeof(struct outbox_entry);
    uint32_t *links = (void *)arena;
    outbox->entries_pool =
        (struct outbox_pool){.next = links, .size = sizes->entries, .free = OUTBOX_NONE};
    links += sizes->entries;
    outbox->fragments_pool =
        (struct outbox_pool){.next = links, .size = sizes->entries, .free = OUTBOX_NONE};
    links += sizes->entries;
    outbox->blocks_pool =
        (struct outbox_pool){.next = links, .size = sizes->blocks, .free = OUTBOX_NONE};
    links += sizes->blocks;
    outbox->buckets = links;
    links += sizes->buckets;
    outbox->octets = (void *)links;
    outbox->scratch = outbox->octets + (size_t)sizes->blocks * BLOCK_OCTETS;
    outbox->bucket_mask = sizes->buckets - 1;
    outbox->largest = sizes->largest;
    memset(outbox->buckets, 0xff, sizes->buckets * sizeof(uint32_t));
}

struct gw_outbox *gw_outbox_create(const struct gw_outbox_options *options,
                                   const struct gw_outbox_sink *sink,
                                   const struct gw_outbox_callbacks *callbacks, void *user)
{
    struct sizes sizes = sizes_of(options);
    struct gw_outbox *outbox =
        gw_memory_allocate(GW_OWNER_OUTBOX, sizeof *outbox + arena_octets(&sizes));
    if (!outbox)
        return NULL;
    lay_out(outbox, (uint8_t *)(outbox + 1), &sizes);
    size_t blocks = (options->reserve_octets + BLOCK_OCTETS - 1) / BLOCK_OCTETS;
    size_t messages = options->reserve_messages;
    outbox->reserve_entries =
        (uint32_t)(messages < sizes.entries / 2 ? messages : sizes.entries / 2);
    outbox->reserve_blocks = (uint32_t)(blocks < sizes.blocks / 2 ? blocks : sizes.blocks / 2);
    outbox->sink = *sink;
    outbox->callbacks = *callbacks;
    outbox->user = user;
    outbox->pace.limit = options->max_rate;
    gw_pace_begin(&outbox->pace);
    gw_outbox_list_clear(&outbox->queue);
    gw_outbox_list_clear(&outbox->flight);
    gw_outbox_list_clear(&outbox->parked);
    gw_outbox_list_clear(&outbox->transaction.list);
    gw_outbox_list_clear(&outbox->transaction.parked);
    return outbox;
}

void gw_outbox_free(struct gw_outbox *outbox)
{
    gw_memory_release(outbox);
}

/* Where the next octets of a message go, or come from. */
struct place {
    uint32_t block;
    uint32_t offset;
};

static void copy_in(struct gw_outbox *outbox, struct place *place, const void *data, size_t length)
{
    const uint8_t *from = data;
    while (length) {
        if (place->offset == BLOCK_OCTETS) {
            place->block = outbox->blocks_pool.next[place->block];
            place->offset = 0;
        }
        size_t room = BLOCK_OCTETS - place->offset;
        size_t n = length < room ? length : room;
        memcpy(outbox->octets + (size_t)place->block * BLOCK_OCTETS + place->offset, from, n);
        place->offset += (uint32_t)n;
        from += n;
        length -= n;
    }
}

static const uint8_t *in_one_piece(struct gw_outbox *outbox, const struct outbox_entry *entry)
{
    const uint8_t *first = outbox->octets + (size_t)entry->block * BLOCK_OCTETS;
    if (entry->blocks == 1)
        return first;
    uint8_t *to = outbox->scratch;
    for (uint32_t i = 0, block = entry->block; i < entry->blocks; i++) {
        memcpy(to, outbox->octets + (size_t)block * BLOCK_OCTETS, BLOCK_OCTETS);
        to += BLOCK_OCTETS;
        block = outbox->blocks_pool.next[block];
    }
    return outbox->scratch;
}

/* A chain of `count` blocks; there are enough. */
static uint32_t take_blocks(struct gw_outbox *outbox, uint32_t count)
{
    uint32_t first = OUTBOX_NONE;
    while (count--) {
        uint32_t block = gw_outbox_pool_take(&outbox->blocks_pool);
        assert(block != OUTBOX_NONE);
        outbox->blocks_pool.next[block] = first;
        first = block;
    }
    return first;
}

int gw_outbox_store(struct gw_outbox *outbox, struct outbox_list *list,
                    const struct gw_outbox_message *message, uint32_t fragment,
                    uint32_t reserve_entries, uint32_t reserve_blocks)
{
    if (message->topic_len >= UINT16_MAX || message->correlation_len > UINT16_MAX ||
        message->payload_len > outbox->largest)
        return GW_OUTBOX_TOO_LARGE;
    size_t length = message->topic_len + 1 + message->correlation_len + message->payload_len;
    size_t blocks = (length + BLOCK_OCTETS - 1) / BLOCK_OCTETS;
    if (blocks * BLOCK_OCTETS > outbox->largest)
        return GW_OUTBOX_TOO_LARGE;
    if (outbox->entries_pool.used + reserve_entries >= outbox->entries_pool.size ||
        outbox->blocks_pool.used + blocks + reserve_blocks > outbox->blocks_pool.size)
        return GW_OUTBOX_FULL;
    uint32_t index = gw_outbox_pool_take(&outbox->entries_pool);
    struct outbox_entry *entry = &outbox->entries[index];
    *entry = (struct outbox_entry){.fragment = fragment,
                                   .block = take_blocks(outbox, (uint32_t)blocks),
                                   .blocks = (uint32_t)blocks,
                                   .payload_len = (uint32_t)message->payload_len,
                                   .expiry_s = message->expiry_s,
                                   .again = message->again,
                                   .topic_len = (uint16_t)message->topic_len,
                                   .correlation_len = (uint16_t)message->correlation_len,
                                   .qos = message->qos,
                                   .retain = message->retain,
                                   .event = message->event};
    struct place place = {.block = entry->block};
    copy_in(outbox, &place, message->topic, message->topic_len);
    copy_in(outbox, &place, "", 1);
    copy_in(outbox, &place, message->correlation, message->correlation_len);
    copy_in(outbox, &place, message->payload, message->payload_len);
    gw_outbox_list_insert(outbox, list, list->tail, index);
    outbox->event_blocks += entry->event ? entry->blocks : 0;
    return 0;
}

void gw_outbox_free_entry(struct gw_outbox *outbox, uint32_t index)
{
    struct outbox_entry *entry = &outbox->entries[index];
    for (uint32_t i = 0, block = entry->block; i < entry->blocks; i++) {
        uint32_t next = outbox->blocks_pool.next[block];
        gw_outbox_pool_give(&outbox->blocks_pool, block);
        block = next;
    }
    outbox->event_blocks -= entry->event ? entry->blocks : 0;
    gw_outbox_pool_give(&outbox->entries_pool, index);
}

void gw_outbox_message_of(struct gw_outbox *outbox, uint32_t index,
                          struct gw_outbox_message *message)
{
    const struct outbox_entry *entry = &outbox->entries[index];
    const uint8_t *octets = in_one_piece(outbox, entry);
    const uint8_t *correlation = octets + entry->topic_len + 1;
    *message =
        (struct gw_outbox_message){.topic = (const char *)octets,
                                   .topic_len = entry->topic_len,
                                   .payload = correlation + entry->correlation_len,
                                   .payload_len = entry->payload_len,
                                   .correlation = entry->correlation_len ? correlation : NULL,
                                   .correlation_len = entry->correlation_len,
                                   .expiry_s = entry->expiry_s,
                                   .again = entry->again,
                                   .qos = entry->qos,
                                   .retain = entry->retain,
                                   .event = entry->event};
}

static size_t left(uint32_t size, uint32_t used, uint32_t reserve)
{
    return size - used > reserve ? size - used - reserve : 0;
}

void gw_outbox_state(const struct gw_outbox *outbox, struct gw_outbox_state *state)
{
    const struct outbox_pool *entries = &outbox->entries_pool;
    const struct outbox_pool *blocks = &outbox->blocks_pool;
    *state = outbox->counts;
    state->messages = entries->used;
    state->octets = (size_t)blocks->used * BLOCK_OCTETS;
    state->queued = outbox->queue.count;
    state->depth = gw_outbox_depth(outbox);
    state->in_flight = outbox->flight.count;
    state->room_messages = left(entries->size, entries->used, outbox->reserve_entries);
    state->room_octets = left(blocks->size, blocks->used, outbox->reserve_blocks) * BLOCK_OCTETS;
    state->fragments = outbox->fragments_pool.used;
}
