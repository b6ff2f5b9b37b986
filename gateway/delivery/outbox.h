/* SPDX-License-Identifier: Apache-2.0 */
/* The bounded queue between the sessions and the broker. First in, first out over all sessions, so
 * that the order per point is kept; every octet is allocated at create. A DNP3 fragment's messages
 * go in as one transaction, and when the broker has acknowledged the last of them the fragment is
 * safe: only then may it be confirmed to its outstation. Single-threaded: the loop's. */
#ifndef GW_OUTBOX_H
#define GW_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GW_OUTBOX_ERROR_MAP(X)                                                                     \
    X(FULL, -1, "the outbox is full")                                                              \
    X(TOO_LARGE, -2, "the message is larger than the outbox takes")                                \
    X(INVALID, -3, "no transaction is open, or one already is")                                    \
    X(NO_JOURNAL, -4, "there is no journal")                                                       \
    X(BEHIND, -5, "older messages of its topic wait in the journal")

enum gw_outbox_error {
    GW_OUTBOX_OK = 0,
#define X(name, value, text) GW_OUTBOX_##name = (value),
    GW_OUTBOX_ERROR_MAP(X)
#undef X
};

/* The text of an error, never NULL. */
const char *gw_outbox_error_text(int error);

/* One message, borrowed for the call (put, send, and the sink's publish). */
struct gw_outbox_message {
    const char *topic;
    size_t topic_len; /* without the terminating zero, which `topic` must have for the sink */
    const void *payload;
    size_t payload_len;
    const void *correlation; /* MQTT 5 correlation data, or NULL */
    size_t correlation_len;
    uint32_t expiry_s; /* MQTT 5 message expiry, 0 = none */
    uint32_t again;    /* who can say it again, so that it may be left out; 0 = nobody */
    uint8_t qos;       /* 0 or 1 */
    bool retain;
    bool event; /* must not be lost: it may be written to the journal */
};

/* Where the messages go: the MQTT connection, or a test. */
struct gw_outbox_sink {
    /* 0, or a negative number: try again later (nothing was taken). Never calls back. */
    int (*publish)(void *user, const struct gw_outbox_message *message, uint64_t id);
    /* Messages that `publish` would take now. */
    size_t (*window)(void *user);
    /* The steady ms by which the broker's pace is measured (pace.h); NULL: it is taken to be fast.
     */
    uint64_t (*now)(void *user);
    /* There is more, but the rate is limited: gw_outbox_pump is to be called in so long. NULL where
     * it is not. */
    void (*pause)(void *user, uint32_t ms);
    void *user;
};

/* Where events are safe without the broker: the spool. A copy lies there from gw_outbox_journaled()
 * until `erase`. None of these calls back. */
struct gw_outbox_journal {
    /* It takes events now. */
    bool (*usable)(void *user);
    /* Older messages of this topic lie there and not here: this one has to go behind them. */
    bool (*behind)(void *user, const struct gw_outbox_message *message);
    /* Takes a copy: 0, and gw_outbox_journaled() of `id` follows; or a negative number: not now.
     * `kept`: the message stays here too, so it need not come back as long as this outbox lives. */
    int (*append)(void *user, const struct gw_outbox_message *message, bool kept, uint64_t id);
    /* The broker has it, or nobody wants it any more. */
    void (*erase)(void *user, uint64_t sequence);
    /* What was safe already is not here any more, and comes back: soon, or where the broker refused
     * it, later. */
    void (*put_back)(void *user, const struct gw_outbox_message *message, uint64_t sequence,
                     bool refused);
    void *user;
};

struct gw_outbox_callbacks {
    /* The broker has all of the fragment, or the journal its events. Fires once a committed
     * fragment; for one without messages before gw_outbox_commit returns. May call the outbox. */
    void (*safe)(void *user, void *owner, uint32_t token);
    /* The broker refused a message of the fragment (MQTT 5 reason code >= 0x80), or the journal
     * failed to keep one that had to go there (0): the rest of it is withdrawn and the fragment
     * must not be confirmed. Fires instead of `safe`. `owner` is NULL
     * where nobody waits for the message. May be NULL. */
    void (*refused)(void *user, void *owner, uint32_t token, int reason_code);
    /* The broker is slow, and a message of this name (`again`) was taken out of the queue: to be
     * said again when gw_outbox_crowded is false. Must not call the outbox. May be NULL where no
     * message has such a name. */
    void (*left_out)(void *user, uint32_t again);
};

struct gw_outbox_options {
    size_t messages;         /* at most this many wait at a time */
    size_t octets;           /* of topics, payloads and correlation data, in blocks of 256 */
    size_t reserve_messages; /* of these, only gw_outbox_send may use so many */
    size_t reserve_octets;
    double max_rate; /* messages a second, 0 = no limit; with a sink that has `now` and `pause` */
};

void gw_outbox_options_default(struct gw_outbox_options *options);

struct gw_outbox;

/* NULL without memory. The callbacks and the sink are copied. */
struct gw_outbox *gw_outbox_create(const struct gw_outbox_options *options,
                                   const struct gw_outbox_sink *sink,
                                   const struct gw_outbox_callbacks *callbacks, void *user);
void gw_outbox_free(struct gw_outbox *outbox);
/* From now on there is this journal (copied). Its answers must come before the outbox is freed. */
void gw_outbox_use_journal(struct gw_outbox *outbox, const struct gw_outbox_journal *journal);
/* What gw_outbox_create would allocate, in octets. */
size_t gw_outbox_memory(const struct gw_outbox_options *options);

/* A fragment's transaction: begin, put any number, then commit or cancel. One at a time. With
 * `needs_ack` false the messages still go in all or none, but `safe` will not fire. `owner` and
 * `token` name the fragment for `safe` and gw_outbox_withdraw; no two at a time may be the same. */
int gw_outbox_begin(struct gw_outbox *outbox, void *owner, uint32_t token, bool needs_ack);
/* Copies the message. After an error of any put but BEHIND, commit undoes all and returns that
 * error, so its result need not be looked at. BEHIND: it can be said again (`again`), and so much
 * waits for the broker already that it is left out. */
int gw_outbox_put(struct gw_outbox *outbox, const struct gw_outbox_message *message);
/* 0, or GW_OUTBOX_FULL or GW_OUTBOX_TOO_LARGE with nothing kept: do not confirm. */
int gw_outbox_commit(struct gw_outbox *outbox);
void gw_outbox_cancel(struct gw_outbox *outbox);

/* One message that nobody waits for (status, result, birth); may use the reserve. Legal while a
 * transaction is open, and then goes out before it. */
int gw_outbox_send(struct gw_outbox *outbox, const struct gw_outbox_message *message);
/* The same for one that somebody does wait for: `safe` or `refused` tells of it by this name. */
int gw_outbox_send_awaited(struct gw_outbox *outbox, const struct gw_outbox_message *message,
                           void *owner, uint32_t token);

/* Writes what the broker has not acknowledged of a committed fragment to the journal, so that it is
 * safe soon; its values that are no events are not waited for any more. 0 also for unknown names;
 * FULL: not all could be handed over, call it again; NO_JOURNAL. */
int gw_outbox_secure(struct gw_outbox *outbox, void *owner, uint32_t token);
/* From the journal: the copy `id` is durable under `sequence`, or with 0: it could not be written.
 */
void gw_outbox_journaled(struct gw_outbox *outbox, uint64_t id, uint64_t sequence);
/* A message comes back from the journal, to the end of the queue; its copy is erased when the
 * broker has it. FULL, TOO_LARGE. */
int gw_outbox_load(struct gw_outbox *outbox, const struct gw_outbox_message *message,
                   uint64_t sequence);

/* Forgets a committed fragment: `safe` will not fire, and what the sink has not taken is dropped;
 * what it has taken is not sent again after a reconnect. Unknown names are legal. Returns how many
 * messages may never arrive: those dropped and those under way. */
size_t gw_outbox_withdraw(struct gw_outbox *outbox, void *owner, uint32_t token);
/* Nobody of this name is there to be told any more; the messages stay and go out. */
void gw_outbox_forget(struct gw_outbox *outbox, void *owner);

/* From the MQTT connection: message `id` was acknowledged (reason codes below 0x80 are success). */
void gw_outbox_acked(struct gw_outbox *outbox, uint64_t id, int reason_code);
/* The connection is gone: what was taken but not acknowledged goes back to the head, in order. */
void gw_outbox_disconnected(struct gw_outbox *outbox);
/* Hands over as many messages as the sink's window takes. After a connect and after acks; commit
 * and send do it themselves. */
void gw_outbox_pump(struct gw_outbox *outbox);
/* So much waits that a newcomer would not reach the broker within a second: events are written to
 * the journal instead, and what can be said again is better said later. */
bool gw_outbox_crowded(const struct gw_outbox *outbox);

struct gw_outbox_state {
    size_t messages;      /* waiting or in flight */
    size_t queued;        /* of them, waiting for the sink */
    size_t depth;         /* from so many queued on it is crowded */
    size_t octets;        /* blocks of these, in octets */
    size_t in_flight;     /* of them, taken by the sink */
    size_t room_messages; /* what a fragment may still put */
    size_t room_octets;
    size_t fragments; /* committed, not yet safe */
    size_t loaded;    /* of the messages, those that came back from the journal */
    uint64_t acked;   /* since create */
    uint64_t repeated;
    uint64_t withdrawn;
    uint64_t refused; /* by the broker */
    uint64_t full;    /* commits and sends that did not fit */
    uint64_t journaled;
    uint64_t unwritten; /* copies that the journal failed to keep */
    uint64_t relieved;  /* put back into the journal, for the broker is slow */
    uint64_t left_out;
};

void gw_outbox_state(const struct gw_outbox *outbox, struct gw_outbox_state *state);

#endif
