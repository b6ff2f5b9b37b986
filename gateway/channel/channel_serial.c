/* SPDX-License-Identifier: Apache-2.0 */
/* Serial channels: a port that libuv polls. It keeps a pause between what was on the wire and what
 * it sends next, and ends when the port goes away. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/channel/channel_kind.h"
#include "gateway/channel/serial.h"

enum { READ_BUFFER = 4096, DETAIL_MAX = 200 };

/* Every read is consumed before the next one starts, so all channels of the loop share it. */
static uint8_t read_buffer[READ_BUFFER];

enum stage { STAGE_CLOSED, STAGE_OPENING, STAGE_OPEN, STAGE_CLOSING };

struct serial_channel {
    struct gw_channel base;
    uv_poll_t poll;
    uv_timer_t pause;    /* until `opened` is told, then between frames */
    uint8_t *left_over;  /* of a write, until the kernel has it */
    size_t left_over_at; /* what of it is gone already */
    size_t left_over_length;
    uint64_t sending_until_ms; /* what was written is on the wire until then */
    uint64_t quiet_until_ms;   /* nothing is sent before */
    int fd;
    uint8_t stage;   /* enum stage */
    uint8_t handles; /* of libuv that are still to close */
    bool freeing;
    bool lack_told;
    enum gw_reason reason;
    char detail[DETAIL_MAX];
};

static struct serial_channel *serial_of(struct gw_channel *base)
{
    return (struct serial_channel *)base;
}

static const struct serial_channel *const_serial_of(const struct gw_channel *base)
{
    return (const struct serial_channel *)base;
}

static void forget_left_over(struct serial_channel *channel)
{
    gw_memory_release(channel->left_over);
    channel->left_over = NULL;
    channel->left_over_at = channel->left_over_length = 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct serial_channel *channel = handle->data;
    if (--channel->handles)
        return;
    channel->stage = STAGE_CLOSED;
    if (channel->freeing)
        gw_memory_release(channel);
    else
        channel->base.callbacks.closed(channel->base.user, channel->reason);
}

static void shut(struct serial_channel *channel, enum gw_reason reason)
{
    if (channel->stage == STAGE_CLOSING || channel->stage == STAGE_CLOSED)
        return;
    channel->stage = STAGE_CLOSING;
    channel->reason = reason;
    forget_left_over(channel);
    if (channel->fd >= 0) {
        uv_close((uv_handle_t *)&channel->poll, on_handle_closed);
        gw_serial_close(channel->fd);
        channel->fd = -1;
    }
    uv_close((uv_handle_t *)&channel->pause, on_handle_closed);
}

static void fail(struct serial_channel *channel, const char *what, int error)
{
    snprintf(channel->detail, sizeof channel->detail, "%s %s: %s",
             channel->base.config->serial.device, what, strerror(error));
    shut(channel, GW_REASON_SERIAL_FAILED);
}

static void on_pause(uv_timer_t *timer);

/* The line was in use until `until_ms`: the pause counts from there. */
static void keep_quiet(struct serial_channel *channel, uint64_t until_ms)
{
    uint32_t pause = channel->base.config->serial.turnaround_ms;
    if (!pause)
        return;
    channel->quiet_until_ms = until_ms + pause;
    uv_timer_start(&channel->pause, on_pause, channel->quiet_until_ms - uv_now(channel->base.loop),
                   0);
}

static bool lost(ssize_t count)
{
    return count == 0 || (errno != EAGAIN && errno != EINTR);
}

static void read_port(struct serial_channel *channel)
{
    ssize_t count = read(channel->fd, read_buffer, sizeof read_buffer);
    if (count > 0) {
        uint64_t now = uv_now(channel->base.loop);
        keep_quiet(channel, now > channel->sending_until_ms ? now : channel->sending_until_ms);
        channel->base.callbacks.octets(channel->base.user, read_buffer, (size_t)count);
    } else if (lost(count)) {
        fail(channel, "has gone", count ? errno : ENODEV);
    }
}

static void on_event(uv_poll_t *poll, int status, int events);

static void write_port(struct serial_channel *channel)
{
    ssize_t count = write(channel->fd, channel->left_over + channel->left_over_at,
                          channel->left_over_length - channel->left_over_at);
    if (count < 0) {
        if (lost(count))
            fail(channel, "cannot be written to", errno);
        return;
    }
    channel->left_over_at += (size_t)count;
    if (channel->left_over_at < channel->left_over_length)
        return;
    forget_left_over(channel);
    uv_poll_start(&channel->poll, UV_READABLE, on_event);
    channel->base.callbacks.writable(channel->base.user);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct serial_channel *channel = poll->data;
    if (status < 0) {
        fail(channel, "has gone", -status);
        return;
    }
    if (events & UV_READABLE)
        read_port(channel);
    if (events & UV_WRITABLE && channel->stage == STAGE_OPEN && channel->left_over)
        write_port(channel);
}

/* `opened` comes from the loop, as with every kind. */
static void on_pause(uv_timer_t *timer)
{
    struct serial_channel *channel = timer->data;
    if (channel->stage == STAGE_OPEN) {
        if (!channel->left_over)
            channel->base.callbacks.writable(channel->base.user);
        return;
    }
    channel->stage = STAGE_OPEN;
    int error = uv_poll_start(&channel->poll, UV_READABLE, on_event);
    if (error)
        fail(channel, "cannot be watched", -error);
    else
        channel->base.callbacks.opened(channel->base.user);
}

static void tell_lack(struct serial_channel *channel, const char *lacks)
{
    if (lacks && !channel->lack_told)
        gw_log(GW_LOG_ERROR, channel->base.config->name, "rs485: %s: %s",
               channel->base.config->serial.device, lacks);
    channel->lack_told |= lacks != NULL;
}

static void serial_open(struct gw_channel *base)
{
    struct serial_channel *channel = serial_of(base);
    struct gw_serial_error error;
    const char *lacks;
    if (channel->stage != STAGE_CLOSED)
        return;
    channel->stage = STAGE_OPENING;
    channel->detail[0] = '\0';
    channel->sending_until_ms = channel->quiet_until_ms = 0;
    uv_timer_init(base->loop, &channel->pause);
    channel->pause.data = channel->poll.data = channel;
    channel->handles = 1;
    channel->fd = gw_serial_open(&base->config->serial, &error, &lacks);
    if (channel->fd < 0) {
        fail(channel, error.what, error.code);
        return;
    }
    tell_lack(channel, lacks);
    int watched = uv_poll_init(base->loop, &channel->poll, channel->fd);
    if (watched) {
        gw_serial_close(channel->fd);
        channel->fd = -1;
        fail(channel, "cannot be watched", -watched);
        return;
    }
    channel->poll.data = channel;
    channel->handles = 2;
    uv_timer_start(&channel->pause, on_pause, 0, 0);
}

static void write_later(struct serial_channel *channel, const uint8_t *octets, size_t length)
{
    channel->left_over = gw_memory_allocate(GW_OWNER_LINK, length);
    if (!channel->left_over) {
        fail(channel, "has octets waiting", ENOMEM);
        return;
    }
    memcpy(channel->left_over, octets, length);
    channel->left_over_length = length;
    channel->left_over_at = 0;
    uv_poll_start(&channel->poll, UV_READABLE | UV_WRITABLE, on_event);
}

static void serial_write(struct gw_channel *base, const uint8_t *octets, size_t length)
{
    struct serial_channel *channel = serial_of(base);
    uint64_t now = uv_now(base->loop);
    ssize_t count = write(channel->fd, octets, length);
    if (count < 0 && lost(count)) {
        fail(channel, "cannot be written to", errno);
        return;
    }
    uint64_t from = now > channel->sending_until_ms ? now : channel->sending_until_ms;
    channel->sending_until_ms = from + gw_serial_ms(&base->config->serial, length);
    keep_quiet(channel, channel->sending_until_ms);
    size_t done = count > 0 ? (size_t)count : 0;
    if (done < length)
        write_later(channel, octets + done, length - done);
}

static bool serial_writable(const struct gw_channel *base)
{
    const struct serial_channel *channel = const_serial_of(base);
    return channel->stage == STAGE_OPEN && !channel->left_over &&
           uv_now(base->loop) >= channel->quiet_until_ms;
}

static size_t serial_unacknowledged(const struct gw_channel *base)
{
    const struct serial_channel *channel = const_serial_of(base);
    int octets = 0;
    if (channel->stage != STAGE_OPEN)
        return 0;
    if (ioctl(channel->fd, TIOCOUTQ, &octets) != 0 || octets < 0)
        octets = 0;
    return (size_t)octets + channel->left_over_length - channel->left_over_at;
}

static void serial_discard(struct gw_channel *base)
{
    struct serial_channel *channel = serial_of(base);
    if (channel->stage != STAGE_OPEN)
        return;
    if (channel->left_over)
        uv_poll_start(&channel->poll, UV_READABLE, on_event);
    forget_left_over(channel);
    tcflush(channel->fd, TCIOFLUSH);
}

/* Nobody at the other end would notice a graceful close. */
static void serial_close(struct gw_channel *base, bool abort)
{
    (void)abort;
    shut(serial_of(base), GW_REASON_OK);
}

static void serial_free(struct gw_channel *base)
{
    struct serial_channel *channel = serial_of(base);
    channel->freeing = true;
    if (channel->stage == STAGE_CLOSED)
        gw_memory_release(channel);
    else
        shut(channel, GW_REASON_OK);
}

static const char *serial_detail(const struct gw_channel *base)
{
    const struct serial_channel *channel = const_serial_of(base);
    return channel->detail[0] ? channel->detail : NULL;
}

const struct gw_channel_kind gw_channel_serial = {
    .size = sizeof(struct serial_channel),
    .open = serial_open,
    .write = serial_write,
    .writable = serial_writable,
    .unacknowledged = serial_unacknowledged,
    .discard = serial_discard,
    .close = serial_close,
    .free = serial_free,
    .detail = serial_detail,
};
