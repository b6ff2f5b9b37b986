/* SPDX-License-Identifier: Apache-2.0 */
/* A spool by itself, for a test that stands between it and the disk.
 *
 *   spool_probe DIRECTORY EVENTS
 *
 * Puts an event a millisecond, and again what was not safe, until so many are durable; then deletes
 * all. Prints a line a change of state (`state WORD CAUSE`), at the end `durable N refused N
 * commits N turns N left N`, where turns are the milliseconds at which the loop was there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "gateway/spool/spool.h"

struct probe {
    struct gw_spool *spool;
    uv_loop_t loop;
    uv_timer_t timer;
    unsigned events, durable, refused, turns;
    uint64_t last; /* sequence */
    bool draining;
};

static void on_durable(void *user, void *owner, uint32_t token, int error)
{
    struct probe *probe = user;
    (void)owner;
    (void)token;
    probe->durable += !error;
    probe->refused += error != 0;
}

static void on_kept(void *user, void *owner, uint32_t token, int error)
{
    (void)user;
    (void)owner;
    (void)token;
    (void)error;
}

static void delete_all(struct probe *probe)
{
    struct gw_spool_record record;
    while (gw_spool_next(probe->spool, &record)) {
        gw_spool_delete(probe->spool, record.sequence, record.message.point);
        probe->last = record.sequence;
    }
}

static void on_batch(void *user, int error)
{
    struct probe *probe = user;
    struct gw_spool_state state;
    if (!error)
        delete_all(probe);
    gw_spool_state(probe->spool, &state);
    gw_spool_read(probe->spool, state.points ? probe->last : 0);
}

static void on_changed(void *user)
{
    struct probe *probe = user;
    struct gw_spool_state state;
    gw_spool_state(probe->spool, &state);
    printf("state %s %s\n", gw_spool_word_text(state.word), state.cause);
    fflush(stdout);
}

static void put_event(struct probe *probe)
{
    char payload[256];
    memset(payload, 'x', sizeof payload);
    struct gw_spool_message message = {.point = probe->turns % 8 + 1,
                                       .topic = "topic",
                                       .topic_len = 5,
                                       .payload = payload,
                                       .payload_len = sizeof payload};
    gw_spool_begin(probe->spool, probe, 0);
    gw_spool_put(probe->spool, &message, false, NULL);
    probe->refused += gw_spool_commit(probe->spool) != 0;
}

static void on_tick(uv_timer_t *timer)
{
    struct probe *probe = timer->data;
    struct gw_spool_state state;
    probe->turns++;
    if (probe->durable < probe->events) {
        put_event(probe);
        return;
    }
    if (!probe->draining)
        gw_spool_read(probe->spool, 0);
    probe->draining = true;
    gw_spool_state(probe->spool, &state);
    if (state.messages || state.queue_used)
        return;
    printf("durable %u refused %u commits %llu turns %u left %llu\n", probe->durable,
           probe->refused, (unsigned long long)state.commits, probe->turns,
           (unsigned long long)state.messages);
    uv_close((uv_handle_t *)timer, NULL);
    gw_spool_stop(probe->spool, NULL);
}

int main(int argc, char **argv)
{
    static struct probe probe;
    char why[GW_SPOOL_WHY];
    struct gw_spool_options options;
    const struct gw_spool_callbacks callbacks = {on_durable, on_kept, on_batch, on_changed};
    if (argc != 3)
        return 2;
    gw_spool_options_default(&options);
    options.path = argv[1];
    options.retry_max_ms = 1000;
    probe.events = (unsigned)strtoul(argv[2], NULL, 10);
    probe.spool = gw_spool_create(&options, &callbacks, &probe, why);
    if (!probe.spool) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    uv_loop_init(&probe.loop);
    uv_timer_init(&probe.loop, &probe.timer);
    probe.timer.data = &probe;
    uv_timer_start(&probe.timer, on_tick, 1, 1);
    if (gw_spool_start(probe.spool, &probe.loop))
        return 1;
    uv_run(&probe.loop, UV_RUN_DEFAULT);
    gw_spool_free(probe.spool);
    return uv_loop_close(&probe.loop) ? 1 : 0;
}
