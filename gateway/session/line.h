/* SPDX-License-Identifier: Apache-2.0 */
/* A line: one channel with the DNP3 master that speaks on it and the sessions of its outstations.
 * Reconnects with backoff and full jitter, under a limit of connects a second for the whole
 * gateway; or waits until its outstation dials in. */
#ifndef GW_LINE_H
#define GW_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "dnp3/master.h"
#include "gateway/channel/channel.h"
#include "gateway/config/config.h"

#define GW_NEVER UINT64_MAX

struct gw_line;
struct gw_session;

/* What every line of a gateway shares. */
struct gw_line_shared {
    uv_loop_t *loop;
    struct dnp3_allocator allocator;
    struct dnp3_pool *pool;
    uint64_t next_connect_ms; /* steady; the first slot for a connect that nobody has yet */
    uint64_t seed;            /* of the backoffs' jitter */
};

/* Ten thousand sessions must not reconnect in one burst. */
enum { GW_CONNECTS_A_SECOND = 1000 };

/* How long a connection has to prove itself when its outstation calls again (scope rule 21). */
enum { GW_CONTEST_MS = 2000 };

/* `shared` and `config` are borrowed. NULL without memory. */
struct gw_line *gw_line_create(struct gw_line_shared *shared,
                               const struct gw_channel_config *config, uint32_t user_timeout_ms);
/* Its sessions are told when the channel opens and closes. */
void gw_line_add(struct gw_line *line, struct gw_session *session);
/* The first of them, or NULL; gw_session_next gives the others. */
const struct gw_session *gw_line_sessions(const struct gw_line *line);
void gw_line_start(struct gw_line *line);
/* Writes what the master has to say and sets the timer; after anything that may give it a reason.
 */
void gw_line_pump(struct gw_line *line);
/* gw_session_wake() of its sessions is wanted at `when_ms` (loop time), at the latest. */
void gw_line_wake_at(struct gw_line *line, uint64_t when_ms);
/* One station speaks at a time. */
bool gw_line_half_duplex(const struct gw_line *line);
/* The outstation's link is dead: closes and reconnects where it is alone on a TCP connection. */
void gw_line_give_up(struct gw_line *line);
/* A request timed out: where octets of it may still arrive, and it would act late, they are thrown
 * away, a TCP connection with them (scope rule 15). Not for the sake of a harmless request where
 * others are on the line: the octets may be theirs. */
void gw_line_discard_late(struct gw_line *line, bool acts);
/* An outstation answers: the next reconnect starts with the first endpoint and the shortest delay.
 */
void gw_line_proved(struct gw_line *line);
/* More about why the channel closed last than its reason says, or NULL. */
const char *gw_line_detail(const struct gw_line *line);
/* What became of the probe that a second connection has called for (rule 21). */
void gw_line_probed(struct gw_line *line, bool answered);
/* Frames of that outstation's go to the log for so long; `name` is borrowed. False without memory.
 */
bool gw_line_decode(struct gw_line *line, const char *name, uint16_t address, uint32_t for_ms);
struct gw_channel *gw_line_channel(struct gw_line *line);
/* Nothing on the line is unacknowledged (scope rule 15). */
bool gw_line_clear(const struct gw_line *line);
struct dnp3_master *gw_line_master(struct gw_line *line);
/* Closes and releases; finished when the loop has run dry. NULL is legal. */
void gw_line_free(struct gw_line *line);

#endif
