/* SPDX-License-Identifier: Apache-2.0 */
/* The power is cut at every write and every wait of a spool at work, on a disk that keeps any part
 * of what was not waited for, and whose waits fail now and then: what was called durable is there,
 * whole, and what belongs together is there together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/spool/spool_store.h"
#include "tests/lib/lossy_disk.h"
#include "tests/lib/spool_bench.h"

enum {
    CUTS = 6, /* rounds; each begins with what the last cut left */
    STEPS = 120,
    TRANSACTIONS = CUTS * STEPS * 2,
    TOGETHER_MAX = 12, /* messages of a transaction */
    NUMBERS = TRANSACTIONS * TOGETHER_MAX,
    POINTS = 8,
    KEYS = 5,
    IMAGES = 2 /* at each place */
};

enum note { NOTE_OPENED, NOTE_DURABLE, NOTE_REFUSED, NOTE_DELETED, NOTE_KEPT };

enum fate {
    ANY,     /* it may be there */
    THERE,   /* durable: it is there */
    DELETED, /* it may be there yet */
    REFUSED, /* not safe; it may be there until the next one is durable */
    GONE
};

/* What a file must hold, and what it must not. */
struct demand {
    uint8_t fate[NUMBERS];
    uint32_t kept[KEYS]; /* version */
};

struct transaction {
    uint32_t first, count;
};

struct power {
    struct spool_bench bench;
    struct lossy_disk disk;
    struct demand demand; /* as the record is played */
    bool live[NUMBERS];   /* durable and not deleted, as the spool runs */
    uint64_t sequences[NUMBERS];
    struct transaction transactions[TRANSACTIONS];
    uint32_t numbers, transaction_count, versions[KEYS];
    bool found[NUMBERS]; /* in an image */
    uint32_t found_kept[KEYS];
    uint8_t image[LOSSY_SECTORS * LOSSY_SECTOR], cut[LOSSY_SECTORS * LOSSY_SECTOR];
    size_t cut_size;
    uint64_t random;
    unsigned images;
    unsigned failures; /* of commits */
};

static unsigned pick(struct power *p, unsigned below)
{
    p->random = p->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(p->random >> 33) % below;
}

/* The spool at work. */

static void on_durable(void *user, void *owner, uint32_t token, int error)
{
    struct power *p = user;
    const struct transaction *transaction = &p->transactions[token];
    (void)owner;
    lossy_note(error ? NOTE_REFUSED : NOTE_DURABLE, token);
    if (error)
        return;
    for (uint32_t n = transaction->first; n < transaction->first + transaction->count; n++)
        p->live[n] = true;
}

static void on_kept(void *user, void *owner, uint32_t token, int error)
{
    (void)user;
    (void)owner;
    if (!error)
        lossy_note(NOTE_KEPT, token);
}

static void on_batch(void *user, int error)
{
    (void)user;
    (void)error;
}

static void open_spool(struct power *p)
{
    static const struct gw_spool_callbacks callbacks = {on_durable, on_kept, on_batch, NULL};
    p->bench.spool = gw_spool_create(&p->bench.options, &callbacks, p, p->bench.why);
    assert_non_null(p->bench.spool);
    lossy_note(NOTE_OPENED, 0);
    uv_loop_init(&p->bench.loop);
    assert_int_equal(gw_spool_start(p->bench.spool, &p->bench.loop), 0);
}

static void close_spool(struct power *p)
{
    struct gw_spool_state state;
    gw_spool_state(p->bench.spool, &state);
    p->failures += (unsigned)state.failures;
    p->bench.stopped = false;
    gw_spool_stop(p->bench.spool, NULL);
    uv_run(&p->bench.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&p->bench.loop), 0);
    gw_spool_free(p->bench.spool);
    p->bench.spool = NULL;
}

static void put_transaction(struct power *p)
{
    uint32_t token = p->transaction_count++;
    uint32_t count = 1 + pick(p, TOGETHER_MAX);
    assert_true(token < TRANSACTIONS);
    p->transactions[token] = (struct transaction){.first = p->numbers, .count = count};
    gw_spool_begin(p->bench.spool, p, token);
    for (; count; count--, p->numbers++)
        bench_put(&p->bench, p->numbers % POINTS, p->numbers, pick(p, 600),
                  &p->sequences[p->numbers]);
    gw_spool_commit(p->bench.spool);
}

/* Mostly the oldest ones, as a broker acknowledges. */
static void delete_some(struct power *p)
{
    unsigned count = pick(p, 30);
    for (uint32_t n = 0; n < p->numbers && count; n++) {
        if (!p->live[n] || pick(p, 8) == 0)
            continue;
        p->live[n] = false;
        lossy_note(NOTE_DELETED, n);
        gw_spool_delete(p->bench.spool, p->sequences[n], n % POINTS);
        count--;
    }
}

static void keep_one(struct power *p)
{
    char key[8];
    char value[16];
    uint32_t number = pick(p, KEYS);
    uint32_t version = ++p->versions[number];
    snprintf(key, sizeof key, "key-%u", number);
    snprintf(value, sizeof value, "%u", version);
    gw_spool_keep(p->bench.spool, GW_SPOOL_SPACE_LEDGER, key, strlen(key), value, strlen(value), p,
                  version * KEYS + number);
}

static void wait_until_ok(struct power *p)
{
    struct gw_spool_state state;
    gw_spool_state(p->bench.spool, &state);
    while (state.word == GW_SPOOL_IS_FAILING) {
        bench_turn(&p->bench);
        gw_spool_state(p->bench.spool, &state);
    }
}

static void step(struct power *p)
{
    switch (pick(p, 8)) {
    case 0:
        delete_some(p);
        break;
    case 1:
        keep_one(p);
        break;
    case 2:
        gw_spool_read(p->bench.spool, 0);
        break;
    case 3:
        bench_settle(&p->bench);
        break;
    default:
        put_transaction(p);
        gw_spool_flush(p->bench.spool);
        break;
    }
    if (pick(p, 25) == 0)
        atomic_store(&lossy.failing, 1 + pick(p, 64));
    if (pick(p, 3) == 0)
        uv_run(&p->bench.loop, UV_RUN_NOWAIT);
    wait_until_ok(p);
}

/* Two processes after one another, without a power cut between. The disk may fail the end of the
 * first one altogether. */
static void work(struct power *p)
{
    for (unsigned run = 0; run < 2; run++) {
        open_spool(p);
        for (unsigned i = 0; i < STEPS / 2; i++)
            step(p);
        if (run == 0 && pick(p, 2))
            atomic_store(&lossy.failing, UINT_MAX);
        close_spool(p);
        atomic_store(&lossy.failing, 0);
    }
}

/* What is in a file. */

static void on_message(void *user, const struct gw_spool_record *record)
{
    struct power *p = user;
    char expected[32];
    uint64_t n = record->message.id_count;
    assert_true(n < p->numbers);
    int length = snprintf(expected, sizeof expected, "%" PRIu64 ":%" PRIu64 ":", n % POINTS, n);
    assert_memory_equal(record->message.payload, expected, (size_t)length);
    p->found[n] = true;
}

static void on_each_kept(void *user, const struct gw_spool_kept *kept)
{
    struct power *p = user;
    char value[16] = "";
    unsigned number = ((const uint8_t *)kept->key)[4] - (unsigned)'0';
    assert_true(number < KEYS && kept->value_len < sizeof value);
    memcpy(value, kept->value, kept->value_len);
    p->found_kept[number] = (uint32_t)strtoul(value, NULL, 10);
}

static void write_file(struct power *p, const char *name, const uint8_t *octets, size_t size)
{
    char path[400];
    bench_file(&p->bench, name, path);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, octets, size), size);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    close(fd);
}

static void read_image(struct power *p, size_t size)
{
    char path[400];
    struct gw_spool_scan scan;
    struct gw_spool_store store = {0};
    memset(p->found, 0, sizeof p->found);
    memset(p->found_kept, 0, sizeof p->found_kept);
    write_file(p, "image", p->image, size);
    bench_file(&p->bench, "image", path);
    gw_spool_store_scan(path, &scan);
    assert_int_equal(scan.error, 0);
    assert_int_equal(scan.wrong, 0);
    assert_int_equal(gw_spool_store_open(&store, path, p->bench.options.max_octets), 0);
    assert_int_equal(gw_spool_store_each_message(&store, on_message, p), 0);
    assert_int_equal(gw_spool_store_each_kept(&store, on_each_kept, p), 0);
    gw_spool_store_close(&store);
    p->images++;
}

static void check_transaction(const struct power *p, const struct transaction *transaction)
{
    unsigned found = 0;
    unsigned missing = 0;
    for (uint32_t n = transaction->first; n < transaction->first + transaction->count; n++) {
        found += p->found[n];
        missing += !p->found[n] && p->demand.fate[n] != DELETED;
    }
    assert_true(!found || !missing);
}

static void check_image(struct power *p, enum lossy_taste taste)
{
    read_image(p, lossy_image(&p->disk, taste, p->image));
    for (uint32_t n = 0; n < p->numbers; n++)
        assert_true(p->found[n] ? p->demand.fate[n] != GONE : p->demand.fate[n] != THERE);
    for (uint32_t i = 0; i < p->transaction_count; i++)
        check_transaction(p, &p->transactions[i]);
    for (unsigned i = 0; i < KEYS; i++)
        assert_true(p->found_kept[i] >= p->demand.kept[i]);
}

static void check_disk(struct power *p)
{
    if (lossy_is_settled(&p->disk)) {
        check_image(p, LOSSY_NEWEST);
        return;
    }
    for (unsigned i = 0; i < IMAGES; i++)
        check_image(p, (enum lossy_taste)pick(p, LOSSY_TASTES));
}

static void change_refused(struct power *p, enum fate to)
{
    for (uint32_t n = 0; n < p->numbers; n++)
        if (p->demand.fate[n] == REFUSED)
            p->demand.fate[n] = (uint8_t)to;
}

static void change_transaction(struct power *p, const struct transaction *transaction, enum fate to)
{
    for (uint32_t n = transaction->first; n < transaction->first + transaction->count; n++)
        if (p->demand.fate[n] != DELETED)
            p->demand.fate[n] = (uint8_t)to;
}

static void take_note(struct power *p, const struct lossy_event *event)
{
    switch ((enum note)event->note) {
    case NOTE_OPENED: /* a new process knows nothing of it */
        change_refused(p, ANY);
        break;
    case NOTE_DURABLE:
        change_refused(p, GONE);
        change_transaction(p, &p->transactions[event->number], THERE);
        break;
    case NOTE_REFUSED:
        change_transaction(p, &p->transactions[event->number], REFUSED);
        break;
    case NOTE_DELETED:
        p->demand.fate[event->number] = DELETED;
        break;
    case NOTE_KEPT:
        p->demand.kept[event->number % KEYS] = (uint32_t)(event->number / KEYS);
        break;
    }
}

/* The next round goes on from here. */
static void cut_here(struct power *p)
{
    p->cut_size = lossy_image(&p->disk, (enum lossy_taste)pick(p, LOSSY_TASTES), p->image);
    read_image(p, p->cut_size);
    memcpy(p->cut, p->image, p->cut_size);
    memcpy(p->live, p->found, sizeof p->live);
    memcpy(p->versions, p->found_kept, sizeof p->versions);
}

/* Plays the record and looks at every disk that it may have left. */
static void play(struct power *p, size_t opened)
{
    size_t cut = opened + pick(p, (unsigned)(lossy.count - opened));
    for (size_t i = 0; i < lossy.count; i++) {
        const struct lossy_event *event = &lossy.events[i];
        if (i >= opened && event->kind != LOSSY_NOTE)
            check_disk(p);
        if (i == cut)
            cut_here(p);
        lossy_play(&p->disk, event);
        if (event->kind == LOSSY_NOTE)
            take_note(p, event);
    }
    check_disk(p);
}

static void go_on_from_cut(struct power *p)
{
    lossy_clear();
    lossy_load(&p->disk, p->cut, p->cut_size);
    write_file(p, "spool.mdb", p->cut, p->cut_size);
    for (uint32_t n = 0; n < p->numbers; n++)
        p->demand.fate[n] = p->live[n] ? THERE : DELETED;
    memcpy(p->demand.kept, p->versions, sizeof p->versions);
}

static void test_power_cuts(void **state)
{
    struct power *p = calloc(1, sizeof *p);
    (void)state;
    assert_non_null(p);
    bench_folder(&p->bench);
    bench_options(&p->bench);
    p->bench.options.group_events = 8;
    p->bench.options.retry_max_ms = 2;
    p->random = p->disk.random = 7;
    snprintf(lossy.below, sizeof lossy.below, "%s", p->bench.path);
    open_spool(p); /* the file is made: until it has its name no power cut concerns it */
    close_spool(p);
    size_t opened = lossy.count;
    for (unsigned round = 0; round < CUTS; round++) {
        work(p);
        play(p, opened);
        go_on_from_cut(p);
        opened = 0;
    }
    print_message("%u messages, %u commits failed, %u images\n", p->numbers, p->failures,
                  p->images);
    assert_true(p->failures > 0);
    lossy_clear();
    lossy_empty(&p->disk);
    assert_int_equal(gw_memory_used(GW_OWNER_SPOOL), 0);
    bench_remove(&p->bench);
    free(p);
}

int main(void)
{
    gw_log_configure(GW_LOG_ERROR, GW_LOG_LOGFMT);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_power_cuts)};
    return cmocka_run_group_tests_name("spool_power", tests, NULL, NULL);
}
