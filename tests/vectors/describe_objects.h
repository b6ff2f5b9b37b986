/* SPDX-License-Identifier: Apache-2.0 */
/* Says in lines of text the objects that have readers of their own, and writes each again. What
 * describe.h dispatches on is the group. */
#ifndef TESTS_VECTORS_DESCRIBE_OBJECTS_H
#define TESTS_VECTORS_DESCRIBE_OBJECTS_H

#include "dnp3/attribute.h"
#include "tests/vectors/describe_file.h"
#include "tests/vectors/describe_text.h"

static inline void say_pattern(struct text *text, struct dnp3_items *items, struct dnp3_reader *in)
{
    struct dnp3_command pattern;
    const uint8_t *original = in->at;
    while (dnp3_items_pattern(items, in, &pattern)) {
        uint8_t octets[16];
        struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
        say_command(text, &pattern);
        out.failed = dnp3_command_write(&out, &pattern) != 0;
        compare_rewritten(text, &out, original);
        original = in->at;
    }
}

static inline void say_mask(struct text *text, struct dnp3_items *items, struct dnp3_reader *in)
{
    uint32_t index;
    while (dnp3_items_mask(items, in, &index))
        say(text, "selected %u\n", index);
}

static inline void say_intervals(struct text *text, struct dnp3_items *items,
                                 struct dnp3_reader *in)
{
    struct dnp3_interval interval;
    const struct dnp3_object_header *header = items->header;
    const uint8_t *original = in->at;
    while (dnp3_items_interval(items, in, &interval)) {
        const char *unit = dnp3_interval_unit_name(interval.unit);
        uint8_t octets[16];
        struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
        say(text, "interval %u = %lld every %u ", interval.index, (long long)interval.time_ms,
            interval.count);
        if (unit)
            say(text, "%s\n", unit);
        else
            say(text, "unit %u\n", interval.unit);
        dnp3_index_write(&out, header->prefix, interval.index);
        out.failed = dnp3_interval_write(&out, header->variation, &interval) != 0;
        compare_rewritten(text, &out, original);
        original = in->at;
    }
}

static inline void say_list(struct text *text, const struct dnp3_attribute *list)
{
    struct dnp3_attribute_entry entry;
    say(text, " =");
    for (size_t place = 0; dnp3_attribute_entry(list, &place, &entry);)
        say(text, " %u%s", entry.variation, entry.writable ? " writable" : "");
}

static inline void say_attribute_value(struct text *text, const struct dnp3_attribute *attribute)
{
    switch (attribute->type) {
    case DNP3_ATTRIBUTE_TYPE_UNSIGNED:
        say(text, " = %llu", (unsigned long long)attribute->natural);
        break;
    case DNP3_ATTRIBUTE_TYPE_SIGNED:
        say(text, " = %lld", (long long)attribute->integer);
        break;
    case DNP3_ATTRIBUTE_TYPE_FLOAT:
        say_number(text, attribute->real);
        break;
    case DNP3_ATTRIBUTE_TYPE_TIME:
        say(text, " = %lld", (long long)attribute->time_ms);
        break;
    case DNP3_ATTRIBUTE_TYPE_LIST:
    case DNP3_ATTRIBUTE_TYPE_EXTENDED_LIST:
        say_list(text, attribute);
        break;
    default:
        say_octets(text, attribute->octets, attribute->length);
    }
}

static inline void say_attributes(struct text *text, struct dnp3_items *items,
                                  struct dnp3_reader *in)
{
    struct dnp3_attribute attribute;
    const uint8_t *original = in->at;
    while (dnp3_items_attribute(items, in, &attribute)) {
        const char *name = attribute.set == 0 ? dnp3_attribute_name(attribute.variation) : NULL;
        const char *type = dnp3_attribute_type_name(attribute.type);
        uint8_t octets[1024];
        struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
        say(text, "attribute %u.%u %s %s", attribute.set, attribute.variation, name ? name : "-",
            type ? type : "?");
        say_attribute_value(text, &attribute);
        say(text, "\n");
        dnp3_index_write(&out, items->header->prefix, attribute.set);
        out.failed = dnp3_attribute_write(&out, &attribute) != 0;
        compare_rewritten(text, &out, original);
        original = in->at;
    }
}

/* False where the objects are points, commands or delays. */
static inline bool say_own(struct text *text, struct dnp3_items *items, struct dnp3_reader *in)
{
    const struct dnp3_object_header *header = items->header;
    if (header->group == 0 && !header->sized)
        say_attributes(text, items, in);
    else if (header->group == 12 && header->variation == 2)
        say_pattern(text, items, in);
    else if (header->group == 12 && header->variation == 3)
        say_mask(text, items, in);
    else if (header->group == 50 && (header->variation == 2 || header->variation == 4))
        say_intervals(text, items, in);
    else if (is_file(header))
        say_files(text, items, in);
    else
        return false;
    return true;
}

#endif
