/* SPDX-License-Identifier: Apache-2.0 */
/* TCP client channels: resolve and connect with a deadline, to each address of a name in turn; then
 * the stream's octets. */
#include "gateway/base/memory.h"
#include "gateway/channel/channel_kind.h"
#include "gateway/channel/tcp_stream.h"

enum stage { STAGE_CLOSED, STAGE_RESOLVING, STAGE_CONNECTING, STAGE_OPEN, STAGE_CLOSING };

struct tcp_channel {
    struct gw_channel base;
    struct gw_tcp_stream stream;
    uv_timer_t deadline;
    union { /* one at a time */
        uv_getaddrinfo_t resolve;
        uv_connect_t connect;
    } request;
    struct addrinfo *found;      /* of the name, until it is open or closed */
    const struct addrinfo *next; /* of them, when this one fails */
    uint16_t next_endpoint;
    uint16_t endpoint;
    uint8_t stage;   /* enum stage */
    uint8_t handles; /* of libuv that are still to close */
    bool freeing;
    bool request_pending; /* `request` is libuv's */
    enum gw_reason reason;
};

static void forget_addresses(struct tcp_channel *channel)
{
    uv_freeaddrinfo(channel->found);
    channel->found = NULL;
    channel->next = NULL;
}

static void begin(struct tcp_channel *channel);
static void connect_to(struct tcp_channel *channel, const struct sockaddr *address);

static void settle(struct tcp_channel *channel)
{
    if (channel->handles || channel->request_pending)
        return;
    channel->stage = STAGE_CLOSED;
    const struct addrinfo *next = channel->next;
    if (next && !channel->freeing) {
        channel->next = next->ai_next;
        begin(channel);
        connect_to(channel, next->ai_addr);
        return;
    }
    forget_addresses(channel);
    if (channel->freeing)
        gw_memory_release(channel);
    else
        channel->base.callbacks.closed(channel->base.user, channel->reason);
}

static void handle_closed(struct tcp_channel *channel)
{
    channel->handles--;
    settle(channel);
}

static void on_deadline_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

static void on_stream_closed(void *user)
{
    handle_closed(user);
}

static void shut(struct tcp_channel *channel, enum gw_reason reason, bool abort)
{
    if (channel->stage == STAGE_CLOSING || channel->stage == STAGE_CLOSED)
        return;
    if (channel->stage == STAGE_RESOLVING)
        uv_cancel((uv_req_t *)&channel->request.resolve);
    channel->stage = STAGE_CLOSING;
    channel->reason = reason;
    uv_close((uv_handle_t *)&channel->deadline, on_deadline_closed);
    gw_tcp_close(&channel->stream, abort);
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

static void on_deadline(uv_timer_t *timer)
{
    struct tcp_channel *channel = timer->data;
    shut(channel,
         channel->stage == STAGE_RESOLVING ? GW_REASON_DNS_FAILED : GW_REASON_CONNECT_TIMEOUT,
         false);
}

static void on_octets(void *user, const uint8_t *octets, size_t length)
{
    struct tcp_channel *channel = user;
    channel->base.callbacks.octets(channel->base.user, octets, length);
}

static void on_writable(void *user)
{
    struct tcp_channel *channel = user;
    channel->base.callbacks.writable(channel->base.user);
}

static void on_lost(void *user, enum gw_reason reason)
{
    shut(user, reason, false);
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
    gw_tcp_connected(&channel->stream);
    gw_tcp_user_timeout(&channel->stream, channel->base.user_timeout_ms);
    uv_timer_stop(&channel->deadline);
    forget_addresses(channel);
    channel->stage = STAGE_OPEN;
    gw_tcp_read(&channel->stream);
    channel->base.callbacks.opened(channel->base.user);
}

static void connect_to(struct tcp_channel *channel, const struct sockaddr *address)
{
    channel->stage = STAGE_CONNECTING;
    channel->request.connect.data = channel;
    int error =
        uv_tcp_connect(&channel->request.connect, &channel->stream.tcp, address, on_connected);
    if (error)
        shut(channel, reason_of(error), false);
    else
        channel->request_pending = true;
}

static void on_resolved(uv_getaddrinfo_t *request, int error, struct addrinfo *found)
{
    struct tcp_channel *channel = request->data;
    channel->request_pending = false;
    channel->found = found;
    if (channel->stage == STAGE_CLOSING) {
        settle(channel);
    } else if (error || !found) {
        shut(channel, GW_REASON_DNS_FAILED, false);
    } else {
        channel->next = found->ai_next;
        connect_to(channel, found->ai_addr);
    }
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

static void begin(struct tcp_channel *channel)
{
    static const struct gw_tcp_callbacks callbacks = {
        .octets = on_octets, .writable = on_writable, .lost = on_lost, .closed = on_stream_closed};
    gw_tcp_init(&channel->stream, channel->base.loop, &callbacks, channel);
    uv_timer_init(channel->base.loop, &channel->deadline);
    channel->deadline.data = channel;
    channel->handles = 2;
    uv_timer_start(&channel->deadline, on_deadline, channel->base.config->connect_timeout_ms, 0);
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
    begin(channel);

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

static void tcp_write(struct gw_channel *base, const uint8_t *octets, size_t length)
{
    struct tcp_channel *channel = (struct tcp_channel *)base;
    gw_tcp_write(&channel->stream, octets, length);
}

static bool tcp_writable(const struct gw_channel *base)
{
    const struct tcp_channel *channel = (const struct tcp_channel *)base;
    return channel->stage == STAGE_OPEN && gw_tcp_writable(&channel->stream);
}

static size_t tcp_unacknowledged(const struct gw_channel *base)
{
    const struct tcp_channel *channel = (const struct tcp_channel *)base;
    return channel->stage == STAGE_OPEN ? gw_tcp_unacknowledged(&channel->stream) : 0;
}

static void tcp_close(struct gw_channel *base, bool abort)
{
    struct tcp_channel *channel = (struct tcp_channel *)base;
    channel->next = NULL; /* no other address is tried */
    if (channel->stage == STAGE_CLOSING)
        channel->reason = GW_REASON_OK;
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
