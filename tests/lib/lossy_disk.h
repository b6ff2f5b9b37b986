/* SPDX-License-Identifier: Apache-2.0 */
/* A disk whose power can be cut. This program's writes to one file, its waits for them and what the
 * test notes between are recorded; then they are played again, and at any place of the record an
 * image says what such a disk might have kept: of each sector that nobody has waited for any of the
 * versions since. A wait that fails leaves its sectors so for good, as a kernel does that forgets
 * what it could not write. Include it in one file of a program: it defines pwrite and the like. */
#ifndef TESTS_LOSSY_DISK_H
#define TESTS_LOSSY_DISK_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    LOSSY_SECTOR = 512,
    LOSSY_SECTORS = 16384, /* of a file: 8 MB */
    LOSSY_VERSIONS = 6     /* of a sector that were never waited for; older ones are forgotten */
};

enum lossy_kind { LOSSY_WRITE, LOSSY_WAIT, LOSSY_FAILED_WAIT, LOSSY_NOTE };

struct lossy_event {
    enum lossy_kind kind;
    bool through; /* a write that waits for itself (O_DSYNC) */
    off_t at;
    size_t size;
    uint8_t *octets;
    int note; /* the test's own */
    uint64_t number;
};

static struct {
    pthread_mutex_t mutex;
    char below[PATH_MAX]; /* a directory; its spool.mdb and spool.new are the file. "": nothing */
    struct lossy_event *events;
    size_t count, room;
    atomic_uint failing; /* a bit for each of the next waits, the lowest first: it fails */
} lossy = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static bool lossy_watches(int fd)
{
    char link[64];
    char path[PATH_MAX];
    size_t length = strlen(lossy.below);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t got = length ? readlink(link, path, sizeof path - 1) : -1;
    if (got < 0)
        return false;
    path[got] = 0;
    return strncmp(path, lossy.below, length) == 0 &&
           (strcmp(path + length, "/spool.mdb") == 0 || strcmp(path + length, "/spool.new") == 0);
}

static void lossy_record(struct lossy_event event)
{
    pthread_mutex_lock(&lossy.mutex);
    if (lossy.count == lossy.room) {
        lossy.room = lossy.room ? 2 * lossy.room : 1024;
        lossy.events = realloc(lossy.events, lossy.room * sizeof *lossy.events);
        if (!lossy.events)
            abort();
    }
    lossy.events[lossy.count++] = event;
    pthread_mutex_unlock(&lossy.mutex);
}

static void lossy_note(int note, uint64_t number)
{
    lossy_record((struct lossy_event){.kind = LOSSY_NOTE, .note = note, .number = number});
}

/* Forgets the record. */
static void lossy_clear(void)
{
    for (size_t i = 0; i < lossy.count; i++)
        free(lossy.events[i].octets);
    free(lossy.events);
    lossy.events = NULL;
    lossy.count = lossy.room = 0;
}

/* In place of the C library's. */

static void lossy_next(const char *name, void *pointer, size_t size)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort();
    memcpy(pointer, &found, size); /* ISO C has no cast for it */
}

static void lossy_written(int fd, const void *octets, ssize_t size, off_t at)
{
    if (size <= 0 || !lossy_watches(fd))
        return;
    struct lossy_event event = {.kind = LOSSY_WRITE,
                                .through = fcntl(fd, F_GETFL) & O_DSYNC,
                                .at = at,
                                .size = (size_t)size,
                                .octets = malloc((size_t)size)};
    if (!event.octets)
        abort();
    memcpy(event.octets, octets, (size_t)size);
    lossy_record(event);
}

ssize_t pwrite(int fd, const void *octets, size_t size, off_t at)
{
    ssize_t (*next)(int, const void *, size_t, off_t);
    lossy_next("pwrite", &next, sizeof next);
    ssize_t written = next(fd, octets, size, at);
    lossy_written(fd, octets, written, at);
    return written;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    ssize_t (*next)(int, const struct iovec *, int);
    lossy_next("writev", &next, sizeof next);
    off_t at = lseek(fd, 0, SEEK_CUR);
    ssize_t written = next(fd, parts, count);
    for (ssize_t left = written; left > 0; parts++) {
        ssize_t part = left < (ssize_t)parts->iov_len ? left : (ssize_t)parts->iov_len;
        lossy_written(fd, parts->iov_base, part, at);
        at += part;
        left -= part;
    }
    return written;
}

/* Waits for no real disk: what is watched is not to survive more than this process. */
int fdatasync(int fd)
{
    int (*next)(int);
    lossy_next("fdatasync", &next, sizeof next);
    if (!lossy_watches(fd))
        return next(fd);
    unsigned failing = atomic_load(&lossy.failing);
    bool fails = failing & 1;
    atomic_compare_exchange_strong(&lossy.failing, &failing, failing >> 1);
    lossy_record((struct lossy_event){.kind = fails ? LOSSY_FAILED_WAIT : LOSSY_WAIT});
    errno = EIO;
    return fails ? -1 : 0;
}

/* Playing it again. */

struct lossy_sector {
    uint8_t octets[LOSSY_SECTOR];
};

struct lossy_place {
    struct lossy_sector *kept;                     /* the disk has it for sure; NULL: nothing */
    struct lossy_sector *versions[LOSSY_VERSIONS]; /* since, the newest last */
    unsigned count;
    bool dirty; /* the next wait is for it */
};

struct lossy_disk {
    struct lossy_place places[LOSSY_SECTORS];
    size_t used; /* above the last sector that was ever written */
    uint64_t random;
};

static unsigned lossy_random(struct lossy_disk *disk, unsigned below)
{
    disk->random = disk->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(disk->random >> 33) % below;
}

static void lossy_keep(struct lossy_place *place)
{
    if (!place->count)
        return;
    free(place->kept);
    place->kept = place->versions[--place->count];
    while (place->count)
        free(place->versions[--place->count]);
}

static void lossy_write_sector(struct lossy_place *place, const uint8_t *octets, size_t from,
                               size_t size)
{
    struct lossy_sector *sector = calloc(1, sizeof *sector);
    const struct lossy_sector *before =
        place->count ? place->versions[place->count - 1] : place->kept;
    if (!sector)
        abort();
    if (before)
        *sector = *before;
    memcpy(sector->octets + from, octets, size);
    if (place->count == LOSSY_VERSIONS) {
        free(place->versions[0]);
        memmove(place->versions, place->versions + 1, --place->count * sizeof *place->versions);
    }
    place->versions[place->count++] = sector;
    place->dirty = true;
}

static void lossy_play_write(struct lossy_disk *disk, const struct lossy_event *event)
{
    size_t done = 0;
    while (done < event->size) {
        size_t number = ((size_t)event->at + done) / LOSSY_SECTOR;
        size_t from = ((size_t)event->at + done) % LOSSY_SECTOR;
        size_t size =
            LOSSY_SECTOR - from < event->size - done ? LOSSY_SECTOR - from : event->size - done;
        if (number >= LOSSY_SECTORS)
            abort();
        lossy_write_sector(&disk->places[number], event->octets + done, from, size);
        if (event->through) {
            lossy_keep(&disk->places[number]);
            disk->places[number].dirty = false;
        }
        disk->used = number >= disk->used ? number + 1 : disk->used;
        done += size;
    }
}

static void lossy_play(struct lossy_disk *disk, const struct lossy_event *event)
{
    if (event->kind == LOSSY_WRITE)
        lossy_play_write(disk, event);
    if (event->kind != LOSSY_WAIT && event->kind != LOSSY_FAILED_WAIT)
        return;
    for (size_t i = 0; i < disk->used; i++) {
        if (disk->places[i].dirty && event->kind == LOSSY_WAIT)
            lossy_keep(&disk->places[i]);
        disk->places[i].dirty = false;
    }
}

/* How a disk may choose. */
enum lossy_taste {
    LOSSY_OLDEST,
    LOSSY_NEWEST,
    LOSSY_BEGIN_FIRST, /* the newest of the first 16 sectors (LMDB's meta pages), else the oldest */
    LOSSY_BEGIN_LAST,
    LOSSY_ANY,
    LOSSY_TASTES
};

static const struct lossy_sector *lossy_choose(struct lossy_disk *disk, size_t number,
                                               enum lossy_taste taste)
{
    const struct lossy_place *place = &disk->places[number];
    bool begin = number < 16;
    bool newest = taste == LOSSY_NEWEST || (taste == LOSSY_BEGIN_FIRST && begin) ||
                  (taste == LOSSY_BEGIN_LAST && !begin);
    unsigned choice = newest ? place->count : 0; /* 0: what is kept, n: the nth version since */
    if (taste == LOSSY_ANY)
        choice = lossy_random(disk, place->count + 1);
    return choice ? place->versions[choice - 1] : place->kept;
}

/* What the disk might have now. The file ends where its last sector does; what was never written
 * before that is zero. Returns its octets. */
static size_t lossy_image(struct lossy_disk *disk, enum lossy_taste taste, uint8_t *image)
{
    size_t size = 0;
    memset(image, 0, disk->used * LOSSY_SECTOR);
    for (size_t i = 0; i < disk->used; i++) {
        const struct lossy_sector *sector = lossy_choose(disk, i, taste);
        if (!sector)
            continue;
        memcpy(image + i * LOSSY_SECTOR, sector->octets, LOSSY_SECTOR);
        size = (i + 1) * LOSSY_SECTOR;
    }
    return size;
}

/* Does it matter what the disk chooses? */
static bool lossy_is_settled(const struct lossy_disk *disk)
{
    size_t i = 0;
    while (i < disk->used && !disk->places[i].count)
        i++;
    return i == disk->used;
}

static void lossy_empty(struct lossy_disk *disk)
{
    for (size_t i = 0; i < disk->used; i++) {
        lossy_keep(&disk->places[i]);
        free(disk->places[i].kept);
        disk->places[i] = (struct lossy_place){0};
    }
    disk->used = 0;
}

/* A disk that has this for sure, and nothing else. */
static void lossy_load(struct lossy_disk *disk, const uint8_t *image, size_t size)
{
    lossy_empty(disk);
    for (size_t at = 0; at < size; at += LOSSY_SECTOR) {
        lossy_write_sector(&disk->places[at / LOSSY_SECTOR], image + at, 0, LOSSY_SECTOR);
        lossy_keep(&disk->places[at / LOSSY_SECTOR]);
        disk->places[at / LOSSY_SECTOR].dirty = false;
    }
    disk->used = size / LOSSY_SECTOR;
}

#endif
