/* SPDX-License-Identifier: Apache-2.0 */
/* Controls (IEEE 1815-2012 4.4.3, 5.1.5). A request is checked whole before any of it acts; the
 * answer is its own octets with the status of each object put in. */
#include "dnp3/outstation_internal.h"

/* What applies to every command of one request. */
struct acting {
    struct dnp3_outstation *o;
    uint8_t function;
    uint8_t gate; /* SUCCESS, or the status that every command gets without being looked at */
    uint32_t number;
    bool failed;
};

size_t dnp3_selection_size(const struct dnp3_outstation_config *config)
{
    enum { HEADER = 5, INDEX = 2, CROB = 11 }; /* each object under a header of its own */
    return (size_t)config->max_controls * (HEADER + INDEX + CROB);
}

static uint16_t check_header(const struct dnp3_object_header *header)
{
    const struct dnp3_object_row *row = header->row;
    if (!row || row->kind != DNP3_KIND_COMMAND || row->encoding == DNP3_ENCODING_NONE)
        return DNP3_IIN_OBJECT_UNKNOWN;
    if (header->sized || (header->prefix != 1 && header->prefix != 2) || !header->count)
        return DNP3_IIN_PARAMETER_ERROR;
    return 0;
}

/* The next command under a header, and where its status octet stands. */
static bool next_command(struct dnp3_items *items, struct dnp3_reader *in,
                         struct dnp3_command *command, const uint8_t **status)
{
    if (dnp3_items_commands(items, in, command, 1) != 1)
        return false;
    *status = in->at - 1;
    return true;
}

static uint16_t check(struct dnp3_reader in)
{
    if (!dnp3_reader_left(&in))
        return DNP3_IIN_PARAMETER_ERROR;
    while (dnp3_reader_left(&in)) {
        struct dnp3_object_header header;
        struct dnp3_time_context times = {0};
        struct dnp3_items items;
        struct dnp3_command command;
        const uint8_t *status;
        if (dnp3_header_read(&in, &header))
            return DNP3_IIN_PARAMETER_ERROR;
        uint16_t errors = check_header(&header);
        if (errors)
            return errors;
        dnp3_items_begin(&items, &header, &times);
        while (next_command(&items, &in, &command, &status))
            ;
        if (items.error || in.failed)
            return DNP3_IIN_PARAMETER_ERROR;
    }
    return 0;
}

/* Codes that no host can make sense of (table 11-5). */
static bool is_defined(const struct dnp3_command *command)
{
    enum { OPERATION = 0x0F, TRIP_CLOSE_RESERVED = 3 };
    return command->type != DNP3_COMMAND_CROB ||
           ((command->code & OPERATION) <= DNP3_OPERATION_LATCH_OFF &&
            command->code >> 6 != TRIP_CLOSE_RESERVED);
}

static enum dnp3_status call_host(struct acting *acting, const struct dnp3_command *command)
{
    struct dnp3_outstation *o = acting->o;
    const struct dnp3_outstation_callbacks *callbacks = o->callbacks;
    if (acting->function == DNP3_FUNCTION_SELECT)
        return callbacks->select ? callbacks->select(o->user, command) : DNP3_STATUS_NOT_SUPPORTED;
    if (!callbacks->operate)
        return DNP3_STATUS_NOT_SUPPORTED;
    o->counters.commands++;
    return callbacks->operate(o->user, command,
                              acting->function == DNP3_FUNCTION_OPERATE ? DNP3_OPERATE_SELECTED
                              : acting->function == DNP3_FUNCTION_DIRECT_OPERATE
                                  ? DNP3_OPERATE_DIRECT
                                  : DNP3_OPERATE_DIRECT_NR);
}

static enum dnp3_status act(struct acting *acting, const struct dnp3_command *command)
{
    if (acting->gate != DNP3_STATUS_SUCCESS)
        return (enum dnp3_status)acting->gate;
    if (acting->number++ >= acting->o->config.max_controls)
        return DNP3_STATUS_TOO_MANY_OBJS;
    if (!is_defined(command))
        return DNP3_STATUS_NOT_SUPPORTED;
    return call_host(acting, command);
}

/* Acts on every command of a request that was checked, and writes each status into the echo. */
static void act_on_all(struct acting *acting, struct dnp3_reader in, uint8_t *echo)
{
    const uint8_t *objects = in.at;
    while (dnp3_reader_left(&in)) {
        struct dnp3_object_header header;
        struct dnp3_time_context times = {0};
        struct dnp3_items items;
        struct dnp3_command command;
        const uint8_t *at;
        if (dnp3_header_read(&in, &header))
            return;
        dnp3_items_begin(&items, &header, &times);
        while (next_command(&items, &in, &command, &at)) {
            enum dnp3_status status = act(acting, &command);
            if (status != DNP3_STATUS_SUCCESS)
                acting->failed = true;
            if (echo)
                echo[at - objects] = (uint8_t)status;
        }
    }
}

/* OPERATE must follow its SELECT by one, in time, and say the same (4.4.3). */
static enum dnp3_status judge_operate(const struct dnp3_outstation *o, uint8_t sequence,
                                      const struct dnp3_reader *in, uint64_t now_ms)
{
    const struct dnp3_selection *selection = &o->selection;
    size_t length = dnp3_reader_left(in);
    if (!selection->valid || sequence != ((selection->sequence + 1) & DNP3_APP_SEQUENCE) ||
        length != selection->length || memcmp(in->at, selection->octets, length) != 0)
        return DNP3_STATUS_NO_SELECT;
    if (now_ms - selection->at_ms > o->config.select_timeout_ms)
        return DNP3_STATUS_TIMEOUT;
    return DNP3_STATUS_SUCCESS;
}

static void keep_selection(struct dnp3_outstation *o, uint8_t sequence,
                           const struct dnp3_reader *in, uint64_t now_ms)
{
    size_t length = dnp3_reader_left(in);
    o->selection.valid = true;
    o->selection.sequence = sequence;
    o->selection.at_ms = now_ms;
    o->selection.length = (uint16_t)length;
    memcpy(o->selection.octets, in->at, length);
}

uint16_t dnp3_control_request(struct dnp3_outstation *o, uint8_t function, uint8_t sequence,
                              struct dnp3_reader in, struct dnp3_writer *out, uint64_t now_ms)
{
    size_t length = dnp3_reader_left(&in);
    uint16_t errors = check(in);
    if (errors) {
        o->counters.malformed++;
        return errors;
    }
    if (length > dnp3_selection_size(&o->config))
        return DNP3_IIN_PARAMETER_ERROR;
    uint8_t *echo = out ? dnp3_writer_reserve(out, length) : NULL;
    if (out && !echo) {
        out->failed = false;
        return DNP3_IIN_PARAMETER_ERROR;
    }
    if (echo)
        memcpy(echo, in.at, length);

    struct acting acting = {.o = o, .function = function, .gate = DNP3_STATUS_SUCCESS};
    if (function == DNP3_FUNCTION_OPERATE)
        acting.gate = (uint8_t)judge_operate(o, sequence, &in, now_ms);
    o->selection.valid = false;
    act_on_all(&acting, in, echo);
    if (function == DNP3_FUNCTION_SELECT && !acting.failed)
        keep_selection(o, sequence, &in, now_ms);
    return 0;
}
