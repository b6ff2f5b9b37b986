/* SPDX-License-Identifier: Apache-2.0 */
/* What a script sets before it connects. */
#include <stdio.h>

#include "tests/scenarios/script.h"

static uint8_t classes(const char *text)
{
    uint8_t bits = 0;
    for (; *text; text++)
        if (*text >= '0' && *text <= '3')
            bits |= (uint8_t)(1u << (*text - '0'));
    return bits;
}

void script_set(struct run *run, char *text)
{
    struct dnp3_association_config *config = &script_side_of(run, &text)->config;
    const char *key = script_word(&text);
    const char *value = script_word(&text);
    struct {
        const char *key;
        uint32_t *value;
    } numbers[] = {{"response_timeout", &config->response_timeout_ms},
                   {"link_timeout", &config->link_timeout_ms},
                   {"keep_alive", &config->keep_alive_ms},
                   {"confirm_timeout", &config->confirm_timeout_ms},
                   {"retry_min", &config->retry_min_ms},
                   {"retry_max", &config->retry_max_ms},
                   {"operate_within", &config->operate_within_ms},
                   {"time_round_trip", &config->time_round_trip_ms},
                   {"time_sync_period", &config->time_sync_period_ms}};
    struct {
        const char *key;
        bool *value;
    } switches[] = {{"manage_unsolicited", &config->manage_unsolicited},
                    {"report_by_exception", &config->report_by_exception},
                    {"clear_restart", &config->clear_restart},
                    {"events_on_iin", &config->events_on_iin},
                    {"link_confirm", &config->link_confirm},
                    {"lenient", &config->lenient}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (script_is(key, numbers[i].key)) {
            *numbers[i].value = (uint32_t)script_number(run, value);
            return;
        }
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
        if (script_is(key, switches[i].key)) {
            *switches[i].value = script_is(value, "yes");
            return;
        }
    if (script_is(key, "integrity"))
        config->integrity = classes(value);
    else if (script_is(key, "unsolicited"))
        config->unsolicited = classes(value);
    else if (script_is(key, "link_retries"))
        config->link_retries = (uint8_t)script_number(run, value);
    else if (script_is(key, "max_request"))
        config->max_request = (uint16_t)script_number(run, value);
    else if (script_is(key, "max_request_told"))
        config->max_request_told = (uint16_t)script_number(run, value);
    else if (script_is(key, "time_sync"))
        config->time_sync = script_is(value, "lan")       ? DNP3_TIME_SYNC_LAN
                            : script_is(value, "non_lan") ? DNP3_TIME_SYNC_NON_LAN
                            : script_is(value, "direct")  ? DNP3_TIME_SYNC_DIRECT
                                                          : DNP3_TIME_SYNC_NONE;
    else
        script_fail(run, "no such setting", key);
}

void script_poll(struct run *run, char *text)
{
    struct side *side = script_side_of(run, &text);
    if (side->config.poll_count == POLLS_MAX) {
        script_fail(run, "too many polls", "");
        return;
    }
    struct dnp3_poll *poll = &side->polls[side->config.poll_count++];
    unsigned group, variation, start, stop;
    const char *what = script_word(&text);
    const char *which = script_word(&text);
    if (script_is(what, "class"))
        poll->classes = classes(which);
    else if (sscanf(what, "%uv%u", &group, &variation) == 2) {
        poll->group = (uint8_t)group;
        poll->variation = (uint8_t)variation;
        if (sscanf(which, "%u..%u", &start, &stop) == 2) {
            poll->ranged = true;
            poll->start = start;
            poll->stop = stop;
        }
    } else {
        script_fail(run, "no such poll", what);
    }
    const char *next = script_word(&text);
    if (sscanf(which, "x%u", &start) == 1 || sscanf(next, "x%u", &start) == 1) {
        poll->count = (uint16_t)start;
        next = *next == 'x' ? script_word(&text) : next;
    }
    if (!script_is(next, "every"))
        script_fail(run, "\"every\" was expected", "");
    poll->period_ms = (uint32_t)script_number(run, script_word(&text));
}
