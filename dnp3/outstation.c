/* SPDX-License-Identifier: Apache-2.0 */
/* The outstation as the host sees it: its life, its connection, its clockwork and its values. What
 * it says and understands is in the other files outstation_*.c. */
#include "dnp3/outstation.h"

#include "dnp3/error.h"
#include "dnp3/outstation_internal.h"

enum { RESPONSE_DELAY_MAX_MS = 60000 }; /* 52v2 has 16 bits */
enum { COMMAND_VARIATION = 8 };         /* 43v8 holds what any command was encoded as */
enum { FRAGMENT_MIN = 249, OBJECT_ROOM = FRAGMENT_MIN - DNP3_RESPONSE_HEADER - 7 };

/* Indications that the host may set and clear. */
enum {
    HOST_INDICATIONS = DNP3_IIN_LOCAL_CONTROL | DNP3_IIN_DEVICE_TROUBLE | DNP3_IIN_CONFIG_CORRUPT |
                       DNP3_IIN_NEED_TIME
};

static const struct dnp3_outstation_callbacks no_callbacks;

void dnp3_outstation_config_default(struct dnp3_outstation_config *config)
{
    *config = (struct dnp3_outstation_config){
        .address = 1024,
        .master_address = 1,
        .event_capacity = {256, 256, 256},
        .max_rx_fragment = DNP3_FRAGMENT_MAX,
        .max_tx_fragment = DNP3_FRAGMENT_MAX,
        .max_controls = 16,
        .confirm_timeout_ms = 5000,
        .select_timeout_ms = 10000,
        .file_timeout_ms = 60000,
        .unsolicited_retries = 3,
        .unsolicited_events = 32,
        .unsolicited_hold_ms = 100,
        .link_timeout_ms = 1000,
        .link_retries = 2,
    };
    dnp3_database_config_default(&config->database);
}

static bool is_fragment_size(uint16_t size)
{
    return size >= FRAGMENT_MIN && size <= DNP3_FRAGMENT_MAX;
}

static bool is_valid(const struct dnp3_outstation_config *config)
{
    bool strings = config->database.count[DNP3_POINT_OCTET_STRING] > 0;
    return config->address <= DNP3_LINK_ADDRESS_MAX &&
           config->master_address <= DNP3_LINK_ADDRESS_MAX &&
           is_fragment_size(config->max_rx_fragment) && is_fragment_size(config->max_tx_fragment) &&
           config->max_controls > 0 && config->response_delay_ms <= RESPONSE_DELAY_MAX_MS &&
           (!strings || config->database.octet_string_size <= OBJECT_ROOM) &&
           dnp3_attributes_are_valid(config);
}

static uint16_t buffer_size(const struct dnp3_outstation_config *config)
{
    return config->max_rx_fragment > config->max_tx_fragment ? config->max_rx_fragment
                                                             : config->max_tx_fragment;
}

/* The outstation and its three buffers in one piece. */
static struct dnp3_outstation *allocate(const struct dnp3_allocator *allocator,
                                        const struct dnp3_outstation_config *config)
{
    size_t solicited = buffer_size(config);
    size_t unsolicited = config->unsolicited ? config->max_tx_fragment : 0;
    struct dnp3_outstation *o =
        allocator->allocate(allocator->user, DNP3_OWNER_OUTSTATION,
                            sizeof *o + solicited + unsolicited + dnp3_selection_size(config));
    if (!o)
        return NULL;
    o->allocator = *allocator;
    o->solicited.fragment = (uint8_t *)(o + 1);
    o->unsolicited.fragment = o->solicited.fragment + solicited;
    o->selection.octets = o->unsolicited.fragment + unsolicited;
    return o;
}

struct dnp3_outstation *dnp3_outstation_create(const struct dnp3_allocator *allocator,
                                               struct dnp3_pool *pool,
                                               const struct dnp3_outstation_config *config,
                                               const struct dnp3_outstation_callbacks *callbacks,
                                               void *user)
{
    struct dnp3_outstation *o = is_valid(config) ? allocate(allocator, config) : NULL;
    if (!o)
        return NULL;
    struct dnp3_event_config events = {0};
    memcpy(events.capacity, config->event_capacity, sizeof events.capacity);
    if (config->database.count[DNP3_POINT_OCTET_STRING])
        events.octet_string_size = dnp3_octet_string_size(&config->database);
    o->pool = pool;
    o->config = *config;
    o->callbacks = callbacks ? callbacks : &no_callbacks;
    o->user = user;
    o->database = dnp3_database_create(allocator, &config->database);
    o->events = dnp3_event_buffer_create(allocator, &events);
    bool linked = dnp3_outstation_link_create(o);
    if (!o->database || !o->events || !linked) {
        dnp3_outstation_free(o);
        return NULL;
    }
    dnp3_link_parser_init(&o->link.parser);
    dnp3_transport_init(&o->link.transport, config->max_rx_fragment);
    o->need_time_at = UINT64_MAX;
    dnp3_outstation_restart(o, 0);
    return o;
}

void dnp3_outstation_free(struct dnp3_outstation *o)
{
    if (!o)
        return;
    struct dnp3_allocator allocator = o->allocator;
    dnp3_files_give_up(o);
    dnp3_transport_reset(&o->link.transport, o->pool);
    if (o->link.primary)
        allocator.release(allocator.user, DNP3_OWNER_OUTSTATION, o->link.primary);
    dnp3_database_free(o->database);
    dnp3_event_buffer_free(o->events);
    allocator.release(allocator.user, DNP3_OWNER_OUTSTATION, o);
}

/* Whatever the last connection left half done. */
static void forget_connection(struct dnp3_outstation *o)
{
    dnp3_outstation_link_reset(o);
    dnp3_outstation_abort(o);
    dnp3_unsolicited_abort(o);
    o->selection.valid = false;
    o->last.valid = false;
    o->recorded = false;
}

void dnp3_outstation_connected(struct dnp3_outstation *o, uint64_t now_ms)
{
    (void)now_ms;
    forget_connection(o);
    o->connected = true;
    dnp3_unsolicited_connected(o);
}

void dnp3_outstation_disconnected(struct dnp3_outstation *o)
{
    forget_connection(o);
    o->connected = false;
}

void dnp3_outstation_restart(struct dnp3_outstation *o, uint64_t now_ms)
{
    (void)now_ms;
    dnp3_unsolicited_abort(o);
    dnp3_unsolicited_connected(o);
    o->indications |= DNP3_IIN_DEVICE_RESTART;
    if (o->config.need_time)
        o->indications |= DNP3_IIN_NEED_TIME;
    o->unsolicited.classes = o->config.unsolicited ? o->config.unsolicited_classes : 0;
    o->selection.valid = false;
    o->recorded = false;
    memset(o->freezes, 0, sizeof o->freezes);
    dnp3_files_give_up(o);
}

size_t dnp3_outstation_take(struct dnp3_outstation *o, const uint8_t **octets, uint64_t now_ms)
{
    if (!o->connected)
        return 0;
    struct dnp3_writer out = dnp3_writer_of(dnp3_pool_wire(o->pool), DNP3_WIRE_MAX);
    *octets = out.start;
    if (o->link.reply_count)
        dnp3_outstation_link_replies(o, &out);
    else if (dnp3_outstation_link_busy(o))
        dnp3_outstation_link_go_on(o, &out, now_ms);
    else if (!dnp3_response_take(o, &out, now_ms))
        dnp3_unsolicited_take(o, &out, now_ms);
    return dnp3_writer_length(&out);
}

uint64_t dnp3_outstation_deadline(const struct dnp3_outstation *o)
{
    bool busy = dnp3_outstation_link_busy(o); /* then nothing else is due to leave */
    uint64_t deadline = busy ? o->link.primary->deadline_ms : UINT64_MAX;
    bool reports = o->unsolicited.state == DNP3_UNSOLICITED_AWAIT || !busy;
    if (reports)
        deadline = dnp3_earlier(deadline, dnp3_unsolicited_deadline(o));
    if (o->solicited.state == DNP3_SOLICITED_AWAIT)
        deadline = dnp3_earlier(deadline, o->solicited.deadline);
    bool answers =
        o->solicited.state == DNP3_SOLICITED_BUILD || o->solicited.state == DNP3_SOLICITED_READY;
    if (answers && !busy && o->solicited.delayed)
        deadline = dnp3_earlier(deadline, o->solicited.not_before);
    deadline = dnp3_earlier(deadline, dnp3_freeze_deadline(o));
    deadline = dnp3_earlier(deadline, dnp3_files_deadline(o));
    return dnp3_earlier(deadline, o->need_time_at);
}

void dnp3_outstation_tick(struct dnp3_outstation *o, uint64_t now_ms)
{
    if (now_ms >= o->need_time_at) {
        o->indications |= DNP3_IIN_NEED_TIME;
        o->need_time_at = UINT64_MAX;
    }
    if (now_ms >= o->solicited.not_before)
        o->solicited.delayed = false;
    dnp3_freeze_tick(o, now_ms);
    dnp3_files_tick(o, now_ms);
    dnp3_outstation_link_tick(o, now_ms);
    if (o->solicited.state == DNP3_SOLICITED_AWAIT && now_ms >= o->solicited.deadline) {
        o->counters.confirm_timeouts++;
        dnp3_outstation_abort(o);
    }
    dnp3_unsolicited_tick(o, now_ms);
}

void dnp3_outstation_stamp(const struct dnp3_outstation *o, struct dnp3_point *point)
{
    point->time_ms = o->callbacks->time ? o->callbacks->time(o->user) : 0;
    point->time_quality = !point->time_ms                       ? DNP3_TIME_NONE
                          : o->indications & DNP3_IIN_NEED_TIME ? DNP3_TIME_UNSYNCHRONIZED
                                                                : DNP3_TIME_SYNCHRONIZED;
}

int dnp3_outstation_update(struct dnp3_outstation *o, enum dnp3_point_type type,
                           const struct dnp3_point *point, enum dnp3_event_mode mode,
                           uint64_t now_ms)
{
    return dnp3_outstation_record(o, type, point, mode, COMMAND_VARIATION, now_ms);
}

int dnp3_outstation_record(struct dnp3_outstation *o, enum dnp3_point_type type,
                           const struct dnp3_point *point, enum dnp3_event_mode mode,
                           uint8_t variation, uint64_t now_ms)
{
    int event = dnp3_database_update(o->database, type, point, mode);
    if (event != 1)
        return event;
    const struct dnp3_point_setup *setup = dnp3_database_setup(o->database, type, point->index);
    dnp3_unsolicited_event(o, setup->event_class, now_ms);
    o->counters.events++;
    if (setup->event_variation || type != DNP3_POINT_ANALOG_COMMAND_EVENT)
        variation = setup->event_variation;
    if (dnp3_event_buffer_add(o->events, type, setup->event_class, variation, point))
        o->counters.events_dropped++;
    return 1;
}

struct dnp3_database *dnp3_outstation_database(struct dnp3_outstation *o)
{
    return o->database;
}

uint16_t dnp3_outstation_event_room(const struct dnp3_outstation *o, uint8_t event_class)
{
    return dnp3_event_buffer_room(o->events, event_class);
}

void dnp3_outstation_indicate(struct dnp3_outstation *o, uint16_t mask, uint16_t values)
{
    mask &= HOST_INDICATIONS;
    o->indications = (uint16_t)((o->indications & ~mask) | (values & mask));
}

const struct dnp3_outstation_counters *dnp3_outstation_counters(const struct dnp3_outstation *o)
{
    return &o->counters;
}
