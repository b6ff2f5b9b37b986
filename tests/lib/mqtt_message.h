/* SPDX-License-Identifier: Apache-2.0 */
/* A message as it comes from the broker. */
#ifndef TESTS_MQTT_MESSAGE_H
#define TESTS_MQTT_MESSAGE_H

#include <string.h>

#include "gateway/mqtt/mqtt.h"

/* Of texts, which are borrowed; QoS 1, not retained, without properties. */
static inline struct gw_mqtt_message mqtt_message_of(const char *topic, const char *payload)
{
    return (struct gw_mqtt_message){.topic = topic,
                                    .topic_len = strlen(topic),
                                    .payload = payload,
                                    .payload_len = strlen(payload),
                                    .expiry_s = UINT32_MAX,
                                    .qos = 1};
}

#endif
