/* SPDX-License-Identifier: Apache-2.0 */
/* Files (IEEE 1815-2012 5.3): handles, the order of blocks and idle times are kept here,
 * what a file is, is the host's. Blocks come one after the other; the last may be asked for, or
 * written, again, for an answer may get lost. */
#include "dnp3/outstation_internal.h"

enum { FILE_GROUP = 70, HANDLE_AND_BLOCK = 8 };
/* What stands around the data of a block: object header and size, handle and block number. */
enum { BLOCK_OVERHEAD = 4 + 2 + HANDLE_AND_BLOCK, REQUEST_HEADER = 2 };

static const struct dnp3_outstation_files *files_of(const struct dnp3_outstation *o)
{
    return o->callbacks->files;
}

static struct dnp3_open_file *find(struct dnp3_outstation *o, uint32_t handle)
{
    for (size_t i = 0; handle && i < DNP3_OPEN_FILES; i++)
        if (o->files[i].handle == handle)
            return &o->files[i];
    return NULL;
}

static enum dnp3_file_status close_file(struct dnp3_outstation *o, struct dnp3_open_file *file,
                                        bool keep)
{
    file->open = false;
    return files_of(o)->close(o->user, file->file, keep);
}

void dnp3_files_give_up(struct dnp3_outstation *o)
{
    for (size_t i = 0; i < DNP3_OPEN_FILES; i++)
        if (o->files[i].open)
            (void)close_file(o, &o->files[i], false);
    memset(o->files, 0, sizeof o->files);
}

void dnp3_files_tick(struct dnp3_outstation *o, uint64_t now_ms)
{
    for (size_t i = 0; i < DNP3_OPEN_FILES; i++)
        if (o->files[i].open && now_ms >= o->files[i].deadline)
            (void)close_file(o, &o->files[i], false);
}

uint64_t dnp3_files_deadline(const struct dnp3_outstation *o)
{
    uint64_t deadline = UINT64_MAX;
    for (size_t i = 0; i < DNP3_OPEN_FILES; i++)
        if (o->files[i].open)
            deadline = dnp3_earlier(deadline, o->files[i].deadline);
    return deadline;
}

/* The object of a header that may have just one, as files go. False: it has not. */
static bool read_object(const struct dnp3_object_header *header, struct dnp3_reader *in,
                        struct dnp3_reader *object)
{
    struct dnp3_time_context times = {0};
    struct dnp3_items items;
    if (!header->sized || header->count != 1) {
        (void)dnp3_items_skip(header, in);
        return false;
    }
    dnp3_items_begin(&items, header, &times);
    return dnp3_items_sized(&items, in, object);
}

static void answer_command(struct dnp3_writer *out, const struct dnp3_file_command_status *status)
{
    size_t begun = dnp3_sized_begin(out, FILE_GROUP, DNP3_FILE_COMMAND_STATUS);
    (void)dnp3_file_command_status_write(out, status);
    dnp3_sized_end(out, begun);
}

static void answer_block(struct dnp3_writer *out, const struct dnp3_file_transport *block,
                         enum dnp3_file_status status)
{
    struct dnp3_file_transport_status answer = {
        .handle = block->handle, .block = block->block, .last = block->last};
    size_t begun = dnp3_sized_begin(out, FILE_GROUP, DNP3_FILE_TRANSPORT_STATUS);
    answer.status = (uint8_t)status;
    (void)dnp3_file_transport_status_write(out, &answer);
    dnp3_sized_end(out, begun);
}

static uint16_t authenticate(struct dnp3_outstation *o, struct dnp3_reader object,
                             struct dnp3_writer *out)
{
    struct dnp3_file_authentication asked;
    struct dnp3_file_authentication answer = {0};
    if (!files_of(o)->authenticate)
        return DNP3_IIN_NO_FUNC_CODE_SUPPORT;
    if (dnp3_file_authentication_read(object, &asked))
        return DNP3_IIN_PARAMETER_ERROR;
    answer.key = files_of(o)->authenticate(o->user, asked.user, asked.password);
    size_t begun = dnp3_sized_begin(out, FILE_GROUP, DNP3_FILE_AUTHENTICATION);
    (void)dnp3_file_authentication_write(out, &answer);
    dnp3_sized_end(out, begun);
    return 0;
}

static struct dnp3_open_file *free_place(struct dnp3_outstation *o)
{
    struct dnp3_open_file *place = NULL;
    for (size_t i = 0; i < DNP3_OPEN_FILES; i++)
        if (!o->files[i].open && (!place || o->files[i].handle < place->handle))
            place = &o->files[i]; /* the handle that expired first is forgotten first */
    return place;
}

/* The data of one block: as large as the master takes it and our fragments hold it. */
static uint16_t block_size(const struct dnp3_outstation *o, const struct dnp3_file_command *command)
{
    uint16_t most =
        command->mode == DNP3_FILE_MODE_READ
            ? (uint16_t)(o->config.max_tx_fragment - DNP3_RESPONSE_HEADER - BLOCK_OVERHEAD)
            : (uint16_t)(o->config.max_rx_fragment - REQUEST_HEADER - BLOCK_OVERHEAD);
    return command->block_size < most ? command->block_size : most;
}

static enum dnp3_file_status open_file(struct dnp3_outstation *o,
                                       const struct dnp3_file_command *command,
                                       struct dnp3_file_command_status *answer, uint64_t now_ms)
{
    struct dnp3_open_file *place = free_place(o);
    struct dnp3_open_file file = {.open = true, .mode = (uint8_t)command->mode};
    if (command->mode < DNP3_FILE_MODE_READ || command->mode > DNP3_FILE_MODE_APPEND)
        return DNP3_FILE_STATUS_INVALID_MODE;
    file.block_size = block_size(o, command);
    if (!file.block_size)
        return DNP3_FILE_STATUS_BLOCK_SIZE;
    if (!place)
        return DNP3_FILE_STATUS_TOO_MANY_OPEN;
    enum dnp3_file_status status = files_of(o)->open(o->user, command, &file.file, &answer->size);
    if (status != DNP3_FILE_STATUS_SUCCESS)
        return status;
    o->file_handles = o->file_handles == UINT32_MAX ? 1 : o->file_handles + 1;
    file.handle = o->file_handles;
    file.deadline = now_ms + o->config.file_timeout_ms;
    *place = file;
    answer->handle = file.handle;
    answer->block_size = file.block_size;
    return DNP3_FILE_STATUS_SUCCESS;
}

/* OPEN_FILE and DELETE_FILE. */
static uint16_t command(struct dnp3_outstation *o, uint8_t function, struct dnp3_reader object,
                        struct dnp3_writer *out, uint64_t now_ms)
{
    struct dnp3_file_command asked;
    struct dnp3_file_command_status answer = {0};
    if (dnp3_file_command_read(object, &asked))
        return DNP3_IIN_PARAMETER_ERROR;
    answer.request = asked.request;
    answer.status =
        (uint8_t)(function == DNP3_FUNCTION_OPEN_FILE ? open_file(o, &asked, &answer, now_ms)
                                                      : files_of(o)->remove(o->user, &asked));
    if (answer.status != DNP3_FILE_STATUS_SUCCESS)
        answer.size = 0;
    answer_command(out, &answer);
    return 0;
}

/* CLOSE_FILE and ABORT_FILE. */
static uint16_t end(struct dnp3_outstation *o, uint8_t function, struct dnp3_reader object,
                    struct dnp3_writer *out)
{
    struct dnp3_file_command_status asked;
    if (dnp3_file_command_status_read(object, &asked))
        return DNP3_IIN_PARAMETER_ERROR;
    struct dnp3_open_file *file = find(o, asked.handle);
    struct dnp3_file_command_status answer = {.handle = asked.handle, .request = asked.request};
    answer.status =
        (uint8_t)(file && file->open ? close_file(o, file, function == DNP3_FUNCTION_CLOSE_FILE)
                                     : DNP3_FILE_STATUS_INVALID_HANDLE);
    if (file)
        file->handle = 0; /* used up, not expired */
    answer_command(out, &answer);
    return 0;
}

static uint16_t get_info(struct dnp3_outstation *o, struct dnp3_reader object,
                         struct dnp3_writer *out)
{
    struct dnp3_file_descriptor asked;
    struct dnp3_file_descriptor answer = {0};
    if (dnp3_file_descriptor_read(object, &asked))
        return DNP3_IIN_PARAMETER_ERROR;
    enum dnp3_file_status status = files_of(o)->info(o->user, asked.name, &answer);
    if (status != DNP3_FILE_STATUS_SUCCESS) {
        answer_command(out, &(struct dnp3_file_command_status){.request = asked.request,
                                                               .status = (uint8_t)status});
        return 0;
    }
    answer.name = asked.name;
    answer.request = asked.request;
    size_t begun = dnp3_sized_begin(out, FILE_GROUP, DNP3_FILE_DESCRIPTOR);
    (void)dnp3_file_descriptor_write(out, &answer);
    dnp3_sized_end(out, begun);
    return 0;
}

/* The variation that a function's object has. */
static uint8_t variation_of(uint8_t function)
{
    switch (function) {
    case DNP3_FUNCTION_AUTHENTICATE_FILE:
        return DNP3_FILE_AUTHENTICATION;
    case DNP3_FUNCTION_OPEN_FILE:
    case DNP3_FUNCTION_DELETE_FILE:
        return DNP3_FILE_COMMAND;
    case DNP3_FUNCTION_GET_FILE_INFO:
        return DNP3_FILE_DESCRIPTOR;
    default: /* CLOSE_FILE, ABORT_FILE */
        return DNP3_FILE_COMMAND_STATUS;
    }
}

static uint16_t perform(struct dnp3_outstation *o, uint8_t function, struct dnp3_reader object,
                        struct dnp3_writer *out, uint64_t now_ms)
{
    switch (variation_of(function)) {
    case DNP3_FILE_AUTHENTICATION:
        return authenticate(o, object, out);
    case DNP3_FILE_COMMAND:
        return command(o, function, object, out, now_ms);
    case DNP3_FILE_DESCRIPTOR:
        return get_info(o, object, out);
    default:
        return end(o, function, object, out);
    }
}

uint16_t dnp3_file_request(struct dnp3_outstation *o, uint8_t function, struct dnp3_reader in,
                           struct dnp3_writer *out, uint64_t now_ms)
{
    struct dnp3_object_header header;
    struct dnp3_reader object;
    struct dnp3_writer before = *out;
    if (!files_of(o))
        return DNP3_IIN_NO_FUNC_CODE_SUPPORT;
    if (dnp3_header_read(&in, &header))
        return DNP3_IIN_PARAMETER_ERROR;
    if (header.group != FILE_GROUP || header.variation != variation_of(function))
        return DNP3_IIN_OBJECT_UNKNOWN;
    if (!read_object(&header, &in, &object) || dnp3_reader_left(&in))
        return DNP3_IIN_PARAMETER_ERROR;
    uint16_t errors = perform(o, function, object, out, now_ms);
    if (!out->failed)
        return errors;
    *out = before; /* a name too long for a fragment of ours */
    return DNP3_IIN_PARAMETER_ERROR;
}

uint16_t dnp3_file_read(struct dnp3_outstation *o, const struct dnp3_object_header *header,
                        struct dnp3_reader *in)
{
    struct dnp3_file_transport asked;
    struct dnp3_reader object;
    if (!files_of(o) || header->variation != DNP3_FILE_TRANSPORT) {
        (void)dnp3_items_skip(header, in);
        return DNP3_IIN_OBJECT_UNKNOWN;
    }
    if (!read_object(header, in, &object) || dnp3_file_transport_read(object, &asked) ||
        o->read.file)
        return DNP3_IIN_PARAMETER_ERROR;
    o->read.file = true;
    o->read.file_handle = asked.handle;
    o->read.file_block = asked.block;
    return 0;
}

/* Whether a block may be moved now: its file is open for that, and it is the next one or the last
 * one again. Then it begins at `*position`. */
static enum dnp3_file_status judge(const struct dnp3_open_file *file, bool read, uint32_t block,
                                   uint64_t *position)
{
    if (!file)
        return DNP3_FILE_STATUS_NOT_OPENED;
    if (!file->open)
        return DNP3_FILE_STATUS_HANDLE_EXPIRED;
    if (read != (file->mode == DNP3_FILE_MODE_READ))
        return DNP3_FILE_STATUS_NOT_OPENED;
    bool again = file->begun && block == file->block;
    if (!again && block != (file->begun ? file->block + 1 : 0))
        return DNP3_FILE_STATUS_BLOCK_SEQUENCE;
    *position = again ? file->position : file->position + file->length;
    return DNP3_FILE_STATUS_SUCCESS;
}

static void moved(struct dnp3_outstation *o, struct dnp3_open_file *file, uint32_t block,
                  uint64_t position, size_t length, uint64_t now_ms)
{
    file->begun = true;
    file->block = block;
    file->position = position;
    file->length = (uint16_t)length;
    file->deadline = now_ms + o->config.file_timeout_ms;
}

/* The host puts its octets right where they go. */
static enum dnp3_file_status write_data(struct dnp3_outstation *o, struct dnp3_writer *out,
                                        struct dnp3_open_file *file,
                                        const struct dnp3_file_transport *block, uint64_t position,
                                        uint64_t now_ms)
{
    enum { LAST = 0x80 }; /* in the block number's last octet, which stands before the data */
    size_t begun = dnp3_sized_begin(out, FILE_GROUP, DNP3_FILE_TRANSPORT);
    (void)dnp3_file_transport_write(out, block);
    struct dnp3_writer data = dnp3_writer_of(out->at, file->block_size);
    bool last = false;
    enum dnp3_file_status status = files_of(o)->read(o->user, file->file, position, &data, &last);
    if (status != DNP3_FILE_STATUS_SUCCESS)
        return status;
    if (last)
        out->at[-1] |= LAST;
    out->at += dnp3_writer_length(&data);
    dnp3_sized_end(out, begun);
    moved(o, file, block->block, position, dnp3_writer_length(&data), now_ms);
    return status;
}

bool dnp3_file_write_block(struct dnp3_outstation *o, struct dnp3_writer *out, uint64_t now_ms)
{
    struct dnp3_file_transport block = {.handle = o->read.file_handle, .block = o->read.file_block};
    struct dnp3_open_file *file = find(o, block.handle);
    struct dnp3_writer before = *out;
    uint64_t position = 0;
    size_t size = BLOCK_OVERHEAD + (file ? file->block_size : 1u); /* at least a status */
    if (dnp3_writer_left(out) < size)
        return false; /* events stand before it; it is alone in the next fragment */
    enum dnp3_file_status status = judge(file, true, block.block, &position);
    if (status == DNP3_FILE_STATUS_SUCCESS)
        status = write_data(o, out, file, &block, position, now_ms);
    if (status != DNP3_FILE_STATUS_SUCCESS) {
        *out = before;
        answer_block(out, &block, status);
    }
    o->read.file = false;
    return true;
}

static enum dnp3_file_status take_data(struct dnp3_outstation *o,
                                       const struct dnp3_file_transport *block, uint64_t now_ms)
{
    struct dnp3_open_file *file = find(o, block->handle);
    uint64_t position = 0;
    enum dnp3_file_status status = judge(file, false, block->block, &position);
    if (status != DNP3_FILE_STATUS_SUCCESS)
        return status;
    if (block->data.length > file->block_size)
        return DNP3_FILE_STATUS_BUFFER_OVERRUN;
    status = files_of(o)->write(o->user, file->file, position, block->data.octets,
                                block->data.length, block->last);
    if (status == DNP3_FILE_STATUS_SUCCESS)
        moved(o, file, block->block, position, block->data.length, now_ms);
    return status;
}

uint16_t dnp3_file_written(struct dnp3_outstation *o, const struct dnp3_object_header *header,
                           struct dnp3_reader *in, struct dnp3_writer *out, uint64_t now_ms)
{
    struct dnp3_file_transport block;
    struct dnp3_reader object;
    if (!files_of(o) || header->variation != DNP3_FILE_TRANSPORT) {
        (void)dnp3_items_skip(header, in);
        return DNP3_IIN_OBJECT_UNKNOWN;
    }
    /* Without an answer nobody would know what became of a block. */
    if (!read_object(header, in, &object) || dnp3_file_transport_read(object, &block) || !out)
        return DNP3_IIN_PARAMETER_ERROR;
    struct dnp3_writer before = *out;
    answer_block(out, &block, DNP3_FILE_STATUS_SUCCESS);
    if (out->failed) { /* more blocks in one request than answers in a fragment */
        *out = before;
        return DNP3_IIN_PARAMETER_ERROR;
    }
    *out = before;
    answer_block(out, &block, take_data(o, &block, now_ms));
    return 0;
}
