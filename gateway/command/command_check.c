/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/command/command_check.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "gateway/config/topic.h"

enum gw_verdict gw_command_check_switches(const struct gw_config *config,
                                          const struct gw_outstation_config *outstation,
                                          const char *switch_file, const char **detail)
{
    if (!config->controls || !outstation->controls) {
        *detail = "\"controls\": false stands in the configuration";
        return GW_VERDICT_INHIBITED;
    }
    /* A switch that cannot be read counts as set. */
    if (access(switch_file, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR)) {
        *detail = "the file no-controls is there";
        return GW_VERDICT_INHIBITED;
    }
    return GW_VERDICT_OK;
}

enum gw_verdict gw_command_check_clock(const struct gw_command_message *message,
                                       const struct gw_command_moment *moment, const char **detail)
{
    if (!message->expires_ms && !message->time_ms)
        return GW_VERDICT_OK;
    if (!moment->clock_trusted) {
        *detail = "the command carries a time and this host's clock is not synchronized";
        return GW_VERDICT_CLOCK;
    }
    if (message->time_ms - moment->wall_ms > moment->max_age_ms) {
        *detail = "the command's time lies in the future: the clocks differ";
        return GW_VERDICT_CLOCK;
    }
    return GW_VERDICT_OK;
}

static uint64_t earlier(uint64_t deadline_ms, uint64_t now_ms, int64_t left_ms)
{
    uint64_t by = now_ms + (uint64_t)(left_ms > 0 ? left_ms : 0);
    return by < deadline_ms ? by : deadline_ms;
}

enum gw_verdict gw_command_check_expiry(const struct gw_command_message *message, uint32_t expiry_s,
                                        const struct gw_command_moment *moment,
                                        uint64_t *deadline_ms)
{
    uint64_t now = moment->now_ms;
    uint64_t by = now + moment->max_age_ms;
    if (message->expires_ms)
        by = earlier(by, now, message->expires_ms - moment->wall_ms);
    if (expiry_s != UINT32_MAX)
        by = earlier(by, now, (int64_t)expiry_s * 1000);
    if (message->time_ms)
        by = earlier(by, now, message->time_ms + moment->max_age_ms - moment->wall_ms);
    *deadline_ms = by;
    return by > now ? GW_VERDICT_OK : GW_VERDICT_EXPIRED;
}

/* The length of a topic up to and with its last slash. */
static size_t stem_length(const char *topic)
{
    const char *slash = strrchr(topic, '/');
    return slash ? (size_t)(slash - topic) + 1 : 0;
}

static bool starts_with(const char *text, const char *stem, size_t length)
{
    return length && strncmp(text, stem, length) == 0;
}

/* A result published on our own topics at a stranger's wish could be taken for a point, or come
 * back to us as a command. */
const char *gw_command_response_problem(const struct gw_config *config,
                                        const struct gw_outstation_config *outstation,
                                        const char *result, const struct gw_mqtt_message *message)
{
    const char *topic = message->response_topic;
    const struct gw_outstation_config *other;
    char buffer[GW_TOPIC_MAX];
    if (!topic)
        return NULL;
    if (strlen(topic) >= GW_COMMAND_REPLY_MAX)
        return "the response topic is longer than 255 octets";
    if (gw_topic_problem(topic))
        return gw_topic_problem(topic);
    if (!gw_topic_match(config, GW_TOPIC_SET, topic, &other, buffer, sizeof buffer) ||
        !gw_topic_match(config, GW_TOPIC_ARM, topic, &other, buffer, sizeof buffer) ||
        !gw_topic_match(config, GW_TOPIC_COMMAND, topic, &other, buffer, sizeof buffer))
        return "the response topic is a command topic";
    if (result &&
        gw_topic_control(config, GW_TOPIC_RESULT, outstation, result, buffer, sizeof buffer) > 0 &&
        starts_with(topic, buffer, stem_length(buffer)))
        return NULL;
    if (gw_topic_gateway(config, buffer, sizeof buffer) > 0 &&
        starts_with(topic, buffer, stem_length(buffer)))
        return "the response topic is one of the gateway's own: use one outside, or under result/";
    return NULL;
}

const char *gw_command_reply_problem(const struct gw_config *config,
                                     const struct gw_outstation_config *outstation,
                                     const char *result, const struct gw_mqtt_message *message)
{
    if (message->correlation_len > GW_COMMAND_REPLY_MAX)
        return "the correlation data is longer than 256 octets";
    return gw_command_response_problem(config, outstation, result, message);
}
