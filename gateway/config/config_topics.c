/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling the topic templates, and refusing two things on one topic. */
#include <stdio.h>
#include <string.h>

#include "gateway/base/hash.h"
#include "gateway/config/config_loader.h"
#include "gateway/mapping/mapping_expand.h"

/* Compiling */

/* Collects the variables whose `{name}` stands in a template. */
static void collect_vars(struct gw_loader *loader, const struct gw_topics_entry *entry,
                         struct gw_topics *topics)
{
    const char **vars = gw_arena_array(loader->arena, GW_TOPIC_VARS_MAX, sizeof *vars);
    if (!vars)
        return;
    json_t *seen = json_object();
    for (size_t i = 0; i < loader->config->outstation_count; i++) {
        const struct gw_outstation_config *outstation = loader->outstations + i;
        for (size_t v = 0; v < outstation->var_count; v++) {
            char text[300];
            const char *name = outstation->vars[v].name;
            if (json_object_get(seen, name))
                continue;
            json_object_set_new(seen, name, json_true());
            snprintf(text, sizeof text, "{%s}", name);
            for (size_t t = 0; t < GW_TOPICS; t++) {
                if (entry->templates[t] && strstr(entry->templates[t], text) &&
                    topics->var_count < GW_TOPIC_VARS_MAX) {
                    vars[topics->var_count++] = name;
                    break;
                }
            }
        }
    }
    json_decref(seen);
    topics->vars = vars;
}

static const char *expand_prefix(struct gw_loader *loader, const struct gw_json_file *file,
                                 const char *text)
{
    static const char *const names[] = {"gateway"};
    const char *values[] = {loader->config->gateway};
    struct gw_json_path mqtt = {.key = "mqtt"};
    struct gw_json_path path = {.parent = &mqtt, .key = "prefix"};
    struct gw_template_error error;
    char prefix[GW_TOPIC_MAX] = "";
    struct gw_template *template =
        gw_template_compile(GW_OWNER_CONFIG, text, names, 1, true, &error);
    if (!template) {
        gw_json_error(file, &path, "%s", error.message);
        return NULL;
    }
    int length = gw_template_expand(template, values, prefix, sizeof prefix);
    gw_template_free(template);
    const char *problem = length < 0 ? "too long" : length > 0 ? gw_topic_problem(prefix) : NULL;
    if (problem && loader->config->gateway)
        gw_json_error(file, &path, "%s", problem);
    return gw_arena_string(loader->arena, prefix);
}

/* Each kind must be able to tell its own things apart. */
static const char *missing_placeholder(const struct gw_topics *topics, enum gw_topic topic,
                                       const char *const *names)
{
    const struct gw_template *template = topics->templates[topic];
    enum { OUTSTATION = 2, OWN = 3, INDEX = 5 };
    if (topic == GW_TOPIC_STATUS)
        return NULL;
    if (!gw_template_requires(template, OUTSTATION))
        return names[OUTSTATION];
    if (topic == GW_TOPIC_POINT && gw_template_requires(template, OWN + 1) &&
        gw_template_requires(template, INDEX))
        return NULL;
    if (topic >= GW_TOPIC_POINT && !gw_template_requires(template, OWN))
        return names[OWN];
    return NULL;
}

static void compile(const struct gw_json_file *file, struct gw_topics *topics, enum gw_topic topic,
                    const char *text)
{
    const char *names[GW_TOPIC_NAMES_MAX];
    struct gw_json_path mqtt = {.key = "mqtt"};
    struct gw_json_path list = {.parent = &mqtt, .key = "topics"};
    static const char *const keys[] = {
#define X(name, key) key,
        GW_TOPIC_MAP(X)
#undef X
    };
    struct gw_template_error error;
    struct gw_json_path path = {.parent = &list, .key = keys[topic]};
    size_t count = gw_topic_names(topics, topic, names);
    topics->templates[topic] =
        gw_template_compile(GW_OWNER_CONFIG, text, names, count, true, &error);
    if (!topics->templates[topic]) {
        gw_json_error(file, &path, "%s", error.message);
        return;
    }
    const char *missing = missing_placeholder(topics, topic, names);
    if (missing)
        gw_json_error(file, &path, "without {%s} different things land on one topic", missing);
}

void gw_load_topics(struct gw_loader *loader, const struct gw_json_file *file)
{
    static const struct gw_keys *const tables[] = {&gw_topics_keys};
    struct gw_reader reader = gw_loader_reader(loader, file);
    struct gw_json_path mqtt_path = {.key = "mqtt"};
    struct gw_json_path path = {.parent = &mqtt_path, .key = "topics"};
    struct gw_topics_entry entry = {{0}};
    struct gw_mqtt_entry mqtt_entry = {0};
    const json_t *mqtt = json_object_get(file->root, "mqtt");
    const json_t *object = json_object_get(mqtt, "topics");
    struct gw_topics *topics = gw_arena_allocate(loader->arena, sizeof *topics);
    if (!topics)
        return;
    loader->config->topics = topics;
    gw_keys_default(loader->arena, &gw_topics_keys, &entry);
    gw_keys_default(loader->arena, &gw_mqtt_keys, &mqtt_entry);
    const char *prefix = json_string_value(json_object_get(mqtt, "prefix"));
    if (object && gw_keys_object(&reader, object, &path)) {
        gw_keys_check(&reader, tables, 1, object, &path);
        gw_keys_read(&reader, &gw_topics_keys, object, &path, &entry);
    }
    topics->prefix = expand_prefix(loader, file, prefix ? prefix : mqtt_entry.prefix);
    collect_vars(loader, &entry, topics);
    for (unsigned topic = 0; topic < GW_TOPICS; topic++)
        if (entry.templates[topic])
            compile(file, topics, (enum gw_topic)topic, entry.templates[topic]);
}

/* Collisions: an open hash table of topics' hashes, and what each stands for, so that its topic can
 * be written again and compared. */

struct landed {
    uint64_t hash;
    uint32_t outstation; /* number + 1, 0 = a free slot; 1 + count = the gateway */
    uint32_t thing;      /* number of the point or control */
    uint8_t topic;
};

struct landing {
    struct gw_loader *loader;
    struct landed *slots;
    size_t mask;
};

static int write_topic(const struct landing *l, const struct landed *landed, char *buffer,
                       size_t size)
{
    const struct gw_config *config = l->loader->config;
    if (landed->topic == GW_TOPIC_STATUS)
        return gw_topic_gateway(config, buffer, size);
    const struct gw_outstation_config *outstation = config->outstations + landed->outstation - 1;
    const struct gw_mapping *mapping = outstation->mapping;
    switch ((enum gw_topic)landed->topic) {
    case GW_TOPIC_POINT:
        return gw_topic_point(config, outstation, mapping->points + landed->thing,
                              mapping->points[landed->thing].index, buffer, size);
    case GW_TOPIC_SET:
    case GW_TOPIC_ARM:
    case GW_TOPIC_RESULT:
        return gw_topic_control(config, (enum gw_topic)landed->topic, outstation,
                                mapping->controls[landed->thing].name, buffer, size);
    case GW_TOPIC_COMMAND:
        return gw_topic_control(config, GW_TOPIC_COMMAND, outstation, "integrity", buffer, size);
    default:
        return gw_topic_outstation(config, (enum gw_topic)landed->topic, outstation, buffer, size);
    }
}

/* "point \"breaker\" of recloser-17" */
static void describe(const struct landing *l, const struct landed *landed, char *buffer,
                     size_t size)
{
    const struct gw_config *config = l->loader->config;
    if (landed->topic == GW_TOPIC_STATUS) {
        snprintf(buffer, size, "the gateway's status");
        return;
    }
    const struct gw_outstation_config *outstation = config->outstations + landed->outstation - 1;
    const struct gw_mapping *mapping = outstation->mapping;
    switch ((enum gw_topic)landed->topic) {
    case GW_TOPIC_POINT:
        snprintf(buffer, size, "point \"%s\" of %s", mapping->points[landed->thing].name,
                 outstation->name);
        break;
    case GW_TOPIC_SET:
    case GW_TOPIC_ARM:
    case GW_TOPIC_RESULT:
        snprintf(buffer, size, "%s \"%s\" of %s",
                 landed->topic == GW_TOPIC_SET   ? "control"
                 : landed->topic == GW_TOPIC_ARM ? "the arming of control"
                                                 : "the result of control",
                 mapping->controls[landed->thing].name, outstation->name);
        break;
    case GW_TOPIC_META:
        snprintf(buffer, size, "meta of %s", outstation->name);
        break;
    case GW_TOPIC_UNDECODED:
        snprintf(buffer, size, "what cannot be read of %s", outstation->name);
        break;
    default:
        snprintf(buffer, size, "%s of %s",
                 landed->topic == GW_TOPIC_COMMAND ? "the commands" : "the status",
                 outstation->name);
        break;
    }
}

/* Adds the error at `path`, where the second one's outstation stands. */
static void collision(const struct landing *l, const struct landed *first,
                      const struct landed *second, const char *topic,
                      const struct gw_json_file *file, const struct gw_json_path *path)
{
    const struct gw_loader *loader = l->loader;
    char one[400];
    char other[400];
    char place[300] = "";
    describe(l, first, one, sizeof one);
    describe(l, second, other, sizeof other);
    if (first->topic != GW_TOPIC_STATUS && first->outstation != second->outstation) {
        struct gw_source_path first_path;
        const struct gw_source *before = loader->outstation_of[first->outstation - 1];
        char where[280];
        gw_json_place_format(before->file, gw_source_path(before, &first_path), where,
                             sizeof where);
        snprintf(place, sizeof place, " (%s)", where);
    }
    gw_json_error(file, path, "%s lands on the topic of %s%s: %s", other, one, place, topic);
}

static void land(struct landing *l, struct landed landed)
{
    char topic[GW_TOPIC_MAX];
    char other[GW_TOPIC_MAX];
    struct gw_source_path path;
    const struct gw_source *source =
        landed.topic == GW_TOPIC_STATUS ? NULL : l->loader->outstation_of[landed.outstation - 1];
    const struct gw_json_file *file = source ? source->file : l->loader->files[0];
    const struct gw_json_path *where = source ? gw_source_path(source, &path) : NULL;
    const char *problem = write_topic(l, &landed, topic, sizeof topic) < 0
                              ? "a topic longer than 1023 octets"
                              : gw_topic_problem(topic);
    if (problem) {
        char what[400];
        describe(l, &landed, what, sizeof what);
        gw_json_error(file, where, "the topic of %s: %s", what, problem);
        return;
    }
    landed.hash = gw_hash_text(topic);
    size_t at = landed.hash & l->mask;
    for (; l->slots[at].outstation; at = (at + 1) & l->mask) {
        if (l->slots[at].hash == landed.hash &&
            write_topic(l, l->slots + at, other, sizeof other) >= 0 && strcmp(topic, other) == 0) {
            collision(l, l->slots + at, &landed, topic, file, where);
            return;
        }
    }
    l->slots[at] = landed;
}

/* A mapped point whose name is what an unmapped one would be called. */
static void check_default_names(const struct gw_loader *loader, size_t number)
{
    const struct gw_outstation_config *outstation = loader->outstations + number;
    const struct gw_mapping *mapping = outstation->mapping;
    const struct gw_source *source = loader->outstation_of[number];
    struct gw_source_path path;
    for (size_t i = 0; mapping->unmapped && i < mapping->point_count; i++) {
        const struct gw_map_point *point = mapping->points + i;
        char type[32] = "";
        const char *slash = strchr(point->name, '/');
        uint32_t index = 0;
        uint32_t last = 0;
        if (!slash || !gw_range_parse(slash + 1, &index, &last))
            continue;
        snprintf(type, sizeof type, "%.*s", (int)(slash - point->name), point->name);
        int other = dnp3_point_type_from_name(type);
        if (other < 0 || (other == point->type && index == point->index))
            continue;
        const struct gw_map_point *landed =
            gw_mapping_point(mapping, (enum dnp3_point_type)other, index);
        if (landed && gw_map_point_is_default(landed))
            gw_json_error(source->file, gw_source_path(source, &path),
                          "point \"%s\" lands on the topic of the unmapped %s %u", point->name,
                          type, index);
    }
}

/* Variables that a template needs and the outstation does not have. */
static bool has_vars(const struct landing *l, uint32_t number)
{
    static const char *const keys[] = {
#define X(name, key) key,
        GW_TOPIC_MAP(X)
#undef X
    };
    const struct gw_outstation_config *outstation = l->loader->outstations + number;
    const struct gw_source *source = l->loader->outstation_of[number];
    const struct gw_topics *topics = l->loader->config->topics;
    struct gw_source_path path;
    bool good = true;
    for (unsigned topic = GW_TOPIC_OUTSTATION_STATUS; topic < GW_TOPICS; topic++) {
        const char *names[GW_TOPIC_NAMES_MAX];
        size_t count = gw_topic_names(topics, (enum gw_topic)topic, names);
        for (size_t i = count - topics->var_count; i < count; i++) {
            size_t v = 0;
            while (v < outstation->var_count && strcmp(outstation->vars[v].name, names[i]) != 0)
                v++;
            if (v < outstation->var_count || !gw_template_requires(topics->templates[topic], i))
                continue;
            gw_json_error(source->file, gw_source_path(source, &path),
                          "\"vars\" has no \"%s\", which mqtt.topics.%s needs", names[i],
                          keys[topic]);
            good = false;
        }
    }
    return good;
}

static void land_outstation(struct landing *l, uint32_t number)
{
    if (!has_vars(l, number))
        return;
    const struct gw_mapping *mapping = l->loader->outstations[number].mapping;
    struct landed landed = {.outstation = number + 1};
    static const enum gw_topic single[] = {GW_TOPIC_OUTSTATION_STATUS, GW_TOPIC_META,
                                           GW_TOPIC_UNDECODED, GW_TOPIC_COMMAND};
    for (size_t i = 0; i < sizeof single / sizeof *single; i++) {
        landed.topic = (uint8_t)single[i];
        land(l, landed);
    }
    landed.topic = GW_TOPIC_POINT;
    for (landed.thing = 0; landed.thing < mapping->point_count; landed.thing++)
        land(l, landed);
    for (landed.thing = 0; landed.thing < mapping->control_count; landed.thing++) {
        landed.topic = GW_TOPIC_SET;
        land(l, landed);
        landed.topic = GW_TOPIC_RESULT;
        land(l, landed);
        landed.topic = GW_TOPIC_ARM;
        if (mapping->controls[landed.thing].arm_ms)
            land(l, landed);
    }
    check_default_names(l->loader, number);
}

void gw_check_topics(struct gw_loader *loader)
{
    size_t count = 1;
    for (size_t i = 0; i < loader->config->outstation_count; i++)
        count += 4 + loader->outstations[i].mapping->point_count +
                 3 * loader->outstations[i].mapping->control_count;
    size_t slots = 64;
    while (slots < count * 2)
        slots *= 2;
    struct landing landing = {.loader = loader, .mask = slots - 1};
    landing.slots = gw_memory_allocate(GW_OWNER_CONFIG, slots * sizeof *landing.slots);
    if (!landing.slots) {
        loader->arena->failed = true;
        return;
    }
    land(&landing, (struct landed){.outstation = 1, .topic = GW_TOPIC_STATUS});
    for (uint32_t i = 0; i < loader->config->outstation_count; i++)
        land_outstation(&landing, i);
    gw_memory_release(landing.slots);
}
