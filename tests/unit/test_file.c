/* SPDX-License-Identifier: Apache-2.0 */
/* File objects: each reads what it writes, what does not fit is refused, and a directory is read
 * entry by entry however its blocks cut it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dnp3/error.h"
#include "dnp3/file.h"

static uint8_t octets[1024];

static struct dnp3_file_string string_of(const char *text)
{
    return (struct dnp3_file_string){(const uint8_t *)text, (uint16_t)strlen(text)};
}

static void assert_string(struct dnp3_file_string string, const char *expected)
{
    assert_int_equal(string.length, strlen(expected));
    assert_memory_equal(string.octets, expected, string.length);
}

static struct dnp3_writer empty(void)
{
    return dnp3_writer_of(octets, sizeof octets);
}

static struct dnp3_reader written(const struct dnp3_writer *out)
{
    return dnp3_reader_of(octets, dnp3_writer_length(out));
}

static void test_authentication(void **state)
{
    (void)state;
    const struct dnp3_file_authentication asked = {string_of("user"), string_of("secret"), 0};
    struct dnp3_file_authentication read;
    struct dnp3_writer out = empty();
    assert_int_equal(dnp3_file_authentication_write(&out, &asked), 0);
    assert_int_equal(dnp3_file_authentication_read(written(&out), &read), 0);
    assert_string(read.user, "user");
    assert_string(read.password, "secret");
    assert_int_equal(read.key, 0);
}

static void test_command(void **state)
{
    (void)state;
    struct dnp3_file_command command = {.name = string_of("/a/b"),
                                        .created_ms = 1763719200123,
                                        .key = UINT32_MAX,
                                        .size = 77,
                                        .permissions = 0644,
                                        .mode = DNP3_FILE_MODE_WRITE,
                                        .block_size = 512,
                                        .request = 9};
    struct dnp3_file_command read;
    struct dnp3_writer out = empty();
    assert_int_equal(dnp3_file_command_write(&out, &command), 0);
    assert_int_equal(dnp3_file_command_read(written(&out), &read), 0);
    assert_string(read.name, "/a/b");
    assert_true(read.created_ms == command.created_ms);
    assert_int_equal(read.key, command.key);
    assert_int_equal(read.size, 77);
    assert_int_equal(read.permissions, 0644);
    assert_int_equal(read.mode, DNP3_FILE_MODE_WRITE);
    assert_int_equal(read.block_size, 512);
    assert_int_equal(read.request, 9);
    command.created_ms = -1;
    assert_int_equal(dnp3_file_command_write(&out, &command), DNP3_ERR_RANGE);
}

static void test_status_of_a_command(void **state)
{
    (void)state;
    const struct dnp3_file_command_status status = {.handle = 1,
                                                    .size = 2,
                                                    .block_size = 3,
                                                    .request = 4,
                                                    .status = DNP3_FILE_STATUS_LOCKED,
                                                    .text = string_of("in use")};
    struct dnp3_file_command_status read;
    struct dnp3_writer out = empty();
    assert_int_equal(dnp3_file_command_status_write(&out, &status), 0);
    assert_int_equal(dnp3_file_command_status_read(written(&out), &read), 0);
    assert_int_equal(read.handle, 1);
    assert_int_equal(read.size, 2);
    assert_int_equal(read.block_size, 3);
    assert_int_equal(read.request, 4);
    assert_int_equal(read.status, DNP3_FILE_STATUS_LOCKED);
    assert_string(read.text, "in use");
}

static void test_blocks(void **state)
{
    (void)state;
    struct dnp3_file_transport block = {
        .handle = 7, .block = 0x7FFFFFFF, .last = true, .data = string_of("data")};
    struct dnp3_file_transport read;
    struct dnp3_writer out = empty();
    assert_int_equal(dnp3_file_transport_write(&out, &block), 0);
    assert_int_equal(dnp3_file_transport_read(written(&out), &read), 0);
    assert_int_equal(read.handle, 7);
    assert_int_equal(read.block, 0x7FFFFFFF);
    assert_true(read.last);
    assert_string(read.data, "data");
    block.block = UINT32_C(1) << 31;
    assert_int_equal(dnp3_file_transport_write(&out, &block), DNP3_ERR_RANGE);
}

static void test_status_of_a_block(void **state)
{
    (void)state;
    struct dnp3_file_transport_status status = {
        .handle = 7, .block = 1, .status = DNP3_FILE_STATUS_FATAL, .text = string_of("full")};
    struct dnp3_file_transport_status read;
    struct dnp3_writer out = empty();
    assert_int_equal(dnp3_file_transport_status_write(&out, &status), 0);
    assert_int_equal(dnp3_file_transport_status_read(written(&out), &read), 0);
    assert_int_equal(read.handle, 7);
    assert_int_equal(read.block, 1);
    assert_false(read.last);
    assert_int_equal(read.status, DNP3_FILE_STATUS_FATAL);
    assert_string(read.text, "full");
    status.block = UINT32_C(1) << 31;
    assert_int_equal(dnp3_file_transport_status_write(&out, &status), DNP3_ERR_RANGE);
}

static void test_no_room(void **state)
{
    (void)state;
    const struct dnp3_file_authentication authentication = {.key = 1};
    const struct dnp3_file_command command = {.key = 1};
    const struct dnp3_file_command_status command_status = {.handle = 1};
    const struct dnp3_file_transport transport = {.handle = 1};
    const struct dnp3_file_transport_status transport_status = {.handle = 1};
    struct dnp3_file_descriptor descriptor = {.size = 1};
    struct dnp3_writer out = dnp3_writer_of(octets, 5);
    assert_int_equal(dnp3_file_authentication_write(&out, &authentication), DNP3_ERR_FULL);
    assert_int_equal(dnp3_file_command_write(&out, &command), DNP3_ERR_FULL);
    assert_int_equal(dnp3_file_command_status_write(&out, &command_status), DNP3_ERR_FULL);
    assert_int_equal(dnp3_file_transport_write(&out, &transport), DNP3_ERR_FULL);
    assert_int_equal(dnp3_file_transport_status_write(&out, &transport_status), DNP3_ERR_FULL);
    assert_int_equal(dnp3_file_descriptor_write(&out, &descriptor), DNP3_ERR_FULL);
    descriptor.created_ms = INT64_C(1) << 48;
    assert_int_equal(dnp3_file_descriptor_write(&out, &descriptor), DNP3_ERR_RANGE);
}

/* The second block of functions/file_list_directory.pcap, ITI/ICS-Security-Tools pcaps/dnp3,
 * CC BY 4.0. */
static const uint8_t directory[] = {
    0x14, 0x00, 0x17, 0x00, 0x01, 0x00, 0x8F, 0x06, 0x00, 0x00, 0x30, 0x45, 0x4C, 0x50, 0x4C, 0x01,
    0xFF, 0x01, 0x08, 0x00, 0x54, 0x4D, 0x57, 0x54, 0x65, 0x73, 0x74, 0x4F, 0x53, 0x41, 0x73, 0x79,
    0x6D, 0x50, 0x72, 0x76, 0x4B, 0x65, 0x79, 0x2E, 0x70, 0x65, 0x6D, 0x14, 0x00, 0x17, 0x00, 0x01,
    0x00, 0xC3, 0x01, 0x00, 0x00, 0x30, 0x45, 0x4C, 0x50, 0x4C, 0x01, 0xFF, 0x01, 0x08, 0x00, 0x54,
    0x4D, 0x57, 0x54, 0x65, 0x73, 0x74, 0x4F, 0x53, 0x41, 0x73, 0x79, 0x6D, 0x50, 0x75, 0x62, 0x4B,
    0x65, 0x79, 0x2E, 0x70, 0x65, 0x6D, 0x14, 0x00, 0x18, 0x00, 0x01, 0x00, 0x8F, 0x06, 0x00, 0x00,
    0x30, 0x45, 0x4C, 0x50, 0x4C, 0x01, 0xFF, 0x01, 0x08, 0x00, 0x54, 0x4D, 0x57, 0x54, 0x65, 0x73,
    0x74, 0x52, 0x73, 0x61, 0x32, 0x30, 0x34, 0x38, 0x50, 0x72, 0x76, 0x4B, 0x65, 0x79, 0x2E, 0x70,
    0x65, 0x6D, 0x14, 0x00, 0x18, 0x00, 0x01, 0x00, 0xC3, 0x01, 0x00, 0x00, 0x30, 0x45, 0x4C, 0x50,
    0x4C, 0x01, 0xFF, 0x01, 0x08, 0x00, 0x54, 0x4D, 0x57, 0x54, 0x65, 0x73, 0x74, 0x52, 0x73, 0x61,
    0x32, 0x30, 0x34, 0x38, 0x50, 0x75, 0x62, 0x4B, 0x65, 0x79, 0x2E, 0x70, 0x65, 0x6D, 0x14, 0x00,
    0x0D, 0x00, 0x01, 0x00, 0x00, 0xA6, 0x0E, 0x00, 0xD0, 0x08, 0xEB, 0x49, 0x41, 0x01, 0xFF, 0x01,
    0x08, 0x00, 0x57, 0x69, 0x6E, 0x47, 0x75, 0x69, 0x4C, 0x69, 0x62, 0x2E, 0x64, 0x6C, 0x6C, 0x14,
    0x00, 0x09, 0x00, 0x00, 0x00, 0x11, 0x00, 0x00, 0x00, 0x30, 0x45, 0x4C, 0x50, 0x4C, 0x01, 0xFF,
    0x01, 0x08, 0x00, 0x57, 0x6F, 0x72, 0x6B, 0x73, 0x70, 0x61, 0x63, 0x65, 0x14, 0x00, 0x0A, 0x00,
    0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x30, 0x45, 0x4C, 0x50, 0x4C, 0x01, 0xFF, 0x01, 0x08, 0x00,
    0x58, 0x4D, 0x4C, 0x73, 0x63, 0x68, 0x65, 0x6D, 0x61, 0x73,
};

static const struct {
    const char *name;
    uint32_t size;
    enum dnp3_file_type type;
} entries[] = {
    {"TMWTestOSAsymPrvKey.pem", 1679, DNP3_FILE_TYPE_FILE},
    {"TMWTestOSAsymPubKey.pem", 451, DNP3_FILE_TYPE_FILE},
    {"TMWTestRsa2048PrvKey.pem", 1679, DNP3_FILE_TYPE_FILE},
    {"TMWTestRsa2048PubKey.pem", 451, DNP3_FILE_TYPE_FILE},
    {"WinGuiLib.dll", 960000, DNP3_FILE_TYPE_FILE},
    {"Workspace", 17, DNP3_FILE_TYPE_DIRECTORY},
    {"XMLschemas", 5, DNP3_FILE_TYPE_DIRECTORY},
};

static void test_directory_that_a_device_sent(void **state)
{
    (void)state;
    struct dnp3_reader data = dnp3_reader_of(directory, sizeof directory);
    struct dnp3_file_descriptor entry;
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        assert_int_equal(dnp3_file_entry(&data, &entry), 1);
        assert_string(entry.name, entries[i].name);
        assert_int_equal(entry.size, entries[i].size);
        assert_int_equal(entry.type, entries[i].type);
        assert_int_equal(entry.permissions, 0777);
    }
    assert_int_equal(dnp3_file_entry(&data, &entry), 0);
    assert_int_equal(dnp3_reader_left(&data), 0);
}

static void test_directory_cut_anywhere(void **state)
{
    (void)state;
    struct dnp3_file_descriptor entry;
    for (size_t cut = 0; cut <= sizeof directory; cut++) {
        struct dnp3_reader data = dnp3_reader_of(directory, cut);
        size_t count = 0;
        int result;
        while ((result = dnp3_file_entry(&data, &entry)) == 1)
            count++;
        assert_int_equal(result, dnp3_reader_left(&data) ? DNP3_ERR_TRUNCATED : 0);
        /* What is left goes on with the next block. */
        data = dnp3_reader_of(data.at, (size_t)(directory + sizeof directory - data.at));
        while ((result = dnp3_file_entry(&data, &entry)) == 1)
            count++;
        assert_int_equal(result, 0);
        assert_int_equal(count, sizeof entries / sizeof entries[0]);
    }
}

static void test_directory_that_is_written(void **state)
{
    (void)state;
    const struct dnp3_file_descriptor log = {.name = string_of("log"),
                                             .created_ms = 1763719200123,
                                             .size = 300,
                                             .type = DNP3_FILE_TYPE_FILE,
                                             .permissions = 0444};
    const struct dnp3_file_descriptor nameless = {.type = DNP3_FILE_TYPE_DIRECTORY};
    struct dnp3_file_descriptor entry;
    struct dnp3_writer out = empty();
    assert_int_equal(dnp3_file_descriptor_write(&out, &log), 0);
    assert_int_equal(dnp3_file_descriptor_write(&out, &nameless), 0);
    struct dnp3_reader data = written(&out);
    assert_int_equal(dnp3_file_entry(&data, &entry), 1);
    assert_string(entry.name, "log");
    assert_true(entry.created_ms == log.created_ms);
    assert_int_equal(entry.permissions, 0444);
    assert_int_equal(dnp3_file_entry(&data, &entry), 1);
    assert_int_equal(entry.name.length, 0);
    assert_int_equal(dnp3_file_entry(&data, &entry), 0);
}

static void test_entry_whose_name_overlaps_it(void **state)
{
    (void)state;
    uint8_t bad[24] = {19, 0, 4, 0};
    struct dnp3_reader data = dnp3_reader_of(bad, sizeof bad);
    struct dnp3_file_descriptor entry;
    assert_int_equal(dnp3_file_entry(&data, &entry), DNP3_ERR_MALFORMED);
    assert_int_equal(dnp3_file_entry(&data, &entry), 0);
}

static void test_names_of_statuses(void **state)
{
    (void)state;
    assert_string_equal(dnp3_file_status_name(DNP3_FILE_STATUS_SUCCESS), "SUCCESS");
    assert_string_equal(dnp3_file_status_name(20), "BLOCK_SEQUENCE");
    assert_string_equal(dnp3_file_status_name(255), "UNDEFINED");
    assert_null(dnp3_file_status_name(10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_authentication),
        cmocka_unit_test(test_command),
        cmocka_unit_test(test_status_of_a_command),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_status_of_a_block),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_directory_that_a_device_sent),
        cmocka_unit_test(test_directory_cut_anywhere),
        cmocka_unit_test(test_directory_that_is_written),
        cmocka_unit_test(test_entry_whose_name_overlaps_it),
        cmocka_unit_test(test_names_of_statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
