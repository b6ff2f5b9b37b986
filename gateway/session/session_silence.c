/* SPDX-License-Identifier: Apache-2.0 */
/* Silence. Of an outstation that reports by exception it is expected: it is idle then, whether its
 * connection stays or goes, and its points keep their quality. Of any outstation it is too long
 * after max_silence_s. */
#include <stdio.h>

#include "gateway/session/session_internal.h"

enum { DETAIL_MAX = 240 };

bool gw_session_rests(struct gw_session *s, enum gw_reason reason)
{
    if (!s->behaviour->report_by_exception)
        return false;
    s->lost_reason = (uint8_t)reason;
    if (s->state == GW_STATE_ONLINE)
        gw_session_set_state(s, GW_STATE_IDLE, GW_REASON_OK, NULL);
    return true;
}

/* TCP tells whether its octets arrived (scope rule 15); datagrams may wait anywhere. */
bool gw_session_sleeps(const struct gw_session *s)
{
    return s->state == GW_STATE_IDLE &&
           s->shared->config->channels[s->config->channel].type == GW_CHANNEL_UDP;
}

void gw_session_heard(struct gw_session *s)
{
    bool silent = s->state == GW_STATE_OFFLINE && s->reason == GW_REASON_SILENT;
    if ((silent || s->state == GW_STATE_IDLE) && gw_session_is_proved(s))
        gw_session_found(s);
    if (s->behaviour->report_by_exception)
        s->lost_reason = GW_REASON_OK;
}

static void fall_silent(struct gw_session *s, uint64_t silence_ms)
{
    char detail[DETAIL_MAX];
    const char *line = gw_reason_detail(s->lost_reason);
    snprintf(detail, sizeof detail, "nothing came for %llu s, max_silence_s is %u%s%s",
             (unsigned long long)(silence_ms / 1000), s->config->profile->max_silence_ms / 1000,
             *line ? "; last on its line: " : "", line);
    bool called = s->reason != GW_REASON_NOT_CALLING;
    gw_session_set_state(s, GW_STATE_OFFLINE, called ? GW_REASON_SILENT : GW_REASON_NOT_CALLING,
                         called ? detail : gw_line_detail(s->line));
    s->lost_since_ms = 0;
    gw_session_mark_points(s);
}

void gw_session_check_silence(struct gw_session *s)
{
    const struct gw_profile *profile = s->config->profile;
    if (!s->association || s->state == GW_STATE_OFFLINE)
        return;
    uint64_t heard = dnp3_association_heard(s->association);
    uint64_t silence = session_now(s) - (heard > s->awaited_ms ? heard : s->awaited_ms);
    if (profile->max_silence_ms && silence >= profile->max_silence_ms)
        fall_silent(s, silence);
    else if (s->behaviour->report_by_exception && s->state == GW_STATE_ONLINE &&
             silence >= profile->offline_after_ms)
        gw_session_set_state(s, GW_STATE_IDLE, GW_REASON_OK, NULL);
}
