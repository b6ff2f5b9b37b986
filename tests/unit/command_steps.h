/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of outstation commands share: a fresh bench for each, messages, expectations. */
#ifndef COMMAND_STEPS_H
#define COMMAND_STEPS_H

#include "tests/lib/command_bench.h"
#include "tests/unit/bench_steps.h"

static struct command_bench bench;

static inline int load(void **state)
{
    (void)state;
    return load_config(command_bench_config());
}

static inline int start(void **state)
{
    (void)state;
    command_bench_start(&bench, config, NO_SWITCH);
    return 0;
}

static inline int stop(void **state)
{
    (void)state;
    command_bench_stop(&bench);
    return nothing_left();
}

static inline void send_message(const struct gw_mqtt_message *message)
{
    assert_true(gw_commands_message(bench.commands, message));
}

static inline void command_of(const char *outstation, const char *word, const char *payload)
{
    char topic[128];
    snprintf(topic, sizeof topic, "dnp3/north/%s/command/%s", outstation, word);
    const struct gw_mqtt_message message = mqtt_message_of(topic, payload);
    send_message(&message);
}

static inline void command(const char *word, const char *payload)
{
    command_of("r17", word, payload);
}

static inline void expect_text(const char *text)
{
    expect_result(&bench.host, text);
}

/* One more result with this end came. */
static inline void expect_end(const char *outcome, const char *reason)
{
    char text[96];
    snprintf(text, sizeof text, "\"outcome\":\"%s\",\"reason\":\"%s\",\"stage\":null,", outcome,
             reason);
    assert_int_equal(bench.host.published, 1);
    bench.host.published = 0;
    expect_text(text);
}

static inline void expect_refusal(const char *reason)
{
    expect_end("refused", reason);
    expect_text("\"may_have_operated\":false");
}

static inline void expect_nothing_sent(void)
{
    expect_no_request(&bench.host, bench.request);
}

static inline void finish_done(void)
{
    command_bench_finish(&bench, DNP3_OUTCOME_DONE, DNP3_REASON_OK, 0);
}

#endif
