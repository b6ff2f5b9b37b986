/* SPDX-License-Identifier: Apache-2.0 */
/* The spool's file in the wrong hands: locked, damaged at random, of another machine or version. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "gateway/spool/spool_file.h"
#include "gateway/spool/spool_salvage.h"
#include "tests/unit/spool_steps.h"

enum { SEEDS = 100, PAGE = 4096 };

static bool exists(const struct spool_bench *bench, const char *name)
{
    char path[400];
    bench_file(bench, name, path);
    return access(path, F_OK) == 0;
}

static int open_file(const struct spool_bench *bench)
{
    char path[400];
    bench_file(bench, "spool.mdb", path);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    return fd;
}

/* `n` messages, sequences 1 to n, and a few kept values. */
static void fill(struct spool_bench *bench, unsigned n)
{
    assert_true(bench_open(bench));
    for (unsigned i = 0; i < 20; i++)
        gw_spool_keep(bench->spool, GW_SPOOL_SPACE_LEDGER, &i, sizeof i, "kept", 4, bench, i);
    for (unsigned i = 1; i <= n; i++) {
        assert_int_equal(bench_event(bench, i % 10, i, i * 37 % 400, NULL), 0);
        if (i % 50 == 0)
            bench_settle(bench);
    }
    bench_settle(bench);
    bench_close(bench);
}

/* Reads all and deletes it; returns how many there were. Order and content must be right. */
static unsigned drain(struct spool_bench *bench)
{
    struct gw_spool_record record;
    uint64_t after = 0;
    unsigned count = 0;
    unsigned before;
    do {
        before = count;
        bench_read(bench, after);
        assert_int_equal(bench->batch_error, 0);
        while (gw_spool_next(bench->spool, &record)) {
            char expected[64];
            int length =
                snprintf(expected, sizeof expected, "%u:%u:", (unsigned)record.message.point,
                         (unsigned)record.message.id_count);
            assert_true(record.sequence > after);
            assert_int_equal(record.sequence, record.message.id_count);
            assert_memory_equal(record.message.payload, expected, (size_t)length);
            after = record.sequence;
            assert_int_equal(gw_spool_delete(bench->spool, after, record.message.point), 0);
            count++;
        }
    } while (count > before);
    bench_settle(bench);
    assert_int_equal(state_of(bench).messages, 0);
    assert_int_equal(state_of(bench).points, 0);
    return count;
}

static void test_a_second_process_is_told_the_first(void **state)
{
    struct spool_bench *bench = *state;
    struct spool_bench second = *bench;
    char expected[32];
    second.options.path = second.path;
    assert_true(bench_open(bench));
    snprintf(expected, sizeof expected, "process %ld has ", (long)getpid());
    assert_false(bench_create(&second));
    assert_memory_equal(second.why, expected, strlen(expected));
    bench_close(bench);
    assert_true(bench_create(&second));
    gw_spool_free(second.spool);
}

static void test_a_path_that_cannot_be(void **state)
{
    struct spool_bench *bench = *state;
    char path[400];
    bench->options.path = "/nonexistent/deeper/spool";
    assert_false(bench_create(bench));
    assert_memory_equal(bench->why, "cannot make /nonexistent", 24);
    bench->options.path = "/dev/null";
    assert_false(bench_create(bench));
    char *longer = malloc(PATH_MAX + 1);
    memset(longer, 'a', PATH_MAX);
    longer[PATH_MAX] = 0;
    bench->options.path = longer;
    assert_false(bench_create(bench));
    assert_string_equal(bench->why, "the path is too long");
    free(longer);
    bench_file(bench, "new", path); /* it is made */
    bench->options.path = path;
    assert_true(bench_create(bench));
    gw_spool_free(bench->spool);
    bench->spool = NULL;
    struct spool_bench inner = {0};
    snprintf(inner.path, sizeof inner.path, "%.50s/new", bench->path);
    bench_remove(&inner);
}

/* `old` is gone, the count is of what was taken over, and the spool works on. */
static unsigned assert_salvaged(struct spool_bench *bench, const char *aside)
{
    assert_true(bench_open(bench));
    struct gw_spool_state s = state_of(bench);
    assert_int_equal(s.word, GW_SPOOL_IS_DAMAGED);
    assert_string_equal(gw_spool_word_text(s.word), "damaged");
    assert_true(strstr(s.cause, aside));
    assert_true(exists(bench, aside));
    assert_false(exists(bench, "spool.new"));
    assert_int_equal(s.messages, s.salvaged);
    unsigned count = drain(bench);
    assert_int_equal(count, s.salvaged);
    bench_close(bench);
    assert_true(bench_open(bench)); /* and the new file is sound */
    assert_int_equal(state_of(bench).word, GW_SPOOL_IS_OK);
    bench_close(bench);
    return count;
}

static void test_other_machines_and_versions(void **state)
{
    struct spool_bench *bench = *state;
    static const uint8_t narrow[] = {0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0xde, 0xc0, 0xef, 0xbe};
    static const uint8_t big[] = {0xbe, 0xef, 0xc0, 0xde};
    fill(bench, 100);
    int fd = open_file(bench);
    assert_int_equal(pwrite(fd, narrow, sizeof narrow, 0), (ssize_t)sizeof narrow);
    if (sizeof(size_t) == 8)
        assert_int_equal(pwrite(fd, "\0\0\0\0", 4, 16), 4);
    close(fd);
    assert_true(bench_open(bench));
    assert_true(strstr(state_of(bench).cause, "another word size"));
    bench_close(bench);
    fd = open_file(bench);
    assert_int_equal(pwrite(fd, big, sizeof big, sizeof(size_t) + 8), (ssize_t)sizeof big);
    close(fd);
    assert_int_equal(assert_salvaged(bench, "spool.damaged-2"), 100);
}

/* Every record says another format: nothing is taken over, and that is what is said. */
static void test_another_format(void **state)
{
    struct spool_bench *bench = *state;
    uint8_t page[PAGE];
    fill(bench, 50);
    int fd = open_file(bench);
    for (off_t at = 0; pread(fd, page, sizeof page, at) == PAGE; at += PAGE) {
        for (size_t i = 0; i + 4 <= sizeof page; i++)
            if (gw_spool_record_begins(page + i, 12))
                page[i + 3] = 2;
        assert_int_equal(pwrite(fd, page, sizeof page, at), PAGE);
    }
    close(fd);
    assert_true(bench_open(bench));
    assert_true(strstr(state_of(bench).cause, "another version of this program"));
    assert_int_equal(state_of(bench).messages, 0);
}

static void test_only_the_newest_are_kept_aside(void **state)
{
    struct spool_bench *bench = *state;
    for (unsigned n = 1; n <= 4; n++) {
        assert_true(bench_open(bench));
        bench_close(bench);
        int fd = open_file(bench);
        assert_int_equal(pwrite(fd, "nonsense", 8, sizeof(size_t) + 8), 8);
        close(fd);
    }
    assert_true(bench_open(bench));
    assert_false(exists(bench, "spool.damaged-2"));
    assert_true(exists(bench, "spool.damaged-3"));
    assert_true(exists(bench, "spool.damaged-4"));
}

static void test_an_empty_file_and_an_unfinished_one(void **state)
{
    struct spool_bench *bench = *state;
    char path[400];
    bench_file(bench, "spool.new", path);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "a kill left this", 16), 16);
    close(fd);
    assert_true(bench_open(bench));
    assert_int_equal(state_of(bench).word, GW_SPOOL_IS_OK);
    bench_close(bench);
    bench_file(bench, "spool.mdb", path);
    assert_int_equal(truncate(path, 0), 0);
    assert_salvaged(bench, "spool.damaged-1");
}

/* What was deleted long before does not come back from pages that are free. */
static void test_salvage_does_not_raise_the_dead(void **state)
{
    struct spool_bench *bench = *state;
    fill(bench, 500);
    assert_true(bench_open(bench));
    for (unsigned n = 1; n <= 480; n++)
        assert_int_equal(gw_spool_delete(bench->spool, n, n % 10), 0);
    bench_settle(bench);
    bench_close(bench);
    int fd = open_file(bench);
    assert_int_equal(pwrite(fd, "nonsense", 8, sizeof(size_t) + 8), 8);
    close(fd);
    assert_true(bench_open(bench));
    assert_int_equal(state_of(bench).salvaged, 20);
    assert_int_equal(state_of(bench).lost, 0);
    assert_int_equal(drain(bench), 20);
    /* Sequences go on where they were. */
    uint64_t sequence = 0;
    bench_event(bench, 1, 1, 1, &sequence);
    assert_int_equal(sequence, 501);
}

static void overwrite_page(const struct spool_bench *bench, unsigned seed)
{
    uint8_t page[PAGE];
    struct stat stat_of;
    int fd = open_file(bench);
    assert_int_equal(fstat(fd, &stat_of), 0);
    for (size_t i = 0; i < sizeof page; i++)
        page[i] = seed % 3 ? (uint8_t)rand() : (uint8_t)(seed % 2 ? 0xff : 0);
    off_t at = rand() % (stat_of.st_size / PAGE) * PAGE;
    assert_int_equal(pwrite(fd, page, sizeof page, at), PAGE);
    close(fd);
}

static void flip_bits(const struct spool_bench *bench)
{
    struct stat stat_of;
    int fd = open_file(bench);
    assert_int_equal(fstat(fd, &stat_of), 0);
    for (int i = 0; i < 8; i++) {
        uint8_t octet;
        off_t at = rand() % stat_of.st_size;
        assert_int_equal(pread(fd, &octet, 1, at), 1);
        octet ^= (uint8_t)(1 << rand() % 8);
        assert_int_equal(pwrite(fd, &octet, 1, at), 1);
    }
    close(fd);
}

static void cut_tail(const struct spool_bench *bench)
{
    struct stat stat_of;
    int fd = open_file(bench);
    assert_int_equal(fstat(fd, &stat_of), 0);
    assert_int_equal(ftruncate(fd, rand() % stat_of.st_size), 0);
    close(fd);
}

static void note_rescue(void *user, const struct gw_spool_kept *kept)
{
    assert_int_equal(kept->key_len, strlen(GW_SPOOL_RESCUED_KEY));
    ++*(unsigned *)user;
}

static bool is_rescued(const struct spool_bench *bench)
{
    struct gw_spool *spool = NULL;
    struct gw_spool_callbacks none = {0};
    unsigned notes = 0;
    spool = gw_spool_create(&bench->options, &none, NULL, NULL);
    assert_non_null(spool);
    assert_int_equal(gw_spool_each(spool, GW_SPOOL_SPACE_RESCUED, note_rescue, &notes), 0);
    gw_spool_free(spool);
    assert_in_range(notes, 0, 1);
    return notes;
}

/* It is noted in the file, full as it is, until somebody drops the note. */
static void test_salvaged_and_full(void **state)
{
    struct spool_bench *bench = *state;
    int error;
    assert_true(bench_open(bench));
    for (unsigned n = 1; (error = bench_event(bench, n % 10, n, 500, NULL)) != GW_SPOOL_FULL; n++) {
        assert_true(error == 0 || error == GW_SPOOL_BUSY);
        if (error || n % 50 == 0)
            bench_settle(bench);
    }
    bench_settle(bench);
    bench_close(bench);
    int fd = open_file(bench);
    assert_int_equal(pwrite(fd, "nonsense", 8, sizeof(size_t) + 8), 8);
    close(fd);
    assert_true(bench_open(bench));
    assert_int_equal(state_of(bench).word, GW_SPOOL_IS_FULL);
    bench_close(bench);
    assert_true(is_rescued(bench));
    assert_true(bench_open(bench));
    assert_int_equal(gw_spool_drop(bench->spool, GW_SPOOL_SPACE_RESCUED, GW_SPOOL_RESCUED_KEY,
                                   strlen(GW_SPOOL_RESCUED_KEY)),
                     0);
    bench_settle(bench);
    bench_close(bench);
    assert_false(is_rescued(bench));
}

/* Copies `whole` into the directory as it was before it was damaged. */
static void restore(const struct spool_bench *bench, const uint8_t *whole, size_t size)
{
    char path[400];
    bench_file(bench, "spool.mdb", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0640);
    assert_int_equal(write(fd, whole, size), (ssize_t)size);
    close(fd);
}

static uint8_t *read_whole(const struct spool_bench *bench, size_t *size)
{
    struct stat stat_of;
    int fd = open_file(bench);
    assert_int_equal(fstat(fd, &stat_of), 0);
    uint8_t *whole = malloc((size_t)stat_of.st_size);
    *size = (size_t)stat_of.st_size;
    assert_int_equal(read(fd, whole, *size), (ssize_t)*size);
    close(fd);
    return whole;
}

/* Deleted out of turn, with the records still there: who is gone and who was deleted looks alike.
 */
static void test_a_loss_between_bounds(void **state)
{
    struct spool_bench *bench = *state;
    size_t size = 0;
    fill(bench, 50);
    assert_true(bench_open(bench));
    for (unsigned n = 11; n <= 20; n++)
        assert_int_equal(gw_spool_delete(bench->spool, n, n % 10), 0);
    bench_settle(bench);
    bench_close(bench);
    uint8_t *whole = read_whole(bench, &size);
    int fd = open_file(bench);
    for (uint8_t *at = whole; (at = memmem(at, (size_t)(whole + size - at), "7:17:", 5)); at++)
        assert_int_equal(pwrite(fd, "!", 1, at - whole), 1);
    for (uint8_t *at = whole; (at = memmem(at, (size_t)(whole + size - at), "1:21:", 5)); at++)
        assert_int_equal(pwrite(fd, "!", 1, at - whole), 1);
    close(fd);
    free(whole);
    assert_true(bench_open(bench));
    struct gw_spool_state s = state_of(bench);
    assert_false(s.lost_uncounted);
    assert_in_range(s.salvaged, 39, 48);
    assert_int_equal(s.lost, s.salvaged < 40 ? 40 - s.salvaged : 0);
    assert_int_equal(s.lost_most, s.salvaged < 40 ? 11 : 50 - s.salvaged);
    drain(bench);
}

/* It starts, and says all that is not there any more. */
static void start_damaged(struct spool_bench *bench, unsigned messages, unsigned *harmless,
                          unsigned *salvaged, unsigned *counted, bool one_page)
{
    assert_true(bench_open(bench));
    struct gw_spool_state s = state_of(bench);
    unsigned count = drain(bench);
    *harmless += s.word == GW_SPOOL_IS_OK;
    *salvaged += count;
    if (s.word == GW_SPOOL_IS_OK)
        assert_int_equal(count, messages);
    else
        assert_int_equal(count, s.salvaged);
    *counted += !s.lost_uncounted;
    if (!s.lost_uncounted && s.word != GW_SPOOL_IS_OK) {
        assert_true(s.lost <= s.lost_most);
        assert_true(count + s.lost_most >= messages);
        assert_true(count + s.lost <= messages || s.lost == 0);
    }
    if (one_page) /* which has no more than 70 records */
        assert_true(count + 70 >= messages);
    bench_event(bench, 1, 1, 1, NULL);
    bench_settle(bench);
    assert_int_equal(bench->durable, 1);
    bench_close(bench);
}

static void test_random_damage(void **state)
{
    struct spool_bench *bench = *state;
    enum { MESSAGES = 600, DELETED = 100 };
    unsigned harmless = 0, salvaged = 0, counted = 0;
    size_t size = 0;
    fill(bench, MESSAGES);
    assert_true(bench_open(bench));
    for (unsigned n = 1; n <= DELETED; n++)
        gw_spool_delete(bench->spool, n, n % 10);
    bench_settle(bench);
    bench_close(bench);
    uint8_t *whole = read_whole(bench, &size);
    for (unsigned seed = 0; seed < SEEDS; seed++) {
        srand(seed);
        restore(bench, whole, size);
        if (seed % 10 == 0)
            cut_tail(bench);
        else if (seed % 10 == 1)
            flip_bits(bench);
        else
            overwrite_page(bench, seed);
        unsigned before = salvaged;
        start_damaged(bench, MESSAGES - DELETED, &harmless, &salvaged, &counted, seed % 10 > 1);
        /* What only the youngest commit says is deleted may come back where its mark is damaged. */
        assert_true(salvaged - before <= MESSAGES);
    }
    free(whole);
    print_message("%u of %d damages harmless, %u messages of %u taken over\n", harmless, SEEDS,
                  salvaged, SEEDS * (MESSAGES - DELETED));
    assert_true(harmless < SEEDS / 2);
    assert_true(counted > SEEDS / 2); /* mostly it can tell how many are gone */
    assert_true(salvaged > SEEDS * (MESSAGES - DELETED) / 10 * 8);
}

/* A record that goes bad while the spool is open: the others are read, and it is said. */
static void test_damage_while_it_runs(void **state)
{
    struct spool_bench *bench = *state;
    struct gw_spool_record record;
    size_t size = 0;
    unsigned count = 0;
    fill(bench, 50);
    assert_true(bench_open(bench));
    uint8_t *whole = read_whole(bench, &size);
    int fd = open_file(bench);
    for (uint8_t *at = whole; (at = memmem(at, (size_t)(whole + size - at), "7:17:", 5)); at++)
        assert_int_equal(pwrite(fd, "!", 1, at - whole), 1);
    close(fd);
    free(whole);
    bench_read(bench, 0);
    assert_int_equal(bench->batch_error, 0);
    for (; gw_spool_next(bench->spool, &record); count++)
        assert_int_not_equal(record.message.id_count, 17);
    assert_int_equal(count, 49);
    assert_int_equal(state_of(bench).damaged, 1);
    assert_int_equal(state_of(bench).word, GW_SPOOL_IS_DAMAGED);
    assert_true(strstr(state_of(bench).cause, "1 damaged records in the file"));
    bench_close(bench);
    assert_true(bench_open(bench));
    assert_int_equal(state_of(bench).salvaged, 49);
    assert_int_equal(state_of(bench).lost, 1);
}

static void test_a_sound_file_scans_as_sound(void **state)
{
    struct spool_bench *bench = *state;
    struct gw_spool_scan scan;
    char path[400];
    int error = 0;
    fill(bench, 300);
    bench_file(bench, "spool.mdb", path);
    gw_spool_store_scan(path, &scan);
    assert_int_equal(scan.error, 0);
    assert_int_equal(scan.wrong, 0);
    assert_int_equal(scan.messages, 300);
    assert_int_equal(scan.kept, 20);
    assert_true(gw_spool_file_is_sound(path, -1, &error));
    bench_file(bench, "nothing", path);
    assert_false(gw_spool_file_is_sound(path, -1, &error));
    assert_int_equal(error, ENOENT);
    assert_string_equal(gw_spool_trouble_text(GW_SPOOL_TROUBLE_DAMAGED), "it is damaged");
}

static void test_salvage_of_nothing(void **state)
{
    struct spool_bench *bench = *state;
    struct gw_spool_store store = {0};
    struct gw_spool_salvage salvage;
    char path[400];
    bench_file(bench, "nothing", path);
    assert_int_equal(gw_spool_salvage(path, &store, &salvage), ENOENT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_second_process_is_told_the_first),
        TEST(test_a_path_that_cannot_be),
        TEST(test_a_sound_file_scans_as_sound),
        TEST(test_other_machines_and_versions),
        TEST(test_another_format),
        TEST(test_only_the_newest_are_kept_aside),
        TEST(test_an_empty_file_and_an_unfinished_one),
        TEST(test_salvage_does_not_raise_the_dead),
        TEST(test_a_loss_between_bounds),
        TEST(test_salvaged_and_full),
        TEST(test_random_damage),
        TEST(test_damage_while_it_runs),
        TEST(test_salvage_of_nothing),
    };
    return cmocka_run_group_tests_name("spool_file", tests, NULL, NULL);
}
