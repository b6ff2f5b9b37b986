/* SPDX-License-Identifier: Apache-2.0 */
/* A serial port: opened for this process alone, raw, with the line's settings. */
#ifndef GW_SERIAL_H
#define GW_SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gw_serial_parity { GW_PARITY_NONE, GW_PARITY_EVEN, GW_PARITY_ODD };
enum gw_serial_flow { GW_FLOW_NONE, GW_FLOW_HARDWARE, GW_FLOW_SOFTWARE };

struct gw_serial_config {
    const char *device; /* a path; NULL where the channel is no serial line */
    uint32_t baud;      /* one of gw_serial_speeds */
    uint8_t data;       /* bits, 5 to 8 */
    uint8_t parity;     /* enum gw_serial_parity */
    uint8_t stop;       /* bits, 1 or 2 */
    uint8_t flow;       /* enum gw_serial_flow */
    bool rs485;         /* the port drives RTS around what it sends */
    uint32_t turnaround_ms;
};

/* What went wrong: "cannot be opened", and errno's value. */
struct gw_serial_error {
    const char *what;
    int code;
};

/* Speeds that a port may have, in bits a second, smallest first; ends with 0. */
extern const uint32_t gw_serial_speeds[];

/* Opens without waiting for a modem or for a line that is free. Returns the descriptor, which does
 * not block, or -1 with `error` set. What a port cannot do and can be worked without (RTS around
 * what it sends) is told in `lacks`, NULL where there is nothing. */
int gw_serial_open(const struct gw_serial_config *config, struct gw_serial_error *error,
                   const char **lacks);
/* Throws away what has not been sent, so that closing does not wait for it. */
void gw_serial_close(int fd);
/* How long `octets` take on the wire. */
uint64_t gw_serial_ms(const struct gw_serial_config *config, size_t octets);
/* "/dev/ttyS1, 9600 8N1": for people. Returns as snprintf does. */
int gw_serial_print(const struct gw_serial_config *config, char *buffer, size_t size);

#endif
