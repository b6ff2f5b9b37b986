/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the spool share: a bench for each, which is closed and leaves nothing. */
#ifndef SPOOL_STEPS_H
#define SPOOL_STEPS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/base/memory.h"
#include "tests/lib/spool_bench.h"

static inline int set_up(void **state)
{
    struct spool_bench *bench = calloc(1, sizeof *bench);
    bench_folder(bench);
    bench_options(bench);
    *state = bench;
    return 0;
}

static inline int tear_down(void **state)
{
    struct spool_bench *bench = *state;
    if (bench->spool)
        bench_close(bench);
    assert_int_equal(gw_memory_used(GW_OWNER_SPOOL), 0);
    bench_remove(bench);
    free(bench);
    return 0;
}

static inline struct gw_spool_state state_of(const struct spool_bench *bench)
{
    struct gw_spool_state state;
    gw_spool_state(bench->spool, &state);
    return state;
}

#endif
