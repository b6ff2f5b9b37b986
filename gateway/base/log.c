/* SPDX-License-Identifier: Apache-2.0 */
/* One write(2) an event, so that lines of several threads never mix, and none that would wait:
 * whoever reads the log must not be able to hold up the gateway. */
#include "gateway/base/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_OCTETS = 1024, ROOM = 2 * LINE_MAX_OCTETS }; /* a pipe takes twice that at once */

static enum gw_log_level threshold = GW_LOG_INFO;
static enum gw_log_format line_format = GW_LOG_LOGFMT;
static atomic_uint lost; /* lines since the last one that was written */

void gw_log_configure(enum gw_log_level level, enum gw_log_format format)
{
    threshold = level;
    line_format = format;
}

/* Quotes and control characters are escaped the same way in logfmt and JSON. */
static void escape(char *out, size_t size, const char *text)
{
    size_t n = 0;
    for (; *text && n + 7 < size; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            out[n++] = '\\';
            out[n++] = (char)c;
        } else if (c < 0x20 || c == 0x7f) {
            n += (size_t)snprintf(out + n, size - n, "\\u%04x", c);
        } else {
            out[n++] = (char)c;
        }
    }
    out[n] = 0;
}

static bool write_now(const char *line, size_t length)
{
    struct pollfd log = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&log, 1, 0) == 1 && log.revents & POLLOUT &&
           write(STDERR_FILENO, line, length) >= 0;
}

static size_t format_line(char line[ROOM], enum gw_log_level level, const char *subject,
                          const char *text)
{
    static const char *const names[] = {
#define X(name, text) [GW_LOG_##name] = text,
        GW_LOG_LEVEL_MAP(X)
#undef X
    };
    char message[LINE_MAX_OCTETS];
    char about[128];
    struct timespec now;
    struct tm utc;
    char when[32];
    escape(message, sizeof message, text);
    escape(about, sizeof about, subject);
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &utc);
    long ms = now.tv_nsec / 1000000;
    int length = line_format == GW_LOG_JSON
                     ? snprintf(line, ROOM,
                                "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"subject\":\"%s\","
                                "\"message\":\"%s\"}\n",
                                when, ms, names[level], about, message)
                     : snprintf(line, ROOM, "time=%s.%03ldZ level=%s subject=%s message=\"%s\"\n",
                                when, ms, names[level], about, message);
    return length < ROOM ? (size_t)length : ROOM - 1;
}

void gw_log(enum gw_log_level level, const char *subject, const char *format, ...)
{
    char text[LINE_MAX_OCTETS];
    char line[ROOM];
    va_list arguments;
    if (level > threshold)
        return;
    unsigned before = atomic_load(&lost);
    if (before) {
        snprintf(text, sizeof text, "%u lines are missing here: nobody read the log", before);
        if (!write_now(line, format_line(line, GW_LOG_WARNING, "log", text))) {
            atomic_fetch_add(&lost, 1);
            return;
        }
        atomic_fetch_sub(&lost, before);
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!write_now(line, format_line(line, level, subject, text)))
        atomic_fetch_add(&lost, 1);
}
