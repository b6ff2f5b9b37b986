/* SPDX-License-Identifier: Apache-2.0 */
/* Values of these lie on disks: they must stay what they are. */
#include "gateway/base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_vectors_of_fnv_1a(void **unused)
{
    (void)unused;
    assert_int_equal(gw_hash_text(""), GW_HASH_START);
    assert_int_equal(gw_hash_text("a"), 0xaf63dc4c8601ec8c);
    assert_int_equal(gw_hash_text("foobar"), 0x85944171f73967e8);
    assert_int_equal(gw_hash(GW_HASH_START, "\xff\x00\x00\x01", 4), 0x6961196491cc682d);
}

static void test_pieces_are_as_the_whole(void **unused)
{
    (void)unused;
    uint64_t hash = gw_hash(GW_HASH_START, "foo", 3);
    assert_int_equal(gw_hash(hash, "", 0), hash);
    assert_int_equal(gw_hash(hash, "bar", 3), gw_hash_text("foobar"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_of_fnv_1a),
        cmocka_unit_test(test_pieces_are_as_the_whole),
    };
    return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
