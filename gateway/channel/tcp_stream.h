/* SPDX-License-Identifier: Apache-2.0 */
/* A connected TCP socket: reads into a buffer that all share, writes without allocating unless the
 * kernel's buffer is full, and is thrown away with what it holds where octets must not arrive late
 * (scope rule 15). For channels and the listener; who connects or accepts is their matter. */
#ifndef GW_TCP_STREAM_H
#define GW_TCP_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "gateway/payload/payload.h"

struct gw_tcp_leftover;

struct gw_tcp_callbacks {
    /* Alive during the call. */
    void (*octets)(void *user, const uint8_t *octets, size_t length);
    /* What a write left over has gone. */
    void (*writable)(void *user);
    /* The connection has ended or failed; its owner closes it. Maybe more than once. */
    void (*lost)(void *user, enum gw_reason reason);
    /* After gw_tcp_close(): nothing of it is libuv's any more. */
    void (*closed)(void *user);
};

/* An owner may hand it to another one: by `callbacks` and `user`. */
struct gw_tcp_stream {
    uv_tcp_t tcp;
    struct gw_tcp_leftover *left_over; /* of a write, until the kernel has it */
    const struct gw_tcp_callbacks *callbacks;
    void *user;
    size_t read_max; /* octets of one read; 0: as many as the shared buffer takes */
    bool closing;
};

/* Before connect or accept. The stream stays where it is until it is closed. */
void gw_tcp_init(struct gw_tcp_stream *stream, uv_loop_t *loop,
                 const struct gw_tcp_callbacks *callbacks, void *user);
/* Connected or accepted: sets TCP_NODELAY, and that what waits in the kernel goes where this
 * process is killed. */
void gw_tcp_connected(struct gw_tcp_stream *stream);
/* How long what was written may stay unacknowledged before the kernel gives the connection up. */
void gw_tcp_user_timeout(struct gw_tcp_stream *stream, uint32_t ms);
void gw_tcp_read(struct gw_tcp_stream *stream);
/* Octets wait in the kernel until gw_tcp_read(). */
void gw_tcp_pause(struct gw_tcp_stream *stream);
/* Writes all: what the kernel does not take at once is kept and follows. Only while writable. */
void gw_tcp_write(struct gw_tcp_stream *stream, const uint8_t *octets, size_t length);
bool gw_tcp_writable(const struct gw_tcp_stream *stream);
/* Octets written that the peer has not acknowledged yet. */
size_t gw_tcp_unacknowledged(const struct gw_tcp_stream *stream);
/* With `abort`, or where octets are not acknowledged, the peer sees a reset and what has not left
 * is thrown away (SO_LINGER 0): it would arrive after we have said what came of it (scope rule 15).
 * `closed` follows from the loop. */
void gw_tcp_close(struct gw_tcp_stream *stream, bool abort);

enum { GW_TCP_PEER_MAX = 64 };
/* The other end as "10.0.4.10:40112", or "?" where it has gone. */
const char *gw_tcp_peer(const struct gw_tcp_stream *stream, char text[GW_TCP_PEER_MAX]);

#endif
