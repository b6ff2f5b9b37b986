/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes first, then octets: nothing is written twice, nothing can run over. */
#include "gateway/mqtt/publish_packet.h"

#include <string.h>

#include "gateway/base/json_writer.h"

enum {
    PUBLISH = 0x30,
    QOS_1 = 0x02,
    RETAIN = 0x01,
    CORRELATION_DATA = 0x09,
    MESSAGE_EXPIRY = 0x02,
    LENGTH_OCTETS = 2, /* before topics and correlation data */
    ID_OCTETS = 2,
    REST_MAX = 268435455 /* MQTT 5 1.5.5 */
};

static size_t length_size(size_t length)
{
    return length < 1u << 7 ? 1 : length < 1u << 14 ? 2 : length < 1u << 21 ? 3 : 4;
}

static size_t properties_size(const struct gw_mqtt_publication *publication)
{
    size_t size = 0;
    if (publication->correlation)
        size += 1 + LENGTH_OCTETS + publication->correlation_len;
    if (publication->expiry_s)
        size += 1 + sizeof publication->expiry_s;
    return size;
}

size_t gw_publish_packet_size(struct gw_publish_packet *packet)
{
    const struct gw_mqtt_publication *publication = packet->publication;
    packet->topic_len = strlen(publication->topic);
    if (!packet->topic_len || packet->topic_len > UINT16_MAX ||
        publication->correlation_len > UINT16_MAX || publication->payload_len > REST_MAX ||
        !gw_json_is_text((const uint8_t *)publication->topic, packet->topic_len))
        return 0;
    packet->rest = LENGTH_OCTETS + packet->topic_len + publication->payload_len;
    if (publication->qos)
        packet->rest += ID_OCTETS;
    if (packet->version == 5) {
        packet->properties_len = properties_size(publication);
        packet->rest += length_size(packet->properties_len) + packet->properties_len;
    }
    return packet->rest > REST_MAX ? 0 : 1 + length_size(packet->rest) + packet->rest;
}

static uint8_t *put_length(uint8_t *to, size_t length)
{
    for (; length > 0x7f; length >>= 7)
        *to++ = (uint8_t)(length | 0x80);
    *to++ = (uint8_t)length;
    return to;
}

static uint8_t *put_16(uint8_t *to, size_t value)
{
    *to++ = (uint8_t)(value >> 8);
    *to++ = (uint8_t)value;
    return to;
}

static uint8_t *put_octets(uint8_t *to, const void *octets, size_t length)
{
    if (length)
        memcpy(to, octets, length);
    return to + length;
}

static uint8_t *put_properties(uint8_t *to, const struct gw_publish_packet *packet)
{
    const struct gw_mqtt_publication *publication = packet->publication;
    to = put_length(to, packet->properties_len);
    if (publication->correlation) {
        *to++ = CORRELATION_DATA;
        to = put_16(to, publication->correlation_len);
        to = put_octets(to, publication->correlation, publication->correlation_len);
    }
    if (publication->expiry_s) {
        *to++ = MESSAGE_EXPIRY;
        to = put_16(to, publication->expiry_s >> 16);
        to = put_16(to, publication->expiry_s & UINT16_MAX);
    }
    return to;
}

void gw_publish_packet_write(const struct gw_publish_packet *packet, uint8_t *to)
{
    const struct gw_mqtt_publication *publication = packet->publication;
    *to++ = (uint8_t)(PUBLISH | (publication->qos ? QOS_1 : 0) | (packet->retain ? RETAIN : 0));
    to = put_length(to, packet->rest);
    to = put_16(to, packet->topic_len);
    to = put_octets(to, publication->topic, packet->topic_len);
    if (publication->qos)
        to = put_16(to, packet->id);
    if (packet->version == 5)
        to = put_properties(to, packet);
    put_octets(to, publication->payload, publication->payload_len);
}
