/* SPDX-License-Identifier: Apache-2.0 */
/* What the MQTT client is told: plain values, owned by the configuration that carries them. */
#ifndef GW_MQTT_CONFIG_H
#define GW_MQTT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/config/endpoint.h"

enum gw_republish { GW_REPUBLISH_IF_LOST, GW_REPUBLISH_ALWAYS, GW_REPUBLISH_NEVER };

enum gw_mqtt_version { GW_MQTT_3_1_1 = 4, GW_MQTT_5 = 5 }; /* as on the wire */

struct gw_mqtt_config {
    const struct gw_endpoint *brokers; /* fail-over in this order, at least one */
    size_t broker_count;
    const char *client_id;
    const char *username; /* NULL: none */
    const char *password; /* NULL: none; a secret, never logged */
    uint8_t version;      /* enum gw_mqtt_version */
    uint16_t keep_alive_s;
    uint8_t qos;       /* of points: 0 or 1 */
    bool retain;       /* of points */
    uint8_t republish; /* enum gw_republish */
    double max_rate;   /* messages a second, 0 = no limit */
};

#endif
