/* SPDX-License-Identifier: Apache-2.0 */
/* One channel's master: frames to associations by address, and whose turn it is to speak
 * (IEEE 1815-2012 clause 9; rule 20). */
#include "dnp3/association_internal.h"

enum { LINK_HEADER = 10 }; /* octets of a frame before its data, CRC included */

struct dnp3_master *dnp3_master_create(const struct dnp3_master_config *config)
{
    const struct dnp3_allocator *allocator = config->allocator;
    struct dnp3_master *master =
        allocator->allocate(allocator->user, DNP3_OWNER_LINK, sizeof *master);
    if (!master)
        return NULL;
    master->config = *config;
    dnp3_link_parser_init(&master->parser);
    return master;
}

void dnp3_master_free(struct dnp3_master *master)
{
    if (!master)
        return;
    dnp3_broadcast_disconnected(master);
    while (master->associations)
        dnp3_association_free(master->associations);
    const struct dnp3_allocator *allocator = master->config.allocator;
    allocator->release(allocator->user, DNP3_OWNER_LINK, master);
}

static void begin(struct dnp3_association *a)
{
    dnp3_association_link_forget(a);
    dnp3_transport_reset(&a->transport, a->master->config.pool);
    dnp3_task_start(a);
}

static void end(struct dnp3_association *a)
{
    dnp3_association_link_forget(a);
    dnp3_transport_reset(&a->transport, a->master->config.pool);
    dnp3_task_disconnected(a);
    dnp3_probe_forget(a);
    dnp3_confirm_void(a, &a->solicited);
    dnp3_confirm_forget_unsolicited(a);
}

void dnp3_master_connected(struct dnp3_master *master, uint64_t now_ms)
{
    master->now_ms = now_ms;
    master->connected = true;
    dnp3_link_parser_reset(&master->parser);
    for (struct dnp3_association *a = master->associations; a; a = a->next)
        begin(a);
}

void dnp3_master_disconnected(struct dnp3_master *master, uint64_t now_ms)
{
    master->now_ms = now_ms;
    master->connected = false;
    dnp3_broadcast_disconnected(master);
    for (struct dnp3_association *a = master->associations; a; a = a->next)
        end(a);
}

void dnp3_association_moved(struct dnp3_association *a, uint64_t now_ms)
{
    a->master->now_ms = now_ms;
    if (!a->master->connected)
        return;
    end(a);
    begin(a);
}

static void receive_frame(struct dnp3_master *master, const struct dnp3_link_frame *frame)
{
    struct dnp3_association *a = master->associations;
    while (a && a->address != frame->source)
        a = a->next;
    if (!a || frame->destination != a->config->master_address) {
        if (a)
            a->counters.link_discarded++;
        if (master->config.stranger)
            master->config.stranger(master->config.user, frame->source, frame->destination);
        return;
    }
    if (frame->control & DNP3_LINK_DIR) {
        a->counters.link_discarded++;
        return;
    }
    a->counters.rx_octets += LINK_HEADER + frame->length + (frame->length + 15u) / 16u * 2u;
    a->heard_ms = master->now_ms;
    dnp3_probe_heard(a);
    dnp3_association_link_receive(a, frame);
}

void dnp3_master_feed(struct dnp3_master *master, const uint8_t *octets, size_t length,
                      uint64_t now_ms)
{
    uint8_t data[DNP3_LINK_DATA_MAX];
    struct dnp3_reader in = dnp3_reader_of(octets, length);
    struct dnp3_link_frame frame;
    master->now_ms = now_ms;
    while (dnp3_link_parser_next(&master->parser, &in, data, &frame))
        if (master->connected)
            receive_frame(master, &frame);
}

void dnp3_master_feed_datagram(struct dnp3_master *master, const uint8_t *octets, size_t length,
                               uint64_t now_ms)
{
    uint8_t data[DNP3_LINK_DATA_MAX];
    struct dnp3_link_frame frame;
    dnp3_master_feed(master, octets, length, now_ms);
    while (dnp3_link_parser_end(&master->parser, data, &frame))
        if (master->connected)
            receive_frame(master, &frame);
}

static bool next_confirm(struct dnp3_association *a, struct dnp3_writer *fragment)
{
    bool may = !a->master->config.half_duplex || dnp3_half_duplex_may_confirm(a);
    return may && association_takes_data(a) && dnp3_confirm_next(a, fragment);
}

static bool next_request(struct dnp3_association *a, struct dnp3_writer *fragment)
{
    bool half_duplex = a->master->config.half_duplex;
    if ((half_duplex && !dnp3_half_duplex_may_request(a)) || !dnp3_task_next(a, fragment))
        return false;
    if (half_duplex)
        dnp3_half_duplex_requested(a);
    return true;
}

static void take_one(struct dnp3_association *a, struct dnp3_writer *wire)
{
    bool may_reply = !a->master->config.half_duplex || dnp3_half_duplex_may_reply(a);
    if (may_reply && dnp3_association_link_reply(a, wire))
        return;
    if (association_awaits_link(a)) {
        dnp3_association_link_go_on(a, wire);
        return;
    }
    if (dnp3_probe_next(a)) {
        dnp3_association_link_ask(a, wire);
        return;
    }
    struct dnp3_writer fragment =
        dnp3_writer_of(dnp3_pool_fragment(a->master->config.pool), a->max_request);
    if (next_confirm(a, &fragment) || next_request(a, &fragment))
        dnp3_association_link_send(a, &fragment, wire);
}

/* Every association in turn, until one has something to say. */
static size_t take_round(struct dnp3_master *master, struct dnp3_writer *wire)
{
    for (size_t i = 0; i < master->count; i++) {
        struct dnp3_association *a = master->turn ? master->turn : master->associations;
        master->turn = a->next;
        take_one(a, wire);
        size_t length = dnp3_writer_length(wire);
        a->counters.tx_octets += length;
        if (length)
            return length;
    }
    return 0;
}

/* On a half-duplex channel a control that ends without leaving lets those speak who were asked
 * before it. */
static size_t controls_waiting(const struct dnp3_master *master)
{
    size_t count = 0;
    for (const struct dnp3_association *a = master->associations; a; a = a->next)
        count += a->commands_queued;
    return count;
}

size_t dnp3_master_take(struct dnp3_master *master, const uint8_t **octets, uint64_t now_ms)
{
    master->now_ms = now_ms;
    if (!master->connected)
        return 0;
    struct dnp3_writer wire = dnp3_writer_of(dnp3_pool_wire(master->config.pool), DNP3_WIRE_MAX);
    if (dnp3_broadcast_next(master, &wire)) {
        *octets = wire.start;
        return dnp3_writer_length(&wire);
    }
    size_t length;
    bool again;
    do {
        size_t waiting = master->config.half_duplex ? controls_waiting(master) : 0;
        length = take_round(master, &wire);
        again = master->config.half_duplex && controls_waiting(master) != waiting;
    } while (!length && again);
    *octets = wire.start;
    return length;
}

uint64_t dnp3_master_deadline(const struct dnp3_master *master)
{
    if (!master->connected)
        return DNP3_NEVER;
    uint64_t next = dnp3_broadcast_deadline(master);
    for (const struct dnp3_association *a = master->associations; a; a = a->next) {
        uint64_t task = dnp3_task_deadline(a);
        if (master->config.half_duplex)
            task = dnp3_half_duplex_deadline(a, task);
        next = dnp3_earlier(next, task);
        next = dnp3_earlier(next, dnp3_confirm_deadline(a));
        next = dnp3_earlier(next, dnp3_probe_deadline(a));
    }
    return next;
}

void dnp3_master_tick(struct dnp3_master *master, uint64_t now_ms)
{
    master->now_ms = now_ms;
    if (!master->connected)
        return;
    for (struct dnp3_association *a = master->associations; a; a = a->next) {
        dnp3_confirm_tick(a);
        dnp3_association_link_tick(a);
        dnp3_task_tick(a);
        dnp3_probe_tick(a);
    }
}

const struct dnp3_link_counters *dnp3_master_link_counters(const struct dnp3_master *master)
{
    return &master->parser.counters;
}

size_t dnp3_master_association_count(const struct dnp3_master *master)
{
    return master->count;
}

size_t dnp3_master_size(void)
{
    return sizeof(struct dnp3_master);
}
