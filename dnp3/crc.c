/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-16/DNP eight octets a step. A CRC is linear over its input bits, so a table entry is the sum
 * (xor) of the entries of its single bits: only those are written down, the compiler expands the
 * rest. The unit test compares with the bitwise definition. */
#include "dnp3/crc.h"

#include "dnp3/cursor.h"

#define BIT(n, i, basis) ((((n) >> (i)) & 1) * (basis))
#define ENTRY(n, a, b, c, d, e, f, g, h)                                                           \
    (BIT(n, 0, a) ^ BIT(n, 1, b) ^ BIT(n, 2, c) ^ BIT(n, 3, d) ^ BIT(n, 4, e) ^ BIT(n, 5, f) ^     \
     BIT(n, 6, g) ^ BIT(n, 7, h))
#define ENTRIES4(n, ...)                                                                           \
    ENTRY(n, __VA_ARGS__), ENTRY(n + 1, __VA_ARGS__), ENTRY(n + 2, __VA_ARGS__),                   \
        ENTRY(n + 3, __VA_ARGS__)
#define ENTRIES16(n, ...)                                                                          \
    ENTRIES4(n, __VA_ARGS__), ENTRIES4(n + 4, __VA_ARGS__), ENTRIES4(n + 8, __VA_ARGS__),          \
        ENTRIES4(n + 12, __VA_ARGS__)
#define ENTRIES64(n, ...)                                                                          \
    ENTRIES16(n, __VA_ARGS__), ENTRIES16(n + 16, __VA_ARGS__), ENTRIES16(n + 32, __VA_ARGS__),     \
        ENTRIES16(n + 48, __VA_ARGS__)
#define SLICE(...)                                                                                 \
    {                                                                                              \
        ENTRIES64(0, __VA_ARGS__), ENTRIES64(64, __VA_ARGS__), ENTRIES64(128, __VA_ARGS__),        \
            ENTRIES64(192, __VA_ARGS__)                                                            \
    }

/* slices[k][b]: the remainder of octet b followed by k zero octets. The arguments are those of
 * the octets 0x01, 0x02, 0x04 ... 0x80, for the polynomial 0x3D65 reflected (0xA6BC). */
static const uint16_t slices[8][256] = {
    SLICE(0x365E, 0x6CBC, 0xD978, 0xFF89, 0xB26B, 0x29AF, 0x535E, 0xA6BC),
    SLICE(0xAB4E, 0x1BE5, 0x37CA, 0x6F94, 0xDF28, 0xF329, 0xAB2B, 0x1B2F),
    SLICE(0x19B8, 0x3370, 0x66E0, 0xCDC0, 0xD6F9, 0xE08B, 0x8C6F, 0x55A7),
    SLICE(0xC2E8, 0xC8A9, 0xDC2B, 0xF52F, 0xA727, 0x0337, 0x066E, 0x0CDC),
    SLICE(0x2306, 0x460C, 0x8C18, 0x5549, 0xAA92, 0x185D, 0x30BA, 0x6174),
    SLICE(0xB5E7, 0x26B7, 0x4D6E, 0x9ADC, 0x78C1, 0xF182, 0xAE7D, 0x1183),
    SLICE(0x5F62, 0xBEC4, 0x30F1, 0x61E2, 0xC3C4, 0xCAF1, 0xD89B, 0xFC4F),
    SLICE(0x1612, 0x2C24, 0x5848, 0xB090, 0x2C59, 0x58B2, 0xB164, 0x2FB1),
};

uint16_t dnp3_crc(const uint8_t *octets, size_t length)
{
    unsigned crc = 0;
    for (; length >= 8; length -= 8, octets += 8) {
        crc ^= dnp3_load_u16(octets);
        crc = (unsigned)(slices[7][crc & 0xFF] ^ slices[6][crc >> 8] ^ slices[5][octets[2]] ^
                         slices[4][octets[3]] ^ slices[3][octets[4]] ^ slices[2][octets[5]] ^
                         slices[1][octets[6]] ^ slices[0][octets[7]]);
    }
    for (; length > 0; length--, octets++)
        crc = crc >> 8 ^ slices[0][(crc ^ *octets) & 0xFF];
    return (uint16_t)~crc;
}
