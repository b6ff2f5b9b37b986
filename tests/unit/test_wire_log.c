/* SPDX-License-Identifier: Apache-2.0 */
/* What the frames of an outstation look like in the log. */
#include "gateway/session/wire_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "tests/lib/wire.h"

enum { NOW = 5000, UNTIL = 35000 };

static struct gw_wire_log *list;
static char lines[64][1024];
static size_t line_count, taken;

/* In place of the log's own. */
void gw_log(enum gw_log_level level, const char *subject, const char *format, ...)
{
    va_list arguments;
    assert_int_equal(level, GW_LOG_INFO);
    assert_string_equal(subject, "device");
    assert_true(line_count < sizeof lines / sizeof *lines);
    va_start(arguments, format);
    vsnprintf(lines[line_count++], sizeof *lines, format, arguments);
    va_end(arguments);
}

static int begin(void **state)
{
    (void)state;
    line_count = taken = 0;
    return gw_wire_log_start(&list, "device", 10, UNTIL) ? 0 : -1;
}

static int finish(void **state)
{
    (void)state;
    gw_wire_log_free(&list);
    return gw_memory_used(GW_OWNER_LINK) == 0 ? 0 : -1;
}

static void octets(bool sent, const uint8_t *data, size_t length, uint64_t now_ms)
{
    gw_wire_log_octets(&list, sent, data, length, false, now_ms);
}

static void frame_at(bool sent, uint8_t control, uint16_t outstation, const char *hex,
                     uint64_t now_ms)
{
    uint8_t data[DNP3_LINK_DATA_MAX];
    uint8_t wire[DNP3_LINK_FRAME_MAX];
    struct dnp3_writer out = dnp3_writer_of(wire, sizeof wire);
    size_t length = wire_from_hex(hex, data);
    dnp3_link_write(&out, &(struct dnp3_link_frame){.control = control,
                                                    .source = sent ? 1 : outstation,
                                                    .destination = sent ? outstation : 1,
                                                    .data = length ? data : NULL,
                                                    .length = (uint16_t)length});
    octets(sent, wire, dnp3_writer_length(&out), now_ms);
}

static void frame(bool sent, uint8_t control, const char *hex)
{
    frame_at(sent, control, 10, hex, NOW);
}

static void expect(const char *text)
{
    assert_true(taken < line_count);
    assert_string_equal(lines[taken++], text);
}

static void expect_nothing(void)
{
    assert_int_equal(taken, line_count);
}

static void test_both_ways(void **state)
{
    (void)state;
    frame(true, 0xC4, "C0 C5 01 3C 02 06 3C 03 06 1E 00 00 00 09 02 00 07 05");
    expect("sent 1>10 UNCONFIRMED_USER_DATA, segment 0 FIR FIN, READ 5 FIR FIN, g60v2 class all, "
           "g60v3 class all, g30v0 analog input 0..9, g2v0 binary input event x5");
    frame(false, 0x44,
          "C1 E5 81 90 00 20 02 17 02 00 01 64 00 01 01 65 00 1E 02 00 03 03 01 05 00");
    expect("came 10>1 UNCONFIRMED_USER_DATA, segment 1 FIR FIN, RESPONSE 5 FIR FIN CON NEED_TIME "
           "DEVICE_RESTART, g32v2 analog input event x2, g30v2 analog input 3..3");
    frame(false, 0x44, "C2 F6 82 00 00 02 01 17 02 00 81 01 01 0A 02 28 01 00 05 00 81");
    expect("came 10>1 UNCONFIRMED_USER_DATA, segment 2 FIR FIN, UNSOLICITED_RESPONSE 6 FIR FIN CON "
           "UNS, g2v1 binary input event x2, g10v2 binary output status x1");
    frame(true, 0xC4, "C1 D6 00");
    expect("sent 1>10 UNCONFIRMED_USER_DATA, segment 1 FIR FIN, CONFIRM 6 FIR FIN UNS");
    expect_nothing();
}

static void test_links(void **state)
{
    (void)state;
    frame(true, 0xC9, "");
    expect("sent 1>10 REQUEST_LINK_STATUS");
    frame(false, 0x1B, "");
    expect("came 10>1 LINK_STATUS DFC");
    frame(true, 0xC0, "");
    expect("sent 1>10 RESET_LINK_STATES");
    frame(false, 0x00, "");
    expect("came 10>1 ACK");
    frame(true, 0xF3, "C0 C0 17");
    expect("sent 1>10 CONFIRMED_USER_DATA FCB=1, segment 0 FIR FIN, DELAY_MEASURE 0 FIR FIN");
    frame(false, 0x05, "");
    expect("came 10>1 unknown link function");
    expect_nothing();
}

/* Those of others are not shown, but what goes to all. */
static void test_who(void **state)
{
    (void)state;
    frame_at(true, 0xC9, 11, "", NOW);
    frame_at(false, 0x0B, 11, "", NOW);
    expect_nothing();
    frame_at(true, 0xC4, 0xFFFF, "C0 C0 08 14 00 06", NOW);
    expect("sent 1>65535 UNCONFIRMED_USER_DATA, segment 0 FIR FIN, IMMED_FREEZE_NR 0 FIR FIN, "
           "g20v0 counter all");
    expect_nothing();
}

/* What they say shows when the last frame has come; a new connection forgets what was under way. */
static void test_many_frames(void **state)
{
    (void)state;
    frame(false, 0x44, "40 C5 81 00 00 1E 02 00 00 01 01 00");
    expect("came 10>1 UNCONFIRMED_USER_DATA, segment 0 FIR");
    frame(false, 0x44, "81 05 01 06 00");
    expect("came 10>1 UNCONFIRMED_USER_DATA, segment 1 FIN, RESPONSE 5 FIR FIN, g30v2 analog input "
           "0..1");
    frame(false, 0x44, "42 C5 81 00 00 1E 02 00 00 01 01 00");
    expect("came 10>1 UNCONFIRMED_USER_DATA, segment 2 FIR");
    gw_wire_log_reset(list);
    frame(false, 0x44, "83 05 01 06 00");
    expect("came 10>1 UNCONFIRMED_USER_DATA, segment 3 FIN");
    expect_nothing();
}

static void test_what_cannot_be_read(void **state)
{
    (void)state;
    frame(false, 0x44, "C0 C5 81 00");
    expect("came 10>1 UNCONFIRMED_USER_DATA, segment 0 FIR FIN, no whole application header");
    frame(false, 0x44, "C1 C5 81 00 00 79 01 17 01");
    expect(
        "came 10>1 UNCONFIRMED_USER_DATA, segment 1 FIR FIN, RESPONSE 5 FIR FIN, g121v1 security "
        "statistic x1 (cannot be read on)");
    frame(false, 0x44, "C2 C5 81 00 00 1E 02");
    expect(
        "came 10>1 UNCONFIRMED_USER_DATA, segment 2 FIR FIN, RESPONSE 5 FIR FIN, then what is no "
        "object header");
    frame(false, 0x44, "C3 C5 60 C8 01 06");
    expect("came 10>1 UNCONFIRMED_USER_DATA, segment 3 FIR FIN, unknown function 5 FIR FIN, g200v1 "
           "unknown all");
    octets(false, (const uint8_t *)"\x05\x64\x05\x0B\x00garbage", 12, NOW);
    expect_nothing();
}

static void test_no_secrets(void **state)
{
    (void)state;
    frame(true, 0xC4,
          "C0 C5 1D 46 02 5B 01 12 00 0C 00 02 00 0E 00 04 00 00 00 00 00 75 73 70 61 "
          "73 73");
    expect("sent 1>10 UNCONFIRMED_USER_DATA, segment 0 FIR FIN, AUTHENTICATE_FILE 5 FIR FIN, g70v2 "
           "file authentication x1");
    expect_nothing();
}

static void test_a_datagram_by_itself(void **state)
{
    (void)state;
    uint8_t wire[] = {0x05, 0x64, 0x05, 0x0B, 0x01, 0x00, 0x0A, 0x00, 0, 0};
    struct dnp3_writer out = dnp3_writer_of(wire, sizeof wire);
    dnp3_link_write(&out,
                    &(struct dnp3_link_frame){.control = 0x0B, .source = 10, .destination = 1});
    gw_wire_log_octets(&list, false, wire, 4, true, NOW);
    gw_wire_log_octets(&list, false, wire + 4, 6, true, NOW);
    expect_nothing();
    gw_wire_log_octets(&list, false, wire, 4, false, NOW);
    gw_wire_log_octets(&list, false, wire + 4, 6, false, NOW);
    expect("came 10>1 LINK_STATUS");
}

static void test_so_many_lines_a_second(void **state)
{
    (void)state;
    for (unsigned i = 0; i < GW_WIRE_LOG_LINES + 5; i++)
        frame_at(false, 0x0B, 10, "", NOW + i);
    assert_int_equal(line_count, GW_WIRE_LOG_LINES);
    frame_at(false, 0x0B, 10, "", NOW + 1000);
    assert_int_equal(line_count, GW_WIRE_LOG_LINES + 2);
    assert_string_equal(lines[GW_WIRE_LOG_LINES], "5 more frames were left out");
    for (unsigned i = 0; i < GW_WIRE_LOG_LINES; i++)
        frame_at(false, 0x0B, 10, "", NOW + 1001);
    gw_wire_log_free(&list);
    assert_string_equal(lines[line_count - 1], "1 more frames were left out");
}

/* Two of one line, of which one goes on. */
static void test_how_long(void **state)
{
    (void)state;
    assert_true(gw_wire_log_start(&list, "device", 11, UNTIL));
    assert_true(gw_wire_log_start(&list, "device", 10, UNTIL + 10));
    frame_at(false, 0x0B, 11, "", UNTIL - 1);
    expect("came 11>1 LINK_STATUS");
    frame_at(false, 0x0B, 11, "", UNTIL);
    frame_at(false, 0x0B, 10, "", UNTIL + 9);
    expect("came 10>1 LINK_STATUS");
    assert_non_null(list);
    frame_at(false, 0x0B, 10, "", UNTIL + 10);
    expect_nothing();
    assert_null(list);
    assert_int_equal(gw_memory_used(GW_OWNER_LINK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_both_ways, begin, finish),
        cmocka_unit_test_setup_teardown(test_links, begin, finish),
        cmocka_unit_test_setup_teardown(test_who, begin, finish),
        cmocka_unit_test_setup_teardown(test_many_frames, begin, finish),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_read, begin, finish),
        cmocka_unit_test_setup_teardown(test_no_secrets, begin, finish),
        cmocka_unit_test_setup_teardown(test_a_datagram_by_itself, begin, finish),
        cmocka_unit_test_setup_teardown(test_so_many_lines_a_second, begin, finish),
        cmocka_unit_test_setup_teardown(test_how_long, begin, finish),
    };
    return cmocka_run_group_tests_name("wire_log", tests, NULL, NULL);
}
