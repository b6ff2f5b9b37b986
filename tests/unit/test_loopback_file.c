/* SPDX-License-Identifier: Apache-2.0 */
/* Files and attributes between the master and our own outstation in virtual time, in fair and in
 * bad weather: answers and requests that are lost, cut connections. What is called done is whole,
 * what is called failed has no octet that was not told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dnp3/file_transfer.h"
#include "dnp3/master.h"
#include "dnp3/outstation.h"
#include "dnp3/request.h"
#include "tests/lib/heap.h"

enum { CONTENT_MAX = 9000, ENTRIES = 40, SEEDS = 60, TRANSFERS = 12, LATENCY_MS = 20 };

static struct {
    uint64_t random;
    uint64_t now;
    unsigned lossy; /* of a thousand writes are lost */
    bool quiet;     /* nothing is lost any more */
    struct dnp3_pool *pool;
    struct dnp3_master *master;
    struct dnp3_association *association;
    struct dnp3_outstation *outstation;
    /* The outstation's only file, and what is being written. */
    uint8_t file[CONTENT_MAX];
    size_t length;
    uint8_t draft[CONTENT_MAX];
    size_t draft_length;
    bool exists;
    unsigned open;
    /* The host's. */
    uint8_t content[CONTENT_MAX];
    size_t content_length;
    size_t at;
    unsigned entries;
    unsigned attributes;
    bool done;
    bool answered;
} w;

static uint32_t chance(uint32_t most)
{
    w.random = w.random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(w.random >> 33) % most;
}

/* The outstation's files: "log", which is read and written, and the directory "." of forty. */

static enum dnp3_file_status on_open(void *user, const struct dnp3_file_command *command,
                                     void **file, uint32_t *size)
{
    (void)user;
    bool directory = command->name.length == 1;
    if (!directory && command->mode == DNP3_FILE_MODE_READ && !w.exists)
        return DNP3_FILE_STATUS_NOT_FOUND;
    w.open++;
    *file = directory ? (void *)&w.entries : w.file;
    *size = directory ? ENTRIES : (uint32_t)w.length;
    if (command->mode == DNP3_FILE_MODE_WRITE)
        w.draft_length = 0;
    return DNP3_FILE_STATUS_SUCCESS;
}

static enum dnp3_file_status read_directory(uint64_t position, struct dnp3_writer *block,
                                            bool *last)
{
    static const char name[] = "a-file-with-a-name-of-some-length";
    uint8_t listing[ENTRIES * 64];
    struct dnp3_writer all = dnp3_writer_of(listing, sizeof listing);
    for (uint32_t i = 0; i < ENTRIES; i++) {
        struct dnp3_file_descriptor entry = {
            .name = {(const uint8_t *)name, (uint16_t)(3 + i % (sizeof name - 3))}, .size = i};
        dnp3_file_descriptor_write(&all, &entry);
    }
    size_t left = dnp3_writer_length(&all) - (size_t)position;
    size_t room = dnp3_writer_left(block);
    dnp3_writer_octets(block, listing + position, left < room ? left : room);
    *last = left <= room;
    return DNP3_FILE_STATUS_SUCCESS;
}

static enum dnp3_file_status on_read(void *user, void *file, uint64_t position,
                                     struct dnp3_writer *block, bool *last)
{
    (void)user;
    if (file != w.file)
        return read_directory(position, block, last);
    size_t left = w.length - (size_t)position;
    size_t room = dnp3_writer_left(block);
    dnp3_writer_octets(block, w.file + position, left < room ? left : room);
    *last = left <= room;
    return DNP3_FILE_STATUS_SUCCESS;
}

static enum dnp3_file_status on_write(void *user, void *file, uint64_t position,
                                      const uint8_t *octets, size_t length, bool last)
{
    (void)user;
    (void)file;
    (void)last;
    assert_true(position == w.draft_length); /* each block once, in order */
    assert_true(position + length <= CONTENT_MAX);
    memcpy(w.draft + position, octets, length);
    w.draft_length += length;
    return DNP3_FILE_STATUS_SUCCESS;
}

static enum dnp3_file_status on_close(void *user, void *file, bool keep)
{
    (void)user;
    w.open--;
    if (keep && file == w.file && w.draft_length) {
        memcpy(w.file, w.draft, w.draft_length);
        w.length = w.draft_length;
        w.exists = true;
    }
    w.draft_length = 0;
    return DNP3_FILE_STATUS_SUCCESS;
}

static enum dnp3_file_status on_remove(void *user, const struct dnp3_file_command *command)
{
    (void)user;
    (void)command;
    enum dnp3_file_status status = w.exists ? DNP3_FILE_STATUS_SUCCESS : DNP3_FILE_STATUS_NOT_FOUND;
    w.exists = false;
    return status;
}

static enum dnp3_file_status on_info(void *user, struct dnp3_file_string name,
                                     struct dnp3_file_descriptor *descriptor)
{
    (void)user;
    (void)name;
    descriptor->type = DNP3_FILE_TYPE_FILE;
    descriptor->size = (uint32_t)w.length;
    return w.exists ? DNP3_FILE_STATUS_SUCCESS : DNP3_FILE_STATUS_NOT_FOUND;
}

static const struct dnp3_outstation_files files = {.open = on_open,
                                                   .read = on_read,
                                                   .write = on_write,
                                                   .close = on_close,
                                                   .remove = on_remove,
                                                   .info = on_info};

/* The master's host. */

static bool on_data(struct dnp3_file_transfer *transfer, const uint8_t *octets, size_t length)
{
    (void)transfer;
    assert_true(w.at + length <= w.length);
    assert_memory_equal(octets, w.file + w.at, length); /* once, and in order */
    w.at += length;
    return true;
}

static bool on_entry(struct dnp3_file_transfer *transfer, const struct dnp3_file_descriptor *entry)
{
    if (transfer->operation == DNP3_FILE_OPERATION_DIRECTORY)
        assert_int_equal(entry->size, w.entries);
    w.entries++;
    return true;
}

static const uint8_t *on_more(struct dnp3_file_transfer *transfer, size_t room, size_t *length,
                              bool *last)
{
    (void)transfer;
    const uint8_t *octets = w.content + w.at;
    size_t left = w.content_length - w.at;
    *length = left < room ? left : room;
    *last = left <= room;
    w.at += *length;
    return octets;
}

static void on_done(struct dnp3_file_transfer *transfer)
{
    (void)transfer;
    assert_false(w.done);
    w.done = true;
}

static void on_attribute(void *user, const struct dnp3_object_header *header,
                         const struct dnp3_attribute *attribute)
{
    (void)user;
    (void)header;
    (void)attribute;
    w.attributes++;
}

static void on_answer(struct dnp3_request *request)
{
    (void)request;
    w.answered = true;
}

static enum dnp3_verdict on_fragment_end(void *user, const struct dnp3_fragment *fragment)
{
    (void)user;
    (void)fragment;
    return DNP3_CONFIRM_NOW;
}

static bool lost(void)
{
    return !w.quiet && w.lossy && chance(1000) < w.lossy;
}

/* All that either has to say, and then the time to the next deadline. */
static void step(void)
{
    uint8_t copy[DNP3_WIRE_MAX];
    const uint8_t *octets;
    size_t length;
    bool moved;
    do {
        moved = false;
        while ((length = dnp3_master_take(w.master, &octets, w.now)) > 0) {
            moved = true;
            memcpy(copy, octets, length);
            if (!lost())
                dnp3_outstation_feed(w.outstation, copy, length, w.now);
        }
        w.now += LATENCY_MS;
        while ((length = dnp3_outstation_take(w.outstation, &octets, w.now)) > 0) {
            moved = true;
            memcpy(copy, octets, length);
            if (!lost())
                dnp3_master_feed(w.master, copy, length, w.now);
        }
    } while (moved);
    uint64_t next = dnp3_master_deadline(w.master);
    if (dnp3_outstation_deadline(w.outstation) < next)
        next = dnp3_outstation_deadline(w.outstation);
    w.now = next > w.now && next != UINT64_MAX ? next : w.now;
    dnp3_master_tick(w.master, w.now);
    dnp3_outstation_tick(w.outstation, w.now);
}

static void connect(void)
{
    dnp3_outstation_connected(w.outstation, w.now);
    dnp3_master_connected(w.master, w.now);
    for (int i = 0; i < 500 && !dnp3_association_online(w.association); i++)
        step();
    assert_true(dnp3_association_online(w.association));
}

static void disconnect(void)
{
    dnp3_master_disconnected(w.master, w.now);
    dnp3_outstation_disconnected(w.outstation);
}

static void begin(uint64_t seed, unsigned lossy)
{
    static struct dnp3_association_config config;
    static const struct dnp3_outstation_callbacks outstation_callbacks = {.files = &files};
    static const struct dnp3_association_callbacks callbacks = {.attribute = on_attribute,
                                                                .fragment_end = on_fragment_end};
    static const struct dnp3_outstation_attribute attributes[] = {
        {.value = {.variation = DNP3_ATTRIBUTE_MAX_RECEIVE_FRAGMENT,
                   .type = DNP3_ATTRIBUTE_TYPE_UNSIGNED,
                   .natural = 1500}},
        {.value = {.variation = DNP3_ATTRIBUTE_MANUFACTURER,
                   .type = DNP3_ATTRIBUTE_TYPE_VISIBLE_STRING,
                   .octets = (const uint8_t *)"ACME",
                   .length = 4}}};
    struct dnp3_outstation_config outstation;
    memset(&w, 0, sizeof w);
    w.random = seed * 77 + 1;
    w.lossy = lossy;
    w.now = 1000;
    w.pool = dnp3_pool_create(&heap, 2);
    w.master = dnp3_master_create(
        &(struct dnp3_master_config){.allocator = &heap, .pool = w.pool, .spread = 1});
    dnp3_association_config_default(&config);
    config.max_request = 249;
    config.max_request_told = 2048;
    config.keep_alive_ms = 20000;
    dnp3_outstation_config_default(&outstation);
    outstation.address = 10;
    outstation.unsolicited = true;
    outstation.max_tx_fragment = seed % 2 ? 2048 : 300;
    outstation.attributes = attributes;
    outstation.attribute_count = 2;
    w.outstation = dnp3_outstation_create(&heap, w.pool, &outstation, &outstation_callbacks, NULL);
    assert_non_null(w.outstation);
    assert_int_equal(
        dnp3_association_create(w.master, 10, &config, &callbacks, NULL, &w.association), 0);
    connect();
}

static void end(void)
{
    disconnect();
    dnp3_master_free(w.master);
    dnp3_outstation_free(w.outstation);
    dnp3_pool_free(w.pool);
    assert_int_equal(w.open, 0);
}

static void run(struct dnp3_file_transfer *transfer)
{
    bool directory = transfer->operation == DNP3_FILE_OPERATION_DIRECTORY;
    transfer->name = directory ? "." : "log";
    transfer->data = on_data;
    transfer->entry = on_entry;
    transfer->more = on_more;
    transfer->done = on_done;
    w.done = false;
    w.at = 0;
    w.entries = 0;
    for (int i = 0; i < 500 && !dnp3_association_online(w.association); i++)
        step();
    assert_int_equal(dnp3_association_file(w.association, transfer), 0);
    for (int i = 0; i < 20000 && !w.done; i++) {
        step();
        if (w.lossy && !w.quiet && chance(3000) == 0) {
            disconnect();
            connect();
        }
    }
    assert_true(w.done);
}

static struct dnp3_file_transfer write_something(void)
{
    struct dnp3_file_transfer transfer = {.operation = DNP3_FILE_OPERATION_WRITE,
                                          .block_size = (uint16_t)chance(600)};
    w.content_length = 1 + chance(CONTENT_MAX);
    for (size_t i = 0; i < w.content_length; i++)
        w.content[i] = (uint8_t)chance(256);
    run(&transfer);
    return transfer;
}

static struct dnp3_file_transfer ask(enum dnp3_file_operation operation)
{
    struct dnp3_file_transfer transfer = {
        .operation = operation, .attempts = 5, .block_size = (uint16_t)chance(600)};
    run(&transfer);
    return transfer;
}

static bool is_written(void)
{
    return w.exists && w.length == w.content_length && memcmp(w.file, w.content, w.length) == 0;
}

static void test_fair_weather(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        begin(seed, 0);
        struct dnp3_file_transfer transfer = ask(DNP3_FILE_OPERATION_READ);
        assert_int_equal(transfer.outcome, DNP3_OUTCOME_FAILED);
        assert_int_equal(transfer.status, DNP3_FILE_STATUS_NOT_FOUND);
        transfer = write_something();
        assert_int_equal(transfer.outcome, DNP3_OUTCOME_DONE);
        assert_true(is_written() && transfer.transferred == w.content_length);
        transfer = ask(DNP3_FILE_OPERATION_READ);
        assert_int_equal(transfer.outcome, DNP3_OUTCOME_DONE);
        assert_true(w.at == w.length && transfer.transferred == w.length);
        transfer = ask(DNP3_FILE_OPERATION_DIRECTORY);
        assert_int_equal(transfer.outcome, DNP3_OUTCOME_DONE);
        assert_int_equal(w.entries, ENTRIES);
        assert_int_equal(transfer.size_told, ENTRIES);
        transfer = ask(DNP3_FILE_OPERATION_INFO);
        assert_int_equal(transfer.outcome, DNP3_OUTCOME_DONE);
        assert_int_equal(w.entries, 1);
        transfer = ask(DNP3_FILE_OPERATION_DELETE);
        assert_int_equal(transfer.outcome, DNP3_OUTCOME_DONE);
        assert_false(w.exists);
        end();
    }
}

/* In bad weather anything may fail, but nothing is called what it is not. */
static void test_bad_weather(void **state)
{
    (void)state;
    unsigned outcomes[4] = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        begin(seed, 10 + (unsigned)seed);
        for (int i = 0; i < TRANSFERS; i++) {
            struct dnp3_file_transfer transfer =
                i % 2 ? ask(DNP3_FILE_OPERATION_READ) : write_something();
            outcomes[transfer.outcome]++;
            if (transfer.outcome == DNP3_OUTCOME_DONE && i % 2)
                assert_true(w.at == w.length);
            else if (transfer.outcome == DNP3_OUTCOME_DONE)
                assert_true(is_written());
            else if (transfer.outcome == DNP3_OUTCOME_FAILED && i % 2 == 0)
                assert_false(is_written());
            assert_false(transfer.outcome == DNP3_OUTCOME_UNKNOWN && i % 2);
        }
        w.quiet = true;
        end();
    }
    print_message("bad weather: %u done, %u refused, %u failed, %u unknown\n", outcomes[0],
                  outcomes[1], outcomes[2], outcomes[3]);
    assert_true(outcomes[0] > 100 && outcomes[2] + outcomes[3] > 100);
}

static void test_attributes(void **state)
{
    (void)state;
    const struct dnp3_request_header all = {
        .group = 0, .variation = DNP3_ATTRIBUTE_ALL, .ranged = true};
    begin(0, 0);
    for (int i = 0; i < 20; i++)
        step();
    struct dnp3_request request = {
        .function = DNP3_FUNCTION_READ, .headers = &all, .count = 1, .done = on_answer};
    assert_int_equal(dnp3_association_request(w.association, &request), 0);
    for (int i = 0; i < 100 && !w.answered; i++)
        step();
    assert_true(w.answered && request.outcome == DNP3_OUTCOME_DONE);
    assert_int_equal(w.attributes, 2);
    w.content_length = 1400; /* one block, now that the outstation has told how much it takes */
    struct dnp3_file_transfer transfer = {.operation = DNP3_FILE_OPERATION_WRITE};
    uint32_t before = dnp3_association_counters(w.association)->requests;
    run(&transfer);
    assert_int_equal(transfer.outcome, DNP3_OUTCOME_DONE);
    assert_int_equal(dnp3_association_counters(w.association)->requests, before + 3);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fair_weather),
                                       cmocka_unit_test(test_bad_weather),
                                       cmocka_unit_test(test_attributes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
