/* SPDX-License-Identifier: Apache-2.0 */
/* Controls (IEEE 1815-2012 4.4.3, 5.1.5). A request is checked whole before any of it acts; the
 * answer is its own octets with the status of each object put in. What was operated, or not,
 * becomes an event where a class is assigned to such events (annex A, groups 13 and 43). */
#include "dnp3/outstation_internal.h"

/* What applies to every command of one request. */
struct acting {
    struct dnp3_outstation *o;
    uint8_t function;
    uint8_t gate; /* SUCCESS, or the status that every command gets without being looked at */
    uint64_t now_ms;
    uint32_t number;
    bool failed;
    bool unknown; /* a command that the outstation does not have at that index */
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

/* One control block for all points that the mask after it selects: 12v2, then 12v3 (annex A, group
 * 12). */
struct pattern {
    struct dnp3_command command;
    const uint8_t *status; /* where its status octet stands */
    struct dnp3_object_header mask;
    struct dnp3_reader indexes; /* at the mask's octets */
};

/* Reads both objects. The header is the first one's; the reader ends behind the second. */
static bool read_pattern(const struct dnp3_object_header *header, struct dnp3_reader *in,
                         struct pattern *pattern)
{
    struct dnp3_time_context times = {0};
    struct dnp3_items items;
    dnp3_items_begin(&items, header, &times);
    if (header->qualifier != DNP3_QUALIFIER_COUNT8 || header->count != 1 ||
        !dnp3_items_pattern(&items, in, &pattern->command))
        return false;
    pattern->status = in->at - 1;
    if (dnp3_header_read(in, &pattern->mask) || pattern->mask.group != 12 ||
        pattern->mask.variation != 3 ||
        (pattern->mask.qualifier != DNP3_QUALIFIER_RANGE8 &&
         pattern->mask.qualifier != DNP3_QUALIFIER_RANGE16))
        return false;
    pattern->indexes = *in;
    return dnp3_items_skip(&pattern->mask, in) == 0;
}

static bool is_pattern(const struct dnp3_object_header *header)
{
    return header->row && header->row->kind == DNP3_KIND_PATTERN;
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
        struct pattern pattern;
        if (dnp3_header_read(&in, &header))
            return DNP3_IIN_PARAMETER_ERROR;
        if (is_pattern(&header)) {
            if (!read_pattern(&header, &in, &pattern))
                return DNP3_IIN_PARAMETER_ERROR;
            continue;
        }
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

/* The variation with time that holds a command as it was encoded. */
static uint8_t event_variation(enum dnp3_command_type type)
{
    switch (type) {
    case DNP3_COMMAND_ANALOG_INT32:
        return 3;
    case DNP3_COMMAND_ANALOG_INT16:
        return 4;
    case DNP3_COMMAND_ANALOG_FLOAT:
        return 7;
    default: /* ANALOG_DOUBLE; a CROB's point has its own */
        return 8;
    }
}

/* What became of a command, as an event. */
static void report(struct acting *acting, const struct dnp3_command *command,
                   enum dnp3_status status)
{
    bool binary = command->type == DNP3_COMMAND_CROB;
    struct dnp3_point point = {.index = command->index,
                               .flags = (uint8_t)status,
                               .number =
                                   binary ? dnp3_crob_turns_on(command->code) : command->value};
    if (acting->function == DNP3_FUNCTION_SELECT)
        return;
    dnp3_outstation_stamp(acting->o, &point);
    dnp3_outstation_record(
        acting->o, binary ? DNP3_POINT_BINARY_COMMAND_EVENT : DNP3_POINT_ANALOG_COMMAND_EVENT,
        &point, DNP3_EVENT_FORCE, event_variation(command->type), acting->now_ms);
}

static enum dnp3_status judge(struct acting *acting, const struct dnp3_command *command)
{
    if (acting->gate != DNP3_STATUS_SUCCESS)
        return (enum dnp3_status)acting->gate;
    if (acting->number++ >= acting->o->config.max_controls)
        return DNP3_STATUS_TOO_MANY_OBJS;
    if (!is_defined(command))
        return DNP3_STATUS_NOT_SUPPORTED;
    return call_host(acting, command);
}

static enum dnp3_status act(struct acting *acting, const struct dnp3_command *command)
{
    enum dnp3_status status = judge(acting, command);
    report(acting, command, status);
    return status;
}

/* The points of a pattern, one command after the other. */
struct pattern_walk {
    struct dnp3_time_context times;
    struct dnp3_items items;
    struct dnp3_reader indexes;
    struct dnp3_command command;
};

static void walk_begin(struct pattern_walk *walk, const struct pattern *pattern)
{
    *walk = (struct pattern_walk){.indexes = pattern->indexes, .command = pattern->command};
    dnp3_items_begin(&walk->items, &pattern->mask, &walk->times);
}

static bool walk_next(struct pattern_walk *walk)
{
    return dnp3_items_mask(&walk->items, &walk->indexes, &walk->command.index);
}

/* Whether every point would do it; counts them and changes nothing. */
static enum dnp3_status ask_for_pattern(struct acting *acting, const struct pattern *pattern)
{
    struct acting asking = *acting;
    struct pattern_walk walk;
    enum dnp3_status status = DNP3_STATUS_SUCCESS;
    asking.function = DNP3_FUNCTION_SELECT;
    walk_begin(&walk, pattern);
    while (status == DNP3_STATUS_SUCCESS && walk_next(&walk))
        status = judge(&asking, &walk.command);
    acting->number = asking.number;
    return status;
}

/* All points of a pattern are asked before one of them moves; the first that fails gives the
 * pattern its status. */
static enum dnp3_status act_on_pattern(struct acting *acting, const struct pattern *pattern)
{
    uint32_t before = acting->number;
    enum dnp3_status status = ask_for_pattern(acting, pattern);
    if (status == DNP3_STATUS_SUCCESS && acting->number == before)
        return DNP3_STATUS_FORMAT_ERROR; /* the mask selects nothing */
    bool operates = status == DNP3_STATUS_SUCCESS && acting->function != DNP3_FUNCTION_SELECT;
    struct pattern_walk walk;
    walk_begin(&walk, pattern);
    while (walk_next(&walk)) {
        enum dnp3_status own = operates ? call_host(acting, &walk.command) : status;
        status = status == DNP3_STATUS_SUCCESS ? own : status;
        report(acting, &walk.command, own);
    }
    return status;
}

static void conclude(struct acting *acting, enum dnp3_status status, uint8_t *echoed)
{
    if (status != DNP3_STATUS_SUCCESS)
        acting->failed = true;
    if (status == DNP3_STATUS_NOT_SUPPORTED)
        acting->unknown = true;
    if (echoed)
        *echoed = (uint8_t)status;
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
        struct pattern pattern;
        const uint8_t *at;
        if (dnp3_header_read(&in, &header))
            return;
        if (is_pattern(&header) && read_pattern(&header, &in, &pattern)) {
            conclude(acting, act_on_pattern(acting, &pattern),
                     echo ? echo + (pattern.status - objects) : NULL);
            continue;
        }
        dnp3_items_begin(&items, &header, &times);
        while (next_command(&items, &in, &command, &at))
            conclude(acting, act(acting, &command), echo ? echo + (at - objects) : NULL);
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

    struct acting acting = {
        .o = o, .function = function, .gate = DNP3_STATUS_SUCCESS, .now_ms = now_ms};
    if (function == DNP3_FUNCTION_OPERATE)
        acting.gate = (uint8_t)judge_operate(o, sequence, &in, now_ms);
    o->selection.valid = false;
    act_on_all(&acting, in, echo);
    if (function == DNP3_FUNCTION_SELECT && !acting.failed)
        keep_selection(o, sequence, &in, now_ms);
    return acting.unknown ? DNP3_IIN_PARAMETER_ERROR : 0; /* 4.2.6, as other outstations do */
}
