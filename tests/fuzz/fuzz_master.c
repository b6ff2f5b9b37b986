/* SPDX-License-Identifier: Apache-2.0 */
/* A whole master against an outstation that says anything: each input is a script of steps, one
 * octet what to do, one octet how much. Fragments get good frames around them, so that the fuzzer
 * need not find CRCs. Held: callbacks come in order, tokens are asked about once, what is written
 * is whole frames, and time always gets on. */
#include "dnp3/master.h"
#include "tests/fuzz/fuzz.h"

enum { MASTER = 1, OUTSTATION = 10, FROM_OUTSTATION = 0x44, TICKS_MAX = 64, TAKES_MAX = 64 };

struct host {
    struct dnp3_association *association;
    bool inside; /* a fragment */
    uint32_t held;
    uint8_t answers;
};

static void on_fragment(void *user, const struct dnp3_fragment *fragment)
{
    struct host *host = user;
    require(!host->inside && fragment->function >= DNP3_FUNCTION_RESPONSE);
    host->inside = true;
}

static void on_points(void *user, const struct dnp3_object_header *header,
                      const struct dnp3_point *points, size_t count)
{
    struct host *host = user;
    require(host->inside && header->row != NULL && points != NULL);
    require(count > 0 && count <= DNP3_POINTS_BATCH);
}

static enum dnp3_verdict on_end(void *user, const struct dnp3_fragment *fragment)
{
    struct host *host = user;
    require(host->inside);
    host->inside = false;
    host->answers = (uint8_t)(host->answers * 5 + 1);
    enum dnp3_verdict verdict = (enum dnp3_verdict)(host->answers / 16 % 3);
    if (fragment->token != 0 && verdict == DNP3_CONFIRM_HOLD)
        host->held = fragment->token;
    return verdict;
}

static void on_voided(void *user, uint32_t token)
{
    struct host *host = user;
    require(token != 0);
    if (host->held == token)
        host->held = 0;
}

static int64_t wall_clock(void *user)
{
    (void)user;
    return INT64_C(1763719200000);
}

/* Everything that is to be written must be whole frames of our own. */
static void drain(struct dnp3_master *master, uint64_t now)
{
    const uint8_t *octets;
    size_t length;
    for (int i = 0; (length = dnp3_master_take(master, &octets, now)) > 0; i++) {
        uint8_t data[DNP3_LINK_DATA_MAX];
        struct dnp3_link_parser parser;
        struct dnp3_link_frame frame;
        struct dnp3_reader in = dnp3_reader_of(octets, length);
        require(length <= DNP3_WIRE_MAX && i < TAKES_MAX);
        dnp3_link_parser_init(&parser);
        while (dnp3_link_parser_next(&parser, &in, data, &frame))
            require(frame.source == MASTER && frame.destination == OUTSTATION);
        require(parser.counters.frames > 0 && parser.counters.resyncs == 0 && parser.held == 0);
    }
}

static void feed_fragment(struct dnp3_master *master, struct dnp3_transport *transport,
                          const uint8_t *data, size_t length, uint64_t now)
{
    uint8_t wire[DNP3_WIRE_MAX];
    struct dnp3_writer out = dnp3_writer_of(wire, sizeof(wire));
    dnp3_transport_write(transport, &out, FROM_OUTSTATION, MASTER, OUTSTATION, data, length);
    dnp3_master_feed(master, wire, dnp3_writer_length(&out), now);
}

static uint64_t pass_time(struct dnp3_master *master, uint64_t now, uint64_t until)
{
    for (int i = 0; i < TICKS_MAX; i++) {
        uint64_t deadline = dnp3_master_deadline(master);
        if (deadline > until)
            break;
        now = deadline > now ? deadline : now;
        dnp3_master_tick(master, now);
        drain(master, now);
    }
    return until;
}

static void run(struct dnp3_master *master, struct host *host, const uint8_t *data, size_t size)
{
    struct dnp3_transport transport;
    uint64_t now = 1000;
    dnp3_transport_init(&transport, DNP3_POOL_BUFFER);
    dnp3_master_connected(master, now);
    drain(master, now);
    while (size >= 2) {
        uint8_t step = data[0];
        size_t length = data[1] < size - 2 ? data[1] : size - 2;
        data += 2;
        size -= 2;
        if (step < 0xA0) {
            feed_fragment(master, &transport, data, length, now);
            data += length;
            size -= length;
        } else if (step < 0xC0) {
            dnp3_master_feed(master, data, length, now);
            data += length;
            size -= length;
        } else if (step < 0xE0) {
            now = pass_time(master, now, now + length * 100);
        } else if (step < 0xF0 && host->held != 0) {
            uint32_t token = host->held;
            host->held = 0;
            dnp3_association_confirm(host->association, token);
        } else if (step < 0xF8) {
            dnp3_association_withhold(host->association, step & 1);
        } else {
            dnp3_master_disconnected(master, now);
            dnp3_master_connected(master, now);
        }
        drain(master, now);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct dnp3_association_callbacks callbacks = {.fragment = on_fragment,
                                                         .points = on_points,
                                                         .fragment_end = on_end,
                                                         .voided = on_voided,
                                                         .wall_clock = wall_clock};
    struct dnp3_association_config config;
    struct host host = {0};
    struct dnp3_pool *pool = dnp3_pool_create(&fuzz_allocator, 2);
    const struct dnp3_master_config master_config = {.allocator = &fuzz_allocator, .pool = pool};
    struct dnp3_master *master = dnp3_master_create(&master_config);
    dnp3_association_config_default(&config);
    config.master_address = MASTER;
    require(master != NULL && dnp3_association_create(master, OUTSTATION, &config, &callbacks,
                                                      &host, &host.association) == 0);
    run(master, &host, data, size);
    dnp3_master_free(master);
    require(dnp3_pool_available(pool) == 2);
    dnp3_pool_free(pool);
    return 0;
}
