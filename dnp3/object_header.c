/* SPDX-License-Identifier: Apache-2.0 */
/* Object headers: group, variation, qualifier and range (IEEE 1815-2012 4.2.2.7). The qualifier is
 * taken apart by its two fields, not matched against a list of those that are usual. */
#include "dnp3/object_internal.h"

#include "dnp3/error.h"

/* Range specifier codes, bits 0..3 of the qualifier (table 4-6). */
enum { START_STOP = 0, ADDRESSES = 3, NO_RANGE = 6, COUNT = 7, VARIABLE = 11 };

static uint32_t read_width(struct dnp3_reader *in, unsigned width)
{
    return width == 0 ? dnp3_reader_u8(in) : width == 1 ? dnp3_reader_u16(in) : dnp3_reader_u32(in);
}

static int fail(struct dnp3_reader *in, int error)
{
    in->failed = true;
    return error;
}

/* Bits 4..6: 1..3 an index of 1, 2, 4 octets before each object, 4..6 its size. */
static void read_prefix_code(struct dnp3_object_header *header, unsigned prefix)
{
    static const uint8_t octets[] = {0, 1, 2, 4, 1, 2, 4};
    header->prefix = octets[prefix];
    header->sized = prefix >= 4;
}

static bool qualifier_is_defined(uint8_t qualifier)
{
    unsigned prefix = qualifier >> 4;
    unsigned range = qualifier & 0x0F;
    if (range < COUNT)
        return prefix == 0;
    if (range < COUNT + 3)
        return prefix <= 6;
    return range == VARIABLE && prefix >= 4 && prefix <= 6;
}

static int read_range(struct dnp3_reader *in, struct dnp3_object_header *header, unsigned width)
{
    uint32_t start = read_width(in, width);
    uint32_t stop = read_width(in, width);
    if (in->failed)
        return DNP3_ERR_TRUNCATED;
    if (stop < start)
        return fail(in, DNP3_ERR_MALFORMED);
    header->ranged = true;
    header->start = start;
    header->count = stop - start == UINT32_MAX ? UINT32_MAX : stop - start + 1;
    return 0;
}

int dnp3_header_read(struct dnp3_reader *in, struct dnp3_object_header *header)
{
    memset(header, 0, sizeof *header);
    header->group = dnp3_reader_u8(in);
    header->variation = dnp3_reader_u8(in);
    header->qualifier = dnp3_reader_u8(in);
    if (in->failed)
        return DNP3_ERR_TRUNCATED;
    header->row = dnp3_object_row(header->group, header->variation);
    if (!qualifier_is_defined(header->qualifier))
        return fail(in, DNP3_ERR_MALFORMED);
    read_prefix_code(header, header->qualifier >> 4);

    unsigned range = header->qualifier & 0x0F;
    header->all = range == NO_RANGE;
    if (header->all)
        return 0;
    if (range < NO_RANGE)
        return read_range(in, header, range < ADDRESSES ? range : range - ADDRESSES);
    header->count = read_width(in, range == VARIABLE ? 0 : range - COUNT);
    return in->failed ? DNP3_ERR_TRUNCATED : 0;
}

static void write_start(struct dnp3_writer *out, uint8_t group, uint8_t variation,
                        unsigned qualifier)
{
    dnp3_writer_u8(out, group);
    dnp3_writer_u8(out, variation);
    dnp3_writer_u8(out, (uint8_t)qualifier);
}

static void write_width(struct dnp3_writer *out, unsigned width, uint32_t value)
{
    if (width == 0 && value <= UINT8_MAX)
        dnp3_writer_u8(out, (uint8_t)value);
    else if (width == 1 && value <= UINT16_MAX)
        dnp3_writer_u16(out, (uint16_t)value);
    else if (width == 2)
        dnp3_writer_u32(out, value);
    else
        out->failed = true;
}

void dnp3_header_write_all(struct dnp3_writer *out, uint8_t group, uint8_t variation)
{
    write_start(out, group, variation, DNP3_QUALIFIER_ALL);
}

static void write_range(struct dnp3_writer *out, uint8_t group, uint8_t variation, unsigned range,
                        uint32_t start, uint32_t stop)
{
    unsigned width = stop <= UINT8_MAX ? 0 : stop <= UINT16_MAX ? 1 : 2;
    write_start(out, group, variation, range + width);
    write_width(out, width, start);
    write_width(out, width, stop);
}

void dnp3_header_write_range(struct dnp3_writer *out, uint8_t group, uint8_t variation,
                             uint32_t start, uint32_t stop)
{
    write_range(out, group, variation, START_STOP, start, stop);
}

void dnp3_header_write_addresses(struct dnp3_writer *out, uint8_t group, uint8_t variation,
                                 uint32_t first, uint32_t last)
{
    write_range(out, group, variation, ADDRESSES, first, last);
}

void dnp3_header_write_count(struct dnp3_writer *out, uint8_t group, uint8_t variation,
                             uint8_t qualifier, uint32_t count)
{
    unsigned range = qualifier & 0x0F;
    write_start(out, group, variation, qualifier);
    write_width(out, range == VARIABLE ? 0 : range - COUNT, count);
}

size_t dnp3_sized_begin(struct dnp3_writer *out, uint8_t group, uint8_t variation)
{
    dnp3_header_write_count(out, group, variation, DNP3_QUALIFIER_FREE, 1);
    dnp3_writer_u16(out, 0);
    return dnp3_writer_length(out);
}

void dnp3_sized_end(struct dnp3_writer *out, size_t begun)
{
    size_t size = dnp3_writer_length(out) - begun;
    if (size > UINT16_MAX)
        out->failed = true;
    if (!out->failed)
        dnp3_store_u16(out->start + begun - 2, (uint16_t)size);
}

void dnp3_index_write(struct dnp3_writer *out, unsigned octets, uint32_t index)
{
    if (octets)
        write_width(out, octets / 2, index);
}

size_t dnp3_header_octets(const struct dnp3_object_header *header)
{
    if (header->count == 0)
        return 0;
    struct dnp3_object_form form = dnp3_object_form(header->group, header->variation);
    if (header->sized || (form.form != DNP3_FORM_OCTETS && form.form != DNP3_FORM_BITS))
        return SIZE_MAX;
    uint64_t octets;
    if (form.form == DNP3_FORM_OCTETS)
        octets = (uint64_t)header->count * (header->prefix + form.size);
    else if (header->prefix) /* packed objects with an index each take an octet each */
        octets = (uint64_t)header->count * (header->prefix + 1U);
    else
        octets = ((uint64_t)header->count * form.size + 7) / 8;
    return octets < SIZE_MAX ? (size_t)octets : SIZE_MAX - 1;
}
