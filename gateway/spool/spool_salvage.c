/* SPDX-License-Identifier: Apache-2.0 */
/* A record lies in one piece wherever LMDB puts it, at an even offset, and says by itself whether
 * it is whole. Pages that LMDB has freed hold old ones: the newest mark tells below which sequence
 * all are done with. */
#include "gateway/spool/spool_salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/memory.h"

enum { WINDOW = 4 * GW_SPOOL_RECORD_MAX, SECTOR = 4096, BATCH = 100 };

struct search {
    int fd;
    uint8_t *window;
    struct gw_spool_store *store;
    struct gw_spool_salvage *salvage;
    struct gw_spool_mark mark; /* the newest, zero where there is none */
    unsigned batch;
};

typedef int (*looker)(struct search *search, const uint8_t *octets, size_t size, size_t *taken);

/* Reads on over what the disk refuses: zeros hold no record. Returns the octets, 0 at the end. */
static size_t read_window(const struct search *search, uint8_t *to, size_t size, off_t from)
{
    size_t got = 0;
    while (got < size) {
        size_t want = size - got < SECTOR ? size - got : SECTOR;
        ssize_t n = pread(search->fd, to + got, want, from + (off_t)got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            break;
        if (n < 0) {
            memset(to + got, 0, want);
            n = (ssize_t)want;
        }
        got += (size_t)n;
    }
    return got;
}

/* The next octet with which a record could begin. */
static size_t next_place(const uint8_t *octets, size_t at, size_t end)
{
    const uint8_t *found = memchr(octets + at, GW_SPOOL_RECORD_FIRST, end - at);
    return found ? (size_t)(found - octets) : end;
}

/* Shows `look` each place where a record begins; what it takes is not looked into. */
static int look_all(struct search *search, looker look)
{
    off_t from = 0;
    size_t size = read_window(search, search->window, WINDOW, from);
    int error = 0;
    while (size) {
        bool is_last = size < WINDOW;
        size_t end = is_last ? size : WINDOW - GW_SPOOL_RECORD_MAX;
        size_t at = 0;
        while (at < end && !error) {
            size_t taken = 0;
            at = next_place(search->window, at, end);
            if (at < end && gw_spool_record_begins(search->window + at, size - at))
                error = look(search, search->window + at, size - at, &taken);
            at += at < end ? taken + !taken : 0;
        }
        if (error || is_last)
            break;
        from += (off_t)at;
        size = read_window(search, search->window, WINDOW, from);
    }
    return error;
}

static int look_for_mark(struct search *search, const uint8_t *octets, size_t size, size_t *taken)
{
    struct gw_spool_mark mark;
    *taken = gw_spool_mark_read(octets, size, &mark);
    if (*taken && mark.commit > search->mark.commit)
        search->mark = mark;
    search->salvage->foreign += gw_spool_record_foreign(octets, size);
    return 0;
}

static int store_record(struct search *search, const uint8_t *octets, size_t size, size_t *taken)
{
    struct gw_spool_record record;
    struct gw_spool_kept kept;
    *taken = gw_spool_message_read(octets, size, &record);
    if (*taken)
        return record.sequence < search->mark.first
                   ? 0
                   : gw_spool_store_append(search->store, record.sequence, octets, *taken);
    *taken = gw_spool_kept_read(octets, size, &kept);
    if (*taken)
        return gw_spool_store_keep(search->store, kept.space, kept.key, kept.key_len, octets,
                                   *taken);
    return 0;
}

/* In small transactions, so that one which does not fit takes little with it. */
static int look_for_records(struct search *search, const uint8_t *octets, size_t size,
                            size_t *taken)
{
    int error = store_record(search, octets, size, taken);
    if (error)
        return error;
    if (*taken && ++search->batch >= BATCH) {
        search->batch = 0;
        error = gw_spool_store_commit(search->store);
        if (!error)
            error = gw_spool_store_begin(search->store);
    }
    return error;
}

static void count_kept(void *user, const struct gw_spool_kept *kept)
{
    (void)kept;
    ++*(uint64_t *)user;
}

static int copy_all(struct search *search)
{
    int error = gw_spool_store_begin(search->store);
    if (!error)
        error = look_all(search, look_for_records);
    if (error == GW_SPOOL_STORE_FULL) {
        /* Old records beside the new ones, or a smaller `max_mb`: what fits is kept. */
        gw_spool_store_abandon(search->store);
        error = gw_spool_store_begin(search->store);
    }
    if (error)
        return error;
    if (search->store->pending.next < search->mark.next)
        search->store->pending.next = search->mark.next;
    if (search->store->pending.number < search->mark.number)
        search->store->pending.number = search->mark.number;
    error = gw_spool_store_commit(search->store);
    return error ? error : gw_spool_store_flush(search->store);
}

int gw_spool_salvage(const char *path, struct gw_spool_store *store,
                     struct gw_spool_salvage *salvage)
{
    struct search search = {.store = store, .salvage = salvage};
    *salvage = (struct gw_spool_salvage){0};
    search.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (search.fd < 0)
        return errno;
    search.window = gw_memory_allocate(GW_OWNER_SPOOL, WINDOW);
    int error = search.window ? look_all(&search, look_for_mark) : ENOMEM;
    if (!error)
        error = copy_all(&search);
    if (!error)
        error = gw_spool_store_each_kept(store, count_kept, &salvage->kept);
    salvage->messages = store->mark.messages;
    salvage->uncounted = !search.mark.commit;
    salvage->lost =
        search.mark.messages > salvage->messages ? search.mark.messages - salvage->messages : 0;
    gw_memory_release(search.window);
    close(search.fd);
    return error;
}
