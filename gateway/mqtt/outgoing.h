/* SPDX-License-Identifier: Apache-2.0 */
/* Whole packets of our own on their way to the broker, beside what a relay writes there: gathered
 * while the loop turns and written with one call before it waits, only between the others' packets.
 * What the kernel does not take stays here, bounded by who asks for room. */
#ifndef GW_OUTGOING_H
#define GW_OUTGOING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "gateway/mqtt/broker.h"
#include "gateway/mqtt/mqtt_scan.h"

/* A packet that does not fit here gets memory of its own until it is written. */
enum { GW_OUTGOING_OCTETS = GW_BROKER_ROOM };

struct gw_outgoing {
    uv_prepare_t prepare;
    uv_write_t write;
    const struct gw_mqtt_scan *others;
    void (*written)(void *user);
    void *user;
    uv_stream_t *to;     /* NULL: nowhere */
    uint32_t subscribes; /* of the others: so many go first */
    uint64_t *count;     /* of octets */
    uint8_t *own;        /* GW_OUTGOING_OCTETS */
    uint8_t *octets;     /* these, or larger ones */
    size_t size;
    size_t length;
    size_t submitted; /* of them, being written; 0 = none are */
};

/* `own` is GW_OUTGOING_OCTETS long and stays the caller's, as do `others` and `count`. `written` is
 * called from the loop whenever all that was put is written. */
void gw_outgoing_init(struct gw_outgoing *outgoing, uv_loop_t *loop, uint8_t *own,
                      const struct gw_mqtt_scan *others, uint64_t *count,
                      void (*written)(void *user), void *user);
/* From now on to this stream. */
void gw_outgoing_open(struct gw_outgoing *outgoing, uv_stream_t *to);
/* Nothing is written before so many of the others' SUBSCRIBE packets, of this stream. */
void gw_outgoing_after(struct gw_outgoing *outgoing, uint32_t subscribes);
/* Nothing is written any more, and what was not is dropped. Twice is legal. */
void gw_outgoing_stop(struct gw_outgoing *outgoing);
/* Ends the handle, after gw_outgoing_stop. */
void gw_outgoing_close(struct gw_outgoing *outgoing, uv_close_cb closed);

/* Room for a packet, to be filled at once; NULL: not now, or no memory. */
uint8_t *gw_outgoing_room(struct gw_outgoing *outgoing, size_t size);
/* Is there something that was not handed to the kernel? */
bool gw_outgoing_waits(const struct gw_outgoing *outgoing);

#endif
