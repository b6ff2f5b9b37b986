/* SPDX-License-Identifier: Apache-2.0 */
/* Listens, accepts, keeps the time of callers. Nothing that a caller does may cost the others more
 * than one of a few places, for a bounded time. */
#include "gateway/channel/listener.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/channel/listener_internal.h"

enum {
    BACKLOG = 4096, /* the kernel bounds it too (somaxconn) */
    TICK_MS = 100,
    RETRY_MS = 1000,
};

static const char *subject(const struct gw_listener *listener)
{
    return listener->config->name;
}

static const struct sockaddr *socket_address(const struct gw_caller *caller)
{
    return (const struct sockaddr *)&caller->address;
}

/* Life of a caller. */

static void settle(struct gw_listener *listener)
{
    if (!listener->freeing || listener->closing)
        return;
    gw_memory_release(listener->candidates);
    gw_memory_release(listener);
}

static void on_closed(void *user)
{
    struct gw_caller *caller = user;
    struct gw_listener *listener = caller->listener;
    gw_memory_release(caller->stream);
    gw_memory_release(caller);
    listener->closing--;
    settle(listener);
}

static void append(struct gw_listener *listener, struct gw_caller *caller)
{
    caller->older = listener->newest;
    if (listener->newest)
        listener->newest->newer = caller;
    else
        listener->oldest = caller;
    listener->newest = caller;
    listener->callers++;
}

void gw_caller_unlink(struct gw_caller *caller)
{
    struct gw_listener *listener = caller->listener;
    *(caller->older ? &caller->older->newer : &listener->oldest) = caller->newer;
    *(caller->newer ? &caller->newer->older : &listener->newest) = caller->older;
    listener->callers--;
    if (caller->claims)
        caller->claims->next = NULL;
}

void gw_caller_drop(struct gw_caller *caller)
{
    if (caller->stream->closing)
        return;
    gw_caller_unlink(caller);
    gw_tcp_close(caller->stream, true);
}

static void accept_pending(struct gw_listener *listener);

static void on_octets(void *user, const uint8_t *octets, size_t length)
{
    struct gw_caller *caller = user;
    struct gw_listener *listener = caller->listener;
    gw_caller_said(caller, octets, length);
    accept_pending(listener); /* a place may have become free */
}

static void on_writable(void *user)
{
    (void)user; /* it is asked again when its time comes */
}

static void on_lost(void *user, enum gw_reason reason)
{
    const struct gw_caller *caller = user;
    struct gw_listener *listener = caller->listener;
    (void)reason;
    gw_caller_drop(user);
    accept_pending(listener);
}

/* Time. */

static void give_up(struct gw_caller *caller)
{
    struct gw_listener *listener = caller->listener;
    char text[INET6_ADDRSTRLEN];
    if (gw_listener_may_tell(listener, GW_TOLD_SILENT))
        gw_log(GW_LOG_WARNING, subject(listener),
               "closed a call from %s: %s in %u s, nor did an outstation of this channel answer "
               "link status there",
               gw_caller_address(caller, text),
               caller->greeting.length ? "it said nothing that is DNP3" : "it said nothing",
               listener->config->identify_ms / 1000);
    gw_caller_drop(caller);
}

static void check_caller(struct gw_caller *caller, uint64_t now)
{
    const struct gw_listener *listener = caller->listener;
    if (caller->claims) /* its turn comes when the first connection is decided about */
        return;
    if (now - caller->since_ms >= listener->config->identify_ms) {
        give_up(caller);
    } else if (now >= caller->ask_ms && gw_tcp_writable(caller->stream)) {
        caller->ask_ms = now + GW_LISTENER_ASK_MS;
        gw_caller_ask(caller);
    }
}

static void try_listen(struct gw_listener *listener);

static void on_timer(uv_timer_t *timer)
{
    struct gw_listener *listener = timer->data;
    uint64_t now = uv_now(listener->loop);
    struct gw_caller *newer;
    for (struct gw_caller *caller = listener->oldest; caller; caller = newer) {
        newer = caller->newer; /* a caller's turn ends none but itself */
        check_caller(caller, now);
    }
    accept_pending(listener);
    if (!listener->listening && now >= listener->retry_ms)
        try_listen(listener);
    if (listener->listening && !listener->callers && !listener->pending)
        uv_timer_stop(timer);
}

static void run_timer(struct gw_listener *listener)
{
    if (!uv_is_active((uv_handle_t *)&listener->timer))
        uv_timer_start(&listener->timer, on_timer, TICK_MS, TICK_MS);
}

/* Accepting. */

static bool has_place(struct gw_listener *listener)
{
    char text[INET6_ADDRSTRLEN];
    if (listener->callers < listener->config->max_unidentified)
        return true;
    struct gw_caller *oldest = listener->oldest;
    while (oldest && oldest->claims)
        oldest = oldest->newer;
    if (!oldest || uv_now(listener->loop) - oldest->since_ms < GW_LISTENER_GRACE_MS)
        return false;
    if (gw_listener_may_tell(listener, GW_TOLD_FULL))
        gw_log(GW_LOG_WARNING, subject(listener),
               "%zu callers have not said who they are: the oldest, from %s, gives way; limit who "
               "may call with \"allow\", or raise \"max_unidentified\"",
               listener->callers, gw_caller_address(oldest, text));
    gw_caller_drop(oldest);
    return true;
}

static bool is_descriptor_spare(struct gw_caller *caller)
{
    struct gw_listener *listener = caller->listener;
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&caller->stream->tcp, &fd) == 0 &&
        (uint64_t)fd <= listener->descriptors)
        return true;
    if (gw_listener_may_tell(listener, GW_TOLD_DESCRIPTORS))
        gw_log(GW_LOG_ERROR, subject(listener),
               "closed a call: no descriptors are left for it; raise this process' limit of open "
               "files (LimitNOFILE)");
    return false;
}

static bool is_allowed(struct gw_caller *caller)
{
    struct gw_listener *listener = caller->listener;
    char text[INET6_ADDRSTRLEN];
    if (gw_networks_allow(listener->config->allow, listener->config->allow_count,
                          socket_address(caller)))
        return true;
    if (gw_listener_may_tell(listener, GW_TOLD_NOT_ALLOWED))
        gw_log(GW_LOG_WARNING, subject(listener),
               "closed a call from %s: it is in no network of \"allow\"; add it there if it is "
               "yours",
               gw_caller_address(caller, text));
    return false;
}

static struct gw_caller *create_caller(struct gw_listener *listener)
{
    static const struct gw_tcp_callbacks callbacks = {
        .octets = on_octets, .writable = on_writable, .lost = on_lost, .closed = on_closed};
    struct gw_caller *caller = gw_memory_allocate(GW_OWNER_LINK, sizeof *caller);
    struct gw_tcp_stream *stream = gw_memory_allocate(GW_OWNER_LINK, sizeof *stream);
    if (!caller || !stream) {
        gw_memory_release(caller);
        gw_memory_release(stream);
        return NULL;
    }
    caller->listener = listener;
    caller->stream = stream;
    caller->since_ms = uv_now(listener->loop);
    caller->ask_ms = caller->since_ms + GW_LISTENER_ASK_MS;
    gw_greeting_init(&caller->greeting);
    gw_tcp_init(stream, listener->loop, &callbacks, caller);
    stream->read_max = gw_greeting_room(&caller->greeting);
    listener->closing++;
    return caller;
}

static void welcome(struct gw_caller *caller)
{
    int length = sizeof caller->address;
    struct gw_candidate *candidate;
    append(caller->listener, caller);
    if (uv_tcp_getpeername(&caller->stream->tcp, (struct sockaddr *)&caller->address, &length) ||
        !is_descriptor_spare(caller) || !is_allowed(caller)) {
        gw_caller_drop(caller);
        return;
    }
    gw_tcp_connected(caller->stream);
    candidate = gw_caller_find_peer(caller);
    if (candidate) {
        gw_caller_claim(caller, candidate);
        return;
    }
    gw_tcp_read(caller->stream);
    run_timer(caller->listener);
}

/* What is not accepted now waits in the kernel; libuv does not look again until it is. */
static void accept_pending(struct gw_listener *listener)
{
    if (!listener->pending || !has_place(listener))
        return;
    struct gw_caller *caller = create_caller(listener);
    if (!caller) /* no memory: again at the next tick */
        return;
    listener->pending = false;
    if (uv_accept((uv_stream_t *)&listener->tcp, (uv_stream_t *)&caller->stream->tcp) == 0)
        welcome(caller);
    else
        gw_tcp_close(caller->stream, true);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct gw_listener *listener = handle->data;
    listener->closing--;
    settle(listener);
}

static void say_trouble(struct gw_listener *listener, const char *trouble)
{
    for (size_t i = 0; i < listener->candidate_count; i++)
        gw_dial_in_trouble(listener->candidates[i].channel, trouble);
}

/* Ends listening for a while. */
static void fail(struct gw_listener *listener, int error)
{
    char trouble[sizeof listener->trouble];
    const struct gw_endpoint *at = &listener->config->listen;
    snprintf(trouble, sizeof trouble, "the gateway cannot listen on %s:%u: %s", at->host, at->port,
             uv_strerror(error));
    if (strcmp(trouble, listener->trouble) != 0)
        gw_log(GW_LOG_ERROR, subject(listener), "%s; tried again every %d s", trouble,
               RETRY_MS / 1000);
    memcpy(listener->trouble, trouble, sizeof trouble);
    say_trouble(listener, listener->trouble);
    listener->listening = false;
    listener->pending = false;
    listener->retry_ms = uv_now(listener->loop) + RETRY_MS;
    uv_close((uv_handle_t *)&listener->tcp, on_handle_closed);
    run_timer(listener);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct gw_listener *listener = server->data;
    if (uv_is_closing((uv_handle_t *)server))
        return;
    if (status < 0) {
        fail(listener, status);
        return;
    }
    listener->pending = true;
    accept_pending(listener);
    run_timer(listener);
}

static void try_listen(struct gw_listener *listener)
{
    const struct gw_endpoint *at = &listener->config->listen;
    struct sockaddr_storage address;
    if (uv_ip4_addr(at->host, at->port, (struct sockaddr_in *)&address) != 0)
        uv_ip6_addr(at->host, at->port, (struct sockaddr_in6 *)&address);
    uv_tcp_init(listener->loop, &listener->tcp);
    listener->tcp.data = listener;
    listener->closing++;
    int error = uv_tcp_bind(&listener->tcp, (const struct sockaddr *)&address, 0);
    if (!error)
        error = uv_listen((uv_stream_t *)&listener->tcp, BACKLOG, on_connection);
    if (error) {
        fail(listener, error);
        return;
    }
    listener->listening = true;
    listener->trouble[0] = '\0';
    say_trouble(listener, NULL);
    gw_log(GW_LOG_INFO, subject(listener), "listens on %s port %u for %zu outstations", at->host,
           at->port, listener->candidate_count);
}

/* Life. */

struct gw_listener *gw_listener_create(uv_loop_t *loop, const struct gw_channel_config *config)
{
    struct gw_listener *listener = gw_memory_allocate(GW_OWNER_LINK, sizeof *listener);
    if (!listener)
        return NULL;
    listener->loop = loop;
    listener->config = config;
    uv_timer_init(loop, &listener->timer);
    listener->timer.data = listener;
    listener->closing = 1;
    return listener;
}

bool gw_listener_add(struct gw_listener *listener, struct gw_channel *channel,
                     const struct gw_outstation_config *outstation)
{
    if (listener->candidate_count == listener->candidate_room) {
        size_t room = listener->candidate_room * 2 + 16;
        struct gw_candidate *grown =
            gw_memory_resize(GW_OWNER_LINK, listener->candidates, room * sizeof *grown);
        if (!grown)
            return false;
        listener->candidates = grown;
        listener->candidate_room = room;
    }
    listener->candidates[listener->candidate_count++] =
        (struct gw_candidate){.listener = listener, .outstation = outstation, .channel = channel};
    listener->has_peers |= outstation->peer != NULL;
    return true;
}

static int compare_addresses(const void *left, const void *right)
{
    const struct gw_candidate *a = left;
    const struct gw_candidate *b = right;
    return (a->outstation->address > b->outstation->address) -
           (a->outstation->address < b->outstation->address);
}

static void check_descriptors(struct gw_listener *listener)
{
    struct rlimit limit;
    listener->descriptors = UINT64_MAX;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return;
    uint64_t wanted = listener->candidate_count + listener->config->max_unidentified +
                      2 * GW_LISTENER_SPARE_DESCRIPTORS;
    listener->descriptors = limit.rlim_cur > 2 * GW_LISTENER_SPARE_DESCRIPTORS
                                ? limit.rlim_cur - GW_LISTENER_SPARE_DESCRIPTORS
                                : limit.rlim_cur;
    if (limit.rlim_cur < wanted)
        gw_log(GW_LOG_WARNING, subject(listener),
               "this process may open %llu files, its outstations need %llu: raise the limit "
               "(LimitNOFILE)",
               (unsigned long long)limit.rlim_cur, (unsigned long long)wanted);
}

/* Where several have a channel, the first of them speaks for all. */
static void choose_leaders(struct gw_listener *listener)
{
    for (size_t i = 0; i < listener->candidate_count; i++) {
        struct gw_candidate *candidate = &listener->candidates[i];
        if (!gw_dial_in_attached(candidate->channel))
            gw_dial_in_attach(candidate->channel, &gw_caller_host, candidate);
        candidate->leader = gw_dial_in_attached(candidate->channel);
    }
}

void gw_listener_start(struct gw_listener *listener)
{
    if (listener->candidate_count)
        qsort(listener->candidates, listener->candidate_count, sizeof *listener->candidates,
              compare_addresses);
    choose_leaders(listener);
    check_descriptors(listener);
    try_listen(listener);
}

size_t gw_listener_callers(const struct gw_listener *listener)
{
    return listener->callers;
}

void gw_listener_free(struct gw_listener *listener)
{
    if (!listener)
        return;
    listener->freeing = true;
    while (listener->oldest)
        gw_caller_drop(listener->oldest);
    for (size_t i = 0; i < listener->candidate_count; i++)
        gw_dial_in_attach(listener->candidates[i].channel, NULL, NULL);
    if (listener->listening)
        uv_close((uv_handle_t *)&listener->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&listener->timer, on_handle_closed);
}
