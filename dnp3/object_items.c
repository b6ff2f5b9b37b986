/* SPDX-License-Identifier: Apache-2.0 */
/* The objects under one header as a sequence: how many there are, where the next ones lie, and what
 * is passed over. Points and commands are read in the files beside. */
#include "dnp3/error.h"
#include "dnp3/object_internal.h"

void dnp3_items_begin(struct dnp3_items *items, const struct dnp3_object_header *header,
                      struct dnp3_time_context *times)
{
    *items = (struct dnp3_items){.header = header, .times = times};
}

static uint32_t left_to_read(const struct dnp3_items *items)
{
    return items->header->count - items->done;
}

size_t dnp3_items_take(struct dnp3_items *items, struct dnp3_reader *in, size_t most, size_t stride,
                       const uint8_t **at)
{
    size_t count = left_to_read(items) < most ? left_to_read(items) : most;
    if (count == 0 || items->error || in->failed)
        return 0;
    size_t there = dnp3_reader_left(in) / stride;
    if (there == 0) {
        items->error = DNP3_ERR_TRUNCATED;
        in->failed = true;
        return 0;
    }
    count = there < count ? there : count;
    *at = in->at;
    in->at += count * stride;
    items->done += (uint32_t)count;
    return count;
}

/* Each object has its size before it, which bounds the count by the octets. */
static void skip_sized(const struct dnp3_object_header *header, struct dnp3_reader *in)
{
    for (uint32_t i = 0; i < header->count && !in->failed; i++) {
        const uint8_t *prefix = dnp3_reader_take(in, header->prefix);
        dnp3_reader_take(in, prefix ? dnp3_load_index(prefix, header->prefix) : 0);
    }
}

/* Device attributes: type, length, value (A.1); type 255 is a list of 256 octets more. */
static void skip_attributes(const struct dnp3_object_header *header, struct dnp3_reader *in)
{
    for (uint32_t i = 0; i < header->count && !in->failed; i++) {
        dnp3_reader_take(in, header->prefix);
        size_t more = dnp3_reader_u8(in) == 255 ? 256 : 0;
        dnp3_reader_take(in, more + dnp3_reader_u8(in));
    }
}

int dnp3_items_skip(const struct dnp3_object_header *header, struct dnp3_reader *in)
{
    size_t octets = dnp3_header_octets(header);
    if (octets != SIZE_MAX)
        dnp3_reader_take(in, octets);
    else if (header->sized)
        skip_sized(header, in);
    else if (header->group == 0)
        skip_attributes(header, in);
    else {
        in->failed = true;
        return DNP3_ERR_UNSUPPORTED;
    }
    return in->failed ? DNP3_ERR_TRUNCATED : 0;
}

size_t dnp3_items_pass_over(struct dnp3_items *items, struct dnp3_reader *in, int error)
{
    if (left_to_read(items) == 0)
        return 0;
    items->done = items->header->count;
    int skipped = dnp3_items_skip(items->header, in);
    items->error = skipped ? skipped : error;
    return 0;
}

bool dnp3_items_malformed(struct dnp3_items *items, struct dnp3_reader *in)
{
    struct dnp3_object_header rest = *items->header;
    rest.count -= items->done;
    items->done = items->header->count;
    int skipped = dnp3_items_skip(&rest, in);
    items->error = skipped ? skipped : DNP3_ERR_MALFORMED;
    return false;
}

bool dnp3_items_delay(struct dnp3_items *items, struct dnp3_reader *in, uint32_t *delay_ms)
{
    const struct dnp3_object_header *header = items->header;
    if (items->error || in->failed)
        return false;
    if (!header->row || header->row->kind != DNP3_KIND_DELAY || header->sized)
        return dnp3_items_pass_over(items, in, DNP3_ERR_UNSUPPORTED) > 0;
    const uint8_t *at;
    if (dnp3_items_take(items, in, 1, header->prefix + 2U, &at) == 0)
        return false;
    *delay_ms = dnp3_load_u16(at + header->prefix) * (header->variation == 1 ? 1000U : 1U);
    return true;
}

bool dnp3_items_index(struct dnp3_items *items, struct dnp3_reader *in, uint32_t *index)
{
    const struct dnp3_object_header *header = items->header;
    if (header->sized) {
        items->error = DNP3_ERR_UNSUPPORTED;
        return false;
    }
    if (header->prefix == 0) {
        *index = header->start + items->done;
        return left_to_read(items) > 0 && ++items->done;
    }
    const uint8_t *at;
    if (dnp3_items_take(items, in, 1, header->prefix, &at) == 0)
        return false;
    *index = dnp3_load_index(at, header->prefix);
    return true;
}

bool dnp3_items_sized(struct dnp3_items *items, struct dnp3_reader *in, struct dnp3_reader *object)
{
    const struct dnp3_object_header *header = items->header;
    if (items->error || in->failed)
        return false;
    if (!header->sized)
        return dnp3_items_pass_over(items, in, DNP3_ERR_UNSUPPORTED) > 0;
    const uint8_t *at;
    if (dnp3_items_take(items, in, 1, header->prefix, &at) == 0)
        return false;
    size_t size = dnp3_load_index(at, header->prefix);
    at = dnp3_reader_take(in, size);
    if (!at) {
        items->error = DNP3_ERR_TRUNCATED;
        return false;
    }
    *object = dnp3_reader_of(at, size);
    return true;
}

/* 50v2: time and milliseconds; 50v4: time, count and unit. */
bool dnp3_items_interval(struct dnp3_items *items, struct dnp3_reader *in,
                         struct dnp3_interval *interval)
{
    const struct dnp3_object_header *header = items->header;
    if (items->error || in->failed)
        return false;
    bool known = header->group == 50 && (header->variation == 2 || header->variation == 4);
    if (!known || header->sized)
        return dnp3_items_pass_over(items, in, DNP3_ERR_UNSUPPORTED) > 0;
    uint32_t index = header->start + items->done;
    const uint8_t *at;
    if (dnp3_items_take(items, in, 1, (size_t)header->prefix + header->row->size, &at) == 0)
        return false;
    interval->index = header->prefix ? dnp3_load_index(at, header->prefix) : index;
    at += header->prefix;
    interval->time_ms = (int64_t)dnp3_load_u48(at);
    interval->count = dnp3_load_u32(at + 6);
    interval->unit = header->variation == 4 ? at[10] : DNP3_INTERVAL_MILLISECONDS;
    return true;
}
