/* SPDX-License-Identifier: Apache-2.0 */
/* What the store and its scan share. */
#ifndef GW_SPOOL_STORE_INTERNAL_H
#define GW_SPOOL_STORE_INTERNAL_H

#include "gateway/spool/spool_store.h"

enum {
    /* LMDB's lock file is left out: one process has the directory, one thread at a time the store.
     */
    GW_SPOOL_STORE_FLAGS = MDB_NOSUBDIR | MDB_NOTLS | MDB_NOLOCK | MDB_NOMETASYNC,
    GW_SPOOL_FREE_PAGES = 0, /* LMDB's own tree of free pages */
    GW_SPOOL_ROOT = 1,       /* the unnamed tree, of trees and of the mark */
    GW_SPOOL_METAS = 2       /* pages at the file's begin */
};

uint64_t gw_spool_store_sequence(const MDB_val *key);
/* A whole message record of this sequence? */
bool gw_spool_store_is_message(const uint8_t *octets, size_t size, uint64_t sequence);
int gw_spool_store_read_mark(MDB_txn *txn, struct gw_spool_mark *mark);
/* Pages in use, as of `txn`. */
int gw_spool_store_pages(const struct gw_spool_store *store, MDB_txn *txn, uint64_t *pages);

/* Through all of a tree: begin, next until MDB_NOTFOUND, end. */
struct gw_spool_walk {
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, value;
};

int gw_spool_walk_begin(struct gw_spool_walk *walk, MDB_env *env, MDB_dbi tree);
int gw_spool_walk_next(struct gw_spool_walk *walk);
void gw_spool_walk_end(struct gw_spool_walk *walk);

#endif
