/* SPDX-License-Identifier: Apache-2.0 */
/* Octets to and from one TCP socket, for whoever connected or accepted it. */
#include "gateway/channel/tcp_stream.h"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "gateway/base/memory.h"

enum { READ_BUFFER = 65536 };

/* Every read is consumed before the next one starts, so all streams of the loop share it. */
static char read_buffer[READ_BUFFER];

/* What a socket did not take at once. */
struct gw_tcp_leftover {
    uv_write_t request;
    char octets[];
};

void gw_tcp_init(struct gw_tcp_stream *stream, uv_loop_t *loop,
                 const struct gw_tcp_callbacks *callbacks, void *user)
{
    uv_tcp_init(loop, &stream->tcp);
    stream->tcp.data = stream;
    stream->left_over = NULL;
    stream->callbacks = callbacks;
    stream->user = user;
    stream->read_max = 0;
    stream->closing = false;
}

/* Without patience a close throws away what waits in the kernel, with it the kernel sees to that
 * what waits arrives. */
static void set_patience(struct gw_tcp_stream *stream, bool patient)
{
    const struct linger linger = {.l_onoff = !patient};
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&stream->tcp, &fd) == 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

/* Where this process is killed, the kernel closes for it: a control that the peer has not taken by
 * then must not arrive afterwards (scope rule 15). */
void gw_tcp_connected(struct gw_tcp_stream *stream)
{
    uv_tcp_nodelay(&stream->tcp, 1);
    set_patience(stream, false);
}

void gw_tcp_user_timeout(struct gw_tcp_stream *stream, uint32_t ms)
{
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&stream->tcp, &fd) == 0)
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
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

static void lost(struct gw_tcp_stream *stream, enum gw_reason reason)
{
    if (!stream->closing)
        stream->callbacks->lost(stream->user, reason);
}

static void on_allocate(uv_handle_t *handle, size_t size, uv_buf_t *buffer)
{
    const struct gw_tcp_stream *stream = handle->data;
    bool bounded = stream->read_max && stream->read_max < READ_BUFFER;
    (void)size;
    *buffer = uv_buf_init(read_buffer, bounded ? (unsigned)stream->read_max : READ_BUFFER);
}

static void on_read(uv_stream_t *handle, ssize_t length, const uv_buf_t *buffer)
{
    struct gw_tcp_stream *stream = handle->data;
    if (length > 0)
        stream->callbacks->octets(stream->user, (const uint8_t *)buffer->base, (size_t)length);
    else if (length < 0)
        lost(stream, loss_of((int)length));
}

void gw_tcp_read(struct gw_tcp_stream *stream)
{
    uv_read_start((uv_stream_t *)&stream->tcp, on_allocate, on_read);
}

void gw_tcp_pause(struct gw_tcp_stream *stream)
{
    uv_read_stop((uv_stream_t *)&stream->tcp);
}

static void on_written(uv_write_t *request, int error)
{
    struct gw_tcp_stream *stream = request->data;
    gw_memory_release(stream->left_over);
    stream->left_over = NULL;
    if (stream->closing)
        return;
    if (error)
        lost(stream, loss_of(error));
    else
        stream->callbacks->writable(stream->user);
}

static void write_later(struct gw_tcp_stream *stream, const uint8_t *octets, size_t length)
{
    struct gw_tcp_leftover *left_over =
        gw_memory_allocate(GW_OWNER_LINK, sizeof *left_over + length);
    if (!left_over) {
        lost(stream, GW_REASON_CLOSED_BY_PEER);
        return;
    }
    memcpy(left_over->octets, octets, length);
    left_over->request.data = stream;
    uv_buf_t buffer = uv_buf_init(left_over->octets, (unsigned)length);
    if (uv_write(&left_over->request, (uv_stream_t *)&stream->tcp, &buffer, 1, on_written)) {
        gw_memory_release(left_over);
        lost(stream, GW_REASON_CLOSED_BY_PEER);
    } else {
        stream->left_over = left_over;
    }
}

void gw_tcp_write(struct gw_tcp_stream *stream, const uint8_t *octets, size_t length)
{
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)octets, (unsigned)length);
    int written = uv_try_write((uv_stream_t *)&stream->tcp, &buffer, 1);
    if (written < 0 && written != UV_EAGAIN) {
        lost(stream, loss_of(written));
        return;
    }
    size_t done = written > 0 ? (size_t)written : 0;
    if (done < length)
        write_later(stream, octets + done, length - done);
}

bool gw_tcp_writable(const struct gw_tcp_stream *stream)
{
    return !stream->closing && !stream->left_over;
}

size_t gw_tcp_unacknowledged(const struct gw_tcp_stream *stream)
{
    uv_os_fd_t fd;
    int octets = 0;
    if (stream->closing || uv_fileno((const uv_handle_t *)&stream->tcp, &fd) != 0 ||
        ioctl(fd, SIOCOUTQ, &octets) != 0 || octets < 0)
        return 0;
    return (size_t)octets;
}

/* libuv has called on_written before. */
static void on_closed(uv_handle_t *handle)
{
    struct gw_tcp_stream *stream = handle->data;
    stream->callbacks->closed(stream->user);
}

void gw_tcp_close(struct gw_tcp_stream *stream, bool abort)
{
    if (stream->closing)
        return;
    abort |= gw_tcp_unacknowledged(stream) > 0;
    stream->closing = true;
    if (!abort)
        set_patience(stream, true);
    if (!abort || uv_tcp_close_reset(&stream->tcp, on_closed) != 0)
        uv_close((uv_handle_t *)&stream->tcp, on_closed);
}

const char *gw_tcp_peer(const struct gw_tcp_stream *stream, char text[GW_TCP_PEER_MAX])
{
    struct sockaddr_storage address;
    int length = sizeof address;
    char host[INET6_ADDRSTRLEN];
    bool is_v6;
    snprintf(text, GW_TCP_PEER_MAX, "?");
    if (uv_tcp_getpeername(&stream->tcp, (struct sockaddr *)&address, &length) != 0 ||
        uv_ip_name((const struct sockaddr *)&address, host, sizeof host) != 0)
        return text;
    is_v6 = address.ss_family == AF_INET6;
    uint16_t port = is_v6 ? ((const struct sockaddr_in6 *)&address)->sin6_port
                          : ((const struct sockaddr_in *)&address)->sin_port;
    snprintf(text, GW_TCP_PEER_MAX, "%s%s%s:%u", is_v6 ? "[" : "", host, is_v6 ? "]" : "",
             ntohs(port));
    return text;
}
