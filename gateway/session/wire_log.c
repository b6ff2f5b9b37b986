/* SPDX-License-Identifier: Apache-2.0 */
/* Frames into lines of text, with readers of its own: what it makes of the octets changes nothing
 * of what the library makes of them. */
#include "gateway/session/wire_log.h"

#include <stdarg.h>
#include <stdio.h>

#include "dnp3/app.h"
#include "dnp3/objects.h"
#include "dnp3/transport.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"

enum { LINE_OCTETS = 480, WINDOW_MS = 1000, DIRECTIONS = 2 };

struct direction {
    struct dnp3_link_parser parser;
    struct dnp3_transport transport;
};

struct gw_wire_log {
    struct gw_wire_log *next;
    const char *subject;
    uint64_t until_ms;
    uint64_t window_ms; /* when the second that is counted began */
    uint32_t lines;     /* in it */
    uint32_t untold;
    uint16_t address;
    struct dnp3_allocator allocator;
    struct dnp3_pool *pool;
    struct direction ways[DIRECTIONS]; /* came, sent */
};

/* A line as it grows; what does not fit is cut. */
struct line {
    char text[LINE_OCTETS];
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t room = sizeof line->text - line->length;
    int length = vsnprintf(line->text + line->length, room, format, arguments);
    va_end(arguments);
    if (length > 0)
        line->length += (size_t)length < room ? (size_t)length : room - 1;
}

static void add_flag(struct line *line, unsigned octet, unsigned bit, const char *name)
{
    if (octet & bit)
        add(line, " %s", name);
}

/* Link and transport. */

static const char *link_function(uint8_t control)
{
    static const char *const primary[16] = {
        [DNP3_LINK_RESET_LINK_STATES] = "RESET_LINK_STATES",
        [DNP3_LINK_TEST_LINK_STATES] = "TEST_LINK_STATES",
        [DNP3_LINK_CONFIRMED_USER_DATA] = "CONFIRMED_USER_DATA",
        [DNP3_LINK_UNCONFIRMED_USER_DATA] = "UNCONFIRMED_USER_DATA",
        [DNP3_LINK_REQUEST_LINK_STATUS] = "REQUEST_LINK_STATUS"};
    static const char *const secondary[16] = {[DNP3_LINK_ACK] = "ACK",
                                              [DNP3_LINK_NACK] = "NACK",
                                              [DNP3_LINK_STATUS] = "LINK_STATUS",
                                              [DNP3_LINK_NOT_SUPPORTED] = "NOT_SUPPORTED"};
    const char *name =
        (control & DNP3_LINK_PRM ? primary : secondary)[control & DNP3_LINK_FUNCTION];
    return name ? name : "unknown link function";
}

static void add_link(struct line *line, bool sent, const struct dnp3_link_frame *frame)
{
    add(line, "%s %u>%u %s", sent ? "sent" : "came", frame->source, frame->destination,
        link_function(frame->control));
    if (frame->control & DNP3_LINK_PRM) {
        if (frame->control & DNP3_LINK_FCV)
            add(line, " FCB=%d", (frame->control & DNP3_LINK_FCB) != 0);
    } else {
        add_flag(line, frame->control, DNP3_LINK_DFC, "DFC");
    }
}

static bool has_data(const struct dnp3_link_frame *frame)
{
    uint8_t function = frame->control & DNP3_LINK_FUNCTION;
    return frame->length > 0 && frame->control & DNP3_LINK_PRM &&
           (function == DNP3_LINK_CONFIRMED_USER_DATA ||
            function == DNP3_LINK_UNCONFIRMED_USER_DATA);
}

static void add_transport(struct line *line, uint8_t octet)
{
    add(line, ", segment %u", octet & DNP3_TRANSPORT_SEQUENCE);
    add_flag(line, octet, DNP3_TRANSPORT_FIR, "FIR");
    add_flag(line, octet, DNP3_TRANSPORT_FIN, "FIN");
}

/* Application. */

/* Headers of these name points, and have no objects (IEEE 1815-2012 4.4). */
static bool names_points(uint8_t function)
{
    switch (function) {
    case DNP3_FUNCTION_READ:
    case DNP3_FUNCTION_IMMED_FREEZE:
    case DNP3_FUNCTION_IMMED_FREEZE_NR:
    case DNP3_FUNCTION_FREEZE_CLEAR:
    case DNP3_FUNCTION_FREEZE_CLEAR_NR:
    case DNP3_FUNCTION_FREEZE_AT_TIME:
    case DNP3_FUNCTION_FREEZE_AT_TIME_NR:
    case DNP3_FUNCTION_ENABLE_UNSOLICITED:
    case DNP3_FUNCTION_DISABLE_UNSOLICITED:
    case DNP3_FUNCTION_ASSIGN_CLASS:
        return true;
    default:
        return false;
    }
}

static void pass_over(struct dnp3_reader *in, const struct dnp3_object_header *header,
                      uint8_t function)
{
    struct dnp3_time_context times = {0};
    struct dnp3_point points[DNP3_POINTS_BATCH];
    struct dnp3_items items;
    uint32_t index;
    bool named = names_points(function) && !header->sized && header->group != 50;
    dnp3_items_begin(&items, header, &times);
    if (named && header->prefix)
        while (dnp3_items_index(&items, in, &index))
            ;
    else if (!named)
        while (dnp3_items_points(&items, in, points) > 0)
            ;
}

static void add_header(struct line *line, const struct dnp3_object_header *header)
{
    const char *name = dnp3_variation_name(header->group, header->variation);
    if (!name)
        name = dnp3_group_name(header->group);
    add(line, ", g%uv%u %s", header->group, header->variation, name ? name : "unknown");
    if (header->all)
        add(line, " all");
    else if (header->ranged)
        add(line, " %u..%u", header->start, header->start + header->count - 1);
    else
        add(line, " x%u", header->count);
}

static void add_indications(struct line *line, uint16_t iin)
{
    for (unsigned bit = 1; bit < 0x10000; bit <<= 1) {
        const char *name = iin & bit ? dnp3_iin_name((uint16_t)bit) : NULL;
        if (name)
            add(line, " %s", name);
    }
}

static void add_fragment(struct line *line, struct dnp3_reader in)
{
    struct dnp3_app_header app;
    struct dnp3_object_header header;
    if (!dnp3_app_read(&in, &app)) {
        add(line, ", no whole application header");
        return;
    }
    const char *name = dnp3_function_name(app.function);
    add(line, ", %s %u", name ? name : "unknown function", dnp3_app_sequence(&app));
    add_flag(line, app.control, DNP3_APP_FIR, "FIR");
    add_flag(line, app.control, DNP3_APP_FIN, "FIN");
    add_flag(line, app.control, DNP3_APP_CON, "CON");
    add_flag(line, app.control, DNP3_APP_UNS, "UNS");
    add_indications(line, app.iin);
    while (!in.failed && dnp3_reader_left(&in) > 0) {
        if (dnp3_header_read(&in, &header)) {
            add(line, ", then what is no object header");
            return;
        }
        add_header(line, &header);
        pass_over(&in, &header, app.function);
        if (in.failed)
            add(line, " (cannot be read on)");
    }
}

/* Lines. */

static bool has_room(struct gw_wire_log *log, uint64_t now_ms)
{
    if (now_ms - log->window_ms >= WINDOW_MS) {
        if (log->untold)
            gw_log(GW_LOG_INFO, log->subject, "%u more frames were left out", log->untold);
        log->window_ms = now_ms;
        log->lines = log->untold = 0;
    }
    if (log->lines == GW_WIRE_LOG_LINES) {
        log->untold++;
        return false;
    }
    log->lines++;
    return true;
}

static void take_frame(struct gw_wire_log *log, bool sent, const struct dnp3_link_frame *frame,
                       uint64_t now_ms)
{
    struct dnp3_transport *transport = &log->ways[sent].transport;
    struct line line = {.length = 0};
    struct dnp3_reader fragment;
    uint16_t peer = sent ? frame->destination : frame->source;
    if (peer != log->address && (!sent || peer < DNP3_LINK_BROADCAST_FIRST))
        return;
    add_link(&line, sent, frame);
    if (has_data(frame)) {
        add_transport(&line, frame->data[0]);
        if (dnp3_transport_receive(transport, log->pool, frame->source, frame->data, frame->length,
                                   &fragment)) {
            add_fragment(&line, fragment);
            dnp3_transport_release(transport, log->pool);
        }
    }
    if (has_room(log, now_ms))
        gw_log(GW_LOG_INFO, log->subject, "%s", line.text);
}

static void take(struct gw_wire_log *log, bool sent, const uint8_t *octets, size_t length,
                 bool datagram, uint64_t now_ms)
{
    struct dnp3_link_parser *parser = &log->ways[sent].parser;
    struct dnp3_reader in = dnp3_reader_of(octets, length);
    struct dnp3_link_frame frame;
    uint8_t data[DNP3_LINK_DATA_MAX];
    while (dnp3_link_parser_next(parser, &in, data, &frame))
        take_frame(log, sent, &frame, now_ms);
    while (datagram && dnp3_link_parser_end(parser, data, &frame))
        take_frame(log, sent, &frame, now_ms);
}

/* Life. */

static void end(struct gw_wire_log *log)
{
    if (log->untold)
        gw_log(GW_LOG_INFO, log->subject, "%u more frames were left out", log->untold);
    dnp3_pool_free(log->pool);
    gw_memory_release(log);
}

static void init(struct direction *way)
{
    dnp3_link_parser_init(&way->parser);
    dnp3_transport_init(&way->transport, DNP3_FRAGMENT_MAX);
}

bool gw_wire_log_start(struct gw_wire_log **list, const char *subject, uint16_t address,
                       uint64_t until_ms)
{
    struct gw_wire_log *log = *list;
    while (log && log->address != address)
        log = log->next;
    if (log) {
        log->until_ms = until_ms;
        return true;
    }
    log = gw_memory_allocate(GW_OWNER_LINK, sizeof *log);
    if (!log)
        return false;
    log->allocator = gw_memory_dnp3();
    log->pool = dnp3_pool_create(&log->allocator, DIRECTIONS);
    if (!log->pool) {
        gw_memory_release(log);
        return false;
    }
    log->subject = subject;
    log->address = address;
    log->until_ms = until_ms;
    for (size_t i = 0; i < DIRECTIONS; i++)
        init(&log->ways[i]);
    log->next = *list;
    *list = log;
    return true;
}

void gw_wire_log_octets(struct gw_wire_log **list, bool sent, const uint8_t *octets, size_t length,
                        bool datagram, uint64_t now_ms)
{
    while (*list) {
        struct gw_wire_log *log = *list;
        if (now_ms >= log->until_ms) {
            *list = log->next;
            end(log);
        } else {
            take(log, sent, octets, length, datagram, now_ms);
            list = &log->next;
        }
    }
}

void gw_wire_log_reset(struct gw_wire_log *list)
{
    for (struct gw_wire_log *log = list; log; log = log->next) {
        for (size_t i = 0; i < DIRECTIONS; i++) {
            dnp3_link_parser_reset(&log->ways[i].parser);
            dnp3_transport_reset(&log->ways[i].transport, log->pool);
        }
    }
}

void gw_wire_log_free(struct gw_wire_log **list)
{
    while (*list) {
        struct gw_wire_log *log = *list;
        *list = log->next;
        end(log);
    }
}
