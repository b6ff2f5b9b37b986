/* SPDX-License-Identifier: Apache-2.0 */
/* Values per second of the whole way in, on one thread: link octets, frames, fragments, object
 * headers, batches of points into a callback that sums them up. What is decoded is what an
 * outstation sends for an integrity poll: full fragments of one variation, a second or so of each.
 * Prints a JSON line a figure. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dnp3/app.h"
#include "dnp3/objects.h"
#include "dnp3/transport.h"
#include "tests/lib/heap.h"

enum { FRAGMENTS = 16, READ_SIZE = 16384, GOAL = 50000000 };

static const double seconds_each = 0.5;

struct stream {
    uint8_t octets[FRAGMENTS * DNP3_WIRE_MAX];
    size_t length;
    unsigned long values;
};

struct sum {
    double numbers;
    unsigned long values;
};

typedef void points_callback(void *user, const struct dnp3_object_header *header,
                             const struct dnp3_point *points, size_t count);

/* Seconds of processor time: what else runs on the machine does not count. */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Fills one response with as many objects of the row as fit: static ones under a range, events
 * under a 16-bit index. */
static size_t write_fragment(uint8_t *octets, const struct dnp3_object_row *row, unsigned *values)
{
    struct dnp3_writer out = dnp3_writer_of(octets, DNP3_FRAGMENT_MAX);
    dnp3_app_write(&out, &(struct dnp3_app_header){.control = DNP3_APP_FIR | DNP3_APP_FIN,
                                                   .function = DNP3_FUNCTION_RESPONSE});
    unsigned bits = row->encoding == DNP3_ENCODING_BIT    ? 1
                    : row->encoding == DNP3_ENCODING_BIT2 ? 2
                                                          : 0;
    bool event = row->kind == DNP3_KIND_EVENT;
    size_t left = dnp3_writer_left(&out) - 7;
    unsigned count = (unsigned)(bits ? left * 8 / bits : left / (row->size + (event ? 2U : 0U)));
    if (event)
        dnp3_header_write_count(&out, row->group, row->variation, DNP3_QUALIFIER_PREFIX16_COUNT16,
                                count);
    else
        dnp3_header_write_range(&out, row->group, row->variation, 0, count - 1);
    for (unsigned i = 0; i < count; i++) {
        struct dnp3_point point = {.flags = DNP3_FLAG_ONLINE,
                                   .number = i & 1,
                                   .time_ms = 1763719200000 + i,
                                   .time_quality = DNP3_TIME_SYNCHRONIZED};
        if (event)
            dnp3_writer_u16(&out, (uint16_t)i);
        if (bits == 0)
            dnp3_point_write(&out, row, &point, 0);
    }
    if (bits)
        memset(dnp3_writer_reserve(&out, (count * bits + 7) / 8), 0x55, (count * bits + 7) / 8);
    *values = count;
    return dnp3_writer_length(&out);
}

static void write_stream(struct stream *stream, const struct dnp3_object_row *row)
{
    static uint8_t fragment[DNP3_FRAGMENT_MAX];
    struct dnp3_transport transport;
    dnp3_transport_init(&transport, DNP3_FRAGMENT_MAX);
    struct dnp3_writer out = dnp3_writer_of(stream->octets, sizeof stream->octets);
    stream->values = 0;
    for (int i = 0; i < FRAGMENTS; i++) {
        unsigned values;
        size_t length = write_fragment(fragment, row, &values);
        dnp3_transport_write(&transport, &out, DNP3_LINK_PRM | DNP3_LINK_UNCONFIRMED_USER_DATA, 1,
                             10, fragment, length);
        stream->values += values;
    }
    stream->length = dnp3_writer_length(&out);
    if (out.failed)
        abort();
}

static void add_up(void *user, const struct dnp3_object_header *header,
                   const struct dnp3_point *points, size_t count)
{
    struct sum *sum = user;
    (void)header;
    double numbers = 0;
    for (size_t i = 0; i < count; i++)
        numbers += points[i].number;
    sum->numbers += numbers;
    sum->values += count;
}

static void decode_fragment(struct dnp3_reader *in, points_callback *callback, void *user)
{
    struct dnp3_app_header app;
    if (!dnp3_app_read(in, &app))
        return;
    struct dnp3_time_context times = {.need_time = app.iin & DNP3_IIN_NEED_TIME};
    while (dnp3_reader_left(in) > 0 && !in->failed) {
        struct dnp3_object_header header;
        struct dnp3_items items;
        struct dnp3_point points[DNP3_POINTS_BATCH];
        if (dnp3_header_read(in, &header) != 0)
            return;
        dnp3_items_begin(&items, &header, &times);
        for (size_t n; (n = dnp3_items_points(&items, in, points)) > 0;)
            callback(user, &header, points, n);
    }
}

struct decoder {
    struct dnp3_link_parser link;
    struct dnp3_transport transport;
    struct dnp3_pool *pool;
};

static void decode(struct decoder *decoder, const uint8_t *octets, size_t length,
                   points_callback *callback, void *user)
{
    struct dnp3_reader in = dnp3_reader_of(octets, length);
    struct dnp3_link_frame frame;
    struct dnp3_reader fragment;
    uint8_t data[DNP3_LINK_DATA_MAX];
    while (dnp3_link_parser_next(&decoder->link, &in, data, &frame)) {
        if (!dnp3_transport_receive(&decoder->transport, decoder->pool, frame.source, frame.data,
                                    frame.length, &fragment))
            continue;
        decode_fragment(&fragment, callback, user);
        dnp3_transport_release(&decoder->transport, decoder->pool);
    }
}

/* The stream again and again, in reads of the size that a socket gives. */
static double measure(struct decoder *decoder, const struct stream *stream)
{
    struct sum sum = {0};
    points_callback *volatile callback = add_up; /* not inlined, as a host's is not */
    unsigned long rounds = 0;
    double start = now();
    do {
        for (size_t done = 0; done < stream->length; done += READ_SIZE) {
            size_t left = stream->length - done;
            decode(decoder, stream->octets + done, left < READ_SIZE ? left : READ_SIZE, callback,
                   &sum);
        }
        rounds++;
    } while (now() - start < seconds_each);
    double seconds = now() - start;
    if (sum.values != rounds * stream->values) {
        fprintf(stderr, "decoded %lu values of %lu\n", sum.values, rounds * stream->values);
        exit(1);
    }
    return (double)sum.values / seconds;
}

static void print(const struct dnp3_object_row *row, double value)
{
    printf("{\"figure\":\"decode %uv%u\",\"value\":%.0f,\"unit\":\"values/s\",\"goal\":%d,"
           "\"peer\":null,\"ratio\":null,\"met\":%s}\n",
           row->group, row->variation, value, GOAL, value >= GOAL ? "true" : "false");
    fflush(stdout);
}

int main(void)
{
    static const uint8_t variations[][2] = {{30, 1}, {30, 2}, {30, 3}, {30, 5}, {30, 6}, {1, 1},
                                            {1, 2},  {20, 1}, {2, 2},  {32, 3}, {32, 7}};
    static struct stream stream;
    static struct decoder decoder;
    dnp3_link_parser_init(&decoder.link);
    dnp3_transport_init(&decoder.transport, DNP3_FRAGMENT_MAX);
    decoder.pool = dnp3_pool_create(&heap, 1);
    if (!decoder.pool)
        return 1;
    for (size_t i = 0; i < sizeof variations / sizeof variations[0]; i++) {
        const struct dnp3_object_row *row = dnp3_object_row(variations[i][0], variations[i][1]);
        write_stream(&stream, row);
        print(row, measure(&decoder, &stream));
    }
    dnp3_pool_free(decoder.pool);
    return 0;
}
