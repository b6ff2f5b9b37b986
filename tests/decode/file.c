/* SPDX-License-Identifier: Apache-2.0 */
/* What the library's readers make of a file object. */
#include "file.h"

#include "dnp3/error.h"
#include "json.h"

int file_read(uint8_t variation, struct dnp3_reader octets, union file_object *object)
{
    switch (variation) {
    case DNP3_FILE_AUTHENTICATION:
        return dnp3_file_authentication_read(octets, &object->authentication);
    case DNP3_FILE_COMMAND:
        return dnp3_file_command_read(octets, &object->command);
    case DNP3_FILE_COMMAND_STATUS:
        return dnp3_file_command_status_read(octets, &object->command_status);
    case DNP3_FILE_TRANSPORT:
        return dnp3_file_transport_read(octets, &object->transport);
    case DNP3_FILE_TRANSPORT_STATUS:
        return dnp3_file_transport_status_read(octets, &object->transport_status);
    case DNP3_FILE_DESCRIPTOR:
        return dnp3_file_descriptor_read(octets, &object->descriptor);
    case DNP3_FILE_SPECIFICATION:
        object->specification = (struct dnp3_file_string){
            .octets = octets.at, .length = (uint16_t)dnp3_reader_left(&octets)};
        return 0;
    default:
        return DNP3_ERR_UNSUPPORTED;
    }
}

/* As text where it is text, else as hexadecimal digits with a mark. */
static void print_string(FILE *out, const char *key, struct dnp3_file_string string)
{
    fprintf(out, "\"%s\":", key);
    if (json_is_text(string.octets, string.length)) {
        json_text(out, string.octets, string.length);
    } else {
        json_hex(out, string.octets, string.length);
        fputs(",\"encoding\":\"hex\"", out);
    }
}

static void print_status(FILE *out, uint8_t status)
{
    const char *name = dnp3_file_status_name(status);
    if (name)
        fprintf(out, ",\"status\":\"%s\"", name);
    else
        fprintf(out, ",\"status\":%u", status);
}

static void print_authentication(FILE *out, const struct dnp3_file_authentication *value)
{
    fprintf(out, "{\"key\":%u,", value->key);
    print_string(out, "user", value->user);
    fputc(',', out);
    print_string(out, "password", value->password);
    fputc('}', out);
}

static void print_command(FILE *out, const struct dnp3_file_command *value)
{
    fprintf(out, "{\"mode\":%u,\"key\":%u,\"block_size\":%u,\"request\":%u", value->mode,
            value->key, value->block_size, value->request);
    fprintf(out, ",\"size\":%u,\"created\":%lld,\"permissions\":%u,", value->size,
            (long long)value->created_ms, value->permissions);
    print_string(out, "name", value->name);
    fputc('}', out);
}

static void print_command_status(FILE *out, const struct dnp3_file_command_status *value)
{
    fprintf(out, "{\"handle\":%u,\"size\":%u,\"block_size\":%u,\"request\":%u,", value->handle,
            value->size, value->block_size, value->request);
    print_string(out, "text", value->text);
    fputc('}', out);
    print_status(out, value->status);
}

static void print_block(FILE *out, uint32_t handle, uint32_t block, bool last)
{
    fprintf(out, "{\"handle\":%u,\"block\":%u,\"last\":%s,", handle, block,
            last ? "true" : "false");
}

static void print_transport(FILE *out, const struct dnp3_file_transport *value)
{
    print_block(out, value->handle, value->block, value->last);
    print_string(out, "data", value->data);
    fputc('}', out);
}

static void print_transport_status(FILE *out, const struct dnp3_file_transport_status *value)
{
    print_block(out, value->handle, value->block, value->last);
    print_string(out, "text", value->text);
    fputc('}', out);
    print_status(out, value->status);
}

static void print_descriptor(FILE *out, const struct dnp3_file_descriptor *value)
{
    fprintf(out, "{\"type\":%u,\"size\":%u,\"created\":%lld,\"permissions\":%u,\"request\":%u,",
            value->type, value->size, (long long)value->created_ms, value->permissions,
            value->request);
    print_string(out, "name", value->name);
    fputc('}', out);
}

void file_print(FILE *out, uint8_t variation, const union file_object *object)
{
    switch (variation) {
    case DNP3_FILE_AUTHENTICATION:
        print_authentication(out, &object->authentication);
        break;
    case DNP3_FILE_COMMAND:
        print_command(out, &object->command);
        break;
    case DNP3_FILE_COMMAND_STATUS:
        print_command_status(out, &object->command_status);
        break;
    case DNP3_FILE_TRANSPORT:
        print_transport(out, &object->transport);
        break;
    case DNP3_FILE_TRANSPORT_STATUS:
        print_transport_status(out, &object->transport_status);
        break;
    case DNP3_FILE_DESCRIPTOR:
        print_descriptor(out, &object->descriptor);
        break;
    default:
        fputc('{', out);
        print_string(out, "name", object->specification);
        fputc('}', out);
    }
}
