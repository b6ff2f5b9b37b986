/* SPDX-License-Identifier: Apache-2.0 */
/* The command that moves files: read, write, append, delete, info, directory. Contents are text
 * where they are, else base64, and bounded: they pass through memory and one message. */
#include <string.h>

#include "dnp3/error.h"
#include "dnp3/file_transfer.h"
#include "gateway/base/base64.h"
#include "gateway/base/memory.h"
#include "gateway/command/command_items.h"
#include "gateway/command/command_kind.h"

enum {
    CONTENT_MAX = 64 * 1024, /* octets of a file */
    PAYLOAD_MAX = CONTENT_MAX / 3 * 4 + GW_COMMAND_MAX,
    READ_ATTEMPTS = 3,     /* of each block */
    PERMISSIONS = 0644,    /* of a file that is created */
    FIRST_ROOM = 2 * 1024, /* octets of a file that is read, doubled as it grows */
};

struct gw_command_file {
    struct dnp3_file_transfer transfer;
    const char *operation; /* NULL: none given */
    bool writes, has_content;
    bool finished; /* the transfer has ended */
    char name[GW_COMMAND_NAME_MAX];
    uint8_t *content; /* to be written, or what was read */
    size_t length, room, given;
    struct gw_command_items entries;
};

static const struct {
    const char *word;
    enum dnp3_file_operation operation;
    bool append;
} operations[] = {{"read", DNP3_FILE_OPERATION_READ, false},
                  {"write", DNP3_FILE_OPERATION_WRITE, false},
                  {"append", DNP3_FILE_OPERATION_WRITE, true},
                  {"delete", DNP3_FILE_OPERATION_DELETE, false},
                  {"info", DNP3_FILE_OPERATION_INFO, false},
                  {"directory", DNP3_FILE_OPERATION_DIRECTORY, false}};

static struct gw_command_file *file_of(const struct gw_command *command)
{
    return command->arguments.file;
}

static bool reads_only(const struct gw_command *command)
{
    const struct gw_command_file *file = file_of(command);
    return file && file->operation && !file->writes;
}

/* Keys */

static const char *read_operation(struct gw_command_file *file, const json_t *value)
{
    const char *word = json_string_value(value);
    for (size_t i = 0; word && i < sizeof operations / sizeof *operations; i++) {
        if (strcmp(word, operations[i].word) != 0)
            continue;
        file->operation = operations[i].word;
        file->transfer.operation = operations[i].operation;
        file->transfer.append = operations[i].append;
        file->writes = operations[i].operation == DNP3_FILE_OPERATION_WRITE ||
                       operations[i].operation == DNP3_FILE_OPERATION_DELETE;
        return NULL;
    }
    return "operation";
}

static const char *read_name(struct gw_command_file *file, const json_t *value)
{
    size_t length = json_string_length(value);
    if (!length || length >= sizeof file->name)
        return "name";
    memcpy(file->name, json_string_value(value), length);
    return NULL;
}

static const char *read_content(struct gw_command_file *file, const json_t *value, bool base64)
{
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);
    if (!text || file->has_content)
        return "text";
    file->has_content = true;
    file->content = gw_memory_allocate(GW_OWNER_CONTROLS, length + 1);
    if (!file->content)
        return "memory";
    file->length = length;
    if (base64)
        return gw_base64_read(text, length, file->content, &file->length) ? NULL : "base64";
    memcpy(file->content, text, length);
    return NULL;
}

static const char *read_key(void *user, const char *key, const json_t *value, bool *known)
{
    struct gw_command *command = user;
    bool base64 = strcmp(key, "base64") == 0;
    *known = base64 || strcmp(key, "text") == 0 || strcmp(key, "operation") == 0 ||
             strcmp(key, "name") == 0;
    if (!*known || json_is_null(value))
        return NULL;
    if (!command->arguments.file)
        command->arguments.file =
            gw_memory_allocate(GW_OWNER_CONTROLS, sizeof *command->arguments.file);
    if (!command->arguments.file)
        return "memory";
    if (strcmp(key, "operation") == 0)
        return read_operation(command->arguments.file, value);
    if (strcmp(key, "name") == 0)
        return read_name(command->arguments.file, value);
    return read_content(command->arguments.file, value, base64);
}

static enum gw_verdict check(struct gw_command *command)
{
    const struct gw_command_file *file = file_of(command);
    bool takes_content =
        file && file->writes && file->transfer.operation == DNP3_FILE_OPERATION_WRITE;
    if (!file || !file->operation || !*file->name || file->has_content != takes_content) {
        command->detail = command->kind->usage;
        return GW_VERDICT_MALFORMED;
    }
    if (file->length <= CONTENT_MAX)
        return GW_VERDICT_OK;
    command->detail = "a file of up to 65536 octets can be written";
    return GW_VERDICT_OUT_OF_RANGE;
}

/* The transfer */

static bool make_room(struct gw_command_file *file, size_t length)
{
    size_t room = file->room ? file->room : FIRST_ROOM;
    if (length > CONTENT_MAX)
        return false;
    while (room < length)
        room *= 2;
    if (room == file->room)
        return true;
    uint8_t *content = gw_memory_resize(GW_OWNER_CONTROLS, file->content, room);
    if (!content)
        return false;
    file->content = content;
    file->room = room;
    return true;
}

static bool on_data(struct dnp3_file_transfer *transfer, const uint8_t *octets, size_t length)
{
    struct gw_command *command = transfer->context;
    struct gw_command_file *file = file_of(command);
    if (!make_room(file, file->length + length)) {
        command->detail = "a file of up to 65536 octets can be read";
        return false;
    }
    memcpy(file->content + file->length, octets, length);
    file->length += length;
    return true;
}

static const uint8_t *on_more(struct dnp3_file_transfer *transfer, size_t room, size_t *length,
                              bool *last)
{
    struct gw_command_file *file = file_of(transfer->context);
    const uint8_t *octets = file->content + file->given;
    size_t left = file->length - file->given;
    *length = left < room ? left : room;
    *last = left <= room;
    file->given += *length;
    return octets;
}

/* Text, or null and the octets as base64; each under its key. */
static void write_octets(struct gw_json_writer *writer, const char *key, const uint8_t *octets,
                         size_t length)
{
    bool text = gw_json_is_text(octets, length);
    gw_json_key(writer, key);
    if (text)
        gw_json_text(writer, (const char *)octets, length);
    else
        gw_json_null(writer);
    gw_json_key(writer, "base64");
    if (text)
        gw_json_null(writer);
    else
        gw_json_base64(writer, octets, length);
}

static void write_entry(struct gw_json_writer *writer, const void *item)
{
    const struct dnp3_file_descriptor *entry = item;
    char octal[4] = {(char)('0' + (entry->permissions >> 6 & 7)),
                     (char)('0' + (entry->permissions >> 3 & 7)),
                     (char)('0' + (entry->permissions & 7))};
    gw_json_begin(writer, '{');
    write_octets(writer, "name", entry->name.octets, entry->name.length);
    gw_json_key(writer, "type");
    gw_json_word(writer, entry->type == DNP3_FILE_TYPE_DIRECTORY ? "directory" : "file");
    gw_json_key(writer, "size");
    gw_json_unsigned(writer, entry->size);
    gw_json_key(writer, "created");
    if (entry->created_ms)
        gw_json_integer(writer, entry->created_ms);
    else
        gw_json_null(writer);
    gw_json_key(writer, "permissions");
    gw_json_word(writer, octal);
    gw_json_finish(writer, '}');
}

static bool on_entry(struct dnp3_file_transfer *transfer, const struct dnp3_file_descriptor *entry)
{
    struct gw_command *command = transfer->context;
    struct dnp3_file_descriptor shown = *entry;
    bool sure;
    if (entry->created_ms)
        shown.created_ms =
            gw_time_zone_utc(command->outstation->profile->time_zone, entry->created_ms,
                             command->commands->host.wall_ms(command->commands->user), &sure);
    if (gw_command_items_add(&file_of(command)->entries, write_entry, &shown))
        return true;
    command->detail = "a directory of up to 65536 octets can be listed";
    return false;
}

static const char *status_text(uint8_t status)
{
    switch (status) {
    case DNP3_FILE_STATUS_PERMISSION_DENIED:
        return "the outstation does not permit this";
    case DNP3_FILE_STATUS_NOT_FOUND:
        return "the outstation has no file of this name";
    case DNP3_FILE_STATUS_LOCKED:
        return "the file is in use at the outstation";
    case DNP3_FILE_STATUS_TOO_MANY_OPEN:
        return "the outstation has too many files open";
    default:
        return "the outstation refused, see file_status";
    }
}

/* What a file that was opened for writing holds now is not what it held. */
static bool is_begun(const struct dnp3_file_transfer *transfer)
{
    return transfer->operation == DNP3_FILE_OPERATION_WRITE &&
           transfer->function != DNP3_FUNCTION_OPEN_FILE && transfer->function != 0;
}

static void on_done(struct dnp3_file_transfer *transfer)
{
    struct gw_command *command = transfer->context;
    file_of(command)->finished = true;
    command->iin = transfer->iin;
    if (transfer->outcome == DNP3_OUTCOME_FAILED && is_begun(transfer))
        command->result.stage = DNP3_STAGE_OPERATE;
    if (transfer->reason == DNP3_REASON_STATUS)
        command->detail = transfer->function == DNP3_FUNCTION_AUTHENTICATE_FILE
                              ? "the outstation does not know file_user with this password"
                              : status_text(transfer->status);
    gw_command_finish(command, transfer->outcome, transfer->reason);
}

static int start(struct gw_command *command)
{
    const struct gw_commands *commands = command->commands;
    struct gw_command_file *file = file_of(command);
    struct dnp3_file_transfer *transfer = &file->transfer;
    transfer->name = file->name;
    transfer->user = command->outstation->profile->file_user;
    transfer->password = command->outstation->profile->file_password;
    transfer->attempts = READ_ATTEMPTS;
    transfer->permissions = PERMISSIONS;
    transfer->created_ms = gw_time_zone_local(command->outstation->profile->time_zone,
                                              commands->host.wall_ms(commands->user));
    transfer->size = (uint32_t)file->length;
    transfer->expires_ms = command->deadline_ms;
    transfer->data = on_data;
    transfer->entry = on_entry;
    transfer->more = on_more;
    transfer->done = on_done;
    transfer->context = command;
    return commands->host.file(commands->user, command->outstation, transfer);
}

/* The result */

static void write_word(struct gw_json_writer *writer, const char *key, const char *word)
{
    gw_json_key(writer, key);
    gw_json_string(writer, word);
}

static void write_content(struct gw_json_writer *writer, const struct gw_command_file *file)
{
    if (file && file->finished && file->transfer.operation == DNP3_FILE_OPERATION_READ &&
        file->transfer.outcome == DNP3_OUTCOME_DONE) {
        static const uint8_t nothing[1];
        write_octets(writer, "text", file->length ? file->content : nothing, file->length);
        return;
    }
    write_word(writer, "text", NULL);
    write_word(writer, "base64", NULL);
}

static void write_result(const struct gw_command *command, struct gw_json_writer *writer)
{
    const struct gw_command_file *file = file_of(command);
    bool finished = file && file->finished;
    bool told = finished && (file->transfer.outcome == DNP3_OUTCOME_DONE ||
                             file->transfer.reason == DNP3_REASON_STATUS);
    write_word(writer, "operation", file ? file->operation : NULL);
    write_word(writer, "name", file && *file->name ? file->name : NULL);
    write_word(writer, "file_status", told ? dnp3_file_status_name(file->transfer.status) : NULL);
    gw_json_key(writer, "octets");
    if (finished)
        gw_json_unsigned(writer, file->transfer.transferred);
    else
        gw_json_null(writer);
    write_content(writer, file);
    gw_json_key(writer, "entries");
    if (finished && file->transfer.outcome == DNP3_OUTCOME_DONE &&
        (file->transfer.operation == DNP3_FILE_OPERATION_INFO ||
         file->transfer.operation == DNP3_FILE_OPERATION_DIRECTORY))
        gw_command_items_write(&file->entries, writer);
    else
        gw_json_null(writer);
}

static void release(struct gw_command *command)
{
    struct gw_command_file *file = file_of(command);
    if (!file)
        return;
    gw_command_items_free(&file->entries);
    gw_memory_release(file->content);
    gw_memory_release(file);
}

const struct gw_command_kind gw_command_file = {
    .usage = "file takes operation (read, write, append, delete, info, directory), name, and text "
             "or base64 to write: {\"operation\":\"read\",\"name\":\"events.log\"}",
    .writes = true,
    .payload_max = PAYLOAD_MAX,
    .reads_only = reads_only,
    .read = read_key,
    .check = check,
    .start = start,
    .write = write_result,
    .release = release,
};
