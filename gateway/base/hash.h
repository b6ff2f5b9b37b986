/* SPDX-License-Identifier: Apache-2.0 */
/* FNV-1a, 64 bits: the same in every run and on every machine, for the ledger and the spool keep
 * its values on disk. It is no defence against octets that were chosen to collide. */
#ifndef GW_HASH_H
#define GW_HASH_H

#include <stddef.h>
#include <stdint.h>

#define GW_HASH_START UINT64_C(0xcbf29ce484222325)

/* `hash` is GW_HASH_START for the first piece, then what the piece before returned. */
uint64_t gw_hash(uint64_t hash, const void *octets, size_t length);
/* Of a text without its NUL, and nothing before it. */
uint64_t gw_hash_text(const char *text);

#endif
