/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the records in what is left of a spool's file, without a look at the tree around them. */
#ifndef GW_SPOOL_SALVAGE_H
#define GW_SPOOL_SALVAGE_H

#include "gateway/spool/spool_store.h"

struct gw_spool_salvage {
    uint64_t messages; /* intact, now in the new file */
    uint64_t kept;
    /* Messages that the newest mark counts and that are not among them: the least and the most.
     * They differ where some were deleted out of turn, which may be among them. */
    uint64_t lost, lost_most;
    bool uncounted;   /* the youngest commit's mark is gone: `lost` is what an older one knows */
    uint64_t foreign; /* records of another format, left where they are */
};

/* Copies into `store`, which is new. What could not be read of the file counts as damaged. A
 * message that was deleted out of turn shortly before may come back, and so may a kept value that
 * was dropped; what is below the newest mark's first message does not. Errors are the store's, or
 * errno where the file cannot be opened. */
int gw_spool_salvage(const char *path, struct gw_spool_store *store,
                     struct gw_spool_salvage *salvage);

#endif
