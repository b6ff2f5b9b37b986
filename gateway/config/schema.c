/* SPDX-License-Identifier: Apache-2.0 */
/* A table becomes an object's schema, a row a property. Keys that are not built yet are left out:
 * an editor marks them as the gateway does. */
#include "gateway/config/schema.h"

#include <stdio.h>
#include <string.h>

#include "gateway/config/config_keys.h"
#include "gateway/mapping/mapping_keys.h"

/* A definition that others refer to, of one or two tables. */
struct definition {
    const char *name;
    const struct gw_keys *tables[2];
};

static const struct definition gateway_definitions[] = {
    {"mqtt", {&gw_mqtt_keys, NULL}},
    {"topics", {&gw_topics_keys, NULL}},
    {"log", {&gw_log_keys, NULL}},
    {"spool", {&gw_spool_keys, NULL}},
    {"profile", {&gw_extends_keys, &gw_profile_keys}},
    {"assignment", {&gw_assigned_keys, NULL}},
    {"identity", {&gw_identity_keys, NULL}},
    {"poll", {&gw_poll_keys, NULL}},
    {"channel", {&gw_channel_keys, NULL}},
    {"outstation", {&gw_outstation_keys, &gw_profile_keys}},
};
static const struct definition mapping_definitions[] = {
    {"point", {&gw_point_keys, NULL}},
    {"control", {&gw_control_keys, NULL}},
    {"crob", {&gw_crob_keys, NULL}},
    {"feedback", {&gw_feedback_keys, NULL}},
};

static const struct kind {
    const char *name, *title;
    const struct gw_keys *top;
    const struct definition *definitions;
    size_t count;
} kinds[] = {
    {"gateway", "A gateway file of dnp3-mqtt", &gw_gateway_keys, gateway_definitions,
     sizeof gateway_definitions / sizeof *gateway_definitions},
    {"mapping", "A mapping file of dnp3-mqtt", &gw_mapping_keys, mapping_definitions,
     sizeof mapping_definitions / sizeof *mapping_definitions},
};

static void set(json_t *object, const char *key, const char *text)
{
    json_object_set_new(object, key, json_string(text));
}

static json_t *limit(double number)
{
    return number == (double)(json_int_t)number ? json_integer((json_int_t)number)
                                                : json_real(number);
}

static void set_limits(json_t *property, const struct gw_key *key)
{
    if (key->min == 0 && key->max == 0)
        return;
    json_object_set_new(property, "minimum", limit(key->min));
    json_object_set_new(property, "maximum", limit(key->max));
}

static json_t *words(const struct gw_word *word)
{
    json_t *list = json_array();
    for (; word->value != GW_WORDS_END; word++)
        if (word->value != GW_WORD_PLANNED)
            json_array_append_new(list, json_string(word->text));
    return list;
}

static json_t *property(const struct gw_key *key)
{
    json_t *schema = NULL;
    if (key->type == GW_KEY_OWN)
        schema = key->schema ? json_loads(key->schema, 0, NULL) : NULL;
    if (!schema)
        schema = json_object();
    switch (key->type) {
    case GW_KEY_OWN:
        break;
    case GW_KEY_NAME:
        set(schema, "pattern", "^[A-Za-z0-9][A-Za-z0-9_-]*$");
        /* fall through */
    case GW_KEY_TEXT:
        set(schema, "type", "string");
        break;
    case GW_KEY_BOOLEAN:
        set(schema, "type", "boolean");
        break;
    case GW_KEY_INTEGER:
        set(schema, "type", "integer");
        set_limits(schema, key);
        break;
    case GW_KEY_NUMBER:
    case GW_KEY_SECONDS:
        set(schema, "type", "number");
        set_limits(schema, key);
        break;
    case GW_KEY_WORD:
        json_object_set_new(schema, "enum", words(key->words));
        break;
    }
    if (!json_object_get(schema, "$ref")) {
        set(schema, "description", key->help);
        if (key->fallback)
            json_object_set_new(schema, "default",
                                json_loads(key->fallback, JSON_DECODE_ANY, NULL));
    }
    return schema;
}

static void add_table(json_t *properties, json_t *required, const struct gw_keys *keys)
{
    for (size_t i = 0; keys && i < keys->count; i++) {
        const struct gw_key *key = keys->rows + i;
        if (key->flags & GW_KEY_PLANNED)
            continue;
        json_object_set_new(properties, key->name, property(key));
        if (key->flags & GW_KEY_REQUIRED)
            json_array_append_new(required, json_string(key->name));
    }
}

static void fill_object(json_t *schema, const struct gw_keys *first, const struct gw_keys *second,
                        bool is_top)
{
    json_t *properties = json_object();
    json_t *required = json_array();
    set(schema, "type", "object");
    if (is_top)
        json_object_set_new(properties, "$schema", json_pack("{s:s}", "type", "string"));
    add_table(properties, required, first);
    add_table(properties, required, second);
    json_object_set_new(schema, "properties", properties);
    if (json_array_size(required))
        json_object_set(schema, "required", required);
    json_decref(required);
    json_object_set_new(schema, "additionalProperties", json_false());
}

char *gw_schema_text(const char *kind)
{
    const struct kind *found = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, kind) == 0)
            found = kinds + i;
    if (!found)
        return NULL;
    json_t *schema = json_object();
    set(schema, "$schema", "http://json-schema.org/draft-07/schema#");
    set(schema, "title", found->title);
    fill_object(schema, found->top, NULL, true);
    json_t *definitions = json_object();
    for (size_t i = 0; i < found->count; i++) {
        const struct definition *definition = found->definitions + i;
        json_t *object = json_object();
        fill_object(object, definition->tables[0], definition->tables[1], false);
        json_object_set_new(definitions, definition->name, object);
    }
    json_object_set_new(schema, "definitions", definitions);
    size_t size = json_dumpb(schema, NULL, 0, JSON_INDENT(2));
    char *text = gw_memory_allocate(GW_OWNER_CONFIG, size + 2);
    if (text) {
        json_dumpb(schema, text, size, JSON_INDENT(2));
        text[size] = '\n';
    }
    json_decref(schema);
    return text;
}
