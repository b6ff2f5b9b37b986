/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets share: an invariant that stops the fuzzer, and an allocator. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "dnp3/memory.h"

#define require(condition) ((condition) ? (void)0 : broken(#condition, __FILE__, __LINE__))

static inline void broken(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

static inline void *fuzz_allocate(void *user, enum dnp3_owner owner, size_t size)
{
    (void)user;
    (void)owner;
    return calloc(1, size);
}

static inline void fuzz_release(void *user, enum dnp3_owner owner, void *memory)
{
    (void)user;
    (void)owner;
    free(memory);
}

static const struct dnp3_allocator fuzz_allocator = {fuzz_allocate, fuzz_release, NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
