/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's part of gateway.json; its topics are compiled in config_topics.c. */
#include "gateway/config/config_loader.h"

static const char *client_id(struct gw_loader *loader, const struct gw_json_file *file,
                             const struct gw_json_path *path, const char *text)
{
    static const char *const names[] = {"gateway"};
    const char *values[] = {loader->config->gateway};
    struct gw_template_error error;
    char id[GW_TOPIC_MAX];
    struct gw_template *template =
        gw_template_compile(GW_OWNER_CONFIG, text, names, 1, false, &error);
    if (!template) {
        gw_json_error(file, path, "%s", error.message);
        return NULL;
    }
    bool fits = gw_template_expand(template, values, id, sizeof id) > 0;
    gw_template_free(template);
    if (!fits)
        gw_json_error(file, path, "a client id is not empty and has at most 1023 characters");
    return fits ? gw_arena_string(loader->arena, id) : NULL;
}

void gw_load_mqtt(struct gw_loader *loader, const struct gw_json_file *file)
{
    static const struct gw_keys *const tables[] = {&gw_mqtt_keys};
    struct gw_reader reader = gw_loader_reader(loader, file);
    struct gw_mqtt_config *mqtt = &loader->config->mqtt;
    struct gw_json_path path = {.key = "mqtt"};
    struct gw_json_path url = {.parent = &path, .key = "url"};
    struct gw_json_path id = {.parent = &path, .key = "client_id"};
    struct gw_json_path qos = {.parent = &path, .key = "qos"};
    struct gw_json_path password = {.parent = &path, .key = "password_file"};
    const json_t *object = json_object_get(file->root, "mqtt");
    struct gw_mqtt_entry entry = {0};
    if (!object || !gw_keys_object(&reader, object, &path))
        return;
    gw_keys_check(&reader, tables, 1, object, &path);
    gw_keys_default(loader->arena, &gw_mqtt_keys, &entry);
    gw_keys_read(&reader, &gw_mqtt_keys, object, &path, &entry);
    const json_t *urls = json_object_get(object, "url");
    if (urls)
        gw_loader_endpoints(loader, file, urls, &url, "mqtt://", 1883, &mqtt->brokers,
                            &mqtt->broker_count);
    if (entry.client_id)
        mqtt->client_id = client_id(loader, file, &id, entry.client_id);
    mqtt->version = entry.version;
    mqtt->username = entry.username;
    if (entry.password_file)
        mqtt->password = gw_loader_password(loader, file, &password, entry.password_file);
    if (entry.password_file && !entry.username)
        gw_json_warning(file, &password, "a password without a username");
    mqtt->keep_alive_s = (uint16_t)((entry.keep_alive_ms + 999) / 1000);
    mqtt->qos = entry.qos;
    if (mqtt->qos == 0 && json_object_get(object, "qos"))
        gw_json_warning(file, &qos,
                        "with 0 no broker says that it has an event: it is confirmed when it is "
                        "sent, and may be lost");
    mqtt->retain = entry.retain;
    mqtt->republish = entry.republish;
    mqtt->max_rate = entry.max_rate;
}
