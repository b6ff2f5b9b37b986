/* SPDX-License-Identifier: Apache-2.0 */
/* What a host asks an outstation beyond polls and controls, each with a result: reads, freezes,
 * restarts, classes, values to write, and any other function whose answer has no objects.
 * Requests come after controls and before all that the association asks of its own accord. */
#ifndef DNP3_REQUEST_H
#define DNP3_REQUEST_H

#include "dnp3/association.h"

#define DNP3_NO_DELAY UINT32_MAX

/* A request under way. The host owns it and everything it points to until `done` is called. */
struct dnp3_request {
    /* READ, WRITE, the freezes (7..12), restarts (13, 14), ENABLE_, DISABLE_UNSOLICITED,
     * ASSIGN_CLASS, and 15..19, 31: no controls, clock or files, which have their own ways. */
    uint8_t function;
    uint8_t attempts; /* of READ, each after a backoff; 0 = 1. Nothing else is ever repeated */
    const struct dnp3_request_header *headers;
    size_t count;
    int64_t freeze_at_ms;     /* FREEZE_AT_TIME: when (50v2), ms since 1970 UTC; 0 = at once */
    uint32_t freeze_every_ms; /* and after that; 0 = once */
    uint64_t expires_ms;      /* on the library's clock; 0 = never. Checked when its turn comes */
    void (*done)(struct dnp3_request *request);
    void *user;
    /* Set by the library: */
    /* DONE: answered without IIN2.0 to 2.2 and 2.4. FAILED: answered with one of them, or a READ
     * without an answer; what was read was delivered. UNKNOWN: it left, and no answer came or none
     * was asked for. REFUSED: it did not leave. */
    enum dnp3_command_outcome outcome;
    enum dnp3_command_reason reason;
    uint16_t iin;      /* of the answer; 0 without one */
    uint32_t delay_ms; /* of the answer (52v1, 52v2): until a restart is over; or NO_DELAY */
    struct dnp3_request *next;
};

enum { DNP3_REQUESTS_QUEUED_MAX = 16 };

/* Queues a request. OFFLINE unless the outstation answers now; FULL; INVALID (a function that is
 * not of the list above, objects that cannot be written, or longer than max_request). On an error
 * `done` is not called. Silence ends all that wait, but a READ that has attempts left. */
int dnp3_association_request(struct dnp3_association *association, struct dnp3_request *request);

#endif
