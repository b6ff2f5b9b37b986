/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that is slow or fails, put before a program with LD_PRELOAD:
 *
 *   DNP3_DISK_BELOW    directory; files elsewhere are left alone
 *   DNP3_DISK_CONTROL  file with numbers, read at each write that waits for the disk: how many
 *                      milliseconds it takes, the errno it ends with (0: none), and where there is
 *                      a third one, n: that only every nth ends so. No file: 0 0.
 *
 * What waits for the disk: fdatasync, fsync, and pwrite to a descriptor with O_DSYNC, which is how
 * LMDB writes the page that makes a commit valid. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The next definition of a function into a pointer to one; ISO C has no cast for it. */
static void find_next(const char *name, void *pointer, size_t size)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort();
    memcpy(pointer, &found, size);
}

static bool is_below(int fd)
{
    char link[64];
    char path[PATH_MAX];
    const char *below = getenv("DNP3_DISK_BELOW");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (!below || length < 0)
        return false;
    path[length] = 0;
    return strncmp(path, below, strlen(below)) == 0;
}

static atomic_long calls;

/* Waits as told. The errno to end with, or 0. */
static int disk_answer(int fd)
{
    char text[64] = "";
    const char *control = getenv("DNP3_DISK_CONTROL");
    if (!control || !is_below(fd))
        return 0;
    int file = open(control, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    if (length <= 0)
        return 0;
    char *end;
    long delay_ms = strtol(text, &end, 10);
    long error = strtol(end, &end, 10);
    long every = strtol(end, NULL, 10);
    const struct timespec delay = {.tv_sec = delay_ms / 1000, .tv_nsec = delay_ms % 1000 * 1000000};
    nanosleep(&delay, NULL);
    return every > 1 && atomic_fetch_add(&calls, 1) % every ? 0 : (int)error;
}

static int fail(int error)
{
    errno = error;
    return -1;
}

int fdatasync(int fd)
{
    int (*next)(int);
    int error = disk_answer(fd);
    find_next("fdatasync", &next, sizeof next);
    return error ? fail(error) : next(fd);
}

int fsync(int fd)
{
    int (*next)(int);
    int error = disk_answer(fd);
    find_next("fsync", &next, sizeof next);
    return error ? fail(error) : next(fd);
}

static bool waits(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && flags & O_DSYNC;
}

ssize_t pwrite(int fd, const void *octets, size_t size, off_t offset)
{
    ssize_t (*next)(int, const void *, size_t, off_t);
    int error = waits(fd) ? disk_answer(fd) : 0;
    find_next("pwrite", &next, sizeof next);
    return error ? fail(error) : next(fd, octets, size, offset);
}

ssize_t pwrite64(int fd, const void *octets, size_t size, off64_t offset)
{
    ssize_t (*next)(int, const void *, size_t, off64_t);
    int error = waits(fd) ? disk_answer(fd) : 0;
    find_next("pwrite64", &next, sizeof next);
    return error ? fail(error) : next(fd, octets, size, offset);
}
