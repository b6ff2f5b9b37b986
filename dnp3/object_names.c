/* SPDX-License-Identifier: Apache-2.0 */
/* What groups and variations hold, in words, also of those that are only recognised. */
#include "dnp3/objects.h"

const char *dnp3_group_name(uint8_t group)
{
    static const struct {
        uint8_t group;
        const char *name;
    } names[] = {
        {0, "device attribute"},
        {1, "binary input"},
        {2, "binary input event"},
        {3, "double-bit binary input"},
        {4, "double-bit binary input event"},
        {10, "binary output status"},
        {11, "binary output event"},
        {12, "binary output command"},
        {13, "binary output command event"},
        {20, "counter"},
        {21, "frozen counter"},
        {22, "counter event"},
        {23, "frozen counter event"},
        {30, "analog input"},
        {31, "frozen analog input"},
        {32, "analog input event"},
        {33, "frozen analog input event"},
        {34, "analog input dead-band"},
        {40, "analog output status"},
        {41, "analog output command"},
        {42, "analog output event"},
        {43, "analog output command event"},
        {50, "time and date"},
        {51, "common time of occurrence"},
        {52, "time delay"},
        {60, "class"},
        {70, "file"},
        {80, "internal indications"},
        {81, "device storage"},
        {82, "device profile"},
        {83, "private registration"},
        {85, "data set prototype"},
        {86, "data set descriptor"},
        {87, "data set"},
        {88, "data set event"},
        {90, "application"},
        {91, "status of requested operation"},
        {100, "floating point"},
        {101, "binary-coded decimal"},
        {102, "unsigned integer"},
        {110, "octet string"},
        {111, "octet string event"},
        {112, "virtual terminal output"},
        {113, "virtual terminal event"},
        {114, "extended octet string"},
        {115, "extended octet string event"},
        {120, "authentication"},
        {121, "security statistic"},
        {122, "security statistic event"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].group == group)
            return names[i].name;
    return NULL;
}

const char *dnp3_variation_name(uint8_t group, uint8_t variation)
{
    static const struct {
        uint8_t group, variation;
        const char *name;
    } names[] = {
        {12, 1, "control relay output block"},
        {12, 2, "pattern control block"},
        {12, 3, "pattern mask"},
        {70, 1, "file identifier"},
        {70, 2, "file authentication"},
        {70, 3, "file command"},
        {70, 4, "file command status"},
        {70, 5, "file transport"},
        {70, 6, "file transport status"},
        {70, 7, "file descriptor"},
        {70, 8, "file specification string"},
        {120, 1, "authentication challenge"},
        {120, 2, "authentication reply"},
        {120, 3, "authentication aggressive mode request"},
        {120, 4, "authentication session key status request"},
        {120, 5, "authentication session key status"},
        {120, 6, "authentication session key change"},
        {120, 7, "authentication error"},
        {120, 8, "authentication user certificate"},
        {120, 9, "authentication message authentication code"},
        {120, 10, "authentication user status change"},
        {120, 11, "authentication update key change request"},
        {120, 12, "authentication update key change reply"},
        {120, 13, "authentication update key change"},
        {120, 14, "authentication update key change signature"},
        {120, 15, "authentication update key change confirmation"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].group == group && names[i].variation == variation)
            return names[i].name;
    return NULL;
}

const char *dnp3_interval_unit_name(uint8_t unit)
{
    switch (unit) {
#define X(name, value, text)                                                                       \
    case DNP3_INTERVAL_##name:                                                                     \
        return text;
        DNP3_INTERVAL_MAP(X)
#undef X
    default:
        return NULL;
    }
}
