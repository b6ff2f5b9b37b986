/* SPDX-License-Identifier: Apache-2.0 */
/* Device attributes: type, length, value. They are no points: each is read and written alone. */
#include "dnp3/attribute.h"

#include "dnp3/error.h"
#include "dnp3/object_internal.h"

enum { LIST_OFFSET = 256, WRITABLE = 0x01, TIME_OCTETS = 6 };

const char *dnp3_attribute_name(uint8_t variation)
{
    switch (variation) {
#define X(name, value, text)                                                                       \
    case DNP3_ATTRIBUTE_##name:                                                                    \
        return text;
        DNP3_ATTRIBUTE_MAP(X)
#undef X
    default:
        return NULL;
    }
}

int dnp3_attribute_from_name(const char *name)
{
    for (int variation = 0; variation <= UINT8_MAX; variation++) {
        const char *known = dnp3_attribute_name((uint8_t)variation);
        if (known && strcmp(known, name) == 0)
            return variation;
    }
    return -1;
}

const char *dnp3_attribute_type_name(uint8_t type)
{
    switch (type) {
#define X(name, value, text)                                                                       \
    case DNP3_ATTRIBUTE_TYPE_##name:                                                               \
        return text;
        DNP3_ATTRIBUTE_TYPE_MAP(X)
#undef X
    default:
        return NULL;
    }
}

/* Little-endian, of up to 8 octets. */
static uint64_t load_natural(const uint8_t *at, size_t length)
{
    uint64_t value = 0;
    for (size_t i = 0; i < length; i++)
        value |= (uint64_t)at[i] << 8 * i;
    return value;
}

static int64_t load_integer(const uint8_t *at, size_t length)
{
    uint64_t value = load_natural(at, length);
    if (length < 8 && at[length - 1] & 0x80)
        value |= UINT64_MAX << 8 * length;
    int64_t integer;
    memcpy(&integer, &value, sizeof integer);
    return integer;
}

/* Whether a value of this type may have this many octets. */
static bool length_is_possible(uint8_t type, size_t length)
{
    switch (type) {
    case DNP3_ATTRIBUTE_TYPE_UNSIGNED:
    case DNP3_ATTRIBUTE_TYPE_SIGNED:
        return length >= 1 && length <= 8;
    case DNP3_ATTRIBUTE_TYPE_FLOAT:
        return length == 4 || length == 8;
    case DNP3_ATTRIBUTE_TYPE_TIME:
        return length == TIME_OCTETS;
    default:
        return true;
    }
}

static void read_number(struct dnp3_attribute *attribute)
{
    const uint8_t *at = attribute->octets;
    attribute->natural = 0;
    switch (attribute->type) {
    case DNP3_ATTRIBUTE_TYPE_UNSIGNED:
        attribute->natural = load_natural(at, attribute->length);
        break;
    case DNP3_ATTRIBUTE_TYPE_SIGNED:
        attribute->integer = load_integer(at, attribute->length);
        break;
    case DNP3_ATTRIBUTE_TYPE_FLOAT:
        attribute->real = attribute->length == 4 ? dnp3_load_f32(at) : dnp3_load_f64(at);
        break;
    case DNP3_ATTRIBUTE_TYPE_TIME:
        attribute->time_ms = (int64_t)dnp3_load_u48(at);
        break;
    default:
        break;
    }
}

bool dnp3_items_attribute(struct dnp3_items *items, struct dnp3_reader *in,
                          struct dnp3_attribute *attribute)
{
    const struct dnp3_object_header *header = items->header;
    if (items->error || in->failed)
        return false;
    if (header->group != 0 || header->sized)
        return dnp3_items_pass_over(items, in, DNP3_ERR_UNSUPPORTED) > 0;
    uint32_t set = header->start + items->done;
    const uint8_t *at;
    if (dnp3_items_take(items, in, 1, header->prefix + 2U, &at) == 0)
        return false;
    attribute->set = header->prefix ? dnp3_load_index(at, header->prefix) : set;
    attribute->variation = header->variation;
    attribute->type = at[header->prefix];
    attribute->length = at[header->prefix + 1];
    if (attribute->type == DNP3_ATTRIBUTE_TYPE_EXTENDED_LIST)
        attribute->length = (uint16_t)(attribute->length + LIST_OFFSET);
    attribute->octets = dnp3_reader_take(in, attribute->length);
    if (!attribute->octets) {
        items->error = DNP3_ERR_TRUNCATED;
        return false;
    }
    if (!length_is_possible(attribute->type, attribute->length))
        return dnp3_items_malformed(items, in);
    read_number(attribute);
    return true;
}

bool dnp3_attribute_entry(const struct dnp3_attribute *list, size_t *place,
                          struct dnp3_attribute_entry *entry)
{
    bool is_list =
        list->type == DNP3_ATTRIBUTE_TYPE_LIST || list->type == DNP3_ATTRIBUTE_TYPE_EXTENDED_LIST;
    if (!is_list || *place >= list->length || list->length - *place < 2)
        return false;
    entry->variation = list->octets[*place];
    entry->writable = list->octets[*place + 1] & WRITABLE;
    *place += 2;
    return true;
}

static void store_natural(uint8_t *at, size_t length, uint64_t value)
{
    for (size_t i = 0; i < length; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

/* The octets that hold a number: those asked for, or the fewest; 0 where there are none. */
static size_t natural_octets(uint64_t value, size_t length)
{
    size_t least = value <= UINT8_MAX ? 1 : value <= UINT16_MAX ? 2 : value <= UINT32_MAX ? 4 : 8;
    if (length == 0)
        return least;
    return length > 8 || (length < 8 && value >> 8 * length) ? 0 : length;
}

static size_t integer_octets(int64_t value, size_t length)
{
    /* The sign needs a bit more than the magnitude. */
    uint64_t magnitude = (uint64_t)(value < 0 ? -(value + 1) : value);
    return natural_octets(magnitude * 2, length);
}

static size_t real_octets(double value, size_t length)
{
    bool fits = true;
    uint8_t narrow[4];
    dnp3_store_number(narrow, DNP3_ENCODING_F32, value, &fits);
    if (length == 0) {
        double again = dnp3_load_f32(narrow);
        return memcmp(&again, &value, sizeof value) == 0 ? 4 : 8;
    }
    return length == 8 || (length == 4 && fits) ? length : 0;
}

/* Puts a number into `octets`; returns how many, 0 where it cannot be written. */
static size_t store_value(uint8_t octets[8], const struct dnp3_attribute *attribute)
{
    size_t length = 0;
    bool fits = true;
    switch (attribute->type) {
    case DNP3_ATTRIBUTE_TYPE_UNSIGNED:
        length = natural_octets(attribute->natural, attribute->length);
        store_natural(octets, length, attribute->natural);
        break;
    case DNP3_ATTRIBUTE_TYPE_SIGNED:
        length = integer_octets(attribute->integer, attribute->length);
        store_natural(octets, length, (uint64_t)attribute->integer);
        break;
    case DNP3_ATTRIBUTE_TYPE_FLOAT:
        length = real_octets(attribute->real, attribute->length);
        dnp3_store_number(octets, length == 4 ? DNP3_ENCODING_F32 : DNP3_ENCODING_F64,
                          attribute->real, &fits);
        break;
    default: /* TIME */
        if (attribute->time_ms >= 0 && attribute->time_ms >> 48 == 0)
            length = TIME_OCTETS;
        store_natural(octets, length, (uint64_t)attribute->time_ms);
    }
    return length;
}

static int write_whole(struct dnp3_writer *out, uint8_t type, const uint8_t *octets, size_t length)
{
    if (type == DNP3_ATTRIBUTE_TYPE_LIST || type == DNP3_ATTRIBUTE_TYPE_EXTENDED_LIST)
        type = length < LIST_OFFSET ? DNP3_ATTRIBUTE_TYPE_LIST : DNP3_ATTRIBUTE_TYPE_EXTENDED_LIST;
    bool extended = type == DNP3_ATTRIBUTE_TYPE_EXTENDED_LIST;
    if (length > UINT8_MAX + (extended ? (size_t)LIST_OFFSET : 0))
        return DNP3_ERR_RANGE;
    dnp3_writer_u8(out, type);
    dnp3_writer_u8(out, (uint8_t)length); /* an extended list's less 256, which is the same octet */
    dnp3_writer_octets(out, octets, length);
    return out->failed ? DNP3_ERR_FULL : 0;
}

int dnp3_attribute_write(struct dnp3_writer *out, const struct dnp3_attribute *attribute)
{
    uint8_t number[8];
    size_t length;
    switch (attribute->type) {
    case DNP3_ATTRIBUTE_TYPE_UNSIGNED:
    case DNP3_ATTRIBUTE_TYPE_SIGNED:
    case DNP3_ATTRIBUTE_TYPE_FLOAT:
    case DNP3_ATTRIBUTE_TYPE_TIME:
        length = store_value(number, attribute);
        return length ? write_whole(out, attribute->type, number, length) : DNP3_ERR_RANGE;
    default:
        return write_whole(out, attribute->type, attribute->octets, attribute->length);
    }
}
