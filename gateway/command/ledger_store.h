/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger's entries in the spool: an id is durable before the first octet of its control leaves,
 * so that nothing operates twice across a crash. Ages are told by the wall clock, which alone goes
 * on while the gateway is down; what seems to come from the future counts as new, and so does
 * everything where that clock was not set, or is not. */
#ifndef GW_LEDGER_STORE_H
#define GW_LEDGER_STORE_H

#include "gateway/command/ledger.h"
#include "gateway/spool/spool.h"

/* The same moment by both clocks. */
struct gw_ledger_now {
    uint64_t steady_ms; /* as gw_ledger takes it */
    int64_t wall_ms;    /* 0: it cannot be trusted */
};

/* Fills an empty ledger with what a run before kept, the oldest first. None is too old at a start:
 * each has a day of running at least. Between create and start of the spool. `unfinished` is called
 * with each entry that was under way when that run ended: its control may have operated, and it
 * stays under way here until it is closed. 0, or GW_SPOOL_FILE or GW_SPOOL_MEMORY. */
int gw_ledger_store_load(struct gw_spool *spool, struct gw_ledger *ledger,
                         const struct gw_ledger_now *now,
                         void (*unfinished)(void *user, const struct gw_ledger_entry *entry),
                         void *user);

/* Keeps an entry as it is now: after gw_ledger_open, and again after gw_ledger_close. The spool's
 * `kept` tells `owner` and `token` when it is durable; only then may the control leave. Errors are
 * the spool's. */
int gw_ledger_store_write(struct gw_spool *spool, const struct gw_ledger_entry *entry,
                          const struct gw_ledger_now *now, void *owner, uint32_t token);
/* After gw_ledger_cancel, and for what gw_ledger_watch tells: the id may be used again. */
int gw_ledger_store_forget(struct gw_spool *spool, uint64_t scope,
                           const struct gw_command_text *id);

enum { GW_LEDGER_RECORD_MAX = 256 };

/* The octets of an entry; its opened_ms is not among them but the wall clock's. */
size_t gw_ledger_record_write(uint8_t to[GW_LEDGER_RECORD_MAX], const struct gw_ledger_entry *entry,
                              int64_t opened_wall_ms);
/* False where they are not those of an entry. */
bool gw_ledger_record_read(const uint8_t *octets, size_t size, struct gw_ledger_entry *entry,
                           int64_t *opened_wall_ms);

#endif
