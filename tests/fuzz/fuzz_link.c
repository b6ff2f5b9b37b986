/* SPDX-License-Identifier: Apache-2.0 */
/* The whole way in on any octets. Invariants: a stream gives the same frames, fragments, points and
 * counters at once and cut (the first octet says where); every octet is taken; every buffer comes
 * back. */
#include "tests/fuzz/fuzz.h"
#include "tests/vectors/describe.h"

static void feed(struct text *text, const uint8_t *octets, size_t size, size_t part)
{
    static struct describer describer;
    text->length = 0;
    describer.pool = dnp3_pool_create(&heap, 1);
    require(describer.pool != NULL);
    dnp3_link_parser_init(&describer.link);
    dnp3_transport_init(&describer.transport, DNP3_FRAGMENT_MAX);
    for (size_t done = 0; done < size; done += part)
        describe_link(text, &describer, octets + done, part < size - done ? part : size - done);
    describe_counters(text, &describer);
    say(text, "frames %u fragments %u\n", describer.link.counters.frames,
        describer.transport.counters.fragments);
    dnp3_transport_reset(&describer.transport, describer.pool);
    require(dnp3_pool_available(describer.pool) == 1);
    dnp3_pool_free(describer.pool);
}

/* As datagrams: every part by itself, and nothing is held behind any. */
static void feed_datagrams(const uint8_t *octets, size_t size, size_t part)
{
    struct dnp3_link_parser parser;
    struct dnp3_link_frame frame;
    uint8_t buffer[DNP3_LINK_DATA_MAX];
    dnp3_link_parser_init(&parser);
    for (size_t done = 0; done < size; done += part) {
        struct dnp3_reader in =
            dnp3_reader_of(octets + done, part < size - done ? part : size - done);
        while (dnp3_link_parser_next(&parser, &in, buffer, &frame))
            ;
        while (dnp3_link_parser_end(&parser, buffer, &frame))
            require(frame.length <= DNP3_LINK_DATA_MAX);
        require(parser.held == 0);
        require(dnp3_link_first(octets + done, size - done) <= size - done);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct text whole, cut;
    if (size == 0)
        return 0;
    feed(&whole, data + 1, size - 1, size);
    feed(&cut, data + 1, size - 1, 1U + data[0]);
    feed_datagrams(data + 1, size - 1, 1U + data[0]);
    require(whole.length == cut.length);
    require(memcmp(whole.octets, cut.octets, whole.length) == 0);
    return 0;
}
