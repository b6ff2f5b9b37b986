/* SPDX-License-Identifier: Apache-2.0 */
/* File objects both ways. What a device sends here decides which octets are taken for a name, so
 * every offset and size is checked against the object before it is followed. */
#include "dnp3/file.h"

#include "dnp3/error.h"

/* Fixed octets of each object; strings lie behind them. */
enum { AUTHENTICATION_OCTETS = 12, COMMAND_OCTETS = 26, DESCRIPTOR_OCTETS = 20 };

static const uint32_t last_block = UINT32_C(1) << 31;

const char *dnp3_file_status_name(uint8_t status)
{
    switch (status) {
#define X(name, value)                                                                             \
    case DNP3_FILE_STATUS_##name:                                                                  \
        return #name;
        DNP3_FILE_STATUS_MAP(X)
#undef X
    default:
        return NULL;
    }
}

/* Where a string is said to be: offset from the object's first octet, size. */
struct place {
    uint16_t offset;
    uint16_t size;
};

static struct place read_place(struct dnp3_reader *in)
{
    uint16_t offset = dnp3_reader_u16(in);
    return (struct place){offset, dnp3_reader_u16(in)};
}

/* Follows a place in an object of `length` octets that begins at `start`; the offset of an empty
 * string says nothing. */
static int find_string(const uint8_t *start, size_t length, size_t fixed, struct place place,
                       struct dnp3_file_string *string)
{
    *string = (struct dnp3_file_string){.octets = start + fixed, .length = 0};
    if (place.size == 0)
        return 0;
    if (place.offset < fixed || (size_t)place.offset + place.size > length)
        return DNP3_ERR_MALFORMED;
    string->octets = start + place.offset;
    string->length = place.size;
    return 0;
}

/* What is left of an object; more than 65535 octets are no string that the standard has. */
static int read_rest(struct dnp3_reader *in, struct dnp3_file_string *string)
{
    size_t left = dnp3_reader_left(in);
    if (in->failed)
        return DNP3_ERR_TRUNCATED;
    if (left > UINT16_MAX)
        return DNP3_ERR_MALFORMED;
    string->octets = in->at;
    string->length = (uint16_t)left;
    return 0;
}

int dnp3_file_authentication_read(struct dnp3_reader object,
                                  struct dnp3_file_authentication *authentication)
{
    const uint8_t *start = object.at;
    size_t length = dnp3_reader_left(&object);
    struct place user = read_place(&object);
    struct place password = read_place(&object);
    authentication->key = dnp3_reader_u32(&object);
    if (object.failed)
        return DNP3_ERR_TRUNCATED;
    int error = find_string(start, length, AUTHENTICATION_OCTETS, user, &authentication->user);
    return error ? error
                 : find_string(start, length, AUTHENTICATION_OCTETS, password,
                               &authentication->password);
}

int dnp3_file_command_read(struct dnp3_reader object, struct dnp3_file_command *command)
{
    const uint8_t *start = object.at;
    size_t length = dnp3_reader_left(&object);
    struct place name = read_place(&object);
    command->created_ms = (int64_t)dnp3_reader_u48(&object);
    command->permissions = dnp3_reader_u16(&object);
    command->key = dnp3_reader_u32(&object);
    command->size = dnp3_reader_u32(&object);
    command->mode = dnp3_reader_u16(&object);
    command->block_size = dnp3_reader_u16(&object);
    command->request = dnp3_reader_u16(&object);
    if (object.failed)
        return DNP3_ERR_TRUNCATED;
    return find_string(start, length, COMMAND_OCTETS, name, &command->name);
}

int dnp3_file_command_status_read(struct dnp3_reader object,
                                  struct dnp3_file_command_status *status)
{
    status->handle = dnp3_reader_u32(&object);
    status->size = dnp3_reader_u32(&object);
    status->block_size = dnp3_reader_u16(&object);
    status->request = dnp3_reader_u16(&object);
    status->status = dnp3_reader_u8(&object);
    return read_rest(&object, &status->text);
}

static void read_block(struct dnp3_reader *in, uint32_t *block, bool *last)
{
    uint32_t number = dnp3_reader_u32(in);
    *block = number & ~last_block;
    *last = number & last_block;
}

int dnp3_file_transport_read(struct dnp3_reader object, struct dnp3_file_transport *transport)
{
    transport->handle = dnp3_reader_u32(&object);
    read_block(&object, &transport->block, &transport->last);
    return read_rest(&object, &transport->data);
}

int dnp3_file_transport_status_read(struct dnp3_reader object,
                                    struct dnp3_file_transport_status *status)
{
    status->handle = dnp3_reader_u32(&object);
    read_block(&object, &status->block, &status->last);
    status->status = dnp3_reader_u8(&object);
    return read_rest(&object, &status->text);
}

/* The fixed octets; where the name is, is not looked at yet. */
static bool read_descriptor(struct dnp3_reader *in, struct dnp3_file_descriptor *descriptor,
                            struct place *name)
{
    *name = read_place(in);
    descriptor->type = dnp3_reader_u16(in);
    descriptor->size = dnp3_reader_u32(in);
    descriptor->created_ms = (int64_t)dnp3_reader_u48(in);
    descriptor->permissions = dnp3_reader_u16(in);
    descriptor->request = dnp3_reader_u16(in);
    return !in->failed;
}

int dnp3_file_descriptor_read(struct dnp3_reader object, struct dnp3_file_descriptor *descriptor)
{
    const uint8_t *start = object.at;
    size_t length = dnp3_reader_left(&object);
    struct place name;
    if (!read_descriptor(&object, descriptor, &name))
        return DNP3_ERR_TRUNCATED;
    return find_string(start, length, DESCRIPTOR_OCTETS, name, &descriptor->name);
}

int dnp3_file_entry(struct dnp3_reader *data, struct dnp3_file_descriptor *entry)
{
    struct dnp3_reader in = *data;
    struct place name;
    if (data->failed || dnp3_reader_left(data) == 0)
        return 0;
    if (!read_descriptor(&in, entry, &name))
        return DNP3_ERR_TRUNCATED;
    if (name.size && name.offset < DESCRIPTOR_OCTETS) {
        data->failed = true;
        return DNP3_ERR_MALFORMED;
    }
    /* An entry ends where its name does. */
    size_t length = name.size ? (size_t)name.offset + name.size : DESCRIPTOR_OCTETS;
    if (length > dnp3_reader_left(data))
        return DNP3_ERR_TRUNCATED;
    find_string(data->at, length, DESCRIPTOR_OCTETS, name, &entry->name);
    data->at += length;
    return 1;
}

static void write_place(struct dnp3_writer *out, size_t offset, struct dnp3_file_string string)
{
    if (offset > UINT16_MAX)
        out->failed = true;
    dnp3_writer_u16(out, (uint16_t)offset);
    dnp3_writer_u16(out, string.length);
}

static void write_string(struct dnp3_writer *out, struct dnp3_file_string string)
{
    dnp3_writer_octets(out, string.octets, string.length);
}

static int result(const struct dnp3_writer *out)
{
    return out->failed ? DNP3_ERR_FULL : 0;
}

static bool is_time(int64_t time_ms)
{
    return time_ms >= 0 && time_ms >> 48 == 0;
}

int dnp3_file_authentication_write(struct dnp3_writer *out,
                                   const struct dnp3_file_authentication *authentication)
{
    write_place(out, AUTHENTICATION_OCTETS, authentication->user);
    write_place(out, (size_t)AUTHENTICATION_OCTETS + authentication->user.length,
                authentication->password);
    dnp3_writer_u32(out, authentication->key);
    write_string(out, authentication->user);
    write_string(out, authentication->password);
    return result(out);
}

int dnp3_file_command_write(struct dnp3_writer *out, const struct dnp3_file_command *command)
{
    if (!is_time(command->created_ms))
        return DNP3_ERR_RANGE;
    write_place(out, COMMAND_OCTETS, command->name);
    dnp3_writer_u48(out, (uint64_t)command->created_ms);
    dnp3_writer_u16(out, command->permissions);
    dnp3_writer_u32(out, command->key);
    dnp3_writer_u32(out, command->size);
    dnp3_writer_u16(out, command->mode);
    dnp3_writer_u16(out, command->block_size);
    dnp3_writer_u16(out, command->request);
    write_string(out, command->name);
    return result(out);
}

int dnp3_file_command_status_write(struct dnp3_writer *out,
                                   const struct dnp3_file_command_status *status)
{
    dnp3_writer_u32(out, status->handle);
    dnp3_writer_u32(out, status->size);
    dnp3_writer_u16(out, status->block_size);
    dnp3_writer_u16(out, status->request);
    dnp3_writer_u8(out, status->status);
    write_string(out, status->text);
    return result(out);
}

static void write_block(struct dnp3_writer *out, uint32_t handle, uint32_t block, bool last)
{
    dnp3_writer_u32(out, handle);
    dnp3_writer_u32(out, block | (last ? last_block : 0));
}

int dnp3_file_transport_write(struct dnp3_writer *out, const struct dnp3_file_transport *transport)
{
    if (transport->block & last_block)
        return DNP3_ERR_RANGE;
    write_block(out, transport->handle, transport->block, transport->last);
    write_string(out, transport->data);
    return result(out);
}

int dnp3_file_transport_status_write(struct dnp3_writer *out,
                                     const struct dnp3_file_transport_status *status)
{
    if (status->block & last_block)
        return DNP3_ERR_RANGE;
    write_block(out, status->handle, status->block, status->last);
    dnp3_writer_u8(out, status->status);
    write_string(out, status->text);
    return result(out);
}

int dnp3_file_descriptor_write(struct dnp3_writer *out,
                               const struct dnp3_file_descriptor *descriptor)
{
    if (!is_time(descriptor->created_ms))
        return DNP3_ERR_RANGE;
    write_place(out, DESCRIPTOR_OCTETS, descriptor->name);
    dnp3_writer_u16(out, descriptor->type);
    dnp3_writer_u32(out, descriptor->size);
    dnp3_writer_u48(out, (uint64_t)descriptor->created_ms);
    dnp3_writer_u16(out, descriptor->permissions);
    dnp3_writer_u16(out, descriptor->request);
    write_string(out, descriptor->name);
    return result(out);
}
