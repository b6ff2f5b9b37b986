/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves for the broker: the outbox and the MQTT connection behind it, and the messages of
 * points in their final form. Sessions put into it; it tells them what is safe. */
#ifndef GW_PUBLISHER_H
#define GW_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "gateway/config/config.h"
#include "gateway/config/topic.h"
#include "gateway/delivery/outbox.h"
#include "gateway/mqtt/mqtt.h"
#include "gateway/payload/payload.h"

struct gw_publisher;
struct gw_session;
struct gw_spool;

struct gw_publisher_callbacks {
    /* The broker is there, or is gone. */
    void (*online)(void *user);
    /* Soon after `online`: the broker does not have our retained messages, or they are to be
     * republished anyway (`republish`). */
    void (*lost)(void *user);
    void (*offline)(void *user);
    void (*safe)(void *user, struct gw_session *session, uint32_t token);
    /* `session` is NULL where nobody waits for what the broker refused. */
    void (*refused)(void *user, struct gw_session *session, uint32_t token, int reason_code);
    /* The broker is slow, and values of this outstation (its place in the configuration) were left
     * out: to be said again when there is room. */
    void (*left_out)(void *user, size_t outstation);
    /* A message on a topic that we subscribed to. */
    void (*message)(void *user, const struct gw_mqtt_message *message);
    /* There is room again. */
    void (*room)(void *user);
    /* gw_publisher_journal(), or the spool's state, has changed. */
    void (*journal)(void *user);
    /* The broker has a result, or has refused it. */
    void (*told)(void *user, uint32_t receipt);
    /* Of what others keep in the spool (spool.h). */
    void (*kept)(void *user, void *owner, uint32_t token, int error);
};

/* `config` is borrowed. NULL without memory, or where the spool cannot be opened, which is logged.
 */
struct gw_publisher *gw_publisher_create(uv_loop_t *loop, const struct gw_config *config,
                                         const struct gw_publisher_callbacks *callbacks,
                                         void *user);
int gw_publisher_start(struct gw_publisher *publisher);
/* Waits up to `patience_ms` for the outbox to drain, disconnects cleanly, then calls `stopped`. */
void gw_publisher_stop(struct gw_publisher *publisher, uint32_t patience_ms,
                       void (*stopped)(void *user));
void gw_publisher_free(struct gw_publisher *publisher);

bool gw_publisher_online(const struct gw_publisher *publisher);
/* Events can be made safe without the broker now (gw_outbox_secure). */
bool gw_publisher_journal(const struct gw_publisher *publisher);
struct gw_outbox *gw_publisher_outbox(struct gw_publisher *publisher);
/* NULL where none is configured. */
struct gw_spool *gw_publisher_spool(struct gw_publisher *publisher);
/* What the outbox gives to the spool from now on does not wait for more to gather. */
void gw_publisher_flush_journal(struct gw_publisher *publisher);
/* More than half of the outbox is free, and the broker keeps up: time for what can wait. */
bool gw_publisher_roomy(const struct gw_publisher *publisher);
/* A quarter is free: events may come. Less than what stops the rest, so that the rest cannot keep
 * them out. */
bool gw_publisher_has_room(const struct gw_publisher *publisher);
/* The broker takes no more within a second (gw_outbox_crowded). */
bool gw_publisher_crowded(const struct gw_publisher *publisher);

/* The message of a point (retained, but for a delta: who finds it later would add it again): into
 * the open transaction of the outbox, or alone. An event gets the next id. 0 or a negative error of
 * the outbox; TOO_LARGE where the message cannot be written at all, BEHIND where the transaction
 * does not know of it: it is no event and the broker is slow, or it must not go to the spool (no
 * event, or its outstation confirms what is delivered only) and events of the point wait there. */
int gw_publisher_put_point(struct gw_publisher *publisher,
                           const struct gw_outstation_config *outstation,
                           const struct gw_map_point *point, uint32_t index,
                           struct gw_point_value *value, bool transaction);
/* What could not be read goes the way of an event, with its errors: into the open transaction of
 * the outbox. */
int gw_publisher_put_undecoded(struct gw_publisher *publisher,
                               const struct gw_outstation_config *outstation,
                               struct gw_undecoded *undecoded);
/* A message that nobody waits for, QoS 1. */
int gw_publisher_send(struct gw_publisher *publisher, const char *topic, const char *payload,
                      size_t length, bool retain);
/* With a receipt that is not 0, `told` says when the broker has it. */
int gw_publisher_send_result(struct gw_publisher *publisher, const char *topic, const char *payload,
                             size_t length, const void *correlation, size_t correlation_length,
                             uint32_t receipt);

#endif
