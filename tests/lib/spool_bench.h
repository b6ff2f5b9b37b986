/* SPDX-License-Identifier: Apache-2.0 */
/* A spool in a directory of its own and a loop, with what it calls back counted. */
#ifndef TESTS_SPOOL_BENCH_H
#define TESTS_SPOOL_BENCH_H

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "gateway/spool/spool.h"

enum { BENCH_TOKENS = 4096 };

struct spool_bench {
    char path[64];
    struct gw_spool_options options;
    struct gw_spool *spool;
    uv_loop_t loop;
    char why[GW_SPOOL_WHY];
    unsigned durable, not_safe, kept, not_kept, batches, changes;
    int error; /* of the last callback that had one */
    uint32_t token;
    int batch_error;
    bool stopped;
    void (*on_kept)(void *owner, uint32_t token, int error); /* told too; NULL: nobody */
};

static inline void bench_folder(struct spool_bench *bench)
{
    snprintf(bench->path, sizeof bench->path, "/tmp/dnp3-spool-XXXXXX");
    if (!mkdtemp(bench->path))
        abort();
}

static inline void bench_file(const struct spool_bench *bench, const char *name, char path[400])
{
    snprintf(path, 400, "%s/%s", bench->path, name);
}

static inline void bench_remove(const struct spool_bench *bench)
{
    char path[400];
    DIR *folder = opendir(bench->path);
    struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        bench_file(bench, entry->d_name, path);
        unlink(path);
    }
    if (folder)
        closedir(folder);
    rmdir(bench->path);
}

static inline void bench_durable(void *user, void *owner, uint32_t token, int error)
{
    struct spool_bench *bench = user;
    (void)owner;
    bench->durable += !error;
    bench->not_safe += error != 0;
    bench->token = token;
    if (error)
        bench->error = error;
}

static inline void bench_kept(void *user, void *owner, uint32_t token, int error)
{
    struct spool_bench *bench = user;
    if (bench->on_kept)
        bench->on_kept(owner, token, error);
    bench->kept += !error;
    bench->not_kept += error != 0;
    if (error)
        bench->error = error;
}

static inline void bench_batch(void *user, int error)
{
    struct spool_bench *bench = user;
    bench->batches++;
    bench->batch_error = error;
}

static inline void bench_changed(void *user)
{
    ((struct spool_bench *)user)->changes++;
}

static inline void bench_stopped(void *user)
{
    ((struct spool_bench *)user)->stopped = true;
}

/* Small and quick; callers change `options` before bench_open. */
static inline void bench_options(struct spool_bench *bench)
{
    gw_spool_options_default(&bench->options);
    bench->options.max_octets = GW_SPOOL_MIN_OCTETS;
    bench->options.group_ms = 5;
    bench->options.delete_ms = 10;
    bench->options.retry_min_ms = 1;
    bench->options.retry_max_ms = 20;
    bench->options.path = bench->path;
}

/* False with `why`. */
static inline bool bench_create(struct spool_bench *bench)
{
    static const struct gw_spool_callbacks callbacks = {bench_durable, bench_kept, bench_batch,
                                                        bench_changed};
    bench->durable = bench->not_safe = bench->kept = bench->not_kept = bench->batches = 0;
    bench->error = 0;
    bench->stopped = false;
    bench->spool = gw_spool_create(&bench->options, &callbacks, bench, bench->why);
    return bench->spool;
}

static inline bool bench_open(struct spool_bench *bench)
{
    if (!bench_create(bench))
        return false;
    uv_loop_init(&bench->loop);
    if (gw_spool_start(bench->spool, &bench->loop))
        abort();
    return true;
}

static inline void bench_close(struct spool_bench *bench)
{
    gw_spool_stop(bench->spool, bench_stopped);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    if (!bench->stopped || uv_loop_close(&bench->loop))
        abort();
    gw_spool_free(bench->spool);
    bench->spool = NULL;
}

/* Number `n` of a point: its payload says both. */
static inline int bench_put(struct spool_bench *bench, uint64_t point, unsigned n, size_t padding,
                            uint64_t *sequence)
{
    char topic[64];
    char payload[GW_SPOOL_RECORD_MAX];
    int topic_len = snprintf(topic, sizeof topic, "dnp3/north/r/point/%" PRIu64, point);
    int length = snprintf(payload, sizeof payload, "%" PRIu64 ":%u:", point, n);
    memset(payload + length, 'x', padding);
    struct gw_spool_message message = {.point = point,
                                       .id_start = 7,
                                       .id_count = n,
                                       .stored_ms = 1763719200123,
                                       .qos = 1,
                                       .retain = true,
                                       .topic = topic,
                                       .topic_len = (size_t)topic_len,
                                       .payload = payload,
                                       .payload_len = (size_t)length + padding};
    return gw_spool_put(bench->spool, &message, false, sequence);
}

/* A transaction of one message. */
static inline int bench_event(struct spool_bench *bench, uint64_t point, unsigned n, size_t padding,
                              uint64_t *sequence)
{
    gw_spool_begin(bench->spool, bench, n);
    bench_put(bench, point, n, padding, sequence);
    return gw_spool_commit(bench->spool);
}

static inline void bench_turn(struct spool_bench *bench)
{
    uv_run(&bench->loop, UV_RUN_ONCE);
}

/* Until all that was committed is answered. */
static inline void bench_settle(struct spool_bench *bench)
{
    struct gw_spool_state state;
    do {
        gw_spool_flush(bench->spool);
        gw_spool_state(bench->spool, &state);
        if (state.queue_used)
            bench_turn(bench);
    } while (state.queue_used);
}

/* The batch above `after`; how many records gw_spool_next will give is not known. */
static inline void bench_read(struct spool_bench *bench, uint64_t after)
{
    unsigned before = bench->batches;
    if (gw_spool_read(bench->spool, after))
        abort();
    while (bench->batches == before)
        bench_turn(bench);
}

#endif
