/* SPDX-License-Identifier: Apache-2.0 */
/* The report of `dnp3-mqtt check`: what the gateway would do with this configuration, for the
 * engineer who stands in front of the device. */
#ifndef GW_CHECK_H
#define GW_CHECK_H

#include <stdio.h>

#include "gateway/config.h"

/* What sessions will take, filled by who composes them; octets. */
struct gw_check_memory {
    size_t per_outstation; /* session, association, link */
    size_t per_point;      /* the kept value of a point */
    size_t per_channel;
    size_t outbox;
    size_t mqtt;
    size_t loop;
};

/* Prints topics, polls, controls and their codes of each outstation, then the memory by component;
 * `memory` NULL leaves out what only sessions know. */
void gw_check_print(FILE *out, const struct gw_config *config,
                    const struct gw_check_memory *memory);

#endif
