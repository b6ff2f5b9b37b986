/* SPDX-License-Identifier: Apache-2.0 */
/* Incoming messages between Paho's threads and the loop: a ring of octets without a lock. One
 * thread puts at a time (Paho's lock sees to that), one takes. A full ring drops, it never waits:
 * what comes in are commands, which are at most once by nature. */
#ifndef GW_INBOX_H
#define GW_INBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/mqtt/mqtt.h"

struct gw_inbox;

/* A message larger than half of `octets` is never taken. NULL without memory. */
struct gw_inbox *gw_inbox_create(size_t octets);
void gw_inbox_free(struct gw_inbox *inbox);

/* Copies the message in, strings with a terminating zero; false when there is no room. */
bool gw_inbox_put(struct gw_inbox *inbox, const struct gw_mqtt_message *message);
/* The oldest message, alive until gw_inbox_next; false when there is none. */
bool gw_inbox_peek(struct gw_inbox *inbox, struct gw_mqtt_message *message);
void gw_inbox_next(struct gw_inbox *inbox);

#endif
