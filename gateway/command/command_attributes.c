/* SPDX-License-Identifier: Apache-2.0 */
/* The command for device attributes (g0): what a device says about itself, one of a set, all, or
 * the list of those that there are; and written where it can be. */
#include <string.h>

#include "dnp3/attribute.h"
#include "dnp3/error.h"
#include "gateway/base/memory.h"
#include "gateway/command/command_items.h"
#include "gateway/command/command_kind.h"

enum { TEXT_MAX = 255 };

struct gw_command_attributes {
    uint8_t variation; /* 0: none given */
    uint8_t type;      /* 0: none given */
    json_type given;   /* what kind of value; JSON_NULL: none, it is read */
    int64_t integer;
    double real;
    char text[TEXT_MAX];
    uint16_t length;
    struct dnp3_attribute attribute; /* its set; when it is written all of it */
    bool finished;
    struct gw_command_items items;
};

static struct gw_command_attributes *attributes_of(const struct gw_command *command)
{
    return command->arguments.attributes;
}

static bool reads_only(const struct gw_command *command)
{
    const struct gw_command_attributes *attributes = attributes_of(command);
    return !attributes || attributes->given == JSON_NULL;
}

/* Keys */

static const char *read_attribute(struct gw_command_attributes *attributes, const json_t *value)
{
    json_int_t number = json_integer_value(value);
    int variation = json_is_string(value) ? dnp3_attribute_from_name(json_string_value(value))
                    : number > 0 && number <= 255 ? (int)number
                                                  : -1;
    if (variation < 0)
        return "attribute";
    attributes->variation = (uint8_t)variation;
    return NULL;
}

static const char *read_set(struct gw_command_attributes *attributes, const json_t *value)
{
    json_int_t set = json_integer_value(value);
    if (!json_is_integer(value) || set < 0 || set > UINT8_MAX)
        return "set";
    attributes->attribute.set = (uint32_t)set;
    return NULL;
}

static const char *read_type(struct gw_command_attributes *attributes, const json_t *value)
{
    static const uint8_t types[] = {DNP3_ATTRIBUTE_TYPE_VISIBLE_STRING,
                                    DNP3_ATTRIBUTE_TYPE_UNSIGNED, DNP3_ATTRIBUTE_TYPE_SIGNED,
                                    DNP3_ATTRIBUTE_TYPE_FLOAT, DNP3_ATTRIBUTE_TYPE_TIME};
    const char *word = json_string_value(value);
    for (size_t i = 0; word && i < sizeof types; i++)
        if (strcmp(word, dnp3_attribute_type_name(types[i])) == 0) {
            attributes->type = types[i];
            return NULL;
        }
    return "type";
}

static const char *read_value(struct gw_command_attributes *attributes, const json_t *value)
{
    size_t length = json_string_length(value);
    attributes->given = json_typeof(value);
    if (length > sizeof attributes->text || !(json_is_string(value) || json_is_number(value)))
        return "value";
    if (length)
        memcpy(attributes->text, json_string_value(value), length);
    attributes->length = (uint16_t)length;
    attributes->integer = json_integer_value(value);
    attributes->real = json_number_value(value);
    return NULL;
}

static struct gw_command_attributes *create(void)
{
    struct gw_command_attributes *attributes =
        gw_memory_allocate(GW_OWNER_CONTROLS, sizeof *attributes);
    if (attributes)
        attributes->given = JSON_NULL;
    return attributes;
}

static const char *read_key(void *user, const char *key, const json_t *value, bool *known)
{
    struct gw_command_attributes **place = &((struct gw_command *)user)->arguments.attributes;
    *known = strcmp(key, "attribute") == 0 || strcmp(key, "set") == 0 || strcmp(key, "type") == 0 ||
             strcmp(key, "value") == 0;
    if (!*known || json_is_null(value))
        return NULL;
    *place = *place ? *place : create();
    if (!*place)
        return "memory";
    if (strcmp(key, "attribute") == 0)
        return read_attribute(*place, value);
    if (strcmp(key, "set") == 0)
        return read_set(*place, value);
    return strcmp(key, "type") == 0 ? read_type(*place, value) : read_value(*place, value);
}

/* Checks */

static uint8_t type_of(const struct gw_command_attributes *attributes)
{
    if (attributes->type)
        return attributes->type;
    return attributes->given == JSON_STRING ? DNP3_ATTRIBUTE_TYPE_VISIBLE_STRING
           : attributes->given == JSON_REAL ? DNP3_ATTRIBUTE_TYPE_FLOAT
           : attributes->integer < 0        ? DNP3_ATTRIBUTE_TYPE_SIGNED
                                            : DNP3_ATTRIBUTE_TYPE_UNSIGNED;
}

/* The attribute that is written; false where type and value are no pair. */
static bool set_value(struct gw_command_attributes *attributes)
{
    struct dnp3_attribute *attribute = &attributes->attribute;
    bool integer = attributes->given == JSON_INTEGER;
    attribute->variation = attributes->variation;
    attribute->type = type_of(attributes);
    attribute->integer = attributes->integer; /* the union's, or `time_ms` */
    switch (attribute->type) {
    case DNP3_ATTRIBUTE_TYPE_VISIBLE_STRING:
        attribute->octets = (const uint8_t *)attributes->text;
        attribute->length = attributes->length;
        return attributes->given == JSON_STRING;
    case DNP3_ATTRIBUTE_TYPE_FLOAT:
        attribute->real = attributes->real;
        return attributes->given != JSON_STRING;
    case DNP3_ATTRIBUTE_TYPE_SIGNED:
        return integer;
    default:
        return integer && attributes->integer >= 0;
    }
}

static enum gw_verdict check(struct gw_command *command)
{
    struct gw_command_attributes **place = &command->arguments.attributes;
    *place = *place ? *place : create();
    if (!*place) {
        command->detail = "there is no memory";
        return GW_VERDICT_BUSY;
    }
    struct gw_command_attributes *attributes = *place;
    bool reads = attributes->given == JSON_NULL;
    bool one = attributes->variation && attributes->variation < DNP3_ATTRIBUTE_ALL;
    if (reads && !attributes->variation)
        attributes->variation = DNP3_ATTRIBUTE_ALL;
    if (reads ? !attributes->type : one && set_value(attributes))
        return GW_VERDICT_OK;
    command->detail = command->kind->usage;
    return GW_VERDICT_MALFORMED;
}

/* The request */

static void on_done(struct dnp3_request *request)
{
    attributes_of(request->user)->finished = true;
    gw_command_request_done(request);
}

static int start(struct gw_command *command)
{
    struct gw_command_attributes *attributes = attributes_of(command);
    bool reads = reads_only(command);
    if (!reads && attributes->attribute.type == DNP3_ATTRIBUTE_TYPE_TIME)
        attributes->attribute.time_ms =
            gw_time_zone_local(command->outstation->profile->time_zone, attributes->integer);
    command->headers[0] =
        (struct dnp3_request_header){.group = 0,
                                     .variation = attributes->variation,
                                     .ranged = true,
                                     .start = attributes->attribute.set,
                                     .stop = attributes->attribute.set,
                                     .attribute = reads ? NULL : &attributes->attribute};
    command->request.done = on_done;
    return gw_command_request(command, reads ? DNP3_FUNCTION_READ : DNP3_FUNCTION_WRITE, 1);
}

/* The result */

static void write_number(struct gw_json_writer *writer, const struct dnp3_attribute *attribute)
{
    switch (attribute->type) {
    case DNP3_ATTRIBUTE_TYPE_UNSIGNED:
        gw_json_unsigned(writer, attribute->natural);
        break;
    case DNP3_ATTRIBUTE_TYPE_SIGNED:
        gw_json_integer(writer, attribute->integer);
        break;
    case DNP3_ATTRIBUTE_TYPE_FLOAT:
        gw_json_number(writer, attribute->real);
        break;
    case DNP3_ATTRIBUTE_TYPE_TIME:
        gw_json_integer(writer, attribute->time_ms);
        break;
    default:
        gw_json_null(writer);
    }
}

static void write_list(struct gw_json_writer *writer, const struct dnp3_attribute *attribute)
{
    struct dnp3_attribute_entry entry;
    size_t place = 0;
    gw_json_begin(writer, '[');
    while (dnp3_attribute_entry(attribute, &place, &entry)) {
        gw_json_begin(writer, '{');
        gw_json_key(writer, "attribute");
        gw_json_string(writer, attribute->set ? NULL : dnp3_attribute_name(entry.variation));
        gw_json_key(writer, "variation");
        gw_json_unsigned(writer, entry.variation);
        gw_json_key(writer, "writable");
        gw_json_bool(writer, entry.writable);
        gw_json_finish(writer, '}');
    }
    gw_json_finish(writer, ']');
}

static void write_attribute(struct gw_json_writer *writer, const void *item)
{
    const struct dnp3_attribute *attribute = item;
    bool list = attribute->type == DNP3_ATTRIBUTE_TYPE_LIST ||
                attribute->type == DNP3_ATTRIBUTE_TYPE_EXTENDED_LIST;
    bool text = attribute->type == DNP3_ATTRIBUTE_TYPE_VISIBLE_STRING &&
                gw_json_is_text(attribute->octets, attribute->length);
    bool number = attribute->type >= DNP3_ATTRIBUTE_TYPE_UNSIGNED &&
                  attribute->type <= DNP3_ATTRIBUTE_TYPE_FLOAT;
    number |= attribute->type == DNP3_ATTRIBUTE_TYPE_TIME;
    gw_json_begin(writer, '{');
    gw_json_key(writer, "set");
    gw_json_unsigned(writer, attribute->set);
    gw_json_key(writer, "attribute");
    gw_json_string(writer, attribute->set ? NULL : dnp3_attribute_name(attribute->variation));
    gw_json_key(writer, "variation");
    gw_json_unsigned(writer, attribute->variation);
    gw_json_key(writer, "type");
    gw_json_string(writer, dnp3_attribute_type_name(attribute->type));
    gw_json_key(writer, "value");
    if (text)
        gw_json_text(writer, (const char *)attribute->octets, attribute->length);
    else
        write_number(writer, attribute);
    gw_json_key(writer, "base64");
    if (text || number || list)
        gw_json_null(writer);
    else
        gw_json_base64(writer, attribute->octets, attribute->length);
    gw_json_key(writer, "list");
    if (list)
        write_list(writer, attribute);
    else
        gw_json_null(writer);
    gw_json_finish(writer, '}');
}

void gw_command_attributes_add(struct gw_command *command, const struct dnp3_attribute *attribute)
{
    const struct gw_commands *commands = command->commands;
    struct dnp3_attribute shown = *attribute;
    bool sure;
    if (attribute->type == DNP3_ATTRIBUTE_TYPE_TIME)
        shown.time_ms =
            gw_time_zone_utc(command->outstation->profile->time_zone, attribute->time_ms,
                             commands->host.wall_ms(commands->user), &sure);
    if (reads_only(command) &&
        !gw_command_items_add(&attributes_of(command)->items, write_attribute, &shown))
        command->detail = "some are left out: no more than 65536 octets of them are told";
}

static void write_result(const struct gw_command *command, struct gw_json_writer *writer)
{
    const struct gw_command_attributes *attributes = attributes_of(command);
    gw_json_key(writer, "attributes");
    if (attributes && attributes->finished && reads_only(command))
        gw_command_items_write(&attributes->items, writer);
    else
        gw_json_null(writer);
}

static void release(struct gw_command *command)
{
    if (!attributes_of(command))
        return;
    gw_command_items_free(&attributes_of(command)->items);
    gw_memory_release(attributes_of(command));
}

const struct gw_command_kind gw_command_attributes = {
    .usage = "attributes takes attribute (its word or number, default all), set (default 0), and "
             "value with its type to write: {\"attribute\":\"location\",\"value\":\"Hilltop\"}",
    .writes = true,
    .reads_only = reads_only,
    .read = read_key,
    .check = check,
    .start = start,
    .write = write_result,
    .release = release,
};
