/* SPDX-License-Identifier: Apache-2.0 */
/* A slot for each id whose state on disk lags behind the ledger's: it is on its way there, or waits
 * for its result to be out. */
#include "gateway/command/ledger_keeper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/command/ledger_store.h"

enum {
    SLOTS = 256, /* with more at a time, commands are refused until the disk comes after */
    /* Who asks again with an id does so soon after the gateway is back. */
    DOUBT_MS = 60000,
    NO_TOKEN = 0 /* of no slot */
};

enum slot_state {
    SLOT_FREE,
    SLOT_OPENING, /* the spool has it; `waiter` waits */
    SLOT_UNTOLD,  /* ended; its result is on its way to the broker */
    SLOT_DUE,     /* its result is out: the spool is to hear of the end */
    SLOT_CLOSING  /* the spool has heard */
};

struct slot {
    enum slot_state state;
    uint32_t token; /* its number, and which use of it */
    struct gw_ledger_waiter *waiter;
    uint64_t scope;
    struct gw_command_text id;
};

struct gw_ledger_keeper {
    struct gw_ledger *ledger;
    struct gw_spool *spool; /* NULL: in memory only */
    struct gw_ledger_clocks clocks;
    struct slot slots[SLOTS];
    size_t used;
    uint32_t uses;
    struct gw_ledger_entry *unfinished; /* of the run before, until they are given */
    size_t unfinished_count, unfinished_room;
    bool short_of_memory;
    uint64_t doubt_until_ms; /* steady; 0: the spool had all that a run before left */
    int64_t began_wall_ms;   /* the first start after the salvage; 0: the clock was not set */
    bool is_rescued, is_noted;
};

struct gw_ledger_keeper *gw_ledger_keeper_create(uint32_t ids,
                                                 const struct gw_ledger_clocks *clocks)
{
    struct gw_ledger_keeper *keeper = gw_memory_allocate(GW_OWNER_CONTROLS, sizeof *keeper);
    if (!keeper)
        return NULL;
    keeper->clocks = *clocks;
    keeper->ledger = gw_ledger_create(ids, GW_LEDGER_KEEP_MS);
    if (keeper->ledger)
        return keeper;
    gw_ledger_keeper_free(keeper);
    return NULL;
}

void gw_ledger_keeper_free(struct gw_ledger_keeper *keeper)
{
    if (!keeper)
        return;
    gw_ledger_free(keeper->ledger);
    gw_memory_release(keeper->unfinished);
    gw_memory_release(keeper);
}

static uint64_t steady(const struct gw_ledger_keeper *keeper)
{
    return keeper->clocks.steady_ms(keeper->clocks.user);
}

static struct gw_ledger_now now_of(const struct gw_ledger_keeper *keeper)
{
    return (struct gw_ledger_now){.steady_ms = steady(keeper),
                                  .wall_ms = keeper->clocks.wall_ms(keeper->clocks.user)};
}

/* What the run before left. */

static void note_unfinished(void *user, const struct gw_ledger_entry *entry)
{
    struct gw_ledger_keeper *keeper = user;
    if (keeper->unfinished_count == keeper->unfinished_room) {
        size_t room = keeper->unfinished_room ? 2 * keeper->unfinished_room : 16;
        struct gw_ledger_entry *entries =
            gw_memory_resize(GW_OWNER_CONTROLS, keeper->unfinished, room * sizeof *entries);
        keeper->short_of_memory |= !entries;
        if (!entries)
            return;
        keeper->unfinished = entries;
        keeper->unfinished_room = room;
    }
    keeper->unfinished[keeper->unfinished_count++] = *entry;
}

/* The note says when the first start after the salvage was, once that is on the disk. */
static void read_note(void *user, const struct gw_spool_kept *kept)
{
    struct gw_ledger_keeper *keeper = user;
    char text[24] = "";
    memcpy(text, kept->value, kept->value_len < sizeof text ? kept->value_len : sizeof text - 1);
    keeper->is_rescued = true;
    keeper->began_wall_ms = strtoll(text, NULL, 10);
    keeper->is_noted = keeper->began_wall_ms != 0;
}

static void write_note(struct gw_ledger_keeper *keeper)
{
    char text[24];
    int length = snprintf(text, sizeof text, "%lld", (long long)keeper->began_wall_ms);
    keeper->is_noted =
        !gw_spool_keep(keeper->spool, GW_SPOOL_SPACE_RESCUED, GW_SPOOL_RESCUED_KEY,
                       sizeof GW_SPOOL_RESCUED_KEY - 1, text, (size_t)length, keeper, NO_TOKEN);
}

/* Ids lie in the same file as messages, and nobody knows how many there were. The note of it stays
 * in the file until a run has come to the end of its doubt. */
static void begin_doubt(struct gw_ledger_keeper *keeper, const struct gw_ledger_now *now)
{
    if (gw_spool_each(keeper->spool, GW_SPOOL_SPACE_RESCUED, read_note, keeper) ||
        !keeper->is_rescued)
        return;
    keeper->doubt_until_ms = now->steady_ms + DOUBT_MS;
    if (!keeper->is_noted)
        keeper->began_wall_ms = now->wall_ms;
    gw_log(GW_LOG_WARNING, "spool",
           "ids of commands may have gone with a damaged file: for %d s a command with an id and "
           "without a time after this start is answered as unknown",
           DOUBT_MS / 1000);
}

int gw_ledger_keeper_load(struct gw_ledger_keeper *keeper, struct gw_spool *spool)
{
    const struct gw_ledger_now now = now_of(keeper);
    int error = gw_ledger_store_load(spool, keeper->ledger, &now, note_unfinished, keeper);
    if (!error && keeper->short_of_memory)
        error = GW_SPOOL_MEMORY;
    if (error)
        return error;
    keeper->spool = spool;
    begin_doubt(keeper, &now);
    return 0;
}

bool gw_ledger_keeper_doubts(const struct gw_ledger_keeper *keeper, int64_t time_ms)
{
    bool made_since = keeper->began_wall_ms && time_ms > keeper->began_wall_ms;
    return !made_since && steady(keeper) < keeper->doubt_until_ms;
}

void gw_ledger_keeper_unfinished(struct gw_ledger_keeper *keeper,
                                 void (*each)(void *user, const struct gw_ledger_entry *entry),
                                 void *user)
{
    for (size_t i = 0; i < keeper->unfinished_count; i++)
        each(user, &keeper->unfinished[i]);
    gw_memory_release(keeper->unfinished);
    keeper->unfinished = NULL;
    keeper->unfinished_count = keeper->unfinished_room = 0;
}

/* Slots */

static struct slot *take_slot(struct gw_ledger_keeper *keeper, enum slot_state state,
                              uint64_t scope, const struct gw_command_text *id)
{
    uint32_t number = 0;
    while (number < SLOTS && keeper->slots[number].state != SLOT_FREE)
        number++;
    if (number == SLOTS)
        return NULL;
    struct slot *slot = &keeper->slots[number];
    keeper->uses = keeper->uses % (UINT32_MAX / SLOTS - 1) + 1; /* a token is never 0 */
    *slot = (struct slot){
        .state = state, .token = keeper->uses * SLOTS + number, .scope = scope, .id = *id};
    keeper->used++;
    return slot;
}

static void free_slot(struct gw_ledger_keeper *keeper, struct slot *slot)
{
    slot->state = SLOT_FREE;
    keeper->used--;
}

/* NULL where that use of it is over. */
static struct slot *slot_of(struct gw_ledger_keeper *keeper, uint32_t token, enum slot_state state)
{
    struct slot *slot = &keeper->slots[token % SLOTS];
    return slot->state == state && slot->token == token ? slot : NULL;
}

const struct gw_ledger_entry *gw_ledger_keeper_find(struct gw_ledger_keeper *keeper, uint64_t scope,
                                                    const struct gw_command_text *id)
{
    return gw_ledger_find(keeper->ledger, scope, id, steady(keeper));
}

static int write_entry(struct gw_ledger_keeper *keeper, const struct slot *slot)
{
    const struct gw_ledger_now now = now_of(keeper);
    const struct gw_ledger_entry *entry =
        gw_ledger_find(keeper->ledger, slot->scope, &slot->id, now.steady_ms);
    return gw_ledger_store_write(keeper->spool, entry, &now, keeper, slot->token);
}

int gw_ledger_keeper_open(struct gw_ledger_keeper *keeper, uint64_t scope,
                          const struct gw_command_text *id, const struct gw_command_value *value,
                          struct gw_ledger_waiter *waiter)
{
    struct slot *slot = NULL;
    if (keeper->spool && !(slot = take_slot(keeper, SLOT_OPENING, scope, id)))
        return GW_SPOOL_BUSY;
    gw_ledger_open(keeper->ledger, scope, id, value, steady(keeper));
    if (!slot)
        return 0;
    slot->waiter = waiter;
    int error = write_entry(keeper, slot);
    if (!error)
        return GW_LEDGER_WAITS;
    free_slot(keeper, slot);
    gw_ledger_cancel(keeper->ledger, scope, id);
    return error;
}

static void nobody_waits(void *user, int error)
{
    (void)user;
    (void)error;
}

uint32_t gw_ledger_keeper_disown(struct gw_ledger_keeper *keeper, uint64_t scope,
                                 const struct gw_command_text *id,
                                 const struct gw_command_value *value,
                                 const struct gw_control_result *result)
{
    static struct gw_ledger_waiter nobody = {.kept = nobody_waits};
    if (gw_ledger_keeper_open(keeper, scope, id, value, &nobody) < 0)
        gw_ledger_open(keeper->ledger, scope, id, value, steady(keeper));
    return gw_ledger_keeper_close(keeper, scope, id, result);
}

void gw_ledger_keeper_leave(struct gw_ledger_keeper *keeper, const struct gw_ledger_waiter *waiter)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (keeper->slots[i].state == SLOT_OPENING && keeper->slots[i].waiter == waiter)
            free_slot(keeper, &keeper->slots[i]);
}

/* The end */

/* The disk is to say what the ledger says: how it ended, or nothing at all. */
static void settle(struct gw_ledger_keeper *keeper, struct slot *slot)
{
    const struct gw_ledger_entry *entry = gw_ledger_keeper_find(keeper, slot->scope, &slot->id);
    if (!entry) {
        slot->state = SLOT_DUE;
        if (gw_ledger_store_forget(keeper->spool, slot->scope, &slot->id) == 0)
            free_slot(keeper, slot);
    } else if (entry->under_way) { /* refused, and asked for again meanwhile */
        free_slot(keeper, slot);
    } else {
        slot->state = write_entry(keeper, slot) ? SLOT_DUE : SLOT_CLOSING;
    }
}

static uint32_t end(struct gw_ledger_keeper *keeper, uint64_t scope,
                    const struct gw_command_text *id)
{
    if (!keeper->spool)
        return 0;
    struct slot *slot = take_slot(keeper, SLOT_UNTOLD, scope, id);
    if (slot)
        return slot->token;
    /* More than the gateway has commands under way: its result is not waited for. */
    struct slot passing = {.state = SLOT_DUE, .scope = scope, .id = *id};
    keeper->used++;
    settle(keeper, &passing);
    keeper->used -= passing.state != SLOT_FREE;
    return 0;
}

uint32_t gw_ledger_keeper_close(struct gw_ledger_keeper *keeper, uint64_t scope,
                                const struct gw_command_text *id,
                                const struct gw_control_result *result)
{
    gw_ledger_close(keeper->ledger, scope, id, result);
    return end(keeper, scope, id);
}

uint32_t gw_ledger_keeper_cancel(struct gw_ledger_keeper *keeper, uint64_t scope,
                                 const struct gw_command_text *id)
{
    gw_ledger_cancel(keeper->ledger, scope, id);
    return end(keeper, scope, id);
}

void gw_ledger_keeper_told(struct gw_ledger_keeper *keeper, uint32_t receipt)
{
    struct slot *slot = slot_of(keeper, receipt, SLOT_UNTOLD);
    if (slot)
        settle(keeper, slot);
}

void gw_ledger_keeper_untold(struct gw_ledger_keeper *keeper, uint32_t receipt)
{
    struct slot *slot = slot_of(keeper, receipt, SLOT_UNTOLD);
    if (slot)
        free_slot(keeper, slot);
}

void gw_ledger_keeper_kept(struct gw_ledger_keeper *keeper, uint32_t token, int error)
{
    struct slot *slot = slot_of(keeper, token, SLOT_CLOSING);
    if (slot && error)
        slot->state = SLOT_DUE;
    else if (slot)
        free_slot(keeper, slot);
    slot = slot_of(keeper, token, SLOT_OPENING);
    if (!slot)
        return;
    const struct gw_ledger_waiter *waiter = slot->waiter;
    free_slot(keeper, slot);
    waiter->kept(waiter->user, error);
}

/* Not while there are ids that the disk has not. */
static void end_doubt(struct gw_ledger_keeper *keeper)
{
    if (keeper->doubt_until_ms && steady(keeper) >= keeper->doubt_until_ms && !keeper->used &&
        gw_spool_drop(keeper->spool, GW_SPOOL_SPACE_RESCUED, GW_SPOOL_RESCUED_KEY,
                      sizeof GW_SPOOL_RESCUED_KEY - 1) == 0)
        keeper->doubt_until_ms = 0;
}

void gw_ledger_keeper_tick(struct gw_ledger_keeper *keeper)
{
    if (keeper->doubt_until_ms && !keeper->is_noted)
        write_note(keeper);
    end_doubt(keeper);
    for (size_t i = 0; keeper->used && i < SLOTS; i++)
        if (keeper->slots[i].state == SLOT_DUE)
            settle(keeper, &keeper->slots[i]);
}
