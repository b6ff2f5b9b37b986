/* SPDX-License-Identifier: Apache-2.0 */
/* Values per second of one session: a master polls 1,000 analogs of our own outstation back to
 * back over a TCP connection of this machine, a thread each. Prints a JSON line.
 */
#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dnp3/master.h"
#include "dnp3/outstation.h"
#include "tests/lib/heap.h"

enum {
    MASTER_ADDRESS = 1,
    OUTSTATION_ADDRESS = 10,
    POINTS = 1000,
    READ_SIZE = 16384,
    GOAL = 2000000,
    SECONDS = 2
};

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int fail(const char *what)
{
    perror(what);
    return -1;
}

/* Two connected TCP sockets without delay. */
static int connect_pair(int *client, int *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int one = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1) ||
        getsockname(listener, (struct sockaddr *)&address, &size))
        return fail("listen");
    *client = socket(AF_INET, SOCK_STREAM, 0);
    if (*client < 0 || connect(*client, (struct sockaddr *)&address, size))
        return fail("connect");
    *server = accept(listener, NULL, NULL);
    close(listener);
    if (*server < 0 || setsockopt(*client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) ||
        setsockopt(*server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one))
        return fail("accept");
    return 0;
}

static bool write_all(int fd, const uint8_t *octets, size_t length)
{
    while (length) {
        ssize_t n = write(fd, octets, length);
        if (n <= 0)
            return false;
        octets += n;
        length -= (size_t)n;
    }
    return true;
}

/* Until the peer closes. */
static void *run_outstation(void *user)
{
    int fd = *(int *)user;
    struct dnp3_pool *pool = dnp3_pool_create(&heap, 1);
    struct dnp3_outstation_config config;
    dnp3_outstation_config_default(&config);
    config.address = OUTSTATION_ADDRESS;
    config.master_address = MASTER_ADDRESS;
    config.database.count[DNP3_POINT_ANALOG_INPUT] = POINTS;
    config.database.setup[DNP3_POINT_ANALOG_INPUT].static_variation = 1;
    struct dnp3_outstation *outstation =
        dnp3_outstation_create(&heap, pool, &config, &(struct dnp3_outstation_callbacks){0}, NULL);
    if (!outstation)
        abort();
    for (uint32_t i = 0; i < POINTS; i++)
        dnp3_outstation_update(
            outstation, DNP3_POINT_ANALOG_INPUT,
            &(struct dnp3_point){.index = i, .flags = DNP3_FLAG_ONLINE, .number = 1000.0 + i},
            DNP3_EVENT_SUPPRESS, 0);
    dnp3_outstation_connected(outstation, now_ms());
    uint8_t in[READ_SIZE];
    const uint8_t *out;
    ssize_t n;
    size_t length;
    while ((n = read(fd, in, sizeof in)) > 0) {
        uint64_t at = now_ms();
        dnp3_outstation_feed(outstation, in, (size_t)n, at);
        while ((length = dnp3_outstation_take(outstation, &out, at)) > 0)
            if (!write_all(fd, out, length))
                break;
    }
    dnp3_outstation_free(outstation);
    dnp3_pool_free(pool);
    return NULL;
}

struct result {
    struct dnp3_association *association;
    unsigned long values;
    unsigned long polls;
    double sum;
    double seconds;
};

static void on_points(void *user, const struct dnp3_object_header *header,
                      const struct dnp3_point *points, size_t count)
{
    struct result *result = user;
    (void)header;
    for (size_t i = 0; i < count; i++)
        result->sum += points[i].number;
    result->values += count;
}

static enum dnp3_verdict on_fragment_end(void *user, const struct dnp3_fragment *fragment)
{
    struct result *result = user;
    if (fragment->final)
        result->polls++;
    return DNP3_CONFIRM_NOW;
}

static const struct dnp3_association_callbacks callbacks = {.points = on_points,
                                                            .fragment_end = on_fragment_end};

static bool run_master(int fd, struct result *result)
{
    struct dnp3_pool *pool = dnp3_pool_create(&heap, 1);
    struct dnp3_master *master =
        dnp3_master_create(&(struct dnp3_master_config){.allocator = &heap, .pool = pool});
    struct dnp3_association_config config;
    dnp3_association_config_default(&config);
    config.integrity = DNP3_CLASS_0;
    config.manage_unsolicited = false;
    config.time_sync = DNP3_TIME_SYNC_NONE;
    if (dnp3_association_create(master, OUTSTATION_ADDRESS, &config, &callbacks, result,
                                &result->association))
        return false;
    uint8_t in[READ_SIZE];
    const uint8_t *out;
    ssize_t n = 1;
    size_t length;
    double begin = now(), end = begin + SECONDS;
    unsigned long polls = 0;
    dnp3_master_connected(master, now_ms());
    while (n > 0 && now() < end) {
        uint64_t at = now_ms();
        while ((length = dnp3_master_take(master, &out, at)) > 0)
            if (!write_all(fd, out, length))
                return false;
        n = read(fd, in, sizeof in);
        if (n > 0)
            dnp3_master_feed(master, in, (size_t)n, at);
        if (result->polls != polls) {
            polls = result->polls;
            dnp3_association_demand(result->association, DNP3_DEMAND_INTEGRITY);
        }
    }
    result->seconds = now() - begin;
    bool good = dnp3_association_counters(result->association)->timeouts == 0;
    dnp3_master_free(master);
    dnp3_pool_free(pool);
    return good && n > 0;
}

int main(void)
{
    int client, server;
    pthread_t thread;
    struct result result = {0};
    if (connect_pair(&client, &server) || pthread_create(&thread, NULL, run_outstation, &server))
        return 1;
    bool good = run_master(client, &result);
    shutdown(client, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(client);
    close(server);
    if (!good || !result.values)
        return 1;
    double rate = (double)result.values / result.seconds;
    printf("{\"figure\":\"one session back to back\",\"value\":%.0f,\"unit\":\"values/s\","
           "\"goal\":%d,\"peer\":null,\"ratio\":null,\"met\":%s}\n",
           rate, GOAL, rate >= GOAL ? "true" : "false");
    fprintf(stderr, "%lu polls of %d values, mean %g\n", result.polls, POINTS,
            result.sum / (double)result.values);
    return 0;
}
