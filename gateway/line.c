/* SPDX-License-Identifier: Apache-2.0 */
/* Between the channel and the master: octets both ways, one timer for the master's deadline or the
 * next connect. */
#include "gateway/line.h"

#include "gateway/backoff.h"
#include "gateway/log.h"
#include "gateway/memory.h"
#include "gateway/session.h"

struct gw_line {
    struct gw_line_shared *shared;
    const struct gw_channel_config *config;
    struct gw_channel *channel;
    struct dnp3_master *master;
    struct gw_session *sessions; /* linked through the sessions */
    uv_timer_t timer;
    struct gw_backoff backoff;
    size_t session_count;
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

static void on_timer(uv_timer_t *timer)
{
    struct gw_line *line = timer->data;
    if (!line->open) {
        connect_in_turn(line);
        return;
    }
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
    if (deadline == DNP3_NEVER)
        uv_timer_stop(&line->timer);
    else
        uv_timer_start(&line->timer, on_timer, (deadline > soonest ? deadline : soonest) - now, 0);
}

void gw_line_pump(struct gw_line *line)
{
    const uint8_t *octets;
    size_t length;
    if (!line->open || line->pumping)
        return;
    line->pumping = true; /* what the master's callbacks ask for is done by this loop */
    while (gw_channel_writable(line->channel) &&
           (length = dnp3_master_take(line->master, &octets, now_ms(line))) > 0)
        gw_channel_write(line->channel, octets, length);
    line->pumping = false;
    arm(line);
}

static void on_opened(void *user)
{
    struct gw_line *line = user;
    line->open = true;
    dnp3_master_connected(line->master, now_ms(line));
    for (struct gw_session *s = line->sessions; s; s = gw_session_next(s))
        gw_session_line_opened(s);
    gw_line_pump(line);
}

static void on_octets(void *user, const uint8_t *octets, size_t length)
{
    struct gw_line *line = user;
    line->pumping = true; /* one pump after the feed, not one a callback */
    dnp3_master_feed(line->master, octets, length, now_ms(line));
    line->pumping = false;
    gw_line_pump(line);
}

static void on_writable(void *user)
{
    gw_line_pump(user);
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
    static const struct gw_channel_callbacks callbacks = {
        .opened = on_opened, .octets = on_octets, .writable = on_writable, .closed = on_closed};
    struct gw_line *line = gw_memory_allocate(GW_OWNER_LINK, sizeof *line);
    if (!line)
        return NULL;
    line->shared = shared;
    line->config = config;
    struct dnp3_master_config master = {.allocator = &shared->allocator,
                                        .pool = shared->pool,
                                        .half_duplex = config->type == GW_CHANNEL_SERIAL,
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

void gw_line_start(struct gw_line *line)
{
    uv_timer_start(&line->timer, on_timer, 0, 0);
}

void gw_line_give_up(struct gw_line *line)
{
    if (line->session_count == 1 && line->config->type != GW_CHANNEL_SERIAL)
        gw_channel_close(line->channel, true);
}

void gw_line_discard_late(struct gw_line *line, bool control)
{
    if (control || line->session_count == 1)
        gw_channel_discard(line->channel);
}

void gw_line_proved(struct gw_line *line)
{
    gw_channel_rewind(line->channel);
    gw_backoff_reset(&line->backoff);
}

bool gw_line_clear(const struct gw_line *line)
{
    return gw_channel_unacknowledged(line->channel) == 0;
}

const char *gw_line_detail(const struct gw_line *line)
{
    return gw_channel_detail(line->channel);
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
    uv_close((uv_handle_t *)&line->timer, on_timer_closed);
}
