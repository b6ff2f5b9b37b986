/* SPDX-License-Identifier: Apache-2.0 */
/* TCP client channels over libuv: resolve, connect with a deadline, read into one shared buffer,
 * write without allocating unless the kernel's buffer is full. */
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "gateway/channel_kind.h"
#include "gateway/memory.h"

enum { READ_BUFFER = 65536 };

/* Every read is consumed before the next one starts, so all channels of the loop share it. */
static char read_buffer[READ_BUFFER];

enum stage { STAGE_CLOSED, STAGE_RESOLVING, STAGE_CONNECTING, STAGE_OPEN, STAGE_CLOSING };

struct tcp_channel {
    struct gw_channel base;
    uv_tcp_t tcp;
    uv_timer_t deadline;
    union { /* one at a time */
        uv_getaddrinfo_t resolve;
        uv_connect_t connect;
        uv_write_t write;
    } request;
    uint8_t *left_over; /* of a write, until the kernel has it */
    size_t left_over_length;
    uint16_t next_endpoint;
    uint16_t endpoint;
    uint8_t stage;   /* enum stage */
    uint8_t handles; /* of libuv that are still to close */
    bool freeing;
    bool request_pending; /* `request` is libuv's */
    enum gw_reason reason;
};

static void settle(struct tcp_channel *channel)
{
    if (channel->handles || channel->request_pending)
        return;
    channel->stage = STAGE_CLOSED;
    gw_memory_release(channel->left_over);
    channel->left_over = NULL;
    channel->left_over_length = 0;
    if (channel->freeing)
        gw_memory_release(channel);
    else
        channel->base.callbacks.closed(channel->base.user, channel->reason);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct tcp_channel *channel = handle->data;
    channel->handles--;
    settle(channel);
}

static void shut(struct tcp_channel *channel, enum gw_reason reason, bool abort)
{
    if (channel->stage == STAGE_CLOSING || channel->stage == STAGE_CLOSED)
        return;
    if (channel->stage == STAGE_RESOLVING)
        uv_cancel((uv_req_t *)&channel->request.resolve);
    channel->stage = STAGE_CLOSING;
    channel->reason = reason;
    uv_close((uv_handle_t *)&channel->deadline, on_handle_closed);
    if (!abort || uv_tcp_close_reset(&channel->tcp, on_handle_closed) != 0)
        uv_close((uv_handle_t *)&channel->tcp, on_handle_closed);
}

static enum gw_reason reason_of(int error)
{
    switch (error) {
    case UV_ECONNREFUSED:
        return GW_REASON_CONNECT_REFUSED;
    case UV_ETIMEDOUT:
        return GW_REASON_CONNECT_TIMEOUT;
    default:
        return GW_REASON_UNREACHABLE;
    }
}

/* Why what was open has ended. */
static enum gw_reason loss_of(int error)
{
    switch (error) {
    case UV_ETIMEDOUT: /* TCP_USER_TIMEOUT: nobody acknowledges what was written */
        return GW_REASON_TIMEOUT;
    case UV_EHOSTUNREACH:
    case UV_ENETUNREACH:
    case UV_ENETDOWN:
        return GW_REASON_UNREACHABLE;
    default:
        return GW_REASON_CLOSED_BY_PEER;
    }
}

static void on_deadline(uv_timer_t *timer)
{
    struct tcp_channel *channel = timer->data;
    shut(channel,
         channel->stage == STAGE_RESOLVING ? GW_REASON_DNS_FAILED : GW_REASON_CONNECT_TIMEOUT,
         false);
}

static void on_allocate(uv_handle_t *handle, size_t size, uv_buf_t *buffer)
{
    (void)handle;
    (void)size;
    *buffer = uv_buf_init(read_buffer, READ_BUFFER);
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
    struct tcp_channel *channel = stream->data;
    if (length > 0)
        channel->base.callbacks.octets(channel->base.user, (const uint8_t *)buffer->base,
                                       (size_t)length);
    else if (length < 0)
        shut(channel, loss_of((int)length), false);
}

static void on_connected(uv_connect_t *request, int error)
{
    struct tcp_channel *channel = request->data;
    channel->request_pending = false;
    if (channel->stage == STAGE_CLOSING) {
        settle(channel);
        return;
    }
    if (error) {
        shut(channel, reason_of(error), false);
        return;
    }
    uv_os_fd_t fd;
    uv_tcp_nodelay(&channel->tcp, 1);
    if (uv_fileno((uv_handle_t *)&channel->tcp, &fd) == 0)
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &channel->base.user_timeout_ms,
                   sizeof channel->base.user_timeout_ms);
    uv_timer_stop(&channel->deadline);
    channel->stage = STAGE_OPEN;
    uv_read_start((uv_stream_t *)&channel->tcp, on_allocate, on_read);
    channel->base.callbacks.opened(channel->base.user);
}

static void connect_to(struct tcp_channel *channel, const struct sockaddr *address)
{
    channel->stage = STAGE_CONNECTING;
    channel->request.connect.data = channel;
    int error = uv_tcp_connect(&channel->request.connect, &channel->tcp, address, on_connected);
    if (error)
        shut(channel, reason_of(error), false);
    else
        channel->request_pending = true;
}

static void on_resolved(uv_getaddrinfo_t *request, int error, struct addrinfo *found)
{
    struct tcp_channel *channel = request->data;
    channel->request_pending = false;
    if (channel->stage == STAGE_CLOSING)
        settle(channel);
    else if (error || !found)
        shut(channel, GW_REASON_DNS_FAILED, false);
    else
        connect_to(channel, found->ai_addr);
    uv_freeaddrinfo(found);
}

static void resolve(struct tcp_channel *channel, const struct gw_endpoint *endpoint)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char port[8];
    snprintf(port, sizeof port, "%u", endpoint->port);
    channel->stage = STAGE_RESOLVING;
    channel->request.resolve.data = channel;
    int error = uv_getaddrinfo(channel->base.loop, &channel->request.resolve, on_resolved,
                               endpoint->host, port, &hints);
    if (error)
        shut(channel, GW_REASON_DNS_FAILED, false);
    else
        channel->request_pending = true;
}

static const struct gw_endpoint *tcp_endpoint(const struct gw_channel *base)
{
    const struct tcp_channel *channel = (const struct tcp_channel *)base;
    return &channel->base.config->endpoints[channel->endpoint];
}

static void tcp_open(struct gw_channel *base)
{
    struct tcp_channel *channel = (struct tcp_channel *)base;
    if (channel->stage != STAGE_CLOSED)
        return;
    channel->endpoint = channel->next_endpoint;
    channel->next_endpoint =
        (uint16_t)((channel->next_endpoint + 1u) % channel->base.config->endpoint_count);
    const struct gw_endpoint *endpoint = tcp_endpoint(base);

    uv_tcp_init(channel->base.loop, &channel->tcp);
    uv_timer_init(channel->base.loop, &channel->deadline);
    channel->tcp.data = channel;
    channel->deadline.data = channel;
    channel->handles = 2;
    uv_timer_start(&channel->deadline, on_deadline, channel->base.config->connect_timeout_ms, 0);

    struct sockaddr_storage address;
    if (uv_ip4_addr(endpoint->host, endpoint->port, (struct sockaddr_in *)&address) == 0 ||
        uv_ip6_addr(endpoint->host, endpoint->port, (struct sockaddr_in6 *)&address) == 0)
        connect_to(channel, (const struct sockaddr *)&address);
    else
        resolve(channel, endpoint);
}

static void tcp_rewind(struct gw_channel *base)
{
    struct tcp_channel *channel = (struct tcp_channel *)base;
    channel->next_endpoint = 0;
}

static void on_written(uv_write_t *request, int error)
{
    struct tcp_channel *channel = request->data;
    channel->request_pending = false;
    gw_memory_release(channel->left_over);
    channel->left_over = NULL;
    channel->left_over_length = 0;
    if (channel->stage == STAGE_CLOSING)
        settle(channel);
    else if (error)
        shut(channel, loss_of(error), false);
    else
        channel->base.callbacks.writable(channel->base.user);
}

static void write_later(struct tcp_channel *channel, const uint8_t *octets, size_t length)
{
    channel->left_over = gw_memory_allocate(GW_OWNER_LINK, length);
    if (!channel->left_over) {
        shut(channel, GW_REASON_CLOSED_BY_PEER, true);
        return;
    }
    memcpy(channel->left_over, octets, length);
    channel->left_over_length = length;
    uv_buf_t buffer = uv_buf_init((char *)channel->left_over, (unsigned)length);
    channel->request.write.data = channel;
    if (uv_write(&channel->request.write, (uv_stream_t *)&channel->tcp, &buffer, 1, on_written))
        shut(channel, GW_REASON_CLOSED_BY_PEER, true);
    else
        channel->request_pending = true;
}

static void tcp_write(struct gw_channel *base, const uint8_t *octets, size_t length)
{
    struct tcp_channel *channel = (struct tcp_channel *)base;
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)octets, (unsigned)length);
    int written = uv_try_write((uv_stream_t *)&channel->tcp, &buffer, 1);
    if (written < 0 && written != UV_EAGAIN) {
        shut(channel, loss_of(written), false);
        return;
    }
    size_t done = written > 0 ? (size_t)written : 0;
    if (done < length)
        write_later(channel, octets + done, length - done);
}

static bool tcp_writable(const struct gw_channel *base)
{
    const struct tcp_channel *channel = (const struct tcp_channel *)base;
    return channel->stage == STAGE_OPEN && !channel->request_pending;
}

static size_t tcp_unacknowledged(const struct gw_channel *base)
{
    const struct tcp_channel *channel = (const struct tcp_channel *)base;
    uv_os_fd_t fd;
    int octets = 0;
    if (channel->stage != STAGE_OPEN || uv_fileno((const uv_handle_t *)&channel->tcp, &fd) != 0 ||
        ioctl(fd, SIOCOUTQ, &octets) != 0 || octets < 0)
        return 0;
    return (size_t)octets;
}

static void tcp_close(struct gw_channel *base, bool abort)
{
    struct tcp_channel *channel = (struct tcp_channel *)base;
    shut(channel, GW_REASON_OK, abort);
}

static void tcp_free(struct gw_channel *base)
{
    struct tcp_channel *channel = (struct tcp_channel *)base;
    channel->freeing = true;
    if (channel->stage == STAGE_CLOSED)
        gw_memory_release(channel);
    else
        shut(channel, GW_REASON_OK, false);
}

static void tcp_discard(struct gw_channel *base)
{
    if (tcp_unacknowledged(base))
        tcp_close(base, true);
}

const struct gw_channel_kind gw_channel_tcp = {
    .size = sizeof(struct tcp_channel),
    .open = tcp_open,
    .rewind = tcp_rewind,
    .write = tcp_write,
    .writable = tcp_writable,
    .unacknowledged = tcp_unacknowledged,
    .discard = tcp_discard,
    .close = tcp_close,
    .free = tcp_free,
    .endpoint = tcp_endpoint,
};
