/* SPDX-License-Identifier: Apache-2.0 */
/* The queue to the broker, and the fragments whose messages are in it: they enter together, and
 * their owner is told when all of them are safe, or that they will not be. */
#include "gateway/delivery/outbox.h"

#include "gateway/delivery/outbox_internal.h"

enum { REFUSED = 0x80 }; /* MQTT 5 reason codes from here on are failures */

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

static uint32_t *bucket_of(struct gw_outbox *outbox, const void *owner, uint32_t token)
{
    uint64_t key = (uint64_t)(uintptr_t)owner * 0x9e3779b97f4a7c15u + token;
    key = (key ^ key >> 32) * 0xbf58476d1ce4e5b9u;
    return &outbox->buckets[(uint32_t)(key >> 32) & outbox->bucket_mask];
}

uint32_t gw_outbox_find_fragment(struct gw_outbox *outbox, const void *owner, uint32_t token)
{
    uint32_t index = *bucket_of(outbox, owner, token);
    while (index != OUTBOX_NONE &&
           (outbox->fragments[index].owner != owner || outbox->fragments[index].token != token))
        index = outbox->fragments_pool.next[index];
    return index;
}

static void publish_fragment(struct gw_outbox *outbox, uint32_t index)
{
    struct outbox_fragment *fragment = &outbox->fragments[index];
    uint32_t *bucket = bucket_of(outbox, fragment->owner, fragment->token);
    outbox->fragments_pool.next[index] = *bucket;
    *bucket = index;
}

static void remove_fragment(struct gw_outbox *outbox, uint32_t index)
{
    struct outbox_fragment *fragment = &outbox->fragments[index];
    uint32_t *link = bucket_of(outbox, fragment->owner, fragment->token);
    while (*link != index)
        link = &outbox->fragments_pool.next[*link];
    *link = outbox->fragments_pool.next[index];
    gw_outbox_pool_give(&outbox->fragments_pool, index);
}

int gw_outbox_begin(struct gw_outbox *outbox, void *owner, uint32_t token, bool needs_ack)
{
    struct outbox_transaction *transaction = &outbox->transaction;
    if (transaction->open)
        return GW_OUTBOX_INVALID;
    transaction->open = true;
    transaction->parking = gw_outbox_crowded(outbox) && gw_outbox_has_journal(outbox);
    transaction->error = 0;
    transaction->fragment = OUTBOX_NONE;
    if (!needs_ack)
        return 0;
    transaction->fragment = gw_outbox_pool_take(&outbox->fragments_pool);
    if (transaction->fragment == OUTBOX_NONE)
        return transaction->error = GW_OUTBOX_FULL;
    outbox->fragments[transaction->fragment] = (struct outbox_fragment){
        .owner = owner, .age = ++outbox->age, .token = token, .first = OUTBOX_NONE};
    return 0;
}

int gw_outbox_put(struct gw_outbox *outbox, const struct gw_outbox_message *message)
{
    struct outbox_transaction *transaction = &outbox->transaction;
    if (!transaction->open)
        return GW_OUTBOX_INVALID;
    if (gw_outbox_leaves_out(outbox, message))
        return GW_OUTBOX_BEHIND;
    bool parks = gw_outbox_parks(outbox, message);
    if (!transaction->error)
        transaction->error =
            gw_outbox_store(outbox, parks ? &transaction->parked : &transaction->list, message,
                            transaction->fragment, outbox->reserve_entries, outbox->reserve_blocks);
    return transaction->error;
}

static void drop_all(struct gw_outbox *outbox, struct outbox_list *list)
{
    while (list->head != OUTBOX_NONE) {
        uint32_t index = list->head;
        gw_outbox_list_remove(outbox, list, index);
        gw_outbox_drop_entry(outbox, index);
    }
}

void gw_outbox_cancel(struct gw_outbox *outbox)
{
    struct outbox_transaction *transaction = &outbox->transaction;
    if (!transaction->open)
        return;
    drop_all(outbox, &transaction->list);
    drop_all(outbox, &transaction->parked);
    if (transaction->fragment != OUTBOX_NONE)
        gw_outbox_pool_give(&outbox->fragments_pool, transaction->fragment);
    transaction->open = false;
}

int gw_outbox_commit(struct gw_outbox *outbox)
{
    struct outbox_transaction *transaction = &outbox->transaction;
    if (!transaction->open)
        return GW_OUTBOX_INVALID;
    int error = transaction->error;
    if (!error)
        gw_outbox_make_way(outbox, transaction);
    if (!error)
        error = gw_outbox_write_parked(outbox, transaction);
    if (error) {
        gw_outbox_cancel(outbox);
        outbox->counts.full++;
        return error;
    }
    transaction->open = false;
    if (transaction->fragment != OUTBOX_NONE) {
        struct outbox_fragment *fragment = &outbox->fragments[transaction->fragment];
        fragment->pending = transaction->list.count + transaction->parked.count;
        if (!fragment->pending) {
            void *owner = fragment->owner;
            uint32_t token = fragment->token;
            gw_outbox_pool_give(&outbox->fragments_pool, transaction->fragment);
            outbox->callbacks.safe(outbox->user, owner, token);
            return 0;
        }
        fragment->first = transaction->list.head;
        publish_fragment(outbox, transaction->fragment);
    }
    gw_outbox_list_append(outbox, &outbox->queue, &transaction->list);
    gw_outbox_list_append(outbox, &outbox->parked, &transaction->parked);
    gw_outbox_pump(outbox);
    return 0;
}

int gw_outbox_send(struct gw_outbox *outbox, const struct gw_outbox_message *message)
{
    int error = gw_outbox_store(outbox, &outbox->queue, message, OUTBOX_NONE, 0, 0);
    if (error) {
        outbox->counts.full++;
        return error;
    }
    gw_outbox_pump(outbox);
    return 0;
}

int gw_outbox_send_awaited(struct gw_outbox *outbox, const struct gw_outbox_message *message,
                           void *owner, uint32_t token)
{
    uint32_t index = gw_outbox_pool_take(&outbox->fragments_pool);
    int error = GW_OUTBOX_FULL;
    if (index != OUTBOX_NONE) {
        outbox->fragments[index] = (struct outbox_fragment){
            .owner = owner, .age = ++outbox->age, .token = token, .pending = 1};
        error = gw_outbox_store(outbox, &outbox->queue, message, index, 0, 0);
    }
    if (error) {
        if (index != OUTBOX_NONE)
            gw_outbox_pool_give(&outbox->fragments_pool, index);
        outbox->counts.full++;
        return error;
    }
    outbox->fragments[index].first = outbox->queue.tail;
    publish_fragment(outbox, index);
    gw_outbox_pump(outbox);
    return 0;
}

void gw_outbox_step_first(struct gw_outbox *outbox, uint32_t index)
{
    uint32_t fragment = outbox->entries[index].fragment;
    if (fragment == OUTBOX_NONE)
        return;
    if (outbox->fragments[fragment].first != index)
        return;
    uint32_t next = outbox->entries_pool.next[index];
    bool same = next != OUTBOX_NONE && outbox->entries[next].fragment == fragment;
    outbox->fragments[fragment].first = same ? next : OUTBOX_NONE;
}

/* Takes the fragment's entries out of one list, from `index` on; with `together` they end at the
 * first one of another. Returns how many were dropped. */
static size_t release_from(struct gw_outbox *outbox, struct outbox_list *list, uint32_t index,
                           uint32_t fragment, bool together, bool keep)
{
    size_t dropped = 0;
    while (index != OUTBOX_NONE) {
        struct outbox_entry *entry = &outbox->entries[index];
        uint32_t after = outbox->entries_pool.next[index];
        bool ours = entry->fragment == fragment;
        if (!ours && together)
            break;
        if (ours)
            entry->fragment = OUTBOX_NONE;
        if (ours && !keep) {
            gw_outbox_list_remove(outbox, list, index);
            gw_outbox_drop_entry(outbox, index);
            dropped++;
        }
        index = after;
    }
    return dropped;
}

size_t gw_outbox_release_fragment(struct gw_outbox *outbox, uint32_t fragment, bool keep)
{
    size_t abandoned = 0;
    uint32_t *next = outbox->entries_pool.next;
    for (uint32_t i = outbox->flight.head; i != OUTBOX_NONE; i = next[i]) {
        struct outbox_entry *entry = &outbox->entries[i];
        if (entry->fragment != fragment)
            continue;
        entry->fragment = OUTBOX_NONE;
        if (!keep) {
            entry->abandoned = true;
            gw_outbox_erase_copy(outbox, entry);
            abandoned++;
        }
    }
    size_t dropped = release_from(outbox, &outbox->queue, outbox->fragments[fragment].first,
                                  fragment, true, keep);
    dropped += release_from(outbox, &outbox->parked, outbox->parked.head, fragment, false, keep);
    remove_fragment(outbox, fragment);
    outbox->counts.withdrawn += dropped;
    return dropped + abandoned;
}

size_t gw_outbox_withdraw(struct gw_outbox *outbox, void *owner, uint32_t token)
{
    uint32_t fragment = gw_outbox_find_fragment(outbox, owner, token);
    return fragment == OUTBOX_NONE ? 0 : gw_outbox_release_fragment(outbox, fragment, false);
}

void gw_outbox_forget(struct gw_outbox *outbox, void *owner)
{
    if (!outbox->fragments_pool.used) /* thousands of sessions end at once */
        return;
    for (uint32_t i = 0; i <= outbox->bucket_mask; i++) {
        uint32_t index = outbox->buckets[i];
        while (index != OUTBOX_NONE) {
            uint32_t after = outbox->fragments_pool.next[index];
            if (outbox->fragments[index].owner == owner)
                gw_outbox_release_fragment(outbox, index, true);
            index = after;
        }
    }
}

void gw_outbox_one_safe(struct gw_outbox *outbox, uint32_t index)
{
    struct outbox_fragment *fragment = &outbox->fragments[index];
    void *owner = fragment->owner;
    uint32_t token = fragment->token;
    if (--fragment->pending)
        return;
    if (fragment->secured) /* some of its messages are still here */
        gw_outbox_release_fragment(outbox, index, true);
    else
        remove_fragment(outbox, index);
    outbox->callbacks.safe(outbox->user, owner, token);
}

void gw_outbox_refuse_fragment(struct gw_outbox *outbox, uint32_t index, int reason_code)
{
    void *owner = outbox->fragments[index].owner;
    uint32_t token = outbox->fragments[index].token;
    gw_outbox_release_fragment(outbox, index, false);
    if (outbox->callbacks.refused)
        outbox->callbacks.refused(outbox->user, owner, token, reason_code);
}

void gw_outbox_acked(struct gw_outbox *outbox, uint64_t id, int reason_code)
{
    uint32_t index = (uint32_t)id;
    if (index >= outbox->entries_pool.fresh || !outbox->entries[index].in_flight ||
        outbox->entries[index].serial != (uint32_t)(id >> 32))
        return;
    struct outbox_entry *entry = &outbox->entries[index];
    uint32_t fragment = entry->fragment;
    bool awaited = fragment != OUTBOX_NONE && !entry->safe;
    bool refused = reason_code >= REFUSED;
    if (entry->handed.under_way)
        gw_pace_acked(&outbox->pace, &entry->handed, outbox->sink.now(outbox->sink.user));
    entry->in_flight = false;
    gw_outbox_list_remove(outbox, &outbox->flight, index);
    if (refused && !awaited)
        gw_outbox_put_back(outbox, index, true);
    gw_outbox_drop_entry(outbox, index);
    if (refused)
        outbox->counts.refused++;
    else
        outbox->counts.acked++;
    if (awaited && refused)
        gw_outbox_refuse_fragment(outbox, fragment, reason_code);
    else if (awaited)
        gw_outbox_one_safe(outbox, fragment);
    else if (refused && outbox->callbacks.refused)
        outbox->callbacks.refused(outbox->user, NULL, 0, reason_code);
}

void gw_outbox_disconnected(struct gw_outbox *outbox)
{
    gw_pace_begin(&outbox->pace);
    while (outbox->flight.tail != OUTBOX_NONE) {
        uint32_t index = outbox->flight.tail;
        struct outbox_entry *entry = &outbox->entries[index];
        gw_outbox_list_remove(outbox, &outbox->flight, index);
        entry->in_flight = false;
        if (entry->abandoned) {
            gw_outbox_drop_entry(outbox, index);
            outbox->counts.withdrawn++;
            continue;
        }
        gw_outbox_list_insert(outbox, &outbox->queue, OUTBOX_NONE, index);
        if (entry->fragment != OUTBOX_NONE)
            outbox->fragments[entry->fragment].first = index;
        outbox->counts.repeated++;
    }
}

static int hand_over(struct gw_outbox *outbox, uint32_t index)
{
    struct outbox_entry *entry = &outbox->entries[index];
    struct gw_outbox_message message;
    gw_outbox_message_of(outbox, index, &message);
    entry->serial = ++outbox->serial;
    return outbox->sink.publish(outbox->sink.user, &message, (uint64_t)entry->serial << 32 | index);
}

/* How many more may be under way. */
static size_t window_of(const struct gw_outbox *outbox)
{
    uint32_t paced = outbox->pace.window;
    uint32_t flying = outbox->flight.count;
    size_t window = outbox->sink.window(outbox->sink.user);
    if (!outbox->sink.now || (paced > flying && window <= paced - flying))
        return window;
    return paced > flying ? paced - flying : 0;
}

/* What is sent at QoS 0 nobody acknowledges. */
static void stamp(struct gw_outbox *outbox, struct outbox_entry *entry, uint64_t now, bool full)
{
    if (!outbox->sink.now)
        return;
    gw_pace_spend(&outbox->pace, now);
    if (entry->qos)
        entry->handed = gw_pace_handed(now, outbox->flight.count, full);
}

static void hand_over_all(struct gw_outbox *outbox)
{
    uint64_t now = outbox->sink.now ? outbox->sink.now(outbox->sink.user) : 0;
    size_t window = window_of(outbox);
    size_t allowed = gw_pace_allowed(&outbox->pace, now);
    for (; window && allowed && outbox->queue.head != OUTBOX_NONE; window--, allowed--) {
        uint32_t index = outbox->queue.head;
        if (hand_over(outbox, index) < 0)
            return;
        gw_outbox_step_first(outbox, index);
        gw_outbox_list_remove(outbox, &outbox->queue, index);
        gw_outbox_list_insert(outbox, &outbox->flight, outbox->flight.tail, index);
        outbox->entries[index].in_flight = true;
        stamp(outbox, &outbox->entries[index], now, window == 1);
    }
    if (window && !allowed && outbox->queue.head != OUTBOX_NONE)
        outbox->sink.pause(outbox->sink.user, gw_pace_pause_ms(&outbox->pace, now));
}

void gw_outbox_pump(struct gw_outbox *outbox)
{
    if (outbox->queue.head == OUTBOX_NONE)
        return;
    hand_over_all(outbox);
    gw_outbox_relieve(outbox);
}
