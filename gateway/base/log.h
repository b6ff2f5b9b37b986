/* SPDX-License-Identifier: Apache-2.0 */
/* The log: one line an event on standard error, logfmt or JSON, secrets never. A line that would
 * have to wait for its reader is left out, and counted in the next one. */
#ifndef GW_LOG_H
#define GW_LOG_H

#define GW_LOG_LEVEL_MAP(X)                                                                        \
    X(ERROR, "error")                                                                              \
    X(WARNING, "warning")                                                                          \
    X(INFO, "info")                                                                                \
    X(DEBUG, "debug")

enum gw_log_level {
#define X(name, text) GW_LOG_##name,
    GW_LOG_LEVEL_MAP(X)
#undef X
        GW_LOG_LEVELS
};

enum gw_log_format { GW_LOG_LOGFMT, GW_LOG_JSON };

void gw_log_configure(enum gw_log_level level, enum gw_log_format format);

/* Writes a line when `level` is on. `subject` is what it is about: an outstation's or channel's
 * name, "mqtt", "config"; the text is a sentence for an engineer. */
void gw_log(enum gw_log_level level, const char *subject, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
