/* SPDX-License-Identifier: Apache-2.0 */
/* Local clocks: every hour of forty years as the C library has it, and the hours that are there
 * twice or not at all. */
#include "gateway/base/time_zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { HOUR_MS = 3600 * 1000 };

static const char berlin[] = "CET-1CEST,M3.5.0,M10.5.0/3";

static int64_t at(int year, int month, int day, int hour, int minute)
{
    struct tm time = {.tm_year = year - 1900,
                      .tm_mon = month - 1,
                      .tm_mday = day,
                      .tm_hour = hour,
                      .tm_min = minute};
    return (int64_t)timegm(&time) * 1000;
}

/* The referee: glibc, by the same string. */
static void compare(const char *text)
{
    struct gw_time_zone zone;
    bool sure;
    assert_null(gw_time_zone_parse(text, &zone));
    setenv("TZ", text, 1);
    tzset();
    time_t end = (time_t)(at(2030, 1, 1, 0, 0) / 1000);
    for (time_t t = (time_t)(at(1999, 12, 31, 0, 0) / 1000) + 7; t < end; t += 1799) {
        struct tm shown;
        localtime_r(&t, &shown);
        int64_t utc = (int64_t)t * 1000 + 123;
        int64_t local = (int64_t)timegm(&shown) * 1000 + 123;
        if (gw_time_zone_local(&zone, utc) != local)
            fail_msg("%s: %lld is %lld, not %lld", text, (long long)utc, (long long)local,
                     (long long)gw_time_zone_local(&zone, utc));
        int64_t back = gw_time_zone_utc(&zone, local, INT64_MAX, &sure);
        if (sure ? back != utc : llabs(back - utc) > 2 * HOUR_MS)
            fail_msg("%s: %lld comes back as %lld", text, (long long)utc, (long long)back);
    }
}

static void test_as_the_c_library(void **unused)
{
    static const char *const zones[] = {"UTC0",
                                        berlin,
                                        "EST5EDT,M3.2.0,M11.1.0",
                                        "AEST-10AEDT,M10.1.0,M4.1.0/3",
                                        "<+0330>-3:30",
                                        "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1",
                                        "NST3:30NDT,M3.2.0/0:01,M11.1.0/0:01",
                                        "IST-1GMT0,M10.5.0,M3.5.0/1",
                                        "LHST-10:30LHDT-11,M10.1.0,M4.1.0",
                                        "AAA3BBB,J60,J300/23",
                                        "AAA-3BBB,59/1:30:30,299"};
    (void)unused;
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
        compare(zones[i]);
}

static void test_the_hour_that_comes_twice(void **unused)
{
    struct gw_time_zone zone;
    bool sure;
    int64_t shown = at(2026, 10, 25, 2, 30);
    int64_t summer = at(2026, 10, 25, 0, 30);
    int64_t winter = at(2026, 10, 25, 1, 30);
    (void)unused;
    assert_null(gw_time_zone_parse(berlin, &zone));
    assert_int_equal(gw_time_zone_utc(&zone, shown, winter + 1000, &sure), winter);
    assert_false(sure);
    assert_int_equal(gw_time_zone_utc(&zone, shown, winter, &sure), winter);
    assert_int_equal(gw_time_zone_utc(&zone, shown, winter - 1, &sure), summer);
    assert_false(sure);
    assert_int_equal(gw_time_zone_utc(&zone, shown - HOUR_MS, winter, &sure), summer - HOUR_MS);
    assert_true(sure);
    assert_int_equal(gw_time_zone_utc(&zone, shown + HOUR_MS, winter, &sure), winter + HOUR_MS);
    assert_true(sure);
}

static void test_the_hour_that_never_comes(void **unused)
{
    struct gw_time_zone zone;
    bool sure;
    (void)unused;
    assert_null(gw_time_zone_parse(berlin, &zone));
    assert_int_equal(gw_time_zone_utc(&zone, at(2026, 3, 29, 2, 30), INT64_MAX, &sure),
                     at(2026, 3, 29, 1, 30));
    assert_false(sure);
}

static void test_without_a_zone(void **unused)
{
    bool sure = false;
    (void)unused;
    assert_int_equal(gw_time_zone_local(NULL, 1234), 1234);
    assert_int_equal(gw_time_zone_utc(NULL, 1234, 0, &sure), 1234);
    assert_true(sure);
}

static void test_wrong_ones(void **unused)
{
    static const struct {
        const char *text, *problem;
    } wrong[] = {{"", "begins with a name"},
                 {"Europe/Berlin", "behind the name"},
                 {"CE-1", "begins with a name"},
                 {"<+1>-1", "begins with a name"},
                 {"<+01-1", "begins with a name"},
                 {"CET", "behind the name"},
                 {"CET-25", "behind the name"},
                 {"CET-1:60", "behind the name"},
                 {"CET-1:00:60", "behind the name"},
                 {"CET-1CE", "summer time has a name"},
                 {"CET-1CEST", "when does summer time begin"},
                 {"CET-1CEST-2", "when does summer time begin"},
                 {"CET-1CEST+x", "its offset, or a comma"},
                 {"CET-1CEST,M3.5.0", "begins and ends"},
                 {"CET-1CEST,M13.5.0,M10.5.0", "begins and ends"},
                 {"CET-1CEST,M3.6.0,M10.5.0", "begins and ends"},
                 {"CET-1CEST,M3.5.7,M10.5.0", "begins and ends"},
                 {"CET-1CEST,M3.5,M10.5.0", "begins and ends"},
                 {"CET-1CEST,J0,J300", "begins and ends"},
                 {"CET-1CEST,J60,366", "begins and ends"},
                 {"CET-1CEST,M3.5.0/168,M10.5.0", "begins and ends"},
                 {"CET-1CEST,M3.5.0/x,M10.5.0", "begins and ends"},
                 {"CET-1CEST,99999999999999999999,1", "begins and ends"},
                 {"CET-1CEST,M3.5.0,M10.5.0/3 ", "begins and ends"}};
    struct gw_time_zone zone;
    (void)unused;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *problem = gw_time_zone_parse(wrong[i].text, &zone);
        if (!problem || !strstr(problem, wrong[i].problem))
            fail_msg("\"%s\": %s", wrong[i].text, problem ? problem : "nothing");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_the_c_library), cmocka_unit_test(test_the_hour_that_comes_twice),
        cmocka_unit_test(test_the_hour_that_never_comes), cmocka_unit_test(test_without_a_zone),
        cmocka_unit_test(test_wrong_ones)};
    return cmocka_run_group_tests_name("time_zone", tests, NULL, NULL);
}
