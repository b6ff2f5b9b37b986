/* SPDX-License-Identifier: Apache-2.0 */
/* Says in lines of text the objects that have readers of their own, and writes each again. What
 * describe.h dispatches on is the group. */
#ifndef TESTS_VECTORS_DESCRIBE_OBJECTS_H
#define TESTS_VECTORS_DESCRIBE_OBJECTS_H

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

/* False where the objects are points, commands or delays. */
static inline bool say_own(struct text *text, struct dnp3_items *items, struct dnp3_reader *in)
{
    const struct dnp3_object_header *header = items->header;
    if (header->group == 12 && header->variation == 2)
        say_pattern(text, items, in);
    else if (header->group == 12 && header->variation == 3)
        say_mask(text, items, in);
    else if (header->group == 50 && (header->variation == 2 || header->variation == 4))
        say_intervals(text, items, in);
    else
        return false;
    return true;
}

#endif
