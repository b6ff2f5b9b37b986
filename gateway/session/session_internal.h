/* SPDX-License-Identifier: Apache-2.0 */
/* The insides of a session, shared by session.c (life and broker), session_state.c (state and
 * reason), session_silence.c (silence that is expected, or too long), session_identity.c
 * (is it the right device?), session_points.c (fragments and points), session_flush.c (values not
 * out yet), session_confirm.c (what is held, and how long), session_look.c (what is read after a
 * control), session_undecoded.c (what cannot be read) and session_deadband.c. */
#ifndef GW_SESSION_INTERNAL_H
#define GW_SESSION_INTERNAL_H

#include "gateway/session/point_store.h"
#include "gateway/session/session.h"

/* The fragment being read. */
struct session_fragment {
    uint32_t token;
    uint32_t carrier; /* names it in the states of its points */
    int64_t received_ms;
    bool clock_trusted;
    bool foreign;  /* it is not known yet, or known not, to be of the right device */
    bool guarded;  /* its events are confirmed only when they are safe */
    bool skipping; /* nowhere safe to put its events: they are refused */
    bool open;     /* a transaction of the outbox is open */
    bool sent;     /* a message is in it */
    bool behind;   /* one of its events has to wait for older ones, and so has all of it */
};

struct session_deadbands;
struct session_identity;
struct session_look;
/* A fragment whose confirm waits for its events to be safe. */
struct session_hold {
    uint32_t token;     /* 0: none */
    uint64_t secure_ms; /* when it is to be made safe without the broker; GW_NEVER */
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
    struct session_deadbands *deadbands; /* NULL: its mapping has none */
    struct session_identity *identity;   /* NULL: its profile asks for none */
    struct session_look *looks;          /* points to be read when it answers */
    struct session_hold held[2];         /* solicited, unsolicited */
    char *detail;                        /* a sentence of its own, or NULL */
    int64_t since_ms;                    /* wall clock */
    int64_t heard_wall_ms;               /* when the last fragment came */
    uint64_t awaited_ms;                 /* steady; since when it could have been heard */
    uint64_t lost_since_ms;              /* steady; 0 = not lost, and not awaited either */
    uint64_t full_until_ms;              /* steady; no new try before */
    uint32_t garbage_before;             /* the line's damaged frames when it opened */
    uint32_t lost_events;                /* not protected and not kept */
    uint32_t unnamed;                    /* fragments without a token, counted */
    uint16_t iin;
    uint8_t state;       /* enum gw_state */
    uint8_t reason;      /* enum gw_reason */
    uint8_t lost_reason; /* enum gw_reason: why it is lost, until that lasts */
    uint8_t halvings;    /* of the time that the broker gets, after late confirms */
    uint8_t poison;      /* how often the same unreadable fragment came */
    uint16_t stranger;   /* source and destination of a frame that nobody expected */
    uint16_t stranger_to;
    bool stranger_seen;
    bool companion_told;
    bool heard; /* something came on this connection */
    bool full;  /* the outbox had no room for a fragment */
    bool withholding;
    bool look_due;     /* its events are to be read when it answers */
    bool takes_events; /* false: another master's; none is kept or confirmed */
    bool marked;       /* points are published as COMM_LOST */
    bool status_due;
    bool meta_due;
    bool points_due;
    bool behind; /* values wait for older events of their points: looked at once a second */
    bool unpublishable_told;
    bool delta_told;
    bool homeless_told;
    bool unprotected_told;
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

/* session_confirm.c */
/* Are confirms held back until events are safe? */
bool gw_session_guards(const struct gw_session *s);
/* Neither broker nor spool, whichever this outstation may use, takes events. */
bool gw_session_nowhere_safe(const struct gw_session *s);
void gw_session_hold(struct gw_session *s, const struct dnp3_fragment *fragment);
void gw_session_hold_ends(struct gw_session *s, uint32_t token);
void gw_session_secure_held(struct gw_session *s);
void gw_session_confirm_late(struct gw_session *s);

/* session_state.c */
void gw_session_set_state(struct gw_session *s, enum gw_state state, enum gw_reason reason,
                          const char *detail);
void gw_session_lost(struct gw_session *s, enum gw_reason reason, const char *detail);
void gw_session_await_call(struct gw_session *s);
void gw_session_check_lost(struct gw_session *s);
void gw_session_on_event(void *user, enum dnp3_association_event event, unsigned detail);
void gw_session_flush_status(struct gw_session *s);

/* Its points are published as COMM_LOST, where the profile says so. */
void gw_session_mark_points(struct gw_session *s);
void gw_session_found(struct gw_session *s);

/* session_silence.c */
/* A loss that is none, for its silence is expected: true, and it is idle at most. */
bool gw_session_rests(struct gw_session *s, enum gw_reason reason);
/* Idle, and nothing says that what is sent now is not kept on the way until it wakes up: a control
 * would operate late. */
bool gw_session_sleeps(const struct gw_session *s);
/* A fragment came, whatever its state. */
void gw_session_heard(struct gw_session *s);
/* Once a second: silence that is expected, and silence that is too long. */
void gw_session_check_silence(struct gw_session *s);

/* session_undecoded.c */
void gw_session_on_problem(void *user, const struct dnp3_object_header *header, int error,
                           const uint8_t *octets, size_t length);
/* Is this fragment to be refused, because it could not be read to its end? */
bool gw_session_is_poison(struct gw_session *s, const struct dnp3_fragment *fragment);

/* session_points.c */
void gw_session_open_transaction(struct gw_session *s);
extern const struct dnp3_association_callbacks gw_session_callbacks;

/* session_flush.c */
/* What is kept as a message says it. */
void gw_session_point_value(const struct gw_point_state *state, enum dnp3_point_type type,
                            enum gw_source source, struct gw_point_value *value);
/* Nothing will ever make its message fit: said once, and the rest goes on. */
void gw_session_unpublishable(struct gw_session *s, const struct gw_map_point *point,
                              uint32_t index);
/* Not now: the newest value goes out when the broker is back, the outbox has room, or older events
 * of the point have come back from the spool. */
void gw_session_put_off(struct gw_session *s, struct gw_point_state *state);
/* Publishes what is kept and not out yet, as long as the outbox is not needed for events. True: all
 * of it. */
bool gw_session_flush_points(struct gw_session *s);
/* All that is known is to go out. */
void gw_session_mark_dirty(struct gw_session *s);
/* What is kept is not worth publishing, and the next value counts as new. */
void gw_session_mark_stale(struct gw_session *s);
/* The messages of a fragment may not have arrived: what it said and is still so is published once
 * more, the events as the values that they left. */
void gw_session_mark_carried(struct gw_session *s, uint32_t carrier);

/* session_look.c */
/* What gw_session_look() could not ask is asked, if it answers now: true, something was. */
bool gw_session_looks_go(struct gw_session *s);
void gw_session_looks_free(struct gw_session *s);

/* session_identity.c */
int gw_session_identity_init(struct gw_session *s);
/* It is the device that it must be, or may be any: else nothing of it is published or confirmed,
 * and nothing operated. */
bool gw_session_is_proved(const struct gw_session *s);
/* It may be another one from now on. */
void gw_session_identity_forget(struct gw_session *s);
/* It answers, and is not proved: asks it. What comes is handed over attribute by attribute. */
void gw_session_identity_ask(struct gw_session *s);
/* Once a second: whether it is to be asked again. */
void gw_session_identity_tick(struct gw_session *s);
void gw_session_identity_attribute(struct gw_session *s, const struct dnp3_attribute *attribute);

/* session_deadband.c */
int gw_session_deadbands_init(struct gw_session *s);
void gw_session_deadbands_opened(struct gw_session *s);
void gw_session_deadbands_event(struct gw_session *s, enum dnp3_association_event event);

#endif
