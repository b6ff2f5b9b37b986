/* SPDX-License-Identifier: Apache-2.0 */
/* Makes lines and sessions of a configuration, passes on what publisher and controls tell, and sees
 * to it that what is due goes out as the outbox has room. */
#include "gateway/gateway.h"

#include <string.h>

#include "dnp3/error.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/command/command.h"
#include "gateway/command/control.h"
#include "gateway/command/ledger_keeper.h"
#include "gateway/config/behaviour.h"
#include "gateway/delivery/publisher.h"
#include "gateway/session/lines.h"
#include "gateway/session/session.h"
#include "gateway/spool/spool.h"

enum {
    FLUSH_MS = 20,
    TICK_MS = 1000,
    STOP_PATIENCE_MS = 2000, /* for the statuses to get into the outbox, then out of it */
    REFUSAL_TOLD_MS = 30000,
    SPOOL_TOLD_MS = 5000
};

struct gw_gateway {
    const struct gw_config *config;
    struct gw_publisher *publisher;
    struct gw_ledger_keeper *keeper;
    struct gw_controls *controls;
    struct gw_commands *commands;
    uv_loop_t *loop;
    struct gw_lines *lines;
    struct gw_session_shared sessions_shared;
    struct gw_session **sessions;                /* one an outstation */
    struct dnp3_association_config **behaviours; /* one a profile */
    uv_timer_t flush;
    uv_timer_t tick;
    int64_t since_ms;
    size_t counted[GW_STATES];
    size_t flush_next;
    uint64_t refusal_told_ms; /* steady; 0 = never */
    uint64_t spool_messages;  /* as last told, and when */
    uint64_t spool_told_ms;
    uint64_t stop_by_ms;
    bool status_due;
    bool clock_trusted;
    bool journal; /* events can be made safe without the broker */
    bool stopping;
};

static struct gw_session *session_of(const struct gw_gateway *g,
                                     const struct gw_outstation_config *outstation)
{
    return g->sessions[outstation - g->config->outstations];
}

/* What the publisher tells. */

static void publish_status(struct gw_gateway *g, const char *state, const char *reason);
static void on_due(void *user);

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
    uint64_t now = uv_now(g->loop);
    if (!g->refusal_told_ms || now - g->refusal_told_ms >= REFUSAL_TOLD_MS) {
        g->refusal_told_ms = now;
        if (reason_code)
            gw_log(GW_LOG_ERROR, "mqtt",
                   "the broker refuses messages of ours (%s): events stay in the outstations",
                   gw_mqtt_reason_code_text(reason_code));
        else
            gw_log(GW_LOG_ERROR, "spool", "it did not keep events: they stay in the outstations");
    }
    if (session)
        gw_session_refused(session, token);
}

static void on_left_out(void *user, size_t outstation)
{
    struct gw_gateway *g = user;
    if (!g->stopping)
        gw_session_left_out(g->sessions[outstation]);
}

static void on_message(void *user, const struct gw_mqtt_message *message)
{
    struct gw_gateway *g = user;
    if (g->stopping)
        return;
    if (!gw_controls_message(g->controls, message) && !gw_commands_message(g->commands, message))
        gw_log(GW_LOG_DEBUG, "mqtt", "nobody expects a message on %s", message->topic);
}

static void on_journal(void *user)
{
    struct gw_gateway *g = user;
    bool journal = gw_publisher_journal(g->publisher);
    g->status_due = true;
    on_due(g);
    if (journal == g->journal)
        return;
    g->journal = journal;
    for (size_t i = 0; !g->stopping && i < g->config->outstation_count; i++)
        gw_session_journal(g->sessions[i]);
}

static void on_kept(void *user, void *owner, uint32_t token, int error)
{
    struct gw_gateway *g = user;
    if (owner == g->keeper)
        gw_ledger_keeper_kept(g->keeper, token, error);
}

static void on_told(void *user, uint32_t receipt)
{
    struct gw_gateway *g = user;
    gw_ledger_keeper_told(g->keeper, receipt);
}

static void on_flush(uv_timer_t *timer);

static void on_due(void *user)
{
    struct gw_gateway *g = user;
    if (!g->stopping && !uv_is_active((uv_handle_t *)&g->flush))
        uv_timer_start(&g->flush, on_flush, FLUSH_MS, FLUSH_MS);
}

/* What controls and commands ask for. */

static int on_operate(void *user, const struct gw_outstation_config *outstation,
                      struct dnp3_command_request *request)
{
    return gw_session_operate(session_of(user, outstation), request);
}

static int on_request(void *user, const struct gw_outstation_config *outstation,
                      struct dnp3_request *request)
{
    return gw_session_request(session_of(user, outstation), request);
}

static int on_file(void *user, const struct gw_outstation_config *outstation,
                   struct dnp3_file_transfer *transfer)
{
    return gw_session_file(session_of(user, outstation), transfer);
}

static int on_broadcast(void *user, const struct gw_outstation_config *outstation,
                        struct dnp3_broadcast *broadcast)
{
    return gw_session_broadcast(session_of(user, outstation), broadcast);
}

static int on_sync_time(void *user, const struct gw_outstation_config *outstation)
{
    return gw_session_sync_time(session_of(user, outstation));
}

static int on_decode(void *user, const struct gw_outstation_config *outstation, uint32_t for_ms)
{
    return gw_session_decode(session_of(user, outstation), for_ms);
}

static void on_look(void *user, const struct gw_outstation_config *outstation,
                    const struct gw_map_point *point)
{
    gw_session_look(session_of(user, outstation), point);
}

static void on_result(void *user, const char *topic, const char *payload, size_t length,
                      const void *correlation, size_t correlation_length, uint32_t receipt)
{
    struct gw_gateway *g = user;
    int error = gw_publisher_send_result(g->publisher, topic, payload, length, correlation,
                                         correlation_length, receipt);
    if (!error)
        return;
    gw_log(GW_LOG_ERROR, "mqtt", "result on %s not published: %s", topic,
           gw_outbox_error_text(error));
    gw_ledger_keeper_untold(g->keeper, receipt);
}

/* A command that was under way when the last run ended. */
static void on_unfinished(void *user, const struct gw_ledger_entry *entry)
{
    struct gw_gateway *g = user;
    if (gw_controls_restarted(g->controls, entry) || gw_commands_restarted(g->commands, entry))
        return;
    const struct gw_control_result result = {.outcome = GW_OUTCOME_UNKNOWN,
                                             .reason = GW_VERDICT_RESTARTED,
                                             .time_ms = gw_clock_wall_ms()};
    const struct gw_command_message message = {.value = entry->value, .id = entry->id};
    gw_control_result_log("gateway", "control", "(no longer configured)", "-", &message, &result,
                          false, "it was under way when the gateway ended");
    gw_ledger_keeper_told(g->keeper,
                          gw_ledger_keeper_close(g->keeper, entry->scope, &entry->id, &result));
}

static uint64_t on_steady(void *user)
{
    struct gw_gateway *g = user;
    return uv_now(g->loop);
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

static const struct dnp3_association_config *behaviour_of(const struct gw_gateway *g,
                                                          const struct gw_profile *profile)
{
    size_t i = 0;
    while (g->config->profiles[i] != profile)
        i++;
    return g->behaviours[i];
}

static bool on_takes_events(void *user, const struct gw_outstation_config *outstation)
{
    return dnp3_association_takes_events(behaviour_of(user, outstation->profile));
}

/* What is due. */

static void publish_status(struct gw_gateway *g, const char *state, const char *reason)
{
    char topic[GW_TOPIC_MAX];
    char payload[GW_PAYLOAD_MAX];
    struct gw_spool *file = gw_publisher_spool(g->publisher);
    struct gw_spool_state spool = {0};
    if (file)
        gw_spool_state(file, &spool);
    struct gw_gateway_status status = {.state = state,
                                       .reason = reason,
                                       .since_ms = g->since_ms,
                                       .version = GW_VERSION,
                                       .config = "ok",
                                       .revision = g->config->revision,
                                       .clock =
                                           g->clock_trusted ? "synchronized" : "unsynchronized",
                                       .spool = file ? gw_spool_word_text(spool.word) : "none",
                                       .spool_messages = spool.messages,
                                       .spool_octets = spool.octets,
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

/* How much waits there is told as it changes, but not each second of an outage. */
static void watch_spool(struct gw_gateway *g)
{
    struct gw_spool *spool = gw_publisher_spool(g->publisher);
    struct gw_spool_state state;
    if (!spool || uv_now(g->loop) < g->spool_told_ms + SPOOL_TOLD_MS)
        return;
    gw_spool_state(spool, &state);
    if (state.messages == g->spool_messages)
        return;
    g->spool_messages = state.messages;
    g->spool_told_ms = uv_now(g->loop);
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
    gw_commands_tick(g->commands, uv_now(timer->loop));
    gw_ledger_keeper_tick(g->keeper);
    count_states(g);
    watch_spool(g);
}

static void on_room(void *user)
{
    (void)user; /* the flush timer goes on while something is due */
}

/* Life. */

static bool create_behaviours(struct gw_gateway *g)
{
    for (size_t i = 0; i < g->config->profile_count; i++)
        if (!(g->behaviours[i] = gw_behaviour_create(
                  g->config->profiles[i], g->config->controls && g->config->profiles[i]->controls)))
            return false;
    return true;
}

static bool create_session(struct gw_gateway *g, size_t number)
{
    const struct gw_outstation_config *outstation = &g->config->outstations[number];
    struct gw_line *line = outstation->enabled ? gw_lines_join(g->lines, outstation) : NULL;
    if (outstation->enabled && !line)
        return false;
    g->sessions[number] = gw_session_create(&g->sessions_shared, outstation,
                                            behaviour_of(g, outstation->profile), line);
    return g->sessions[number] != NULL;
}

/* Ages in the ledger are told by a clock that is set, or not at all. */
static int64_t on_trusted_wall(void *user)
{
    return on_trusted(user) ? gw_clock_wall_ms() : 0;
}

/* After the publisher, whose spool it loads from. The spool of `check` has no file. */
static bool create_keeper(struct gw_gateway *g)
{
    const struct gw_ledger_clocks clocks = {
        .steady_ms = on_steady, .wall_ms = on_trusted_wall, .user = g};
    bool commanded = gw_controls_count(g->config) || gw_commands_write(g->config);
    if (!g->publisher)
        return false;
    g->keeper = gw_ledger_keeper_create(commanded ? GW_LEDGER_IDS : 1, &clocks);
    if (commanded && !g->config->spool_path)
        gw_log(GW_LOG_WARNING, "gateway",
               "no spool is configured: ids of commands are forgotten at a restart");
    if (!g->keeper || !g->config->spool_path || !*g->config->spool_path)
        return g->keeper;
    int error = gw_ledger_keeper_load(g->keeper, gw_publisher_spool(g->publisher));
    if (error)
        gw_log(GW_LOG_ERROR, "spool", "the ids of commands cannot be read: %s",
               gw_spool_error_text(error));
    return !error;
}

static bool create_shared(struct gw_gateway *g, uv_loop_t *loop)
{
    static const struct gw_publisher_callbacks publisher = {.online = on_online,
                                                            .lost = on_lost,
                                                            .offline = on_offline,
                                                            .safe = on_safe,
                                                            .refused = on_refused,
                                                            .message = on_message,
                                                            .left_out = on_left_out,
                                                            .room = on_room,
                                                            .journal = on_journal,
                                                            .told = on_told,
                                                            .kept = on_kept};
    static const struct gw_controls_host host = {.operate = on_operate,
                                                 .look = on_look,
                                                 .publish = on_result,
                                                 .steady_ms = on_steady,
                                                 .wall_ms = on_wall,
                                                 .clock_trusted = on_trusted};
    const struct gw_commands_host commands = {.request = on_request,
                                              .file = on_file,
                                              .broadcast = on_broadcast,
                                              .sync_time = on_sync_time,
                                              .decode = on_decode,
                                              .takes_events = on_takes_events,
                                              .publish = on_result,
                                              .steady_ms = on_steady,
                                              .wall_ms = on_wall,
                                              .clock_trusted = on_trusted,
                                              .switch_file = GW_CONTROLS_SWITCH_FILE};
    g->lines = gw_lines_create(loop, g->config);
    g->publisher = gw_publisher_create(loop, g->config, &publisher, g);
    if (!create_keeper(g))
        return false;
    g->controls = gw_controls_create(g->config, g->keeper, &host, g);
    g->commands = gw_commands_create(g->config, g->keeper, &commands, g);
    g->sessions_shared = (struct gw_session_shared){.loop = loop,
                                                    .config = g->config,
                                                    .publisher = g->publisher,
                                                    .controls = g->controls,
                                                    .commands = g->commands,
                                                    .due = on_due,
                                                    .user = g};
    return g->lines && g->controls && g->commands;
}

static bool create_tables(struct gw_gateway *g)
{
    const struct gw_config *config = g->config;
    g->sessions = gw_memory_allocate(GW_OWNER_SESSIONS,
                                     (config->outstation_count + 1) * sizeof(struct gw_session *));
    g->behaviours = gw_memory_allocate(
        GW_OWNER_SESSIONS, (config->profile_count + 1) * sizeof(struct dnp3_association_config *));
    return g->sessions && g->behaviours;
}

struct gw_gateway *gw_gateway_create(uv_loop_t *loop, const struct gw_config *config)
{
    struct gw_gateway *g = gw_memory_allocate(GW_OWNER_SESSIONS, sizeof *g);
    if (!g)
        return NULL;
    g->config = config;
    g->loop = loop;
    g->since_ms = gw_clock_wall_ms();
    uv_timer_init(loop, &g->flush);
    uv_timer_init(loop, &g->tick);
    g->flush.data = g->tick.data = g;
    bool made = create_tables(g) && create_behaviours(g) && create_shared(g, loop);
    for (size_t i = 0; made && i < config->outstation_count; i++)
        made = create_session(g, i);
    if (!made) {
        if (g->publisher || !config->spool_path) /* else the spool has said why */
            gw_log(GW_LOG_ERROR, "gateway", "not enough memory for this configuration");
        if (g->lines)
            gw_lines_stop(g->lines);
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
    gw_ledger_keeper_unfinished(g->keeper, on_unfinished, g);
    gw_lines_start(g->lines);
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
    if (!done && online && uv_now(g->loop) < g->stop_by_ms)
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
    g->stop_by_ms = uv_now(g->loop) + STOP_PATIENCE_MS;
    uv_timer_stop(&g->tick);
    for (size_t i = 0; i < g->config->outstation_count; i++)
        gw_session_stop(g->sessions[i]);
    gw_controls_stop(g->controls);
    gw_commands_stop(g->commands);
    gw_lines_stop(g->lines);
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
    gw_commands_free(g->commands);
    gw_controls_free(g->controls);
    gw_ledger_keeper_free(g->keeper);
    gw_publisher_free(g->publisher);
    gw_lines_free(g->lines);
    gw_memory_release(g->sessions);
    gw_memory_release(g->behaviours);
    gw_memory_release(g);
}
