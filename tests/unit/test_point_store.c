/* SPDX-License-Identifier: Apache-2.0 */
/* What the store calls new, and what it keeps while its table of unmapped points grows. */
#include "gateway/session/point_store.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/memory.h"
#include "gateway/config/config.h"
#include "tests/lib/config_of.h"

static const char gateway[] =
    "{\"gateway\":\"g\",\"mqtt\":{\"url\":\"mqtt://x\"},\"outstations\":[{\"name\":\"a\","
    "\"connect\":\"tcp://127.0.0.1:1\",\"address\":10,\"mapping\":\"device.json\"}]}";

static const char device[] =
    "{\"device\":\"d\",\"unmapped\":true,\"points\":["
    "{\"type\":\"analog_input\",\"index\":\"5..6\",\"name\":\"volts-{index}\"},"
    "{\"type\":\"octet_string\",\"index\":3,\"name\":\"text\"}]}";

struct fixture {
    struct gw_config *config;
    const struct gw_mapping *mapping;
    struct gw_point_store store;
};

static void create(struct fixture *f)
{
    f->config = config_of(gateway, "device.json", device);
    assert_non_null(f->config);
    f->mapping = f->config->outstations[0].mapping;
    assert_int_equal(gw_point_store_init(&f->store, f->mapping), 0);
}

static void destroy(struct fixture *f)
{
    gw_point_store_clear(&f->store);
    gw_config_free(f->config);
    assert_int_equal(gw_memory_used(GW_OWNER_POINTS), 0);
}

static struct gw_point_state *find(struct fixture *f, enum dnp3_point_type type, uint32_t index)
{
    const struct gw_map_point *point = gw_mapping_point(f->mapping, type, index);
    assert_non_null(point);
    return gw_point_store_find(&f->store, point, index);
}

static bool set(struct fixture *f, uint32_t index, double value, uint8_t flags)
{
    struct dnp3_point point = {.index = index, .number = value, .flags = flags};
    return gw_point_store_set(find(f, DNP3_POINT_ANALOG_INPUT, index), DNP3_POINT_ANALOG_INPUT,
                              &point);
}

static bool set_text(struct fixture *f, uint32_t index, const void *octets, uint16_t length)
{
    struct dnp3_point point = {.octets = octets, .length = length, .flags = DNP3_FLAG_ONLINE};
    return gw_point_store_set(find(f, DNP3_POINT_OCTET_STRING, index), DNP3_POINT_OCTET_STRING,
                              &point);
}

static void test_what_is_new(void **unused)
{
    struct fixture f;
    (void)unused;
    create(&f);
    assert_false(find(&f, DNP3_POINT_ANALOG_INPUT, 5)->known);
    assert_true(set(&f, 5, 0, 0)); /* the first, although it is what memory held */
    assert_false(set(&f, 5, 0, 0));
    assert_true(set(&f, 5, 0, DNP3_FLAG_ONLINE)); /* quality is news */
    assert_true(set(&f, 5, 1.5, DNP3_FLAG_ONLINE));
    assert_true(set(&f, 5, (double)NAN, DNP3_FLAG_ONLINE));
    assert_false(set(&f, 5, (double)NAN, DNP3_FLAG_ONLINE)); /* not at every poll */
    assert_true(set(&f, 6, 1.5, DNP3_FLAG_ONLINE));          /* another point */
    assert_true(set(&f, 7, 1.5, DNP3_FLAG_ONLINE));          /* one that is not mapped */
    assert_false(set(&f, 7, 1.5, DNP3_FLAG_ONLINE));
    destroy(&f);
}

static void test_octet_strings(void **unused)
{
    struct fixture f;
    uint8_t longest[UINT8_MAX + 45];
    (void)unused;
    create(&f);
    memset(longest, 'x', sizeof longest);
    assert_true(set_text(&f, 3, "abc", 3));
    assert_false(set_text(&f, 3, "abc", 3));
    assert_true(set_text(&f, 3, "ab", 2));
    assert_true(set_text(&f, 3, "ac", 2));
    uint64_t calls = gw_memory_calls();
    assert_true(set_text(&f, 3, longest, UINT8_MAX)); /* what a variation can say, no more */
    assert_true(set_text(&f, 3, "", 0));
    assert_false(set_text(&f, 3, "", 0));
    assert_true(set_text(&f, 3, longest, sizeof longest));
    assert_int_equal(find(&f, DNP3_POINT_OCTET_STRING, 3)->length, UINT8_MAX);
    assert_int_equal(gw_memory_calls() - calls, 0);
    assert_true(set_text(&f, 4, "un", 2)); /* not mapped */
    assert_int_equal(find(&f, DNP3_POINT_OCTET_STRING, 4)->length, 2);
    destroy(&f);
}

/* Every place once, mapped ones first; empty ones are NULL. */
static size_t count_places(struct fixture *f, double *sum)
{
    const struct gw_map_point *point;
    enum dnp3_point_type type;
    uint32_t index;
    size_t known = 0;
    *sum = 0;
    for (size_t i = 0; i < gw_point_store_places(&f->store); i++) {
        struct gw_point_state *state = gw_point_store_place(&f->store, i, &point, &type, &index);
        if (!state || !state->known)
            continue;
        assert_ptr_equal(state, gw_point_store_find(&f->store, point, index));
        known++;
        *sum += state->number;
    }
    return known;
}

static void test_unmapped_points_grow_to_a_bound(void **unused)
{
    struct fixture f;
    double sum;
    (void)unused;
    create(&f);
    double expected = 0;
    for (uint32_t i = 100; i < 100 + GW_UNMAPPED_MAX / 2; i++) {
        set(&f, i, i, DNP3_FLAG_ONLINE);
        expected += i;
    }
    assert_int_equal(count_places(&f, &sum), GW_UNMAPPED_MAX / 2);
    assert_true(sum == expected);
    for (uint32_t i = 0; i < GW_UNMAPPED_MAX; i++) /* another type with the same indexes */
        (void)find(&f, DNP3_POINT_COUNTER, i);
    assert_int_equal(f.store.unmapped_count, GW_UNMAPPED_MAX);
    assert_null(find(&f, DNP3_POINT_BINARY_INPUT, 1)); /* there is no more room */
    assert_non_null(find(&f, DNP3_POINT_COUNTER, 1));
    assert_non_null(find(&f, DNP3_POINT_ANALOG_INPUT, 5)); /* mapped ones have theirs */
    assert_false(set(&f, 100, 100, DNP3_FLAG_ONLINE));
    destroy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_new),
        cmocka_unit_test(test_octet_strings),
        cmocka_unit_test(test_unmapped_points_grow_to_a_bound),
    };
    return cmocka_run_group_tests_name("point_store", tests, NULL, NULL);
}
