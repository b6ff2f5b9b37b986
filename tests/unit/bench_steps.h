/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of controls and those of outstation commands share: one configuration for all of
 * them, a switch that is not set, expectations. */
#ifndef BENCH_STEPS_H
#define BENCH_STEPS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "tests/lib/control_bench.h"
#include "tests/lib/mqtt_message.h"

#define NO_SWITCH "/nonexistent/no-controls"

static struct gw_config *config;

static inline int load_config(struct gw_config *loaded)
{
    gw_log_configure(GW_LOG_ERROR, GW_LOG_LOGFMT);
    config = loaded;
    return config ? 0 : -1;
}

static inline int unload(void **state)
{
    (void)state;
    gw_config_free(config);
    return 0;
}

static inline int nothing_left(void)
{
    return gw_memory_used(GW_OWNER_CONTROLS) == 0 ? 0 : -1;
}

/* The last result holds it. */
static inline void expect_result(const struct control_bench *host, const char *text)
{
    if (!strstr(host->payload, text))
        fail_msg("%s does not hold %s", host->payload, text);
}

static inline void expect_no_request(const struct control_bench *host, const void *request)
{
    assert_int_equal(host->operated, 0);
    assert_null(request);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

#endif
