/* SPDX-License-Identifier: Apache-2.0 */
/* Octets that lie on the way are controls too (rule 15): a whole gateway before an outstation that
 * stops reading. What is refused never arrives, and what may arrive late is said to be unknown. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "gateway/command/control.h"
#include "tests/lib/site.h"

static const char mapping[] =
    "{\"device\":\"d\",\"points\":["
    "{\"type\":\"binary_input\",\"index\":0,\"name\":\"moved\"}],\"controls\":["
    "{\"name\":\"sbo\",\"type\":\"binary_output\",\"index\":0,"
    "\"states\":{\"on\":{\"operation\":\"latch_on\"}}},"
    "{\"name\":\"direct\",\"type\":\"binary_output\",\"index\":1,\"mode\":\"direct_operate\","
    "\"states\":{\"on\":{\"operation\":\"latch_on\"}},"
    "\"feedback\":{\"point\":\"moved\",\"within_s\":0.1,\"expect\":{\"on\":\"on\"}}}]}";

static const char gateway[] =
    "{\"gateway\":\"g\",\"clock\":\"trusted\",\"mqtt\":{\"url\":\"mqtt://x\"},"
    "\"profiles\":{\"quick\":{\"response_timeout_s\":3,\"time_sync\":\"none\",\"polls\":[{"
    "\"classes\":[1],\"every_s\":60}],"
    "\"integrity\":[],\"unsolicited\":[],\"events_on_iin\":false}},"
    "\"outstations\":[{\"name\":\"a\",\"connect\":\"tcp://127.0.0.1:PORT\","
    "\"address\":10,\"profile\":\"quick\",\"mapping\":\"device.json\"}]}";

static struct site site;
static bool crew_at_work;

/* In place of libc's: the crew's switch, which is no file here. */
int access(const char *path, int mode)
{
    (void)mode;
    if (crew_at_work && strcmp(path, GW_CONTROLS_SWITCH_FILE) == 0)
        return 0;
    errno = ENOENT;
    return -1;
}

static uint32_t operated(void)
{
    return dnp3_outstation_counters(site.peer.outstations[0])->commands;
}

/* The gateway's end of the connection. */
static int gateway_socket(void)
{
    for (int fd = 3; fd < 256; fd++) {
        struct sockaddr_in address = {0};
        socklen_t length = sizeof address;
        if (getpeername(fd, (struct sockaddr *)&address, &length) == 0 &&
            address.sin_family == AF_INET && ntohs(address.sin_port) == site.peer.port)
            return fd;
    }
    fail_msg("the gateway has no connection");
    return -1;
}

static int unacknowledged(void)
{
    int octets = -1;
    assert_int_equal(ioctl(gateway_socket(), SIOCOUTQ, &octets), 0);
    return octets;
}

static int start(void **unused)
{
    struct dnp3_outstation_config config;
    (void)unused;
    dnp3_outstation_config_default(&config);
    config.database.count[DNP3_POINT_BINARY_OUTPUT_STATUS] = 2;
    config.database.count[DNP3_POINT_BINARY_INPUT] = 1;
    site_start(&site, gateway, mapping, &config, 1);
    fake_mqtt.automatic = true;
    fake_mqtt_connect();
    site_wait(&site, fake_mqtt_find(0, "a/status", "\"state\":\"online\"") != SIZE_MAX);
    site_pass(&site, 200); /* its startup goes on */
    return 0;
}

static int stop(void **unused)
{
    (void)unused;
    site_stop(&site);
    return 0;
}

static void stop_reading(void)
{
    uv_read_stop((uv_stream_t *)&site.peer.tcp);
}

static void read_on(void)
{
    uv_read_start((uv_stream_t *)&site.peer.tcp, peer_room, peer_on_read);
}

static void send_command(const char *control, const char *id)
{
    char topic[64];
    char payload[64];
    snprintf(topic, sizeof topic, "dnp3/g/a/set/%s", control);
    snprintf(payload, sizeof payload, "{\"value\":\"on\",\"id\":\"%s\"}", id);
    fake_mqtt_receive(topic, payload);
}

/* The result of `id`, which may be there already. */
static const char *result_of(size_t from, const char *control, const char *id)
{
    char end[64];
    char text[32];
    snprintf(end, sizeof end, "a/result/%s", control);
    snprintf(text, sizeof text, "{\"id\":\"%s\"", id);
    site_wait(&site, fake_mqtt_find(from, end, text) != SIZE_MAX);
    return fake_mqtt_at(fake_mqtt_find(from, end, text))->payload;
}

/* Commands `id`, and gives its result. */
static const char *command(const char *control, const char *id)
{
    size_t from = fake_mqtt.published;
    send_command(control, id);
    return result_of(from, control, id);
}

static void expect(const char *result, const char *outcome, const char *reason)
{
    char text[80];
    snprintf(text, sizeof text, "\"outcome\":\"%s\",\"reason\":\"%s\"", outcome, reason);
    if (!strstr(result, text))
        fail_msg("%s does not hold %s", result, text);
}

/* The window is closed and octets wait in our kernel: whatever is written now would arrive when the
 * outstation reads again. */
static void test_behind_what_waits_nothing_is_sent(void **unused)
{
    static const char garbage[4096];
    const char *const controls[] = {"sbo", "direct"};
    (void)unused;
    stop_reading();
    while (send(gateway_socket(), garbage, sizeof garbage, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        ;
    assert_true(unacknowledged() > 0);
    for (size_t i = 0; i < 2; i++) {
        const char *result = command(controls[i], "1");
        expect(result, "refused", "busy");
        assert_non_null(strstr(result, "\"may_have_operated\":false"));
    }
    read_on();
    site_wait(&site, unacknowledged() == 0);
    site_pass(&site, 300);
    assert_int_equal(operated(), 0);
    for (size_t i = 0; i < 2; i++) /* it may have been taken off line meanwhile */
        site_wait(&site, strstr(command(controls[i], "1"), "\"outcome\":\"done\""));
    assert_int_equal(operated(), 2);
}

/* SELECT reached the device's own buffer, where nobody can call it back: OPERATE never follows. */
static void test_a_select_that_lies_there_operates_nothing(void **unused)
{
    (void)unused;
    stop_reading();
    const char *result = command("sbo", "1");
    expect(result, "failed", "no_answer");
    assert_non_null(strstr(result, "\"stage\":\"select\""));
    assert_non_null(strstr(result, "\"may_have_operated\":false"));
    read_on();
    site_pass(&site, 300);
    assert_int_equal(operated(), 0);
}

/* DIRECT_OPERATE did: nobody knows, and asking again does not make it twice. */
static void test_what_may_arrive_late_is_unknown(void **unused)
{
    (void)unused;
    stop_reading();
    peer_update(&site.peer, 0, DNP3_POINT_BINARY_INPUT, 0, 1, DNP3_EVENT_SUPPRESS);
    size_t from = fake_mqtt.published;
    const char *result = command("direct", "1");
    expect(result, "unknown", "no_answer");
    assert_non_null(strstr(result, "\"may_have_operated\":true"));
    read_on();
    /* Nothing else ever asks for this point: it was looked at because of the control. */
    site_wait(&site, fake_mqtt_find(from, "a/point/moved", "\"value\":1,") != SIZE_MAX);
    assert_in_range(operated(), 0, 1);
    result = command("direct", "1");
    expect(result, "unknown", "no_answer");
    assert_non_null(strstr(result, "\"repeated\":true"));
    assert_in_range(operated(), 0, 1);
}

/* SELECT is out when the crew sets its switch: OPERATE does not follow. */
static void test_a_switch_stops_what_is_selected(void **unused)
{
    size_t from = fake_mqtt.published;
    (void)unused;
    send_command("sbo", "1");
    crew_at_work = true;
    const char *result = result_of(from, "sbo", "1");
    crew_at_work = false;
    expect(result, "refused", "inhibited");
    assert_non_null(strstr(result, "\"stage\":\"select\""));
    assert_int_equal(operated(), 0);
    expect(command("sbo", "1"), "done", "ok"); /* nothing was done: the id is free again */
    assert_int_equal(operated(), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_behind_what_waits_nothing_is_sent),
        TEST(test_a_select_that_lies_there_operates_nothing),
        TEST(test_what_may_arrive_late_is_unknown),
        TEST(test_a_switch_stops_what_is_selected),
    };
    return cmocka_run_group_tests_name("control_late", tests, NULL, NULL);
}
