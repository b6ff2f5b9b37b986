/* SPDX-License-Identifier: Apache-2.0 */
/* The log never waits for whoever reads it. */
#include "gateway/base/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { LINES = 5000, PATIENCE_S = 60 };

static char read_octets[1 << 20];

/* What lies in the pipe. */
static const char *read_all(int fd)
{
    size_t length = 0;
    ssize_t more;
    while ((more = read(fd, read_octets + length, sizeof read_octets - 1 - length)) > 0)
        length += (size_t)more;
    read_octets[length] = 0;
    return read_octets;
}

static unsigned count(const char *text, const char *what)
{
    unsigned found = 0;
    for (; (text = strstr(text, what)); text += strlen(what))
        found++;
    return found;
}

static void test_nobody_reads(void **unused)
{
    int ends[2];
    unsigned missing;
    (void)unused;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    int before = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    alarm(PATIENCE_S); /* a log that waits does so for ever */
    for (int i = 0; i < LINES; i++)
        gw_log(GW_LOG_WARNING, "test", "line of a log that is not read");
    unsigned written = count(read_all(ends[0]), "line of a log");
    gw_log(GW_LOG_WARNING, "test", "read again");
    gw_log(GW_LOG_WARNING, "test", "and again");
    alarm(0);
    dup2(before, STDERR_FILENO);
    close(before);
    const char *text = read_all(ends[0]);
    close(ends[0]);
    const char *told = strstr(text, "subject=log message=\"");
    assert_non_null(told);
    assert_int_equal(sscanf(told, "subject=log message=\"%u lines are missing", &missing), 1);
    assert_in_range(written, 1, LINES - 1);
    assert_int_equal(written + missing, LINES);
    assert_int_equal(count(text, "are missing here"), 1);
    assert_int_equal(count(text, "again\"\n"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nobody_reads)};
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
