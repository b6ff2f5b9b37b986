/* SPDX-License-Identifier: Apache-2.0 */
/* Controls of a script. */
#include "tests/scenarios/script.h"

static bool crob_code(struct dnp3_command *command, const char *name)
{
    static const struct {
        const char *name;
        enum dnp3_operation operation;
        enum dnp3_trip_close trip_close;
    } codes[] = {{"close", DNP3_OPERATION_PULSE_ON, DNP3_TRIP_CLOSE_CLOSE},
                 {"trip", DNP3_OPERATION_PULSE_ON, DNP3_TRIP_CLOSE_TRIP},
                 {"pulse_on", DNP3_OPERATION_PULSE_ON, DNP3_TRIP_CLOSE_NONE},
                 {"pulse_off", DNP3_OPERATION_PULSE_OFF, DNP3_TRIP_CLOSE_NONE},
                 {"latch_on", DNP3_OPERATION_LATCH_ON, DNP3_TRIP_CLOSE_NONE},
                 {"latch_off", DNP3_OPERATION_LATCH_OFF, DNP3_TRIP_CLOSE_NONE}};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (script_is(name, codes[i].name)) {
            command->code = dnp3_crob_code(codes[i].operation, codes[i].trip_close);
            return true;
        }
    return false;
}

static void command_point(struct run *run, const char *type, char **text,
                          struct dnp3_command *command)
{
    static const char *const analogs[] = {
        [DNP3_COMMAND_ANALOG_INT32] = "int32",
        [DNP3_COMMAND_ANALOG_INT16] = "int16",
        [DNP3_COMMAND_ANALOG_FLOAT] = "float",
        [DNP3_COMMAND_ANALOG_DOUBLE] = "double",
    };
    *command = (struct dnp3_command){.index = (uint32_t)script_number(run, script_word(text)),
                                     .count = 1,
                                     .on_ms = 100,
                                     .off_ms = 100};
    if (script_is(type, "crob")) {
        const char *code = script_word(text);
        if (!crob_code(command, code))
            script_fail(run, "no such operation", code);
        return;
    }
    for (size_t i = DNP3_COMMAND_ANALOG_INT32; i <= DNP3_COMMAND_ANALOG_DOUBLE; i++)
        if (script_is(type, analogs[i])) {
            command->type = (enum dnp3_command_type)i;
            command->value = script_number(run, script_word(text));
            return;
        }
    script_fail(run, "no such control", type);
}

void script_command(struct run *run, char *text)
{
    struct side *side = script_side_of(run, &text);
    struct request_slot *slot = world_request(&run->world, side);
    if (!slot) {
        script_fail(run, "too many controls under way", "");
        return;
    }
    const char *wanted = "ok";
    const char *mode = script_word(&text);
    slot->request.mode = script_is(mode, "sbo")      ? DNP3_SELECT_BEFORE_OPERATE
                         : script_is(mode, "direct") ? DNP3_DIRECT_OPERATE
                                                     : DNP3_DIRECT_OPERATE_NO_ACK;
    while (*text && !run->failed) {
        const char *next = script_word(&text);
        if (script_is(next, "expires"))
            slot->request.expires_ms =
                run->world.now + (uint64_t)script_number(run, script_word(&text));
        else if (script_is(next, "="))
            wanted = script_word(&text);
        else if (slot->request.count <= DNP3_COMMANDS_POINTS_MAX)
            command_point(run, next, &text, &slot->commands[slot->request.count++]);
    }
    int error = dnp3_association_command(side->association, &slot->request);
    const char *came = script_error_word(error);
    if (error)
        slot->busy = false;
    if (!script_is(came, wanted))
        script_fail(run, "command() said", came);
    world_pump(&run->world);
}
