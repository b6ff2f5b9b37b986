/* SPDX-License-Identifier: Apache-2.0 */
/* A capture file of any octets: packets number on and lie within the file, what was read and what
 * is missing is all there is, and the decoder gets through all of it. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "tests/decode/capture.h"
#include "tests/decode/decoder.h"
#include "tests/decode/packet.h"

static void check(const struct capture_packet *captured, const uint8_t *data, size_t size)
{
    struct packet packet;
    require(captured->octets >= data && captured->length <= size);
    require(captured->octets + captured->length <= data + size);
    enum packet_kind kind = packet_read(captured, NULL, &packet);
    require((kind == PACKET_PROBLEM) == (packet.problem != NULL));
    if (kind == PACKET_OTHER || kind == PACKET_PROBLEM)
        return;
    require(packet.payload >= captured->octets);
    require(packet.payload + packet.length <= captured->octets + captured->length);
    if (kind == PACKET_SERIAL)
        require(packet.source.version == 0 && packet.source.port != packet.destination.port);
    else
        require(packet.source.version == 4 || packet.source.version == 6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *nowhere;
    if (!nowhere)
        nowhere = fopen("/dev/null", "w");
    struct capture capture;
    struct capture_packet packet;
    struct decoder *decoder = decoder_create(nowhere);
    require(nowhere && decoder);
    uint32_t number = 0;
    if (capture_open(&capture, data, size)) {
        while (capture_next(&capture, &packet)) {
            require(packet.number == ++number);
            check(&packet, data, size);
            require(decoder_packet(decoder, &packet) == 0);
        }
        decoder_finish(decoder);
    } else {
        require(capture.problem != NULL);
    }
    decoder_free(decoder);
    return 0;
}
