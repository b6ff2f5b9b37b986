/* SPDX-License-Identifier: Apache-2.0 */
/* When something is due: ms of the host's clock, UINT64_MAX for never. Not installed. */
#ifndef DNP3_DEADLINE_INTERNAL_H
#define DNP3_DEADLINE_INTERNAL_H

#include <stdint.h>

static inline uint64_t dnp3_earlier(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

#endif
