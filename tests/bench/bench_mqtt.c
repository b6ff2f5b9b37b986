/* SPDX-License-Identifier: Apache-2.0 */
/* QoS 1 messages a second through outbox, MQTT connection and relay, beside a bare Paho publisher
 * with the same window, both against one mosquitto, in rounds that alternate. Prints the medians as
 * a JSON line: bench_mqtt [rounds] [messages a round] [octets of payload] */
#include <arpa/inet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "gateway/base/log.h"
#include "gateway/delivery/outbox.h"
#include "gateway/mqtt/mqtt.h"

enum { WINDOW = GW_MQTT_WINDOW_MAX, ROUNDS_MAX = 99, PAYLOAD_MAX = 4096 };

static const double GOAL = 0.9; /* of the bare publisher's rate */

static uint16_t port;
static size_t messages = 50000;
static size_t payload_len = 190; /* of a point with all its keys */
static char payload[PAYLOAD_MAX];
static const char topic[] = "dnp3/north/recloser-17/point/current-a";

static double now_s(void)
{
    return (double)uv_hrtime() / 1e9;
}

/* Processor time per message, which other work on the machine blurs less than the rate. */
static double cpu_us(int who)
{
    struct rusage usage;
    getrusage(who, &usage);
    return ((double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
            (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)) /
           (double)messages;
}

static void fail(const char *what)
{
    fprintf(stderr, "bench_mqtt: %s\n", what);
    exit(1);
}

static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        fail("no free port");
    close(fd);
    return ntohs(address.sin_port);
}

static bool answers(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return yes;
}

static pid_t start_mosquitto(void)
{
    char path[] = "/tmp/bench_mqtt.XXXXXX";
    port = free_port();
    int fd = mkstemp(path);
    if (fd < 0)
        fail("no temporary file");
    dprintf(fd, "listener %u 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 0\n", port);
    close(fd);
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(126);
        execlp("mosquitto", "mosquitto", "-c", path, (char *)NULL);
        execl("/usr/sbin/mosquitto", "mosquitto", "-c", path, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 200 && !answers(); i++)
        usleep(20000);
    unlink(path);
    if (!answers())
        fail("mosquitto is not installed or did not start");
    return pid;
}

/* The whole way of the gateway's messages. */
struct round {
    uv_loop_t loop;
    struct gw_mqtt *mqtt;
    struct gw_outbox *outbox;
    size_t sent;
    size_t safe;
    double begin;
    double end;
};

static int sink_publish(void *user, const struct gw_outbox_message *message, uint64_t id)
{
    struct round *round = user;
    return gw_mqtt_publish(round->mqtt,
                           &(struct gw_mqtt_publication){.topic = message->topic,
                                                         .payload = message->payload,
                                                         .payload_len = message->payload_len,
                                                         .qos = message->qos,
                                                         .retain = message->retain},
                           id);
}

static size_t sink_window(void *user)
{
    return gw_mqtt_window(((struct round *)user)->mqtt);
}

/* Keeps a few fragments of ten messages waiting, as sessions do. */
static void refill(struct round *round)
{
    struct gw_outbox_state state;
    gw_outbox_state(round->outbox, &state);
    while (round->sent < messages && state.messages < 200) {
        gw_outbox_begin(round->outbox, round, (uint32_t)round->sent, true);
        for (int i = 0; i < 10; i++)
            gw_outbox_put(round->outbox, &(struct gw_outbox_message){.topic = topic,
                                                                     .topic_len = sizeof topic - 1,
                                                                     .payload = payload,
                                                                     .payload_len = payload_len,
                                                                     .qos = 1});
        if (gw_outbox_commit(round->outbox))
            fail("the outbox is full");
        round->sent += 10;
        gw_outbox_state(round->outbox, &state);
    }
}

static void on_connected(void *user, const struct gw_mqtt_connection *connection)
{
    struct round *round = user;
    (void)connection;
    round->begin = now_s();
    refill(round);
}

static void on_disconnected(void *user, const char *reason)
{
    (void)user;
    fail(reason);
}

static void on_acked(void *user, uint64_t id, int reason_code)
{
    struct round *round = user;
    gw_outbox_acked(round->outbox, id, reason_code);
}

static void on_writable(void *user)
{
    struct round *round = user;
    refill(round);
    gw_outbox_pump(round->outbox);
}

static void on_message(void *user, const struct gw_mqtt_message *message)
{
    (void)user;
    (void)message;
}

static void on_stopped(void *user)
{
    (void)user;
}

static void on_safe(void *user, void *owner, uint32_t token)
{
    struct round *round = user;
    (void)owner;
    (void)token;
    round->safe += 10;
    if (round->safe == messages) {
        round->end = now_s();
        gw_mqtt_stop(round->mqtt, on_stopped);
    }
}

static double gateway_round(void)
{
    struct round round = {0};
    const struct gw_endpoint endpoint = {"127.0.0.1", port};
    struct gw_mqtt_options options;
    struct gw_outbox_options outbox_options;
    const struct gw_mqtt_callbacks callbacks = {.connected = on_connected,
                                                .disconnected = on_disconnected,
                                                .acked = on_acked,
                                                .writable = on_writable,
                                                .message = on_message};
    const struct gw_outbox_sink sink = {sink_publish, sink_window, NULL, NULL, &round};
    const struct gw_outbox_callbacks outbox_callbacks = {on_safe, NULL, NULL};
    gw_mqtt_options_default(&options);
    options.broker.endpoints = &endpoint;
    options.broker.endpoint_count = 1;
    options.client_id = "bench-gateway";
    gw_outbox_options_default(&outbox_options);
    uv_loop_init(&round.loop);
    round.mqtt = gw_mqtt_create(&round.loop, &options, &callbacks, &round);
    round.outbox = gw_outbox_create(&outbox_options, &sink, &outbox_callbacks, &round);
    if (!round.mqtt || !round.outbox)
        fail("out of memory");
    gw_mqtt_start(round.mqtt);
    uv_run(&round.loop, UV_RUN_DEFAULT);
    gw_outbox_free(round.outbox);
    gw_mqtt_free(round.mqtt);
    uv_loop_close(&round.loop);
    return (double)messages / (round.end - round.begin);
}

/* The bare publisher is a program of its own, beside this one: here Paho's connect() is renamed. */
static double bare_round(void)
{
    char command[600];
    char path[512];
    double rate = 0;
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    path[length > 0 ? length : 0] = 0;
    char *name = strrchr(path, '/');
    if (!name)
        fail("cannot find the bare publisher");
    *name = 0;
    snprintf(command, sizeof command, "%s/paho_publisher %u %zu %zu %d", path, port, messages,
             payload_len, WINDOW);
    FILE *out = popen(command, "r");
    if (!out || fscanf(out, "%lf", &rate) != 1 || pclose(out))
        fail("the bare publisher failed");
    return rate;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *rates, size_t count)
{
    qsort(rates, count, sizeof *rates, compare);
    return count % 2 ? rates[count / 2] : (rates[count / 2 - 1] + rates[count / 2]) / 2;
}

int main(int argc, char **argv)
{
    size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 7;
    messages = argc > 2 ? strtoul(argv[2], NULL, 10) / 10 * 10 : messages;
    payload_len = argc > 3 ? strtoul(argv[3], NULL, 10) : payload_len;
    if (!rounds || rounds > ROUNDS_MAX || !messages || payload_len > PAYLOAD_MAX)
        fail("usage: bench_mqtt [rounds 1..99] [messages a round] [octets of payload 0..4096]");
    double gateway[ROUNDS_MAX];
    double bare[ROUNDS_MAX];
    memset(payload, 'x', sizeof payload);
    gw_log_configure(GW_LOG_WARNING, GW_LOG_LOGFMT);
    pid_t broker = start_mosquitto();
    for (size_t i = 0; i < rounds; i++) {
        double own = cpu_us(RUSAGE_SELF);
        double children = cpu_us(RUSAGE_CHILDREN);
        gateway[i] = gateway_round();
        bare[i] = bare_round();
        fprintf(stderr, "round %zu: gateway %.0f/s %.0f us, bare %.0f/s %.0f us\n", i + 1,
                gateway[i], cpu_us(RUSAGE_SELF) - own, bare[i], cpu_us(RUSAGE_CHILDREN) - children);
    }
    kill(broker, SIGTERM);
    waitpid(broker, NULL, 0);
    double ours = median(gateway, rounds);
    double theirs = median(bare, rounds);
    printf("{\"figure\":\"QoS 1 messages, outbox to broker\",\"value\":%.0f,\"unit\":\"1/s\","
           "\"goal\":%.0f,\"peer\":%.0f,\"ratio\":%.3f,\"met\":%s}\n",
           ours, GOAL * theirs, theirs, ours / theirs, ours >= GOAL * theirs ? "true" : "false");
    return 0;
}
