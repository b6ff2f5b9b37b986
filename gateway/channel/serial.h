/* SPDX-License-Identifier: Apache-2.0 */
/* A serial port: opened for this process alone, raw, with the line's settings. */
#ifndef GW_SERIAL_H
#define GW_SERIAL_H

#include "gateway/config/serial_config.h"

/* What went wrong: "cannot be opened", and errno's value. */
struct gw_serial_error {
    const char *what;
    int code;
};

/* Opens without waiting for a modem or for a line that is free. Returns the descriptor, which does
 * not block, or -1 with `error` set. What a port cannot do and can be worked without (RTS around
 * what it sends) is told in `lacks`, NULL where there is nothing. */
int gw_serial_open(const struct gw_serial_config *config, struct gw_serial_error *error,
                   const char **lacks);
/* Throws away what has not been sent, so that closing does not wait for it. */
void gw_serial_close(int fd);

#endif
