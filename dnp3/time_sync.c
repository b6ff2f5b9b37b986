/* SPDX-License-Identifier: Apache-2.0 */
/* Sets the outstation's clock (rule 17; IEEE 1815-2012 4.6, 5.1.8): over a LAN by the moment when
 * RECORD_CURRENT_TIME leaves, elsewhere by the measured delay, or directly where the outstation
 * knows neither. */
#include "dnp3/association_internal.h"

static int64_t trusted_clock(struct dnp3_association *a)
{
    return a->callbacks->wall_clock ? a->callbacks->wall_clock(a->user) : -1;
}

static void write_time(struct dnp3_association *a, uint8_t variation, int64_t wall_ms,
                       struct dnp3_writer *out)
{
    dnp3_task_begin(a, REQUEST_TIME_WRITE, DNP3_FUNCTION_WRITE, out);
    dnp3_header_write_count(out, 50, variation, DNP3_QUALIFIER_COUNT8, 1);
    dnp3_writer_u48(out, (uint64_t)wall_ms);
    a->time_variation = variation;
}

void dnp3_time_start(struct dnp3_association *a)
{
    a->time_method = (uint8_t)a->config->time_sync;
}

bool dnp3_time_request(struct dnp3_association *a, struct dnp3_writer *out)
{
    int64_t wall_ms = trusted_clock(a);
    if (wall_ms < 0) {
        dnp3_task_postpone(a, REQUEST_TIME);
        return false;
    }
    if (a->time_method == DNP3_TIME_SYNC_LAN) {
        dnp3_task_begin(a, REQUEST_TIME, DNP3_FUNCTION_RECORD_CURRENT_TIME, out);
        a->time_ms = wall_ms;
    } else if (a->time_method == DNP3_TIME_SYNC_NON_LAN) {
        dnp3_task_begin(a, REQUEST_TIME, DNP3_FUNCTION_DELAY_MEASURE, out);
    } else {
        write_time(a, 1, wall_ms, out);
    }
    return true;
}

bool dnp3_time_follow_up(struct dnp3_association *a, struct dnp3_writer *out)
{
    int64_t wall_ms = a->time_ms;
    a->follow_up = REQUEST_NONE;
    if (a->time_variation == 1) { /* `time_ms` is the delay until the outstation reads this */
        int64_t now_ms = trusted_clock(a);
        if (now_ms < 0) { /* no longer: it starts anew */
            a->wanted |= request_bit(REQUEST_TIME);
            dnp3_task_postpone(a, REQUEST_TIME);
            return false;
        }
        wall_ms += now_ms;
    }
    dnp3_confirm_void(a, &a->solicited); /* rule 1; nothing stands between the two (rule 17) */
    write_time(a, a->time_variation, wall_ms, out);
    return true;
}

static void follow_up(struct dnp3_association *a, uint8_t variation, int64_t time_ms)
{
    a->wanted &= (uint8_t)~request_bit(REQUEST_TIME);
    a->backoff[REQUEST_TIME].failures = 0;
    a->time_variation = variation;
    a->time_ms = time_ms;
    a->follow_up = REQUEST_TIME_WRITE;
}

/* Half of what the way there and back took. A long one is given up: what delayed it may have been
 * on one side only, and half of it is how wrong the clock would be. */
static void delay_measured(struct dnp3_association *a)
{
    uint64_t round_trip_ms = association_now(a) - a->out.sent_ms;
    uint64_t way_ms = round_trip_ms > a->out.delay_ms ? round_trip_ms - a->out.delay_ms : 0;
    if (a->config->time_round_trip_ms && way_ms > a->config->time_round_trip_ms) {
        association_event(a, DNP3_ASSOCIATION_TIME_ABANDONED, (unsigned)way_ms);
        dnp3_task_postpone(a, REQUEST_TIME);
        return;
    }
    follow_up(a, 1, (int64_t)(way_ms / 2));
}

void dnp3_time_prepared(struct dnp3_association *a, bool refused)
{
    bool measured = a->out.function == DNP3_FUNCTION_DELAY_MEASURE;
    if (refused || (measured && a->out.delay_ms == DNP3_NO_DELAY)) {
        a->time_method = measured ? DNP3_TIME_SYNC_DIRECT : DNP3_TIME_SYNC_NON_LAN;
        return; /* still wanted: the next method, at once */
    }
    if (measured)
        delay_measured(a);
    else
        follow_up(a, 3, a->time_ms);
}

void dnp3_time_written(struct dnp3_association *a, bool refused)
{
    uint8_t bit = request_bit(REQUEST_TIME);
    if (refused && a->time_variation == 3) {
        a->time_method = DNP3_TIME_SYNC_NON_LAN; /* 50v3 is unknown there */
        a->wanted |= bit;
        return;
    }
    a->wanted &= (uint8_t)~bit;
    if (refused)
        a->refused |= bit;
    association_event(a, refused ? DNP3_ASSOCIATION_TIME_REFUSED : DNP3_ASSOCIATION_TIME_WRITTEN,
                      0);
}
