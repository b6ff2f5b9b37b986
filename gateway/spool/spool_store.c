/* SPDX-License-Identifier: Apache-2.0 */
/* LMDB with its lock file left out: one process has the directory (spool_file.h), and in it one
 * thread at a time is here. Never MDB_WRITEMAP or MDB_NOSYNC.
 *
 * With MDB_NOMETASYNC commit n waits for the disk once, for its pages, and then writes its meta
 * page over that of n-2 without waiting. The next wait, of commit n+1 for its pages or of a flush,
 * makes that durable. Until then the disk has meta page n or n-2 in one place and n-1, which the
 * wait of n has made durable, in the other, and after a power cut LMDB goes on from the newer one:
 * n or n-1. The trees of both are whole, because transaction n+1 writes only to pages that were
 * free in n-1 already (mdb_page_alloc takes lists of pages freed up to n-1, see mdb_find_oldest),
 * and n+2 begins when n is durable. tests/unit/test_spool_power.c cuts the power everywhere. */
#include "gateway/spool/spool_store_internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char mark_name[] = "mark";

enum {
    /* At MDB_MAP_FULL not even deletes work, so messages stop well before, and small kept values a
     * little later. */
    MESSAGES_PERCENT = 95,
    KEPT_PERCENT = 98,
    META_OCTETS = 512 /* of its page, more than it has; one sector, so that it is never torn */
};

struct key {
    uint8_t octets[1 + GW_SPOOL_KEY_MAX];
};

/* Big-endian, so that LMDB's order is the sequence's. */
static MDB_val sequence_key(struct key *key, uint64_t sequence)
{
    for (int i = 0; i < 8; i++)
        key->octets[i] = (uint8_t)(sequence >> (56 - 8 * i));
    return (MDB_val){.mv_size = 8, .mv_data = key->octets};
}

uint64_t gw_spool_store_sequence(const MDB_val *key)
{
    uint64_t sequence = 0;
    const uint8_t *octets = key->mv_data;
    for (size_t i = 0; i < 8 && i < key->mv_size; i++)
        sequence = sequence << 8 | octets[i];
    return sequence;
}

static MDB_val kept_key(struct key *key, uint8_t space, const void *octets, size_t length)
{
    if (length > GW_SPOOL_KEY_MAX)
        length = GW_SPOOL_KEY_MAX;
    key->octets[0] = space;
    if (length)
        memcpy(key->octets + 1, octets, length);
    return (MDB_val){.mv_size = 1 + length, .mv_data = key->octets};
}

const char *gw_spool_store_text(int error)
{
    return error == GW_SPOOL_STORE_FULL ? "full" : mdb_strerror(error);
}

static int pages_of(MDB_txn *txn, MDB_dbi tree, uint64_t *pages)
{
    MDB_stat stat;
    int error = mdb_stat(txn, tree, &stat);
    if (!error)
        *pages += stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
    return error;
}

int gw_spool_store_pages(const struct gw_spool_store *store, MDB_txn *txn, uint64_t *pages)
{
    *pages = GW_SPOOL_METAS;
    int error = pages_of(txn, GW_SPOOL_FREE_PAGES, pages);
    if (!error)
        error = pages_of(txn, GW_SPOOL_ROOT, pages);
    if (!error)
        error = pages_of(txn, store->messages, pages);
    return error ? error : pages_of(txn, store->kept, pages);
}

static int require_room(const struct gw_spool_store *store, unsigned percent)
{
    uint64_t pages;
    int error = gw_spool_store_pages(store, store->txn, &pages);
    if (error)
        return error;
    return pages * 100 > store->pages_max * percent ? GW_SPOOL_STORE_FULL : 0;
}

int gw_spool_store_read_mark(MDB_txn *txn, struct gw_spool_mark *mark)
{
    MDB_val name = {.mv_size = sizeof mark_name, .mv_data = (void *)(uintptr_t)mark_name};
    MDB_val value;
    int error = mdb_get(txn, GW_SPOOL_ROOT, &name, &value);
    if (error)
        return error;
    return gw_spool_mark_read(value.mv_data, value.mv_size, mark) ? 0 : MDB_CORRUPTED;
}

static int first_sequence(const struct gw_spool_store *store, uint64_t *first)
{
    MDB_val key;
    MDB_val value;
    MDB_cursor *cursor;
    int error = mdb_cursor_open(store->txn, store->messages, &cursor);
    if (error)
        return error;
    error = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    *first = error ? store->pending.next : gw_spool_store_sequence(&key);
    mdb_cursor_close(cursor);
    return error == MDB_NOTFOUND ? 0 : error;
}

/* Beside the roots of the trees, on a page that each commit writes anyway. */
static int write_mark(struct gw_spool_store *store)
{
    uint8_t octets[GW_SPOOL_MARK_SIZE];
    MDB_val name = {.mv_size = sizeof mark_name, .mv_data = (void *)(uintptr_t)mark_name};
    MDB_val value = {.mv_size = sizeof octets, .mv_data = octets};
    int error = first_sequence(store, &store->pending.first);
    if (error)
        return error;
    store->pending.commit++;
    gw_spool_mark_write(octets, &store->pending);
    return mdb_put(store->txn, GW_SPOOL_ROOT, &name, &value, 0);
}

static int open_trees(struct gw_spool_store *store)
{
    int error = mdb_txn_begin(store->env, NULL, 0, &store->txn);
    if (error)
        return error;
    error = mdb_dbi_open(store->txn, "messages", MDB_CREATE, &store->messages);
    if (!error)
        error = mdb_dbi_open(store->txn, "kept", MDB_CREATE, &store->kept);
    if (!error)
        error = gw_spool_store_read_mark(store->txn, &store->mark);
    if (!error) { /* an old file: nothing to write */
        store->durable = store->mark;
        error = gw_spool_store_pages(store, store->txn, &store->pages);
        mdb_txn_commit(store->txn);
        store->txn = NULL;
        return error;
    }
    if (error != MDB_NOTFOUND)
        return error;
    store->mark = (struct gw_spool_mark){.first = 1, .next = 1, .number = 1};
    store->pending = store->mark;
    store->confirmed = true; /* it has no other pages than these */
    error = gw_spool_store_commit(store);
    return error ? error : gw_spool_store_flush(store);
}

int gw_spool_store_open(struct gw_spool_store *store, const char *path, size_t max_octets)
{
    MDB_stat stat;
    int error = mdb_env_create(&store->env);
    if (error)
        return error;
    error = mdb_env_set_maxdbs(store->env, 2);
    if (!error)
        error = mdb_env_set_mapsize(store->env, max_octets & ~(size_t)0xffff);
    if (!error)
        error = mdb_env_open(store->env, path, GW_SPOOL_STORE_FLAGS, 0640);
    if (!error)
        error = mdb_env_stat(store->env, &stat);
    if (!error) {
        store->page_octets = stat.ms_psize;
        store->pages_max = max_octets / stat.ms_psize;
        error = open_trees(store);
    }
    if (!error)
        error = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &store->reader);
    if (!error)
        error = mdb_cursor_open(store->reader, store->messages, &store->reader_cursor);
    if (error) {
        gw_spool_store_close(store);
        return error;
    }
    mdb_txn_reset(store->reader);
    return 0;
}

void gw_spool_store_close(struct gw_spool_store *store)
{
    gw_spool_store_abandon(store);
    if (store->reader_cursor)
        mdb_cursor_close(store->reader_cursor);
    if (store->reader)
        mdb_txn_abort(store->reader);
    if (store->env)
        mdb_env_close(store->env);
    store->reader_cursor = NULL;
    store->reader = NULL;
    store->env = NULL;
}

/* What the kernel failed to write it shows all the same and does not try again: after an error, of
 * this process or of one before it, the disk may have older meta pages than those that are read
 * here, and the trees of the older ones would be overwritten. */
static int confirm_metas(struct gw_spool_store *store)
{
    uint8_t meta[META_OCTETS];
    int fd;
    int error = mdb_env_get_fd(store->env, &fd);
    for (unsigned page = 0; !error && page < GW_SPOOL_METAS; page++) {
        off_t at = (off_t)(page * store->page_octets);
        errno = EIO; /* where less than all is read or written */
        if (pread(fd, meta, sizeof meta, at) != (ssize_t)sizeof meta ||
            pwrite(fd, meta, sizeof meta, at) != (ssize_t)sizeof meta)
            error = errno;
    }
    return error ? error : mdb_env_sync(store->env, 1);
}

int gw_spool_store_begin(struct gw_spool_store *store)
{
    int error = store->confirmed ? 0 : confirm_metas(store);
    if (error)
        return error;
    store->confirmed = true;
    error = mdb_txn_begin(store->env, NULL, 0, &store->txn);
    if (error) {
        store->txn = NULL;
        return error;
    }
    store->pending = store->mark;
    return 0;
}

static void close_cursor(struct gw_spool_store *store)
{
    if (store->cursor)
        mdb_cursor_close(store->cursor);
    store->cursor = NULL;
}

void gw_spool_store_abandon(struct gw_spool_store *store)
{
    close_cursor(store);
    if (store->txn)
        mdb_txn_abort(store->txn);
    store->txn = NULL;
}

int gw_spool_store_commit(struct gw_spool_store *store)
{
    uint64_t pages = 0;
    close_cursor(store);
    int error = write_mark(store);
    if (error) {
        gw_spool_store_abandon(store);
        return error;
    }
    error = mdb_txn_commit(store->txn);
    store->txn = NULL;
    if (error)
        return error;
    store->durable = store->mark;
    store->mark = store->pending;
    store->unflushed = true;
    MDB_txn *txn;
    if (!mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn)) {
        if (!gw_spool_store_pages(store, txn, &pages))
            store->pages = pages;
        mdb_txn_abort(txn);
    }
    return 0;
}

int gw_spool_store_flush(struct gw_spool_store *store)
{
    int error = store->unflushed ? mdb_env_sync(store->env, 1) : 0;
    if (error)
        return error;
    store->unflushed = false;
    store->durable = store->mark;
    return 0;
}

int gw_spool_store_append(struct gw_spool_store *store, uint64_t sequence, const void *record,
                          size_t size)
{
    struct key octets;
    MDB_val key = sequence_key(&octets, sequence);
    MDB_val value = {.mv_size = size, .mv_data = (void *)(uintptr_t)record};
    bool last = sequence >= store->pending.next;
    int error = mdb_put(store->txn, store->messages, &key, &value,
                        last ? MDB_APPEND | MDB_NOOVERWRITE : MDB_NOOVERWRITE);
    if (error == MDB_KEYEXIST)
        return 0;
    if (error)
        return error;
    if (last)
        store->pending.next = sequence + 1;
    store->pending.messages++;
    store->pending.octets += size;
    return require_room(store, MESSAGES_PERCENT);
}

int gw_spool_store_erase(struct gw_spool_store *store, uint64_t first, uint64_t last)
{
    struct key octets;
    MDB_val key = sequence_key(&octets, first);
    MDB_val value;
    int error = store->cursor ? 0 : mdb_cursor_open(store->txn, store->messages, &store->cursor);
    if (!error)
        error = mdb_cursor_get(store->cursor, &key, &value, MDB_SET_RANGE);
    while (!error && gw_spool_store_sequence(&key) <= last) {
        store->pending.messages--;
        store->pending.octets -= value.mv_size;
        error = mdb_cursor_del(store->cursor, 0);
        if (!error)
            error = mdb_cursor_get(store->cursor, &key, &value, MDB_NEXT);
    }
    return error == MDB_NOTFOUND ? 0 : error;
}

int gw_spool_store_keep(struct gw_spool_store *store, uint8_t space, const void *key,
                        size_t key_len, const void *record, size_t size)
{
    struct key octets;
    MDB_val name = kept_key(&octets, space, key, key_len);
    MDB_val value = {.mv_size = size, .mv_data = (void *)(uintptr_t)record};
    MDB_val old;
    struct gw_spool_kept kept;
    struct gw_spool_kept before;
    if (!gw_spool_kept_read(record, size, &kept))
        return MDB_BAD_VALSIZE;
    int error = mdb_get(store->txn, store->kept, &name, &old);
    if (!error && gw_spool_kept_read(old.mv_data, old.mv_size, &before) &&
        before.number > kept.number)
        return 0;
    error = mdb_put(store->txn, store->kept, &name, &value, 0);
    if (error)
        return error;
    if (kept.number >= store->pending.number)
        store->pending.number = kept.number + 1;
    return require_room(store, KEPT_PERCENT);
}

int gw_spool_store_drop(struct gw_spool_store *store, uint8_t space, const void *key,
                        size_t key_len)
{
    struct key octets;
    MDB_val name = kept_key(&octets, space, key, key_len);
    int error = mdb_del(store->txn, store->kept, &name, NULL);
    return error == MDB_NOTFOUND ? 0 : error;
}

static bool is_space(const MDB_val *key, uint8_t space)
{
    return key->mv_size && *(const uint8_t *)key->mv_data == space;
}

/* Counting is a walk over the space's keys: there is no index of it. */
static int count_space(MDB_cursor *cursor, uint8_t space, uint64_t *count)
{
    struct key octets;
    MDB_val value;
    MDB_val key = kept_key(&octets, space, NULL, 0);
    int error = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    for (*count = 0; !error && is_space(&key, space); ++*count)
        error = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    return error == MDB_NOTFOUND ? 0 : error;
}

int gw_spool_store_trim(struct gw_spool_store *store, uint8_t space, const void *key,
                        size_t key_len, uint64_t most)
{
    struct key octets;
    struct key bound_octets;
    MDB_val bound = kept_key(&bound_octets, space, key, key_len);
    MDB_val at = kept_key(&octets, space, NULL, 0);
    MDB_val value;
    MDB_cursor *cursor;
    uint64_t count = 0;
    int error = mdb_cursor_open(store->txn, store->kept, &cursor);
    if (error)
        return error;
    if (most < UINT64_MAX)
        error = count_space(cursor, space, &count);
    if (!error)
        error = mdb_cursor_get(cursor, &at, &value, MDB_SET_RANGE);
    while (!error && is_space(&at, space) &&
           (count > most || mdb_cmp(store->txn, store->kept, &at, &bound) < 0)) {
        error = mdb_cursor_del(cursor, 0);
        count -= count > 0;
        if (!error)
            error = mdb_cursor_get(cursor, &at, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return error == MDB_NOTFOUND ? 0 : error;
}

bool gw_spool_store_is_message(const uint8_t *octets, size_t size, uint64_t sequence)
{
    struct gw_spool_record record;
    return gw_spool_message_read(octets, size, &record) == size && record.sequence == sequence;
}

int gw_spool_store_read(struct gw_spool_store *store, uint64_t after, uint8_t *to, size_t size,
                        size_t *copied, uint64_t *damaged)
{
    struct key octets;
    MDB_val key = sequence_key(&octets, after + 1);
    MDB_val value;
    *copied = 0;
    *damaged = 0;
    int error = mdb_txn_renew(store->reader);
    if (error)
        return error;
    error = mdb_cursor_renew(store->reader, store->reader_cursor);
    if (!error)
        error = mdb_cursor_get(store->reader_cursor, &key, &value, MDB_SET_RANGE);
    while (!error && value.mv_size <= size - *copied) {
        memcpy(to + *copied, value.mv_data, value.mv_size);
        if (gw_spool_store_is_message(to + *copied, value.mv_size, gw_spool_store_sequence(&key)))
            *copied += value.mv_size;
        else
            ++*damaged;
        error = mdb_cursor_get(store->reader_cursor, &key, &value, MDB_NEXT);
    }
    mdb_txn_reset(store->reader);
    return error == MDB_NOTFOUND ? 0 : error;
}

int gw_spool_walk_begin(struct gw_spool_walk *walk, MDB_env *env, MDB_dbi tree)
{
    int error = mdb_txn_begin(env, NULL, MDB_RDONLY, &walk->txn);
    if (error)
        return error;
    error = mdb_cursor_open(walk->txn, tree, &walk->cursor);
    if (error)
        mdb_txn_abort(walk->txn);
    return error;
}

int gw_spool_walk_next(struct gw_spool_walk *walk)
{
    return mdb_cursor_get(walk->cursor, &walk->key, &walk->value, MDB_NEXT);
}

void gw_spool_walk_end(struct gw_spool_walk *walk)
{
    mdb_cursor_close(walk->cursor);
    mdb_txn_abort(walk->txn);
}

int gw_spool_store_each_message(struct gw_spool_store *store,
                                void (*each)(void *user, const struct gw_spool_record *record),
                                void *user)
{
    struct gw_spool_walk walk;
    struct gw_spool_record record;
    int error = gw_spool_walk_begin(&walk, store->env, store->messages);
    if (error)
        return error;
    while (!(error = gw_spool_walk_next(&walk)))
        if (gw_spool_message_read(walk.value.mv_data, walk.value.mv_size, &record))
            each(user, &record);
    gw_spool_walk_end(&walk);
    return error == MDB_NOTFOUND ? 0 : error;
}

int gw_spool_store_each_kept(struct gw_spool_store *store,
                             void (*each)(void *user, const struct gw_spool_kept *kept), void *user)
{
    struct gw_spool_walk walk;
    struct gw_spool_kept kept;
    int error = gw_spool_walk_begin(&walk, store->env, store->kept);
    if (error)
        return error;
    while (!(error = gw_spool_walk_next(&walk)))
        if (gw_spool_kept_read(walk.value.mv_data, walk.value.mv_size, &kept))
            each(user, &kept);
    gw_spool_walk_end(&walk);
    return error == MDB_NOTFOUND ? 0 : error;
}
