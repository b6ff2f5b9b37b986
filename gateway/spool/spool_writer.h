/* SPDX-License-Identifier: Apache-2.0 */
/* The spool's thread and what passes between it and the loop: a few jobs in a row. One job is one
 * commit, one batch of replay, or one attempt to reopen the file. A job and what it points to
 * belong to the thread from gw_spool_writer_post until gw_spool_writer_take gives it back. */
#ifndef GW_SPOOL_WRITER_H
#define GW_SPOOL_WRITER_H

#include <stdatomic.h>
#include <uv.h>

#include "gateway/spool/spool_file.h"
#include "gateway/spool/spool_ring.h"

enum gw_spool_job_kind {
    GW_SPOOL_JOB_COMMIT,
    GW_SPOOL_JOB_READ,
    GW_SPOOL_JOB_REOPEN,
    GW_SPOOL_JOB_STOP
};

struct gw_spool_usage {
    uint64_t messages;
    uint64_t octets;
    uint64_t file_octets;
};

struct gw_spool_job {
    enum gw_spool_job_kind kind;
    uint64_t begin, end; /* commit: of the ring */
    uint64_t after;      /* read */
    /* Answers. */
    int error;             /* the disk's or LMDB's, 0: done */
    bool messages_refused; /* full: the commit went without messages */
    bool kept_refused;     /* ... and without kept values */
    size_t copied;         /* read: octets of the batch */
    uint64_t damaged;      /* read: records passed over */
    struct gw_spool_usage usage;
    char cause[160]; /* of an error, for an engineer */
};

/* Three commits, a read, a reopening and a stop are the most that the loop has out at a time. */
enum { GW_SPOOL_JOBS = 8 };

struct gw_spool_writer {
    const struct gw_spool_ring *ring; /* its octets and size; positions come with jobs */
    struct gw_spool_directory directory;
    struct gw_spool_store store;
    size_t max_octets;
    uint8_t *batch;
    size_t batch_size;
    int (*fault)(void *user);
    void *fault_user;
    int failed;                /* the error since which nothing is written */
    struct gw_spool_job *held; /* a commit that is not durable yet, or NULL */
    char cause[160];
    uv_thread_t thread;
    uv_sem_t work;
    uv_async_t *wake;
    unsigned posted;  /* the loop's */
    unsigned taken;   /* the loop's */
    atomic_uint done; /* the thread's */
    struct gw_spool_job jobs[GW_SPOOL_JOBS];
};

/* The store is open; `wake` is sent when a job is done. 0 or a UV_ error. */
int gw_spool_writer_start(struct gw_spool_writer *writer, uv_async_t *wake);
/* After a stop job was taken: waits for the thread's end. */
void gw_spool_writer_join(struct gw_spool_writer *writer);
/* Hands over a job; there is room. */
void gw_spool_writer_post(struct gw_spool_writer *writer, const struct gw_spool_job *job);
/* The next job that is done, until the next call, or NULL. */
const struct gw_spool_job *gw_spool_writer_take(struct gw_spool_writer *writer);

#endif
