/* SPDX-License-Identifier: Apache-2.0 */
/* The journal on a spool that has something to say while it is opened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gateway/delivery/journal.h"
#include "tests/lib/spool_bench.h"

static void changed(void *user)
{
    ++*(unsigned *)user;
}

static bool online(void *user)
{
    (void)user;
    return true;
}

static void kept(void *user, void *owner, uint32_t token, int error)
{
    (void)user;
    (void)owner;
    (void)token;
    (void)error;
}

/* Whose first page is no page of LMDB's. */
static void write_damaged(const struct spool_bench *bench)
{
    char path[400];
    char page[4096];
    bench_file(bench, "spool.mdb", path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    memset(page, 0x5a, sizeof page);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(fwrite(page, sizeof page, 1, file), 1);
    fclose(file);
}

static void opens_what_is_damaged(void **state)
{
    (void)state;
    static const struct gw_journal_callbacks callbacks = {
        .changed = changed, .online = online, .kept = kept};
    struct spool_bench bench = {0};
    struct gw_spool_state spool;
    char why[GW_SPOOL_WHY];
    unsigned changes = 0;
    bench_folder(&bench);
    write_damaged(&bench);
    const struct gw_journal_options options = {
        .path = bench.path, .max_mb = 4, .outbox_messages = 64};
    struct gw_journal *journal = gw_journal_create(&options, &callbacks, &changes, why);
    assert_non_null(journal);
    assert_int_equal(changes, 0); /* who makes it has nothing to ask yet */
    assert_false(gw_journal_usable(journal));
    gw_spool_state(gw_journal_spool(journal), &spool);
    assert_int_equal(spool.word, GW_SPOOL_IS_DAMAGED);
    gw_journal_free(journal);
    bench_remove(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(opens_what_is_damaged)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
