/* SPDX-License-Identifier: Apache-2.0 */
/* Says in lines of text what octets mean, by the library's own way in: frames, fragments, headers,
 * points. The lines are those that the vectors expect; README.md here describes them. */
#ifndef TESTS_VECTORS_DESCRIBE_H
#define TESTS_VECTORS_DESCRIBE_H

#include "dnp3/app.h"
#include "dnp3/error.h"
#include "dnp3/objects.h"
#include "dnp3/transport.h"
#include "tests/vectors/describe_objects.h"

static inline const char *error_name(int error)
{
    switch (error) {
#define X(name, value, words)                                                                      \
    case value:                                                                                    \
        return #name;
        DNP3_ERROR_MAP(X)
#undef X
    default:
        return "0";
    }
}

static inline void say_header(struct text *text, const struct dnp3_object_header *header)
{
    say(text, "header g%uv%u q%02X", header->group, header->variation, header->qualifier);
    if (header->ranged)
        say(text, " %u..%u", header->start, header->start + (header->count - 1));
    else if (!header->all)
        say(text, " count %u", header->count);
    say(text, "\n");
}

/* Objects follow the header in writes, controls, authentication and answers, and wherever a size is
 * before each; other requests only name points. */
static inline bool carries_objects(uint8_t function, const struct dnp3_object_header *header)
{
    switch (function) {
    case DNP3_FUNCTION_WRITE:
    case DNP3_FUNCTION_SELECT:
    case DNP3_FUNCTION_OPERATE:
    case DNP3_FUNCTION_DIRECT_OPERATE:
    case DNP3_FUNCTION_DIRECT_OPERATE_NR:
    case DNP3_FUNCTION_AUTHENTICATE_REQ:
    case DNP3_FUNCTION_AUTH_REQ_NO_ACK:
    case DNP3_FUNCTION_RESPONSE:
    case DNP3_FUNCTION_UNSOLICITED_RESPONSE:
    case DNP3_FUNCTION_AUTHENTICATE_RESP:
        return true;
    case DNP3_FUNCTION_FREEZE_AT_TIME:
    case DNP3_FUNCTION_FREEZE_AT_TIME_NR:
        return header->group == 50;
    default:
        return header->sized;
    }
}

static inline void say_commands(struct text *text, struct dnp3_items *items, struct dnp3_reader *in)
{
    struct dnp3_command command;
    const uint8_t *original = in->at;
    while (dnp3_items_commands(items, in, &command, 1) > 0) {
        say_command(text, &command);
        rewrite_command(text, items->header, &command, original);
        original = in->at;
    }
}

static inline void say_indexes(struct text *text, struct dnp3_items *items, struct dnp3_reader *in)
{
    uint32_t index;
    while (dnp3_items_index(items, in, &index))
        say(text, "index %u\n", index);
}

static inline void say_delays(struct text *text, struct dnp3_items *items, struct dnp3_reader *in)
{
    const uint8_t *original = in->at;
    for (uint32_t delay_ms; dnp3_items_delay(items, in, &delay_ms); original = in->at) {
        uint8_t octets[2];
        struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
        say(text, "delay %u\n", delay_ms);
        dnp3_writer_u16(&out,
                        (uint16_t)(items->header->variation == 1 ? delay_ms / 1000 : delay_ms));
        compare_rewritten(text, &out, original);
    }
}

static inline void say_points(struct text *text, struct dnp3_items *items, struct dnp3_reader *in)
{
    struct dnp3_point points[DNP3_POINTS_BATCH];
    const struct dnp3_object_header *header = items->header;
    const uint8_t *original = in->at;
    for (size_t n; (n = dnp3_items_points(items, in, points)) > 0; original = in->at) {
        for (size_t i = 0; i < n; i++)
            say_point(text, header->row, &points[i]);
        rewrite_points(text, header, points, n, items->times->cto_ms, original);
    }
    if (header->group == 51 && !items->error) { /* no point, but what follows counts from it */
        uint8_t octets[6];
        struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
        dnp3_writer_u48(&out, (uint64_t)items->times->cto_ms);
        compare_rewritten(text, &out, original);
    }
}

static inline void say_objects(struct text *text, struct dnp3_items *items, uint8_t function,
                               struct dnp3_reader *in)
{
    const struct dnp3_object_header *header = items->header;
    if (!carries_objects(function, header)) {
        if (header->prefix)
            say_indexes(text, items, in);
    } else if (header->row && header->row->kind == DNP3_KIND_COMMAND && header->row->size > 0) {
        say_commands(text, items, in);
    } else if (header->row && header->row->kind == DNP3_KIND_DELAY) {
        say_delays(text, items, in);
    } else if (!say_own(text, items, in)) {
        say_points(text, items, in);
    }
    if (items->error)
        say(text, "problem %s\n", error_name(items->error));
}

static inline void say_app_header(struct text *text, const struct dnp3_app_header *app)
{
    const char *name = dnp3_function_name(app->function);
    say(text, "%s sequence %u%s%s%s%s", name ? name : "UNKNOWN_FUNCTION", dnp3_app_sequence(app),
        app->control & DNP3_APP_FIR ? " FIR" : "", app->control & DNP3_APP_FIN ? " FIN" : "",
        app->control & DNP3_APP_CON ? " CON" : "", app->control & DNP3_APP_UNS ? " UNS" : "");
    for (unsigned bit = 1; bit <= 0x8000; bit <<= 1) {
        const char *iin = dnp3_iin_name((uint16_t)bit);
        if (app->iin & bit)
            say(text, " %s", iin ? iin : "RESERVED");
    }
    say(text, "\n");
}

/* `header_seen` is told of each header, where it is not NULL, and whether writing what was read
 * under it gave the same octets. */
static inline void describe_fragment(struct text *text, struct dnp3_reader in,
                                     void (*header_seen)(const struct dnp3_object_header *, bool))
{
    struct dnp3_app_header app;
    if (!dnp3_app_read(&in, &app)) {
        say(text, "problem TRUNCATED\n");
        return;
    }
    say_app_header(text, &app);
    struct dnp3_time_context times = {.need_time = app.iin & DNP3_IIN_NEED_TIME};
    while (!in.failed && dnp3_reader_left(&in) > 0) {
        struct dnp3_object_header header;
        int error = dnp3_header_read(&in, &header);
        if (error) {
            say(text, "problem %s in a header\n", error_name(error));
            return;
        }
        say_header(text, &header);
        struct dnp3_items items;
        dnp3_items_begin(&items, &header, &times);
        unsigned before = text->rewritten;
        say_objects(text, &items, app.function, &in);
        if (header_seen)
            header_seen(&header, text->rewritten > before);
    }
}

struct describer {
    struct dnp3_link_parser link;
    struct dnp3_transport transport;
    struct dnp3_pool *pool;
};

/* A stream's frames and what they carry; `describe_counters` says at the end what went wrong. */
static inline void describe_link(struct text *text, struct describer *describer,
                                 const uint8_t *octets, size_t length)
{
    struct dnp3_reader in = dnp3_reader_of(octets, length);
    struct dnp3_reader fragment;
    struct dnp3_link_frame frame;
    uint8_t data[DNP3_LINK_DATA_MAX];
    while (dnp3_link_parser_next(&describer->link, &in, data, &frame)) {
        say(text, "frame %02X %u to %u length %u\n", frame.control, frame.source, frame.destination,
            frame.length);
        if (frame.length == 0 ||
            !dnp3_transport_receive(&describer->transport, describer->pool, frame.source,
                                    frame.data, frame.length, &fragment))
            continue;
        describe_fragment(text, fragment, NULL);
        dnp3_transport_release(&describer->transport, describer->pool);
    }
}

static inline void describe_counters(struct text *text, const struct describer *describer)
{
    const struct dnp3_link_counters *link = &describer->link.counters;
    const struct dnp3_transport_counters *transport = &describer->transport.counters;
    const struct {
        const char *name;
        uint32_t value;
    } counters[] = {{"crc_errors", link->crc_errors},    {"cut_short", link->cut_short},
                    {"bad_headers", link->bad_headers},  {"resyncs", link->resyncs},
                    {"discarded", transport->discarded}, {"no_buffer", transport->no_buffer}};
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++)
        if (counters[i].value)
            say(text, "count %s %u\n", counters[i].name, counters[i].value);
}

#endif
