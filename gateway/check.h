/* SPDX-License-Identifier: Apache-2.0 */
/* The report of `dnp3-mqtt check`: what the gateway would do with this configuration, for the
 * engineer who stands in front of the device. */
#ifndef GW_CHECK_H
#define GW_CHECK_H

#include <stdio.h>

#include "gateway/config/config.h"

/* Prints topics, polls, controls and their codes of each outstation, then the memory that is taken
 * now, by owner: create the gateway first to have it all. */
void gw_check_print(FILE *out, const struct gw_config *config);
/* Prints a mosquitto ACL for the gateway, a reader and an operator. */
void gw_check_print_acl(FILE *out, const struct gw_config *config);

#endif
