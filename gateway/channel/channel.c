/* SPDX-License-Identifier: Apache-2.0 */
/* Channels of every kind: which one a configuration asks for, and the way to its functions. */
#include "gateway/channel/channel_kind.h"

#include "gateway/base/memory.h"

static const struct gw_channel_kind *kind_of(const struct gw_channel_config *config)
{
    switch ((enum gw_channel_type)config->type) {
    case GW_CHANNEL_SERIAL:
        return &gw_channel_serial;
    case GW_CHANNEL_TCP_LISTEN:
        return &gw_channel_dial_in;
    case GW_CHANNEL_UDP:
        return &gw_channel_udp;
    case GW_CHANNEL_TCP:
        break;
    }
    return &gw_channel_tcp;
}

struct gw_channel *gw_channel_create(uv_loop_t *loop, const struct gw_channel_config *config,
                                     uint32_t user_timeout_ms,
                                     const struct gw_channel_callbacks *callbacks, void *user)
{
    const struct gw_channel_kind *kind = kind_of(config);
    struct gw_channel *channel = gw_memory_allocate(GW_OWNER_LINK, kind->size);
    if (!channel)
        return NULL;
    *channel = (struct gw_channel){.kind = kind,
                                   .loop = loop,
                                   .config = config,
                                   .callbacks = *callbacks,
                                   .user = user,
                                   .user_timeout_ms = user_timeout_ms};
    return channel;
}

void gw_channel_open(struct gw_channel *channel)
{
    channel->kind->open(channel);
}

void gw_channel_rewind(struct gw_channel *channel)
{
    if (channel->kind->rewind)
        channel->kind->rewind(channel);
}

void gw_channel_write(struct gw_channel *channel, const uint8_t *octets, size_t length)
{
    if (channel->kind->writable(channel))
        channel->kind->write(channel, octets, length);
}

bool gw_channel_writable(const struct gw_channel *channel)
{
    return channel->kind->writable(channel);
}

size_t gw_channel_unacknowledged(const struct gw_channel *channel)
{
    return channel->kind->unacknowledged(channel);
}

void gw_channel_discard(struct gw_channel *channel)
{
    channel->kind->discard(channel);
}

void gw_channel_close(struct gw_channel *channel, bool abort)
{
    channel->kind->close(channel, abort);
}

void gw_channel_decide(struct gw_channel *channel, bool keep)
{
    if (channel->kind->decide)
        channel->kind->decide(channel, keep);
}

void gw_channel_free(struct gw_channel *channel)
{
    if (channel)
        channel->kind->free(channel);
}

const struct gw_endpoint *gw_channel_endpoint(const struct gw_channel *channel)
{
    return channel->kind->endpoint ? channel->kind->endpoint(channel) : NULL;
}

const char *gw_channel_detail(const struct gw_channel *channel)
{
    return channel->kind->detail ? channel->kind->detail(channel) : NULL;
}
