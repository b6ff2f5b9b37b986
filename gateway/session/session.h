/* SPDX-License-Identifier: Apache-2.0 */
/* A session: one outstation as the gateway sees it. Its association's points become messages, its
 * confirms wait for the broker, and its state is published with a reason. */
#ifndef GW_SESSION_H
#define GW_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "dnp3/request.h"
#include "gateway/command/command.h"
#include "gateway/command/control.h"
#include "gateway/config/config.h"
#include "gateway/delivery/publisher.h"
#include "gateway/payload/payload.h"
#include "gateway/session/line.h"

struct gw_session;

/* What every session of a gateway shares; borrowed. */
struct gw_session_shared {
    uv_loop_t *loop;
    const struct gw_config *config;
    struct gw_publisher *publisher;
    struct gw_controls *controls;
    struct gw_commands *commands;
    void (*due)(void *user); /* something is to be flushed */
    void *user;
};

/* `behaviour` is the profile as the library wants it, borrowed. A disabled outstation has no line:
 * `line` is NULL. NULL without memory or where the address is taken on the line. */
struct gw_session *gw_session_create(const struct gw_session_shared *shared,
                                     const struct gw_outstation_config *config,
                                     const struct dnp3_association_config *behaviour,
                                     struct gw_line *line);
/* After its line is freed (which frees the association). NULL is legal. */
void gw_session_free(struct gw_session *session);

/* From its line. */
void gw_session_line_opened(struct gw_session *session);
void gw_session_line_closed(struct gw_session *session, enum gw_reason reason);
void gw_session_stranger(struct gw_session *session, uint16_t source, uint16_t destination);
/* The outstation of this link address speaks from another place, or for the first time: where it is
 * this one, it is as after a new connection. */
void gw_session_moved(struct gw_session *session, uint16_t address);
/* Asks whether the outstation is still there; gw_line_probed() follows. False: it is not. */
bool gw_session_probe(struct gw_session *session, uint32_t within_ms);
/* When its last frame came (loop time), 0 before the first. */
uint64_t gw_session_heard_ms(const struct gw_session *session);
/* A time that the session asked for with gw_line_wake_at() has come, or another of the line's;
 * returns the next, or GW_NEVER. */
uint64_t gw_session_wake(struct gw_session *session);
struct gw_session *gw_session_next(const struct gw_session *session);
void gw_session_chain(struct gw_session *session, struct gw_session *next);

/* From the publisher. */
void gw_session_broker(struct gw_session *session, bool online);
void gw_session_safe(struct gw_session *session, uint32_t token);
void gw_session_refused(struct gw_session *session, uint32_t token);
/* The spool takes events, or does not any more. */
void gw_session_journal(struct gw_session *session);
/* The broker lost our retained messages: everything known is to be published again. */
void gw_session_republish(struct gw_session *session);
/* Values of it were left out for a slow broker: they are due again. */
void gw_session_left_out(struct gw_session *session);

/* A control for this outstation, or a request. */
int gw_session_operate(struct gw_session *session, struct dnp3_command_request *request);
int gw_session_request(struct gw_session *session, struct dnp3_request *request);
int gw_session_file(struct gw_session *session, struct dnp3_file_transfer *transfer);
/* To every outstation of its line; OFFLINE unless each is the device that it must be. */
int gw_session_broadcast(struct gw_session *session, struct dnp3_broadcast *broadcast);
/* DNP3_ERR_UNSUPPORTED: refused on this connection. */
int gw_session_sync_time(struct gw_session *session);
/* Its frames in the log; 0, DNP3_ERR_OFFLINE where it is disabled, _FULL without memory. */
int gw_session_decode(struct gw_session *session, uint32_t for_ms);
/* Reads its events as soon as it answers, then this point, where it is not NULL. */
void gw_session_look(struct gw_session *session, const struct gw_map_point *point);

/* Once a second: losses that last, holds that end. */
void gw_session_tick(struct gw_session *session);
/* Publishes what is due (status, meta, points not yet out) as far as the outbox has room. True when
 * nothing is left. */
bool gw_session_flush(struct gw_session *session);
/* A clean stop: publishes "offline", "gateway_stopped". False: the outbox has no room for that yet,
 * call it again. */
bool gw_session_stop(struct gw_session *session);
/* Its line and association are gone; nothing is confirmed any more. */
void gw_session_detach(struct gw_session *session);

enum gw_state gw_session_state(const struct gw_session *session);

#endif
