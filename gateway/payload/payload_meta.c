/* SPDX-License-Identifier: Apache-2.0 */
/* The meta message: what an outstation's points and controls are, for consumers that build their
 * tags from it. Only what is set is written. */
#include "gateway/payload/payload.h"

#include "gateway/base/json_writer.h"
#include "gateway/config/config.h"

enum { COUNTER_BITS = 32 }; /* of the wire's widest counter */

static void write_string(struct gw_json_writer *writer, const char *key, const char *text)
{
    gw_json_key(writer, key);
    gw_json_string(writer, text);
}

static void write_optional(struct gw_json_writer *writer, const char *key, const char *text)
{
    if (text)
        write_string(writer, key, text);
}

static void write_number(struct gw_json_writer *writer, const char *key, double number)
{
    gw_json_key(writer, key);
    gw_json_number(writer, number);
}

static void write_states(struct gw_json_writer *writer, const struct gw_map_point *point)
{
    static const char *const binary[] = {"off", "on"};
    static const char *const double_bit[] = {"intermediate", "off", "on", "indeterminate"};
    bool two_bits = point->type == DNP3_POINT_DOUBLE_BIT_INPUT;
    gw_json_key(writer, "states");
    gw_json_begin(writer, '{');
    for (size_t i = 0; i < (two_bits ? 4 : 2); i++)
        write_string(writer, two_bits ? double_bit[i] : binary[i], point->states[i]);
    gw_json_finish(writer, '}');
}

static void write_point(struct gw_json_writer *writer, const struct gw_map_point *point)
{
    char name[64];
    gw_json_key_string(writer, gw_map_point_name(point, point->index, name, sizeof name));
    gw_json_begin(writer, '{');
    write_string(writer, "type", dnp3_point_type_name(point->type));
    gw_json_key(writer, "index");
    gw_json_unsigned(writer, point->index);
    write_optional(writer, "label", point->label);
    if (point->own_states)
        write_states(writer, point);
    write_optional(writer, "unit", point->unit);
    if (point->scaled) {
        write_number(writer, "scale", point->scale);
        if (point->offset != 0)
            write_number(writer, "offset", point->offset);
    }
    if (point->type == DNP3_POINT_COUNTER || point->type == DNP3_POINT_FROZEN_COUNTER) {
        gw_json_key(writer, "bits");
        gw_json_unsigned(writer, COUNTER_BITS);
    }
    gw_json_finish(writer, '}');
}

static void write_requirements(struct gw_json_writer *writer, const struct gw_map_control *control)
{
    if (!control->require_id && !control->require_expires)
        return;
    gw_json_key(writer, "require");
    gw_json_begin(writer, '[');
    if (control->require_id)
        gw_json_word(writer, "id");
    if (control->require_expires)
        gw_json_word(writer, "expires");
    gw_json_finish(writer, ']');
}

static void write_control(struct gw_json_writer *writer, const struct gw_map_control *control)
{
    bool analog = control->type == GW_CONTROL_ANALOG_OUTPUT;
    gw_json_key_string(writer, control->name);
    gw_json_begin(writer, '{');
    write_string(writer, "type", analog ? "analog_output" : "binary_output");
    gw_json_key(writer, "index");
    gw_json_unsigned(writer, control->index);
    write_optional(writer, "label", control->label);
    if (control->state_count) {
        gw_json_key(writer, "values");
        gw_json_begin(writer, '[');
        for (size_t i = 0; i < control->state_count; i++)
            gw_json_string(writer, control->states[i].word);
        gw_json_finish(writer, ']');
    }
    write_optional(writer, "unit", control->unit);
    if (analog) {
        write_number(writer, "min", control->min);
        write_number(writer, "max", control->max);
    }
    if (control->feedback) {
        char name[64];
        write_string(
            writer, "feedback",
            gw_map_point_name(control->feedback, control->feedback->index, name, sizeof name));
    }
    write_requirements(writer, control);
    if (control->arm_ms)
        write_number(writer, "arm_s", control->arm_ms / 1000.0);
    gw_json_finish(writer, '}');
}

int gw_payload_meta(char *buffer, size_t size, const struct gw_config *config,
                    const struct gw_outstation_config *outstation)
{
    const struct gw_mapping *mapping = outstation->mapping;
    struct gw_json_writer writer = gw_json_writer_of(buffer, size);
    gw_json_begin(&writer, '{');
    write_string(&writer, "outstation", outstation->name);
    write_string(&writer, "label", outstation->label);
    write_string(&writer, "device", mapping->device);
    write_string(&writer, "mapping", mapping->file);
    write_string(&writer, "revision", config->revision);
    gw_json_key(&writer, "vars");
    gw_json_begin(&writer, '{');
    for (size_t i = 0; i < outstation->var_count; i++) {
        gw_json_key_string(&writer, outstation->vars[i].name);
        gw_json_string(&writer, outstation->vars[i].value);
    }
    gw_json_finish(&writer, '}');
    gw_json_key(&writer, "points");
    gw_json_begin(&writer, '{');
    for (size_t i = 0; i < mapping->point_count; i++)
        if (mapping->points[i].publish != GW_PUBLISH_NEVER)
            write_point(&writer, &mapping->points[i]);
    gw_json_finish(&writer, '}');
    gw_json_key(&writer, "controls");
    gw_json_begin(&writer, '{');
    for (size_t i = 0; outstation->controls && i < mapping->control_count; i++)
        write_control(&writer, &mapping->controls[i]);
    gw_json_finish(&writer, '}');
    gw_json_finish(&writer, '}');
    return gw_json_end(&writer);
}
