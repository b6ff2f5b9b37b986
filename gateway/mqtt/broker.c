/* SPDX-License-Identifier: Apache-2.0 */
/* Connects and relays. Each direction has one buffer: it reads only when what it read before is
 * written, so that a slow side holds the other one back and nothing is ever queued without bound.
 */
#include "gateway/mqtt/broker_internal.h"

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

enum {
    UP_OCTETS = 8 * 1024, /* the client says little */
    DOWN_OCTETS = 64 * 1024,
    PAIR_OCTETS = 1024 * 1024, /* asked for; the kernel gives what net.core.wmem_max allows */
    LINGER_MS = 2000           /* for the other side to end too, after one has */
};

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

void gw_broker_explain(struct gw_broker *broker, enum gw_broker_reason reason, const char *text)
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

void gw_broker_close_tcp(struct gw_broker *broker)
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
void gw_broker_end(struct gw_broker *broker)
{
    if (broker->state == BROKER_CLOSING || broker->state == BROKER_FREEING)
        return;
    broker->state = BROKER_CLOSING;
    broker->resolve_wanted = false;
    uv_timer_stop(&broker->timer);
    gw_outgoing_stop(&broker->outgoing);
    gw_broker_close_tcp(broker);
    close_pipe(broker);
    if (!broker->closing)
        uv_timer_start(&broker->timer, on_closing_timer, 0, 0);
}

static void on_linger_timer(uv_timer_t *timer)
{
    gw_broker_end(timer->data);
}

void gw_broker_release(struct gw_broker *broker)
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
    case BROKER_CONNECTING: /* an address failed */
        if (broker->address < broker->address_count)
            gw_broker_try_address(broker);
        else
            gw_broker_try_endpoint(broker);
        break;
    case BROKER_CLOSING:
        broker->state = BROKER_IDLE;
        broker->callbacks.closed(broker->user, broker->reason, broker->detail);
        break;
    case BROKER_FREEING:
        if (!broker->resolving)
            gw_broker_release(broker);
        break;
    case BROKER_IDLE:
    case BROKER_RESOLVING:
    case BROKER_RELAYING:
    case BROKER_DRAINING: /* the broker's side is closed, the client's not yet */
    case BROKER_FLUSHING:
        break;
    }
}

/* The broker's side ended: the client still gets the end of the stream after its last octets (a
 * refusal arrives just before the close), and what it writes is thrown away. */
static void drain(struct gw_broker *broker)
{
    if (broker->state == BROKER_FLUSHING) {
        gw_broker_end(broker);
        return;
    }
    broker->state = BROKER_DRAINING;
    broker->up.discard = true;
    gw_outgoing_stop(&broker->outgoing);
    gw_broker_close_tcp(broker);
    uv_timer_start(&broker->timer, on_linger_timer, LINGER_MS, 0);
    if (uv_shutdown(&broker->shutdown, (uv_stream_t *)&broker->pipe, NULL) < 0)
        gw_broker_end(broker);
}

/* The client's side ended: what it wrote is with the kernel already, since a lane reads on only
 * when all is written. */
static void flush(struct gw_broker *broker)
{
    if (broker->state == BROKER_DRAINING) {
        gw_broker_end(broker);
        return;
    }
    broker->state = BROKER_FLUSHING;
    gw_outgoing_stop(&broker->outgoing);
    gw_broker_explain(broker, GW_BROKER_CLOSED, "closed by this side");
    broker->down.discard = true;
    close_pipe(broker);
    uv_timer_start(&broker->timer, on_linger_timer, LINGER_MS, 0);
    if (uv_shutdown(&broker->shutdown, (uv_stream_t *)&broker->tcp, NULL) < 0)
        gw_broker_end(broker);
}

static void lane_ended(struct broker_lane *lane, int error)
{
    struct gw_broker *broker = lane->broker;
    uv_read_stop(lane->from);
    if (lane == &broker->up) {
        flush(broker);
        return;
    }
    if (broker->state == BROKER_RELAYING)
        gw_broker_explain(broker, GW_BROKER_CLOSED,
                          error == UV_EOF ? "the broker closed the connection"
                                          : uv_strerror(error));
    drain(broker);
}

static struct broker_lane *lane_from(uv_handle_t *handle)
{
    struct gw_broker *broker = handle->data;
    return handle == (uv_handle_t *)&broker->tcp ? &broker->down : &broker->up;
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    const struct broker_lane *lane = lane_from(handle);
    *buffer = uv_buf_init(lane->buffer, (unsigned)lane->size);
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer);

static void on_written(uv_write_t *request, int status)
{
    struct broker_lane *lane = request->data;
    enum broker_state state = lane->broker->state;
    lane->writing = false;
    if (status < 0)
        lane->discard = true; /* the end of that side will be read, too */
    bool open = lane == &lane->broker->up ? lane->broker->pipe_open : lane->broker->tcp_open;
    if (open && (state == BROKER_RELAYING || state == BROKER_DRAINING || state == BROKER_FLUSHING))
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

static void forward(struct broker_lane *lane, const uv_buf_t *octets)
{
    uv_buf_t rest = *octets;
    int written = uv_try_write(lane->to, &rest, 1);
    if (written == (int)rest.len)
        return;
    if (written < 0 && written != UV_EAGAIN) {
        lane->discard = true;
        return;
    }
    if (written > 0) {
        rest.base += written;
        rest.len -= (size_t)written;
    }
    uv_read_stop(lane->from);
    lane->writing = true;
    if (uv_write(&lane->write, lane->to, &rest, 1, on_written) < 0)
        gw_broker_end(lane->broker);
}

static void on_puback(void *user, uint16_t packet_id, uint8_t reason_code)
{
    struct gw_broker *broker = user;
    broker->pubacks = true;
    broker->callbacks.puback(broker->user, packet_id, reason_code);
}

/* What is left of these octets for the client; last of all the PUBACKs are told, which may end
 * everything. */
static void take_down(struct gw_broker *broker, uint8_t *octets, size_t length)
{
    struct broker_lane *lane = &broker->down;
    uv_buf_t rest = uv_buf_init((char *)octets, 0);
    rest.len = gw_mqtt_scan(&lane->scan, octets, length, on_puback, broker);
    if (lane->scan.bad_puback) {
        gw_broker_explain(broker, GW_BROKER_CLOSED, "the broker sent a PUBACK that is none");
        gw_broker_end(broker);
        return;
    }
    if (rest.len && !lane->discard)
        forward(lane, &rest);
    if (broker->pubacks) {
        broker->pubacks = false;
        broker->callbacks.pubacks(broker->user);
    }
    /* What is written now acknowledges, too. */
    if (broker->tcp_open && !gw_outgoing_waits(&broker->outgoing))
        acknowledge_soon(broker);
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
    struct broker_lane *lane = lane_from((uv_handle_t *)stream);
    if (length < 0) {
        lane_ended(lane, (int)length);
        return;
    }
    if (length == 0 || lane->discard)
        return;
    *lane->octets += (uint64_t)length;
    if (lane == &lane->broker->down) {
        take_down(lane->broker, (uint8_t *)buffer->base, (size_t)length);
        return;
    }
    gw_mqtt_scan(&lane->scan, (uint8_t *)buffer->base, (size_t)length, NULL, NULL);
    const uv_buf_t all = uv_buf_init(buffer->base, (unsigned)length);
    forward(lane, &all);
}

static void on_outgoing_written(void *user)
{
    const struct gw_broker *broker = user;
    broker->callbacks.written(broker->user);
}

uint8_t *gw_broker_room(struct gw_broker *broker, size_t octets)
{
    return gw_outgoing_room(&broker->outgoing, octets);
}

void gw_broker_after_subscribes(struct gw_broker *broker, uint32_t subscribes)
{
    gw_outgoing_after(&broker->outgoing, subscribes);
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

static void set_lane(struct broker_lane *lane, uv_stream_t *from, uv_stream_t *to)
{
    lane->from = from;
    lane->to = to;
    lane->writing = false;
    lane->discard = false;
    lane->scan = (struct gw_mqtt_scan){0};
    lane->write.data = lane;
}

void gw_broker_relay(struct gw_broker *broker)
{
    int pair[2];
    int error = open_pair(broker, pair);
    if (error) {
        gw_broker_explain(broker, GW_BROKER_NO_RESOURCES, uv_strerror(error));
        gw_broker_end(broker);
        return;
    }
    uv_stream_t *tcp = (uv_stream_t *)&broker->tcp;
    uv_stream_t *pipe = (uv_stream_t *)&broker->pipe;
    uv_tcp_nodelay(&broker->tcp, 1);
    set_lane(&broker->up, pipe, tcp);
    set_lane(&broker->down, tcp, pipe);
    broker->state = BROKER_RELAYING;
    broker->counters.connects++;
    gw_broker_explain(broker, GW_BROKER_CLOSED, "closed by this side");
    uv_timer_stop(&broker->timer);
    gw_outgoing_open(&broker->outgoing, tcp);
    uv_read_start(tcp, on_room, on_read);
    uv_read_start(pipe, on_room, on_read);
    broker->callbacks.ready(broker->user, pair[1]);
}

static size_t copy_size(const struct gw_broker_options *options)
{
    size_t size = sizeof(struct gw_broker) + UP_OCTETS + DOWN_OCTETS + GW_OUTGOING_OCTETS +
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
    broker->up.size = UP_OCTETS;
    broker->down.buffer = text + UP_OCTETS;
    broker->down.size = DOWN_OCTETS;
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
    gw_outgoing_init(&broker->outgoing, loop, (uint8_t *)broker->down.buffer + broker->down.size,
                     &broker->up.scan, &broker->counters.to_broker, on_outgoing_written, broker);
    gw_broker_set_name(broker);
    return broker;
}

int gw_broker_connect(struct gw_broker *broker)
{
    if (broker->state != BROKER_IDLE)
        return UV_EBUSY;
    broker->tried = 0;
    gw_broker_try_endpoint(broker);
    return 0;
}

void gw_broker_drop(struct gw_broker *broker)
{
    if (broker->state == BROKER_IDLE)
        return;
    if (broker->state != BROKER_CLOSING)
        gw_broker_explain(broker, GW_BROKER_CLOSED, "closed by this side");
    gw_broker_end(broker);
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

static void on_outgoing_closed(uv_handle_t *handle)
{
    const struct gw_outgoing *outgoing = handle->data;
    handle->data = outgoing->user;
    on_handle_closed(handle);
}

void gw_broker_free(struct gw_broker *broker, void (*freed)(void *user), void *user)
{
    if (!broker) {
        if (freed)
            freed(user);
        return;
    }
    broker->state = BROKER_FREEING;
    broker->freed = freed;
    broker->freed_user = user;
    if (broker->resolving)
        uv_cancel((uv_req_t *)&broker->resolver);
    gw_outgoing_stop(&broker->outgoing);
    gw_broker_close_tcp(broker);
    close_pipe(broker);
    broker->closing += 2;
    uv_close((uv_handle_t *)&broker->timer, on_handle_closed);
    gw_outgoing_close(&broker->outgoing, on_outgoing_closed);
}
