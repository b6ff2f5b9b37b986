/* SPDX-License-Identifier: Apache-2.0 */
/* An outstation on a bench: address 10, its master 1, virtual time, everything in hex. */
#ifndef TESTS_OUTSTATION_BENCH_H
#define TESTS_OUTSTATION_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "dnp3/outstation.h"
#include "tests/lib/wire.h"

#define BENCH_CLEAR_RESTART "C0 02 50 01 00 07 07 00"

struct bench {
    struct dnp3_outstation *outstation;
    struct wire master;
    uint64_t now;
    char text[3 * WIRE_OCTETS];
    /* What the callbacks saw and answer. */
    unsigned selects;
    unsigned operates;
    struct dnp3_command last;
    enum dnp3_operate_how how;
    enum dnp3_status answer;
    int64_t written_time;
    int64_t clock;
    int64_t restart_delay;
    unsigned restarts;
    struct dnp3_attribute attribute; /* the last that was written */
    bool refuses_attributes;
    unsigned strings;
    bool refuses_strings;
    unsigned confirmed; /* events */
    uint32_t confirmed_index;
};

static inline enum dnp3_status bench_select(void *user, const struct dnp3_command *command)
{
    struct bench *bench = user;
    bench->selects++;
    bench->last = *command;
    return command->index < 4 ? bench->answer : DNP3_STATUS_NOT_SUPPORTED;
}

static inline enum dnp3_status bench_operate(void *user, const struct dnp3_command *command,
                                             enum dnp3_operate_how how)
{
    struct bench *bench = user;
    bench->operates++;
    bench->last = *command;
    bench->how = how;
    return command->index < 4 ? bench->answer : DNP3_STATUS_NOT_SUPPORTED;
}

static inline void bench_write_time(void *user, int64_t time_ms)
{
    ((struct bench *)user)->written_time = time_ms;
}

static inline int64_t bench_time(void *user)
{
    return ((struct bench *)user)->clock;
}

static inline int64_t bench_restart(void *user, bool cold)
{
    struct bench *bench = user;
    bench->restarts++;
    return cold ? bench->restart_delay : -1;
}

static inline bool bench_write_attribute(void *user, const struct dnp3_attribute *attribute)
{
    struct bench *bench = user;
    bench->attribute = *attribute;
    return !bench->refuses_attributes;
}

static inline bool bench_write_string(void *user, const struct dnp3_point *string)
{
    struct bench *bench = user;
    assert_in_range(string->length, 1, 32);
    bench->strings++;
    return !bench->refuses_strings;
}

static inline void bench_event_confirmed(void *user, enum dnp3_point_type type,
                                         const struct dnp3_point *point)
{
    struct bench *bench = user;
    assert_in_range(type, 0, DNP3_POINT_TYPES - 1);
    bench->confirmed++;
    bench->confirmed_index = point->index;
}

static const struct dnp3_outstation_callbacks bench_callbacks = {
    .select = bench_select,
    .operate = bench_operate,
    .write_time = bench_write_time,
    .time = bench_time,
    .restart = bench_restart,
    .write_attribute = bench_write_attribute,
    .write_string = bench_write_string,
    .event_confirmed = bench_event_confirmed};

static inline struct dnp3_outstation_config bench_config(void)
{
    struct dnp3_outstation_config config;
    dnp3_outstation_config_default(&config);
    config.address = 10;
    config.database.count[DNP3_POINT_BINARY_INPUT] = 3;
    config.database.count[DNP3_POINT_ANALOG_INPUT] = 2;
    config.database.setup[DNP3_POINT_BINARY_INPUT].event_variation = 1;
    config.database.setup[DNP3_POINT_ANALOG_INPUT].event_variation = 2;
    config.database.setup[DNP3_POINT_ANALOG_INPUT].static_variation = 2;
    return config;
}

/* A connected outstation of other callbacks; its restart flag is set as after every start. */
static inline struct bench *bench_with(const struct dnp3_outstation_config *config,
                                       const struct dnp3_outstation_callbacks *callbacks)
{
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    wire_init(&bench->master, true, 1, 10);
    bench->now = 1000;
    bench->outstation = dnp3_outstation_create(&heap, bench->master.pool, config, callbacks, bench);
    assert_non_null(bench->outstation);
    dnp3_outstation_connected(bench->outstation, bench->now);
    return bench;
}

static inline struct bench *bench_of(const struct dnp3_outstation_config *config)
{
    return bench_with(config, &bench_callbacks);
}

static inline struct bench *bench_start(void)
{
    struct dnp3_outstation_config config = bench_config();
    return bench_of(&config);
}

static inline void bench_free(struct bench *bench)
{
    dnp3_outstation_free(bench->outstation);
    wire_free(&bench->master);
    free(bench);
}

/* The master sends a fragment, in hex, to the address that `bench->master.to` holds. */
static inline void bench_send(struct bench *bench, const char *hex)
{
    uint8_t fragment[DNP3_FRAGMENT_MAX];
    size_t length = wire_from_hex(hex, fragment);
    size_t octets = wire_frame(&bench->master, fragment, length);
    dnp3_outstation_feed(bench->outstation, bench->master.octets, octets, bench->now);
}

/* What the outstation says next, in hex; "" for nothing. */
static inline const char *bench_take(struct bench *bench)
{
    const uint8_t *octets;
    size_t length = dnp3_outstation_take(bench->outstation, &octets, bench->now);
    return wire_read(&bench->master, octets, length, bench->text);
}

/* The master asks, the outstation answers. */
static inline const char *bench_ask(struct bench *bench, const char *hex)
{
    bench_send(bench, hex);
    return bench_take(bench);
}

/* As after the master's startup: the restart flag is cleared. */
static inline struct bench *bench_ready_of(const struct dnp3_outstation_config *config)
{
    struct bench *bench = bench_of(config);
    bench_ask(bench, BENCH_CLEAR_RESTART);
    return bench;
}

static inline struct bench *bench_ready(void)
{
    struct dnp3_outstation_config config = bench_config();
    return bench_ready_of(&config);
}

static inline void bench_pass(struct bench *bench, uint64_t ms)
{
    bench->now += ms;
    dnp3_outstation_tick(bench->outstation, bench->now);
}

static inline void bench_update(struct bench *bench, enum dnp3_point_type type, uint32_t index,
                                double value)
{
    struct dnp3_point point = {.index = index, .number = value, .flags = DNP3_FLAG_ONLINE};
    dnp3_outstation_update(bench->outstation, type, &point, DNP3_EVENT_FORCE, bench->now);
}

#endif
