/* SPDX-License-Identifier: Apache-2.0 */
/* One transaction of the spool a message: the outbox waits for each by itself, and the spool
 * commits them in groups anyway. */
#include "gateway/delivery/journal.h"

#include <stdio.h>

#include "gateway/base/clock.h"
#include "gateway/base/hash.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/base/sequence_set.h"

enum {
    /* So many may be under way from the spool; live ones pass between. As many as a fragment holds:
     * where its last ones are still there when the next fragment comes, that goes behind them, and
     * so on. */
    LOADED_MAX = 256,
    LOADED_SHARE = 4, /* of what may wait for a slow broker */
    GONE_MAX = 1024,  /* more, and what was read is read again */
    UNDELETED_MAX = 256,
    POINTS_MAX = 32768, /* with a backlog, told apart; beyond that all topics wait behind it */
    REFUSED_PAUSE_MS = 30000, /* the broker refuses what comes back */
    REFUSED_MAX = 16          /* topics at a time; with so many, all pause */
};

/* A copy whose commit is awaited. The spool answers in order. */
struct copy {
    uint64_t id;
    uint64_t sequence;
    uint64_t point; /* GW_SPOOL_NO_POINT where the outbox has it too */
};

struct gw_journal {
    struct gw_journal_callbacks callbacks;
    void *user;
    struct gw_spool *spool;
    struct gw_outbox *outbox;
    enum gw_clock_mode clock;
    uv_timer_t timer;              /* the pause after refusals */
    uint64_t refused[REFUSED_MAX]; /* points that pause; the others go on */
    size_t refused_count;
    uint64_t again_from;               /* the first record that was passed over; 0 = none was */
    struct gw_sequence_set here;       /* those that the outbox has too */
    struct gw_sequence_set gone;       /* that may lie in what was read, and were erased since */
    uint64_t undeleted[UNDELETED_MAX]; /* the spool was too busy for them */
    size_t undeleted_count;
    struct copy *copies; /* a ring */
    size_t copies_mask;
    size_t first, last; /* of the ring, counted without end */
    struct copy settled;
    uint64_t cursor;             /* read up to here */
    struct gw_spool_record next; /* read and not loaded yet */
    bool has_next;
    bool reading;
    bool stale;     /* what was read is not what is there */
    bool exhausted; /* nothing was behind the cursor when it was read last */
    bool usable;
    bool running;
    unsigned closing;
    void (*stopped)(void *user);
};

/* The same in every run, for the file keeps it. */
static uint64_t point_of(const char *topic, size_t length)
{
    uint64_t hash = gw_hash(GW_HASH_START, topic, length);
    return hash == GW_SPOOL_NO_POINT ? 0 : hash;
}

/* What the outbox asks for. */

static bool on_usable(void *user)
{
    const struct gw_journal *j = user;
    return j->usable;
}

static bool on_behind(void *user, const struct gw_outbox_message *message)
{
    return gw_journal_behind(user, message->topic, message->topic_len);
}

/* The time of day; 0 where it is not to be trusted: a clock that is set later would make all that
 * was stored before expire at once. */
static int64_t trusted_ms(const struct gw_journal *j)
{
    return gw_clock_trusted(j->clock) ? gw_clock_wall_ms() : 0;
}

static int put(struct gw_journal *j, const struct gw_outbox_message *message, struct copy *copy,
               bool kept)
{
    struct gw_spool_message spooled = {.point = point_of(message->topic, message->topic_len),
                                       .stored_ms = trusted_ms(j),
                                       .expiry_s = message->expiry_s,
                                       .qos = message->qos,
                                       .retain = message->retain,
                                       .topic = message->topic,
                                       .topic_len = message->topic_len,
                                       .payload = message->payload,
                                       .payload_len = message->payload_len};
    copy->point = kept ? GW_SPOOL_NO_POINT : spooled.point;
    gw_spool_begin(j->spool, j, 0);
    gw_spool_put(j->spool, &spooled, kept, &copy->sequence);
    return gw_spool_commit(j->spool);
}

static int on_append(void *user, const struct gw_outbox_message *message, bool kept, uint64_t id)
{
    struct gw_journal *j = user;
    struct copy *copy = &j->copies[j->last & j->copies_mask];
    if (!j->running || j->last - j->first > j->copies_mask || j->here.count == j->here.most)
        return GW_SPOOL_BUSY;
    int error = put(j, message, copy, kept);
    if (error)
        return error;
    copy->id = id;
    j->last++;
    if (kept)
        gw_sequence_set_add(&j->here, copy->sequence);
    return 0;
}

/* One that stays in the file though the broker has it comes once more in the next run. */
static void delete_copy(struct gw_journal *j, uint64_t sequence)
{
    if (gw_spool_delete(j->spool, sequence, GW_SPOOL_NO_POINT) == GW_SPOOL_BUSY &&
        j->undeleted_count < UNDELETED_MAX)
        j->undeleted[j->undeleted_count++] = sequence;
}

static void delete_the_rest(struct gw_journal *j)
{
    while (j->undeleted_count &&
           gw_spool_delete(j->spool, j->undeleted[j->undeleted_count - 1], GW_SPOOL_NO_POINT) == 0)
        j->undeleted_count--;
}

static void on_erase(void *user, uint64_t sequence)
{
    struct gw_journal *j = user;
    if (sequence == j->settled.sequence) /* it was not to be kept after all */
        gw_spool_taken(j->spool, j->settled.point);
    if ((j->reading || j->has_next) && sequence > j->cursor)
        j->stale |= !gw_sequence_set_add(&j->gone, sequence);
    gw_sequence_set_remove(&j->here, sequence);
    delete_copy(j, sequence);
}

static void on_pause_over(uv_timer_t *timer)
{
    struct gw_journal *j = timer->data;
    if (j->again_from && j->again_from <= j->cursor)
        j->cursor = j->again_from - 1;
    j->again_from = 0;
    j->refused_count = 0;
    j->stale = true;
    j->exhausted = false;
    gw_journal_pump(j);
}

static bool is_refused(const struct gw_journal *j, uint64_t point)
{
    size_t i = 0;
    while (i < j->refused_count && j->refused[i] != point)
        i++;
    return i < j->refused_count;
}

/* After the pause it is read again. */
static void pass_over(struct gw_journal *j, uint64_t sequence)
{
    if (!j->again_from || sequence < j->again_from)
        j->again_from = sequence;
}

/* It is read again, and what lies behind it. */
static void go_back_to(struct gw_journal *j, uint64_t sequence)
{
    if (sequence <= j->cursor) {
        j->cursor = sequence - 1;
        j->stale = true;
    }
    j->exhausted = false;
}

static void pause_point(struct gw_journal *j, uint64_t point, uint64_t sequence)
{
    pass_over(j, sequence);
    if (!is_refused(j, point) && j->refused_count < REFUSED_MAX)
        j->refused[j->refused_count++] = point;
    if (j->running && !uv_is_active((uv_handle_t *)&j->timer))
        uv_timer_start(&j->timer, on_pause_over, REFUSED_PAUSE_MS, 0);
}

static void on_put_back(void *user, const struct gw_outbox_message *message, uint64_t sequence,
                        bool refused)
{
    struct gw_journal *j = user;
    uint64_t point = point_of(message->topic, message->topic_len);
    gw_sequence_set_remove(&j->here, sequence);
    gw_spool_put_back(j->spool, point);
    if (refused)
        pause_point(j, point, sequence);
    else
        go_back_to(j, sequence);
}

/* What the spool tells. */

static void on_durable(void *user, void *owner, uint32_t token, int error)
{
    struct gw_journal *j = user;
    (void)owner;
    (void)token;
    j->settled = j->copies[j->first++ & j->copies_mask];
    if (error)
        gw_sequence_set_remove(&j->here, j->settled.sequence);
    else if (j->settled.point != GW_SPOOL_NO_POINT)
        j->exhausted = false;
    gw_outbox_journaled(j->outbox, j->settled.id, error ? 0 : j->settled.sequence);
    j->settled = (struct copy){0};
    delete_the_rest(j);
    gw_journal_pump(j);
}

static void on_batch(void *user, int error)
{
    struct gw_journal *j = user;
    j->reading = false;
    if (error) {
        gw_log(GW_LOG_WARNING, "spool", "cannot be read: %s", gw_spool_error_text(error));
        j->exhausted = true; /* until something changes */
    } else if (!j->stale) {
        j->has_next = gw_spool_next(j->spool, &j->next);
        j->exhausted = !j->has_next;
    }
    gw_journal_pump(j);
}

static void on_kept(void *user, void *owner, uint32_t token, int error)
{
    const struct gw_journal *j = user;
    j->callbacks.kept(j->user, owner, token, error);
}

static void on_changed(void *user)
{
    struct gw_journal *j = user;
    struct gw_spool_state state;
    if (!j->running) /* a file that is damaged or full says so while it is opened */
        return;
    gw_spool_state(j->spool, &state);
    j->usable = state.word == GW_SPOOL_IS_OK || state.word == GW_SPOOL_IS_DAMAGED;
    j->exhausted = false;
    j->callbacks.changed(j->user);
    gw_journal_pump(j);
}

/* Replay. */

/* What is left of a message's life after its time in the spool, where that is known; 0: nothing. */
static uint32_t expiry_left(const struct gw_journal *j, const struct gw_spool_message *message)
{
    int64_t now = trusted_ms(j);
    int64_t gone = (now - message->stored_ms) / 1000;
    if (!now || !message->stored_ms || gone <= 0)
        return message->expiry_s;
    return gone < message->expiry_s ? message->expiry_s - (uint32_t)gone : 0;
}

/* Its topic's last one is retained, as it would have been; those before it are not. */
static int load(struct gw_journal *j, const struct gw_spool_record *record)
{
    const struct gw_spool_message *message = &record->message;
    struct gw_outbox_message loaded = {.topic = message->topic,
                                       .topic_len = message->topic_len,
                                       .payload = message->payload,
                                       .payload_len = message->payload_len,
                                       .expiry_s = message->expiry_s ? expiry_left(j, message) : 0,
                                       .qos = message->qos,
                                       .event = true};
    gw_spool_taken(j->spool, message->point);
    if (message->expiry_s && !loaded.expiry_s) {
        delete_copy(j, record->sequence);
        return 0;
    }
    loaded.retain = message->retain && !gw_spool_behind(j->spool, message->point);
    gw_sequence_set_add(&j->here, record->sequence);
    int error = gw_outbox_load(j->outbox, &loaded, record->sequence);
    if (error) {
        gw_sequence_set_remove(&j->here, record->sequence);
        gw_spool_put_back(j->spool, message->point);
    }
    return error;
}

/* Not where the outbox would put it back at once, for more waits there than is good. */
static bool has_room(const struct gw_journal *j)
{
    if (j->refused_count == REFUSED_MAX)
        return false;
    struct gw_outbox_state state;
    gw_outbox_state(j->outbox, &state);
    size_t most = state.depth / LOADED_SHARE + 1;
    if (state.queued > state.depth)
        return false;
    return state.loaded < (most < LOADED_MAX ? most : LOADED_MAX) && j->here.count < j->here.most;
}

/* False where there is no room for it. The cursor moves first: what is loaded may be put back at
 * once, and moves it back. */
static bool step(struct gw_journal *j)
{
    uint64_t sequence = j->next.sequence;
    uint64_t before = j->cursor;
    bool waits =
        !gw_sequence_set_has(&j->here, sequence) && !gw_sequence_set_has(&j->gone, sequence);
    j->cursor = sequence;
    if (waits && is_refused(j, j->next.message.point)) {
        pass_over(j, sequence);
    } else if (waits && load(j, &j->next) != 0) {
        j->cursor = before;
        return false;
    }
    j->has_next = gw_spool_next(j->spool, &j->next);
    return true;
}

/* Is there anything in the file that the outbox has not? */
static bool has_backlog(const struct gw_journal *j)
{
    struct gw_spool_state state;
    gw_spool_state(j->spool, &state);
    return state.messages > j->here.count;
}

void gw_journal_pump(struct gw_journal *j)
{
    if (!j->running || j->reading || !j->callbacks.online(j->user))
        return;
    while (j->has_next && !j->stale && has_room(j))
        if (!step(j))
            return;
    if (j->exhausted || (j->has_next && !j->stale) || !has_backlog(j))
        return;
    j->stale = j->has_next = false;
    gw_sequence_set_empty(&j->gone);
    j->reading = gw_spool_read(j->spool, j->cursor) == 0;
}

/* Life. */

static size_t ring_for(const struct gw_journal_options *options)
{
    size_t size = 64;
    while (size < options->outbox_messages)
        size *= 2;
    return size;
}

static void spool_options(const struct gw_journal_options *options, struct gw_spool_options *spool)
{
    gw_spool_options_default(spool);
    spool->path = options->path;
    if (options->points > spool->points)
        spool->points = options->points < POINTS_MAX ? options->points : POINTS_MAX;
    spool->max_octets = (size_t)options->max_mb << 20;
    if (spool->max_octets < GW_SPOOL_MIN_OCTETS)
        spool->max_octets = GW_SPOOL_MIN_OCTETS;
}

size_t gw_journal_memory(const struct gw_journal_options *options)
{
    struct gw_spool_options spool;
    spool_options(options, &spool);
    return sizeof(struct gw_journal) + ring_for(options) * sizeof(struct copy) +
           gw_sequence_set_memory(options->outbox_messages) + gw_sequence_set_memory(GONE_MAX) +
           gw_spool_memory(&spool);
}

struct gw_journal *gw_journal_create(const struct gw_journal_options *options,
                                     const struct gw_journal_callbacks *callbacks, void *user,
                                     char *why)
{
    static const struct gw_spool_callbacks spool_callbacks = {
        .durable = on_durable, .kept = on_kept, .batch = on_batch, .changed = on_changed};
    struct gw_spool_options spool;
    struct gw_journal *j = gw_memory_allocate(GW_OWNER_SPOOL, sizeof *j);
    if (!j)
        return NULL;
    j->callbacks = *callbacks;
    j->user = user;
    j->clock = options->clock;
    j->copies_mask = ring_for(options) - 1;
    j->copies = gw_memory_allocate(GW_OWNER_SPOOL, (j->copies_mask + 1) * sizeof *j->copies);
    spool_options(options, &spool);
    snprintf(why, GW_SPOOL_WHY, "not enough memory");
    if (j->copies && gw_sequence_set_init(&j->gone, GW_OWNER_SPOOL, GONE_MAX) &&
        gw_sequence_set_init(&j->here, GW_OWNER_SPOOL, options->outbox_messages))
        j->spool = gw_spool_create(&spool, &spool_callbacks, j, why);
    if (!j->spool) {
        gw_journal_free(j);
        return NULL;
    }
    return j;
}

int gw_journal_start(struct gw_journal *j, uv_loop_t *loop, struct gw_outbox *outbox)
{
    const struct gw_outbox_journal calls = {on_usable, on_behind,   on_append,
                                            on_erase,  on_put_back, j};
    int error = gw_spool_start(j->spool, loop);
    if (error)
        return error;
    uv_timer_init(loop, &j->timer);
    j->timer.data = j;
    j->outbox = outbox;
    j->running = true;
    gw_outbox_use_journal(outbox, &calls);
    on_changed(j);
    return 0;
}

static void ended(struct gw_journal *j)
{
    if (--j->closing == 0)
        j->stopped(j->user);
}

static void on_timer_closed(uv_handle_t *timer)
{
    ended(timer->data);
}

static void on_spool_stopped(void *user)
{
    struct gw_journal *j = user;
    gw_outbox_use_journal(j->outbox, &(struct gw_outbox_journal){0});
    ended(j);
}

void gw_journal_stop(struct gw_journal *j, void (*stopped)(void *user))
{
    if (!j->running) { /* was never started */
        stopped(j->user);
        return;
    }
    j->stopped = stopped;
    j->running = j->usable = false;
    j->closing = 2;
    uv_close((uv_handle_t *)&j->timer, on_timer_closed);
    gw_spool_stop(j->spool, on_spool_stopped);
}

void gw_journal_free(struct gw_journal *j)
{
    if (!j)
        return;
    gw_spool_free(j->spool);
    gw_sequence_set_clear(&j->here);
    gw_sequence_set_clear(&j->gone);
    gw_memory_release(j->copies);
    gw_memory_release(j);
}

bool gw_journal_usable(const struct gw_journal *j)
{
    return j && j->usable;
}

bool gw_journal_behind(const struct gw_journal *j, const char *topic, size_t length)
{
    return gw_spool_behind(j->spool, point_of(topic, length));
}

void gw_journal_flush(struct gw_journal *j)
{
    gw_spool_flush(j->spool);
}

struct gw_spool *gw_journal_spool(struct gw_journal *j)
{
    return j->spool;
}
