/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of controls share: a fresh bench for each, messages, expectations. */
#ifndef CONTROL_STEPS_H
#define CONTROL_STEPS_H

#include "tests/lib/control_bench.h"
#include "tests/unit/bench_steps.h"

#define WALL "1763719200000" /* what the bench starts with */

static struct control_bench bench;

static inline int load(void **state)
{
    (void)state;
    return load_config(bench_config());
}

static inline int start(void **state)
{
    (void)state;
    bench_start(&bench, config, NO_SWITCH);
    return 0;
}

static inline int stop(void **state)
{
    (void)state;
    bench_stop(&bench);
    return nothing_left();
}

static inline void send_message(const struct gw_mqtt_message *message)
{
    assert_true(gw_controls_message(bench.controls, message));
}

static inline void command(const char *control, const char *payload)
{
    char topic[128];
    snprintf(topic, sizeof topic, "dnp3/north/r17/set/%s", control);
    const struct gw_mqtt_message message = mqtt_message_of(topic, payload);
    send_message(&message);
}

static inline void expect_text(const char *text)
{
    expect_result(&bench, text);
}

/* One more result with this end came, and nothing was sent. */
static inline void expect_refusal(const char *reason)
{
    char text[80];
    snprintf(text, sizeof text, "\"outcome\":\"refused\",\"reason\":\"%s\",\"stage\":null,",
             reason);
    assert_int_equal(bench.published, 1);
    expect_text(text);
    expect_text("\"status\":null,\"may_have_operated\":false,\"feedback\":null,\"repeated\":false");
    bench.published = 0;
}

static inline void expect_nothing_sent(void)
{
    expect_no_request(&bench, bench.request);
}

static inline void finish_done(void)
{
    bench_finish(&bench, DNP3_OUTCOME_DONE, DNP3_STAGE_OPERATE, DNP3_REASON_OK, 0);
}

static inline void move(const char *name, double value)
{
    const struct gw_outstation_config *outstation = &config->outstations[0];
    for (size_t i = 0; i < outstation->mapping->point_count; i++)
        if (strcmp(outstation->mapping->points[i].name, name) == 0)
            gw_controls_point(bench.controls, outstation, &outstation->mapping->points[i], value);
    gw_controls_settle(bench.controls);
}

#endif
