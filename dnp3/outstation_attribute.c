/* SPDX-License-Identifier: Apache-2.0 */
/* Device attributes, group 0, as the host's table has them (IEEE 1815-2012 A.1): read one by one,
 * all of a set, or as the list of what there is; written where the host allows it. */
#include "dnp3/error.h"
#include "dnp3/outstation_internal.h"

enum { WRITABLE = 0x01, VARIATIONS_OF_A_SET = DNP3_ATTRIBUTE_ALL };

bool dnp3_attributes_are_valid(const struct dnp3_outstation_config *config)
{
    const struct dnp3_outstation_attribute *rows = config->attributes;
    for (size_t i = 0; i < config->attribute_count; i++) {
        const struct dnp3_attribute *value = &rows[i].value;
        bool sorted =
            i == 0 || rows[i - 1].value.set < value->set ||
            (rows[i - 1].value.set == value->set && rows[i - 1].value.variation < value->variation);
        if (!sorted || value->variation == 0 || value->variation >= DNP3_ATTRIBUTE_ALL)
            return false;
    }
    return true;
}

static bool is_wanted(uint8_t asked, const struct dnp3_attribute *value)
{
    return asked == DNP3_ATTRIBUTE_ALL || asked == DNP3_ATTRIBUTE_VARIATIONS ||
           asked == value->variation;
}

/* Puts the rows of the sets `first`..`last` on the list of what is to be answered. */
static uint16_t read_sets(struct dnp3_outstation *o, uint8_t variation, uint32_t first,
                          uint32_t last)
{
    const struct dnp3_outstation_attribute *rows = o->config.attributes;
    uint16_t from = 0;
    uint16_t to = 0;
    bool wanted = false;
    while (from < o->config.attribute_count && rows[from].value.set < first)
        from++;
    for (to = from; to < o->config.attribute_count && rows[to].value.set <= last; to++)
        wanted = wanted || is_wanted(variation, &rows[to].value);
    if (!wanted)
        return DNP3_IIN_OBJECT_UNKNOWN;
    return dnp3_read_add(&o->read, DNP3_READ_ATTRIBUTES, variation, from, (uint16_t)(to - 1));
}

uint16_t dnp3_attributes_read(struct dnp3_outstation *o, const struct dnp3_object_header *header,
                              struct dnp3_reader *in)
{
    struct dnp3_time_context times = {0};
    struct dnp3_items items;
    uint16_t errors = 0;
    uint32_t set;
    if (header->all)
        return read_sets(o, header->variation, 0, UINT32_MAX);
    if (!header->count)
        return DNP3_IIN_PARAMETER_ERROR;
    if (!header->prefix)
        return read_sets(o, header->variation, header->start, header->start + (header->count - 1));
    dnp3_items_begin(&items, header, &times);
    while (dnp3_items_index(&items, in, &set))
        errors |= read_sets(o, header->variation, set, set);
    return items.error ? errors | DNP3_IIN_PARAMETER_ERROR : errors;
}

/* One attribute under its own header. False: there is no room in this fragment. What would not fit
 * into an empty one either, and what is no value, is passed over and reported. */
static bool write_one(struct dnp3_outstation *o, struct dnp3_writer *out,
                      const struct dnp3_attribute *value)
{
    struct dnp3_writer before = *out;
    dnp3_header_write_range(out, 0, value->variation, value->set, value->set);
    int error = dnp3_attribute_write(out, value);
    if (!error)
        return true;
    *out = before;
    if (error == DNP3_ERR_FULL && dnp3_writer_length(out) > DNP3_RESPONSE_HEADER)
        return false;
    o->solicited.errors |= DNP3_IIN_PARAMETER_ERROR;
    return true;
}

/* The variations of the set that begins at `range->next`, and whether each is writable. */
static bool write_list(struct dnp3_outstation *o, struct dnp3_writer *out,
                       struct dnp3_read_range *range)
{
    const struct dnp3_outstation_attribute *rows = o->config.attributes;
    uint8_t entries[2 * VARIATIONS_OF_A_SET];
    struct dnp3_attribute list = {.set = rows[range->next].value.set,
                                  .variation = DNP3_ATTRIBUTE_VARIATIONS,
                                  .type = DNP3_ATTRIBUTE_TYPE_LIST,
                                  .octets = entries};
    uint32_t at = range->next;
    for (; at <= range->stop && rows[at].value.set == list.set; at++) {
        entries[list.length++] = rows[at].value.variation;
        entries[list.length++] = rows[at].writable ? WRITABLE : 0;
    }
    if (!write_one(o, out, &list))
        return false;
    range->next = at;
    return true;
}

bool dnp3_attributes_write(struct dnp3_outstation *o, struct dnp3_writer *out,
                           struct dnp3_read_range *range)
{
    while (range->next <= range->stop) {
        const struct dnp3_attribute *value = &o->config.attributes[range->next].value;
        if (range->variation == DNP3_ATTRIBUTE_VARIATIONS) {
            if (!write_list(o, out, range))
                return false;
            continue;
        }
        if (is_wanted(range->variation, value) && !write_one(o, out, value))
            return false;
        range->next++;
    }
    return true;
}

static const struct dnp3_outstation_attribute *find(const struct dnp3_outstation *o,
                                                    const struct dnp3_attribute *written)
{
    for (size_t i = 0; i < o->config.attribute_count; i++) {
        const struct dnp3_attribute *value = &o->config.attributes[i].value;
        if (value->set == written->set && value->variation == written->variation)
            return &o->config.attributes[i];
    }
    return NULL;
}

uint16_t dnp3_attributes_written(struct dnp3_outstation *o, const struct dnp3_object_header *header,
                                 struct dnp3_reader *in)
{
    struct dnp3_time_context times = {0};
    struct dnp3_items items;
    struct dnp3_attribute written;
    uint16_t errors = header->count ? 0 : DNP3_IIN_PARAMETER_ERROR;
    dnp3_items_begin(&items, header, &times);
    while (dnp3_items_attribute(&items, in, &written)) {
        const struct dnp3_outstation_attribute *row = find(o, &written);
        if (!row)
            errors |= DNP3_IIN_OBJECT_UNKNOWN;
        else if (!row->writable || row->value.type != written.type ||
                 !o->callbacks->write_attribute ||
                 !o->callbacks->write_attribute(o->user, &written))
            errors |= DNP3_IIN_PARAMETER_ERROR;
    }
    return items.error ? errors | DNP3_IIN_PARAMETER_ERROR : errors;
}
