/* SPDX-License-Identifier: Apache-2.0 */
/* A record never wraps: where it does not fit before the end, a mark says to go on at the start. */
#include "gateway/mqtt/inbox.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "gateway/base/memory.h"

enum { ALIGNMENT = 8, CAPACITY_MIN = 1024 };

struct record {
    uint32_t size; /* of header and octets, a multiple of ALIGNMENT; 0 = go on at the start */
    uint32_t topic_len;
    uint32_t payload_len;
    uint32_t response_len; /* with its zero; 0 = none */
    uint32_t correlation_len;
    uint32_t expiry_s;
    uint8_t qos;
    bool retained;
    bool duplicate;
    bool correlated;
};

struct gw_inbox {
    atomic_size_t head; /* octets ever taken: the taker's */
    atomic_size_t tail; /* octets ever put: the putter's */
    size_t capacity;
    uint8_t *octets;
};

struct gw_inbox *gw_inbox_create(size_t octets)
{
    size_t capacity = CAPACITY_MIN; /* a power of two, so that the counts may overflow */
    while (capacity < octets)
        capacity *= 2;
    struct gw_inbox *inbox = gw_memory_allocate(GW_OWNER_MQTT, sizeof *inbox + capacity);
    if (!inbox)
        return NULL;
    inbox->capacity = capacity;
    inbox->octets = (uint8_t *)(inbox + 1);
    return inbox;
}

void gw_inbox_free(struct gw_inbox *inbox)
{
    gw_memory_release(inbox);
}

static size_t record_size(const struct gw_mqtt_message *message, size_t response_len)
{
    size_t size = sizeof(struct record) + message->topic_len + 1 + message->payload_len + 1 +
                  response_len + message->correlation_len;
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static uint8_t *append(uint8_t *to, const void *from, size_t length)
{
    if (from && length)
        memcpy(to, from, length);
    return to + length;
}

bool gw_inbox_put(struct gw_inbox *inbox, const struct gw_mqtt_message *message)
{
    size_t response_len = message->response_topic ? message->response_topic_len + 1 : 0;
    size_t size = record_size(message, response_len);
    if (size > inbox->capacity / 2)
        return false;
    size_t tail = atomic_load_explicit(&inbox->tail, memory_order_relaxed);
    size_t used = tail - atomic_load_explicit(&inbox->head, memory_order_acquire);
    size_t offset = tail & (inbox->capacity - 1);
    size_t skipped = inbox->capacity - offset < size ? inbox->capacity - offset : 0;
    if (used + skipped + size > inbox->capacity)
        return false;
    if (skipped) {
        memset(inbox->octets + offset, 0, sizeof(uint32_t));
        offset = 0;
    }
    const struct record record = {.size = (uint32_t)size,
                                  .topic_len = (uint32_t)message->topic_len,
                                  .payload_len = (uint32_t)message->payload_len,
                                  .response_len = (uint32_t)response_len,
                                  .correlation_len = (uint32_t)message->correlation_len,
                                  .expiry_s = message->expiry_s,
                                  .qos = message->qos,
                                  .retained = message->retained,
                                  .duplicate = message->duplicate,
                                  .correlated = message->correlation != NULL};
    uint8_t *to = append(inbox->octets + offset, &record, sizeof record);
    to = append(to, message->topic, message->topic_len);
    *to++ = 0;
    to = append(to, message->payload, message->payload_len);
    *to++ = 0;
    if (response_len) {
        to = append(to, message->response_topic, response_len - 1);
        *to++ = 0;
    }
    append(to, message->correlation, message->correlation_len);
    atomic_store_explicit(&inbox->tail, tail + skipped + size, memory_order_release);
    return true;
}

/* The oldest record, stepping over a mark. */
static const uint8_t *oldest(struct gw_inbox *inbox, struct record *record)
{
    size_t head = atomic_load_explicit(&inbox->head, memory_order_relaxed);
    size_t tail = atomic_load_explicit(&inbox->tail, memory_order_acquire);
    if (head == tail)
        return NULL;
    size_t offset = head & (inbox->capacity - 1);
    uint32_t size;
    memcpy(&size, inbox->octets + offset, sizeof size);
    if (size == 0) {
        head += inbox->capacity - offset;
        atomic_store_explicit(&inbox->head, head, memory_order_release);
        offset = 0;
    }
    memcpy(record, inbox->octets + offset, sizeof *record);
    return inbox->octets + offset + sizeof *record;
}

bool gw_inbox_peek(struct gw_inbox *inbox, struct gw_mqtt_message *message)
{
    struct record record;
    const uint8_t *octets = oldest(inbox, &record);
    if (!octets)
        return false;
    const uint8_t *payload = octets + record.topic_len + 1;
    const uint8_t *response = payload + record.payload_len + 1;
    *message = (struct gw_mqtt_message){
        .topic = (const char *)octets,
        .topic_len = record.topic_len,
        .payload = (const char *)payload,
        .payload_len = record.payload_len,
        .response_topic = record.response_len ? (const char *)response : NULL,
        .response_topic_len = record.response_len ? record.response_len - 1 : 0,
        .correlation = record.correlated ? response + record.response_len : NULL,
        .correlation_len = record.correlation_len,
        .expiry_s = record.expiry_s,
        .qos = record.qos,
        .retained = record.retained,
        .duplicate = record.duplicate};
    return true;
}

void gw_inbox_next(struct gw_inbox *inbox)
{
    struct record record;
    if (!oldest(inbox, &record))
        return;
    size_t head = atomic_load_explicit(&inbox->head, memory_order_relaxed);
    atomic_store_explicit(&inbox->head, head + record.size, memory_order_release);
}
