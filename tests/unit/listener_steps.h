/* SPDX-License-Identifier: Apache-2.0 */
/* A listener on 127.0.0.1, the places of outstations that dial in to it, and what callers do. */
#ifndef LISTENER_STEPS_H
#define LISTENER_STEPS_H

#include "gateway/channel/listener.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "dnp3/link.h"
#include "gateway/base/memory.h"
#include "gateway/channel/dial_in.h"
#include "gateway/channel/greeting.h"
#include "tests/lib/loopback.h"
#include "tests/lib/patience.h"

enum { PLACES = 3, FIRST_ADDRESS = 10, SAID_MAX = 4096 };

struct place {
    struct gw_outstation_config outstation;
    struct gw_channel *channel;
    unsigned opened, closed, contested;
    enum gw_reason reason;
    size_t said;
    uint8_t octets[SAID_MAX];
};

struct fixture {
    uv_loop_t loop;
    struct patience patience;
    struct gw_profile profile;
    struct gw_network peer;
    struct gw_channel_config config;
    struct gw_listener *listener;
    struct place places[PLACES];
};

static inline void on_opened(void *user)
{
    ((struct place *)user)->opened++;
}

static inline void on_octets(void *user, const uint8_t *octets, size_t length)
{
    struct place *place = user;
    assert_true(place->said + length <= SAID_MAX);
    memcpy(place->octets + place->said, octets, length);
    place->said += length;
}

static inline void on_writable(void *user)
{
    (void)user;
}

static inline void on_contested(void *user)
{
    ((struct place *)user)->contested++;
}

/* As a line does. */
static inline void on_closed(void *user, enum gw_reason reason)
{
    struct place *place = user;
    place->closed++;
    place->reason = reason;
    gw_channel_open(place->channel);
}

static inline void create(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    uv_loop_init(&f->loop);
    patience_init(&f->patience, &f->loop);
    f->profile.master_address = 1;
    f->config = (struct gw_channel_config){.name = "dial-in",
                                           .type = GW_CHANNEL_TCP_LISTEN,
                                           .listen.host = "127.0.0.1",
                                           .identify_ms = PATIENCE_MS,
                                           .max_unidentified = 4};
    close(loopback_bind(SOCK_STREAM, &f->config.listen.port));
    for (size_t i = 0; i < PLACES; i++)
        f->places[i].outstation =
            (struct gw_outstation_config){.name = "device",
                                          .address = (uint16_t)(FIRST_ADDRESS + PLACES - 1 - i),
                                          .profile = &f->profile};
    gw_log_configure(GW_LOG_ERROR, GW_LOG_LOGFMT);
}

/* `behind` of the tests stands before those that are behind it. */
static inline const struct place *place_behind(const struct place *place)
{
    return (const struct place *)(const void *)place->outstation.behind;
}

static inline void start(struct fixture *f)
{
    static const struct gw_channel_callbacks callbacks = {.opened = on_opened,
                                                          .octets = on_octets,
                                                          .writable = on_writable,
                                                          .contested = on_contested,
                                                          .closed = on_closed};
    f->listener = gw_listener_create(&f->loop, &f->config);
    assert_non_null(f->listener);
    for (size_t i = 0; i < PLACES; i++) {
        struct place *place = &f->places[i];
        place->channel = place->outstation.behind
                             ? place_behind(place)->channel
                             : gw_channel_create(&f->loop, &f->config, 5000, &callbacks, place);
        assert_true(gw_listener_add(f->listener, place->channel, &place->outstation));
        gw_channel_open(place->channel);
    }
    gw_listener_start(f->listener);
}

static inline void destroy(struct fixture *f)
{
    gw_listener_free(f->listener);
    for (size_t i = 0; i < PLACES; i++)
        if (!f->places[i].outstation.behind)
            gw_channel_free(f->places[i].channel);
    patience_close(&f->patience);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    assert_int_equal(gw_memory_used(GW_OWNER_LINK), 0);
}

static inline struct place *place_of(struct fixture *f, uint16_t address)
{
    return &f->places[FIRST_ADDRESS + PLACES - 1 - address];
}

static inline int dial(const struct fixture *f)
{
    const struct sockaddr_in address = loopback_address(f->config.listen.port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static inline size_t frame_of(uint8_t *octets, uint8_t control, uint16_t source)
{
    struct dnp3_writer out = dnp3_writer_of(octets, DNP3_LINK_FRAME_MAX);
    struct dnp3_link_frame frame = {
        .control = control, .destination = 1, .source = source, .data = NULL};
    dnp3_link_write(&out, &frame);
    return dnp3_writer_length(&out);
}

static inline void say(int fd, uint8_t control, uint16_t source)
{
    uint8_t octets[DNP3_LINK_FRAME_MAX];
    size_t length = frame_of(octets, control, source);
    assert_int_equal(write(fd, octets, length), (ssize_t)length);
}

/* An outstation's RESET_LINK_STATES: "any kind" of frame. */
static inline int dial_as(const struct fixture *f, uint16_t address)
{
    int fd = dial(f);
    say(fd, 0x40, address);
    return fd;
}

static inline bool is_closed(int fd)
{
    char octet;
    ssize_t n = recv(fd, &octet, 1, MSG_DONTWAIT | MSG_PEEK);
    return n == 0 || (n < 0 && errno != EAGAIN);
}

#endif
