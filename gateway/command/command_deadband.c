/* SPDX-License-Identifier: Apache-2.0 */
/* The command that writes an analog input's dead-band. Outstations know one variation of g34 or
 * another: a narrow one that is refused is followed by the wider ones. */
#include <stdio.h>
#include <string.h>

#include "dnp3/error.h"
#include "gateway/command/command_kind.h"
#include "gateway/mapping/deadband.h"

enum { WIDEST = 3 };

static const char *read_key(void *user, const char *key, const json_t *value, bool *known)
{
    struct gw_command_deadband *deadband = &((struct gw_command *)user)->arguments.deadband;
    if (strcmp(key, "point") == 0) {
        const char *name = json_string_value(value);
        if (!name || !*name || strlen(name) >= sizeof deadband->point)
            return "point";
        memcpy(deadband->point, name, strlen(name) + 1);
        return NULL;
    }
    if (strcmp(key, "value") == 0) {
        deadband->has_value = json_is_number(value);
        deadband->value = json_number_value(value);
        return deadband->has_value ? NULL : "value";
    }
    *known = false;
    return NULL;
}

/* By the name that its topic has, be it the mapping's or type and index. */
static const struct gw_map_point *find_point(const struct gw_mapping *mapping, const char *name,
                                             uint32_t *index)
{
    static const char stem[] = "analog_input/";
    for (size_t i = 0; i < mapping->point_count; i++) {
        const struct gw_map_point *point = &mapping->points[i];
        if (point->type == DNP3_POINT_ANALOG_INPUT && point->name &&
            strcmp(point->name, name) == 0) {
            *index = point->index;
            return point;
        }
    }
    unsigned number;
    char end;
    if (strncmp(name, stem, sizeof stem - 1) != 0 ||
        sscanf(name + sizeof stem - 1, "%5u%c", &number, &end) != 1 || number > UINT16_MAX)
        return NULL;
    *index = number;
    const struct gw_map_point *point = gw_mapping_point(mapping, DNP3_POINT_ANALOG_INPUT, number);
    return point && gw_map_point_is_default(point) ? point : NULL;
}

static enum gw_verdict check(struct gw_command *command)
{
    struct gw_command_deadband *deadband = &command->arguments.deadband;
    if (!*deadband->point || !deadband->has_value) {
        command->detail = command->kind->usage;
        return GW_VERDICT_MALFORMED;
    }
    const struct gw_map_point *point =
        find_point(command->outstation->mapping, deadband->point, &deadband->wire.index);
    if (!point) {
        command->detail = "no analog_input of this outstation has that name";
        return GW_VERDICT_UNKNOWN_VALUE;
    }
    if (!gw_deadband_raw(point, deadband->value, &deadband->raw))
        return GW_VERDICT_OK;
    command->detail = "a dead-band is 0 or more, in the unit of its point";
    return GW_VERDICT_OUT_OF_RANGE;
}

static void written(struct dnp3_request *request);

static int write_variation(struct gw_command *command, uint8_t variation)
{
    struct gw_command_deadband *deadband = &command->arguments.deadband;
    deadband->wire.number = deadband->raw;
    command->headers[0] = (struct dnp3_request_header){
        .group = 34, .variation = variation, .points = &deadband->wire, .count = 1};
    command->request.done = written;
    return gw_command_request(command, DNP3_FUNCTION_WRITE, 1);
}

static void written(struct dnp3_request *request)
{
    struct gw_command *command = request->user;
    bool other = request->outcome == DNP3_OUTCOME_FAILED &&
                 request->iin & (DNP3_IIN_OBJECT_UNKNOWN | DNP3_IIN_PARAMETER_ERROR);
    uint8_t variation = command->headers[0].variation;
    if (other && variation < WIDEST && !write_variation(command, (uint8_t)(variation + 1)))
        return;
    gw_command_request_done(request);
}

static int start(struct gw_command *command)
{
    return write_variation(command, gw_deadband_variation(command->arguments.deadband.raw));
}

const struct gw_command_kind gw_command_deadband = {
    .usage = "deadband takes point (its name) and value (in its unit): "
             "{\"point\":\"current-a\",\"value\":5}",
    .writes = true,
    .read = read_key,
    .check = check,
    .start = start,
};
