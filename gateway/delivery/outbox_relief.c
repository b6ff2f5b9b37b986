/* SPDX-License-Identifier: Apache-2.0 */
/* What a slow broker's queue is kept short by: events that would wait too long lie in the journal
 * instead, and what can be said again is said later. Whatever leaves the queue leaves it from its
 * end: nothing later of its topic stays that would overtake it. */
#include "gateway/delivery/outbox_internal.h"

/* At most this part of the outbox, however fast the broker is. */
enum { SHARE = 8 };

uint32_t gw_outbox_depth(const struct gw_outbox *outbox)
{
    uint32_t most = outbox->entries_pool.size / SHARE;
    uint32_t depth = outbox->sink.now ? gw_pace_depth(&outbox->pace) : most;
    return depth < most ? depth : most;
}

bool gw_outbox_crowded(const struct gw_outbox *outbox)
{
    return outbox->queue.count >= gw_outbox_depth(outbox) ||
           outbox->event_blocks >= outbox->blocks_pool.size / SHARE;
}

/* Half of the depth is for events. */
bool gw_outbox_leaves_out(const struct gw_outbox *outbox, const struct gw_outbox_message *message)
{
    const struct outbox_transaction *transaction = &outbox->transaction;
    return message->again &&
           (transaction->parking ||
            outbox->queue.count + transaction->list.count >= (gw_outbox_depth(outbox) + 1) / 2);
}

static void leave_out(struct gw_outbox *outbox, uint32_t index)
{
    uint32_t again = outbox->entries[index].again;
    gw_outbox_drop_entry(outbox, index);
    outbox->counts.left_out++;
    outbox->callbacks.left_out(outbox->user, again);
}

void gw_outbox_make_way(struct gw_outbox *outbox, struct outbox_transaction *transaction)
{
    struct outbox_list *list = &transaction->list;
    if (!gw_outbox_has_journal(outbox) ||
        outbox->queue.count + list->count <= gw_outbox_depth(outbox))
        return;
    for (uint32_t next, i = list->head; i != OUTBOX_NONE; i = next) {
        const struct outbox_entry *entry = &outbox->entries[i];
        next = outbox->entries_pool.next[i];
        if (!entry->event && !entry->again)
            continue;
        gw_outbox_list_remove(outbox, list, i);
        if (entry->event)
            gw_outbox_list_insert(outbox, &transaction->parked, transaction->parked.tail, i);
        else
            leave_out(outbox, i);
    }
}

/* Is it waited for by somebody, who has to be told first that it is safe? */
static bool is_awaited(const struct outbox_entry *entry)
{
    return entry->fragment != OUTBOX_NONE && !entry->safe;
}

/* Takes `surplus` entries out from the end on, as far as that can be done now. Returns the first of
 * those that are left of them, OUTBOX_NONE where none is. */
static uint32_t take_out(struct gw_outbox *outbox, uint32_t surplus)
{
    uint32_t left = OUTBOX_NONE;
    bool stopped = false;
    for (uint32_t before, i = outbox->queue.tail; surplus && i != OUTBOX_NONE; i = before) {
        const struct outbox_entry *entry = &outbox->entries[i];
        before = entry->prev;
        surplus--;
        if (!entry->event && !entry->again)
            continue;
        stopped = stopped || (entry->event ? !entry->sequence : is_awaited(entry));
        if (stopped) {
            left = i;
            continue;
        }
        gw_outbox_step_first(outbox, i);
        gw_outbox_list_remove(outbox, &outbox->queue, i);
        if (entry->event) {
            gw_outbox_put_back(outbox, i, false);
            gw_outbox_drop_entry(outbox, i);
            outbox->counts.relieved++;
        } else {
            leave_out(outbox, i);
        }
    }
    return left;
}

/* Events that are not safe yet are written now rather than when their hold is over. */
static void hurry(struct gw_outbox *outbox, uint32_t from)
{
    int error = 0;
    for (uint32_t i = from; !error && i != OUTBOX_NONE; i = outbox->entries_pool.next[i]) {
        const struct outbox_entry *entry = &outbox->entries[i];
        if (!entry->event || entry->sequence || entry->written)
            continue;
        if (entry->fragment == OUTBOX_NONE)
            error = gw_outbox_write_copy(outbox, i);
        else
            error = gw_outbox_write_up_to(outbox, &outbox->fragments[entry->fragment]);
    }
}

void gw_outbox_relieve(struct gw_outbox *outbox)
{
    uint32_t depth = gw_outbox_depth(outbox);
    uint32_t spare = depth / 4 + 1; /* so that it is not done for each */
    if (outbox->queue.count <= depth + spare || !gw_outbox_has_journal(outbox))
        return;
    hurry(outbox, take_out(outbox, outbox->queue.count - depth));
}
