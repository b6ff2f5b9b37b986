/* SPDX-License-Identifier: Apache-2.0 */
/* Paho's callbacks run on its threads with its lock held: they copy, queue, wake and return. Its
 * lock also sees to it that they run one at a time, so each queue has one writer. */
#include "gateway/mqtt/wire.h"

#include <MQTTAsync.h>
#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/mqtt/inbox.h"
#include "gateway/mqtt/paho.h"

enum {
    /* More can never wait: an event for each filter, and a few more. */
    EVENTS = 64,
    OVERLONG = 96 * 1024, /* more than any command takes, and less than half of an inbox */
    REFUSED = 0x80
};

struct subscription {
    struct gw_wire *wire;
    unsigned number;
};

struct gw_wire {
    uv_async_t *wake;
    struct gw_inbox *inbox;
    MQTTAsync client;
    int seat;
    struct gw_mqtt_options options; /* its strings are our own */
    struct gw_mqtt_connection connection;
    struct subscription subscriptions[GW_MQTT_FILTERS_MAX];
    atomic_uint head; /* events ever taken */
    atomic_uint tail; /* events ever put */
    struct gw_wire_event events[EVENTS];
    atomic_uint_fast64_t dropped;
};

/* From here on: called on Paho's threads. */

/* libuv first looks, without a barrier, whether a wake-up is pending already. What was put into the
 * queue just before must be visible by then: else the loop, which takes the pending one at that
 * moment, finds nothing, and the event lies there until the next one comes. */
static void wake_loop(struct gw_wire *wire)
{
#ifndef __SANITIZE_THREAD__ /* it does not know fences */
    atomic_thread_fence(memory_order_seq_cst);
#endif
    uv_async_send(wire->wake);
}

static void report(struct gw_wire *wire, enum gw_wire_event_kind kind, uint64_t id, int code)
{
    unsigned tail = atomic_load_explicit(&wire->tail, memory_order_relaxed);
    unsigned head = atomic_load_explicit(&wire->head, memory_order_acquire);
    assert(tail - head < EVENTS);
    if (tail - head >= EVENTS)
        return;
    wire->events[tail % EVENTS] = (struct gw_wire_event){.kind = kind, .code = code, .id = id};
    atomic_store_explicit(&wire->tail, tail + 1, memory_order_release);
    wake_loop(wire);
}

static int number_of(MQTTProperties *properties, enum MQTTPropertyCodes code, int otherwise)
{
    return MQTTProperties_hasProperty(properties, code)
               ? (int)MQTTProperties_getNumericValue(properties, code)
               : otherwise;
}

static void on_connected5(void *context, MQTTAsync_successData5 *data)
{
    struct gw_wire *wire = context;
    MQTTProperties *p = &data->properties;
    wire->connection = (struct gw_mqtt_connection){
        .session_present = data->alt.connect.sessionPresent != 0,
        .receive_maximum = (uint16_t)number_of(p, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, UINT16_MAX),
        .maximum_packet = (uint32_t)number_of(p, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, 0),
        .keep_alive_s = (uint16_t)number_of(p, MQTTPROPERTY_CODE_SERVER_KEEP_ALIVE, 0),
        .maximum_qos = (uint8_t)number_of(p, MQTTPROPERTY_CODE_MAXIMUM_QOS, 2),
        .retain_available = number_of(p, MQTTPROPERTY_CODE_RETAIN_AVAILABLE, 1) != 0};
    report(wire, GW_WIRE_CONNECTED, 0, 0);
}

static void on_connected4(void *context, MQTTAsync_successData *data)
{
    struct gw_wire *wire = context;
    wire->connection = (struct gw_mqtt_connection){
        .session_present = data && data->alt.connect.sessionPresent != 0,
        .receive_maximum = UINT16_MAX,
        .maximum_qos = 2,
        .retain_available = true};
    report(wire, GW_WIRE_CONNECTED, 0, 0);
}

static int code_of(const MQTTAsync_failureData5 *data)
{
    if (!data)
        return -1;
    return data->reasonCode > 0 ? (int)data->reasonCode : data->code;
}

static void on_refused5(void *context, MQTTAsync_failureData5 *data)
{
    report(context, GW_WIRE_REFUSED, 0, code_of(data));
}

/* MQTT 3.1.1 has five codes of its own; they are told as what MQTT 5 calls them. */
static void on_refused4(void *context, MQTTAsync_failureData *data)
{
    static const int codes[] = {
        MQTTREASONCODE_UNSPECIFIED_ERROR,           MQTTREASONCODE_UNSUPPORTED_PROTOCOL_VERSION,
        MQTTREASONCODE_CLIENT_IDENTIFIER_NOT_VALID, MQTTREASONCODE_SERVER_UNAVAILABLE,
        MQTTREASONCODE_BAD_USER_NAME_OR_PASSWORD,   MQTTREASONCODE_NOT_AUTHORIZED};
    int code = data ? data->code : -1;
    report(context, GW_WIRE_REFUSED, 0, code > 0 && code <= 5 ? codes[code] : -1);
}

static void on_subscribed5(void *context, MQTTAsync_successData5 *data)
{
    struct subscription *subscription = context;
    report(subscription->wire, GW_WIRE_SUBSCRIBED, subscription->number,
           data ? (int)data->reasonCode : 0);
}

static void on_subscribed4(void *context, MQTTAsync_successData *data)
{
    struct subscription *subscription = context;
    report(subscription->wire, GW_WIRE_SUBSCRIBED, subscription->number, data ? data->alt.qos : 0);
}

static void on_unsubscribed5(void *context, MQTTAsync_failureData5 *data)
{
    struct subscription *subscription = context;
    int code = code_of(data);
    if (code >= REFUSED)
        report(subscription->wire, GW_WIRE_SUBSCRIBED, subscription->number, code);
}

static void on_unsubscribed4(void *context, MQTTAsync_failureData *data)
{
    struct subscription *subscription = context;
    if (data && data->code == REFUSED)
        report(subscription->wire, GW_WIRE_SUBSCRIBED, subscription->number, REFUSED);
}

static void on_lost(void *context, char *cause)
{
    MQTTAsync_free(cause);
    report(context, GW_WIRE_LOST, 0, 0);
}

static void on_disconnected(void *context, MQTTProperties *properties, enum MQTTReasonCodes code)
{
    (void)properties;
    report(context, GW_WIRE_DISCONNECTED, 0, (int)code);
}

static int on_message(void *context, char *topic, int topic_len, MQTTAsync_message *message)
{
    struct gw_wire *wire = context;
    MQTTProperties *p = &message->properties;
    MQTTProperty *response = MQTTProperties_getProperty(p, MQTTPROPERTY_CODE_RESPONSE_TOPIC);
    MQTTProperty *correlation = MQTTProperties_getProperty(p, MQTTPROPERTY_CODE_CORRELATION_DATA);
    struct gw_mqtt_message copy = {
        .topic = topic,
        .topic_len = topic_len ? (size_t)topic_len : strlen(topic),
        .payload = message->payload,
        .payload_len = (size_t)message->payloadlen,
        .expiry_s = MQTTProperties_hasProperty(p, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL)
                        ? (uint32_t)MQTTProperties_getNumericValue(
                              p, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL)
                        : UINT32_MAX,
        .qos = (uint8_t)message->qos,
        .retained = message->retained != 0,
        .duplicate = message->dup != 0};
    if (response) {
        copy.response_topic = response->value.data.data;
        copy.response_topic_len = (size_t)response->value.data.len;
    }
    if (correlation) {
        copy.correlation = correlation->value.data.data;
        copy.correlation_len = (size_t)correlation->value.data.len;
    }
    if (copy.payload_len > OVERLONG) /* so much that whoever reads it refuses it for its length */
        copy.payload_len = OVERLONG;
    if (!gw_inbox_put(wire->inbox, &copy))
        atomic_fetch_add_explicit(&wire->dropped, 1, memory_order_relaxed);
    wake_loop(wire);
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

/* From here on: called on the loop. */

static bool copy_options(struct gw_wire *wire, const struct gw_mqtt_options *options)
{
    const char **const strings[] = {&wire->options.client_id, &wire->options.username,
                                    &wire->options.password, &wire->options.will_topic,
                                    &wire->options.will_payload};
    bool whole = true;
    wire->options = *options;
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        if (!*strings[i])
            continue;
        *strings[i] = gw_memory_copy_string(GW_OWNER_MQTT, *strings[i]);
        whole = whole && *strings[i];
    }
    return whole;
}

static void release_options(struct gw_mqtt_options *options)
{
    const char *const strings[] = {options->client_id, options->username, options->password,
                                   options->will_topic, options->will_payload};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        gw_memory_release((void *)(uintptr_t)strings[i]);
}

struct gw_wire *gw_wire_create(const struct gw_mqtt_options *options, uv_async_t *wake)
{
    struct gw_wire *wire = gw_memory_allocate(GW_OWNER_MQTT, sizeof *wire);
    if (!wire)
        return NULL;
    wire->wake = wake;
    wire->seat = -1;
    bool whole = copy_options(wire, options);
    wire->inbox = gw_inbox_create(options->inbox_octets);
    if (whole && wire->inbox)
        wire->seat = gw_paho_sit();
    if (wire->seat < 0) {
        gw_wire_free(wire);
        return NULL;
    }
    for (unsigned i = 0; i < GW_MQTT_FILTERS_MAX; i++)
        wire->subscriptions[i] = (struct subscription){wire, i};
    return wire;
}

void gw_wire_free(struct gw_wire *wire)
{
    if (!wire)
        return;
    gw_wire_close(wire);
    if (wire->seat >= 0)
        gw_paho_rise(wire->seat);
    gw_inbox_free(wire->inbox);
    release_options(&wire->options);
    gw_memory_release(wire);
}

static int create_client(struct gw_wire *wire)
{
    char uri[GW_PAHO_URI_MAX];
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer;
    gw_paho_uri(wire->seat, uri);
    options.MQTTVersion = wire->options.version == 5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
    options.sendWhileDisconnected = 0;
    int error = MQTTAsync_createWithOptions(&wire->client, uri, wire->options.client_id,
                                            MQTTCLIENT_PERSISTENCE_NONE, NULL, &options);
    if (error) {
        wire->client = NULL;
        return error;
    }
    MQTTAsync_setCallbacks(wire->client, wire, on_lost, on_message, NULL);
    MQTTAsync_setDisconnected(wire->client, wire, on_disconnected);
    return 0;
}

static void set_version(MQTTAsync_connectOptions *connect, const struct gw_mqtt_options *options,
                        MQTTProperties *properties)
{
    MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL,
                           .value.integer4 = options->session_s};
    if (options->version != 5) {
        connect->MQTTVersion = MQTTVERSION_3_1_1;
        connect->cleansession = !options->keep_session;
        connect->onSuccess = on_connected4;
        connect->onFailure = on_refused4;
        return;
    }
    connect->cleanstart = !options->keep_session;
    connect->onSuccess5 = on_connected5;
    connect->onFailure5 = on_refused5;
    if (options->keep_session && MQTTProperties_add(properties, &expiry) == 0)
        connect->connectProperties = properties;
}

static int send_connect(struct gw_wire *wire)
{
    const struct gw_mqtt_options *options = &wire->options;
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    MQTTAsync_connectOptions connect = MQTTAsync_connectOptions_initializer;
    if (options->version == 5)
        connect = (MQTTAsync_connectOptions)MQTTAsync_connectOptions_initializer5;
    connect.keepAliveInterval = options->keep_alive_s;
    connect.automaticReconnect = 0;
    connect.username = options->username;
    connect.password = options->password;
    connect.context = wire;
    /* Longer than ours, which decides. */
    connect.connectTimeout = (int)(options->connack_timeout_ms / 1000 + 60);
    if (options->will_topic) {
        will.topicName = options->will_topic;
        will.message = options->will_payload ? options->will_payload : "";
        will.retained = 1;
        will.qos = 1;
        connect.will = &will;
    }
    set_version(&connect, options, &properties);
    int error = MQTTAsync_connect(wire->client, &connect);
    MQTTProperties_free(&properties);
    return error;
}

/* What the connection before brought: a command among it would be late. */
static void forget_messages(struct gw_wire *wire)
{
    struct gw_mqtt_message message;
    while (gw_inbox_peek(wire->inbox, &message))
        gw_inbox_next(wire->inbox);
}

int gw_wire_open(struct gw_wire *wire, int fd)
{
    gw_wire_close(wire);
    forget_messages(wire);
    gw_paho_offer(wire->seat, fd);
    if (create_client(wire) == 0 && send_connect(wire) == 0)
        return 0;
    gw_wire_close(wire);
    return GW_MQTT_INVALID;
}

void gw_wire_disconnect(struct gw_wire *wire)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer;
    if (wire->options.version == 5)
        options = (MQTTAsync_disconnectOptions)MQTTAsync_disconnectOptions_initializer5;
    MQTTAsync_disconnect(wire->client, &options);
}

void gw_wire_keep_alive(struct gw_wire *wire, uint16_t keep_alive_s)
{
    wire->options.keep_alive_s = keep_alive_s;
}

void gw_wire_close(struct gw_wire *wire)
{
    if (wire->client)
        MQTTAsync_destroy(&wire->client);
    wire->client = NULL;
    if (wire->seat >= 0)
        gw_paho_retract(wire->seat);
}

int gw_wire_subscribe(struct gw_wire *wire, unsigned number, const char *filter, int qos,
                      bool as_published)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    options.context = &wire->subscriptions[number];
    if (wire->options.version == 5) {
        options.subscribeOptions.retainAsPublished = as_published;
        options.onSuccess5 = on_subscribed5;
        options.onFailure5 = on_unsubscribed5;
    } else {
        options.onSuccess = on_subscribed4;
        options.onFailure = on_unsubscribed4;
    }
    return MQTTAsync_subscribe(wire->client, filter, qos, &options) ? GW_MQTT_OFFLINE : 0;
}

bool gw_wire_take(struct gw_wire *wire, struct gw_wire_event *event)
{
    unsigned head = atomic_load_explicit(&wire->head, memory_order_relaxed);
    if (head == atomic_load_explicit(&wire->tail, memory_order_acquire))
        return false;
    *event = wire->events[head % EVENTS];
    atomic_store_explicit(&wire->head, head + 1, memory_order_release);
    return true;
}

bool gw_wire_message(struct gw_wire *wire, struct gw_mqtt_message *message)
{
    return gw_inbox_peek(wire->inbox, message);
}

void gw_wire_next_message(struct gw_wire *wire)
{
    gw_inbox_next(wire->inbox);
}

uint64_t gw_wire_dropped(const struct gw_wire *wire)
{
    return atomic_load_explicit(&wire->dropped, memory_order_relaxed);
}

const struct gw_mqtt_connection *gw_wire_connection(const struct gw_wire *wire)
{
    return &wire->connection;
}
