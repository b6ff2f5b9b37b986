/* SPDX-License-Identifier: Apache-2.0 */
/* One write(2)-sized line an event, so that lines of several threads never mix. */
#include "gateway/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LINE_MAX_OCTETS = 1024 };

static enum gw_log_level threshold = GW_LOG_INFO;
static enum gw_log_format line_format = GW_LOG_LOGFMT;

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

void gw_log(enum gw_log_level level, const char *subject, const char *format, ...)
{
    static const char *const names[] = {
#define X(name, text) [GW_LOG_##name] = text,
        GW_LOG_LEVEL_MAP(X)
#undef X
    };
    if (level > threshold)
        return;
    char text[LINE_MAX_OCTETS];
    char message[LINE_MAX_OCTETS];
    char about[128];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    escape(message, sizeof message, text);
    escape(about, sizeof about, subject);

    struct timespec now;
    struct tm utc;
    char when[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &utc);
    long ms = now.tv_nsec / 1000000;
    if (line_format == GW_LOG_JSON)
        fprintf(stderr,
                "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"subject\":\"%s\",\"message\":\"%s\"}\n",
                when, ms, names[level], about, message);
    else
        fprintf(stderr, "time=%s.%03ldZ level=%s subject=%s message=\"%s\"\n", when, ms,
                names[level], about, message);
}
