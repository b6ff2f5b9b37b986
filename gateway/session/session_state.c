/* SPDX-License-Identifier: Apache-2.0 */
/* State and reason of a session: the whole of "why is 17 off-line?". A TCP connection without DNP3
 * answers is not online; a short loss is not reported; every reason says what to try. */
#include <stdio.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/session/session_internal.h"

enum { DETAIL_MAX = 160 };

static void set_detail(struct gw_session *s, const char *detail)
{
    gw_memory_release(s->detail);
    s->detail = detail ? gw_memory_copy_string(GW_OWNER_SESSIONS, detail) : NULL;
}

static bool same_detail(const struct gw_session *s, const char *detail)
{
    return detail && s->detail ? strcmp(detail, s->detail) == 0 : detail == s->detail;
}

void gw_session_set_state(struct gw_session *s, enum gw_state state, enum gw_reason reason,
                          const char *detail)
{
    if (s->state == state && s->reason == reason && same_detail(s, detail))
        return;
    if (s->state != state)
        s->since_ms = gw_clock_wall_ms();
    s->state = (uint8_t)state;
    s->reason = (uint8_t)reason;
    set_detail(s, detail);
    s->status_due = true;
    gw_session_due(s);
    const char *text = detail ? detail : gw_reason_detail(reason);
    gw_log(state == GW_STATE_OFFLINE ? GW_LOG_WARNING : GW_LOG_INFO, s->config->name, "%s, %s%s%s",
           gw_state_name(state), gw_reason_name(reason), *text ? ": " : "", text);
}

void gw_session_mark_points(struct gw_session *s)
{
    if (s->config->profile->on_offline != GW_ON_OFFLINE_MARK)
        return;
    s->marked = true;
    gw_session_mark_dirty(s);
}

/* What was online stays so for offline_after_s; what never was is told at once why. */
void gw_session_lost(struct gw_session *s, enum gw_reason reason, const char *detail)
{
    if (s->state == GW_STATE_DISABLED || gw_session_rests(s, reason))
        return;
    if (s->state != GW_STATE_ONLINE) {
        gw_session_set_state(s, GW_STATE_OFFLINE, reason, detail);
        return;
    }
    if (!s->lost_since_ms) {
        s->lost_since_ms = session_now(s);
        gw_log(GW_LOG_INFO, s->config->name, "lost, %s: reported when it lasts %u s",
               gw_reason_name(reason), s->config->profile->offline_after_ms / 1000);
    }
    s->lost_reason = (uint8_t)reason;
    gw_session_check_lost(s); /* at once where nothing is to be waited for */
}

/* Reasons that the channel gave, and may say more about. */
static bool tells_more(enum gw_reason reason)
{
    return reason == GW_REASON_SERIAL_FAILED || reason == GW_REASON_CLOSED_BY_PEER ||
           reason == GW_REASON_NOT_CALLING;
}

void gw_session_check_lost(struct gw_session *s)
{
    if (!s->lost_since_ms ||
        session_now(s) - s->lost_since_ms < s->config->profile->offline_after_ms)
        return;
    s->lost_since_ms = 0;
    bool was_online = s->state == GW_STATE_ONLINE;
    gw_session_set_state(s, GW_STATE_OFFLINE, s->lost_reason,
                         tells_more(s->lost_reason) ? gw_line_detail(s->line) : NULL);
    if (was_online)
        gw_session_mark_points(s);
}

static uint32_t garbage_of(const struct gw_session *s)
{
    const struct dnp3_link_counters *link = dnp3_master_link_counters(gw_line_master(s->line));
    return (uint32_t)(link->crc_errors + link->resyncs);
}

void gw_session_found(struct gw_session *s)
{
    s->heard = true;
    s->lost_since_ms = 0;
    gw_line_proved(s->line);
    if (s->marked) {
        s->marked = false;
        gw_session_mark_stale(s);
        if (!s->behaviour->report_by_exception) /* it keeps its events, and says if it cannot */
            dnp3_association_demand(s->association, DNP3_DEMAND_INTEGRITY);
    }
    gw_session_set_state(s, GW_STATE_ONLINE, GW_REASON_OK, NULL);
    gw_session_looks_go(s);
}

/* Until it has dialled in once, there is nothing that could be lost. */
void gw_session_await_call(struct gw_session *s)
{
    s->reason = GW_REASON_NOT_CALLING;
    s->lost_reason = GW_REASON_NOT_CALLING;
    if (!s->behaviour->report_by_exception) /* else max_silence_s bounds it */
        s->lost_since_ms = session_now(s);
}

static void called(struct gw_session *s)
{
    s->lost_since_ms = 0;
    gw_session_set_state(s, GW_STATE_CONNECTING, GW_REASON_OK, NULL);
}

void gw_session_line_opened(struct gw_session *s)
{
    if (s->reason == GW_REASON_NOT_CALLING)
        called(s);
    s->heard = false;
    s->halvings = 0;
    s->stranger_seen = false;
    s->garbage_before = garbage_of(s);
    gw_session_identity_forget(s);
    gw_session_deadbands_opened(s);
}

/* It has left one place without a word and appears at another: a line of its own that closes and
 * opens. The first place is where it has never been lost from. */
void gw_session_moved(struct gw_session *s, uint16_t address)
{
    if (s->config->address != address)
        return;
    dnp3_association_moved(s->association, session_now(s));
    if (s->heard_wall_ms)
        gw_session_lost(s, GW_REASON_TIMEOUT, NULL);
    gw_session_line_opened(s);
}

void gw_session_line_closed(struct gw_session *s, enum gw_reason reason)
{
    if (reason != GW_REASON_OK) /* else we closed it and said why */
        gw_session_lost(s, reason, gw_line_detail(s->line));
}

static const struct gw_channel_config *channel_of(const struct gw_session *s)
{
    return &s->shared->config->channels[s->config->channel];
}

static bool is_on_line(const struct gw_session *s, uint16_t address)
{
    const struct gw_session *other = gw_line_sessions(s->line);
    while (other && other->config->address != address)
        other = gw_session_next(other);
    return other != NULL;
}

/* Another outstation speaks over this one's call: the configuration may not know of that. Once. */
static void tell_companion(struct gw_session *s, uint16_t address)
{
    if (s->companion_told || s->config->behind || is_on_line(s, address) ||
        channel_of(s)->type != GW_CHANNEL_TCP_LISTEN)
        return;
    s->companion_told = true;
    gw_log(GW_LOG_WARNING, s->config->name,
           "over its call came a frame of link address %u, which is not heard there: where that is "
           "an outstation behind this one, it needs \"behind\": \"%s\"",
           address, s->config->name);
}

void gw_session_stranger(struct gw_session *s, uint16_t source, uint16_t destination)
{
    tell_companion(s, source);
    s->stranger = source;
    s->stranger_to = destination;
    s->stranger_seen = true;
}

static const char silent_port[] = "the port is open, but no DNP3 came: check wiring, baud rate and "
                                  "parity, and the outstation's link address";

static const char not_spoken[] =
    "it has not spoken to our UDP port yet: does it know our address and "
    "port, and is its link address right?";

static const char silent_datagrams[] = "datagrams leave and none comes back: check address, port, "
                                       "firewall, and the outstation's link address";

static void no_answer(struct gw_session *s)
{
    const struct gw_channel_config *channel = channel_of(s);
    if (channel->type == GW_CHANNEL_UDP && !channel->endpoint_count && !s->heard_wall_ms)
        gw_session_lost(s, GW_REASON_NOT_CALLING, not_spoken);
    else if (channel->type == GW_CHANNEL_UDP)
        gw_session_lost(s, GW_REASON_NO_ANSWER, silent_datagrams);
    else
        gw_session_lost(s, GW_REASON_NO_ANSWER,
                        channel->type == GW_CHANNEL_SERIAL ? silent_port : NULL);
}

/* Why an outstation whose link status is not answered either may be silent. */
static void link_dead(struct gw_session *s)
{
    char detail[DETAIL_MAX];
    if (s->stranger_seen && !s->heard) {
        if (s->stranger == s->config->address)
            snprintf(detail, sizeof detail,
                     "it answers to master address %u, ours is %u: check master_address",
                     s->stranger_to, s->config->profile->master_address);
        else
            snprintf(detail, sizeof detail, "frames came from %u, expected %u: check address",
                     s->stranger, s->config->address);
        gw_session_lost(s, GW_REASON_OTHER_ADDRESS, detail);
    } else if (!s->heard && garbage_of(s) != s->garbage_before) {
        gw_session_lost(s, GW_REASON_CRC_ERRORS, NULL);
    } else if (s->heard) {
        gw_session_lost(s, GW_REASON_TIMEOUT, NULL);
    } else {
        no_answer(s);
    }
    s->stranger_seen = false;
    gw_line_give_up(s->line);
}

/* What must not reach the outstation after its result was told: writes, controls, freezes,
 * restarts, and what is done to files. */
static bool is_act(unsigned function)
{
    return (function >= DNP3_FUNCTION_WRITE && function <= DNP3_FUNCTION_WARM_RESTART) ||
           (function >= DNP3_FUNCTION_OPEN_FILE && function <= DNP3_FUNCTION_ABORT_FILE);
}

/* Said once: it is the device's way. */
static void unprotected(struct gw_session *s)
{
    if (!s->unprotected_told)
        gw_log(GW_LOG_WARNING, s->config->name,
               "it sends events without asking for a confirm, and forgets them at once: what does "
               "not get through here is lost");
    s->unprotected_told = true;
}

static void answers(struct gw_session *s)
{
    if (gw_session_is_proved(s)) {
        gw_session_found(s);
        return;
    }
    s->heard = true;
    gw_line_proved(s->line);
    gw_session_identity_ask(s);
}

/* Its line in the log, where it has one. */
static void tell_event(const struct gw_session *s, enum dnp3_association_event event,
                       unsigned detail)
{
    const char *name = s->config->name;
    const char *function = dnp3_function_name((uint8_t)detail);
    if (!function)
        function = "a request";
    switch (event) {
    case DNP3_ASSOCIATION_TIMEOUT:
        gw_log(GW_LOG_DEBUG, name, "no answer to %s in time", function);
        break;
    case DNP3_ASSOCIATION_STEP_REFUSED:
        gw_log(GW_LOG_WARNING, name, "the outstation refuses %s: passed over", function);
        break;
    case DNP3_ASSOCIATION_OVERFLOWED:
        gw_log(GW_LOG_WARNING, name,
               "the outstation's event buffer overflowed: events were lost there");
        break;
    case DNP3_ASSOCIATION_TIME_ABANDONED:
        gw_log(GW_LOG_WARNING, name, "its clock is not set: %u ms there and back are too long",
               detail);
        break;
    case DNP3_ASSOCIATION_TIME_WRITTEN:
    case DNP3_ASSOCIATION_TIME_REFUSED:
    case DNP3_ASSOCIATION_RESTARTED:
    case DNP3_ASSOCIATION_STARTUP_DONE:
        gw_log(GW_LOG_INFO, name, "%s", dnp3_association_event_text(event));
        break;
    case DNP3_ASSOCIATION_BROADCAST_HEARD:
    case DNP3_ASSOCIATION_BROADCAST_MISSED:
        gw_log(GW_LOG_DEBUG, name, "%s", dnp3_association_event_text(event));
        break;
    default:
        break;
    }
}

void gw_session_on_event(void *user, enum dnp3_association_event event, unsigned detail)
{
    struct gw_session *s = user;
    if (gw_session_is_proved(s))
        gw_session_deadbands_event(s, event);
    tell_event(s, event, detail);
    switch (event) {
    case DNP3_ASSOCIATION_ONLINE:
        answers(s);
        break;
    case DNP3_ASSOCIATION_TIMEOUT:
        if (s->heard)
            gw_session_lost(s, GW_REASON_TIMEOUT, NULL);
        gw_line_discard_late(s->line, is_act(detail));
        break;
    case DNP3_ASSOCIATION_LINK_ONLY:
        gw_session_lost(s, GW_REASON_LINK_ONLY, NULL);
        break;
    case DNP3_ASSOCIATION_LINK_DEAD:
        gw_session_identity_forget(s);
        link_dead(s);
        break;
    case DNP3_ASSOCIATION_PROBE_ANSWERED:
    case DNP3_ASSOCIATION_PROBE_FAILED:
        gw_line_probed(s->line, event == DNP3_ASSOCIATION_PROBE_ANSWERED);
        break;
    case DNP3_ASSOCIATION_OVERFLOWED:
        s->status_due = true;
        gw_session_due(s);
        break;
    case DNP3_ASSOCIATION_TIME_WRITTEN:
    case DNP3_ASSOCIATION_TIME_REFUSED:
        gw_commands_time(s->shared->commands, s->config, event == DNP3_ASSOCIATION_TIME_WRITTEN);
        break;
    case DNP3_ASSOCIATION_CONFIRM_LATE:
        gw_session_confirm_late(s);
        break;
    case DNP3_ASSOCIATION_UNPROTECTED:
        unprotected(s);
        break;
    case DNP3_ASSOCIATION_STEP_REFUSED:
    case DNP3_ASSOCIATION_RESTARTED:
    case DNP3_ASSOCIATION_STARTUP_DONE:
    case DNP3_ASSOCIATION_TIME_ABANDONED:
    case DNP3_ASSOCIATION_BROADCAST_HEARD:
    case DNP3_ASSOCIATION_BROADCAST_MISSED:
        break; /* told, and no more */
    }
}

static const char *clock_word(const struct gw_session *s)
{
    if (!(s->iin & DNP3_IIN_NEED_TIME))
        return "ok";
    return gw_clock_trusted(s->shared->config->clock) ? "unsynchronized" : "not_written";
}

void gw_session_flush_status(struct gw_session *s)
{
    char topic[GW_TOPIC_MAX];
    char payload[GW_PAYLOAD_MAX];
    struct gw_outstation_status status = {.state = s->state,
                                          .reason = s->reason,
                                          .detail = s->detail,
                                          .since_ms = s->since_ms,
                                          .last_heard_ms = s->heard_wall_ms,
                                          .connect = s->config->connect,
                                          .address = s->config->address,
                                          .master_address = s->config->profile->master_address,
                                          .iin = s->iin,
                                          .clock = clock_word(s),
                                          .withholding = s->withholding};
    if (s->association) {
        const struct dnp3_association_counters *counters =
            dnp3_association_counters(s->association);
        status.event_overflows = counters->overflows;
        status.rtt_ms = dnp3_association_round_trip(s->association);
        status.timeouts = counters->timeouts;
        status.crc_errors = dnp3_master_link_counters(gw_line_master(s->line))->crc_errors;
        status.rx_bytes = counters->rx_octets;
        status.tx_bytes = counters->tx_octets;
    }
    int length = gw_payload_outstation_status(payload, sizeof payload, &status);
    if (length < 0 || gw_topic_outstation(s->shared->config, GW_TOPIC_OUTSTATION_STATUS, s->config,
                                          topic, sizeof topic) < 0)
        return;
    s->status_due =
        gw_publisher_send(s->shared->publisher, topic, payload, (size_t)length, true) != 0;
}
