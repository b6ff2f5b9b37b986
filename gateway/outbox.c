/* SPDX-License-Identifier: Apache-2.0 */
/* Messages lie in chains of equal blocks, so that one may be dropped anywhere in the queue without
 * leaving a hole that nobody can use: while the broker is away fragments are withdrawn and come
 * again, and nothing else leaves. What was never used is never touched: an idle outbox is small. */
#include "gateway/outbox.h"

#include <assert.h>
#include <string.h>

#include "gateway/memory.h"

enum {
    BLOCK_OCTETS = 256, /* a point's topic and payload in most cases */
    REFUSED = 0x80,     /* MQTT 5 reason codes from here on are failures */
    LARGEST_SHARE = 8,  /* one message may take this part of the octets */
    MESSAGES_MIN = 8,
    BLOCKS_MIN = 16
};
#define NONE UINT32_MAX

/* Indexes given out and taken back. `next` also links what is taken, as its user likes. */
struct pool {
    uint32_t *next;
    uint32_t size;
    uint32_t fresh; /* from here on never used */
    uint32_t free;
    uint32_t used;
};

struct list {
    uint32_t head;
    uint32_t tail;
    uint32_t count;
};

struct entry {
    uint32_t prev;
    uint32_t fragment; /* who waits for it, or NONE */
    uint32_t block;
    uint32_t blocks;
    uint32_t payload_len;
    uint32_t expiry_s;
    uint32_t serial; /* of its last handing over: tells an old id from a new one */
    uint16_t topic_len;
    uint16_t correlation_len;
    uint8_t qos;
    bool retain;
    bool in_flight;
    bool abandoned; /* in flight, and not to be sent again */
};

/* Its queued entries stand together in the queue, from `first` on: they enter together, leave in
 * order and come back in order. */
struct fragment {
    void *owner;
    uint32_t token;
    uint32_t pending; /* messages not yet acknowledged */
    uint32_t first;
};

struct transaction {
    bool open;
    int error;
    uint32_t fragment;
    struct list list;
};

struct gw_outbox {
    struct gw_outbox_sink sink;
    struct gw_outbox_callbacks callbacks;
    void *user;
    struct pool entries_pool;
    struct pool blocks_pool;
    struct pool fragments_pool;
    struct entry *entries;
    struct fragment *fragments;
    uint8_t *octets;
    uint8_t *scratch;  /* a message of several blocks in one piece */
    uint32_t *buckets; /* fragments by owner and token, chained by their pool's `next` */
    uint32_t bucket_mask;
    uint32_t reserve_entries;
    uint32_t reserve_blocks;
    uint32_t largest;
    uint32_t serial;
    struct list queue;
    struct list flight;
    struct transaction transaction;
    struct gw_outbox_state counts;
};

const char *gw_outbox_error_text(int error)
{
    switch (error) {
#define X(name, value, text)                                                                       \
    case (value):                                                                                  \
        return text;
        GW_OUTBOX_ERROR_MAP(X)
#undef X
    default:
        return "no error";
    }
}

static uint32_t pool_take(struct pool *pool)
{
    uint32_t index = pool->free;
    if (index != NONE)
        pool->free = pool->next[index];
    else if (pool->fresh < pool->size)
        index = pool->fresh++;
    else
        return NONE;
    pool->used++;
    return index;
}

static void pool_give(struct pool *pool, uint32_t index)
{
    pool->next[index] = pool->free;
    pool->free = index;
    pool->used--;
}

static void list_clear(struct list *list)
{
    *list = (struct list){.head = NONE, .tail = NONE};
}

/* Puts `entry` behind `after`, or first where that is NONE. */
static void list_insert(struct gw_outbox *outbox, struct list *list, uint32_t after, uint32_t entry)
{
    uint32_t *next = outbox->entries_pool.next;
    uint32_t before = after == NONE ? list->head : next[after];
    next[entry] = before;
    outbox->entries[entry].prev = after;
    if (after == NONE)
        list->head = entry;
    else
        next[after] = entry;
    if (before == NONE)
        list->tail = entry;
    else
        outbox->entries[before].prev = entry;
    list->count++;
}

static void list_remove(struct gw_outbox *outbox, struct list *list, uint32_t entry)
{
    uint32_t *next = outbox->entries_pool.next;
    uint32_t before = outbox->entries[entry].prev;
    uint32_t after = next[entry];
    if (before == NONE)
        list->head = after;
    else
        next[before] = after;
    if (after == NONE)
        list->tail = before;
    else
        outbox->entries[after].prev = before;
    list->count--;
}

static void list_append(struct gw_outbox *outbox, struct list *list, struct list *more)
{
    if (more->head == NONE)
        return;
    outbox->entries[more->head].prev = list->tail;
    if (list->tail == NONE)
        list->head = more->head;
    else
        outbox->entries_pool.next[list->tail] = more->head;
    list->tail = more->tail;
    list->count += more->count;
    list_clear(more);
}

static void free_entry(struct gw_outbox *outbox, uint32_t index)
{
    struct entry *entry = &outbox->entries[index];
    for (uint32_t i = 0, block = entry->block; i < entry->blocks; i++) {
        uint32_t next = outbox->blocks_pool.next[block];
        pool_give(&outbox->blocks_pool, block);
        block = next;
    }
    pool_give(&outbox->entries_pool, index);
}

static uint32_t *bucket_of(struct gw_outbox *outbox, const void *owner, uint32_t token)
{
    uint64_t key = (uint64_t)(uintptr_t)owner * 0x9e3779b97f4a7c15u + token;
    key = (key ^ key >> 32) * 0xbf58476d1ce4e5b9u;
    return &outbox->buckets[(uint32_t)(key >> 32) & outbox->bucket_mask];
}

static uint32_t find_fragment(struct gw_outbox *outbox, const void *owner, uint32_t token)
{
    uint32_t index = *bucket_of(outbox, owner, token);
    while (index != NONE &&
           (outbox->fragments[index].owner != owner || outbox->fragments[index].token != token))
        index = outbox->fragments_pool.next[index];
    return index;
}

static void publish_fragment(struct gw_outbox *outbox, uint32_t index)
{
    struct fragment *fragment = &outbox->fragments[index];
    uint32_t *bucket = bucket_of(outbox, fragment->owner, fragment->token);
    outbox->fragments_pool.next[index] = *bucket;
    *bucket = index;
}

static void remove_fragment(struct gw_outbox *outbox, uint32_t index)
{
    struct fragment *fragment = &outbox->fragments[index];
    uint32_t *link = bucket_of(outbox, fragment->owner, fragment->token);
    while (*link != index)
        link = &outbox->fragments_pool.next[*link];
    *link = outbox->fragments_pool.next[index];
    pool_give(&outbox->fragments_pool, index);
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
        sizes.entries = (uint32_t)(options->messages < NONE ? options->messages : NONE - 1);
    if (blocks > sizes.blocks)
        sizes.blocks = (uint32_t)(blocks < NONE / BLOCK_OCTETS ? blocks : NONE / BLOCK_OCTETS);
    while (sizes.buckets < sizes.entries && sizes.buckets < 1u << 30)
        sizes.buckets *= 2;
    sizes.largest = sizes.blocks * BLOCK_OCTETS / LARGEST_SHARE;
    return sizes;
}

static size_t arena_octets(const struct sizes *sizes)
{
    return sizes->entries *
               (sizeof(struct entry) + sizeof(struct fragment) + 2 * sizeof(uint32_t)) +
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
    arena += sizes->entries * sizeof(struct fragment);
    outbox->entries = (void *)arena;
    arena += sizes->entries * sizeof(struct entry);
    uint32_t *links = (void *)arena;
    outbox->entries_pool = (struct pool){.next = links, .size = sizes->entries, .free = NONE};
    links += sizes->entries;
    outbox->fragments_pool = (struct pool){.next = links, .size = sizes->entries, .free = NONE};
    links += sizes->entries;
    outbox->blocks_pool = (struct pool){.next = links, .size = sizes->blocks, .free = NONE};
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
    list_clear(&outbox->queue);
    list_clear(&outbox->flight);
    list_clear(&outbox->transaction.list);
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

static const uint8_t *in_one_piece(struct gw_outbox *outbox, const struct entry *entry)
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
    uint32_t first = NONE;
    while (count--) {
        uint32_t block = pool_take(&outbox->blocks_pool);
        assert(block != NONE);
        outbox->blocks_pool.next[block] = first;
        first = block;
    }
    return first;
}

/* Stores a message and hangs it behind `list`, leaving free what is reserved. */
static int store(struct gw_outbox *outbox, struct list *list,
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
    uint32_t index = pool_take(&outbox->entries_pool);
    struct entry *entry = &outbox->entries[index];
    *entry = (struct entry){.fragment = fragment,
                            .block = take_blocks(outbox, (uint32_t)blocks),
                            .blocks = (uint32_t)blocks,
                            .payload_len = (uint32_t)message->payload_len,
                            .expiry_s = message->expiry_s,
                            .topic_len = (uint16_t)message->topic_len,
                            .correlation_len = (uint16_t)message->correlation_len,
                            .qos = message->qos,
                            .retain = message->retain};
    struct place place = {.block = entry->block};
    copy_in(outbox, &place, message->topic, message->topic_len);
    copy_in(outbox, &place, "", 1);
    copy_in(outbox, &place, message->correlation, message->correlation_len);
    copy_in(outbox, &place, message->payload, message->payload_len);
    list_insert(outbox, list, list->tail, index);
    return 0;
}

int gw_outbox_begin(struct gw_outbox *outbox, void *owner, uint32_t token, bool needs_ack)
{
    struct transaction *transaction = &outbox->transaction;
    if (transaction->open)
        return GW_OUTBOX_INVALID;
    transaction->open = true;
    transaction->error = 0;
    transaction->fragment = NONE;
    if (!needs_ack)
        return 0;
    transaction->fragment = pool_take(&outbox->fragments_pool);
    if (transaction->fragment == NONE)
        return transaction->error = GW_OUTBOX_FULL;
    outbox->fragments[transaction->fragment] =
        (struct fragment){.owner = owner, .token = token, .first = NONE};
    return 0;
}

int gw_outbox_put(struct gw_outbox *outbox, const struct gw_outbox_message *message)
{
    struct transaction *transaction = &outbox->transaction;
    if (!transaction->open)
        return GW_OUTBOX_INVALID;
    if (!transaction->error)
        transaction->error = store(outbox, &transaction->list, message, transaction->fragment,
                                   outbox->reserve_entries, outbox->reserve_blocks);
    return transaction->error;
}

void gw_outbox_cancel(struct gw_outbox *outbox)
{
    struct transaction *transaction = &outbox->transaction;
    if (!transaction->open)
        return;
    while (transaction->list.head != NONE) {
        uint32_t index = transaction->list.head;
        list_remove(outbox, &transaction->list, index);
        free_entry(outbox, index);
    }
    if (transaction->fragment != NONE)
        pool_give(&outbox->fragments_pool, transaction->fragment);
    transaction->open = false;
}

int gw_outbox_commit(struct gw_outbox *outbox)
{
    struct transaction *transaction = &outbox->transaction;
    if (!transaction->open)
        return GW_OUTBOX_INVALID;
    if (transaction->error) {
        gw_outbox_cancel(outbox);
        outbox->counts.full++;
        return transaction->error;
    }
    transaction->open = false;
    if (transaction->fragment != NONE) {
        struct fragment *fragment = &outbox->fragments[transaction->fragment];
        if (!transaction->list.count) {
            void *owner = fragment->owner;
            uint32_t token = fragment->token;
            pool_give(&outbox->fragments_pool, transaction->fragment);
            outbox->callbacks.safe(outbox->user, owner, token);
            return 0;
        }
        fragment->pending = transaction->list.count;
        fragment->first = transaction->list.head;
        publish_fragment(outbox, transaction->fragment);
    }
    list_append(outbox, &outbox->queue, &transaction->list);
    gw_outbox_pump(outbox);
    return 0;
}

int gw_outbox_send(struct gw_outbox *outbox, const struct gw_outbox_message *message)
{
    int error = store(outbox, &outbox->queue, message, NONE, 0, 0);
    if (error) {
        outbox->counts.full++;
        return error;
    }
    gw_outbox_pump(outbox);
    return 0;
}

/* `index` leaves the queue: its fragment's queued part begins after it. */
static void step_first(struct gw_outbox *outbox, uint32_t index)
{
    uint32_t fragment = outbox->entries[index].fragment;
    if (fragment == NONE)
        return;
    uint32_t next = outbox->entries_pool.next[index];
    bool same = next != NONE && outbox->entries[next].fragment == fragment;
    outbox->fragments[fragment].first = same ? next : NONE;
}

/* Ends a fragment without telling anybody; its messages are dropped, or with `keep` go on. Returns
 * those not kept. */
static size_t release_fragment(struct gw_outbox *outbox, uint32_t fragment, bool keep)
{
    size_t dropped = 0;
    size_t abandoned = 0;
    uint32_t *next = outbox->entries_pool.next;
    for (uint32_t i = outbox->flight.head; i != NONE; i = next[i]) {
        if (outbox->entries[i].fragment == fragment) {
            outbox->entries[i].fragment = NONE;
            outbox->entries[i].abandoned = !keep;
            abandoned += !keep;
        }
    }
    uint32_t index = outbox->fragments[fragment].first;
    while (index != NONE && outbox->entries[index].fragment == fragment) {
        uint32_t after = next[index];
        outbox->entries[index].fragment = NONE;
        if (!keep) {
            list_remove(outbox, &outbox->queue, index);
            free_entry(outbox, index);
            dropped++;
        }
        index = after;
    }
    remove_fragment(outbox, fragment);
    outbox->counts.withdrawn += dropped;
    return dropped + abandoned;
}

size_t gw_outbox_withdraw(struct gw_outbox *outbox, void *owner, uint32_t token)
{
    uint32_t fragment = find_fragment(outbox, owner, token);
    return fragment == NONE ? 0 : release_fragment(outbox, fragment, false);
}

void gw_outbox_forget(struct gw_outbox *outbox, void *owner)
{
    if (!outbox->fragments_pool.used) /* thousands of sessions end at once */
        return;
    for (uint32_t i = 0; i <= outbox->bucket_mask; i++) {
        uint32_t index = outbox->buckets[i];
        while (index != NONE) {
            uint32_t after = outbox->fragments_pool.next[index];
            if (outbox->fragments[index].owner == owner)
                release_fragment(outbox, index, true);
            index = after;
        }
    }
}

void gw_outbox_acked(struct gw_outbox *outbox, uint64_t id, int reason_code)
{
    uint32_t index = (uint32_t)id;
    if (index >= outbox->entries_pool.fresh || !outbox->entries[index].in_flight ||
        outbox->entries[index].serial != (uint32_t)(id >> 32))
        return;
    uint32_t number = outbox->entries[index].fragment;
    outbox->entries[index].in_flight = false;
    list_remove(outbox, &outbox->flight, index);
    free_entry(outbox, index);
    if (reason_code >= REFUSED)
        outbox->counts.refused++;
    else
        outbox->counts.acked++;
    if (number == NONE) {
        if (reason_code >= REFUSED && outbox->callbacks.refused)
            outbox->callbacks.refused(outbox->user, NULL, 0, reason_code);
        return;
    }
    struct fragment *fragment = &outbox->fragments[number];
    void *owner = fragment->owner;
    uint32_t token = fragment->token;
    if (reason_code >= REFUSED) {
        release_fragment(outbox, number, false);
        if (outbox->callbacks.refused)
            outbox->callbacks.refused(outbox->user, owner, token, reason_code);
    } else if (--fragment->pending == 0) {
        remove_fragment(outbox, number);
        outbox->callbacks.safe(outbox->user, owner, token);
    }
}

void gw_outbox_disconnected(struct gw_outbox *outbox)
{
    while (outbox->flight.tail != NONE) {
        uint32_t index = outbox->flight.tail;
        struct entry *entry = &outbox->entries[index];
        list_remove(outbox, &outbox->flight, index);
        entry->in_flight = false;
        if (entry->abandoned) {
            free_entry(outbox, index);
            outbox->counts.withdrawn++;
            continue;
        }
        list_insert(outbox, &outbox->queue, NONE, index);
        if (entry->fragment != NONE)
            outbox->fragments[entry->fragment].first = index;
        outbox->counts.repeated++;
    }
}

static int hand_over(struct gw_outbox *outbox, uint32_t index)
{
    struct entry *entry = &outbox->entries[index];
    const uint8_t *octets = in_one_piece(outbox, entry);
    const uint8_t *correlation = octets + entry->topic_len + 1;
    struct gw_outbox_message message = {.topic = (const char *)octets,
                                        .topic_len = entry->topic_len,
                                        .payload = correlation + entry->correlation_len,
                                        .payload_len = entry->payload_len,
                                        .correlation = entry->correlation_len ? correlation : NULL,
                                        .correlation_len = entry->correlation_len,
                                        .expiry_s = entry->expiry_s,
                                        .qos = entry->qos,
                                        .retain = entry->retain};
    entry->serial = ++outbox->serial;
    return outbox->sink.publish(outbox->sink.user, &message, (uint64_t)entry->serial << 32 | index);
}

void gw_outbox_pump(struct gw_outbox *outbox)
{
    if (outbox->queue.head == NONE)
        return;
    size_t window = outbox->sink.window(outbox->sink.user);
    for (; window && outbox->queue.head != NONE; window--) {
        uint32_t index = outbox->queue.head;
        if (hand_over(outbox, index) < 0)
            return;
        step_first(outbox, index);
        list_remove(outbox, &outbox->queue, index);
        list_insert(outbox, &outbox->flight, outbox->flight.tail, index);
        outbox->entries[index].in_flight = true;
    }
}

static size_t left(uint32_t size, uint32_t used, uint32_t reserve)
{
    return size - used > reserve ? size - used - reserve : 0;
}

void gw_outbox_state(const struct gw_outbox *outbox, struct gw_outbox_state *state)
{
    const struct pool *entries = &outbox->entries_pool;
    const struct pool *blocks = &outbox->blocks_pool;
    *state = outbox->counts;
    state->messages = entries->used;
    state->octets = (size_t)blocks->used * BLOCK_OCTETS;
    state->in_flight = outbox->flight.count;
    state->room_messages = left(entries->size, entries->used, outbox->reserve_entries);
    state->room_octets = left(blocks->size, blocks->used, outbox->reserve_blocks) * BLOCK_OCTETS;
    state->fragments = outbox->fragments_pool.used;
}
