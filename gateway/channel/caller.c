/* SPDX-License-Identifier: Apache-2.0 */
/* Who calls? By address, by the first frame, or by the answer to a question; then the way to the
 * outstation's channel (scope rule 21). */
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/channel/listener_internal.h"

enum {
    ASK_OCTETS = 10, /* of a frame without data */
    ASK_MAX = 200,   /* frames in one write */
    LOOK_AT = 500    /* candidates for that, at least: most may be connected */
};

static const char *subject(const struct gw_listener *listener)
{
    return listener->config->name;
}

static const char *name_of(const struct gw_candidate *leader)
{
    return gw_config_caller(leader->outstation)->name;
}

static bool may_tell_call(struct gw_candidate *leader)
{
    return gw_rate_allows(&leader->told, name_of(leader), uv_now(leader->listener->loop));
}

const char *gw_caller_address(const struct gw_caller *caller, char text[INET6_ADDRSTRLEN])
{
    static const char mapped[] = "::ffff:";
    if (uv_ip_name((const struct sockaddr *)&caller->address, text, INET6_ADDRSTRLEN) != 0)
        snprintf(text, INET6_ADDRSTRLEN, "?");
    /* IPv4 on a dual-stack socket: as it is written in files. */
    return strncmp(text, mapped, strlen(mapped)) == 0 && strchr(text, '.') ? text + strlen(mapped)
                                                                           : text;
}

static const struct sockaddr *socket_address(const struct gw_caller *caller)
{
    return (const struct sockaddr *)&caller->address;
}

static void hand_over(struct gw_caller *caller, struct gw_candidate *leader)
{
    char text[INET6_ADDRSTRLEN];
    struct gw_listener *listener = caller->listener;
    struct gw_tcp_stream *stream = caller->stream;
    if (may_tell_call(leader))
        gw_log(GW_LOG_INFO, name_of(leader), "dials in from %s", gw_caller_address(caller, text));
    gw_caller_unlink(caller);
    listener->closing--;
    gw_dial_in_take(leader->channel, stream, caller->greeting.octets, caller->greeting.length);
    gw_memory_release(caller);
}

/* From channels. */

static void on_waiting(void *user)
{
    struct gw_candidate *leader = user;
    if (leader->next)
        hand_over(leader->next, leader);
}

static void on_kept(void *user)
{
    struct gw_candidate *leader = user;
    char text[INET6_ADDRSTRLEN];
    if (!leader->next)
        return;
    if (may_tell_call(leader))
        gw_log(GW_LOG_WARNING, name_of(leader),
               "a second connection, from %s, is refused: the first one answers",
               gw_caller_address(leader->next, text));
    gw_caller_drop(leader->next);
}

const struct gw_dial_in_host gw_caller_host = {.waiting = on_waiting, .kept = on_kept};

/* Who is it? */

static bool may_be(const struct gw_candidate *candidate, const struct gw_caller *caller)
{
    const struct gw_network *peer = candidate->outstation->peer;
    return !peer || gw_network_contains(peer, socket_address(caller));
}

static size_t first_at(const struct gw_listener *listener, uint16_t address)
{
    size_t low = 0;
    for (size_t high = listener->candidate_count; low < high;) {
        size_t middle = (low + high) / 2;
        if (listener->candidates[middle].outstation->address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Of that link address; where several are, the one whose `peer` says most about the caller. */
static struct gw_candidate *find_address(struct gw_listener *listener,
                                         const struct gw_caller *caller, uint16_t address,
                                         const struct gw_candidate **elsewhere)
{
    struct gw_candidate *best = NULL;
    *elsewhere = NULL;
    for (size_t i = first_at(listener, address); i < listener->candidate_count; i++) {
        struct gw_candidate *candidate = &listener->candidates[i];
        const struct gw_network *peer = candidate->outstation->peer;
        if (candidate->outstation->address != address)
            break;
        if (!may_be(candidate, caller))
            *elsewhere = candidate;
        else if (!best ||
                 (peer && (!best->outstation->peer || peer->bits > best->outstation->peer->bits)))
            best = candidate;
    }
    return best;
}

struct gw_candidate *gw_caller_find_peer(const struct gw_caller *caller)
{
    const struct gw_listener *listener = caller->listener;
    struct gw_candidate *only = NULL;
    for (size_t i = 0; listener->has_peers && i < listener->candidate_count; i++) {
        struct gw_candidate *candidate = &listener->candidates[i];
        if (candidate->leader != candidate || !candidate->outstation->peer ||
            !may_be(candidate, caller))
            continue;
        if (only)
            return NULL;
        only = candidate;
    }
    return only;
}

/* Nothing more is read until it is at its place. */
void gw_caller_claim(struct gw_caller *caller, struct gw_candidate *candidate)
{
    struct gw_candidate *leader = candidate->leader;
    char text[INET6_ADDRSTRLEN];
    if (gw_dial_in_is_waiting(leader->channel)) {
        hand_over(caller, leader);
        return;
    }
    if (may_tell_call(leader))
        gw_log(GW_LOG_INFO, name_of(leader),
               "dials in once more, from %s: the connection that it has must answer now",
               gw_caller_address(caller, text));
    gw_tcp_pause(caller->stream);
    if (leader->next) /* it has called once more */
        gw_caller_drop(leader->next);
    leader->next = caller;
    caller->claims = leader;
    gw_dial_in_contest(leader->channel);
}

static void refuse_unknown(struct gw_caller *caller, uint16_t source,
                           const struct gw_candidate *elsewhere)
{
    struct gw_listener *listener = caller->listener;
    char text[INET6_ADDRSTRLEN];
    char network[GW_NETWORK_TEXT_MAX];
    if (!gw_listener_may_tell(listener, GW_TOLD_UNKNOWN)) {
        gw_caller_drop(caller);
        return;
    }
    const char *from = gw_caller_address(caller, text);
    if (elsewhere)
        gw_log(GW_LOG_WARNING, subject(listener),
               "closed a call from %s: link address %u is %s's, whose \"peer\" is %s", from, source,
               elsewhere->outstation->name, gw_network_print(elsewhere->outstation->peer, network));
    else
        gw_log(GW_LOG_WARNING, subject(listener),
               "closed a call from %s: no enabled outstation of this channel has link address %u; "
               "if it is yours, add { \"name\": ..., \"channel\": \"%s\", \"address\": %u } to "
               "\"outstations\"",
               from, source, subject(listener), source);
    gw_caller_drop(caller);
}

void gw_caller_said(struct gw_caller *caller, const uint8_t *octets, size_t length)
{
    struct gw_listener *listener = caller->listener;
    const struct gw_candidate *elsewhere;
    struct gw_candidate *candidate;
    uint16_t source;
    uint16_t destination;
    char text[INET6_ADDRSTRLEN];
    switch (gw_greeting_take(&caller->greeting, octets, length, &source, &destination)) {
    case GW_GREETING_MORE:
        caller->stream->read_max = gw_greeting_room(&caller->greeting);
        break;
    case GW_GREETING_KNOWN:
        candidate = find_address(listener, caller, source, &elsewhere);
        if (candidate)
            gw_caller_claim(caller, candidate);
        else
            refuse_unknown(caller, source, elsewhere);
        break;
    case GW_GREETING_FULL:
        if (gw_listener_may_tell(listener, GW_TOLD_SILENT))
            gw_log(GW_LOG_WARNING, subject(listener),
                   "closed a call from %s: no DNP3 in its first %d octets",
                   gw_caller_address(caller, text), GW_GREETING_MAX);
        gw_caller_drop(caller);
        break;
    }
}

void gw_caller_ask(struct gw_caller *caller)
{
    const struct gw_listener *listener = caller->listener;
    uint8_t frames[ASK_MAX * ASK_OCTETS];
    struct dnp3_writer out = dnp3_writer_of(frames, sizeof frames);
    size_t turns = listener->config->identify_ms / GW_LISTENER_ASK_MS / 2;
    size_t wanted = listener->candidate_count / (turns ? turns : 1) + 1;
    size_t looks = wanted > LOOK_AT ? wanted : LOOK_AT;
    looks = looks < listener->candidate_count ? looks : listener->candidate_count;
    wanted = wanted < ASK_MAX ? wanted : ASK_MAX;
    for (size_t i = 0; i < looks && wanted; i++) {
        struct gw_candidate *candidate =
            &listener->candidates[caller->asked++ % listener->candidate_count];
        if (!gw_dial_in_is_waiting(candidate->channel) || !may_be(candidate, caller))
            continue;
        struct dnp3_link_frame frame = {.control = DNP3_LINK_DIR | DNP3_LINK_PRM |
                                                   DNP3_LINK_REQUEST_LINK_STATUS,
                                        .destination = candidate->outstation->address,
                                        .source = candidate->outstation->profile->master_address};
        dnp3_link_write(&out, &frame);
        wanted--;
    }
    if (dnp3_writer_length(&out))
        gw_tcp_write(caller->stream, frames, dnp3_writer_length(&out));
}
