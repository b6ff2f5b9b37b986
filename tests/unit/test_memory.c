/* SPDX-License-Identifier: Apache-2.0 */
/* What each object of the library asks of its host's allocator; the figures of dnp3/README.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dnp3/master.h"
#include "dnp3/outstation.h"
#include "tests/lib/heap.h"

static struct counted_heap counted;
static const struct dnp3_allocator allocator = {
    .allocate = counted_heap_allocate, .release = counted_heap_release, .user = &counted};

/* Octets asked for since the last call. */
static size_t taken(void)
{
    size_t octets = counted.octets;
    counted.octets = 0;
    return octets;
}

static void report(const char *what, size_t octets, size_t most)
{
    print_message("%s: %zu octets\n", what, octets);
    assert_in_range(octets, 1, most);
}

static enum dnp3_verdict confirm(void *user, const struct dnp3_fragment *fragment)
{
    (void)user;
    (void)fragment;
    return DNP3_CONFIRM_NOW;
}

static void pools(void **state)
{
    (void)state;
    taken();
    struct dnp3_pool *none = dnp3_pool_create(&allocator, 0);
    size_t scratch = taken();
    struct dnp3_pool *eight = dnp3_pool_create(&allocator, 8);
    report("pool without buffers", scratch, 5 * 1024);
    report("each of its buffers", (taken() - scratch) / 8, DNP3_POOL_BUFFER + sizeof(void *));
    dnp3_pool_free(eight);
    dnp3_pool_free(none);
}

static void masters(void **state)
{
    static const struct dnp3_association_callbacks callbacks = {.fragment_end = confirm};
    static const struct dnp3_poll polls[10] = {{.period_ms = 1000, .classes = DNP3_CLASS_0},
                                               {.period_ms = 1000},
                                               {.period_ms = 1000},
                                               {.period_ms = 1000},
                                               {.period_ms = 1000},
                                               {.period_ms = 1000},
                                               {.period_ms = 1000},
                                               {.period_ms = 1000},
                                               {.period_ms = 1000},
                                               {.period_ms = 1000}};
    (void)state;
    struct dnp3_pool *pool = dnp3_pool_create(&allocator, 1);
    struct dnp3_master_config config = {.allocator = &allocator, .pool = pool};
    struct dnp3_association_config plain;
    struct dnp3_association *association;
    dnp3_association_config_default(&plain);
    struct dnp3_association_config polling = plain;
    polling.polls = polls;
    polling.poll_count = 10;
    taken();
    struct dnp3_master *master = dnp3_master_create(&config);
    report("master", taken(), 512);
    assert_int_equal(dnp3_association_create(master, 1, &plain, &callbacks, NULL, &association), 0);
    size_t bare = taken();
    report("association", bare, 1024);
    assert_int_equal(dnp3_association_create(master, 2, &polling, &callbacks, NULL, &association),
                     0);
    report("each of its polls", (taken() - bare) / 10, 16);
    dnp3_master_free(master);
    dnp3_pool_free(pool);
}

static size_t outstation_octets(uint16_t points, uint16_t events)
{
    struct dnp3_pool *pool = dnp3_pool_create(&allocator, 1);
    struct dnp3_outstation_config config;
    dnp3_outstation_config_default(&config);
    config.unsolicited = true;
    config.database.count[DNP3_POINT_ANALOG_INPUT] = points;
    for (int i = 0; i < DNP3_EVENT_CLASSES; i++)
        config.event_capacity[i] = events;
    taken();
    struct dnp3_outstation *outstation =
        dnp3_outstation_create(&allocator, pool, &config, NULL, NULL);
    size_t octets = taken();
    assert_non_null(outstation);
    dnp3_outstation_free(outstation);
    dnp3_pool_free(pool);
    return octets;
}

static void outstations(void **state)
{
    (void)state;
    size_t bare = outstation_octets(0, 0);
    report("outstation without points and events", bare, 10 * 1024);
    report("each of its points", (outstation_octets(1000, 0) - bare) / 1000, 64);
    report("each event that it can keep", (outstation_octets(0, 1000) - bare) / 3000, 64);
    report("outstation of 100 points with the default room for events", outstation_octets(100, 256),
           64 * 1024);
}

static size_t live;
static size_t left; /* requests that are met */

static void *allocate_few(void *user, enum dnp3_owner owner, size_t size)
{
    (void)user;
    (void)owner;
    if (!left)
        return NULL;
    left--;
    live++;
    return calloc(1, size);
}

static void release_one(void *user, enum dnp3_owner owner, void *memory)
{
    (void)user;
    (void)owner;
    live--;
    free(memory);
}

/* Wherever memory ends there is no outstation, and nothing is kept. */
static void too_little(void **state)
{
    (void)state;
    static const struct dnp3_allocator few = {.allocate = allocate_few, .release = release_one};
    struct dnp3_pool *pool = dnp3_pool_create(&allocator, 1);
    struct dnp3_outstation_config config;
    dnp3_outstation_config_default(&config);
    config.link_confirm = true;
    config.database.count[DNP3_POINT_OCTET_STRING] = 2;
    struct dnp3_outstation *outstation = NULL;
    size_t needed = 0;
    for (; !outstation && needed < 16; needed++) {
        assert_int_equal(live, 0);
        left = needed;
        outstation = dnp3_outstation_create(&few, pool, &config, NULL, NULL);
    }
    assert_non_null(outstation);
    assert_in_range(live, 4, 16); /* itself, points, events, confirmed frames */
    dnp3_outstation_free(outstation);
    assert_int_equal(live, 0);
    dnp3_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pools),
        cmocka_unit_test(masters),
        cmocka_unit_test(outstations),
        cmocka_unit_test(too_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
