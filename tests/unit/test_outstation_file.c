/* SPDX-License-Identifier: Apache-2.0 */
/* Files as the outstation serves them: open, read, write, close, abort, delete, info, authenticate;
 * blocks out of order, lost answers, idle handles, refusals. Vectors are written by hand from the
 * standard. The host has one file, "log", of twenty octets. */
#include "tests/lib/outstation_bench.h"

/* OPEN_FILE and the like: name "log", key, mode, block size, request 7. */
#define COMMAND(key, mode, block)                                                                  \
    "46 03 5B 01 1D 00 1A 00 03 00 00 00 00 00 00 00 00 00 " key " 00 00 00 00 " mode " " block    \
    " 07 00 6C 6F 67"
#define NO_KEY     "00 00 00 00"
#define OPEN(mode) COMMAND(NO_KEY, mode, "08 00")
#define HANDLE(n)  n " 00 00 00"
#define STATUS(handle, size, block, status)                                                        \
    "46 04 5B 01 0D 00 " handle " " size " 00 00 00 " block " 00 07 00 " status
#define END(handle)                          "46 04 5B 01 0D 00 " handle " 00 00 00 00 00 00 07 00 00"
#define ENDED(handle, status)                STATUS(handle, "00", "00", status)
#define BLOCK(handle, number)                "46 05 5B 01 08 00 " handle " " number
#define BLOCK_STATUS(handle, number, status) "46 06 5B 01 09 00 " handle " " number " " status

static struct {
    unsigned opened, kept, lost, removed;
    uint32_t key;
    enum dnp3_file_status answer;
    uint8_t written[64];
    size_t length;
    bool last;
} host;

static const uint8_t content[] = "0123456789ABCDEFGHIJ";

static uint32_t authenticate(void *user, struct dnp3_file_string name,
                             struct dnp3_file_string password)
{
    (void)user;
    assert_memory_equal(name.octets, "joe", name.length);
    return password.length == 2 && memcmp(password.octets, "pw", 2) == 0 ? 0x11223344 : 0;
}

static bool is_log(struct dnp3_file_string name)
{
    return name.length == 3 && memcmp(name.octets, "log", 3) == 0;
}

static enum dnp3_file_status open_log(void *user, const struct dnp3_file_command *command,
                                      void **file, uint32_t *size)
{
    (void)user;
    host.key = command->key;
    if (!is_log(command->name))
        return DNP3_FILE_STATUS_NOT_FOUND;
    *size = command->mode == DNP3_FILE_MODE_READ ? 20 : 0;
    if (host.answer != DNP3_FILE_STATUS_SUCCESS)
        return host.answer;
    host.opened++;
    *file = &host;
    return DNP3_FILE_STATUS_SUCCESS;
}

static enum dnp3_file_status read_log(void *user, void *file, uint64_t position,
                                      struct dnp3_writer *block, bool *last)
{
    (void)user;
    assert_ptr_equal(file, &host);
    assert_in_range(position, 0, 20);
    size_t left = 20 - (size_t)position;
    size_t room = dnp3_writer_left(block);
    dnp3_writer_octets(block, content + position, left < room ? left : room);
    *last = left <= room;
    return host.answer;
}

static enum dnp3_file_status write_log(void *user, void *file, uint64_t position,
                                       const uint8_t *octets, size_t length, bool last)
{
    (void)user;
    assert_ptr_equal(file, &host);
    assert_in_range(position + length, 0, sizeof host.written);
    if (host.answer != DNP3_FILE_STATUS_SUCCESS)
        return host.answer;
    memcpy(host.written + position, octets, length);
    host.length = (size_t)position + length;
    host.last = last;
    return DNP3_FILE_STATUS_SUCCESS;
}

static enum dnp3_file_status close_log(void *user, void *file, bool keep)
{
    (void)user;
    assert_ptr_equal(file, &host);
    host.kept += keep;
    host.lost += !keep;
    return host.answer;
}

static enum dnp3_file_status remove_log(void *user, const struct dnp3_file_command *command)
{
    (void)user;
    if (!is_log(command->name))
        return DNP3_FILE_STATUS_NOT_FOUND;
    host.removed++;
    return host.answer;
}

static enum dnp3_file_status info(void *user, struct dnp3_file_string name,
                                  struct dnp3_file_descriptor *descriptor)
{
    (void)user;
    descriptor->type = DNP3_FILE_TYPE_FILE;
    descriptor->size = 20;
    descriptor->created_ms = 0x010203040506;
    descriptor->permissions = 0x01A4;
    name.length = name.length < 3 ? name.length : 3; /* the name may go on */
    return is_log(name) ? DNP3_FILE_STATUS_SUCCESS : DNP3_FILE_STATUS_NOT_FOUND;
}

static const struct dnp3_outstation_files files = {.authenticate = authenticate,
                                                   .open = open_log,
                                                   .read = read_log,
                                                   .write = write_log,
                                                   .close = close_log,
                                                   .remove = remove_log,
                                                   .info = info};
static const struct dnp3_outstation_callbacks callbacks = {.files = &files};

static struct bench *ready_with(const struct dnp3_outstation_config *config)
{
    memset(&host, 0, sizeof host);
    struct bench *bench = bench_with(config, &callbacks);
    bench_ask(bench, BENCH_CLEAR_RESTART);
    return bench;
}

static struct bench *ready(void)
{
    struct dnp3_outstation_config config = bench_config();
    return ready_with(&config);
}

static void reads_a_file(void **state)
{
    (void)state;
    struct bench *bench = ready();
    assert_string_equal(bench_ask(bench, "C1 19 " OPEN("01 00")),
                        "C1 81 00 00 " STATUS(HANDLE("01"), "14", "08", "00"));
    assert_string_equal(bench_ask(bench, "C2 01 " BLOCK(HANDLE("01"), "00 00 00 00")),
                        "C2 81 00 00 46 05 5B 01 10 00 01 00 00 00 00 00 00 00 "
                        "30 31 32 33 34 35 36 37");
    /* The answer got lost: the same again, under a repeat and as a new request. */
    for (const char *const *ask = (const char *const[]){"C2", "C3", NULL}; *ask; ask++) {
        char text[80];
        snprintf(text, sizeof text, "%s 01 " BLOCK(HANDLE("01"), "00 00 00 00"), *ask);
        assert_string_equal(bench_ask(bench, text) + 12,
                            "46 05 5B 01 10 00 01 00 00 00 00 00 00 00 30 31 32 33 34 35 36 37");
    }
    assert_string_equal(bench_ask(bench, "C4 01 " BLOCK(HANDLE("01"), "01 00 00 00")) + 54,
                        "38 39 41 42 43 44 45 46");
    assert_string_equal(bench_ask(bench, "C5 01 " BLOCK(HANDLE("01"), "02 00 00 00")),
                        "C5 81 00 00 46 05 5B 01 0C 00 01 00 00 00 02 00 00 80 47 48 49 4A");
    /* Neither back nor ahead. */
    assert_string_equal(bench_ask(bench, "C6 01 " BLOCK(HANDLE("01"), "01 00 00 00")),
                        "C6 81 00 00 " BLOCK_STATUS(HANDLE("01"), "01 00 00 00", "14"));
    assert_string_equal(bench_ask(bench, "C7 01 " BLOCK(HANDLE("01"), "04 00 00 00")),
                        "C7 81 00 00 " BLOCK_STATUS(HANDLE("01"), "04 00 00 00", "14"));
    host.answer = DNP3_FILE_STATUS_FATAL;
    assert_string_equal(bench_ask(bench, "C7 01 " BLOCK(HANDLE("01"), "03 00 00 00")),
                        "C7 81 00 00 " BLOCK_STATUS(HANDLE("01"), "03 00 00 00", "13"));
    host.answer = DNP3_FILE_STATUS_SUCCESS;
    assert_string_equal(bench_ask(bench, "C8 1A " END(HANDLE("01"))),
                        "C8 81 00 00 " ENDED(HANDLE("01"), "00"));
    assert_int_equal(host.kept, 1);
    /* It is gone. */
    assert_string_equal(bench_ask(bench, "C9 01 " BLOCK(HANDLE("01"), "02 00 00 00")),
                        "C9 81 00 00 " BLOCK_STATUS(HANDLE("01"), "02 00 00 00", "10"));
    assert_string_equal(bench_ask(bench, "CA 1A " END(HANDLE("01"))),
                        "CA 81 00 00 " ENDED(HANDLE("01"), "06"));
    assert_string_equal(bench_ask(bench, "CB 1A " END(HANDLE("00"))),
                        "CB 81 00 00 " ENDED(HANDLE("00"), "06"));
    assert_int_equal(host.kept, 1);
    bench_free(bench);
}

static void writes_a_file(void **state)
{
    (void)state;
    struct bench *bench = ready();
    assert_string_equal(bench_ask(bench, "C1 19 " OPEN("02 00")),
                        "C1 81 00 00 " STATUS(HANDLE("01"), "00", "08", "00"));
    assert_string_equal(bench_ask(bench, "C2 02 46 05 5B 01 0A 00 01 00 00 00 00 00 00 00 61 62"),
                        "C2 81 00 00 " BLOCK_STATUS(HANDLE("01"), "00 00 00 00", "00"));
    /* The answer got lost; the block comes again. Then the last. */
    assert_string_equal(bench_ask(bench, "C3 02 46 05 5B 01 0A 00 01 00 00 00 00 00 00 00 61 62"),
                        "C3 81 00 00 " BLOCK_STATUS(HANDLE("01"), "00 00 00 00", "00"));
    assert_string_equal(bench_ask(bench, "C4 02 46 05 5B 01 09 00 01 00 00 00 01 00 00 80 63"),
                        "C4 81 00 00 " BLOCK_STATUS(HANDLE("01"), "01 00 00 80", "00"));
    assert_int_equal(host.length, 3);
    assert_memory_equal(host.written, "abc", 3);
    assert_true(host.last);
    /* Out of order; too long; not readable. */
    assert_string_equal(bench_ask(bench, "C5 02 46 05 5B 01 09 00 01 00 00 00 03 00 00 00 64"),
                        "C5 81 00 00 " BLOCK_STATUS(HANDLE("01"), "03 00 00 00", "14"));
    assert_string_equal(bench_ask(bench, "C6 02 46 05 5B 01 11 00 01 00 00 00 02 00 00 00 "
                                         "64 64 64 64 64 64 64 64 64"),
                        "C6 81 00 00 " BLOCK_STATUS(HANDLE("01"), "02 00 00 00", "12"));
    assert_string_equal(bench_ask(bench, "C7 01 " BLOCK(HANDLE("01"), "02 00 00 00")),
                        "C7 81 00 00 " BLOCK_STATUS(HANDLE("01"), "02 00 00 00", "10"));
    host.answer = DNP3_FILE_STATUS_FATAL;
    assert_string_equal(bench_ask(bench, "C8 02 46 05 5B 01 09 00 01 00 00 00 02 00 00 00 64"),
                        "C8 81 00 00 " BLOCK_STATUS(HANDLE("01"), "02 00 00 00", "13"));
    host.answer = DNP3_FILE_STATUS_SUCCESS;
    assert_int_equal(host.length, 3);
    assert_string_equal(bench_ask(bench, "C9 1E " END(HANDLE("01"))),
                        "C9 81 00 00 " ENDED(HANDLE("01"), "00"));
    assert_int_equal(host.kept, 0);
    assert_int_equal(host.lost, 1);
    bench_free(bench);
}

static void handles_are_few_and_time_out(void **state)
{
    (void)state;
    struct bench *bench = ready();
    bench_ask(bench, "C1 19 " OPEN("01 00"));
    bench_pass(bench, 1000);
    bench_ask(bench, "C2 19 " OPEN("03 00"));
    bench_ask(bench, "C3 19 " OPEN("01 00"));
    assert_string_equal(bench_ask(bench, "C4 19 " OPEN("01 00")),
                        "C4 81 00 00 " STATUS(HANDLE("04"), "14", "08", "00"));
    assert_string_equal(bench_ask(bench, "C5 19 " OPEN("01 00")),
                        "C5 81 00 00 " STATUS(HANDLE("00"), "00", "00", "05"));
    assert_int_equal(host.opened, 4);
    bench_pass(bench, 58000);
    assert_true(dnp3_outstation_deadline(bench->outstation) == bench->now + 1000);
    bench_ask(bench, "C6 01 " BLOCK(HANDLE("03"), "00 00 00 00"));
    bench_pass(bench, 1000);
    assert_int_equal(host.lost, 1);
    assert_string_equal(bench_ask(bench, "C7 01 " BLOCK(HANDLE("01"), "00 00 00 00")),
                        "C7 81 00 00 " BLOCK_STATUS(HANDLE("01"), "00 00 00 00", "11"));
    assert_string_equal(bench_ask(bench, "C8 1A " END(HANDLE("01"))),
                        "C8 81 00 00 " ENDED(HANDLE("01"), "06"));
    bench_pass(bench, 1000);
    assert_int_equal(host.lost, 3); /* the second and the fourth */
    /* The other one lives for as long after its block, over a reconnect, not over a restart. */
    dnp3_outstation_connected(bench->outstation, bench->now);
    assert_string_equal(bench_ask(bench, "C9 01 " BLOCK(HANDLE("03"), "01 00 00 00")) + 54,
                        "38 39 41 42 43 44 45 46");
    dnp3_outstation_restart(bench->outstation, bench->now);
    assert_int_equal(host.lost, 4);
    assert_string_equal(bench_ask(bench, "CA 01 " BLOCK(HANDLE("03"), "02 00 00 00")) + 12,
                        BLOCK_STATUS(HANDLE("03"), "02 00 00 00", "10"));
    /* A handle never comes twice. */
    assert_string_equal(bench_ask(bench, "CB 19 " OPEN("01 00")) + 12,
                        STATUS(HANDLE("05"), "14", "08", "00"));
    bench_free(bench);
    assert_int_equal(host.lost, 5);
}

static void refuses_to_open(void **state)
{
    (void)state;
    struct bench *bench = ready();
    assert_string_equal(bench_ask(bench, "C1 19 " OPEN("00 00")) + 12,
                        STATUS(HANDLE("00"), "00", "00", "02"));
    assert_string_equal(bench_ask(bench, "C2 19 " OPEN("04 00")) + 12,
                        STATUS(HANDLE("00"), "00", "00", "02"));
    assert_string_equal(bench_ask(bench, "C3 19 " COMMAND(NO_KEY, "01 00", "00 00")) + 12,
                        STATUS(HANDLE("00"), "00", "00", "07"));
    host.answer = DNP3_FILE_STATUS_LOCKED;
    assert_string_equal(bench_ask(bench, "C4 19 " OPEN("01 00")) + 12,
                        STATUS(HANDLE("00"), "00", "00", "04"));
    assert_string_equal(bench_ask(bench, "C5 1B " OPEN("00 00")) + 12,
                        STATUS(HANDLE("00"), "00", "00", "04"));
    bench_free(bench);
}

static void blocks_fit_into_fragments(void **state)
{
    (void)state;
    struct dnp3_outstation_config config = bench_config();
    config.max_tx_fragment = 249;
    config.max_rx_fragment = 300;
    struct bench *bench = ready_with(&config);
    assert_string_equal(bench_ask(bench, "C1 19 " COMMAND(NO_KEY, "01 00", "FF FF")) + 12,
                        STATUS(HANDLE("01"), "14", "E7", "00"));
    assert_string_equal(bench_ask(bench, "C2 19 " COMMAND(NO_KEY, "02 00", "FF FF")) + 12,
                        "46 04 5B 01 0D 00 02 00 00 00 00 00 00 00 1C 01 07 00 00");
    /* Events go before it, and leave it no room. */
    bench_update(bench, DNP3_POINT_BINARY_INPUT, 1, 1);
    assert_string_equal(bench_ask(bench, "C3 01 3C 02 06 " BLOCK(HANDLE("01"), "00 00 00 00")),
                        "A3 81 00 00 02 01 17 01 01 81");
    assert_string_equal(bench_ask(bench, "C3 00"),
                        "44 81 00 00 46 05 5B 01 1C 00 01 00 00 00 00 00 00 80 30 31 32 33 34 35 "
                        "36 37 38 39 41 42 43 44 45 46 47 48 49 4A");
    bench_free(bench);
}

static void tells_deletes_and_authenticates(void **state)
{
    (void)state;
    struct bench *bench = ready();
    assert_string_equal(
        bench_ask(bench, "C1 1C 46 07 5B 01 17 00 14 00 03 00 00 00 00 00 00 00 00 00 00 00 00 00 "
                         "00 00 09 00 6C 6F 67"),
        "C1 81 00 00 46 07 5B 01 17 00 14 00 03 00 01 00 14 00 00 00 06 05 04 03 02 01 A4 01 09 00 "
        "6C 6F 67");
    assert_string_equal(
        bench_ask(bench, "C2 1C 46 07 5B 01 15 00 14 00 01 00 00 00 00 00 00 00 00 00 00 00 00 00 "
                         "00 00 07 00 78"),
        "C2 81 00 00 " ENDED(HANDLE("00"), "03"));
    assert_string_equal(bench_ask(bench, "C3 1B " OPEN("00 00")),
                        "C3 81 00 00 " ENDED(HANDLE("00"), "00"));
    assert_int_equal(host.removed, 1);
    assert_string_equal(
        bench_ask(bench, "C4 1D 46 02 5B 01 11 00 0C 00 03 00 0F 00 02 00 00 00 00 00 6A 6F 65 70 "
                         "77"),
        "C4 81 00 00 46 02 5B 01 0C 00 0C 00 00 00 0C 00 00 00 44 33 22 11");
    assert_string_equal(
        bench_ask(bench, "C5 1D 46 02 5B 01 10 00 0C 00 03 00 0F 00 01 00 00 00 00 00 6A 6F 65 71"),
        "C5 81 00 00 46 02 5B 01 0C 00 0C 00 00 00 0C 00 00 00 00 00 00 00");
    bench_ask(bench, "C6 19 " COMMAND("44 33 22 11", "01 00", "08 00"));
    assert_int_equal(host.key, 0x11223344);
    bench_free(bench);
}

static void refuses_what_is_no_file_object(void **state)
{
    (void)state;
    struct bench *bench = ready();
    static const char *const malformed[] = {
        "C1 19",                                                   /* nothing */
        "C1 19 46 03 5B 02 00 00 00 00",                           /* two objects */
        "C1 19 46 03 5B 01 02 00 1A 00",                           /* too short */
        "C1 19 46 03 07 01",                                       /* no size */
        "C1 19 46 03 5B 01 FF 00",                                 /* cut */
        "C1 1A 46 04 5B 01 01 00 00",                              /* too short */
        "C1 1C 46 07 5B 01 01 00 00",                              /* too short */
        "C1 1D 46 02 5B 01 01 00 00",                              /* too short */
        "C1 19 " OPEN("01 00") " 3C 01 06",                        /* more than a file */
        "C1 01 46 05 5B 01 01 00 00",                              /* too short */
        "C1 01 46 05 5B 02 00 00 00 00",                           /* two blocks */
        "C1 01 " BLOCK(HANDLE("01"), "00 00 00 00") " 46 05 5B 00" /* none */
    };
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++)
        assert_memory_equal(bench_ask(bench, malformed[i]), "C1 81 00 04", 11);
    assert_string_equal(bench_ask(bench, "C2 19 46 04 5B 01 00 00"), "C2 81 00 02");
    assert_string_equal(bench_ask(bench, "C3 1A 3C 01 06"), "C3 81 00 02");
    assert_string_equal(bench_ask(bench, "C4 01 46 03 5B 01 00 00"), "C4 81 00 02");
    assert_string_equal(bench_ask(bench, "C5 02 46 06 5B 01 00 00"), "C5 81 00 02");
    assert_string_equal(bench_ask(bench, "C6 02 46 05 5B 01 01 00 00"), "C6 81 00 04");
    assert_int_equal(host.opened, 0);
    bench_free(bench);
}

/* A name that is longer than our fragments is told of by nothing but an indication; to all, a block
 * is written by nobody. */
static void answers_only_what_it_can(void **state)
{
    (void)state;
    struct dnp3_outstation_config config = bench_config();
    config.max_tx_fragment = 249;
    struct bench *bench = ready_with(&config);
    uint8_t fragment[600];
    char text[3 * sizeof fragment];
    struct dnp3_writer out = dnp3_writer_of(fragment, sizeof fragment);
    uint8_t name[300] = "log";
    struct dnp3_file_descriptor asked = {.name = {name, sizeof name}};
    dnp3_writer_u16(&out, 0x1CC1);
    size_t begun = dnp3_sized_begin(&out, 70, DNP3_FILE_DESCRIPTOR);
    dnp3_file_descriptor_write(&out, &asked);
    dnp3_sized_end(&out, begun);
    for (size_t i = 0; i < dnp3_writer_length(&out); i++)
        snprintf(text + 3 * i, 4, "%02X ", fragment[i]);
    assert_string_equal(bench_ask(bench, text), "C1 81 00 04");
    /* More blocks than answers fit: those without one are not written. */
    bench_ask(bench, "C2 19 " OPEN("02 00"));
    char blocks[3 * 600] = "C3 02";
    for (unsigned i = 0; i < 20; i++)
        snprintf(blocks + strlen(blocks), 64,
                 " 46 05 5B 01 09 00 " HANDLE("01") " %02X 00 00 00 61", i);
    const char *answer = bench_ask(bench, blocks);
    assert_int_equal(strncmp(answer, "C3 81 00 04", 11), 0);
    assert_int_equal((strlen(answer) + 1) / 3, 4 + 16 * 15);
    assert_int_equal(host.length, 16);
    host.length = 0;
    bench->master.to = 0xFFFF;
    bench_send(bench, "C3 02 46 05 5B 01 0A 00 01 00 00 00 00 00 00 00 61 62");
    assert_int_equal(host.length, 0);
    bench_free(bench);
}

static void without_a_host_refuses_files(void **state)
{
    (void)state;
    struct bench *bench = bench_start();
    assert_string_equal(bench_ask(bench, "C1 19 " OPEN("01 00")), "C1 81 80 01");
    assert_string_equal(bench_ask(bench, "C2 01 " BLOCK(HANDLE("01"), "00 00 00 00")),
                        "C2 81 80 02");
    assert_string_equal(bench_ask(bench, "C3 02 " BLOCK(HANDLE("01"), "00 00 00 00")),
                        "C3 81 80 02");
    bench_free(bench);
}

static void without_authentication_refuses_that(void **state)
{
    (void)state;
    struct dnp3_outstation_files open = files;
    open.authenticate = NULL;
    struct dnp3_outstation_callbacks other = {.files = &open};
    struct dnp3_outstation_config config = bench_config();
    struct bench *bench = bench_with(&config, &other);
    assert_string_equal(bench_ask(bench, "C1 1D 46 02 5B 01 0C 00 0C 00 00 00 0C 00 00 00 00 00 00 "
                                         "00"),
                        "C1 81 80 01");
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_file),
        cmocka_unit_test(writes_a_file),
        cmocka_unit_test(handles_are_few_and_time_out),
        cmocka_unit_test(refuses_to_open),
        cmocka_unit_test(blocks_fit_into_fragments),
        cmocka_unit_test(tells_deletes_and_authenticates),
        cmocka_unit_test(refuses_what_is_no_file_object),
        cmocka_unit_test(answers_only_what_it_can),
        cmocka_unit_test(without_a_host_refuses_files),
        cmocka_unit_test(without_authentication_refuses_that),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
