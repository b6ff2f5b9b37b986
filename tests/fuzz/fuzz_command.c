/* SPDX-License-Identifier: Apache-2.0 */
/* Any payload on a set topic, twice: at most one operate for both, one result each; and on an arm
 * topic, which operates nothing. The first octet chooses the control and what surrounds the
 * payload. */
#include "gateway/base/log.h"
#include "tests/lib/control_bench.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* One message and, where it operates, its end. */
static void deliver(struct control_bench *bench, const struct gw_mqtt_message *message)
{
    unsigned operated = bench->operated;
    bench->published = 0;
    require(gw_controls_message(bench->controls, message));
    require(bench->operated - operated <= 1 && bench->published <= 1);
    require((bench->operated > operated) == (bench->published == 0));
    if (bench->request) {
        require(!message->retained && bench->request->expires_ms > bench->now_ms);
        require(bench->request->expires_ms <= bench->now_ms + 10000);
        bench_finish(bench, DNP3_OUTCOME_UNKNOWN, DNP3_STAGE_OPERATE, DNP3_REASON_NO_ANSWER, 127);
    }
    require(bench->published == 1);
    require(bench->payload[0] == '{' && bench->payload[strlen(bench->payload) - 1] == '}');
}

/* The payload arms nothing by accident, and commands what another message has armed only with that
 * one's id. */
static void deliver_armed(struct control_bench *bench, struct gw_mqtt_message message)
{
    struct gw_mqtt_message arming = {.topic = "dnp3/north/r17/arm/guarded",
                                     .payload = "{\"id\":\"a\"}",
                                     .payload_len = 10,
                                     .expiry_s = UINT32_MAX};
    unsigned operated = bench->operated;
    message.topic = arming.topic;
    bench->published = 0;
    require(gw_controls_message(bench->controls, &message));
    require(bench->published == 1 && bench->operated == operated);
    require(gw_controls_message(bench->controls, &arming));
    require(strstr(bench->payload, "\"outcome\":\"done\""));
    message.topic = "dnp3/north/r17/set/guarded";
    require(gw_controls_message(bench->controls, &message));
    require(bench->published == (bench->operated > operated ? 2 : 3));
    if (bench->request)
        bench_finish(bench, DNP3_OUTCOME_DONE, DNP3_STAGE_OPERATE, DNP3_REASON_OK, 0);
    require(bench->operated == operated || strstr(bench->payload, "{\"id\":\"a\","));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const topics[] = {"dnp3/north/r17/set/breaker", "dnp3/north/r17/set/strict",
                                         "dnp3/north/r17/set/plain", "dnp3/north/r17/set/level"};
    static struct control_bench bench;
    if (!bench.controls) {
        gw_log_configure(GW_LOG_ERROR, GW_LOG_LOGFMT);
        bench_start(&bench, bench_config(), "/nonexistent/no-controls");
    }
    unsigned around = size ? data[0] : 0;
    const struct gw_mqtt_message message = {.topic = topics[around & 3],
                                            .payload = (const char *)data + (size ? 1 : 0),
                                            .payload_len = size ? size - 1 : 0,
                                            .retained = around & 4,
                                            .response_topic = around & 8 ? "hmi/answers" : NULL,
                                            .correlation = around & 16 ? data : NULL,
                                            .correlation_len = around & 16 ? size : 0,
                                            .expiry_s = around & 32 ? 5 : UINT32_MAX};
    unsigned before = bench.operated;
    bench_pass(&bench, 120000);
    bench.wall_ms = 1763719200000;
    deliver(&bench, &message);
    deliver(&bench, &message);
    require(bench.operated - before <= 1);
    if (around & 64)
        deliver_armed(&bench, message);
    return 0;
}
