/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger with the spool behind it, for controls and for commands that write. On disk an id is
 * under way before the first octet of its command may leave, and until the broker has its result:
 * whenever the gateway dies, the next start either knows nothing, and nothing has operated, or
 * finds the id and answers for it. Without a spool ids live in memory, and nobody waits. */
#ifndef GW_LEDGER_KEEPER_H
#define GW_LEDGER_KEEPER_H

#include "gateway/command/ledger.h"
#include "gateway/spool/spool.h"

struct gw_ledger_keeper;

/* The clocks: steady ms, and ms since 1970, or 0 while that cannot be trusted. */
struct gw_ledger_clocks {
    uint64_t (*steady_ms)(void *user);
    int64_t (*wall_ms)(void *user);
    void *user;
};

/* Whoever opened an id, part of what waits. 0: it is durable; else an error of the spool. */
struct gw_ledger_waiter {
    void (*kept)(void *user, int error);
    void *user;
};

/* Keeps up to `ids`. NULL without memory. */
struct gw_ledger_keeper *gw_ledger_keeper_create(uint32_t ids,
                                                 const struct gw_ledger_clocks *clocks);
void gw_ledger_keeper_free(struct gw_ledger_keeper *keeper);

/* Takes over what a run before left in the spool, which serves from now on. Between create and
 * start of the spool. 0, or GW_SPOOL_FILE, GW_SPOOL_MEMORY, GW_SPOOL_INVALID. */
int gw_ledger_keeper_load(struct gw_ledger_keeper *keeper, struct gw_spool *spool);
/* Gives, once, each command that was under way when the run before ended: it may have operated. It
 * is to be closed; until then it stays so, on disk too. After the spool's start. */
void gw_ledger_keeper_unfinished(struct gw_ledger_keeper *keeper,
                                 void (*each)(void *user, const struct gw_ledger_entry *entry),
                                 void *user);

const struct gw_ledger_entry *gw_ledger_keeper_find(struct gw_ledger_keeper *keeper, uint64_t scope,
                                                    const struct gw_command_text *id);

/* A command with a new id wants to leave. 0: it may, now. GW_LEDGER_WAITS: `waiter`, which stays
 * where it is, is told once. Or an error of the spool: it may not, and nothing is open. */
enum { GW_LEDGER_WAITS = 1 };
int gw_ledger_keeper_open(struct gw_ledger_keeper *keeper, uint64_t scope,
                          const struct gw_command_text *id, const struct gw_command_value *value,
                          struct gw_ledger_waiter *waiter);
/* True where an id that is new here may have gone with a damaged spool: for a minute after a start
 * that found the spool so, and after each one before such a minute was over, unless the command
 * says (`time_ms`, 0: it does not) that it was made since. */
bool gw_ledger_keeper_doubts(const struct gw_ledger_keeper *keeper, int64_t time_ms);
/* Such an id ended so, as far as anybody knows; it is answered with that from now on, on disk too
 * where the spool takes it. Returns what gw_ledger_keeper_close does. */
uint32_t gw_ledger_keeper_disown(struct gw_ledger_keeper *keeper, uint64_t scope,
                                 const struct gw_command_text *id,
                                 const struct gw_command_value *value,
                                 const struct gw_control_result *result);
/* Nobody waits here any more. Unknown ones are legal. */
void gw_ledger_keeper_leave(struct gw_ledger_keeper *keeper, const struct gw_ledger_waiter *waiter);

/* How a command ended, or that nothing was sent and its id is free again. What is returned goes
 * with the result to gw_ledger_keeper_told(); 0: it need not be told. */
uint32_t gw_ledger_keeper_close(struct gw_ledger_keeper *keeper, uint64_t scope,
                                const struct gw_command_text *id,
                                const struct gw_control_result *result);
uint32_t gw_ledger_keeper_cancel(struct gw_ledger_keeper *keeper, uint64_t scope,
                                 const struct gw_command_text *id);
/* The broker has the result, or has refused it. */
void gw_ledger_keeper_told(struct gw_ledger_keeper *keeper, uint32_t receipt);
/* It could not be published: the next start says what it can. */
void gw_ledger_keeper_untold(struct gw_ledger_keeper *keeper, uint32_t receipt);

/* From the spool: `kept` with the keeper as owner. */
void gw_ledger_keeper_kept(struct gw_ledger_keeper *keeper, uint32_t token, int error);
/* Once a second: what the spool did not take is tried again. */
void gw_ledger_keeper_tick(struct gw_ledger_keeper *keeper);

#endif
