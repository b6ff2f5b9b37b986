/* SPDX-License-Identifier: Apache-2.0 */
/* What an outstation answers to a file transfer: the object that a step waits for, in the answer or
 * later as an event; and late ones that nobody waits for any more. */
#include "dnp3/association_internal.h"
#include "dnp3/error.h"

static void settle_with(struct file_state *file, enum dnp3_command_reason reason)
{
    file->came = true;
    file->verdict = reason;
}

static void settle_status(struct file_state *file, uint8_t status)
{
    file->queue->status = status;
    settle_with(file, status == DNP3_FILE_STATUS_SUCCESS ? DNP3_REASON_OK : DNP3_REASON_STATUS);
}

static void take_key(struct file_state *file, const struct dnp3_file_authentication *answer)
{
    file->key = answer->key;
    settle_status(file,
                  answer->key ? DNP3_FILE_STATUS_SUCCESS : DNP3_FILE_STATUS_PERMISSION_DENIED);
}

/* The entries of a directory; what goes on in the next block is carried over. */
static enum dnp3_command_reason take_entries(struct dnp3_file_transfer *transfer,
                                             struct dnp3_reader data, bool last)
{
    int read;
    do {
        size_t room = sizeof transfer->carry - transfer->carried;
        size_t more = dnp3_reader_left(&data) < room ? dnp3_reader_left(&data) : room;
        memcpy(transfer->carry + transfer->carried, dnp3_reader_take(&data, more), more);
        struct dnp3_reader entries = dnp3_reader_of(transfer->carry, transfer->carried + more);
        struct dnp3_file_descriptor entry;
        while ((read = dnp3_file_entry(&entries, &entry)) > 0)
            if (!transfer->entry(transfer, &entry))
                return DNP3_REASON_CANCELLED;
        size_t left = dnp3_reader_left(&entries);
        if (read == DNP3_ERR_MALFORMED || left == sizeof transfer->carry)
            return DNP3_REASON_MALFORMED;
        memmove(transfer->carry, entries.at, left);
        transfer->carried = (uint16_t)left;
    } while (dnp3_reader_left(&data));
    return last && transfer->carried ? DNP3_REASON_MALFORMED : DNP3_REASON_OK;
}

static enum dnp3_command_reason take_data(struct file_state *file,
                                          const struct dnp3_file_transport *block)
{
    struct dnp3_file_transfer *transfer = file->queue;
    transfer->transferred += block->data.length;
    if (transfer->operation == DNP3_FILE_OPERATION_DIRECTORY)
        return take_entries(transfer, dnp3_reader_of(block->data.octets, block->data.length),
                            block->last);
    if (block->data.length && !transfer->data(transfer, block->data.octets, block->data.length))
        return DNP3_REASON_CANCELLED;
    return DNP3_REASON_OK;
}

/* A block that was read. As an event only the one that is waited for counts. */
static void take_block(struct file_state *file, const struct dnp3_file_transport *block,
                       bool answers)
{
    bool wanted = file->step == FILE_READ_BLOCK && block->handle == file->handle &&
                  block->block == file->block;
    if (!wanted && !answers)
        return;
    if (!wanted) {
        settle_with(file, file->step == FILE_READ_BLOCK && block->handle == file->handle
                              ? DNP3_REASON_BLOCK
                              : DNP3_REASON_ECHO_MISMATCH);
        return;
    }
    file->last = block->last;
    settle_with(file, take_data(file, block));
}

/* The answer to a block that was written, or the refusal of one that was to be read. */
static void take_block_status(struct file_state *file,
                              const struct dnp3_file_transport_status *status, bool answers)
{
    bool ours = status->handle == file->handle &&
                (file->step == FILE_READ_BLOCK || file->step == FILE_WRITE_BLOCK);
    bool wanted = ours && status->block == file->block;
    if (ours && status->status != DNP3_FILE_STATUS_SUCCESS) {
        settle_status(file, status->status); /* it may name the block that it expects */
    } else if (wanted && file->step == FILE_WRITE_BLOCK) {
        file->queue->transferred += file->length;
        settle_status(file, status->status);
    } else if (answers) {
        settle_with(file, ours && file->step == FILE_WRITE_BLOCK ? DNP3_REASON_BLOCK
                                                                 : DNP3_REASON_ECHO_MISMATCH);
    }
}

static bool is_ours(const struct file_state *file, const struct dnp3_file_command_status *status)
{
    return file->step == FILE_OPEN || file->step == FILE_DELETE || file->step == FILE_INFO ||
                   file->step == FILE_AUTHENTICATE
               ? status->request == file->request
               : status->handle == file->handle;
}

static void take_command_status(struct file_state *file,
                                const struct dnp3_file_command_status *status, bool answers)
{
    bool expected =
        file->step == FILE_OPEN || file->step == FILE_CLOSE || file->step == FILE_DELETE;
    if (!answers && !is_ours(file, status))
        return;
    if (status->status == DNP3_FILE_STATUS_SUCCESS && !expected) {
        if (answers)
            settle_with(file, DNP3_REASON_ECHO_MISMATCH);
        return;
    }
    if (file->step == FILE_OPEN) {
        file->handle = status->handle;
        file->block_size = status->block_size;
        file->queue->size_told = status->size;
    }
    settle_status(file, status->status);
}

static void take_description(struct file_state *file,
                             const struct dnp3_file_descriptor *description, bool answers)
{
    struct dnp3_file_transfer *transfer = file->queue;
    bool wanted = file->step == FILE_INFO && (answers || description->request == file->request);
    if (wanted)
        settle_with(file, transfer->entry(transfer, description) ? DNP3_REASON_OK
                                                                 : DNP3_REASON_CANCELLED);
    else if (answers)
        settle_with(file, DNP3_REASON_ECHO_MISMATCH);
}

/* An OPEN_FILE that was given up has opened its file after all. */
static void take_late(struct dnp3_association *a, const struct dnp3_file_command_status *status)
{
    struct file_state *file = &a->file;
    if (!file->given_up || status->request != file->given_up ||
        status->status != DNP3_FILE_STATUS_SUCCESS)
        return;
    file->given_up = 0;
    dnp3_file_leave(a, DNP3_FUNCTION_CLOSE_FILE, status->handle);
}

union answer {
    struct dnp3_file_authentication key;
    struct dnp3_file_command_status command;
    struct dnp3_file_transport block;
    struct dnp3_file_transport_status written;
    struct dnp3_file_descriptor description;
};

static int read_answer(uint8_t variation, struct dnp3_reader object, union answer *answer)
{
    switch (variation) {
    case DNP3_FILE_AUTHENTICATION:
        return dnp3_file_authentication_read(object, &answer->key);
    case DNP3_FILE_COMMAND_STATUS:
        return dnp3_file_command_status_read(object, &answer->command);
    case DNP3_FILE_TRANSPORT:
        return dnp3_file_transport_read(object, &answer->block);
    case DNP3_FILE_TRANSPORT_STATUS:
        return dnp3_file_transport_status_read(object, &answer->written);
    case DNP3_FILE_DESCRIPTOR:
        return dnp3_file_descriptor_read(object, &answer->description);
    default:
        return DNP3_ERR_UNSUPPORTED;
    }
}

static void take_answer(struct file_state *file, uint8_t variation, const union answer *answer,
                        bool answers)
{
    switch (variation) {
    case DNP3_FILE_AUTHENTICATION:
        if (file->step == FILE_AUTHENTICATE)
            take_key(file, &answer->key);
        else if (answers)
            settle_with(file, DNP3_REASON_ECHO_MISMATCH);
        break;
    case DNP3_FILE_COMMAND_STATUS:
        take_command_status(file, &answer->command, answers);
        break;
    case DNP3_FILE_TRANSPORT:
        take_block(file, &answer->block, answers);
        break;
    case DNP3_FILE_TRANSPORT_STATUS:
        take_block_status(file, &answer->written, answers);
        break;
    default:
        take_description(file, &answer->description, answers);
    }
}

int dnp3_file_object(struct dnp3_association *a, uint8_t variation, struct dnp3_reader object,
                     bool answers)
{
    struct file_state *file = &a->file;
    union answer answer;
    int error = read_answer(variation, object, &answer);
    bool awaited = answers || file->waits;
    if (!error && !awaited && variation == DNP3_FILE_COMMAND_STATUS)
        take_late(a, &answer.command);
    if (!awaited || file->came)
        return error;
    if (!error)
        take_answer(file, variation, &answer, answers);
    else if (answers)
        settle_with(file, DNP3_REASON_ECHO_MISMATCH);
    if (file->came && !answers)
        dnp3_file_settle(a);
    return error;
}
