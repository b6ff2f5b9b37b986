/* SPDX-License-Identifier: Apache-2.0 */
/* The heap as the library's allocator, for tests and benches that do not count. */
#ifndef TESTS_HEAP_H
#define TESTS_HEAP_H

#include <stdlib.h>

#include "dnp3/memory.h"

static inline void *heap_allocate(void *user, enum dnp3_owner owner, size_t size)
{
    (void)user;
    (void)owner;
    return calloc(1, size);
}

static inline void heap_release(void *user, enum dnp3_owner owner, void *memory)
{
    (void)user;
    (void)owner;
    free(memory);
}

static const struct dnp3_allocator heap = {.allocate = heap_allocate, .release = heap_release};

#endif
