/* SPDX-License-Identifier: Apache-2.0 */
/* UDP: one socket, each datagram by itself. */
#include "gateway/channel/channel_udp.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "dnp3/link.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/base/rate.h"
#include "gateway/channel/channel_kind.h"
#include "gateway/channel/udp_peers.h"

enum { READ_BUFFER = 65536, DETAIL_MAX = 160 };

/* Every datagram is consumed before the next one is read, so all channels of the loop share it. */
static char read_buffer[READ_BUFFER];

enum stage { STAGE_CLOSED, STAGE_RESOLVING, STAGE_OPEN, STAGE_CLOSING };

struct udp_channel {
    struct gw_channel base;
    uv_udp_t udp;
    uv_timer_t deadline;
    uv_getaddrinfo_t resolve;
    struct gw_udp_peers peers;
    struct sockaddr_storage last; /* who spoke last, where nobody is expected */
    struct gw_rate told;
    uint16_t next_endpoint;
    uint16_t next_address; /* of that endpoint's name */
    uint16_t endpoint;
    uint16_t address;
    uint8_t stage;   /* enum stage */
    uint8_t handles; /* of libuv that are still to close */
    bool freeing;
    bool resolving; /* `resolve` is libuv's */
    bool heard;     /* `last` is set */
    enum gw_reason reason;
    char detail[DETAIL_MAX]; /* of the last `closed`, or empty */
};

static bool listens(const struct udp_channel *channel)
{
    return channel->base.config->endpoint_count == 0;
}

static socklen_t size_of(const struct sockaddr *address)
{
    return address->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

/* Life. */

static void settle(struct udp_channel *channel)
{
    if (channel->handles || channel->resolving)
        return;
    channel->stage = STAGE_CLOSED;
    if (!channel->freeing) {
        channel->base.callbacks.closed(channel->base.user, channel->reason);
        return;
    }
    gw_udp_peers_clear(&channel->peers);
    gw_memory_release(channel);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct udp_channel *channel = handle->data;
    channel->handles--;
    settle(channel);
}

static void shut(struct udp_channel *channel, enum gw_reason reason)
{
    if (channel->stage == STAGE_CLOSING || channel->stage == STAGE_CLOSED)
        return;
    if (channel->resolving)
        uv_cancel((uv_req_t *)&channel->resolve);
    channel->stage = STAGE_CLOSING;
    channel->reason = reason;
    uv_close((uv_handle_t *)&channel->deadline, on_handle_closed);
    uv_close((uv_handle_t *)&channel->udp, on_handle_closed);
}

/* ICMP's word for it, about something that was sent before. */
static enum gw_reason reason_of(int error)
{
    return error == UV_ECONNREFUSED ? GW_REASON_CONNECT_REFUSED : GW_REASON_UNREACHABLE;
}

/* Datagrams in. */

static void on_room(uv_handle_t *handle, size_t size, uv_buf_t *buffer)
{
    (void)handle;
    (void)size;
    *buffer = uv_buf_init(read_buffer, READ_BUFFER);
}

/* Asks the known address of an outstation whether it is still there: as the master that the claim
 * is addressed to. Its answer, whatever it is, settles that. */
static void ask(struct udp_channel *channel, const struct gw_udp_peer *peer, uint16_t master)
{
    uint8_t octets[DNP3_LINK_FRAME_MAX];
    struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
    dnp3_link_write(&out, &(struct dnp3_link_frame){.control = DNP3_LINK_DIR | DNP3_LINK_PRM |
                                                               DNP3_LINK_REQUEST_LINK_STATUS,
                                                    .destination = peer->address,
                                                    .source = master});
    uv_buf_t buffer = uv_buf_init((char *)octets, (unsigned)dnp3_writer_length(&out));
    uv_udp_try_send(&channel->udp, &buffer, 1, (const struct sockaddr *)&peer->at);
}

static void tell_refused(struct udp_channel *channel, uint16_t address, const struct sockaddr *from)
{
    char text[INET6_ADDRSTRLEN] = "?";
    const char *name = channel->base.config->name;
    if (!gw_rate_allows(&channel->told, name, uv_now(channel->base.loop)))
        return;
    uv_ip_name(from, text, sizeof text);
    gw_log(GW_LOG_WARNING, name,
           "a frame of outstation %u came from %s, which it is not known by: not taken yet",
           address, text);
}

/* Is this frame to be heard? */
static bool judge(struct udp_channel *channel, const struct dnp3_link_frame *frame,
                  const struct sockaddr *from)
{
    struct gw_udp_peer *peer = gw_udp_peers_find(&channel->peers, frame->source);
    if (!peer || frame->control & DNP3_LINK_DIR)
        return true; /* a stranger, who learns nothing and changes nothing */
    bool moves = !peer->known || !gw_udp_same((const struct sockaddr *)&peer->at, from);
    switch (gw_udp_peer_heard(peer, from, uv_now(channel->base.loop))) {
    case GW_UDP_TAKE:
        if (moves && channel->base.callbacks.moved)
            channel->base.callbacks.moved(channel->base.user, frame->source);
        return true;
    case GW_UDP_ASK:
        ask(channel, peer, frame->destination);
        break;
    case GW_UDP_IGNORE:
        break;
    }
    tell_refused(channel, frame->source, from);
    return false;
}

/* All frames of a datagram are, or none is. */
static bool judge_all(struct udp_channel *channel, const uint8_t *octets, size_t length,
                      const struct sockaddr *from)
{
    struct dnp3_link_parser parser;
    struct dnp3_reader in = dnp3_reader_of(octets, length);
    uint8_t data[DNP3_LINK_DATA_MAX];
    struct dnp3_link_frame frame;
    bool heard = true;
    dnp3_link_parser_init(&parser);
    while (dnp3_link_parser_next(&parser, &in, data, &frame) ||
           dnp3_link_parser_end(&parser, data, &frame))
        heard &= judge(channel, &frame, from);
    return heard;
}

static bool may_speak(struct udp_channel *channel, const uint8_t *octets, size_t length,
                      const struct sockaddr *from)
{
    const struct gw_channel_config *config = channel->base.config;
    if (!listens(channel))
        return true; /* the kernel takes nothing from elsewhere */
    if (!gw_networks_allow(config->allow, config->allow_count, from))
        return false;
    if (channel->peers.count)
        return judge_all(channel, octets, length, from);
    memcpy(&channel->last, from, size_of(from));
    channel->heard = true;
    return true;
}

static void on_datagram(uv_udp_t *udp, ssize_t length, const uv_buf_t *buffer,
                        const struct sockaddr *from, unsigned flags)
{
    struct udp_channel *channel = udp->data;
    const uint8_t *octets = (const uint8_t *)buffer->base;
    (void)flags;
    if (length < 0 && !listens(channel))
        shut(channel, reason_of((int)length));
    else if (length > 0 && from && may_speak(channel, octets, (size_t)length, from))
        channel->base.callbacks.octets(channel->base.user, octets, (size_t)length);
}

/* Opening. */

static void fail(struct udp_channel *channel, enum gw_reason reason, const char *what, int error)
{
    snprintf(channel->detail, sizeof channel->detail, "%s: %s", what, uv_strerror(error));
    shut(channel, reason);
}

static bool to_address(const struct gw_endpoint *endpoint, struct sockaddr_storage *address)
{
    return uv_ip4_addr(endpoint->host, endpoint->port, (struct sockaddr_in *)address) == 0 ||
           uv_ip6_addr(endpoint->host, endpoint->port, (struct sockaddr_in6 *)address) == 0;
}

static void start(struct udp_channel *channel)
{
    int error = uv_udp_recv_start(&channel->udp, on_room, on_datagram);
    if (error) {
        fail(channel, GW_REASON_UNREACHABLE, "the socket cannot be read", error);
        return;
    }
    uv_timer_stop(&channel->deadline);
    channel->stage = STAGE_OPEN;
    channel->base.callbacks.opened(channel->base.user);
}

static const char cannot_bind[] = "the address of \"listen\" cannot be used";

static void start_listening(struct udp_channel *channel)
{
    struct sockaddr_storage own;
    int error = UV_EINVAL;
    if (to_address(&channel->base.config->listen, &own))
        error = uv_udp_bind(&channel->udp, (const struct sockaddr *)&own, 0);
    if (error)
        fail(channel, GW_REASON_UNREACHABLE, cannot_bind, error);
    else
        start(channel);
}

/* Binds and connects; `*what` says which of them failed. Not libuv's calls: of a handle that could
 * not be connected no second use is to be made. */
static int attach(const struct udp_channel *channel, int fd, const struct sockaddr *peer,
                  const char **what)
{
    const struct gw_endpoint *listen = &channel->base.config->listen;
    struct sockaddr_storage own;
    *what = cannot_bind;
    if (listen->host && !to_address(listen, &own))
        return UV_EINVAL;
    if (listen->host && bind(fd, (struct sockaddr *)&own, size_of((struct sockaddr *)&own)) != 0)
        return uv_translate_sys_error(errno);
    *what = "no way there";
    return connect(fd, peer, size_of(peer)) == 0 ? 0 : uv_translate_sys_error(errno);
}

static int connect_to(struct udp_channel *channel, const struct sockaddr *peer, const char **what)
{
    int fd = socket(peer->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    *what = "no socket";
    if (fd < 0)
        return uv_translate_sys_error(errno);
    int error = attach(channel, fd, peer, what);
    if (!error)
        error = uv_udp_open(&channel->udp, fd);
    if (error)
        close(fd);
    return error;
}

/* Of a name's addresses the first one that there is a way to, from the one on whose turn it is. The
 * next open tries the one behind it; behind the last comes the next endpoint. */
static void start_with(struct udp_channel *channel, const struct addrinfo *addresses)
{
    const char *what = NULL;
    int error = UV_EADDRNOTAVAIL;
    uint16_t at = 0;
    for (; addresses && error; addresses = addresses->ai_next)
        if (at++ >= channel->address)
            error = connect_to(channel, addresses->ai_addr, &what);
    if (addresses) {
        channel->next_address = at;
        channel->next_endpoint = channel->endpoint;
    }
    if (error)
        fail(channel, GW_REASON_UNREACHABLE, what ? what : "a name with fewer addresses", error);
    else
        start(channel);
}

static void on_deadline(uv_timer_t *timer)
{
    shut(timer->data, GW_REASON_DNS_FAILED);
}

static void on_resolved(uv_getaddrinfo_t *request, int error, struct addrinfo *found)
{
    struct udp_channel *channel = request->data;
    channel->resolving = false;
    if (channel->stage == STAGE_CLOSING)
        settle(channel);
    else if (error || !found)
        shut(channel, GW_REASON_DNS_FAILED);
    else
        start_with(channel, found);
    uv_freeaddrinfo(found);
}

static void resolve(struct udp_channel *channel, const struct gw_endpoint *endpoint)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
    char port[8];
    snprintf(port, sizeof port, "%u", endpoint->port);
    channel->resolve.data = channel;
    channel->resolving = uv_getaddrinfo(channel->base.loop, &channel->resolve, on_resolved,
                                        endpoint->host, port, &hints) == 0;
    if (!channel->resolving)
        shut(channel, GW_REASON_DNS_FAILED);
}

static const struct gw_endpoint *udp_endpoint(const struct gw_channel *base)
{
    const struct udp_channel *channel = (const struct udp_channel *)base;
    return listens(channel) ? NULL : &base->config->endpoints[channel->endpoint];
}

static void udp_open(struct gw_channel *base)
{
    struct udp_channel *channel = (struct udp_channel *)base;
    struct sockaddr_storage address;
    if (channel->stage != STAGE_CLOSED)
        return;
    uv_udp_init(base->loop, &channel->udp);
    uv_timer_init(base->loop, &channel->deadline);
    channel->udp.data = channel->deadline.data = channel;
    channel->handles = 2;
    channel->stage = STAGE_RESOLVING;
    channel->detail[0] = '\0';
    if (listens(channel)) {
        start_listening(channel);
        return;
    }
    channel->endpoint = channel->next_endpoint;
    channel->address = channel->next_address;
    channel->next_address = 0;
    channel->next_endpoint =
        (uint16_t)((channel->next_endpoint + 1u) % base->config->endpoint_count);
    const struct gw_endpoint *endpoint = udp_endpoint(base);
    uv_timer_start(&channel->deadline, on_deadline, base->config->connect_timeout_ms, 0);
    if (to_address(endpoint, &address))
        start_with(channel, &(struct addrinfo){.ai_addr = (struct sockaddr *)&address});
    else
        resolve(channel, endpoint);
}

static void udp_rewind(struct gw_channel *base)
{
    struct udp_channel *channel = (struct udp_channel *)base;
    channel->next_endpoint = channel->next_address = 0;
}

/* Datagrams out. */

/* Where these frames go; false: nobody knows yet. NULL: to where the socket is connected. */
static bool find_peer(const struct udp_channel *channel, const uint8_t *octets,
                      const struct sockaddr **to)
{
    *to = NULL;
    if (!listens(channel))
        return true;
    const struct gw_udp_peer *peer = gw_udp_peers_find(&channel->peers, dnp3_load_u16(octets + 4));
    if (peer)
        *to = (const struct sockaddr *)&peer->at;
    else
        *to = (const struct sockaddr *)&channel->last;
    return peer ? peer->known : channel->heard;
}

static void udp_write(struct gw_channel *base, const uint8_t *octets, size_t length)
{
    struct udp_channel *channel = (struct udp_channel *)base;
    const struct sockaddr *to;
    size_t part;
    while ((part = dnp3_link_first(octets, length)) > 0) {
        uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)octets, (unsigned)part);
        int sent =
            find_peer(channel, octets, &to) ? uv_udp_try_send(&channel->udp, &buffer, 1, to) : 0;
        if (sent < 0 && sent != UV_EAGAIN && !listens(channel)) {
            shut(channel, reason_of(sent));
            return;
        }
        octets += part;
        length -= part;
    }
}

static bool udp_writable(const struct gw_channel *base)
{
    return ((const struct udp_channel *)base)->stage == STAGE_OPEN;
}

/* What has not left this host; where the rest is, nobody says. */
static size_t udp_unacknowledged(const struct gw_channel *base)
{
    const struct udp_channel *channel = (const struct udp_channel *)base;
    uv_os_fd_t fd;
    int octets = 0;
    if (channel->stage != STAGE_OPEN || uv_fileno((const uv_handle_t *)&channel->udp, &fd) != 0 ||
        ioctl(fd, SIOCOUTQ, &octets) != 0 || octets < 0)
        return 0;
    return (size_t)octets;
}

/* A datagram that has left cannot be called back. */
static void udp_discard(struct gw_channel *base)
{
    (void)base;
}

static void udp_close(struct gw_channel *base, bool abort)
{
    (void)abort;
    shut((struct udp_channel *)base, GW_REASON_OK);
}

static void udp_free(struct gw_channel *base)
{
    struct udp_channel *channel = (struct udp_channel *)base;
    channel->freeing = true;
    if (channel->stage == STAGE_CLOSED)
        settle(channel);
    else
        shut(channel, GW_REASON_OK);
}

static const char *udp_detail(const struct gw_channel *base)
{
    const struct udp_channel *channel = (const struct udp_channel *)base;
    return channel->detail[0] ? channel->detail : NULL;
}

bool gw_udp_expect(struct gw_channel *base, uint16_t address, const struct gw_network *network)
{
    return gw_udp_peers_expect(&((struct udp_channel *)base)->peers, address, network);
}

const struct gw_channel_kind gw_channel_udp = {
    .size = sizeof(struct udp_channel),
    .open = udp_open,
    .rewind = udp_rewind,
    .write = udp_write,
    .writable = udp_writable,
    .unacknowledged = udp_unacknowledged,
    .discard = udp_discard,
    .close = udp_close,
    .free = udp_free,
    .endpoint = udp_endpoint,
    .detail = udp_detail,
};
