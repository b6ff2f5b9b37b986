/* SPDX-License-Identifier: Apache-2.0 */
/* The library's outstations behind a listener on 127.0.0.1, in the loop of the test. One connection
 * at a time; several outstations share it (multi-drop). */
#ifndef TESTS_PEER_H
#define TESTS_PEER_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "dnp3/app.h"
#include "dnp3/link.h"
#include "dnp3/outstation.h"
#include "gateway/base/memory.h"

enum { PEER_OUTSTATIONS = 2, PEER_FIRST_ADDRESS = 10 };

struct peer {
    uv_tcp_t listener;
    uv_tcp_t tcp;
    uv_timer_t timer;
    struct dnp3_allocator allocator;
    struct dnp3_pool *pool;
    struct dnp3_outstation *outstations[PEER_OUTSTATIONS];
    bool mute[PEER_OUTSTATIONS]; /* takes octets, says nothing */
    unsigned busy; /* so many answers with attributes are IIN2.4 and nothing else instead */
    bool open;
    bool closing;
    unsigned accepts;
    unsigned times_written;
    int64_t time_written_ms; /* the last one */
    uint16_t port;
    char buffer[65536];
};

/* What is said instead, where it is said to be busy; 0: nothing else. */
static inline size_t peer_busy(struct peer *peer, const uint8_t *octets, size_t length,
                               uint8_t out[DNP3_LINK_FRAME_MAX])
{
    enum { LINK = 10, FUNCTION = LINK + 2, IIN = LINK + 3, GROUP = LINK + 5, ANSWER = 5 };
    uint8_t data[ANSWER];
    if (!peer->busy || length <= GROUP || octets[FUNCTION] != DNP3_FUNCTION_RESPONSE ||
        octets[GROUP] != 0)
        return 0;
    peer->busy--;
    memcpy(data, octets + LINK, ANSWER);
    data[IIN - LINK + 1] |= DNP3_IIN_ALREADY_EXECUTING >> 8;
    struct dnp3_writer writer = dnp3_writer_of(out, DNP3_LINK_FRAME_MAX);
    dnp3_link_write(&writer, &(struct dnp3_link_frame){.control = octets[3],
                                                       .destination = dnp3_load_u16(octets + 4),
                                                       .source = dnp3_load_u16(octets + 6),
                                                       .data = data,
                                                       .length = ANSWER});
    return dnp3_writer_length(&writer);
}

static inline void peer_flush(struct peer *peer)
{
    uint8_t instead[DNP3_LINK_FRAME_MAX];
    uint64_t now = uv_now(peer->listener.loop);
    uint64_t next = UINT64_MAX;
    const uint8_t *octets;
    size_t length;
    for (size_t i = 0; peer->open && !peer->closing && i < PEER_OUTSTATIONS; i++) {
        if (!peer->outstations[i])
            continue;
        while ((length = dnp3_outstation_take(peer->outstations[i], &octets, now)) > 0) {
            size_t busy = peer_busy(peer, octets, length, instead);
            uv_buf_t out = busy ? uv_buf_init((char *)instead, (unsigned)busy)
                                : uv_buf_init((char *)(uintptr_t)octets, (unsigned)length);
            if (!peer->mute[i])
                uv_try_write((uv_stream_t *)&peer->tcp, &out, 1);
        }
        uint64_t deadline = dnp3_outstation_deadline(peer->outstations[i]);
        next = deadline < next ? deadline : next;
    }
    if (next == UINT64_MAX)
        uv_timer_stop(&peer->timer);
    else
        uv_timer_start(&peer->timer, peer->timer.timer_cb, next > now ? next - now : 1, 0);
}

static inline void peer_on_timer(uv_timer_t *timer)
{
    struct peer *peer = timer->data;
    for (size_t i = 0; i < PEER_OUTSTATIONS; i++)
        if (peer->outstations[i])
            dnp3_outstation_tick(peer->outstations[i], uv_now(timer->loop));
    peer_flush(peer);
}

static inline void peer_on_closed(uv_handle_t *handle)
{
    struct peer *peer = handle->data;
    peer->open = peer->closing = false;
}

/* Ends the connection; `reset`: as a device that lost its power and came back. */
static inline void peer_close(struct peer *peer, bool reset)
{
    if (!peer->open || peer->closing)
        return;
    peer->closing = true;
    for (size_t i = 0; i < PEER_OUTSTATIONS; i++)
        if (peer->outstations[i])
            dnp3_outstation_disconnected(peer->outstations[i]);
    if (reset)
        uv_tcp_close_reset(&peer->tcp, peer_on_closed);
    else
        uv_close((uv_handle_t *)&peer->tcp, peer_on_closed);
}

static inline void peer_room(uv_handle_t *handle, size_t size, uv_buf_t *buffer)
{
    struct peer *peer = handle->data;
    (void)size;
    *buffer = uv_buf_init(peer->buffer, sizeof peer->buffer);
}

static inline void peer_on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
    struct peer *peer = stream->data;
    if (length < 0) {
        peer_close(peer, false);
        return;
    }
    for (size_t i = 0; i < PEER_OUTSTATIONS; i++)
        if (peer->outstations[i])
            dnp3_outstation_feed(peer->outstations[i], (const uint8_t *)buffer->base,
                                 (size_t)length, uv_now(stream->loop));
    peer_flush(peer);
}

static inline void peer_on_connect(uv_stream_t *listener, int status)
{
    struct peer *peer = listener->data;
    if (status < 0 || peer->open)
        return;
    uv_tcp_init(listener->loop, &peer->tcp);
    peer->tcp.data = peer;
    peer->open = true;
    peer->accepts++;
    uv_accept(listener, (uv_stream_t *)&peer->tcp);
    uv_tcp_nodelay(&peer->tcp, 1);
    for (size_t i = 0; i < PEER_OUTSTATIONS; i++)
        if (peer->outstations[i])
            dnp3_outstation_connected(peer->outstations[i], uv_now(listener->loop));
    uv_read_start((uv_stream_t *)&peer->tcp, peer_room, peer_on_read);
    peer_flush(peer);
}

/* A port of 127.0.0.1 that the kernel chose and nobody serves. */
static inline uint16_t peer_listen(uv_tcp_t *listener, uv_loop_t *loop, uv_connection_cb accept)
{
    struct sockaddr_in address;
    int length = sizeof address;
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(loop, listener);
    uv_tcp_bind(listener, (struct sockaddr *)&address, 0);
    if (accept)
        uv_listen((uv_stream_t *)listener, 16, accept);
    uv_tcp_getsockname(listener, (struct sockaddr *)&address, &length);
    return ntohs(address.sin_port);
}

static inline enum dnp3_status peer_select(void *user, const struct dnp3_command *command)
{
    (void)user;
    (void)command;
    return DNP3_STATUS_SUCCESS;
}

static inline enum dnp3_status peer_operate(void *user, const struct dnp3_command *command,
                                            enum dnp3_operate_how how)
{
    (void)how;
    return peer_select(user, command);
}

static inline void peer_write_time(void *user, int64_t time_ms)
{
    struct peer *peer = user;
    peer->times_written++;
    peer->time_written_ms = time_ms;
}

/* `count` outstations from address 10 on, alike; they take the time and every control. */
static inline void peer_start(struct peer *peer, uv_loop_t *loop,
                              const struct dnp3_outstation_config *config, size_t count)
{
    static const struct dnp3_outstation_callbacks callbacks = {
        .select = peer_select, .operate = peer_operate, .write_time = peer_write_time};
    memset(peer, 0, sizeof *peer);
    peer->allocator = gw_memory_dnp3();
    peer->pool = dnp3_pool_create(&peer->allocator, 4);
    for (size_t i = 0; i < count; i++) {
        struct dnp3_outstation_config own = *config;
        own.address = (uint16_t)(PEER_FIRST_ADDRESS + i);
        peer->outstations[i] =
            dnp3_outstation_create(&peer->allocator, peer->pool, &own, &callbacks, peer);
        if (!peer->outstations[i])
            abort();
    }
    uv_timer_init(loop, &peer->timer);
    peer->timer.timer_cb = peer_on_timer;
    peer->port = peer_listen(&peer->listener, loop, peer_on_connect);
    peer->listener.data = peer->timer.data = peer;
}

static inline void peer_update(struct peer *peer, size_t outstation, enum dnp3_point_type type,
                               uint32_t index, double value, enum dnp3_event_mode mode)
{
    struct dnp3_point point = {.index = index, .number = value, .flags = DNP3_FLAG_ONLINE};
    dnp3_outstation_update(peer->outstations[outstation], type, &point, mode,
                           uv_now(peer->listener.loop));
    peer_flush(peer);
}

static inline void peer_stop(struct peer *peer)
{
    peer_close(peer, false);
    uv_close((uv_handle_t *)&peer->listener, NULL);
    uv_close((uv_handle_t *)&peer->timer, NULL);
}

/* After the loop has run dry. */
static inline void peer_free(struct peer *peer)
{
    for (size_t i = 0; i < PEER_OUTSTATIONS; i++)
        dnp3_outstation_free(peer->outstations[i]);
    dnp3_pool_free(peer->pool);
}

#endif
