/* SPDX-License-Identifier: Apache-2.0 */
/* Splitting host and port. Names are not resolved here: that is done at each connect. */
#include "gateway/config/endpoint.h"

#include <stdbool.h>
#include <string.h>

static bool read_port(const char *text, uint16_t *port)
{
    uint32_t number = 0;
    size_t digits = 0;
    for (; text[digits] >= '0' && text[digits] <= '9' && digits < 6; digits++)
        number = number * 10 + (uint32_t)(text[digits] - '0');
    *port = (uint16_t)number;
    return digits > 0 && text[digits] == '\0' && number > 0 && number <= 65535;
}

static bool is_host(const char *text, size_t length, bool bracketed)
{
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        bool name = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '-' || c == '_';
        if (!name && !(bracketed && (c == ':' || c == '%')))
            return false;
    }
    return length > 0;
}

const char *gw_endpoint_parse(const char *text, uint16_t default_port, char host[GW_HOST_MAX],
                              uint16_t *port)
{
    bool bracketed = *text == '[';
    const char *start = bracketed ? text + 1 : text;
    const char *end = bracketed ? strchr(start, ']') : start + strcspn(start, ":");
    if (strchr(text, '@'))
        return "user and password do not stand in the address";
    if (!end)
        return "a [ without ]: expected [address]:port";
    const char *behind = bracketed ? end + 1 : end;
    size_t length = (size_t)(end - start);
    if (!bracketed && *behind == ':' && strchr(behind + 1, ':'))
        return "an IPv6 address stands in brackets: expected [address]:port";
    if (!is_host(start, length, bracketed) || length >= GW_HOST_MAX)
        return "expected host:port";
    *port = default_port;
    if (*behind == '\0' && default_port == 0)
        return "the port is missing: expected host:port";
    if (*behind != '\0' && (*behind != ':' || !read_port(behind + 1, port)))
        return "the port is a number from 1 to 65535: expected host:port";
    memcpy(host, start, length);
    host[length] = '\0';
    return NULL;
}
