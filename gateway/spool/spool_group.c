/* SPDX-License-Identifier: Apache-2.0 */
/* Groups: what waits in the ring becomes a job when enough of it waits, or long enough, or somebody
 * cannot wait. One job is under way, which makes the one before it durable, and one is ready behind
 * it; while the disk is slow the fourth grows. */
#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/spool/spool_internal.h"

enum { COMMITS_OUT = 3 };

void gw_spool_group_due(struct gw_spool *spool, uint64_t within_ms)
{
    if (!spool->loop) /* gw_spool_start comes back to it */
        return;
    uint64_t due = uv_now(spool->loop) + within_ms;
    if (due >= spool->due_ms)
        return;
    spool->due_ms = due;
    if (spool->life == GW_SPOOL_RUNNING)
        uv_timer_start(&spool->timer, gw_spool_group_timer, within_ms, 0);
}

static bool is_due(const struct gw_spool *spool)
{
    if (spool->given == spool->ring.tail || spool->transaction.open ||
        spool->commits_out >= COMMITS_OUT)
        return false;
    return spool->group_urgent || spool->group_events >= spool->options.group_events ||
           spool->life == GW_SPOOL_STOPPING || spool->due_ms <= uv_now(spool->loop);
}

static void post_commit(struct gw_spool *spool)
{
    gw_spool_writer_post(&spool->writer, &(struct gw_spool_job){.kind = GW_SPOOL_JOB_COMMIT,
                                                                .begin = spool->given,
                                                                .end = spool->ring.tail});
    spool->commits_out++;
    spool->given = spool->ring.tail;
    spool->group_events = 0;
    spool->group_urgent = false;
    spool->due_ms = UINT64_MAX;
    spool->delete_at = UINT64_MAX;
    spool->delete_highest = 0;
    uv_timer_stop(&spool->timer);
}

/* Not before the deletes that concern it. */
static void post_read(struct gw_spool *spool)
{
    spool->read_wanted = false;
    spool->read_out = true;
    gw_spool_writer_post(&spool->writer, &(struct gw_spool_job){.kind = GW_SPOOL_JOB_READ,
                                                                .after = spool->read_after});
}

void gw_spool_group_post(struct gw_spool *spool)
{
    if (spool->life != GW_SPOOL_RUNNING && spool->life != GW_SPOOL_STOPPING)
        return;
    if (spool->read_wanted && spool->read_after < spool->delete_highest)
        spool->group_urgent = true;
    if (is_due(spool))
        post_commit(spool);
    if (spool->read_wanted && spool->read_after >= spool->delete_highest)
        post_read(spool);
    if (spool->life == GW_SPOOL_STOPPING && spool->given == spool->ring.tail &&
        !spool->stop_posted) {
        spool->stop_posted = true;
        gw_spool_writer_post(&spool->writer, &(struct gw_spool_job){.kind = GW_SPOOL_JOB_STOP});
    }
}

void gw_spool_group_timer(uv_timer_t *timer)
{
    gw_spool_group_post(timer->data);
}

void gw_spool_group_retry(uv_timer_t *timer)
{
    struct gw_spool *spool = timer->data;
    spool->reopening = true;
    gw_spool_writer_post(&spool->writer, &(struct gw_spool_job){.kind = GW_SPOOL_JOB_REOPEN});
}

/* What must not be forgotten because a commit failed. There is room: the ring's head has just moved
 * past it. */
static void repeat(struct gw_spool *spool, enum gw_spool_change_kind kind, uint8_t space,
                   const uint64_t numbers[2], const uint8_t *data, uint32_t length)
{
    struct gw_spool_change *change = gw_spool_ring_add(&spool->ring, kind, length, 0);
    if (!change)
        return;
    change->space = space;
    change->first = numbers[0];
    change->second = numbers[1];
    if (length)
        memcpy(change->data, data, length);
    spool->delete_at = UINT64_MAX;
    if (kind == GW_SPOOL_DELETE && numbers[1] > spool->delete_highest)
        spool->delete_highest = numbers[1];
    gw_spool_group_due(spool, spool->options.delete_ms);
}

static bool is_repeated(const struct gw_spool *spool, const struct gw_spool_change *change)
{
    bool forgets = change->kind == GW_SPOOL_DELETE || change->kind == GW_SPOOL_DROP ||
                   change->kind == GW_SPOOL_TRIM;
    return forgets && spool->life == GW_SPOOL_RUNNING;
}

struct answer {
    bool failed;
    int messages; /* what owners of messages are told */
    int kept;
};

static void answer_message(struct gw_spool *spool, const struct gw_spool_change *change,
                           const struct answer *answer)
{
    spool->freed_sequence = change->first;
    if (!answer->messages)
        return;
    spool->counts.not_safe++;
    if (!change->gone)
        gw_spool_backlog_remove(spool->backlog, change->second);
}

static void answer_change(struct gw_spool *spool, const struct gw_spool_change *change,
                          const struct answer *answer)
{
    void *owner = (void *)(uintptr_t)change->first; // NOLINT(performance-no-int-to-ptr)
    switch ((enum gw_spool_change_kind)change->kind) {
    case GW_SPOOL_MESSAGE:
        answer_message(spool, change, answer);
        break;
    case GW_SPOOL_SAFE:
        if (!change->gone)
            spool->callbacks.durable(spool->user, owner, (uint32_t)change->second,
                                     answer->messages);
        break;
    case GW_SPOOL_KEEP:
        if (!change->gone)
            spool->callbacks.kept(spool->user, owner, (uint32_t)change->second, answer->kept);
        break;
    case GW_SPOOL_DEAD:
        spool->freed_sequence = change->first;
        break;
    case GW_SPOOL_DELETE:
    case GW_SPOOL_DROP:
    case GW_SPOOL_TRIM:
    case GW_SPOOL_PAD:
        break;
    }
}

/* Each change is answered before its room is used again. */
static void answer_all(struct gw_spool *spool, uint64_t end, const struct answer *answer)
{
    uint64_t at = spool->ring.head;
    struct gw_spool_change *change;
    while ((change = gw_spool_ring_next(&spool->ring, &at, end))) {
        answer_change(spool, change, answer);
        if (answer->failed && is_repeated(spool, change)) {
            uint8_t data[GW_SPOOL_KEY_MAX];
            uint64_t numbers[2] = {change->first, change->second};
            uint32_t length = change->length < sizeof data ? change->length : sizeof data;
            enum gw_spool_change_kind kind = change->kind;
            uint8_t space = change->space;
            memcpy(data, change->data, length);
            spool->ring.head = at;
            repeat(spool, kind, space, numbers, data, length);
        }
        spool->ring.head = at;
    }
    spool->ring.head = end;
}

static void note_failure(struct gw_spool *spool, const struct gw_spool_job *job)
{
    memcpy(spool->writer_cause, job->cause, sizeof spool->writer_cause);
    spool->failing = true;
    if (spool->life == GW_SPOOL_RUNNING && !spool->reopening &&
        !uv_is_active((uv_handle_t *)&spool->retry))
        uv_timer_start(&spool->retry, gw_spool_group_retry, gw_backoff_next(&spool->backoff), 0);
}

static void on_commit(struct gw_spool *spool, const struct gw_spool_job *job)
{
    struct answer answer = {.failed = job->error != 0};
    answer.messages = job->error ? GW_SPOOL_FAILING : job->messages_refused ? GW_SPOOL_FULL : 0;
    answer.kept = job->error ? GW_SPOOL_FAILING : job->kept_refused ? GW_SPOOL_FULL : 0;
    spool->commits_out--;
    if (job->error)
        spool->counts.failures++;
    else
        spool->counts.commits++;
    if (!job->error)
        gw_backoff_reset(&spool->backoff);
    if (job->messages_refused)
        spool->full = true;
    answer_all(spool, job->end, &answer);
}

static void on_read(struct gw_spool *spool, const struct gw_spool_job *job)
{
    spool->read_out = false;
    spool->batch_octets = job->copied;
    spool->batch_at = 0;
    if (job->damaged) {
        spool->counts.damaged += job->damaged;
        snprintf(
            spool->cause, sizeof spool->cause,
            "%llu damaged records in the file were passed over; the next start moves the others to "
            "a new file",
            (unsigned long long)spool->counts.damaged);
    }
    spool->callbacks.batch(spool->user, job->error ? GW_SPOOL_FAILING : 0);
}

static void on_reopened(struct gw_spool *spool, const struct gw_spool_job *job)
{
    spool->reopening = false;
    if (!job->error)
        spool->failing = false;
}

static void on_job(struct gw_spool *spool, const struct gw_spool_job *job)
{
    if (job->kind != GW_SPOOL_JOB_STOP)
        spool->usage = job->usage;
    if (job->kind == GW_SPOOL_JOB_REOPEN)
        on_reopened(spool, job);
    if (job->error)
        note_failure(spool, job);
    if (job->kind == GW_SPOOL_JOB_COMMIT)
        on_commit(spool, job);
    else if (job->kind == GW_SPOOL_JOB_READ)
        on_read(spool, job);
}

void gw_spool_group_wake(uv_async_t *wake)
{
    struct gw_spool *spool = wake->data;
    const struct gw_spool_job *job;
    while ((job = gw_spool_writer_take(&spool->writer))) {
        if (job->kind == GW_SPOOL_JOB_STOP) {
            gw_spool_writer_join(&spool->writer);
            gw_spool_ended(spool);
            return;
        }
        /* A copy: what is called back may post into its place. */
        struct gw_spool_job done = *job;
        on_job(spool, &done);
        gw_spool_is_full(spool);
        gw_spool_tell_word(spool);
    }
    gw_spool_group_post(spool);
}

int gw_spool_read(struct gw_spool *spool, uint64_t after)
{
    if (spool->life != GW_SPOOL_RUNNING)
        return GW_SPOOL_INVALID;
    if (spool->read_wanted || spool->read_out)
        return GW_SPOOL_BUSY;
    spool->batch_octets = spool->batch_at = 0;
    spool->read_wanted = true;
    spool->read_after = after;
    gw_spool_group_post(spool);
    return 0;
}

bool gw_spool_next(struct gw_spool *spool, struct gw_spool_record *record)
{
    if (spool->read_out || spool->batch_at >= spool->batch_octets)
        return false;
    size_t size = gw_spool_message_read(spool->writer.batch + spool->batch_at,
                                        spool->batch_octets - spool->batch_at, record);
    spool->batch_at += size;
    return size > 0;
}
