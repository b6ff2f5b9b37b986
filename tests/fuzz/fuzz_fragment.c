/* SPDX-License-Identifier: Apache-2.0 */
/* Object headers and objects on any fragment. Invariants: the reader only goes on and stays within
 * the octets; a point costs at least a bit; octet strings lie within what was read; a point is
 * written in the octets of its row; reading and skipping end at the same place. */
#include "dnp3/app.h"
#include "dnp3/objects.h"
#include "tests/fuzz/fuzz.h"

static void check_point(const struct dnp3_object_row *row, const struct dnp3_point *point,
                        const struct dnp3_reader *in, const uint8_t *start)
{
    uint8_t octets[256];
    struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
    if (row->encoding == DNP3_ENCODING_OCTETS)
        require(point->octets >= start && point->octets + point->length <= in->at);
    if (row->encoding == DNP3_ENCODING_BIT || row->encoding == DNP3_ENCODING_BIT2)
        return;
    dnp3_point_write(&out, row, point, 0);
    require(!out.failed && dnp3_writer_length(&out) == (size_t)(row->size + point->length));
}

/* Returns how many objects were read. */
static size_t read_objects(struct dnp3_items *items, struct dnp3_reader *in, const uint8_t *start)
{
    struct dnp3_point points[DNP3_POINTS_BATCH];
    struct dnp3_command commands[3];
    const struct dnp3_object_row *row = items->header->row;
    size_t total = 0, n;
    uint32_t delay;
    if (row && row->kind == DNP3_KIND_COMMAND) {
        while ((n = dnp3_items_commands(items, in, commands, 3)) > 0)
            total += n;
    } else if (row && row->kind == DNP3_KIND_DELAY) {
        while (dnp3_items_delay(items, in, &delay))
            total++;
    }
    while ((n = dnp3_items_points(items, in, points)) > 0) {
        require(row != NULL && n <= DNP3_POINTS_BATCH);
        for (size_t i = 0; i < n; i++)
            check_point(row, &points[i], in, start);
        total += n;
    }
    return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dnp3_reader in = dnp3_reader_of(data, size);
    struct dnp3_app_header app;
    struct dnp3_object_header header;
    if (!dnp3_app_read(&in, &app))
        return 0;
    struct dnp3_time_context times = {.need_time = app.iin & DNP3_IIN_NEED_TIME};
    while (!in.failed && dnp3_reader_left(&in) > 0 && dnp3_header_read(&in, &header) == 0) {
        const uint8_t *before = in.at;
        struct dnp3_reader skipping = in;
        struct dnp3_items items;
        dnp3_items_begin(&items, &header, &times);
        size_t count = read_objects(&items, &in, data);
        require(in.at >= before && in.at <= in.end);
        require(count <= (size_t)(in.at - before) * 8 && count <= header.count);
        int skipped = dnp3_items_skip(&header, &skipping);
        require(in.failed == (skipped != 0) && (in.failed || in.at == skipping.at));
    }
    return 0;
}
