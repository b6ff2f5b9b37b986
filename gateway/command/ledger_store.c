/* SPDX-License-Identifier: Apache-2.0 */
/* A record, big-endian: format 1, flags 1, scope 8, opened 8, number 8 (IEEE 754), result time 8,
 * duration 4, stage 1, feedback 1, status 1, then id, value, outcome and reason, each a length 1
 * and so many octets. Outcome and reason are the words of the result topic, which outlive any order
 * of an enum. */
#include "gateway/command/ledger_store.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/memory.h"

enum {
    FORMAT = 1,
    FLAG_UNDER_WAY = 1,
    FLAG_NUMBER = 2,
    FLAG_STATUS = 4,
    HEAD = 41,
    KEY_MAX = 8 + GW_COMMAND_TEXT_MAX
};

/* What an entry that seems older than what is kept has left after a start. */
static const uint64_t GRACE_MS = 24ull * 3600 * 1000;

/* Part of the format. */
_Static_assert(DNP3_STAGE_QUEUED == 0 && DNP3_STAGE_SELECT == 1 && DNP3_STAGE_OPERATE == 2,
               "stages are stored as numbers");
_Static_assert(GW_FEEDBACK_NONE == 0 && GW_FEEDBACK_REACHED == 1 && GW_FEEDBACK_NOT_REACHED == 2,
               "feedback is stored as a number");

static void put(uint8_t *to, uint64_t value, unsigned octets)
{
    for (unsigned i = 0; i < octets; i++)
        to[i] = (uint8_t)(value >> (8 * (octets - 1 - i)));
}

static uint64_t get(const uint8_t *from, unsigned octets)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < octets; i++)
        value = value << 8 | from[i];
    return value;
}

static void put_text(uint8_t **at, const char *octets, size_t length)
{
    *(*at)++ = (uint8_t)length;
    memcpy(*at, octets, length);
    *at += length;
}

size_t gw_ledger_record_write(uint8_t to[GW_LEDGER_RECORD_MAX], const struct gw_ledger_entry *entry,
                              int64_t opened_wall_ms)
{
    const struct gw_control_result *result = &entry->result;
    const char *outcome = entry->under_way ? "" : gw_outcome_name(result->outcome);
    const char *reason = entry->under_way ? "" : gw_verdict_name(result->reason);
    uint64_t number;
    memcpy(&number, &entry->value.number, sizeof number);
    to[0] = FORMAT;
    to[1] = (uint8_t)((entry->under_way ? FLAG_UNDER_WAY : 0) |
                      (entry->value.is_number ? FLAG_NUMBER : 0) |
                      (result->has_status ? FLAG_STATUS : 0));
    put(to + 2, entry->scope, 8);
    put(to + 10, (uint64_t)opened_wall_ms, 8);
    put(to + 18, number, 8);
    put(to + 26, (uint64_t)result->time_ms, 8);
    put(to + 34, result->duration_ms, 4);
    to[38] = (uint8_t)result->stage;
    to[39] = (uint8_t)result->feedback;
    to[40] = result->status;
    uint8_t *at = to + HEAD;
    put_text(&at, entry->id.octets, entry->id.length);
    put_text(&at, entry->value.text.octets, entry->value.text.length);
    put_text(&at, outcome, strlen(outcome));
    put_text(&at, reason, strlen(reason));
    return (size_t)(at - to);
}

struct texts {
    const uint8_t *at, *end;
};

static bool take_text(struct texts *texts, struct gw_command_text *text)
{
    size_t length = texts->at < texts->end ? *texts->at : SIZE_MAX;
    if (length > (size_t)(texts->end - texts->at) - 1 || length > GW_COMMAND_TEXT_MAX)
        return false;
    text->length = (uint8_t)length;
    memcpy(text->octets, texts->at + 1, length);
    texts->at += 1 + length;
    return true;
}

static bool is_word(const struct gw_command_text *text, const char *word)
{
    return strlen(word) == text->length && memcmp(text->octets, word, text->length) == 0;
}

static bool read_outcome(const struct gw_command_text *text, enum gw_outcome *outcome)
{
#define X(name, word)                                                                              \
    if (is_word(text, word)) {                                                                     \
        *outcome = GW_OUTCOME_##name;                                                              \
        return true;                                                                               \
    }
    GW_OUTCOME_MAP(X)
#undef X
    return false;
}

static bool read_reason(const struct gw_command_text *text, enum gw_verdict *reason)
{
#define X(name, word)                                                                              \
    if (is_word(text, word)) {                                                                     \
        *reason = GW_VERDICT_##name;                                                               \
        return true;                                                                               \
    }
    GW_VERDICT_MAP(X)
#undef X
    return false;
}

bool gw_ledger_record_read(const uint8_t *octets, size_t size, struct gw_ledger_entry *entry,
                           int64_t *opened_wall_ms)
{
    struct gw_command_text outcome;
    struct gw_command_text reason;
    if (size < HEAD || octets[0] != FORMAT || octets[38] > DNP3_STAGE_OPERATE ||
        octets[39] > GW_FEEDBACK_NOT_REACHED)
        return false;
    uint64_t number = get(octets + 18, 8);
    *entry = (struct gw_ledger_entry){.scope = get(octets + 2, 8),
                                      .under_way = octets[1] & FLAG_UNDER_WAY,
                                      .value = {.is_number = octets[1] & FLAG_NUMBER},
                                      .result = {.has_status = octets[1] & FLAG_STATUS,
                                                 .time_ms = (int64_t)get(octets + 26, 8),
                                                 .duration_ms = (uint32_t)get(octets + 34, 4),
                                                 .stage = octets[38],
                                                 .feedback = octets[39],
                                                 .status = octets[40]}};
    memcpy(&entry->value.number, &number, sizeof number);
    *opened_wall_ms = (int64_t)get(octets + 10, 8);
    struct texts texts = {.at = octets + HEAD, .end = octets + size};
    if (!take_text(&texts, &entry->id) || !take_text(&texts, &entry->value.text) ||
        !take_text(&texts, &outcome) || !take_text(&texts, &reason) || texts.at != texts.end ||
        !entry->id.length)
        return false;
    /* A word that only another version knows: the id is taken, how it ended is not known. */
    if (!read_outcome(&outcome, &entry->result.outcome) ||
        !read_reason(&reason, &entry->result.reason))
        entry->under_way = true;
    return true;
}

static size_t key_of(uint8_t key[KEY_MAX], uint64_t scope, const struct gw_command_text *id)
{
    put(key, scope, 8);
    memcpy(key + 8, id->octets, id->length);
    return 8 + (size_t)id->length;
}

int gw_ledger_store_write(struct gw_spool *spool, const struct gw_ledger_entry *entry,
                          const struct gw_ledger_now *now, void *owner, uint32_t token)
{
    uint8_t key[KEY_MAX];
    uint8_t value[GW_LEDGER_RECORD_MAX];
    size_t key_len = key_of(key, entry->scope, &entry->id);
    int64_t age = (int64_t)(now->steady_ms - entry->opened_ms);
    size_t value_len = gw_ledger_record_write(value, entry, now->wall_ms ? now->wall_ms - age : 0);
    return gw_spool_keep(spool, GW_SPOOL_SPACE_LEDGER, key, key_len, value, value_len, owner,
                         token);
}

int gw_ledger_store_forget(struct gw_spool *spool, uint64_t scope, const struct gw_command_text *id)
{
    uint8_t key[KEY_MAX];
    size_t key_len = key_of(key, scope, id);
    return gw_spool_drop(spool, GW_SPOOL_SPACE_LEDGER, key, key_len);
}

/* Loading: all that is there, then in order of age, as the ledger wants it. */

struct loaded {
    struct gw_ledger_entry entry;
    int64_t opened_wall_ms;
};

struct load {
    struct gw_spool *spool;
    struct loaded *entries;
    size_t count, room;
    bool short_of_memory;
};

static void take_entry(void *user, const struct gw_spool_kept *kept)
{
    struct load *load = user;
    struct loaded loaded;
    if (!gw_ledger_record_read(kept->value, kept->value_len, &loaded.entry,
                               &loaded.opened_wall_ms)) {
        gw_spool_drop(load->spool, GW_SPOOL_SPACE_LEDGER, kept->key, kept->key_len);
        return;
    }
    if (load->count == load->room) {
        size_t room = load->room ? 2 * load->room : 64;
        struct loaded *entries =
            gw_memory_resize(GW_OWNER_CONTROLS, load->entries, room * sizeof *entries);
        load->short_of_memory = load->short_of_memory || !entries;
        if (!entries)
            return;
        load->entries = entries;
        load->room = room;
    }
    load->entries[load->count++] = loaded;
}

static int compare_age(const void *a, const void *b)
{
    const struct loaded *first = a;
    const struct loaded *second = b;
    return (first->opened_wall_ms > second->opened_wall_ms) -
           (first->opened_wall_ms < second->opened_wall_ms);
}

static void forget(void *user, const struct gw_ledger_entry *entry)
{
    gw_ledger_store_forget(user, entry->scope, &entry->id);
}

/* 0 where a clock does not know. A day of running is the least that an entry has before it: it is
 * the wall clock alone that says how old it is, and that clock may have been wrong when the entry
 * was written, or be wrong now. */
static uint64_t age_of(const struct loaded *loaded, const struct gw_ledger_now *now)
{
    bool known = loaded->opened_wall_ms && now->wall_ms > loaded->opened_wall_ms;
    uint64_t age = known ? (uint64_t)(now->wall_ms - loaded->opened_wall_ms) : 0;
    return age < GW_LEDGER_KEEP_MS - GRACE_MS ? age : GW_LEDGER_KEEP_MS - GRACE_MS;
}

static void enter(struct gw_ledger *ledger, const struct loaded *loaded,
                  const struct gw_ledger_now *now)
{
    const struct gw_ledger_entry *entry = &loaded->entry;
    uint64_t age = age_of(loaded, now);
    /* One that is to be answered for must be found, however long the gateway was away. */
    uint64_t opened_ms = now->steady_ms - (entry->under_way ? 0 : age);
    gw_ledger_cancel(ledger, entry->scope, &entry->id);
    gw_ledger_open(ledger, entry->scope, &entry->id, &entry->value, opened_ms);
    if (!entry->under_way)
        gw_ledger_close(ledger, entry->scope, &entry->id, &entry->result);
}

int gw_ledger_store_load(struct gw_spool *spool, struct gw_ledger *ledger,
                         const struct gw_ledger_now *now,
                         void (*unfinished)(void *user, const struct gw_ledger_entry *entry),
                         void *user)
{
    struct load load = {.spool = spool};
    int error = gw_spool_each(spool, GW_SPOOL_SPACE_LEDGER, take_entry, &load);
    if (!error && load.short_of_memory)
        error = GW_SPOOL_MEMORY;
    if (error) {
        gw_memory_release(load.entries);
        return error;
    }
    if (load.count)
        qsort(load.entries, load.count, sizeof *load.entries, compare_age);
    gw_ledger_watch(ledger, forget, spool);
    for (size_t i = 0; i < load.count; i++) {
        enter(ledger, &load.entries[i], now);
        if (load.entries[i].entry.under_way && unfinished)
            unfinished(user, &load.entries[i].entry);
    }
    gw_memory_release(load.entries);
    return 0;
}
