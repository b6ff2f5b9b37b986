/* SPDX-License-Identifier: Apache-2.0 */
/* A secondary station: what it answers to each primary function, reset or not, and that data comes
 * through once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dnp3/link_secondary.h"

enum { NOTHING = -1, IGNORED = -2 };

static struct dnp3_secondary station;

/* The reply, NOTHING or IGNORED; a control octet whose data is new comes back plus 0x100. */
static int said(uint8_t control, bool lenient)
{
    struct dnp3_secondary_answer answer = dnp3_secondary_receive(&station, control, lenient);
    int deliver = answer.deliver ? 0x100 : 0;
    if (answer.ignored) {
        assert_false(answer.deliver || answer.replies);
        return IGNORED;
    }
    return answer.replies ? (int)answer.reply + deliver : NOTHING + deliver;
}

static int setup(void **state)
{
    (void)state;
    station = (struct dnp3_secondary){0};
    return 0;
}

static void every_function(void **state)
{
    (void)state;
    assert_int_equal(said(0x44, false), 0x100 + NOTHING); /* unconfirmed data */
    assert_int_equal(said(0x49, false), DNP3_LINK_STATUS);
    assert_int_equal(said(0x72, false), DNP3_LINK_NACK);
    assert_int_equal(said(0x73, false), DNP3_LINK_NACK);
    assert_int_equal(said(0x41, false), DNP3_LINK_NOT_SUPPORTED); /* of older standards */
    assert_int_equal(said(0x4F, false), DNP3_LINK_NOT_SUPPORTED);
    assert_int_equal(said(0x40, false), DNP3_LINK_ACK);
    assert_int_equal(said(0x72, false), DNP3_LINK_ACK);
    assert_int_equal(said(0x53, false), 0x100 + DNP3_LINK_ACK); /* TEST turned the FCB */
}

static void fcv_is_checked(void **state)
{
    (void)state;
    assert_int_equal(said(0x40, false), DNP3_LINK_ACK);
    assert_int_equal(said(0x50, false), IGNORED);
    assert_int_equal(said(0x54, false), IGNORED);
    assert_int_equal(said(0x59, false), IGNORED);
    assert_int_equal(said(0x63, false), IGNORED);
    assert_int_equal(said(0x62, false), IGNORED);
    assert_int_equal(said(0x73, false), 0x100 + DNP3_LINK_ACK);
}

static void data_comes_once(void **state)
{
    (void)state;
    said(0x40, false);
    assert_int_equal(said(0x73, false), 0x100 + DNP3_LINK_ACK);
    assert_int_equal(said(0x73, false), DNP3_LINK_ACK);
    assert_int_equal(said(0x53, false), 0x100 + DNP3_LINK_ACK);
    assert_int_equal(said(0x53, false), DNP3_LINK_ACK);
    assert_int_equal(said(0x40, false), DNP3_LINK_ACK);
    assert_int_equal(said(0x73, false), 0x100 + DNP3_LINK_ACK); /* 1 after every reset */
    said(0x40, false);
    assert_int_equal(said(0x53, false), DNP3_LINK_ACK); /* 0 is not expected */
}

static void lenient_takes_the_first_as_it_is(void **state)
{
    (void)state;
    assert_int_equal(said(0x53, true), 0x100 + DNP3_LINK_ACK);
    assert_int_equal(said(0x53, true), DNP3_LINK_ACK);
    assert_int_equal(said(0x73, true), 0x100 + DNP3_LINK_ACK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_function, setup),
        cmocka_unit_test_setup(fcv_is_checked, setup),
        cmocka_unit_test_setup(data_comes_once, setup),
        cmocka_unit_test_setup(lenient_takes_the_first_as_it_is, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
