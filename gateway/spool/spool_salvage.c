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
#include "gateway/spool/spool.h"
#include "gateway/spool/spool_store_internal.h"

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
    *(uint64_t *)user += kept->space != GW_SPOOL_SPACE_RESCUED;
}

/* In the new file before it is in place: whatever happens then, who keeps values gets to know. */
static int note_rescue(struct gw_spool_store *store)
{
    uint8_t octets[64];
    const struct gw_spool_kept note = {.number = store->pending.number,
                                       .space = GW_SPOOL_SPACE_RESCUED,
                                       .key = GW_SPOOL_RESCUED_KEY,
                                       .key_len = sizeof GW_SPOOL_RESCUED_KEY - 1,
                                       .value = "0",
                                       .value_len = 1};
    gw_spool_kept_write(octets, &note);
    return gw_spool_store_keep(store, note.space, note.key, note.key_len, octets,
                               gw_spool_kept_size(&note));
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
    error = note_rescue(search->store);
    if (!error)
        error = gw_spool_store_commit(search->store);
    return error ? error : gw_spool_store_flush(search->store);
}

/* As LMDB lays out its two meta pages, behind a number and eight octets. Each commit of the store
 * is one of LMDB's, so that their numbers go together; they go to the two pages in turn. */
struct meta {
    uint32_t magic, version;
    void *address;
    size_t map_octets;
    struct {
        uint32_t pad;
        uint16_t flags, depth;
        size_t branch_pages, leaf_pages, overflow_pages, entries, root;
    } trees[2];
    size_t last_page;
    size_t commit;
};

static const uint32_t meta_magic = 0xbeefc0de;
static const off_t meta_at = sizeof(size_t) + 8;

/* Whether the newest mark is that of the youngest commit, or of one that did not come to its end.
 * Where one meta page is gone it may have been of the commit after the other's. */
static bool is_youngest(const struct search *search, size_t page_octets)
{
    uint64_t youngest = 0;
    int whole = 0;
    for (int page = 0; page < GW_SPOOL_METAS; page++) {
        struct meta meta = {0};
        off_t at = (off_t)page * (off_t)page_octets + meta_at;
        if (pread(search->fd, &meta, sizeof meta, at) != (ssize_t)sizeof meta ||
            meta.magic != meta_magic)
            continue;
        whole++;
        if (meta.commit > youngest)
            youngest = meta.commit;
    }
    return whole && search->mark.commit >= youngest + (whole == 1);
}

static void count_lost(const struct search *search, struct gw_spool_salvage *salvage)
{
    const struct gw_spool_mark *mark = &search->mark;
    uint64_t places = mark->next - mark->first;
    uint64_t empty = places > salvage->messages ? places - salvage->messages : 0;
    salvage->lost = mark->messages > salvage->messages ? mark->messages - salvage->messages : 0;
    salvage->lost_most = mark->messages < empty ? mark->messages : empty;
    salvage->uncounted = !is_youngest(search, search->store->page_octets);
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
    count_lost(&search, salvage);
    gw_memory_release(search.window);
    close(search.fd);
    return error;
}
