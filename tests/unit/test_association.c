/* SPDX-License-Identifier: Apache-2.0 */
/* What an association takes: memory at create and none later, and which configurations are refused.
 * How it behaves is in tests/scenarios and in test_loopback.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "dnp3/file_transfer.h"
#include "dnp3/master.h"
#include "dnp3/request.h"
#include "tests/lib/wire.h"

enum { ASSOCIATION_MAX = 1024 }; /* the footprint that the README promises */

struct fixture {
    struct counted_heap heap;
    struct dnp3_allocator allocator;
    struct dnp3_pool *pool;
    struct dnp3_master *master;
    struct dnp3_association_config config;
    struct dnp3_association *association;
    enum dnp3_verdict verdict;
    uint32_t token; /* of the last fragment */
};

static enum dnp3_verdict on_fragment_end(void *user, const struct dnp3_fragment *fragment)
{
    struct fixture *f = user;
    f->token = fragment->token;
    return f->verdict;
}

static const struct dnp3_association_callbacks callbacks = {.fragment_end = on_fragment_end};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->allocator = counted_heap_of(&f->heap);
    f->verdict = DNP3_CONFIRM_NOW;
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
    poll = (struct dnp3_poll){
        .period_ms = 1000, .group = 30, .ranged = true, .start = 5, .stop = 4}; /* behind its end */
    assert_int_equal(create(f, 10), DNP3_ERR_INVALID);
    poll.stop = 5;
    poll.count = 1; /* a range and a limit */
    assert_int_equal(create(f, 10), DNP3_ERR_INVALID);
    poll = (struct dnp3_poll){.period_ms = 1000, .classes = DNP3_CLASS_0};
    f->config.max_request = 248;
    assert_int_equal(create(f, 10), DNP3_ERR_INVALID);
    f->config.max_request = 2049;
    assert_int_equal(create(f, 10), DNP3_ERR_INVALID);
    f->config.max_request = 249;
    f->config.max_request_told = 2049;
    assert_int_equal(create(f, 10), DNP3_ERR_INVALID);
    f->config.max_request_told = 0;
    f->config.poll_count = UINT16_MAX + 1;
    assert_int_equal(create(f, 10), DNP3_ERR_INVALID);
    f->config.poll_count = 1;
    static const struct dnp3_association_callbacks none = {0};
    assert_int_equal(dnp3_association_create(f->master, 10, &f->config, &none, f, &f->association),
                     DNP3_ERR_INVALID);
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
    f->config.link_confirm = true; /* that keeps a fragment */
    size_t live = f->heap.live;
    for (size_t nth = 1; nth <= 3; nth++) {
        f->heap.fail_at = f->heap.asked + nth;
        assert_int_equal(create(f, 10), DNP3_ERR_MEMORY);
        assert_int_equal(f->heap.live, live);
    }
    f->heap.fail_at = f->heap.asked + 1;
    assert_null(dnp3_pool_create(&f->allocator, 1));
    f->heap.fail_at++;
    assert_null(dnp3_master_create(
        &(struct dnp3_master_config){.allocator = &f->allocator, .pool = f->pool}));
    f->heap.fail_at = 0;
    assert_int_equal(create(f, 10), 0);
    dnp3_master_free(NULL);
    dnp3_pool_free(NULL);
}

/* The outstation says something that comes as one frame. */
static void say(struct fixture *f, const char *hex, uint64_t now_ms)
{
    uint8_t fragment[64];
    struct wire wire;
    wire_init(&wire, false, 10, 1);
    size_t length = wire_frame(&wire, fragment, wire_from_hex(hex, fragment));
    dnp3_master_feed(f->master, wire.octets, length, now_ms);
    wire_free(&wire);
}

/* An association that asks for nothing of its own accord, and has heard its outstation. */
static void create_quiet(struct fixture *f)
{
    f->config.manage_unsolicited = false;
    f->config.clear_restart = false;
    f->config.events_on_iin = false;
    f->config.integrity = f->config.unsolicited = 0;
    f->config.time_sync = DNP3_TIME_SYNC_NONE;
    f->config.keep_alive_ms = 0;
    assert_int_equal(create(f, 10), 0);
    dnp3_master_connected(f->master, 1000);
    say(f, "D0 82 00 00", 1000);
}

/* Rule 4: a confirm whose time has passed does not leave, even where the host takes before it
 * ticks. */
static void a_confirm_taken_too_late(void **state)
{
    struct fixture *f = *state;
    const uint8_t *octets;
    create_quiet(f);
    f->verdict = DNP3_CONFIRM_HOLD;
    say(f, "F1 82 00 00 02 01 17 01 05 81", 2000);
    assert_int_equal(dnp3_association_confirm(f->association, f->token), 0);
    uint64_t late = 2000 + f->config.confirm_timeout_ms;
    assert_int_equal(dnp3_master_take(f->master, &octets, late), 0);
    assert_int_equal(dnp3_association_confirm(f->association, f->token), DNP3_ERR_VOID);
    say(f, "F1 82 00 00 02 01 17 01 05 81", late); /* its repeat gets one: the events are safe */
    assert_true(dnp3_master_take(f->master, &octets, late) > 0);
    dnp3_master_disconnected(f->master, late);
}

static void on_request_done(struct dnp3_request *request)
{
    assert_int_equal(request->outcome, DNP3_OUTCOME_REFUSED); /* the connection ended first */
}

/* Octet strings are written as they are, and by the variation that is their length. */
static void strings_to_write(void **state)
{
    struct fixture *f = *state;
    struct dnp3_point strings[] = {{.index = 5, .length = 3, .octets = (const uint8_t *)"abc"},
                                   {.index = 6, .length = 2, .octets = (const uint8_t *)"de"}};
    struct dnp3_request_header header = {
        .group = 110, .variation = 3, .points = strings, .count = 1};
    struct dnp3_request request = {
        .function = 2, .headers = &header, .count = 1, .done = on_request_done};
    create_quiet(f);
    assert_int_equal(dnp3_association_request(f->association, &request), 0);
    struct dnp3_request other = request;
    header.count = 2;
    assert_int_equal(dnp3_association_request(f->association, &other), DNP3_ERR_INVALID);
    header = (struct dnp3_request_header){.group = 110,
                                          .variation = 3,
                                          .ranged = true,
                                          .start = 5,
                                          .stop = 6,
                                          .points = strings,
                                          .count = 2};
    assert_int_equal(dnp3_association_request(f->association, &other), DNP3_ERR_INVALID);
    header.start = 7; /* behind its end */
    assert_int_equal(dnp3_association_request(f->association, &other), DNP3_ERR_INVALID);
    header = (struct dnp3_request_header){.group = 110, .variation = 3, .points = strings};
    assert_int_equal(dnp3_association_request(f->association, &other), DNP3_ERR_INVALID);
    header.count = 1;
    other.done = NULL;
    assert_int_equal(dnp3_association_request(f->association, &other), DNP3_ERR_INVALID);
    dnp3_master_disconnected(f->master, 1000);
}

static bool on_data(struct dnp3_file_transfer *file, const uint8_t *octets, size_t length)
{
    (void)file, (void)octets, (void)length;
    return true;
}

static bool on_entry(struct dnp3_file_transfer *file, const struct dnp3_file_descriptor *entry)
{
    (void)file, (void)entry;
    return true;
}

static const uint8_t *on_more(struct dnp3_file_transfer *file, size_t room, size_t *length,
                              bool *last)
{
    (void)file, (void)room, (void)length, (void)last;
    return NULL;
}

static void on_file_done(struct dnp3_file_transfer *file)
{
    *(unsigned *)file->context += 1;
}

/* Each operation needs its callbacks and a name; what was not queued cannot be cancelled. */
static void files_without_what_they_need(void **state)
{
    struct fixture *f = *state;
    unsigned done = 0;
    create_quiet(f);
    for (int operation = DNP3_FILE_OPERATION_READ; operation <= DNP3_FILE_OPERATION_DIRECTORY;
         operation++) {
        const struct dnp3_file_transfer whole = {
            .operation = (enum dnp3_file_operation)operation,
            .name = "a",
            .data = operation == DNP3_FILE_OPERATION_READ ? on_data : NULL,
            .entry = operation >= DNP3_FILE_OPERATION_INFO ? on_entry : NULL,
            .more = operation == DNP3_FILE_OPERATION_WRITE ? on_more : NULL,
            .done = on_file_done,
            .context = &done};
        struct dnp3_file_transfer file = whole;
        file.done = NULL;
        assert_int_equal(dnp3_association_file(f->association, &file), DNP3_ERR_INVALID);
        file = whole;
        file.name = NULL;
        assert_int_equal(dnp3_association_file(f->association, &file), DNP3_ERR_INVALID);
        file.name = "";
        assert_int_equal(dnp3_association_file(f->association, &file), DNP3_ERR_INVALID);
        file = whole;
        file.data = NULL;
        file.entry = NULL;
        file.more = NULL;
        if (operation != DNP3_FILE_OPERATION_DELETE)
            assert_int_equal(dnp3_association_file(f->association, &file), DNP3_ERR_INVALID);
        file = whole;
        dnp3_association_file_cancel(f->association, &file);
        assert_int_equal(done, 0);
        assert_int_equal(dnp3_association_file(f->association, &file), 0);
        dnp3_association_file_cancel(f->association, &file);
        assert_int_equal(done, 1);
        assert_int_equal(file.outcome, DNP3_OUTCOME_REFUSED);
        assert_int_equal(file.reason, DNP3_REASON_CANCELLED);
        done = 0;
    }
    dnp3_master_disconnected(f->master, 1000);
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
        cmocka_unit_test_setup_teardown(a_confirm_taken_too_late, setup, teardown),
        cmocka_unit_test_setup_teardown(strings_to_write, setup, teardown),
        cmocka_unit_test_setup_teardown(files_without_what_they_need, setup, teardown),
        cmocka_unit_test_setup_teardown(added_and_freed_online, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
