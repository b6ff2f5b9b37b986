/* SPDX-License-Identifier: Apache-2.0 */
/* What a kind of channel brings: channel.c holds what is common and calls these. Each kind embeds
 * struct gw_channel as its first member. Not for owners of channels. */
#ifndef GW_CHANNEL_KIND_H
#define GW_CHANNEL_KIND_H

#include "gateway/channel/channel.h"

/* The calls of channel.h, in its order and words. */
struct gw_channel_kind {
    size_t size; /* of the kind's own struct */
    void (*open)(struct gw_channel *channel);
    void (*rewind)(struct gw_channel *channel); /* NULL: nothing to prefer */
    void (*write)(struct gw_channel *channel, const uint8_t *octets, size_t length);
    bool (*writable)(const struct gw_channel *channel);
    size_t (*unacknowledged)(const struct gw_channel *channel);
    void (*discard)(struct gw_channel *channel);
    void (*close)(struct gw_channel *channel, bool abort);
    void (*decide)(struct gw_channel *channel, bool keep); /* NULL: is never contested */
    void (*free)(struct gw_channel *channel);
    const struct gw_endpoint *(*endpoint)(const struct gw_channel *channel); /* NULL: has none */
    const char *(*detail)(const struct gw_channel *channel);                 /* NULL: has none */
};

struct gw_channel {
    const struct gw_channel_kind *kind;
    uv_loop_t *loop;
    const struct gw_channel_config *config;
    struct gw_channel_callbacks callbacks;
    void *user;
    uint32_t user_timeout_ms;
};

extern const struct gw_channel_kind gw_channel_tcp;
extern const struct gw_channel_kind gw_channel_serial;
extern const struct gw_channel_kind gw_channel_dial_in;
extern const struct gw_channel_kind gw_channel_udp;

#endif
