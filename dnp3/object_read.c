/* SPDX-License-Identifier: Apache-2.0 */
/* Objects to points. A batch is read column by column: all indexes, all flags, all values, all
 * times, each in a loop of its own over a fixed stride. So a variation is any combination of
 * columns without code of its own, the loops hold no branch, and how many objects are there is
 * found once a batch. */
#include "dnp3/object_internal.h"

#include "dnp3/error.h"

/* The objects of one batch, and where in each object a column begins. */
struct batch {
    struct dnp3_point *points;
    size_t count;
    const uint8_t *at;
    size_t stride;
};

/* One column: for every object, with `point` and the octets `p` at its place. */
#define EACH(batch, statement)                                                                     \
    do {                                                                                           \
        const uint8_t *p = (batch).at;                                                             \
        struct dnp3_point *point = (batch).points;                                                 \
        struct dnp3_point *end = point + (batch).count;                                            \
        for (; point < end; point++, p += (batch).stride)                                          \
            statement;                                                                             \
    } while (0)

static void read_prefixes(struct batch batch, unsigned octets)
{
    switch (octets) {
    case 1:
        EACH(batch, point->index = p[0]);
        break;
    case 2:
        EACH(batch, point->index = dnp3_load_u16(p));
        break;
    default:
        EACH(batch, point->index = dnp3_load_u32(p));
    }
}

static void count_indexes(struct batch batch, uint32_t first)
{
    for (size_t i = 0; i < batch.count; i++)
        batch.points[i].index = first + (uint32_t)i;
}

static void set_flags(struct batch batch, uint8_t flags)
{
    for (size_t i = 0; i < batch.count; i++) {
        batch.points[i].flags = flags;
        batch.points[i].length = 0;
    }
}

/* Bit 7 is the value of a binary and reserved elsewhere. */
static void read_flags(struct batch batch, uint8_t mask)
{
    EACH(batch, (point->flags = p[0] & mask, point->length = 0));
}

static void read_values(struct batch batch, enum dnp3_encoding encoding)
{
    switch (encoding) {
    case DNP3_ENCODING_BIT:
        EACH(batch, point->number = p[0] & 1);
        break;
    case DNP3_ENCODING_BIT2:
        EACH(batch, point->number = p[0] & 3);
        break;
    case DNP3_ENCODING_FLAG:
        EACH(batch, point->number = p[0] >> 7);
        break;
    case DNP3_ENCODING_FLAG2:
        EACH(batch, point->number = p[0] >> 6);
        break;
    case DNP3_ENCODING_U8:
        EACH(batch, point->number = p[0]);
        break;
    case DNP3_ENCODING_U16:
        EACH(batch, point->number = dnp3_load_u16(p));
        break;
    case DNP3_ENCODING_U32:
        EACH(batch, point->number = dnp3_load_u32(p));
        break;
    case DNP3_ENCODING_I16:
        EACH(batch, point->number = (int16_t)dnp3_load_u16(p));
        break;
    case DNP3_ENCODING_I32:
        EACH(batch, point->number = (int32_t)dnp3_load_u32(p));
        break;
    case DNP3_ENCODING_F32:
        EACH(batch, point->number = dnp3_load_f32(p));
        break;
    case DNP3_ENCODING_F64:
        EACH(batch, point->number = dnp3_load_f64(p));
        break;
    case DNP3_ENCODING_TIME48:
        EACH(batch, point->number = (double)dnp3_load_u48(p));
        break;
    case DNP3_ENCODING_NONE:
    case DNP3_ENCODING_OCTETS:
    case DNP3_ENCODING_CROB:
        break;
    }
}

static void set_no_time(struct batch batch)
{
    for (size_t i = 0; i < batch.count; i++) {
        batch.points[i].time_quality = DNP3_TIME_NONE;
        batch.points[i].time_ms = 0;
    }
}

/* The time stands at the end of the object; `batch` is at its first octet after the prefix. */
static void read_times(struct batch batch, const struct dnp3_object_row *row,
                       const struct dnp3_time_context *times)
{
    if (row->time == DNP3_OBJECT_TIME48) {
        uint8_t quality = times->need_time ? DNP3_TIME_UNSYNCHRONIZED : DNP3_TIME_SYNCHRONIZED;
        batch.at += row->size - 6;
        EACH(batch, (point->time_ms = (int64_t)dnp3_load_u48(p),
                     point->time_quality = point->time_ms ? quality : DNP3_TIME_NONE));
    } else if (row->time == DNP3_OBJECT_TIME16 && times->cto_quality != DNP3_TIME_NONE) {
        batch.at += row->size - 2;
        EACH(batch, (point->time_ms = times->cto_ms + dnp3_load_u16(p),
                     point->time_quality = times->cto_quality));
    } else {
        set_no_time(batch);
    }
}

static bool is_packed(const struct dnp3_object_row *row)
{
    return row->encoding == DNP3_ENCODING_BIT || row->encoding == DNP3_ENCODING_BIT2;
}

static bool is_in_flags(const struct dnp3_object_row *row)
{
    return row->encoding == DNP3_ENCODING_FLAG || row->encoding == DNP3_ENCODING_FLAG2;
}

/* The columns of a batch that stands at the first object's first octet after the prefix. */
static void read_columns(struct batch batch, const struct dnp3_object_row *row,
                         const struct dnp3_time_context *times)
{
    read_times(batch, row, times);
    if (row->flags)
        read_flags(batch, row->encoding == DNP3_ENCODING_FLAG2 ? 0x3F : 0x7F);
    else
        set_flags(batch, DNP3_FLAG_ONLINE);
    batch.at += row->flags && !is_in_flags(row);
    read_values(batch, row->encoding);
}

/* Objects of a fixed number of octets; packed ones under an index prefix take one octet each. */
static size_t read_fixed(struct dnp3_items *items, struct dnp3_reader *in,
                         struct dnp3_point *points)
{
    const struct dnp3_object_header *header = items->header;
    uint32_t first = header->start + items->done;
    struct batch batch = {.points = points,
                          .stride =
                              header->prefix + (is_packed(header->row) ? 1U : header->row->size)};
    batch.count = dnp3_items_take(items, in, DNP3_POINTS_BATCH, batch.stride, &batch.at);
    if (batch.count == 0)
        return 0;
    if (header->prefix)
        read_prefixes(batch, header->prefix);
    else
        count_indexes(batch, first);
    batch.at += header->prefix;
    read_columns(batch, header->row, items->times);
    return batch.count;
}

/* Packed bits without a prefix. A batch of 64 is a whole number of octets, so that every batch
 * begins at one. */
static size_t read_packed(struct dnp3_items *items, struct dnp3_reader *in,
                          struct dnp3_point *points)
{
    unsigned bits = items->header->row->encoding == DNP3_ENCODING_BIT2 ? 2 : 1;
    uint32_t first = items->header->start + items->done;
    size_t left = dnp3_reader_left(in);
    size_t there = left < DNP3_POINTS_BATCH ? left * 8 / bits : DNP3_POINTS_BATCH;
    size_t count = items->header->count - items->done;
    if (count > 0 && there == 0) {
        items->error = DNP3_ERR_TRUNCATED;
        in->failed = true;
        return 0;
    }
    count = count < DNP3_POINTS_BATCH ? count : DNP3_POINTS_BATCH;
    count = count < there ? count : there;

    struct batch batch = {.points = points, .count = count};
    const uint8_t *octets = in->at;
    in->at += (count * bits + 7) / 8;
    for (size_t i = 0; i < count; i++)
        points[i].number = octets[i * bits / 8] >> (i * bits % 8) & ((1 << bits) - 1);
    count_indexes(batch, first);
    set_flags(batch, DNP3_FLAG_ONLINE);
    set_no_time(batch);
    items->done += (uint32_t)count;
    return count;
}

/* Octet strings: the variation is the length. One of no length is only counted by an index prefix;
 * without it a header of a few octets could announce millions. */
static size_t read_strings(struct dnp3_items *items, struct dnp3_reader *in,
                           struct dnp3_point *points)
{
    const struct dnp3_object_header *header = items->header;
    uint32_t first = header->start + items->done;
    struct batch batch = {.points = points, .stride = (size_t)header->prefix + header->variation};
    if (batch.stride == 0) {
        items->error = header->count ? DNP3_ERR_MALFORMED : 0;
        return 0;
    }
    batch.count = dnp3_items_take(items, in, DNP3_POINTS_BATCH, batch.stride, &batch.at);
    if (batch.count == 0)
        return 0;
    if (header->prefix)
        read_prefixes(batch, header->prefix);
    else
        count_indexes(batch, first);
    set_flags(batch, DNP3_FLAG_ONLINE);
    set_no_time(batch);
    EACH(batch, (point->octets = p + header->prefix, point->length = header->variation));
    return batch.count;
}

/* 51v1 and 51v2: the last one holds; one of time 0 says that there is none. */
static void read_cto(struct dnp3_items *items, struct dnp3_reader *in)
{
    const struct dnp3_object_header *header = items->header;
    size_t stride = header->prefix + 6U;
    const uint8_t *at;
    while (dnp3_items_take(items, in, 1, stride, &at) > 0) {
        uint8_t quality =
            header->variation == 1 ? DNP3_TIME_SYNCHRONIZED : DNP3_TIME_UNSYNCHRONIZED;
        items->times->cto_ms = (int64_t)dnp3_load_u48(at + header->prefix);
        items->times->cto_quality = items->times->cto_ms ? quality : DNP3_TIME_NONE;
    }
}

size_t dnp3_items_points(struct dnp3_items *items, struct dnp3_reader *in,
                         struct dnp3_point points[DNP3_POINTS_BATCH])
{
    const struct dnp3_object_header *header = items->header;
    const struct dnp3_object_row *row = header->row;
    if (items->error || in->failed)
        return 0;
    if (!row || header->sized)
        return dnp3_items_pass_over(items, in, DNP3_ERR_UNSUPPORTED);
    if (row->kind == DNP3_KIND_CTO) {
        read_cto(items, in);
        return 0;
    }
    if (row->type == DNP3_POINT_TYPES || row->encoding == DNP3_ENCODING_NONE)
        return dnp3_items_pass_over(items, in, 0);
    if (row->encoding == DNP3_ENCODING_OCTETS)
        return read_strings(items, in, points);
    if (is_packed(row) && header->prefix == 0)
        return read_packed(items, in, points);
    return read_fixed(items, in, points);
}
