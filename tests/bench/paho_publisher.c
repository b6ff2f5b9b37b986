/* SPDX-License-Identifier: Apache-2.0 */
/* A bare Paho publisher, the measure for the gateway's rate: keeps a window of QoS 1 messages in
 * flight and prints how many a second were acknowledged:
 *   paho_publisher PORT MESSAGES PAYLOAD_OCTETS WINDOW */
#include <MQTTAsync.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PAYLOAD_MAX = 65536 };

static const char topic[] = "dnp3/north/recloser-17/point/current-a";
static char payload[PAYLOAD_MAX];

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void fail(const char *what)
{
    fprintf(stderr, "paho_publisher: %s\n", what);
    exit(1);
}

static sem_t room;
static sem_t ready;

static void on_sent(void *context, MQTTAsync_successData5 *data)
{
    (void)context;
    (void)data;
    sem_post(&room);
}

static void on_failed(void *context, MQTTAsync_failureData5 *data)
{
    (void)context;
    (void)data;
    fail("the broker refused or the connection was lost");
}

static void on_connected(void *context, MQTTAsync_successData5 *data)
{
    (void)context;
    (void)data;
    sem_post(&ready);
}

static MQTTAsync connect_to(unsigned port)
{
    MQTTAsync client;
    char uri[32];
    MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer5;
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
    snprintf(uri, sizeof uri, "tcp://127.0.0.1:%u", port);
    if (MQTTAsync_createWithOptions(&client, uri, "paho-publisher", MQTTCLIENT_PERSISTENCE_NONE,
                                    NULL, &create))
        fail("cannot create the client");
    options.cleanstart = 1;
    options.onSuccess5 = on_connected;
    options.onFailure5 = on_failed;
    if (MQTTAsync_connect(client, &options))
        fail("cannot connect");
    sem_wait(&ready);
    return client;
}

int main(int argc, char **argv)
{
    if (argc != 5 || strtoul(argv[3], NULL, 10) > PAYLOAD_MAX)
        fail("usage: paho_publisher PORT MESSAGES PAYLOAD_OCTETS WINDOW");
    size_t messages = strtoul(argv[2], NULL, 10);
    int octets = (int)strtoul(argv[3], NULL, 10);
    unsigned window = (unsigned)strtoul(argv[4], NULL, 10);
    memset(payload, 'x', sizeof payload);
    sem_init(&room, 0, window);
    sem_init(&ready, 0, 0);
    MQTTAsync client = connect_to((unsigned)strtoul(argv[1], NULL, 10));
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    response.onSuccess5 = on_sent;
    response.onFailure5 = on_failed;
    double begin = now_s();
    for (size_t i = 0; i < messages; i++) {
        sem_wait(&room);
        if (MQTTAsync_send(client, topic, octets, payload, 1, 0, &response))
            fail("cannot send");
    }
    for (unsigned i = 0; i < window; i++)
        sem_wait(&room);
    double end = now_s();
    printf("%.0f\n", (double)messages / (end - begin));
    return 0;
}
