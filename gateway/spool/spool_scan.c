/* SPDX-License-Identifier: Apache-2.0 */
/* The walk through a whole file before anybody trusts it: every record, every key, every list of
 * free pages, and whether they add up. */
#include <string.h>

#include "gateway/spool/spool_store_internal.h"

static bool message_is_right(const struct gw_spool_walk *walk, uint64_t before)
{
    uint64_t sequence = gw_spool_store_sequence(&walk->key);
    return walk->key.mv_size == 8 && sequence > before &&
           gw_spool_store_is_message(walk->value.mv_data, walk->value.mv_size, sequence);
}

static bool kept_is_right(const struct gw_spool_walk *walk)
{
    struct gw_spool_kept kept;
    const uint8_t *key = walk->key.mv_data;
    return gw_spool_kept_read(walk->value.mv_data, walk->value.mv_size, &kept) ==
               walk->value.mv_size &&
           walk->key.mv_size == 1 + kept.key_len && key[0] == kept.space &&
           memcmp(key + 1, kept.key, kept.key_len) == 0;
}

static int scan_messages(MDB_env *env, MDB_dbi tree, struct gw_spool_scan *scan,
                         struct gw_spool_mark *found)
{
    struct gw_spool_walk walk;
    uint64_t before = 0;
    int error = gw_spool_walk_begin(&walk, env, tree);
    if (error)
        return error;
    while (!(error = gw_spool_walk_next(&walk)) && !scan->wrong) {
        scan->wrong += !message_is_right(&walk, before);
        before = gw_spool_store_sequence(&walk.key);
        if (!found->messages)
            found->first = before;
        found->messages++;
        found->octets += walk.value.mv_size;
    }
    scan->messages = found->messages;
    found->next = before + 1;
    gw_spool_walk_end(&walk);
    return error == MDB_NOTFOUND ? 0 : error;
}

static int scan_kept(MDB_env *env, MDB_dbi tree, struct gw_spool_scan *scan)
{
    struct gw_spool_walk walk;
    int error = gw_spool_walk_begin(&walk, env, tree);
    if (error)
        return error;
    while (!(error = gw_spool_walk_next(&walk)) && !scan->wrong) {
        scan->wrong += !kept_is_right(&walk);
        scan->kept++;
    }
    gw_spool_walk_end(&walk);
    return error == MDB_NOTFOUND ? 0 : error;
}

/* A list of free pages: their count, then so many numbers, falling. Another's page among them would
 * be overwritten. */
static bool free_list_is_right(const struct gw_spool_walk *walk, uint64_t last_page,
                               uint64_t *count)
{
    const size_t *list = walk->value.mv_data;
    if (walk->key.mv_size != sizeof(size_t) || walk->value.mv_size < sizeof(size_t) ||
        list[0] > walk->value.mv_size / sizeof(size_t) - 1)
        return false;
    for (size_t i = 1; i <= list[0]; i++)
        if (list[i] < GW_SPOOL_METAS || list[i] > last_page || (i > 1 && list[i] >= list[i - 1]))
            return false;
    *count += list[0];
    return true;
}

static int scan_free(MDB_env *env, struct gw_spool_scan *scan, uint64_t used)
{
    struct gw_spool_walk walk;
    MDB_envinfo info;
    uint64_t count = 0;
    int error = mdb_env_info(env, &info);
    if (!error)
        error = gw_spool_walk_begin(&walk, env, GW_SPOOL_FREE_PAGES);
    if (error)
        return error;
    while (!(error = gw_spool_walk_next(&walk)) && !scan->wrong)
        scan->wrong += !free_list_is_right(&walk, info.me_last_pgno, &count);
    gw_spool_walk_end(&walk);
    scan->wrong += used + count > info.me_last_pgno + 1;
    return error == MDB_NOTFOUND ? 0 : error;
}

static int scan_all(struct gw_spool_store *store, struct gw_spool_scan *scan)
{
    MDB_txn *txn;
    uint64_t used = 0;
    struct gw_spool_mark found = {0};
    int error = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    if (error)
        return error;
    error = mdb_dbi_open(txn, "messages", 0, &store->messages);
    if (!error)
        error = mdb_dbi_open(txn, "kept", 0, &store->kept);
    if (!error)
        error = gw_spool_store_read_mark(txn, &store->mark);
    if (!error)
        error = gw_spool_store_pages(store, txn, &used);
    if (error) {
        mdb_txn_abort(txn);
        return error;
    }
    mdb_txn_commit(txn); /* keeps the handles of the trees */
    error = scan_messages(store->env, store->messages, scan, &found);
    scan->wrong += found.messages != store->mark.messages || found.octets != store->mark.octets ||
                   found.next > store->mark.next;
    if (!error)
        error = scan_kept(store->env, store->kept, scan);
    return error ? error : scan_free(store->env, scan, used);
}

void gw_spool_store_scan(const char *path, struct gw_spool_scan *scan)
{
    struct gw_spool_store store = {0};
    *scan = (struct gw_spool_scan){0};
    scan->error = mdb_env_create(&store.env);
    if (!scan->error)
        scan->error = mdb_env_set_maxdbs(store.env, 2);
    if (!scan->error)
        scan->error = mdb_env_open(store.env, path, GW_SPOOL_STORE_FLAGS | MDB_RDONLY, 0);
    if (!scan->error)
        scan->error = scan_all(&store, scan);
    if (store.env)
        mdb_env_close(store.env);
}
