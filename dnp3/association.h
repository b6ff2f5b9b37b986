/* SPDX-License-Identifier: Apache-2.0 */
/* One outstation as its master sees it (IEEE 1815-2012 4.4, 4.5): startup, polls, unsolicited,
 * reactions to internal indications, time, controls. Belongs to a master (one a channel).
 *
 * Delivery is a conversation: a fragment's points are handed over, then the host is asked whether
 * to confirm, and may answer later. The rules numbered in comments are those of RULES.md.
 * From a callback the host may call confirm, refuse, demand, withhold, probe, command, request,
 * file and broadcast; not feed, take, tick, disconnected, moved or free. */
#ifndef DNP3_ASSOCIATION_H
#define DNP3_ASSOCIATION_H

#include <stddef.h>

#include "dnp3/app.h"
#include "dnp3/attribute.h"
#include "dnp3/command.h"
#include "dnp3/error.h"
#include "dnp3/objects.h"
#include "dnp3/transport.h"

struct dnp3_association;
struct dnp3_master;

/* Bits for sets of classes: bit 0 = class 0 (static), bits 1..3 = event classes. */
enum {
    DNP3_CLASS_0 = 1,
    DNP3_CLASS_1 = 2,
    DNP3_CLASS_2 = 4,
    DNP3_CLASS_3 = 8,
    DNP3_CLASS_EVENTS = 14
};

enum { DNP3_REQUEST_MIN = 249 }; /* what every outstation takes (rule 12) */

/* What is read every `period_ms`, not 0: classes, or one object header. */
struct dnp3_poll {
    uint32_t period_ms;
    uint8_t classes; /* DNP3_CLASS_ bits; 0 = the header below */
    uint8_t group;
    uint8_t variation;
    bool ranged; /* false: all indexes */
    uint32_t start;
    uint32_t stop;
    /* At most so many objects of each event class, or of the header; 0 = no limit. Not with a
     * range, not of class 0. Events that are left show in the class bits (`events_on_iin`). */
    uint16_t count;
};

/* LAN: RECORD_CURRENT_TIME, then 50v3. Non-LAN: DELAY_MEASURE, then 50v1. Direct: 50v1. Where the
 * outstation refuses one, the next is tried (rule 17). */
enum dnp3_time_sync {
    DNP3_TIME_SYNC_NONE,
    DNP3_TIME_SYNC_LAN,
    DNP3_TIME_SYNC_NON_LAN,
    DNP3_TIME_SYNC_DIRECT
};

/* One object header of a request: all indexes, those from `start` to `stop`, the first `count`, or
 * values to write. */
struct dnp3_request_header {
    uint8_t group;
    uint8_t variation;
    bool ranged;
    uint32_t start;
    uint32_t stop;
    /* Objects of WRITE, of a static variation: without a range each with its index, times (group
     * 50) without one. NULL: the header alone. */
    const struct dnp3_point *points;
    uint32_t count; /* of points; without them: at most so many objects, 0 = no limit */
    /* Or one device attribute to write: group 0, with the header's variation, in the attribute's
     * set. NULL: none. */
    const struct dnp3_attribute *attribute;
};

/* Shared by any number of associations; must outlive them. Times in milliseconds. */
struct dnp3_association_config {
    uint16_t master_address;
    uint16_t max_request; /* octets of a request fragment, 249..2048 (rule 12) */
    /* Where the outstation says that it takes more (attribute 241, max_receive_fragment, in an
     * answer to whoever asked for it): up to this, until the connection ends. 0 = never. */
    uint16_t max_request_told;
    uint32_t response_timeout_ms;
    uint32_t link_timeout_ms;    /* for an answer of the link layer */
    uint32_t keep_alive_ms;      /* quiet time before a link status request; 0 = never */
    uint32_t confirm_timeout_ms; /* how long the outstation waits for a confirm (rule 4) */
    uint32_t retry_min_ms;       /* backoff of automatic tasks, doubled at each failure */
    uint32_t retry_max_ms;
    uint32_t operate_within_ms;   /* longest pause between SELECT's answer and OPERATE (rule 13) */
    uint32_t time_sync_period_ms; /* 0 = only when the outstation asks */
    uint32_t time_round_trip_ms;  /* longest way there and back of DELAY_MEASURE; 0 = any */
    enum dnp3_time_sync time_sync;
    uint8_t integrity;       /* DNP3_CLASS_ bits read at startup; 0 = never */
    uint8_t unsolicited;     /* event classes to enable; 0 disables all */
    bool manage_unsolicited; /* false: neither DISABLE nor ENABLE is ever sent */
    /* It speaks when it has something to say and may sleep in between (rule 10): nothing is asked,
     * link status neither, before it has spoken on a connection, nor after a request that it left
     * unanswered until it speaks again. The startup sequence follows a restart of the outstation
     * only, without DISABLE, and over several connections where they are short. */
    bool report_by_exception;
    bool clear_restart;
    bool events_on_iin; /* class bits in the IIN start an event scan */
    /* Every fragment leaves as CONFIRMED_USER_DATA after RESET_LINK_STATES, for old devices
     * (IEEE 1815-2012 clause 9); response timers then start at the last acknowledgement. */
    bool link_confirm;
    uint8_t link_retries; /* of each such frame */
    /* Takes confirmed data of an outstation that has not reset its link to us (rule 20). */
    bool lenient;
    const struct dnp3_poll *polls;
    size_t poll_count;
    /* Sent as ASSIGN_CLASS at startup and after a restart of the outstation: 60v1..4, each before
     * what is to be in that class. */
    const struct dnp3_request_header *assign_class;
    size_t assign_class_count;
};

/* 5 s response, 1 s link, data unconfirmed (else 2 retries), 60 s keep-alive, 5 s confirm,
 * retry 5..60 s, 2 s SELECT to OPERATE, 2 s for a measured round trip, fragments 2048, integrity of
 * all classes, unsolicited 1..3, LAN time, no polls. */
void dnp3_association_config_default(struct dnp3_association_config *config);

/* Does a master with this configuration ever ask for events or let them be sent? One that does not
 * stands beside another master and leaves the events to it: it reads none of its own accord. */
bool dnp3_association_takes_events(const struct dnp3_association_config *config);

/* A fragment that was accepted. */
struct dnp3_fragment {
    uint32_t token; /* names the owed confirm; 0 where none is owed */
    uint16_t iin;
    uint8_t function; /* RESPONSE or UNSOLICITED_RESPONSE */
    bool unsolicited;
    bool first; /* of its response */
    bool final;
    bool confirm_wanted; /* CON was set */
    bool events;         /* event objects are inside; known at the end only */
    bool damaged;        /* its rest could not be read; known at the end only */
    bool unread;         /* the same, or something was passed over; known at the end only */
    bool during_read; /* unsolicited while a READ is outstanding: it delays the answer (rule 5) */
};

/* The host's answer at the end of a fragment that wants a confirm and carries events, or what may
 * be some as nobody could read it. */
enum dnp3_verdict {
    DNP3_CONFIRM_NOW,   /* it is safe (or safety is not wanted) */
    DNP3_CONFIRM_HOLD,  /* the host answers later: confirm() or refuse() */
    DNP3_CONFIRM_REFUSE /* not kept: no confirm, and a repeat is delivered as if it were new */
};

#define DNP3_ASSOCIATION_EVENT_MAP(X)                                                              \
    X(ONLINE, "the outstation answers")                                                            \
    X(STARTUP_DONE, "the startup sequence is through")                                             \
    X(TIMEOUT, "no answer in time; detail: function")                                              \
    X(LINK_ONLY, "link status answered, the application is silent")                                \
    X(LINK_DEAD, "link status not answered")                                                       \
    X(PROBE_ANSWERED, "it is there: a frame came after probe()")                                   \
    X(PROBE_FAILED, "no frame came in time after probe()")                                         \
    X(RESTARTED, "IIN1.7 appeared")                                                                \
    X(OVERFLOWED, "IIN2.3 appeared")                                                               \
    X(STEP_REFUSED, "a request was refused by IIN2.x; detail: function")                           \
    X(CONFIRM_LATE, "a repeat came before our confirm, or the hold expired")                       \
    X(UNPROTECTED, "events came without CON: they cannot be protected")                            \
    X(TIME_WRITTEN, "the outstation's clock was set")                                              \
    X(TIME_REFUSED, "the outstation takes the time in no way: not tried again on this connection") \
    X(BROADCAST_HEARD, "IIN1.0: a broadcast came there")                                           \
    X(BROADCAST_MISSED, "an answer after our broadcast without IIN1.0")                            \
    X(TIME_ABANDONED, "the way there and back took too long to set a clock; detail: ms")

enum dnp3_association_event {
#define X(name, text) DNP3_ASSOCIATION_##name,
    DNP3_ASSOCIATION_EVENT_MAP(X)
#undef X
};

/* The event's text in English, never NULL. */
const char *dnp3_association_event_text(enum dnp3_association_event event);

/* Any of these may be NULL except fragment_end; `user` is the association's. They are called within
 * feed, take, tick, disconnected and free, for a fragment in the order fragment, points, attribute
 * and problem, fragment_end; what their pointers point to lives as long as the call. */
struct dnp3_association_callbacks {
    void (*fragment)(void *user, const struct dnp3_fragment *fragment);
    /* Up to DNP3_POINTS_BATCH points of one header, 1 call a batch, in the order of the wire. */
    void (*points)(void *user, const struct dnp3_object_header *header,
                   const struct dnp3_point *points, size_t count);
    /* A device attribute, one call each. */
    void (*attribute)(void *user, const struct dnp3_object_header *header,
                      const struct dnp3_attribute *attribute);
    /* An object that could not be read. UNSUPPORTED: no such variation; where its length is known
     * it is passed over and `octets` are its own, header included, else they are the rest of the
     * fragment. MALFORMED, TRUNCATED: the rest of the fragment. */
    void (*problem)(void *user, const struct dnp3_object_header *header, int error,
                    const uint8_t *octets, size_t length);
    /* Asked for every fragment; the answer counts only where `fragment->token` is not 0. */
    enum dnp3_verdict (*fragment_end)(void *user, const struct dnp3_fragment *fragment);
    /* A held token will never be confirmed, and its events come again: withdraw what has not left.
     */
    void (*voided)(void *user, uint32_t token);
    void (*event)(void *user, enum dnp3_association_event event, unsigned detail);
    /* Wall clock, ms since 1970 UTC, or negative where it is not to be trusted (rule: time sync
     * never from a clock that the host calls unsynchronised). */
    int64_t (*wall_clock)(void *user);
    /* Asked before the first octet of SELECT, DIRECT_OPERATE, a broadcast, a request of the
     * host's but READ, a file to write or delete: does the line hold no octet that could arrive
     * late (rule 15)? NULL = always. */
    bool (*line_clear)(void *user);
    /* Asked at the same moments, and before OPERATE: may it still be done? It was asked for a while
     * ago, and the host may not want it any more. NULL = always. */
    bool (*may_act)(void *user);
};

struct dnp3_association_counters {
    uint64_t rx_octets; /* whole link frames, as on the wire */
    uint64_t tx_octets;
    uint32_t requests;
    uint32_t responses;
    uint32_t unsolicited;
    uint32_t duplicates;
    uint32_t confirms;
    uint32_t confirm_late;
    uint32_t voids;
    uint32_t refusals;
    uint32_t timeouts;
    uint32_t retries;
    uint32_t discarded; /* fragments of a wrong sequence or out of place (rule 9) */
    uint32_t malformed;
    uint32_t unsupported;
    uint32_t unprotected; /* fragments with events but without CON */
    uint32_t overflows;
    uint32_t restarts;
    uint32_t link_timeouts;
    uint32_t link_discarded; /* wrong direction, destination, FCV or state (rule 20) */
    uint32_t link_retries;   /* confirmed frames, resets of the link with them, that left again */
    uint32_t link_nacks;     /* to confirmed frames */
};

/* Adds an outstation to a master. `config` and `callbacks` are borrowed and must outlive it.
 * INVALID for a reserved address or a configuration out of range, BUSY where the master has that
 * address, MEMORY. */
int dnp3_association_create(struct dnp3_master *master, uint16_t address,
                            const struct dnp3_association_config *config,
                            const struct dnp3_association_callbacks *callbacks, void *user,
                            struct dnp3_association **out);
/* Ends its controls and requests (their `done` is called), gives back what it holds of the pool,
 * and leaves the master. NULL is legal. */
void dnp3_association_free(struct dnp3_association *association);

/* Where outstations of one channel have a place each (UDP): this one is at another place now, and
 * may be another device. All is as when a connection ends and the next one begins, for it alone. */
void dnp3_association_moved(struct dnp3_association *association, uint64_t now_ms);

/* The host's late answer: what `token` names is safe. 0 and the confirm leaves with the next take;
 * VOID where none is owed any more (rule 1), which is no loss: the outstation repeats. */
int dnp3_association_confirm(struct dnp3_association *association, uint32_t token);
/* The host gave the fragment up: no confirm, and a repeat is delivered as new. */
void dnp3_association_refuse(struct dnp3_association *association, uint32_t token);

/* Nowhere safe to put events: reads no event class while set; when cleared, reads them all and
 * enables unsolicited again (rule 7). */
void dnp3_association_withhold(struct dnp3_association *association, bool withholding);

enum dnp3_demand { DNP3_DEMAND_INTEGRITY, DNP3_DEMAND_EVENTS, DNP3_DEMAND_TIME };
/* Asks for a task once, as soon as the line is free. Where it does nothing: OFFLINE without a
 * connection (startup reads all), UNSUPPORTED where the outstation refused this on the present
 * connection, or the configuration has no time sync, or never asks for events. */
int dnp3_association_demand(struct dnp3_association *association, enum dnp3_demand demand);

/* Is the outstation still there? Asks link status at once, beside a request that is under way (but
 * not between SELECT and OPERATE). PROBE_ANSWERED follows when any frame of it comes, PROBE_FAILED
 * where none does within `within_ms`, counted from the end of a SELECT under way; neither where the
 * connection ends before. On a half-duplex channel it asks when the line is free, before what
 * others ask, and counts from then. For hosts with a second connection that claims to be this
 * outstation (rule 21). OFFLINE without a connection; while a probe is under way another one
 * changes nothing.
 */
int dnp3_association_probe(struct dnp3_association *association, uint32_t within_ms,
                           uint64_t now_ms);

/* Whether the application answers: from an accepted fragment until a silence or the connection's
 * end. */
bool dnp3_association_online(const struct dnp3_association *association);
/* The outstation's link address. */
uint16_t dnp3_association_address(const struct dnp3_association *association);
/* The internal indications (DNP3_IIN_ bits) of the last accepted fragment, 0 before the first of
 * a connection. */
uint16_t dnp3_association_iin(const struct dnp3_association *association);
/* When the last frame came, on the library's clock, and the last measured round trip in ms; both 0
 * before the first. */
uint64_t dnp3_association_heard(const struct dnp3_association *association);
uint32_t dnp3_association_round_trip(const struct dnp3_association *association);
/* Live: they go on counting, over connections, and go with the association. */
const struct dnp3_association_counters *
dnp3_association_counters(const struct dnp3_association *association);
const struct dnp3_transport_counters *
dnp3_association_transport_counters(const struct dnp3_association *association);
/* Octets that one association takes, less its polls and what link_confirm needs: the longest
 * request. */
size_t dnp3_association_size(void);

/* Controls. */

enum dnp3_command_mode {
    DNP3_SELECT_BEFORE_OPERATE,
    DNP3_DIRECT_OPERATE,
    DNP3_DIRECT_OPERATE_NO_ACK
};

enum dnp3_command_stage { DNP3_STAGE_QUEUED, DNP3_STAGE_SELECT, DNP3_STAGE_OPERATE };

enum dnp3_command_outcome {
    DNP3_OUTCOME_DONE,    /* every point accepted */
    DNP3_OUTCOME_REFUSED, /* not sent */
    DNP3_OUTCOME_FAILED,  /* the outstation said no, or SELECT failed: not operated */
    DNP3_OUTCOME_UNKNOWN  /* octets of OPERATE left and no matching echo came (rule 14) */
};

enum dnp3_command_reason {
    DNP3_REASON_OK,
    DNP3_REASON_STATUS,     /* a point's status is not SUCCESS */
    DNP3_REASON_INDICATION, /* IIN2.0..2.2 instead of an echo */
    DNP3_REASON_ECHO_MISMATCH,
    DNP3_REASON_NO_ANSWER,
    DNP3_REASON_CONNECTION_LOST,
    DNP3_REASON_EXPIRED,
    DNP3_REASON_OFFLINE,
    DNP3_REASON_LINE_BUSY,      /* line_clear() said no for a second */
    DNP3_REASON_SELECT_EXPIRED, /* OPERATE could not leave within operate_within_ms */
    DNP3_REASON_NO_ACK,         /* no answer was asked for */
    DNP3_REASON_WITHHELD,       /* a request would have read events while there is no place */
    DNP3_REASON_INTERRUPTED,    /* an answer of several fragments did not come to its end */
    DNP3_REASON_BLOCK,          /* a file's block came that is not the next one */
    DNP3_REASON_MALFORMED,      /* a directory that cannot be read */
    DNP3_REASON_CANCELLED,      /* the host ended a file transfer */
    DNP3_REASON_FORBIDDEN       /* may_act() said no */
};

/* A control under way. The host owns it and everything it points to until `done` is called. Each
 * command's `status` is the echoed one where an echo came, else DNP3_STATUS_UNDEFINED. */
struct dnp3_command_request {
    enum dnp3_command_mode mode;
    struct dnp3_command *commands;
    size_t count;
    uint64_t expires_ms; /* on the library's clock; 0 = never. Checked at dequeue and at OPERATE */
    void (*done)(struct dnp3_command_request *request);
    void *user;
    /* Set by the library: */
    enum dnp3_command_outcome outcome;
    enum dnp3_command_stage stage;
    enum dnp3_command_reason reason;
    struct dnp3_command_request *next;
};

enum { DNP3_COMMANDS_QUEUED_MAX = 16, DNP3_COMMANDS_POINTS_MAX = 16 };

/* Queues a control: at most once, never retried. OFFLINE unless the outstation answers now; FULL;
 * INVALID (no points, too many, a value that its variation cannot hold). On an error `done` is not
 * called. */
int dnp3_association_command(struct dnp3_association *association,
                             struct dnp3_command_request *request);

#endif
