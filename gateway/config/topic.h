/* SPDX-License-Identifier: Apache-2.0 */
/* The topics of a configuration: where each thing is published, and what an incoming topic means.
 * Nothing here allocates; buffers of GW_TOPIC_MAX octets always suffice. */
#ifndef GW_TOPIC_H
#define GW_TOPIC_H

#include "gateway/base/template.h"
#include "gateway/config/config.h"

#define GW_TOPIC_MAP(X)                                                                            \
    X(STATUS, "status")                                                                            \
    X(OUTSTATION_STATUS, "outstation_status")                                                      \
    X(META, "meta")                                                                                \
    X(UNDECODED, "undecoded")                                                                      \
    X(POINT, "point")                                                                              \
    X(SET, "set")                                                                                  \
    X(ARM, "arm")                                                                                  \
    X(RESULT, "result")                                                                            \
    X(COMMAND, "command")

enum gw_topic {
#define X(name, text) GW_TOPIC_##name,
    GW_TOPIC_MAP(X)
#undef X
        GW_TOPICS
};

enum { GW_TOPIC_VARS_MAX = 32 }; /* variables in topic templates */

/* The compiled templates. Placeholders are numbered: prefix, gateway, outstation, then what the
 * topic itself has (point, type, index; or control; or command), then the variables. */
struct gw_topics {
    const char *prefix; /* expanded */
    struct gw_template *templates[GW_TOPICS];
    const char *const *vars; /* the variables that stand in a template */
    size_t var_count;
};
/* NULL is legal; the struct itself is the configuration's. */
void gw_topics_free(const struct gw_topics *topics);
/* Writes the placeholders' names of a topic into `names`, which has room for
 * GW_TOPIC_NAMES_MAX; returns their number. */
enum { GW_TOPIC_NAMES_MAX = GW_TOPIC_VARS_MAX + 6 };
size_t gw_topic_names(const struct gw_topics *topics, enum gw_topic topic, const char **names);

/* Each writes a topic with its NUL into `buffer` and returns its length, or DNP3_ERR_FULL. */

/* STATUS: the gateway's own. */
int gw_topic_gateway(const struct gw_config *config, char *buffer, size_t size);
/* OUTSTATION_STATUS, META, UNDECODED. */
int gw_topic_outstation(const struct gw_config *config, enum gw_topic topic,
                        const struct gw_outstation_config *outstation, char *buffer, size_t size);
/* POINT; `point` may be a default one, hence `index`. */
int gw_topic_point(const struct gw_config *config, const struct gw_outstation_config *outstation,
                   const struct gw_map_point *point, uint32_t index, char *buffer, size_t size);
/* SET, ARM, RESULT (`name` is a control's name, "arm/breaker" for the result of arming it, or
 * "command/integrity" for that of an outstation command), COMMAND (`name` is the command's word).
 */
int gw_topic_control(const struct gw_config *config, enum gw_topic topic,
                     const struct gw_outstation_config *outstation, const char *name, char *buffer,
                     size_t size);

/* One filter that covers a topic of every outstation: what to subscribe to for SET, ARM, COMMAND,
 * what to allow for the others. */
int gw_topic_filter(const struct gw_config *config, enum gw_topic topic, char *buffer, size_t size);

/* Reads an incoming topic of SET, ARM or COMMAND: the outstation, and the control's (or command's)
 * name written with its NUL into `name`; the name need not exist in the mapping. DNP3_ERR_UNKNOWN:
 * not such a topic, or no such outstation. */
int gw_topic_match(const struct gw_config *config, enum gw_topic topic, const char *text,
                   const struct gw_outstation_config **outstation, char *name, size_t size);

#endif
