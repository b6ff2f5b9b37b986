/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a command: the words of the README's message table, and their JSON. */
#ifndef GW_CONTROL_RESULT_H
#define GW_CONTROL_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dnp3/association.h"
#include "gateway/base/json_writer.h"
#include "gateway/command/command_message.h"

#define GW_OUTCOME_MAP(X)                                                                          \
    X(DONE, "done")                                                                                \
    X(REFUSED, "refused")                                                                          \
    X(FAILED, "failed")                                                                            \
    X(UNKNOWN, "unknown")

enum gw_outcome {
#define X(name, text) GW_OUTCOME_##name,
    GW_OUTCOME_MAP(X)
#undef X
};

#define GW_VERDICT_MAP(X)                                                                          \
    X(OK, "ok")                                                                                    \
    X(MALFORMED, "malformed")                                                                      \
    X(RETAINED, "retained")                                                                        \
    X(UNKNOWN_CONTROL, "unknown_control")                                                          \
    X(UNKNOWN_VALUE, "unknown_value")                                                              \
    X(OUT_OF_RANGE, "out_of_range")                                                                \
    X(NO_ID, "no_id")                                                                              \
    X(NO_EXPIRY, "no_expiry")                                                                      \
    X(EXPIRED, "expired")                                                                          \
    X(CLOCK, "clock")                                                                              \
    X(REPEAT, "repeat")                                                                            \
    X(ID_REUSED, "id_reused")                                                                      \
    X(BUSY, "busy")                                                                                \
    X(RATE, "rate")                                                                                \
    X(NOT_ARMED, "not_armed")                                                                      \
    X(OFFLINE, "offline")                                                                          \
    X(INHIBITED, "inhibited")                                                                      \
    X(OUTSTATION_REFUSED, "outstation_refused")                                                    \
    X(ECHO_MISMATCH, "echo_mismatch")                                                              \
    X(NO_ANSWER, "no_answer")                                                                      \
    X(RESTARTED, "restarted")                                                                      \
    X(CONNECTION_LOST, "connection_lost")

/* The `reason` of a result. */
enum gw_verdict {
#define X(name, text) GW_VERDICT_##name,
    GW_VERDICT_MAP(X)
#undef X
};

enum gw_feedback { GW_FEEDBACK_NONE, GW_FEEDBACK_REACHED, GW_FEEDBACK_NOT_REACHED };

struct gw_control_result {
    enum gw_outcome outcome;
    enum gw_verdict reason;
    enum dnp3_command_stage stage; /* QUEUED: nothing was sent */
    enum gw_feedback feedback;
    bool has_status;
    uint8_t status; /* enum dnp3_status, or a number that the standard does not know */
    uint32_t duration_ms;
    int64_t time_ms; /* wall clock */
};

const char *gw_outcome_name(enum gw_outcome outcome);
const char *gw_verdict_name(enum gw_verdict verdict);

/* The reason of what was refused before anything was sent: a DNP3_ERR_ of the library's or ours. */
enum gw_verdict gw_verdict_of_error(int error);
/* Outcome and reason of what the library ended so. */
void gw_control_result_end(struct gw_control_result *result, enum dnp3_command_outcome outcome,
                           enum dnp3_command_reason reason);
/* Outcome, reason, stage and status of a request of one point that is through. */
void gw_control_result_of(struct gw_control_result *result,
                          const struct dnp3_command_request *request);
/* True for done and unknown, and for failed after OPERATE left. */
bool gw_control_result_may_have_operated(const struct gw_control_result *result);

/* The keys of every result, into an open object. */
void gw_control_result_keys(struct gw_json_writer *writer, const struct gw_command_message *message,
                            const struct gw_control_result *result, bool may_have_operated,
                            bool repeated);
/* The message on the result topic. Returns its length, or DNP3_ERR_FULL. */
int gw_control_result_write(char *buffer, size_t size, const struct gw_command_message *message,
                            const struct gw_control_result *result, bool may_have_operated,
                            bool repeated);

/* Writes the audit line: who claimed to command what with which end. `what` is "control", "arming"
 * or "command". */
void gw_control_result_log(const char *outstation, const char *what, const char *name,
                           const char *topic, const struct gw_command_message *message,
                           const struct gw_control_result *result, bool repeated,
                           const char *detail);

#endif
