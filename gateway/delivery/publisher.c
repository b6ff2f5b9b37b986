/* SPDX-License-Identifier: Apache-2.0 */
/* Glue of outbox and MQTT connection, and the last step of a point on its way out. At each connect
 * it looks for our own retained status: where that is gone, the broker lost the others as well. */
#include "gateway/delivery/publisher.h"

#include <string.h>
#include <sys/random.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/delivery/journal.h"

enum {
    LOOK_BACK_MS = 1000, /* a broker sends a retained message right after the SUBACK */
    DRAIN_TICK_MS = 20
};

struct gw_publisher {
    const struct gw_config *config;
    struct gw_publisher_callbacks callbacks;
    void *user;
    struct gw_mqtt *mqtt;
    struct gw_outbox *outbox;
    struct gw_outbox_options options;
    struct gw_journal *journal; /* NULL: no spool is configured */
    uv_timer_t timer;           /* looks back after a connect, drains at the stop */
    uv_timer_t pause;           /* of a limited rate */
    char status_topic[GW_TOPIC_MAX];
    uint32_t id_start;
    uint64_t id_count;
    bool online;
    bool was_online;
    bool looking; /* for our own retained status */
    uint64_t stop_by_ms;
    void (*stopped)(void *user);
};

static void pump(struct gw_publisher *p)
{
    gw_outbox_pump(p->outbox);
    if (p->journal)
        gw_journal_pump(p->journal);
}

static void on_look_back(uv_timer_t *timer)
{
    struct gw_publisher *p = timer->data;
    p->looking = false;
    gw_log(GW_LOG_INFO, "mqtt", "the broker kept nothing of ours: current values are republished");
    p->callbacks.lost(p->user);
}

static void on_connected(void *user, const struct gw_mqtt_connection *connection)
{
    struct gw_publisher *p = user;
    (void)connection; /* the connection has logged itself */
    p->online = true;
    p->callbacks.online(p->user);
    if (p->config->mqtt.republish == GW_REPUBLISH_ALWAYS && p->was_online)
        p->callbacks.lost(p->user);
    /* On the first connection nothing of ours can be lost yet: every value is still to come. */
    p->looking = p->config->mqtt.republish == GW_REPUBLISH_IF_LOST && p->was_online && !p->stopped;
    p->was_online = true;
    if (p->looking)
        uv_timer_start(&p->timer, on_look_back, LOOK_BACK_MS, 0);
    pump(p);
}

static void on_disconnected(void *user, const char *reason)
{
    struct gw_publisher *p = user;
    (void)reason; /* logged already */
    p->online = false;
    if (p->looking)
        uv_timer_stop(&p->timer);
    p->looking = false;
    gw_outbox_disconnected(p->outbox);
    p->callbacks.offline(p->user);
}

static void on_acked(void *user, uint64_t id, int reason_code)
{
    struct gw_publisher *p = user;
    gw_outbox_acked(p->outbox, id, reason_code);
}

static void on_writable(void *user)
{
    struct gw_publisher *p = user;
    pump(p);
    p->callbacks.room(p->user);
}

static void on_message(void *user, const struct gw_mqtt_message *message)
{
    struct gw_publisher *p = user;
    if (strcmp(message->topic, p->status_topic) != 0) {
        p->callbacks.message(p->user, message);
    } else if (p->looking && message->retained && message->payload_len) {
        p->looking = false;
        uv_timer_stop(&p->timer);
    }
}

static int sink_publish(void *user, const struct gw_outbox_message *message, uint64_t id)
{
    struct gw_publisher *p = user;
    struct gw_mqtt_publication publication = {.topic = message->topic,
                                              .payload = message->payload,
                                              .payload_len = message->payload_len,
                                              .correlation = message->correlation,
                                              .correlation_len = message->correlation_len,
                                              .expiry_s = message->expiry_s,
                                              .qos = message->qos,
                                              .retain = message->retain};
    return gw_mqtt_publish(p->mqtt, &publication, id);
}

static size_t sink_window(void *user)
{
    struct gw_publisher *p = user;
    return gw_mqtt_window(p->mqtt);
}

static void on_safe(void *user, void *owner, uint32_t token)
{
    struct gw_publisher *p = user;
    if (owner == p)
        p->callbacks.told(p->user, token);
    else
        p->callbacks.safe(p->user, owner, token);
}

static void on_refused(void *user, void *owner, uint32_t token, int reason_code)
{
    struct gw_publisher *p = user;
    bool is_result = owner == p;
    p->callbacks.refused(p->user, is_result ? NULL : owner, is_result ? 0 : token, reason_code);
    if (is_result)
        p->callbacks.told(p->user, token);
}

static uint64_t sink_now(void *user)
{
    (void)user;
    return gw_clock_steady_ms();
}

static void on_pause_over(uv_timer_t *timer)
{
    struct gw_publisher *p = timer->data;
    pump(p);
}

static void sink_pause(void *user, uint32_t ms)
{
    struct gw_publisher *p = user;
    if (!uv_is_active((uv_handle_t *)&p->pause) && !uv_is_closing((uv_handle_t *)&p->pause))
        uv_timer_start(&p->pause, on_pause_over, ms, 0);
}

static void on_left_out(void *user, uint32_t again)
{
    struct gw_publisher *p = user;
    p->callbacks.left_out(p->user, again - 1);
}

static void on_journal_changed(void *user)
{
    struct gw_publisher *p = user;
    if (!p->stopped)
        p->callbacks.journal(p->user);
}

static bool is_online(void *user)
{
    const struct gw_publisher *p = user;
    return p->online;
}

static void on_kept(void *user, void *owner, uint32_t token, int error)
{
    const struct gw_publisher *p = user;
    p->callbacks.kept(p->user, owner, token, error);
}

static size_t points_of(const struct gw_config *config)
{
    size_t points = 0;
    for (size_t i = 0; i < config->outstation_count; i++)
        points += config->outstations[i].mapping->point_count;
    return points;
}

/* True without one where none is wanted. */
static bool create_journal(struct gw_publisher *p)
{
    static const struct gw_journal_callbacks callbacks = {
        .changed = on_journal_changed, .online = is_online, .kept = on_kept};
    const struct gw_journal_options options = {.path = p->config->spool_path,
                                               .max_mb = p->config->spool_max_mb,
                                               .outbox_messages = p->options.messages,
                                               .points = points_of(p->config),
                                               .clock = p->config->clock};
    char why[GW_SPOOL_WHY];
    if (!options.path)
        return true;
    p->journal = gw_journal_create(&options, &callbacks, p, why);
    if (!p->journal)
        gw_log(GW_LOG_ERROR, "spool", "%s", why);
    return p->journal;
}

static struct gw_mqtt *create_mqtt(struct gw_publisher *p, uv_loop_t *loop)
{
    static const struct gw_mqtt_callbacks callbacks = {.connected = on_connected,
                                                       .disconnected = on_disconnected,
                                                       .acked = on_acked,
                                                       .writable = on_writable,
                                                       .message = on_message};
    const struct gw_mqtt_config *config = &p->config->mqtt;
    char will[GW_PAYLOAD_MAX];
    if (gw_payload_will(will, sizeof will) < 0)
        return NULL;
    struct gw_mqtt_options options;
    gw_mqtt_options_default(&options);
    options.broker.endpoints = config->brokers;
    options.broker.endpoint_count = config->broker_count;
    options.version = config->version;
    options.client_id = config->client_id;
    options.username = config->username;
    options.password = config->password;
    options.keep_alive_s = config->keep_alive_s;
    options.will_topic = p->status_topic;
    options.will_payload = will;
    options.seed = (uint64_t)p->id_start << 32 | p->id_start;
    return gw_mqtt_create(loop, &options, &callbacks, p);
}

static int subscribe(struct gw_publisher *p)
{
    char filter[GW_TOPIC_MAX];
    static const enum gw_topic wanted[] = {GW_TOPIC_SET, GW_TOPIC_ARM, GW_TOPIC_COMMAND};
    int error = gw_mqtt_subscribe(p->mqtt, p->status_topic, 1);
    for (size_t i = 0; !error && i < sizeof wanted / sizeof *wanted; i++)
        if (gw_topic_filter(p->config, wanted[i], filter, sizeof filter) > 0)
            error = gw_mqtt_subscribe_commands(p->mqtt, filter, 1);
    return error;
}

struct gw_publisher *gw_publisher_create(uv_loop_t *loop, const struct gw_config *config,
                                         const struct gw_publisher_callbacks *callbacks, void *user)
{
    static const struct gw_outbox_callbacks outbox_callbacks = {
        .safe = on_safe, .refused = on_refused, .left_out = on_left_out};
    struct gw_publisher *p = gw_memory_allocate(GW_OWNER_MQTT, sizeof *p);
    if (!p)
        return NULL;
    p->config = config;
    p->callbacks = *callbacks;
    p->user = user;
    struct gw_outbox_sink sink = {.publish = sink_publish,
                                  .window = sink_window,
                                  .now = sink_now,
                                  .pause = sink_pause,
                                  .user = p};
    if (getrandom(&p->id_start, sizeof p->id_start, 0) < 0)
        p->id_start = (uint32_t)gw_clock_wall_ms();
    gw_outbox_options_default(&p->options);
    p->options.max_rate = config->mqtt.max_rate;
    if (create_journal(p) &&
        gw_topic_gateway(config, p->status_topic, sizeof p->status_topic) > 0) {
        p->outbox = gw_outbox_create(&p->options, &sink, &outbox_callbacks, p);
        p->mqtt = create_mqtt(p, loop);
    }
    if (!p->outbox || !p->mqtt || subscribe(p)) {
        gw_publisher_free(p);
        return NULL;
    }
    uv_timer_init(loop, &p->timer);
    uv_timer_init(loop, &p->pause);
    p->timer.data = p->pause.data = p;
    return p;
}

int gw_publisher_start(struct gw_publisher *p)
{
    if (p->journal)
        gw_journal_start(p->journal, p->timer.loop, p->outbox);
    return gw_mqtt_start(p->mqtt);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct gw_publisher *p = handle->data;
    p->stopped(p->user);
}

static void on_pause_closed(uv_handle_t *handle)
{
    struct gw_publisher *p = handle->data;
    uv_close((uv_handle_t *)&p->timer, on_timer_closed);
}

static void on_journal_stopped(void *user)
{
    struct gw_publisher *p = user;
    uv_close((uv_handle_t *)&p->pause, on_pause_closed);
}

static void on_mqtt_stopped(void *user)
{
    struct gw_publisher *p = user;
    if (p->journal)
        gw_journal_stop(p->journal, on_journal_stopped);
    else
        on_journal_stopped(p);
}

static void on_drain(uv_timer_t *timer)
{
    struct gw_publisher *p = timer->data;
    struct gw_outbox_state state;
    gw_outbox_state(p->outbox, &state);
    if (p->online && state.messages && uv_now(timer->loop) < p->stop_by_ms)
        return;
    uv_timer_stop(timer);
    gw_mqtt_stop(p->mqtt, on_mqtt_stopped);
}

void gw_publisher_stop(struct gw_publisher *p, uint32_t patience_ms, void (*stopped)(void *user))
{
    p->stopped = stopped;
    p->looking = false;
    p->stop_by_ms = uv_now(p->timer.loop) + patience_ms;
    uv_timer_start(&p->timer, on_drain, 0, DRAIN_TICK_MS);
}

void gw_publisher_free(struct gw_publisher *p)
{
    if (!p)
        return;
    gw_mqtt_free(p->mqtt);
    gw_outbox_free(p->outbox);
    gw_journal_free(p->journal);
    gw_memory_release(p);
}

bool gw_publisher_online(const struct gw_publisher *p)
{
    return p->online;
}

bool gw_publisher_journal(const struct gw_publisher *p)
{
    return gw_journal_usable(p->journal);
}

struct gw_spool *gw_publisher_spool(struct gw_publisher *p)
{
    return p->journal ? gw_journal_spool(p->journal) : NULL;
}

void gw_publisher_flush_journal(struct gw_publisher *p)
{
    if (p->journal)
        gw_journal_flush(p->journal);
}

struct gw_outbox *gw_publisher_outbox(struct gw_publisher *p)
{
    return p->outbox;
}

static bool is_free(const struct gw_publisher *p, size_t part)
{
    struct gw_outbox_state state;
    gw_outbox_state(p->outbox, &state);
    return state.room_messages > p->options.messages / part &&
           state.room_octets > p->options.octets / part;
}

bool gw_publisher_roomy(const struct gw_publisher *p)
{
    struct gw_outbox_state state;
    gw_outbox_state(p->outbox, &state);
    return is_free(p, 2) && state.queued < (state.depth + 1) / 2;
}

bool gw_publisher_has_room(const struct gw_publisher *p)
{
    return is_free(p, 4);
}

bool gw_publisher_crowded(const struct gw_publisher *p)
{
    return gw_outbox_crowded(p->outbox);
}

/* What is to be delivered is not safe in the spool, and must not go there. */
static bool spools(const struct gw_outstation_config *outstation)
{
    return outstation->profile->confirm != GW_CONFIRM_DELIVERED;
}

static bool is_behind(const struct gw_publisher *p, const char *topic, int length)
{
    return p->journal && gw_journal_behind(p->journal, topic, (size_t)length);
}

/* Its place in the configuration, from 1 on. */
static uint32_t name_of(const struct gw_publisher *p, const struct gw_outstation_config *outstation)
{
    return (uint32_t)(outstation - p->config->outstations) + 1;
}

int gw_publisher_put_point(struct gw_publisher *p, const struct gw_outstation_config *outstation,
                           const struct gw_map_point *point, uint32_t index,
                           struct gw_point_value *value, bool transaction)
{
    char topic[GW_TOPIC_MAX];
    char payload[GW_PAYLOAD_MAX];
    bool event = value->source == GW_SOURCE_EVENT;
    bool spooled = event && spools(outstation);
    if (event) {
        value->id_start = p->id_start;
        value->id_count = ++p->id_count;
    }
    int topic_length = gw_topic_point(p->config, outstation, point, index, topic, sizeof topic);
    int length = gw_payload_point(payload, sizeof payload, point, value);
    if (topic_length < 0 || length < 0)
        return GW_OUTBOX_TOO_LARGE;
    if (!spooled && is_behind(p, topic, topic_length))
        return GW_OUTBOX_BEHIND;
    bool can_be_repeated = !event && !value->delta;
    struct gw_outbox_message message = {.topic = topic,
                                        .topic_len = (size_t)topic_length,
                                        .payload = payload,
                                        .payload_len = (size_t)length,
                                        .expiry_s = point->expiry_s,
                                        .again = can_be_repeated ? name_of(p, outstation) : 0,
                                        .qos = p->config->mqtt.qos,
                                        .retain = p->config->mqtt.retain && !value->delta,
                                        .event = spooled};
    return transaction ? gw_outbox_put(p->outbox, &message) : gw_outbox_send(p->outbox, &message);
}

int gw_publisher_put_undecoded(struct gw_publisher *p,
                               const struct gw_outstation_config *outstation,
                               struct gw_undecoded *undecoded)
{
    char topic[GW_TOPIC_MAX];
    char payload[GW_PAYLOAD_MAX];
    undecoded->id_start = p->id_start;
    undecoded->id_count = ++p->id_count;
    int topic_length =
        gw_topic_outstation(p->config, GW_TOPIC_UNDECODED, outstation, topic, sizeof topic);
    int length = gw_payload_undecoded(payload, sizeof payload, undecoded);
    if (topic_length < 0 || length < 0)
        return GW_OUTBOX_TOO_LARGE;
    if (!spools(outstation) && is_behind(p, topic, topic_length))
        return GW_OUTBOX_BEHIND;
    return gw_outbox_put(p->outbox, &(struct gw_outbox_message){.topic = topic,
                                                                .topic_len = (size_t)topic_length,
                                                                .payload = payload,
                                                                .payload_len = (size_t)length,
                                                                .qos = 1,
                                                                .event = spools(outstation)});
}

int gw_publisher_send_result(struct gw_publisher *p, const char *topic, const char *payload,
                             size_t length, const void *correlation, size_t correlation_length,
                             uint32_t receipt)
{
    struct gw_outbox_message message = {.topic = topic,
                                        .topic_len = strlen(topic),
                                        .payload = payload,
                                        .payload_len = length,
                                        .correlation = correlation,
                                        .correlation_len = correlation_length,
                                        .qos = 1};
    return receipt ? gw_outbox_send_awaited(p->outbox, &message, p, receipt)
                   : gw_outbox_send(p->outbox, &message);
}

int gw_publisher_send(struct gw_publisher *p, const char *topic, const char *payload, size_t length,
                      bool retain)
{
    struct gw_outbox_message message = {.topic = topic,
                                        .topic_len = strlen(topic),
                                        .payload = payload,
                                        .payload_len = length,
                                        .qos = 1,
                                        .retain = retain};
    return gw_outbox_send(p->outbox, &message);
}
