/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the spool's loop side share: spool.c (life and state), spool_change.c (what
 * goes into the ring), spool_group.c (when it goes to the writer, and what comes back). */
#ifndef GW_SPOOL_INTERNAL_H
#define GW_SPOOL_INTERNAL_H

#include "gateway/base/backoff.h"
#include "gateway/spool/spool.h"
#include "gateway/spool/spool_backlog.h"
#include "gateway/spool/spool_writer.h"

enum gw_spool_life {
    GW_SPOOL_CREATED,
    GW_SPOOL_RUNNING,
    GW_SPOOL_STOPPING, /* changes are refused, what waits is committed */
    GW_SPOOL_STOPPED
};

struct gw_spool_transaction {
    bool open;
    int error;
    void *owner;
    uint32_t token;
    uint64_t begin; /* position in the ring */
    uint64_t sequence;
};

struct gw_spool {
    struct gw_spool_options options;
    struct gw_spool_callbacks callbacks;
    void *user;
    enum gw_spool_life life;
    void (*stopped)(void *user);
    uv_loop_t *loop;
    uv_async_t wake;
    uv_timer_t timer; /* of the open group */
    uv_timer_t retry; /* of reopening */
    unsigned handles; /* not yet closed */
    struct gw_spool_writer writer;
    struct gw_spool_ring ring; /* freed up to head, given to the writer up to `given` */
    struct gw_spool_backlog *backlog;
    struct gw_spool_rescue rescue;
    struct gw_backoff backoff;

    struct gw_spool_transaction transaction;
    uint64_t given;
    size_t group_events; /* in the open group, from `given` on */
    bool group_urgent;
    uint64_t due_ms;         /* of the open group, UINT64_MAX: nothing in it */
    uint64_t delete_at;      /* position of a delete that may be extended, UINT64_MAX: none */
    uint64_t delete_highest; /* sequence in the open group, 0: none */
    unsigned commits_out;

    bool stop_posted;

    bool read_wanted, read_out;
    uint64_t read_after;
    size_t batch_octets, batch_at; /* of the batch that the caller has */

    uint64_t next_sequence;
    uint64_t next_number;    /* of kept values */
    uint64_t freed_sequence; /* the highest that is not in the ring any more */
    bool failing, full, reopening;
    char cause[192];         /* what was found at create */
    char writer_cause[160];  /* of the error since which it fails */
    enum gw_spool_word word; /* as told */
    struct gw_spool_usage usage;
    struct gw_spool_state counts;
};

enum {
    /* Of the ring: only deletes and what forgets may use all of it, kept values all but this. */
    GW_SPOOL_RESERVE = GW_SPOOL_DELETES * 32,
    GW_SPOOL_FULL_PERCENT = 90,
    GW_SPOOL_ROOM_PERCENT = 85 /* below it messages are taken again */
};

/* Puts into the open group; the group is due then, at the latest. */
void gw_spool_group_due(struct gw_spool *spool, uint64_t within_ms);
/* Hands to the writer what is due. */
void gw_spool_group_post(struct gw_spool *spool);
/* The async's callback: what the writer has done. */
void gw_spool_group_wake(uv_async_t *wake);
void gw_spool_group_timer(uv_timer_t *timer);
void gw_spool_group_retry(uv_timer_t *timer);
/* Tells a change of the word. */
void gw_spool_tell_word(struct gw_spool *spool);
/* Everything is written and the thread is through. */
void gw_spool_ended(struct gw_spool *spool);
/* Full by what is in the file and on its way there? */
bool gw_spool_is_full(struct gw_spool *spool);

#endif
