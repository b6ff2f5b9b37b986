/* SPDX-License-Identifier: Apache-2.0 */
/* Controls and commands of outstations above one ledger with a real spool in a directory of its
 * own. A run may end at any point, and the next one finds what the disk has. */
#ifndef LEDGER_BENCH_H
#define LEDGER_BENCH_H

#include <errno.h>
#include <stdatomic.h>

#include "gateway/command/ledger_store.h"
#include "tests/lib/command_bench.h"
#include "tests/lib/spool_bench.h"

struct ledger_bench {
    struct command_bench commands; /* its `host` has clock, keeper and what was published */
    struct gw_controls *controls;
    struct spool_bench spool;
    atomic_bool failing;      /* the disk; its thread looks, too */
    unsigned unknown_entries; /* unfinished ones that nobody knew */
};

static inline int ledger_bench_fault(void *user)
{
    return ((struct ledger_bench *)user)->failing ? EIO : 0;
}

static inline void ledger_bench_kept(void *owner, uint32_t token, int error)
{
    if (owner)
        gw_ledger_keeper_kept(owner, token, error);
}

static inline void ledger_bench_unfinished(void *user, const struct gw_ledger_entry *entry)
{
    struct ledger_bench *bench = user;
    if (!gw_controls_restarted(bench->controls, entry) &&
        !gw_commands_restarted(bench->commands.commands, entry))
        bench->unknown_entries++;
}

/* A run, on the disk that the last one left. `commands` may be NULL: the same configuration. */
static inline void ledger_bench_start(struct ledger_bench *bench, const struct gw_config *controls,
                                      const struct gw_config *commands, const char *switch_file)
{
    struct control_bench *host = &bench->commands.host;
    const struct gw_ledger_clocks clocks = {bench_steady, bench_wall, host};
    const struct gw_controls_host controls_host = bench_calls(switch_file);
    const struct gw_commands_host commands_host = command_bench_calls(switch_file);
    bench->spool.on_kept = ledger_bench_kept;
    bench->spool.options.fault = ledger_bench_fault;
    bench->spool.options.fault_user = bench;
    host->keeper = gw_ledger_keeper_create(GW_LEDGER_IDS, &clocks);
    bench->controls = gw_controls_create(controls, host->keeper, &controls_host, host);
    bench->commands.commands =
        gw_commands_create(commands, host->keeper, &commands_host, &bench->commands);
    if (!bench_create(&bench->spool) || gw_ledger_keeper_load(host->keeper, bench->spool.spool))
        abort();
    uv_loop_init(&bench->spool.loop);
    if (gw_spool_start(bench->spool.spool, &bench->spool.loop))
        abort();
    gw_ledger_keeper_unfinished(host->keeper, ledger_bench_unfinished, bench);
}

/* The run ends; what it gave to the disk is there. */
static inline void ledger_bench_end(struct ledger_bench *bench)
{
    gw_controls_free(bench->controls);
    gw_commands_free(bench->commands.commands);
    bench->spool.on_kept = NULL; /* as a process that is gone hears of nothing */
    bench_close(&bench->spool);
    gw_ledger_keeper_free(bench->commands.host.keeper);
}

/* Until the disk has answered. */
static inline void ledger_bench_settle(struct ledger_bench *bench)
{
    bench_settle(&bench->spool);
}

/* The broker has the last result. */
static inline void ledger_bench_tell(struct ledger_bench *bench)
{
    gw_ledger_keeper_told(bench->commands.host.keeper, bench->commands.host.receipt);
    ledger_bench_settle(bench);
}

#endif
