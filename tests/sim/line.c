/* SPDX-License-Identifier: Apache-2.0 */
/* An endpoint: a listener, its connections, and the outstations behind it. Where one channel leads
 * here, a new connection takes them all over at once; where several do, a connection gets those
 * that are addressed on it. Or a port, which is one connection while it is there: a serial one, a
 * UDP socket, or the call of an outstation that dials in. */
#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "tests/sim/line_internal.h"

enum { BACKLOG = 128, READ_OCTETS = 65536, SUBJECT = 300 };

/* A port that fails is opened again soon: who waits for it in a test waits for all of it. */
enum { REOPEN_MS = 250, DIAL_MIN_MS = 200, DIAL_MAX_MS = 3000, DIAL_TIMEOUT_MS = 10000 };

struct sim_connection {
    uv_tcp_t tcp; /* not of a serial line */
    struct sim_line *line;
    struct sim_connection *next;
    struct dnp3_link_parser parser;
    int attached; /* outstations */
    bool writing; /* a write waits for the socket */
    bool closing;
};

/* What a socket did not take at once. */
struct leftover {
    uv_write_t request;
    char octets[];
};

static char read_buffer[READ_OCTETS];

static const char *subject(const struct sim_line *line, char buffer[SUBJECT])
{
    if (line->port)
        snprintf(buffer, SUBJECT, "%s", line->device ? line->device : line->dial.name);
    else
        snprintf(buffer, SUBJECT, "%s:%u", line->endpoint->host, line->endpoint->port);
    return buffer;
}

static void release_connection(uv_handle_t *handle)
{
    gw_memory_release(handle->data);
}

/* Closes and gives its outstations back; safe to call again. */
static void close_connection(struct sim_connection *connection)
{
    struct sim_line *line = connection->line;
    if (connection->closing)
        return;
    connection->closing = true;
    struct sim_connection **at = &line->connections;
    while (*at != connection)
        at = &(*at)->next;
    *at = connection->next;
    for (size_t i = 0; i < line->outstation_count; i++) {
        if (line->outstations[i]->connection == connection)
            sim_outstation_attach(line->outstations[i], NULL);
    }
    if (line->port)
        gw_memory_release(connection);
    else
        uv_close((uv_handle_t *)&connection->tcp, release_connection);
}

bool sim_connection_ready(const struct sim_connection *connection)
{
    if (connection->line->port)
        return gw_channel_writable(connection->line->port);
    return !connection->writing && !connection->closing;
}

void sim_connection_attached(struct sim_connection *connection, int change)
{
    const struct sim_line *line = connection->line;
    connection->attached += change;
    if (connection->attached || change > 0)
        return;
    if (!line->port)
        close_connection(connection);
    else if (!line->device) /* it hangs up */
        gw_channel_close(line->port, false);
}

static void touch_all(struct sim_connection *connection)
{
    struct sim_line *line = connection->line;
    for (size_t i = 0; i < line->outstation_count; i++) {
        if (line->outstations[i]->connection == connection)
            sim_outstation_touch(line->outstations[i]);
    }
}

static void written(uv_write_t *request, int status)
{
    struct sim_connection *connection = request->handle->data;
    gw_memory_release(request->data);
    connection->writing = false;
    if (connection->closing)
        return;
    if (status < 0)
        close_connection(connection);
    else
        touch_all(connection);
    sim_flush(connection->line->sim);
}

static void write_later(struct sim_connection *connection, const uint8_t *octets, size_t length)
{
    struct leftover *leftover = gw_memory_allocate(GW_OWNER_LINK, sizeof *leftover + length);
    if (!leftover) {
        close_connection(connection);
        return;
    }
    memcpy(leftover->octets, octets, length);
    leftover->request.data = leftover;
    uv_buf_t buffer = uv_buf_init(leftover->octets, (unsigned)length);
    connection->writing = true;
    uv_write(&leftover->request, (uv_stream_t *)&connection->tcp, &buffer, 1, written);
}

void sim_connection_write(struct sim_connection *connection, const uint8_t *octets, size_t length)
{
    if (connection->line->port) {
        gw_channel_write(connection->line->port, octets, length);
        return;
    }
    uv_buf_t buffer = {.base = (char *)(uintptr_t)octets, .len = length};
    int done = uv_try_write((uv_stream_t *)&connection->tcp, &buffer, 1);
    if (done < 0 && done != UV_EAGAIN) {
        close_connection(connection);
        return;
    }
    size_t sent = done > 0 ? (size_t)done : 0;
    if (sent < length)
        write_later(connection, octets + sent, length - sent);
}

/* The first outstation whose address is not below. */
static size_t find_address(const struct sim_line *line, uint16_t address)
{
    size_t low = 0;
    for (size_t high = line->outstation_count; low < high;) {
        size_t middle = (low + high) / 2;
        if (line->outstations[middle]->config->address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void hand_over(struct sim_connection *connection, struct sim_outstation *outstation,
                      const struct dnp3_link_frame *frame)
{
    sim_outstation_attach(outstation, connection);
    dnp3_outstation_frame(outstation->engine, frame, uv_now(outstation->sim->loop));
    sim_outstation_touch(outstation);
}

static void take_frame(struct sim_connection *connection, const struct dnp3_link_frame *frame)
{
    const struct sim_line *line = connection->line;
    if (frame->destination >= DNP3_LINK_BROADCAST_FIRST) {
        for (size_t i = 0; i < line->outstation_count; i++)
            hand_over(connection, line->outstations[i], frame);
        return;
    }
    size_t at = find_address(line, frame->destination);
    if (at < line->outstation_count && line->outstations[at]->config->address == frame->destination)
        hand_over(connection, line->outstations[at], frame);
}

static void offer_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)handle;
    (void)suggested;
    *buffer = uv_buf_init(read_buffer, sizeof read_buffer);
}

static void take_octets(struct sim_connection *connection, const void *octets, size_t length)
{
    struct dnp3_reader in = dnp3_reader_of(octets, length);
    struct dnp3_link_frame frame;
    uint8_t data[DNP3_LINK_DATA_MAX];
    while (!connection->closing && dnp3_link_parser_next(&connection->parser, &in, data, &frame))
        take_frame(connection, &frame);
    bool datagram = connection->line->port && connection->line->dial.type == GW_CHANNEL_UDP;
    while (datagram && !connection->closing &&
           dnp3_link_parser_end(&connection->parser, data, &frame))
        take_frame(connection, &frame);
}

static void octets_came(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
    struct sim_connection *connection = stream->data;
    struct sim *sim = connection->line->sim;
    if (length < 0)
        close_connection(connection);
    else
        take_octets(connection, buffer->base, (size_t)length);
    sim_flush(sim);
}

static void close_all(struct sim_line *line, const struct sim_connection *but)
{
    struct sim_connection *next;
    for (struct sim_connection *connection = line->connections; connection; connection = next) {
        next = connection->next;
        if (connection != but)
            close_connection(connection);
    }
}

static struct sim_connection *add_connection(struct sim_line *line)
{
    struct sim_connection *connection = gw_memory_allocate(GW_OWNER_LINK, sizeof *connection);
    if (!connection)
        return NULL;
    connection->line = line;
    connection->next = line->connections;
    line->connections = connection;
    dnp3_link_parser_init(&connection->parser);
    return connection;
}

static void attach_all(struct sim_connection *connection)
{
    const struct sim_line *line = connection->line;
    for (size_t i = 0; i < line->outstation_count; i++)
        sim_outstation_attach(line->outstations[i], connection);
}

static void connected(uv_stream_t *listener, int status)
{
    struct sim_line *line = listener->data;
    char about[SUBJECT];
    struct sim_connection *connection = status < 0 ? NULL : add_connection(line);
    if (!connection)
        return;
    uv_tcp_init(line->sim->loop, &connection->tcp);
    connection->tcp.data = connection;
    if (uv_accept(listener, (uv_stream_t *)&connection->tcp) < 0) {
        close_connection(connection);
        return;
    }
    gw_log(GW_LOG_INFO, subject(line, about), "connected, %zu outstations behind",
           line->outstation_count);
    uv_tcp_nodelay(&connection->tcp, 1);
    uv_read_start((uv_stream_t *)&connection->tcp, offer_buffer, octets_came);
    if (line->channels == 1) {
        attach_all(connection);
        close_all(line, connection);
    }
    sim_flush(line->sim);
}

/* Serial lines, and outstations that dial in. */

static bool is_served(const struct sim_line *line)
{
    return line->dial.type == GW_CHANNEL_UDP && line->dial.endpoint_count == 0;
}

static void port_opened(void *user)
{
    struct sim_line *line = user;
    char about[SUBJECT];
    struct sim_connection *connection = add_connection(line);
    if (!connection) {
        gw_channel_close(line->port, true);
        return;
    }
    gw_log(GW_LOG_INFO, subject(line, about), "open, %zu outstations behind",
           line->outstation_count);
    if (!is_served(line)) /* else nobody has spoken yet: each is there when it is addressed */
        attach_all(connection);
    sim_flush(line->sim);
}

static void port_octets(void *user, const uint8_t *octets, size_t length)
{
    struct sim_line *line = user;
    gw_backoff_reset(&line->backoff);
    if (line->connections)
        take_octets(line->connections, octets, length);
    sim_flush(line->sim);
}

static void port_writable(void *user)
{
    struct sim_line *line = user;
    if (line->connections)
        touch_all(line->connections);
    sim_flush(line->sim);
}

static void open_port(uv_timer_t *timer)
{
    struct sim_line *line = timer->data;
    gw_channel_open(line->port);
}

static void port_closed(void *user, enum gw_reason reason)
{
    struct sim_line *line = user;
    const char *detail = gw_channel_detail(line->port);
    char about[SUBJECT];
    if (line->connections)
        gw_log(GW_LOG_WARNING, subject(line, about), "%s",
               detail ? detail : gw_reason_name(reason));
    close_all(line, NULL);
    uv_timer_start(&line->reopen, open_port, gw_backoff_next(&line->backoff), 0);
    sim_flush(line->sim);
}

static int start_port(struct sim_line *line, const struct gw_channel_config *config,
                      uint32_t wait_min_ms, uint32_t wait_max_ms)
{
    static const struct gw_channel_callbacks callbacks = {.opened = port_opened,
                                                          .octets = port_octets,
                                                          .writable = port_writable,
                                                          .closed = port_closed};
    gw_backoff_init(&line->backoff, wait_min_ms, wait_max_ms,
                    line->sim->options.seed + (uint64_t)(line - line->sim->lines));
    line->port = gw_channel_create(line->sim->loop, config, 0, &callbacks, line);
    if (!line->port)
        return UV_ENOMEM;
    uv_timer_init(line->sim->loop, &line->reopen);
    line->reopen.data = line;
    return uv_timer_start(&line->reopen, open_port, 0, 0);
}

static int start_serial(struct sim_line *line, const struct gw_channel_config *config)
{
    line->device = config->serial.device;
    return start_port(line, config, REOPEN_MS, REOPEN_MS);
}

/* Whoever listens everywhere listens here too. */
static const char *host_to_call(const struct sim *sim, const char *listens)
{
    if (sim->options.bind)
        return sim->options.bind;
    if (strcmp(listens, "0.0.0.0") == 0)
        return "127.0.0.1";
    return strcmp(listens, "::") == 0 ? "::1" : listens;
}

static int start_dialling(struct sim_line *line, const struct gw_channel_config *config)
{
    line->called = (struct gw_endpoint){.host = host_to_call(line->sim, config->listen.host),
                                        .port = config->listen.port};
    line->dial = (struct gw_channel_config){.name = line->outstations[0]->config->name,
                                            .type = config->type == GW_CHANNEL_UDP ? GW_CHANNEL_UDP
                                                                                   : GW_CHANNEL_TCP,
                                            .endpoints = &line->called,
                                            .endpoint_count = 1,
                                            .connect_timeout_ms = DIAL_TIMEOUT_MS};
    return start_port(line, &line->dial, DIAL_MIN_MS, DIAL_MAX_MS);
}

/* A UDP socket that answers whoever spoke to it last. */
static int start_datagrams(struct sim_line *line, const struct gw_channel_config *config)
{
    const char *host = line->sim->options.bind ? line->sim->options.bind : line->endpoint->host;
    line->dial = (struct gw_channel_config){.name = config->name,
                                            .type = GW_CHANNEL_UDP,
                                            .listen = {.host = host, .port = line->endpoint->port}};
    return start_port(line, &line->dial, REOPEN_MS, REOPEN_MS);
}

static int resolve(const char *host, uint16_t port, struct sockaddr_storage *address)
{
    char service[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found;
    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(host, service, &hints, &found))
        return UV_EAI_NONAME;
    memcpy(address, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return 0;
}

static int start_line(struct sim_line *line)
{
    const char *host = line->sim->options.bind ? line->sim->options.bind : line->endpoint->host;
    struct sockaddr_storage address;
    char about[SUBJECT];
    int error = resolve(host, line->endpoint->port, &address);
    if (!error) {
        uv_tcp_init(line->sim->loop, &line->listener);
        line->listener.data = line;
        line->listening = true;
        error = uv_tcp_bind(&line->listener, (struct sockaddr *)&address, 0);
    }
    if (!error)
        error = uv_listen((uv_stream_t *)&line->listener, BACKLOG, connected);
    if (error)
        gw_log(GW_LOG_ERROR, subject(line, about), "cannot listen on %s:%u: %s", host,
               line->endpoint->port, uv_strerror(error));
    return error;
}

int sim_line_start(struct sim_line *line, const struct gw_channel_config *channel)
{
    switch ((enum gw_channel_type)channel->type) {
    case GW_CHANNEL_SERIAL:
        return start_serial(line, channel);
    case GW_CHANNEL_TCP_LISTEN:
        return start_dialling(line, channel);
    case GW_CHANNEL_UDP:
        return line->endpoint ? start_datagrams(line, channel) : start_dialling(line, channel);
    case GW_CHANNEL_TCP:
        break;
    }
    return start_line(line);
}

void sim_lines_stop(struct sim *sim)
{
    for (size_t i = 0; i < sim->line_count; i++) {
        struct sim_line *line = &sim->lines[i];
        close_all(line, NULL);
        if (line->port) {
            gw_channel_free(line->port);
            uv_close((uv_handle_t *)&line->reopen, NULL);
        }
        if (line->listening)
            uv_close((uv_handle_t *)&line->listener, NULL);
    }
}

void sim_lines_release(struct sim *sim)
{
    for (size_t i = 0; i < sim->line_count; i++)
        gw_memory_release(sim->lines[i].outstations);
    gw_memory_release(sim->lines);
}
