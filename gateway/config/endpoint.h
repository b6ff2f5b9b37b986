/* SPDX-License-Identifier: Apache-2.0 */
/* A place to connect to, as written in a file: `host:port`, `[2001:db8::1]:port`, with or without
 * a scheme before it (`tcp://`, `mqtt://`). */
#ifndef GW_ENDPOINT_H
#define GW_ENDPOINT_H

#include <stddef.h>
#include <stdint.h>

enum { GW_HOST_MAX = 254 }; /* a DNS name has at most 253 octets */

struct gw_endpoint {
    const char *host; /* name or address, an IPv6 address without brackets */
    uint16_t port;
};

/* Splits `text` (no scheme) into host and port; `default_port` serves where none is written (0: one
 * must be). `host` receives a string. Returns NULL, or what is wrong with it as a static sentence:
 * "expected host:port". */
const char *gw_endpoint_parse(const char *text, uint16_t default_port, char host[GW_HOST_MAX],
                              uint16_t *port);

#endif
