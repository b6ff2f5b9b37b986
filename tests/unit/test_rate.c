/* SPDX-License-Identifier: Apache-2.0 */
/* How many lines strangers may write into the log. */
#include "gateway/base/rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gateway/base/log.h"

static unsigned allowed(struct gw_rate *rate, unsigned asked, uint64_t now_ms)
{
    unsigned count = 0;
    for (unsigned i = 0; i < asked; i++)
        count += gw_rate_allows(rate, "test", now_ms);
    return count;
}

static void test_windows(void **unused)
{
    struct gw_rate rate = {0};
    (void)unused;
    gw_log_configure(GW_LOG_ERROR, GW_LOG_LOGFMT);
    assert_int_equal(allowed(&rate, 3, 0), 3); /* a clock that starts at 0 */
    assert_int_equal(allowed(&rate, 20, 500), GW_RATE_LINES - 3);
    assert_int_equal(rate.untold, 13);
    assert_int_equal(allowed(&rate, 5, GW_RATE_WINDOW_MS - 1), 0);
    assert_int_equal(rate.untold, 18);
    assert_int_equal(allowed(&rate, 100, GW_RATE_WINDOW_MS), GW_RATE_LINES);
    assert_int_equal(rate.untold, 90);
    assert_int_equal(allowed(&rate, 1, 10 * GW_RATE_WINDOW_MS), 1);
    assert_int_equal(rate.untold, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_windows)};
    return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}
