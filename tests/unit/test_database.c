/* SPDX-License-Identifier: Apache-2.0 */
/* The database: what an update changes, and when it is an event. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "dnp3/database.h"
#include "dnp3/error.h"
#include "tests/lib/wire.h"

static struct dnp3_database *make(enum dnp3_point_type type, uint16_t count, uint8_t event_class,
                                  float deadband)
{
    struct dnp3_database_config config;
    dnp3_database_config_default(&config);
    config.count[type] = count;
    config.setup[type].event_class = event_class;
    config.setup[type].deadband = deadband;
    struct dnp3_database *database = dnp3_database_create(&heap, &config);
    assert_non_null(database);
    return database;
}

static int update(struct dnp3_database *database, enum dnp3_point_type type, uint32_t index,
                  double value, uint8_t flags, enum dnp3_event_mode mode)
{
    struct dnp3_point point = {.index = index, .number = value, .flags = flags};
    return dnp3_database_update(database, type, &point, mode);
}

static void starts_restarted(void **state)
{
    (void)state;
    struct dnp3_database *database = make(DNP3_POINT_ANALOG_INPUT, 2, 2, 0);
    const struct dnp3_point *point = dnp3_database_point(database, DNP3_POINT_ANALOG_INPUT, 1);
    assert_non_null(point);
    assert_int_equal(point->index, 1);
    assert_int_equal(point->flags, DNP3_FLAG_RESTART);
    assert_null(dnp3_database_point(database, DNP3_POINT_ANALOG_INPUT, 2));
    assert_null(dnp3_database_point(database, DNP3_POINT_COUNTER, 0));
    assert_int_equal(dnp3_database_count(database, DNP3_POINT_ANALOG_INPUT), 2);
    dnp3_database_free(database);
}

static void has_no_more_points_than_indexes(void **state)
{
    (void)state;
    struct dnp3_database_config config;
    dnp3_database_config_default(&config);
    config.count[DNP3_POINT_COUNTER] = DNP3_DATABASE_POINTS_MAX + 1;
    assert_null(dnp3_database_create(&heap, &config));
    config.count[DNP3_POINT_COUNTER] = DNP3_DATABASE_POINTS_MAX;
    struct dnp3_database *database = dnp3_database_create(&heap, &config);
    assert_non_null(database);
    assert_int_equal(dnp3_database_count(database, DNP3_POINT_COUNTER), 65536);
    assert_int_equal(update(database, DNP3_POINT_COUNTER, 65535, 3, 1, DNP3_EVENT_FORCE), 1);
    assert_int_equal(update(database, DNP3_POINT_COUNTER, 65536, 3, 1, DNP3_EVENT_FORCE),
                     DNP3_ERR_UNKNOWN);
    dnp3_database_free(database);
}

static void detects_by_deadband_and_flags(void **state)
{
    (void)state;
    const enum dnp3_point_type type = DNP3_POINT_ANALOG_INPUT;
    struct dnp3_database *database = make(type, 1, 2, 5);
    assert_int_equal(update(database, type, 0, 100, 1, DNP3_EVENT_SUPPRESS), 0);
    assert_int_equal(update(database, type, 0, 105, 1, DNP3_EVENT_DETECT), 0);
    assert_int_equal(update(database, type, 0, 105.5, 1, DNP3_EVENT_DETECT), 1);
    /* The band moves with the last event, not with the last value. */
    assert_int_equal(update(database, type, 0, 101, 1, DNP3_EVENT_DETECT), 0);
    assert_int_equal(update(database, type, 0, 100.4, 1, DNP3_EVENT_DETECT), 1);
    assert_int_equal(update(database, type, 0, 100.4, 5, DNP3_EVENT_DETECT), 1);
    assert_int_equal(update(database, type, 0, 100.4, 5, DNP3_EVENT_FORCE), 1);
    assert_int_equal(update(database, type, 1, 0, 1, DNP3_EVENT_FORCE), DNP3_ERR_UNKNOWN);
    dnp3_database_free(database);
}

static void not_a_number_is_one_event(void **state)
{
    (void)state;
    const enum dnp3_point_type type = DNP3_POINT_ANALOG_INPUT;
    struct dnp3_database *database = make(type, 1, 2, 5);
    update(database, type, 0, 0, 1, DNP3_EVENT_SUPPRESS);
    assert_int_equal(update(database, type, 0, (double)NAN, 1, DNP3_EVENT_DETECT), 1);
    assert_int_equal(update(database, type, 0, (double)NAN, 1, DNP3_EVENT_DETECT), 0);
    assert_int_equal(update(database, type, 0, 0, 1, DNP3_EVENT_DETECT), 1);
    dnp3_database_free(database);
}

static void class_0_has_no_events(void **state)
{
    (void)state;
    struct dnp3_database *database = make(DNP3_POINT_BINARY_INPUT, 1, 0, 0);
    assert_int_equal(update(database, DNP3_POINT_BINARY_INPUT, 0, 1, 1, DNP3_EVENT_FORCE), 0);
    assert_true(dnp3_database_point(database, DNP3_POINT_BINARY_INPUT, 0)->number == 1);
    dnp3_database_free(database);
}

static void octet_strings_are_copied(void **state)
{
    (void)state;
    const enum dnp3_point_type type = DNP3_POINT_OCTET_STRING;
    struct dnp3_database *database = make(type, 2, 3, 0);
    uint8_t text[40] = "51P";
    struct dnp3_point point = {.index = 1, .flags = 1, .length = 3, .octets = text};
    assert_int_equal(dnp3_database_update(database, type, &point, DNP3_EVENT_DETECT), 1);
    assert_int_equal(dnp3_database_update(database, type, &point, DNP3_EVENT_DETECT), 0);
    text[0] = '6';
    const struct dnp3_point *kept = dnp3_database_point(database, type, 1);
    assert_int_equal(kept->length, 3);
    assert_memory_equal(kept->octets, "51P", 3);
    assert_int_equal(dnp3_database_update(database, type, &point, DNP3_EVENT_DETECT), 1);
    point.length = 33;
    assert_int_equal(dnp3_database_update(database, type, &point, DNP3_EVENT_DETECT),
                     DNP3_ERR_RANGE);
    point.length = 0;
    assert_int_equal(dnp3_database_update(database, type, &point, DNP3_EVENT_FORCE), 0);
    dnp3_database_free(database);
}

static void configure_checks_what_belongs_to_the_type(void **state)
{
    (void)state;
    const enum dnp3_point_type type = DNP3_POINT_COUNTER;
    struct dnp3_database *database = make(type, 1, 3, 0);
    struct dnp3_point_setup setup = {.event_class = 1};
    assert_int_equal(dnp3_database_configure(database, type, 0, &setup), 0);
    assert_int_equal(dnp3_database_setup(database, type, 0)->event_variation, 5);
    assert_int_equal(dnp3_database_configure(database, type, 1, &setup), DNP3_ERR_UNKNOWN);
    setup.event_class = 4;
    assert_int_equal(dnp3_database_configure(database, type, 0, &setup), DNP3_ERR_INVALID);
    setup = (struct dnp3_point_setup){.static_variation = 9};
    assert_int_equal(dnp3_database_configure(database, type, 0, &setup), DNP3_ERR_INVALID);
    setup = (struct dnp3_point_setup){.event_variation = 3}; /* a delta is no total */
    assert_int_equal(dnp3_database_configure(database, type, 0, &setup), DNP3_ERR_INVALID);
    setup = (struct dnp3_point_setup){.absent = true};
    assert_int_equal(dnp3_database_configure(database, type, 0, &setup), 0);
    assert_null(dnp3_database_point(database, type, 0));
    assert_int_equal(update(database, type, 0, 1, 1, DNP3_EVENT_DETECT), DNP3_ERR_UNKNOWN);
    dnp3_database_free(database);
}

/* Command events and the types that are no measured points have no table. */
static void types_without_points(void **state)
{
    (void)state;
    struct dnp3_database *database = make(DNP3_POINT_COUNTER, 1, 3, 0);
    for (int type = DNP3_DATABASE_TYPES; type <= DNP3_POINT_TYPES; type++) {
        const enum dnp3_point_type none = (enum dnp3_point_type)type;
        struct dnp3_point_setup setup = {.event_class = 1};
        assert_int_equal(dnp3_database_count(database, none), 0);
        assert_null(dnp3_database_point(database, none, 0));
        assert_int_equal(update(database, none, 0, 1, 1, DNP3_EVENT_FORCE), DNP3_ERR_UNKNOWN);
        assert_int_equal(dnp3_database_configure(database, none, 0, &setup), DNP3_ERR_UNKNOWN);
        assert_null(dnp3_database_points(database, none));
        assert_true(dnp3_point_setup_default(none).absent);
        assert_int_equal(dnp3_static_group(none) + dnp3_event_group(none), 0);
    }
    dnp3_database_free(database);
    dnp3_database_free(NULL);
}

static void every_type_has_a_working_default(void **state)
{
    (void)state;
    for (unsigned i = 0; i < DNP3_DATABASE_TYPES; i++) {
        enum dnp3_point_type type = (enum dnp3_point_type)i;
        struct dnp3_point_setup setup = dnp3_point_setup_default(type);
        struct dnp3_database *database = make(type, 3, setup.event_class, 0);
        assert_non_null(dnp3_database_point(database, type, 2));
        assert_true(dnp3_static_group(type) > 0 || dnp3_event_group(type) > 0);
        dnp3_database_free(database);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_restarted),
        cmocka_unit_test(has_no_more_points_than_indexes),
        cmocka_unit_test(detects_by_deadband_and_flags),
        cmocka_unit_test(not_a_number_is_one_event),
        cmocka_unit_test(class_0_has_no_events),
        cmocka_unit_test(octet_strings_are_copied),
        cmocka_unit_test(configure_checks_what_belongs_to_the_type),
        cmocka_unit_test(types_without_points),
        cmocka_unit_test(every_type_has_a_working_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
