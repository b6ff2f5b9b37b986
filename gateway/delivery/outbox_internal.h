/* SPDX-License-Identifier: Apache-2.0 */
/* The insides of the outbox, shared by outbox_store.c (where messages lie), outbox.c (queue and
 * fragments), outbox_journal.c (what is made safe without the broker) and outbox_relief.c (what
 * leaves the queue where the broker is slow). Not for others. */
#ifndef GW_OUTBOX_INTERNAL_H
#define GW_OUTBOX_INTERNAL_H

#include "gateway/delivery/outbox.h"
#include "gateway/delivery/pace.h"

#define OUTBOX_NONE UINT32_MAX

/* Indexes given out and taken back. `next` also links what is taken, as its user likes. */
struct outbox_pool {
    uint32_t *next;
    uint32_t size;
    uint32_t fresh; /* from here on never used */
    uint32_t free;
    uint32_t used;
};

struct outbox_list {
    uint32_t head;
    uint32_t tail;
    uint32_t count;
};

struct outbox_entry {
    uint64_t sequence; /* of its copy in the journal, 0 = none */
    uint32_t prev;
    uint32_t fragment; /* whose it is, or OUTBOX_NONE */
    uint32_t block;
    uint32_t blocks;
    uint32_t payload_len;
    uint32_t expiry_s;
    uint32_t serial;  /* of its last handing over: tells an old id from a new one */
    uint32_t written; /* likewise, of the journal's copy; 0 = none is being written */
    uint32_t again;
    struct gw_pace_stamp handed;
    uint16_t topic_len;
    uint16_t correlation_len;
    uint8_t qos;
    bool retain;
    bool event;
    bool in_flight;
    bool abandoned; /* in flight, and not to be sent again */
    bool parked;    /* goes to the journal only, behind others of its topic */
    bool loaded;    /* came from there */
    bool safe;      /* its fragment does not wait for it any more */
};

/* Its queued entries stand together in the queue, from `first` on: they enter together, leave in
 * order and come back in order. */
struct outbox_fragment {
    void *owner;
    uint64_t age; /* counts up */
    uint32_t token;
    uint32_t pending; /* messages not yet safe */
    uint32_t first;
    bool secured; /* some are safe that have not left */
};

struct outbox_transaction {
    bool open;
    bool parking; /* its events go to the journal, for all of it alike: a topic may come twice */
    int error;
    uint32_t fragment;
    struct outbox_list list;
    struct outbox_list parked;
};

struct gw_outbox {
    struct gw_outbox_sink sink;
    struct gw_outbox_callbacks callbacks;
    struct gw_outbox_journal journal; /* `append` NULL: none */
    void *user;
    struct outbox_pool entries_pool;
    struct outbox_pool blocks_pool;
    struct outbox_pool fragments_pool;
    struct outbox_entry *entries;
    struct outbox_fragment *fragments;
    uint8_t *octets;
    uint8_t *scratch;  /* a message of several blocks in one piece */
    uint32_t *buckets; /* fragments by owner and token, chained by their pool's `next` */
    uint32_t bucket_mask;
    uint32_t reserve_entries;
    uint32_t reserve_blocks;
    uint32_t largest;
    uint32_t event_blocks; /* of the events that are here */
    struct gw_pace pace;
    uint64_t age;
    uint32_t serial;
    uint32_t written;
    struct outbox_list queue;
    struct outbox_list flight;
    struct outbox_list parked; /* being written to the journal, and then gone from here */
    struct outbox_transaction transaction;
    struct gw_outbox_state counts;
};

/* outbox_store.c */
uint32_t gw_outbox_pool_take(struct outbox_pool *pool);
void gw_outbox_pool_give(struct outbox_pool *pool, uint32_t index);
void gw_outbox_list_clear(struct outbox_list *list);
/* Puts `entry` behind `after`, or first where that is OUTBOX_NONE. */
void gw_outbox_list_insert(struct gw_outbox *outbox, struct outbox_list *list, uint32_t after,
                           uint32_t entry);
void gw_outbox_list_remove(struct gw_outbox *outbox, struct outbox_list *list, uint32_t entry);
/* Moves all of `more` to the end of `list`. */
void gw_outbox_list_append(struct gw_outbox *outbox, struct outbox_list *list,
                           struct outbox_list *more);
/* Stores a message and hangs it behind `list`, leaving free what is reserved. */
int gw_outbox_store(struct gw_outbox *outbox, struct outbox_list *list,
                    const struct gw_outbox_message *message, uint32_t fragment,
                    uint32_t reserve_entries, uint32_t reserve_blocks);
/* The message of an entry; it lives until the next call of this or of store. */
void gw_outbox_message_of(struct gw_outbox *outbox, uint32_t index,
                          struct gw_outbox_message *message);
void gw_outbox_free_entry(struct gw_outbox *outbox, uint32_t index);

/* outbox.c */
/* `index` is about to leave the queue: its fragment's queued part begins after it. */
void gw_outbox_step_first(struct gw_outbox *outbox, uint32_t index);
uint32_t gw_outbox_find_fragment(struct gw_outbox *outbox, const void *owner, uint32_t token);
/* Ends a fragment without telling anybody; its messages are dropped, or with `keep` go on. Returns
 * those not kept. */
size_t gw_outbox_release_fragment(struct gw_outbox *outbox, uint32_t fragment, bool keep);
/* One message less to wait for; the last one ends the fragment and tells its owner. */
void gw_outbox_one_safe(struct gw_outbox *outbox, uint32_t index);
/* The broker, or the journal, does not take a message that its fragment waits for. */
void gw_outbox_refuse_fragment(struct gw_outbox *outbox, uint32_t index, int reason_code);

/* outbox_journal.c */
bool gw_outbox_has_journal(const struct gw_outbox *outbox);
/* Must this message of the transaction go behind others that lie in the journal? */
bool gw_outbox_parks(const struct gw_outbox *outbox, const struct gw_outbox_message *message);
/* Copies what is not safe yet of a fragment, and of its owner's earlier ones: 0 or GW_OUTBOX_FULL.
 */
int gw_outbox_write_up_to(struct gw_outbox *outbox, const struct outbox_fragment *fragment);
int gw_outbox_write_copy(struct gw_outbox *outbox, uint32_t index);
/* Begins to write the transaction's parked messages: 0 or GW_OUTBOX_FULL. */
int gw_outbox_write_parked(struct gw_outbox *outbox, const struct outbox_transaction *transaction);
/* The entry's copy is not wanted any more. */
void gw_outbox_erase_copy(struct gw_outbox *outbox, struct outbox_entry *entry);
/* The entry's copy stays, and is read back some time. */
void gw_outbox_put_back(struct gw_outbox *outbox, uint32_t index, bool refused);
/* An entry that is in no list leaves for good, and its copy too. */
void gw_outbox_drop_entry(struct gw_outbox *outbox, uint32_t index);

/* outbox_relief.c */
/* Messages that may be queued before it is crowded. */
uint32_t gw_outbox_depth(const struct gw_outbox *outbox);
/* Is this one of the transaction better said later? */
bool gw_outbox_leaves_out(const struct gw_outbox *outbox, const struct gw_outbox_message *message);
/* A transaction about to be committed that would make it crowded has its events parked. */
void gw_outbox_make_way(struct gw_outbox *outbox, struct outbox_transaction *transaction);
/* Takes out of the queue what the broker is too slow for. */
void gw_outbox_relieve(struct gw_outbox *outbox);

#endif
