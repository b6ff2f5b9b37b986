/* SPDX-License-Identifier: Apache-2.0 */
/* The ids of commands that were sent, with what became of them: who asks again with the same id
 * gets the same answer, and nothing operates twice. In memory; ledger_store.h
 * keeps it in the spool. All memory is taken at create and touched as it fills. */
#ifndef GW_LEDGER_H
#define GW_LEDGER_H

#include "gateway/command/control_result.h"

enum { GW_LEDGER_IDS = 10000 };
static const uint64_t GW_LEDGER_KEEP_MS = 7ull * 24 * 3600 * 1000;

struct gw_ledger;

struct gw_ledger_entry {
    uint64_t scope;
    uint64_t opened_ms;
    struct gw_command_text id;
    struct gw_command_value value;
    bool under_way;
    struct gw_control_result result; /* once it is not under way */
};

/* Keeps up to `capacity` ids for `keep_ms`, the oldest go first. NULL without memory. */
struct gw_ledger *gw_ledger_create(uint32_t capacity, uint64_t keep_ms);
void gw_ledger_free(struct gw_ledger *ledger);

/* From now on `forgotten` is called with each entry that age or want of room removes. */
void gw_ledger_watch(struct gw_ledger *ledger,
                     void (*forgotten)(void *user, const struct gw_ledger_entry *entry),
                     void *user);

/* Names a control of an outstation, the same in every run: ids are unique within. */
uint64_t gw_ledger_scope(const char *outstation, const char *control);

/* The entry of an id, or NULL. It lives until the next open or cancel. */
const struct gw_ledger_entry *gw_ledger_find(struct gw_ledger *ledger, uint64_t scope,
                                             const struct gw_command_text *id, uint64_t now_ms);
/* Writes that a command is under way, before it may leave; the id must not be there. */
void gw_ledger_open(struct gw_ledger *ledger, uint64_t scope, const struct gw_command_text *id,
                    const struct gw_command_value *value, uint64_t now_ms);
/* Writes how it ended. */
void gw_ledger_close(struct gw_ledger *ledger, uint64_t scope, const struct gw_command_text *id,
                     const struct gw_control_result *result);
/* Nothing was sent: the id may be used again. */
void gw_ledger_cancel(struct gw_ledger *ledger, uint64_t scope, const struct gw_command_text *id);
uint32_t gw_ledger_count(const struct gw_ledger *ledger);

#endif
