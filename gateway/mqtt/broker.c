/* SPDX-License-Identifier: Apache-2.0 */
/* Connects and relays. Each direction has one buffer: it reads only when what it read before is
 * written, so that a slow side holds the other one back and nothing is ever queued without bound.
 */
#include "gateway/mqtt/broker.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/memory.h"
#include "gateway/mqtt/mqtt_scan.h"

enum {
    BUFFER_OCTETS = 64 * 1024,
    PAIR_OCTETS = 1024 * 1024, /* asked for; the kernel gives what net.core.wmem_max allows */
    ADDRESSES_MAX = 8,         /* of one name */
    LINGER_MS = 2000,          /* for the other side to end too, after one has */
    DETAIL_MAX = 400
};

enum state {
    IDLE,
    RESOLVING,
    CONNECTING,
    RELAYING,
    DRAINING, /* the broker is gone; the client reads what is left */
    FLUSHING, /* the client is gone; the broker gets what is left */
    CLOSING,
    FREEING
};

struct lane {
    struct gw_broker *broker;
    uv_stream_t *from;
    uv_stream_t *to;
    uv_write_t write;
    char *buffer;
    uint64_t *octets;
    bool writing;
    bool discard; /* `to` takes nothing any more */
};

struct gw_broker {
    struct gw_mqtt_scan scan; /* of what the broker sends */
    uv_loop_t *loop;
    struct gw_broker_callbacks callbacks;
    void *user;
    struct gw_endpoint *endpoints;
    size_t endpoint_count;
    size_t first;   /* where the next attempt begins */
    size_t current; /* in use, or tried last */
    size_t tried;
    uint32_t timeout_ms;
    enum state state;
    uv_timer_t timer;
    uv_getaddrinfo_t resolver;
    bool resolving; /* the request is under way, wanted or not */
    bool resolve_wanted;
    struct sockaddr_storage addresses[ADDRESSES_MAX];
    size_t address_count;
    size_t address;
    uv_connect_t connect;
    uv_shutdown_t shutdown;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
    bool tcp_open;
    bool pipe_open;
    unsigned closing; /* handles whose close callback is to come */
    struct lane up;   /* to the broker */
    struct lane down;
    struct gw_broker_counters counters;
    enum gw_broker_reason reason;
    char detail[DETAIL_MAX];
    char name[GW_HOST_MAX + 8];
    void (*freed)(void *user);
    void *freed_user;
};

static void try_endpoint(struct gw_broker *broker);
static void try_address(struct gw_broker *broker);
static void proceed(struct gw_broker *broker);

const char *gw_broker_reason_name(enum gw_broker_reason reason)
{
    static const char *const names[] = {
#define X(name, text) [GW_BROKER_##name] = text,
        GW_BROKER_REASON_MAP(X)
#undef X
    };
    return (size_t)reason < sizeof names / sizeof *names ? names[reason] : "unknown";
}

static enum gw_broker_reason reason_of(int error)
{
    switch (error) {
    case UV_ECONNREFUSED:
        return GW_BROKER_CONNECT_REFUSED;
    case UV_ETIMEDOUT:
        return GW_BROKER_CONNECT_TIMEOUT;
    case UV_EMFILE:
    case UV_ENFILE:
    case UV_ENOMEM:
    case UV_ENOBUFS:
        return GW_BROKER_NO_RESOURCES;
    case UV_ECONNRESET:
    case UV_EPIPE:
    case UV_EOF:
        return GW_BROKER_CLOSED;
    default:
        return GW_BROKER_UNREACHABLE;
    }
}

static void explain(struct gw_broker *broker, enum gw_broker_reason reason, const char *text)
{
    broker->reason = reason;
    snprintf(broker->detail, sizeof broker->detail, "%s: %s", broker->name, text);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct gw_broker *broker = handle->data;
    assert(broker->closing > 0);
    if (--broker->closing == 0)
        proceed(broker);
}

static void close_tcp(struct gw_broker *broker)
{
    if (!broker->tcp_open)
        return;
    broker->tcp_open = false;
    broker->closing++;
    uv_close((uv_handle_t *)&broker->tcp, on_handle_closed);
}

static void close_pipe(struct gw_broker *broker)
{
    if (!broker->pipe_open)
        return;
    broker->pipe_open = false;
    broker->closing++;
    uv_close((uv_handle_t *)&broker->pipe, on_handle_closed);
}

static void on_closing_timer(uv_timer_t *timer)
{
    proceed(timer->data);
}

/* Closes what is open; proceed() follows from the loop in any case. */
static void end(struct gw_broker *broker)
{
    if (broker->state == CLOSING || broker->state == FREEING)
        return;
    broker->state = CLOSING;
    broker->resolve_wanted = false;
    uv_timer_stop(&broker->timer);
    close_tcp(broker);
    close_pipe(broker);
    if (!broker->closing)
        uv_timer_start(&broker->timer, on_closing_timer, 0, 0);
}

static void on_linger_timer(uv_timer_t *timer)
{
    end(timer->data);
}

static void release(struct gw_broker *broker)
{
    void (*freed)(void *user) = broker->freed;
    void *user = broker->freed_user;
    gw_memory_release(broker);
    if (freed)
        freed(user);
}

/* Every handle that was closing is closed: what comes next? */
static void proceed(struct gw_broker *broker)
{
    switch (broker->state) {
    case CONNECTING: /* an address failed */
        if (broker->address < broker->address_count)
            try_address(broker);
        else
            try_endpoint(broker);
        break;
    case CLOSING:
        broker->state = IDLE;
        broker->callbacks.closed(broker->user, broker->reason, broker->detail);
        break;
    case FREEING:
        if (!broker->resolving)
            release(broker);
        break;
    case IDLE:
    case RESOLVING:
    case RELAYING:
    case DRAINING: /* the broker's side is closed, the client's not yet */
    case FLUSHING:
        break;
    }
}

/* The broker's side ended: the client still gets the end of the stream after its last octets (a
 * refusal arrives just before the close), and what it writes is thrown away. */
static void drain(struct gw_broker *broker)
{
    if (broker->state == FLUSHING) {
        end(broker);
        return;
    }
    broker->state = DRAINING;
    broker->up.discard = true;
    close_tcp(broker);
    uv_timer_start(&broker->timer, on_linger_timer, LINGER_MS, 0);
    if (uv_shutdown(&broker->shutdown, (uv_stream_t *)&broker->pipe, NULL) < 0)
        end(broker);
}

/* The client's side ended: what it wrote is with the kernel already, since a lane reads on only
 * when all is written. */
static void flush(struct gw_broker *broker)
{
    if (broker->state == DRAINING) {
        end(broker);
        return;
    }
    broker->state = FLUSHING;
    explain(broker, GW_BROKER_CLOSED, "closed by this side");
    broker->down.discard = true;
    close_pipe(broker);
    uv_timer_start(&broker->timer, on_linger_timer, LINGER_MS, 0);
    if (uv_shutdown(&broker->shutdown, (uv_stream_t *)&broker->tcp, NULL) < 0)
        end(broker);
}

static void lane_ended(struct lane *lane, int error)
{
    struct gw_broker *broker = lane->broker;
    uv_read_stop(lane->from);
    if (lane == &broker->up) {
        flush(broker);
        return;
    }
    if (broker->state == RELAYING)
        explain(broker, GW_BROKER_CLOSED,
                error == UV_EOF ? "the broker closed the connection" : uv_strerror(error));
    drain(broker);
}

static struct lane *lane_from(uv_handle_t *handle)
{
    struct gw_broker *broker = handle->data;
    return handle == (uv_handle_t *)&broker->tcp ? &broker->down : &broker->up;
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    *buffer = uv_buf_init(lane_from(handle)->buffer, BUFFER_OCTETS);
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer);

static void on_written(uv_write_t *request, int status)
{
    struct lane *lane = request->data;
    enum state state = lane->broker->state;
    lane->writing = false;
    if (status < 0)
        lane->discard = true; /* the end of that side will be read, too */
    bool open = lane == &lane->broker->up ? lane->broker->pipe_open : lane->broker->tcp_open;
    if (open && (state == RELAYING || state == DRAINING || state == FLUSHING))
        uv_read_start(lane->from, on_room, on_read);
}

/* A broker that leaves Nagle's algorithm on holds all but the first PUBACK of a burst back until we
 * acknowledge that one, and the kernel would do so 40 ms later. Forgotten by it soon: said anew. */
static void acknowledge_soon(struct gw_broker *broker)
{
    const int on = 1;
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&broker->tcp, &fd) == 0)
        setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
    struct lane *lane = lane_from((uv_handle_t *)stream);
    if (length < 0) {
        lane_ended(lane, (int)length);
        return;
    }
    if (length == 0 || lane->discard)
        return;
    *lane->octets += (uint64_t)length;
    if (lane == &lane->broker->down) {
        acknowledge_soon(lane->broker);
        lane->broker->counters.unheard +=
            gw_mqtt_scan(&lane->broker->scan, (const uint8_t *)buffer->base, (size_t)length);
    }
    uv_buf_t rest = uv_buf_init(buffer->base, (unsigned)length);
    int written = uv_try_write(lane->to, &rest, 1);
    if (written == (int)length)
        return;
    if (written < 0 && written != UV_EAGAIN) {
        lane->discard = true;
        return;
    }
    if (written > 0) {
        rest.base += written;
        rest.len -= (size_t)written;
    }
    uv_read_stop(stream);
    lane->writing = true;
    if (uv_write(&lane->write, lane->to, &rest, 1, on_written) < 0)
        end(lane->broker);
}

static int open_pair(struct gw_broker *broker, int pair[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    const int size = PAIR_OCTETS;
    for (int i = 0; i < 2; i++)
        setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    int error = uv_pipe_init(broker->loop, &broker->pipe, 0);
    if (!error) {
        broker->pipe.data = broker;
        broker->pipe_open = true;
        error = uv_pipe_open(&broker->pipe, pair[0]);
    }
    if (error) {
        close(pair[0]);
        close(pair[1]);
    }
    return error;
}

static void set_lane(struct lane *lane, uv_stream_t *from, uv_stream_t *to)
{
    lane->from = from;
    lane->to = to;
    lane->writing = false;
    lane->discard = false;
    lane->write.data = lane;
}

static void begin_relay(struct gw_broker *broker)
{
    int pair[2];
    int error = open_pair(broker, pair);
    if (error) {
        explain(broker, GW_BROKER_NO_RESOURCES, uv_strerror(error));
        end(broker);
        return;
    }
    uv_stream_t *tcp = (uv_stream_t *)&broker->tcp;
    uv_stream_t *pipe = (uv_stream_t *)&broker->pipe;
    uv_tcp_nodelay(&broker->tcp, 1);
    set_lane(&broker->up, pipe, tcp);
    set_lane(&broker->down, tcp, pipe);
    broker->state = RELAYING;
    broker->counters.connects++;
    explain(broker, GW_BROKER_CLOSED, "closed by this side");
    uv_timer_stop(&broker->timer);
    broker->scan = (struct gw_mqtt_scan){0};
    uv_read_start(tcp, on_room, on_read);
    uv_read_start(pipe, on_room, on_read);
    broker->callbacks.ready(broker->user, pair[1]);
}

static void on_connected(uv_connect_t *request, int status)
{
    struct gw_broker *broker = request->data;
    if (status == UV_ECANCELED || broker->state != CONNECTING)
        return;
    if (status == 0) {
        begin_relay(broker);
        return;
    }
    explain(broker, reason_of(status), uv_strerror(status));
    close_tcp(broker); /* then the next address */
}

static void on_connect_timer(uv_timer_t *timer)
{
    struct gw_broker *broker = timer->data;
    if (broker->state == RESOLVING) {
        explain(broker, GW_BROKER_DNS_FAILED, "no answer from the name server in time");
        broker->resolve_wanted = false;
        uv_cancel((uv_req_t *)&broker->resolver);
        try_endpoint(broker);
        return;
    }
    explain(broker, GW_BROKER_CONNECT_TIMEOUT, "no answer in time");
    broker->address = broker->address_count;
    close_tcp(broker);
}

static void try_address(struct gw_broker *broker)
{
    const struct sockaddr *address = (void *)&broker->addresses[broker->address++];
    broker->state = CONNECTING;
    int error = uv_tcp_init(broker->loop, &broker->tcp);
    if (!error) {
        broker->tcp.data = broker;
        broker->tcp_open = true;
        error = uv_tcp_connect(&broker->connect, &broker->tcp, address, on_connected);
    }
    if (!error)
        return;
    explain(broker, reason_of(error), uv_strerror(error));
    if (broker->tcp_open)
        close_tcp(broker);
    else
        end(broker);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct gw_broker *broker = request->data;
    broker->resolving = false;
    if (broker->state == FREEING) {
        uv_freeaddrinfo(found);
        if (!broker->closing)
            release(broker);
        return;
    }
    if (!broker->resolve_wanted) {
        uv_freeaddrinfo(found);
        return;
    }
    broker->resolve_wanted = false;
    broker->address_count = 0;
    for (struct addrinfo *i = found; i && broker->address_count < ADDRESSES_MAX; i = i->ai_next)
        memcpy(&broker->addresses[broker->address_count++], i->ai_addr, i->ai_addrlen);
    uv_freeaddrinfo(found);
    if (status == 0 && broker->address_count) {
        try_address(broker);
        return;
    }
    explain(broker, GW_BROKER_DNS_FAILED, status ? uv_strerror(status) : "no address");
    try_endpoint(broker);
}

static void resolve(struct gw_broker *broker, const struct gw_endpoint *endpoint)
{
    char port[8];
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    int error = UV_EBUSY; /* an earlier question still has no answer */
    snprintf(port, sizeof port, "%u", endpoint->port);
    broker->state = RESOLVING;
    if (!broker->resolving)
        error = uv_getaddrinfo(broker->loop, &broker->resolver, on_resolved, endpoint->host, port,
                               &hints);
    if (!error) {
        broker->resolving = true;
        broker->resolve_wanted = true;
        return;
    }
    explain(broker, GW_BROKER_DNS_FAILED, uv_strerror(error));
    try_endpoint(broker);
}

static bool is_numeric(struct gw_broker *broker, const struct gw_endpoint *endpoint)
{
    struct sockaddr_storage *address = broker->addresses;
    broker->address = 0;
    broker->address_count = 1;
    return uv_ip4_addr(endpoint->host, endpoint->port, (struct sockaddr_in *)address) == 0 ||
           uv_ip6_addr(endpoint->host, endpoint->port, (struct sockaddr_in6 *)address) == 0;
}

static void set_name(struct gw_broker *broker)
{
    const struct gw_endpoint *endpoint = &broker->endpoints[broker->current];
    bool brackets = strchr(endpoint->host, ':') != NULL;
    snprintf(broker->name, sizeof broker->name, brackets ? "[%s]:%u" : "%s:%u", endpoint->host,
             endpoint->port);
}

static void try_endpoint(struct gw_broker *broker)
{
    if (broker->tried == broker->endpoint_count) {
        end(broker);
        return;
    }
    broker->current = (broker->first + broker->tried++) % broker->endpoint_count;
    const struct gw_endpoint *endpoint = &broker->endpoints[broker->current];
    set_name(broker);
    uv_timer_start(&broker->timer, on_connect_timer, broker->timeout_ms, 0);
    if (is_numeric(broker, endpoint))
        try_address(broker);
    else
        resolve(broker, endpoint);
}

static size_t copy_size(const struct gw_broker_options *options)
{
    size_t size = sizeof(struct gw_broker) + 2 * (size_t)BUFFER_OCTETS +
                  options->endpoint_count * sizeof(struct gw_endpoint);
    for (size_t i = 0; i < options->endpoint_count; i++)
        size += strlen(options->endpoints[i].host) + 1;
    return size;
}

static void copy_endpoints(struct gw_broker *broker, const struct gw_broker_options *options)
{
    broker->endpoints = (void *)(broker + 1);
    broker->endpoint_count = options->endpoint_count;
    char *text = (char *)(broker->endpoints + options->endpoint_count);
    for (size_t i = 0; i < options->endpoint_count; i++) {
        size_t size = strlen(options->endpoints[i].host) + 1;
        broker->endpoints[i] = (struct gw_endpoint){text, options->endpoints[i].port};
        memcpy(text, options->endpoints[i].host, size);
        text += size;
    }
    broker->up.buffer = text;
    broker->down.buffer = text + BUFFER_OCTETS;
}

struct gw_broker *gw_broker_create(uv_loop_t *loop, const struct gw_broker_options *options,
                                   const struct gw_broker_callbacks *callbacks, void *user)
{
    if (!options->endpoint_count)
        return NULL;
    struct gw_broker *broker = gw_memory_allocate(GW_OWNER_MQTT, copy_size(options));
    if (!broker)
        return NULL;
    signal(SIGPIPE, SIG_IGN);
    copy_endpoints(broker, options);
    broker->loop = loop;
    broker->callbacks = *callbacks;
    broker->user = user;
    broker->timeout_ms = options->connect_timeout_ms;
    broker->up.broker = broker;
    broker->up.octets = &broker->counters.to_broker;
    broker->down.broker = broker;
    broker->down.octets = &broker->counters.from_broker;
    broker->resolver.data = broker;
    broker->connect.data = broker;
    uv_timer_init(loop, &broker->timer);
    broker->timer.data = broker;
    set_name(broker);
    return broker;
}

int gw_broker_connect(struct gw_broker *broker)
{
    if (broker->state != IDLE)
        return UV_EBUSY;
    broker->tried = 0;
    try_endpoint(broker);
    return 0;
}

void gw_broker_drop(struct gw_broker *broker)
{
    if (broker->state == IDLE)
        return;
    if (broker->state != CLOSING)
        explain(broker, GW_BROKER_CLOSED, "closed by this side");
    end(broker);
}

void gw_broker_advance(struct gw_broker *broker)
{
    broker->first = (broker->current + 1) % broker->endpoint_count;
}

void gw_broker_rewind(struct gw_broker *broker)
{
    broker->first = 0;
}

const char *gw_broker_endpoint(const struct gw_broker *broker)
{
    return broker->name;
}

const struct gw_broker_counters *gw_broker_counters(const struct gw_broker *broker)
{
    return &broker->counters;
}

void gw_broker_free(struct gw_broker *broker, void (*freed)(void *user), void *user)
{
    if (!broker) {
        if (freed)
            freed(user);
        return;
    }
    broker->state = FREEING;
    broker->freed = freed;
    broker->freed_user = user;
    if (broker->resolving)
        uv_cancel((uv_req_t *)&broker->resolver);
    close_tcp(broker);
    close_pipe(broker);
    broker->closing++;
    uv_close((uv_handle_t *)&broker->timer, on_handle_closed);
}
