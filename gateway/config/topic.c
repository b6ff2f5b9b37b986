/* SPDX-License-Identifier: Apache-2.0 */
/* Expanding and recognising topics. An incoming one is recognised by expanding what it would have
 * to be: any template can be read back this way. */
#include "gateway/config/topic.h"

#include <stdio.h>
#include <string.h>

#include "dnp3/error.h"

enum { COMMON = 3 }; /* prefix, gateway, outstation */

/* What a topic has of its own, in the order of its placeholders. */
static const struct {
    size_t count;
    const char *names[3];
} own[GW_TOPICS] = {
    [GW_TOPIC_POINT] = {3, {"point", "type", "index"}},
    [GW_TOPIC_SET] = {1, {"control"}},
    [GW_TOPIC_ARM] = {1, {"control"}},
    [GW_TOPIC_RESULT] = {1, {"control"}},
    [GW_TOPIC_COMMAND] = {1, {"command"}},
};

void gw_topics_free(const struct gw_topics *topics)
{
    if (!topics)
        return;
    for (size_t i = 0; i < GW_TOPICS; i++)
        gw_template_free(topics->templates[i]);
}

size_t gw_topic_names(const struct gw_topics *topics, enum gw_topic topic, const char **names)
{
    size_t count = 0;
    names[count++] = "prefix";
    names[count++] = "gateway";
    if (topic == GW_TOPIC_STATUS)
        return count;
    names[count++] = "outstation";
    for (size_t i = 0; i < own[topic].count; i++)
        names[count++] = own[topic].names[i];
    for (size_t i = 0; i < topics->var_count; i++)
        names[count++] = topics->vars[i];
    return count;
}

static const char *value_of(const struct gw_outstation_config *outstation, const char *name)
{
    for (size_t i = 0; i < outstation->var_count; i++)
        if (strcmp(outstation->vars[i].name, name) == 0)
            return outstation->vars[i].value;
    return NULL;
}

static int expand(const struct gw_config *config, enum gw_topic topic,
                  const struct gw_outstation_config *outstation, const char *const *of_own,
                  char *buffer, size_t size)
{
    const struct gw_topics *topics = config->topics;
    const char *values[GW_TOPIC_NAMES_MAX] = {topics->prefix, config->gateway};
    size_t at = COMMON;
    if (outstation) {
        values[2] = outstation->name;
        for (size_t i = 0; i < own[topic].count; i++)
            values[at++] = of_own[i];
        for (size_t i = 0; i < topics->var_count; i++)
            values[at++] = value_of(outstation, topics->vars[i]);
    }
    return gw_template_expand(topics->templates[topic], values, buffer, size);
}

int gw_topic_gateway(const struct gw_config *config, char *buffer, size_t size)
{
    return expand(config, GW_TOPIC_STATUS, NULL, NULL, buffer, size);
}

int gw_topic_outstation(const struct gw_config *config, enum gw_topic topic,
                        const struct gw_outstation_config *outstation, char *buffer, size_t size)
{
    return expand(config, topic, outstation, NULL, buffer, size);
}

int gw_topic_point(const struct gw_config *config, const struct gw_outstation_config *outstation,
                   const struct gw_map_point *point, uint32_t index, char *buffer, size_t size)
{
    char name[48];
    char number[12];
    const char *values[] = {gw_map_point_name(point, index, name, sizeof name),
                            dnp3_point_type_name((enum dnp3_point_type)point->type), number};
    snprintf(number, sizeof number, "%u", index);
    return expand(config, GW_TOPIC_POINT, outstation, values, buffer, size);
}

int gw_topic_control(const struct gw_config *config, enum gw_topic topic,
                     const struct gw_outstation_config *outstation, const char *name, char *buffer,
                     size_t size)
{
    return expand(config, topic, outstation, &name, buffer, size);
}

/* What stands in a topic for what differs between outstations, and for what may have levels. */
enum { ANY = '\x01', REST = '\x02' };

static int expand_marks(const struct gw_config *config, enum gw_topic topic, char *text,
                        size_t size)
{
    static const char any[] = {ANY, '\0'};
    static const char rest[] = {REST, '\0'};
    const struct gw_topics *topics = config->topics;
    const struct gw_template *template = topics->templates[topic];
    const char *values[GW_TOPIC_NAMES_MAX] = {topics->prefix, config->gateway, any};
    size_t at = COMMON;
    for (size_t i = 0; i < own[topic].count; i++)
        values[at++] = i ? any : rest;
    for (size_t i = 0; topic != GW_TOPIC_STATUS && i < topics->var_count; i++, at++) {
        /* A variable in brackets may vanish with its level: the rest is then unknown. */
        bool vanishes = gw_template_uses(template, at) && !gw_template_requires(template, at);
        values[at] = vanishes ? rest : any;
    }
    return gw_template_expand(template, values, text, size);
}

/* A filter: + for what differs between outstations, # for the control (or point), which may have
 * levels and ends the filter. A level that a placeholder only shares with other text becomes + as a
 * whole. */
int gw_topic_filter(const struct gw_config *config, enum gw_topic topic, char *buffer, size_t size)
{
    char text[GW_TOPIC_MAX];
    size_t used = 0;
    if (expand_marks(config, topic, text, sizeof text) < 0)
        return DNP3_ERR_FULL;
    for (const char *level = text;;) {
        size_t length = strcspn(level, "/");
        bool last = level[length] == '\0';
        const char *shown = level;
        if (memchr(level, REST, length)) {
            shown = "#";
            last = true;
        } else if (memchr(level, ANY, length)) {
            shown = "+";
        }
        size_t shown_length = shown == level ? length : 1;
        if (used + shown_length + 2 > size)
            return DNP3_ERR_FULL;
        memcpy(buffer + used, shown, shown_length);
        used += shown_length;
        if (last)
            break;
        buffer[used++] = '/';
        level += length + 1;
    }
    buffer[used] = '\0';
    return (int)used;
}

/* Whether `text` is this outstation's topic, for which name. */
static bool is_topic_of(const struct gw_config *config, enum gw_topic topic,
                        const struct gw_outstation_config *outstation, const char *text, char *name,
                        size_t size)
{
    char expected[GW_TOPIC_MAX];
    int length = gw_topic_control(config, topic, outstation, "\x01", expected, sizeof expected);
    const char *hole = length > 0 ? strchr(expected, '\x01') : NULL;
    size_t text_length = strlen(text);
    if (!hole)
        return false;
    size_t before = (size_t)(hole - expected);
    size_t behind = (size_t)length - before - 1;
    if (text_length <= before + behind || memcmp(text, expected, before) != 0 ||
        memcmp(text + text_length - behind, hole + 1, behind) != 0)
        return false;
    size_t name_length = text_length - before - behind;
    if (name_length >= size || memchr(text + before, '\x01', name_length))
        return false;
    memcpy(name, text + before, name_length);
    name[name_length] = '\0';
    return true;
}

int gw_topic_match(const struct gw_config *config, enum gw_topic topic, const char *text,
                   const struct gw_outstation_config **outstation, char *name, size_t size)
{
    for (const char *level = text; level;
         level = strchr(level, '/') ? strchr(level, '/') + 1 : NULL) {
        *outstation = gw_config_outstation(config, level, strcspn(level, "/"));
        if (*outstation && is_topic_of(config, topic, *outstation, text, name, size))
            return DNP3_OK;
    }
    *outstation = NULL;
    return DNP3_ERR_UNKNOWN;
}
