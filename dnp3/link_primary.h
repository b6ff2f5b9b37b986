/* SPDX-License-Identifier: Apache-2.0 */
/* A primary station that wants its data acknowledged (IEEE 1815-2012 clause 9): RESET_LINK_STATES,
 * then CONFIRMED_USER_DATA with the frame count bit, one frame at a time. It keeps the fragment
 * until its last frame is acknowledged, for a frame may have to leave again. Unconfirmed data needs
 * nothing of this. */
#ifndef DNP3_LINK_PRIMARY_H
#define DNP3_LINK_PRIMARY_H

#include "dnp3/transport.h"

enum dnp3_primary_state {
    DNP3_PRIMARY_IDLE,
    DNP3_PRIMARY_RESETTING, /* RESET_LINK_STATES is to leave, or is not answered yet */
    DNP3_PRIMARY_SENDING,   /* so is a frame of the fragment */
    DNP3_PRIMARY_FULL,      /* the secondary takes no data for the moment (DFC) */
    DNP3_PRIMARY_ASKING,    /* REQUEST_LINK_STATUS: does it now? */
    DNP3_PRIMARY_STATES
};

/* What a secondary says, and that it says nothing. */
enum dnp3_primary_input {
    DNP3_PRIMARY_ACK,
    DNP3_PRIMARY_NACK,
    DNP3_PRIMARY_STATUS,
    DNP3_PRIMARY_UNSUPPORTED,
    DNP3_PRIMARY_TIMEOUT,
    DNP3_PRIMARY_INPUTS
};

/* What is to be done about it. */
enum dnp3_primary_step {
    DNP3_PRIMARY_IGNORE,  /* nobody asked */
    DNP3_PRIMARY_OPEN,    /* the link is reset: data may leave, from the fragment's start */
    DNP3_PRIMARY_ADVANCE, /* the frame is there */
    DNP3_PRIMARY_REPEAT,  /* the same once more, with the same FCB */
    DNP3_PRIMARY_RENEW, /* the secondary does not know of a reset: reset, then the fragment anew */
    DNP3_PRIMARY_WAIT,  /* no room: ask later */
    DNP3_PRIMARY_ASK,
    DNP3_PRIMARY_GO_ON, /* room again */
    DNP3_PRIMARY_GIVE_UP
};

/* The step from a state, without side effects; an input that a state does not await is ignored.
 * `full`: the DFC bit of what was said. */
enum dnp3_primary_step dnp3_primary_judge(enum dnp3_primary_state state,
                                          enum dnp3_primary_input input, bool full);

enum dnp3_primary_outcome {
    DNP3_PRIMARY_NOTHING,   /* it goes on, or nothing was under way */
    DNP3_PRIMARY_READY,     /* the link is reset, no fragment waits */
    DNP3_PRIMARY_DELIVERED, /* every frame of the fragment was acknowledged */
    DNP3_PRIMARY_REFUSED,   /* the secondary answers, but does not take it; the link is not reset */
    DNP3_PRIMARY_SILENT     /* it does not answer; the link is not reset */
};

/* On what terms a fragment is sent. */
struct dnp3_primary_terms {
    bool once;           /* never again once the link had to be reset under it (rule 15) */
    uint8_t retries;     /* of each frame */
    uint64_t expires_ms; /* no frame of it leaves again from then on; 0 = never */
};

struct dnp3_primary_counters {
    uint32_t retries; /* frames that left again */
    uint32_t nacks;
    uint32_t resets; /* the secondary acknowledged one */
};

struct dnp3_primary {
    enum dnp3_primary_state state;
    bool due;     /* the frame of this state is to leave */
    bool reset;   /* on this connection */
    bool fcb;     /* of the frame under way or next */
    bool renewed; /* this fragment has started anew once */
    uint8_t left; /* retries */
    uint16_t length;
    uint16_t done; /* octets acknowledged */
    uint32_t timeout_ms;
    uint64_t deadline_ms; /* of the answer; UINT64_MAX = none is awaited */
    struct dnp3_primary_terms terms;
    struct dnp3_primary_counters counters;
    uint8_t fragment[];
};

/* Octets that one takes whose fragments have up to `room`. */
static inline size_t dnp3_primary_size(size_t room)
{
    return sizeof(struct dnp3_primary) + room;
}

/* Idle, link not reset, counters at zero. `timeout_ms` for each answer. */
void dnp3_primary_init(struct dnp3_primary *primary, uint32_t timeout_ms);
/* A new connection, or an outstation that was lost: nothing is under way, the link is not reset. */
void dnp3_primary_forget(struct dnp3_primary *primary);

/* Starts a reset, or a fragment of `length` octets (copied; at most the `room`), with a reset in
 * front of it where the link is not reset. Only while idle; write() then has a frame. */
void dnp3_primary_open(struct dnp3_primary *primary, uint8_t retries);
void dnp3_primary_send(struct dnp3_primary *primary, const uint8_t *fragment, size_t length,
                       struct dnp3_primary_terms terms);

/* The frame that is to leave now, with `direction` as its DIR bit; false: none, or one that may not
 * leave again, which tick() ends. Its answer is due after the timeout. */
bool dnp3_primary_write(struct dnp3_primary *primary, const struct dnp3_transport *transport,
                        struct dnp3_writer *out, uint8_t direction, uint16_t destination,
                        uint16_t source, uint64_t now_ms);
/* A secondary frame with this control octet came. What is not awaited is ignored. */
enum dnp3_primary_outcome dnp3_primary_receive(struct dnp3_primary *primary,
                                               struct dnp3_transport *transport, uint8_t control,
                                               uint64_t now_ms);
/* No frame of what is under way leaves again from now on: where none is acknowledged in time it has
 * ended as SILENT. */
void dnp3_primary_expire(struct dnp3_primary *primary, uint64_t now_ms);
/* Time has passed. */
enum dnp3_primary_outcome dnp3_primary_tick(struct dnp3_primary *primary, uint64_t now_ms);
/* Something is under way: nothing can be begun. */
static inline bool dnp3_primary_busy(const struct dnp3_primary *primary)
{
    return primary->state != DNP3_PRIMARY_IDLE;
}

#endif
