/* SPDX-License-Identifier: Apache-2.0 */
/* What both examples need around the library, which has no memory and no clock of its own. */
#ifndef DNP3_EXAMPLES_HOST_H
#define DNP3_EXAMPLES_HOST_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "dnp3/memory.h"

/* Milliseconds: CLOCK_MONOTONIC is the `now_ms` of every call, CLOCK_REALTIME the time of day. */
static inline uint64_t clock_ms(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static inline uint64_t now_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

/* How long to wait for the earlier of two times, in the words of poll(2): at most a minute. */
static inline int wait_ms(uint64_t now, uint64_t one, uint64_t other)
{
    uint64_t until = one < other ? one : other;
    return until <= now ? 0 : until - now < 60000 ? (int)(until - now) : 60000;
}

/* Memory is wanted zeroed, at create only. A host may tell by `owner` what it is for. */
static inline void *host_allocate(void *user, enum dnp3_owner owner, size_t size)
{
    (void)user, (void)owner;
    return calloc(1, size);
}

static inline void host_release(void *user, enum dnp3_owner owner, void *memory)
{
    (void)user, (void)owner;
    free(memory);
}

static const struct dnp3_allocator host_memory = {.allocate = host_allocate,
                                                  .release = host_release};

static _Noreturn inline void give_up(const char *text)
{
    fprintf(stderr, "%s\n", text);
    exit(2);
}

static inline uint16_t number_of(const char *text)
{
    return (uint16_t)strtoul(text, NULL, 10);
}

#endif
