/* SPDX-License-Identifier: Apache-2.0 */
/* Frames out of streams: good ones, damaged ones, and the same ones however the stream is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dnp3/crc.h"
#include "dnp3/link.h"

enum { STREAM_MAX = 8192, FRAMES_MAX = 256 };

struct frames {
    size_t count;
    struct {
        uint8_t control;
        uint16_t destination, source, length;
        uint8_t data[DNP3_LINK_DATA_MAX];
    } list[FRAMES_MAX];
    struct dnp3_link_counters counters;
};

static unsigned seed = 1;

static unsigned chance(unsigned below)
{
    seed = seed * 1103515245U + 12345U;
    return (seed >> 16) % below;
}

static void collect(struct frames *frames, struct dnp3_link_parser *parser, const uint8_t *octets,
                    size_t length)
{
    struct dnp3_reader in = dnp3_reader_of(octets, length);
    uint8_t data[DNP3_LINK_DATA_MAX];
    struct dnp3_link_frame frame;
    while (dnp3_link_parser_next(parser, &in, data, &frame)) {
        assert_true(frames->count < FRAMES_MAX);
        size_t i = frames->count++;
        memset(&frames->list[i], 0, sizeof frames->list[i]);
        frames->list[i].control = frame.control;
        frames->list[i].destination = frame.destination;
        frames->list[i].source = frame.source;
        frames->list[i].length = frame.length;
        assert_true((frame.length == 0) == (frame.data == NULL));
        if (frame.data)
            memcpy(frames->list[i].data, frame.data, frame.length);
    }
    assert_int_equal(dnp3_reader_left(&in), 0);
    frames->counters = parser->counters;
}

static void collect_at_once(struct frames *frames, const uint8_t *octets, size_t length)
{
    struct dnp3_link_parser parser;
    dnp3_link_parser_init(&parser);
    memset(frames, 0, sizeof *frames);
    collect(frames, &parser, octets, length);
}

static void write_frame(struct dnp3_writer *out, uint16_t source, const uint8_t *data,
                        uint16_t length)
{
    struct dnp3_link_frame frame = {.control = DNP3_LINK_DIR | DNP3_LINK_PRM |
                                               DNP3_LINK_UNCONFIRMED_USER_DATA,
                                    .destination = 1024,
                                    .source = source,
                                    .data = data,
                                    .length = length};
    dnp3_link_write(out, &frame);
    assert_false(out->failed);
}

/* Whole, damaged and cut frames among garbage that likes to look like a start. */
static size_t random_stream(uint8_t *octets)
{
    struct dnp3_writer out = dnp3_writer_of(octets, STREAM_MAX);
    while (dnp3_writer_left(&out) > 600) {
        uint8_t data[DNP3_LINK_DATA_MAX];
        for (size_t i = 0; i < sizeof data; i++)
            data[i] = (uint8_t)(chance(4) ? chance(256) : chance(2) ? 0x05 : 0x64);
        uint8_t *frame = out.at;
        uint16_t length = (uint16_t)chance(DNP3_LINK_DATA_MAX + 1);
        write_frame(&out, (uint16_t)chance(65520), data, length);
        size_t size = (size_t)(out.at - frame);
        switch (chance(6)) {
        case 0:
            frame[chance((unsigned)size)] ^= (uint8_t)(1 + chance(255));
            break;
        case 1:
            out.at = frame + chance((unsigned)size);
            break;
        case 2:
            for (unsigned n = chance(40); n > 0; n--)
                dnp3_writer_u8(&out, (uint8_t)(chance(2) ? 0x05 : chance(2) ? 0x64 : chance(256)));
            break;
        default:
            break;
        }
    }
    return dnp3_writer_length(&out);
}

static void test_any_cut_gives_the_same_frames(void **state)
{
    (void)state;
    static struct frames whole, cut;
    static uint8_t octets[STREAM_MAX];
    for (int round = 0; round < 100; round++) {
        size_t length = random_stream(octets);
        collect_at_once(&whole, octets, length);
        assert_true(whole.count > 5);
        struct dnp3_link_parser parser;
        dnp3_link_parser_init(&parser);
        memset(&cut, 0, sizeof cut);
        unsigned longest = round % 10 == 0 ? 1 : 1 + chance(400);
        for (size_t done = 0; done < length;) {
            size_t part = 1 + chance(longest);
            part = part < length - done ? part : length - done;
            collect(&cut, &parser, octets + done, part);
            done += part;
        }
        assert_int_equal(cut.count, whole.count);
        assert_memory_equal(&cut, &whole, sizeof cut);
    }
}

static void test_every_length_comes_back(void **state)
{
    (void)state;
    static struct frames frames;
    uint8_t data[DNP3_LINK_DATA_MAX];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    for (uint16_t length = 0; length <= DNP3_LINK_DATA_MAX; length++) {
        uint8_t octets[DNP3_LINK_FRAME_MAX];
        struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
        write_frame(&out, 7, data, length);
        collect_at_once(&frames, octets, dnp3_writer_length(&out));
        assert_int_equal(frames.count, 1);
        assert_int_equal(frames.list[0].control, 0xC4);
        assert_int_equal(frames.list[0].destination, 1024);
        assert_int_equal(frames.list[0].source, 7);
        assert_int_equal(frames.list[0].length, length);
        assert_memory_equal(frames.list[0].data, data, length);
        assert_int_equal(frames.counters.resyncs, 0);
    }
}

static void test_too_long_fails_the_writer(void **state)
{
    (void)state;
    uint8_t octets[400];
    struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
    dnp3_link_write(&out, &(struct dnp3_link_frame){.data = octets, .length = 251});
    assert_true(out.failed);
    assert_int_equal(dnp3_writer_length(&out), 0);
}

/* A start that turns out false hides a true frame behind it, in an earlier feed. */
static void test_frame_behind_a_false_start(void **state)
{
    (void)state;
    static struct frames frames;
    uint8_t octets[64] = {0x05, 0x64, 0xFF};
    struct dnp3_writer out = dnp3_writer_of(octets + 3, sizeof octets - 3);
    write_frame(&out, 9, (const uint8_t *)"abc", 3);
    size_t length = 3 + dnp3_writer_length(&out);

    struct dnp3_link_parser parser;
    dnp3_link_parser_init(&parser);
    memset(&frames, 0, sizeof frames);
    collect(&frames, &parser, octets, length - 1);
    assert_int_equal(frames.count, 0);
    collect(&frames, &parser, octets + length - 1, 1);
    assert_int_equal(frames.count, 1);
    assert_int_equal(frames.list[0].source, 9);
    assert_int_equal(frames.counters.crc_errors, 1);
    assert_int_equal(frames.counters.resyncs, 1);
}

static void test_length_below_five_is_no_frame(void **state)
{
    (void)state;
    static struct frames frames;
    /* LEN 4 with a good CRC, then a good frame. */
    uint8_t octets[64] = {0x05, 0x64, 0x04, 0xC0, 0x01, 0x00, 0x00, 0x04};
    struct dnp3_writer out = dnp3_writer_of(octets + 10, sizeof octets - 10);
    dnp3_store_u16(octets + 8, dnp3_crc(octets, 8));
    write_frame(&out, 9, NULL, 0);
    collect_at_once(&frames, octets, 10 + dnp3_writer_length(&out));
    assert_int_equal(frames.count, 1);
    assert_int_equal(frames.counters.bad_headers, 1);
    assert_int_equal(frames.counters.crc_errors, 0);
}

static void test_reset_forgets_the_part(void **state)
{
    (void)state;
    static struct frames frames;
    uint8_t octets[DNP3_LINK_FRAME_MAX];
    struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
    write_frame(&out, 9, (const uint8_t *)"abc", 3);
    struct dnp3_link_parser parser;
    dnp3_link_parser_init(&parser);
    memset(&frames, 0, sizeof frames);
    collect(&frames, &parser, octets, 8);
    dnp3_link_parser_reset(&parser);
    collect(&frames, &parser, octets, dnp3_writer_length(&out));
    assert_int_equal(frames.count, 1);
    assert_int_equal(frames.counters.resyncs, 0);
}

static void collect_end(struct frames *frames, struct dnp3_link_parser *parser)
{
    uint8_t data[DNP3_LINK_DATA_MAX];
    struct dnp3_link_frame frame;
    while (dnp3_link_parser_end(parser, data, &frame))
        frames->list[frames->count++].source = frame.source;
    frames->counters = parser->counters;
}

static void test_a_datagram_is_read_by_itself(void **state)
{
    (void)state;
    static struct frames frames;
    uint8_t octets[3 * DNP3_LINK_FRAME_MAX];
    struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
    write_frame(&out, 9, (const uint8_t *)"abc", 3);
    size_t whole = dnp3_writer_length(&out);
    for (size_t cut = 0; cut <= whole; cut++) {
        struct dnp3_link_parser parser;
        dnp3_link_parser_init(&parser);
        memset(&frames, 0, sizeof frames);
        collect(&frames, &parser, octets, cut); /* a part, then its rest in the next one */
        collect_end(&frames, &parser);
        assert_int_equal(frames.count, cut == whole);
        assert_int_equal(frames.counters.cut_short, cut > 0 && cut < whole);
        collect(&frames, &parser, octets + cut, whole - cut);
        collect_end(&frames, &parser);
        assert_int_equal(frames.count, cut == 0 || cut == whole);
        collect(&frames, &parser, octets, whole);
        assert_int_equal(frames.count, 1 + (cut == 0 || cut == whole));
        assert_int_equal(parser.held, 0);
    }
}

/* A header whose length says more than the datagram holds hides nothing behind it. */
static void test_frames_behind_one_that_is_cut_short(void **state)
{
    (void)state;
    static struct frames frames;
    uint8_t octets[3 * DNP3_LINK_FRAME_MAX];
    uint8_t large[DNP3_LINK_DATA_MAX] = {0};
    struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
    write_frame(&out, 9, large, sizeof large);
    out.at = out.start + 10; /* its header alone */
    write_frame(&out, 10, (const uint8_t *)"abc", 3);
    write_frame(&out, 11, NULL, 0);
    struct dnp3_link_parser parser;
    dnp3_link_parser_init(&parser);
    memset(&frames, 0, sizeof frames);
    collect(&frames, &parser, octets, dnp3_writer_length(&out));
    assert_int_equal(frames.count, 0);
    collect_end(&frames, &parser);
    assert_int_equal(frames.count, 2);
    assert_int_equal(frames.counters.cut_short, 1);
}

static void test_the_first_of_many_frames(void **state)
{
    (void)state;
    uint8_t octets[3 * DNP3_LINK_FRAME_MAX];
    uint8_t large[DNP3_LINK_DATA_MAX] = {0};
    struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
    write_frame(&out, 9, large, sizeof large);
    write_frame(&out, 9, NULL, 0);
    write_frame(&out, 9, large, 1);
    size_t length = dnp3_writer_length(&out);
    assert_int_equal(length, 292 + 10 + 13);
    assert_int_equal(dnp3_link_first(octets, length), 292);
    assert_int_equal(dnp3_link_first(octets + 292, length - 292), 10);
    assert_int_equal(dnp3_link_first(octets + 302, 13), 13);
    assert_int_equal(dnp3_link_first(octets + 302, 12), 0);
    assert_int_equal(dnp3_link_first(octets, 292), 292);
    assert_int_equal(dnp3_link_first(octets, 291), 0);
    assert_int_equal(dnp3_link_first(octets, 9), 0);
    assert_int_equal(dnp3_link_first(octets, 0), 0);
    octets[2] = 4;
    assert_int_equal(dnp3_link_first(octets, length), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_cut_gives_the_same_frames),
        cmocka_unit_test(test_every_length_comes_back),
        cmocka_unit_test(test_too_long_fails_the_writer),
        cmocka_unit_test(test_frame_behind_a_false_start),
        cmocka_unit_test(test_length_below_five_is_no_frame),
        cmocka_unit_test(test_reset_forgets_the_part),
        cmocka_unit_test(test_a_datagram_is_read_by_itself),
        cmocka_unit_test(test_frames_behind_one_that_is_cut_short),
        cmocka_unit_test(test_the_first_of_many_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
