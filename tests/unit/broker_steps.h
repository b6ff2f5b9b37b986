/* SPDX-License-Identifier: Apache-2.0 */
/* A broker's connection between a client on a socket pair and a peer that is the broker: what each
 * side got, sent, and how it ended. */
#ifndef BROKER_STEPS_H
#define BROKER_STEPS_H

#include "gateway/mqtt/broker.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/memory.h"
#include "tests/lib/loopback.h"
#include "tests/lib/patience.h"

enum { CHUNK = 64 * 1024 };

struct side {
    uv_stream_t *stream;
    size_t received;
    size_t to_send;
    size_t sent;
    size_t limit; /* stop reading here until told otherwise */
    int ended;    /* 0, or what ended reading */
    bool sending;
    bool closed;
    uv_write_t write;
    char out[CHUNK];
    char in[CHUNK];
};

struct fixture {
    uv_loop_t loop;
    struct patience patience;
    uv_tcp_t listener;
    uv_tcp_t peer_handle;
    uv_pipe_t client_handle;
    struct side peer;
    struct side client;
    struct gw_broker *broker;
    uint16_t port;
    bool ready;
    bool drop_when_ready;
    bool closed;
    bool freed;
    unsigned closes;
    enum gw_broker_reason reason;
    char detail[512];
};

/* Octet `offset` of every stream. */
static inline char pattern(size_t offset)
{
    return (char)(offset * 31 + offset / 251);
}

static inline void run_for(struct fixture *f, unsigned turns)
{
    while (turns--) {
        uv_run(&f->loop, UV_RUN_NOWAIT);
        usleep(200);
    }
}

static inline void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct side *side = handle->data;
    (void)suggested;
    *buffer = uv_buf_init(side->in, sizeof side->in);
}

static inline void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
    struct side *side = stream->data;
    if (length < 0) {
        side->ended = (int)length;
        uv_read_stop(stream);
        return;
    }
    for (ssize_t i = 0; i < length; i++)
        assert_int_equal(buffer->base[i], pattern(side->received + (size_t)i));
    side->received += (size_t)length;
    if (side->received >= side->limit)
        uv_read_stop(stream);
}

static inline void side_open(struct side *side, uv_stream_t *stream)
{
    memset(side, 0, sizeof *side);
    side->stream = stream;
    side->limit = SIZE_MAX;
    stream->data = side;
    uv_read_start(stream, on_room, on_read);
}

static inline void on_side_closed(uv_handle_t *handle)
{
    ((struct side *)handle->data)->closed = true;
}

static inline void side_close(struct side *side)
{
    if (side->stream && !uv_is_closing((uv_handle_t *)side->stream))
        uv_close((uv_handle_t *)side->stream, on_side_closed);
}

static inline void side_reset(struct side *side)
{
    uv_tcp_close_reset((uv_tcp_t *)side->stream, on_side_closed);
}

static inline void side_send_more(struct side *side);

static inline void on_sent(uv_write_t *write, int status)
{
    struct side *side = write->data;
    side->sending = false;
    if (status == 0)
        side_send_more(side);
}

static inline void side_send_more(struct side *side)
{
    size_t length = side->to_send - side->sent < CHUNK ? side->to_send - side->sent : CHUNK;
    if (!length || side->sending)
        return;
    for (size_t i = 0; i < length; i++)
        side->out[i] = pattern(side->sent + i);
    side->sent += length;
    side->sending = true;
    side->write.data = side;
    uv_buf_t buffer = uv_buf_init(side->out, (unsigned)length);
    uv_write(&side->write, side->stream, &buffer, 1, on_sent);
}

static inline void side_send(struct side *side, size_t octets)
{
    side->to_send += octets;
    side_send_more(side);
}

static inline void on_accept(uv_stream_t *listener, int status)
{
    struct fixture *f = listener->data;
    assert_int_equal(status, 0);
    uv_tcp_init(&f->loop, &f->peer_handle);
    assert_int_equal(uv_accept(listener, (uv_stream_t *)&f->peer_handle), 0);
    side_open(&f->peer, (uv_stream_t *)&f->peer_handle);
}

static inline void on_ready(void *user, int fd)
{
    struct fixture *f = user;
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    uv_pipe_init(&f->loop, &f->client_handle, 0);
    assert_int_equal(uv_pipe_open(&f->client_handle, fd), 0);
    side_open(&f->client, (uv_stream_t *)&f->client_handle);
    f->ready = true;
    if (f->drop_when_ready)
        gw_broker_drop(f->broker);
}

static inline void on_closed(void *user, enum gw_broker_reason reason, const char *detail)
{
    struct fixture *f = user;
    f->closed = true;
    f->closes++;
    f->reason = reason;
    snprintf(f->detail, sizeof f->detail, "%s", detail);
}

static inline void on_written(void *user)
{
    (void)user;
}

static inline void on_freed(void *user)
{
    *(bool *)user = true;
}

static inline uint16_t listen_somewhere(struct fixture *f)
{
    struct sockaddr_in address;
    int length = sizeof address;
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(&f->loop, &f->listener);
    f->listener.data = f;
    assert_int_equal(uv_tcp_bind(&f->listener, (struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&f->listener, 16, on_accept), 0);
    uv_tcp_getsockname(&f->listener, (struct sockaddr *)&address, &length);
    return ntohs(address.sin_port);
}

static inline uint16_t unused_port(void)
{
    uint16_t port;
    close(loopback_bind(SOCK_STREAM, &port));
    return port;
}

static inline void open_broker(struct fixture *f, const struct gw_endpoint *endpoints, size_t count)
{
    const struct gw_broker_options options = {endpoints, count, 300};
    const struct gw_broker_callbacks callbacks = {
        .ready = on_ready, .closed = on_closed, .written = on_written};
    f->broker = gw_broker_create(&f->loop, &options, &callbacks, f);
    assert_non_null(f->broker);
}

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    uv_loop_init(&f->loop);
    patience_init(&f->patience, &f->loop);
    f->port = listen_somewhere(f);
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    if (!f->freed)
        gw_broker_free(f->broker, on_freed, &f->freed);
    side_close(&f->peer);
    side_close(&f->client);
    wait_for(f, f->freed);
    uv_close((uv_handle_t *)&f->listener, NULL);
    patience_close(&f->patience);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    assert_int_equal(gw_memory_used(GW_OWNER_MQTT), 0);
    free(f);
    return 0;
}

static inline void close_pair(struct fixture *f)
{
    side_close(&f->client);
    side_close(&f->peer);
    wait_for(f, f->client.closed);
    wait_for(f, f->peer.closed);
}

static inline void connect_pair(struct fixture *f)
{
    f->ready = false;
    f->closed = false;
    f->peer.stream = NULL;
    assert_int_equal(gw_broker_connect(f->broker), 0);
    wait_for(f, f->ready);
    while (!f->peer.stream)
        uv_run(&f->loop, UV_RUN_ONCE);
}

static inline void connect_here(struct fixture *f)
{
    const struct gw_endpoint endpoint = {"127.0.0.1", f->port};
    open_broker(f, &endpoint, 1);
    connect_pair(f);
}

static inline unsigned open_descriptors(void)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

#endif
