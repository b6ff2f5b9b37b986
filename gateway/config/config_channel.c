/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints and the shared channels; outstations with `connect` add their private ones later. */
#include <stdio.h>
#include <string.h>

#include "gateway/config/config_loader.h"

/* Schemes of the format that come later: a clear word instead of "expected". */
static bool is_planned(const char *scheme, size_t length)
{
    static const char *const planned[] = {"mqtts", "tls"};
    for (size_t i = 0; i < sizeof planned / sizeof *planned; i++)
        if (strlen(planned[i]) == length && memcmp(planned[i], scheme, length) == 0)
            return true;
    return false;
}

/* The text behind the scheme; NULL: an error was added. `scheme` is empty where none is written. */
static const char *behind_scheme(const struct gw_json_file *file, const struct gw_json_path *path,
                                 const char *text, const char *scheme)
{
    const char *mark = strstr(text, "://");
    size_t length = mark ? (size_t)(mark - text) : 0;
    if (strncmp(text, scheme, strlen(scheme)) == 0 && (*scheme || !mark))
        return text + strlen(scheme);
    if (mark && *scheme && is_planned(text, length))
        gw_json_error(file, path, "%.*s:// is not built yet in this version", (int)length, text);
    else
        gw_json_error(file, path, "expected %shost:port%s", scheme,
                      strcmp(scheme, "tcp://") == 0 ? " or udp://host:port" : "");
    return NULL;
}

static bool read_endpoint(struct gw_loader *loader, const struct gw_json_file *file,
                          const json_t *value, const struct gw_json_path *path, const char *scheme,
                          uint16_t default_port, struct gw_endpoint *endpoint)
{
    char host[GW_HOST_MAX];
    const char *text = json_string_value(value);
    if (!text) {
        gw_json_error(file, path, "expected \"%shost:port\"", scheme);
        return false;
    }
    text = behind_scheme(file, path, text, scheme);
    if (!text)
        return false;
    const char *problem = gw_endpoint_parse(text, default_port, host, &endpoint->port);
    if (problem) {
        gw_json_error(file, path, "%s", problem);
        return false;
    }
    endpoint->host = gw_arena_string(loader->arena, host);
    return endpoint->host != NULL;
}

bool gw_loader_endpoints(struct gw_loader *loader, const struct gw_json_file *file,
                         const json_t *value, const struct gw_json_path *path, const char *scheme,
                         uint16_t default_port, const struct gw_endpoint **endpoints, size_t *count)
{
    bool is_list = json_is_array(value);
    size_t number = is_list ? json_array_size(value) : 1;
    struct gw_endpoint *list = gw_arena_array(loader->arena, number, sizeof *list);
    bool good = list != NULL;
    if (number == 0) {
        gw_json_error(file, path, "an empty list: expected \"%shost:port\"", scheme);
        return false;
    }
    for (size_t i = 0; list && i < number; i++) {
        struct gw_json_path step = {.parent = path, .index = i};
        good = read_endpoint(loader, file, is_list ? json_array_get(value, i) : value,
                             is_list ? &step : path, scheme, default_port, list + i) &&
               good;
    }
    *endpoints = list;
    *count = number;
    return good;
}

static bool add_twice(const struct gw_loader *loader, size_t first, size_t second)
{
    const struct gw_source *other = loader->channel_sources.items + first;
    const struct gw_source *source = loader->channel_sources.items + second;
    struct gw_source_path path;
    char place[300];
    gw_json_place_format(other->file, gw_source_path(other, &path), place, sizeof place);
    gw_json_error(source->file, gw_source_path(source, &path),
                  "two channels are called \"%s\", also at %s", loader->channels[second].name,
                  place);
    return false;
}

/* Which keys are of which types of channels; all others are of every type. */
enum {
    OF_TCP = 1 << GW_CHANNEL_TCP,
    OF_SERIAL = 1 << GW_CHANNEL_SERIAL,
    OF_LISTEN = 1 << GW_CHANNEL_TCP_LISTEN,
    OF_UDP = 1 << GW_CHANNEL_UDP
};
static const struct {
    const char *key;
    unsigned types;
} typed_keys[] = {{"endpoints", OF_TCP | OF_UDP},
                  {"broadcast", OF_TCP | OF_SERIAL},
                  {"half_duplex", OF_TCP | OF_LISTEN | OF_UDP},
                  {"connect_timeout_s", OF_TCP | OF_UDP},
                  {"reconnect_s", OF_TCP | OF_SERIAL | OF_UDP},
                  {"listen", OF_LISTEN | OF_UDP},
                  {"allow", OF_LISTEN | OF_UDP},
                  {"identify_s", OF_LISTEN},
                  {"max_unidentified", OF_LISTEN},
                  {"device", OF_SERIAL},
                  {"baud", OF_SERIAL},
                  {"data", OF_SERIAL},
                  {"parity", OF_SERIAL},
                  {"stop", OF_SERIAL},
                  {"flow", OF_SERIAL},
                  {"rs485", OF_SERIAL},
                  {"turnaround_s", OF_SERIAL}};

static void refuse_foreign_keys(const struct gw_source *source, const struct gw_json_path *element,
                                enum gw_channel_type type)
{
    static const char *const types[] = {[GW_CHANNEL_TCP] = "tcp",
                                        [GW_CHANNEL_SERIAL] = "serial",
                                        [GW_CHANNEL_TCP_LISTEN] = "tcp_listen",
                                        [GW_CHANNEL_UDP] = "udp"};
    enum { TYPES = sizeof types / sizeof *types };
    for (size_t i = 0; i < sizeof typed_keys / sizeof *typed_keys; i++) {
        struct gw_json_path step = {.parent = element, .key = typed_keys[i].key};
        char list[64] = "";
        size_t used = 0;
        if (typed_keys[i].types & 1u << type || !json_object_get(source->object, step.key))
            continue;
        for (size_t t = 0; t < TYPES; t++)
            if (typed_keys[i].types & 1u << t)
                used += (size_t)snprintf(list + used, sizeof list - used, "%s%s",
                                         used ? " and " : "", types[t]);
        gw_json_error_key(source->file, &step, "a key of %s channels, this one is %s", list,
                          types[type]);
    }
}

static void check_serial(const struct gw_source *source, const struct gw_json_path *element,
                         const struct gw_serial_config *serial)
{
    struct gw_json_path device = {.parent = element, .key = "device"};
    struct gw_json_path data = {.parent = element, .key = "data"};
    struct gw_json_path flow = {.parent = element, .key = "flow"};
    if (serial->rs485 && serial->flow == GW_FLOW_HARDWARE)
        gw_json_warning(source->file, &flow,
                        "hardware flow control needs RTS, which \"rs485\" drives the line with");
    if (!json_object_get(source->object, "device"))
        gw_json_error(source->file, element, "\"device\" is missing: a serial channel needs it");
    else if (serial->device && *serial->device != '/')
        gw_json_error(source->file, &device, "expected a path, as \"/dev/ttyS1\"");
    if (serial->data != 8)
        gw_json_warning(source->file, &data, "DNP3's octets need 8 data bits");
    if (serial->flow == GW_FLOW_SOFTWARE)
        gw_json_warning(source->file, &flow,
                        "DNP3's octets may be XON and XOFF too: \"none\" or \"hardware\" is safe");
}

/* One that listens learns where outstations are; false: there are no endpoints to read. */
static bool check_udp(const struct gw_source *source, const struct gw_json_path *element)
{
    struct gw_json_path allow = {.parent = element, .key = "allow"};
    bool has_endpoints = json_object_get(source->object, "endpoints") != NULL;
    if (!has_endpoints && !json_object_get(source->object, "listen"))
        gw_json_error(source->file, element,
                      "a udp channel needs \"endpoints\", where its outstations are, or "
                      "\"listen\", where they speak to");
    if (has_endpoints && json_object_get(source->object, "allow"))
        gw_json_error_key(source->file, &allow,
                          "says who may speak where none has \"endpoints\": only those may here");
    return has_endpoints;
}

static bool device_twice(const struct gw_loader *loader, size_t first, size_t second)
{
    const struct gw_source *other = loader->channel_sources.items + first;
    const struct gw_source *source = loader->channel_sources.items + second;
    const char *device = loader->channels[second].serial.device;
    struct gw_source_path path;
    struct gw_json_path step = {.parent = gw_source_path(source, &path), .key = "device"};
    char place[300];
    if (!device || !loader->channels[first].serial.device ||
        strcmp(device, loader->channels[first].serial.device) != 0)
        return false;
    struct gw_source_path other_path;
    gw_json_place_format(other->file, gw_source_path(other, &other_path), place, sizeof place);
    gw_json_error(source->file, &step, "a device is one channel's: %s is there twice, also at %s",
                  device, place);
    return true;
}

static bool listen_twice(const struct gw_loader *loader, size_t first, size_t second)
{
    const struct gw_source *other = loader->channel_sources.items + first;
    const struct gw_source *source = loader->channel_sources.items + second;
    const struct gw_endpoint *before = &loader->channels[first].listen;
    const struct gw_endpoint *listen = &loader->channels[second].listen;
    struct gw_source_path path;
    struct gw_source_path other_path;
    struct gw_json_path step = {.parent = gw_source_path(source, &path), .key = "listen"};
    char place[300];
    if (loader->channels[first].type != loader->channels[second].type || !listen->host ||
        !before->host || listen->port != before->port || strcmp(listen->host, before->host) != 0)
        return false;
    gw_json_place_format(other->file, gw_source_path(other, &other_path), place, sizeof place);
    gw_json_error(source->file, &step, "two channels listen here, also at %s", place);
    return true;
}

static void load_channel(struct gw_loader *loader, const struct gw_source *source,
                         struct gw_channel_config *channel)
{
    static const struct gw_keys *const tables[] = {&gw_channel_keys};
    struct gw_reader reader = gw_loader_reader(loader, source->file);
    struct gw_source_path path;
    const struct gw_json_path *element = gw_source_path(source, &path);
    struct gw_json_path step = {.parent = element, .key = "endpoints"};
    size_t before = loader->errors->errors;
    gw_keys_check(&reader, tables, 1, source->object, element);
    gw_keys_default(loader->arena, &gw_channel_keys, channel);
    gw_keys_read(&reader, &gw_channel_keys, source->object, element, channel);
    if (json_object_get(source->object, "type") && loader->errors->errors == before)
        refuse_foreign_keys(source, element, channel->type);
    if (channel->type == GW_CHANNEL_SERIAL) {
        channel->half_duplex = true;
        check_serial(source, element, &channel->serial);
        return;
    }
    if (channel->type == GW_CHANNEL_TCP_LISTEN) {
        if (!json_object_get(source->object, "listen"))
            gw_json_error(source->file, element,
                          "\"listen\" is missing: a tcp_listen channel needs it");
        return;
    }
    const json_t *endpoints = json_object_get(source->object, "endpoints");
    if (channel->type == GW_CHANNEL_UDP && !check_udp(source, element))
        return;
    if (endpoints && gw_keys_list(&reader, endpoints, &step))
        gw_loader_endpoints(loader, source->file, endpoints, &step, "", 20000, &channel->endpoints,
                            &channel->endpoint_count);
    else if (loader->errors->errors == before)
        gw_json_error(source->file, element, "\"endpoints\" is missing: a tcp channel needs it");
}

void gw_load_channels(struct gw_loader *loader)
{
    size_t count = loader->channel_sources.count;
    size_t room = count + loader->outstation_sources.count; /* private ones may follow */
    loader->channels = gw_arena_array(loader->arena, room, sizeof *loader->channels);
    if (!loader->channels)
        return;
    for (size_t i = 0; i < count; i++) {
        load_channel(loader, loader->channel_sources.items + i, loader->channels + i);
        const char *name = loader->channels[i].name;
        for (size_t j = 0; name && j < i; j++)
            if (loader->channels[j].name && strcmp(loader->channels[j].name, name) == 0 &&
                !add_twice(loader, j, i))
                break;
        for (size_t j = 0; j < i && !device_twice(loader, j, i); j++)
            ;
        for (size_t j = 0; j < i && !listen_twice(loader, j, i); j++)
            ;
    }
    loader->config->channels = loader->channels;
    loader->config->channel_count = count;
}
