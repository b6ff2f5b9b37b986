/* SPDX-License-Identifier: Apache-2.0 */
/* Serial channels over pseudo-terminals that the test makes: settings, exclusive use, ports that go
 * away and come back, lines that take nothing, pauses between frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/serial.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/channel/channel.h"
#include "gateway/channel/serial.h"

/* The loop is woken every LOOK_MS, for what happens at the terminal's other end. */
enum { PATIENCE_MS = 20000, LOOK_MS = 2, CHUNK = 200 };

struct fixture {
    uv_loop_t loop;
    uv_timer_t patience;
    unsigned looks;
    char folder[64];
    char device[128]; /* a link to the terminal, as udev makes them */
    int port;         /* the terminal's other end; -1: it is gone */
    struct gw_channel_config config;
    struct gw_channel *channel;
    unsigned opened, closed, writable;
    size_t octets;
    uint64_t heard_ms;
    enum gw_reason reason;
    char detail[200];
};

static void on_opened(void *user)
{
    ((struct fixture *)user)->opened++;
}

static void on_octets(void *user, const uint8_t *octets, size_t length)
{
    struct fixture *f = user;
    (void)octets;
    f->octets += length;
    f->heard_ms = uv_now(&f->loop);
}

static void on_writable(void *user)
{
    ((struct fixture *)user)->writable++;
}

static void on_closed(void *user, enum gw_reason reason)
{
    struct fixture *f = user;
    const char *detail = gw_channel_detail(f->channel);
    f->closed++;
    f->reason = reason;
    snprintf(f->detail, sizeof f->detail, "%s", detail ? detail : "");
}

static void on_patience(uv_timer_t *timer)
{
    ((struct fixture *)timer->data)->looks++;
}

#define wait_for(f, condition)                                                                     \
    do {                                                                                           \
        (f)->looks = 0;                                                                            \
        uv_timer_start(&(f)->patience, on_patience, LOOK_MS, LOOK_MS);                             \
        while (!(condition) && (f)->looks < PATIENCE_MS / LOOK_MS)                                 \
            uv_run(&(f)->loop, UV_RUN_ONCE);                                                       \
        uv_timer_stop(&(f)->patience);                                                             \
        assert_true((f)->looks < PATIENCE_MS / LOOK_MS);                                           \
    } while (0)

static void plug(struct fixture *f)
{
    f->port = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    assert_true(f->port >= 0);
    assert_int_equal(grantpt(f->port), 0);
    assert_int_equal(unlockpt(f->port), 0);
    assert_int_equal(symlink(ptsname(f->port), f->device), 0);
}

static void unplug(struct fixture *f)
{
    close(f->port);
    f->port = -1;
    assert_int_equal(unlink(f->device), 0);
}

static void create(struct fixture *f)
{
    static const struct gw_channel_callbacks callbacks = {
        .opened = on_opened, .octets = on_octets, .writable = on_writable, .closed = on_closed};
    memset(f, 0, sizeof *f);
    gw_log_configure(GW_LOG_ERROR, GW_LOG_LOGFMT);
    uv_loop_init(&f->loop);
    uv_timer_init(&f->loop, &f->patience);
    f->patience.data = f;
    strcpy(f->folder, "/tmp/test-serial-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->device, sizeof f->device, "%s/tty", f->folder);
    plug(f);
    f->config = (struct gw_channel_config){
        .name = "lane",
        .type = GW_CHANNEL_SERIAL,
        .serial = {.device = f->device, .baud = 115200, .data = 8, .stop = 1}};
    f->channel = gw_channel_create(&f->loop, &f->config, 5000, &callbacks, f);
    assert_non_null(f->channel);
}

/* Frees the channel in whatever state it is: no callback comes any more, and nothing is left. */
static void destroy(struct fixture *f)
{
    unsigned calls = f->opened + f->closed + f->writable;
    gw_channel_free(f->channel);
    uv_close((uv_handle_t *)&f->patience, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(f->opened + f->closed + f->writable, calls);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    assert_int_equal(gw_memory_used(GW_OWNER_LINK), 0);
    if (f->port >= 0)
        unplug(f);
    assert_int_equal(rmdir(f->folder), 0);
}

static void open_channel(struct fixture *f)
{
    unsigned before = f->opened;
    gw_channel_open(f->channel);
    assert_int_equal(f->opened, before); /* it is told by the loop */
    wait_for(f, f->opened == before + 1);
}

static void fill(struct fixture *f)
{
    static uint8_t octets[CHUNK];
    while (gw_channel_writable(f->channel))
        gw_channel_write(f->channel, octets, sizeof octets);
}

static size_t drain(int port)
{
    char octets[4096];
    size_t total = 0;
    ssize_t n;
    while ((n = read(port, octets, sizeof octets)) > 0)
        total += (size_t)n;
    return total;
}

static void test_every_octet_both_ways(void **unused)
{
    struct fixture f;
    uint8_t all[256];
    uint8_t back[512];
    (void)unused;
    create(&f);
    open_channel(&f);
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (uint8_t)i;
    gw_channel_write(f.channel, all, sizeof all);
    ssize_t n = 0;
    wait_for(&f, (n = read(f.port, back, sizeof back)) > 0);
    assert_int_equal(n, sizeof all); /* raw: nothing is changed or added */
    assert_memory_equal(back, all, sizeof all);
    assert_int_equal(write(f.port, all, sizeof all), sizeof all);
    wait_for(&f, f.octets == sizeof all); /* XON, XOFF, CR, ^C among them; nothing is echoed */
    assert_int_equal(drain(f.port), 0);
    gw_channel_open(f.channel); /* is open */
    gw_channel_close(f.channel, false);
    gw_channel_close(f.channel, true); /* is closing */
    assert_false(gw_channel_writable(f.channel));
    wait_for(&f, f.closed == 1);
    assert_int_equal(f.reason, GW_REASON_OK);
    assert_string_equal(f.detail, "");
    assert_int_equal(gw_channel_unacknowledged(f.channel), 0);
    gw_channel_discard(f.channel); /* is closed */
    assert_null(gw_channel_endpoint(f.channel));
    gw_channel_rewind(f.channel);
    open_channel(&f);
    destroy(&f);
}

static void test_settings(void **unused)
{
    struct fixture f;
    struct termios line;
    char text[200];
    (void)unused;
    create(&f);
    f.config.serial.baud = 19200;
    f.config.serial.stop = 2;
    f.config.serial.parity = GW_PARITY_ODD; /* a pseudo-terminal ignores PARENB, keeps PARODD */
    f.config.serial.flow = GW_FLOW_SOFTWARE;
    open_channel(&f);
    assert_int_equal(tcgetattr(f.port, &line), 0);
    assert_int_equal(cfgetospeed(&line), B19200);
    assert_true(line.c_cflag & CSTOPB);
    assert_true(line.c_cflag & PARODD);
    assert_true(line.c_cflag & CLOCAL);
    assert_false(line.c_cflag & (CRTSCTS | HUPCL));
    assert_true(line.c_iflag & IXON);
    assert_false(line.c_lflag & (ICANON | ECHO | ISIG));
    gw_channel_close(f.channel, false);
    wait_for(&f, f.closed == 1);
    f.config.serial.flow = GW_FLOW_HARDWARE;
    f.config.serial.parity = GW_PARITY_NONE;
    open_channel(&f);
    assert_int_equal(tcgetattr(f.port, &line), 0);
    assert_true(line.c_cflag & CRTSCTS);
    assert_false(line.c_iflag & IXON);
    f.config.serial.device = "/dev/ttyS1";
    gw_serial_print(&f.config.serial, text, sizeof text);
    assert_string_equal(text, "/dev/ttyS1, 19200 8N2");
    assert_int_equal(gw_serial_ms(&f.config.serial, 192), 110);
    f.config.serial.device = f.device;
    destroy(&f);
}

/* In place of the C library's: a driver that has an RS-485 mode, where `has_rs485`. */
static bool has_rs485;
static struct serial_rs485 rs485;

int ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (request != TIOCSRS485 || !has_rs485)
        return (int)syscall(SYS_ioctl, fd, request, argument);
    memcpy(&rs485, argument, sizeof rs485);
    return 0;
}

static void test_rs485_of_the_port(void **unused)
{
    struct fixture f;
    struct gw_serial_error error;
    const char *lacks;
    (void)unused;
    create(&f);
    has_rs485 = true;
    gw_serial_close(gw_serial_open(&f.config.serial, &error, &lacks));
    assert_int_equal(rs485.flags, 0); /* not asked for: left as it is */
    f.config.serial.rs485 = true;
    int fd = gw_serial_open(&f.config.serial, &error, &lacks);
    assert_true(fd >= 0);
    assert_null(lacks);
    assert_int_equal(rs485.flags, SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND);
    gw_serial_close(fd);
    open_channel(&f);
    has_rs485 = false;
    destroy(&f);
}

/* Without a driver that has it, the port is used all the same, and the log says what is missing. */
static void test_rs485_that_the_port_does_not_have(void **unused)
{
    struct fixture f;
    struct gw_serial_error error;
    const char *lacks;
    (void)unused;
    create(&f);
    f.config.serial.rs485 = true;
    int fd = gw_serial_open(&f.config.serial, &error, &lacks);
    assert_true(fd >= 0);
    assert_non_null(lacks);
    gw_serial_close(fd);
    open_channel(&f);
    destroy(&f);
}

static void test_what_cannot_be_opened(void **unused)
{
    struct fixture f;
    char wanted[200];
    (void)unused;
    create(&f);
    unplug(&f);
    gw_channel_open(f.channel);
    assert_int_equal(f.closed, 0); /* it is told by the loop */
    wait_for(&f, f.closed == 1);
    assert_int_equal(f.reason, GW_REASON_SERIAL_FAILED);
    snprintf(wanted, sizeof wanted, "%s cannot be opened: No such file or directory", f.device);
    assert_string_equal(f.detail, wanted);
    f.config.serial.device = "/dev/null";
    gw_channel_open(f.channel);
    wait_for(&f, f.closed == 2);
    assert_string_equal(f.detail, "/dev/null is no serial port: Inappropriate ioctl for device");
    f.config.serial.device = f.device;
    plug(&f);
    int other = open(f.device, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_int_equal(flock(other, LOCK_EX), 0);
    gw_channel_open(f.channel);
    wait_for(&f, f.closed == 3);
    snprintf(wanted, sizeof wanted,
             "%s is in use by another program: Resource temporarily unavailable", f.device);
    assert_string_equal(f.detail, wanted);
    close(other);
    open_channel(&f);
    other = open(f.device, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (other < 0) /* root may open what is exclusive */
        assert_int_equal(errno, EBUSY);
    else
        assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
    close(other);
    destroy(&f);
}

static void test_unplugged_and_plugged_in(void **unused)
{
    struct fixture f;
    (void)unused;
    create(&f);
    for (unsigned turn = 1; turn <= 3; turn++) {
        open_channel(&f);
        assert_int_equal(write(f.port, "garbage", 7), 7);
        wait_for(&f, f.octets == 7 * turn);
        unplug(&f);
        wait_for(&f, f.closed == turn);
        assert_int_equal(f.reason, GW_REASON_SERIAL_FAILED);
        assert_non_null(strstr(f.detail, f.device));
        assert_non_null(strstr(f.detail, " has gone: "));
        plug(&f);
    }
    destroy(&f);
}

static void test_unplugged_while_it_writes(void **unused)
{
    struct fixture f;
    (void)unused;
    create(&f);
    open_channel(&f);
    fill(&f);
    unplug(&f);
    wait_for(&f, f.closed == 1);
    assert_int_equal(f.reason, GW_REASON_SERIAL_FAILED);
    destroy(&f);
}

static void test_a_line_that_takes_nothing(void **unused)
{
    struct fixture f;
    (void)unused;
    create(&f);
    open_channel(&f);
    fill(&f);
    assert_true(gw_channel_unacknowledged(f.channel) > 0);
    gw_channel_write(f.channel, (const uint8_t *)"x", 1); /* must not be written to: ignored */
    size_t total = 0;
    wait_for(&f, (total += drain(f.port), f.writable == 1));
    wait_for(&f, (total += drain(f.port), total % CHUNK == 0)); /* all of each write */
    fill(&f);
    gw_channel_discard(f.channel);
    assert_true(gw_channel_writable(f.channel)); /* it stays open */
    assert_int_equal(f.closed, 0);
    fill(&f);
    gw_channel_close(f.channel, false); /* does not wait for what is left */
    wait_for(&f, f.closed == 1);
    open_channel(&f);
    fill(&f);
    destroy(&f);
}

/* Nothing is sent until the line was quiet for the turnaround, whoever spoke last. */
static void test_pause_between_frames(void **unused)
{
    struct fixture f;
    enum { PAUSE_MS = 40, FRAME = 96 };
    (void)unused;
    create(&f);
    f.config.serial.turnaround_ms = PAUSE_MS;
    f.config.serial.baud = 19200; /* 96 octets take 50 ms */
    open_channel(&f);
    assert_true(gw_channel_writable(f.channel));
    uint8_t frame[FRAME] = {0};
    uint64_t begin = uv_now(&f.loop);
    gw_channel_write(f.channel, frame, sizeof frame);
    assert_false(gw_channel_writable(f.channel));
    wait_for(&f, f.writable == 1);
    assert_true(gw_channel_writable(f.channel));
    assert_true(uv_now(&f.loop) - begin >= 50 + PAUSE_MS);
    assert_int_equal(write(f.port, "hello", 5), 5);
    wait_for(&f, f.octets == 5);
    assert_false(gw_channel_writable(f.channel));
    wait_for(&f, f.writable == 2);
    assert_true(uv_now(&f.loop) - f.heard_ms >= PAUSE_MS);
    destroy(&f);
}

static void test_free_at_any_time(void **unused)
{
    struct fixture f;
    (void)unused;
    create(&f);
    destroy(&f); /* never opened */
    create(&f);
    gw_channel_open(f.channel);
    destroy(&f); /* while it opens */
    create(&f);
    unplug(&f);
    gw_channel_open(f.channel);
    destroy(&f); /* while it fails to */
    create(&f);
    open_channel(&f);
    gw_channel_close(f.channel, true);
    destroy(&f); /* while it closes */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_octet_both_ways),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_rs485_of_the_port),
        cmocka_unit_test(test_rs485_that_the_port_does_not_have),
        cmocka_unit_test(test_what_cannot_be_opened),
        cmocka_unit_test(test_unplugged_and_plugged_in),
        cmocka_unit_test(test_unplugged_while_it_writes),
        cmocka_unit_test(test_a_line_that_takes_nothing),
        cmocka_unit_test(test_pause_between_frames),
        cmocka_unit_test(test_free_at_any_time),
    };
    return cmocka_run_group_tests_name("channel_serial", tests, NULL, NULL);
}
