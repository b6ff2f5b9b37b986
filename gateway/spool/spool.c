/* SPDX-License-Identifier: Apache-2.0 */
/* The spool's life: what it finds at create, its thread, its end, its state in words. */
#include "gateway/spool/spool.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/spool/spool_internal.h"

enum {
    QUEUE_MIN = 4 * GW_SPOOL_RECORD_MAX,
    QUEUE_SHARE = 16, /* a commit is at most this part of the file, less than what is kept free */
    HANDLES = 3,
    LOSS_TEXT = 64
};

const char *gw_spool_error_text(int error)
{
    switch (error) {
#define X(name, value, text)                                                                       \
    case (value):                                                                                  \
        return text;
        GW_SPOOL_ERROR_MAP(X)
#undef X
    default:
        return "no error";
    }
}

const char *gw_spool_word_text(enum gw_spool_word word)
{
    static const char *const texts[] = {
#define X(name, text) text,
        GW_SPOOL_STATE_MAP(X)
#undef X
    };
    return texts[word];
}

void gw_spool_options_default(struct gw_spool_options *options)
{
    *options = (struct gw_spool_options){.max_octets = 64u << 20,
                                         .queue_octets = 1u << 20,
                                         .read_octets = 128u << 10,
                                         .points = 1024,
                                         .group_events = 100,
                                         .group_ms = 50,
                                         .delete_ms = 1000,
                                         .retry_min_ms = 1000,
                                         .retry_max_ms = 60000};
}

static size_t at_least(size_t value, size_t least)
{
    return value > least ? value : least;
}

/* As they will be used. */
static struct gw_spool_options bounded(const struct gw_spool_options *options)
{
    struct gw_spool_options o = *options;
    o.max_octets = at_least(o.max_octets, GW_SPOOL_MIN_OCTETS);
    if (o.queue_octets > o.max_octets / QUEUE_SHARE)
        o.queue_octets = o.max_octets / QUEUE_SHARE;
    o.queue_octets = at_least(o.queue_octets, QUEUE_MIN) & ~(size_t)7;
    o.read_octets = at_least(o.read_octets, GW_SPOOL_RECORD_MAX);
    return o;
}

size_t gw_spool_memory(const struct gw_spool_options *options)
{
    struct gw_spool_options o = bounded(options);
    return sizeof(struct gw_spool) + o.queue_octets + o.read_octets +
           gw_spool_backlog_memory(o.points);
}

/* What is in the file */

static void count_message(void *user, const struct gw_spool_record *record)
{
    struct gw_spool *spool = user;
    gw_spool_backlog_add(spool->backlog, record->message.point);
}

/* How many messages went with a damaged file. */
static void write_loss(char to[LOSS_TEXT], const struct gw_spool_rescue *rescue)
{
    unsigned long long least = rescue->lost;
    unsigned long long most = rescue->lost_most;
    if (rescue->uncounted)
        snprintf(to, LOSS_TEXT, "at least %llu", least);
    else if (least == most)
        snprintf(to, LOSS_TEXT, "%llu", least);
    else
        snprintf(to, LOSS_TEXT, "%llu to %llu", least, most);
}

static void tell_rescue(struct gw_spool *spool)
{
    char loss[LOSS_TEXT];
    const struct gw_spool_rescue *rescue = &spool->rescue;
    if (!rescue->trouble)
        return;
    spool->counts.salvaged = rescue->messages;
    spool->counts.lost = rescue->lost;
    spool->counts.lost_most = rescue->lost_most;
    spool->counts.lost_uncounted = rescue->uncounted;
    write_loss(loss, rescue);
    snprintf(spool->cause, sizeof spool->cause,
             "the file is now %s, because %s: %llu messages taken over, %s lost", rescue->aside,
             gw_spool_trouble_text(rescue->trouble), (unsigned long long)rescue->messages, loss);
}

/* Takes the directory and brings the counts up to its file. */
static int open_file(struct gw_spool *spool, char *why, size_t why_size)
{
    struct gw_spool_writer *writer = &spool->writer;
    if (gw_spool_directory_take(&writer->directory, spool->options.path, why, why_size) ||
        gw_spool_file_open(&writer->directory, spool->options.max_octets, &writer->store,
                           &spool->rescue, why, why_size))
        return GW_SPOOL_FILE;
    int error = gw_spool_store_each_message(&writer->store, count_message, spool);
    if (error) {
        snprintf(why, why_size, "cannot read it: %s", gw_spool_store_text(error));
        return GW_SPOOL_FILE;
    }
    const struct gw_spool_store *store = &writer->store;
    spool->next_sequence = store->mark.next;
    spool->next_number = store->mark.number;
    spool->usage = (struct gw_spool_usage){.messages = store->mark.messages,
                                           .octets = store->mark.octets,
                                           .file_octets = store->pages * store->page_octets};
    return 0;
}

static int make(struct gw_spool *spool, char *why, size_t why_size)
{
    const struct gw_spool_options *options = &spool->options;
    struct gw_spool_writer *writer = &spool->writer;
    spool->ring.size = options->queue_octets;
    spool->ring.octets = gw_memory_allocate(GW_OWNER_SPOOL, options->queue_octets);
    writer->batch = gw_memory_allocate(GW_OWNER_SPOOL, options->read_octets);
    spool->backlog = gw_spool_backlog_create(options->points);
    if (!spool->ring.octets || !writer->batch || !spool->backlog) {
        snprintf(why, why_size, "%s", gw_spool_error_text(GW_SPOOL_MEMORY));
        return GW_SPOOL_MEMORY;
    }
    writer->ring = &spool->ring;
    writer->batch_size = options->read_octets;
    writer->max_octets = options->max_octets;
    writer->fault = options->fault;
    writer->fault_user = options->fault_user;
    return *options->path ? open_file(spool, why, why_size) : 0;
}

struct gw_spool *gw_spool_create(const struct gw_spool_options *options,
                                 const struct gw_spool_callbacks *callbacks, void *user, char *why)
{
    char text[GW_SPOOL_WHY] = "no memory";
    struct gw_spool *spool = gw_memory_allocate(GW_OWNER_SPOOL, sizeof *spool);
    if (spool) {
        spool->options = bounded(options);
        spool->callbacks = *callbacks;
        spool->user = user;
        spool->writer.directory.lock = -1;
        spool->due_ms = UINT64_MAX;
        spool->delete_at = UINT64_MAX;
        spool->word = GW_SPOOL_IS_OK;
        gw_backoff_init(&spool->backoff, options->retry_min_ms, options->retry_max_ms,
                        (uintptr_t)spool);
    }
    if (spool && !make(spool, text, sizeof text)) {
        spool->options.path = NULL; /* the directory has its own copy */
        tell_rescue(spool);
        gw_spool_is_full(spool);
        gw_spool_tell_word(spool);
        return spool;
    }
    gw_spool_free(spool);
    if (why)
        memcpy(why, text, sizeof text);
    return NULL;
}

void gw_spool_free(struct gw_spool *spool)
{
    if (!spool)
        return;
    gw_spool_store_close(&spool->writer.store);
    gw_spool_directory_give(&spool->writer.directory);
    gw_spool_backlog_free(spool->backlog);
    gw_memory_release(spool->writer.batch);
    gw_memory_release(spool->ring.octets);
    gw_memory_release(spool);
}

struct each {
    enum gw_spool_space space;
    void (*each)(void *user, const struct gw_spool_kept *kept);
    void *user;
};

static void give_kept(void *user, const struct gw_spool_kept *kept)
{
    const struct each *each = user;
    if (kept->space == each->space)
        each->each(each->user, kept);
}

int gw_spool_each(struct gw_spool *spool, enum gw_spool_space space,
                  void (*each)(void *user, const struct gw_spool_kept *kept), void *user)
{
    if (spool->life != GW_SPOOL_CREATED || !spool->writer.store.env)
        return GW_SPOOL_INVALID;
    int error =
        gw_spool_store_each_kept(&spool->writer.store, give_kept,
                                 &(struct each){.space = space, .each = each, .user = user});
    return error ? GW_SPOOL_FILE : 0;
}

int gw_spool_start(struct gw_spool *spool, uv_loop_t *loop)
{
    if (spool->life != GW_SPOOL_CREATED || !spool->writer.store.env)
        return GW_SPOOL_INVALID;
    spool->loop = loop;
    if (uv_async_init(loop, &spool->wake, gw_spool_group_wake))
        return GW_SPOOL_MEMORY;
    uv_timer_init(loop, &spool->timer);
    uv_timer_init(loop, &spool->retry);
    spool->wake.data = spool->timer.data = spool->retry.data = spool;
    spool->handles = HANDLES;
    spool->life = GW_SPOOL_RUNNING;
    if (!gw_spool_writer_start(&spool->writer, &spool->wake)) {
        if (spool->ring.tail != spool->ring.head) /* what was dropped before */
            gw_spool_group_due(spool, spool->options.delete_ms);
        return 0;
    }
    gw_spool_ended(spool); /* closes the handles; the loop must run for it */
    return GW_SPOOL_MEMORY;
}

static void on_closed(uv_handle_t *handle)
{
    struct gw_spool *spool = handle->data;
    if (--spool->handles)
        return;
    spool->life = GW_SPOOL_STOPPED;
    gw_spool_directory_give(&spool->writer.directory);
    if (spool->stopped)
        spool->stopped(spool->user);
}

void gw_spool_ended(struct gw_spool *spool)
{
    uv_close((uv_handle_t *)&spool->wake, on_closed);
    uv_close((uv_handle_t *)&spool->timer, on_closed);
    uv_close((uv_handle_t *)&spool->retry, on_closed);
}

void gw_spool_stop(struct gw_spool *spool, void (*stopped)(void *user))
{
    if (spool->life != GW_SPOOL_RUNNING)
        return;
    gw_spool_cancel(spool);
    spool->stopped = stopped;
    spool->life = GW_SPOOL_STOPPING;
    uv_timer_stop(&spool->timer);
    uv_timer_stop(&spool->retry);
    gw_spool_group_post(spool);
}

/* State */

static enum gw_spool_word word_of(const struct gw_spool *spool)
{
    if (spool->failing)
        return GW_SPOOL_IS_FAILING;
    if (spool->full)
        return GW_SPOOL_IS_FULL;
    return spool->rescue.trouble || spool->counts.damaged ? GW_SPOOL_IS_DAMAGED : GW_SPOOL_IS_OK;
}

static void log_word(const struct gw_spool *spool)
{
    switch (spool->word) {
    case GW_SPOOL_IS_FAILING:
        gw_log(GW_LOG_ERROR, "spool", "failing, nothing is made safe: %s", spool->writer_cause);
        break;
    case GW_SPOOL_IS_FULL:
        gw_log(GW_LOG_WARNING, "spool",
               "full, %llu messages in %zu KB: events stay in their outstations until the broker "
               "has taken some",
               (unsigned long long)spool->usage.messages, spool->options.max_octets / 1024);
        break;
    case GW_SPOOL_IS_DAMAGED:
        gw_log(GW_LOG_ERROR, "spool", "in %s: %s", spool->writer.directory.path, spool->cause);
        break;
    case GW_SPOOL_IS_OK:
        gw_log(GW_LOG_INFO, "spool", "ok, %llu messages wait",
               (unsigned long long)spool->usage.messages);
        break;
    }
}

void gw_spool_tell_word(struct gw_spool *spool)
{
    enum gw_spool_word word = word_of(spool);
    if (word == spool->word)
        return;
    spool->word = word;
    log_word(spool);
    if (spool->callbacks.changed)
        spool->callbacks.changed(spool->user);
}

bool gw_spool_is_full(struct gw_spool *spool)
{
    uint64_t coming = spool->ring.tail - spool->ring.head;
    uint64_t octets = spool->usage.file_octets + coming + coming / 4;
    uint64_t percent = spool->full ? GW_SPOOL_ROOM_PERCENT : GW_SPOOL_FULL_PERCENT;
    spool->full = octets > spool->options.max_octets / 100 * percent;
    return spool->full;
}

void gw_spool_state(const struct gw_spool *spool, struct gw_spool_state *state)
{
    *state = spool->counts;
    state->word = word_of(spool);
    state->cause = spool->failing ? spool->writer_cause : spool->cause;
    state->messages = spool->usage.messages;
    state->octets = spool->usage.octets;
    state->file_used = spool->usage.file_octets;
    state->file_max = spool->options.max_octets;
    state->queue_used = (size_t)(spool->ring.tail - spool->ring.head);
    state->queue_max = (size_t)spool->ring.size;
    state->points = gw_spool_backlog_points(spool->backlog);
}
