/* SPDX-License-Identifier: Apache-2.0 */
/* A device that has just booted, in 1970, and learns the time later: it gives its own time to
 * nobody, marks it, and obeys no command that says when. A whole gateway, with the kernel's clock
 * and its opinion of it played here. */
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/site.h"

static bool synchronized;

/* In front of the C library's: until it is synchronised the wall clock shows 1970. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    static time_t booted;
    int error = (int)syscall(SYS_clock_gettime, clock, now);
    if (clock != CLOCK_REALTIME || synchronized)
        return error;
    booted = booted ? booted : now->tv_sec;
    now->tv_sec -= booted - 30;
    return error;
}

int adjtimex(struct timex *state)
{
    state->status = synchronized ? 0 : STA_UNSYNC;
    return synchronized ? TIME_OK : TIME_ERROR;
}

static const char mapping[] =
    "{\"device\":\"d\",\"points\":[{\"type\":\"analog_input\",\"index\":0,\"name\":\"volts\"}],"
    "\"controls\":[{\"name\":\"k\",\"type\":\"binary_output\",\"index\":0,"
    "\"states\":{\"on\":{\"operation\":\"latch_on\"}}}]}";

static const char gateway[] =
    "{\"gateway\":\"g\",\"mqtt\":{\"url\":\"mqtt://x\"},"
    "\"profiles\":{\"quick\":{\"response_timeout_s\":2,\"polls\":[{\"classes\":[0],\"every_s\":1}],"
    "\"commands\":[\"time_sync\"]}},"
    "\"outstations\":[{\"name\":\"a\",\"connect\":\"tcp://127.0.0.1:PORT\","
    "\"address\":10,\"profile\":\"quick\",\"mapping\":\"device.json\"}]}";

static struct site site;

static bool published(const char *topic_end, const char *text)
{
    return fake_mqtt_find(0, topic_end, text) != SIZE_MAX;
}

static void start(void)
{
    struct dnp3_outstation_config config;
    dnp3_outstation_config_default(&config);
    config.database.count[DNP3_POINT_ANALOG_INPUT] = 1;
    config.database.count[DNP3_POINT_BINARY_OUTPUT_STATUS] = 1;
    config.need_time = true;
    site_start(&site, gateway, mapping, &config, 1);
    fake_mqtt.automatic = true;
    fake_mqtt_connect();
    peer_update(&site.peer, 0, DNP3_POINT_ANALOG_INPUT, 0, 5, DNP3_EVENT_SUPPRESS);
}

static void test_a_fresh_boot(void **unused)
{
    (void)unused;
    start();
    site_wait(&site, published("a/status", "\"clock\":\"not_written\""));
    site_wait(&site, published("a/point/volts", "\"time_source\":\"gateway_unsynchronized\""));
    assert_true(published("dnp3/g/status", "\"clock\":\"unsynchronized\""));

    fake_mqtt_receive("dnp3/g/a/set/k",
                      "{\"value\":\"on\",\"id\":\"1\",\"expires\":1795322718312}");
    site_wait(&site, published("a/result/k", "\"reason\":\"clock\""));
    fake_mqtt_receive("dnp3/g/a/command/time_sync", "{\"id\":\"2\"}");
    site_wait(&site, published("a/result/command/time_sync", "\"outcome\":\"refused\""));
    fake_mqtt_receive("dnp3/g/a/set/k",
                      "{\"value\":\"on\",\"id\":\"3\"}"); /* says nothing of time */
    site_wait(&site, published("a/result/k", "\"outcome\":\"done\""));
    site_pass(&site, 1500);
    assert_int_equal(site.peer.times_written, 0);

    synchronized = true;
    site_wait(&site, published("dnp3/g/status", "\"clock\":\"synchronized\""));
    site_wait(&site, site.peer.times_written == 1); /* it asked for it all the time */
    int64_t off_ms = site.peer.time_written_ms - (int64_t)time(NULL) * 1000;
    assert_in_range(off_ms + 5000, 0, 10000);
    peer_update(&site.peer, 0, DNP3_POINT_ANALOG_INPUT, 0, 6, DNP3_EVENT_SUPPRESS);
    site_wait(&site, published("a/point/volts", "\"value\":6,"));
    const struct fake_publication *last =
        fake_mqtt_at(fake_mqtt_find(0, "a/point/volts", "\"value\":6,"));
    assert_non_null(strstr(last->payload, "\"time_source\":\"gateway\""));
    site_wait(&site, published("a/status", "\"clock\":\"ok\""));
    site_stop(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_fresh_boot)};
    return cmocka_run_group_tests_name("unsynchronized", tests, NULL, NULL);
}
