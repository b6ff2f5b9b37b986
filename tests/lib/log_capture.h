/* SPDX-License-Identifier: Apache-2.0 */
/* What is logged between two calls, to be looked into: at level info, and not shown meanwhile. */
#ifndef TESTS_LOG_CAPTURE_H
#define TESTS_LOG_CAPTURE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/log.h"

/* Gives what log_capture_ends() needs. */
static inline int log_capture_begins(void)
{
    int before = dup(STDERR_FILENO);
    FILE *kept = tmpfile();
    if (before < 0 || !kept || dup2(fileno(kept), STDERR_FILENO) < 0)
        abort();
    fclose(kept);
    gw_log_configure(GW_LOG_INFO, GW_LOG_LOGFMT);
    return before;
}

/* Does `text` stand in it? Afterwards errors alone are logged. */
static inline bool log_capture_ends(int before, const char *text)
{
    static char log[1 << 16];
    ssize_t length = pread(STDERR_FILENO, log, sizeof log - 1, 0);
    dup2(before, STDERR_FILENO);
    close(before);
    gw_log_configure(GW_LOG_ERROR, GW_LOG_LOGFMT);
    log[length > 0 ? length : 0] = 0;
    return strstr(log, text) != NULL;
}

#endif
