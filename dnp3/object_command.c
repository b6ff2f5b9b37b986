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
