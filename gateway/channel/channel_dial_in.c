/* SPDX-License-Identifier: Apache-2.0 */
/* Channels of outstations that dial in. There is nothing to connect, and nothing to time out: the
 * listener accepts, finds out who calls, and hands the stream over. */
#include "gateway/base/memory.h"
#include "gateway/channel/channel_kind.h"
#include "gateway/channel/dial_in.h"

enum stage { STAGE_CLOSED, STAGE_WAITING, STAGE_OPEN, STAGE_CLOSING };

struct dial_in {
    struct gw_channel base;
    struct gw_tcp_stream *stream; /* NULL: not connected */
    const struct gw_dial_in_host *host;
    void *host_user;
    const char *trouble;
    uint8_t stage; /* enum stage */
    bool freeing;
    enum gw_reason reason;
};

static void shut(struct dial_in *channel, enum gw_reason reason, bool abort)
{
    if (channel->stage != STAGE_OPEN)
        return;
    channel->stage = STAGE_CLOSING;
    channel->reason = reason;
    gw_tcp_close(channel->stream, abort);
}

static void on_octets(void *user, const uint8_t *octets, size_t length)
{
    struct dial_in *channel = user;
    channel->base.callbacks.octets(channel->base.user, octets, length);
}

static void on_writable(void *user)
{
    struct dial_in *channel = user;
    channel->base.callbacks.writable(channel->base.user);
}

static void on_lost(void *user, enum gw_reason reason)
{
    shut(user, reason, false);
}

static void on_closed(void *user)
{
    struct dial_in *channel = user;
    gw_memory_release(channel->stream);
    channel->stream = NULL;
    channel->stage = STAGE_CLOSED;
    if (channel->freeing)
        gw_memory_release(channel);
    else
        channel->base.callbacks.closed(channel->base.user, channel->reason);
}

void gw_dial_in_attach(struct gw_channel *base, const struct gw_dial_in_host *host, void *user)
{
    struct dial_in *channel = (struct dial_in *)base;
    channel->host = host;
    channel->host_user = user;
}

void *gw_dial_in_attached(const struct gw_channel *base)
{
    return ((const struct dial_in *)base)->host_user;
}

bool gw_dial_in_is_waiting(const struct gw_channel *base)
{
    return ((const struct dial_in *)base)->stage == STAGE_WAITING;
}

void gw_dial_in_take(struct gw_channel *base, struct gw_tcp_stream *stream, const uint8_t *octets,
                     size_t length)
{
    static const struct gw_tcp_callbacks callbacks = {
        .octets = on_octets, .writable = on_writable, .lost = on_lost, .closed = on_closed};
    struct dial_in *channel = (struct dial_in *)base;
    channel->stream = stream;
    channel->stage = STAGE_OPEN;
    stream->callbacks = &callbacks;
    stream->user = channel;
    stream->read_max = 0;
    gw_tcp_user_timeout(stream, base->user_timeout_ms);
    base->callbacks.opened(base->user);
    if (channel->stage == STAGE_OPEN && length)
        base->callbacks.octets(base->user, octets, length);
    if (channel->stage == STAGE_OPEN)
        gw_tcp_read(stream);
}

void gw_dial_in_contest(struct gw_channel *base)
{
    struct dial_in *channel = (struct dial_in *)base;
    if (channel->stage == STAGE_OPEN)
        base->callbacks.contested(base->user);
}

void gw_dial_in_trouble(struct gw_channel *base, const char *trouble)
{
    ((struct dial_in *)base)->trouble = trouble;
}

static void dial_in_open(struct gw_channel *base)
{
    struct dial_in *channel = (struct dial_in *)base;
    if (channel->stage != STAGE_CLOSED)
        return;
    channel->stage = STAGE_WAITING;
    if (channel->host)
        channel->host->waiting(channel->host_user);
}

static void dial_in_write(struct gw_channel *base, const uint8_t *octets, size_t length)
{
    gw_tcp_write(((struct dial_in *)base)->stream, octets, length);
}

static bool dial_in_writable(const struct gw_channel *base)
{
    const struct dial_in *channel = (const struct dial_in *)base;
    return channel->stage == STAGE_OPEN && gw_tcp_writable(channel->stream);
}

static size_t dial_in_unacknowledged(const struct gw_channel *base)
{
    const struct dial_in *channel = (const struct dial_in *)base;
    return channel->stage == STAGE_OPEN ? gw_tcp_unacknowledged(channel->stream) : 0;
}

/* One that waits has nothing to close. */
static void dial_in_close(struct gw_channel *base, bool abort)
{
    shut((struct dial_in *)base, GW_REASON_OK, abort);
}

static void dial_in_discard(struct gw_channel *base)
{
    if (dial_in_unacknowledged(base))
        dial_in_close(base, true);
}

static void dial_in_decide(struct gw_channel *base, bool keep)
{
    struct dial_in *channel = (struct dial_in *)base;
    if (!keep)
        shut(channel, GW_REASON_TIMEOUT, true);
    else if (channel->stage == STAGE_OPEN && channel->host)
        channel->host->kept(channel->host_user);
}

static void dial_in_free(struct gw_channel *base)
{
    struct dial_in *channel = (struct dial_in *)base;
    channel->freeing = true;
    if (channel->stream)
        shut(channel, GW_REASON_OK, false);
    else
        gw_memory_release(channel);
}

static const char *dial_in_detail(const struct gw_channel *base)
{
    const struct dial_in *channel = (const struct dial_in *)base;
    if (channel->trouble)
        return channel->trouble;
    return channel->reason == GW_REASON_CLOSED_BY_PEER
               ? "it closed the connection that it had dialled, and has not called again"
               : NULL;
}

const struct gw_channel_kind gw_channel_dial_in = {
    .size = sizeof(struct dial_in),
    .open = dial_in_open,
    .write = dial_in_write,
    .writable = dial_in_writable,
    .unacknowledged = dial_in_unacknowledged,
    .discard = dial_in_discard,
    .close = dial_in_close,
    .decide = dial_in_decide,
    .free = dial_in_free,
    .detail = dial_in_detail,
};
