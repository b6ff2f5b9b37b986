/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of outstations: messages on `command` topics become requests to the outstation (read
 * everything, freeze, restart, ...), where its profile's `commands` allows them; every one gets a
 * result. Those that write are kept from acting twice, late or by accident as controls are. Like
 * controls it is told the time and asks its host. */
#ifndef GW_COMMAND_H
#define GW_COMMAND_H

#include "dnp3/broadcast.h"
#include "dnp3/file_transfer.h"
#include "dnp3/request.h"
#include "gateway/config/config.h"
#include "gateway/mqtt/mqtt.h"

struct gw_commands;
struct gw_ledger_entry;
struct gw_ledger_keeper;

struct gw_commands_host {
    /* Queues a request on the outstation's association: 0, DNP3_ERR_OFFLINE, _FULL, _INVALID. */
    int (*request)(void *user, const struct gw_outstation_config *outstation,
                   struct dnp3_request *request);
    /* The same for a file. */
    int (*file)(void *user, const struct gw_outstation_config *outstation,
                struct dnp3_file_transfer *transfer);
    /* The same to every outstation of its line. */
    int (*broadcast)(void *user, const struct gw_outstation_config *outstation,
                     struct dnp3_broadcast *broadcast);
    /* Has the outstation's clock set: 0, DNP3_ERR_OFFLINE, or _UNSUPPORTED where it has refused
     * that on this connection. gw_commands_time() tells the end. */
    int (*sync_time)(void *user, const struct gw_outstation_config *outstation);
    /* Its frames are to be in the log for so long: 0, DNP3_ERR_OFFLINE where it is disabled, _FULL
     * without memory. */
    int (*decode)(void *user, const struct gw_outstation_config *outstation, uint32_t for_ms);
    /* Whether its events are this gateway's to read: dnp3_association_takes_events(). */
    bool (*takes_events)(void *user, const struct gw_outstation_config *outstation);
    /* Publishes a result, QoS 1, not retained. A receipt that is not 0 goes to the ledger's keeper
     * when the broker has the result. */
    void (*publish)(void *user, const char *topic, const char *payload, size_t length,
                    const void *correlation, size_t correlation_length, uint32_t receipt);
    uint64_t (*steady_ms)(void *user);
    int64_t (*wall_ms)(void *user);
    bool (*clock_trusted)(void *user);
    const char *switch_file; /* while it exists nothing is written */
};

/* Whether any outstation takes commands that write: their ids are then kept in the ledger. */
bool gw_commands_write(const struct gw_config *config);

/* Configuration and keeper are borrowed; ids are unique per outstation and command. NULL without
 * memory. */
struct gw_commands *gw_commands_create(const struct gw_config *config,
                                       struct gw_ledger_keeper *keeper,
                                       const struct gw_commands_host *host, void *user);
/* After every request has ended (the sessions are gone). NULL is legal. */
void gw_commands_free(struct gw_commands *commands);

/* A message came on a `command` topic: acts, or publishes why not. False: not a `command` topic of
 * an outstation. Each message gets one result, at once or when its command has ended; none where
 * its id names a command still under way, whose one result is coming. */
bool gw_commands_message(struct gw_commands *commands, const struct gw_mqtt_message *message);

/* An outstation's clock was set, or it refused to take the time. */
void gw_commands_time(struct gw_commands *commands, const struct gw_outstation_config *outstation,
                      bool written);

/* An outstation told a device attribute: whoever asked for it gets it. */
void gw_commands_attribute(struct gw_commands *commands,
                           const struct gw_outstation_config *outstation,
                           const struct dnp3_attribute *attribute);

/* Once a second: commands whose end nobody tells. */
void gw_commands_tick(struct gw_commands *commands, uint64_t now_ms);
/* Ends those at once, and those that wait for the disk. */
void gw_commands_stop(struct gw_commands *commands);

/* A command was under way when the run before ended: publishes `unknown`, `restarted`. False: the
 * entry is not one of our commands'. */
bool gw_commands_restarted(struct gw_commands *commands, const struct gw_ledger_entry *entry);

#endif
