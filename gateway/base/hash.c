/* SPDX-License-Identifier: Apache-2.0 */
/* An octet a step: names and topics are short. */
#include "gateway/base/hash.h"

#include <string.h>

uint64_t gw_hash(uint64_t hash, const void *octets, size_t length)
{
    const uint8_t *at = octets;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

uint64_t gw_hash_text(const char *text)
{
    return gw_hash(GW_HASH_START, text, strlen(text));
}
