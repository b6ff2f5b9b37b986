/* SPDX-License-Identifier: Apache-2.0 */
/* Commands, asked and echoed: the control relay output block and the analog outputs, both ways. */
#include "dnp3/error.h"
#include "dnp3/object_internal.h"

static void read_crob(const uint8_t *at, struct dnp3_command *command)
{
    command->type = DNP3_COMMAND_CROB;
    command->code = at[0];
    command->count = at[1];
    command->on_ms = dnp3_load_u32(at + 2);
    command->off_ms = dnp3_load_u32(at + 6);
}

static void read_analog(const uint8_t *at, enum dnp3_encoding encoding,
                        struct dnp3_command *command)
{
    switch (encoding) {
    case DNP3_ENCODING_I32:
        command->type = DNP3_COMMAND_ANALOG_INT32;
        command->value = (int32_t)dnp3_load_u32(at);
        break;
    case DNP3_ENCODING_I16:
        command->type = DNP3_COMMAND_ANALOG_INT16;
        command->value = (int16_t)dnp3_load_u16(at);
        break;
    case DNP3_ENCODING_F32:
        command->type = DNP3_COMMAND_ANALOG_FLOAT;
        command->value = dnp3_load_f32(at);
        break;
    default:
        command->type = DNP3_COMMAND_ANALOG_DOUBLE;
        command->value = dnp3_load_f64(at);
    }
}

size_t dnp3_items_commands(struct dnp3_items *items, struct dnp3_reader *in,
                           struct dnp3_command *commands, size_t size)
{
    const struct dnp3_object_header *header = items->header;
    const struct dnp3_object_row *row = header->row;
    if (items->error || in->failed)
        return 0;
    if (!row || row->kind != DNP3_KIND_COMMAND || row->size == 0 || header->sized)
        return dnp3_items_pass_over(items, in, DNP3_ERR_UNSUPPORTED);
    size_t stride = (size_t)header->prefix + row->size;
    uint32_t first = header->start + items->done;
    const uint8_t *at;
    size_t count = dnp3_items_take(items, in, size, stride, &at);
    for (size_t i = 0; i < count; i++, at += stride) {
        const uint8_t *object = at + header->prefix;
        struct dnp3_command *command = &commands[i];
        memset(command, 0, sizeof *command);
        command->index = header->prefix ? dnp3_load_index(at, header->prefix) : first + (uint32_t)i;
        if (row->encoding == DNP3_ENCODING_CROB)
            read_crob(object, command);
        else
            read_analog(object, row->encoding, command);
        command->status = object[row->size - 1] & 0x7F;
    }
    return count;
}

bool dnp3_items_pattern(struct dnp3_items *items, struct dnp3_reader *in,
                        struct dnp3_command *pattern)
{
    const struct dnp3_object_header *header = items->header;
    if (items->error || in->failed)
        return false;
    bool known = header->group == 12 && header->variation == 2;
    if (!known || header->prefix)
        return dnp3_items_pass_over(items, in, DNP3_ERR_UNSUPPORTED) > 0;
    const uint8_t *at;
    if (dnp3_items_take(items, in, 1, header->row->size, &at) == 0)
        return false;
    memset(pattern, 0, sizeof *pattern);
    read_crob(at, pattern);
    pattern->status = at[header->row->size - 1] & 0x7F;
    return true;
}

/* The reader stays at the octet whose bits are being looked at, and leaves it with its last one. */
bool dnp3_items_mask(struct dnp3_items *items, struct dnp3_reader *in, uint32_t *index)
{
    const struct dnp3_object_header *header = items->header;
    if (items->error || in->failed)
        return false;
    bool known = header->group == 12 && header->variation == 3;
    if (!known || header->prefix)
        return dnp3_items_pass_over(items, in, DNP3_ERR_UNSUPPORTED) > 0;
    while (items->done < header->count) {
        if (dnp3_reader_left(in) == 0) {
            items->error = DNP3_ERR_TRUNCATED;
            in->failed = true;
            return false;
        }
        unsigned bit = items->done % 8;
        bool selected = in->at[0] >> bit & 1;
        *index = header->start + items->done++;
        if (bit == 7 || items->done == header->count)
            in->at++;
        if (selected)
            return true;
    }
    return false;
}

static void store_crob(uint8_t *at, const struct dnp3_command *command)
{
    at[0] = command->code;
    at[1] = command->count;
    dnp3_store_u32(at + 2, command->on_ms);
    dnp3_store_u32(at + 6, command->off_ms);
}

int dnp3_command_write(struct dnp3_writer *out, const struct dnp3_command *command)
{
    const struct dnp3_object_row *row = dnp3_command_row(command->type);
    uint8_t octets[16] = {0};
    bool fits = true;
    if (row->encoding == DNP3_ENCODING_CROB)
        store_crob(octets, command);
    else
        dnp3_store_number(octets, row->encoding, command->value, &fits);
    if (!fits || command->value != command->value)
        return DNP3_ERR_RANGE;
    octets[row->size - 1] = command->status & 0x7F;
    dnp3_writer_octets(out, octets, row->size);
    return out->failed ? DNP3_ERR_FULL : 0;
}

static void write_mask(struct dnp3_writer *out, const uint32_t *indexes, size_t count,
                       uint32_t first, uint32_t last)
{
    size_t size = (last - first) / 8 + 1;
    dnp3_header_write_range(out, 12, 3, first, last);
    uint8_t *mask = dnp3_writer_reserve(out, size);
    if (!mask)
        return;
    memset(mask, 0, size);
    for (size_t i = 0; i < count; i++)
        mask[(indexes[i] - first) / 8] |= (uint8_t)(1U << (indexes[i] - first) % 8);
}

int dnp3_pattern_write(struct dnp3_writer *out, const struct dnp3_command *pattern,
                       const uint32_t *indexes, size_t count)
{
    if (count == 0 || pattern->type != DNP3_COMMAND_CROB)
        return DNP3_ERR_INVALID;
    uint32_t first = indexes[0];
    uint32_t last = indexes[0];
    for (size_t i = 1; i < count; i++) {
        first = indexes[i] < first ? indexes[i] : first;
        last = indexes[i] > last ? indexes[i] : last;
    }
    if (last > UINT16_MAX)
        return DNP3_ERR_RANGE;
    dnp3_header_write_count(out, 12, 2, DNP3_QUALIFIER_COUNT8, 1);
    int error = dnp3_command_write(out, pattern);
    if (error)
        return error;
    write_mask(out, indexes, count, first, last);
    return out->failed ? DNP3_ERR_FULL : 0;
}
