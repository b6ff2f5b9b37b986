/* SPDX-License-Identifier: Apache-2.0 */
/* The running gateway: publisher, controls, lines and sessions of one configuration on one loop. */
#ifndef GW_GATEWAY_H
#define GW_GATEWAY_H

#include <uv.h>

#include "gateway/config/config.h"

struct gw_gateway;

/* `config` is borrowed. NULL without memory; a line in the log says what for. */
struct gw_gateway *gw_gateway_create(uv_loop_t *loop, const struct gw_config *config);
void gw_gateway_start(struct gw_gateway *gateway);
/* Publishes that it stops, ends every connection, and leaves the loop without handles. */
void gw_gateway_stop(struct gw_gateway *gateway);
/* After the loop has run dry. NULL is legal. */
void gw_gateway_free(struct gw_gateway *gateway);

#endif
