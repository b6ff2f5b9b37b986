/* SPDX-License-Identifier: Apache-2.0 */
/* A whole gateway in a test's loop, between the library's outstations over TCP and a scripted MQTT
 * connection. Each wait is for a condition, with an end. */
#ifndef TESTS_SITE_H
#define TESTS_SITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/base/log.h"
#include "gateway/gateway.h"
#include "tests/lib/config_of.h"
#include "tests/lib/fake_mqtt.h"
#include "tests/lib/patience.h"
#include "tests/lib/peer.h"

struct site {
    uv_loop_t loop;
    struct patience patience;
    struct peer peer;
    struct gw_config *config;
    struct gw_gateway *gateway;
};

/* PORT in the gateway's text stands for the peer's port. */
static inline struct gw_config *site_load(const char *gateway, const char *mapping, uint16_t port)
{
    char text[4096];
    const char *mark = strstr(gateway, "PORT");
    snprintf(text, sizeof text, "%.*s%u%s", (int)(mark - gateway), gateway, port, mark + 4);
    struct gw_config *config = config_of(text, "device.json", mapping);
    assert_non_null(config);
    return config;
}

static inline void site_start(struct site *site, const char *gateway, const char *mapping,
                              const struct dnp3_outstation_config *outstation, size_t count)
{
    memset(site, 0, sizeof *site);
    uv_loop_init(&site->loop);
    patience_init(&site->patience, &site->loop);
    peer_start(&site->peer, &site->loop, outstation, count);
    site->config = site_load(gateway, mapping, site->peer.port);
    gw_log_configure(getenv("SITE_LOG") ? GW_LOG_DEBUG : GW_LOG_ERROR, GW_LOG_LOGFMT);
    site->gateway = gw_gateway_create(&site->loop, site->config);
    assert_non_null(site->gateway);
    gw_gateway_start(site->gateway);
}

/* Runs the loop until `condition`, which may look at `site`. */
#define site_wait(site, condition) wait_for(site, condition)

/* Runs the loop for a while: for what must not happen. */
static inline void site_pass(struct site *site, unsigned ms)
{
    patience_pass(&site->patience, ms);
}

static inline void site_stop(struct site *site)
{
    gw_gateway_stop(site->gateway);
    peer_stop(&site->peer);
    patience_close(&site->patience);
    gw_gateway_free(site->gateway);
    gw_config_free(site->config);
    peer_free(&site->peer);
    assert_int_equal(uv_loop_close(&site->loop), 0);
    for (int owner = 0; owner < GW_OWNERS; owner++)
        assert_int_equal(gw_memory_used((enum gw_owner)owner), 0);
}

#endif
