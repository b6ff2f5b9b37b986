/* SPDX-License-Identifier: Apache-2.0 */
/* The first octets of callers. In whatever pieces they come, the same caller is found; what is kept
 * for whoever takes the connection over is what came, and holds the frame that it is known by. */
#include <string.h>

#include "gateway/channel/greeting.h"
#include "tests/fuzz/fuzz.h"

struct outcome {
    enum gw_greeting_result result;
    uint16_t source, destination;
    struct gw_greeting greeting;
};

static void take(struct outcome *outcome, const uint8_t *octets, size_t size, size_t piece)
{
    gw_greeting_init(&outcome->greeting);
    outcome->result = GW_GREETING_MORE;
    for (size_t at = 0; at < size && outcome->result == GW_GREETING_MORE;) {
        size_t room = gw_greeting_room(&outcome->greeting);
        size_t n = size - at < piece ? size - at : piece;
        n = n < room ? n : room;
        require(n > 0); /* there is room while nothing is known */
        outcome->result = gw_greeting_take(&outcome->greeting, octets + at, n, &outcome->source,
                                           &outcome->destination);
        at += n;
        require(outcome->greeting.length == at);
    }
    require(outcome->greeting.length <= GW_GREETING_MAX);
    require(memcmp(outcome->greeting.octets, octets, outcome->greeting.length) == 0);
}

static bool holds_frame(const struct outcome *outcome)
{
    struct dnp3_link_parser parser;
    struct dnp3_link_frame frame;
    uint8_t data[DNP3_LINK_DATA_MAX];
    struct dnp3_reader in = dnp3_reader_of(outcome->greeting.octets, outcome->greeting.length);
    dnp3_link_parser_init(&parser);
    while (dnp3_link_parser_next(&parser, &in, data, &frame))
        if (!(frame.control & DNP3_LINK_DIR) && frame.source <= DNP3_LINK_ADDRESS_MAX)
            return frame.source == outcome->source && frame.destination == outcome->destination;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct outcome whole, pieces;
    if (!size)
        return 0;
    size_t piece = (size_t)data[0] + 1;
    take(&whole, data + 1, size - 1, SIZE_MAX);
    take(&pieces, data + 1, size - 1, piece);
    require(whole.result == pieces.result);
    require((whole.result == GW_GREETING_KNOWN) == holds_frame(&whole));
    if (whole.result == GW_GREETING_KNOWN)
        require(whole.source == pieces.source && whole.destination == pieces.destination);
    require((whole.result == GW_GREETING_FULL) <= (whole.greeting.length == GW_GREETING_MAX));
    return 0;
}
