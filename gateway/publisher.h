/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves for the broker: the outbox and the MQTT connection behind it, and the messages of
 * points in their final form. Sessions put into it; it tells them what is safe. */
#ifndef GW_PUBLISHER_H
#define GW_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "gateway/config.h"
#include "gateway/mqtt.h"
#include "gateway/outbox.h"
#include "gateway/payload.h"
#include "gateway/topic.h"

struct gw_publisher;
struct gw_session;

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
    /* A message on a topic that we subscribed to. */
    void (*message)(void *user, const struct gw_mqtt_message *message);
    /* There is room again. */
    void (*room)(void *user);
};

/* `config` is borrowed. NULL without memory. */
struct gw_publisher *gw_publisher_create(uv_loop_t *loop, const struct gw_config *config,
                                         const struct gw_publisher_callbacks *callbacks,
                                         void *user);
int gw_publisher_start(struct gw_publisher *publisher);
/* Waits up to `patience_ms` for the outbox to drain, disconnects cleanly, then calls `stopped`. */
void gw_publisher_stop(struct gw_publisher *publisher, uint32_t patience_ms,
                       void (*stopped)(void *user));
void gw_publisher_free(struct gw_publisher *publisher);

bool gw_publisher_online(const struct gw_publisher *publisher);
struct gw_outbox *gw_publisher_outbox(struct gw_publisher *publisher);
/* More than half of the outbox is free: time for what can wait. */
bool gw_publisher_roomy(const struct gw_publisher *publisher);
/* A quarter is free: events may come. Less than what stops the rest, so that the rest cannot keep
 * them out. */
bool gw_publisher_has_room(const struct gw_publisher *publisher);

/* The message of a point: into the open transaction of the outbox, or alone. An event gets the next
 * id. 0 or a negative error of the outbox; TOO_LARGE where the message cannot be written at all,
 * and then the transaction does not know of it. */
int gw_publisher_put_point(struct gw_publisher *publisher,
                           const struct gw_outstation_config *outstation,
                           const struct gw_map_point *point, uint32_t index,
                           struct gw_point_value *value, bool transaction);
/* A message that nobody waits for, QoS 1. */
int gw_publisher_send(struct gw_publisher *publisher, const char *topic, const char *payload,
                      size_t length, bool retain);
int gw_publisher_send_result(struct gw_publisher *publisher, const char *topic, const char *payload,
                             size_t length, const void *correlation, size_t correlation_length);

#endif
