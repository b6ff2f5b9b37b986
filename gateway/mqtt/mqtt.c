/* SPDX-License-Identifier: Apache-2.0 */
/* Brings the broker's connection and the client together and keeps them up. Every end of a
 * connection, whoever began it, comes by one place: when the relay is closed. */
#include "gateway/mqtt/mqtt.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/backoff.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/base/rate.h"
#include "gateway/mqtt/flight.h"
#include "gateway/mqtt/wire.h"

enum {
    LEAVE_MS = 2000, /* for DISCONNECT to go out when stopped */
    PULSE_MS = 500,
    /* Another client with our name ends our connection, and we would end its. */
    TAKEN_OVER = 0x8e,
    SHORT_LIFE_MS = 10000,
    SHORT_LIVES = 3,       /* in a row: a broker that does not say so */
    STOOD_STILL_MS = 3000, /* no busy loop: stopped, swapped out, suspended with its host */
    REASON_MAX = 400,
    NO_SUBSCRIBERS = 0x10, /* MQTT 5 reason codes */
    REFUSED = 0x80
};

enum state {
    STOPPED,
    CONNECTING, /* the relay */
    HANDSHAKE,  /* CONNECT to CONNACK */
    ONLINE,
    LEAVING, /* told to stop; the relay is closing */
    WAITING, /* for the next attempt */
    FREEING
};

struct filter {
    char *text;
    int qos;
    bool commands;
};

struct gw_mqtt {
    uv_loop_t *loop;
    struct gw_mqtt_callbacks callbacks;
    void *user;
    struct gw_broker *broker;
    struct gw_wire *wire;
    struct gw_flight flight;
    uv_async_t wake;
    uv_timer_t timer; /* one purpose a state */
    uv_timer_t pulse; /* beats while online */
    uint64_t beat_ms; /* when this process was last known to run */
    bool stale;       /* what came on this connection may be older than it looks */
    unsigned closing;
    enum state state;
    const char *client_id; /* the configuration's */
    uint32_t connack_timeout_ms;
    int version;
    uint16_t keep_alive_s;
    bool going_on;   /* woken to go on with the flight */
    bool at_once;    /* the next attempt is to the same broker, without a pause */
    bool taken_over; /* the broker said so */
    uint8_t short_lives;
    uint32_t taken_over_pause_ms;
    struct gw_backoff backoff;
    uint64_t online_since;
    struct filter filters[GW_MQTT_FILTERS_MAX];
    unsigned filter_count;
    struct gw_mqtt_counters counters;
    struct gw_rate told;
    uint64_t dropped_told;
    char cause[REASON_MAX];  /* what is known of this connection's end before it comes */
    char reason[REASON_MAX]; /* of the last end, "" while online */
    char logged[REASON_MAX];
    void (*stopped)(void *user);
};

static void attempt(struct gw_mqtt *mqtt);

const char *gw_mqtt_error_text(int error)
{
    switch (error) {
#define X(name, value, text)                                                                       \
    case (value):                                                                                  \
        return text;
        GW_MQTT_ERROR_MAP(X)
#undef X
    default:
        return "no error";
    }
}

void gw_mqtt_options_default(struct gw_mqtt_options *options)
{
    *options = (struct gw_mqtt_options){.broker.connect_timeout_ms = 10000,
                                        .version = 5,
                                        .keep_alive_s = 30,
                                        .connack_timeout_ms = 10000,
                                        .reconnect_min_ms = 1000,
                                        .reconnect_max_ms = 60000,
                                        .taken_over_pause_ms = 60000,
                                        .inbox_octets = 256u << 10};
}

static bool subscribe(struct gw_mqtt *mqtt, unsigned number)
{
    const struct filter *filter = &mqtt->filters[number];
    return !gw_wire_subscribe(mqtt->wire, number, filter->text, filter->qos, filter->commands);
}

static void subscribe_all(struct gw_mqtt *mqtt)
{
    uint32_t subscribes = 0;
    for (unsigned i = 0; i < mqtt->filter_count; i++)
        subscribes += subscribe(mqtt, i);
    gw_broker_after_subscribes(mqtt->broker, subscribes);
}

/* The client goes by what it asked for, whatever the broker wants: it has to ask for that. */
static bool wants_other_keep_alive(struct gw_mqtt *mqtt, uint16_t wanted_s)
{
    if (!wanted_s || (mqtt->keep_alive_s && wanted_s >= mqtt->keep_alive_s))
        return false;
    gw_log(GW_LOG_INFO, "mqtt", "%s wants a ping every %u s: connecting again with that",
           gw_broker_endpoint(mqtt->broker), wanted_s);
    mqtt->keep_alive_s = wanted_s;
    mqtt->at_once = true;
    gw_wire_keep_alive(mqtt->wire, wanted_s);
    gw_broker_drop(mqtt->broker);
    return true;
}

static void set_cause(struct gw_mqtt *mqtt, const char *what, int code)
{
    if (mqtt->cause[0])
        return;
    snprintf(mqtt->cause, sizeof mqtt->cause, "%s: %s%s", gw_broker_endpoint(mqtt->broker), what,
             code < 0 ? "" : gw_mqtt_reason_code_text(code));
}

/* How long a command holds counts from when it comes, and what came while this process stood still
 * may have waited for minutes: it goes with its connection, as what is published while the gateway
 * is away. */
static bool stood_still(struct gw_mqtt *mqtt)
{
    uint64_t now = gw_clock_boot_ms();
    uint64_t gap = now - mqtt->beat_ms;
    mqtt->beat_ms = now;
    if (mqtt->stale || gap < STOOD_STILL_MS)
        return mqtt->stale;
    gw_log(GW_LOG_WARNING, "mqtt",
           "the gateway stood still for %llu ms: commands that waited meanwhile are not taken",
           (unsigned long long)gap);
    set_cause(mqtt, "left, for the gateway stood still", -1);
    mqtt->stale = true;
    gw_broker_drop(mqtt->broker);
    return true;
}

static void on_pulse(uv_timer_t *pulse)
{
    stood_still(pulse->data);
}

static void start_pulse(struct gw_mqtt *mqtt)
{
    mqtt->stale = false;
    mqtt->beat_ms = gw_clock_boot_ms();
    uv_timer_start(&mqtt->pulse, on_pulse, PULSE_MS, PULSE_MS);
}

static void on_online(struct gw_mqtt *mqtt)
{
    struct gw_mqtt_connection connection = *gw_wire_connection(mqtt->wire);
    connection.endpoint = gw_broker_endpoint(mqtt->broker);
    if (wants_other_keep_alive(mqtt, connection.keep_alive_s))
        return;
    uv_timer_stop(&mqtt->timer);
    start_pulse(mqtt);
    gw_flight_open(&mqtt->flight, mqtt->broker, mqtt->version, &connection);
    mqtt->state = ONLINE;
    mqtt->online_since = uv_now(mqtt->loop);
    mqtt->counters.connects++;
    mqtt->reason[0] = 0;
    mqtt->logged[0] = 0;
    gw_broker_rewind(mqtt->broker);
    gw_log(GW_LOG_INFO, "mqtt", "connected to %s", connection.endpoint);
    if (!connection.retain_available)
        gw_log(GW_LOG_WARNING, "mqtt", "%s keeps no retained messages: nothing is sent retained",
               connection.endpoint);
    subscribe_all(mqtt);
    mqtt->callbacks.connected(mqtt->user, &connection);
    mqtt->callbacks.writable(mqtt->user);
}

static void on_subscribed(struct gw_mqtt *mqtt, const struct gw_wire_event *event)
{
    const char *filter = mqtt->filters[event->id].text;
    if (event->code >= REFUSED)
        gw_log(GW_LOG_ERROR, "mqtt", "subscription to %s refused: %s", filter,
               gw_mqtt_reason_code_text(event->code));
    if (mqtt->callbacks.subscribed)
        mqtt->callbacks.subscribed(mqtt->user, filter, event->code);
}

static void take_events(struct gw_mqtt *mqtt)
{
    struct gw_wire_event event;
    while (gw_wire_take(mqtt->wire, &event)) {
        switch (event.kind) {
        case GW_WIRE_CONNECTED:
            if (mqtt->state == HANDSHAKE)
                on_online(mqtt);
            break;
        case GW_WIRE_REFUSED:
            set_cause(mqtt, event.code > 0 ? "connection refused by the broker: " : "no answer",
                      event.code > 0 ? event.code : -1);
            break;
        case GW_WIRE_SUBSCRIBED:
            on_subscribed(mqtt, &event);
            break;
        case GW_WIRE_DISCONNECTED:
            set_cause(mqtt, "disconnected by the broker: ", event.code);
            mqtt->taken_over |= event.code == TAKEN_OVER;
            break;
        case GW_WIRE_LOST:
            break;
        }
    }
}

static void take_ended(struct gw_mqtt *mqtt)
{
    struct gw_flight_end end;
    while (gw_flight_take(&mqtt->flight, &end)) {
        mqtt->counters.acked++;
        mqtt->counters.unheard += end.code == NO_SUBSCRIBERS;
        mqtt->callbacks.acked(mqtt->user, end.id, end.code);
    }
}

/* Some messages have ended, or there is room for one that was turned away. */
static void go_on(struct gw_mqtt *mqtt)
{
    take_ended(mqtt);
    if (mqtt->state == ONLINE)
        mqtt->callbacks.writable(mqtt->user);
}

static void on_puback(void *user, uint16_t packet_id, uint8_t reason_code)
{
    struct gw_mqtt *mqtt = user;
    gw_flight_acked(&mqtt->flight, packet_id, reason_code);
}

static void on_pubacks(void *user)
{
    go_on(user);
}

static void on_written(void *user)
{
    struct gw_mqtt *mqtt = user;
    if (!gw_flight_written(&mqtt->flight))
        return;
    mqtt->going_on = true;
    uv_async_send(&mqtt->wake);
}

/* Nobody can be answered: what was said is gone. */
static void tell_dropped(struct gw_mqtt *mqtt)
{
    uint64_t dropped = gw_wire_dropped(mqtt->wire);
    if (dropped == mqtt->dropped_told)
        return;
    mqtt->dropped_told = dropped;
    if (gw_rate_allows(&mqtt->told, "mqtt", uv_now(mqtt->loop)))
        gw_log(GW_LOG_WARNING, "mqtt",
               "commands came faster than they are taken: %llu since the start are dropped, "
               "without a result",
               (unsigned long long)dropped);
}

static void on_wake(uv_async_t *wake)
{
    struct gw_mqtt *mqtt = wake->data;
    struct gw_mqtt_message message;
    if (mqtt->state == STOPPED || mqtt->state == FREEING)
        return;
    take_events(mqtt);
    if (mqtt->going_on) {
        mqtt->going_on = false;
        go_on(mqtt);
    }
    while (mqtt->state == ONLINE && !stood_still(mqtt) && gw_wire_message(mqtt->wire, &message)) {
        mqtt->counters.received++;
        mqtt->callbacks.message(mqtt->user, &message);
        gw_wire_next_message(mqtt->wire);
    }
    tell_dropped(mqtt);
}

static void on_handle_closed(struct gw_mqtt *mqtt)
{
    if (--mqtt->closing == 0) {
        mqtt->state = STOPPED;
        if (mqtt->stopped)
            mqtt->stopped(mqtt->user);
    }
}

static void on_uv_closed(uv_handle_t *handle)
{
    on_handle_closed(handle->data);
}

static void on_broker_freed(void *user)
{
    on_handle_closed(user);
}

static void finish(struct gw_mqtt *mqtt)
{
    mqtt->state = FREEING;
    gw_wire_close(mqtt->wire);
    mqtt->closing = 4;
    uv_close((uv_handle_t *)&mqtt->wake, on_uv_closed);
    uv_close((uv_handle_t *)&mqtt->timer, on_uv_closed);
    uv_close((uv_handle_t *)&mqtt->pulse, on_uv_closed);
    gw_broker_free(mqtt->broker, on_broker_freed, mqtt);
    mqtt->broker = NULL;
}

static void on_retry_timer(uv_timer_t *timer)
{
    attempt(timer->data);
}

/* One line when the reason changes, not one an attempt. */
static void log_reason(struct gw_mqtt *mqtt, bool was_online)
{
    if (strcmp(mqtt->reason, mqtt->logged) == 0)
        return;
    gw_log(GW_LOG_WARNING, "mqtt", "%s: %s", was_online ? "connection lost" : "no connection",
           mqtt->reason);
    memcpy(mqtt->logged, mqtt->reason, sizeof mqtt->logged);
}

/* Two gateways of one name take turns at the broker, and disturb each other at the outstations. */
static void look_for_twin(struct gw_mqtt *mqtt)
{
    bool brief = !mqtt->stale && uv_now(mqtt->loop) - mqtt->online_since < SHORT_LIFE_MS;
    mqtt->short_lives = brief ? (uint8_t)(mqtt->short_lives % SHORT_LIVES + 1) : 0;
    if (mqtt->taken_over)
        gw_log(GW_LOG_ERROR, "mqtt",
               "another client is connected by the name %s: is a second gateway running? "
               "No controls are taken for %u s",
               mqtt->client_id, mqtt->taken_over_pause_ms / 1000);
    else if (mqtt->short_lives == SHORT_LIVES)
        gw_log(GW_LOG_ERROR, "mqtt",
               "%u connections in a row did not last for 10 s: does another client, perhaps a "
               "second gateway, connect by the name %s?",
               SHORT_LIVES, mqtt->client_id);
}

/* How long the broker is left alone now. */
static uint32_t next_pause(struct gw_mqtt *mqtt)
{
    bool taken_over = mqtt->taken_over;
    mqtt->taken_over = false;
    return taken_over ? mqtt->taken_over_pause_ms : gw_backoff_next(&mqtt->backoff);
}

static void on_closed(void *user, enum gw_broker_reason reason, const char *detail)
{
    struct gw_mqtt *mqtt = user;
    bool was_online = mqtt->state == ONLINE;
    uv_timer_stop(&mqtt->timer);
    uv_timer_stop(&mqtt->pulse);
    gw_wire_close(mqtt->wire); /* waits for a callback under way: all is told after it */
    take_events(mqtt);
    take_ended(mqtt);
    gw_flight_close(&mqtt->flight);
    if (mqtt->state == LEAVING || mqtt->state == FREEING) {
        if (mqtt->state == LEAVING)
            finish(mqtt);
        return;
    }
    if (mqtt->at_once) {
        mqtt->at_once = false;
        attempt(mqtt);
        return;
    }
    if (mqtt->cause[0])
        memcpy(mqtt->reason, mqtt->cause, sizeof mqtt->reason);
    else
        snprintf(mqtt->reason, sizeof mqtt->reason, "%s (%s)", detail,
                 gw_broker_reason_name(reason));
    log_reason(mqtt, was_online);
    if (was_online) {
        look_for_twin(mqtt);
        gw_backoff_ended(&mqtt->backoff, uv_now(mqtt->loop) - mqtt->online_since);
    } else {
        gw_broker_advance(mqtt->broker);
    }
    mqtt->state = WAITING;
    uv_timer_start(&mqtt->timer, on_retry_timer, next_pause(mqtt), 0);
    if (was_online)
        mqtt->callbacks.disconnected(mqtt->user, mqtt->reason);
}

static void on_connack_timer(uv_timer_t *timer)
{
    struct gw_mqtt *mqtt = timer->data;
    set_cause(mqtt, "connected, but no answer to CONNECT in time", -1);
    gw_broker_drop(mqtt->broker);
}

static void on_ready(void *user, int fd)
{
    struct gw_mqtt *mqtt = user;
    mqtt->state = HANDSHAKE;
    uv_timer_start(&mqtt->timer, on_connack_timer, mqtt->connack_timeout_ms, 0);
    if (gw_wire_open(mqtt->wire, fd)) {
        set_cause(mqtt, "the MQTT client could not be set up", -1);
        gw_broker_drop(mqtt->broker);
    }
}

static void attempt(struct gw_mqtt *mqtt)
{
    mqtt->state = CONNECTING;
    mqtt->cause[0] = 0;
    gw_broker_connect(mqtt->broker);
}

struct gw_mqtt *gw_mqtt_create(uv_loop_t *loop, const struct gw_mqtt_options *options,
                               const struct gw_mqtt_callbacks *callbacks, void *user)
{
    static const struct gw_broker_callbacks broker_callbacks = {.ready = on_ready,
                                                                .closed = on_closed,
                                                                .puback = on_puback,
                                                                .pubacks = on_pubacks,
                                                                .written = on_written};
    if ((options->version != 5 && options->version != 4) || !options->client_id)
        return NULL;
    struct gw_mqtt *mqtt = gw_memory_allocate(GW_OWNER_MQTT, sizeof *mqtt);
    if (!mqtt)
        return NULL;
    mqtt->wire = gw_wire_create(options, &mqtt->wake);
    if (mqtt->wire)
        mqtt->broker = gw_broker_create(loop, &options->broker, &broker_callbacks, mqtt);
    if (!mqtt->broker || uv_async_init(loop, &mqtt->wake, on_wake) < 0) {
        gw_broker_free(mqtt->broker, NULL, NULL);
        gw_wire_free(mqtt->wire);
        gw_memory_release(mqtt);
        return NULL;
    }
    uv_timer_init(loop, &mqtt->timer);
    uv_timer_init(loop, &mqtt->pulse);
    mqtt->wake.data = mqtt;
    mqtt->timer.data = mqtt;
    mqtt->pulse.data = mqtt;
    mqtt->loop = loop;
    mqtt->callbacks = *callbacks;
    mqtt->user = user;
    mqtt->version = options->version;
    mqtt->keep_alive_s = options->keep_alive_s;
    mqtt->client_id = options->client_id;
    mqtt->taken_over_pause_ms = options->taken_over_pause_ms;
    mqtt->connack_timeout_ms = options->connack_timeout_ms;
    gw_backoff_init(&mqtt->backoff, options->reconnect_min_ms, options->reconnect_max_ms,
                    options->seed);
    return mqtt;
}

int gw_mqtt_start(struct gw_mqtt *mqtt)
{
    if (mqtt->state != STOPPED || !mqtt->broker)
        return GW_MQTT_INVALID;
    snprintf(mqtt->reason, sizeof mqtt->reason, "not yet connected");
    attempt(mqtt);
    return 0;
}

static void on_leave_timer(uv_timer_t *timer)
{
    struct gw_mqtt *mqtt = timer->data;
    gw_broker_drop(mqtt->broker);
}

void gw_mqtt_stop(struct gw_mqtt *mqtt, void (*stopped)(void *user))
{
    enum state before = mqtt->state;
    if (before == LEAVING || before == FREEING || !mqtt->broker)
        return;
    mqtt->stopped = stopped;
    uv_timer_stop(&mqtt->timer);
    uv_timer_stop(&mqtt->pulse);
    switch (before) {
    case STOPPED:
    case WAITING:
        finish(mqtt);
        break;
    case ONLINE:
        mqtt->state = LEAVING;
        gw_wire_disconnect(mqtt->wire);
        uv_timer_start(&mqtt->timer, on_leave_timer, LEAVE_MS, 0);
        break;
    case CONNECTING:
    case HANDSHAKE:
        mqtt->state = LEAVING;
        gw_broker_drop(mqtt->broker);
        break;
    case LEAVING:
    case FREEING:
        break;
    }
}

void gw_mqtt_free(struct gw_mqtt *mqtt)
{
    if (!mqtt)
        return;
    gw_wire_free(mqtt->wire);
    for (unsigned i = 0; i < mqtt->filter_count; i++)
        gw_memory_release(mqtt->filters[i].text);
    gw_memory_release(mqtt);
}

int gw_mqtt_publish(struct gw_mqtt *mqtt, const struct gw_mqtt_publication *publication,
                    uint64_t id)
{
    if (mqtt->state != ONLINE)
        return GW_MQTT_OFFLINE;
    int error = gw_flight_publish(&mqtt->flight, publication, id);
    if (error)
        return error;
    mqtt->counters.published++;
    if (gw_flight_ended(&mqtt->flight)) { /* never from within this call */
        mqtt->going_on = true;
        uv_async_send(&mqtt->wake);
    }
    return 0;
}

size_t gw_mqtt_window(const struct gw_mqtt *mqtt)
{
    return mqtt->state == ONLINE ? gw_flight_window(&mqtt->flight) : 0;
}

static int add_filter(struct gw_mqtt *mqtt, const char *filter, int qos, bool commands)
{
    for (unsigned i = 0; i < mqtt->filter_count; i++) {
        if (strcmp(mqtt->filters[i].text, filter) == 0)
            return 0;
    }
    if (mqtt->filter_count == GW_MQTT_FILTERS_MAX)
        return GW_MQTT_FULL;
    char *text = gw_memory_copy_string(GW_OWNER_MQTT, filter);
    if (!text)
        return GW_MQTT_FULL;
    mqtt->filters[mqtt->filter_count] = (struct filter){text, qos, commands};
    mqtt->filter_count++;
    if (mqtt->state == ONLINE)
        subscribe(mqtt, mqtt->filter_count - 1);
    return 0;
}

int gw_mqtt_subscribe(struct gw_mqtt *mqtt, const char *filter, int qos)
{
    return add_filter(mqtt, filter, qos, false);
}

int gw_mqtt_subscribe_commands(struct gw_mqtt *mqtt, const char *filter, int qos)
{
    return add_filter(mqtt, filter, qos, true);
}

bool gw_mqtt_online(const struct gw_mqtt *mqtt)
{
    return mqtt->state == ONLINE;
}

const char *gw_mqtt_reason(const struct gw_mqtt *mqtt)
{
    return mqtt->reason;
}

const struct gw_mqtt_counters *gw_mqtt_counters(struct gw_mqtt *mqtt)
{
    mqtt->counters.dropped = gw_wire_dropped(mqtt->wire);
    return &mqtt->counters;
}
