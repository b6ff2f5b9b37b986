/* SPDX-License-Identifier: Apache-2.0 */
/* Fixed records in a hash table, chained by number, and in a list by age. Records are used from the
 * first on, so that memory which was never needed is never touched. */
#include "gateway/command/ledger.h"

#include <string.h>

#include "gateway/base/hash.h"
#include "gateway/base/memory.h"

#define NONE UINT32_MAX

struct record {
    struct gw_ledger_entry entry;
    uint32_t chain; /* next in the bucket, or in the free list */
    uint32_t older, newer;
};

struct gw_ledger {
    struct record *records;
    uint32_t *buckets; /* number + 1; 0: empty, so that fresh memory is a table */
    uint32_t mask;
    uint32_t capacity, fresh, count;
    uint32_t unused; /* free list */
    uint32_t oldest, newest;
    uint64_t keep_ms;
    void (*forgotten)(void *user, const struct gw_ledger_entry *entry);
    void *user;
};

uint64_t gw_ledger_scope(const char *outstation, const char *control)
{
    uint64_t scope = gw_hash(GW_HASH_START, outstation, strlen(outstation) + 1);
    return gw_hash(scope, control, strlen(control) + 1);
}

struct gw_ledger *gw_ledger_create(uint32_t capacity, uint64_t keep_ms)
{
    struct gw_ledger *ledger = gw_memory_allocate(GW_OWNER_CONTROLS, sizeof *ledger);
    if (!ledger)
        return NULL;
    uint32_t buckets = 16;
    while (buckets < capacity)
        buckets *= 2;
    *ledger = (struct gw_ledger){.mask = buckets - 1,
                                 .capacity = capacity,
                                 .unused = NONE,
                                 .oldest = NONE,
                                 .newest = NONE,
                                 .keep_ms = keep_ms};
    ledger->records = gw_memory_allocate(GW_OWNER_CONTROLS, capacity * sizeof *ledger->records);
    ledger->buckets = gw_memory_allocate(GW_OWNER_CONTROLS, buckets * sizeof *ledger->buckets);
    if (!ledger->records || !ledger->buckets) {
        gw_ledger_free(ledger);
        return NULL;
    }
    return ledger;
}

void gw_ledger_free(struct gw_ledger *ledger)
{
    if (!ledger)
        return;
    gw_memory_release(ledger->records);
    gw_memory_release(ledger->buckets);
    gw_memory_release(ledger);
}

void gw_ledger_watch(struct gw_ledger *ledger,
                     void (*forgotten)(void *user, const struct gw_ledger_entry *entry), void *user)
{
    ledger->forgotten = forgotten;
    ledger->user = user;
}

static uint32_t *bucket_of(struct gw_ledger *ledger, uint64_t scope,
                           const struct gw_command_text *id)
{
    uint64_t hash = gw_hash(scope, id->octets, id->length);
    return &ledger->buckets[(uint32_t)(hash ^ hash >> 32) & ledger->mask];
}

/* Where the number of the id's record stands, plus one; what it points to is 0 where there is none.
 */
static uint32_t *place_of(struct gw_ledger *ledger, uint64_t scope,
                          const struct gw_command_text *id)
{
    uint32_t *place = bucket_of(ledger, scope, id);
    while (*place) {
        struct record *record = &ledger->records[*place - 1];
        if (record->entry.scope == scope && gw_command_text_equal(&record->entry.id, id))
            break;
        place = &record->chain;
    }
    return place;
}

static void remove_at(struct gw_ledger *ledger, uint32_t *place)
{
    uint32_t number = *place - 1;
    struct record *record = &ledger->records[number];
    *place = record->chain;
    *(record->older == NONE ? &ledger->oldest : &ledger->records[record->older].newer) =
        record->newer;
    *(record->newer == NONE ? &ledger->newest : &ledger->records[record->newer].older) =
        record->older;
    record->chain = ledger->unused;
    ledger->unused = number;
    ledger->count--;
}

static void remove_oldest(struct gw_ledger *ledger)
{
    const struct gw_ledger_entry *entry = &ledger->records[ledger->oldest].entry;
    if (ledger->forgotten)
        ledger->forgotten(ledger->user, entry);
    remove_at(ledger, place_of(ledger, entry->scope, &entry->id));
}

/* Signed: entries of a run before may have been opened before the steady clock began, and one whose
 * age is not known counts from now on. */
static bool is_too_old(const struct gw_ledger *ledger, const struct gw_ledger_entry *entry,
                       uint64_t now_ms)
{
    return (int64_t)(now_ms - entry->opened_ms) > (int64_t)ledger->keep_ms;
}

const struct gw_ledger_entry *gw_ledger_find(struct gw_ledger *ledger, uint64_t scope,
                                             const struct gw_command_text *id, uint64_t now_ms)
{
    uint32_t number = *place_of(ledger, scope, id);
    const struct gw_ledger_entry *entry = number ? &ledger->records[number - 1].entry : NULL;
    return entry && !is_too_old(ledger, entry, now_ms) ? entry : NULL;
}

static uint32_t take_record(struct gw_ledger *ledger)
{
    if (ledger->unused == NONE && ledger->fresh < ledger->capacity)
        return ledger->fresh++;
    if (ledger->unused == NONE)
        remove_oldest(ledger);
    uint32_t number = ledger->unused;
    ledger->unused = ledger->records[number].chain;
    return number;
}

void gw_ledger_open(struct gw_ledger *ledger, uint64_t scope, const struct gw_command_text *id,
                    const struct gw_command_value *value, uint64_t now_ms)
{
    while (ledger->oldest != NONE &&
           is_too_old(ledger, &ledger->records[ledger->oldest].entry, now_ms))
        remove_oldest(ledger);
    uint32_t number = take_record(ledger);
    uint32_t *bucket = bucket_of(ledger, scope, id);
    ledger->records[number] = (struct record){.entry = {.scope = scope,
                                                        .opened_ms = now_ms,
                                                        .id = *id,
                                                        .value = *value,
                                                        .under_way = true},
                                              .chain = *bucket,
                                              .older = ledger->newest,
                                              .newer = NONE};
    *bucket = number + 1;
    *(ledger->newest == NONE ? &ledger->oldest : &ledger->records[ledger->newest].newer) = number;
    ledger->newest = number;
    ledger->count++;
}

void gw_ledger_close(struct gw_ledger *ledger, uint64_t scope, const struct gw_command_text *id,
                     const struct gw_control_result *result)
{
    uint32_t number = *place_of(ledger, scope, id);
    if (!number)
        return;
    ledger->records[number - 1].entry.under_way = false;
    ledger->records[number - 1].entry.result = *result;
}

void gw_ledger_cancel(struct gw_ledger *ledger, uint64_t scope, const struct gw_command_text *id)
{
    uint32_t *place = place_of(ledger, scope, id);
    if (*place)
        remove_at(ledger, place);
}

uint32_t gw_ledger_count(const struct gw_ledger *ledger)
{
    return ledger->count;
}
