/* SPDX-License-Identifier: Apache-2.0 */
/* An outstation before a master that says anything: each input is a script of steps, one octet what
 * to do, one octet how much. Held: what is written is whole frames, responses have room for their
 * header, no event is both gone and unaccounted for, and time always gets on. */
#include "dnp3/outstation.h"
#include "dnp3/transport.h"
#include "tests/fuzz/fuzz.h"

enum { MASTER = 1, OUTSTATION = 10, FROM_MASTER = 0xC4, TICKS_MAX = 64, TAKES_MAX = 64 };

static enum dnp3_status select_any(void *user, const struct dnp3_command *command)
{
    (void)user;
    return command->index & 1 ? DNP3_STATUS_LOCAL : DNP3_STATUS_SUCCESS;
}

static enum dnp3_status operate_any(void *user, const struct dnp3_command *command,
                                    enum dnp3_operate_how how)
{
    unsigned *operated = user;
    (void)how;
    require(command->type <= DNP3_COMMAND_ANALOG_DOUBLE);
    (*operated)++;
    return DNP3_STATUS_SUCCESS;
}

static void write_time(void *user, int64_t time_ms)
{
    (void)user;
    require(time_ms >= 0);
}

static int64_t clock_of(void *user)
{
    (void)user;
    return INT64_C(1763719200000);
}

static int64_t restart(void *user, bool cold)
{
    (void)user;
    return cold ? 100000 : 10;
}

static const struct dnp3_outstation_callbacks callbacks = {select_any, operate_any, write_time,
                                                           clock_of, restart};

static void drain(struct dnp3_outstation *outstation, uint64_t now)
{
    const uint8_t *octets;
    size_t length;
    for (int i = 0; (length = dnp3_outstation_take(outstation, &octets, now)) > 0; i++) {
        uint8_t data[DNP3_LINK_DATA_MAX];
        struct dnp3_link_parser parser;
        struct dnp3_link_frame frame;
        struct dnp3_reader in = dnp3_reader_of(octets, length);
        require(length <= DNP3_WIRE_MAX && i < TAKES_MAX);
        dnp3_link_parser_init(&parser);
        while (dnp3_link_parser_next(&parser, &in, data, &frame))
            require(frame.source == OUTSTATION && frame.destination == MASTER);
        require(parser.counters.frames > 0 && parser.counters.resyncs == 0 && parser.held == 0);
    }
}

static void check_accounts(const struct dnp3_outstation *outstation)
{
    const struct dnp3_outstation_counters *counters = dnp3_outstation_counters(outstation);
    uint64_t kept = 0;
    for (uint8_t event_class = 1; event_class <= DNP3_EVENT_CLASSES; event_class++)
        kept += 8u - dnp3_outstation_event_room(outstation, event_class);
    require(counters->events == counters->events_confirmed + counters->events_dropped + kept);
}

static void feed_fragment(struct dnp3_outstation *outstation, struct dnp3_transport *transport,
                          uint16_t destination, const uint8_t *data, size_t length, uint64_t now)
{
    uint8_t wire[DNP3_WIRE_MAX];
    struct dnp3_writer out = dnp3_writer_of(wire, sizeof(wire));
    dnp3_transport_write(transport, &out, FROM_MASTER, destination, MASTER, data, length);
    dnp3_outstation_feed(outstation, wire, dnp3_writer_length(&out), now);
}

static uint64_t pass_time(struct dnp3_outstation *outstation, uint64_t now, uint64_t until)
{
    for (int i = 0; i < TICKS_MAX; i++) {
        uint64_t deadline = dnp3_outstation_deadline(outstation);
        if (deadline > until)
            break;
        now = deadline > now ? deadline : now;
        dnp3_outstation_tick(outstation, now);
        drain(outstation, now);
    }
    return until;
}

static void update(struct dnp3_outstation *outstation, uint8_t step, uint64_t now)
{
    const uint8_t text[] = "0123456789";
    enum dnp3_point_type type = (enum dnp3_point_type)(step % DNP3_DATABASE_TYPES);
    struct dnp3_point point = {.index = step & 3, .flags = step, .number = step};
    if (type == DNP3_POINT_OCTET_STRING) {
        point.length = step % sizeof(text);
        point.octets = text;
    }
    dnp3_outstation_update(outstation, type, &point, DNP3_EVENT_FORCE, now);
}

static void run(struct dnp3_outstation *outstation, const uint8_t *data, size_t size)
{
    struct dnp3_transport transport;
    uint64_t now = 1000;
    dnp3_transport_init(&transport, DNP3_POOL_BUFFER);
    dnp3_outstation_connected(outstation, now);
    drain(outstation, now);
    while (size >= 2) {
        uint8_t step = data[0];
        size_t length = data[1] < size - 2 ? data[1] : size - 2;
        data += 2;
        size -= 2;
        if (step < 0x90) {
            uint16_t destination = step < 0x80 ? OUTSTATION : (uint16_t)(0xFFFD + step % 3);
            feed_fragment(outstation, &transport, destination, data, length, now);
            data += length;
            size -= length;
        } else if (step < 0xA0) {
            dnp3_outstation_feed(outstation, data, length, now);
            data += length;
            size -= length;
        } else if (step < 0xC0) {
            now = pass_time(outstation, now, now + length * 100);
        } else if (step < 0xF0) {
            for (size_t i = 0; i < length % 16; i++)
                update(outstation, (uint8_t)(step + i), now);
        } else if (step < 0xF4) {
            dnp3_outstation_restart(outstation, now);
        } else {
            dnp3_outstation_disconnected(outstation);
            dnp3_outstation_connected(outstation, now);
        }
        drain(outstation, now);
        check_accounts(outstation);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dnp3_pool *pool = dnp3_pool_create(&heap, 2);
    struct dnp3_outstation_config config;
    unsigned operated = 0;
    dnp3_outstation_config_default(&config);
    config.address = OUTSTATION;
    config.max_tx_fragment = 249;
    config.unsolicited = true;
    config.need_time = true;
    config.need_time_every_ms = 3000;
    config.regenerate = size > 0 && data[0] & 1;
    config.lenient = size > 0 && data[0] & 2;
    for (unsigned type = 0; type < DNP3_DATABASE_TYPES; type++) {
        config.database.count[type] = 4;
        if (type != DNP3_POINT_TIME)
            config.database.setup[type].event_class = (uint8_t)(type % 4);
    }
    config.database.count[DNP3_POINT_ANALOG_INPUT] = 300;
    config.database.setup[DNP3_POINT_BINARY_INPUT].static_variation = 1;
    config.database.setup[DNP3_POINT_BINARY_INPUT].event_variation = 3;
    for (unsigned i = 0; i < DNP3_EVENT_CLASSES; i++)
        config.event_capacity[i] = 8;
    struct dnp3_outstation *outstation =
        dnp3_outstation_create(&heap, pool, &config, &callbacks, &operated);
    require(outstation != NULL);
    run(outstation, data, size);
    dnp3_outstation_free(outstation);
    require(dnp3_pool_available(pool) == 2);
    dnp3_pool_free(pool);
    return 0;
}
