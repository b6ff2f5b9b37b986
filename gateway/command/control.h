/* SPDX-License-Identifier: Apache-2.0 */
/* Controls: messages on `set` topics become commands to outstations, at most once, never late,
 * never by accident, where the mapping says so only after one on an `arm` topic; every one gets a
 * result. Knows nothing of sessions and sockets: it is told the time and asks its host. */
#ifndef GW_CONTROL_H
#define GW_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dnp3/association.h"
#include "gateway/config/config.h"
#include "gateway/mqtt/mqtt.h"

/* A field crew's switch: while this file exists every command is refused. */
#define GW_CONTROLS_SWITCH_FILE "/run/dnp3-mqtt/no-controls"

struct gw_controls;
struct gw_ledger_entry;
struct gw_ledger_keeper;

struct gw_controls_host {
    /* Queues the request on the outstation's association: 0, DNP3_ERR_OFFLINE, _FULL, _INVALID. */
    int (*operate)(void *user, const struct gw_outstation_config *outstation,
                   struct dnp3_command_request *request);
    /* Has events read after a control (`poll_after`, or an unknown outcome), as soon as the
     * outstation answers, and then this point, where it is not NULL. */
    void (*look)(void *user, const struct gw_outstation_config *outstation,
                 const struct gw_map_point *point);
    /* Publishes a result, QoS 1, not retained. A receipt that is not 0 goes to the ledger's keeper
     * when the broker has the result. */
    void (*publish)(void *user, const char *topic, const char *payload, size_t length,
                    const void *correlation, size_t correlation_length, uint32_t receipt);
    uint64_t (*steady_ms)(void *user);
    int64_t (*wall_ms)(void *user);
    bool (*clock_trusted)(void *user);
    const char *switch_file; /* NULL: GW_CONTROLS_SWITCH_FILE */
};

/* Of a whole configuration. */
size_t gw_controls_count(const struct gw_config *config);

/* Configuration and keeper are borrowed. NULL without memory. Nothing is allocated afterwards but
 * what jansson needs while it reads a payload. */
struct gw_controls *gw_controls_create(const struct gw_config *config,
                                       struct gw_ledger_keeper *keeper,
                                       const struct gw_controls_host *host, void *user);
const char *gw_controls_switch_file(const struct gw_controls *controls);
/* Ends every wait, for feedback and for the disk: those results go out now. */
void gw_controls_stop(struct gw_controls *controls);
/* After every request has ended (the sessions are gone). NULL is legal. */
void gw_controls_free(struct gw_controls *controls);

/* A message came on a `set` or `arm` topic: acts, or publishes why not. False: no such topic of an
 * outstation. Each message gets one result, at once or when its command has ended; none where its
 * id names a command still under way, whose one result is coming. */
bool gw_controls_message(struct gw_controls *controls, const struct gw_mqtt_message *message);

/* A control was under way when the run before ended: publishes `unknown`, `restarted`. False: the
 * entry is not one of our controls'. */
bool gw_controls_restarted(struct gw_controls *controls, const struct gw_ledger_entry *entry);

/* A mapped point of an outstation has a new value (feedback). `value` is gw_map_point_value()'s.
 * What it means for a control is published by gw_controls_settle(), so that the point's message can
 * go out before the result that speaks of it. */
void gw_controls_point(struct gw_controls *controls, const struct gw_outstation_config *outstation,
                       const struct gw_map_point *point, double value);
void gw_controls_settle(struct gw_controls *controls);

/* When tick is wanted (feedback that does not come), on the steady clock; UINT64_MAX = never. */
uint64_t gw_controls_deadline(const struct gw_controls *controls);
void gw_controls_tick(struct gw_controls *controls, uint64_t now_ms);

#endif
