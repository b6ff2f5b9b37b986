/* SPDX-License-Identifier: Apache-2.0 */
/* At most once, across any end of the gateway: nothing leaves before its id is on the disk, and
 * what was under way when a run ended is answered for by the next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "tests/lib/ledger_bench.h"
#include "tests/lib/mqtt_message.h"

#define NO_SWITCH "/nonexistent/no-controls"
#define EXPIRES   "1763719205000" /* 5 s after what the bench starts with */

static struct gw_config *controls, *commands;
static struct ledger_bench bench;
static struct control_bench *const host = &bench.commands.host;
static char switch_file[64];

static int load(void **state)
{
    (void)state;
    gw_log_configure(GW_LOG_ERROR, GW_LOG_LOGFMT);
    controls = bench_config();
    commands = command_bench_config();
    snprintf(switch_file, sizeof switch_file, "/tmp/no-controls-%ld", (long)getpid());
    return controls && commands ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    gw_config_free(controls);
    gw_config_free(commands);
    return 0;
}

static void forget_results(void)
{
    host->published = host->operated = host->looked = 0;
    host->payload[0] = host->topic[0] = 0;
}

static int start(void **state)
{
    (void)state;
    bench = (struct ledger_bench){
        .commands = {.host = {.now_ms = 5000, .wall_ms = 1763719200000, .clock_trusted = true}}};
    bench_folder(&bench.spool);
    bench_options(&bench.spool);
    ledger_bench_start(&bench, controls, commands, switch_file);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    ledger_bench_end(&bench);
    bench_remove(&bench.spool);
    return gw_memory_used(GW_OWNER_CONTROLS) + gw_memory_used(GW_OWNER_SPOOL) == 0 ? 0 : -1;
}

static void end_run(void)
{
    ledger_bench_end(&bench);
    forget_results();
    host->request = NULL;
}

static void begin_run(void)
{
    host->now_ms = 100;
    host->wall_ms += 3000;
    ledger_bench_start(&bench, controls, commands, switch_file);
}

/* As after kill -9: nobody was told anything, and the steady clock begins anew. */
static void restart(void)
{
    end_run();
    begin_run();
}

static void send_on(const char *topic, const char *payload)
{
    const struct gw_mqtt_message message = mqtt_message_of(topic, payload);
    assert_true(gw_controls_message(bench.controls, &message) ||
                gw_commands_message(bench.commands.commands, &message));
}

static void command(const char *control, const char *payload)
{
    char topic[128];
    snprintf(topic, sizeof topic, "dnp3/north/r17/set/%s", control);
    send_on(topic, payload);
}

static void open_breaker(const char *id)
{
    char payload[128];
    snprintf(payload, sizeof payload, "{\"value\":\"open\",\"id\":\"%s\"}", id);
    command("breaker", payload);
}

static void freeze(const char *id)
{
    char payload[128];
    snprintf(payload, sizeof payload, "{\"id\":\"%s\"}", id);
    send_on("dnp3/north/r17/command/freeze", payload);
}

static void expect_text(const char *text)
{
    if (!strstr(host->payload, text))
        fail_msg("%s does not hold %s", host->payload, text);
}

/* One result came since the last look, and it is this. */
static void expect_result(const char *id, const char *outcome, const char *reason, bool repeated)
{
    char text[128];
    assert_int_equal(host->published, 1);
    snprintf(text, sizeof text, "{\"id\":\"%s\",", id);
    expect_text(text);
    snprintf(text, sizeof text, "\"outcome\":\"%s\",\"reason\":\"%s\",", outcome, reason);
    expect_text(text);
    expect_text(repeated ? "\"repeated\":true" : "\"repeated\":false");
    host->published = 0;
}

static void finish_done(void)
{
    bench_finish(host, DNP3_OUTCOME_DONE, DNP3_STAGE_OPERATE, DNP3_REASON_OK, 0);
    gw_controls_stop(bench.controls); /* its feedback is not waited for */
}

static void test_nothing_leaves_before_the_disk_has_the_id(void **state)
{
    (void)state;
    open_breaker("a");
    assert_int_equal(host->operated + host->published, 0);
    ledger_bench_settle(&bench);
    assert_int_equal(host->operated, 1);
    assert_int_equal(host->published, 0);
    assert_int_equal(host->request->expires_ms, 5000 + 10000); /* the library's to look at */
    finish_done();
    expect_result("a", "done", "ok", false);
    ledger_bench_tell(&bench);

    restart();
    assert_int_equal(host->published, 0);
    open_breaker("a");
    expect_result("a", "done", "ok", true);
    assert_int_equal(host->operated, 0);
}

static void test_a_run_that_ends_in_between_is_answered_for(void **state)
{
    (void)state;
    open_breaker("a"); /* given to the disk, nothing has left */
    restart();
    expect_result("a", "unknown", "restarted", false);
    expect_text("\"may_have_operated\":true");
    assert_string_equal(host->topic, "dnp3/north/r17/result/breaker");
    assert_string_equal(host->look_at->name, "breaker"); /* rule 14 */
    open_breaker("a");
    expect_result("a", "unknown", "restarted", true);
    assert_int_equal(host->operated, 0);

    open_breaker("b");
    ledger_bench_settle(&bench);
    assert_non_null(host->request); /* it has left, and no answer came */
    forget_results();
    restart(); /* nor was the result of `a` told */
    assert_int_equal(host->published, 2);
    ledger_bench_tell(&bench);
    restart();
    assert_int_equal(host->published, 1); /* the other one, until the broker has it */
    ledger_bench_tell(&bench);
    restart();
    assert_int_equal(host->published, 0);
}

/* Done, but the broker did not get to know: the next run says what it can. */
static void test_a_result_that_was_not_told(void **state)
{
    (void)state;
    open_breaker("a");
    ledger_bench_settle(&bench);
    finish_done();
    expect_result("a", "done", "ok", false);
    restart();
    expect_result("a", "unknown", "restarted", false);
    gw_ledger_keeper_untold(host->keeper, host->receipt); /* it finds no room in the outbox */
    restart();
    expect_result("a", "unknown", "restarted", false);
    ledger_bench_tell(&bench);
    restart();
    assert_int_equal(host->published, 0);
}

static void test_under_way_on_the_disk_is_under_way(void **state)
{
    (void)state;
    open_breaker("a");
    open_breaker("a");
    assert_int_equal(host->published, 0); /* one result will come */
    open_breaker("b");
    expect_result("b", "refused", "busy", false);
    command("breaker", "open");
    assert_int_equal(host->published, 1);
    expect_text("\"reason\":\"busy\"");
    host->published = 0;
    command("breaker", "{\"value\":\"close\",\"id\":\"a\"}");
    expect_result("a", "refused", "id_reused", false);
    ledger_bench_settle(&bench);
    assert_int_equal(host->operated, 1);
    finish_done();
    expect_result("a", "done", "ok", false);
}

/* A value that comes before anything has left says nothing about the command. */
static void test_feedback_counts_from_when_it_leaves(void **state)
{
    const struct gw_outstation_config *outstation = &controls->outstations[0];
    (void)state;
    open_breaker("a");
    gw_controls_point(bench.controls, outstation, &outstation->mapping->points[0], 1);
    ledger_bench_settle(&bench);
    bench_finish(host, DNP3_OUTCOME_DONE, DNP3_STAGE_OPERATE, DNP3_REASON_OK, 0);
    assert_int_equal(host->published, 0);
    gw_controls_point(bench.controls, outstation, &outstation->mapping->points[0], 1);
    gw_controls_settle(bench.controls);
    expect_result("a", "done", "ok", false);
    expect_text("\"feedback\":\"reached\"");
}

static void test_a_disk_that_fails_refuses(void **state)
{
    (void)state;
    bench.failing = true;
    open_breaker("a");
    ledger_bench_settle(&bench);
    expect_result("a", "refused", "busy", false);
    open_breaker("a"); /* known to fail by now */
    expect_result("a", "refused", "busy", false);
    freeze("f");
    expect_result("f", "refused", "busy", false);
    expect_text("\"detail\":\"the spool cannot be written\"");
    command("plain", "on"); /* has no id: the disk has no part in it */
    assert_int_equal(host->operated, 1);
    finish_done();
    host->published = host->operated = 0;

    bench.failing = false;
    while (bench.spool.kept == 0) { /* reopened with backoff */
        struct gw_spool_state spool;
        gw_spool_state(bench.spool.spool, &spool);
        if (spool.word == GW_SPOOL_IS_FAILING) {
            bench_turn(&bench.spool);
            continue;
        }
        open_breaker("a");
        ledger_bench_settle(&bench);
    }
    assert_int_equal(host->operated, 1);
    finish_done();
    expect_result("a", "done", "ok", false);
}

static void test_the_end_is_written_when_the_disk_is_back(void **state)
{
    struct gw_spool_state spool;
    (void)state;
    open_breaker("a");
    ledger_bench_settle(&bench);
    finish_done();
    bench.failing = true;
    ledger_bench_tell(&bench);
    gw_ledger_keeper_tick(host->keeper); /* still fails */
    bench.failing = false;
    do {
        bench_turn(&bench.spool);
        gw_spool_state(bench.spool.spool, &spool);
    } while (spool.word == GW_SPOOL_IS_FAILING);
    gw_ledger_keeper_tick(host->keeper);
    ledger_bench_settle(&bench);
    restart();
    assert_int_equal(host->published, 0);
    open_breaker("a");
    expect_result("a", "done", "ok", true);
}

static void test_the_switch_is_looked_at_again(void **state)
{
    (void)state;
    open_breaker("a");
    freeze("f");
    fclose(fopen(switch_file, "w"));
    ledger_bench_settle(&bench);
    unlink(switch_file);
    assert_int_equal(host->operated, 0);
    assert_int_equal(host->published, 2);
    expect_text("\"reason\":\"inhibited\"");
}

/* The id is free again at once; that its refusal is told later does not touch its second life. */
static void test_refused_after_the_disk(void **state)
{
    (void)state;
    host->operate_error = DNP3_ERR_OFFLINE;
    open_breaker("a");
    ledger_bench_settle(&bench);
    expect_result("a", "refused", "offline", false);
    uint32_t receipt = host->receipt;
    host->operate_error = 0;
    open_breaker("a");
    ledger_bench_settle(&bench);
    assert_int_equal(host->operated, 2);
    gw_ledger_keeper_told(host->keeper, receipt);
    ledger_bench_settle(&bench);
    restart();
    expect_result("a", "unknown", "restarted", false);

    host->operate_error = DNP3_ERR_OFFLINE;
    open_breaker("b");
    ledger_bench_settle(&bench);
    expect_result("b", "refused", "offline", false);
    ledger_bench_tell(&bench); /* which forgets it */
    restart();
    assert_int_equal(host->published, 1); /* that of `a`, which nobody was told of */
    host->published = 0;
    host->operate_error = 0;
    open_breaker("b");
    ledger_bench_settle(&bench);
    assert_int_equal(host->operated, 1);
}

static void test_a_stop_ends_the_wait(void **state)
{
    (void)state;
    open_breaker("a");
    freeze("f");
    gw_controls_stop(bench.controls);
    expect_result("a", "refused", "offline", false);
    gw_commands_stop(bench.commands.commands);
    expect_result("f", "refused", "offline", false);
    ledger_bench_settle(&bench); /* the disk's answer finds nobody */
    assert_int_equal(host->operated + host->published, 0);
}

static void test_commands_of_outstations(void **state)
{
    (void)state;
    freeze("f");
    assert_int_equal(host->operated, 0);
    ledger_bench_settle(&bench);
    assert_int_equal(host->operated, 1);
    command_bench_finish(&bench.commands, DNP3_OUTCOME_DONE, DNP3_REASON_OK, 0);
    command_bench_finish(&bench.commands, DNP3_OUTCOME_DONE, DNP3_REASON_OK, 0); /* its reading */
    expect_result("f", "done", "ok", false);
    ledger_bench_tell(&bench);
    freeze("g");
    ledger_bench_settle(&bench);
    restart();
    expect_result("g", "unknown", "restarted", false);
    expect_text("\"may_have_operated\":true");
    assert_string_equal(host->topic, "dnp3/north/r17/result/command/freeze");
    freeze("f");
    expect_result("f", "done", "ok", true);
    assert_int_equal(host->operated, 0);
}

static void test_a_command_expires_while_the_disk_works(void **state)
{
    (void)state;
    send_on("dnp3/north/r17/command/freeze", "{\"id\":\"f\",\"expires\":" EXPIRES "}");
    host->now_ms += 5000;
    host->wall_ms += 5000;
    ledger_bench_settle(&bench);
    expect_result("f", "refused", "expired", false);
    assert_int_equal(host->operated, 0);
}

/* A clock that is set meanwhile ends no command that waits for the disk. */
static void test_a_time_sync_waits_too(void **state)
{
    (void)state;
    send_on("dnp3/north/r17/command/time_sync", "{\"id\":\"t\"}");
    gw_commands_time(bench.commands.commands, &commands->outstations[0], true);
    assert_int_equal(host->published, 0);
    ledger_bench_settle(&bench);
    assert_int_equal(bench.commands.synced, 1);
    gw_commands_time(bench.commands.commands, &commands->outstations[0], true);
    expect_result("t", "done", "ok", false);
}

static void test_a_control_that_is_gone(void **state)
{
    const struct gw_ledger_entry entry = {.scope = gw_ledger_scope("r17", "vanished"),
                                          .id = {.length = 1, .octets = "a"},
                                          .under_way = true};
    (void)state;
    ledger_bench_unfinished(&bench, &entry);
    assert_int_equal(bench.unknown_entries, 1);
    assert_int_equal(host->published, 0);
}

/* More results than places wait for the broker: the next command is refused, none is forgotten. */
static void test_as_many_as_there_is_room_for(void **state)
{
    char payload[64];
    uint32_t receipt = 0;
    unsigned sent = 0;
    (void)state;
    while (host->published == 0 || !strstr(host->payload, "\"busy\"")) {
        host->now_ms += 1000; /* for the rate */
        snprintf(payload, sizeof payload, "{\"value\":%u,\"id\":\"n%u\"}", sent % 100, sent);
        command("level", payload);
        ledger_bench_settle(&bench);
        if (host->request)
            finish_done();
        if (strstr(host->payload, "\"done\"")) {
            receipt = host->receipt;
            sent++;
        }
    }
    assert_in_range(sent, 64, 1024);
    gw_ledger_keeper_told(host->keeper, receipt);
    ledger_bench_settle(&bench);
    snprintf(payload, sizeof payload, "{\"value\":%u,\"id\":\"n%u\"}", sent % 100, sent);
    command("level", payload);
    ledger_bench_settle(&bench);
    assert_non_null(host->request);
    finish_done();
    restart(); /* all but the one that was told, and one whose end had no place to wait in */
    assert_in_range(host->published, sent - 1, sent);
}

/* All of the file but its end is zeros. */
static void damage_spool(void)
{
    char path[400];
    static const char zeros[1 << 20];
    bench_file(&bench.spool, "spool.mdb", path);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size_t size = (size_t)ftell(file);
    rewind(file);
    assert_in_range(size, 1, sizeof zeros);
    assert_int_equal(fwrite(zeros, 1, size - 1, file), size - 1);
    fclose(file);
}

static void restart_damaged(void)
{
    end_run();
    damage_spool();
    begin_run();
}

/* What is asked again may have operated; what says that it was made since has not. */
static void test_ids_that_went_with_the_spool(void **state)
{
    (void)state;
    open_breaker("a");
    ledger_bench_settle(&bench);
    finish_done();
    restart_damaged();
    open_breaker("a");
    expect_result("a", "unknown", "restarted", false);
    expect_text("\"may_have_operated\":true");
    assert_int_equal(host->looked, 1);
    open_breaker("a");
    expect_result("a", "unknown", "restarted", true);
    command("breaker", "{\"value\":\"open\",\"id\":\"b\",\"time\":1763719202000}");
    expect_result("b", "unknown", "restarted", false);
    command("breaker", "{\"value\":\"open\",\"id\":\"late\",\"expires\":1763719202500}");
    expect_result("late", "unknown", "restarted", false); /* `expired` would say: not operated */
    freeze("f");
    expect_result("f", "unknown", "restarted", false);
    ledger_bench_settle(&bench);
    assert_int_equal(host->operated, 0);
    command("breaker", "{\"value\":\"open\",\"id\":\"since\",\"time\":1763719203500}");
    ledger_bench_settle(&bench);
    assert_int_equal(host->operated, 1);
    finish_done();
}

/* A restart within the minute begins it anew, also where the disk failed all the time. */
static void test_the_doubt_outlives_a_restart(void **state)
{
    (void)state;
    restart_damaged();
    bench.failing = true;
    open_breaker("a");
    expect_result("a", "unknown", "restarted", false);
    ledger_bench_settle(&bench);
    end_run();
    bench.failing = false;
    begin_run();
    gw_ledger_keeper_tick(host->keeper);
    ledger_bench_settle(&bench);
    restart(); /* what was made since the first start is not doubted */
    command("breaker", "{\"value\":\"open\",\"id\":\"since\",\"time\":1763719207000}");
    ledger_bench_settle(&bench);
    assert_int_equal(host->operated, 1);
    finish_done();
    ledger_bench_tell(&bench);
    forget_results();
    command("breaker", "{\"value\":\"open\",\"id\":\"before\",\"time\":1763719205000}");
    expect_result("before", "unknown", "restarted", false);
    ledger_bench_tell(&bench);
    host->now_ms += 59000;
    open_breaker("a");
    expect_result("a", "unknown", "restarted", false);
    ledger_bench_tell(&bench);
    host->now_ms += 1000;
    gw_ledger_keeper_tick(host->keeper);
    ledger_bench_settle(&bench);
    restart();
    open_breaker("a");
    expect_result("a", "unknown", "restarted", true);
    open_breaker("b");
    ledger_bench_settle(&bench);
    assert_int_equal(host->operated, 1);
    finish_done();
}

/* It lasts a minute; what was answered meanwhile stays so, on the disk too. */
static void test_the_doubt_ends(void **state)
{
    (void)state;
    restart_damaged();
    host->now_ms += 59000;
    open_breaker("a");
    expect_result("a", "unknown", "restarted", false);
    ledger_bench_settle(&bench);
    ledger_bench_tell(&bench);
    host->now_ms += 1000;
    open_breaker("a");
    expect_result("a", "unknown", "restarted", true);
    open_breaker("b");
    ledger_bench_settle(&bench);
    assert_int_equal(host->operated, 1);
    finish_done();
    ledger_bench_tell(&bench);
    gw_ledger_keeper_tick(host->keeper);
    ledger_bench_settle(&bench);
    restart();
    open_breaker("a");
    expect_result("a", "unknown", "restarted", true);
    open_breaker("c"); /* the file is sound */
    ledger_bench_settle(&bench);
    assert_int_equal(host->operated, 1);
    finish_done();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_leaves_before_the_disk_has_the_id),
        TEST(test_a_run_that_ends_in_between_is_answered_for),
        TEST(test_a_result_that_was_not_told),
        TEST(test_under_way_on_the_disk_is_under_way),
        TEST(test_feedback_counts_from_when_it_leaves),
        TEST(test_a_disk_that_fails_refuses),
        TEST(test_the_end_is_written_when_the_disk_is_back),
        TEST(test_the_switch_is_looked_at_again),
        TEST(test_refused_after_the_disk),
        TEST(test_a_stop_ends_the_wait),
        TEST(test_commands_of_outstations),
        TEST(test_a_command_expires_while_the_disk_works),
        TEST(test_a_time_sync_waits_too),
        TEST(test_a_control_that_is_gone),
        TEST(test_as_many_as_there_is_room_for),
        TEST(test_ids_that_went_with_the_spool),
        TEST(test_the_doubt_ends),
        TEST(test_the_doubt_outlives_a_restart),
    };
    return cmocka_run_group_tests_name("control_ledger", tests, load, unload);
}
