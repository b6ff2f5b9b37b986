/* SPDX-License-Identifier: Apache-2.0 */
/* Points to object octets, by the same rows by which they are read. */
#include <float.h>

#include "dnp3/error.h"
#include "dnp3/object_internal.h"

#define TIME48_MAX ((double)((UINT64_C(1) << 48) - 1))

static void store_u48(uint8_t *at, uint64_t value)
{
    dnp3_store_u32(at, (uint32_t)value);
    dnp3_store_u16(at + 4, (uint16_t)(value >> 32));
}

static void store_f32(uint8_t *at, double value)
{
    float narrow = (float)value;
    uint32_t bits;
    memcpy(&bits, &narrow, sizeof bits);
    dnp3_store_u32(at, bits);
}

static void store_f64(uint8_t *at, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    dnp3_store_u32(at, (uint32_t)bits);
    dnp3_store_u32(at + 4, (uint32_t)(bits >> 32));
}

/* The nearest integer (halves away from zero) within min..max; `fits` turns false where the value
 * is outside or no number. */
static int64_t to_integer(double value, int64_t min, int64_t max, bool *fits)
{
    double rounded = value < 0 ? value - 0.5 : value + 0.5;
    if (rounded > (double)min - 1 && rounded < (double)max + 1)
        return (int64_t)rounded;
    *fits = false;
    return value > 0 ? max : value < 0 ? min : 0;
}

/* A double that a float can hold; infinities and NaN are floats too. */
static double to_float(double value, bool *fits)
{
    bool finite = value - value == 0;
    if (!finite || (value <= (double)FLT_MAX && value >= -(double)FLT_MAX))
        return value;
    *fits = false;
    return value > 0 ? (double)FLT_MAX : -(double)FLT_MAX;
}

/* Counters are taken modulo their width: a 16-bit variation of a 32-bit counter rolls over. */
static uint32_t to_counter(double value)
{
    return value >= 0 && value <= TIME48_MAX ? (uint32_t)(uint64_t)value : 0;
}

static double within(double value, double max)
{
    return value < max ? value : max;
}

/* What is no counter does not roll over: it stays at the variation's largest value. */
static double saturate(enum dnp3_encoding encoding, double value)
{
    switch (encoding) {
    case DNP3_ENCODING_U8:
        return within(value + 0.5, UINT8_MAX);
    case DNP3_ENCODING_U16:
        return within(value + 0.5, UINT16_MAX);
    case DNP3_ENCODING_U32:
        return within(value + 0.5, UINT32_MAX);
    default:
        return value;
    }
}

void dnp3_store_number(uint8_t *at, enum dnp3_encoding encoding, double number, bool *fits)
{
    switch (encoding) {
    case DNP3_ENCODING_U8:
        at[0] = (uint8_t)to_counter(number);
        break;
    case DNP3_ENCODING_U16:
        dnp3_store_u16(at, (uint16_t)to_counter(number));
        break;
    case DNP3_ENCODING_U32:
        dnp3_store_u32(at, to_counter(number));
        break;
    case DNP3_ENCODING_I16:
        dnp3_store_u16(at, (uint16_t)to_integer(number, INT16_MIN, INT16_MAX, fits));
        break;
    case DNP3_ENCODING_I32:
        dnp3_store_u32(at, (uint32_t)to_integer(number, INT32_MIN, INT32_MAX, fits));
        break;
    case DNP3_ENCODING_F32:
        store_f32(at, to_float(number, fits));
        break;
    case DNP3_ENCODING_F64:
        store_f64(at, number);
        break;
    case DNP3_ENCODING_TIME48:
        store_u48(at, number >= 0 && number <= TIME48_MAX ? (uint64_t)number : 0);
        break;
    default: /* in the flags octet, or none */
        break;
    }
}

/* 0..3 of a double-bit; anything else is no state. */
static unsigned to_double_bit(double value)
{
    return value >= 0 && value <= 3 ? (unsigned)value : DNP3_DOUBLE_BIT_INDETERMINATE;
}

/* The flags octet, with the value where it lives there. */
static uint8_t flags_octet(const struct dnp3_object_row *row, const struct dnp3_point *point,
                           bool fits)
{
    if (row->encoding == DNP3_ENCODING_FLAG2)
        return (uint8_t)((point->flags & 0x3F) | to_double_bit(point->number) << 6);
    if (row->encoding == DNP3_ENCODING_FLAG)
        return (uint8_t)((point->flags & 0x7F) | (point->number != 0 ? DNP3_FLAG_STATE : 0));
    return fits || row->type == DNP3_POINT_ANALOG_COMMAND_EVENT
               ? point->flags
               : point->flags | DNP3_FLAG_OVER_RANGE;
}

/* The time stands at the end of the object. */
static void store_time(uint8_t *object, const struct dnp3_object_row *row,
                       const struct dnp3_point *point, int64_t cto_ms)
{
    if (row->time == DNP3_OBJECT_TIME48) {
        int64_t time_ms = point->time_quality == DNP3_TIME_NONE ? 0 : point->time_ms;
        store_u48(object + row->size - 6, (uint64_t)time_ms);
    } else if (row->time == DNP3_OBJECT_TIME16) {
        int64_t after = point->time_ms - cto_ms;
        after = after < 0 ? 0 : after > UINT16_MAX ? UINT16_MAX : after;
        dnp3_store_u16(object + row->size - 2, (uint16_t)after);
    }
}

void dnp3_point_write(struct dnp3_writer *out, const struct dnp3_object_row *row,
                      const struct dnp3_point *point, int64_t cto_ms)
{
    if (row->encoding == DNP3_ENCODING_OCTETS) {
        dnp3_writer_octets(out, point->octets, point->length);
        return;
    }
    uint8_t *at = dnp3_writer_reserve(out, row->size);
    if (!at)
        return;
    memset(at, 0, row->size);
    bool fits = true;
    bool counts =
        row->type != DNP3_POINT_ANALOG_INPUT_DEAD_BAND && row->type != DNP3_POINT_UNSIGNED_INTEGER;
    double number = counts ? point->number : saturate(row->encoding, point->number);
    dnp3_store_number(at + row->flags, row->encoding, number, &fits);
    if (row->flags)
        at[0] = flags_octet(row, point, fits);
    store_time(at, row, point, cto_ms);
}

void dnp3_points_write_packed(struct dnp3_writer *out, const struct dnp3_object_row *row,
                              const struct dnp3_point *points, size_t count)
{
    size_t bits = row->encoding == DNP3_ENCODING_BIT2 ? 2 : 1;
    size_t octets = (count * bits + 7) / 8;
    uint8_t *at = dnp3_writer_reserve(out, octets);
    if (!at)
        return;
    memset(at, 0, octets);
    for (size_t i = 0; i < count; i++) {
        unsigned value = bits == 2 ? to_double_bit(points[i].number) : points[i].number != 0;
        at[i * bits / 8] |= (uint8_t)(value << i * bits % 8);
    }
}

int dnp3_interval_write(struct dnp3_writer *out, uint8_t variation,
                        const struct dnp3_interval *interval)
{
    if (variation != 2 && variation != 4)
        return DNP3_ERR_INVALID;
    if (interval->time_ms < 0 || interval->time_ms >> 48 ||
        (variation == 2 && interval->unit != DNP3_INTERVAL_MILLISECONDS))
        return DNP3_ERR_RANGE;
    dnp3_writer_u48(out, (uint64_t)interval->time_ms);
    dnp3_writer_u32(out, interval->count);
    if (variation == 4)
        dnp3_writer_u8(out, interval->unit);
    return out->failed ? DNP3_ERR_FULL : 0;
}

int dnp3_octet_string_write(struct dnp3_writer *out, uint32_t index, const void *octets,
                            size_t length)
{
    if (length == 0 || length > UINT8_MAX || index > UINT16_MAX)
        return DNP3_ERR_RANGE;
    bool narrow = index <= UINT8_MAX;
    dnp3_header_write_count(
        out, 110, (uint8_t)length,
        narrow ? DNP3_QUALIFIER_PREFIX8_COUNT8 : DNP3_QUALIFIER_PREFIX16_COUNT16, 1);
    dnp3_index_write(out, narrow ? 1 : 2, index);
    dnp3_writer_octets(out, octets, length);
    return out->failed ? DNP3_ERR_FULL : 0;
}
