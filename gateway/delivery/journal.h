/* SPDX-License-Identifier: Apache-2.0 */
/* Joins the outbox with the spool: what the outbox writes there, and what comes back from there
 * when the broker takes messages again. A message that lies in the spool is in one of two states:
 * the outbox has it too (it need not come back in this run), or it waits to be read back, behind
 * which later ones of its topic have to go. */
#ifndef GW_JOURNAL_H
#define GW_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "gateway/delivery/outbox.h"
#include "gateway/spool/spool.h"

struct gw_journal;

struct gw_journal_callbacks {
    /* Whether gw_journal_usable, or what the status topic says, has changed. */
    void (*changed)(void *user);
    /* The broker takes messages now: backlog may come back. */
    bool (*online)(void *user);
    /* What gw_spool_keep or gw_spool_drop on gw_journal_spool() came to. */
    void (*kept)(void *user, void *owner, uint32_t token, int error);
};

struct gw_journal_options {
    const char *path; /* the spool's directory */
    uint32_t max_mb;
    size_t outbox_messages; /* of the outbox that it will serve */
    size_t points;          /* that are configured: so many are told apart, within reason */
    uint8_t clock;          /* enum gw_clock_mode: what expires does so by a trusted clock only */
};

/* Opens the spool: locks it, scans it, and forks for that. NULL with a sentence in `why`, of at
 * most GW_SPOOL_WHY octets. */
struct gw_journal *gw_journal_create(const struct gw_journal_options *options,
                                     const struct gw_journal_callbacks *callbacks, void *user,
                                     char *why);
/* From now on it serves this outbox, which must outlive it. */
int gw_journal_start(struct gw_journal *journal, uv_loop_t *loop, struct gw_outbox *outbox);
/* What waits is committed and told, then `stopped`. */
void gw_journal_stop(struct gw_journal *journal, void (*stopped)(void *user));
/* Before start or after `stopped`. NULL is legal. */
void gw_journal_free(struct gw_journal *journal);
/* What gw_journal_create would allocate, in octets. */
size_t gw_journal_memory(const struct gw_journal_options *options);

/* Takes events now. */
bool gw_journal_usable(const struct gw_journal *journal);
/* Older messages of this topic wait to be read back. */
bool gw_journal_behind(const struct gw_journal *journal, const char *topic, size_t length);
/* There may be room for backlog: after a connect, and as the outbox drains. */
void gw_journal_pump(struct gw_journal *journal);
/* What the outbox wrote since the last flush does not wait for more to gather. */
void gw_journal_flush(struct gw_journal *journal);
/* For others that keep something durable, and for the status. */
struct gw_spool *gw_journal_spool(struct gw_journal *journal);

#endif
