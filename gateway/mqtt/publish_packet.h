/* SPDX-License-Identifier: Apache-2.0 */
/* PUBLISH as octets (MQTT 5 3.3, MQTT 3.1.1 3.3), the one packet that is packed here: into a
 * caller's buffer, in one pass. */
#ifndef GW_PUBLISH_PACKET_H
#define GW_PUBLISH_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/mqtt/mqtt.h"

struct gw_publish_packet {
    const struct gw_mqtt_publication *publication;
    int version; /* 5 or 4 */
    uint16_t id; /* at QoS 1; not 0 */
    bool retain; /* the publication's counts no more */
    /* Set by gw_publish_packet_size. */
    size_t topic_len;
    size_t properties_len;
    size_t rest; /* what stands after the first length */
};

/* The octets of the whole packet; 0 where no packet holds such a topic or so much. */
size_t gw_publish_packet_size(struct gw_publish_packet *packet);
/* Writes as many as gw_publish_packet_size() said just before. */
void gw_publish_packet_write(const struct gw_publish_packet *packet, uint8_t *to);

#endif
