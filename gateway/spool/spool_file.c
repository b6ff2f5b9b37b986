/* SPDX-License-Identifier: Apache-2.0 */
/* Before a file is in place it has another name, so that a kill at any moment leaves either the old
 * file or a whole new one. */
#include "gateway/spool/spool_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gateway/spool/spool_salvage.h"

enum {
    KEEP_ASIDE = 2,    /* each may be as large as the spool */
    LOOK_AHEAD = 100,  /* numbers without a file, in search of the newest aside */
    SCAN_SECONDS = 60, /* for the child, and one more for each megabyte: flash may be slow */
    NAME_OCTETS = 64,  /* more than any name in the directory */
    LOCK_TRIES = 20,
    LOCK_PAUSE_MS = 10,
    CHILD_FAILED = 100 /* exit code: it could not say what it found */
};

const char *gw_spool_trouble_text(enum gw_spool_trouble trouble)
{
    static const char *const texts[] = {
#define X(name, text) text,
        GW_SPOOL_TROUBLE_MAP(X)
#undef X
    };
    return texts[trouble];
}

__attribute__((format(printf, 3, 4))) static int fail(char *why, size_t size, const char *format,
                                                      ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, size, format, arguments);
    va_end(arguments);
    return -1;
}

static void name_in(const struct gw_spool_directory *directory, const char *name,
                    char path[PATH_MAX + NAME_OCTETS])
{
    snprintf(path, PATH_MAX + NAME_OCTETS, "%s/%s", directory->path, name);
}

/* The directory */

static long holder_of(int lock)
{
    char text[24] = "";
    ssize_t n = pread(lock, text, sizeof text - 1, 0);
    return n > 0 ? strtol(text, NULL, 10) : 0;
}

static int write_pid(int lock)
{
    char text[24];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    return ftruncate(lock, 0) || pwrite(lock, text, (size_t)length, 0) != length ? -1 : 0;
}

/* One that was killed a moment ago may not be gone altogether. */
static int lock_soon(int fd)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK)
            return errno;
        nanosleep(&pause, NULL);
    }
    return EWOULDBLOCK;
}

int gw_spool_directory_take(struct gw_spool_directory *directory, const char *path, char *why,
                            size_t why_size)
{
    char lock[PATH_MAX + NAME_OCTETS];
    directory->lock = -1;
    if (snprintf(directory->path, sizeof directory->path, "%s", path) >=
        (int)sizeof directory->path)
        return fail(why, why_size, "the path is too long");
    if (mkdir(path, 0750) && errno != EEXIST)
        return fail(why, why_size, "cannot make %s: %s", path, strerror(errno));
    name_in(directory, "lock", lock);
    int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return fail(why, why_size, "cannot write in %s: %s", path, strerror(errno));
    int error = lock_soon(fd);
    if (error) {
        long pid = holder_of(fd);
        close(fd);
        if (error != EWOULDBLOCK)
            return fail(why, why_size, "cannot lock %s: %s", lock, strerror(error));
        return fail(why, why_size,
                    "process %ld has %s: two gateways cannot share a spool, give each its own", pid,
                    path);
    }
    /* A full disk may refuse it: the lock holds all the same. */
    (void)!write_pid(fd);
    directory->lock = fd;
    return 0;
}

void gw_spool_directory_give(struct gw_spool_directory *directory)
{
    if (directory->lock >= 0)
        close(directory->lock);
    directory->lock = -1;
}

static int sync_directory(const struct gw_spool_directory *directory)
{
    int fd = open(directory->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int error = fsync(fd);
    close(fd);
    return error;
}

/* Looking at the file */

/* The first page begins with its number, a word, and eight octets more; then LMDB's magic. */
static enum gw_spool_trouble writer_of(const char *path)
{
    static const uint8_t magic[] = {0xbe, 0xef, 0xc0, 0xde};
    uint32_t number = 0xbeefc0de;
    uint8_t head[32] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return GW_SPOOL_TROUBLE_NONE;
    ssize_t n = pread(fd, head, sizeof head, 0);
    close(fd);
    size_t ours = sizeof(size_t) + 8;
    if (n < 0 || memcmp(head + ours, &number, 4) == 0)
        return GW_SPOOL_TROUBLE_NONE; /* as far as this shows; the scan knows more */
    for (size_t at = 12; at <= 16; at += 4) {
        bool big = memcmp(head + at, magic, 4) == 0;
        bool little = head[at] == magic[3] && head[at + 1] == magic[2] &&
                      head[at + 2] == magic[1] && head[at + 3] == magic[0];
        if (big || little)
            return GW_SPOOL_TROUBLE_OTHER_MACHINE;
    }
    return GW_SPOOL_TROUBLE_DAMAGED;
}

/* In the child: whatever happens to it here is an answer. */
__attribute__((noreturn)) static void scan_and_exit(const char *path, int lock, int result,
                                                    unsigned seconds)
{
    struct gw_spool_scan scan;
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGSEGV, SIGBUS, SIGABRT, SIGALRM};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    int null = open("/dev/null", O_WRONLY);
    if (null >= 0)
        dup2(null, STDERR_FILENO);
    if (lock >= 0)
        close(lock); /* or it would be held beyond a kill of its owner */
    alarm(seconds);
    gw_spool_store_scan(path, &scan);
    _exit(write(result, &scan, sizeof scan) == (ssize_t)sizeof scan ? 0 : CHILD_FAILED);
}

static unsigned seconds_for(const char *path)
{
    struct stat stat_of;
    off_t size = stat(path, &stat_of) ? 0 : stat_of.st_size;
    return SCAN_SECONDS + (unsigned)(size >> 20);
}

bool gw_spool_file_is_sound(const char *path, int lock, int *error)
{
    struct gw_spool_scan scan;
    int ends[2];
    int status = 0;
    *error = 0;
    if (pipe2(ends, O_CLOEXEC)) {
        *error = errno;
        return false;
    }
    pid_t child = fork();
    if (child == 0)
        scan_and_exit(path, lock, ends[1], seconds_for(path));
    *error = child < 0 ? errno : 0;
    close(ends[1]);
    ssize_t n = child < 0 ? 0 : read(ends[0], &scan, sizeof scan);
    while (n < 0 && errno == EINTR)
        n = read(ends[0], &scan, sizeof scan);
    close(ends[0]);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (*error || n != (ssize_t)sizeof scan || !WIFEXITED(status) || WEXITSTATUS(status))
        return false;
    *error = scan.error > 0 ? scan.error : 0;
    return !scan.error && !scan.wrong;
}

/* Setting it aside */

static bool is_aside(const struct gw_spool_directory *directory, unsigned number)
{
    char path[PATH_MAX + NAME_OCTETS];
    char name[NAME_OCTETS];
    snprintf(name, sizeof name, "spool.damaged-%u", number);
    name_in(directory, name, path);
    return access(path, F_OK) == 0;
}

/* The highest number in use; somebody may have removed those before it. */
static unsigned newest_aside(const struct gw_spool_directory *directory)
{
    unsigned newest = 0;
    for (unsigned number = 1; number <= newest + LOOK_AHEAD; number++)
        if (is_aside(directory, number))
            newest = number;
    return newest;
}

/* The old file gets its name aside, the new one takes its place. */
static int exchange(const struct gw_spool_directory *directory, struct gw_spool_rescue *rescue)
{
    char aside[PATH_MAX + NAME_OCTETS];
    char current[PATH_MAX + NAME_OCTETS];
    char fresh[PATH_MAX + NAME_OCTETS];
    char name[NAME_OCTETS];
    unsigned number = newest_aside(directory) + 1;
    snprintf(rescue->aside, sizeof rescue->aside, "spool.damaged-%u", number);
    name_in(directory, rescue->aside, aside);
    name_in(directory, "spool.mdb", current);
    name_in(directory, "spool.new", fresh);
    if (link(current, aside) && rename(current, aside)) /* some file systems have no links */
        return -1;
    if (rename(fresh, current) || sync_directory(directory))
        return -1;
    if (number > KEEP_ASIDE) {
        snprintf(name, sizeof name, "spool.damaged-%u", number - KEEP_ASIDE);
        name_in(directory, name, aside);
        unlink(aside);
    }
    return 0;
}

/* Opening */

static int open_fresh(const struct gw_spool_directory *directory, size_t max_octets,
                      struct gw_spool_store *store)
{
    char path[PATH_MAX + NAME_OCTETS];
    name_in(directory, "spool.new", path);
    if (unlink(path) && errno != ENOENT)
        return errno;
    return gw_spool_store_open(store, path, max_octets);
}

static int make_new(const struct gw_spool_directory *directory, size_t max_octets, char *why,
                    size_t why_size)
{
    char fresh[PATH_MAX + NAME_OCTETS];
    char path[PATH_MAX + NAME_OCTETS];
    struct gw_spool_store store = {0};
    name_in(directory, "spool.new", fresh);
    name_in(directory, "spool.mdb", path);
    int error = open_fresh(directory, max_octets, &store);
    gw_spool_store_close(&store);
    if (error)
        return fail(why, why_size, "cannot make %s: %s", path, gw_spool_store_text(error));
    if (rename(fresh, path) || sync_directory(directory))
        return fail(why, why_size, "cannot make %s: %s", path, strerror(errno));
    return 0;
}

static int rescue_file(const struct gw_spool_directory *directory, size_t max_octets,
                       struct gw_spool_rescue *rescue, char *why, size_t why_size)
{
    char path[PATH_MAX + NAME_OCTETS];
    struct gw_spool_store store = {0};
    struct gw_spool_salvage salvage = {0};
    name_in(directory, "spool.mdb", path);
    int error = open_fresh(directory, max_octets, &store);
    if (!error)
        error = gw_spool_salvage(path, &store, &salvage);
    gw_spool_store_close(&store);
    if (error)
        return fail(why, why_size, "%s cannot be used (%s), nor can its records be moved: %s", path,
                    gw_spool_trouble_text(rescue->trouble), gw_spool_store_text(error));
    if (salvage.foreign && !salvage.messages && !salvage.kept)
        rescue->trouble = GW_SPOOL_TROUBLE_OTHER_FORMAT;
    rescue->messages = salvage.messages;
    rescue->kept = salvage.kept;
    rescue->lost = salvage.lost;
    rescue->lost_most = salvage.lost_most;
    rescue->uncounted = salvage.uncounted;
    if (exchange(directory, rescue))
        return fail(why, why_size, "%s cannot be set aside: %s", path, strerror(errno));
    return 0;
}

int gw_spool_file_reopen(const struct gw_spool_directory *directory, size_t max_octets,
                         struct gw_spool_store *store)
{
    char path[PATH_MAX + NAME_OCTETS];
    name_in(directory, "spool.mdb", path);
    return gw_spool_store_open(store, path, max_octets);
}

int gw_spool_file_open(const struct gw_spool_directory *directory, size_t max_octets,
                       struct gw_spool_store *store, struct gw_spool_rescue *rescue, char *why,
                       size_t why_size)
{
    char path[PATH_MAX + NAME_OCTETS];
    int error = 0;
    *rescue = (struct gw_spool_rescue){0};
    name_in(directory, "spool.mdb", path);
    if (access(path, F_OK)) {
        if (make_new(directory, max_octets, why, why_size))
            return -1;
    } else {
        rescue->trouble = writer_of(path);
        if (rescue->trouble == GW_SPOOL_TROUBLE_NONE &&
            !gw_spool_file_is_sound(path, directory->lock, &error))
            rescue->trouble = GW_SPOOL_TROUBLE_DAMAGED;
        if (error)
            return fail(why, why_size, "cannot read %s: %s", path, strerror(error));
    }
    if (rescue->trouble && rescue_file(directory, max_octets, rescue, why, why_size))
        return -1;
    error = gw_spool_file_reopen(directory, max_octets, store);
    if (error)
        return fail(why, why_size, "cannot open %s: %s", path, gw_spool_store_text(error));
    return 0;
}
