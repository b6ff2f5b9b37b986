/* SPDX-License-Identifier: Apache-2.0 */
/* Events a second that the spool commits, in groups of 100 and in groups as they come when it is
 * offered more than it can take; each event is deleted when a thousand more are durable, as while a
 * slow broker acknowledges. And how often that disk can be waited for at all, which bounds the
 * first of them. Prints JSON lines.
 *
 *   bench_spool                      in a directory of its own under TMPDIR, two seconds each
 *   bench_spool DIRECTORY MESSAGES   there, one group at a time; prints their number and octets
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "gateway/spool/spool.h"

enum { GROUP = 100, LAG = 1000, POINTS = 64, GOAL = 100000, SECONDS = 2, SENT = 1 << 16 };

static const char payload[] =
    "{\"value\":124.7,\"unit\":\"A\",\"quality\":\"good\",\"flags\":[],\"time\":1763719200123,"
    "\"time_source\":\"outstation\",\"received\":1763719200181,\"source\":\"event\","
    "\"id\":\"6920a1b0-48216\"}";

struct bench {
    struct gw_spool *spool;
    uv_loop_t loop;
    uint64_t put, durable, deleted;
    uint64_t octets; /* of topics and payloads */
    uint64_t sequences[SENT];
    bool failed;
};

static void on_durable(void *user, void *owner, uint32_t token, int error)
{
    struct bench *bench = user;
    (void)owner;
    bench->failed = bench->failed || error;
    bench->durable += token;
}

static void on_kept(void *user, void *owner, uint32_t token, int error)
{
    (void)user;
    (void)owner;
    (void)token;
    (void)error;
}

static void on_batch(void *user, int error)
{
    (void)user;
    (void)error;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* One transaction of a group, as from a fragment. False where there is no room now. */
static bool put_group(struct bench *bench)
{
    char topic[64];
    uint64_t octets = 0;
    gw_spool_begin(bench->spool, bench, GROUP);
    for (uint64_t i = bench->put; i < bench->put + GROUP; i++) {
        int length = snprintf(topic, sizeof topic, "dnp3/north/recloser-%u/point/current-a",
                              (unsigned)(i % POINTS));
        struct gw_spool_message message = {.point = i % POINTS,
                                           .id_start = 1,
                                           .id_count = i,
                                           .qos = 1,
                                           .retain = true,
                                           .topic = topic,
                                           .topic_len = (size_t)length,
                                           .payload = payload,
                                           .payload_len = sizeof payload - 1};
        gw_spool_put(bench->spool, &message, false, &bench->sequences[i % SENT]);
        octets += (uint64_t)length + sizeof payload - 1;
    }
    if (gw_spool_commit(bench->spool))
        return false;
    bench->put += GROUP;
    bench->octets += octets;
    return true;
}

static void delete_old(struct bench *bench, uint64_t lag)
{
    for (; bench->deleted + lag < bench->durable; bench->deleted++)
        if (gw_spool_delete(bench->spool, bench->sequences[bench->deleted % SENT],
                            bench->deleted % POINTS))
            return;
}

static bool open_spool(struct bench *bench, const char *directory)
{
    char why[GW_SPOOL_WHY];
    struct gw_spool_options options;
    const struct gw_spool_callbacks callbacks = {on_durable, on_kept, on_batch, NULL};
    gw_spool_options_default(&options);
    options.path = directory;
    bench->spool = gw_spool_create(&options, &callbacks, bench, why);
    if (!bench->spool) {
        fprintf(stderr, "%s\n", why);
        return false;
    }
    uv_loop_init(&bench->loop);
    return gw_spool_start(bench->spool, &bench->loop) == 0;
}

static void close_spool(struct bench *bench)
{
    delete_old(bench, 0);
    gw_spool_stop(bench->spool, NULL);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    uv_loop_close(&bench->loop);
    gw_spool_free(bench->spool);
}

static int run_count(const char *directory, uint64_t messages)
{
    static struct bench bench;
    if (!open_spool(&bench, directory))
        return 1;
    while (bench.put < messages && !bench.failed) {
        put_group(&bench);
        while (bench.durable < bench.put && !bench.failed)
            uv_run(&bench.loop, UV_RUN_ONCE);
        delete_old(&bench, LAG);
    }
    close_spool(&bench);
    printf("{\"messages\":%" PRIu64 ",\"octets\":%" PRIu64 "}\n", bench.durable, bench.octets);
    return bench.failed;
}

/* `waiting`: events that may be out at a time; three groups keep the writer at work. */
static int run_rate(const char *figure, uint64_t waiting)
{
    static struct bench bench;
    bench = (struct bench){0};
    const char *folder = getenv("TMPDIR");
    char directory[256];
    char file[300];
    snprintf(directory, sizeof directory, "%s/bench-spool-XXXXXX", folder ? folder : "/tmp");
    if (!mkdtemp(directory) || !open_spool(&bench, directory))
        return 1;
    double begin = now();
    double end = begin;
    while (end < begin + SECONDS && !bench.failed) {
        bool more = bench.put - bench.durable + GROUP <= waiting && put_group(&bench);
        uv_run(&bench.loop, more ? UV_RUN_NOWAIT : UV_RUN_ONCE);
        delete_old(&bench, LAG);
        end = now();
    }
    double rate = (double)bench.durable / (end - begin);
    struct gw_spool_state state;
    gw_spool_state(bench.spool, &state);
    close_spool(&bench);
    static const char *const names[] = {"spool.mdb", "lock"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(file, sizeof file, "%s/%s", directory, names[i]);
        unlink(file);
    }
    rmdir(directory);
    printf("{\"figure\":\"%s\",\"value\":%.0f,\"unit\":\"1/s\",\"goal\":%d,\"peer\":null,"
           "\"ratio\":null,\"met\":%s}\n",
           figure, rate, GOAL, rate >= GOAL ? "true" : "false");
    fprintf(stderr, "%" PRIu64 " commits of %.0f events\n", state.commits,
            (double)bench.durable / (double)state.commits);
    return bench.failed;
}

/* A page written and waited for, again and again. */
static int run_disk(void)
{
    enum { PAGE = 4096, PAGES = 64 };
    static uint8_t page[PAGE];
    const char *folder = getenv("TMPDIR");
    char path[256];
    snprintf(path, sizeof path, "%s/bench-disk-XXXXXX", folder ? folder : "/tmp");
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    unlink(path);
    bool failed = ftruncate(fd, (off_t)PAGE * PAGES) || fsync(fd);
    unsigned waits = 0;
    double begin = now();
    double end = begin;
    for (; end < begin + SECONDS && !failed; waits++) {
        memset(page, (int)waits, sizeof page);
        failed = pwrite(fd, page, PAGE, (off_t)PAGE * (waits % PAGES)) != PAGE || fdatasync(fd);
        end = now();
    }
    close(fd);
    printf(
        "{\"figure\":\"pages written and waited for, this disk\",\"value\":%.0f,\"unit\":\"1/s\","
        "\"goal\":null,\"peer\":null,\"ratio\":null,\"met\":null}\n",
        waits / (end - begin));
    return failed;
}

int main(int argc, char **argv)
{
    if (argc == 3)
        return run_count(argv[1], strtoull(argv[2], NULL, 10));
    if (argc != 1)
        return 2;
    return run_disk() || run_rate("events spooled, 100 a commit", 3 * GROUP) ||
           run_rate("events spooled, groups as they come", UINT64_MAX);
}
