/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/spool/spool_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* Changes of random length in and out: each comes out whole, in order, and once. */
static void run(uint64_t size, size_t longest)
{
    struct gw_spool_ring ring = {.octets = malloc(size), .size = size};
    uint64_t put = 0;
    uint64_t taken = 0;
    unsigned full = 0;
    srand(3);
    while (taken < 20000) {
        size_t length = (size_t)rand() % longest;
        struct gw_spool_change *change =
            gw_spool_ring_add(&ring, GW_SPOOL_MESSAGE, length, (size_t)rand() % 2 * 64);
        if (change) {
            change->first = put++;
            memset(change->data, (int)(change->first & 0xff), length);
        }
        full += !change;
        assert_true(ring.tail - ring.head <= size);
        for (int i = change ? rand() % 2 : 2; i; i--) {
            uint64_t at = ring.head;
            change = gw_spool_ring_next(&ring, &at, ring.tail);
            if (!change)
                break;
            assert_int_equal(change->kind, GW_SPOOL_MESSAGE);
            assert_int_equal(change->first, taken++);
            for (size_t j = 0; j < change->length; j++)
                assert_int_equal(change->data[j], change->first & 0xff);
            ring.head = at;
        }
    }
    assert_true(full > 100);
    free(ring.octets);
}

static void test_random(void **state)
{
    (void)state;
    run(1024, 200);
    run(1000, 100); /* its end is not always where a change ends */
    run(4096, 1000);
}

static void test_the_reserve(void **state)
{
    (void)state;
    struct gw_spool_ring ring = {.octets = malloc(1024), .size = 1024};
    uint64_t at = 0;
    assert_null(gw_spool_ring_next(&ring, &at, 0));
    assert_null(gw_spool_ring_add(&ring, GW_SPOOL_KEEP, 900, 128));
    assert_non_null(gw_spool_ring_add(&ring, GW_SPOOL_KEEP, 800, 128));
    assert_null(gw_spool_ring_add(&ring, GW_SPOOL_KEEP, 100, 128));
    assert_non_null(gw_spool_ring_add(&ring, GW_SPOOL_DELETE, 0, 0));
    assert_null(gw_spool_ring_add(&ring, GW_SPOOL_DELETE, 2000, 0));
    free(ring.octets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_the_reserve),
    };
    return cmocka_run_group_tests_name("spool_ring", tests, NULL, NULL);
}
