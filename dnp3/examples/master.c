/* SPDX-License-Identifier: Apache-2.0 */
/* A master in one file: reads one outstation over TCP, prints every point that it reports, and
 * closes a breaker where asked to. The library does no I/O: here are the socket and one loop of
 * poll(2). */
#define _POSIX_C_SOURCE 200809L
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dnp3/master.h"
#include "host.h"

static struct dnp3_association *outstation;
/* CLOSE with PULSE_ON, once, for 100 ms. */
static struct dnp3_command breaker = {
    .type = DNP3_COMMAND_CROB, .code = 0x41, .count = 1, .on_ms = 100};
static bool wants_control, succeeded = true;

/* Points come in batches of one object header, in the order of the wire. */
static void print_points(void *user, const struct dnp3_object_header *header,
                         const struct dnp3_point *points, size_t count)
{
    (void)user;
    enum dnp3_point_type type = (enum dnp3_point_type)header->row->type;
    for (const struct dnp3_point *point = points; point < points + count; point++) {
        printf("%s %u = ", dnp3_point_type_name(type), (unsigned)point->index);
        if (type == DNP3_POINT_OCTET_STRING)
            printf("\"%.*s\"", (int)point->length, (const char *)point->octets);
        else
            printf("%.10g", point->number);
        for (unsigned bit = 1; bit < 0x100; bit <<= 1) { /* the quality flags, by name */
            const char *name = dnp3_flag_name(type, (uint8_t)bit);
            if (point->flags & bit && name)
                printf(" %s", name);
        }
        if (header->row->kind == DNP3_KIND_EVENT)
            printf(" event at %lld", (long long)point->time_ms);
        putchar('\n');
    }
}

/* Events are kept by the outstation until they are confirmed. Printed is safe enough here; a host
 * that stores them answers HOLD, and calls dnp3_association_confirm() once they are stored. */
static enum dnp3_verdict confirm_fragment(void *user, const struct dnp3_fragment *fragment)
{
    (void)user, (void)fragment;
    return DNP3_CONFIRM_NOW;
}

static void control_done(struct dnp3_command_request *request)
{
    const char *status = dnp3_status_name(breaker.status);
    succeeded = request->outcome == DNP3_OUTCOME_DONE;
    printf("close %u: %s, status %s\n", (unsigned)breaker.index, succeeded ? "done" : "not done",
           status ? status : "reserved");
}

static struct dnp3_command_request control = {
    .mode = DNP3_SELECT_BEFORE_OPERATE, .commands = &breaker, .count = 1, .done = control_done};

static void print_event(void *user, enum dnp3_association_event event, unsigned detail)
{
    (void)user;
    printf("* %s (%u)\n", dnp3_association_event_text(event), detail);
    if (event == DNP3_ASSOCIATION_STARTUP_DONE && wants_control)
        wants_control = dnp3_association_command(outstation, &control) != 0;
}

static int64_t wall_clock(void *user)
{
    (void)user;
    return (int64_t)clock_ms(CLOCK_REALTIME);
}

static int connect_to(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(host, port, &hints, &found))
        give_up("no such host");
    int fd = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
    if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen))
        give_up("no connection");
    freeaddrinfo(found);
    return fd;
}

/* Feeds what comes, tells the time, and sends all that the library then has to say, until the time
 * is up or the connection ends. */
static void run(struct dnp3_master *master, int fd, uint64_t end_ms)
{
    uint8_t in[4096];
    const uint8_t *out;
    for (uint64_t now; (now = now_ms()) < end_ms;) {
        fflush(stdout);
        for (size_t n; (n = dnp3_master_take(master, &out, now)) > 0;)
            if (send(fd, out, n, MSG_NOSIGNAL) != (ssize_t)n)
                return;
        struct pollfd socket = {.fd = fd, .events = POLLIN};
        int ready = poll(&socket, 1, wait_ms(now, dnp3_master_deadline(master), end_ms));
        now = now_ms();
        ssize_t got = ready > 0 ? recv(fd, in, sizeof in, 0) : 0;
        if (ready > 0 && got <= 0)
            return;
        dnp3_master_feed(master, in, (size_t)got, now);
        dnp3_master_tick(master, now);
    }
}

int main(int argc, char **argv)
{
    static const struct dnp3_association_callbacks callbacks = {.points = print_points,
                                                                .fragment_end = confirm_fragment,
                                                                .event = print_event,
                                                                .wall_clock = wall_clock};
    uint64_t end_ms = UINT64_MAX;
    if (argc < 5)
        give_up("arguments: HOST PORT OUTSTATION MASTER [--close INDEX] [--seconds N]");
    for (int i = 5; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--close") == 0) {
            wants_control = true;
            breaker.index = number_of(argv[i + 1]);
        } else if (strcmp(argv[i], "--seconds") == 0) {
            end_ms = now_ms() + number_of(argv[i + 1]) * UINT64_C(1000);
        }
    }
    struct dnp3_association_config config;
    dnp3_association_config_default(&config); /* integrity read, unsolicited on, time by LAN */
    config.master_address = number_of(argv[4]);
    struct dnp3_pool *pool = dnp3_pool_create(&host_memory, 1);
    struct dnp3_master_config channel = {.allocator = &host_memory, .pool = pool};
    struct dnp3_master *master = pool ? dnp3_master_create(&channel) : NULL;
    if (!master ||
        dnp3_association_create(master, number_of(argv[3]), &config, &callbacks, NULL, &outstation))
        give_up("no memory, or a link address that is none");
    int fd = connect_to(argv[1], argv[2]);
    dnp3_master_connected(master, now_ms());
    run(master, fd, end_ms);
    bool online = dnp3_association_online(outstation);
    dnp3_master_disconnected(master, now_ms()); /* ends a control under way */
    dnp3_master_free(master);                   /* its associations too */
    dnp3_pool_free(pool);
    close(fd);
    return online && succeeded && !wants_control ? 0 : 1;
}
