/* SPDX-License-Identifier: Apache-2.0 */
/* An outstation in one file: a breaker that controls move, the voltage behind it, and a counter of
 * seconds. It listens on TCP for one master at a time. The library does no I/O: here are the
 * sockets and one loop of poll(2). */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "dnp3/outstation.h"
#include "host.h"

/* Binary input 0 and binary output 0 are the breaker; analog input 0 is the voltage behind it in
 * volts; counter 0 counts seconds. */
enum { BREAKER = 0, VOLTAGE = 0, SECONDS = 0, NOMINAL_V = 230 };

static struct dnp3_outstation *outstation;
static volatile sig_atomic_t stopping;

/* A new value; where it differs from the last one by more than the dead-band, an event too. */
static void update(enum dnp3_point_type type, uint32_t index, double value)
{
    struct dnp3_point point = {.index = index, .flags = DNP3_FLAG_ONLINE, .number = value};
    point.time_ms = (int64_t)clock_ms(CLOCK_REALTIME);
    point.time_quality = DNP3_TIME_SYNCHRONIZED;
    dnp3_outstation_update(outstation, type, &point, DNP3_EVENT_DETECT, now_ms());
}

static void move_breaker(bool closed)
{
    printf("breaker %s\n", closed ? "closed" : "open");
    fflush(stdout);
    update(DNP3_POINT_BINARY_INPUT, BREAKER, closed);
    update(DNP3_POINT_BINARY_OUTPUT_STATUS, BREAKER, closed);
    update(DNP3_POINT_ANALOG_INPUT, VOLTAGE, closed ? NOMINAL_V : 0);
}

/* The breaker takes CROBs with CLOSE or TRIP; nothing else is controlled. */
static enum dnp3_status select_command(void *user, const struct dnp3_command *command)
{
    (void)user;
    bool known = command->type == DNP3_COMMAND_CROB && command->index == BREAKER &&
                 command->code >> 6 != DNP3_TRIP_CLOSE_NONE;
    return known ? DNP3_STATUS_SUCCESS : DNP3_STATUS_NOT_SUPPORTED;
}

static enum dnp3_status operate(void *user, const struct dnp3_command *command,
                                enum dnp3_operate_how how)
{
    (void)how;
    enum dnp3_status status = select_command(user, command);
    if (status == DNP3_STATUS_SUCCESS)
        move_breaker(command->code >> 6 == DNP3_TRIP_CLOSE_CLOSE);
    return status;
}

static struct dnp3_outstation *make_outstation(struct dnp3_pool *pool, char **addresses)
{
    static const struct dnp3_outstation_callbacks callbacks = {.select = select_command,
                                                               .operate = operate};
    struct dnp3_outstation_config config;
    dnp3_outstation_config_default(&config);
    config.address = number_of(addresses[0]);
    config.master_address = number_of(addresses[1]);
    config.unsolicited = true; /* reports by itself once the master allows it */
    config.database.count[DNP3_POINT_BINARY_INPUT] = BREAKER + 1;
    config.database.count[DNP3_POINT_BINARY_OUTPUT_STATUS] = BREAKER + 1;
    config.database.count[DNP3_POINT_ANALOG_INPUT] = VOLTAGE + 1;
    config.database.count[DNP3_POINT_COUNTER] = SECONDS + 1;
    config.database.setup[DNP3_POINT_ANALOG_INPUT].deadband = 0.5F;
    return dnp3_outstation_create(&host_memory, pool, &config, &callbacks, NULL);
}

/* A newer connection takes the place of the old one, whose end may never be told. */
static void take_connection(struct pollfd *connection, int fd)
{
    if (connection->fd >= 0)
        close(connection->fd);
    dnp3_outstation_disconnected(outstation);
    connection->fd = fd; /* poll(2) passes over a negative one */
    if (fd >= 0)
        dnp3_outstation_connected(outstation, now_ms());
}

static void receive(struct pollfd *connection)
{
    uint8_t octets[4096];
    ssize_t got = recv(connection->fd, octets, sizeof octets, 0);
    if (got > 0)
        dnp3_outstation_feed(outstation, octets, (size_t)got, now_ms());
    else
        take_connection(connection, -1);
}

static void run(int listener)
{
    struct pollfd sockets[2] = {{.fd = listener, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    struct pollfd *connection = &sockets[1];
    uint64_t second_ms = now_ms();
    move_breaker(false);
    for (double seconds = 0; !stopping;) {
        uint64_t now = now_ms();
        if (now >= second_ms) {
            update(DNP3_POINT_COUNTER, SECONDS, seconds++);
            second_ms += 1000;
        }
        dnp3_outstation_tick(outstation, now);
        const uint8_t *out;
        for (size_t n; (n = dnp3_outstation_take(outstation, &out, now)) > 0;)
            if (send(connection->fd, out, n, MSG_NOSIGNAL) != (ssize_t)n)
                take_connection(connection, -1);
        if (poll(sockets, 2, wait_ms(now, dnp3_outstation_deadline(outstation), second_ms)) <= 0)
            continue;
        if (sockets[0].revents)
            take_connection(connection, accept(listener, NULL, NULL));
        else
            receive(connection);
    }
}

static void stop(int number)
{
    (void)number;
    stopping = 1;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        give_up("arguments: ADDRESS PORT OUTSTATION MASTER");
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_port = htons(number_of(argv[2])),
                               .sin_addr.s_addr = inet_addr(argv[1])};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(listener, (const struct sockaddr *)&here, sizeof here) || listen(listener, 1))
        give_up("cannot listen");
    struct dnp3_pool *pool = dnp3_pool_create(&host_memory, 1);
    outstation = pool ? make_outstation(pool, &argv[3]) : NULL;
    if (!outstation)
        give_up("no memory, or a link address that is none");
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = stop}, NULL);
    run(listener);
    dnp3_outstation_free(outstation);
    dnp3_pool_free(pool);
    return 0;
}
