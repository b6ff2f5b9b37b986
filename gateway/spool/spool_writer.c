/* SPDX-License-Identifier: Apache-2.0 */
/* The thread does what a job says and nothing by itself: when to commit, when to try again is the
 * loop's business. A commit is held back until it is durable: by the commit behind it where one is
 * ready, else by a flush at once. After an error nothing is written until the file has been
 * reopened, because LMDB cannot say what of the failed commit, and of the one that was held, the
 * disk has. */
#include "gateway/spool/spool_writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

/* What a commit leaves out where the file is full. */
enum leaving { LEAVING_NOTHING, LEAVING_MESSAGES, LEAVING_KEPT };

/* A full disk comes as EIO from LMDB: the file system knows better. */
static void name_cause(struct gw_spool_writer *writer, int error)
{
    struct statvfs stat;
    const char *dir = writer->directory.path;
    char *to = writer->cause;
    size_t size = sizeof writer->cause;
    bool known = statvfs(dir, &stat) == 0;
    if (known && stat.f_flag & ST_RDONLY)
        snprintf(to, size, "the file system of %.60s is read-only: the kernel found it damaged?",
                 dir);
    else if (known && (stat.f_bavail == 0 || error == ENOSPC))
        snprintf(to, size, "the disk of %.60s is full: make room on it", dir);
    else if (error == EDQUOT || error == EFBIG)
        snprintf(to, size, "%s: a quota or limit is below the spool's max_mb", strerror(error));
    else
        snprintf(to, size, "writing failed: %.80s", gw_spool_store_text(error));
}

static int apply(struct gw_spool_store *store, const struct gw_spool_change *change,
                 enum leaving leaving)
{
    struct gw_spool_kept kept;
    switch ((enum gw_spool_change_kind)change->kind) {
    case GW_SPOOL_MESSAGE:
        return leaving == LEAVING_NOTHING
                   ? gw_spool_store_append(store, change->first, change->data, change->length)
                   : 0;
    case GW_SPOOL_DELETE:
        return gw_spool_store_erase(store, change->first, change->second);
    case GW_SPOOL_KEEP:
        if (leaving == LEAVING_KEPT || !gw_spool_kept_read(change->data, change->length, &kept))
            return 0;
        return gw_spool_store_keep(store, kept.space, kept.key, kept.key_len, change->data,
                                   change->length);
    case GW_SPOOL_DROP:
        return gw_spool_store_drop(store, change->space, change->data, change->length);
    case GW_SPOOL_TRIM:
        return gw_spool_store_trim(store, change->space, change->data, change->length,
                                   change->first);
    case GW_SPOOL_PAD:
    case GW_SPOOL_DEAD:
    case GW_SPOOL_SAFE:
        break;
    }
    return 0;
}

static int commit_once(struct gw_spool_writer *writer, const struct gw_spool_job *job,
                       enum leaving leaving)
{
    const struct gw_spool_change *change;
    uint64_t at = job->begin;
    int error = gw_spool_store_begin(&writer->store);
    while (!error && (change = gw_spool_ring_next(writer->ring, &at, job->end)))
        error = apply(&writer->store, change, leaving);
    if (!error && writer->fault)
        error = writer->fault(writer->fault_user);
    if (error)
        gw_spool_store_abandon(&writer->store);
    return error ? error : gw_spool_store_commit(&writer->store);
}

/* A full file still takes deletes, and while there is any room kept values. */
static void run_commit(struct gw_spool_writer *writer, struct gw_spool_job *job)
{
    enum leaving leaving = LEAVING_NOTHING;
    job->error = writer->failed;
    if (job->error)
        return;
    job->error = commit_once(writer, job, leaving);
    while (job->error == GW_SPOOL_STORE_FULL && leaving < LEAVING_KEPT)
        job->error = commit_once(writer, job, ++leaving);
    job->messages_refused = leaving >= LEAVING_MESSAGES;
    job->kept_refused = leaving >= LEAVING_KEPT;
}

static int flush(struct gw_spool_writer *writer)
{
    int error = writer->fault ? writer->fault(writer->fault_user) : 0;
    return error ? error : gw_spool_store_flush(&writer->store);
}

static void run_read(struct gw_spool_writer *writer, struct gw_spool_job *job)
{
    job->error = writer->failed;
    if (!job->error)
        job->error = gw_spool_store_read(&writer->store, job->after, writer->batch,
                                         writer->batch_size, &job->copied, &job->damaged);
}

/* What a failed commit left behind all the same was answered as not safe: it goes. */
static int reopen(struct gw_spool_writer *writer)
{
    struct gw_spool_store *store = &writer->store;
    struct gw_spool_mark before = store->durable;
    gw_spool_store_close(store);
    *store = (struct gw_spool_store){.pages = store->pages, .page_octets = store->page_octets};
    int error = gw_spool_file_reopen(&writer->directory, writer->max_octets, store);
    if (!error)
        error = gw_spool_store_begin(store);
    if (!error)
        error = gw_spool_store_erase(store, before.next, UINT64_MAX);
    if (!error && writer->fault)
        error = writer->fault(writer->fault_user);
    if (!error)
        error = gw_spool_store_commit(store);
    if (!error)
        error = gw_spool_store_flush(store);
    if (error) {
        gw_spool_store_close(store);
        store->durable = before;
    }
    return error;
}

static void run(struct gw_spool_writer *writer, struct gw_spool_job *job)
{
    switch (job->kind) {
    case GW_SPOOL_JOB_COMMIT:
        run_commit(writer, job);
        break;
    case GW_SPOOL_JOB_READ:
        run_read(writer, job);
        break;
    case GW_SPOOL_JOB_REOPEN:
        job->error = reopen(writer);
        writer->failed = 0;
        break;
    case GW_SPOOL_JOB_STOP:
        gw_spool_store_close(&writer->store);
        break;
    }
}

/* libuv first looks, without a barrier, whether a wake-up is pending already: what was done must be
 * visible by then (wire.c has met this). */
static void wake_loop(struct gw_spool_writer *writer)
{
#ifndef __SANITIZE_THREAD__ /* it does not know fences */
    atomic_thread_fence(memory_order_seq_cst);
#endif
    uv_async_send(writer->wake);
}

/* The oldest job that is not done is done. */
static void give_back(struct gw_spool_writer *writer, struct gw_spool_job *job)
{
    const struct gw_spool_store *store = &writer->store;
    if (job->error && !writer->failed) {
        writer->failed = job->error;
        name_cause(writer, job->error);
    }
    memcpy(job->cause, writer->cause, sizeof job->cause);
    job->usage = (struct gw_spool_usage){.messages = store->durable.messages,
                                         .octets = store->durable.octets,
                                         .file_octets = store->pages * store->page_octets};
    atomic_fetch_add_explicit(&writer->done, 1, memory_order_release);
    wake_loop(writer);
}

/* An error, whoever met it, is the held commit's too. */
static void give_back_held(struct gw_spool_writer *writer, int error)
{
    struct gw_spool_job *held = writer->held;
    writer->held = NULL;
    if (!held)
        return;
    held->error = error;
    give_back(writer, held);
}

static void work(void *argument)
{
    struct gw_spool_writer *writer = argument;
    enum gw_spool_job_kind kind;
    unsigned begun = 0;
    do {
        bool at_hand = uv_sem_trywait(&writer->work) == 0;
        struct gw_spool_job *job = &writer->jobs[begun++ % GW_SPOOL_JOBS];
        if (writer->held && !(at_hand && job->kind == GW_SPOOL_JOB_COMMIT))
            give_back_held(writer, flush(writer));
        if (!at_hand)
            uv_sem_wait(&writer->work);
        kind = job->kind;
        run(writer, job);
        give_back_held(writer, job->error);
        if (kind == GW_SPOOL_JOB_COMMIT && !job->error)
            writer->held = job;
        else
            give_back(writer, job);
    } while (kind != GW_SPOOL_JOB_STOP);
}

int gw_spool_writer_start(struct gw_spool_writer *writer, uv_async_t *wake)
{
    sigset_t all;
    sigset_t before;
    writer->wake = wake;
    int error = uv_sem_init(&writer->work, 0);
    if (error)
        return error;
    /* Signals are the loop's, and would interrupt writes. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = uv_thread_create(&writer->thread, work, writer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error)
        uv_sem_destroy(&writer->work);
    return error;
}

void gw_spool_writer_join(struct gw_spool_writer *writer)
{
    uv_thread_join(&writer->thread);
    uv_sem_destroy(&writer->work);
}

void gw_spool_writer_post(struct gw_spool_writer *writer, const struct gw_spool_job *job)
{
    writer->jobs[writer->posted++ % GW_SPOOL_JOBS] = *job;
    uv_sem_post(&writer->work);
}

const struct gw_spool_job *gw_spool_writer_take(struct gw_spool_writer *writer)
{
    if (writer->taken == atomic_load_explicit(&writer->done, memory_order_acquire))
        return NULL;
    return &writer->jobs[writer->taken++ % GW_SPOOL_JOBS];
}
