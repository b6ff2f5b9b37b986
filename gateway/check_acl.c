/* SPDX-License-Identifier: Apache-2.0 */
/* MQTT does not say who published: who may command is the broker's affair. This prints the file
 * with which mosquitto keeps readers from operating. */
#include "gateway/check.h"
#include "gateway/config/topic.h"

static void allow(FILE *out, const struct gw_config *config, const char *what, enum gw_topic topic)
{
    char filter[GW_TOPIC_MAX];
    if (gw_topic_filter(config, topic, filter, sizeof filter) > 0)
        fprintf(out, "topic %s %s\n", what, filter);
}

static void allow_all(FILE *out, const struct gw_config *config, const char *what,
                      const enum gw_topic *topics, size_t count)
{
    for (size_t i = 0; i < count; i++)
        allow(out, config, what, topics[i]);
}

void gw_check_print_acl(FILE *out, const struct gw_config *config)
{
    static const enum gw_topic told[] = {GW_TOPIC_STATUS, GW_TOPIC_OUTSTATION_STATUS,
                                         GW_TOPIC_META,   GW_TOPIC_UNDECODED,
                                         GW_TOPIC_POINT,  GW_TOPIC_RESULT};
    static const enum gw_topic commanded[] = {GW_TOPIC_SET, GW_TOPIC_ARM, GW_TOPIC_COMMAND};
    const size_t told_count = sizeof told / sizeof *told;
    const size_t commanded_count = sizeof commanded / sizeof *commanded;
    const char *user = config->mqtt.username;
    fprintf(
        out,
        "# Access of gateway %s, its readers and operators: for mosquitto's acl_file, beside a\n"
        "# password_file and \"allow_anonymous false\". Rename the users as you like.\n"
        "# Whoever wants results on response topics of their own lets the gateway write there.\n",
        config->gateway);
    fprintf(out, "\n# The gateway%s\nuser %s\n",
            user ? "" : ": its mqtt.username, which the configuration lacks",
            user ? user : config->gateway);
    allow_all(out, config, "write", told, told_count);
    allow(out, config, "read", GW_TOPIC_STATUS);
    allow_all(out, config, "read", commanded, commanded_count);
    fputs("\n# Sees everything, commands nothing\nuser reader\n", out);
    allow_all(out, config, "read", told, told_count);
    fputs("\n# Sees everything, and commands\nuser operator\n", out);
    allow_all(out, config, "read", told, told_count);
    allow_all(out, config, "write", commanded, commanded_count);
}
