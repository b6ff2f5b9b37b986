/* SPDX-License-Identifier: Apache-2.0 */
/* The spool's directory: who has it, whether its file can be trusted, and what is left of one that
 * cannot. LMDB does not notice a damaged page and may crash on one, so nothing opens a file that a
 * child process has not walked through to its end.
 *
 *   lock             held while a process has the spool; its pid is in it
 *   spool.mdb        the file; spool.new while it is being made
 *   spool.damaged-N  what was set aside, the two newest */
#ifndef GW_SPOOL_FILE_H
#define GW_SPOOL_FILE_H

#include <limits.h>

#include "gateway/spool/spool_store.h"

#define GW_SPOOL_TROUBLE_MAP(X)                                                                    \
    X(NONE, "nothing is wrong with it")                                                            \
    X(DAMAGED, "it is damaged")                                                                    \
    X(OTHER_MACHINE, "a machine of another word size or byte order wrote it")                      \
    X(OTHER_FORMAT, "another version of this program wrote it")

enum gw_spool_trouble {
#define X(name, text) GW_SPOOL_TROUBLE_##name,
    GW_SPOOL_TROUBLE_MAP(X)
#undef X
};

const char *gw_spool_trouble_text(enum gw_spool_trouble trouble);

/* What became of a file that could not be used. */
struct gw_spool_rescue {
    enum gw_spool_trouble trouble;
    char aside[32];    /* its name now, in the directory */
    uint64_t messages; /* taken over into the new file */
    uint64_t kept;
    uint64_t lost, lost_most; /* messages that it held besides: at least, at most */
    bool uncounted;           /* the youngest commit cannot be read: at most is unknown */
};

struct gw_spool_directory {
    int lock; /* descriptor, -1: not ours */
    char path[PATH_MAX];
};

/* Takes the directory for this process, making it where its parent is there. 0, or a negative
 * number with a sentence in `why`. */
int gw_spool_directory_take(struct gw_spool_directory *directory, const char *path, char *why,
                            size_t why_size);
void gw_spool_directory_give(struct gw_spool_directory *directory);

/* Opens the directory's file, new where there is none; one that cannot be trusted is set aside and
 * its intact records go into the new one. Forks: call it while this process has one thread. 0, or a
 * negative number with a sentence in `why`; then the file is as it was. */
int gw_spool_file_open(const struct gw_spool_directory *directory, size_t max_octets,
                       struct gw_spool_store *store, struct gw_spool_rescue *rescue, char *why,
                       size_t why_size);
/* Opens it again in the same run, unscanned: for any thread. Errors are the store's. */
int gw_spool_file_reopen(const struct gw_spool_directory *directory, size_t max_octets,
                         struct gw_spool_store *store);

/* Walks the file in a child of its own, which does not hold `lock` (-1: none). False where it must
 * not be opened; `*error` then is an errno where the disk or the system is to blame rather than the
 * file's content, else 0. */
bool gw_spool_file_is_sound(const char *path, int lock, int *error);

#endif
