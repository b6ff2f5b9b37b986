/* SPDX-License-Identifier: Apache-2.0 */
/* The insides of master and association, shared by the files that move them: master.c (channel),
 * association_link.c (its link), task.c (what is sent next), task_end.c (how it ends), response.c
 * (what comes), confirm.c (owed confirms), half_duplex.c (who may speak where one may at a time),
 * operate.c (controls), request.c and broadcast.c (the host's requests), file_transfer.c and
 * file_answer.c (files), time_sync.c (the clock), probe.c (is it there?). Not for hosts. */
#ifndef DNP3_ASSOCIATION_INTERNAL_H
#define DNP3_ASSOCIATION_INTERNAL_H

#include "dnp3/association.h"
#include "dnp3/broadcast.h"
#include "dnp3/deadline_internal.h"
#include "dnp3/file_transfer.h"
#include "dnp3/link_primary.h"
#include "dnp3/link_secondary.h"
#include "dnp3/master.h"
#include "dnp3/request.h"

enum { DNP3_REQUEST_HEADER = 2 }; /* octets before a request's objects: control, function */

/* Requests. The automatic ones come first, in the order of rule 10 and of priority: `wanted` and
 * `backoff` are indexed by them. */
enum request_kind {
    REQUEST_DISABLE_UNSOLICITED,
    REQUEST_CLEAR_RESTART,
    REQUEST_ASSIGN_CLASS,
    REQUEST_INTEGRITY,
    REQUEST_TIME, /* RECORD_CURRENT_TIME or DELAY_MEASURE, or the direct write at once */
    REQUEST_ENABLE_UNSOLICITED,
    REQUEST_EVENTS,
    AUTOMATIC_REQUESTS,
    REQUEST_TIME_WRITE = AUTOMATIC_REQUESTS, /* the second half of time sync */
    REQUEST_POLL,
    REQUEST_LINK_STATUS,
    REQUEST_USER_READ, /* the host's own requests */
    REQUEST_USER,
    REQUEST_FILE_READ, /* a block of a file; it may be asked for again */
    REQUEST_FILE,
    REQUEST_FILE_CLEANUP, /* closes a file that a transfer has left open */
    REQUEST_SELECT,
    REQUEST_OPERATE,
    REQUEST_DIRECT_OPERATE,
    REQUEST_DIRECT_OPERATE_NO_ACK,
    REQUEST_NONE
};

enum {
    DNP3_STARTUP_STEPS = 1u << REQUEST_DISABLE_UNSOLICITED | 1u << REQUEST_ASSIGN_CLASS |
                         1u << REQUEST_INTEGRITY | 1u << REQUEST_ENABLE_UNSOLICITED
};

struct backoff {
    uint64_t not_before_ms;
    uint8_t failures;
};

/* How long what may act waits for the peer to acknowledge what was written before it, and how often
 * the host is asked: peers acknowledge within 40 to 200 ms where they have nothing to say. */
enum { LINE_WAIT_MS = 1000, LINE_ASK_MS = 5 };
enum line_state { LINE_CLEAR, LINE_WAIT, LINE_BUSY, LINE_FORBIDDEN };

/* How long an owed confirm keeps others from a half-duplex channel (rule 6). */
enum { YIELD_MS = 200 };

enum owed_state { OWED_NONE, OWED_HELD, OWED_READY };

/* A confirm that the outstation waits for. */
struct owed {
    enum owed_state state;
    uint32_t token; /* 0 where the host was not asked */
    uint8_t sequence;
    bool more; /* solicited: further fragments follow our confirm */
    uint64_t expires_ms;
    uint64_t yields_ms; /* half-duplex: another association may send its request from then on */
};

/* The last unsolicited fragment, to know its repeat (rule 2). */
struct last_unsolicited {
    bool valid;
    bool safe; /* the host has it where it is safe: a repeat is confirmed at once */
    uint8_t sequence;
    uint32_t token;
    uint64_t digest; /* stands for its octets */
};

/* The one request on the wire. */
struct outstanding {
    enum request_kind kind; /* REQUEST_NONE: the line is free */
    uint8_t sequence;       /* of the next response fragment */
    uint8_t function;
    uint8_t scan; /* classes asked for, of EVENTS and INTEGRITY */
    bool first_seen;
    uint16_t poll;
    uint32_t delay_ms; /* that the answer told (52v1, 52v2), or DNP3_NO_DELAY */
    uint64_t sent_ms;
    uint64_t deadline_ms; /* DNP3_NEVER while we owe a confirm for a non-final fragment */
};

struct poll_state {
    uint64_t due_ms;
    uint8_t failures;
};

enum file_step {
    FILE_IDLE,
    FILE_AUTHENTICATE,
    FILE_OPEN,
    FILE_READ_BLOCK,
    FILE_WRITE_BLOCK,
    FILE_CLOSE,
    FILE_DELETE,
    FILE_INFO
};

/* The transfer at the head of the queue, and what the one before it has left open. */
struct file_state {
    struct dnp3_file_transfer *queue;
    uint8_t queued;
    enum file_step step; /* what leaves next, is on the wire, or is waited for */
    bool sent;           /* it has left and was not answered */
    bool waits;          /* it was answered without an object, which comes as an event */
    bool came;           /* its object has come; `verdict` says what it was worth */
    enum dnp3_command_reason verdict;
    uint8_t attempts;    /* that have failed, of a block that is read */
    bool last;           /* the block is */
    bool had_turn;       /* the line's last request was for a file: others come first */
    bool cleanup_waits;  /* until the outstation answers again */
    uint8_t cleanup;     /* CLOSE_FILE or ABORT_FILE, 0 = nothing is left open */
    uint16_t block_size; /* that OPEN_FILE was answered with */
    uint16_t length;     /* of the block that is written */
    uint16_t request;    /* names the transfer */
    uint16_t given_up;   /* the one whose OPEN_FILE had no answer, 0 = none */
    uint32_t key;
    uint32_t handle;
    uint32_t block;
    uint32_t cleanup_handle;
    uint64_t not_before_ms; /* when a block is read again */
    uint64_t wait_until_ms;
    uint64_t ask_ms; /* when events are read for an answer that waits */
};

struct dnp3_association {
    struct dnp3_association *next;
    struct dnp3_master *master;
    const struct dnp3_association_config *config;
    const struct dnp3_association_callbacks *callbacks;
    void *user;
    struct poll_state *polls;
    struct dnp3_transport transport;
    struct dnp3_secondary secondary;
    struct dnp3_primary *primary;    /* NULL: data leaves unconfirmed */
    struct dnp3_primary_terms terms; /* of the fragment that was built last */
    struct dnp3_association_counters counters;

    struct file_state file;

    uint16_t address;
    uint16_t max_request; /* octets; the configured ones, or more where attribute 241 said so */
    uint16_t iin;         /* of the last accepted fragment */
    uint8_t sequence;     /* of the next request */
    uint8_t wanted;       /* bit = automatic request kind */
    uint8_t refused;      /* bit = automatic request kind, for this connection (rule 11) */
    uint8_t scan;         /* event classes that REQUEST_EVENTS will read */
    uint8_t link_reply;   /* secondary function to answer, plus one; 0 = none */
    bool link_full;       /* its DFC bit: it takes no data until it says otherwise */
    bool online;
    bool broadcast_awaited; /* one left: does the next answer tell of it? */
    bool started;           /* STARTUP_DONE was said on this connection */
    bool withholding;
    bool link_check;             /* ask link status: the application was silent */
    bool probe_due;              /* the probe's link status has not left yet */
    bool unheard;                /* not a frame came on this connection, or since its link died */
    bool asleep;                 /* report_by_exception: nothing is asked before it speaks */
    bool resume_enable;          /* ENABLE after the event scan of a reopening */
    enum request_kind follow_up; /* OPERATE or TIME_WRITE: leaves before anything else */
    struct outstanding out;
    struct owed solicited;
    struct owed unsolicited;
    struct last_unsolicited last;
    struct backoff backoff[AUTOMATIC_REQUESTS];
    uint32_t next_token;
    uint32_t round_trip_ms;
    uint8_t time_method;    /* enum dnp3_time_sync: the configured one, or what is left of it */
    uint8_t time_variation; /* of g50 in the write that follows or is under way */
    int64_t time_ms; /* the host's clock when RECORD_CURRENT_TIME left, or the measured delay */
    uint64_t select_answered_ms;
    uint64_t line_wait_until_ms; /* who waits for a clear line does until then; 0 = none waits */
    uint64_t heard_ms;
    uint64_t link_full_ask_ms; /* when link status is asked again while link_full */
    uint64_t link_reset_ms;    /* a link that must be reset is not tried before */
    uint64_t keep_alive_from_ms;
    uint64_t probe_until_ms;  /* a probe is answered by then or fails; 0 = none */
    uint32_t probe_within_ms; /* half-duplex: from when it is asked */
    uint64_t time_sync_due_ms;
    struct dnp3_command_request *commands; /* queue; the head is under way while `out` says so */
    uint16_t commands_queued;
    uint16_t requests_queued;
    uint8_t request_attempts; /* that the head of `requests` has failed: it waits */
    uint64_t request_not_before_ms;
    struct dnp3_request *requests; /* queue; the head is under way while `out` says so */
};

struct dnp3_master {
    struct dnp3_master_config config;
    struct dnp3_association *associations;
    struct dnp3_association *turn; /* who is asked first at the next take */
    size_t count;
    uint64_t now_ms;
    bool connected;
    struct dnp3_broadcast *broadcasts; /* queue */
    uint64_t broadcast_wait_until_ms;  /* a control waits for a clear line until then; 0 = none */
    struct dnp3_link_parser parser;
};

static inline uint8_t request_bit(enum request_kind kind)
{
    return (uint8_t)(1u << kind);
}

static inline uint64_t association_now(const struct dnp3_association *a)
{
    return a->master->now_ms;
}

static inline void association_event(struct dnp3_association *a, enum dnp3_association_event event,
                                     unsigned detail)
{
    if (a->callbacks->event)
        a->callbacks->event(a->user, event, detail);
}

/* Its primary waits for an acknowledgement: nothing else leaves but replies of the link. */
static inline bool association_awaits_link(const struct dnp3_association *a)
{
    return a->primary && dnp3_primary_busy(a->primary);
}

/* Confirmed data needs a link that is reset. */
static inline bool association_needs_reset(const struct dnp3_association *a)
{
    return a->primary && !a->primary->reset;
}

static inline bool association_takes_data(const struct dnp3_association *a)
{
    return !a->link_full && !association_needs_reset(a);
}

/* association_link.c */
/* The connection changed: neither direction of the link is reset. */
void dnp3_association_link_forget(struct dnp3_association *a);
/* A frame of the outstation's for us. */
void dnp3_association_link_receive(struct dnp3_association *a, const struct dnp3_link_frame *frame);
/* The secondary's answer, if one is owed. */
bool dnp3_association_link_reply(struct dnp3_association *a, struct dnp3_writer *out);
/* REQUEST_LINK_STATUS, beside all else. */
void dnp3_association_link_ask(struct dnp3_association *a, struct dnp3_writer *out);
/* A whole fragment, or the first frame of it where frames are confirmed; without octets: a question
 * of the link layer, its reset where it must be reset. */
void dnp3_association_link_send(struct dnp3_association *a, const struct dnp3_writer *fragment,
                                struct dnp3_writer *out);
/* The frame whose turn has come, or comes again, of what is under way. */
bool dnp3_association_link_go_on(struct dnp3_association *a, struct dnp3_writer *out);
void dnp3_association_link_tick(struct dnp3_association *a);

/* task.c */
/* The requests of a startup, as bits of `wanted`; and what a connection that was too short left
 * undone of them. */
uint8_t dnp3_task_startup_steps(const struct dnp3_association_config *config);
uint8_t dnp3_task_steps_left(const struct dnp3_association *a);
void dnp3_task_start(struct dnp3_association *a);
void dnp3_task_want(struct dnp3_association *a, enum request_kind kind);
/* The same after a pause, where acting at once would be acting in a circle. */
void dnp3_task_want_later(struct dnp3_association *a, enum request_kind kind);
/* Reads all event classes as soon as the line is free, or after a pause. */
void dnp3_task_read_events(struct dnp3_association *a);
void dnp3_task_read_events_later(struct dnp3_association *a, uint64_t wait_ms);
/* The next request into `out`, application octets only; false: nothing to ask now. */
bool dnp3_task_next(struct dnp3_association *a, struct dnp3_writer *out);
uint64_t dnp3_task_deadline(const struct dnp3_association *a);
void dnp3_task_tick(struct dnp3_association *a);
/* The outstanding request ended well, or was answered by a refusal in `iin`. */
void dnp3_task_answered(struct dnp3_association *a, uint16_t iin);
/* The outstanding request ended without an answer; it is tried again after a backoff. */
void dnp3_task_failed(struct dnp3_association *a);
/* The outstanding request was given up for something more urgent; it is sent again at once. */
void dnp3_task_abandon(struct dnp3_association *a);
void dnp3_task_disconnected(struct dnp3_association *a);
void dnp3_task_link_full(struct dnp3_association *a, bool full);
void dnp3_task_link_answered(struct dnp3_association *a);
/* Confirmed data: the link is reset; a fragment was acknowledged; it was not (`answers`: but the
 * link is alive); neither data nor resets are. */
void dnp3_task_link_ready(struct dnp3_association *a);
void dnp3_task_delivered(struct dnp3_association *a);
void dnp3_task_undelivered(struct dnp3_association *a, bool answers);
void dnp3_task_link_dead(struct dnp3_association *a);
/* Any frame came; `speaks`: of its own accord, or an answer of the application. */
void dnp3_task_heard(struct dnp3_association *a, bool speaks);
/* An application fragment was accepted. */
void dnp3_task_alive(struct dnp3_association *a);

/* A link status request becomes the outstanding one: the caller writes its frame. */
void dnp3_task_ask_link(struct dnp3_association *a, uint32_t within_ms);
/* Starts the request that becomes the outstanding one; its objects follow. */
void dnp3_task_begin(struct dnp3_association *a, enum request_kind kind,
                     enum dnp3_function function, struct dnp3_writer *out);
/* One failure more: the automatic request waits for its backoff. */
void dnp3_task_postpone(struct dnp3_association *a, enum request_kind kind);

/* Rule 15, before the first octet of what may act: holds the line none that could arrive late? */
enum line_state dnp3_task_line(struct dnp3_association *a);
/* Why what may act does not leave over a line that is neither clear nor waited for. */
static inline enum dnp3_command_reason line_reason(enum line_state line)
{
    return line == LINE_BUSY ? DNP3_REASON_LINE_BUSY : DNP3_REASON_FORBIDDEN;
}
static inline bool association_may_act(const struct dnp3_association *a)
{
    return !a->callbacks->may_act || a->callbacks->may_act(a->user);
}
uint64_t dnp3_task_backoff(const struct dnp3_association *a, uint8_t failures);

/* request.c */
/* Does a READ of these objects bring events (rule 7)? */
bool dnp3_reads_events(uint8_t group, uint8_t variation);
/* Object headers of a request, with their values; INVALID where one cannot be written. */
int dnp3_request_headers_write(struct dnp3_writer *out, const struct dnp3_request_header *headers,
                               size_t count);
int dnp3_request_objects_write(struct dnp3_writer *out, const struct dnp3_request *request);
bool dnp3_request_next(struct dnp3_association *a, struct dnp3_writer *out);
/* The head of the queue may act and waits for a clear line. */
bool dnp3_request_waits_for_line(const struct dnp3_association *a);
uint64_t dnp3_request_deadline(const struct dnp3_association *a);
void dnp3_request_answered(struct dnp3_association *a, uint16_t iin);
/* The request under way ended without a whole answer. */
void dnp3_request_failed(struct dnp3_association *a, enum dnp3_command_reason reason);
/* The outstation does not answer: nothing waits for it but a READ that is tried again. */
void dnp3_request_silent(struct dnp3_association *a);
/* The connection is lost, or the outstation sleeps (NO_ANSWER): nothing waits for it. */
void dnp3_request_gone(struct dnp3_association *a, enum dnp3_command_reason reason);

/* file_transfer.c */
/* The next request of a transfer; false: none can leave now. */
bool dnp3_file_next(struct dnp3_association *a, struct dnp3_writer *out);
bool dnp3_file_waits_for_line(const struct dnp3_association *a);
uint64_t dnp3_file_deadline(const struct dnp3_association *a);
void dnp3_file_tick(struct dnp3_association *a);
/* The request under way was answered: with the object that has come, or it is waited for. */
void dnp3_file_answered(struct dnp3_association *a, uint16_t iin);
/* It ended without an answer, or was given up for a control. */
void dnp3_file_unanswered(struct dnp3_association *a, enum dnp3_command_reason reason);
void dnp3_file_abandoned(struct dnp3_association *a);
/* The outstation, or even its link, does not answer. */
void dnp3_file_silent(struct dnp3_association *a, bool link_dead);
/* As dnp3_request_gone(); what is left open is not closed any more. */
void dnp3_file_gone(struct dnp3_association *a, enum dnp3_command_reason reason);
/* The step of the head failed, or is settled by the object that came. */
void dnp3_file_failed(struct dnp3_association *a, enum dnp3_command_reason reason);
void dnp3_file_settle(struct dnp3_association *a);
/* Closes or aborts a file that no transfer has any more. */
void dnp3_file_leave(struct dnp3_association *a, enum dnp3_function function, uint32_t handle);

/* file_answer.c */
/* An object of group 70, in a fragment that answers the head's request or not. 0; the errors of
 * file.h; UNSUPPORTED for what no answer has. */
int dnp3_file_object(struct dnp3_association *a, uint8_t variation, struct dnp3_reader object,
                     bool answers);

/* time_sync.c */
/* A new connection, or a restarted outstation: the configured method is tried again. */
void dnp3_time_start(struct dnp3_association *a);
/* The first request of a time sync; false where the host's clock is not to be trusted. */
bool dnp3_time_request(struct dnp3_association *a, struct dnp3_writer *out);
bool dnp3_time_follow_up(struct dnp3_association *a, struct dnp3_writer *out);
/* RECORD_CURRENT_TIME or DELAY_MEASURE was answered. */
void dnp3_time_prepared(struct dnp3_association *a, bool refused);
void dnp3_time_written(struct dnp3_association *a, bool refused);

/* response.c */
void dnp3_response_receive(struct dnp3_association *a, struct dnp3_reader fragment);
void dnp3_response_iin(struct dnp3_association *a, uint16_t iin, bool classes);

/* confirm.c */
uint32_t dnp3_confirm_token(struct dnp3_association *a);
void dnp3_confirm_owe(struct dnp3_association *a, struct owed *owed, enum dnp3_verdict verdict,
                      uint32_t token, uint8_t sequence, bool more);
/* Ends a hold: its token is void and the host is told. */
void dnp3_confirm_void(struct dnp3_association *a, struct owed *owed);
void dnp3_confirm_forget_unsolicited(struct dnp3_association *a);
/* A newer unsolicited fragment came under this sequence: a confirm of it whose frame waits to be
 * acknowledged would confirm this one as well, and does not leave again. */
void dnp3_confirm_recall(struct dnp3_association *a, uint8_t sequence);
/* The host did not keep a fragment. */
void dnp3_confirm_refused(struct dnp3_association *a);
/* The outstation restarted: it waits for none of our confirms any more. */
void dnp3_confirm_restarted(struct dnp3_association *a);
/* A confirm that may leave now, into `out`. */
bool dnp3_confirm_next(struct dnp3_association *a, struct dnp3_writer *out);
uint64_t dnp3_confirm_deadline(const struct dnp3_association *a);
void dnp3_confirm_tick(struct dnp3_association *a);
/* Half-duplex: a request to another outstation leaves; holds that have had their time end. */
void dnp3_confirm_yield(struct dnp3_association *a);

/* half_duplex.c; nothing of it is asked on full-duplex channels */
/* A reply of the link layer; a confirm; a request: may it leave now? */
bool dnp3_half_duplex_may_reply(const struct dnp3_association *a);
bool dnp3_half_duplex_may_confirm(const struct dnp3_association *a);
bool dnp3_half_duplex_may_request(const struct dnp3_association *a);
/* A request has left. */
void dnp3_half_duplex_requested(struct dnp3_association *a);
/* When the task that is due at `deadline` can leave. */
uint64_t dnp3_half_duplex_deadline(const struct dnp3_association *a, uint64_t deadline);

/* probe.c */
/* Does a link status request of a probe leave now? On a half-duplex channel it is the outstanding
 * request then. */
bool dnp3_probe_next(struct dnp3_association *a);
/* A frame of the outstation came. */
void dnp3_probe_heard(struct dnp3_association *a);
uint64_t dnp3_probe_deadline(const struct dnp3_association *a);
void dnp3_probe_tick(struct dnp3_association *a);
/* The connection changed. */
void dnp3_probe_forget(struct dnp3_association *a);

/* broadcast.c */
/* A broadcast onto the wire, if the channel is quiet. */
bool dnp3_broadcast_next(struct dnp3_master *master, struct dnp3_writer *wire);
uint64_t dnp3_broadcast_deadline(const struct dnp3_master *master);
void dnp3_broadcast_disconnected(struct dnp3_master *master);
/* Indications came, before they are kept: is IIN1.0 among them? */
void dnp3_broadcast_answered(struct dnp3_association *a, uint16_t iin, bool solicited);

/* operate.c */
/* The objects of a control: one header a run of points of one variation and prefix size. */
int dnp3_operate_objects_write(struct dnp3_writer *out, const struct dnp3_command *commands,
                               size_t count);
bool dnp3_operate_next(struct dnp3_association *a, struct dnp3_writer *out);
bool dnp3_operate_follow_up(struct dnp3_association *a, struct dnp3_writer *out);
/* The echo of the control under way. */
void dnp3_operate_answered(struct dnp3_association *a, uint16_t iin, struct dnp3_reader *objects);
void dnp3_operate_timed_out(struct dnp3_association *a);
void dnp3_operate_disconnected(struct dnp3_association *a);

#endif
