/* SPDX-License-Identifier: Apache-2.0 */
/* Any octets where the spool's file should hold a record: what is read lies within them and is
 * written back the same. The first octet says whether the CRC is set right first, so that the
 * lengths behind it are reached. */
#include "gateway/base/crc32.h"
#include "gateway/spool/spool_record.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void require_within(const void *part, size_t length, const uint8_t *octets, size_t size)
{
    const uint8_t *at = part;
    require(at >= octets && length <= size && at + length <= octets + size);
}

static void set_crc(uint8_t *octets, size_t size)
{
    size_t length =
        (size_t)octets[8] << 24 | (size_t)octets[9] << 16 | (size_t)octets[10] << 8 | octets[11];
    if (length < 12 || length > size)
        return;
    uint32_t crc = gw_crc32(0, octets + 8, length - 8);
    for (int i = 0; i < 4; i++)
        octets[4 + i] = (uint8_t)(crc >> (24 - 8 * i));
}

static void read_message(const uint8_t *octets, size_t size, uint8_t *copy)
{
    struct gw_spool_record record;
    size_t length = gw_spool_message_read(octets, size, &record);
    if (!length)
        return;
    const struct gw_spool_message *m = &record.message;
    require(length <= size && length == gw_spool_message_size(m) && m->topic_len);
    require_within(m->topic, m->topic_len + 1, octets, length);
    require_within(m->properties, m->properties_len, octets, length);
    require_within(m->payload, m->payload_len, octets, length);
    require(m->topic[m->topic_len] == 0);
    gw_spool_message_write(copy, record.sequence, m);
    copy[56] |= octets[56] & 0xfc; /* flags that this version has no use for */
    set_crc(copy, length);
    require(memcmp(copy, octets, length) == 0);
}

static void read_kept(const uint8_t *octets, size_t size, uint8_t *copy)
{
    struct gw_spool_kept kept;
    size_t length = gw_spool_kept_read(octets, size, &kept);
    if (!length)
        return;
    require(length <= size && length == gw_spool_kept_size(&kept));
    require_within(kept.key, kept.key_len, octets, length);
    require_within(kept.value, kept.value_len, octets, length);
    gw_spool_kept_write(copy, &kept);
    require(memcmp(copy, octets, length) == 0);
}

static void read_mark(const uint8_t *octets, size_t size, uint8_t *copy)
{
    struct gw_spool_mark mark;
    size_t length = gw_spool_mark_read(octets, size, &mark);
    if (!length)
        return;
    gw_spool_mark_write(copy, &mark);
    require(memcmp(copy, octets, length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 13 || size > GW_SPOOL_RECORD_MAX)
        return 0;
    uint8_t *octets = malloc(size - 1);
    uint8_t *copy = malloc(GW_SPOOL_RECORD_MAX);
    memcpy(octets, data + 1, size - 1);
    if (data[0] & 1)
        set_crc(octets, size - 1);
    read_message(octets, size - 1, copy);
    read_kept(octets, size - 1, copy);
    read_mark(octets, size - 1, copy);
    free(octets);
    free(copy);
    return 0;
}
