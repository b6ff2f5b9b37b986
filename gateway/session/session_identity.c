/* SPDX-License-Identifier: Apache-2.0 */
/* Which device answers: what the profile's `identity` names is read (g0) whenever the outstation
 * could be another one, before anything that it says is believed and anything is done to it. */
#include <stdio.h>
#include <string.h>

#include "dnp3/attribute.h"
#include "dnp3/error.h"
#include "gateway/base/backoff.h"
#include "gateway/base/json_writer.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/session/session_internal.h"

enum { DETAIL_MAX = 240, TOLD_MAX = 64 };

/* Until it is asked again: longest at first, and at last. */
enum { AGAIN_MIN_MS = 1000, AGAIN_MAX_MS = 60000 };

static const struct {
    uint8_t variation;
    const char *key;
} kinds[GW_IDENTITY_KEYS] = {
    [GW_IDENTITY_SERIAL_NUMBER] = {DNP3_ATTRIBUTE_SERIAL_NUMBER, "serial_number"},
    [GW_IDENTITY_MANUFACTURER] = {DNP3_ATTRIBUTE_MANUFACTURER, "manufacturer"},
    [GW_IDENTITY_MODEL] = {DNP3_ATTRIBUTE_PRODUCT, "model"}};

enum identity_state { IDENTITY_UNKNOWN, IDENTITY_ASKED, IDENTITY_PROVED, IDENTITY_WRONG };

struct session_identity {
    enum identity_state state;
    struct gw_backoff backoff;
    uint64_t again_ms; /* steady, when it is asked by itself; GW_NEVER */
    struct dnp3_request request;
    struct dnp3_request_header headers[GW_IDENTITY_KEYS];
    bool matches[GW_IDENTITY_KEYS];
    bool told[GW_IDENTITY_KEYS];
    char values[GW_IDENTITY_KEYS][TOLD_MAX]; /* as told, for the reason */
};

int gw_session_identity_init(struct gw_session *s)
{
    bool wanted = false;
    for (size_t i = 0; i < GW_IDENTITY_KEYS; i++)
        wanted |= s->config->profile->identity[i] != NULL;
    if (!s->line || !wanted)
        return 0;
    s->identity = gw_memory_allocate(GW_OWNER_SESSIONS, sizeof *s->identity);
    if (!s->identity)
        return DNP3_ERR_MEMORY;
    gw_backoff_init(&s->identity->backoff, AGAIN_MIN_MS, AGAIN_MAX_MS,
                    session_now(s) + s->config->address);
    s->identity->again_ms = GW_NEVER;
    return 0;
}

bool gw_session_is_proved(const struct gw_session *s)
{
    return !s->identity || s->identity->state == IDENTITY_PROVED;
}

void gw_session_identity_forget(struct gw_session *s)
{
    if (!s->identity)
        return;
    if (s->identity->state != IDENTITY_ASKED)
        s->identity->state = IDENTITY_UNKNOWN;
    s->identity->again_ms = GW_NEVER;
    gw_backoff_reset(&s->identity->backoff);
    gw_session_update_withholding(s);
}

void gw_session_identity_attribute(struct gw_session *s, const struct dnp3_attribute *attribute)
{
    struct session_identity *identity = s->identity;
    if (!identity || identity->state != IDENTITY_ASKED || attribute->set != 0 ||
        attribute->type != DNP3_ATTRIBUTE_TYPE_VISIBLE_STRING)
        return;
    for (size_t i = 0; i < GW_IDENTITY_KEYS; i++) {
        const char *wanted = s->config->profile->identity[i];
        if (!wanted || kinds[i].variation != attribute->variation)
            continue;
        bool text = gw_json_is_text(attribute->octets, attribute->length);
        identity->told[i] = true;
        identity->matches[i] = strlen(wanted) == attribute->length &&
                               memcmp(wanted, attribute->octets, attribute->length) == 0;
        snprintf(identity->values[i], TOLD_MAX, "%.*s", text ? (int)attribute->length : 0,
                 (const char *)attribute->octets);
    }
}

/* The place of the first thing that was told and is another one, or was not told; GW_IDENTITY_KEYS:
 * there is none. */
static size_t first_difference(const struct gw_session *s, bool told)
{
    const struct session_identity *identity = s->identity;
    size_t i = 0;
    while (i < GW_IDENTITY_KEYS &&
           (!s->config->profile->identity[i] || identity->matches[i] || identity->told[i] != told))
        i++;
    return i;
}

static void is_wrong(struct gw_session *s, size_t i)
{
    char detail[DETAIL_MAX];
    const char *wanted = s->config->profile->identity[i];
    s->identity->state = IDENTITY_WRONG;
    if (s->identity->told[i])
        snprintf(detail, sizeof detail, "its %s is \"%s\", expected \"%.100s\": another device?",
                 kinds[i].key, s->identity->values[i], wanted);
    else
        snprintf(detail, sizeof detail,
                 "it does not tell its %s (attribute %u), expected \"%.100s\"", kinds[i].key,
                 kinds[i].variation, wanted);
    s->lost_since_ms = 0;
    bool was_online = s->state == GW_STATE_ONLINE;
    gw_session_set_state(s, GW_STATE_OFFLINE, GW_REASON_WRONG_DEVICE, detail);
    if (was_online) /* no short loss: what it was is not there */
        gw_session_mark_points(s);
}

static void is_right(struct gw_session *s)
{
    s->identity->state = IDENTITY_PROVED;
    gw_backoff_reset(&s->identity->backoff);
    gw_session_update_withholding(s);
    gw_session_found(s);
    /* What it said before was not believed. */
    dnp3_association_demand(s->association, DNP3_DEMAND_INTEGRITY);
    gw_session_deadbands_event(s, DNP3_ASSOCIATION_STARTUP_DONE);
}

/* It answers, and that is all: it is neither the right device nor a wrong one. */
static void is_unknown(struct gw_session *s, uint16_t iin)
{
    if (s->state == GW_STATE_CONNECTING || s->state == GW_STATE_OFFLINE)
        gw_session_set_state(s, GW_STATE_CONNECTING, GW_REASON_OK,
                             iin & DNP3_IIN_ALREADY_EXECUTING
                                 ? "it is too busy to say which device it is, and is asked again"
                                 : "it refuses to say which device it is, and is asked again");
}

static void ask_again(struct gw_session *s)
{
    s->identity->again_ms = session_now(s) + gw_backoff_next(&s->identity->backoff);
}

/* An outstation without one of the attributes says so, and tells the others. What it does not tell
 * now it may tell later; without an answer it is also asked when it answers again. */
static void on_answer(struct dnp3_request *request)
{
    static const uint16_t cannot_say =
        DNP3_IIN_ALREADY_EXECUTING | DNP3_IIN_NO_FUNC_CODE_SUPPORT | DNP3_IIN_PARAMETER_ERROR;
    struct gw_session *s = request->user;
    bool answered =
        request->outcome == DNP3_OUTCOME_DONE || request->reason == DNP3_REASON_INDICATION;
    size_t different = first_difference(s, true);
    size_t untold = first_difference(s, false);
    s->identity->state = IDENTITY_UNKNOWN;
    if (answered && different < GW_IDENTITY_KEYS) {
        is_wrong(s, different);
    } else if (answered && untold == GW_IDENTITY_KEYS) {
        is_right(s);
    } else {
        ask_again(s);
        if (answered && request->iin & cannot_say)
            is_unknown(s, request->iin);
        else if (answered)
            is_wrong(s, untold);
    }
}

void gw_session_identity_ask(struct gw_session *s)
{
    struct session_identity *identity = s->identity;
    size_t count = 0;
    if (identity->state == IDENTITY_ASKED)
        return;
    identity->again_ms = GW_NEVER;
    memset(identity->matches, 0, sizeof identity->matches);
    memset(identity->told, 0, sizeof identity->told);
    for (size_t i = 0; i < GW_IDENTITY_KEYS; i++)
        if (s->config->profile->identity[i])
            identity->headers[count++] = (struct dnp3_request_header){
                .group = 0, .variation = kinds[i].variation, .ranged = true};
    identity->request = (struct dnp3_request){.function = DNP3_FUNCTION_READ,
                                              .headers = identity->headers,
                                              .count = count,
                                              .done = on_answer,
                                              .user = s};
    identity->state = IDENTITY_ASKED;
    if (dnp3_association_request(s->association, &identity->request)) {
        identity->state = IDENTITY_UNKNOWN;
        ask_again(s);
    }
}

void gw_session_identity_tick(struct gw_session *s)
{
    if (!s->identity || !s->association || session_now(s) < s->identity->again_ms ||
        !dnp3_association_online(s->association))
        return;
    gw_session_identity_ask(s);
    gw_line_pump(s->line);
}
