/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox beside its journal: which messages are written there, what becomes safe by it, and
 * what comes back from there. Order per topic: a message is either here, behind all earlier ones of
 * its topic that are here, or it is parked behind those that are only there. */
#include "gateway/delivery/outbox_internal.h"

void gw_outbox_use_journal(struct gw_outbox *outbox, const struct gw_outbox_journal *journal)
{
    outbox->journal = *journal;
}

bool gw_outbox_has_journal(const struct gw_outbox *outbox)
{
    return outbox->journal.append && outbox->journal.usable(outbox->journal.user);
}

bool gw_outbox_parks(const struct gw_outbox *outbox, const struct gw_outbox_message *message)
{
    const struct gw_outbox_journal *journal = &outbox->journal;
    return message->event && journal->append &&
           (outbox->transaction.parking || journal->behind(journal->user, message));
}

/* Without a journal any more the copy stays, and comes once more in the next run. */
static void erase(struct gw_outbox *outbox, uint64_t sequence)
{
    if (sequence && outbox->journal.erase)
        outbox->journal.erase(outbox->journal.user, sequence);
}

int gw_outbox_write_copy(struct gw_outbox *outbox, uint32_t index)
{
    struct outbox_entry *entry = &outbox->entries[index];
    struct gw_outbox_message message;
    gw_outbox_message_of(outbox, index, &message);
    if (++outbox->written == 0)
        outbox->written = 1;
    uint64_t id = (uint64_t)outbox->written << 32 | index;
    if (outbox->journal.append(outbox->journal.user, &message, !entry->parked, id) < 0)
        return GW_OUTBOX_FULL;
    entry->written = outbox->written;
    return 0;
}

/* Copies the events of `owner`'s fragments up to `age` that are not safe yet. In the order of the
 * queue and none left out: after a crash the order of the copies is all there is. */
static int write_events(struct gw_outbox *outbox, const struct outbox_list *list, const void *owner,
                        uint64_t age)
{
    int error = 0;
    for (uint32_t i = list->head; !error && i != OUTBOX_NONE; i = outbox->entries_pool.next[i]) {
        const struct outbox_entry *entry = &outbox->entries[i];
        if (entry->fragment == OUTBOX_NONE || !entry->event || entry->safe || entry->written)
            continue;
        const struct outbox_fragment *fragment = &outbox->fragments[entry->fragment];
        if (fragment->owner == owner && fragment->age <= age)
            error = gw_outbox_write_copy(outbox, i);
    }
    return error;
}

int gw_outbox_write_up_to(struct gw_outbox *outbox, const struct outbox_fragment *fragment)
{
    int error = write_events(outbox, &outbox->flight, fragment->owner, fragment->age);
    return error ? error : write_events(outbox, &outbox->queue, fragment->owner, fragment->age);
}

int gw_outbox_write_parked(struct gw_outbox *outbox, const struct outbox_transaction *transaction)
{
    int error = 0;
    if (transaction->parked.head != OUTBOX_NONE && transaction->fragment != OUTBOX_NONE)
        error = gw_outbox_write_up_to(outbox, &outbox->fragments[transaction->fragment]);
    for (uint32_t i = transaction->parked.head; !error && i != OUTBOX_NONE;
         i = outbox->entries_pool.next[i]) {
        outbox->entries[i].parked = true;
        error = gw_outbox_write_copy(outbox, i);
    }
    return error;
}

/* A value that is no event is not waited for: it can be asked for again. Returns how many. */
static uint32_t release_values(struct gw_outbox *outbox, const struct outbox_list *list,
                               uint32_t index, uint32_t fragment)
{
    uint32_t released = 0;
    bool queued = list == &outbox->queue;
    for (; index != OUTBOX_NONE; index = outbox->entries_pool.next[index]) {
        struct outbox_entry *entry = &outbox->entries[index];
        if (entry->fragment != fragment && queued)
            break;
        if (entry->fragment != fragment || entry->event || entry->safe)
            continue;
        entry->safe = true;
        released++;
    }
    return released;
}

int gw_outbox_secure(struct gw_outbox *outbox, void *owner, uint32_t token)
{
    uint32_t index = gw_outbox_find_fragment(outbox, owner, token);
    if (index == OUTBOX_NONE)
        return 0;
    if (!outbox->journal.append)
        return GW_OUTBOX_NO_JOURNAL;
    struct outbox_fragment *fragment = &outbox->fragments[index];
    int error = gw_outbox_write_up_to(outbox, fragment);
    uint32_t released = release_values(outbox, &outbox->flight, outbox->flight.head, index) +
                        release_values(outbox, &outbox->queue, fragment->first, index);
    fragment->secured = true;
    while (released--)
        gw_outbox_one_safe(outbox, index); /* the last one may end the fragment */
    return error;
}

/* The journal does not take it: who can repeat it is told, else it waits for the broker as if there
 * were no journal. */
static void unpark(struct gw_outbox *outbox, uint32_t index)
{
    struct outbox_entry *entry = &outbox->entries[index];
    if (entry->fragment != OUTBOX_NONE) {
        gw_outbox_refuse_fragment(outbox, entry->fragment, 0);
        return;
    }
    gw_outbox_list_remove(outbox, &outbox->parked, index);
    entry->parked = false;
    gw_outbox_list_insert(outbox, &outbox->queue, outbox->queue.tail, index);
    gw_outbox_pump(outbox);
}

void gw_outbox_journaled(struct gw_outbox *outbox, uint64_t id, uint64_t sequence)
{
    uint32_t index = (uint32_t)id;
    struct outbox_entry *entry = &outbox->entries[index];
    if (index >= outbox->entries_pool.fresh || entry->written != (uint32_t)(id >> 32)) {
        erase(outbox, sequence); /* the broker was faster, or it was withdrawn */
        return;
    }
    uint32_t fragment = entry->fragment;
    entry->written = 0;
    if (!sequence) {
        outbox->counts.unwritten++;
        if (entry->parked)
            unpark(outbox, index);
        return;
    }
    outbox->counts.journaled++;
    entry->safe = true;
    if (entry->parked) { /* from now on it is there only */
        gw_outbox_list_remove(outbox, &outbox->parked, index);
        gw_outbox_drop_entry(outbox, index);
    } else {
        entry->sequence = sequence;
    }
    if (fragment != OUTBOX_NONE) {
        outbox->fragments[fragment].secured = true;
        gw_outbox_one_safe(outbox, fragment);
    }
}

int gw_outbox_load(struct gw_outbox *outbox, const struct gw_outbox_message *message,
                   uint64_t sequence)
{
    int error = gw_outbox_store(outbox, &outbox->queue, message, OUTBOX_NONE,
                                outbox->reserve_entries, outbox->reserve_blocks);
    if (error)
        return error;
    struct outbox_entry *entry = &outbox->entries[outbox->queue.tail];
    entry->sequence = sequence;
    entry->loaded = true;
    outbox->counts.loaded++;
    gw_outbox_pump(outbox);
    return 0;
}

void gw_outbox_erase_copy(struct gw_outbox *outbox, struct outbox_entry *entry)
{
    erase(outbox, entry->sequence);
    entry->sequence = 0;
    entry->written = 0;
}

void gw_outbox_put_back(struct gw_outbox *outbox, uint32_t index, bool refused)
{
    struct outbox_entry *entry = &outbox->entries[index];
    struct gw_outbox_message message;
    if (!entry->sequence || !outbox->journal.put_back)
        return;
    gw_outbox_message_of(outbox, index, &message);
    outbox->journal.put_back(outbox->journal.user, &message, entry->sequence, refused);
    entry->sequence = 0;
}

void gw_outbox_drop_entry(struct gw_outbox *outbox, uint32_t index)
{
    struct outbox_entry *entry = &outbox->entries[index];
    gw_outbox_erase_copy(outbox, entry);
    if (entry->loaded)
        outbox->counts.loaded--;
    gw_outbox_free_entry(outbox, index);
}
