/* SPDX-License-Identifier: Apache-2.0 */
/* The insides of a session, shared by session.c (life and broker), session_state.c (state and
 * reason) and session_points.c (fragments and points). */
#ifndef GW_SESSION_INTERNAL_H
#define GW_SESSION_INTERNAL_H

#include "gateway/point_store.h"
#include "gateway/session.h"

/* The fragment being read. */
struct session_fragment {
    uint32_t token;
    uint32_t carrier; /* names it in the states of its points */
    int64_t received_ms;
    bool clock_trusted;
    bool guarded;  /* its events are confirmed only when they are safe */
    bool skipping; /* nowhere safe to put its events: they are refused */
    bool open;     /* a transaction of the outbox is open */
    bool sent;     /* a message is in it */
};

struct gw_session {
    const struct gw_session_shared *shared;
    const struct gw_outstation_config *config;
    const struct dnp3_association_config *behaviour;
    struct gw_line *line;
    struct gw_session *next; /* on its line */
    struct dnp3_association *association;
    struct gw_point_store points;
    struct session_fragment fragment;
    char *detail;            /* a sentence of its own, or NULL */
    int64_t since_ms;        /* wall clock */
    int64_t heard_wall_ms;   /* when the last fragment came */
    uint64_t lost_since_ms;  /* steady; 0 = not lost */
    uint64_t full_until_ms;  /* steady; no new try before */
    uint32_t garbage_before; /* the line's damaged frames when it opened */
    uint32_t lost_events;    /* not protected and not kept */
    uint32_t unnamed;        /* fragments without a token, counted */
    uint16_t iin;
    uint8_t state;       /* enum gw_state */
    uint8_t reason;      /* enum gw_reason */
    uint8_t lost_reason; /* enum gw_reason: why it is lost, until that lasts */
    uint8_t poison;      /* how often the same unreadable fragment came */
    uint16_t stranger;   /* source and destination of a frame that nobody expected */
    uint16_t stranger_to;
    bool stranger_seen;
    bool heard; /* something came on this connection */
    bool full;  /* the outbox had no room for a fragment */
    bool withholding;
    bool takes_events; /* false: another master's; none is kept or confirmed */
    bool marked;       /* points are published as COMM_LOST */
    bool status_due;
    bool meta_due;
    bool points_due;
    bool unpublishable_told;
    bool delta_told;
    bool homeless_told;
    size_t flush_from;   /* the place where the last flush of points ended */
    size_t flush_places; /* of how many */
};

static inline uint64_t session_now(const struct gw_session *s)
{
    return uv_now(s->shared->loop);
}

/* session.c */
void gw_session_update_withholding(struct gw_session *s);
void gw_session_due(struct gw_session *s);
void gw_session_outbox_full(struct gw_session *s);

/* session_state.c */
void gw_session_set_state(struct gw_session *s, enum gw_state state, enum gw_reason reason,
                          const char *detail);
void gw_session_lost(struct gw_session *s, enum gw_reason reason, const char *detail);
void gw_session_check_lost(struct gw_session *s);
void gw_session_on_event(void *user, enum dnp3_association_event event, unsigned detail);
void gw_session_flush_status(struct gw_session *s);

/* session_points.c */
extern const struct dnp3_association_callbacks gw_session_callbacks;
bool gw_session_flush_points(struct gw_session *s);
void gw_session_mark_dirty(struct gw_session *s, bool force);
/* The messages of a fragment may not have arrived: what it said and is still so is published once
 * more, the events as the values that they left. */
void gw_session_mark_carried(struct gw_session *s, uint32_t carrier);

#endif
