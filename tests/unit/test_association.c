/* SPDX-License-Identifier: Apache-2.0 */
/* What an association takes: memory at create and none later, and which configurations are refused.
 * How it behaves is in tests/scenarios and in test_loopback.c. */
#include "dnp3/master.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ASSOCIATION_MAX = 1024 }; /* the footprint that the README promises */

struct heap {
    size_t live;
    size_t asked;
    size_t fail_at; /* this request fails; 0 = none */
};

static void *allocate(void *user, enum dnp3_owner owner, size_t size)
{
    struct heap *heap = user;
    (void)owner;
    if (++heap->asked == heap->fail_at)
        return NULL;
    heap->live++;
    return calloc(1, size);
}

static void release(void *user, enum dnp3_owner owner, void *memory)
{
    struct heap *heap = user;
    (void)owner;
    heap->live--;
    free(memory);
}

static enum dnp3_verdict on_fragment_end(void *user, const struct dnp3_fragment *fragment)
{
    (void)user;
    (void)fragment;
    return DNP3_CONFIRM_NOW;
}

static const struct dnp3_association_callbacks callbacks = {.fragment_end = on_fragment_end};

struct fixture {
    struct heap heap;
    struct dnp3_allocator allocator;
    struct dnp3_pool *pool;
    struct dnp3_master *master;
    struct dnp3_association_config config;
    struct dnp3_association *association;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->allocator =
        (struct dnp3_allocator){.allocate = allocate, .release = release, .user = &f->heap};
    f->pool = dnp3_pool_create(&f->allocator, 1);
    f->master = dnp3_master_create(
        &(struct dnp3_master_config){.allocator = &f->allocator, .pool = f->pool});
    dnp3_association_config_default(&f->config);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    dnp3_master_free(f->master);
    dnp3_pool_free(f->pool);
    assert_int_equal(f->heap.live, 0);
    free(f);
    return 0;
}

static int create(struct fixture *f, uint16_t address)
{
    return dnp3_association_create(f->master, address, &f->config, &callbacks, f, &f->association);
}

static void size(void **state)
{
    (void)state;
    print_message("association: %zu octets, master: %zu octets\n", dnp3_association_size(),
                  dnp3_master_size());
    assert_true(dnp3_association_size() <= ASSOCIATION_MAX);
    assert_true(dnp3_master_size() <= ASSOCIATION_MAX);
}

static void addresses(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(create(f, 10), 0);
    assert_int_equal(dnp3_association_address(f->association), 10);
    assert_int_equal(create(f, 10), DNP3_ERR_BUSY);
    assert_int_equal(create(f, 0xFFEF), 0);
    assert_int_equal(create(f, 0xFFF0), DNP3_ERR_INVALID);
    assert_int_equal(dnp3_master_association_count(f->master), 2);
    dnp3_association_free(f->association);
    assert_int_equal(dnp3_master_association_count(f->master), 1);
    assert_int_equal(create(f, 0xFFEF), 0);
    dnp3_association_free(NULL);
}

static void configurations(void **state)
{
    struct fixture *f = *state;
    struct dnp3_poll poll = {.classes = DNP3_CLASS_0};
    f->config.polls = &poll;
    f->config.poll_count = 1;
    assert_int_equal(create(f, 10), DNP3_ERR_INVALID); /* no period */
    poll.period_ms = 1000;
    f->config.max_request = 248;
    assert_int_equal(create(f, 10), DNP3_ERR_INVALID);
    f->config.max_request = 2049;
    assert_int_equal(create(f, 10), DNP3_ERR_INVALID);
    f->config.max_request = 249;
    f->config.master_address = 0xFFF0;
    assert_int_equal(create(f, 10), DNP3_ERR_INVALID);
    f->config.master_address = 0;
    assert_int_equal(create(f, 10), 0);
}

static void out_of_memory(void **state)
{
    struct fixture *f = *state;
    struct dnp3_poll poll = {.period_ms = 1000, .classes = DNP3_CLASS_0};
    f->config.polls = &poll;
    f->config.poll_count = 1;
    size_t live = f->heap.live;
    for (size_t nth = 1; nth <= 2; nth++) {
        f->heap.fail_at = f->heap.asked + nth;
        assert_int_equal(create(f, 10), DNP3_ERR_MEMORY);
        assert_int_equal(f->heap.live, live);
    }
    f->heap.fail_at = 0;
    assert_int_equal(create(f, 10), 0);
}

/* An association that is added while the channel stands starts up at once; one that is freed takes
 * nothing with it that others need. */
static void added_and_freed_online(void **state)
{
    struct fixture *f = *state;
    const uint8_t *octets;
    dnp3_master_connected(f->master, 1000);
    assert_int_equal(dnp3_master_take(f->master, &octets, 1000), 0);
    assert_true(dnp3_master_deadline(f->master) == DNP3_NEVER);
    assert_int_equal(create(f, 10), 0);
    struct dnp3_association *first = f->association;
    assert_int_equal(create(f, 11), 0);
    size_t asked = f->heap.asked;
    assert_true(dnp3_master_take(f->master, &octets, 1000) > 0);
    dnp3_association_free(first);
    while (dnp3_master_take(f->master, &octets, 1000) > 0)
        ;
    assert_true(dnp3_master_deadline(f->master) == 6000);
    dnp3_master_tick(f->master, 6000);
    while (dnp3_master_take(f->master, &octets, 6000) > 0)
        ;
    assert_true(dnp3_master_deadline(f->master) == 7000);
    dnp3_master_disconnected(f->master, 6000);
    assert_int_equal(f->heap.asked, asked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(size),
        cmocka_unit_test_setup_teardown(addresses, setup, teardown),
        cmocka_unit_test_setup_teardown(configurations, setup, teardown),
        cmocka_unit_test_setup_teardown(out_of_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(added_and_freed_online, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
