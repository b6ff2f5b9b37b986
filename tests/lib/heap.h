/* SPDX-License-Identifier: Apache-2.0 */
/* The heap as the library's allocator: as it is, or with what is asked of it counted. */
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

struct counted_heap {
    size_t live;    /* given out and not given back */
    size_t asked;   /* requests, ever */
    size_t octets;  /* of them, ever */
    size_t fail_at; /* the number of a request that fails; 0: none */
};

static inline void *counted_heap_allocate(void *user, enum dnp3_owner owner, size_t size)
{
    struct counted_heap *counted = user;
    (void)owner;
    counted->octets += size;
    if (++counted->asked == counted->fail_at)
        return NULL;
    counted->live++;
    return calloc(1, size);
}

static inline void counted_heap_release(void *user, enum dnp3_owner owner, void *memory)
{
    (void)owner;
    ((struct counted_heap *)user)->live--;
    free(memory);
}

static inline struct dnp3_allocator counted_heap_of(struct counted_heap *counted)
{
    return (struct dnp3_allocator){
        .allocate = counted_heap_allocate, .release = counted_heap_release, .user = counted};
}

#endif
