/* SPDX-License-Identifier: Apache-2.0 */
/* The journal on a spool that has something to say while it is opened, and between that and an
 * outbox which has more than it can send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gateway/delivery/journal.h"
#include "tests/lib/patience.h"
#include "tests/lib/spool_bench.h"

static void changed(void *user)
{
    ++*(unsigned *)user;
}

static bool online(void *user)
{
    (void)user;
    return true;
}

static void kept(void *user, void *owner, uint32_t token, int error)
{
    (void)user;
    (void)owner;
    (void)token;
    (void)error;
}

/* Whose first page is no page of LMDB's. */
static void write_damaged(const struct spool_bench *bench)
{
    char path[400];
    char page[4096];
    bench_file(bench, "spool.mdb", path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    memset(page, 0x5a, sizeof page);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(fwrite(page, sizeof page, 1, file), 1);
    fclose(file);
}

static void opens_what_is_damaged(void **state)
{
    (void)state;
    static const struct gw_journal_callbacks callbacks = {
        .changed = changed, .online = online, .kept = kept};
    struct spool_bench bench = {0};
    struct gw_spool_state spool;
    char why[GW_SPOOL_WHY];
    unsigned changes = 0;
    bench_folder(&bench);
    write_damaged(&bench);
    const struct gw_journal_options options = {
        .path = bench.path, .max_mb = 4, .outbox_messages = 64};
    struct gw_journal *journal = gw_journal_create(&options, &callbacks, &changes, why);
    assert_non_null(journal);
    assert_int_equal(changes, 0); /* who makes it has nothing to ask yet */
    assert_false(gw_journal_usable(journal));
    gw_spool_state(gw_journal_spool(journal), &spool);
    assert_int_equal(spool.word, GW_SPOOL_IS_DAMAGED);
    gw_journal_free(journal);
    bench_remove(&bench);
}

/* An outbox in front of a broker that takes as many as the test says. */
enum { OUTBOX = 64, TOPIC_EVENTS = 12, FRAGMENT_EVENTS = 170 };

struct site {
    struct spool_bench bench;
    uv_loop_t loop;
    struct patience patience;
    struct gw_journal *journal;
    struct gw_outbox *outbox;
    size_t window;
    uint64_t under_way[OUTBOX];
    size_t first, last;
    unsigned arrived[8 * TOPIC_EVENTS], count;
    unsigned safe;
    bool online, stopped;
};

static int publish(void *user, const struct gw_outbox_message *message, uint64_t id)
{
    struct site *site = user;
    if (message->event) {
        assert_true(site->count < sizeof site->arrived / sizeof *site->arrived);
        memcpy(&site->arrived[site->count++], message->payload, sizeof(unsigned));
    }
    site->under_way[site->last++ % OUTBOX] = id;
    return 0;
}

static size_t window(void *user)
{
    const struct site *site = user;
    return site->window - (site->last - site->first);
}

static void safe(void *user, void *owner, uint32_t token)
{
    (void)owner;
    (void)token;
    ((struct site *)user)->safe++;
}

static bool site_online(void *user)
{
    return ((const struct site *)user)->online;
}

static void site_changed(void *user)
{
    (void)user;
}

static void note_stopped(void *user)
{
    ((struct site *)user)->stopped = true;
}

/* In the folder of `site->bench`. */
static void open_site(struct site *site, uint32_t messages)
{
    static const struct gw_outbox_callbacks outbox_callbacks = {.safe = safe};
    static const struct gw_journal_callbacks callbacks = {
        .changed = site_changed, .online = site_online, .kept = kept};
    const struct gw_outbox_sink sink = {.publish = publish, .window = window, .user = site};
    struct gw_outbox_options outbox;
    char why[GW_SPOOL_WHY];
    gw_outbox_options_default(&outbox);
    outbox.messages = messages;
    outbox.reserve_messages = 2;
    const struct gw_journal_options options = {
        .path = site->bench.path, .max_mb = 4, .outbox_messages = messages};
    site->stopped = false;
    uv_loop_init(&site->loop);
    patience_init(&site->patience, &site->loop);
    site->outbox = gw_outbox_create(&outbox, &sink, &outbox_callbacks, site);
    site->journal = gw_journal_create(&options, &callbacks, site, why);
    assert_int_equal(gw_journal_start(site->journal, &site->loop, site->outbox), 0);
}

static void close_site(struct site *site)
{
    gw_journal_stop(site->journal, note_stopped);
    wait_for(site, site->stopped);
    gw_journal_free(site->journal);
    gw_outbox_free(site->outbox);
    patience_close(&site->patience);
    uv_loop_close(&site->loop);
}

static struct gw_outbox_message message_of(const unsigned *number, bool event)
{
    return (struct gw_outbox_message){.topic = event ? "event" : "result",
                                      .topic_len = event ? 5 : 6,
                                      .payload = number,
                                      .payload_len = sizeof *number,
                                      .qos = 1,
                                      .event = event};
}

static void put_event(struct site *site, unsigned number)
{
    const struct gw_outbox_message message = message_of(&number, true);
    assert_int_equal(gw_outbox_begin(site->outbox, site, number, true), 0);
    assert_int_equal(gw_outbox_put(site->outbox, &message), 0);
    assert_int_equal(gw_outbox_commit(site->outbox), 0);
}

/* The broker takes all it gets, from now on. */
static bool all_arrived(struct site *site)
{
    site->window = OUTBOX;
    gw_outbox_pump(site->outbox);
    while (site->first < site->last)
        gw_outbox_acked(site->outbox, site->under_way[site->first++ % OUTBOX], 0);
    gw_journal_pump(site->journal);
    return site->count >= TOPIC_EVENTS;
}

/* Results wait, more than is good, and events that lie in the file: they come when there is room,
 * and in order, also beside those that follow. */
static void what_is_read_back_keeps_its_order(void **state)
{
    (void)state;
    struct site site = {0};
    struct gw_outbox_state outbox;
    unsigned number = 0;
    bench_folder(&site.bench);
    open_site(&site, OUTBOX);
    for (unsigned i = 0; i < OUTBOX / 2; i++) {
        const struct gw_outbox_message result = message_of(&number, false);
        assert_int_equal(gw_outbox_send(site.outbox, &result), 0);
    }
    while (number < TOPIC_EVENTS / 2)
        put_event(&site, ++number);
    wait_for(&site, site.safe == number);
    site.online = true;
    gw_journal_pump(site.journal);
    patience_pass(&site.patience, 50);
    while (number < TOPIC_EVENTS)
        put_event(&site, ++number);
    wait_for(&site, all_arrived(&site));
    assert_int_equal(site.count, TOPIC_EVENTS);
    for (unsigned i = 0; i < TOPIC_EVENTS; i++)
        assert_int_equal(site.arrived[i], i + 1);
    gw_outbox_state(site.outbox, &outbox);
    assert_int_equal(outbox.relieved, 0); /* none was read in vain */
    close_site(&site);
    bench_remove(&site.bench);
}

/* One event of each point. */
static void put_fragment(struct site *site)
{
    assert_int_equal(gw_outbox_begin(site->outbox, site, 1, true), 0);
    for (unsigned point = 0; point < FRAGMENT_EVENTS; point++) {
        char topic[16];
        struct gw_outbox_message message = message_of(&point, true);
        message.topic = topic;
        message.topic_len = (size_t)snprintf(topic, sizeof topic, "point-%u", point);
        assert_int_equal(gw_outbox_put(site->outbox, &message), 0);
    }
    assert_int_equal(gw_outbox_commit(site->outbox), 0);
}

static struct gw_outbox_state outbox_of(const struct site *site)
{
    struct gw_outbox_state state;
    gw_outbox_state(site->outbox, &state);
    return state;
}

/* So that the next one, with the same points, need not go behind it. */
static void a_fragment_is_read_back_at_once(void **state)
{
    (void)state;
    struct site site = {0};
    bench_folder(&site.bench);
    open_site(&site, 8192);
    put_fragment(&site);
    assert_int_equal(gw_outbox_secure(site.outbox, &site, 1), 0);
    wait_for(&site, site.safe == 1);
    close_site(&site);
    open_site(&site, 8192);
    site.online = true;
    gw_journal_pump(site.journal);
    wait_for(&site, outbox_of(&site).loaded == FRAGMENT_EVENTS);
    assert_false(gw_journal_behind(site.journal, "point-0", 7));
    assert_false(gw_journal_behind(site.journal, "point-169", 9));
    close_site(&site);
    bench_remove(&site.bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(opens_what_is_damaged),
                                       cmocka_unit_test(what_is_read_back_keeps_its_order),
                                       cmocka_unit_test(a_fragment_is_read_back_at_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
