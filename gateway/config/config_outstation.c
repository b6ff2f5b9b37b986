/* SPDX-License-Identifier: Apache-2.0 */
/* Outstations: each with its channel, profile and mapping, and no two where there can be one. */
#include <stdio.h>
#include <string.h>

#include "gateway/config/config_loader.h"
#include "gateway/mapping/mapping_expand.h"

/* Places of a thing that may be there once: remembered by a text, told when it comes again. */
static const struct gw_source *first_with(struct gw_loader *loader, json_t *seen, const char *text,
                                          size_t number)
{
    const json_t *known = json_object_get(seen, text);
    if (known)
        return loader->outstation_of[json_integer_value(known)];
    json_object_set_new(seen, text, json_integer((json_int_t)number));
    return NULL;
}

static void place_of(const struct gw_source *source, char *buffer, size_t size)
{
    struct gw_source_path path;
    gw_json_place_format(source->file, gw_source_path(source, &path), buffer, size);
}

static bool is_udp(const json_t *connect)
{
    const char *first =
        json_string_value(json_is_array(connect) ? json_array_get(connect, 0) : connect);
    return first && strncmp(first, "udp://", 6) == 0;
}

static bool read_connect(struct gw_loader *loader, const struct gw_source *source,
                         const struct gw_json_path *element,
                         struct gw_outstation_config *outstation)
{
    struct gw_json_path path = {.parent = element, .key = "connect"};
    struct gw_channel_config *channel = loader->channels + loader->config->channel_count;
    gw_keys_default(loader->arena, &gw_channel_keys, channel);
    channel->name = outstation->name;
    channel->is_private = true;
    outstation->channel = (uint32_t)loader->config->channel_count++;
    const json_t *connect = json_object_get(source->object, "connect");
    channel->type = is_udp(connect) ? GW_CHANNEL_UDP : GW_CHANNEL_TCP;
    return gw_loader_endpoints(loader, source->file, connect, &path,
                               is_udp(connect) ? "udp://" : "tcp://", 20000, &channel->endpoints,
                               &channel->endpoint_count);
}

static bool find_channel(struct gw_loader *loader, const struct gw_source *source,
                         const struct gw_json_path *element, const char *name,
                         struct gw_outstation_config *outstation)
{
    enum { COMPARED_MAX = 256 };
    const char *names[COMPARED_MAX];
    size_t count = 0;
    struct gw_json_path path = {.parent = element, .key = "channel"};
    for (size_t i = 0; i < loader->channel_sources.count; i++) {
        const char *known = loader->channels[i].name;
        if (known && strcmp(known, name) == 0) {
            outstation->channel = (uint32_t)i;
            return true;
        }
        if (known && count < COMPARED_MAX)
            names[count++] = known;
    }
    const char *nearest = gw_nearest(name, names, count);
    gw_json_error(source->file, &path, "no channel is called \"%s\"%s%s%s", name,
                  nearest ? ", did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
    return false;
}

static bool load_channel_of(struct gw_loader *loader, const struct gw_source *source,
                            const struct gw_json_path *element,
                            const struct gw_outstation_entry *entry,
                            struct gw_outstation_config *outstation)
{
    bool has_connect = json_object_get(source->object, "connect") != NULL;
    bool has_channel = json_object_get(source->object, "channel") != NULL;
    if (has_connect == has_channel) {
        gw_json_error(source->file, element,
                      has_connect ? "either \"connect\" or \"channel\", not both"
                                  : "\"connect\" is missing: where it is, as "
                                    "\"tcp://host:port\"");
        return false;
    }
    if (has_connect)
        return read_connect(loader, source, element, outstation);
    return entry->channel && find_channel(loader, source, element, entry->channel, outstation);
}

static void set_endpoint_text(struct gw_loader *loader, struct gw_outstation_config *outstation,
                              const char *scheme, const struct gw_endpoint *endpoint)
{
    char text[GW_HOST_MAX + 30];
    const char *host = endpoint->host ? endpoint->host : "";
    bool is_v6 = strchr(host, ':') != NULL;
    snprintf(text, sizeof text, "%s://%s%s%s:%u", scheme, is_v6 ? "[" : "", host, is_v6 ? "]" : "",
             endpoint->port);
    outstation->connect = gw_arena_string(loader->arena, text);
}

static void set_connect_text(struct gw_loader *loader, struct gw_outstation_config *outstation)
{
    const struct gw_channel_config *channel = loader->channels + outstation->channel;
    char text[GW_HOST_MAX + 20];
    if (channel->type == GW_CHANNEL_SERIAL && channel->serial.device) {
        snprintf(text, sizeof text, "serial://%s", channel->serial.device);
        outstation->connect = gw_arena_string(loader->arena, text);
        return;
    }
    if (channel->type == GW_CHANNEL_TCP_LISTEN) {
        set_endpoint_text(loader, outstation, "tcp_listen", &channel->listen);
        return;
    }
    bool is_udp_channel = channel->type == GW_CHANNEL_UDP;
    if (is_udp_channel && !channel->endpoint_count)
        set_endpoint_text(loader, outstation, "udp_listen", &channel->listen);
    if (!channel->endpoint_count || !channel->endpoints || !channel->endpoints[0].host)
        return;
    set_endpoint_text(loader, outstation, is_udp_channel ? "udp" : "tcp", &channel->endpoints[0]);
}

static void tell_nobody(const struct gw_loader *loader, const struct gw_source *source,
                        const struct gw_json_path *path, const char *name)
{
    enum { COMPARED_MAX = 256 };
    const char *names[COMPARED_MAX];
    size_t count = 0;
    for (size_t i = 0; i < loader->outstation_sources.count && count < COMPARED_MAX; i++)
        if (loader->outstations[i].name)
            names[count++] = loader->outstations[i].name;
    const char *nearest = gw_nearest(name, names, count);
    gw_json_error(source->file, path, "no outstation is called \"%s\"%s%s%s", name,
                  nearest ? ", did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

/* What stands against one call for both; NULL: nothing does. */
static const char *why_not_behind(const struct gw_loader *loader, const json_t *object,
                                  const struct gw_outstation_config *outstation,
                                  const struct gw_outstation_config *caller)
{
    const struct gw_source *other = loader->outstation_of[caller - loader->outstations];
    if (caller == outstation)
        return "it cannot be behind itself";
    if (loader->channels[outstation->channel].type != GW_CHANNEL_TCP_LISTEN)
        return "only outstations of a tcp_listen channel call; on another shared channel several "
               "are together without this key";
    if (json_object_get(other->object, "behind"))
        return "that one is behind another one itself: name the one that calls";
    if (caller->channel != outstation->channel)
        return "that one calls on another channel: both are on the same one";
    if (json_object_get(object, "peer"))
        return "where the call comes from is said by the \"peer\" of that one";
    return NULL;
}

/* After all are loaded: the one that it is behind may stand later in the file. */
static void load_behind(struct gw_loader *loader, const json_t *names, size_t number)
{
    struct gw_outstation_config *outstation = loader->outstations + number;
    const struct gw_source *source = loader->outstation_of[number];
    struct gw_source_path path;
    struct gw_json_path step = {.parent = gw_source_path(source, &path), .key = "behind"};
    const char *name = json_string_value(json_object_get(source->object, step.key));
    if (!name || !outstation->connect)
        return;
    const json_t *known = json_object_get(names, name);
    if (!known) {
        tell_nobody(loader, source, &step, name);
        return;
    }
    const struct gw_outstation_config *caller = loader->outstations + json_integer_value(known);
    if (!caller->connect)
        return;
    const char *problem = why_not_behind(loader, source->object, outstation, caller);
    if (problem) {
        gw_json_error(source->file, &step, "%s", problem);
        return;
    }
    outstation->behind = caller;
    outstation->peer = caller->peer;
}

static void check_name(const struct gw_source *source, const struct gw_json_path *element,
                       const char *name)
{
    static const char *const taken[] = {"status", "command", "result"};
    struct gw_json_path path = {.parent = element, .key = "name"};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (name && strcmp(name, taken[i]) == 0)
            gw_json_error(source->file, &path,
                          "an outstation cannot be called \"%s\": topics have that word", name);
}

static void check_peer(const struct gw_loader *loader, const struct gw_source *source,
                       const struct gw_json_path *element,
                       const struct gw_outstation_config *outstation)
{
    struct gw_json_path path = {.parent = element, .key = "peer"};
    const struct gw_channel_config *channel = loader->channels + outstation->channel;
    bool heard = channel->type == GW_CHANNEL_UDP && !channel->endpoint_count;
    if (json_object_get(source->object, "peer") && channel->type != GW_CHANNEL_TCP_LISTEN && !heard)
        gw_json_error_key(
            source->file, &path,
            "says where an outstation dials in or speaks from: its channel is neither "
            "tcp_listen nor udp without endpoints");
}

static void check_confirm(const struct gw_loader *loader, const struct gw_source *source,
                          const struct gw_json_path *element, const struct gw_profile *profile)
{
    struct gw_json_path path = {.parent = element, .key = "confirm"};
    bool own = json_object_get(source->object, "confirm");
    if (profile && profile->confirm == GW_CONFIRM_JOURNALED && !loader->config->spool_path)
        gw_json_error(source->file, own ? &path : element,
                      "\"journaled\" needs a spool: {\"spool\": {\"path\": ...}} in %s",
                      loader->config->file);
}

static void load_outstation(struct gw_loader *loader, const struct gw_source *source,
                            struct gw_outstation_config *outstation)
{
    static const struct gw_keys *const tables[] = {&gw_outstation_keys, &gw_profile_keys};
    struct gw_reader reader = gw_loader_reader(loader, source->file);
    struct gw_source_path path;
    const struct gw_json_path *element = gw_source_path(source, &path);
    struct gw_json_path vars_path = {.parent = element, .key = "vars"};
    struct gw_json_path address_path = {.parent = element, .key = "address"};
    struct gw_outstation_entry entry = {0};
    gw_keys_check(&reader, tables, 2, source->object, element);
    gw_keys_default(loader->arena, &gw_outstation_keys, &entry);
    gw_keys_read(&reader, &gw_outstation_keys, source->object, element, &entry);
    check_name(source, element, entry.name);
    outstation->name = entry.name;
    outstation->label = entry.label;
    outstation->address = entry.address;
    outstation->peer = entry.peer;
    outstation->enabled = entry.enabled;
    outstation->profile = gw_loader_profile(loader, source, entry.profile);
    check_confirm(loader, source, element, outstation->profile);
    outstation->controls =
        loader->config->controls && outstation->profile && outstation->profile->controls;
    if (load_channel_of(loader, source, element, &entry, outstation)) {
        set_connect_text(loader, outstation);
        check_peer(loader, source, element, outstation);
    }
    gw_vars_read(&reader, json_object_get(source->object, "vars"), &vars_path, &outstation->vars,
                 &outstation->var_count);
    gw_loader_mapping(loader, source, entry.mapping, outstation);
    if (outstation->profile && outstation->profile->master_address == entry.address &&
        json_object_get(source->object, "address"))
        gw_json_warning(source->file, &address_path,
                        "%u is the master's own address too: devices expect two different ones",
                        entry.address);
}

/* One name, one address on a channel or endpoint. */

struct seen {
    json_t *names, *addresses, *endpoints;
};

static void check_address(struct gw_loader *loader, struct seen *seen, size_t number,
                          const char *where)
{
    const struct gw_outstation_config *outstation = loader->outstations + number;
    const struct gw_source *source = loader->outstation_of[number];
    struct gw_source_path path;
    struct gw_json_path step = {.parent = gw_source_path(source, &path), .key = "address"};
    char key[GW_HOST_MAX + 40];
    char place[300];
    snprintf(key, sizeof key, "%s %u", where, outstation->address);
    const struct gw_source *other = first_with(loader, seen->addresses, key, number);
    if (!other)
        return;
    place_of(other, place, sizeof place);
    gw_json_error(source->file, &step, "address %u is there twice on %s, also at %s",
                  outstation->address, where, place);
}

static void check_endpoint(struct gw_loader *loader, struct seen *seen, size_t number,
                           const char *endpoint)
{
    const struct gw_outstation_config *outstation = loader->outstations + number;
    const struct gw_source *source = loader->outstation_of[number];
    const json_t *known = json_object_get(seen->endpoints, endpoint);
    struct gw_source_path path;
    char place[300];
    if (!known) {
        json_object_set_new(seen->endpoints, endpoint, json_integer((json_int_t)number));
        return;
    }
    size_t first = (size_t)json_integer_value(known);
    if (loader->outstations[first].channel == outstation->channel)
        return;
    place_of(loader->outstation_of[first], place, sizeof place);
    gw_json_warning(source->file, gw_source_path(source, &path),
                    "a second connection to %s, also at %s: many devices take one; a shared "
                    "channel uses one",
                    endpoint, place);
}

static void check_name_once(struct gw_loader *loader, struct seen *seen, size_t number)
{
    const char *name = loader->outstations[number].name;
    const struct gw_source *source = loader->outstation_of[number];
    const struct gw_source *other = name ? first_with(loader, seen->names, name, number) : NULL;
    struct gw_source_path path;
    struct gw_json_path step = {.parent = gw_source_path(source, &path), .key = "name"};
    char place[300];
    if (!other)
        return;
    place_of(other, place, sizeof place);
    gw_json_error(source->file, &step, "two outstations are called \"%s\", also at %s", name,
                  place);
}

static void check_outstation(struct gw_loader *loader, struct seen *seen, size_t number)
{
    const struct gw_outstation_config *outstation = loader->outstations + number;
    const struct gw_source *source = loader->outstation_of[number];
    const struct gw_channel_config *channel = loader->channels + outstation->channel;
    char text[GW_HOST_MAX + 20];
    if (!outstation->connect || !json_object_get(source->object, "address"))
        return;
    if (!channel->is_private) {
        /* Who calls is known by its connection; a datagram has but its link address. */
        const struct gw_source *caller =
            loader->outstation_of[gw_config_caller(outstation) - loader->outstations];
        const char *peer = channel->type == GW_CHANNEL_UDP
                               ? NULL
                               : json_string_value(json_object_get(caller->object, "peer"));
        snprintf(text, sizeof text, "channel %.180s%s%.60s", channel->name, peer ? " from " : "",
                 peer ? peer : "");
        check_address(loader, seen, number, text);
    }
    for (size_t i = 0; i < channel->endpoint_count; i++) {
        snprintf(text, sizeof text, "%s:%u", channel->endpoints[i].host,
                 channel->endpoints[i].port);
        if (channel->is_private)
            check_address(loader, seen, number, text);
        check_endpoint(loader, seen, number, text);
    }
}

void gw_load_outstations(struct gw_loader *loader)
{
    size_t count = loader->outstation_sources.count;
    struct seen seen = {json_object(), json_object(), json_object()};
    loader->outstations = gw_arena_array(loader->arena, count, sizeof *loader->outstations);
    loader->outstation_of = gw_memory_allocate(GW_OWNER_CONFIG, (count + 1) * sizeof(void *));
    if (!loader->outstations || !loader->outstation_of || !loader->channels) {
        loader->arena->failed = true;
        count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        loader->outstation_of[i] = loader->outstation_sources.items + i;
        load_outstation(loader, loader->outstation_of[i], loader->outstations + i);
        check_name_once(loader, &seen, i);
    }
    for (size_t i = 0; i < count; i++) {
        load_behind(loader, seen.names, i);
        check_outstation(loader, &seen, i);
    }
    loader->config->outstations = loader->outstations;
    loader->config->outstation_count = count;
    json_decref(seen.names);
    json_decref(seen.addresses);
    json_decref(seen.endpoints);
}
