/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648, with padding) to octets; the way back is gw_json_base64. */
#ifndef GW_BASE64_H
#define GW_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Octets that a text of this length becomes at most. */
static inline size_t gw_base64_room(size_t length)
{
    return length / 4 * 3;
}

/* Reads a whole text into `octets`, which has room for it. False where it is none, or where bits
 * that mean nothing are set. */
bool gw_base64_read(const char *text, size_t length, uint8_t *octets, size_t *count);

#endif
