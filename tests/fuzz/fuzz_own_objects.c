/* SPDX-License-Identifier: Apache-2.0 */
/* Objects that have readers of their own, on any octets as object headers. Invariants: what is
 * shown lies within what was read; each costs at least a bit; a reader ends where passing over
 * ends; what was read can be written. */
#include "dnp3/attribute.h"
#include "dnp3/objects.h"
#include "tests/fuzz/fuzz.h"

static size_t read_patterns(struct dnp3_items *items, struct dnp3_reader *in)
{
    struct dnp3_command pattern;
    size_t total = 0;
    for (; dnp3_items_pattern(items, in, &pattern); total++) {
        uint8_t octets[32];
        const uint32_t index = 7;
        struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
        require(dnp3_pattern_write(&out, &pattern, &index, 1) == 0);
        require(memcmp(octets + 4, in->at - 11, 10) == 0);
    }
    return total;
}

static size_t read_mask(struct dnp3_items *items, struct dnp3_reader *in)
{
    const struct dnp3_object_header *header = items->header;
    uint32_t index;
    size_t total = 0;
    for (; dnp3_items_mask(items, in, &index); total++)
        require(index - header->start < header->count);
    return total;
}

static size_t read_intervals(struct dnp3_items *items, struct dnp3_reader *in)
{
    struct dnp3_interval interval;
    size_t total = 0;
    for (; dnp3_items_interval(items, in, &interval); total++) {
        uint8_t octets[16];
        struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
        require(dnp3_interval_write(&out, items->header->variation, &interval) == 0);
        size_t size = dnp3_writer_length(&out);
        require(memcmp(octets, in->at - size, size) == 0);
    }
    return total;
}

static size_t read_attributes(struct dnp3_items *items, struct dnp3_reader *in)
{
    struct dnp3_attribute attribute;
    struct dnp3_attribute_entry entry;
    size_t total = 0;
    for (; dnp3_items_attribute(items, in, &attribute); total++) {
        uint8_t octets[520];
        struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
        size_t entries = 0;
        require(attribute.octets + attribute.length == in->at);
        for (size_t place = 0; dnp3_attribute_entry(&attribute, &place, &entry);)
            entries++;
        require(entries <= attribute.length / 2U);
        /* A float that is no number keeps its kind, not its bits. */
        require(dnp3_attribute_write(&out, &attribute) == 0);
        size_t size = dnp3_writer_length(&out);
        require(attribute.type == DNP3_ATTRIBUTE_TYPE_FLOAT ||
                memcmp(octets, in->at - size, size) == 0);
    }
    return total;
}

static size_t read_sized(struct dnp3_items *items, struct dnp3_reader *in)
{
    struct dnp3_reader object;
    size_t total = 0;
    for (; dnp3_items_sized(items, in, &object); total++)
        require(object.end == in->at);
    return total;
}

static size_t read_objects(struct dnp3_items *items, struct dnp3_reader *in)
{
    const struct dnp3_object_header *header = items->header;
    if (header->sized)
        return read_sized(items, in);
    if (header->group == 0)
        return read_attributes(items, in);
    if (header->group == 50)
        return read_intervals(items, in);
    return header->variation == 2 ? read_patterns(items, in) : read_mask(items, in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dnp3_reader in = dnp3_reader_of(data, size);
    struct dnp3_object_header header;
    while (!in.failed && dnp3_reader_left(&in) > 0 && dnp3_header_read(&in, &header) == 0) {
        const uint8_t *before = in.at;
        struct dnp3_reader skipping = in;
        struct dnp3_items items;
        dnp3_items_begin(&items, &header, NULL);
        size_t count = read_objects(&items, &in);
        require(count <= (size_t)(in.at - before) * 8 && count <= header.count);
        int skipped = dnp3_items_skip(&header, &skipping);
        require(in.failed == (skipped != 0) && (in.failed || in.at == skipping.at));
    }
    return 0;
}
