/* SPDX-License-Identifier: Apache-2.0 */
/* All kinds begin alike: "DN", kind, format, CRC-32 of all that follows it, length of the whole.
 *
 * message  12 sequence 8, point 8, id_start 4, id_count 8, stored 8, expiry 4, topic length 2,
 *          properties length 2, flags 1 (57 octets), topic, a zero, properties, payload
 * kept     12 number 8, space 1, key length 2 (23 octets), key, value
 * mark     12 commit 8, first 8, next 8, number 8, messages 8, octets 8 */
#include "gateway/spool/spool_record.h"

#include <string.h>

#include "gateway/base/crc32.h"

enum {
    FORMAT = 1,
    CRC_AT = 4,
    CRC_FROM = 8,
    BODY = 12,
    MESSAGE_HEAD = 57,
    KEPT_HEAD = 23,
    FLAG_QOS1 = 1,
    FLAG_RETAIN = 2
};

static void put16(uint8_t *to, uint64_t value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

static void put32(uint8_t *to, uint64_t value)
{
    put16(to, value >> 16);
    put16(to + 2, value);
}

static void put64(uint8_t *to, uint64_t value)
{
    put32(to, value >> 32);
    put32(to + 4, value);
}

static uint32_t get16(const uint8_t *from)
{
    return (uint32_t)from[0] << 8 | from[1];
}

static uint32_t get32(const uint8_t *from)
{
    return get16(from) << 16 | get16(from + 2);
}

static uint64_t get64(const uint8_t *from)
{
    return (uint64_t)get32(from) << 32 | get32(from + 4);
}

static void seal(uint8_t *to, char kind, size_t size)
{
    to[0] = GW_SPOOL_RECORD_FIRST;
    to[1] = 'N';
    to[2] = (uint8_t)kind;
    to[3] = FORMAT;
    put32(to + CRC_FROM, size);
    put32(to + CRC_AT, gw_crc32(0, to + CRC_FROM, size - CRC_FROM));
}

/* The size of a whole record of this kind, `head` octets at least, or 0. */
static size_t opened(const uint8_t *octets, size_t size, char kind, size_t head)
{
    if (size < head || octets[0] != GW_SPOOL_RECORD_FIRST || octets[1] != 'N' ||
        octets[2] != (uint8_t)kind || octets[3] != FORMAT)
        return 0;
    size_t length = get32(octets + CRC_FROM);
    if (length < head || length > size || length > GW_SPOOL_RECORD_MAX)
        return 0;
    if (get32(octets + CRC_AT) != gw_crc32(0, octets + CRC_FROM, length - CRC_FROM))
        return 0;
    return length;
}

static bool is_kind(uint8_t octet)
{
    return octet == 'M' || octet == 'K' || octet == 'S';
}

bool gw_spool_record_begins(const uint8_t *octets, size_t size)
{
    return size >= BODY && octets[0] == GW_SPOOL_RECORD_FIRST && octets[1] == 'N' &&
           is_kind(octets[2]);
}

bool gw_spool_record_foreign(const uint8_t *octets, size_t size)
{
    return gw_spool_record_begins(octets, size) && octets[3] != FORMAT;
}

size_t gw_spool_message_size(const struct gw_spool_message *message)
{
    if (!message->topic_len || message->topic_len > UINT16_MAX ||
        message->properties_len > UINT16_MAX || message->payload_len > GW_SPOOL_RECORD_MAX)
        return 0;
    size_t size =
        MESSAGE_HEAD + message->topic_len + 1 + message->properties_len + message->payload_len;
    return size <= GW_SPOOL_RECORD_MAX ? size : 0;
}

static void append(uint8_t **to, const void *octets, size_t length)
{
    if (length)
        memcpy(*to, octets, length);
    *to += length;
}

void gw_spool_message_write(uint8_t *to, uint64_t sequence, const struct gw_spool_message *message)
{
    put64(to + 12, sequence);
    put64(to + 20, message->point);
    put32(to + 28, message->id_start);
    put64(to + 32, message->id_count);
    put64(to + 40, (uint64_t)message->stored_ms);
    put32(to + 48, message->expiry_s);
    put16(to + 52, message->topic_len);
    put16(to + 54, message->properties_len);
    to[56] = (uint8_t)((message->qos ? FLAG_QOS1 : 0) | (message->retain ? FLAG_RETAIN : 0));
    uint8_t *at = to + MESSAGE_HEAD;
    append(&at, message->topic, message->topic_len);
    append(&at, "", 1);
    append(&at, message->properties, message->properties_len);
    append(&at, message->payload, message->payload_len);
    seal(to, 'M', (size_t)(at - to));
}

size_t gw_spool_message_read(const uint8_t *octets, size_t size, struct gw_spool_record *record)
{
    size_t length = opened(octets, size, 'M', MESSAGE_HEAD + 1);
    if (!length)
        return 0;
    struct gw_spool_message *message = &record->message;
    size_t topic_len = get16(octets + 52);
    size_t properties_len = get16(octets + 54);
    size_t before = MESSAGE_HEAD + topic_len + 1 + properties_len;
    const uint8_t *topic = octets + MESSAGE_HEAD;
    record->sequence = get64(octets + 12);
    if (!record->sequence || !topic_len || before > length || topic[topic_len])
        return 0;
    *message = (struct gw_spool_message){.point = get64(octets + 20),
                                         .id_start = get32(octets + 28),
                                         .id_count = get64(octets + 32),
                                         .stored_ms = (int64_t)get64(octets + 40),
                                         .expiry_s = get32(octets + 48),
                                         .qos = octets[56] & FLAG_QOS1,
                                         .retain = octets[56] & FLAG_RETAIN,
                                         .topic = (const char *)topic,
                                         .topic_len = topic_len,
                                         .properties = topic + topic_len + 1,
                                         .properties_len = properties_len,
                                         .payload = octets + before,
                                         .payload_len = length - before};
    return length;
}

size_t gw_spool_kept_size(const struct gw_spool_kept *kept)
{
    if (!kept->key_len || kept->key_len > GW_SPOOL_KEY_MAX || kept->value_len > GW_SPOOL_VALUE_MAX)
        return 0;
    return KEPT_HEAD + kept->key_len + kept->value_len;
}

void gw_spool_kept_write(uint8_t *to, const struct gw_spool_kept *kept)
{
    put64(to + 12, kept->number);
    to[20] = kept->space;
    put16(to + 21, kept->key_len);
    uint8_t *at = to + KEPT_HEAD;
    append(&at, kept->key, kept->key_len);
    append(&at, kept->value, kept->value_len);
    seal(to, 'K', (size_t)(at - to));
}

size_t gw_spool_kept_read(const uint8_t *octets, size_t size, struct gw_spool_kept *kept)
{
    size_t length = opened(octets, size, 'K', KEPT_HEAD + 1);
    if (!length)
        return 0;
    size_t key_len = get16(octets + 21);
    if (!key_len || key_len > GW_SPOOL_KEY_MAX || KEPT_HEAD + key_len > length ||
        length - KEPT_HEAD - key_len > GW_SPOOL_VALUE_MAX)
        return 0;
    *kept = (struct gw_spool_kept){.number = get64(octets + 12),
                                   .space = octets[20],
                                   .key = octets + KEPT_HEAD,
                                   .key_len = key_len,
                                   .value = octets + KEPT_HEAD + key_len,
                                   .value_len = length - KEPT_HEAD - key_len};
    return length;
}

void gw_spool_mark_write(uint8_t to[GW_SPOOL_MARK_SIZE], const struct gw_spool_mark *mark)
{
    put64(to + 12, mark->commit);
    put64(to + 20, mark->first);
    put64(to + 28, mark->next);
    put64(to + 36, mark->number);
    put64(to + 44, mark->messages);
    put64(to + 52, mark->octets);
    seal(to, 'S', GW_SPOOL_MARK_SIZE);
}

size_t gw_spool_mark_read(const uint8_t *octets, size_t size, struct gw_spool_mark *mark)
{
    size_t length = opened(octets, size, 'S', GW_SPOOL_MARK_SIZE);
    if (length != GW_SPOOL_MARK_SIZE)
        return 0;
    *mark = (struct gw_spool_mark){.commit = get64(octets + 12),
                                   .first = get64(octets + 20),
                                   .next = get64(octets + 28),
                                   .number = get64(octets + 36),
                                   .messages = get64(octets + 44),
                                   .octets = get64(octets + 52)};
    return length;
}
