/* SPDX-License-Identifier: Apache-2.0 */
/* The commands `file` and `attributes`: what is asked of the library, and what its answers become.
 * tests/integration/test_command_files.py has them against an outstation. */
#include "dnp3/attribute.h"
#include "dnp3/error.h"
#include "gateway/base/base64.h"
#include "tests/unit/command_steps.h"

static void give(const char *text)
{
    assert_true(bench.file->data(bench.file, (const uint8_t *)text, strlen(text)));
    bench.file->transferred += strlen(text);
}

static void end_file(enum dnp3_command_outcome outcome, enum dnp3_command_reason reason,
                     enum dnp3_function function, uint8_t status)
{
    command_bench_finish_file(&bench, outcome, reason, function, status);
}

static void test_read(void **state)
{
    (void)state;
    command("file", "{\"operation\":\"read\",\"name\":\"a.log\",\"id\":\"r1\"}");
    assert_string_equal(bench.file->name, "a.log");
    assert_int_equal(bench.file->operation, DNP3_FILE_OPERATION_READ);
    assert_int_equal(bench.file->attempts, 3);
    assert_int_equal(bench.file->expires_ms, 15000);
    assert_null(bench.file->user);
    give("one\n");
    give("two\n");
    end_file(DNP3_OUTCOME_DONE, DNP3_REASON_OK, DNP3_FUNCTION_CLOSE_FILE, 0);
    expect_end("done", "ok");
    expect_text("\"may_have_operated\":false");
    expect_text(
        "\"operation\":\"read\",\"name\":\"a.log\",\"file_status\":\"SUCCESS\",\"octets\":8,"
        "\"text\":\"one\\ntwo\\n\",\"base64\":null,\"entries\":null}");
    /* Reading is no writing: the same id reads anew. */
    command("file", "{\"operation\":\"read\",\"name\":\"a.log\",\"id\":\"r1\"}");
    assert_non_null(bench.file);
    command("file", "{\"operation\":\"info\",\"name\":\"b.log\"}");
    expect_refusal("busy");
    assert_true(bench.file->data(bench.file, (const uint8_t *)"\0\xFF", 2));
    end_file(DNP3_OUTCOME_DONE, DNP3_REASON_OK, DNP3_FUNCTION_CLOSE_FILE, 0);
    expect_end("done", "ok");
    expect_text("\"text\":null,\"base64\":\"AP8=\"");
}

static void test_what_is_read_in_part_is_not_shown(void **state)
{
    (void)state;
    static const struct {
        enum dnp3_command_reason reason;
        const char *verdict;
    } ends[] = {
        {DNP3_REASON_NO_ANSWER, "no_answer"},           {DNP3_REASON_BLOCK, "echo_mismatch"},
        {DNP3_REASON_MALFORMED, "echo_mismatch"},       {DNP3_REASON_INTERRUPTED, "no_answer"},
        {DNP3_REASON_INDICATION, "outstation_refused"}, {DNP3_REASON_CANCELLED, "out_of_range"},
        {DNP3_REASON_CONNECTION_LOST, "no_answer"}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        command("file", "{\"operation\":\"read\",\"name\":\"a.log\"}");
        give("one");
        end_file(DNP3_OUTCOME_FAILED, ends[i].reason, DNP3_FUNCTION_READ, 0);
        expect_end("failed", ends[i].verdict);
        expect_text("\"may_have_operated\":false");
        expect_text("\"file_status\":null,\"octets\":3,\"text\":null,\"base64\":null");
    }
}

static void test_too_large_to_read(void **state)
{
    (void)state;
    static const uint8_t octets[32768];
    command("file", "{\"operation\":\"read\",\"name\":\"a.log\"}");
    assert_true(bench.file->data(bench.file, octets, sizeof octets));
    assert_true(bench.file->data(bench.file, octets, sizeof octets));
    assert_false(bench.file->data(bench.file, octets, 1));
    end_file(DNP3_OUTCOME_FAILED, DNP3_REASON_CANCELLED, DNP3_FUNCTION_READ, 0);
    expect_end("failed", "out_of_range");
    expect_text("\"detail\":\"a file of up to 65536 octets can be read\"");
    command("file", "{\"operation\":\"directory\",\"name\":\".\"}");
    struct dnp3_file_descriptor entry = {.name = {octets, 255}};
    unsigned count = 0;
    while (bench.file->entry(bench.file, &entry))
        assert_true(++count < 1000);
    assert_true(count > 100);
    end_file(DNP3_OUTCOME_FAILED, DNP3_REASON_CANCELLED, DNP3_FUNCTION_READ, 0);
    expect_end("failed", "out_of_range");
    expect_text("\"entries\":null");
}

static void test_write(void **state)
{
    (void)state;
    size_t length = 0;
    bool last = false;
    command("file",
            "{\"operation\":\"write\",\"name\":\"a\",\"base64\":\"AAEC/w==\",\"id\":\"w1\"}");
    assert_int_equal(bench.file->operation, DNP3_FILE_OPERATION_WRITE);
    assert_false(bench.file->append);
    assert_int_equal(bench.file->size, 4);
    assert_int_equal(bench.file->created_ms, 1763719200000);
    assert_int_equal(bench.file->permissions, 0644);
    assert_memory_equal(bench.file->more(bench.file, 3, &length, &last), "\0\1\2", 3);
    assert_true(length == 3 && !last);
    assert_memory_equal(bench.file->more(bench.file, 3, &length, &last), "\xFF", 1);
    assert_true(length == 1 && last);
    end_file(DNP3_OUTCOME_DONE, DNP3_REASON_OK, DNP3_FUNCTION_CLOSE_FILE, 0);
    expect_end("done", "ok");
    expect_text("\"may_have_operated\":true");
    expect_text("\"operation\":\"write\"");
    /* The same id: the first end, and nothing is sent. */
    command("file",
            "{\"operation\":\"write\",\"name\":\"a\",\"base64\":\"AAEC/w==\",\"id\":\"w1\"}");
    assert_null(bench.file);
    expect_text("\"repeated\":true");
    bench.host.published = 0;

    command("file", "{\"operation\":\"append\",\"name\":\"a\",\"text\":\"\",\"base64\":null}");
    assert_true(bench.file->append);
    assert_non_null(bench.file->more(bench.file, 3, &length, &last));
    assert_true(length == 0 && last);
    end_file(DNP3_OUTCOME_UNKNOWN, DNP3_REASON_NO_ANSWER, DNP3_FUNCTION_WRITE, 0);
    expect_end("unknown", "no_answer");
    expect_text("\"may_have_operated\":true");
}

/* It may be half of what it was, half of what it is to be. */
static void test_written_in_part(void **state)
{
    (void)state;
    command("file", "{\"operation\":\"write\",\"name\":\"a\",\"text\":\"abc\"}");
    end_file(DNP3_OUTCOME_FAILED, DNP3_REASON_STATUS, DNP3_FUNCTION_OPEN_FILE,
             DNP3_FILE_STATUS_LOCKED);
    expect_end("failed", "outstation_refused");
    expect_text("\"may_have_operated\":false");
    expect_text("\"detail\":\"the file is in use at the outstation\"");
    expect_text("\"file_status\":\"LOCKED\"");
    command("file", "{\"operation\":\"write\",\"name\":\"b\",\"text\":\"abc\",\"id\":\"w2\"}");
    end_file(DNP3_OUTCOME_FAILED, DNP3_REASON_STATUS, DNP3_FUNCTION_WRITE,
             DNP3_FILE_STATUS_BUFFER_OVERRUN);
    assert_int_equal(bench.host.published, 1);
    bench.host.published = 0;
    expect_text("\"outcome\":\"failed\",\"reason\":\"outstation_refused\",\"stage\":\"operate\"");
    expect_text("\"may_have_operated\":true");
    expect_text("\"file_status\":\"BUFFER_OVERRUN\"");
    command("file", "{\"operation\":\"write\",\"name\":\"b\",\"text\":\"abc\",\"id\":\"w2\"}");
    expect_text("\"may_have_operated\":true");
    expect_text("\"repeated\":true");
}

static void test_delete_and_entries(void **state)
{
    (void)state;
    command("file", "{\"operation\":\"delete\",\"name\":\"a\"}");
    assert_int_equal(bench.file->operation, DNP3_FILE_OPERATION_DELETE);
    end_file(DNP3_OUTCOME_FAILED, DNP3_REASON_STATUS, DNP3_FUNCTION_DELETE_FILE,
             DNP3_FILE_STATUS_NOT_FOUND);
    expect_end("failed", "outstation_refused");
    expect_text("\"detail\":\"the outstation has no file of this name\"");
    static const uint8_t denied[] = {DNP3_FILE_STATUS_PERMISSION_DENIED,
                                     DNP3_FILE_STATUS_TOO_MANY_OPEN, DNP3_FILE_STATUS_FATAL};
    for (size_t i = 0; i < sizeof denied; i++) {
        command_bench_pass(&bench, 3000);
        command("file", "{\"operation\":\"delete\",\"name\":\"a\"}");
        end_file(DNP3_OUTCOME_FAILED, DNP3_REASON_STATUS, DNP3_FUNCTION_DELETE_FILE, denied[i]);
        expect_end("failed", "outstation_refused");
        expect_text(dnp3_file_status_name(denied[i]));
    }
    command("file", "{\"operation\":\"directory\",\"name\":\".\"}");
    struct dnp3_file_descriptor entry = {
        .name = {(const uint8_t *)"log", 3}, .size = 5, .permissions = 0750, .created_ms = 7};
    assert_true(bench.file->entry(bench.file, &entry));
    entry = (struct dnp3_file_descriptor){.name = {(const uint8_t *)"\xFF", 1},
                                          .type = DNP3_FILE_TYPE_FILE};
    assert_true(bench.file->entry(bench.file, &entry));
    end_file(DNP3_OUTCOME_DONE, DNP3_REASON_OK, DNP3_FUNCTION_CLOSE_FILE, 0);
    expect_end("done", "ok");
    expect_text("\"entries\":[{\"name\":\"log\",\"base64\":null,\"type\":\"directory\",\"size\":5,"
                "\"created\":7,\"permissions\":\"750\"},{\"name\":null,\"base64\":\"/w==\","
                "\"type\":\"file\",\"size\":0,\"created\":null,\"permissions\":\"000\"}]");
}

static void test_files_that_are_refused(void **state)
{
    (void)state;
    bench.host.operate_error = DNP3_ERR_OFFLINE;
    command("file", "{\"operation\":\"write\",\"name\":\"a\",\"text\":\"abc\",\"id\":\"w1\"}");
    expect_refusal("offline");
    expect_text("\"operation\":\"write\",\"name\":\"a\",\"file_status\":null,\"octets\":null");
    bench.host.operate_error = DNP3_ERR_INVALID;
    command("file", "{\"operation\":\"read\",\"name\":\"a\"}");
    expect_refusal("out_of_range");
    bench.host.operate_error = 0;
    command("file", "");
    expect_refusal("malformed");
    command_of("r18", "file", "{\"operation\":\"delete\",\"name\":\"a\"}");
    expect_refusal("inhibited");
    command_of("r19", "file", "{\"operation\":\"read\",\"name\":\"a\"}");
    expect_refusal("inhibited");
    expect_text("\"operation\":\"read\"");
    bench.host.operate_error = 0;
    command_of("r18", "file", "{\"operation\":\"read\",\"name\":\"a\"}");
    assert_non_null(bench.file);
    end_file(DNP3_OUTCOME_REFUSED, DNP3_REASON_EXPIRED, (enum dnp3_function)0, 0);
    expect_refusal("expired");
}

static void tell(uint32_t set, uint8_t variation, uint8_t type, uint64_t natural, const char *text)
{
    const struct dnp3_attribute attribute = {.set = set,
                                             .variation = variation,
                                             .type = type,
                                             .natural = natural,
                                             .octets = (const uint8_t *)text,
                                             .length = (uint16_t)(text ? strlen(text) : 0)};
    gw_commands_attribute(bench.commands, &config->outstations[0], &attribute);
}

static void test_attributes_are_read(void **state)
{
    (void)state;
    tell(0, 252, DNP3_ATTRIBUTE_TYPE_VISIBLE_STRING, 0, "nobody asked");
    command("attributes", "");
    assert_int_equal(bench.request->function, DNP3_FUNCTION_READ);
    const struct dnp3_request_header *header = bench.request->headers;
    assert_true(header->group == 0 && header->variation == DNP3_ATTRIBUTE_ALL && header->ranged);
    assert_null(header->attribute);
    tell(0, 252, DNP3_ATTRIBUTE_TYPE_VISIBLE_STRING, 0, "ACME");
    tell(0, 240, DNP3_ATTRIBUTE_TYPE_UNSIGNED, 2048, NULL);
    tell(0, 217, DNP3_ATTRIBUTE_TYPE_SIGNED, UINT64_MAX, NULL);
    tell(0, 198, DNP3_ATTRIBUTE_TYPE_TIME, 1763719200123, NULL);
    tell(3, 1, DNP3_ATTRIBUTE_TYPE_BIT_STRING, 0, "a");
    tell(0, 255, DNP3_ATTRIBUTE_TYPE_LIST, 0, "\xFC\1\2\2");
    finish_done();
    expect_end("done", "ok");
    expect_text("\"may_have_operated\":false");
    expect_text("\"attributes\":[{\"set\":0,\"attribute\":\"manufacturer\",\"variation\":252,"
                "\"type\":\"visible_string\",\"value\":\"ACME\",\"base64\":null,\"list\":null},");
    expect_text("\"value\":2048,");
    expect_text("\"value\":-1,");
    expect_text("\"value\":1763719200123,");
    expect_text("{\"set\":3,\"attribute\":null,\"variation\":1,\"type\":\"bit_string\","
                "\"value\":null,\"base64\":\"YQ==\",\"list\":null}");
    expect_text("\"list\":[{\"attribute\":\"manufacturer\",\"variation\":252,\"writable\":true},"
                "{\"attribute\":null,\"variation\":2,\"writable\":false}]");
}

static void test_attributes_are_written(void **state)
{
    (void)state;
    static const struct {
        const char *payload;
        uint8_t type;
    } values[] = {
        {"{\"attribute\":\"location\",\"value\":\"HQ\"}", DNP3_ATTRIBUTE_TYPE_VISIBLE_STRING},
        {"{\"value\":5,\"attribute\":30,\"set\":2}", DNP3_ATTRIBUTE_TYPE_UNSIGNED},
        {"{\"value\":-5,\"attribute\":30}", DNP3_ATTRIBUTE_TYPE_SIGNED},
        {"{\"value\":12.5,\"attribute\":\"altitude\"}", DNP3_ATTRIBUTE_TYPE_FLOAT},
        {"{\"value\":12,\"attribute\":\"altitude\",\"type\":\"float\"}", DNP3_ATTRIBUTE_TYPE_FLOAT},
        {"{\"type\":\"time\",\"value\":5,\"attribute\":198}", DNP3_ATTRIBUTE_TYPE_TIME}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        command("attributes", values[i].payload);
        assert_int_equal(bench.request->function, DNP3_FUNCTION_WRITE);
        assert_int_equal(bench.request->headers[0].attribute->type, values[i].type);
        tell(0, 252, DNP3_ATTRIBUTE_TYPE_VISIBLE_STRING, 0, "by chance");
        finish_done();
        expect_end("done", "ok");
        expect_text("\"may_have_operated\":true");
        expect_text("\"attributes\":null}");
    }
    command_of("r18", "attributes", "{\"attribute\":\"location\",\"value\":\"HQ\"}");
    expect_refusal("inhibited");
    command_of("r18", "attributes", "{\"attribute\":\"location\"}");
    finish_done();
    expect_end("done", "ok");
    expect_text("\"attributes\":[]}");
}

/* Times of an outstation that keeps local time are UTC's in messages. */
static void test_a_local_clock(void **state)
{
    (void)state;
    const int64_t hour = 3600000;
    command_of("r21", "attributes",
               "{\"attribute\":20,\"set\":1,\"type\":\"time\",\"value\":1763722800000}");
    assert_int_equal(bench.request->headers[0].attribute->time_ms, 1763722800000 + hour);
    finish_done();
    expect_end("done", "ok");
    command_of("r21", "attributes", "{}");
    const struct dnp3_attribute said = {
        .variation = 20, .type = DNP3_ATTRIBUTE_TYPE_TIME, .time_ms = 1763722800000 + hour};
    gw_commands_attribute(bench.commands, gw_config_outstation(config, "r21", 3), &said);
    finish_done();
    expect_text("\"value\":1763722800000,");
    bench.host.published = 0;
    command_of("r21", "file", "{\"operation\":\"write\",\"name\":\"a\",\"text\":\"abc\"}");
    assert_int_equal(bench.file->created_ms, 1763719200000 + hour);
    end_file(DNP3_OUTCOME_DONE, DNP3_REASON_OK, DNP3_FUNCTION_CLOSE_FILE, 0);
    expect_end("done", "ok");
    command_of("r21", "file", "{\"operation\":\"info\",\"name\":\"a\"}");
    struct dnp3_file_descriptor entry = {.name = {(const uint8_t *)"a", 1}, .created_ms = 2 * hour};
    assert_true(bench.file->entry(bench.file, &entry));
    end_file(DNP3_OUTCOME_DONE, DNP3_REASON_OK, DNP3_FUNCTION_CLOSE_FILE, 0);
    expect_text("\"created\":3600000,");
    bench.host.published = 0;
}

static void test_more_attributes_than_are_told(void **state)
{
    (void)state;
    command("attributes", "{}");
    for (int i = 0; i < 1000; i++)
        tell(0, 252, DNP3_ATTRIBUTE_TYPE_VISIBLE_STRING, 0, "somebody with a long name");
    finish_done();
    expect_end("done", "ok");
    expect_text("\"detail\":\"some are left out");
}

static void test_what_cannot_be_meant(void **state)
{
    (void)state;
    static const char *const files[] = {
        "{}",
        "{\"operation\":\"read\"}",
        "{\"name\":\"a\"}",
        "{\"operation\":null,\"name\":\"a\"}",
        "{\"operation\":\"format\",\"name\":\"a\"}",
        "{\"operation\":5,\"name\":\"a\"}",
        "{\"operation\":\"read\",\"name\":\"\"}",
        "{\"operation\":\"read\",\"name\":\"a\",\"text\":\"b\"}",
        "{\"operation\":\"write\",\"name\":\"a\"}",
        "{\"operation\":\"write\",\"name\":\"a\",\"text\":5}",
        "{\"operation\":\"write\",\"name\":\"a\",\"text\":\"b\",\"base64\":\"Yg==\"}",
        "{\"operation\":\"write\",\"name\":\"a\",\"base64\":\"Y\"}",
        "{\"operation\":\"read\",\"name\":\"a\",\"user\":\"joe\"}"};
    static const char *const attributes[] = {
        "{\"attribute\":\"nothing\"}",
        "{\"attribute\":0}",
        "{\"attribute\":256}",
        "{\"set\":-1}",
        "{\"set\":256}",
        "{\"set\":\"a\"}",
        "{\"type\":\"unsigned\"}",
        "{\"type\":5}",
        "{\"value\":5}",
        "{\"attribute\":\"all\",\"value\":5}",
        "{\"attribute\":\"location\",\"value\":true}",
        "{\"attribute\":\"location\",\"value\":5,\"type\":\"visible_string\"}",
        "{\"attribute\":\"location\",\"value\":\"5\",\"type\":\"unsigned\"}",
        "{\"attribute\":\"location\",\"value\":-5,\"type\":\"unsigned\"}",
        "{\"attribute\":\"location\",\"value\":5.5,\"type\":\"signed\"}",
        "{\"attribute\":\"location\",\"value\":\"5\",\"type\":\"float\"}",
        "{\"attribute\":\"location\",\"value\":5,\"type\":\"list\"}",
        "{\"attribute\":\"location\",\"by_the_way\":5}"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        command("file", files[i]);
        expect_refusal("malformed");
        expect_text("\"file_status\":null,\"octets\":null,\"text\":null,\"base64\":null,"
                    "\"entries\":null}");
        assert_null(bench.file);
    }
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
        command("attributes", attributes[i]);
        expect_refusal("malformed");
        expect_text("\"attributes\":null}");
        expect_nothing_sent();
    }
}

static void test_too_large_to_write(void **state)
{
    (void)state;
    static char payload[90000];
    int length =
        snprintf(payload, sizeof payload, "{\"operation\":\"write\",\"name\":\"a\",\"text\":\"");
    memset(payload + length, 'x', 65537);
    memcpy(payload + length + 65537, "\"}", 3);
    command("file", payload);
    expect_refusal("out_of_range");
    memcpy(payload + length + 65536, "\"}", 3);
    command("file", payload);
    assert_int_equal(bench.file->size, 65536);
    command_bench_finish_file(&bench, DNP3_OUTCOME_DONE, DNP3_REASON_OK, DNP3_FUNCTION_CLOSE_FILE,
                              0);
    expect_end("done", "ok");
}

static bool is_base64(const char *text, const char *octets, size_t length)
{
    uint8_t read[16];
    size_t count;
    return gw_base64_read(text, strlen(text), read, &count) && count == length &&
           memcmp(read, octets, length) == 0;
}

static void test_base64(void **state)
{
    (void)state;
    assert_true(is_base64("", "", 0));
    assert_true(is_base64("Zg==", "f", 1));
    assert_true(is_base64("Zm8=", "fo", 2));
    assert_true(is_base64("Zm9v", "foo", 3));
    assert_true(is_base64("Zm9vYmFy", "foobar", 6));
    assert_true(is_base64("+/+/", "\xFB\xFF\xBF", 3));
    static const char *const wrong[] = {"Z",    "Zg",   "Zg=",      "Zh==", "Zm9=", "====",
                                        "Zg=a", "Z g=", "Zg==Zg==", "Zm9*", "=Zm9", "Zm9v\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint8_t read[16];
        size_t count;
        if (gw_base64_read(wrong[i], strlen(wrong[i]), read, &count))
            fail_msg("%s was read", wrong[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_read),
                                       TEST(test_what_is_read_in_part_is_not_shown),
                                       TEST(test_too_large_to_read),
                                       TEST(test_write),
                                       TEST(test_written_in_part),
                                       TEST(test_delete_and_entries),
                                       TEST(test_files_that_are_refused),
                                       TEST(test_attributes_are_read),
                                       TEST(test_attributes_are_written),
                                       TEST(test_a_local_clock),
                                       TEST(test_more_attributes_than_are_told),
                                       TEST(test_what_cannot_be_meant),
                                       TEST(test_too_large_to_write),
                                       cmocka_unit_test(test_base64)};
    return cmocka_run_group_tests(tests, load, unload);
}
