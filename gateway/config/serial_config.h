/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of a serial line, and the speeds that one may have. */
#ifndef GW_SERIAL_CONFIG_H
#define GW_SERIAL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bits a second, smallest first. */
#define GW_SERIAL_SPEED_MAP(X)                                                                     \
    X(300)                                                                                         \
    X(600)                                                                                         \
    X(1200)                                                                                        \
    X(2400)                                                                                        \
    X(4800)                                                                                        \
    X(9600)                                                                                        \
    X(19200)                                                                                       \
    X(38400)                                                                                       \
    X(57600)                                                                                       \
    X(115200)                                                                                      \
    X(230400)                                                                                      \
    X(460800)                                                                                      \
    X(921600)

enum gw_serial_parity { GW_PARITY_NONE, GW_PARITY_EVEN, GW_PARITY_ODD };
enum gw_serial_flow { GW_FLOW_NONE, GW_FLOW_HARDWARE, GW_FLOW_SOFTWARE };

struct gw_serial_config {
    const char *device; /* a path; NULL where the channel is no serial line */
    uint32_t baud;      /* one of GW_SERIAL_SPEED_MAP */
    uint8_t data;       /* bits, 5 to 8 */
    uint8_t parity;     /* enum gw_serial_parity */
    uint8_t stop;       /* bits, 1 or 2 */
    uint8_t flow;       /* enum gw_serial_flow */
    bool rs485;         /* the port drives RTS around what it sends */
    uint32_t turnaround_ms;
};

/* How long `octets` take on the wire. */
uint64_t gw_serial_ms(const struct gw_serial_config *config, size_t octets);
/* "/dev/ttyS1, 9600 8N1": for people. Returns as snprintf does. */
int gw_serial_print(const struct gw_serial_config *config, char *buffer, size_t size);

#endif
