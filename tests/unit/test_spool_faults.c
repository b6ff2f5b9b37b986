/* SPDX-License-Identifier: Apache-2.0 */
/* What the spool says when the disk fails it, and what is there after kill -9. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "gateway/base/log.h"
#include "tests/unit/spool_steps.h"

enum {
    KILLS = 25,
    EACH = 1000, /* events before a kill at most: all of them fit into the file */
    NUMBERS = KILLS * EACH + 1,
    POINTS = 8
};

static atomic_int disk_error; /* of each commit from now on, 0: none */

static int fault(void *user)
{
    (void)user;
    return atomic_load(&disk_error);
}

/* A disk that is waited for as often as it is allowed to be. */
static struct {
    sem_t allowed;
    unsigned waits;   /* the writer's, until it has come to rest */
    unsigned fail_at; /* the wait that fails, 0: none */
} gate;

static int pass_gate(void *user)
{
    (void)user;
    while (sem_wait(&gate.allowed))
        ;
    return ++gate.waits == gate.fail_at ? EIO : 0;
}

static void open_behind_gate(struct spool_bench *bench, unsigned fail_at)
{
    sem_init(&gate.allowed, 0, 0);
    gate.waits = 0;
    gate.fail_at = fail_at;
    bench->options.fault = pass_gate;
    bench->options.group_events = 1;
    bench->options.group_ms = bench->options.delete_ms = 60000;
    assert_true(bench_open(bench));
}

static void open_gate(unsigned waits)
{
    for (unsigned i = 0; i < waits; i++)
        sem_post(&gate.allowed);
}

static int set_up_faults(void **state)
{
    set_up(state);
    atomic_store(&disk_error, 0);
    ((struct spool_bench *)*state)->options.fault = fault;
    return 0;
}

static void wait_until(struct spool_bench *bench, enum gw_spool_word word)
{
    while (state_of(bench).word != word)
        bench_turn(bench);
}

static void test_an_error_is_not_safe(void **state)
{
    struct spool_bench *bench = *state;
    assert_true(bench_open(bench));
    bench_event(bench, 1, 1, 10, NULL);
    bench_settle(bench);
    atomic_store(&disk_error, EIO);
    bench_event(bench, 1, 2, 10, NULL);
    bench_event(bench, 2, 3, 10, NULL);
    gw_spool_keep(bench->spool, GW_SPOOL_SPACE_LEDGER, "k", 1, "v", 1, bench, 1);
    while (!bench->not_kept)
        bench_turn(bench);
    assert_int_equal(bench->durable, 1);
    assert_int_equal(bench->not_safe, 2);
    assert_int_equal(bench->error, GW_SPOOL_FAILING);
    struct gw_spool_state s = state_of(bench);
    assert_int_equal(s.word, GW_SPOOL_IS_FAILING);
    assert_true(strstr(s.cause, "Input/output error"));
    assert_int_equal(s.not_safe, 2);
    assert_int_equal(s.messages, 1);
    assert_true(gw_spool_behind(bench->spool, 1));
    assert_false(gw_spool_behind(bench->spool, 2));
    /* Refused at once from now on, reads too. */
    assert_int_equal(bench_event(bench, 1, 4, 10, NULL), GW_SPOOL_FAILING);
    assert_int_equal(gw_spool_keep(bench->spool, GW_SPOOL_SPACE_LEDGER, "k", 1, "v", 1, bench, 1),
                     GW_SPOOL_FAILING);
    bench_read(bench, 0);
    assert_int_equal(bench->batch_error, GW_SPOOL_FAILING);
    for (int i = 0; i < 20; i++) /* attempts to reopen that fail */
        bench_turn(bench);
    assert_int_equal(state_of(bench).word, GW_SPOOL_IS_FAILING);
    atomic_store(&disk_error, 0);
    wait_until(bench, GW_SPOOL_IS_OK);
    assert_int_equal(bench_event(bench, 1, 5, 10, NULL), 0);
    bench_settle(bench);
    assert_int_equal(bench->durable, 2);
    bench_read(bench, 0);
    struct gw_spool_record record;
    assert_true(gw_spool_next(bench->spool, &record));
    assert_int_equal(record.message.id_count, 1);
    assert_true(gw_spool_next(bench->spool, &record));
    assert_int_equal(record.message.id_count, 5);
    assert_false(gw_spool_next(bench->spool, &record));
}

/* The wait of a commit is also that for the one before; nobody waits for another commit to come. */
static void test_commits_share_their_waits(void **state)
{
    struct spool_bench *bench = *state;
    open_behind_gate(bench, 0);
    for (unsigned n = 1; n <= 3; n++)
        assert_int_equal(bench_event(bench, n, n, 10, NULL), 0);
    open_gate(3);
    while (bench->durable < 2)
        bench_turn(bench);
    assert_int_equal(bench->durable, 2);
    open_gate(1);
    while (bench->durable < 3)
        bench_turn(bench);
    assert_int_equal(state_of(bench).commits, 3);
    assert_int_equal(gate.waits, 4);
    bench_event(bench, 1, 4, 10, NULL);
    open_gate(2);
    while (bench->durable < 4)
        bench_turn(bench);
    assert_int_equal(gate.waits, 6);
    bench_close(bench);
    sem_destroy(&gate.allowed);
}

/* What was written before and not waited for to its end is not safe either, and goes. */
static void test_an_error_takes_the_commit_before_with_it(void **state)
{
    struct spool_bench *bench = *state;
    uint64_t sequence;
    open_behind_gate(bench, 4);
    bench_event(bench, 1, 1, 10, &sequence);
    open_gate(2);
    while (!bench->durable)
        bench_turn(bench);
    assert_int_equal(gw_spool_delete(bench->spool, sequence, 1), 0); /* comes with the next event */
    bench_event(bench, 2, 2, 10, NULL);
    gw_spool_keep(bench->spool, GW_SPOOL_SPACE_LEDGER, "k", 1, "v", 1, bench, 1);
    open_gate(1);
    bench_event(bench, 3, 3, 10, NULL);
    assert_int_equal(bench->durable + bench->not_safe, 1);
    open_gate(1);
    while (bench->not_safe < 2 || !bench->not_kept)
        bench_turn(bench);
    assert_int_equal(bench->durable, 1);
    assert_int_equal(state_of(bench).messages, 1);
    open_gate(2);
    wait_until(bench, GW_SPOOL_IS_OK);
    assert_int_equal(state_of(bench).messages, 0); /* the delete has been in the file all along */
    open_gate(9);                                  /* all that come */
    bench_event(bench, 2, 4, 10, NULL);
    bench_settle(bench);
    assert_int_equal(bench->durable, 2);
    bench_close(bench);
    sem_destroy(&gate.allowed);
    bench->options.fault = NULL;
    assert_true(bench_open(bench));
    assert_int_equal(state_of(bench).messages, 1);
    assert_false(gw_spool_behind(bench->spool, 1));
    assert_true(gw_spool_behind(bench->spool, 2));
    assert_false(gw_spool_behind(bench->spool, 3));
}

/* What was to be forgotten is, once the disk is back. */
static void test_deletes_outlive_an_error(void **state)
{
    struct spool_bench *bench = *state;
    uint64_t sequences[20];
    assert_true(bench_open(bench));
    for (unsigned n = 0; n < 20; n++)
        bench_event(bench, n, n, 10, &sequences[n]);
    gw_spool_keep(bench->spool, GW_SPOOL_SPACE_LEDGER, "k", 1, "v", 1, bench, 1);
    bench_settle(bench);
    atomic_store(&disk_error, EIO);
    for (unsigned n = 0; n < 20; n += 2)
        assert_int_equal(gw_spool_delete(bench->spool, sequences[n], n), 0);
    gw_spool_drop(bench->spool, GW_SPOOL_SPACE_LEDGER, "k", 1);
    wait_until(bench, GW_SPOOL_IS_FAILING);
    for (unsigned n = 1; n < 10; n += 2) /* while it fails, too */
        assert_int_equal(gw_spool_delete(bench->spool, sequences[n], n), 0);
    for (int i = 0; i < 30; i++)
        bench_turn(bench);
    atomic_store(&disk_error, 0);
    while (state_of(bench).messages > 5)
        bench_turn(bench);
    bench_close(bench);
    assert_true(bench_open(bench));
    assert_int_equal(state_of(bench).messages, 5);
    for (unsigned n = 0; n < 20; n++)
        assert_int_equal(gw_spool_behind(bench->spool, n), n > 9 && n % 2);
}

/* Deleted while its commit, which fails, is under way: counted off once. */
static void test_deleted_while_a_commit_fails(void **state)
{
    struct spool_bench *bench = *state;
    uint64_t sequence = 0;
    bench->options.group_ms = 60000;
    assert_true(bench_open(bench));
    bench_event(bench, 1, 1, 10, NULL);
    bench_settle(bench);
    atomic_store(&disk_error, EIO);
    bench_event(bench, 1, 2, 10, &sequence);
    gw_spool_flush(bench->spool);
    assert_int_equal(gw_spool_delete(bench->spool, sequence, 1), 0);
    wait_until(bench, GW_SPOOL_IS_FAILING);
    assert_true(gw_spool_behind(bench->spool, 1));
    atomic_store(&disk_error, 0);
    wait_until(bench, GW_SPOOL_IS_OK);
    assert_int_equal(gw_spool_delete(bench->spool, 1, 1), 0);
    assert_false(gw_spool_behind(bench->spool, 1));
}

static void test_stop_while_it_fails(void **state)
{
    struct spool_bench *bench = *state;
    assert_true(bench_open(bench));
    bench_event(bench, 1, 1, 10, NULL);
    bench_settle(bench);
    atomic_store(&disk_error, EIO);
    bench_event(bench, 1, 2, 10, NULL);
    gw_spool_delete(bench->spool, 1, 1);
    bench_close(bench);
    assert_int_equal(bench->not_safe, 1);
    atomic_store(&disk_error, 0);
    assert_true(bench_open(bench));
    assert_int_equal(state_of(bench).messages, 1);
}

/* A disk of its own that is too small for the spool, until something else makes room. */
static void fill_disk(struct spool_bench *bench, unsigned *n)
{
    int error = 0;
    while (error != GW_SPOOL_FAILING) {
        error = bench_event(bench, *n % POINTS, *n, 400, NULL);
        *n += !error;
        bench_settle(bench);
    }
}

static void test_a_full_disk_is_named(void **state)
{
    struct spool_bench *bench = *state;
    char path[400];
    unsigned n = 0;
    if (mount("spool", bench->path, "tmpfs", 0, "size=640k")) {
        print_message("no tmpfs can be mounted here: %s\n", strerror(errno));
        skip();
    }
    bench_file(bench, "other", path);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(posix_fallocate(fd, 0, 200 * 1024), 0);
    close(fd);
    assert_true(bench_open(bench));
    fill_disk(bench, &n);
    struct gw_spool_state s = state_of(bench);
    assert_int_equal(s.word, GW_SPOOL_IS_FAILING);
    assert_true(strstr(s.cause, "is full: make room"));
    assert_true(bench->durable > 100);
    assert_int_equal(s.messages, bench->durable);
    /* Deletes find room in the file itself. */
    for (uint64_t sequence = 1; sequence <= 50; sequence++)
        assert_int_equal(gw_spool_delete(bench->spool, sequence, (sequence - 1) % POINTS), 0);
    while (state_of(bench).messages > bench->durable - 50)
        bench_turn(bench);
    assert_int_equal(unlink(path), 0);
    wait_until(bench, GW_SPOOL_IS_OK);
    assert_int_equal(bench_event(bench, 1, n, 400, NULL), 0);
    bench_settle(bench);
    unsigned durable = bench->durable;
    bench_close(bench);
    assert_true(bench_open(bench));
    assert_int_equal(state_of(bench).word, GW_SPOOL_IS_OK);
    assert_int_equal(state_of(bench).messages, durable - 50);
    bench_close(bench);
    assert_int_equal(umount(bench->path), 0);
}

static void test_a_read_only_disk_is_named(void **state)
{
    struct spool_bench *bench = *state;
    if (mount("spool", bench->path, "tmpfs", 0, "size=8m"))
        skip();
    assert_true(bench_open(bench));
    bench_event(bench, 1, 1, 10, NULL);
    bench_settle(bench);
    bench_close(bench);
    assert_int_equal(mount("spool", bench->path, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), 0);
    assert_false(bench_create(bench));
    assert_true(strstr(bench->why, "Read-only file system"));
    assert_int_equal(mount("spool", bench->path, "tmpfs", MS_REMOUNT, NULL), 0);
    assert_true(bench_open(bench));
    assert_int_equal(state_of(bench).messages, 1);
    bench_close(bench);
    assert_int_equal(umount(bench->path), 0);
}

/* A limit on the file's size, which needs no privilege: the writer is told EFBIG. */
static void test_a_limit_is_named(void **state)
{
    struct spool_bench *bench = *state;
    struct rlimit before;
    unsigned n = 0;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(bench_open(bench));
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){256 * 1024, before.rlim_max});
    fill_disk(bench, &n);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_true(bench->durable > 50);
    assert_int_equal(state_of(bench).messages, bench->durable);
    wait_until(bench, GW_SPOOL_IS_OK);
}

/* The child: events and deletes as fast as it goes, and what was called durable down the pipe. */
struct report {
    uint32_t number;
    bool deleted;
};

struct child {
    struct spool_bench *bench;
    int out;
    unsigned put;
    uint64_t sequences[BENCH_TOKENS];
};
static struct child child;

static void child_durable(void *user, void *owner, uint32_t token, int error)
{
    (void)user;
    (void)owner;
    struct report report = {.number = token};
    if (error || write(child.out, &report, sizeof report) != (ssize_t)sizeof report)
        _exit(1);
    /* Every third is deleted, which the parent is told first. */
    if (token % 3)
        return;
    report.deleted = true;
    if (write(child.out, &report, sizeof report) != (ssize_t)sizeof report ||
        gw_spool_delete(child.bench->spool, child.sequences[token % BENCH_TOKENS],
                        token % POINTS) == GW_SPOOL_INVALID)
        _exit(1);
}

static void run_child(struct spool_bench *bench, unsigned from, int out)
{
    child = (struct child){.bench = bench, .out = out};
    const struct gw_spool_callbacks callbacks = {child_durable, bench_kept, bench_batch, NULL};
    bench->spool = gw_spool_create(&bench->options, &callbacks, bench, bench->why);
    if (!bench->spool)
        _exit(2);
    uv_loop_init(&bench->loop);
    gw_spool_start(bench->spool, &bench->loop);
    for (unsigned n = from; n < from + EACH; n++) {
        uint64_t sequence = 0;
        while (bench_event(bench, n % POINTS, n, n * 13 % 300, &sequence))
            bench_turn(bench); /* the queue or the file is full */
        child.sequences[n % BENCH_TOKENS] = sequence;
        if (n % 16 == 0)
            uv_run(&bench->loop, UV_RUN_NOWAIT);
    }
    for (;;)
        bench_turn(bench);
}

/* Reads what the child reported, at most `most`. */
static unsigned take_reports(int in, unsigned most, bool *present, bool *deleted)
{
    struct report report;
    unsigned count = 0;
    while (count < most && read(in, &report, sizeof report) == (ssize_t)sizeof report) {
        assert_true(report.number < NUMBERS);
        if (report.deleted)
            deleted[report.number] = true;
        else
            present[report.number] = true;
        count++;
    }
    return count;
}

/* All that was called durable and not deleted is there, in order; what was not may be. */
static void check_survivors(struct spool_bench *bench, const bool *present, const bool *deleted)
{
    struct gw_spool_record record;
    bool *found = calloc(NUMBERS, sizeof *found);
    uint64_t after = 0;
    uint64_t count = 0;
    uint64_t before;
    uint64_t newest[POINTS] = {0};
    do {
        before = count;
        bench_read(bench, after);
        while (gw_spool_next(bench->spool, &record)) {
            after = record.sequence;
            assert_true(record.message.id_count < NUMBERS);
            assert_true(record.message.id_count > newest[record.message.point]);
            newest[record.message.point] = record.message.id_count;
            found[record.message.id_count] = true;
            count++;
        }
    } while (count > before);
    for (unsigned n = 0; n < NUMBERS; n++)
        assert_true(found[n] || !present[n] || deleted[n]);
    assert_int_equal(count, state_of(bench).messages);
    free(found);
}

/* After so many reports and a little more, so that a slow disk is killed as often as a fast one. */
static void test_kill_at_any_moment(void **state)
{
    struct spool_bench *bench = *state;
    bool *present = calloc(NUMBERS, sizeof *present);
    bool *deleted = calloc(NUMBERS, sizeof *deleted);
    unsigned reports = 0;
    bench->options.max_octets = 32u << 20;
    srand(11);
    for (unsigned round = 0; round < KILLS; round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t pid = fork();
        if (pid == 0) {
            close(ends[0]);
            run_child(bench, round * EACH + 1, ends[1]);
        }
        close(ends[1]);
        reports += take_reports(ends[0], (unsigned)rand() % EACH, present, deleted);
        usleep((unsigned)(rand() % 5000));
        kill(pid, SIGKILL);
        reports += take_reports(ends[0], UINT_MAX, present, deleted);
        close(ends[0]);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_true(bench_open(bench));
        assert_int_equal(state_of(bench).word, GW_SPOOL_IS_OK);
        check_survivors(bench, present, deleted);
        bench_close(bench);
    }
    print_message("%u reports before %d kills\n", reports, KILLS);
    free(present);
    free(deleted);
}

int main(void)
{
    signal(SIGXFSZ, SIG_IGN);
    gw_log_configure(GW_LOG_ERROR, GW_LOG_LOGFMT);
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_faults, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_an_error_is_not_safe),
        TEST(test_commits_share_their_waits),
        TEST(test_an_error_takes_the_commit_before_with_it),
        TEST(test_deletes_outlive_an_error),
        TEST(test_deleted_while_a_commit_fails),
        TEST(test_stop_while_it_fails),
        TEST(test_a_full_disk_is_named),
        TEST(test_a_read_only_disk_is_named),
        TEST(test_a_limit_is_named),
        TEST(test_kill_at_any_moment),
    };
    return cmocka_run_group_tests_name("spool_faults", tests, NULL, NULL);
}
