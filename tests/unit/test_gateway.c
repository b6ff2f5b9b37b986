/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway of thousands of outstations that nobody serves: what fits into no outbox at once. */
#include <stdlib.h>

#include "tests/lib/site.h"

enum { OUTSTATIONS = 12000, TEXT_OCTETS = 96 };

static struct gw_config *thousands(void)
{
    size_t size = (size_t)OUTSTATIONS * TEXT_OCTETS + 200;
    char *text = malloc(size);
    size_t at = (size_t)snprintf(text, size,
                                 "{\"gateway\":\"g\",\"mqtt\":{\"url\":\"mqtt://x\"},"
                                 "\"channels\":[{\"name\":\"line\",\"type\":\"tcp\","
                                 "\"endpoints\":[\"127.0.0.1:1\"]}],\"outstations\":[");
    for (unsigned i = 0; i < OUTSTATIONS; i++)
        at += (size_t)snprintf(text + at, size - at,
                               "%s{\"name\":\"outstation-%05u\",\"channel\":\"line\","
                               "\"address\":%u}",
                               i ? "," : "", i, i);
    snprintf(text + at, size - at, "]}");
    struct gw_config *config = config_of(text, NULL, NULL);
    assert_non_null(config);
    free(text);
    return config;
}

/* The last status of every outstation is out when the gateway has stopped. */
static void test_every_outstation_is_told_stopped(void **unused)
{
    struct site site = {0};
    (void)unused;
    gw_log_configure(GW_LOG_ERROR, GW_LOG_LOGFMT);
    uv_loop_init(&site.loop);
    patience_init(&site.patience, &site.loop);
    site.config = thousands();
    site.gateway = gw_gateway_create(&site.loop, site.config);
    assert_non_null(site.gateway);
    /* Many on one line may all send fragments of several segments. */
    assert_true(gw_memory_used(GW_OWNER_LINK) > (size_t)OUTSTATIONS / 16 * DNP3_FRAGMENT_MAX);
    gw_gateway_start(site.gateway);
    fake_mqtt.automatic = true;
    fake_mqtt_connect();
    site_wait(&site, fake_mqtt.acked >= 2 * OUTSTATIONS + 1); /* status and meta */
    site_wait(&site, fake_mqtt.acked == fake_mqtt.published);
    size_t before = fake_mqtt.published;
    gw_gateway_stop(site.gateway);
    patience_close(&site.patience);
    assert_true(fake_mqtt.published - before >= OUTSTATIONS + 1);
    const struct fake_publication *last = fake_mqtt_at(fake_mqtt.published - 1);
    assert_string_equal(last->topic, "dnp3/g/status"); /* after those of the outstations */
    assert_non_null(strstr(last->payload, "gateway_stopped"));
    gw_gateway_free(site.gateway);
    gw_config_free(site.config);
    assert_int_equal(uv_loop_close(&site.loop), 0);
    for (int owner = 0; owner < GW_OWNERS; owner++)
        assert_int_equal(gw_memory_used((enum gw_owner)owner), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_outstation_is_told_stopped)};
    return cmocka_run_group_tests_name("gateway", tests, NULL, NULL);
}
