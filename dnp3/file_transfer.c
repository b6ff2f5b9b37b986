/* SPDX-License-Identifier: Apache-2.0 */
/* File transfers: what leaves, when, and how they end. What changes a file leaves once; a file that
 * is left open is closed (IEEE 1815-2012 5.3; rule 23). What comes is read in file_answer.c. */
#include "dnp3/association_internal.h"

enum {
    FRAME_OCTETS = DNP3_REQUEST_HEADER + 4 + 2, /* before a block: header, object header, size */
    BLOCK_OCTETS = 8,                           /* handle and block number */
    RESPONSE_FRAME_OCTETS = FRAME_OCTETS + 2,   /* indications */
    ASK_MS = 1000, /* how often events are read where an answer is to come as one */
};

static const struct {
    enum dnp3_function function;
    uint8_t variation;
} steps[] = {
    [FILE_AUTHENTICATE] = {DNP3_FUNCTION_AUTHENTICATE_FILE, DNP3_FILE_AUTHENTICATION},
    [FILE_OPEN] = {DNP3_FUNCTION_OPEN_FILE, DNP3_FILE_COMMAND},
    [FILE_READ_BLOCK] = {DNP3_FUNCTION_READ, DNP3_FILE_TRANSPORT},
    [FILE_WRITE_BLOCK] = {DNP3_FUNCTION_WRITE, DNP3_FILE_TRANSPORT},
    [FILE_CLOSE] = {DNP3_FUNCTION_CLOSE_FILE, DNP3_FILE_COMMAND_STATUS},
    [FILE_DELETE] = {DNP3_FUNCTION_DELETE_FILE, DNP3_FILE_COMMAND},
    [FILE_INFO] = {DNP3_FUNCTION_GET_FILE_INFO, DNP3_FILE_DESCRIPTOR},
};

static struct dnp3_file_string string_of(const char *text)
{
    size_t length = text ? strlen(text) : 0;
    return (struct dnp3_file_string){.octets = (const uint8_t *)text,
                                     .length = length < UINT16_MAX ? (uint16_t)length : UINT16_MAX};
}

static bool is_write(const struct dnp3_file_transfer *transfer)
{
    return transfer->operation == DNP3_FILE_OPERATION_WRITE;
}

static enum file_step step_of(const struct dnp3_file_transfer *transfer)
{
    return transfer->operation == DNP3_FILE_OPERATION_DELETE ? FILE_DELETE
           : transfer->operation == DNP3_FILE_OPERATION_INFO ? FILE_INFO
                                                             : FILE_OPEN;
}

/* The most octets of data that a block may have in the one or in the other direction. */
static uint16_t block_room(const struct dnp3_association *a,
                           const struct dnp3_file_transfer *transfer)
{
    size_t room = is_write(transfer)
                      ? a->max_request - (size_t)(FRAME_OCTETS + BLOCK_OCTETS)
                      : (size_t)(DNP3_FRAGMENT_MAX - RESPONSE_FRAME_OCTETS - BLOCK_OCTETS);
    bool lower = transfer->block_size && transfer->block_size < room;
    return lower ? transfer->block_size : (uint16_t)room;
}

static int write_authentication(struct dnp3_writer *out, const struct dnp3_file_transfer *transfer)
{
    struct dnp3_file_authentication authentication = {.user = string_of(transfer->user),
                                                      .password = string_of(transfer->password)};
    return dnp3_file_authentication_write(out, &authentication);
}

/* Of OPEN_FILE and DELETE_FILE. */
static int write_command(struct dnp3_writer *out, const struct dnp3_association *a,
                         const struct dnp3_file_transfer *transfer)
{
    struct dnp3_file_command command = {
        .name = string_of(transfer->name), .key = a->file.key, .request = a->file.request};
    if (transfer->operation != DNP3_FILE_OPERATION_DELETE) {
        command.mode = DNP3_FILE_MODE_READ;
        command.block_size = block_room(a, transfer);
    }
    if (is_write(transfer)) {
        command.mode = transfer->append ? DNP3_FILE_MODE_APPEND : DNP3_FILE_MODE_WRITE;
        command.created_ms = transfer->created_ms;
        command.permissions = transfer->permissions & DNP3_FILE_PERMISSIONS;
        command.size = transfer->size;
    }
    return dnp3_file_command_write(out, &command);
}

static int write_block(struct dnp3_writer *out, const struct dnp3_association *a,
                       struct dnp3_file_string data)
{
    struct dnp3_file_transport block = {.handle = a->file.handle,
                                        .block = a->file.block,
                                        .last = a->file.last && data.octets,
                                        .data = data};
    return dnp3_file_transport_write(out, &block);
}

static int write_close(struct dnp3_writer *out, uint32_t handle, uint16_t request)
{
    struct dnp3_file_command_status close = {.handle = handle, .request = request};
    return dnp3_file_command_status_write(out, &close);
}

/* The one object of a step. */
static int write_object(struct dnp3_writer *out, const struct dnp3_association *a,
                        enum file_step step, const struct dnp3_file_transfer *transfer,
                        struct dnp3_file_string data)
{
    struct dnp3_file_descriptor description = {.name = string_of(transfer->name),
                                               .request = a->file.request};
    size_t begun = dnp3_sized_begin(out, 70, steps[step].variation);
    int error = step == FILE_AUTHENTICATE  ? write_authentication(out, transfer)
                : step == FILE_INFO        ? dnp3_file_descriptor_write(out, &description)
                : step == FILE_READ_BLOCK  ? write_block(out, a, (struct dnp3_file_string){0})
                : step == FILE_WRITE_BLOCK ? write_block(out, a, data)
                : step == FILE_CLOSE       ? write_close(out, a->file.handle, a->file.request)
                                           : write_command(out, a, transfer);
    dnp3_sized_end(out, begun);
    return error;
}

static bool fits(const struct dnp3_association *a, enum file_step step,
                 const struct dnp3_file_transfer *transfer)
{
    uint8_t trial[DNP3_FRAGMENT_MAX];
    struct dnp3_writer out = dnp3_writer_of(trial, a->max_request - DNP3_REQUEST_HEADER);
    return !write_object(&out, a, step, transfer, (struct dnp3_file_string){0}) && !out.failed;
}

static bool has_callbacks(const struct dnp3_file_transfer *transfer)
{
    switch (transfer->operation) {
    case DNP3_FILE_OPERATION_READ:
        return transfer->done && transfer->data;
    case DNP3_FILE_OPERATION_WRITE:
        return transfer->done && transfer->more;
    case DNP3_FILE_OPERATION_DELETE:
        return transfer->done;
    default:
        return transfer->done && transfer->entry;
    }
}

int dnp3_association_file(struct dnp3_association *a, struct dnp3_file_transfer *transfer)
{
    if (!has_callbacks(transfer) || !transfer->name || !*transfer->name ||
        !fits(a, step_of(transfer), transfer) ||
        (transfer->user && !fits(a, FILE_AUTHENTICATE, transfer)))
        return DNP3_ERR_INVALID;
    if (!a->online)
        return DNP3_ERR_OFFLINE;
    if (a->file.queued >= DNP3_FILES_QUEUED_MAX)
        return DNP3_ERR_FULL;
    struct dnp3_file_transfer **tail = &a->file.queue;
    while (*tail)
        tail = &(*tail)->next;
    transfer->next = NULL;
    transfer->function = 0;
    transfer->status = DNP3_FILE_STATUS_SUCCESS;
    transfer->iin = 0;
    transfer->size_told = 0;
    transfer->transferred = 0;
    transfer->cancelled = false;
    transfer->carried = 0;
    *tail = transfer;
    a->file.queued++;
    return 0;
}

/* Ends a transfer, at the head or behind it. */
static void finish(struct dnp3_association *a, struct dnp3_file_transfer **link,
                   enum dnp3_command_outcome outcome, enum dnp3_command_reason reason)
{
    struct file_state *file = &a->file;
    struct dnp3_file_transfer *transfer = *link;
    if (link == &file->queue) {
        file->step = FILE_IDLE;
        file->waits = false;
        file->sent = false;
        file->attempts = 0;
        a->line_wait_until_ms = 0;
    }
    *link = transfer->next;
    file->queued--;
    transfer->next = NULL;
    transfer->outcome = outcome;
    transfer->reason = reason;
    transfer->done(transfer);
}

/* What left and may have changed a file, and was not answered by something that fits. */
static bool may_have_changed(const struct file_state *file, enum dnp3_command_reason reason)
{
    bool changes =
        file->step == FILE_DELETE || (is_write(file->queue) && file->step != FILE_AUTHENTICATE);
    bool refused = reason == DNP3_REASON_STATUS || reason == DNP3_REASON_INDICATION;
    return changes && file->sent && !refused;
}

static bool is_worth_another_try(const struct file_state *file, enum dnp3_command_reason reason)
{
    switch (reason) {
    case DNP3_REASON_INDICATION: /* rule 11: later */
        return file->queue->iin & DNP3_IIN_ALREADY_EXECUTING;
    case DNP3_REASON_NO_ANSWER:
    case DNP3_REASON_INTERRUPTED:
    case DNP3_REASON_ECHO_MISMATCH:
    case DNP3_REASON_BLOCK:
        return true;
    default:
        return false;
    }
}

static bool try_again(struct dnp3_association *a, enum dnp3_command_reason reason)
{
    struct file_state *file = &a->file;
    if (file->step != FILE_READ_BLOCK || file->queue->cancelled ||
        !is_worth_another_try(file, reason) || file->attempts + 1 >= file->queue->attempts)
        return false;
    file->attempts++;
    file->sent = false;
    file->waits = false;
    file->not_before_ms = association_now(a) + dnp3_task_backoff(a, file->attempts);
    return true;
}

/* The file that is open is closed behind the transfer's back. */
static void clean_up(struct dnp3_association *a)
{
    struct file_state *file = &a->file;
    bool open = file->step == FILE_READ_BLOCK || file->step == FILE_WRITE_BLOCK;
    file->given_up = file->step == FILE_OPEN && file->sent ? file->request : 0;
    if (open)
        dnp3_file_leave(a,
                        is_write(file->queue) ? DNP3_FUNCTION_ABORT_FILE : DNP3_FUNCTION_CLOSE_FILE,
                        file->handle);
}

void dnp3_file_leave(struct dnp3_association *a, enum dnp3_function function, uint32_t handle)
{
    a->file.cleanup = (uint8_t)function;
    a->file.cleanup_handle = handle;
    a->file.cleanup_waits = false;
}

void dnp3_file_failed(struct dnp3_association *a, enum dnp3_command_reason reason)
{
    struct file_state *file = &a->file;
    if (try_again(a, reason))
        return;
    file->queue->function = (uint8_t)steps[file->step].function;
    if (file->step == FILE_CLOSE && !is_write(file->queue)) { /* all of it was read */
        finish(a, &file->queue, DNP3_OUTCOME_DONE, DNP3_REASON_OK);
        return;
    }
    if (reason != DNP3_REASON_CONNECTION_LOST)
        clean_up(a);
    finish(a, &file->queue,
           may_have_changed(file, reason) ? DNP3_OUTCOME_UNKNOWN : DNP3_OUTCOME_FAILED, reason);
}

static void succeeded(struct dnp3_association *a)
{
    struct file_state *file = &a->file;
    file->sent = false;
    file->waits = false;
    file->attempts = 0;
    switch (file->step) {
    case FILE_AUTHENTICATE:
        file->step = step_of(file->queue);
        break;
    case FILE_OPEN:
        file->step = is_write(file->queue) ? FILE_WRITE_BLOCK : FILE_READ_BLOCK;
        break;
    case FILE_READ_BLOCK:
    case FILE_WRITE_BLOCK:
        if (file->last)
            file->step = FILE_CLOSE;
        else
            file->block++; /* 2^31 blocks are more octets than `size` counts */
        break;
    default:
        file->queue->function = (uint8_t)steps[file->step].function;
        finish(a, &file->queue, DNP3_OUTCOME_DONE, DNP3_REASON_OK);
        return;
    }
    if (file->queue->cancelled && file->step != FILE_CLOSE)
        dnp3_file_failed(a, DNP3_REASON_CANCELLED);
}

void dnp3_file_settle(struct dnp3_association *a)
{
    enum dnp3_command_reason reason = a->file.verdict;
    a->file.came = false;
    if (reason == DNP3_REASON_OK)
        succeeded(a);
    else
        dnp3_file_failed(a, reason);
}

/* An answer without an object: it comes as an event (unsolicited or when classes are read). */
static void wait_for_event(struct dnp3_association *a)
{
    struct file_state *file = &a->file;
    uint64_t now = association_now(a);
    uint32_t wait_ms = file->queue->wait_ms ? file->queue->wait_ms : a->config->response_timeout_ms;
    file->waits = true;
    file->wait_until_ms = now + wait_ms;
    file->ask_ms = dnp3_association_takes_events(a->config) ? now + ASK_MS : DNP3_NEVER;
}

void dnp3_file_answered(struct dnp3_association *a, uint16_t iin)
{
    const uint16_t refusal = DNP3_IIN_NO_FUNC_CODE_SUPPORT | DNP3_IIN_OBJECT_UNKNOWN |
                             DNP3_IIN_PARAMETER_ERROR | DNP3_IIN_ALREADY_EXECUTING;
    struct file_state *file = &a->file;
    bool cleanup = a->out.kind == REQUEST_FILE_CLEANUP;
    a->out.kind = REQUEST_NONE;
    if (cleanup) { /* who does not know ABORT_FILE closes */
        if (a->out.function == DNP3_FUNCTION_ABORT_FILE && iin & DNP3_IIN_NO_FUNC_CODE_SUPPORT)
            dnp3_file_leave(a, DNP3_FUNCTION_CLOSE_FILE, file->cleanup_handle);
        return;
    }
    file->queue->iin = iin;
    if (iin & refusal && (!file->came || file->verdict == DNP3_REASON_OK)) {
        file->came = true;
        file->verdict = DNP3_REASON_INDICATION;
    }
    if (file->came)
        dnp3_file_settle(a);
    else if (file->queue->cancelled)
        dnp3_file_failed(a, DNP3_REASON_CANCELLED);
    else
        wait_for_event(a);
}

void dnp3_file_unanswered(struct dnp3_association *a, enum dnp3_command_reason reason)
{
    bool cleanup = a->out.kind == REQUEST_FILE_CLEANUP;
    a->out.kind = REQUEST_NONE;
    if (cleanup)
        return;
    if (a->file.came) /* what was asked for came; the rest of a series did not */
        dnp3_file_settle(a);
    else
        dnp3_file_failed(a, reason);
}

void dnp3_file_abandoned(struct dnp3_association *a)
{
    bool again = a->out.kind == REQUEST_FILE_READ && !a->file.came;
    if (!again) {
        dnp3_file_unanswered(a, DNP3_REASON_INTERRUPTED);
        return;
    }
    a->out.kind = REQUEST_NONE; /* nothing of the block was taken: it is read again at once */
    a->file.sent = false;
}

static bool send_cleanup(struct dnp3_association *a, struct dnp3_writer *out)
{
    struct file_state *file = &a->file;
    if (!file->cleanup || (file->cleanup_waits && !a->online))
        return false;
    dnp3_task_begin(a, REQUEST_FILE_CLEANUP, (enum dnp3_function)file->cleanup, out);
    size_t begun = dnp3_sized_begin(out, 70, DNP3_FILE_COMMAND_STATUS);
    write_close(out, file->cleanup_handle, file->request);
    dnp3_sized_end(out, begun);
    file->cleanup = 0;
    return true;
}

static void begin(struct dnp3_association *a)
{
    struct file_state *file = &a->file;
    file->step = file->queue->user ? FILE_AUTHENTICATE : step_of(file->queue);
    file->attempts = 0;
    file->key = 0;
    file->handle = 0;
    file->block = 0;
    file->last = false;
    file->given_up = 0;
    if (++file->request == 0)
        file->request = 1;
}

/* The next octets of a file that is written; false where the host has none. */
static bool next_data(struct dnp3_association *a, struct dnp3_file_string *data)
{
    struct file_state *file = &a->file;
    struct dnp3_file_transfer *transfer = file->queue;
    size_t room = block_room(a, transfer);
    size_t length = 0;
    bool last = false;
    if (file->block_size && file->block_size < room)
        room = file->block_size;
    data->octets = transfer->more(transfer, room, &length, &last);
    if (!data->octets || length > room || (length == 0 && !last))
        return false;
    data->length = (uint16_t)length;
    file->last = last;
    file->length = (uint16_t)length;
    return true;
}

static bool send_step(struct dnp3_association *a, struct dnp3_writer *out)
{
    struct file_state *file = &a->file;
    struct dnp3_file_string data = {0};
    if (file->step == FILE_WRITE_BLOCK && !next_data(a, &data)) {
        dnp3_file_failed(a, DNP3_REASON_CANCELLED);
        return false;
    }
    bool read = file->step == FILE_READ_BLOCK;
    dnp3_task_begin(a, read ? REQUEST_FILE_READ : REQUEST_FILE, steps[file->step].function, out);
    write_object(out, a, file->step, file->queue, data);
    if (file->attempts)
        a->counters.retries++;
    file->came = false;
    file->sent = true;
    return true;
}

/* An OPEN_FILE or DELETE_FILE that arrives late changes a file all the same (rule 15). */
static bool changes(const struct dnp3_file_transfer *transfer)
{
    return transfer->operation == DNP3_FILE_OPERATION_WRITE ||
           transfer->operation == DNP3_FILE_OPERATION_DELETE;
}

bool dnp3_file_next(struct dnp3_association *a, struct dnp3_writer *out)
{
    struct file_state *file = &a->file;
    if (send_cleanup(a, out))
        return true;
    while (file->queue && !file->waits &&
           (!file->attempts || association_now(a) >= file->not_before_ms)) {
        const struct dnp3_file_transfer *transfer = file->queue;
        bool begins = file->step == FILE_IDLE;
        if (begins && transfer->expires_ms && association_now(a) >= transfer->expires_ms) {
            finish(a, &file->queue, DNP3_OUTCOME_REFUSED, DNP3_REASON_EXPIRED);
            continue;
        }
        enum line_state line = begins && changes(transfer) ? dnp3_task_line(a) : LINE_CLEAR;
        if (line == LINE_WAIT)
            return false;
        if (line != LINE_CLEAR) {
            finish(a, &file->queue, DNP3_OUTCOME_REFUSED, line_reason(line));
            continue;
        }
        if (begins)
            begin(a);
        if (send_step(a, out))
            return true;
        if (send_cleanup(a, out))
            return true;
    }
    return false;
}

/* A request that would leave at once, were the line free. */
bool dnp3_file_waits_for_line(const struct dnp3_association *a)
{
    const struct file_state *file = &a->file;
    return (file->cleanup && !file->cleanup_waits) ||
           (file->queue && !file->waits && !file->attempts);
}

uint64_t dnp3_file_deadline(const struct dnp3_association *a)
{
    const struct file_state *file = &a->file;
    if (!file->queue)
        return DNP3_NEVER;
    if (file->waits)
        return dnp3_earlier(file->wait_until_ms, file->ask_ms);
    return file->attempts ? file->not_before_ms : DNP3_NEVER;
}

void dnp3_file_tick(struct dnp3_association *a)
{
    struct file_state *file = &a->file;
    uint64_t now = association_now(a);
    if (!file->waits)
        return;
    if (now >= file->wait_until_ms) {
        dnp3_file_failed(a, DNP3_REASON_NO_ANSWER);
    } else if (now >= file->ask_ms) {
        file->ask_ms = now + ASK_MS;
        dnp3_task_read_events(a);
    }
}

static void refuse_all(struct dnp3_association *a, struct dnp3_file_transfer **link)
{
    while (*link)
        finish(a, link, DNP3_OUTCOME_REFUSED, DNP3_REASON_OFFLINE);
}

void dnp3_file_silent(struct dnp3_association *a, bool link_dead)
{
    struct file_state *file = &a->file;
    bool later = file->attempts && association_now(a) < file->not_before_ms;
    if (file->step != FILE_IDLE && !later)
        dnp3_file_failed(a, DNP3_REASON_NO_ANSWER);
    file->cleanup_waits = file->cleanup_waits || link_dead;
    refuse_all(a, file->step == FILE_IDLE ? &file->queue : &file->queue->next);
}

void dnp3_file_gone(struct dnp3_association *a, enum dnp3_command_reason reason)
{
    struct file_state *file = &a->file;
    file->came = false;
    if (file->step != FILE_IDLE) {
        file->attempts = file->queue->attempts;
        dnp3_file_failed(a, reason);
    }
    file->cleanup = 0;
    file->given_up = 0;
    refuse_all(a, &file->queue);
}

static bool is_on_the_wire(const struct dnp3_association *a)
{
    return a->out.kind == REQUEST_FILE || a->out.kind == REQUEST_FILE_READ;
}

void dnp3_association_file_cancel(struct dnp3_association *a, struct dnp3_file_transfer *transfer)
{
    struct dnp3_file_transfer **link = &a->file.queue;
    while (*link && *link != transfer)
        link = &(*link)->next;
    if (!*link)
        return;
    bool begun = link == &a->file.queue && a->file.step != FILE_IDLE;
    transfer->cancelled = true;
    if (!begun)
        finish(a, link, DNP3_OUTCOME_REFUSED, DNP3_REASON_CANCELLED);
    else if (!is_on_the_wire(a))
        dnp3_file_failed(a, DNP3_REASON_CANCELLED);
}
