/* SPDX-License-Identifier: Apache-2.0 */
/* Between the channel and the master: octets both ways, one timer for the master's deadline or the
 * next connect. */
#include "gateway/session/line.h"

#include "gateway/base/backoff.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/session/session.h"
#include "gateway/session/wire_log.h"

struct gw_line {
    struct gw_line_shared *shared;
    const struct gw_channel_config *config;
    struct gw_channel *channel;
    struct dnp3_master *master;
    struct gw_session *sessions; /* linked through the sessions */
    struct gw_wire_log *logs;    /* NULL: nobody looks */
    uv_timer_t timer;
    struct gw_backoff backoff;
    uint64_t proved_ms; /* since when somebody answers on this connection; 0 = nobody has */
    uint64_t wake_ms;   /* when sessions want to be woken */
    size_t session_count;
    size_t probed; /* sessions that have not told yet whether their outstation is there */
    bool open;
    bool pumping;
    bool has_slot; /* its connect is due when the timer fires */
};

static uint64_t now_ms(const struct gw_line *line)
{
    return uv_now(line->shared->loop);
}

static void on_timer(uv_timer_t *timer);

/* Slots are given out when a delay is over, not before: a line that waits for a minute must not
 * make the others wait behind it. */
static void connect_in_turn(struct gw_line *line)
{
    struct gw_line_shared *shared = line->shared;
    uint64_t now = now_ms(line);
    if (!line->has_slot) {
        uint64_t slot = now < shared->next_connect_ms ? shared->next_connect_ms : now;
        shared->next_connect_ms = slot + 1000 / GW_CONNECTS_A_SECOND;
        if (slot > now) {
            line->has_slot = true;
            uv_timer_start(&line->timer, on_timer, slot - now, 0);
            return;
        }
    }
    line->has_slot = false;
    gw_channel_open(line->channel);
}

static void wake_sessions(struct gw_line *line)
{
    if (now_ms(line) < line->wake_ms)
        return;
    uint64_t soonest = GW_NEVER;
    line->wake_ms = GW_NEVER;
    for (struct gw_session *s = line->sessions; s; s = gw_session_next(s)) {
        uint64_t wakes = gw_session_wake(s);
        soonest = wakes < soonest ? wakes : soonest;
    }
    gw_line_wake_at(line, soonest);
}

static void on_timer(uv_timer_t *timer)
{
    struct gw_line *line = timer->data;
    if (!line->open) {
        connect_in_turn(line);
        return;
    }
    wake_sessions(line);
    line->pumping = true; /* the master's callbacks must not take from it */
    dnp3_master_tick(line->master, now_ms(line));
    line->pumping = false;
    gw_line_pump(line);
}

/* While the kernel takes no octets nothing due can leave: look again after a while. */
enum { BLOCKED_MS = 50 };

static void arm(struct gw_line *line)
{
    uint64_t deadline = dnp3_master_deadline(line->master);
    uint64_t now = now_ms(line);
    uint64_t soonest = now + (gw_channel_writable(line->channel) ? 1 : BLOCKED_MS);
    if (deadline < soonest)
        deadline = soonest;
    if (line->wake_ms < deadline)
        deadline = line->wake_ms > now ? line->wake_ms : now + 1;
    if (deadline == GW_NEVER)
        uv_timer_stop(&line->timer);
    else
        uv_timer_start(&line->timer, on_timer, deadline - now, 0);
}

static void show(struct gw_line *line, bool sent, const uint8_t *octets, size_t length)
{
    if (line->logs)
        gw_wire_log_octets(&line->logs, sent, octets, length, line->config->type == GW_CHANNEL_UDP,
                           now_ms(line));
}

void gw_line_pump(struct gw_line *line)
{
    const uint8_t *octets;
    size_t length;
    if (!line->open || line->pumping)
        return;
    line->pumping = true; /* what the master's callbacks ask for is done by this loop */
    /* The loop's clock stands still while other lines, the log or the disk take their time: what
     * has expired meanwhile must not leave (scope rule 15). */
    uv_update_time(line->shared->loop);
    while (gw_channel_writable(line->channel) &&
           (length = dnp3_master_take(line->master, &octets, now_ms(line))) > 0) {
        show(line, true, octets, length);
        gw_channel_write(line->channel, octets, length);
    }
    line->pumping = false;
    arm(line);
}

static void on_opened(void *user)
{
    struct gw_line *line = user;
    line->open = true;
    gw_wire_log_reset(line->logs);
    dnp3_master_connected(line->master, now_ms(line));
    for (struct gw_session *s = line->sessions; s; s = gw_session_next(s))
        gw_session_line_opened(s);
    gw_line_pump(line);
}

static void on_octets(void *user, const uint8_t *octets, size_t length)
{
    struct gw_line *line = user;
    show(line, false, octets, length);
    line->pumping = true; /* one pump after the feed, not one a callback */
    if (line->config->type == GW_CHANNEL_UDP)
        dnp3_master_feed_datagram(line->master, octets, length, now_ms(line));
    else
        dnp3_master_feed(line->master, octets, length, now_ms(line));
    line->pumping = false;
    gw_line_pump(line);
}

static void on_writable(void *user)
{
    gw_line_pump(user);
}

/* Who is most likely to answer. */
static const struct gw_session *heard_last(const struct gw_line *line)
{
    const struct gw_session *last = line->sessions;
    for (const struct gw_session *s = last; s; s = gw_session_next(s))
        if (gw_session_heard_ms(s) > gw_session_heard_ms(last))
            last = s;
    return last;
}

/* The connection that is open must prove itself: by all behind it at once, or by one of them where
 * only one can speak at a time. */
static void on_contested(void *user)
{
    struct gw_line *line = user;
    const struct gw_session *only = gw_line_half_duplex(line) ? heard_last(line) : NULL;
    line->probed = 0;
    for (struct gw_session *s = line->sessions; s; s = gw_session_next(s))
        if (!only || s == only)
            line->probed += gw_session_probe(s, GW_CONTEST_MS);
    if (line->probed)
        gw_line_pump(line);
    else
        gw_channel_decide(line->channel, false);
}

/* One answer keeps the connection; it is dead when nobody behind it answers. */
void gw_line_probed(struct gw_line *line, bool answered)
{
    if (!line->probed) /* that is decided already */
        return;
    line->probed = answered ? 0 : line->probed - 1;
    if (answered || !line->probed)
        gw_channel_decide(line->channel, answered);
}

/* Who dials in decides itself when to call again. */
static bool dials_in(const struct gw_line *line)
{
    return line->config->type == GW_CHANNEL_TCP_LISTEN;
}

static void on_moved(void *user, uint16_t address)
{
    struct gw_line *line = user;
    line->pumping = true; /* the octets follow that say so */
    for (struct gw_session *s = line->sessions; s; s = gw_session_next(s))
        gw_session_moved(s, address);
    line->pumping = false;
}

/* Who throws us out as soon as we are there is left alone for longer and longer; a line that is
 * only bad is not. */
static void judge_life(struct gw_line *line, enum gw_reason reason)
{
    if (line->proved_ms && reason == GW_REASON_CLOSED_BY_PEER)
        gw_backoff_ended(&line->backoff, now_ms(line) - line->proved_ms);
    else if (line->proved_ms)
        gw_backoff_reset(&line->backoff);
    line->proved_ms = 0;
}

static void on_closed(void *user, enum gw_reason reason)
{
    struct gw_line *line = user;
    if (line->open) {
        line->open = false;
        dnp3_master_disconnected(line->master, now_ms(line));
    }
    for (struct gw_session *s = line->sessions; s; s = gw_session_next(s))
        gw_session_line_closed(s, reason);
    if (dials_in(line)) {
        uv_timer_stop(&line->timer);
        gw_channel_open(line->channel);
        return;
    }
    judge_life(line, reason);
    uint32_t delay = gw_backoff_next(&line->backoff);
    gw_log(GW_LOG_DEBUG, line->config->name, "channel closed (%s), next connect in %u ms",
           gw_reason_name(reason), delay);
    uv_timer_start(&line->timer, on_timer, delay, 0);
}

static void on_stranger(void *user, uint16_t source, uint16_t destination)
{
    struct gw_line *line = user;
    for (struct gw_session *s = line->sessions; s; s = gw_session_next(s))
        gw_session_stranger(s, source, destination);
}

struct gw_line *gw_line_create(struct gw_line_shared *shared,
                               const struct gw_channel_config *config, uint32_t user_timeout_ms)
{
    static const struct gw_channel_callbacks callbacks = {.opened = on_opened,
                                                          .octets = on_octets,
                                                          .writable = on_writable,
                                                          .contested = on_contested,
                                                          .moved = on_moved,
                                                          .closed = on_closed};
    struct gw_line *line = gw_memory_allocate(GW_OWNER_LINK, sizeof *line);
    if (!line)
        return NULL;
    line->shared = shared;
    line->config = config;
    line->wake_ms = GW_NEVER;
    struct dnp3_master_config master = {.allocator = &shared->allocator,
                                        .pool = shared->pool,
                                        .broadcast = config->broadcast,
                                        .half_duplex = config->half_duplex,
                                        .stranger = on_stranger,
                                        .user = line};
    line->master = dnp3_master_create(&master);
    line->channel = gw_channel_create(shared->loop, config, user_timeout_ms, &callbacks, line);
    if (!line->master || !line->channel) {
        dnp3_master_free(line->master);
        gw_channel_free(line->channel);
        gw_memory_release(line);
        return NULL;
    }
    shared->seed = shared->seed * 6364136223846793005u + 1442695040888963407u;
    gw_backoff_init(&line->backoff, config->reconnect_min_ms, config->reconnect_max_ms,
                    shared->seed);
    uv_timer_init(shared->loop, &line->timer);
    line->timer.data = line;
    return line;
}

void gw_line_add(struct gw_line *line, struct gw_session *session)
{
    gw_session_chain(session, line->sessions);
    line->sessions = session;
    line->session_count++;
}

const struct gw_session *gw_line_sessions(const struct gw_line *line)
{
    return line->sessions;
}

void gw_line_start(struct gw_line *line)
{
    if (dials_in(line))
        gw_channel_open(line->channel);
    else
        uv_timer_start(&line->timer, on_timer, 0, 0);
}

void gw_line_wake_at(struct gw_line *line, uint64_t when_ms)
{
    if (when_ms >= line->wake_ms)
        return;
    line->wake_ms = when_ms;
    if (line->open && !line->pumping)
        arm(line);
}

bool gw_line_half_duplex(const struct gw_line *line)
{
    return line->config->half_duplex;
}

void gw_line_give_up(struct gw_line *line)
{
    bool is_place = line->config->type == GW_CHANNEL_SERIAL ||
                    (line->config->type == GW_CHANNEL_UDP && !line->config->endpoint_count);
    if (line->session_count == 1 && !is_place) /* a port stays as it is */
        gw_channel_close(line->channel, true);
}

void gw_line_discard_late(struct gw_line *line, bool acts)
{
    if (acts || line->session_count == 1)
        gw_channel_discard(line->channel);
}

void gw_line_proved(struct gw_line *line)
{
    gw_channel_rewind(line->channel);
    if (!line->proved_ms)
        line->proved_ms = now_ms(line);
}

bool gw_line_clear(const struct gw_line *line)
{
    return gw_channel_unacknowledged(line->channel) == 0;
}

const char *gw_line_detail(const struct gw_line *line)
{
    return gw_channel_detail(line->channel);
}

bool gw_line_decode(struct gw_line *line, const char *name, uint16_t address, uint32_t for_ms)
{
    return gw_wire_log_start(&line->logs, name, address, now_ms(line) + for_ms);
}

struct gw_channel *gw_line_channel(struct gw_line *line)
{
    return line->channel;
}

struct dnp3_master *gw_line_master(struct gw_line *line)
{
    return line->master;
}

static void on_timer_closed(uv_handle_t *handle)
{
    gw_memory_release(handle->data);
}

void gw_line_free(struct gw_line *line)
{
    if (!line)
        return;
    line->open = false;
    gw_channel_free(line->channel);
    dnp3_master_free(line->master);
    gw_wire_log_free(&line->logs);
    uv_close((uv_handle_t *)&line->timer, on_timer_closed);
}
