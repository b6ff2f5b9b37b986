/* SPDX-License-Identifier: Apache-2.0 */
/* The spool's LMDB file: messages by sequence, kept values by key, and a mark that each commit
 * renews. Copes with no damage: what opens a file has scanned it (spool_file.h). Everything here is
 * for one thread at a time, and may wait for the disk.
 *
 * Errors are LMDB's: 0, a positive errno or a negative MDB_ code; gw_spool_store_text has words. */
#ifndef GW_SPOOL_STORE_H
#define GW_SPOOL_STORE_H

#include <lmdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/spool/spool_record.h"

enum { GW_SPOOL_STORE_FULL = MDB_MAP_FULL };

struct gw_spool_store {
    MDB_env *env;
    MDB_dbi messages;
    MDB_dbi kept;
    MDB_txn *txn;       /* being written */
    MDB_cursor *cursor; /* over messages, within `txn` */
    MDB_txn *reader;    /* reset between reads */
    MDB_cursor *reader_cursor;
    struct gw_spool_mark durable; /* as of the last commit that is durable */
    struct gw_spool_mark mark;    /* as of the last commit */
    struct gw_spool_mark pending; /* as of `txn` */
    bool unflushed;               /* the last commit is not durable yet */
    bool confirmed;               /* the disk has the meta pages that this file was opened with */
    uint64_t pages;               /* in use at the last commit */
    uint64_t pages_max;           /* of the map */
    size_t page_octets;
};

/* Opens the file at `path` and makes it where it is not there, durably. The store is all zero
 * before. */
int gw_spool_store_open(struct gw_spool_store *store, const char *path, size_t max_octets);
/* An open or a closed one; an open transaction is abandoned. */
void gw_spool_store_close(struct gw_spool_store *store);

/* One transaction: begin, any number of changes, then commit, or abandon. It is durable once the
 * next commit or a flush has returned 0; until then a power cut may leave the file as of the one
 * before. After an error of a change only abandon is legal. After one of begin, commit or flush
 * nothing is left to abandon, of all that is not durable the disk may have anything or nothing, and
 * only close is legal. */
int gw_spool_store_begin(struct gw_spool_store *store);
int gw_spool_store_commit(struct gw_spool_store *store);
int gw_spool_store_flush(struct gw_spool_store *store);
void gw_spool_store_abandon(struct gw_spool_store *store);
/* `record` is a whole message record. GW_SPOOL_STORE_FULL where deletes would have too little room
 * after it. Appending a sequence that is there already is legal and changes nothing. */
int gw_spool_store_append(struct gw_spool_store *store, uint64_t sequence, const void *record,
                          size_t size);
/* Those of `first` to `last` that are there. */
int gw_spool_store_erase(struct gw_spool_store *store, uint64_t first, uint64_t last);
/* `record` is a whole kept record of that space and key; an older one than what is there changes
 * nothing. */
int gw_spool_store_keep(struct gw_spool_store *store, uint8_t space, const void *key,
                        size_t key_len, const void *record, size_t size);
int gw_spool_store_drop(struct gw_spool_store *store, uint8_t space, const void *key,
                        size_t key_len);
/* Of one space, from the smallest key on: all below `key`, and what there is above `most`. */
int gw_spool_store_trim(struct gw_spool_store *store, uint8_t space, const void *key,
                        size_t key_len, uint64_t most);

/* Copies records whose sequence is above `after`, in order, into `to`; whole ones only, each behind
 * the last. `*copied` are octets. Sees what is committed. A damaged record is passed over and
 * counted in `*damaged`. */
int gw_spool_store_read(struct gw_spool_store *store, uint64_t after, uint8_t *to, size_t size,
                        size_t *copied, uint64_t *damaged);

/* Calls with each record of the file as it lies there; what is no record is passed over. */
int gw_spool_store_each_message(struct gw_spool_store *store,
                                void (*each)(void *user, const struct gw_spool_record *record),
                                void *user);
int gw_spool_store_each_kept(struct gw_spool_store *store,
                             void (*each)(void *user, const struct gw_spool_kept *kept),
                             void *user);

struct gw_spool_scan {
    int error; /* of the call that failed, or 0 */
    uint64_t messages, kept;
    uint64_t wrong; /* records, keys, free pages that cannot be */
};

/* Walks all of a file that nobody has open. May crash or never end on a damaged one. */
void gw_spool_store_scan(const char *path, struct gw_spool_scan *scan);

const char *gw_spool_store_text(int error);

#endif
