/* SPDX-License-Identifier: Apache-2.0 */
/* What an outstation says and nobody here can read: it may be an event, and its confirm would
 * delete it there. So its octets go where events go, before it is confirmed (scope rule 8). */
#include "gateway/base/log.h"
#include "gateway/session/session_internal.h"

enum {
    POISON_APPEARANCES = 3, /* an unreadable fragment is withheld so often */
    LOGGED_OCTETS = 48
};

static void log_problem(const struct gw_session *s, const struct dnp3_object_header *header,
                        const char *word, int error, const uint8_t *octets, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    char hex[LOGGED_OCTETS * 2 + 1];
    size_t shown = length < LOGGED_OCTETS ? length : LOGGED_OCTETS;
    for (size_t i = 0; i < shown; i++) {
        hex[2 * i] = digits[octets[i] >> 4];
        hex[2 * i + 1] = digits[octets[i] & 15];
    }
    hex[2 * shown] = 0;
    gw_log(GW_LOG_WARNING, s->config->name, "%s g%uv%u q%02X: %s, %zu octets: %s%s", word,
           header->group, header->variation, header->qualifier, dnp3_error_text(error), length, hex,
           shown < length ? "..." : "");
}

/* Only where a confirm waits for it: what comes with every poll is not published with each. */
void gw_session_on_problem(void *user, const struct dnp3_object_header *header, int error,
                           const uint8_t *octets, size_t length)
{
    struct gw_session *s = user;
    const char *word = error == DNP3_ERR_UNSUPPORTED ? "unsupported" : "malformed";
    log_problem(s, header, word, error, octets, length);
    if (!s->fragment.guarded || s->fragment.skipping)
        return;
    struct gw_undecoded undecoded = {.error = word,
                                     .group = header->group,
                                     .variation = header->variation,
                                     .qualifier = header->qualifier,
                                     .octets = octets,
                                     .length = length,
                                     .received_ms = s->fragment.received_ms};
    gw_session_open_transaction(s);
    error = gw_publisher_put_undecoded(s->shared->publisher, s->config, &undecoded);
    s->fragment.behind |= error == GW_OUTBOX_BEHIND;
    s->fragment.sent |= error != GW_OUTBOX_TOO_LARGE;
}

/* A fragment that cannot be read to its end is withheld, in case the outstation says it better, and
 * after some appearances let go, so that it does not block the rest. */
bool gw_session_is_poison(struct gw_session *s, const struct dnp3_fragment *fragment)
{
    if (!fragment->damaged) {
        if (fragment->events)
            s->poison = 0;
        return false;
    }
    if (!fragment->token || ++s->poison < POISON_APPEARANCES)
        return fragment->token != 0;
    s->poison = 0;
    gw_log(GW_LOG_ERROR, s->config->name,
           "undecoded: a fragment that cannot be read came %d times: its octets are published, and "
           "it is confirmed when they are safe",
           POISON_APPEARANCES);
    return false;
}
