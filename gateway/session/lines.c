/* SPDX-License-Identifier: Apache-2.0 */
/* Which outstation is on which line, and what all lines share. */
#include "gateway/session/lines.h"

#include <sys/random.h>

#include "gateway/base/memory.h"
#include "gateway/channel/channel_udp.h"
#include "gateway/channel/listener.h"

enum {
    POOL_MIN = 16, /* fragments of several segments under way at once: one in 16 outstations */
    POOL_SHARE = 16
};

struct gw_lines {
    const struct gw_config *config;
    struct gw_line_shared shared;
    /* One a channel, then one an outstation that dials in; NULL where nothing is enabled. */
    struct gw_line **lines;
    size_t count;
    struct gw_listener **listeners; /* one a channel; NULL where none listens */
};

static bool has_listeners(const struct gw_config *config)
{
    size_t i = 0;
    while (i < config->channel_count && config->channels[i].type != GW_CHANNEL_TCP_LISTEN)
        i++;
    return i < config->channel_count;
}

static bool create_shared(struct gw_lines *lines, uv_loop_t *loop)
{
    size_t buffers = POOL_MIN + lines->config->outstation_count / POOL_SHARE;
    struct gw_line_shared *shared = &lines->shared;
    shared->loop = loop;
    shared->allocator = gw_memory_dnp3();
    shared->pool =
        dnp3_pool_create(&shared->allocator, buffers < UINT16_MAX ? (uint16_t)buffers : UINT16_MAX);
    if (getrandom(&shared->seed, sizeof shared->seed, 0) < 0)
        shared->seed = uv_hrtime();
    return shared->pool != NULL;
}

struct gw_lines *gw_lines_create(uv_loop_t *loop, const struct gw_config *config)
{
    struct gw_lines *lines = gw_memory_allocate(GW_OWNER_SESSIONS, sizeof *lines);
    if (!lines)
        return NULL;
    lines->config = config;
    lines->count = config->channel_count + (has_listeners(config) ? config->outstation_count : 0);
    lines->lines =
        gw_memory_allocate(GW_OWNER_SESSIONS, (lines->count + 1) * sizeof(struct gw_line *));
    lines->listeners = gw_memory_allocate(GW_OWNER_SESSIONS, (config->channel_count + 1) *
                                                                 sizeof(struct gw_listener *));
    if (lines->lines && lines->listeners && create_shared(lines, loop))
        return lines;
    gw_lines_free(lines);
    return NULL;
}

/* The listener learns which calls are for this line. */
static bool listen_for(struct gw_lines *lines, const struct gw_outstation_config *outstation,
                       struct gw_line *line)
{
    struct gw_listener **listener = &lines->listeners[outstation->channel];
    if (!*listener)
        *listener =
            gw_listener_create(lines->shared.loop, &lines->config->channels[outstation->channel]);
    return *listener && gw_listener_add(*listener, gw_line_channel(line), outstation);
}

struct gw_line *gw_lines_join(struct gw_lines *lines, const struct gw_outstation_config *outstation)
{
    const struct gw_config *config = lines->config;
    const struct gw_channel_config *channel = &config->channels[outstation->channel];
    bool dials_in = channel->type == GW_CHANNEL_TCP_LISTEN;
    size_t caller = (size_t)(gw_config_caller(outstation) - config->outstations);
    struct gw_line **line =
        &lines->lines[dials_in ? config->channel_count + caller : outstation->channel];
    if (!*line)
        *line = gw_line_create(&lines->shared, channel, outstation->profile->response_timeout_ms);
    if (!*line || (dials_in && !listen_for(lines, outstation, *line)))
        return NULL;
    if (channel->type == GW_CHANNEL_UDP &&
        !gw_udp_expect(gw_line_channel(*line), outstation->address, outstation->peer))
        return NULL;
    return *line;
}

void gw_lines_start(struct gw_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        if (lines->lines[i])
            gw_line_start(lines->lines[i]);
    for (size_t i = 0; i < lines->config->channel_count; i++)
        if (lines->listeners[i])
            gw_listener_start(lines->listeners[i]);
}

void gw_lines_stop(struct gw_lines *lines)
{
    for (size_t i = 0; i < lines->config->channel_count; i++) {
        gw_listener_free(lines->listeners[i]);
        lines->listeners[i] = NULL;
    }
    for (size_t i = 0; i < lines->count; i++) {
        gw_line_free(lines->lines[i]);
        lines->lines[i] = NULL;
    }
}

void gw_lines_free(struct gw_lines *lines)
{
    if (!lines)
        return;
    dnp3_pool_free(lines->shared.pool);
    gw_memory_release(lines->lines);
    gw_memory_release(lines->listeners);
    gw_memory_release(lines);
}
