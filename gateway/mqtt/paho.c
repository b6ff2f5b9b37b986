/* SPDX-License-Identifier: Apache-2.0 */
/* Paho ends its threads with its last client and waits for them in steps of 100 ms, on the caller's
 * thread. A client of our own that never connects keeps them, so that a reconnect, which replaces
 * the client, never holds up the loop. */
#include "gateway/mqtt/paho.h"

#include <MQTTAsync.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { SEATS = 64 };

struct seat {
    atomic_bool taken;
    atomic_int waiting; /* descriptor + 1, 0 = none */
};

static struct seat seats[SEATS];
static unsigned sitting;
static MQTTAsync keeper;

/* Paho formats a line for every packet and call, and keeps the last ones in memory for nobody. Only
 * levels up to ERROR reach that part of it; its environment variables still rule. */
static int start_paho(void)
{
    MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
    return MQTTAsync_create(&keeper, "tcp://127.0.0.1:1", "keeper", MQTTCLIENT_PERSISTENCE_NONE,
                            NULL);
}

int gw_paho_sit(void)
{
    for (int i = 0; i < SEATS; i++) {
        if (atomic_exchange(&seats[i].taken, true))
            continue;
        if (!keeper && start_paho() != MQTTASYNC_SUCCESS) {
            atomic_store(&seats[i].taken, false);
            return -1;
        }
        sitting++;
        return i;
    }
    return -1;
}

void gw_paho_rise(int seat)
{
    gw_paho_retract(seat);
    atomic_store(&seats[seat].taken, false);
    if (--sitting == 0)
        MQTTAsync_destroy(&keeper);
}

void gw_paho_offer(int seat, int fd)
{
    int before = atomic_exchange(&seats[seat].waiting, fd + 1);
    if (before)
        close(before - 1);
}

void gw_paho_retract(int seat)
{
    int waiting = atomic_exchange(&seats[seat].waiting, 0);
    if (waiting)
        close(waiting - 1);
}

void gw_paho_uri(int seat, char uri[GW_PAHO_URI_MAX])
{
    snprintf(uri, GW_PAHO_URI_MAX, "tcp://127.0.0.1:%d", seat + 1);
}

__attribute__((used)) int gw_paho_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    (void)length;
    const struct sockaddr_in *in = (const void *)address;
    unsigned number = address->sa_family == AF_INET ? ntohs(in->sin_port) : 0;
    int waiting = number && number <= SEATS ? atomic_exchange(&seats[number - 1].waiting, 0) : 0;
    if (!waiting) {
        errno = ECONNREFUSED;
        return -1;
    }
    /* Non-blocking is the pair's own; close-on-exec belongs to the descriptor. */
    int result = dup3(waiting - 1, fd, O_CLOEXEC) < 0 ? -1 : 0;
    int error = errno;
    close(waiting - 1);
    errno = error;
    return result;
}

static pthread_mutex_t kick_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t kick;
static pthread_once_t kick_once = PTHREAD_ONCE_INIT;
static bool kicked;

static void init_kick(void)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&kick, &attributes);
    pthread_condattr_destroy(&attributes);
}

__attribute__((used)) int Thread_signal_cond(void *condition)
{
    (void)condition;
    pthread_once(&kick_once, init_kick);
    pthread_mutex_lock(&kick_lock);
    if (!kicked)
        pthread_cond_signal(&kick);
    kicked = true;
    pthread_mutex_unlock(&kick_lock);
    return 0;
}

__attribute__((used)) int Thread_wait_cond(void *condition, int timeout_ms)
{
    struct timespec until;
    int result = 0;
    (void)condition;
    pthread_once(&kick_once, init_kick);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&kick_lock);
    while (!kicked && result == 0)
        result = pthread_cond_timedwait(&kick, &kick_lock, &until);
    kicked = false;
    pthread_mutex_unlock(&kick_lock);
    return result;
}
