/* SPDX-License-Identifier: Apache-2.0 */
/* Device attributes, group 0: what a device says about itself (IEEE 1815-2012 A.1). The variation
 * is the attribute, the header's range or index the set it belongs to: set 0 is the standard's own,
 * others are the user's. */
#ifndef DNP3_ATTRIBUTE_H
#define DNP3_ATTRIBUTE_H

#include "dnp3/objects.h"

/* Attribute data type codes. A list longer than 255 octets is EXTENDED_LIST: its length octet
 * counts from 256. */
#define DNP3_ATTRIBUTE_TYPE_MAP(X)                                                                 \
    X(VISIBLE_STRING, 1, "visible_string")                                                         \
    X(UNSIGNED, 2, "unsigned")                                                                     \
    X(SIGNED, 3, "signed")                                                                         \
    X(FLOAT, 4, "float")                                                                           \
    X(OCTET_STRING, 5, "octet_string")                                                             \
    X(BIT_STRING, 6, "bit_string")                                                                 \
    X(TIME, 7, "time")                                                                             \
    X(LIST, 254, "list")                                                                           \
    X(EXTENDED_LIST, 255, "extended_list")

enum dnp3_attribute_type {
#define X(name, value, text) DNP3_ATTRIBUTE_TYPE_##name = (value),
    DNP3_ATTRIBUTE_TYPE_MAP(X)
#undef X
};

/* The attributes of set 0. ALL asks for every attribute in one READ, VARIATIONS for the list of
 * those that there are. */
#define DNP3_ATTRIBUTE_MAP(X)                                                                      \
    X(CONFIGURATION_ID, 196, "configuration_id")                                                   \
    X(CONFIGURATION_VERSION, 197, "configuration_version")                                         \
    X(CONFIGURATION_BUILD_DATE, 198, "configuration_build_date")                                   \
    X(CONFIGURATION_CHANGE_DATE, 199, "configuration_change_date")                                 \
    X(CONFIGURATION_SIGNATURE, 200, "configuration_signature")                                     \
    X(CONFIGURATION_SIGNATURE_ALGORITHM, 201, "configuration_signature_algorithm")                 \
    X(MASTER_RESOURCE_ID, 202, "master_resource_id")                                               \
    X(ALTITUDE, 203, "altitude")                                                                   \
    X(LONGITUDE, 204, "longitude")                                                                 \
    X(LATITUDE, 205, "latitude")                                                                   \
    X(SECONDARY_OPERATOR, 206, "secondary_operator")                                               \
    X(PRIMARY_OPERATOR, 207, "primary_operator")                                                   \
    X(SYSTEM_NAME, 208, "system_name")                                                             \
    X(AUTHENTICATION_VERSION, 209, "authentication_version")                                       \
    X(SECURITY_STATISTICS, 210, "security_statistics")                                             \
    X(USER_ATTRIBUTE_SETS, 211, "user_attribute_sets")                                             \
    X(MASTER_DATA_SET_PROTOTYPES, 212, "master_data_set_prototypes")                               \
    X(OUTSTATION_DATA_SET_PROTOTYPES, 213, "outstation_data_set_prototypes")                       \
    X(MASTER_DATA_SETS, 214, "master_data_sets")                                                   \
    X(OUTSTATION_DATA_SETS, 215, "outstation_data_sets")                                           \
    X(MAX_BINARY_OUTPUTS_PER_REQUEST, 216, "max_binary_outputs_per_request")                       \
    X(TIMING_ACCURACY, 217, "timing_accuracy")                                                     \
    X(TIMING_ACCURACY_DURATION, 218, "timing_accuracy_duration")                                   \
    X(ANALOG_OUTPUT_EVENTS, 219, "analog_output_events")                                           \
    X(ANALOG_OUTPUT_MAX_INDEX, 220, "analog_output_max_index")                                     \
    X(ANALOG_OUTPUT_COUNT, 221, "analog_output_count")                                             \
    X(BINARY_OUTPUT_EVENTS, 222, "binary_output_events")                                           \
    X(BINARY_OUTPUT_MAX_INDEX, 223, "binary_output_max_index")                                     \
    X(BINARY_OUTPUT_COUNT, 224, "binary_output_count")                                             \
    X(FROZEN_COUNTER_EVENTS, 225, "frozen_counter_events")                                         \
    X(FROZEN_COUNTERS, 226, "frozen_counters")                                                     \
    X(COUNTER_EVENTS, 227, "counter_events")                                                       \
    X(COUNTER_MAX_INDEX, 228, "counter_max_index")                                                 \
    X(COUNTER_COUNT, 229, "counter_count")                                                         \
    X(FROZEN_ANALOG_INPUTS, 230, "frozen_analog_inputs")                                           \
    X(ANALOG_INPUT_EVENTS, 231, "analog_input_events")                                             \
    X(ANALOG_INPUT_MAX_INDEX, 232, "analog_input_max_index")                                       \
    X(ANALOG_INPUT_COUNT, 233, "analog_input_count")                                               \
    X(DOUBLE_BIT_INPUT_EVENTS, 234, "double_bit_input_events")                                     \
    X(DOUBLE_BIT_INPUT_MAX_INDEX, 235, "double_bit_input_max_index")                               \
    X(DOUBLE_BIT_INPUT_COUNT, 236, "double_bit_input_count")                                       \
    X(BINARY_INPUT_EVENTS, 237, "binary_input_events")                                             \
    X(BINARY_INPUT_MAX_INDEX, 238, "binary_input_max_index")                                       \
    X(BINARY_INPUT_COUNT, 239, "binary_input_count")                                               \
    X(MAX_TRANSMIT_FRAGMENT, 240, "max_transmit_fragment")                                         \
    X(MAX_RECEIVE_FRAGMENT, 241, "max_receive_fragment")                                           \
    X(SOFTWARE_VERSION, 242, "software_version")                                                   \
    X(HARDWARE_VERSION, 243, "hardware_version")                                                   \
    X(LOCATION, 245, "location")                                                                   \
    X(ID_CODE, 246, "id_code")                                                                     \
    X(DEVICE_NAME, 247, "device_name")                                                             \
    X(SERIAL_NUMBER, 248, "serial_number")                                                         \
    X(SUBSET, 249, "subset")                                                                       \
    X(PRODUCT, 250, "product")                                                                     \
    X(MANUFACTURER, 252, "manufacturer")                                                           \
    X(ALL, 254, "all")                                                                             \
    X(VARIATIONS, 255, "variations")

enum dnp3_attribute_variation {
#define X(name, value, text) DNP3_ATTRIBUTE_##name = (value),
    DNP3_ATTRIBUTE_MAP(X)
#undef X
};

/* The word of an attribute of set 0 ("serial_number"), or NULL where the standard has none. */
const char *dnp3_attribute_name(uint8_t variation);
/* The variation of a word, or -1. */
int dnp3_attribute_from_name(const char *name);
/* The word of a data type ("unsigned"), or NULL. */
const char *dnp3_attribute_type_name(uint8_t type);

/* One attribute. `octets` and `length` are its value as on the wire, and the whole of it for
 * strings, lists and types that the standard does not define; numbers are read out beside. The
 * octets live as long as the fragment. */
struct dnp3_attribute {
    uint32_t set;
    uint8_t variation;
    uint8_t type;    /* enum dnp3_attribute_type */
    uint16_t length; /* octets */
    const uint8_t *octets;
    union {
        uint64_t natural; /* UNSIGNED */
        int64_t integer;  /* SIGNED */
        double real;      /* FLOAT */
        int64_t time_ms;  /* TIME: ms since 1970 */
    };
};

/* The next attribute of a header of group 0. False at the end, and with `items->error` MALFORMED
 * (the rest passed over) for a number whose length its type cannot have: integers are of 1 to 8
 * octets, floats of 4 or 8, times of 6. */
bool dnp3_items_attribute(struct dnp3_items *items, struct dnp3_reader *in,
                          struct dnp3_attribute *attribute);

/* One entry of a list: a variation that the device has, and what may be done with it. */
struct dnp3_attribute_entry {
    uint8_t variation;
    bool writable;
};

/* The next entry of an attribute of type LIST or EXTENDED_LIST, from `*place` on, which starts at
 * 0. False at the end, and at once for other types. */
bool dnp3_attribute_entry(const struct dnp3_attribute *list, size_t *place,
                          struct dnp3_attribute_entry *entry);

/* Writes type, length and value; header and index are the caller's. Numbers are written from the
 * union, in `length` octets, or for 0 in the fewest of 1, 2, 4, 8 that hold them; all else from
 * `octets`. A LIST longer than 255 octets becomes EXTENDED_LIST. RANGE where the value or its
 * length cannot be; FULL. */
int dnp3_attribute_write(struct dnp3_writer *out, const struct dnp3_attribute *attribute);

#endif
