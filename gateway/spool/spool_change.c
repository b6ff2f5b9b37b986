/* SPDX-License-Identifier: Apache-2.0 */
/* What callers change goes into the ring here, and is counted per point as if it were on disk. */
#include <string.h>

#include "gateway/spool/spool_internal.h"

static int require_room(struct gw_spool *spool)
{
    if (spool->life != GW_SPOOL_RUNNING)
        return GW_SPOOL_INVALID;
    if (spool->failing)
        return GW_SPOOL_FAILING;
    if (gw_spool_is_full(spool)) {
        gw_spool_tell_word(spool);
        return GW_SPOOL_FULL;
    }
    return 0;
}

int gw_spool_begin(struct gw_spool *spool, void *owner, uint32_t token)
{
    struct gw_spool_transaction *transaction = &spool->transaction;
    if (transaction->open)
        return GW_SPOOL_INVALID;
    *transaction = (struct gw_spool_transaction){.open = true,
                                                 .error = require_room(spool),
                                                 .owner = owner,
                                                 .token = token,
                                                 .begin = spool->ring.tail,
                                                 .sequence = spool->next_sequence};
    spool->delete_at = UINT64_MAX;
    return transaction->error;
}

static int put(struct gw_spool *spool, const struct gw_spool_message *message, bool held)
{
    size_t size = gw_spool_message_size(message);
    if (!size || size > spool->ring.size / 4)
        return GW_SPOOL_TOO_LARGE;
    struct gw_spool_change *change =
        gw_spool_ring_add(&spool->ring, GW_SPOOL_MESSAGE, size, 2 * GW_SPOOL_RESERVE);
    if (!change)
        return GW_SPOOL_BUSY;
    change->first = spool->next_sequence++;
    change->second = held ? GW_SPOOL_NO_POINT : message->point;
    gw_spool_message_write(change->data, change->first, message);
    gw_spool_backlog_add(spool->backlog, change->second);
    return 0;
}

int gw_spool_put(struct gw_spool *spool, const struct gw_spool_message *message, bool held,
                 uint64_t *sequence)
{
    struct gw_spool_transaction *transaction = &spool->transaction;
    if (!transaction->open)
        return GW_SPOOL_INVALID;
    if (sequence)
        *sequence = spool->next_sequence;
    if (!transaction->error)
        transaction->error = put(spool, message, held);
    return transaction->error;
}

void gw_spool_cancel(struct gw_spool *spool)
{
    struct gw_spool_transaction *transaction = &spool->transaction;
    const struct gw_spool_change *change;
    uint64_t at = transaction->begin;
    if (!transaction->open)
        return;
    while ((change = gw_spool_ring_next(&spool->ring, &at, spool->ring.tail)))
        if (change->kind == GW_SPOOL_MESSAGE)
            gw_spool_backlog_remove(spool->backlog, change->second);
    spool->ring.tail = transaction->begin;
    spool->next_sequence = transaction->sequence;
    transaction->open = false;
}

int gw_spool_commit(struct gw_spool *spool)
{
    struct gw_spool_transaction *transaction = &spool->transaction;
    struct gw_spool_change *change = NULL;
    if (!transaction->open)
        return GW_SPOOL_INVALID;
    if (!transaction->error) {
        change = gw_spool_ring_add(&spool->ring, GW_SPOOL_SAFE, 0, GW_SPOOL_RESERVE);
        transaction->error = change ? 0 : GW_SPOOL_BUSY;
    }
    if (!change) {
        gw_spool_cancel(spool);
        gw_spool_group_post(spool);
        return transaction->error;
    }
    change->first = (uintptr_t)transaction->owner;
    change->second = transaction->token;
    transaction->open = false;
    uint64_t messages = spool->next_sequence - transaction->sequence;
    spool->counts.put += messages;
    spool->group_events += (size_t)messages;
    gw_spool_group_due(spool, spool->options.group_ms);
    gw_spool_group_post(spool);
    return 0;
}

void gw_spool_forget(struct gw_spool *spool, const void *owner)
{
    struct gw_spool_change *change;
    uint64_t at = spool->ring.head;
    while ((change = gw_spool_ring_next(&spool->ring, &at, spool->ring.tail)))
        if ((change->kind == GW_SPOOL_SAFE || change->kind == GW_SPOOL_KEEP) &&
            change->first == (uintptr_t)owner)
            change->gone = true;
}

void gw_spool_flush(struct gw_spool *spool)
{
    spool->group_urgent = spool->given != spool->ring.tail;
    gw_spool_group_post(spool);
}

/* The message of this sequence where it is still in the ring. `*given`: to the writer. */
static struct gw_spool_change *find_message(struct gw_spool *spool, uint64_t sequence, bool *given)
{
    struct gw_spool_change *change;
    uint64_t at = spool->ring.head;
    if (sequence <= spool->freed_sequence)
        return NULL;
    while ((change = gw_spool_ring_next(&spool->ring, &at, spool->ring.tail))) {
        if (change->kind == GW_SPOOL_MESSAGE && change->first == sequence) {
            *given = at <= spool->given;
            return change;
        }
    }
    return NULL;
}

/* Replay is acknowledged mostly in order, so that a delete mostly goes on where the last one ended.
 */
static int add_delete(struct gw_spool *spool, uint64_t sequence)
{
    uint64_t at = spool->delete_at;
    struct gw_spool_change *change =
        at == UINT64_MAX ? NULL : gw_spool_ring_next(&spool->ring, &at, spool->ring.tail);
    if (change && at == spool->ring.tail && change->second + 1 == sequence) {
        change->second = sequence;
        return 0;
    }
    change = gw_spool_ring_add(&spool->ring, GW_SPOOL_DELETE, 0, 0);
    if (!change)
        return GW_SPOOL_BUSY;
    change->first = change->second = sequence;
    spool->delete_at = spool->ring.tail - gw_spool_change_size(0);
    return 0;
}

int gw_spool_delete(struct gw_spool *spool, uint64_t sequence, uint64_t point)
{
    bool given = false;
    int error = 0;
    if (spool->life != GW_SPOOL_RUNNING || spool->transaction.open)
        return GW_SPOOL_INVALID;
    struct gw_spool_change *change = find_message(spool, sequence, &given);
    if (change && change->gone)
        return 0;
    if (change && !given)
        change->kind = GW_SPOOL_DEAD;
    else
        error = add_delete(spool, sequence);
    if (error)
        return error;
    if (change)
        change->gone = true;
    gw_spool_backlog_remove(spool->backlog, point);
    spool->counts.deleted++;
    if (sequence > spool->delete_highest)
        spool->delete_highest = sequence;
    gw_spool_group_due(spool, spool->options.delete_ms);
    gw_spool_group_post(spool);
    return 0;
}

void gw_spool_taken(struct gw_spool *spool, uint64_t point)
{
    gw_spool_backlog_remove(spool->backlog, point);
}

void gw_spool_put_back(struct gw_spool *spool, uint64_t point)
{
    gw_spool_backlog_add(spool->backlog, point);
}

bool gw_spool_behind(const struct gw_spool *spool, uint64_t point)
{
    return gw_spool_backlog_has(spool->backlog, point);
}

int gw_spool_keep(struct gw_spool *spool, enum gw_spool_space space, const void *key,
                  size_t key_len, const void *value, size_t value_len, void *owner, uint32_t token)
{
    struct gw_spool_kept kept = {.number = spool->next_number,
                                 .space = (uint8_t)space,
                                 .key = key,
                                 .key_len = key_len,
                                 .value = value,
                                 .value_len = value_len};
    size_t size = gw_spool_kept_size(&kept);
    if (spool->life != GW_SPOOL_RUNNING || spool->transaction.open)
        return GW_SPOOL_INVALID;
    if (spool->failing)
        return GW_SPOOL_FAILING;
    if (!size)
        return GW_SPOOL_TOO_LARGE;
    struct gw_spool_change *change =
        gw_spool_ring_add(&spool->ring, GW_SPOOL_KEEP, size, GW_SPOOL_RESERVE);
    if (!change)
        return GW_SPOOL_BUSY;
    change->first = (uintptr_t)owner;
    change->second = token;
    gw_spool_kept_write(change->data, &kept);
    spool->next_number++;
    gw_spool_group_due(spool, 0);
    gw_spool_flush(spool);
    return 0;
}

static int add_key(struct gw_spool *spool, enum gw_spool_change_kind kind,
                   enum gw_spool_space space, const void *key, size_t key_len, uint64_t most)
{
    if (spool->life > GW_SPOOL_RUNNING || spool->transaction.open)
        return GW_SPOOL_INVALID;
    if (key_len > GW_SPOOL_KEY_MAX)
        return GW_SPOOL_TOO_LARGE;
    struct gw_spool_change *change = gw_spool_ring_add(&spool->ring, kind, key_len, 0);
    if (!change)
        return GW_SPOOL_BUSY;
    change->space = (uint8_t)space;
    change->first = most;
    if (key_len)
        memcpy(change->data, key, key_len);
    gw_spool_group_due(spool, spool->options.delete_ms);
    gw_spool_group_post(spool);
    return 0;
}

int gw_spool_drop(struct gw_spool *spool, enum gw_spool_space space, const void *key,
                  size_t key_len)
{
    return add_key(spool, GW_SPOOL_DROP, space, key, key_len, 0);
}

int gw_spool_trim(struct gw_spool *spool, enum gw_spool_space space, const void *key,
                  size_t key_len, uint32_t most)
{
    return add_key(spool, GW_SPOOL_TRIM, space, key, key_len,
                   most == UINT32_MAX ? UINT64_MAX : most);
}
