/* SPDX-License-Identifier: Apache-2.0 */
/* Results as JSON for machines and as one audit line for people. */
#include "gateway/command/control_result.h"

#include <stdio.h>

#include "dnp3/error.h"
#include "gateway/base/json_writer.h"
#include "gateway/base/log.h"

const char *gw_outcome_name(enum gw_outcome outcome)
{
    static const char *const names[] = {
#define X(name, text) [GW_OUTCOME_##name] = text,
        GW_OUTCOME_MAP(X)
#undef X
    };
    return names[outcome];
}

const char *gw_verdict_name(enum gw_verdict verdict)
{
    static const char *const names[] = {
#define X(name, text) [GW_VERDICT_##name] = text,
        GW_VERDICT_MAP(X)
#undef X
    };
    return names[verdict];
}

enum gw_verdict gw_verdict_of_error(int error)
{
    switch (error) {
    case DNP3_ERR_FULL:
    case DNP3_ERR_MEMORY:
        return GW_VERDICT_BUSY;
    case DNP3_ERR_INVALID:
    case DNP3_ERR_RANGE:
        return GW_VERDICT_OUT_OF_RANGE;
    case DNP3_ERR_UNSUPPORTED:
        return GW_VERDICT_INHIBITED;
    default:
        return GW_VERDICT_OFFLINE;
    }
}

static enum gw_verdict refusal_of(enum dnp3_command_reason reason)
{
    switch (reason) {
    case DNP3_REASON_EXPIRED:
        return GW_VERDICT_EXPIRED;
    case DNP3_REASON_FORBIDDEN:
        return GW_VERDICT_INHIBITED;
    case DNP3_REASON_LINE_BUSY:
    case DNP3_REASON_WITHHELD:
        return GW_VERDICT_BUSY;
    default:
        return GW_VERDICT_OFFLINE;
    }
}

static enum gw_verdict failure_of(enum dnp3_command_reason reason)
{
    switch (reason) {
    case DNP3_REASON_STATUS:
    case DNP3_REASON_INDICATION:
        return GW_VERDICT_OUTSTATION_REFUSED;
    case DNP3_REASON_ECHO_MISMATCH:
    case DNP3_REASON_BLOCK:
    case DNP3_REASON_MALFORMED:
        return GW_VERDICT_ECHO_MISMATCH;
    case DNP3_REASON_CANCELLED: /* larger than what may pass through here */
        return GW_VERDICT_OUT_OF_RANGE;
    default:
        return GW_VERDICT_NO_ANSWER;
    }
}

void gw_control_result_end(struct gw_control_result *result, enum dnp3_command_outcome outcome,
                           enum dnp3_command_reason reason)
{
    /* Between SELECT and OPERATE: then it is we who did not operate. */
    bool ours = reason == DNP3_REASON_EXPIRED || reason == DNP3_REASON_FORBIDDEN;
    switch (outcome) {
    case DNP3_OUTCOME_DONE:
        result->outcome = GW_OUTCOME_DONE;
        result->reason = GW_VERDICT_OK;
        break;
    case DNP3_OUTCOME_REFUSED:
        result->outcome = GW_OUTCOME_REFUSED;
        result->reason = refusal_of(reason);
        result->has_status = false;
        break;
    case DNP3_OUTCOME_FAILED:
        result->outcome = ours ? GW_OUTCOME_REFUSED : GW_OUTCOME_FAILED;
        result->reason = ours ? refusal_of(reason) : failure_of(reason);
        break;
    case DNP3_OUTCOME_UNKNOWN:
        result->outcome = GW_OUTCOME_UNKNOWN;
        result->reason = reason == DNP3_REASON_CONNECTION_LOST ? GW_VERDICT_CONNECTION_LOST
                                                               : GW_VERDICT_NO_ANSWER;
        break;
    }
}

void gw_control_result_of(struct gw_control_result *result,
                          const struct dnp3_command_request *request)
{
    uint8_t status = request->commands[0].status;
    result->stage = request->stage;
    result->status = status;
    result->has_status = status != DNP3_STATUS_UNDEFINED || request->reason == DNP3_REASON_STATUS;
    gw_control_result_end(result, request->outcome, request->reason);
}

bool gw_control_result_may_have_operated(const struct gw_control_result *result)
{
    switch (result->outcome) {
    case GW_OUTCOME_DONE:
    case GW_OUTCOME_UNKNOWN:
        return true;
    case GW_OUTCOME_FAILED:
        return result->stage == DNP3_STAGE_OPERATE;
    case GW_OUTCOME_REFUSED:
        break;
    }
    return false;
}

static const char *stage_name(enum dnp3_command_stage stage)
{
    switch (stage) {
    case DNP3_STAGE_SELECT:
        return "select";
    case DNP3_STAGE_OPERATE:
        return "operate";
    case DNP3_STAGE_QUEUED:
        break;
    }
    return NULL;
}

/* NULL where there is none; `buffer` holds the name of a code that has none. */
static const char *status_name(const struct gw_control_result *result, char buffer[16])
{
    if (!result->has_status)
        return NULL;
    const char *name = dnp3_status_name(result->status);
    if (name)
        return name;
    snprintf(buffer, 16, "STATUS_%u", result->status);
    return buffer;
}

static const char *feedback_name(enum gw_feedback feedback)
{
    switch (feedback) {
    case GW_FEEDBACK_REACHED:
        return "reached";
    case GW_FEEDBACK_NOT_REACHED:
        return "not_reached";
    case GW_FEEDBACK_NONE:
        break;
    }
    return NULL;
}

/* An id that is no text was correlation data: shown as hexadecimal digits. */
static void write_id(struct gw_json_writer *writer, const struct gw_command_text *id)
{
    gw_json_key(writer, "id");
    if (!id->length)
        gw_json_null(writer);
    else if (gw_json_is_text((const uint8_t *)id->octets, id->length))
        gw_json_text(writer, id->octets, id->length);
    else
        gw_json_hex(writer, (const uint8_t *)id->octets, id->length);
}

static void write_value(struct gw_json_writer *writer, const struct gw_command_value *value)
{
    gw_json_key(writer, "value");
    if (!value->text.length)
        gw_json_null(writer);
    else if (value->is_number)
        gw_json_literal(writer, value->text.octets, value->text.length);
    else
        gw_json_text(writer, value->text.octets, value->text.length);
}

static void write_word(struct gw_json_writer *writer, const char *key, const char *word)
{
    gw_json_key(writer, key);
    gw_json_string(writer, word);
}

void gw_control_result_keys(struct gw_json_writer *writer, const struct gw_command_message *message,
                            const struct gw_control_result *result, bool may_have_operated,
                            bool repeated)
{
    char status[16];
    write_id(writer, &message->id);
    write_value(writer, &message->value);
    write_word(writer, "outcome", gw_outcome_name(result->outcome));
    write_word(writer, "reason", gw_verdict_name(result->reason));
    write_word(writer, "stage", stage_name(result->stage));
    write_word(writer, "status", status_name(result, status));
    gw_json_key(writer, "may_have_operated");
    gw_json_bool(writer, may_have_operated);
    write_word(writer, "feedback", feedback_name(result->feedback));
    gw_json_key(writer, "repeated");
    gw_json_bool(writer, repeated);
    gw_json_key(writer, "time");
    gw_json_integer(writer, result->time_ms);
    gw_json_key(writer, "duration_ms");
    gw_json_unsigned(writer, result->duration_ms);
}

int gw_control_result_write(char *buffer, size_t size, const struct gw_command_message *message,
                            const struct gw_control_result *result, bool may_have_operated,
                            bool repeated)
{
    struct gw_json_writer writer = gw_json_writer_of(buffer, size);
    gw_json_begin(&writer, '{');
    gw_control_result_keys(&writer, message, result, may_have_operated, repeated);
    gw_json_finish(&writer, '}');
    return gw_json_end(&writer);
}

/* A publisher's text in one piece, so that it cannot pass for other fields of the line. */
static const char *in_one_piece(char buffer[2 * GW_COMMAND_TEXT_MAX + 1],
                                const struct gw_command_text *text)
{
    static const char digits[] = "0123456789abcdef";
    bool readable = gw_json_is_text((const uint8_t *)text->octets, text->length);
    size_t n = 0;
    if (!text->length)
        return "-";
    for (size_t i = 0; i < text->length; i++) {
        uint8_t c = (uint8_t)text->octets[i];
        if (readable) {
            buffer[n++] = c <= ' ' || c == '"' || c == '=' || c == '\\' ? '_' : (char)c;
        } else {
            buffer[n++] = digits[c >> 4];
            buffer[n++] = digits[c & 15];
        }
    }
    buffer[n] = 0;
    return buffer;
}

void gw_control_result_log(const char *outstation, const char *what, const char *name,
                           const char *topic, const struct gw_command_message *message,
                           const struct gw_control_result *result, bool repeated,
                           const char *detail)
{
    char value[2 * GW_COMMAND_TEXT_MAX + 1];
    char by[2 * GW_COMMAND_TEXT_MAX + 1];
    char id[2 * GW_COMMAND_TEXT_MAX + 1];
    char status_buffer[16];
    const char *status = status_name(result, status_buffer);
    const char *feedback = feedback_name(result->feedback);
    gw_log(GW_LOG_INFO, outstation,
           "%s %s: value=%s by=%s id=%s outcome=%s reason=%s status=%s feedback=%s "
           "repeated=%s duration_ms=%u topic=%.256s%s%s",
           what, name, in_one_piece(value, &message->value.text), in_one_piece(by, &message->by),
           in_one_piece(id, &message->id), gw_outcome_name(result->outcome),
           gw_verdict_name(result->reason), status ? status : "-", feedback ? feedback : "-",
           repeated ? "true" : "false", result->duration_ms, topic, detail ? ": " : "",
           detail ? detail : "");
}
