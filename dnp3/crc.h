/* SPDX-License-Identifier: Apache-2.0 */
/* The data link's CRC-16/DNP (IEEE 1815-2012 9.2.5 and annex E): polynomial 0x3D65 reflected,
 * initial 0, result inverted; sent low octet first. */
#ifndef DNP3_CRC_H
#define DNP3_CRC_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of `length` octets, as stored on the wire in little-endian order. */
uint16_t dnp3_crc(const uint8_t *octets, size_t length);

#endif
