/* SPDX-License-Identifier: Apache-2.0 */
/* Whose octets these are: the first thing that is read of a stranger, so it keeps little and
 * decides early. */
#include "gateway/channel/greeting.h"

#include <string.h>

void gw_greeting_init(struct gw_greeting *greeting)
{
    dnp3_link_parser_init(&greeting->parser);
    greeting->length = 0;
}

size_t gw_greeting_room(const struct gw_greeting *greeting)
{
    return GW_GREETING_MAX - greeting->length;
}

enum gw_greeting_result gw_greeting_take(struct gw_greeting *greeting, const uint8_t *octets,
                                         size_t length, uint16_t *source, uint16_t *destination)
{
    uint8_t data[DNP3_LINK_DATA_MAX];
    struct dnp3_link_frame frame;
    size_t room = gw_greeting_room(greeting);
    size_t taken = length < room ? length : room;
    struct dnp3_reader in = dnp3_reader_of(octets, taken);
    memcpy(greeting->octets + greeting->length, octets, taken);
    greeting->length += taken;
    while (dnp3_link_parser_next(&greeting->parser, &in, data, &frame)) {
        if (frame.control & DNP3_LINK_DIR || frame.source > DNP3_LINK_ADDRESS_MAX)
            continue;
        *source = frame.source;
        *destination = frame.destination;
        return GW_GREETING_KNOWN;
    }
    return gw_greeting_room(greeting) ? GW_GREETING_MORE : GW_GREETING_FULL;
}
