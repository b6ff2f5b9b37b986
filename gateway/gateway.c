/* SPDX-License-Identifier: Apache-2.0 */
/* Makes lines and sessions of a configuration, passes on what publisher and controls tell, and sees
 * to it that what is due goes out as the outbox has room. */
#include "gateway/gateway.h"

#include <string.h>
#include <sys/random.h>

#include "dnp3/error.h"
#include "gateway/behaviour.h"
#include "gateway/clock.h"
#include "gateway/control.h"
#include "gateway/line.h"
#include "gateway/log.h"
#include "gateway/memory.h"
#include "gateway/publisher.h"
#include "gateway/session.h"

enum {
    FLUSH_MS = 20,
    TICK_MS = 1000,
    STOP_PATIENCE_MS = 2000, /* for the statuses to get into the outbox, then out of it */
    REFUSAL_TOLD_MS = 30000,
    POOL_MIN = 16, /* fragments of several segments under way at once: one in 16 lines, */
    POOL_SHARE = 16
};

struct gw_gateway {
    const struct gw_config *config;
    struct gw_publisher *publisher;
    struct gw_controls *controls;
    struct gw_line_shared lines_shared;
    struct gw_session_shared sessions_shared;
    struct gw_line **lines;                      /* one a channel; NULL where nothing is enabled */
    struct gw_session **sessions;                /* one an outstation */
    struct dnp3_association_config **behaviours; /* one a profile */
    uv_timer_t flush;
    uv_timer_t tick;
    int64_t since_ms;
    size_t counted[GW_STATES];
    size_t flush_next;
    uint64_t refusal_told_ms; /* steady; 0 = never */
    uint64_t stop_by_ms;
    bool status_due;
    bool clock_trusted;
    bool stopping;
};

static struct gw_session *session_of(const struct gw_gateway *g,
                                     const struct gw_outstation_config *outstation)
{
    return g->sessions[outstation - g->config->outstations];
}

/* What the publisher tells. */

static void publish_status(struct gw_gateway *g, const char *state, const char *reason);

static void on_online(void *user)
{
    struct gw_gateway *g = user;
    if (g->stopping)
        return;
    publish_status(g, "online", "ok");
    for (size_t i = 0; i < g->config->outstation_count; i++)
        gw_session_broker(g->sessions[i], true);
}

static void on_lost(void *user)
{
    struct gw_gateway *g = user;
    for (size_t i = 0; !g->stopping && i < g->config->outstation_count; i++)
        gw_session_republish(g->sessions[i]);
}

static void on_offline(void *user)
{
    struct gw_gateway *g = user;
    for (size_t i = 0; !g->stopping && i < g->config->outstation_count; i++)
        gw_session_broker(g->sessions[i], false);
}

static void on_safe(void *user, struct gw_session *session, uint32_t token)
{
    (void)user;
    gw_session_safe(session, token);
}

static void on_refused(void *user, struct gw_session *session, uint32_t token, int reason_code)
{
    struct gw_gateway *g = user;
    uint64_t now = uv_now(g->lines_shared.loop);
    if (!g->refusal_told_ms || now - g->refusal_told_ms >= REFUSAL_TOLD_MS) {
        g->refusal_told_ms = now;
        gw_log(GW_LOG_ERROR, "mqtt",
               "the broker refuses messages of ours (%s): events stay in the outstations",
               gw_mqtt_reason_code_text(reason_code));
    }
    if (session)
        gw_session_refused(session, token);
}

static void on_message(void *user, const struct gw_mqtt_message *message)
{
    struct gw_gateway *g = user;
    if (g->stopping)
        return;
    if (!gw_controls_message(g->controls, message))
        gw_log(GW_LOG_DEBUG, "mqtt", "nobody expects a message on %s", message->topic);
}

static void on_flush(uv_timer_t *timer);

static void on_due(void *user)
{
    struct gw_gateway *g = user;
    if (!g->stopping && !uv_is_active((uv_handle_t *)&g->flush))
        uv_timer_start(&g->flush, on_flush, FLUSH_MS, FLUSH_MS);
}

/* What controls ask for. */

static int on_operate(void *user, const struct gw_outstation_config *outstation,
                      struct dnp3_command_request *request)
{
    return gw_session_operate(session_of(user, outstation), request);
}

static void on_poll(void *user, const struct gw_outstation_config *outstation)
{
    gw_session_poll_events(session_of(user, outstation));
}

static void on_result(void *user, const char *topic, const char *payload, size_t length,
                      const void *correlation, size_t correlation_length)
{
    struct gw_gateway *g = user;
    int error = gw_publisher_send_result(g->publisher, topic, payload, length, correlation,
                                         correlation_length);
    if (error)
        gw_log(GW_LOG_ERROR, "mqtt", "result on %s not published: %s", topic,
               gw_outbox_error_text(error));
}

static uint64_t on_steady(void *user)
{
    struct gw_gateway *g = user;
    return uv_now(g->lines_shared.loop);
}

static int64_t on_wall(void *user)
{
    (void)user;
    return gw_clock_wall_ms();
}

static bool on_trusted(void *user)
{
    struct gw_gateway *g = user;
    return gw_clock_trusted(g->config->clock);
}

/* What is due. */

static void publish_status(struct gw_gateway *g, const char *state, const char *reason)
{
    char topic[GW_TOPIC_MAX];
    char payload[GW_PAYLOAD_MAX];
    struct gw_gateway_status status = {.state = state,
                                       .reason = reason,
                                       .since_ms = g->since_ms,
                                       .version = GW_VERSION,
                                       .config = "ok",
                                       .revision = g->config->revision,
                                       .clock =
                                           g->clock_trusted ? "synchronized" : "unsynchronized",
                                       .spool = "none",
                                       .online = g->counted[GW_STATE_ONLINE],
                                       .idle = g->counted[GW_STATE_IDLE],
                                       .connecting = g->counted[GW_STATE_CONNECTING],
                                       .offline = g->counted[GW_STATE_OFFLINE],
                                       .disabled = g->counted[GW_STATE_DISABLED]};
    int length = gw_payload_gateway_status(payload, sizeof payload, &status);
    if (length > 0 && gw_topic_gateway(g->config, topic, sizeof topic) > 0)
        g->status_due = gw_publisher_send(g->publisher, topic, payload, (size_t)length, true) != 0;
}

static void count_states(struct gw_gateway *g)
{
    size_t counted[GW_STATES] = {0};
    for (size_t i = 0; i < g->config->outstation_count; i++)
        counted[gw_session_state(g->sessions[i])]++;
    bool trusted = gw_clock_trusted(g->config->clock);
    if (memcmp(counted, g->counted, sizeof counted) == 0 && trusted == g->clock_trusted)
        return;
    memcpy(g->counted, counted, sizeof counted);
    g->clock_trusted = trusted;
    g->status_due = true;
    on_due(g);
}

static void say_goodbye(struct gw_gateway *g);

/* Round robin, so that one outstation's thousands of points do not keep the others' waiting. */
static void on_flush(uv_timer_t *timer)
{
    struct gw_gateway *g = timer->data;
    size_t count = g->config->outstation_count;
    bool done = true;
    if (g->stopping) {
        say_goodbye(g);
        return;
    }
    if (g->status_due && gw_publisher_online(g->publisher))
        publish_status(g, "online", "ok");
    for (size_t i = 0; i < count; i++)
        done &= gw_session_flush(g->sessions[(g->flush_next + i) % count]);
    g->flush_next = count ? (g->flush_next + 1) % count : 0;
    if (done)
        uv_timer_stop(timer);
}

static void on_tick(uv_timer_t *timer)
{
    struct gw_gateway *g = timer->data;
    for (size_t i = 0; i < g->config->outstation_count; i++)
        gw_session_tick(g->sessions[i]);
    gw_controls_tick(g->controls, uv_now(timer->loop));
    count_states(g);
}

static void on_room(void *user)
{
    (void)user; /* the flush timer goes on while something is due */
}

/* Life. */

static const struct dnp3_association_config *behaviour_of(const struct gw_gateway *g,
                                                          const struct gw_profile *profile)
{
    size_t i = 0;
    while (g->config->profiles[i] != profile)
        i++;
    return g->behaviours[i];
}

static bool create_behaviours(struct gw_gateway *g)
{
    for (size_t i = 0; i < g->config->profile_count; i++)
        if (!(g->behaviours[i] = gw_behaviour_create(g->config->profiles[i])))
            return false;
    return true;
}

static bool create_session(struct gw_gateway *g, size_t number)
{
    const struct gw_outstation_config *outstation = &g->config->outstations[number];
    struct gw_line **line = &g->lines[outstation->channel];
    if (outstation->enabled && !*line)
        *line = gw_line_create(&g->lines_shared, &g->config->channels[outstation->channel],
                               outstation->profile->response_timeout_ms);
    if (outstation->enabled && !*line)
        return false;
    g->sessions[number] =
        gw_session_create(&g->sessions_shared, outstation, behaviour_of(g, outstation->profile),
                          outstation->enabled ? *line : NULL);
    return g->sessions[number] != NULL;
}

static bool create_shared(struct gw_gateway *g, uv_loop_t *loop)
{
    static const struct gw_publisher_callbacks publisher = {.online = on_online,
                                                            .lost = on_lost,
                                                            .offline = on_offline,
                                                            .safe = on_safe,
                                                            .refused = on_refused,
                                                            .message = on_message,
                                                            .room = on_room};
    static const struct gw_controls_host host = {.operate = on_operate,
                                                 .poll = on_poll,
                                                 .publish = on_result,
                                                 .steady_ms = on_steady,
                                                 .wall_ms = on_wall,
                                                 .clock_trusted = on_trusted};
    size_t buffers = POOL_MIN + g->config->channel_count / POOL_SHARE;
    g->lines_shared.loop = loop;
    g->lines_shared.allocator = gw_memory_dnp3();
    g->lines_shared.pool = dnp3_pool_create(&g->lines_shared.allocator,
                                            buffers < UINT16_MAX ? (uint16_t)buffers : UINT16_MAX);
    if (getrandom(&g->lines_shared.seed, sizeof g->lines_shared.seed, 0) < 0)
        g->lines_shared.seed = uv_hrtime();
    g->publisher = gw_publisher_create(loop, g->config, &publisher, g);
    g->controls = gw_controls_create(g->config, &host, g);
    g->sessions_shared = (struct gw_session_shared){.loop = loop,
                                                    .config = g->config,
                                                    .publisher = g->publisher,
                                                    .controls = g->controls,
                                                    .due = on_due,
                                                    .user = g};
    return g->lines_shared.pool && g->publisher && g->controls;
}

static bool create_tables(struct gw_gateway *g)
{
    const struct gw_config *config = g->config;
    g->lines = gw_memory_allocate(GW_OWNER_SESSIONS,
                                  (config->channel_count + 1) * sizeof(struct gw_line *));
    g->sessions = gw_memory_allocate(GW_OWNER_SESSIONS,
                                     (config->outstation_count + 1) * sizeof(struct gw_session *));
    g->behaviours = gw_memory_allocate(
        GW_OWNER_SESSIONS, (config->profile_count + 1) * sizeof(struct dnp3_association_config *));
    return g->lines && g->sessions && g->behaviours;
}

static void free_lines(struct gw_gateway *g)
{
    for (size_t i = 0; g->lines && i < g->config->channel_count; i++) {
        gw_line_free(g->lines[i]);
        g->lines[i] = NULL;
    }
}

struct gw_gateway *gw_gateway_create(uv_loop_t *loop, const struct gw_config *config)
{
    struct gw_gateway *g = gw_memory_allocate(GW_OWNER_SESSIONS, sizeof *g);
    if (!g)
        return NULL;
    g->config = config;
    g->since_ms = gw_clock_wall_ms();
    uv_timer_init(loop, &g->flush);
    uv_timer_init(loop, &g->tick);
    g->flush.data = g->tick.data = g;
    bool made = create_tables(g) && create_behaviours(g) && create_shared(g, loop);
    for (size_t i = 0; made && i < config->outstation_count; i++)
        made = create_session(g, i);
    if (!made) {
        gw_log(GW_LOG_ERROR, "gateway", "not enough memory for this configuration");
        free_lines(g);
        uv_close((uv_handle_t *)&g->flush, NULL);
        uv_close((uv_handle_t *)&g->tick, NULL);
        uv_run(loop, UV_RUN_NOWAIT); /* what was closed goes */
        gw_gateway_free(g);
        return NULL;
    }
    count_states(g);
    return g;
}

void gw_gateway_start(struct gw_gateway *g)
{
    gw_publisher_start(g->publisher);
    for (size_t i = 0; i < g->config->channel_count; i++)
        if (g->lines[i])
            gw_line_start(g->lines[i]);
    uv_timer_start(&g->tick, on_tick, TICK_MS, TICK_MS);
}

static void on_publisher_stopped(void *user)
{
    struct gw_gateway *g = user;
    uv_close((uv_handle_t *)&g->flush, NULL);
    uv_close((uv_handle_t *)&g->tick, NULL);
}

/* The last statuses; with thousands of outstations they do not fit into the outbox at once. */
static void say_goodbye(struct gw_gateway *g)
{
    bool online = gw_publisher_online(g->publisher);
    bool done = true;
    for (size_t i = 0; i < g->config->outstation_count; i++)
        done &= gw_session_stop(g->sessions[i]);
    if (!done && online && uv_now(g->lines_shared.loop) < g->stop_by_ms)
        return;
    uv_timer_stop(&g->flush);
    if (online)
        publish_status(g, "offline", "gateway_stopped");
    gw_publisher_stop(g->publisher, STOP_PATIENCE_MS, on_publisher_stopped);
}

void gw_gateway_stop(struct gw_gateway *g)
{
    if (g->stopping)
        return;
    g->stopping = true;
    g->stop_by_ms = uv_now(g->lines_shared.loop) + STOP_PATIENCE_MS;
    uv_timer_stop(&g->tick);
    for (size_t i = 0; i < g->config->outstation_count; i++)
        gw_session_stop(g->sessions[i]);
    gw_controls_stop(g->controls);
    free_lines(g);
    for (size_t i = 0; i < g->config->outstation_count; i++)
        gw_session_detach(g->sessions[i]);
    uv_timer_start(&g->flush, on_flush, 0, FLUSH_MS);
}

void gw_gateway_free(struct gw_gateway *g)
{
    if (!g)
        return;
    for (size_t i = 0; g->sessions && i < g->config->outstation_count; i++)
        gw_session_free(g->sessions[i]);
    for (size_t i = 0; g->behaviours && i < g->config->profile_count; i++)
        gw_behaviour_free(g->behaviours[i]);
    gw_controls_free(g->controls);
    gw_publisher_free(g->publisher);
    dnp3_pool_free(g->lines_shared.pool);
    gw_memory_release(g->lines);
    gw_memory_release(g->sessions);
    gw_memory_release(g->behaviours);
    gw_memory_release(g);
}
