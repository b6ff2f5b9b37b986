/* SPDX-License-Identifier: Apache-2.0 */
/* Which outstations are on which line: those of one endpoint, of one serial port, of one call. */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/memory.h"
#include "tests/sim/line_internal.h"

/* An endpoint of a channel, before equal ones become one line. */
struct place {
    const struct gw_endpoint *endpoint; /* NULL: a line by itself */
    size_t channel;
    bool datagrams;
    size_t caller;     /* whose call it is; SIZE_MAX: all of the channel are here */
    size_t outstation; /* where there is a caller: it, or one behind it */
};

static bool bound_alike;

/* With --bind only the port tells endpoints apart. */
static int compare_places(const void *a, const void *b)
{
    const struct place *left = a;
    const struct place *right = b;
    if (!left->endpoint || !right->endpoint)
        return left->endpoint || right->endpoint ? !left->endpoint - !right->endpoint
               : left->channel != right->channel
                   ? (left->channel > right->channel) - (left->channel < right->channel)
                   : (left->caller > right->caller) - (left->caller < right->caller);
    if (left->datagrams != right->datagrams)
        return left->datagrams - right->datagrams;
    int host = bound_alike ? 0 : strcmp(left->endpoint->host, right->endpoint->host);
    if (host)
        return host;
    return (int)left->endpoint->port - (int)right->endpoint->port;
}

static int compare_addresses(const void *a, const void *b)
{
    const struct sim_outstation *const *left = a;
    const struct sim_outstation *const *right = b;
    return (int)(*left)->config->address - (int)(*right)->config->address;
}

/* Chains of outstations by channel: first[channel], then next[outstation]; SIZE_MAX ends one. */
struct chains {
    size_t *first;
    size_t *next;
};

static size_t chain_length(const struct chains *chains, size_t channel)
{
    size_t length = 0;
    for (size_t i = chains->first[channel]; i != SIZE_MAX; i = chains->next[i])
        length++;
    return length;
}

/* Makes a line of `count` equal places, or of one serial channel, or of one call. */
static int make_line(struct sim *sim, struct sim_line *line, const struct place *places,
                     size_t count, const struct chains *chains)
{
    const struct gw_channel_config *channel = &sim->config->channels[places[0].channel];
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += places[i].caller != SIZE_MAX ? 1 : chain_length(chains, places[i].channel);
    line->sim = sim;
    line->endpoint = places[0].endpoint;
    line->outstations =
        gw_memory_allocate(GW_OWNER_SESSIONS, (total + 1) * sizeof *line->outstations);
    if (!line->outstations)
        return UV_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        size_t before = line->outstation_count;
        if (places[i].caller != SIZE_MAX) {
            line->outstations[line->outstation_count++] = &sim->outstations[places[i].outstation];
            continue;
        }
        for (size_t o = chains->first[places[i].channel]; o != SIZE_MAX; o = chains->next[o])
            line->outstations[line->outstation_count++] = &sim->outstations[o];
        line->channels += line->outstation_count > before;
    }
    qsort(line->outstations, line->outstation_count, sizeof(struct sim_outstation *),
          compare_addresses);
    if (!line->outstation_count)
        return 0;
    return sim_line_start(line, channel);
}

static void chain_outstations(const struct sim *sim, const struct chains *chains)
{
    for (size_t i = 0; i < sim->config->channel_count; i++)
        chains->first[i] = SIZE_MAX;
    for (size_t i = sim->config->outstation_count; i-- > 0;) {
        if (!sim->outstations[i].engine)
            continue;
        size_t channel = sim->outstations[i].config->channel;
        chains->next[i] = chains->first[channel];
        chains->first[channel] = i;
    }
}

static void add_place(struct place *places, size_t *count, struct place place)
{
    if (places)
        places[*count] = place;
    ++*count;
}

/* Their number; `places` may be NULL. */
static size_t list_places(const struct sim *sim, struct place *places)
{
    const struct gw_config *config = sim->config;
    size_t count = 0;
    for (size_t i = 0; i < config->channel_count; i++) {
        const struct gw_channel_config *channel = &config->channels[i];
        if (channel->type == GW_CHANNEL_SERIAL)
            add_place(places, &count, (struct place){NULL, i, false, SIZE_MAX, 0});
        bool datagrams = channel->type == GW_CHANNEL_UDP;
        for (size_t e = 0; e < channel->endpoint_count; e++)
            add_place(places, &count,
                      (struct place){&channel->endpoints[e], i, datagrams, SIZE_MAX, 0});
    }
    for (size_t i = 0; i < config->outstation_count; i++) {
        size_t number = config->outstations[i].channel;
        const struct gw_channel_config *channel = &config->channels[number];
        size_t caller = (size_t)(gw_config_caller(&config->outstations[i]) - config->outstations);
        bool datagrams = channel->type == GW_CHANNEL_UDP;
        bool calls =
            channel->type == GW_CHANNEL_TCP_LISTEN || (datagrams && channel->endpoint_count == 0);
        if (sim->outstations[i].engine && calls)
            add_place(places, &count, (struct place){NULL, number, datagrams, caller, i});
    }
    return count;
}

int sim_lines_start(struct sim *sim)
{
    const struct gw_config *config = sim->config;
    size_t count = list_places(sim, NULL);
    struct place *places = gw_memory_allocate(GW_OWNER_SESSIONS, (count + 1) * sizeof *places);
    size_t *indexes = gw_memory_allocate(GW_OWNER_SESSIONS,
                                         (config->channel_count + config->outstation_count + 1) *
                                             sizeof *indexes);
    struct chains chains = {indexes, indexes ? indexes + config->channel_count : NULL};
    sim->lines = gw_memory_allocate(GW_OWNER_SESSIONS, (count + 1) * sizeof *sim->lines);
    int error = places && indexes && sim->lines ? 0 : UV_ENOMEM;
    if (!error) {
        chain_outstations(sim, &chains);
        list_places(sim, places);
        bound_alike = sim->options.bind != NULL;
        qsort(places, count, sizeof *places, compare_places);
    }
    for (size_t i = 0; i < count && !error;) {
        size_t same = 1;
        while (i + same < count && compare_places(&places[i], &places[i + same]) == 0)
            same++;
        error = make_line(sim, &sim->lines[sim->line_count++], &places[i], same, &chains);
        i += same;
    }
    gw_memory_release(places);
    gw_memory_release(indexes);
    return error;
}
