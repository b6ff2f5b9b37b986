/* SPDX-License-Identifier: Apache-2.0 */
/* Annex A of IEEE 1815-2012 as data: a row a variation. The readers and writers beside this file
 * know encodings, not groups; a variation that uses known encodings is added here and nowhere
 * else. */
#include "dnp3/object_internal.h"

/* Columns: group, variation, kind, point type (TYPES: none), value encoding, flags octet or BARE,
 * time after the value, octets after that which are passed over, and whether it is a DELTA.
 * Sorted by group and variation. */
#define ROWS(X)                                                                                    \
    X(1, 0, STATIC, BINARY_INPUT, NONE, BARE, NO_TIME, 0, TOTAL)                                   \
    X(1, 1, STATIC, BINARY_INPUT, BIT, BARE, NO_TIME, 0, TOTAL)                                    \
    X(1, 2, STATIC, BINARY_INPUT, FLAG, FLAGS, NO_TIME, 0, TOTAL)                                  \
    X(2, 0, EVENT, BINARY_INPUT, NONE, BARE, NO_TIME, 0, TOTAL)                                    \
    X(2, 1, EVENT, BINARY_INPUT, FLAG, FLAGS, NO_TIME, 0, TOTAL)                                   \
    X(2, 2, EVENT, BINARY_INPUT, FLAG, FLAGS, TIME48, 0, TOTAL)                                    \
    X(2, 3, EVENT, BINARY_INPUT, FLAG, FLAGS, TIME16, 0, TOTAL)                                    \
    X(3, 0, STATIC, DOUBLE_BIT_INPUT, NONE, BARE, NO_TIME, 0, TOTAL)                               \
    X(3, 1, STATIC, DOUBLE_BIT_INPUT, BIT2, BARE, NO_TIME, 0, TOTAL)                               \
    X(3, 2, STATIC, DOUBLE_BIT_INPUT, FLAG2, FLAGS, NO_TIME, 0, TOTAL)                             \
    X(4, 0, EVENT, DOUBLE_BIT_INPUT, NONE, BARE, NO_TIME, 0, TOTAL)                                \
    X(4, 1, EVENT, DOUBLE_BIT_INPUT, FLAG2, FLAGS, NO_TIME, 0, TOTAL)                              \
    X(4, 2, EVENT, DOUBLE_BIT_INPUT, FLAG2, FLAGS, TIME48, 0, TOTAL)                               \
    X(4, 3, EVENT, DOUBLE_BIT_INPUT, FLAG2, FLAGS, TIME16, 0, TOTAL)                               \
    X(10, 0, STATIC, BINARY_OUTPUT_STATUS, NONE, BARE, NO_TIME, 0, TOTAL)                          \
    X(10, 1, STATIC, BINARY_OUTPUT_STATUS, BIT, BARE, NO_TIME, 0, TOTAL)                           \
    X(10, 2, STATIC, BINARY_OUTPUT_STATUS, FLAG, FLAGS, NO_TIME, 0, TOTAL)                         \
    X(11, 0, EVENT, BINARY_OUTPUT_STATUS, NONE, BARE, NO_TIME, 0, TOTAL)                           \
    X(11, 1, EVENT, BINARY_OUTPUT_STATUS, FLAG, FLAGS, NO_TIME, 0, TOTAL)                          \
    X(11, 2, EVENT, BINARY_OUTPUT_STATUS, FLAG, FLAGS, TIME48, 0, TOTAL)                           \
    X(12, 0, COMMAND, TYPES, NONE, BARE, NO_TIME, 0, TOTAL)                                        \
    X(12, 1, COMMAND, TYPES, CROB, FLAGS, NO_TIME, 0, TOTAL)                                       \
    X(12, 2, PATTERN, TYPES, CROB, FLAGS, NO_TIME, 0, TOTAL)                                       \
    X(12, 3, PATTERN, TYPES, BIT, BARE, NO_TIME, 0, TOTAL)                                         \
    X(13, 0, EVENT, BINARY_COMMAND_EVENT, NONE, BARE, NO_TIME, 0, TOTAL)                           \
    X(13, 1, EVENT, BINARY_COMMAND_EVENT, FLAG, FLAGS, NO_TIME, 0, TOTAL)                          \
    X(13, 2, EVENT, BINARY_COMMAND_EVENT, FLAG, FLAGS, TIME48, 0, TOTAL)                           \
    X(20, 0, STATIC, COUNTER, NONE, BARE, NO_TIME, 0, TOTAL)                                       \
    X(20, 1, STATIC, COUNTER, U32, FLAGS, NO_TIME, 0, TOTAL)                                       \
    X(20, 2, STATIC, COUNTER, U16, FLAGS, NO_TIME, 0, TOTAL)                                       \
    X(20, 3, STATIC, COUNTER, U32, FLAGS, NO_TIME, 0, DELTA)                                       \
    X(20, 4, STATIC, COUNTER, U16, FLAGS, NO_TIME, 0, DELTA)                                       \
    X(20, 5, STATIC, COUNTER, U32, BARE, NO_TIME, 0, TOTAL)                                        \
    X(20, 6, STATIC, COUNTER, U16, BARE, NO_TIME, 0, TOTAL)                                        \
    X(20, 7, STATIC, COUNTER, U32, BARE, NO_TIME, 0, DELTA)                                        \
    X(20, 8, STATIC, COUNTER, U16, BARE, NO_TIME, 0, DELTA)                                        \
    X(21, 0, STATIC, FROZEN_COUNTER, NONE, BARE, NO_TIME, 0, TOTAL)                                \
    X(21, 1, STATIC, FROZEN_COUNTER, U32, FLAGS, NO_TIME, 0, TOTAL)                                \
    X(21, 2, STATIC, FROZEN_COUNTER, U16, FLAGS, NO_TIME, 0, TOTAL)                                \
    X(21, 3, STATIC, FROZEN_COUNTER, U32, FLAGS, NO_TIME, 0, DELTA)                                \
    X(21, 4, STATIC, FROZEN_COUNTER, U16, FLAGS, NO_TIME, 0, DELTA)                                \
    X(21, 5, STATIC, FROZEN_COUNTER, U32, FLAGS, TIME48, 0, TOTAL)                                 \
    X(21, 6, STATIC, FROZEN_COUNTER, U16, FLAGS, TIME48, 0, TOTAL)                                 \
    X(21, 7, STATIC, FROZEN_COUNTER, U32, FLAGS, TIME48, 0, DELTA)                                 \
    X(21, 8, STATIC, FROZEN_COUNTER, U16, FLAGS, TIME48, 0, DELTA)                                 \
    X(21, 9, STATIC, FROZEN_COUNTER, U32, BARE, NO_TIME, 0, TOTAL)                                 \
    X(21, 10, STATIC, FROZEN_COUNTER, U16, BARE, NO_TIME, 0, TOTAL)                                \
    X(21, 11, STATIC, FROZEN_COUNTER, U32, BARE, NO_TIME, 0, DELTA)                                \
    X(21, 12, STATIC, FROZEN_COUNTER, U16, BARE, NO_TIME, 0, DELTA)                                \
    X(22, 0, EVENT, COUNTER, NONE, BARE, NO_TIME, 0, TOTAL)                                        \
    X(22, 1, EVENT, COUNTER, U32, FLAGS, NO_TIME, 0, TOTAL)                                        \
    X(22, 2, EVENT, COUNTER, U16, FLAGS, NO_TIME, 0, TOTAL)                                        \
    X(22, 3, EVENT, COUNTER, U32, FLAGS, NO_TIME, 0, DELTA)                                        \
    X(22, 4, EVENT, COUNTER, U16, FLAGS, NO_TIME, 0, DELTA)                                        \
    X(22, 5, EVENT, COUNTER, U32, FLAGS, TIME48, 0, TOTAL)                                         \
    X(22, 6, EVENT, COUNTER, U16, FLAGS, TIME48, 0, TOTAL)                                         \
    X(22, 7, EVENT, COUNTER, U32, FLAGS, TIME48, 0, DELTA)                                         \
    X(22, 8, EVENT, COUNTER, U16, FLAGS, TIME48, 0, DELTA)                                         \
    X(23, 0, EVENT, FROZEN_COUNTER, NONE, BARE, NO_TIME, 0, TOTAL)                                 \
    X(23, 1, EVENT, FROZEN_COUNTER, U32, FLAGS, NO_TIME, 0, TOTAL)                                 \
    X(23, 2, EVENT, FROZEN_COUNTER, U16, FLAGS, NO_TIME, 0, TOTAL)                                 \
    X(23, 3, EVENT, FROZEN_COUNTER, U32, FLAGS, NO_TIME, 0, DELTA)                                 \
    X(23, 4, EVENT, FROZEN_COUNTER, U16, FLAGS, NO_TIME, 0, DELTA)                                 \
    X(23, 5, EVENT, FROZEN_COUNTER, U32, FLAGS, TIME48, 0, TOTAL)                                  \
    X(23, 6, EVENT, FROZEN_COUNTER, U16, FLAGS, TIME48, 0, TOTAL)                                  \
    X(23, 7, EVENT, FROZEN_COUNTER, U32, FLAGS, TIME48, 0, DELTA)                                  \
    X(23, 8, EVENT, FROZEN_COUNTER, U16, FLAGS, TIME48, 0, DELTA)                                  \
    X(30, 0, STATIC, ANALOG_INPUT, NONE, BARE, NO_TIME, 0, TOTAL)                                  \
    X(30, 1, STATIC, ANALOG_INPUT, I32, FLAGS, NO_TIME, 0, TOTAL)                                  \
    X(30, 2, STATIC, ANALOG_INPUT, I16, FLAGS, NO_TIME, 0, TOTAL)                                  \
    X(30, 3, STATIC, ANALOG_INPUT, I32, BARE, NO_TIME, 0, TOTAL)                                   \
    X(30, 4, STATIC, ANALOG_INPUT, I16, BARE, NO_TIME, 0, TOTAL)                                   \
    X(30, 5, STATIC, ANALOG_INPUT, F32, FLAGS, NO_TIME, 0, TOTAL)                                  \
    X(30, 6, STATIC, ANALOG_INPUT, F64, FLAGS, NO_TIME, 0, TOTAL)                                  \
    X(31, 0, STATIC, FROZEN_ANALOG_INPUT, NONE, BARE, NO_TIME, 0, TOTAL)                           \
    X(31, 1, STATIC, FROZEN_ANALOG_INPUT, I32, FLAGS, NO_TIME, 0, TOTAL)                           \
    X(31, 2, STATIC, FROZEN_ANALOG_INPUT, I16, FLAGS, NO_TIME, 0, TOTAL)                           \
    X(31, 3, STATIC, FROZEN_ANALOG_INPUT, I32, FLAGS, TIME48, 0, TOTAL)                            \
    X(31, 4, STATIC, FROZEN_ANALOG_INPUT, I16, FLAGS, TIME48, 0, TOTAL)                            \
    X(31, 5, STATIC, FROZEN_ANALOG_INPUT, I32, BARE, NO_TIME, 0, TOTAL)                            \
    X(31, 6, STATIC, FROZEN_ANALOG_INPUT, I16, BARE, NO_TIME, 0, TOTAL)                            \
    X(31, 7, STATIC, FROZEN_ANALOG_INPUT, F32, FLAGS, NO_TIME, 0, TOTAL)                           \
    X(31, 8, STATIC, FROZEN_ANALOG_INPUT, F64, FLAGS, NO_TIME, 0, TOTAL)                           \
    X(32, 0, EVENT, ANALOG_INPUT, NONE, BARE, NO_TIME, 0, TOTAL)                                   \
    X(32, 1, EVENT, ANALOG_INPUT, I32, FLAGS, NO_TIME, 0, TOTAL)                                   \
    X(32, 2, EVENT, ANALOG_INPUT, I16, FLAGS, NO_TIME, 0, TOTAL)                                   \
    X(32, 3, EVENT, ANALOG_INPUT, I32, FLAGS, TIME48, 0, TOTAL)                                    \
    X(32, 4, EVENT, ANALOG_INPUT, I16, FLAGS, TIME48, 0, TOTAL)                                    \
    X(32, 5, EVENT, ANALOG_INPUT, F32, FLAGS, NO_TIME, 0, TOTAL)                                   \
    X(32, 6, EVENT, ANALOG_INPUT, F64, FLAGS, NO_TIME, 0, TOTAL)                                   \
    X(32, 7, EVENT, ANALOG_INPUT, F32, FLAGS, TIME48, 0, TOTAL)                                    \
    X(32, 8, EVENT, ANALOG_INPUT, F64, FLAGS, TIME48, 0, TOTAL)                                    \
    X(33, 0, EVENT, FROZEN_ANALOG_INPUT, NONE, BARE, NO_TIME, 0, TOTAL)                            \
    X(33, 1, EVENT, FROZEN_ANALOG_INPUT, I32, FLAGS, NO_TIME, 0, TOTAL)                            \
    X(33, 2, EVENT, FROZEN_ANALOG_INPUT, I16, FLAGS, NO_TIME, 0, TOTAL)                            \
    X(33, 3, EVENT, FROZEN_ANALOG_INPUT, I32, FLAGS, TIME48, 0, TOTAL)                             \
    X(33, 4, EVENT, FROZEN_ANALOG_INPUT, I16, FLAGS, TIME48, 0, TOTAL)                             \
    X(33, 5, EVENT, FROZEN_ANALOG_INPUT, F32, FLAGS, NO_TIME, 0, TOTAL)                            \
    X(33, 6, EVENT, FROZEN_ANALOG_INPUT, F64, FLAGS, NO_TIME, 0, TOTAL)                            \
    X(33, 7, EVENT, FROZEN_ANALOG_INPUT, F32, FLAGS, TIME48, 0, TOTAL)                             \
    X(33, 8, EVENT, FROZEN_ANALOG_INPUT, F64, FLAGS, TIME48, 0, TOTAL)                             \
    X(34, 0, STATIC, ANALOG_INPUT_DEAD_BAND, NONE, BARE, NO_TIME, 0, TOTAL)                        \
    X(34, 1, STATIC, ANALOG_INPUT_DEAD_BAND, U16, BARE, NO_TIME, 0, TOTAL)                         \
    X(34, 2, STATIC, ANALOG_INPUT_DEAD_BAND, U32, BARE, NO_TIME, 0, TOTAL)                         \
    X(34, 3, STATIC, ANALOG_INPUT_DEAD_BAND, F32, BARE, NO_TIME, 0, TOTAL)                         \
    X(40, 0, STATIC, ANALOG_OUTPUT_STATUS, NONE, BARE, NO_TIME, 0, TOTAL)                          \
    X(40, 1, STATIC, ANALOG_OUTPUT_STATUS, I32, FLAGS, NO_TIME, 0, TOTAL)                          \
    X(40, 2, STATIC, ANALOG_OUTPUT_STATUS, I16, FLAGS, NO_TIME, 0, TOTAL)                          \
    X(40, 3, STATIC, ANALOG_OUTPUT_STATUS, F32, FLAGS, NO_TIME, 0, TOTAL)                          \
    X(40, 4, STATIC, ANALOG_OUTPUT_STATUS, F64, FLAGS, NO_TIME, 0, TOTAL)                          \
    X(41, 0, COMMAND, TYPES, NONE, BARE, NO_TIME, 0, TOTAL)                                        \
    X(41, 1, COMMAND, TYPES, I32, FLAGS, NO_TIME, 0, TOTAL)                                        \
    X(41, 2, COMMAND, TYPES, I16, FLAGS, NO_TIME, 0, TOTAL)                                        \
    X(41, 3, COMMAND, TYPES, F32, FLAGS, NO_TIME, 0, TOTAL)                                        \
    X(41, 4, COMMAND, TYPES, F64, FLAGS, NO_TIME, 0, TOTAL)                                        \
    X(42, 0, EVENT, ANALOG_OUTPUT_STATUS, NONE, BARE, NO_TIME, 0, TOTAL)                           \
    X(42, 1, EVENT, ANALOG_OUTPUT_STATUS, I32, FLAGS, NO_TIME, 0, TOTAL)                           \
    X(42, 2, EVENT, ANALOG_OUTPUT_STATUS, I16, FLAGS, NO_TIME, 0, TOTAL)                           \
    X(42, 3, EVENT, ANALOG_OUTPUT_STATUS, I32, FLAGS, TIME48, 0, TOTAL)                            \
    X(42, 4, EVENT, ANALOG_OUTPUT_STATUS, I16, FLAGS, TIME48, 0, TOTAL)                            \
    X(42, 5, EVENT, ANALOG_OUTPUT_STATUS, F32, FLAGS, NO_TIME, 0, TOTAL)                           \
    X(42, 6, EVENT, ANALOG_OUTPUT_STATUS, F64, FLAGS, NO_TIME, 0, TOTAL)                           \
    X(42, 7, EVENT, ANALOG_OUTPUT_STATUS, F32, FLAGS, TIME48, 0, TOTAL)                            \
    X(42, 8, EVENT, ANALOG_OUTPUT_STATUS, F64, FLAGS, TIME48, 0, TOTAL)                            \
    X(43, 0, EVENT, ANALOG_COMMAND_EVENT, NONE, BARE, NO_TIME, 0, TOTAL)                           \
    X(43, 1, EVENT, ANALOG_COMMAND_EVENT, I32, FLAGS, NO_TIME, 0, TOTAL)                           \
    X(43, 2, EVENT, ANALOG_COMMAND_EVENT, I16, FLAGS, NO_TIME, 0, TOTAL)                           \
    X(43, 3, EVENT, ANALOG_COMMAND_EVENT, I32, FLAGS, TIME48, 0, TOTAL)                            \
    X(43, 4, EVENT, ANALOG_COMMAND_EVENT, I16, FLAGS, TIME48, 0, TOTAL)                            \
    X(43, 5, EVENT, ANALOG_COMMAND_EVENT, F32, FLAGS, NO_TIME, 0, TOTAL)                           \
    X(43, 6, EVENT, ANALOG_COMMAND_EVENT, F64, FLAGS, NO_TIME, 0, TOTAL)                           \
    X(43, 7, EVENT, ANALOG_COMMAND_EVENT, F32, FLAGS, TIME48, 0, TOTAL)                            \
    X(43, 8, EVENT, ANALOG_COMMAND_EVENT, F64, FLAGS, TIME48, 0, TOTAL)                            \
    X(50, 0, STATIC, TIME, NONE, BARE, NO_TIME, 0, TOTAL)                                          \
    X(50, 1, STATIC, TIME, TIME48, BARE, NO_TIME, 0, TOTAL)                                        \
    X(50, 2, STATIC, TIME, TIME48, BARE, NO_TIME, 4, TOTAL)                                        \
    X(50, 3, STATIC, TIME, TIME48, BARE, NO_TIME, 0, TOTAL)                                        \
    X(50, 4, STATIC, TIME, TIME48, BARE, NO_TIME, 5, TOTAL)                                        \
    X(51, 1, CTO, TYPES, TIME48, BARE, NO_TIME, 0, TOTAL)                                          \
    X(51, 2, CTO, TYPES, TIME48, BARE, NO_TIME, 0, TOTAL)                                          \
    X(52, 1, DELAY, TYPES, U16, BARE, NO_TIME, 0, TOTAL)                                           \
    X(52, 2, DELAY, TYPES, U16, BARE, NO_TIME, 0, TOTAL)                                           \
    X(60, 1, CLASS, TYPES, NONE, BARE, NO_TIME, 0, TOTAL)                                          \
    X(60, 2, CLASS, TYPES, NONE, BARE, NO_TIME, 0, TOTAL)                                          \
    X(60, 3, CLASS, TYPES, NONE, BARE, NO_TIME, 0, TOTAL)                                          \
    X(60, 4, CLASS, TYPES, NONE, BARE, NO_TIME, 0, TOTAL)                                          \
    X(80, 1, STATIC, INDICATION, BIT, BARE, NO_TIME, 0, TOTAL)                                     \
    X(102, 0, STATIC, UNSIGNED_INTEGER, NONE, BARE, NO_TIME, 0, TOTAL)                             \
    X(102, 1, STATIC, UNSIGNED_INTEGER, U8, BARE, NO_TIME, 0, TOTAL)                               \
    X(110, 0, STATIC, OCTET_STRING, OCTETS, BARE, NO_TIME, 0, TOTAL)                               \
    X(111, 0, EVENT, OCTET_STRING, OCTETS, BARE, NO_TIME, 0, TOTAL)

/* Octets of each part of an object. */
enum {
    OCTETS_NONE = 0,
    OCTETS_BIT = 0,
    OCTETS_BIT2 = 0,
    OCTETS_FLAG = 0, /* within the flags octet */
    OCTETS_FLAG2 = 0,
    OCTETS_U8 = 1,
    OCTETS_U16 = 2,
    OCTETS_U32 = 4,
    OCTETS_I16 = 2,
    OCTETS_I32 = 4,
    OCTETS_F32 = 4,
    OCTETS_F64 = 8,
    OCTETS_TIME48 = 6,
    OCTETS_OCTETS = 0, /* the variation says it */
    OCTETS_CROB = 10,
    OCTETS_NO_TIME = 0,
    OCTETS_TIME16 = 2,
    BARE = 0,
    FLAGS = 1,
    TOTAL = 0,
    DELTA = 1
};

static const struct dnp3_object_row rows[] = {
#define X(g, v, row_kind, row_type, row_encoding, row_flags, row_time, rest, row_delta)            \
    {.group = (g),                                                                                 \
     .variation = (v),                                                                             \
     .kind = DNP3_KIND_##row_kind,                                                                 \
     .type = DNP3_POINT_##row_type,                                                                \
     .encoding = DNP3_ENCODING_##row_encoding,                                                     \
     .flags = (row_flags),                                                                         \
     .time = DNP3_OBJECT_##row_time,                                                               \
     .size = (row_flags) + OCTETS_##row_encoding + OCTETS_##row_time + (rest),                     \
     .delta = (row_delta)},
    ROWS(X)
#undef X
};

/* Places in `rows`, so that a command finds its row without a search. */
enum {
#define X(g, v, ...) ROW_##g##_##v,
    ROWS(X)
#undef X
        ROW_COUNT
};

const struct dnp3_object_row *dnp3_object_rows(size_t *count)
{
    *count = ROW_COUNT;
    return rows;
}

const struct dnp3_object_row *dnp3_object_row(uint8_t group, uint8_t variation)
{
    if (group == 110 || group == 111)
        variation = 0;
    unsigned key = (unsigned)group << 8 | variation;
    size_t low = 0;
    for (size_t high = ROW_COUNT; low < high;) {
        size_t middle = (low + high) / 2;
        if (((unsigned)rows[middle].group << 8 | rows[middle].variation) < key)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < ROW_COUNT && rows[low].group == group && rows[low].variation == variation;
    return found ? &rows[low] : NULL;
}

const struct dnp3_object_row *dnp3_command_row(enum dnp3_command_type type)
{
    switch (type) {
    case DNP3_COMMAND_CROB:
        return &rows[ROW_12_1];
    case DNP3_COMMAND_ANALOG_INT32:
        return &rows[ROW_41_1];
    case DNP3_COMMAND_ANALOG_INT16:
        return &rows[ROW_41_2];
    case DNP3_COMMAND_ANALOG_FLOAT:
        return &rows[ROW_41_3];
    case DNP3_COMMAND_ANALOG_DOUBLE:
        return &rows[ROW_41_4];
    }
    return NULL;
}

/* Variations that are recognised but not read: `first`..`last` of a group, and their length where
 * the standard fixes it. What is missing here and above is passed over by its size prefix only. */
static const struct {
    uint8_t group, first, last, form, size;
} others[] = {
    {0, 1, 255, DNP3_FORM_ATTRIBUTE, 0}, {101, 1, 1, DNP3_FORM_OCTETS, 2},
    {101, 2, 2, DNP3_FORM_OCTETS, 4},    {101, 3, 3, DNP3_FORM_OCTETS, 8},
    {121, 1, 1, DNP3_FORM_OCTETS, 7},    {122, 1, 1, DNP3_FORM_OCTETS, 7},
    {122, 2, 2, DNP3_FORM_OCTETS, 13},
};

static struct dnp3_object_form form_of_row(const struct dnp3_object_row *row, uint8_t variation)
{
    switch (row->encoding) {
    case DNP3_ENCODING_BIT:
        return (struct dnp3_object_form){DNP3_FORM_BITS, 1};
    case DNP3_ENCODING_BIT2:
        return (struct dnp3_object_form){DNP3_FORM_BITS, 2};
    case DNP3_ENCODING_OCTETS:
        return (struct dnp3_object_form){DNP3_FORM_OCTETS, variation};
    default:
        return (struct dnp3_object_form){DNP3_FORM_OCTETS, row->size};
    }
}

struct dnp3_object_form dnp3_object_form(uint8_t group, uint8_t variation)
{
    const struct dnp3_object_row *row = dnp3_object_row(group, variation);
    if (row)
        return form_of_row(row, variation);
    if (group == 112 || group == 113) /* virtual terminal: the variation is the length */
        return (struct dnp3_object_form){DNP3_FORM_OCTETS, variation};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (others[i].group == group && others[i].first <= variation && variation <= others[i].last)
            return (struct dnp3_object_form){others[i].form, others[i].size};
    return (struct dnp3_object_form){DNP3_FORM_UNKNOWN, 0};
}
