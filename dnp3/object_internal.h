/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the object module share: the length of objects, and how items are taken. */
#ifndef DNP3_OBJECT_INTERNAL_H
#define DNP3_OBJECT_INTERNAL_H

#include "dnp3/objects.h"

enum dnp3_form {
    DNP3_FORM_UNKNOWN,   /* known only where a prefix says it */
    DNP3_FORM_OCTETS,    /* `size` octets */
    DNP3_FORM_BITS,      /* `size` bits, packed */
    DNP3_FORM_ATTRIBUTE, /* type, length, value: must be walked */
};

struct dnp3_object_form {
    enum dnp3_form form;
    unsigned size;
};

/* How long one object of a variation is, whether it is read or only recognised. */
struct dnp3_object_form dnp3_object_form(uint8_t group, uint8_t variation);

/* The index that an object's prefix of 1, 2 or 4 octets gives. */
static inline uint32_t dnp3_load_index(const uint8_t *at, unsigned octets)
{
    return octets == 1 ? at[0] : octets == 2 ? dnp3_load_u16(at) : dnp3_load_u32(at);
}

/* How many of the next `most` objects are there, when each takes `stride` octets: those are taken,
 * `at` is the first. 0 at the end, and TRUNCATED where more are announced but none is there. */
size_t dnp3_items_take(struct dnp3_items *items, struct dnp3_reader *in, size_t most, size_t stride,
                       const uint8_t **at);
/* Passes over all objects; `items->error` becomes `error` where that could be done. Returns 0. */
size_t dnp3_items_pass_over(struct dnp3_items *items, struct dnp3_reader *in, int error);

/* The object before was no good: passes over the rest, and reports MALFORMED unless that rest is
 * worse. Returns false. */
bool dnp3_items_malformed(struct dnp3_items *items, struct dnp3_reader *in);

static inline double dnp3_load_f32(const uint8_t *at)
{
    uint32_t bits = dnp3_load_u32(at);
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

static inline double dnp3_load_f64(const uint8_t *at)
{
    uint64_t bits = dnp3_load_u64(at);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Writes a number in an encoding; `fits` turns false where it had to be cut to the range. */
void dnp3_store_number(uint8_t *at, enum dnp3_encoding encoding, double number, bool *fits);

#endif
