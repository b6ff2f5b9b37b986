/* SPDX-License-Identifier: Apache-2.0 */
/* An outstation before a master that says anything: each input is a script of steps, one octet what
 * to do, one octet how much. Held: what is written is whole frames, responses have room for their
 * header, no event is both gone and unaccounted for, and time always gets on. */
#include "dnp3/outstation.h"
#include "dnp3/transport.h"
#include "tests/fuzz/fuzz.h"

enum { MASTER = 1, OUTSTATION = 10, FROM_MASTER = 0xC4, TICKS_MAX = 64, TAKES_MAX = 64 };

static const uint8_t site[] = "pumping station";
static const struct dnp3_outstation_attribute attributes[] = {
    {{.variation = DNP3_ATTRIBUTE_LOCATION, .type = 1, .length = 15, .octets = site}, true},
    {{.variation = DNP3_ATTRIBUTE_MANUFACTURER, .type = 1, .length = 15, .octets = site}, false},
    {{.set = 3, .variation = 1, .type = DNP3_ATTRIBUTE_TYPE_UNSIGNED, .natural = 70000}, false},
};

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

static bool write_attribute(void *user, const struct dnp3_attribute *attribute)
{
    (void)user;
    require(attribute->variation == attributes[0].value.variation && attribute->length <= 255);
    return attribute->length > 0;
}

/* One file of 100 octets, and what was written at which place last. */
static unsigned open_files;

static uint32_t authenticate(void *user, struct dnp3_file_string name,
                             struct dnp3_file_string password)
{
    (void)user;
    return (uint32_t)name.length + password.length;
}

static enum dnp3_file_status open_any(void *user, const struct dnp3_file_command *command,
                                      void **file, uint32_t *size)
{
    (void)user;
    require(command->mode >= DNP3_FILE_MODE_READ && command->mode <= DNP3_FILE_MODE_APPEND);
    if (command->name.length == 0)
        return DNP3_FILE_STATUS_NOT_FOUND;
    *file = &open_files;
    *size = 100;
    open_files++;
    return DNP3_FILE_STATUS_SUCCESS;
}

static enum dnp3_file_status read_any(void *user, void *file, uint64_t position,
                                      struct dnp3_writer *block, bool *last)
{
    (void)user;
    require(file == &open_files && open_files > 0 && dnp3_writer_left(block) > 0);
    for (uint64_t at = position; at < 100 && dnp3_writer_left(block); at++)
        dnp3_writer_u8(block, (uint8_t)at);
    *last = position + dnp3_writer_length(block) >= 100;
    return DNP3_FILE_STATUS_SUCCESS;
}

static enum dnp3_file_status write_any(void *user, void *file, uint64_t position,
                                       const uint8_t *octets, size_t length, bool last)
{
    (void)user;
    (void)position;
    require(file == &open_files && open_files > 0 && length <= DNP3_FRAGMENT_MAX);
    return last && length && octets[0] ? DNP3_FILE_STATUS_FATAL : DNP3_FILE_STATUS_SUCCESS;
}

static enum dnp3_file_status close_any(void *user, void *file, bool keep)
{
    (void)user;
    require(file == &open_files && open_files > 0);
    open_files--;
    return keep ? DNP3_FILE_STATUS_SUCCESS : DNP3_FILE_STATUS_CANNOT_ABORT;
}

static enum dnp3_file_status remove_any(void *user, const struct dnp3_file_command *command)
{
    (void)user;
    return command->name.length ? DNP3_FILE_STATUS_SUCCESS : DNP3_FILE_STATUS_NOT_FOUND;
}

static enum dnp3_file_status tell_any(void *user, struct dnp3_file_string name,
                                      struct dnp3_file_descriptor *descriptor)
{
    (void)user;
    descriptor->size = name.length;
    return name.length > 1 ? DNP3_FILE_STATUS_SUCCESS : DNP3_FILE_STATUS_NOT_FOUND;
}

static const struct dnp3_outstation_files files = {authenticate, open_any,   read_any, write_any,
                                                   close_any,    remove_any, tell_any};

static bool write_string(void *user, const struct dnp3_point *string)
{
    (void)user;
    require(string->index < 4 && string->length > 0 && string->length <= 32);
    return string->octets[0] != 0;
}

static const struct dnp3_outstation_callbacks callbacks = {.files = &files,
                                                           .write_string = write_string,
                                                           .select = select_any,
                                                           .operate = operate_any,
                                                           .write_time = write_time,
                                                           .time = clock_of,
                                                           .restart = restart,
                                                           .write_attribute = write_attribute};

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
    config.attributes = attributes;
    config.attribute_count = sizeof(attributes) / sizeof(attributes[0]);
    config.regenerate = size > 0 && data[0] & 1;
    config.lenient = size > 0 && data[0] & 2;
    config.link_confirm = size > 0 && data[0] & 4;
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
    require(open_files == 0);
    require(dnp3_pool_available(pool) == 2);
    dnp3_pool_free(pool);
    return 0;
}
