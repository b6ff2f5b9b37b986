/* SPDX-License-Identifier: Apache-2.0 */
/* Where the library's memory comes from: the host's allocator, asked at create and never again.
 * Every request names its owner, so that the host can account by component. */
#ifndef DNP3_MEMORY_H
#define DNP3_MEMORY_H

#include <stddef.h>

enum dnp3_owner { DNP3_OWNER_LINK, DNP3_OWNER_ASSOCIATION, DNP3_OWNER_OUTSTATION };

/* Borrowed by what is created with it, for that one's whole life. */
struct dnp3_allocator {
    /* Returns `size` zeroed octets aligned for any type, or NULL. */
    void *(*allocate)(void *user, enum dnp3_owner owner, size_t size);
    /* Gives back what `allocate` returned; `memory` is never NULL. */
    void (*release)(void *user, enum dnp3_owner owner, void *memory);
    void *user;
};

#endif
