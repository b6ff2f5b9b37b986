/* SPDX-License-Identifier: Apache-2.0 */
/* The spool: messages on disk that wait for the broker, in order, and a few values that must
 * outlive a crash (ids of commands). What it has called durable is there after kill -9 and after a
 * power cut, as far as the disk keeps what it said it had written.
 *
 * One thread writes; every call here is the loop's and returns at once, every callback comes from
 * the loop. Changes gather in a ring and are committed in groups: after so many messages or so many
 * milliseconds, whichever is first. All memory is taken at create.
 *
 *   create  locks, scans, salvages, counts: blocks, forks (one thread in the process then)
 *   each    what was kept by the run before, before start
 *   start   the writer's thread and the loop's handles
 *   stop    commits all that waits; then `stopped`
 *   free
 *
 * A caller's rules of order: events of a point with a backlog (gw_spool_behind) go into the spool,
 * behind what waits there; others may go to the broker at once. A message that its caller has too
 * (held) is no backlog. Replay reads in order of sequence with a cursor of its own, passes over
 * what the caller has, and deletes what the broker has acknowledged. */
#ifndef GW_SPOOL_H
#define GW_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "gateway/spool/spool_backlog.h"
#include "gateway/spool/spool_record.h"

#define GW_SPOOL_ERROR_MAP(X)                                                                      \
    X(BUSY, -1, "the writer is behind: as much waits for it as there is room for")                 \
    X(FULL, -2, "the spool is full")                                                               \
    X(FAILING, -3, "the spool cannot be written")                                                  \
    X(TOO_LARGE, -4, "the record is larger than the spool takes")                                  \
    X(INVALID, -5, "not in this state of the spool")                                               \
    X(MEMORY, -6, "no memory")                                                                     \
    X(FILE, -7, "the spool's directory or file cannot be used")

enum gw_spool_error {
    GW_SPOOL_OK = 0,
#define X(name, value, text) GW_SPOOL_##name = (value),
    GW_SPOOL_ERROR_MAP(X)
#undef X
};

/* The text of an error, never NULL. */
const char *gw_spool_error_text(int error);

/* The words of the gateway's status topic, the first that holds. */
#define GW_SPOOL_STATE_MAP(X)                                                                      \
    X(FAILING, "failing") /* the last commit failed: nothing is made safe until it is reopened */  \
    X(FULL, "full")       /* messages are refused, deletes work */                                 \
    X(DAMAGED, "damaged") /* works, but at this start or since records were found damaged */       \
    X(OK, "ok")

enum gw_spool_word {
#define X(name, text) GW_SPOOL_IS_##name,
    GW_SPOOL_STATE_MAP(X)
#undef X
};

const char *gw_spool_word_text(enum gw_spool_word word);

/* What kept values are of; the number is part of the file's format. */
enum gw_spool_space {
    GW_SPOOL_SPACE_LEDGER = 1,
    GW_SPOOL_SPACE_TOPICS = 2,
    /* One value, under GW_SPOOL_RESCUED_KEY, from a salvage on until somebody drops it: values of
     * the other spaces may be gone. */
    GW_SPOOL_SPACE_RESCUED = 3
};

#define GW_SPOOL_RESCUED_KEY "rescued"

struct gw_spool_options {
    const char *path;      /* a directory; its parent exists. "": none, see gw_spool_create */
    size_t max_octets;     /* of the file, at least GW_SPOOL_MIN_OCTETS */
    size_t queue_octets;   /* of what waits for the writer; at most a 16th of max_octets is used */
    size_t read_octets;    /* of one batch of replay, at least GW_SPOOL_RECORD_MAX */
    size_t points;         /* that may have a backlog at a time and be told apart */
    uint32_t group_events; /* a commit when so many messages wait */
    uint32_t group_ms;     /* or the first of them so long */
    uint32_t delete_ms;    /* deletes alone wait so long */
    uint32_t retry_min_ms; /* backoff of reopening after an error */
    uint32_t retry_max_ms;
    /* For tests: called on the writer's thread before each wait for the disk; an errno stands in
     * for its answer. NULL: none. */
    int (*fault)(void *user);
    void *fault_user;
};

enum { GW_SPOOL_MIN_OCTETS = 4 << 20 };

/* 64 MB, 1 MB of queue, 128 KB of batch, 1,024 points; groups of 100 events or 50 ms, deletes after
 * 1 s, reopening after 1 to 60 s. `path` is left NULL. */
void gw_spool_options_default(struct gw_spool_options *options);

struct gw_spool_callbacks {
    /* A committed transaction is durable (error 0), or is not safe: GW_SPOOL_FULL, or
     * GW_SPOOL_FAILING where the disk refused it. Exactly once each, in order of commit, but for
     * owners that were forgotten. May call the spool. */
    void (*durable)(void *user, void *owner, uint32_t token, int error);
    /* The same for gw_spool_keep and gw_spool_drop. */
    void (*kept)(void *user, void *owner, uint32_t token, int error);
    /* A batch is there: gw_spool_next gives its records. `error` as above; without one and without
     * a record nothing is stored above the cursor. */
    void (*batch)(void *user, int error);
    /* The word, its cause, or what there is room for has changed. May be NULL. */
    void (*changed)(void *user);
};

struct gw_spool;

/* NULL with a sentence in `why` (at most GW_SPOOL_WHY octets, may be NULL): another process has the
 * directory and which, it cannot be made or written, the disk cannot be read. A file that is
 * damaged, or of another machine or version, is no error: see gw_spool_state. Everything is copied.
 * Without a path it takes its memory and touches no disk: `check` may stand beside a gateway that
 * runs. It cannot be started then. */
struct gw_spool *gw_spool_create(const struct gw_spool_options *options,
                                 const struct gw_spool_callbacks *callbacks, void *user, char *why);
enum { GW_SPOOL_WHY = 512 };
/* Before start or after `stopped`. NULL is legal. */
void gw_spool_free(struct gw_spool *spool);
/* What gw_spool_create would allocate, in octets. LMDB takes more by itself, of which some pages a
 * commit are ever touched, and maps the file. */
size_t gw_spool_memory(const struct gw_spool_options *options);

/* Each kept value of a space in order of key; `value` lives during the call. Before start. */
int gw_spool_each(struct gw_spool *spool, enum gw_spool_space space,
                  void (*each)(void *user, const struct gw_spool_kept *kept), void *user);

int gw_spool_start(struct gw_spool *spool, uv_loop_t *loop);
/* Commits what waits, tells its owners, ends the thread; from then on calls are GW_SPOOL_INVALID.
 * `stopped` comes from the loop. */
void gw_spool_stop(struct gw_spool *spool, void (*stopped)(void *user));

/* A transaction: its messages are durable together or not at all. As with the outbox: begin, put
 * any number, then commit or cancel, one at a time; `owner` and `token` name it for `durable`. It
 * ends before the loop goes on, and until then nothing else is changed (GW_SPOOL_INVALID). */
int gw_spool_begin(struct gw_spool *spool, void *owner, uint32_t token);
/* Copies the message; `held`: the caller has it too, and nothing need go behind it. `*sequence`
 * (may be NULL) is what gw_spool_delete takes. After an error of any put, commit undoes all and
 * returns that error. */
int gw_spool_put(struct gw_spool *spool, const struct gw_spool_message *message, bool held,
                 uint64_t *sequence);
/* 0, then `durable` will come; or an error with nothing kept, and it will not. */
int gw_spool_commit(struct gw_spool *spool);
void gw_spool_cancel(struct gw_spool *spool);
/* Nobody of this name is there to be told any more. */
void gw_spool_forget(struct gw_spool *spool, const void *owner);
/* Does not wait for the group to fill. */
void gw_spool_flush(struct gw_spool *spool);

/* The broker has it: a message that was put or read, once, with the point it came with, or
 * GW_SPOOL_NO_POINT where it is held or taken. It need not be durable yet. Deletes are repeated
 * until they are. GW_SPOOL_BUSY only with more than GW_SPOOL_DELETES apart from one another
 * waiting: the message then is read again. */
int gw_spool_delete(struct gw_spool *spool, uint64_t sequence, uint64_t point);
enum { GW_SPOOL_DELETES = 1024 };

/* A message of this point was read, and the caller has it now: as if it had been put as held. Or it
 * has not any more, and will read it again. */
void gw_spool_taken(struct gw_spool *spool, uint64_t point);
void gw_spool_put_back(struct gw_spool *spool, uint64_t point);

/* True while messages of this point that nobody holds are in the spool or on their way there. */
bool gw_spool_behind(const struct gw_spool *spool, uint64_t point);

/* Reads the next batch of messages above `after` (0: all), in order of sequence. One at a time:
 * GW_SPOOL_BUSY until `batch` has come. Sees what was durable when the writer came to it, and
 * nothing that was deleted before this call. */
int gw_spool_read(struct gw_spool *spool, uint64_t after);
/* The next record of the batch, false after the last. It lives until the next gw_spool_read. */
bool gw_spool_next(struct gw_spool *spool, struct gw_spool_record *record);

/* Makes a value durable under a key, in place of the one before; `kept` says when. Does not wait
 * for the group to fill, and may use room that messages may not. GW_SPOOL_TOO_LARGE beyond
 * GW_SPOOL_KEY_MAX and GW_SPOOL_VALUE_MAX. */
int gw_spool_keep(struct gw_spool *spool, enum gw_spool_space space, const void *key,
                  size_t key_len, const void *value, size_t value_len, void *owner, uint32_t token);
/* Forgets the key, which need not be there; waits as deletes do, and nobody is told. Legal before
 * start, as gw_spool_trim is. */
int gw_spool_drop(struct gw_spool *spool, enum gw_spool_space space, const void *key,
                  size_t key_len);
/* The same for all keys of a space that are less than this one (as memcmp has it), and for the
 * least ones where there are more than `most`. */
int gw_spool_trim(struct gw_spool *spool, enum gw_spool_space space, const void *key,
                  size_t key_len, uint32_t most);

struct gw_spool_state {
    enum gw_spool_word word;
    const char *cause;  /* a sentence for FAILING and DAMAGED, else "" */
    uint64_t messages;  /* in the file */
    uint64_t octets;    /* of their records */
    uint64_t file_used; /* octets of the file in use */
    uint64_t file_max;  /* full at 90 % of it */
    size_t queue_used;  /* octets that wait for the writer */
    size_t queue_max;
    size_t points;     /* with a backlog, told apart */
    uint64_t commits;  /* since create, as all below */
    uint64_t failures; /* commits that failed */
    uint64_t put;      /* messages */
    uint64_t deleted;
    uint64_t not_safe;   /* messages refused after commit */
    uint64_t salvaged;   /* messages taken over from a damaged file at create */
    uint64_t lost;       /* that could not be, at least, */
    uint64_t lost_most;  /* and at most, */
    bool lost_uncounted; /* unless nobody knows how many more */
    uint64_t damaged;    /* records found damaged since */
};

void gw_spool_state(const struct gw_spool *spool, struct gw_spool_state *state);

#endif
