/* SPDX-License-Identifier: Apache-2.0 */
/* Frames in the log: whatever comes, a line is text, of a bounded length, and as many as may be. */
#include <stdarg.h>
#include <stdio.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/session/wire_log.h"
#include "tests/fuzz/fuzz.h"

static unsigned lines;

/* In place of the log's own. */
void gw_log(enum gw_log_level level, const char *subject, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    (void)level;
    (void)subject;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    require(length > 0 && length < 512);
    for (const char *c = line; *c; c++)
        require(*c >= ' ' && *c < 0x7F);
    lines++;
}

/* The first octet: in which pieces, from which side, as datagrams or not. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gw_wire_log *list = NULL;
    if (!size || !gw_wire_log_start(&list, "device", 10, 100))
        return 0;
    size_t piece = (size_t)(data[0] & 0x3F) + 1;
    lines = 0;
    for (size_t at = 1; at < size; at += piece)
        gw_wire_log_octets(&list, data[0] & 0x80, data + at, size - at < piece ? size - at : piece,
                           data[0] & 0x40, 1);
    gw_wire_log_free(&list);
    require(lines <= GW_WIRE_LOG_LINES + 1);
    require(gw_memory_used(GW_OWNER_LINK) == 0);
    return 0;
}
