/* SPDX-License-Identifier: Apache-2.0 */
/* Controls between a real configuration and a host that only writes down what it is asked, in
 * virtual time. Shared by the unit test and the fuzz target. */
#ifndef CONTROL_BENCH_H
#define CONTROL_BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/command/control.h"
#include "gateway/command/ledger_keeper.h"
#include "tests/lib/config_of.h"

struct control_bench {
    struct gw_ledger_keeper *keeper;
    struct gw_controls *controls;
    struct dnp3_command_request *request; /* the last one, until it is done */
    uint64_t now_ms;
    int64_t wall_ms;
    bool clock_trusted;
    int operate_error;
    unsigned operated, published;
    unsigned looked;                    /* for events, */
    const struct gw_map_point *look_at; /* and at this point, the last time */
    uint32_t receipt;                   /* of the last result */
    char topic[1100], payload[4096];
    char correlation[300];
    size_t correlation_length;
};

static inline int bench_operate(void *user, const struct gw_outstation_config *outstation,
                                struct dnp3_command_request *request)
{
    struct control_bench *bench = user;
    (void)outstation;
    bench->operated++;
    if (!bench->operate_error)
        bench->request = request;
    return bench->operate_error;
}

static inline void bench_look(void *user, const struct gw_outstation_config *outstation,
                              const struct gw_map_point *point)
{
    struct control_bench *bench = user;
    (void)outstation;
    bench->looked++;
    bench->look_at = point;
}

static inline void bench_publish(void *user, const char *topic, const char *payload, size_t length,
                                 const void *correlation, size_t correlation_length,
                                 uint32_t receipt)
{
    struct control_bench *bench = user;
    bench->published++;
    bench->receipt = receipt;
    snprintf(bench->topic, sizeof bench->topic, "%s", topic);
    snprintf(bench->payload, sizeof bench->payload, "%.*s", (int)length, payload);
    bench->correlation_length = correlation_length;
    if (correlation_length)
        memcpy(bench->correlation, correlation, correlation_length);
}

static inline uint64_t bench_steady(void *user)
{
    return ((struct control_bench *)user)->now_ms;
}

static inline int64_t bench_wall(void *user)
{
    return ((struct control_bench *)user)->wall_ms;
}

static inline bool bench_trusted(void *user)
{
    return ((struct control_bench *)user)->clock_trusted;
}

/* A configuration of two outstations with the same controls; the second one's are off. */
static inline struct gw_config *bench_config(void)
{
    static const char gateway[] =
        "{\"gateway\": \"north\", \"clock\": \"trusted\","
        " \"mqtt\": {\"url\": \"mqtt://127.0.0.1:1883\"},"
        " \"outstations\": ["
        "  {\"name\": \"r17\", \"connect\": \"tcp://127.0.0.1:1\", \"address\": 10,"
        "   \"mapping\": \"recloser.json\"},"
        "  {\"name\": \"r18\", \"connect\": \"tcp://127.0.0.1:1\", \"address\": 11,"
        "   \"mapping\": \"recloser.json\", \"controls\": false}]}";
    static const char mapping[] =
        "{\"device\": \"recloser\","
        " \"points\": ["
        "  {\"name\": \"breaker\", \"type\": \"double_bit_input\", \"index\": 0,"
        "   \"states\": {\"off\": \"open\", \"on\": \"closed\"}},"
        "  {\"name\": \"level\", \"type\": \"analog_output_status\", \"index\": 4, "
        "   \"scale\": 0.1}],"
        " \"controls\": ["
        "  {\"name\": \"breaker\", \"type\": \"binary_output\", \"index\": 0, "
        "   \"states\": {\"open\": {\"operation\": \"pulse_on\", \"trip_close\": \"trip\"},"
        "                \"close\": {\"operation\": \"pulse_on\", \"trip_close\": \"close\"}},"
        "   \"feedback\": {\"point\": \"breaker\","
        "                  \"expect\": {\"open\": \"open\", \"close\": \"closed\"}}},"
        "  {\"name\": \"strict\", \"type\": \"binary_output\", \"index\": 1,"
        "   \"require\": [\"id\", \"expires\"],"
        "   \"states\": {\"on\": {\"operation\": \"latch_on\"}}},"
        "  {\"name\": \"guarded\", \"type\": \"binary_output\", \"index\": 3, \"arm_s\": 20,"
        "   \"max_age_s\": 60, \"states\": {\"on\": {\"operation\": \"latch_on\"}}},"
        "  {\"name\": \"plain\", \"type\": \"binary_output\", \"index\": 2,"
        "   \"mode\": \"direct_operate\", \"max_per_minute\": 3, \"poll_after\": false,"
        "   \"states\": {\"on\": {\"operation\": \"latch_on\"},"
        "                \"off\": {\"operation\": \"latch_off\"}}},"
        "  {\"name\": \"level\", \"type\": \"analog_output\", \"index\": 4,"
        "   \"encoding\": \"int16\", \"scale\": 0.1, \"min\": -10, \"max\": 100,"
        "   \"max_per_minute\": 1000, \"feedback\": {\"point\": \"level\"}}]}";
    return config_of(gateway, "recloser.json", mapping);
}

static inline struct gw_controls_host bench_calls(const char *switch_file)
{
    return (struct gw_controls_host){.operate = bench_operate,
                                     .look = bench_look,
                                     .publish = bench_publish,
                                     .steady_ms = bench_steady,
                                     .wall_ms = bench_wall,
                                     .clock_trusted = bench_trusted,
                                     .switch_file = switch_file};
}

static inline void bench_start(struct control_bench *bench, const struct gw_config *config,
                               const char *switch_file)
{
    const struct gw_controls_host host = bench_calls(switch_file);
    const struct gw_ledger_clocks clocks = {bench_steady, bench_wall, bench};
    *bench =
        (struct control_bench){.now_ms = 5000, .wall_ms = 1763719200000, .clock_trusted = true};
    bench->keeper = gw_ledger_keeper_create(GW_LEDGER_IDS, &clocks);
    bench->controls = gw_controls_create(config, bench->keeper, &host, bench);
    if (!bench->keeper || !bench->controls)
        abort();
}

static inline void bench_stop(struct control_bench *bench)
{
    gw_controls_free(bench->controls);
    gw_ledger_keeper_free(bench->keeper);
}

/* The library's end of a request. */
static inline void bench_finish(struct control_bench *bench, enum dnp3_command_outcome outcome,
                                enum dnp3_command_stage stage, enum dnp3_command_reason reason,
                                unsigned status)
{
    struct dnp3_command_request *request = bench->request;
    bench->request = NULL;
    request->outcome = outcome;
    request->stage = stage;
    request->reason = reason;
    request->commands[0].status = (uint8_t)status;
    request->done(request);
}

static inline void bench_pass(struct control_bench *bench, uint64_t ms)
{
    bench->now_ms += ms;
    bench->wall_ms += (int64_t)ms;
    gw_controls_tick(bench->controls, bench->now_ms);
}

#endif
