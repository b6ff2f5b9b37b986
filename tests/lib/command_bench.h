/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of outstations between a real configuration and a host that only writes down what it is
 * asked, in virtual time. Shared by the unit tests and the fuzz target. */
#ifndef COMMAND_BENCH_H
#define COMMAND_BENCH_H

#include "gateway/command/command.h"
#include "gateway/command/command_message.h"
#include "tests/lib/config_of.h"
#include "tests/lib/control_bench.h"

struct command_bench {
    struct control_bench host; /* clock, what was published; stands first */
    struct gw_commands *commands;
    struct dnp3_request *request; /* the last one, until it is done */
    struct dnp3_file_transfer *file;
    struct dnp3_broadcast *broadcast; /* the same */
    unsigned synced;
    uint32_t decoded_ms; /* 0: not asked for */
    bool takes_events;
};

static inline int command_bench_request(void *user, const struct gw_outstation_config *outstation,
                                        struct dnp3_request *request)
{
    struct command_bench *bench = user;
    (void)outstation;
    bench->host.operated++;
    if (!bench->host.operate_error)
        bench->request = request;
    return bench->host.operate_error;
}

static inline int command_bench_file(void *user, const struct gw_outstation_config *outstation,
                                     struct dnp3_file_transfer *transfer)
{
    struct command_bench *bench = user;
    (void)outstation;
    bench->host.operated++;
    if (!bench->host.operate_error)
        bench->file = transfer;
    return bench->host.operate_error;
}

static inline int command_bench_broadcast(void *user, const struct gw_outstation_config *outstation,
                                          struct dnp3_broadcast *broadcast)
{
    struct command_bench *bench = user;
    (void)outstation;
    bench->host.operated++;
    if (!bench->host.operate_error)
        bench->broadcast = broadcast;
    return bench->host.operate_error;
}

static inline int command_bench_sync_time(void *user, const struct gw_outstation_config *outstation)
{
    struct command_bench *bench = user;
    (void)outstation;
    bench->synced++;
    return bench->host.operate_error;
}

static inline int command_bench_decode(void *user, const struct gw_outstation_config *outstation,
                                       uint32_t for_ms)
{
    struct command_bench *bench = user;
    (void)outstation;
    bench->decoded_ms = for_ms;
    return bench->host.operate_error;
}

static inline bool command_bench_takes_events(void *user,
                                              const struct gw_outstation_config *outstation)
{
    (void)outstation;
    return ((struct command_bench *)user)->takes_events;
}

/* r17 takes every command, r18 too but its controls are off, r19 takes those of the default, r20
 * has no mapping and no time, r21 a clock an hour ahead; b1 and b2 share a line that takes
 * broadcasts, m1 and m2 one where m2 does not. */
static inline struct gw_config *command_bench_config(void)
{
    static const char text[] =
        "{\"gateway\": \"north\", \"clock\": \"trusted\","
        " \"mqtt\": {\"url\": \"mqtt://127.0.0.1:1883\"},"
        " \"profiles\": {\"all\": {\"commands\": [\"integrity\", \"events\","
        "  \"time_sync\", \"freeze\", \"freeze_clear\", \"restart_cold\", \"restart_warm\","
        "  \"deadband\", \"file\", \"attributes\", \"decode\"]}},"
        " \"channels\": ["
        "  {\"name\": \"bus\", \"type\": \"tcp\", \"endpoints\": [\"127.0.0.1:2\"],"
        "   \"broadcast\": true},"
        "  {\"name\": \"mixed\", \"type\": \"tcp\", \"endpoints\": [\"127.0.0.1:3\"],"
        "   \"broadcast\": true}],"
        " \"outstations\": ["
        "  {\"name\": \"r17\", \"connect\": \"tcp://127.0.0.1:1\", \"address\": 10,"
        "   \"profile\": \"all\", \"mapping\": \"meter.json\"},"
        "  {\"name\": \"r18\", \"connect\": \"tcp://127.0.0.1:1\", \"address\": 11,"
        "   \"profile\": \"all\", \"mapping\": \"meter.json\", \"controls\": false},"
        "  {\"name\": \"r19\", \"connect\": \"tcp://127.0.0.1:1\", \"address\": 12,"
        "   \"time_sync\": \"none\"},"
        "  {\"name\": \"r20\", \"connect\": \"tcp://127.0.0.1:1\", \"address\": 13,"
        "   \"profile\": \"all\", \"time_sync\": \"none\"},"
        "  {\"name\": \"r21\", \"connect\": \"tcp://127.0.0.1:1\", \"address\": 14,"
        "   \"profile\": \"all\", \"time_zone\": \"<+01>-1\"},"
        "  {\"name\": \"b1\", \"channel\": \"bus\", \"address\": 1, \"profile\": \"all\"},"
        "  {\"name\": \"b2\", \"channel\": \"bus\", \"address\": 2, \"profile\": \"all\"},"
        "  {\"name\": \"b3\", \"channel\": \"bus\", \"address\": 3, \"enabled\": false},"
        "  {\"name\": \"m1\", \"channel\": \"mixed\", \"address\": 1, \"profile\": \"all\"},"
        "  {\"name\": \"m2\", \"channel\": \"mixed\", \"address\": 2, \"profile\": \"all\","
        "   \"controls\": false}]}";
    static const char mapping[] =
        "{\"device\": \"meter\", \"points\": ["
        " {\"name\": \"current-a\", \"type\": \"analog_input\", \"index\": 4, \"scale\": 0.1},"
        " {\"name\": \"energy\", \"type\": \"counter\", \"index\": 0}]}";
    return config_of(text, "meter.json", mapping);
}

static inline struct gw_commands_host command_bench_calls(const char *switch_file)
{
    return (struct gw_commands_host){.request = command_bench_request,
                                     .file = command_bench_file,
                                     .broadcast = command_bench_broadcast,
                                     .sync_time = command_bench_sync_time,
                                     .decode = command_bench_decode,
                                     .takes_events = command_bench_takes_events,
                                     .publish = bench_publish,
                                     .steady_ms = bench_steady,
                                     .wall_ms = bench_wall,
                                     .clock_trusted = bench_trusted,
                                     .switch_file = switch_file};
}

static inline void command_bench_start(struct command_bench *bench, const struct gw_config *config,
                                       const char *switch_file)
{
    const struct gw_commands_host host = command_bench_calls(switch_file);
    *bench = (struct command_bench){
        .host = {.now_ms = 5000, .wall_ms = 1763719200000, .clock_trusted = true},
        .takes_events = true};
    const struct gw_ledger_clocks clocks = {bench_steady, bench_wall, bench};
    bench->host.keeper = gw_ledger_keeper_create(100, &clocks);
    bench->commands = gw_commands_create(config, bench->host.keeper, &host, bench);
    if (!bench->host.keeper || !bench->commands)
        abort();
}

static inline void command_bench_stop(struct command_bench *bench)
{
    gw_commands_free(bench->commands);
    gw_ledger_keeper_free(bench->host.keeper);
}

/* A broadcast left. */
static inline void command_bench_leave(struct command_bench *bench)
{
    struct dnp3_broadcast *broadcast = bench->broadcast;
    bench->broadcast = NULL;
    broadcast->outcome = DNP3_OUTCOME_UNKNOWN;
    broadcast->reason = DNP3_REASON_NO_ACK;
    broadcast->done(broadcast);
}

/* The library's end of a request. */
static inline void command_bench_finish(struct command_bench *bench,
                                        enum dnp3_command_outcome outcome,
                                        enum dnp3_command_reason reason, uint16_t iin)
{
    struct dnp3_request *request = bench->request;
    bench->request = NULL;
    request->outcome = outcome;
    request->reason = reason;
    request->iin = iin;
    request->done(request);
}

static inline void command_bench_finish_file(struct command_bench *bench,
                                             enum dnp3_command_outcome outcome,
                                             enum dnp3_command_reason reason,
                                             enum dnp3_function function, uint8_t status)
{
    struct dnp3_file_transfer *file = bench->file;
    bench->file = NULL;
    file->outcome = outcome;
    file->reason = reason;
    file->function = (uint8_t)function;
    file->status = status;
    file->done(file);
}

static inline void command_bench_pass(struct command_bench *bench, uint64_t ms)
{
    bench->host.now_ms += ms;
    bench->host.wall_ms += (int64_t)ms;
}

#endif
