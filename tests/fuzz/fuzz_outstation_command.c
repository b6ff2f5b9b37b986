/* SPDX-License-Identifier: Apache-2.0 */
/* Any payload on a command topic, twice: one result each, nothing is sent for a retained one or
 * where controls are off, and what writes is sent once. The first octet chooses the command, the
 * outstation and what surrounds the payload. */
#include "gateway/base/log.h"
#include "tests/lib/command_bench.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const words[] = {"integrity",    "freeze",       "freeze_clear", "time_sync",
                                    "restart_cold", "restart_warm", "deadband",     "events"};

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* One message and, where it acts, its end: how often it asked the outstation. */
static unsigned deliver(struct command_bench *bench, const struct gw_config *config,
                        const struct gw_mqtt_message *message)
{
    unsigned before = bench->host.operated + bench->synced;
    bench->host.published = 0;
    require(gw_commands_message(bench->commands, message));
    while (bench->request) {
        require(!message->retained && bench->request->expires_ms > bench->host.now_ms);
        command_bench_finish(bench, DNP3_OUTCOME_UNKNOWN, DNP3_REASON_NO_ANSWER, 0);
    }
    for (size_t i = 0; i < config->outstation_count; i++)
        gw_commands_time(bench->commands, &config->outstations[i], true);
    require(bench->host.published == 1);
    require(bench->host.payload[0] == '{' &&
            bench->host.payload[strlen(bench->host.payload) - 1] == '}');
    return bench->host.operated + bench->synced - before;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct command_bench bench;
    static struct gw_config *config;
    char topic[64];
    if (!config) {
        gw_log_configure(GW_LOG_ERROR, GW_LOG_LOGFMT);
        config = command_bench_config();
        command_bench_start(&bench, config, "/nonexistent/no-controls");
    }
    unsigned around = size ? data[0] : 0;
    const char *word = words[around & 7];
    bool off = around & 8;
    bool writes = strcmp(word, "integrity") != 0 && strcmp(word, "events") != 0;
    snprintf(topic, sizeof topic, "dnp3/north/%s/command/%s", off ? "r18" : "r17", word);
    const struct gw_mqtt_message message = {.topic = topic,
                                            .payload = (const char *)data + (size ? 1 : 0),
                                            .payload_len = size ? size - 1 : 0,
                                            .retained = around & 16,
                                            .response_topic = around & 32 ? "hmi/answers" : NULL,
                                            .correlation = around & 64 ? data : NULL,
                                            .correlation_len = around & 64 ? size : 0,
                                            .expiry_s = around & 128 ? 5 : UINT32_MAX};
    command_bench_pass(&bench, 120000);
    bench.host.wall_ms = 1763719200000;
    unsigned asked = deliver(&bench, config, &message);
    asked += deliver(&bench, config, &message);
    require(!(writes && off) || asked == 0);
    require(!writes || asked <= 1);
    return 0;
}
