/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to every outstation of a channel (rule 22; IEEE 1815-2012 4.2.6.2, 9.2.5). None is
 * answered: each association tells by an event whether its outstation's next answer says that it
 * heard one. Off unless the master's configuration allows it. */
#ifndef DNP3_BROADCAST_H
#define DNP3_BROADCAST_H

#include "dnp3/master.h"

/* A broadcast that waits. The host owns it and everything it points to until `done` is called. */
struct dnp3_broadcast {
    /* WRITE, DIRECT_OPERATE_NR, IMMED_FREEZE_NR, FREEZE_CLEAR_NR, ENABLE_, DISABLE_UNSOLICITED,
     * ASSIGN_CLASS or RECORD_CURRENT_TIME */
    uint8_t function;
    uint16_t source;      /* the master's address that the outstations expect */
    uint16_t destination; /* FFFD, FFFE (their next answer wants a confirm), FFFF */
    const struct dnp3_request_header *headers;
    size_t count;
    const struct dnp3_command *commands; /* of DIRECT_OPERATE_NR */
    size_t command_count;
    uint64_t expires_ms; /* on the library's clock; 0 = never. Checked when its turn comes */
    void (*done)(struct dnp3_broadcast *broadcast);
    void *user;
    /* Set by the library: UNKNOWN and NO_ACK where it left, else REFUSED. */
    enum dnp3_command_outcome outcome;
    enum dnp3_command_reason reason;
    struct dnp3_broadcast *next;
};

enum { DNP3_BROADCASTS_QUEUED_MAX = 4 };

/* Queues a broadcast. It leaves, once, as soon as no association has a request or a confirm under
 * way; controls go first, all else waits for it. OFFLINE without connection or association; FULL;
 * INVALID: not allowed by the configuration, another function or destination, objects that cannot
 * be written or do not fit 249 octets (rule 12). On an error `done` is not called. */
int dnp3_master_broadcast(struct dnp3_master *master, struct dnp3_broadcast *broadcast);

#endif
