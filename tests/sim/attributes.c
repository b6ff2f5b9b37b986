/* SPDX-License-Identifier: Apache-2.0 */
/* What a simulated outstation says about itself (group 0): names that tell it from its neighbours,
 * and its points as its database has them. The attributes for the site's staff can be written. */
#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "tests/sim/sim.h"

/* The sets: the standard's, and one of the user's with the seed of the values. */
enum { STANDARD_SET = 0, SIMULATION_SET = 1, SEED = 1 };
enum { ATTRIBUTES_MAX = 40, TEXT_MAX = 64, TEXTS = 3 };

/* Of a table: the rows, and room for the texts that the master may write. */
struct sim_attributes {
    struct dnp3_outstation_attribute rows[ATTRIBUTES_MAX];
    uint16_t count;
    char serial[TEXT_MAX];
    struct {
        uint8_t variation;
        char text[TEXT_MAX];
    } written[TEXTS];
    size_t texts;
};

/* What is counted of a type: how many points there are, the highest index, whether it has events;
 * 0 where the standard asks for no such attribute. */
static const struct {
    uint8_t type;
    uint8_t count;
    uint8_t max_index;
    uint8_t events;
} counted[] = {
    {DNP3_POINT_ANALOG_OUTPUT_STATUS, DNP3_ATTRIBUTE_ANALOG_OUTPUT_COUNT,
     DNP3_ATTRIBUTE_ANALOG_OUTPUT_MAX_INDEX, DNP3_ATTRIBUTE_ANALOG_OUTPUT_EVENTS},
    {DNP3_POINT_BINARY_OUTPUT_STATUS, DNP3_ATTRIBUTE_BINARY_OUTPUT_COUNT,
     DNP3_ATTRIBUTE_BINARY_OUTPUT_MAX_INDEX, DNP3_ATTRIBUTE_BINARY_OUTPUT_EVENTS},
    {DNP3_POINT_FROZEN_COUNTER, DNP3_ATTRIBUTE_FROZEN_COUNTERS, 0,
     DNP3_ATTRIBUTE_FROZEN_COUNTER_EVENTS},
    {DNP3_POINT_COUNTER, DNP3_ATTRIBUTE_COUNTER_COUNT, DNP3_ATTRIBUTE_COUNTER_MAX_INDEX,
     DNP3_ATTRIBUTE_COUNTER_EVENTS},
    {DNP3_POINT_FROZEN_ANALOG_INPUT, DNP3_ATTRIBUTE_FROZEN_ANALOG_INPUTS, 0, 0},
    {DNP3_POINT_ANALOG_INPUT, DNP3_ATTRIBUTE_ANALOG_INPUT_COUNT,
     DNP3_ATTRIBUTE_ANALOG_INPUT_MAX_INDEX, DNP3_ATTRIBUTE_ANALOG_INPUT_EVENTS},
    {DNP3_POINT_DOUBLE_BIT_INPUT, DNP3_ATTRIBUTE_DOUBLE_BIT_INPUT_COUNT,
     DNP3_ATTRIBUTE_DOUBLE_BIT_INPUT_MAX_INDEX, DNP3_ATTRIBUTE_DOUBLE_BIT_INPUT_EVENTS},
    {DNP3_POINT_BINARY_INPUT, DNP3_ATTRIBUTE_BINARY_INPUT_COUNT,
     DNP3_ATTRIBUTE_BINARY_INPUT_MAX_INDEX, DNP3_ATTRIBUTE_BINARY_INPUT_EVENTS},
};

static struct dnp3_attribute *add(struct sim_attributes *attributes, uint8_t variation,
                                  uint8_t type)
{
    struct dnp3_attribute *value = &attributes->rows[attributes->count++].value;
    value->set = STANDARD_SET;
    value->variation = variation;
    value->type = type;
    return value;
}

static void add_number(struct sim_attributes *attributes, uint8_t variation, uint64_t number)
{
    add(attributes, variation, DNP3_ATTRIBUTE_TYPE_UNSIGNED)->natural = number;
}

/* Whether a thing is supported, as the standard has it: a signed 1 or 0. */
static void add_support(struct sim_attributes *attributes, uint8_t variation, bool supported)
{
    add(attributes, variation, DNP3_ATTRIBUTE_TYPE_SIGNED)->integer = supported;
}

static void set_text(struct dnp3_attribute *value, const char *text)
{
    size_t length = strlen(text);
    value->length = (uint16_t)(length < UINT8_MAX ? length : UINT8_MAX);
    value->octets = (const uint8_t *)text;
}

static void add_text(struct sim_attributes *attributes, uint8_t variation, const char *text)
{
    set_text(add(attributes, variation, DNP3_ATTRIBUTE_TYPE_VISIBLE_STRING), text);
}

/* A text that the master may change. */
static void add_writable(struct sim_attributes *attributes, uint8_t variation, const char *text)
{
    size_t at = attributes->texts++;
    attributes->written[at].variation = variation;
    snprintf(attributes->written[at].text, TEXT_MAX, "%s", text);
    attributes->rows[attributes->count].writable = true;
    add_text(attributes, variation, attributes->written[at].text);
}

static void add_counts(struct sim_attributes *attributes,
                       const struct dnp3_outstation_config *engine)
{
    for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++) {
        uint32_t count = engine->database.count[counted[i].type];
        if (counted[i].events)
            add_support(attributes, counted[i].events, count > 0);
        if (counted[i].max_index && count)
            add_number(attributes, counted[i].max_index, count - 1);
        if (counted[i].max_index)
            add_number(attributes, counted[i].count, count);
        else
            add_support(attributes, counted[i].count, count > 0);
    }
}

int sim_attributes_init(struct sim_outstation *outstation, struct dnp3_outstation_config *engine)
{
    struct sim_attributes *attributes =
        gw_memory_allocate(GW_OWNER_OUTSTATIONS, sizeof *attributes);
    const struct gw_mapping *mapping = outstation->config->mapping;
    if (!attributes)
        return -1;
    outstation->attributes = attributes;
    snprintf(attributes->serial, TEXT_MAX, "SIM-%05u", (unsigned)engine->address);
    add_number(attributes, DNP3_ATTRIBUTE_USER_ATTRIBUTE_SETS, 1);
    add_number(attributes, DNP3_ATTRIBUTE_MAX_BINARY_OUTPUTS_PER_REQUEST, engine->max_controls);
    add_counts(attributes, engine);
    add_number(attributes, DNP3_ATTRIBUTE_MAX_TRANSMIT_FRAGMENT, engine->max_tx_fragment);
    add_number(attributes, DNP3_ATTRIBUTE_MAX_RECEIVE_FRAGMENT, engine->max_rx_fragment);
    add_text(attributes, DNP3_ATTRIBUTE_SOFTWARE_VERSION, GW_VERSION);
    add_text(attributes, DNP3_ATTRIBUTE_HARDWARE_VERSION, "simulated");
    add_writable(attributes, DNP3_ATTRIBUTE_LOCATION, "");
    add_writable(attributes, DNP3_ATTRIBUTE_ID_CODE, "");
    add_writable(attributes, DNP3_ATTRIBUTE_DEVICE_NAME, outstation->config->name);
    add_text(attributes, DNP3_ATTRIBUTE_SERIAL_NUMBER, attributes->serial);
    add_text(attributes, DNP3_ATTRIBUTE_SUBSET, "3:2012");
    add_text(attributes, DNP3_ATTRIBUTE_PRODUCT,
             mapping && mapping->device ? mapping->device : "dnp3-sim");
    add_text(attributes, DNP3_ATTRIBUTE_MANUFACTURER, "dnp3-mqtt");
    add_number(attributes, SEED, outstation->sim->options.seed);
    attributes->rows[attributes->count - 1].value.set = SIMULATION_SET;
    engine->attributes = attributes->rows;
    engine->attribute_count = attributes->count;
    return 0;
}

bool sim_attribute_write(void *user, const struct dnp3_attribute *attribute)
{
    struct sim_outstation *outstation = user;
    struct sim_attributes *attributes = outstation->attributes;
    if (attribute->length >= TEXT_MAX || memchr(attribute->octets, '\0', attribute->length))
        return false;
    for (size_t i = 0; i < attributes->texts; i++) {
        char *text = attributes->written[i].text;
        if (attributes->written[i].variation != attribute->variation)
            continue;
        memcpy(text, attribute->octets, attribute->length);
        text[attribute->length] = '\0';
        for (size_t row = 0; row < attributes->count; row++)
            if (attributes->rows[row].value.octets == (const uint8_t *)text)
                attributes->rows[row].value.length = attribute->length;
        gw_log(GW_LOG_INFO, outstation->config->name, "attribute %s: %s",
               dnp3_attribute_name(attribute->variation), text);
    }
    return true;
}

void sim_attributes_release(struct sim_outstation *outstation)
{
    gw_memory_release(outstation->attributes);
}
