/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32 of ISO-HDLC (Ethernet, zlib): reflected polynomial 0xedb88320. What lies on disk carries
 * it; DNP3's own checksum is dnp3/crc.h. */
#ifndef GW_CRC32_H
#define GW_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* `crc` is 0 for the first piece, then what the piece before returned. */
uint32_t gw_crc32(uint32_t crc, const void *octets, size_t length);

#endif
