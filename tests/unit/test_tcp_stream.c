/* SPDX-License-Identifier: Apache-2.0 */
/* What of a stream's octets arrives when it ends: all of them where it was closed in peace, none
 * that the peer had not taken where its process was killed. */
#include "gateway/channel/tcp_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { ENOUGH = 1 << 24, PEACE = 100 }; /* more than kernels keep for a connection; and less */

static struct gw_tcp_stream stream;
static uv_connect_t request;

static void on_octets(void *user, const uint8_t *octets, size_t length)
{
    (void)user;
    (void)octets;
    (void)length;
}

static void on_writable(void *user)
{
    (void)user;
}

static void on_lost(void *user, enum gw_reason reason)
{
    (void)user;
    (void)reason;
    _exit(1);
}

static void on_closed(void *user)
{
    (void)user;
}

static void write_and_die(uv_connect_t *connect, int error)
{
    static uint8_t octets[ENOUGH];
    (void)connect;
    if (error)
        _exit(1);
    gw_tcp_connected(&stream);
    gw_tcp_write(&stream, octets, sizeof octets);
    kill(getpid(), SIGKILL);
}

static void write_and_close(uv_connect_t *connect, int error)
{
    static uint8_t octets[PEACE];
    (void)connect;
    if (error)
        _exit(1);
    gw_tcp_connected(&stream);
    gw_tcp_write(&stream, octets, sizeof octets);
    while (gw_tcp_unacknowledged(&stream)) /* else it would be an abortive close */
        uv_sleep(1);
    gw_tcp_close(&stream, false);
}

/* In a process of its own, which ends with this. */
static void run_child(const struct sockaddr_in *to, uv_connect_cb connected)
{
    static const struct gw_tcp_callbacks callbacks = {
        .octets = on_octets, .writable = on_writable, .lost = on_lost, .closed = on_closed};
    uv_loop_t loop;
    uv_loop_init(&loop);
    gw_tcp_init(&stream, &loop, &callbacks, NULL);
    if (uv_tcp_connect(&request, &stream.tcp, (const struct sockaddr *)to, connected) == 0)
        uv_run(&loop, UV_RUN_DEFAULT);
    _exit(0);
}

/* The connection of a child that has ended. `*status` is how. */
static int connection_of_child(uv_connect_cb connected, int *status)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t length = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &length), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        run_child(&at, connected);
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    assert_int_equal(waitpid(child, status, 0), child);
    close(listener);
    return fd;
}

/* How it ends: 0, or an errno; `*octets` came before. */
static int read_to_the_end(int fd, size_t *octets)
{
    static uint8_t buffer[1 << 16];
    ssize_t length;
    *octets = 0;
    while ((length = read(fd, buffer, sizeof buffer)) > 0)
        *octets += (size_t)length;
    int error = length < 0 ? errno : 0;
    close(fd);
    return error;
}

static void test_a_killed_one_leaves_nothing_on_the_way(void **unused)
{
    int status;
    size_t octets;
    (void)unused;
    int fd = connection_of_child(write_and_die, &status);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(read_to_the_end(fd, &octets), ECONNRESET);
}

static void test_a_close_in_peace_is_one(void **unused)
{
    int status;
    size_t octets;
    (void)unused;
    int fd = connection_of_child(write_and_close, &status);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(read_to_the_end(fd, &octets), 0);
    assert_int_equal(octets, PEACE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_killed_one_leaves_nothing_on_the_way),
        cmocka_unit_test(test_a_close_in_peace_is_one),
    };
    return cmocka_run_group_tests_name("tcp_stream", tests, NULL, NULL);
}
