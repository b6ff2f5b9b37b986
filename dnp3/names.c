/* SPDX-License-Identifier: Apache-2.0 */
/* Every name and text of the library, each expanded from the map that also gives its enum. */
#include <string.h>

#include "dnp3/app.h"
#include "dnp3/command.h"
#include "dnp3/error.h"
#include "dnp3/point.h"

const char *dnp3_error_text(int error)
{
    switch (error) {
    case DNP3_OK:
        return "ok";
#define X(name, value, text)                                                                       \
    case DNP3_ERR_##name:                                                                          \
        return text;
        DNP3_ERROR_MAP(X)
#undef X
    default:
        return "unknown error";
    }
}

const char *dnp3_function_name(uint8_t function)
{
    switch (function) {
#define X(name, value)                                                                             \
    case DNP3_FUNCTION_##name:                                                                     \
        return #name;
        DNP3_FUNCTION_MAP(X)
#undef X
    default:
        return NULL;
    }
}

const char *dnp3_iin_name(uint16_t bit)
{
    switch (bit) {
#define X(name, value)                                                                             \
    case DNP3_IIN_##name:                                                                          \
        return #name;
        DNP3_IIN_MAP(X)
#undef X
    default:
        return NULL;
    }
}

const char *dnp3_operation_name(uint8_t code)
{
    switch (code & 15) {
#define X(name, value, text)                                                                       \
    case DNP3_OPERATION_##name:                                                                    \
        return text;
        DNP3_OPERATION_MAP(X)
#undef X
    default:
        return NULL;
    }
}

const char *dnp3_trip_close_name(uint8_t code)
{
    switch (code >> 6) {
#define X(name, value, text)                                                                       \
    case DNP3_TRIP_CLOSE_##name:                                                                   \
        return text;
        DNP3_TRIP_CLOSE_MAP(X)
#undef X
    default:
        return NULL;
    }
}

const char *dnp3_status_name(uint8_t status)
{
    switch (status) {
#define X(name, value)                                                                             \
    case DNP3_STATUS_##name:                                                                       \
        return #name;
        DNP3_STATUS_MAP(X)
#undef X
    default:
        return NULL;
    }
}

static const char *const type_names[] = {
#define X(name, text) [DNP3_POINT_##name] = text,
    DNP3_POINT_TYPE_MAP(X)
#undef X
};

const char *dnp3_point_type_name(enum dnp3_point_type type)
{
    return type < DNP3_POINT_TYPES ? type_names[type] : "none";
}

int dnp3_point_type_from_name(const char *name)
{
    for (int type = 0; type < DNP3_POINT_TYPES; type++)
        if (strcmp(type_names[type], name) == 0)
            return type;
    return -1;
}

/* Bits 5 and 6, the two whose meaning depends on the type (11.6). */
static const char *upper_flag_name(enum dnp3_point_type type, uint8_t bit)
{
    switch (type) {
    case DNP3_POINT_BINARY_INPUT:
    case DNP3_POINT_DOUBLE_BIT_INPUT:
        return bit == DNP3_FLAG_CHATTER_FILTER ? "CHATTER_FILTER" : NULL;
    case DNP3_POINT_COUNTER:
    case DNP3_POINT_FROZEN_COUNTER:
        return bit == DNP3_FLAG_ROLLOVER ? "ROLLOVER" : "DISCONTINUITY";
    case DNP3_POINT_ANALOG_INPUT:
    case DNP3_POINT_FROZEN_ANALOG_INPUT:
    case DNP3_POINT_ANALOG_OUTPUT_STATUS:
        return bit == DNP3_FLAG_OVER_RANGE ? "OVER_RANGE" : "REFERENCE_ERR";
    default:
        return NULL;
    }
}

const char *dnp3_flag_name(enum dnp3_point_type type, uint8_t bit)
{
    if (type == DNP3_POINT_BINARY_COMMAND_EVENT || type == DNP3_POINT_ANALOG_COMMAND_EVENT)
        return NULL; /* a status code, not flags */
    switch (bit) {
    case DNP3_FLAG_ONLINE:
        return "ONLINE";
    case DNP3_FLAG_RESTART:
        return "RESTART";
    case DNP3_FLAG_COMM_LOST:
        return "COMM_LOST";
    case DNP3_FLAG_REMOTE_FORCED:
        return "REMOTE_FORCED";
    case DNP3_FLAG_LOCAL_FORCED:
        return "LOCAL_FORCED";
    case 0x20:
    case 0x40:
        return upper_flag_name(type, bit);
    default:
        return NULL;
    }
}
