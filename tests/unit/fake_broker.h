/* SPDX-License-Identifier: Apache-2.0 */
/* An MQTT broker that does as it is told: for what a real one does only on a bad day. Speaks
 * enough of MQTT 5 and 3.1.1 for one client at a time, in the test's own loop. */
#ifndef FAKE_BROKER_H
#define FAKE_BROKER_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { FAKE_INPUT_MAX = 1 << 20 };

struct fake_broker {
    /* Orders, to be set by the test. */
    bool silent;            /* reads, answers nothing */
    uint8_t connack;        /* reason code; from 0x80 (or 1 at version 4) on it closes, too */
    uint8_t properties[32]; /* of CONNACK */
    uint8_t properties_len;
    uint8_t puback; /* reason code */
    uint8_t suback;
    bool hold_pubacks;
    unsigned close_after;      /* publishes, 0 = never; then it closes without their PUBACKs */
    unsigned close_at_connack; /* closes right after so many CONNACKs */
    /* What it saw. */
    unsigned connects;
    unsigned publishes;
    unsigned subscribes;
    unsigned pings;
    unsigned disconnects;
    unsigned ends; /* connections that ended */
    unsigned held; /* PUBACKs */
    unsigned most_held;
    uint8_t version;
    uint8_t connect[1024]; /* the last CONNECT packet */
    uint8_t publish[2048]; /* the start of the last PUBLISH packet */
    size_t publish_len;
    void (*on_publish)(struct fake_broker *broker, const char *topic, const uint8_t *payload,
                       size_t length);
    void *user;

    uint16_t port;
    uv_tcp_t listener;
    uv_tcp_t client;
    bool open;
    bool waiting; /* the next client is in the backlog */
    uint16_t held_ids[64];
    unsigned published_here;
    size_t length;
    uint8_t input[FAKE_INPUT_MAX];
};

static inline void fake_accept(uv_stream_t *listener, int status);

static inline void fake_closed(uv_handle_t *handle)
{
    struct fake_broker *broker = handle->data;
    broker->ends++;
    broker->open = false;
    if (broker->waiting && !uv_is_closing((uv_handle_t *)&broker->listener))
        fake_accept((uv_stream_t *)&broker->listener, 0);
}

static inline void fake_close(struct fake_broker *broker)
{
    if (broker->open && !uv_is_closing((uv_handle_t *)&broker->client))
        uv_close((uv_handle_t *)&broker->client, fake_closed);
}

struct fake_write {
    uv_write_t request;
    uint8_t octets[];
};

static inline void fake_written(uv_write_t *request, int status)
{
    (void)status;
    free(request);
}

static inline void fake_send(struct fake_broker *broker, const void *octets, size_t length)
{
    struct fake_write *write = malloc(sizeof *write + length);
    uv_buf_t buffer = uv_buf_init((char *)write->octets, (unsigned)length);
    memcpy(write->octets, octets, length);
    uv_write(&write->request, (uv_stream_t *)&broker->client, &buffer, 1, fake_written);
}

static inline void fake_puback(struct fake_broker *broker, uint16_t id)
{
    uint8_t packet[] = {0x40, 3, (uint8_t)(id >> 8), (uint8_t)id, broker->puback};
    if (broker->version != 5 || !broker->puback)
        packet[1] = 2;
    fake_send(broker, packet, 2u + packet[1]);
}

static inline void fake_release(struct fake_broker *broker)
{
    for (unsigned i = 0; i < broker->held; i++)
        fake_puback(broker, broker->held_ids[i]);
    broker->held = 0;
}

static inline void fake_disconnect(struct fake_broker *broker, uint8_t reason)
{
    const uint8_t packet[] = {0xe0, 1, reason};
    fake_send(broker, packet, sizeof packet);
}

/* `properties` is what stands between topic and payload at version 5, its length octet included. */
static inline void fake_publish(struct fake_broker *broker, const char *topic,
                                const void *properties, size_t properties_len, const void *payload,
                                size_t length, bool retained)
{
    size_t topic_len = strlen(topic);
    size_t rest = 2 + topic_len + properties_len + length;
    uint8_t *packet = malloc(rest + 5);
    size_t n = 0;
    packet[n++] = (uint8_t)(0x30 | retained);
    for (size_t i = rest; i || n == 1; i >>= 7)
        packet[n++] = (uint8_t)((i & 0x7f) | (i > 0x7f ? 0x80 : 0));
    packet[n++] = (uint8_t)(topic_len >> 8);
    packet[n++] = (uint8_t)topic_len;
    memcpy(packet + n, topic, topic_len);
    if (properties_len)
        memcpy(packet + n + topic_len, properties, properties_len);
    if (length)
        memcpy(packet + n + topic_len + properties_len, payload, length);
    fake_send(broker, packet, n + topic_len + properties_len + length);
    free(packet);
}

static inline void fake_on_connect(struct fake_broker *broker, const uint8_t *packet, size_t length)
{
    uint8_t answer[64] = {0x20, 2, 0, broker->connack};
    memcpy(broker->connect, packet,
           length < sizeof broker->connect ? length : sizeof broker->connect);
    broker->connects++;
    broker->version = packet[8]; /* after a header of 2 octets and "MQTT" with its length */
    if (broker->version == 5) {
        answer[1] = (uint8_t)(3 + broker->properties_len);
        answer[4] = broker->properties_len;
        memcpy(answer + 5, broker->properties, broker->properties_len);
    }
    fake_send(broker, answer, 2u + answer[1]);
    if (broker->connack || (broker->close_at_connack && broker->close_at_connack--))
        fake_close(broker);
}

static inline void fake_on_publish(struct fake_broker *broker, const uint8_t *packet, size_t header,
                                   size_t length)
{
    char topic[256];
    size_t topic_len = (size_t)packet[header] << 8 | packet[header + 1];
    const uint8_t *at = packet + header + 2 + topic_len;
    uint16_t id = 0;
    memcpy(topic, packet + header + 2, topic_len < 255 ? topic_len : 255);
    topic[topic_len < 255 ? topic_len : 255] = 0;
    if (packet[0] & 6) {
        id = (uint16_t)(at[0] << 8 | at[1]);
        at += 2;
    }
    if (broker->version == 5)
        at += 1 + *at; /* properties of up to 127 octets */
    broker->publishes++;
    broker->publish_len = length;
    memcpy(broker->publish, packet,
           length < sizeof broker->publish ? length : sizeof broker->publish);
    if (broker->close_after && ++broker->published_here >= broker->close_after) {
        fake_close(broker);
        return;
    }
    if (broker->on_publish)
        broker->on_publish(broker, topic, at, (size_t)(packet + length - at));
    if (!(packet[0] & 6))
        return;
    if (!broker->hold_pubacks) {
        fake_puback(broker, id);
        return;
    }
    broker->held_ids[broker->held++] = id;
    if (broker->held > broker->most_held)
        broker->most_held = broker->held;
}

static inline void fake_on_packet(struct fake_broker *broker, const uint8_t *packet, size_t header,
                                  size_t length)
{
    static const uint8_t pong[] = {0xd0, 0};
    if (broker->silent)
        return;
    switch (packet[0] >> 4) {
    case 1:
        fake_on_connect(broker, packet, length);
        break;
    case 3:
        fake_on_publish(broker, packet, header, length);
        break;
    case 8: {
        const uint8_t answer[] = {0x90,
                                  broker->version == 5 ? 4 : 3,
                                  packet[header],
                                  packet[header + 1],
                                  broker->version == 5 ? 0 : broker->suback,
                                  broker->suback};
        broker->subscribes++;
        fake_send(broker, answer, 2u + answer[1]);
        break;
    }
    case 12:
        broker->pings++;
        fake_send(broker, pong, sizeof pong);
        break;
    case 14:
        broker->disconnects++;
        break;
    default:
        break;
    }
}

/* The octets of the packet at `at`, header included, or 0 where it is not whole yet. */
static inline size_t fake_packet(const uint8_t *at, size_t available, size_t *header)
{
    size_t length = 0;
    for (size_t i = 1; i < available && i < 5; i++) {
        length |= (size_t)(at[i] & 0x7f) << 7 * (i - 1);
        if (at[i] & 0x80)
            continue;
        *header = i + 1;
        return available >= length + i + 1 ? length + i + 1 : 0;
    }
    return 0;
}

static inline void fake_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct fake_broker *broker = handle->data;
    (void)suggested;
    *buffer = uv_buf_init((char *)broker->input + broker->length,
                          (unsigned)(sizeof broker->input - broker->length));
}

static inline void fake_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
    struct fake_broker *broker = stream->data;
    size_t at = 0;
    size_t header;
    size_t size;
    (void)buffer;
    if (length < 0) {
        fake_close(broker);
        return;
    }
    broker->length += (size_t)length;
    while ((size = fake_packet(broker->input + at, broker->length - at, &header)) != 0) {
        fake_on_packet(broker, broker->input + at, header, size);
        at += size;
        if (uv_is_closing((uv_handle_t *)stream))
            break;
    }
    broker->length -= at;
    memmove(broker->input, broker->input + at, broker->length);
}

static inline void fake_accept(uv_stream_t *listener, int status)
{
    struct fake_broker *broker = listener->data;
    if (status < 0)
        return;
    broker->waiting = broker->open; /* one at a time */
    if (broker->open)
        return;
    uv_tcp_init(listener->loop, &broker->client);
    broker->client.data = broker;
    broker->open = true;
    broker->length = 0;
    broker->held = 0;
    broker->published_here = 0;
    uv_accept(listener, (uv_stream_t *)&broker->client);
    uv_tcp_nodelay(&broker->client, 1);
    uv_read_start((uv_stream_t *)&broker->client, fake_room, fake_read);
}

static inline void fake_start(struct fake_broker *broker, uv_loop_t *loop)
{
    struct sockaddr_in address;
    int length = sizeof address;
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(loop, &broker->listener);
    broker->listener.data = broker;
    uv_tcp_bind(&broker->listener, (struct sockaddr *)&address, 0);
    uv_listen((uv_stream_t *)&broker->listener, 16, fake_accept);
    uv_tcp_getsockname(&broker->listener, (struct sockaddr *)&address, &length);
    broker->port = ntohs(address.sin_port);
}

static inline void fake_stop(struct fake_broker *broker)
{
    fake_close(broker);
    uv_close((uv_handle_t *)&broker->listener, NULL);
}

#endif
