/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing is allocated on the DNP3 path after the start: thousands of events and polls go from an
 * outstation's socket through channel, master, session, payload and outbox to the MQTT connection
 * and their confirms back, while every allocation of this thread is counted. The MQTT client is a
 * scripted one: Paho allocates per message, on its own account. */
#include "tests/lib/site.h"

enum { BINARIES = 40, ANALOGS = 100, STRINGS = 4, WARM_UP = 400, EVENTS = 8000, POLLS = 20 };

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COUNTED true

extern void *__libc_malloc(size_t size);               /* NOLINT(bugprone-reserved-identifier) */
extern void *__libc_calloc(size_t nmemb, size_t size); /* NOLINT(bugprone-reserved-identifier) */
extern void *__libc_realloc(void *ptr, size_t size);   /* NOLINT(bugprone-reserved-identifier) */

static _Thread_local uint64_t allocations;

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t nmemb, size_t size)
{
    allocations++;
    return __libc_calloc(nmemb, size);
}

void *realloc(void *ptr, size_t size)
{
    allocations++;
    return __libc_realloc(ptr, size);
}
#else
#define COUNTED false /* a sanitizer has its own; the gateway's front counts all the same */
static uint64_t allocations;
#endif

/* Mapped and scaled points beside those that no mapping names. */
static const char gateway[] =
    "{\"gateway\":\"g\",\"clock\":\"trusted\",\"mqtt\":{\"url\":\"mqtt://x\"},\"profiles\":{"
    "\"busy\":{\"time_sync\":\"none\",\"polls\":[{\"classes\":[0],\"every_s\":0.1},"
    "{\"classes\":[1,2,3],\"every_s\":0.1}]}},"
    "\"outstations\":[{\"name\":\"a\",\"connect\":\"tcp://127.0.0.1:PORT\",\"address\":10,"
    "\"profile\":\"busy\",\"mapping\":\"device.json\"}]}";

static const char mapping[] =
    "{\"device\":\"d\",\"unmapped\":true,\"points\":["
    "{\"type\":\"analog_input\",\"index\":\"0..49\",\"name\":\"volts-{index}\",\"scale\":0.1},"
    "{\"type\":\"binary_input\",\"index\":0,\"name\":\"breaker\",\"publish\":\"always\"}]}";

static void change_all(struct site *site, unsigned round)
{
    struct dnp3_outstation *outstation = site->peer.outstations[0];
    uint64_t now = uv_now(&site->loop);
    char text[16];
    for (uint32_t i = 0; i < ANALOGS; i++)
        peer_update(&site->peer, 0, DNP3_POINT_ANALOG_INPUT, i, round * 1.25 + i,
                    DNP3_EVENT_DETECT);
    for (uint32_t i = 0; i < BINARIES; i++)
        peer_update(&site->peer, 0, DNP3_POINT_BINARY_INPUT, i, (round + i) % 2, DNP3_EVENT_DETECT);
    int length = snprintf(text, sizeof text, "text %u", round % 1000);
    for (uint32_t i = 0; i < STRINGS; i++) {
        struct dnp3_point point = {.index = i,
                                   .octets = (const uint8_t *)text,
                                   .length = (uint16_t)length,
                                   .flags = DNP3_FLAG_ONLINE};
        dnp3_outstation_update(outstation, DNP3_POINT_OCTET_STRING, &point, DNP3_EVENT_DETECT, now);
    }
    peer_flush(&site->peer);
}

static void run_until(struct site *site, uint64_t events, uint32_t requests)
{
    const struct dnp3_outstation_counters *counters =
        dnp3_outstation_counters(site->peer.outstations[0]);
    for (unsigned round = 1; counters->events_confirmed < events || counters->requests < requests;
         round++) {
        uint64_t before = counters->events_confirmed;
        change_all(site, round);
        site_wait(site, counters->events_confirmed > before + ANALOGS);
    }
}

static void test_nothing_is_allocated(void **unused)
{
    struct site site;
    struct dnp3_outstation_config config;
    (void)unused;
    dnp3_outstation_config_default(&config);
    config.unsolicited = true;
    config.database.count[DNP3_POINT_ANALOG_INPUT] = ANALOGS;
    config.database.count[DNP3_POINT_BINARY_INPUT] = BINARIES;
    config.database.count[DNP3_POINT_OCTET_STRING] = STRINGS;
    config.database.setup[DNP3_POINT_OCTET_STRING] =
        dnp3_point_setup_default(DNP3_POINT_OCTET_STRING);
    config.database.setup[DNP3_POINT_OCTET_STRING].event_class = 3;
    site_start(&site, gateway, mapping, &config, 1);
    const struct dnp3_outstation_counters *counters =
        dnp3_outstation_counters(site.peer.outstations[0]);
    fake_mqtt.automatic = true;
    fake_mqtt_connect();
    run_until(&site, WARM_UP, POLLS);

    uint64_t calls = gw_memory_calls();
    uint64_t before = allocations;
    size_t published = fake_mqtt.published;
    uint64_t confirmed = counters->events_confirmed;
    run_until(&site, confirmed + EVENTS, counters->requests + POLLS);
    assert_int_equal(gw_memory_calls() - calls, 0);
    assert_int_equal(allocations - before, 0);
    assert_true(fake_mqtt.published - published >= EVENTS);
    assert_true(!COUNTED || before > 0); /* it does count */
    assert_int_equal(counters->events_dropped, 0);
    print_message("%zu messages, %llu events confirmed, %u requests: no allocation\n",
                  fake_mqtt.published - published,
                  (unsigned long long)(counters->events_confirmed - confirmed), counters->requests);
    site_stop(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing_is_allocated)};
    return cmocka_run_group_tests_name("steady", tests, NULL, NULL);
}
