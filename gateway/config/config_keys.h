/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of gateway.json's keys, and the structs that they fill. */
#ifndef GW_CONFIG_KEYS_H
#define GW_CONFIG_KEYS_H

#include "gateway/config/config.h"
#include "gateway/config/topic.h"
#include "gateway/json/keys.h"

struct gw_gateway_entry {
    const char *gateway;
    bool controls;
    uint8_t clock;
};

struct gw_log_entry {
    uint8_t level, format;
};

struct gw_spool_entry {
    const char *path;
    uint32_t max_mb;
};

struct gw_mqtt_entry {
    const char *client_id, *username, *password_file, *prefix;
    uint32_t keep_alive_ms;
    uint8_t version, qos, republish;
    bool retain;
    double max_rate;
};

struct gw_topics_entry {
    const char *templates[GW_TOPICS];
};

struct gw_outstation_entry {
    const char *name, *label, *channel, *behind, *profile, *mapping;
    struct gw_network *peer;
    uint16_t address;
    bool enabled;
};

extern const struct gw_keys gw_gateway_keys;    /* struct gw_gateway_entry */
extern const struct gw_keys gw_include_keys;    /* an included file's top */
extern const struct gw_keys gw_log_keys;        /* struct gw_log_entry */
extern const struct gw_keys gw_spool_keys;      /* struct gw_spool_entry */
extern const struct gw_keys gw_mqtt_keys;       /* struct gw_mqtt_entry */
extern const struct gw_keys gw_topics_keys;     /* struct gw_topics_entry */
extern const struct gw_keys gw_profile_keys;    /* struct gw_profile */
extern const struct gw_keys gw_extends_keys;    /* what only a profile has beside them */
extern const struct gw_keys gw_poll_keys;       /* struct gw_poll */
extern const struct gw_keys gw_assigned_keys;   /* struct gw_assigned */
extern const struct gw_keys gw_identity_keys;   /* struct gw_profile */
extern const struct gw_keys gw_channel_keys;    /* struct gw_channel_config */
extern const struct gw_keys gw_outstation_keys; /* struct gw_outstation_entry */

#endif
